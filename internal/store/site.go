package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/lti"
)

// A site is a platform with its tenant and its deployments: what every login,
// every launch and every page begins with. It is always read, in one row and
// together with whatever else the request begins with; kept is only what its texts
// were parsed to.

// Between the deployments of a site, whose ids are printable ASCII; before each
// stands whether it is the root's.
const (
	deploymentEnd  = "␞"
	rootDeployment = "*"
	anyDeployment  = "-"
)

const siteColumns = `p.id, p.tenant, p.name, p.issuer, p.client_id, p.auth_url, p.token_url, p.key_set_url, p.roster_hosts,
	p.frame_origins, p.canvas_urls, p.allow_private, p.disabled, p.credential, p.credential_kind, p.created_at,
	t.name, t.platform_guid, t.canvas_account, t.school, t.learned_cap_days, t.policy_version, t.version, t.created_at,
	COALESCE((SELECT string_agg(CASE WHEN d.root THEN '` + rootDeployment + `' ELSE '` + anyDeployment + `' END || d.deployment_id, '` +
	deploymentEnd + `' ORDER BY d.position) FROM platform_deployments d WHERE d.platform = p.id), '')`

// selectSite selects, by what joins p, a platform p of a tenant t.
func selectSite(more, from, where string) plain {
	return say("SELECT " + siteColumns + more + " FROM " + from + " JOIN tenants t ON t.id = p.tenant WHERE " + where)
}

var (
	selectPlatform = selectSite("", "platforms p", "p.id = ?")
	selectIssuer   = selectSite("", "platforms p", "p.issuer = ? AND NOT p.disabled ORDER BY p.created_at, p.id")
	selectLogin    = selectSite("", "platforms p", "p.issuer = ? AND p.client_id = ? AND NOT p.disabled ORDER BY p.created_at, p.id")
	// A launch's platform, and the person that its sub is linked to, if there is one.
	selectArrival = say("SELECT " + siteColumns + `, COALESCE(h.id, ''), COALESCE(h.canvas_user, ''), COALESCE(h.name, ''),
		COALESCE(h.short_name, ''), COALESCE(h.locale, ''), COALESCE(h.time_zone, ''), COALESCE(h.email, ''), h.merged_into, h.seen_at, h.created_at
		FROM platforms p JOIN tenants t ON t.id = p.tenant LEFT JOIN person_subs s ON s.tenant = p.tenant AND s.sub = ?
		LEFT JOIN people h ON h.tenant = s.tenant AND h.id = s.person WHERE p.id = ?`)
	// A page's session, with its platform.
	selectVisit = selectSite(", x."+strings.ReplaceAll(sessionColumns, ", ", ", x."), "sessions x JOIN platforms p ON p.id = x.platform",
		"x.hash = ? AND x.idle_until > ? AND x.ends_at > ?")
)

// siteRow is a site as it is read.
type siteRow struct {
	platformRow
	of          tenantRow
	deployments string
}

func (r *siteRow) in() []any {
	p, t := &r.platformRow, &r.of
	return []any{&p.ID, &p.Tenant, &p.Name, &p.Issuer, &p.ClientID, &p.AuthURL, &p.TokenURL, &p.KeySetURL, &p.RosterHosts,
		&p.FrameOrigins, &p.CanvasURLs, &p.AllowPrivate, &p.Disabled, &p.Credential, &p.CredentialKind, &p.CreatedAt,
		&t.Name, &t.PlatformGUID, &t.CanvasAccount, &t.School, &t.LearnedCapDays, &t.PolicyVersion, &t.Version, &t.CreatedAt, &r.deployments}
}

// siteTexts are the columns of a site that have to be parsed.
type siteTexts struct{ rosterHosts, frameOrigins, canvasURLs, deployments, school string }

// siteParts are what they say.
type siteParts struct {
	rosterHosts, frameOrigins, canvasURLs []string
	deployments                           []lti.Deployment
	school                                School
}

// parsedSite is what a platform's texts were parsed to, for as long as they are the
// same: nothing is known of a platform but by what was read of it just now.
type parsedSite struct {
	of    siteTexts
	parts siteParts
}

func (of siteTexts) parse() (p siteParts, err error) {
	for one := range strings.SplitSeq(of.deployments, deploymentEnd) {
		if id, root := strings.CutPrefix(one, rootDeployment); root {
			p.deployments = append(p.deployments, lti.Deployment{ID: id, Root: true})
		} else if id, ok := strings.CutPrefix(one, anyDeployment); ok {
			p.deployments = append(p.deployments, lti.Deployment{ID: id})
		}
	}
	return p, errors.Join(json.Unmarshal([]byte(of.rosterHosts), &p.rosterHosts), json.Unmarshal([]byte(of.frameOrigins), &p.frameOrigins),
		json.Unmarshal([]byte(of.canvasURLs), &p.canvasURLs), json.Unmarshal([]byte(of.school), &p.school))
}

// clone gives each reader lists of their own.
func (p siteParts) clone() siteParts {
	for _, list := range []*[]string{&p.rosterHosts, &p.frameOrigins, &p.canvasURLs, &p.school.Rules, &p.school.StaffList,
		&p.school.Supervisors, &p.school.Exempt, &p.school.NonAcademicAccounts} {
		*list = slices.Clone(*list)
	}
	p.deployments = slices.Clone(p.deployments)
	return p
}

// parts parses a site's texts, unless they are those that were parsed last.
func (s *Store) parts(platform string, of siteTexts) (siteParts, error) {
	if kept, ok := s.sites.Load(platform); ok {
		if known, ok := kept.(*parsedSite); ok && known.of == of {
			return known.parts.clone(), nil
		}
	}
	parts, err := of.parse()
	if err != nil {
		return siteParts{}, fmt.Errorf("platform %s: %w", platform, err)
	}
	s.sites.Store(platform, &parsedSite{of: of, parts: parts.clone()})
	return parts, nil
}

// site makes a platform and its tenant of their row.
func (s *Store) site(r siteRow) (Platform, Tenant, error) {
	p, t := r.platformRow, r.of
	parts, err := s.parts(p.ID, siteTexts{p.RosterHosts, p.FrameOrigins, p.CanvasURLs, r.deployments, t.School})
	if err != nil {
		return Platform{}, Tenant{}, err
	}
	out := p.platform(parts.deployments)
	out.Registration.PlatformGUID, out.Registration.RosterHosts, out.Registration.FrameOrigins = t.PlatformGUID, parts.rosterHosts, parts.frameOrigins
	out.CanvasURLs = parts.canvasURLs
	return out, Tenant{ID: out.Tenant, Name: t.Name, PlatformGUID: t.PlatformGUID, CanvasAccount: t.CanvasAccount, School: parts.school,
		LearnedCapDays: t.LearnedCapDays, PolicyVersion: t.PolicyVersion, Version: t.Version, CreatedAt: t.CreatedAt.time()}, nil
}

// PlatformAndTenant returns a platform together with its tenant, as one
// statement sees both; access.ErrNotFound if there is none.
func (s *Store) PlatformAndTenant(ctx context.Context, platform string) (Platform, Tenant, error) {
	var r siteRow
	err := s.readPlain(ctx, "platform and tenant", func(c conn) error { return c.one(ctx, selectPlatform, []any{platform}, r.in()...) })
	if err != nil {
		return Platform{}, Tenant{}, err
	}
	return s.site(r)
}

// Registration implements lti.RegistrationStore.
func (s *Store) Registration(ctx context.Context, id string) (lti.Registration, error) {
	p, _, err := s.PlatformAndTenant(ctx, id)
	switch {
	case errors.Is(err, access.ErrNotFound), err == nil && p.Disabled:
		return lti.Registration{}, lti.ErrUnknownRegistration
	case err != nil:
		return lti.Registration{}, err
	}
	return p.Registration, nil
}

// FindRegistration implements lti.RegistrationStore: the enabled registration
// for a login request, by one statement.
func (s *Store) FindRegistration(ctx context.Context, issuer, clientID, deploymentID string) (lti.Registration, error) {
	q, args := selectLogin, []any{issuer, clientID}
	if clientID == "" {
		q, args = selectIssuer, args[:1]
	}
	var found []siteRow
	err := s.readPlain(ctx, "find registration", func(c conn) error {
		found = nil
		return c.each(ctx, q, args, func(row scanner) error {
			var r siteRow
			err := row.Scan(r.in()...)
			found = append(found, r)
			return err
		})
	})
	if err != nil {
		return lti.Registration{}, err
	}
	matching := make([]lti.Registration, len(found))
	for i, r := range found {
		p, _, err := s.site(r)
		if err != nil {
			return lti.Registration{}, err
		}
		matching[i] = p.Registration
	}
	return lti.OnlyRegistration(matching, deploymentID)
}

// Arrival is what a launch is received by: its platform, its tenant, and the person
// whom its sub is linked to, all as one statement sees them. The person has no ID
// where the sub is linked to nobody.
type Arrival struct {
	Platform Platform
	Tenant   Tenant
	Person   Person
}

// Arrival returns who and what a launch by a platform is about; access.ErrNotFound
// if there is no such platform.
func (s *Store) Arrival(ctx context.Context, platform, sub string) (Arrival, error) {
	var r siteRow
	var h personRow
	err := s.readPlain(ctx, "arrival", func(c conn) error {
		return c.one(ctx, selectArrival, []any{sub, platform}, append(r.in(), &h.ID, &h.CanvasUser, &h.Name, &h.ShortName, &h.Locale,
			&h.TimeZone, &h.Email, &h.MergedInto, &h.SeenAt, &h.CreatedAt)...)
	})
	if err != nil {
		return Arrival{}, err
	}
	var a Arrival
	if a.Platform, a.Tenant, err = s.site(r); err == nil && h.ID != "" {
		h.Tenant = r.Tenant
		a.Person = h.person()
	}
	return a, err
}

// visit is what the request of a page was let in by, and what was read for its page
// on the way.
type visit struct {
	known bool
	site  siteRow

	ahead, counted bool
	whom           Whom
	tally          Tally
}

type visitKey struct{}

// Visiting is the context of one request of a session: FindSession reads the platform
// and the tenant together with the session, for VisitedPlatform and VisitedOff.
func Visiting(ctx context.Context) context.Context {
	return context.WithValue(ctx, visitKey{}, new(visit))
}

// ReadAhead has CreateSession, in this request (Visiting), read a Tally together with
// writing the session: the next Tally of the same person is that one.
func ReadAhead(ctx context.Context, whom Whom) {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		v.ahead, v.whom = true, whom
	}
}

// VisitedPlatform returns the platform and the tenant that FindSession read beside the
// session of this request (Visiting), and whether it did. They are for what a page
// shows: a decision reads them anew.
func (s *Store) VisitedPlatform(ctx context.Context) (p Platform, t Tenant, ok bool, err error) {
	v, _ := ctx.Value(visitKey{}).(*visit)
	if v == nil || !v.known {
		return Platform{}, Tenant{}, false, nil
	}
	p, t, err = s.site(v.site)
	return p, t, true, err
}

// VisitedOff reports whether FindSession read beside the session of this request
// (Visiting) that this, its platform, is switched off.
func VisitedOff(ctx context.Context, platform string) bool {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v != nil && v.known && v.site.ID == platform && v.site.Disabled
}

// findVisit is findSession together with the session's platform. A session of a
// platform that is not there is none.
func findVisit(ctx context.Context, c conn, v *visit, hash []byte, now time.Time) (Session, error) {
	var r sessionRow
	var site siteRow
	err := c.one(ctx, selectVisit, []any{hash, stamp(now), stamp(now)}, append(site.in(), r.in()...)...)
	if err != nil {
		return Session{}, err
	}
	v.known, v.site = true, site
	return r.session(), nil
}
