package store

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
)

// SponsorList is a part of the list of whom a person stands for.
type SponsorList string

// The parts. No request is in two of them.
const (
	// SponsorWaiting: an answer is wanted, for a request or to take over a token;
	// due soonest first.
	SponsorWaiting SponsorList = "w"
	// SponsorStanding: requests that go on, and tokens that live; ending soonest first.
	SponsorStanding SponsorList = "s"
	// SponsorPast: what is over, or no longer theirs; changed last first.
	SponsorPast SponsorList = "p"
)

// SponsorQuery selects one page of a part of a sponsor's list.
type SponsorQuery struct {
	Tenant  access.TenantID
	Sponsor access.PersonID
	List    SponsorList
	After   Cursor
	Limit   int // 0 means DefaultLimit; at most MaxLimit
}

// SponsorRow is a request that a person stands for, and its place in the list.
type SponsorRow struct {
	Request string
	at      time.Time
	id      string // of the request, or of the token that it is here for
}

// Next is the place behind r, the last row of a page of q.
func (q SponsorQuery) Next(r SponsorRow) Cursor { return cursor(string(q.List), r.at, r.id) }

var (
	// answered are the states of a token for which who was asked to take over can
	// answer.
	answered = "('" + strings.Join(anyOf(access.AskedStates), "', '") + "')"
	voided   = "state <> '" + string(access.Void) + "'"

	// Counts, and not EXISTS, keep PostgreSQL from reading all tokens first.
	sponsorWaits = `tenant = @tenant AND sponsor = @sponsor AND open = TRUE AND state = '` + string(access.AwaitingSponsor) + `'`
	tokenWaits   = `tenant = @tenant AND sponsor_asked = @sponsor AND owner <> @sponsor AND state IN ` + answered
	sponsorGoes  = `tenant = @tenant AND sponsor = @sponsor AND open = TRUE AND state <> '` + string(access.AwaitingSponsor) + `'
		AND (SELECT COUNT(*) FROM grants g WHERE g.request_id = requests.id AND g.open AND g.sponsor = @sponsor) = 0`
	tokenLives = `tenant = @tenant AND sponsor = @sponsor AND open = TRUE`

	// What never came to a token of theirs. A token that ended is found by itself.
	sponsorPast = `tenant = @tenant AND sponsor = @sponsor AND open = FALSE AND state <> '` + string(access.Draft) + `'
		AND (SELECT COUNT(*) FROM grants g WHERE g.tenant = @tenant AND g.request_id = requests.id AND g.` + voided + ` AND @sponsor IN (g.sponsor, g.sponsor_asked)) = 0`
	tokenPast  = `tenant = @tenant AND sponsor = @sponsor AND open = FALSE AND ` + voided
	tokenAsked = `tenant = @tenant AND sponsor_asked = @sponsor AND (owner = @sponsor OR state NOT IN ` + answered + `)
		AND (sponsor IS NULL OR sponsor <> @sponsor) AND ` + voided
)

// part is one ordered and bounded source of a list.
func part(table, request, at, where, order string) string {
	than, by := ">", "at, id"
	if order == "DESC" {
		than, by = "<", "at DESC, id DESC"
	}
	return `SELECT * FROM (SELECT ` + request + ` AS request, ` + at + ` AS at, id FROM ` + table + ` WHERE ` + where +
		` AND (` + at + `, id) ` + than + ` (@at, @id) ORDER BY ` + by + ` LIMIT @limit) AS of_` + table
}

const (
	requestEnd = "COALESCE(ends_at, @far)"
	grantEnd   = "COALESCE(" + endsAt + ", @far)"
)

// sponsorLists are the statements: each source gives a page by an index, and the
// page is the first of them all. The past is looked at no further back than the
// tokens of the page go: a request whose token ended is older than that end, so
// that what is passed over is no more than the page.
var sponsorLists = map[SponsorList]string{
	SponsorWaiting: `SELECT request, at, id FROM (` + part("requests", "id", "COALESCE(sponsor_due, created_at)", sponsorWaits, "") +
		` UNION ALL ` + part("grants", "request_id", "COALESCE(gap_until, created_at)", tokenWaits, "") + `) AS waiting ORDER BY at, id LIMIT @limit`,
	SponsorStanding: `SELECT request, at, id FROM (` + part("requests", "id", requestEnd, sponsorGoes, "") +
		` UNION ALL ` + part("grants", "request_id", grantEnd, tokenLives, "") + `) AS standing ORDER BY at, id LIMIT @limit`,
	SponsorPast: `WITH tokens AS (SELECT request, at, id FROM (` + part("grants", "request_id", "updated_at", tokenPast, "DESC") +
		` UNION ALL ` + part("grants", "request_id", "updated_at", tokenAsked, "DESC") + `) AS ended ORDER BY at DESC, id DESC LIMIT @limit)
		SELECT request, at, id FROM (SELECT * FROM tokens UNION ALL ` +
		part("requests", "id", "updated_at", sponsorPast+` AND updated_at >= (SELECT CASE WHEN COUNT(*) < @limit THEN @first ELSE MIN(at) END FROM tokens)`, "DESC") +
		`) AS past ORDER BY at DESC, id DESC LIMIT @limit`,
}

// Sponsored returns one page of a part of a sponsor's list.
func (tx *Tx) Sponsored(q SponsorQuery) ([]SponsorRow, error) {
	statement, ok := sponsorLists[q.List]
	if !ok || q.Tenant == "" || q.Sponsor == "" {
		return nil, fmt.Errorf("a sponsor's list %q needs a part that there is, a tenant and a person", q.List)
	}
	at, id := time.Unix(0, 0), ""
	if q.List == SponsorPast {
		at = farFuture
	}
	if q.After != "" {
		var err error
		if at, id, err = q.After.parse(string(q.List)); err != nil {
			return nil, err
		}
	}
	limit := q.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	var rows []struct {
		Request string
		At      moment
		ID      string
	}
	err := tx.db.Raw(statement, map[string]any{"tenant": string(q.Tenant), "sponsor": string(q.Sponsor), "at": stamp(at), "id": id,
		"limit": min(limit, MaxLimit), "far": stamp(farFuture), "first": stamp(time.Unix(0, 0))}).Scan(&rows).Error
	if err != nil {
		return nil, tx.fail("a sponsor's list", err)
	}
	out := make([]SponsorRow, len(rows))
	for i, r := range rows {
		out[i] = SponsorRow{Request: r.Request, at: r.At.time(), id: r.ID}
	}
	return out, nil
}

var countSponsored = `SELECT (SELECT COUNT(*) FROM requests WHERE ` + sponsorWaits + `) + (SELECT COUNT(*) FROM grants WHERE ` + tokenWaits + `) AS waiting,
	(SELECT COUNT(*) FROM requests WHERE ` + sponsorGoes + `) + (SELECT COUNT(*) FROM grants WHERE ` + tokenLives + `) AS standing`

// CountSponsored returns how many rows wait for a sponsor's answer, and for how
// many the person stands, on all pages.
func (tx *Tx) CountSponsored(tenant access.TenantID, sponsor access.PersonID) (waiting, standing int, err error) {
	var n struct{ Waiting, Standing int }
	err = tx.db.Raw(countSponsored, map[string]any{"tenant": string(tenant), "sponsor": string(sponsor)}).Scan(&n).Error
	return n.Waiting, n.Standing, tx.fail("count a sponsor's list", err)
}
