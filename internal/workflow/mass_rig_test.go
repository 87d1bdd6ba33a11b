package workflow

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/text"
)

// slowCanvas makes each call take some of the rig's time, and counts them.
type slowCanvas struct {
	next    http.RoundTripper
	clock   *canvastest.Clock
	latency time.Duration
	calls   atomic.Int64
	deletes atomic.Int64
	// flying and most are how many calls there are at once.
	flying, most atomic.Int64
}

func (c *slowCanvas) RoundTrip(r *http.Request) (*http.Response, error) {
	c.calls.Add(1)
	if r.Method == http.MethodDelete {
		c.deletes.Add(1)
	}
	if n := c.flying.Add(1); n > c.most.Load() {
		c.most.Store(n)
	}
	defer c.flying.Add(-1)
	c.clock.Advance(c.latency)
	return c.next.RoundTrip(r)
}

// inVirtualTime gives the rig's service a client whose waiting moves the rig's
// clock, in a Canvas where each call costs so many units of its bucket.
func (r *rig) inVirtualTime(cost float64, latency time.Duration) *slowCanvas {
	slow := &slowCanvas{next: r.cv.Client().Transport, clock: r.clock, latency: latency}
	if slow.next == nil {
		slow.next = http.DefaultTransport
	}
	r.cv.SetRequestCost(cost)
	client := canvas.New(canvas.Config{BaseURL: r.cv.InstitutionURL(), HTTP: &http.Client{Transport: slow}, Now: r.clock.Now, Timeout: patience, Clean: text.Line,
		Credential: func(context.Context) (secret.Text, error) { return secret.New(r.w.ServiceToken()), nil },
		Sleep: func(ctx context.Context, d time.Duration) bool {
			if ctx.Err() != nil {
				return false
			}
			r.clock.Advance(d)
			return true
		}})
	r.Canvas = func(store.Platform) (*canvas.Client, error) { return client, nil }
	r.Ways = func(store.Platform, *canvas.Client) []notify.Way { return []notify.Way{notify.Inbox{Client: client}} }
	return slow
}

// crowd adds so many grants with their tokens in Canvas, two to a person, every
// fifth of somebody who has ten. Half of the people are students in BIO 201.
func (r *rig) crowd(n int) []access.Grant {
	r.t.Helper()
	now := r.clock.Now()
	dana := r.as("dana", access.DoorAccount).Person
	var out []access.Grant
	type one struct {
		p store.Person
		r access.Request
		g access.Grant
	}
	var all []one
	person, left := -1, 0
	var at store.Person
	for i := range n {
		fresh := left == 0
		if fresh {
			person++
			key := fmt.Sprintf("crowd%d", person)
			u := r.w.AddUser(canvastest.User{Key: key, Name: fmt.Sprintf("Crowd %d", person), Email: key + "@northfield.example"}, key, "")
			at = store.Person{ID: access.PersonID(store.NewID("per")), Tenant: r.tenant, CanvasUser: u.ID.String(), Name: u.Name, CreatedAt: now}
			if left = 2; person%5 == 4 {
				left = 10
			}
		}
		left--
		q := access.Request{ID: store.NewID("req"), Tenant: r.tenant, Number: 10_000 + i, Version: 1, State: access.Fulfilled, PolicyVersion: 1, Requester: at.ID, Votes: access.Votes{approvedBy(dana, now)},
			Affiliation: policy.Faculty, CreatedAt: now, UpdatedAt: now, Answers: access.Answers{"build": {fmt.Sprintf("Helper %d", i)}, "ai": {"no"}, "maker_name": {"Acme"}}}
		if person%2 == 0 {
			q.Affiliation, q.Course = policy.Student, access.Course{ID: "42", Code: "BIO 201", Name: "Biology"}
			q.Answers.Set("ai", "yes")
		}
		g := access.NewGrant(store.NewID("grt"), q, at.CanvasUser, now.AddDate(0, 3, 0), now)
		tok, _ := r.w.SeedToken(fmt.Sprintf("crowd%d", person), canvastest.TokenSpec{Purpose: g.Purpose(), ExpiresAt: g.Wanted})
		g.State, g.CanvasID, g.Hint, g.Expires, g.ShownAt, g.ActivatedAt = access.Active, tok.ID.String(), tok.Hint, g.Wanted, now, now
		x := one{r: q, g: g}
		if fresh {
			x.p = at
		}
		all, out = append(all, x), append(out, g)
	}
	for len(all) > 0 {
		part := all[:min(len(all), 250)]
		err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
			for _, x := range part {
				if x.p.ID != "" {
					if err := tx.SavePerson(x.p); err != nil {
						return err
					}
				}
				told := func(do audit.Action, id, to string) audit.Event {
					return audit.Event{Tenant: string(r.tenant), At: now, Actor: access.SystemID, Action: do, Object: id, To: to, Version: 1}
				}
				if err := tx.CreateRequest(x.r, told(audit.RequestCreate, x.r.ID, string(x.r.State)), nil); err != nil {
					return err
				}
				if err := tx.CreateGrant(x.g, told(audit.GrantCreate, x.g.ID, string(x.g.State)), nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
		all = all[len(part):]
	}
	return out
}

// dieAt ends the process at the nth time that it comes to a step, for all that
// f can tell; it reports whether it came to that.
func (r *rig) dieAt(step string, nth int, f func()) bool {
	died := make(chan struct{})
	var seen atomic.Int64
	r.AtStep = func(at string) {
		if at == step && seen.Add(1) == int64(nth) {
			close(died)
			select {} // for ever: no deferred call runs, as after kill -9
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	defer func() { r.AtStep = nil }()
	select {
	case <-died:
		return true
	case <-done:
		return false
	}
}

// usableOf counts the tokens of these grants that exist in Canvas.
func (r *rig) usableOf(gs []access.Grant) (n int) {
	for _, g := range gs {
		id, err := strconv.ParseInt(g.CanvasID, 10, 64)
		if err != nil {
			r.t.Fatal(err)
		}
		if t, ok := r.w.TokenByID(canvastest.ID(id)); ok && t.State != canvastest.StateDeleted {
			n++
		}
	}
	return n
}

func (r *rig) massNow(id string) MassPage {
	r.t.Helper()
	p, err := r.massPage(r.t.Context(), r.tenant, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// planned makes a plan as Dana does on the Tokens page.
func (r *rig) plannedMass(choice MassChoice) (access.Caller, MassPage) {
	r.t.Helper()
	dana := r.as("dana", access.DoorAccount)
	p, err := r.PlanMass(r.t.Context(), dana, choice)
	if err != nil {
		r.t.Fatal(err)
	}
	return dana, p
}

func (r *rig) startedMass(choice MassChoice) MassPage {
	r.t.Helper()
	dana, p := r.plannedMass(choice)
	p, err := r.StartMass(r.t.Context(), dana, p.ID, fmt.Sprint(p.Tokens), "breach", r.termsOf(p.ID))
	if err != nil || p.State != access.MassRunning {
		r.t.Fatalf("%s: %v", p.State, err)
	}
	return p
}

// run lets jobs run until the mass revocation is done, for at most the given
// virtual time.
func (r *rig) runMass(id string, most time.Duration) MassPage {
	r.t.Helper()
	end := r.clock.Now().Add(most)
	for r.clock.Now().Before(end) {
		r.drain()
		if p := r.massNow(id); p.State == access.MassDone {
			return p
		}
		r.clock.Advance(time.Second)
	}
	p := r.massNow(id)
	r.t.Fatalf("not done after %v: %+v", most, p.Counts)
	return p
}
