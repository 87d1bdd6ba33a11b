package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Canvas is one tenant's Canvas: its platform and the client of its REST API.
type Canvas struct {
	*canvas.Client
	Platform store.Platform
	Tenant   store.Tenant
}

// Root is the account whose admins decide.
func (f Canvas) Root() string {
	if f.Tenant.CanvasAccount != "" {
		return f.Tenant.CanvasAccount
	}
	return "self"
}

// People and Server name what rests when it takes no letters: what tells who people
// are, and the server behind a way to tell them.
func (f Canvas) People() string { return "canvas/" + f.Platform.ID }

// Server is described at People.
func (f Canvas) Server(way notify.Way) string { return way.Server(f.Platform.ID) }

// CanvasOf opens the Canvas of a tenant by the given platform, or, for jobs, by the
// tenant's first that is not disabled. It reads both anew, but in a request that only
// reads (Reading), which has read them.
func (d *Desk) CanvasOf(ctx context.Context, tenant access.TenantID, platform string) (Canvas, error) {
	var f Canvas
	var visited bool
	var err error
	if m, ok := ctx.Value(pageMemoryKey{}).(*pageMemory); ok && m.reading {
		f.Platform, f.Tenant, visited, err = d.Store.VisitedPlatform(ctx)
	}
	switch {
	case err != nil:
	case visited && f.Platform.ID == platform:
	case platform != "":
		f.Platform, f.Tenant, err = d.Store.PlatformAndTenant(ctx, platform)
	default:
		f.Platform, f.Tenant, err = d.firstPlatform(ctx, tenant)
	}
	if err != nil {
		return Canvas{}, err
	}
	if f.Platform.Tenant != tenant {
		return Canvas{}, access.ErrNotFound
	}
	return d.Connect(f)
}

// CanvasInUse is CanvasOf a tenant for work that nobody asked for: where every
// platform of the tenant is switched off there is nothing to do, and that is no error.
func (d *Desk) CanvasInUse(ctx context.Context, tenant access.TenantID) (f Canvas, off bool, err error) {
	f, err = d.CanvasOf(ctx, tenant, "")
	if access.WhyOf(err) == access.WhyTenantSuspended {
		return Canvas{}, true, nil
	}
	return f, false, err
}

// pageMemory is what the request of a page has read already.
type pageMemory struct {
	Canvas
	check *check
	// reading: the request decides nothing.
	reading bool
}

type pageMemoryKey struct{}

// Remembering is the context of one request for a page: platform and tenant,
// which its parts all show something of, are read once for it. Decisions read
// them anew (CanvasOf).
func Remembering(ctx context.Context) context.Context { return remembering(ctx, false) }

// Reading is Remembering for a request that decides nothing: to all its parts platform
// and tenant are what was read in one statement with its session.
func Reading(ctx context.Context) context.Context { return remembering(ctx, true) }

func remembering(ctx context.Context, reading bool) context.Context {
	return store.Visiting(context.WithValue(ctx, pageMemoryKey{}, &pageMemory{reading: reading}))
}

// RememberCanvas keeps a Canvas for the rest of the request (Remembering).
func RememberCanvas(ctx context.Context, f Canvas) {
	if m, ok := ctx.Value(pageMemoryKey{}).(*pageMemory); ok {
		m.Canvas = f
	}
}

// ShownCanvas is CanvasOf the caller, for what a page shows.
func (d *Desk) ShownCanvas(ctx context.Context, caller access.Caller) (Canvas, error) {
	m, _ := ctx.Value(pageMemoryKey{}).(*pageMemory)
	if m != nil && m.Platform.ID == caller.Platform && m.Tenant.ID == caller.Tenant {
		return m.Canvas, nil
	}
	f, err := d.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err == nil {
		RememberCanvas(ctx, f)
	}
	return f, err
}

// CheckVisit refuses with WhyTenantSuspended the visit of a caller whose platform is
// switched off, as it was read with the session of this request.
func (d *Desk) CheckVisit(ctx context.Context, caller access.Caller) error {
	if store.VisitedOff(ctx, caller.Platform) {
		return access.Refuse(access.WhyTenantSuspended)
	}
	return nil
}

// firstPlatform is the tenant's first platform that is not switched off.
func (d *Desk) firstPlatform(ctx context.Context, tenant access.TenantID) (p store.Platform, t store.Tenant, err error) {
	err = d.Store.Read(ctx, func(tx *store.Tx) error {
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

// TrackAnswer keeps track of whether a tenant's Canvas answers, for the standing
// banner, and passes err on.
func (d *Desk) TrackAnswer(tenant access.TenantID, err error) error {
	if canvas.KindOf(err) == canvas.Held {
		return err // not asked
	}
	var ce *canvas.Error
	down := errors.As(err, &ce) && (ce.Kind == canvas.Unreachable || ce.Kind == canvas.Server || ce.Kind == canvas.Unclear || ce.Kind == canvas.Throttled)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.silent == nil {
		d.silent, d.failed = map[access.TenantID]time.Time{}, map[access.TenantID]time.Time{}
	}
	if !down {
		delete(d.silent, tenant)
		return err
	}
	d.failed[tenant] = d.Now()
	if d.silent[tenant].IsZero() {
		d.silent[tenant] = d.failed[tenant]
	}
	return err
}

// RestFor is how long a Canvas that did not answer is left alone by work that
// can wait: thousands of looks, each waiting for a time-out, would keep the
// workers from what cannot.
const RestFor = 30 * time.Second

// Resting reports whether a tenant's Canvas did not answer just now, nor since.
func (d *Desk) Resting(tenant access.TenantID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.silent[tenant].IsZero() && d.Now().Sub(d.failed[tenant]) < RestFor
}

// SilentSince is since when a tenant's Canvas has not answered; zero when it does.
func (d *Desk) SilentSince(tenant access.TenantID) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.silent[tenant]
}

// NotFound reports whether Canvas said that it has no such thing.
func NotFound(err error) bool { return canvas.KindOf(err) == canvas.NotFound }

// ProveGone returns Canvas's proof, in words, that it has a token no longer
// (docs/decisions.md 13). Without one it is an error: the token may still work.
func (d *Desk) ProveGone(ctx context.Context, f Canvas, user, token string) (proof string, err error) {
	ev, err := f.Gone(ctx, f.Root(), user, token)
	if d.TrackAnswer(f.Tenant.ID, err) != nil {
		return "", err
	}
	if !ev.Gone {
		return "", fmt.Errorf("it may still work: %s", ev.Reason)
	}
	return ev.Reason, nil
}

// RefuseUnasked turns a failed question to Canvas into the refusal people see. The
// cause is logged here, because the refusal carries none.
func (d *Desk) RefuseUnasked(ctx context.Context, what string, err error) error {
	var e *store.PolicyError
	if access.WhyOf(err) != "" || errors.Is(err, access.ErrNotFound) || errors.Is(err, access.ErrUnavailable) || errors.As(err, &e) {
		return err
	}
	d.Log.WarnContext(ctx, "Canvas could not be asked", "what", what, "err", err)
	return access.Refuse(access.WhyCanvas)
}
