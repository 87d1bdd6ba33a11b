package store

import (
	"cmp"
	"fmt"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

type grantRow struct {
	ID          string `gorm:"primaryKey"`
	Tenant      string
	RequestID   string
	Version     int
	State       string
	Open        bool
	Owner       string
	Title       string
	CanvasUser  string
	CanvasID    string
	Hint        string
	Digest      []byte
	Attempt     int
	LeaseUntil  moment
	Wanted      moment
	Expires     moment
	CreatedAt   moment
	UpdatedAt   moment
	ShownAt     moment
	ActivateBy  moment
	ActivatedAt moment
	LastUsedAt  moment
	CheckedAt   moment
	Replaced    int
	Cause       string
	EndedBy     ref
	RevokingAt  moment
	Trouble     string
	Tries       int
	NextTry     moment
	EndedAt     moment

	Sponsor      ref
	SponsorAsked ref
	GapUntil     moment
	Since        moment
	Renews       ref
	Successor    ref
	RetireAt     moment
	FrozenAt     moment
	FrozenBy     ref
	Round        int
	FreezeReason string
	Drift        string
	DriftAt      moment
	FoundID      ref
	MarkedAt     moment
	EndsBy       moment
	EndsWhy      string
	ChangeSeen   moment
	SponsorWas   ref
	GapWhy       string
	TurnedDown   ref
}

func (grantRow) TableName() string { return "grants" }

func rowOfGrant(g access.Grant) grantRow {
	return grantRow{
		ID: g.ID, Tenant: string(g.Tenant), RequestID: g.RequestID, Version: g.Version, State: string(g.State), Open: g.State.Live(), Owner: string(g.Owner),
		Title: g.Title, CanvasUser: g.CanvasUser, CanvasID: g.CanvasID, Hint: g.Hint, Digest: g.Digest, Attempt: g.Attempt,
		LeaseUntil: stamp(g.LeaseUntil), Wanted: stamp(g.Wanted), Expires: stamp(g.Expires), CreatedAt: stamp(g.CreatedAt),
		UpdatedAt: stamp(g.UpdatedAt), ShownAt: stamp(g.ShownAt), ActivateBy: stamp(g.ActivateBy), ActivatedAt: stamp(g.ActivatedAt),
		LastUsedAt: stamp(g.LastUsedAt), CheckedAt: stamp(g.CheckedAt), Replaced: g.Replaced, Cause: string(g.Cause),
		EndedBy: ref(g.EndedBy), RevokingAt: stamp(g.RevokingAt), Trouble: g.Trouble, Tries: g.Tries, NextTry: stamp(g.NextTry),
		EndedAt: stamp(g.EndedAt),
		Sponsor: ref(g.Sponsor), SponsorAsked: ref(g.SponsorAsked), GapUntil: stamp(g.GapUntil), Since: stamp(g.Since),
		Renews: ref(g.Renews), Successor: ref(g.Successor), RetireAt: stamp(g.RetireAt), FrozenAt: stamp(g.FrozenAt),
		FrozenBy: ref(g.FrozenBy), Round: g.Round, FreezeReason: g.FreezeReason, Drift: string(g.Drift), DriftAt: stamp(g.DriftAt), FoundID: ref(g.FoundID),
		MarkedAt: stamp(g.MarkedAt), EndsBy: stamp(g.EndsBy), EndsWhy: string(g.EndsWhy), ChangeSeen: stamp(g.ChangeSeen),
		SponsorWas: ref(g.SponsorWas), GapWhy: string(g.GapWhy), TurnedDown: ref(g.TurnedDown),
	}
}

func (r grantRow) grant() (access.Grant, error) {
	if !access.GrantState(r.State).Known() {
		return access.Grant{}, unknown("grant", r.ID, r.State)
	}
	return access.Grant{
		ID: r.ID, Tenant: access.TenantID(r.Tenant), RequestID: r.RequestID, Version: r.Version, State: access.GrantState(r.State),
		Owner: access.PersonID(r.Owner), Title: r.Title, CanvasUser: r.CanvasUser, CanvasID: r.CanvasID, Hint: r.Hint, Digest: r.Digest,
		Attempt: r.Attempt, LeaseUntil: r.LeaseUntil.time(), Wanted: r.Wanted.time(), Expires: r.Expires.time(),
		CreatedAt: r.CreatedAt.time(), UpdatedAt: r.UpdatedAt.time(), ShownAt: r.ShownAt.time(), ActivateBy: r.ActivateBy.time(),
		ActivatedAt: r.ActivatedAt.time(), LastUsedAt: r.LastUsedAt.time(), CheckedAt: r.CheckedAt.time(), Replaced: r.Replaced,
		Cause: access.Cause(r.Cause), EndedBy: access.PersonID(r.EndedBy), RevokingAt: r.RevokingAt.time(), Trouble: r.Trouble,
		Tries: r.Tries, NextTry: r.NextTry.time(), EndedAt: r.EndedAt.time(),
		Sponsor: access.PersonID(r.Sponsor), SponsorAsked: access.PersonID(r.SponsorAsked), GapUntil: r.GapUntil.time(),
		Since: r.Since.time(), Renews: string(r.Renews), Successor: string(r.Successor), RetireAt: r.RetireAt.time(),
		FrozenAt: r.FrozenAt.time(), FrozenBy: access.PersonID(r.FrozenBy), Round: r.Round,
		FreezeReason: r.FreezeReason,
		Drift:        access.Drift(r.Drift), DriftAt: r.DriftAt.time(), FoundID: string(r.FoundID),
		MarkedAt: r.MarkedAt.time(), EndsBy: r.EndsBy.time(), EndsWhy: access.Cause(r.EndsWhy), ChangeSeen: r.ChangeSeen.time(),
		SponsorWas: access.PersonID(r.SponsorWas), GapWhy: access.GapCause(r.GapWhy), TurnedDown: access.PersonID(r.TurnedDown),
	}, nil
}

// grants reads rows, and where they are frozen the votes about their thaw.
func (tx *Tx) grants(rows []grantRow) ([]access.Grant, error) {
	out, err := convert(rows, grantRow.grant)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, g := range out {
		if g.State == access.Frozen {
			ids = append(ids, g.ID)
		}
	}
	votes, err := tx.votesOf(ids)
	for i := range out {
		out[i].Votes = votes[out[i].ID]
	}
	return out, err
}

// CreateGrant adds a grant at version 1, its event, which comes from no state,
// and jobs. A request that has a grant whose life is not over is
// access.ErrConflict.
func (tx *Tx) CreateGrant(g access.Grant, told audit.Event, d *audit.Detail, todo ...jobs.Insert) error {
	if err := tx.may("create grant"); err != nil {
		return err
	}
	if g.Version != 1 || told.From != "" {
		return fmt.Errorf("create grant %s: %w", g.ID, errFromNothing)
	}
	if err := cmp.Or(checkMove(g.ID, string(g.State), g.Version, told), known("grant", g.ID, g.State)); err != nil {
		return err
	}
	row := rowOfGrant(g)
	if err := tx.db.Create(&row).Error; err != nil {
		return tx.fail("create grant", err)
	}
	if len(g.Votes) > 0 {
		if err := tx.saveVotes(g.Tenant, g.ID, g.Owner, g.Votes); err != nil {
			return err
		}
	}
	return tx.follow(g.Tenant, told, d, todo)
}

// MoveGrant moves a grant as MoveRequest does a request.
func (tx *Tx) MoveGrant(g access.Grant, told audit.Event, d *audit.Detail, todo ...jobs.Insert) error {
	if err := tx.may("move grant"); err != nil {
		return err
	}
	if err := cmp.Or(checkMove(g.ID, string(g.State), g.Version, told), known("grant", g.ID, g.State)); err != nil {
		return err
	}
	row := rowOfGrant(g)
	res := tx.db.Model(&grantRow{}).Where("tenant = ? AND id = ? AND version = ? AND state = ?", row.Tenant, row.ID, g.Version-1, told.From).
		Select("*").Omit(neverChange...).Updates(&row)
	if res.Error != nil {
		return tx.fail("move grant", res.Error)
	}
	if res.RowsAffected != 1 {
		return tx.notMoved(&grantRow{}, row.Tenant, row.ID, g.Version, told.From)
	}
	if len(g.Votes) > 0 {
		if err := tx.saveVotes(g.Tenant, g.ID, g.Owner, g.Votes); err != nil {
			return err
		}
	}
	return tx.follow(g.Tenant, told, d, todo)
}

// noteColumns are what an observation may change.
var noteColumns = []string{"checked_at", "last_used_at", "trouble", "tries", "next_try", "expires", "marked_at", "change_seen"}

// RecordGrant writes what Canvas was observed to say (CheckedAt, LastUsedAt,
// Trouble, Tries, NextTry, Expires, MarkedAt, ChangeSeen), without an event and
// without raising the version. It is access.ErrConflict if the grant is not at
// g.Version any more.
func (tx *Tx) RecordGrant(g access.Grant) error {
	if err := tx.may("note grant"); err != nil {
		return err
	}
	row := rowOfGrant(g)
	res := tx.db.Model(&grantRow{}).Where("tenant = ? AND id = ? AND version = ?", row.Tenant, row.ID, row.Version).
		Select(noteColumns).Updates(&row)
	if res.Error != nil {
		return tx.fail("note grant", res.Error)
	}
	if res.RowsAffected != 1 {
		if _, err := tx.Grant(g.Tenant, g.ID); err != nil {
			return err
		}
		return lost("note grant " + g.ID)
	}
	return nil
}

// Grant returns a grant of the tenant, locked inside InTx, or access.ErrNotFound.
func (tx *Tx) Grant(tenant access.TenantID, id string) (access.Grant, error) {
	return tx.oneGrant("tenant = ? AND id = ?", string(tenant), id)
}

// foremost orders the grants of one request: the one that lives, then the newest
// of those that were handed over, then the attempts that came to nothing. Age
// alone would not do: two replicas need not agree on which was made first.
const foremost = "CASE WHEN open THEN 0 WHEN state = '" + string(access.Void) + "' THEN 2 ELSE 1 END, created_at DESC, id DESC"

// GrantOfRequest returns the grant that a request stands for now, as Grant does:
// the one that lives, else the newest.
func (tx *Tx) GrantOfRequest(tenant access.TenantID, requestID string) (access.Grant, error) {
	return tx.firstGrant(foremost, "tenant = ? AND request_id = ?", string(tenant), requestID)
}

// GrantAny returns a grant of whatever tenant. It is for the marker of a token
// in Canvas, which names the grant alone; nothing that a person asks for may
// use it.
func (tx *Tx) GrantAny(id string) (access.Grant, error) { return tx.oneGrant("id = ?", id) }

func (tx *Tx) oneGrant(where string, args ...any) (access.Grant, error) {
	return tx.firstGrant("id", where, args...)
}

func (tx *Tx) firstGrant(order, where string, args ...any) (access.Grant, error) {
	var row grantRow
	if err := tx.locked().Where(where, args...).Order(order).Take(&row).Error; err != nil {
		return access.Grant{}, tx.fail("grant", err)
	}
	one, err := tx.grants([]grantRow{row})
	if err != nil {
		return access.Grant{}, err
	}
	return one[0], nil
}
