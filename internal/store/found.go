package store

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

type foundRow struct {
	ID          string `gorm:"primaryKey"`
	Tenant      string
	Version     int
	State       string
	Open        bool
	CanvasUser  string
	CanvasID    string
	Owner       ref
	OwnerName   string
	AccountRole bool
	Hint        string
	Purpose     string
	Marker      string
	Search      string
	MadeAt      moment
	Expires     moment
	LastUsedAt  moment
	FoundAt     moment
	SeenAt      moment
	UpdatedAt   moment
	Campaign    ref
	ToldAt      moment
	DueAt       moment
	RequestID   ref
	GrantID     ref
	Round       int
	ReviewAt    moment
	EndedBy     ref
	RemovingAt  moment
	Tries       int
	NextTry     moment
	Trouble     string
	EndedAt     moment
}

func (foundRow) TableName() string { return "found_tokens" }

func rowOfFound(f access.Found) foundRow {
	return foundRow{
		ID: f.ID, Tenant: string(f.Tenant), Version: f.Version, State: string(f.State), Open: !f.State.Final(), CanvasUser: f.CanvasUser, CanvasID: f.CanvasID,
		Owner: ref(f.Owner), OwnerName: f.OwnerName, AccountRole: f.AccountRole, Hint: f.Hint, Purpose: f.Purpose, Marker: f.Marker,
		Search: strings.ToLower(f.OwnerName + "\n" + f.Purpose), MadeAt: stamp(f.MadeAt), Expires: stamp(f.Expires), LastUsedAt: stamp(f.LastUsedAt),
		FoundAt: stamp(f.FoundAt), SeenAt: stamp(f.SeenAt), UpdatedAt: stamp(f.UpdatedAt),
		Campaign: ref(f.Campaign), ToldAt: stamp(f.ToldAt), DueAt: stamp(f.DueAt), RequestID: ref(f.RequestID), GrantID: ref(f.GrantID),
		Round: f.Round, ReviewAt: stamp(f.ReviewAt),
		EndedBy: ref(f.EndedBy), RemovingAt: stamp(f.RemovingAt), Tries: f.Tries, NextTry: stamp(f.NextTry), Trouble: f.Trouble, EndedAt: stamp(f.EndedAt),
	}
}

func (r foundRow) found() (access.Found, error) {
	if !access.FoundState(r.State).Known() {
		return access.Found{}, unknown("found token", r.ID, r.State)
	}
	return access.Found{
		ID: r.ID, Tenant: access.TenantID(r.Tenant), Version: r.Version, State: access.FoundState(r.State), CanvasUser: r.CanvasUser, CanvasID: r.CanvasID,
		Owner: access.PersonID(r.Owner), OwnerName: r.OwnerName, AccountRole: r.AccountRole, Hint: r.Hint, Purpose: r.Purpose, Marker: r.Marker,
		MadeAt: r.MadeAt.time(), Expires: r.Expires.time(), LastUsedAt: r.LastUsedAt.time(),
		FoundAt: r.FoundAt.time(), SeenAt: r.SeenAt.time(), UpdatedAt: r.UpdatedAt.time(),
		Campaign: string(r.Campaign), ToldAt: r.ToldAt.time(), DueAt: r.DueAt.time(), RequestID: string(r.RequestID), GrantID: string(r.GrantID),
		Round: r.Round, ReviewAt: r.ReviewAt.time(), EndedBy: access.PersonID(r.EndedBy), RemovingAt: r.RemovingAt.time(), Tries: r.Tries, NextTry: r.NextTry.time(),
		Trouble: r.Trouble, EndedAt: r.EndedAt.time(),
	}, nil
}

// found reads rows, and the votes about those that are to be allowed, or are.
func (tx *Tx) found(rows []foundRow) ([]access.Found, error) {
	out, err := convert(rows, foundRow.found)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, f := range out {
		if f.State == access.FoundAllowing || f.State == access.FoundAllowed {
			ids = append(ids, f.ID)
		}
	}
	votes, err := tx.votesOf(ids)
	for i := range out {
		out[i].Votes = votes[out[i].ID]
	}
	return out, err
}

// CreateFound adds a found token at version 1, its event, which comes from no
// state, and jobs. A token of that Canvas user and id whose life here is not
// over is access.ErrConflict.
func (tx *Tx) CreateFound(f access.Found, told audit.Event, d *audit.Detail, todo ...jobs.Insert) error {
	if err := tx.may("create found token"); err != nil {
		return err
	}
	if f.Version != 1 || told.From != "" {
		return fmt.Errorf("create found token %s: %w", f.ID, errFromNothing)
	}
	if err := cmp.Or(checkMove(f.ID, string(f.State), f.Version, told), known("found token", f.ID, f.State)); err != nil {
		return err
	}
	row := rowOfFound(f)
	if err := tx.db.Create(&row).Error; err != nil {
		return tx.fail("create found token", err)
	}
	return tx.follow(f.Tenant, told, d, todo)
}

// MoveFound moves a found token as MoveRequest does a request.
func (tx *Tx) MoveFound(f access.Found, told audit.Event, d *audit.Detail, todo ...jobs.Insert) error {
	if err := tx.may("move found token"); err != nil {
		return err
	}
	if err := cmp.Or(checkMove(f.ID, string(f.State), f.Version, told), known("found token", f.ID, f.State)); err != nil {
		return err
	}
	row := rowOfFound(f)
	res := tx.db.Model(&foundRow{}).Where("tenant = ? AND id = ? AND version = ? AND state = ?", row.Tenant, row.ID, f.Version-1, told.From).
		Select("*").Omit("id", "tenant", "canvas_user", "canvas_id", "found_at").Updates(&row)
	if res.Error != nil {
		return tx.fail("move found token", res.Error)
	}
	if res.RowsAffected != 1 {
		return tx.notMoved(&foundRow{}, row.Tenant, row.ID, f.Version, told.From)
	}
	if len(f.Votes) > 0 {
		if err := tx.saveVotes(f.Tenant, f.ID, f.Owner, f.Votes); err != nil {
			return err
		}
	}
	return tx.follow(f.Tenant, told, d, todo)
}

// foundNotes are what an observation of Canvas may change.
var foundNotes = []string{"owner", "owner_name", "account_role", "hint", "purpose", "marker", "search", "made_at", "expires", "last_used_at", "seen_at",
	"tries", "next_try", "trouble"}

// RecordFound writes what Canvas was observed to say of a found token (its owner,
// purpose, times, SeenAt, and what stood in the way), without an event and
// without raising the version. It is access.ErrConflict if the token is not at
// f.Version any more.
func (tx *Tx) RecordFound(f access.Found) error {
	if err := tx.may("note found token"); err != nil {
		return err
	}
	row := rowOfFound(f)
	res := tx.db.Model(&foundRow{}).Where("tenant = ? AND id = ? AND version = ?", row.Tenant, row.ID, row.Version).Select(foundNotes).Updates(&row)
	if res.Error != nil {
		return tx.fail("note found token", res.Error)
	}
	if res.RowsAffected != 1 {
		if _, err := tx.Found(f.Tenant, f.ID); err != nil {
			return err
		}
		return lost("note found token " + f.ID)
	}
	return nil
}

// Found returns a found token of the tenant, locked inside InTx, or
// access.ErrNotFound.
func (tx *Tx) Found(tenant access.TenantID, id string) (access.Found, error) {
	var row foundRow
	if err := tx.locked().Where("tenant = ? AND id = ?", string(tenant), id).Take(&row).Error; err != nil {
		return access.Found{}, tx.fail("found token", err)
	}
	one, err := tx.found([]foundRow{row})
	if err != nil {
		return access.Found{}, err
	}
	return one[0], nil
}

// FoundQuery selects found tokens of one tenant. Fields left zero do not select.
type FoundQuery struct {
	Tenant      access.TenantID // required
	IDs         []string
	CanvasUsers []string // of their owners; at most MaxLimit
	States      []access.FoundState
	Campaign    string
	NeverEnds   bool
	AccountRole bool
	// Asked: true selects tokens that an open request asks to keep, false those
	// that none does. A draft asks for nothing yet.
	Asked *bool
	// Search finds text as RequestQuery.Search does, in the purpose and the owner's
	// name, which comes first.
	Search string
	// Each selects tokens whose time is set and before that. Rested takes the
	// same of NextTry, and tokens without one.
	SeenBefore, DueBefore, ReviewBefore, Rested time.Time

	After Cursor
	Limit int
}

func (tx *Tx) selectFound(q FoundQuery) (*gorm.DB, error) {
	if q.Tenant == "" {
		return nil, fmt.Errorf("found tokens: %w", errNoTenant)
	}
	db := tx.db.Model(&foundRow{}).Where("found_tokens.tenant = ?", string(q.Tenant))
	if q.IDs != nil {
		db = db.Where("id IN ?", anyOf(q.IDs))
	}
	if q.CanvasUsers != nil {
		db = db.Where("canvas_user IN ?", anyOf(q.CanvasUsers))
	}
	db = states(db, "found_tokens", q.States, access.FoundStates, func(s access.FoundState) bool { return !s.Final() })
	db = equal(db, "campaign", q.Campaign)
	if q.NeverEnds {
		db = db.Where(foundWeight + " IN (0, 2)")
	}
	if q.AccountRole {
		db = db.Where(foundWeight + " < 2")
	}
	if q.Asked != nil {
		asking := tx.db.Model(&requestRow{}).Select("1").
			Where("requests.tenant = found_tokens.tenant AND requests.adopts = found_tokens.id AND requests.open")
		if *q.Asked {
			db = db.Where("EXISTS (?)", asking)
		} else {
			db = db.Where("NOT EXISTS (?)", asking)
		}
	}
	db, err := tx.searchFound(db, q)
	if err != nil {
		return nil, err
	}
	db = before(db, "seen_at", q.SeenBefore)
	db = before(db, "due_at", q.DueBefore)
	db = before(db, "review_at", q.ReviewBefore)
	if !q.Rested.IsZero() {
		db = db.Where("(next_try IS NULL OR next_try < ?)", stamp(q.Rested))
	}
	return db, nil
}

// foundOrder puts first what weighs most: tokens of people with an account
// role, then those that never end, then the oldest.
const (
	foundWeight = "(CASE WHEN account_role THEN 0 ELSE 2 END + CASE WHEN expires IS NULL THEN 0 ELSE 1 END)"
	foundAge    = "COALESCE(made_at, found_at)"
	foundRanks  = 4
)

// unordered is a number that no index has the order of. SQLite, which knows nothing
// of how many rows there are, would read all of them in their order to spare itself
// the sorting of few.
func unordered(sql string) string { return "+" + sql }

func foundRank(f access.Found) int {
	n := 3
	if f.AccountRole {
		n -= 2
	}
	if f.NeverEnds() {
		n--
	}
	return n
}

// Next is the place behind f, the last row of a page of q.
func (q FoundQuery) Next(f access.Found) Cursor {
	at := f.MadeAt
	if at.IsZero() {
		at = f.FoundAt
	}
	return cursor(foundMark(foundRank(f)), at, f.ID)
}

func foundMark(rank int) string { return fmt.Sprintf("f%d", rank) }

// FoundTokens returns one page of the found tokens that q selects: admins'
// first, then those that never end, then the oldest.
func (tx *Tx) FoundTokens(q FoundQuery) ([]access.Found, error) {
	db, err := tx.selectFound(q)
	if err != nil {
		return nil, err
	}
	first := 0
	var at time.Time
	var id string
	if q.After != "" {
		first = -1
		if len(q.After) > 1 {
			first = int(q.After[1]) - '0'
		}
		if at, id, err = q.After.parse(foundMark(first)); err != nil || first < 0 || first >= foundRanks {
			return nil, fmt.Errorf("this place is not in this list: %w", access.ErrInvalid)
		}
	}
	limit := q.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	db = db.Session(&gorm.Session{})
	ranked := foundWeight
	if q.IDs != nil || q.CanvasUsers != nil || q.Campaign != "" {
		ranked = unordered(ranked)
	}
	var rows []foundRow
	// Rank by rank: SQLite finds no place by a row of more than one expression.
	for rank := first; rank < foundRanks && len(rows) < limit; rank++ {
		if (q.AccountRole && rank >= 2) || (q.NeverEnds && rank%2 != 0) {
			continue
		}
		of := db.Where(ranked+" = ?", rank)
		if rank == first && id != "" {
			of = of.Where("("+foundAge+", id) > (?, ?)", stamp(at), id)
		}
		var some []foundRow
		if err := of.Order(foundAge + ", id").Limit(limit - len(rows)).Find(&some).Error; err != nil {
			return nil, tx.fail("found tokens", err)
		}
		rows = append(rows, some...)
	}
	return tx.found(rows)
}

// toldStates are those in which a found token waits for its owner.
const toldStates = "'" + string(access.FoundTold) + "', '" + string(access.FoundRemoving) + "'"

var (
	foundColumns = columnsOf(&foundRow{})
	selectTold   = say("SELECT " + foundColumns.list + ` FROM found_tokens WHERE tenant = ? AND canvas_user = ?
		AND open AND state IN (` + toldStates + `)
		ORDER BY ` + unordered(foundWeight) + ", " + foundAge + ", id LIMIT ?")
)

// FoundOf returns the found tokens that their owner was told of and has not
// answered for, and those that are being removed, at most limit, in the order of
// FoundTokens: the query of every home page.
func (tx *Tx) FoundOf(tenant access.TenantID, canvasUser string, limit int) ([]access.Found, error) {
	var rows []foundRow
	err := tx.plain.each(tx.ctx, selectTold, []any{string(tenant), canvasUser, min(limit, MaxLimit)}, func(row scanner) error {
		var r foundRow
		err := row.Scan(foundColumns.in(&r)...)
		rows = append(rows, r)
		return err
	})
	if err != nil {
		return nil, tx.fail("found tokens of a person", err)
	}
	return tx.found(rows)
}

// CountFound returns how many found tokens q selects, on all pages.
func (tx *Tx) CountFound(q FoundQuery) (int, error) {
	db, err := tx.selectFound(q)
	if err != nil {
		return 0, err
	}
	var n int64
	if err := db.Count(&n).Error; err != nil {
		return 0, tx.fail("count found tokens", err)
	}
	return int(n), nil
}

// LastMade is when the newest token was made, outside the tool and after the
// given time, for somebody without an account role; zero when none was. It says
// that people still make tokens in Canvas by themselves.
func (tx *Tx) LastMade(tenant access.TenantID, after time.Time) (time.Time, error) {
	var row foundRow
	err := tx.db.Where("tenant = ? AND NOT account_role AND marker = '' AND made_at > ?", string(tenant), stamp(after)).
		Order("made_at DESC").Limit(1).Find(&row).Error
	if err != nil {
		return time.Time{}, tx.fail("last token made", err)
	}
	return row.MadeAt.time(), nil
}
