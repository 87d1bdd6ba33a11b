package store

import (
	"context"

	"github.com/tokendesk/tokendesk/internal/access"
)

// What a launch and the first page ask, one statement for each question.

var selectBySub = say(`SELECT p.id, p.tenant, p.canvas_user, p.name, p.short_name, p.locale, p.time_zone, p.email, p.merged_into, p.seen_at, p.created_at
	FROM person_subs s JOIN people p ON p.tenant = s.tenant AND p.id = s.person WHERE s.tenant = ? AND s.sub = ?`)

// PersonBySub returns the person that a launch's sub is linked to, or
// access.ErrNotFound.
func (s *Store) PersonBySub(ctx context.Context, tenant access.TenantID, sub string) (Person, error) {
	var r personRow
	err := s.readPlain(ctx, "person", func(c conn) error {
		return c.one(ctx, selectBySub, []any{string(tenant), sub}, &r.ID, &r.Tenant, &r.CanvasUser, &r.Name, &r.ShortName,
			&r.Locale, &r.TimeZone, &r.Email, &r.MergedInto, &r.SeenAt, &r.CreatedAt)
	})
	if err != nil {
		return Person{}, err
	}
	return r.person(), nil
}

// Tally is what waits for a person, as the navigation counts it, and what their
// home has to read.
type Tally struct {
	Sponsoring bool // a request names the person as sponsor, or they stand for a token or were asked to
	Endorse    int  // of these, those that wait for the person's answer
	Revoking   int  // tokens whose deletion is not confirmed: the person's own, for reviewers the tenant's
	Review     int  // for reviewers: the tenant's requests in review
	OwnLeaks   int  // leaks of the person's tokens that are not cleared
	Leaks      int  // for reviewers: the tenant's

	Asked bool // there are requests of the person's (RequestsOf)
	Told  bool // there are tokens that were found and wait for their owner (FoundOf)
	Kept  bool // there is something that the person typed (TextsOf)
}

// Whom says whose Tally it is.
type Whom struct {
	Tenant     access.TenantID
	Person     access.PersonID
	CanvasUser string
	Reviewer   bool
}

const (
	countSponsor = `SELECT EXISTS (SELECT 1 FROM requests WHERE tenant = ? AND sponsor = ?) OR
	EXISTS (SELECT 1 FROM grants WHERE tenant = ? AND sponsor = ?) OR EXISTS (SELECT 1 FROM grants WHERE tenant = ? AND sponsor_asked = ?),
	(SELECT COUNT(*) FROM requests WHERE tenant = ? AND sponsor = ? AND state = '` + string(access.AwaitingSponsor) + `') +
	(SELECT COUNT(*) FROM grants WHERE tenant = ? AND sponsor_asked = ? AND open AND state <> '` + string(access.Revoking) + `'),
	EXISTS (SELECT 1 FROM requests WHERE tenant = ? AND requester = ?), EXISTS (SELECT 1 FROM kept WHERE tenant = ? AND person = ?),
	EXISTS (SELECT 1 FROM found_tokens WHERE tenant = ? AND canvas_user = ? AND open AND state IN (` + toldStates + `)),
	(SELECT COUNT(*) FROM grants WHERE tenant = ? AND state = '` + string(access.Revoking) + `'`
	countReview = `(SELECT COUNT(*) FROM requests WHERE tenant = ? AND state = '` + string(access.InReview) + `')`
	countLeaks  = `(SELECT COUNT(*) FROM incidents WHERE tenant = ? AND cleared_at IS NULL`
)

var (
	selectTally       = say(countSponsor + " AND owner = ?), 0, " + countLeaks + " AND owner = ?), 0")
	selectReviewTally = say(countSponsor + "), " + countReview + ", " + countLeaks + " AND owner = ?), " + countLeaks + ")")
)

// tally is the statement of a Tally, and into is what it is read into.
func (of Whom) tally(into *Tally) said {
	q, t, p := selectTally, string(of.Tenant), string(of.Person)
	args := []any{t, p, t, p, t, p, t, p, t, p, t, p, t, p, t, of.CanvasUser, t, p, t, p}
	if of.Reviewer {
		q, args = selectReviewTally, append(args[:17:17], t, t, p, t)
	}
	return said{what: q, args: args, row: func(row scanner) error {
		return row.Scan(&into.Sponsoring, &into.Endorse, &into.Asked, &into.Kept, &into.Told, &into.Revoking, &into.Review, &into.OwnLeaks, &into.Leaks)
	}}
}

// Tally counts what waits for a person of the tenant, or for a reviewer.
func (s *Store) Tally(ctx context.Context, of Whom) (Tally, error) {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok && v.counted && v.whom == of {
		v.counted = false // what is asked again is read again
		return v.tally, nil
	}
	var n Tally
	err := s.readPlain(ctx, "tally", func(c conn) error {
		q := of.tally(&n)
		return c.each(ctx, q.what, q.args, q.row)
	})
	return n, err
}

var (
	requestColumns = columnsOf(&requestRow{})
	selectOwn      = say("SELECT " + requestColumns.list + ` FROM requests WHERE tenant = ? AND requester = ?
		ORDER BY updated_at DESC, id DESC LIMIT ?`)
)

// RequestsOf returns a person's requests, changed last first, at most limit: the
// query of every home page.
func (tx *Tx) RequestsOf(tenant access.TenantID, requester access.PersonID, limit int) ([]access.Request, error) {
	var rows []requestRow
	err := tx.plain.each(tx.ctx, selectOwn, []any{string(tenant), string(requester), min(limit, MaxLimit)}, func(from scanner) error {
		var r requestRow
		err := from.Scan(requestColumns.in(&r)...)
		rows = append(rows, r)
		return err
	})
	if err != nil {
		return nil, tx.fail("requests of a person", err)
	}
	return tx.requests(rows)
}
