package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/lti"
)

// What a launch and the first page ask, one statement for each question.

var selectPlace = say(`SELECT p.id, p.tenant, p.name, p.issuer, p.client_id, p.auth_url, p.token_url, p.key_set_url, p.roster_hosts,
	p.frame_origins, p.canvas_urls, p.allow_private, p.disabled, p.credential, p.credential_kind, p.created_at,
	t.name, t.platform_guid, t.canvas_account, t.school, t.learned_cap_days, t.policy_version, t.version, t.created_at, d.deployment_id, d.root
	FROM platforms p JOIN tenants t ON t.id = p.tenant LEFT JOIN platform_deployments d ON d.platform = p.id
	WHERE p.id = ? ORDER BY d.position`)

// place reads a platform with its tenant, or access.ErrNotFound.
func (s *Store) place(ctx context.Context, op, platform string) (Platform, tenantRow, error) {
	var p platformRow
	var t tenantRow
	var all []lti.Deployment
	err := s.readPlain(ctx, op, func(c conn) error {
		all = nil
		err := c.each(ctx, selectPlace, []any{platform}, func(row scanner) error {
			var id sql.NullString
			var root sql.NullBool
			err := row.Scan(&p.ID, &p.Tenant, &p.Name, &p.Issuer, &p.ClientID, &p.AuthURL, &p.TokenURL, &p.KeySetURL, &p.RosterHosts,
				&p.FrameOrigins, &p.CanvasURLs, &p.AllowPrivate, &p.Disabled, &p.Credential, &p.CredentialKind, &p.CreatedAt,
				&t.Name, &t.PlatformGUID, &t.CanvasAccount, &t.School, &t.LearnedCapDays, &t.PolicyVersion, &t.Version, &t.CreatedAt, &id, &root)
			if id.Valid { // else the platform waits for its first
				all = append(all, lti.Deployment{ID: id.String, Root: root.Bool})
			}
			return err
		})
		if err == nil && p.ID == "" {
			err = sql.ErrNoRows
		}
		return err
	})
	if err != nil {
		return Platform{}, t, err
	}
	t.ID, p.PlatformGUID = p.Tenant, t.PlatformGUID
	out, err := p.platform(all)
	return out, t, err
}

// PlatformAndTenant returns a platform together with its tenant, as one
// statement sees both; access.ErrNotFound if there is none.
func (s *Store) PlatformAndTenant(ctx context.Context, platform string) (Platform, Tenant, error) {
	p, row, err := s.place(ctx, "platform and tenant", platform)
	if err != nil {
		return Platform{}, Tenant{}, err
	}
	t, err := row.tenant()
	return p, t, err
}

// Registration implements lti.RegistrationStore.
func (s *Store) Registration(ctx context.Context, id string) (lti.Registration, error) {
	p, _, err := s.place(ctx, "registration", id)
	switch {
	case errors.Is(err, access.ErrNotFound), err == nil && p.Disabled:
		return lti.Registration{}, lti.ErrUnknownRegistration
	case err != nil:
		return lti.Registration{}, err
	}
	return p.Registration, nil
}

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

// Tally is what waits for a person, as the navigation counts it.
type Tally struct {
	Sponsoring int // requests that name the person as sponsor, and tokens that they stand for or were asked to
	Endorse    int // of them, those that wait for the person's answer
	Revoking   int // tokens whose deletion is not confirmed: the person's own, for reviewers the tenant's
	Review     int // for reviewers: the tenant's requests in review
	OwnLeaks   int // leaks of the person's tokens that are not cleared
	Leaks      int // for reviewers: the tenant's
}

const (
	countSponsor = `SELECT (SELECT COUNT(*) FROM requests WHERE tenant = ? AND sponsor = ?) +
	(SELECT COUNT(*) FROM grants WHERE tenant = ? AND sponsor = ?) + (SELECT COUNT(*) FROM grants WHERE tenant = ? AND sponsor_asked = ?),
	(SELECT COUNT(*) FROM requests WHERE tenant = ? AND sponsor = ? AND state = '` + string(access.AwaitingSponsor) + `') +
	(SELECT COUNT(*) FROM grants WHERE tenant = ? AND sponsor_asked = ? AND open AND state <> '` + string(access.Revoking) + `'),
	(SELECT COUNT(*) FROM grants WHERE tenant = ? AND state = '` + string(access.Revoking) + `'`
	countReview = `(SELECT COUNT(*) FROM requests WHERE tenant = ? AND state = '` + string(access.InReview) + `')`
	countLeaks  = `(SELECT COUNT(*) FROM incidents WHERE tenant = ? AND cleared_at IS NULL`
)

var (
	selectTally       = say(countSponsor + " AND owner = ?), 0, " + countLeaks + " AND owner = ?), 0")
	selectReviewTally = say(countSponsor + "), " + countReview + ", " + countLeaks + " AND owner = ?), " + countLeaks + ")")
)

// Tally counts what waits for a person of the tenant, or for a reviewer.
func (s *Store) Tally(ctx context.Context, tenant access.TenantID, person access.PersonID, reviewer bool) (Tally, error) {
	q, t, p := selectTally, string(tenant), string(person)
	args := []any{t, p, t, p, t, p, t, p, t, p, t, p, t, p}
	if reviewer {
		q, args = selectReviewTally, append(args[:11:11], t, t, p, t)
	}
	var n Tally
	err := s.readPlain(ctx, "tally", func(c conn) error {
		return c.one(ctx, q, args, &n.Sponsoring, &n.Endorse, &n.Revoking, &n.Review, &n.OwnLeaks, &n.Leaks)
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
