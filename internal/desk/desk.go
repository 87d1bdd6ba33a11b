// Package desk is the kernel of what the product does: the store, a school's Canvas,
// the clock, refusals, audit entries and jobs, as every verb needs them. The rooms
// below this folder hold the verbs, one subject each, and the questions that pages
// ask. A verb establishes the facts it needs from Canvas, then reads in a transaction,
// asks the core (internal/access) and writes once: state, audit entry and jobs
// together.
//
// It renders nothing and knows no HTTP of ours. No call to Canvas happens inside a
// transaction.
package desk

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// Desk is the kernel of one running program: what every verb needs. Every field is
// required, except NamesRoles, Nudge and Observer, and where no letters are sent
// Composer and Ways. Replicas share nothing but the store; what a Desk keeps of
// Canvas's answers is short-lived and only ever shown, never decided on. It must
// not be copied.
type Desk struct {
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
	// AtStep, when set, is called with the name of each step of a verb or job that
	// a process may die at: the crash tests end it there.
	AtStep func(step string)
	// Limit, when set, stands for context.WithTimeout: tests whose clock only they
	// move leave out deadlines of the real one.
	Limit func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)

	work   work // what the rooms have registered
	cache  cache
	mu     sync.Mutex
	silent map[access.TenantID]time.Time // since when a tenant's Canvas has not answered
	failed map[access.TenantID]time.Time // when it last did not
}

// Step tells the crash tests that a verb or job has come to a step.
func (d *Desk) Step(name string) {
	if d.AtStep != nil {
		d.AtStep(name)
	}
}

// WithLimit gives ctx a deadline.
func (d *Desk) WithLimit(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	if d.Limit != nil {
		return d.Limit(ctx, most)
	}
	return context.WithTimeout(ctx, most)
}

// Wake has this process look at once for jobs that are due: one was committed.
func (d *Desk) Wake() {
	if d.Nudge != nil {
		d.Nudge()
	}
}

// Tenants are all of them, for work that goes through each.
func (d *Desk) Tenants(ctx context.Context) (all []store.Tenant, err error) {
	err = d.Store.Read(ctx, func(tx *store.Tx) error {
		all, err = tx.Tenants()
		return err
	})
	return all, err
}

// Connect gives the Canvas of a platform and tenant its client. It refuses with
// WhyTenantSuspended where the platform is off.
func (d *Desk) Connect(f Canvas) (Canvas, error) {
	if f.Platform.Disabled {
		return Canvas{}, access.Refuse(access.WhyTenantSuspended)
	}
	var err error
	if f.Client, err = d.Canvas(f.Platform); err != nil {
		return Canvas{}, fmt.Errorf("canvas client of %s: %w", f.Platform.Name, err)
	}
	return f, nil
}

// Event begins an audit row.
func (d *Desk) Event(tenant access.TenantID, actor string, do audit.Action, object string) audit.Event {
	return audit.Event{ID: store.NewID("aud"), Tenant: string(tenant), At: d.Now(), Actor: actor, Action: do, Object: object}
}

// RequestEvent is the audit row of a request's move.
func (d *Desk) RequestEvent(who access.Actor, before, after access.Request, do access.Action) audit.Event {
	e := d.Event(after.Tenant, who.ID(), audit.Action("request."+string(do)), after.ID)
	e.From, e.To, e.Version = string(before.State), string(after.State), after.Version
	return e
}

// GrantEvent is the audit row of a grant's move.
func (d *Desk) GrantEvent(who access.Actor, before, after access.Grant, do access.Action) audit.Event {
	e := d.Event(after.Tenant, who.ID(), audit.Action("grant."+string(do)), after.ID)
	e.From, e.To, e.Version, e.Related = string(before.State), string(after.State), after.Version, after.RequestID
	return e
}

// RecordRefusal records a refused attempt in a transaction of its own, and
// returns err. What cannot be recorded is logged: a refusal stands either way.
func (d *Desk) RecordRefusal(ctx context.Context, caller access.Caller, object string, do access.Action, err error) error {
	why := access.WhyOf(err)
	if !Recordable(caller, why) {
		return err
	}
	if object == "" || len(object) > 40 {
		object = string(caller.Tenant) // nothing is made yet, or it was typed into a URL and is no object of ours
	}
	e := d.Event(caller.Tenant, caller.ID(), audit.Refused, object)
	detail := audit.NewDetail(map[string]string{"why": string(why), "action": string(do)})
	if txErr := d.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, detail) }); txErr != nil {
		d.Log.ErrorContext(ctx, "a refusal could not be recorded", "why", why, "err", txErr)
	}
	return err
}

// zones keeps the time zones that were read: reading one opens a file. Only
// names that are zones are kept, and there are some 600 of those.
var zones sync.Map

// Location is the time zone of that name, and UTC where there is none.
func Location(name string) *time.Location {
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

// Zone is the school's own time zone, for business days.
func Zone(t store.Tenant) *time.Location { return Location(t.School.TimeZone) }

// FindRequest reads a request by what stands in URLs: "REQ-0142" or its id.
func FindRequest(tx *store.Tx, tenant access.TenantID, id string) (access.Request, error) {
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
