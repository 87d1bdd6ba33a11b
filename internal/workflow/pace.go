package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file holds the paces of one person: what they cause that costs others.
// State moves all the same; what is spared is the message, the row that stays,
// the question to Canvas. Nothing here looks at the audit log.

// The kinds of what is counted.
const (
	paceNotice   = "notice"   // a message that asks somebody
	paceNamed    = "named"    // somebody asked to sponsor
	paceBegun    = "begun"    // a request begun
	paceRefused  = "refused"  // a refused page that was recorded
	paceCheck    = "check"    // a check of Canvas
	paceChecking = "checking" // one that goes on
)

// asks are the messages that one person alone can cause again and again, by
// asking. Every other one follows a move that somebody else must answer before it
// can come again, or ends access, and is always told.
var asks = []notify.Kind{notify.AskedToSponsor, notify.AskedToTakeOver}

// calm leaves out of what follows a press the messages that say nothing new: the
// same question to the same person about the same object within PaceWindow.
// Another question to them waits until the window of the first is over, and is
// told then if it still stands; answering opens it at once (see answered).
func (s *Service) calm(tx *store.Tx, by access.PersonID, todo []jobs.Insert) ([]jobs.Insert, error) {
	var out []jobs.Insert
	for _, j := range todo {
		ref, err := jobs.Decode[noticeRef](j.Data)
		if by == "" || j.Kind != jobNotice || err != nil || !slices.Contains(asks, ref.Kind) {
			out = append(out, j)
			continue
		}
		now := s.Now()
		toThem, aboutIt := s.asked(access.TenantID(j.Tenant), by, ref)
		until, err := tx.PaceUntil(toThem, now)
		if err != nil {
			return nil, err
		}
		if !until.IsZero() {
			aboutIt.Until = until
		}
		first, err := tx.NotePace(aboutIt, now)
		if err != nil {
			return nil, err
		}
		if !first {
			continue
		}
		if ref.By = by; !until.IsZero() {
			ref.Later, j.RunAt = true, until
		} else if _, err := tx.NotePace(toThem, now); err != nil {
			return nil, err
		}
		j.Data, _ = json.Marshal(ref) // always marshals
		out = append(out, j)
	}
	return out, nil
}

// asked are the two paces of a message that asks: that they were asked, and about
// this object.
func (s *Service) asked(tenant access.TenantID, by access.PersonID, ref noticeRef) (toThem, aboutIt store.Pace) {
	toThem = store.Pace{Tenant: tenant, Person: by, Kind: paceNotice, About: string(ref.Kind) + " " + string(ref.To), Until: s.Now().Add(access.PaceWindow)}
	aboutIt = toThem
	aboutIt.About += " " + first(ref.Grant, ref.Request)
	return toThem, aboutIt
}

// answered notes that who was asked has answered: what they are asked next is
// news.
func (s *Service) answered(tx *store.Tx, tenant access.TenantID, asker, answerer access.PersonID, ref noticeRef) error {
	ref.To = answerer
	toThem, aboutIt := s.asked(tenant, asker, ref)
	if err := tx.DropPace(toThem); err != nil {
		return err
	}
	return tx.DropPace(aboutIt)
}

// unsaid forgets the pace of a message that was moot when its time came: nobody
// heard it. Where it stands again by now it is told after all.
func (s *Service) unsaid(ctx context.Context, f far, ref noticeRef) error {
	if ref.By == "" {
		return nil
	}
	toThem, aboutIt := s.asked(f.tenant.ID, ref.By, ref)
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		if !ref.Later {
			if err := tx.DropPace(toThem); err != nil {
				return err
			}
		}
		return tx.DropPace(aboutIt)
	})
	if err != nil {
		return err
	}
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		_, err := s.facts(tx, f, ref)
		return err
	})
	switch {
	case errors.Is(err, errMoot):
		return nil
	case err != nil:
		return err
	}
	return jobs.Later(0)
}

// mootAsk reports whether a message about a sponsor's part in a request came too
// late, or about what its reader never heard of.
func mootAsk(tx *store.Tx, ref noticeRef, r access.Request, to store.Person) (bool, error) {
	switch ref.Kind {
	case notify.AskedToSponsor:
		return r.State.Final() || ref.Later && (r.State != access.AwaitingSponsor || r.Sponsor != ref.To), nil
	case notify.Withdrawn:
		keys, err := tx.NoticesOf(r.Tenant, r.ID)
		return !slices.ContainsFunc(keys, func(key string) bool {
			return strings.HasSuffix(key, "/"+to.CanvasUser) &&
				(strings.Contains(key, "/"+string(notify.AskedToSponsor)+"/") || strings.Contains(key, "/"+string(notify.SponsorReminder)+"/"))
		}), err
	}
	return false, nil
}

// newsOf reports whether an owner who is told of these found tokens, to answer by
// due, did not hear the same of each from the same person within PaceWindow.
func (s *Service) newsOf(tx *store.Tx, caller access.Caller, owner access.PersonID, found []string, due time.Time) (news bool, err error) {
	for _, id := range found {
		p := store.Pace{Tenant: caller.Tenant, Person: caller.Person, Kind: paceNotice, Until: s.Now().Add(access.PaceWindow),
			About: string(noticeFoundTold) + " " + string(owner) + " " + id + " " + due.UTC().Format(time.RFC3339)}
		first, err := tx.NotePace(p, s.Now())
		if err != nil {
			return false, err
		}
		news = news || first
	}
	return news, nil
}

// name notes that the caller asks somebody to stand for them. Beyond
// access.MaxNamed different people in a day it is a *access.FormError.
func (s *Service) name(tx *store.Tx, caller access.Caller, who access.PersonID) error {
	if err := tx.LockPerson(caller.Tenant, caller.Person); err != nil {
		return err
	}
	now := s.Now()
	p := store.Pace{Tenant: caller.Tenant, Person: caller.Person, Kind: paceNamed, About: string(who), Until: now.Add(access.PaceWindow)}
	known, err := tx.PaceUntil(p, now)
	if err != nil || !known.IsZero() {
		return err
	}
	n, err := tx.CountPaces(caller.Tenant, caller.Person, paceNamed, now)
	if err != nil {
		return err
	}
	if n >= access.MaxNamed {
		form := &access.FormError{}
		form.Add("sponsor", "sponsor.too_many", map[string]any{"Max": access.MaxNamed})
		return form
	}
	_, err = tx.NotePace(p, now)
	return err
}

// begin notes that a person begins a request, whatever becomes of it. It refuses
// with WhyBegun. The person must be locked.
func (s *Service) begin(tx *store.Tx, tenant access.TenantID, person access.PersonID, id string) error {
	now := s.Now()
	n, err := tx.CountPaces(tenant, person, paceBegun, now)
	if err != nil {
		return err
	}
	if n >= access.MaxBegun {
		return access.Refuse(access.WhyBegun)
	}
	_, err = tx.NotePace(store.Pace{Tenant: tenant, Person: person, Kind: paceBegun, About: id, Until: now.Add(access.PaceWindow)}, now)
	return err
}

// noteRefusedPage is noteRefusal for a page that was only to be looked at: it is
// recorded once per person, object, reason and access.RefusalWindow, on however
// many replicas.
func (s *Service) noteRefusedPage(ctx context.Context, caller access.Caller, object string, do access.Action, err error) error {
	why := access.WhyOf(err)
	if !noted(caller, why) {
		return err
	}
	if caller.Person == "" {
		return s.noteRefusal(ctx, caller, object, do, err)
	}
	now := s.Now()
	p := store.Pace{Tenant: caller.Tenant, Person: caller.Person, Kind: paceRefused,
		About: string(why) + " " + string(do) + " " + object, Until: now.Add(access.RefusalWindow)}
	var until time.Time
	txErr := s.Store.Read(ctx, func(tx *store.Tx) (err error) {
		until, err = tx.PaceUntil(p, now)
		return err
	})
	if txErr == nil && until.IsZero() {
		txErr = s.Store.InTx(ctx, func(tx *store.Tx) error {
			first, err := tx.NotePace(p, now)
			if err != nil || !first {
				return err
			}
			e := s.event(caller.Tenant, caller.ID(), audit.Refused, object)
			return tx.Audit(e, audit.NewDetail(map[string]string{"why": string(why), "action": string(do)}))
		})
	}
	if txErr != nil {
		s.Log.ErrorContext(ctx, "a refusal could not be recorded", "why", why, "err", txErr)
	}
	return err
}

// noted reports whether a refusal is one to record: not what Canvas did not
// answer, or was not asked.
func noted(caller access.Caller, why access.Why) bool {
	return why != "" && why != access.WhyCanvas && why != access.WhyBusy && caller.ID() != ""
}

// checkLife is how long a check that goes on counts, should its process die.
const checkLife = 2 * time.Minute

// check is what one press needs to know of Canvas. It counts from its first call
// on: what a cache answers costs nothing.
type check struct {
	s      *Service
	caller access.Caller
	id     string

	mu      sync.Mutex
	users   int
	counted bool // in this minute's
	open    bool // among those that go on
	refused error
}

// asking is the context of a press that asks Canvas. Its first call refuses with
// WhyBusy where its person causes as many checks as one person may. A page that
// answers the press belongs to it. Presses that take access away do not use it:
// they never wait.
func (s *Service) asking(ctx context.Context, caller access.Caller) (context.Context, func()) {
	if caller.Person == "" {
		return ctx, func() {}
	}
	c := &check{s: s, caller: caller, id: store.NewID("chk")}
	if m, ok := ctx.Value(seenKey{}).(*seen); ok {
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
	return store.Pace{Tenant: c.caller.Tenant, Person: c.caller.Person, Kind: kind, About: c.id, Until: c.s.Now().Add(life)}
}

// gate lets a call to Canvas go, or refuses it.
func (c *check) gate(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open || c.refused != nil {
		return c.refused
	}
	now := c.s.Now()
	err := c.s.Store.InTx(ctx, func(tx *store.Tx) error {
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
			if _, err := tx.NotePace(c.pace(kind, life[kind]), now); err != nil {
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
	err := c.s.Store.InTx(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.DropPace(c.pace(paceChecking, 0)) })
	if err != nil {
		c.s.Log.WarnContext(ctx, "a check of Canvas counts for longer than it took", "err", err)
	}
}
