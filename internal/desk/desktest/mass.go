package desktest

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/text"
)

// Force brings a grant to where a test needs it, with an audit row that says so.
func (r *Rig) Force(id string, change func(*access.Grant)) {
	r.T.Helper()
	if err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		before, err := tx.Grant(r.Tenant, id)
		if err != nil {
			return err
		}
		after := before
		change(&after)
		after.Version++
		e := r.Desk.Event(r.Tenant, access.SystemID, audit.GrantObserved, id)
		e.From, e.To, e.Version = string(before.State), string(after.State), after.Version
		return tx.MoveGrant(after, e, nil)
	}); err != nil {
		r.T.Fatal(err)
	}
}

// Use calls Canvas with a token, as its owner's software does.
func (r *Rig) Use(value string) {
	r.T.Helper()
	req, err := http.NewRequestWithContext(r.T.Context(), http.MethodGet, r.Cv.InstitutionURL()+"/api/v1/users/self", http.NoBody)
	if err != nil {
		r.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+value)
	req.Header.Set("User-Agent", "attendance helper")
	resp, err := r.Cv.Client().Do(req)
	if err != nil {
		r.T.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		r.T.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		r.T.Fatalf("the token does not work: %d", resp.StatusCode)
	}
}

// SlowCanvas makes each call take some of the rig's time, and counts them.
type SlowCanvas struct {
	next    http.RoundTripper
	clock   *canvastest.Clock
	latency time.Duration
	Calls   atomic.Int64
	Deletes atomic.Int64
	// flying and most are how many calls there are at once.
	flying, Most atomic.Int64
}

// RoundTrip is the time that the call takes.
func (c *SlowCanvas) RoundTrip(r *http.Request) (*http.Response, error) {
	c.Calls.Add(1)
	if r.Method == http.MethodDelete {
		c.Deletes.Add(1)
	}
	if n := c.flying.Add(1); n > c.Most.Load() {
		c.Most.Store(n)
	}
	defer c.flying.Add(-1)
	c.clock.Advance(c.latency)
	return c.next.RoundTrip(r)
}

// InVirtualTime gives the rig's desk a client whose waiting moves the rig's
// clock, in a Canvas where each call costs so many units of its bucket.
func (r *Rig) InVirtualTime(cost float64, latency time.Duration) *SlowCanvas {
	slow := &SlowCanvas{next: r.Cv.Client().Transport, clock: r.Clock, latency: latency}
	if slow.next == nil {
		slow.next = http.DefaultTransport
	}
	r.Cv.SetRequestCost(cost)
	client := canvas.New(canvas.Config{BaseURL: r.Cv.InstitutionURL(), HTTP: &http.Client{Transport: slow}, Now: r.Clock.Now, Timeout: Patience, Clean: text.Line,
		Credential: func(context.Context) (secret.Text, error) { return secret.New(r.W.ServiceToken()), nil },
		Sleep: func(ctx context.Context, d time.Duration) bool {
			if ctx.Err() != nil {
				return false
			}
			r.Clock.Advance(d)
			return true
		}})
	r.Desk.Canvas = func(store.Platform) (*canvas.Client, error) { return client, nil }
	r.Desk.Ways = func(store.Platform, *canvas.Client) []notify.Way { return []notify.Way{notify.Inbox{Client: client}} }
	return slow
}

// ManyGrants adds so many grants with their tokens in Canvas, two to a person, every
// fifth of somebody who has ten. Half of the people are students in BIO 201.
func (r *Rig) ManyGrants(n int) []access.Grant {
	r.T.Helper()
	now := r.Clock.Now()
	dana := r.As("dana", access.DoorAccount).Person
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
			u := r.W.AddUser(canvastest.User{Key: key, Name: fmt.Sprintf("Crowd %d", person), Email: key + "@northfield.example"}, key, "")
			at = store.Person{ID: access.PersonID(store.NewID("per")), Tenant: r.Tenant, CanvasUser: u.ID.String(), Name: u.Name, CreatedAt: now}
			if left = 2; person%5 == 4 {
				left = 10
			}
		}
		left--
		q := access.Request{ID: store.NewID("req"), Tenant: r.Tenant, Number: 10_000 + i, Version: 1, State: access.Fulfilled, PolicyVersion: 1, Requester: at.ID, Votes: access.Votes{ApprovedBy(dana, now)},
			Affiliation: policy.Faculty, CreatedAt: now, UpdatedAt: now, Answers: access.Answers{"build": {fmt.Sprintf("Helper %d", i)}, "ai": {"no"}, "maker_name": {"Acme"}}}
		if person%2 == 0 {
			q.Affiliation, q.Course = policy.Student, access.Course{ID: "42", Code: "BIO 201", Name: "Biology"}
			q.Answers.Set("ai", "yes")
		}
		g := access.NewGrant(store.NewID("grt"), q, at.CanvasUser, now.AddDate(0, 3, 0), now)
		tok, _ := r.W.SeedToken(fmt.Sprintf("crowd%d", person), canvastest.TokenSpec{Purpose: g.Purpose(), ExpiresAt: g.Wanted})
		g.State, g.CanvasID, g.Hint, g.Expires, g.ShownAt, g.ActivatedAt = access.Active, tok.ID.String(), tok.Hint, g.Wanted, now, now
		x := one{r: q, g: g}
		if fresh {
			x.p = at
		}
		all, out = append(all, x), append(out, g)
	}
	for len(all) > 0 {
		part := all[:min(len(all), 250)]
		err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
			for _, x := range part {
				if x.p.ID != "" {
					if err := tx.SavePerson(x.p); err != nil {
						return err
					}
				}
				told := func(do audit.Action, id, to string) audit.Event {
					return audit.Event{Tenant: string(r.Tenant), At: now, Actor: access.SystemID, Action: do, Object: id, To: to, Version: 1}
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
			r.T.Fatal(err)
		}
		all = all[len(part):]
	}
	return out
}

// MassNow is a mass revocation as it stands.
func (r *Rig) MassNow(id string) massrevoke.Page {
	r.T.Helper()
	p, err := r.MassRevoke.PageOf(r.T.Context(), r.Tenant, id)
	if err != nil {
		r.T.Fatal(err)
	}
	return p
}

// RunMass lets jobs run until the mass revocation is done, for at most the given
// virtual time.
func (r *Rig) RunMass(id string, most time.Duration) massrevoke.Page {
	r.T.Helper()
	end := r.Clock.Now().Add(most)
	for r.Clock.Now().Before(end) {
		r.Drain()
		if p := r.MassNow(id); p.State == access.MassDone {
			return p
		}
		r.Clock.Advance(time.Second)
	}
	p := r.MassNow(id)
	r.T.Fatalf("not done after %v: %+v", most, p.Counts)
	return p
}
