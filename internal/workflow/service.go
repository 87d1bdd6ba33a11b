// Package workflow holds the verbs of Tokendesk (submit, endorse, approve,
// collect, revoke …), the questions pages ask, and the handlers of background
// jobs. A verb establishes the facts it needs from Canvas, then reads in a
// transaction, asks the core (internal/access) and writes once: state, audit
// row and jobs together.
//
// It renders nothing and knows no HTTP of ours. No call to Canvas happens
// inside a transaction.
package workflow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// Service is the workflow of one running program. Every field is required
// except NamesRoles, Nudge, Observer and Ways. Replicas share nothing but the store; what a Service
// caches is short-lived and only ever shown, never decided on.
type Service struct {
	Store *store.Store
	Box   *secret.Box // keyed hashes of token values
	// Canvas gives the client of a platform's REST API.
	Canvas func(store.Platform) (*canvas.Client, error)
	// NamesRoles reads a course's people by LTI; nil leaves that to REST alone.
	NamesRoles *lti.NamesRoles
	Composer   *notify.Composer
	// Ways are how a platform's people are told: Canvas inbox, mail.
	Ways      func(store.Platform, *canvas.Client) []notify.Way
	Now       func() time.Time
	Log       *slog.Logger
	Nudge     func() // a job was committed in this process
	Observer  Observer
	PublicURL string
	// AtStep, when set, is called with the name of each step of Collect just
	// before it: the crash tests end the process there.
	AtStep func(step string)
	// Limit, when set, stands for context.WithTimeout: tests whose clock only they
	// move leave out deadlines of the real one.
	Limit func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)

	cache  cache
	mu     sync.Mutex
	silent map[access.TenantID]time.Time // since when a tenant's Canvas has not answered
	failed map[access.TenantID]time.Time // when it last did not
	rests  notify.Rests                  // servers that take no letters
}

func (s *Service) step(name string) {
	if s.AtStep != nil {
		s.AtStep(name)
	}
}

// limit gives ctx a deadline.
func (s *Service) limit(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if s.Limit != nil {
		return s.Limit(ctx, d)
	}
	return context.WithTimeout(ctx, d)
}

func (s *Service) nudge() {
	if s.Nudge != nil {
		s.Nudge()
	}
}

// far is one tenant's Canvas: its platform and the client of its REST API.
type far struct {
	*canvas.Client
	platform store.Platform
	tenant   store.Tenant
}

// root is the account whose admins decide.
func (f far) root() string {
	if f.tenant.CanvasAccount != "" {
		return f.tenant.CanvasAccount
	}
	return "self"
}

// far opens the Canvas of a tenant by the given platform, or, for jobs, by the
// tenant's first that is not disabled.
func (s *Service) far(ctx context.Context, tenant access.TenantID, platform string) (far, error) {
	var f far
	var err error
	if platform != "" {
		f.platform, f.tenant, err = s.Store.PlatformAndTenant(ctx, platform)
	} else {
		f.platform, f.tenant, err = s.firstPlatform(ctx, tenant)
	}
	if err != nil {
		return far{}, err
	}
	if f.platform.Tenant != tenant {
		return far{}, access.ErrNotFound
	}
	return s.reach(f)
}

// tenants are all of them, for work that goes through each.
func (s *Service) tenants(ctx context.Context) (all []store.Tenant, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		all, err = tx.Tenants()
		return err
	})
	return all, err
}

// reach completes a far of platform and tenant, unless the platform is off.
func (s *Service) reach(f far) (far, error) {
	if f.platform.Disabled {
		return far{}, access.Refuse(access.WhyTenantSuspended)
	}
	var err error
	if f.Client, err = s.Canvas(f.platform); err != nil {
		return far{}, fmt.Errorf("canvas client of %s: %w", f.platform.Name, err)
	}
	return f, nil
}

// seen is the far that a request has read already.
type seen struct {
	far
	check *check
}

type seenKey struct{}

// Remembering is the context of one request for a page: platform and tenant,
// which its parts all show something of, are read once for it. Decisions read
// them anew.
func Remembering(ctx context.Context) context.Context {
	return context.WithValue(ctx, seenKey{}, &seen{})
}

// saw notes a far for the rest of the request.
func saw(ctx context.Context, f far) {
	if m, ok := ctx.Value(seenKey{}).(*seen); ok {
		m.far = f
	}
}

// shownFar is far for what a page shows.
func (s *Service) shownFar(ctx context.Context, caller access.Caller) (far, error) {
	if m, ok := ctx.Value(seenKey{}).(*seen); ok && m.platform.ID == caller.Platform && m.tenant.ID == caller.Tenant {
		return m.far, nil
	}
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err == nil {
		saw(ctx, f)
	}
	return f, err
}

// firstPlatform is the tenant's first platform that is not switched off.
func (s *Service) firstPlatform(ctx context.Context, tenant access.TenantID) (p store.Platform, t store.Tenant, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		if t, err = tx.Tenant(tenant); err != nil {
			return err
		}
		all, err := tx.Platforms()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(p store.Platform) bool { return p.Tenant == tenant && !p.Disabled })
		if i < 0 {
			return access.Refuse(access.WhyTenantSuspended)
		}
		p = all[i]
		return nil
	})
	return p, t, err
}

// heard keeps track of whether a tenant's Canvas answers, for the standing
// banner, and passes err on.
func (s *Service) heard(tenant access.TenantID, err error) error {
	if canvas.KindOf(err) == canvas.Held {
		return err // not asked
	}
	var ce *canvas.Error
	down := errors.As(err, &ce) && (ce.Kind == canvas.Unreachable || ce.Kind == canvas.Server || ce.Kind == canvas.Unclear || ce.Kind == canvas.Throttled)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent == nil {
		s.silent, s.failed = map[access.TenantID]time.Time{}, map[access.TenantID]time.Time{}
	}
	if !down {
		delete(s.silent, tenant)
		return err
	}
	s.failed[tenant] = s.Now()
	if s.silent[tenant].IsZero() {
		s.silent[tenant] = s.failed[tenant]
	}
	return err
}

// restFor is how long a Canvas that did not answer is left alone by work that
// can wait: thousands of looks, each waiting for a time-out, would keep the
// workers from what cannot.
const restFor = 30 * time.Second

// resting reports whether a tenant's Canvas did not answer just now, nor since.
func (s *Service) resting(tenant access.TenantID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.silent[tenant].IsZero() && s.Now().Sub(s.failed[tenant]) < restFor
}

func (s *Service) silentSince(tenant access.TenantID) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silent[tenant]
}

// unasked turns a failed question to Canvas into the refusal people see. The
// cause is logged here, because the refusal carries none.
func (s *Service) unasked(ctx context.Context, what string, err error) error {
	var e *store.PolicyError
	if access.WhyOf(err) != "" || errors.Is(err, access.ErrNotFound) || errors.Is(err, access.ErrUnavailable) || errors.As(err, &e) {
		return err
	}
	s.Log.WarnContext(ctx, "Canvas could not be asked", "what", what, "err", err)
	return access.Refuse(access.WhyCanvas)
}

// event begins an audit row.
func (s *Service) event(tenant access.TenantID, actor string, do audit.Action, object string) audit.Event {
	return audit.Event{ID: store.NewID("aud"), Tenant: string(tenant), At: s.Now(), Actor: actor, Action: do, Object: object}
}

// tellRequest is the audit row of a request's move.
func (s *Service) tellRequest(who access.Actor, before, after access.Request, do access.Action) audit.Event {
	e := s.event(after.Tenant, who.ID(), audit.Action("request."+string(do)), after.ID)
	e.From, e.To, e.Version = string(before.State), string(after.State), after.Version
	return e
}

// tellGrant is the audit row of a grant's move.
func (s *Service) tellGrant(who access.Actor, before, after access.Grant, do access.Action) audit.Event {
	e := s.event(after.Tenant, who.ID(), audit.Action("grant."+string(do)), after.ID)
	e.From, e.To, e.Version, e.Related = string(before.State), string(after.State), after.Version, after.RequestID
	return e
}

// noteRefusal records a refused attempt in a transaction of its own, and
// returns err. What cannot be recorded is logged: a refusal stands either way.
func (s *Service) noteRefusal(ctx context.Context, caller access.Caller, object string, do access.Action, err error) error {
	why := access.WhyOf(err)
	if !noted(caller, why) {
		return err
	}
	if object == "" || len(object) > 40 {
		object = string(caller.Tenant) // nothing is made yet, or it was typed into a URL and is no object of ours
	}
	e := s.event(caller.Tenant, caller.ID(), audit.Refused, object)
	d := audit.NewDetail(map[string]string{"why": string(why), "action": string(do)})
	if txErr := s.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, d) }); txErr != nil {
		s.Log.ErrorContext(ctx, "a refusal could not be recorded", "why", why, "err", txErr)
	}
	return err
}

// zones keeps the time zones that were read: reading one opens a file. Only
// names that are zones are kept, and there are some 600 of those.
var zones sync.Map

func location(name string) *time.Location {
	if known, ok := zones.Load(name); ok {
		if loc, ok := known.(*time.Location); ok {
			return loc
		}
	}
	if loc, err := time.LoadLocation(name); err == nil && name != "" && name != "Local" {
		zones.Store(name, loc)
		return loc
	}
	return time.UTC
}

// zone is the school's own time zone, for business days.
func zone(t store.Tenant) *time.Location { return location(t.School.TimeZone) }

// findRequest reads a request by what stands in URLs: "REQ-0142" or its id.
func findRequest(tx *store.Tx, tenant access.TenantID, id string) (access.Request, error) {
	if n, ok := strings.CutPrefix(id, "REQ-"); ok {
		num, err := strconv.Atoi(n)
		if err != nil || num < 1 || len(n) > 9 {
			return access.Request{}, access.ErrNotFound
		}
		return tx.RequestByNumber(tenant, num)
	}
	if !strings.HasPrefix(id, "req_") || len(id) > 40 {
		return access.Request{}, access.ErrNotFound
	}
	return tx.Request(tenant, id)
}

// enqueue is a job in the transaction's tenant.
func enqueue(tenant access.TenantID, kind, key string, data []byte, at time.Time) jobs.Insert {
	return jobs.Insert{Kind: kind, Key: key, Data: data, RunAt: at, Tenant: string(tenant)}
}
