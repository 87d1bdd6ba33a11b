package desk

import (
	"context"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/store"
)

// The kinds of what is counted of one person, because it costs others.
const (
	PaceNotice   = "notice"   // a message that asks somebody
	PaceNamed    = "named"    // somebody asked to sponsor
	PaceBegun    = "begun"    // a request begun
	PaceRefused  = "refused"  // a refused page that was recorded
	paceCheck    = "check"    // a check of Canvas
	paceChecking = "checking" // one that goes on
)

// Recordable reports whether a refusal is one to record: not what Canvas did not
// answer, or was not asked.
func Recordable(caller access.Caller, why access.Why) bool {
	return why != "" && why != access.WhyCanvas && why != access.WhyBusy && caller.ID() != ""
}

// checkLife is how long a check that goes on counts, should its process die.
const checkLife = 2 * time.Minute

// check is what one press needs to know of Canvas. It counts from its first call
// on: what a cache answers costs nothing.
type check struct {
	desk   *Desk
	caller access.Caller
	id     string

	mu      sync.Mutex
	users   int
	counted bool // in this minute's
	open    bool // among those that go on
	refused error
}

// Asking is the context of a press that asks Canvas. Its first call refuses with
// WhyBusy where its person causes as many checks as one person may. A page that
// answers the press belongs to it. Presses that take access away do not use it:
// they never wait.
func (d *Desk) Asking(ctx context.Context, caller access.Caller) (context.Context, func()) {
	if caller.Person == "" {
		return ctx, func() {}
	}
	c := &check{desk: d, caller: caller, id: store.NewID("chk")}
	if m, ok := ctx.Value(pageMemoryKey{}).(*pageMemory); ok {
		if m.check == nil || m.check.caller.Person != caller.Person {
			m.check = c
		}
		c = m.check
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users++
	return canvas.Gated(ctx, c.gate), func() { c.end(ctx) }
}

func (c *check) pace(kind string, life time.Duration) store.Pace {
	return store.Pace{Tenant: c.caller.Tenant, Person: c.caller.Person, Kind: kind, About: c.id, Until: c.desk.Now().Add(life)}
}

// gate lets a call to Canvas go, or refuses it.
func (c *check) gate(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open || c.refused != nil {
		return c.refused
	}
	now := c.desk.Now()
	err := c.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockPerson(c.caller.Tenant, c.caller.Person); err != nil {
			return err
		}
		most := map[string]int{paceChecking: access.MaxChecksAtOnce, paceCheck: access.MaxChecks}
		life := map[string]time.Duration{paceChecking: checkLife, paceCheck: access.CheckWindow}
		for _, kind := range []string{paceChecking, paceCheck} {
			if kind == paceCheck && c.counted {
				continue
			}
			n, err := tx.CountPaces(c.caller.Tenant, c.caller.Person, kind, now)
			if err != nil {
				return err
			}
			if n >= most[kind] {
				return access.Refuse(access.WhyBusy)
			}
			if _, err := tx.RecordPace(c.pace(kind, life[kind]), now); err != nil {
				return err
			}
		}
		return nil
	})
	if access.WhyOf(err) != "" {
		c.refused = err
	}
	if err == nil {
		c.open, c.counted = true, true
	}
	return err
}

// end tells that a part of the press is done.
func (c *check) end(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users--; c.users > 0 || !c.open {
		return
	}
	c.open = false
	err := c.desk.Store.InTx(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.DropPace(c.pace(paceChecking, 0)) })
	if err != nil {
		c.desk.Log.WarnContext(ctx, "a check of Canvas counts for longer than it took", "err", err)
	}
}
