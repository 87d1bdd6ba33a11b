package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
)

// Requests returns one page of the requests that q selects.
func (tx *Tx) Requests(q RequestQuery) ([]access.Request, error) {
	if q.Many && q.Search != "" {
		if rows, err := tx.walkRequests(q); err != nil {
			return nil, err
		} else if len(rows) == limited(q.Limit) {
			return tx.requests(rows)
		}
	}
	db, err := tx.selectRequests(q)
	if err != nil {
		return nil, err
	}
	if db, err = page(db, q.Order, requestOrders, q.After, q.Limit); err != nil {
		return nil, err
	}
	var rows []requestRow
	if err := db.Find(&rows).Error; err != nil {
		return nil, tx.fail("requests", err)
	}
	return tx.requests(rows)
}

// CountRequests returns how many requests q selects, on all pages.
func (tx *Tx) CountRequests(q RequestQuery) (int, error) {
	db, err := tx.selectRequests(q)
	if err != nil {
		return 0, err
	}
	var n int64
	if err := db.Count(&n).Error; err != nil {
		return 0, tx.fail("count requests", err)
	}
	return int(n), nil
}

// Grants returns one page of the grants that q selects.
func (tx *Tx) Grants(q GrantQuery) ([]access.Grant, error) {
	if q.Many && q.Search != "" {
		if rows, err := tx.walkGrants(q); err != nil {
			return nil, err
		} else if len(rows) == limited(q.Limit) {
			return tx.grants(rows)
		}
	}
	db, err := tx.selectGrants(q)
	if err != nil {
		return nil, err
	}
	if db, err = q.page(db); err != nil {
		return nil, err
	}
	var rows []grantRow
	if err := db.Find(&rows).Error; err != nil {
		return nil, tx.fail("grants", err)
	}
	return tx.grants(rows)
}

// CountGrants returns how many grants q selects, on all pages.
func (tx *Tx) CountGrants(q GrantQuery) (int, error) {
	db, err := tx.selectGrants(q)
	if err != nil {
		return 0, err
	}
	var n int64
	if err := db.Count(&n).Error; err != nil {
		return 0, tx.fail("count grants", err)
	}
	return int(n), nil
}

var dueColumns = map[DueField]string{
	DueSponsor: "sponsor_due", DueReview: orFarFuture("review_due"), DueCollect: "collect_by",
	DueUpdate: "updated_at", DueEnd: "ends_at",
}

func (tx *Tx) selectRequests(q RequestQuery) (*gorm.DB, error) {
	if q.Tenant == "" {
		return nil, fmt.Errorf("requests: %w", errNoTenant)
	}
	db := tx.db.Model(&requestRow{}).Where("requests.tenant = ?", string(q.Tenant))
	db = equal(db, "requester", string(q.Requester))
	db = equal(db, "sponsor", string(q.Sponsor))
	db = equal(db, "affiliation", string(q.Affiliation))
	db = equal(db, "course_id", q.Course)
	db = equal(db, "purpose", q.Purpose)
	db = equal(db, "maker", q.Maker)
	db = equal(db, "ai", q.AI)
	db = equal(db, "renews", q.Renews)
	db = equal(db, "adopts", q.Adopts)
	if q.PolicyVersion != 0 {
		db = db.Where("policy_version = ?", q.PolicyVersion)
	}
	db = states(db, "requests", q.States, access.RequestStates, access.RequestState.Open)
	if q.Sponsored != nil {
		if *q.Sponsored {
			db = db.Where("sponsor IS NOT NULL")
		} else {
			db = db.Where("sponsor IS NULL")
		}
	}
	db, err := tx.searchRequests(db, q)
	if err != nil {
		return nil, err
	}
	if q.DueField == DueClaim {
		if q.DueBefore.IsZero() {
			return nil, fmt.Errorf("requests due by %q before no time", q.DueField)
		}
		return db.Where("EXISTS (SELECT 1 FROM votes AS v WHERE v.object = requests.id AND v.round = requests.round AND v.verdict = ? AND v.at < ?)",
			string(access.Claimed), stamp(q.DueBefore)), nil
	}
	if q.DueField != "" {
		column, ok := dueColumns[q.DueField]
		if !ok || q.DueBefore.IsZero() {
			return nil, fmt.Errorf("requests due by %q: no such time, or before no time", q.DueField)
		}
		db = before(db, column, q.DueBefore)
	}
	return db, nil
}

func (tx *Tx) selectGrants(q GrantQuery) (*gorm.DB, error) {
	if q.Tenant == "" {
		return nil, fmt.Errorf("grants: %w", errNoTenant)
	}
	tenant := string(q.Tenant)
	db := tx.db.Model(&grantRow{}).Where("grants.tenant = ?", tenant)
	db = equal(db, "owner", string(q.Owner))
	db = equal(db, "sponsor_asked", string(q.Asked))
	db = equal(db, "canvas_user", q.CanvasUser)
	if q.CanvasUsers != nil {
		db = db.Where("canvas_user IN ?", anyOf(q.CanvasUsers))
	}
	db = equal(db, "request_id", q.RequestID)
	db = states(db, "grants", q.States, access.GrantStates, access.GrantState.Live)
	behind := func() *gorm.DB { return tx.db.Model(&requestRow{}).Select("id").Where("tenant = ?", tenant) }
	if q.Sponsor != "" {
		db = db.Where("(grants.sponsor = ? OR grants.sponsor_asked = ?)", string(q.Sponsor), string(q.Sponsor))
	}
	about, narrowed, err := tx.aboutRequest(behind(), q)
	if err != nil {
		return nil, err
	}
	if narrowed {
		db = db.Where("request_id IN (?)", about)
	}
	db = ofRequest(db, "affiliation", string(q.Affiliation))
	db = ofRequest(db, "ai", q.AI)
	if q.IDs != nil {
		db = db.Where("grants.id IN ?", q.IDs)
	}
	if q.ItemOf != "" {
		db = db.Where("grants.id IN (?)", tx.db.Model(&massItemRow{}).Select("grant_id").Where("mass = ?", q.ItemOf))
	}
	people := func() *gorm.DB { return tx.db.Model(&personRow{}).Select("id").Where("tenant = ?", tenant) }
	if q.SponsorCanvas != "" {
		db = db.Where("grants.sponsor IN (?)", people().Where("canvas_user = ? AND canvas_user <> '' AND merged_into IS NULL", q.SponsorCanvas))
	}
	for _, due := range q.times() {
		db = before(db, due.sql, due.at)
	}
	if db, err = tx.searchGrants(db, q); err != nil {
		return nil, err
	}
	db = equal(db, "renews", q.Renews)
	return db, nil
}

// endsAt is access.Grant.EndsAt. Neither engine's smallest of several values
// takes NULL as the other does.
const endsAt = "CASE WHEN ends_by < COALESCE(expires, wanted, ends_by) OR COALESCE(expires, wanted) IS NULL THEN ends_by ELSE COALESCE(expires, wanted) END"

// dueTime is a time of a grant that must be before another.
type dueTime struct {
	sql string
	at  time.Time
}

// times are those that q compares with, or would.
func (q GrantQuery) times() []dueTime {
	return []dueTime{
		{"retire_at", q.RetireBefore}, {"gap_until", q.GapBefore}, {"activate_by", q.ActivateBefore},
		{"COALESCE(expires, wanted)", q.CanvasEndBefore}, {orFarFuture(endsAt), q.EndsBefore},
		{"lease_until", q.LeaseBefore}, {"next_try", q.NextTryBefore}, {"checked_at", q.CheckedBefore}, {"revoking_at", q.RevokingBefore},
		{"COALESCE(shown_at, created_at)", q.IssuedBefore}, {"COALESCE(last_used_at, shown_at, created_at)", q.UnusedSince},
	}
}

// page orders the grants and cuts one page out of them.
func (q GrantQuery) page(db *gorm.DB) (*gorm.DB, error) {
	if q.Order != Due {
		return page(db, q.Order, grantOrders, q.After, q.Limit)
	}
	i := slices.IndexFunc(q.times(), func(t dueTime) bool { return !t.at.IsZero() })
	if i < 0 || q.After != "" {
		return nil, errors.New("the order of what is due needs a time, and has no places")
	}
	due := ordering{sql: q.times()[i].sql}
	return page(db, Due, map[Order]ordering{Due: due}, "", q.Limit)
}

// states narrows rows to some of all states there are, and where all or none of them
// are of those whose life goes on, to that: which is what the indexes of what lives
// know, while no plan that is kept can tell it from states that are values. To say
// both where one says it all would have PostgreSQL expect far fewer rows than there are.
func states[S ~string](db *gorm.DB, table string, some, all []S, open func(S) bool) *gorm.DB {
	if len(some) == 0 {
		return db
	}
	over := func(s S) bool { return !open(s) }
	rest := slices.DeleteFunc(slices.Clone(all), func(s S) bool { return slices.Contains(some, s) })
	switch {
	case !slices.ContainsFunc(some, over):
		db = db.Where(table + ".open")
		switch left := leftOut(some, all, open); {
		case len(left) == 0:
			return db
		case len(left) < len(some):
			return db.Where("state NOT IN ?", anyOf(left)) // which hardly any row is, so that PostgreSQL expects nearly all
		}
	case !slices.ContainsFunc(some, open):
		if db = db.Where("NOT " + table + ".open"); !slices.ContainsFunc(rest, over) {
			return db
		}
	}
	return db.Where("state IN ?", anyOf(some))
}

// leftOut are the states in which life goes on that are not among some.
func leftOut[S ~string](some, all []S, open func(S) bool) []S {
	return slices.DeleteFunc(slices.Clone(all), func(s S) bool { return !open(s) || slices.Contains(some, s) })
}

// fewLeftOut reports whether in all of some life goes on, and these are most of the
// states in which it does.
func fewLeftOut[S ~string](some, all []S, open func(S) bool) bool {
	return allAre(some, open) && len(leftOut(some, all, open)) < len(some)
}

// aboutRequest narrows requests to those behind the grants that q selects, and
// reports whether it asks anything of them.
func (tx *Tx) aboutRequest(db *gorm.DB, q GrantQuery) (*gorm.DB, bool, error) {
	db = equal(db, "course_id", q.Course)
	db = equal(db, "vendor", strings.ToLower(q.Company))
	if q.Course != "" {
		db = db.Where("course_id <> ''") // so that the index is known to have it
	}
	if q.Company != "" {
		db = db.Where("vendor <> ''")
	}
	db, err := tx.vendorLike(db, q)
	return db, q.Course != "" || q.Company != "" || strings.TrimSpace(q.Vendor) != "", err
}

// ofRequest asks each grant's own request for what so many have in common: a plan that
// began with the requests would read those that have ended. It is no plain comparison,
// of which PostgreSQL would expect that hardly any grant passes, and so sort all of
// them instead of taking the first of a list.
func ofRequest(db *gorm.DB, column, v string) *gorm.DB {
	if v == "" {
		return db
	}
	return db.Where("CASE WHEN (SELECT "+column+" FROM requests WHERE requests.id = grants.request_id) = ? THEN true ELSE false END", v)
}

func equal(db *gorm.DB, column, v string) *gorm.DB {
	if v == "" {
		return db
	}
	return db.Where(column+" = ?", v)
}

func before(db *gorm.DB, column string, t time.Time) *gorm.DB {
	if t.IsZero() {
		return db
	}
	return db.Where(column+" < ?", stamp(t)) // NULL is before nothing
}

// ordering is how a list is ordered: by a time that is never NULL, then by id,
// both in one direction.
type ordering struct {
	mark string // of its cursors
	sql  string
	desc bool
}

var (
	requestOrders = map[Order]ordering{
		Newest:    {"n", "created_at", true},
		Updated:   {"u", "updated_at", true},
		ReviewDue: {"r", orFarFuture("review_due"), false},
	}
	grantOrders = map[Order]ordering{
		Newest:  {"n", "created_at", true},
		Updated: {"u", "updated_at", true},
		Ends:    {"e", orFarFuture(endsAt), false},
	}
)

// page orders a list and cuts one page out of it.
func page(db *gorm.DB, order Order, orders map[Order]ordering, after Cursor, limit int) (*gorm.DB, error) {
	o, ok := orders[order]
	if !ok {
		return nil, fmt.Errorf("this list has no order %q", order)
	}
	than, direction := ">", ""
	if o.desc {
		than, direction = "<", " DESC"
	}
	if after != "" {
		at, id, err := after.parse(o.mark)
		if err != nil {
			return nil, err
		}
		db = db.Where(fmt.Sprintf("(%s, id) %s (?, ?)", o.sql, than), stamp(at), id)
	}
	return db.Order(o.sql + direction + ", id" + direction).Limit(limited(limit)), nil
}

// limited is how many rows a page has that is asked to have so many.
func limited(limit int) int {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return min(limit, MaxLimit)
}

func cursor(mark string, at time.Time, id string) Cursor {
	return Cursor(mark + strconv.FormatInt(at.UTC().Truncate(time.Microsecond).UnixMicro(), 36) + "." + id)
}

func (c Cursor) parse(mark string) (at time.Time, id string, err error) {
	bad := fmt.Errorf("this place is not in this list: %w", access.ErrInvalid)
	rest, ok := strings.CutPrefix(string(c), mark)
	micros, id, cut := strings.Cut(rest, ".")
	n, err := strconv.ParseInt(micros, 36, 64)
	if !ok || !cut || err != nil || !clean(id) || n < 0 || n > farFuture.UnixMicro() {
		return time.Time{}, "", bad
	}
	return time.UnixMicro(n).UTC(), id, nil
}

// Next is the place behind r, the last row of a page of q.
func (q RequestQuery) Next(r access.Request) Cursor {
	switch q.Order {
	case ReviewDue:
		return cursor("r", orFar(r.ReviewDue), r.ID)
	case Updated:
		return cursor("u", r.UpdatedAt, r.ID)
	default:
		return cursor("n", r.CreatedAt, r.ID)
	}
}

// Next is the place behind g, the last row of a page of q.
func (q GrantQuery) Next(g access.Grant) Cursor {
	switch q.Order {
	case Ends:
		return cursor("e", orFar(g.EndsAt()), g.ID)
	case Updated:
		return cursor("u", g.UpdatedAt, g.ID)
	default:
		return cursor("n", g.CreatedAt, g.ID)
	}
}

func orFar(t time.Time) time.Time {
	if t.IsZero() {
		return farFuture
	}
	return t
}
