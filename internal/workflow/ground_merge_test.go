package workflow

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store"
)

func TestOwnerIsMerged(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, value := r.active()
		if err := r.w.MergeUsers("maya", "noor"); err != nil {
			r.t.Fatal(err)
		}
		noor := r.w.User("noor").ID.String()
		r.within(24*time.Hour, g.ID, func(g access.Grant) bool { return g.CanvasUser == noor })
		if now := r.grant(g.ID); now.State != access.Active || !r.w.Authenticates(value) {
			r.t.Fatalf("it is %s by %s", now.State, now.Cause)
		}
		// Noor, whom the tool had not met, finds it, and can end it.
		caller := r.as("noor", access.DoorCourse)
		h, err := r.Home(r.t.Context(), caller)
		if err != nil || len(h.Tokens) != 1 {
			r.t.Fatalf("her home: %+v, %v", h, err)
		}
		if p, err := r.Revoke(r.t.Context(), caller, g.ID, ""); err != nil || p.Grant.State != access.Revoked || r.w.Authenticates(value) {
			r.t.Errorf("revoked: %v", err)
		}
		r.proven()
	})
}

// Both were known: the two become one person, whoever launches.
func TestTwoKnownPeopleAreMerged(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, _ := r.active()
		noor := r.as("noor", access.DoorCourse)
		if err := r.w.MergeUsers("maya", "noor"); err != nil {
			r.t.Fatal(err)
		}
		r.within(24*time.Hour, g.ID, func(g access.Grant) bool { return g.Owner == noor.Person })
		h, err := r.Home(r.t.Context(), noor)
		if err != nil || len(h.Tokens) != 1 {
			r.t.Errorf("her home: %+v, %v", h, err)
		}
		var old store.Person
		if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
			old, err = tx.Person(r.tenant, g.Owner)
			return err
		}); err != nil || old.MergedInto != noor.Person {
			r.t.Errorf("the old person: %+v, %v", old, err)
		}
		r.proven()
	})
}

// Separation of duties after a merge: whoever is two of owner, sponsor and
// decider has nothing left to work with.
func TestMergesKeepDutiesApart(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]string{
		"the owner becomes the sponsor":   {"maya", "ana"},
		"the sponsor becomes the owner":   {"ana", "maya"},
		"the owner becomes who approved":  {"maya", "dana"},
		"who approved becomes the owner":  {"dana", "maya"},
		"the sponsor becomes who decided": {"ana", "dana"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			some(t, pair[1] == "ana", func(r *rig) {
				g, value := r.active()
				if err := r.w.MergeUsers(pair[0], pair[1]); err != nil {
					r.t.Fatal(err)
				}
				r.within(24*time.Hour, g.ID, endedBy(access.ByDuties))
				if r.w.Authenticates(value) {
					r.t.Error("the token works")
				}
				r.proven()
			})
		})
	}
}

// What waits for a decision goes back instead.
func TestMergesSendRequestsBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pair    [2]string
		state   access.RequestState // when they are merged
		want    access.RequestState
		do      access.Action
		to      access.RequestState
		claimed string // by whom
	}{
		"requester and named sponsor":   {[2]string{"ana", "maya"}, access.AwaitingSponsor, access.AwaitingSponsor, access.LoseSponsor, "", ""},
		"requester and who endorsed":    {[2]string{"ana", "maya"}, access.InReview, access.AwaitingSponsor, access.Return, access.AwaitingSponsor, ""},
		"requester and who approved":    {[2]string{"dana", "maya"}, access.Approved, access.InReview, access.Return, access.InReview, ""},
		"who endorsed and who approved": {[2]string{"ana", "dana"}, access.Approved, access.InReview, access.Return, access.InReview, ""},
		"requester and who claimed":     {[2]string{"dana", "maya"}, access.InReview, access.InReview, access.Release, "", "dana"},
		"who endorsed and who claimed":  {[2]string{"ana", "dana"}, access.InReview, access.InReview, access.Release, "", "dana"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			some(t, tt.state == access.Approved, func(r *rig) {
				q := r.submitted()
				if tt.state != access.AwaitingSponsor {
					r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
				}
				r.as("dana", access.DoorAccount)
				if tt.state == access.Approved {
					r.act(r.as("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
				}
				if tt.claimed != "" {
					r.act(r.as(tt.claimed, access.DoorAccount), q.Code(), access.Claim, access.Move{})
				}
				before, left := r.request(q.ID), r.person(tt.pair[0])
				if err := r.w.MergeUsers(tt.pair[0], tt.pair[1]); err != nil {
					r.t.Fatal(err)
				}
				if err := r.followed(left, tt.pair[1]); err != nil {
					r.t.Fatal(err)
				}
				want, _, err := access.Apply(before, tt.do, access.SystemActor, access.Move{Policy: builtIn, To: tt.to}, r.clock.Now())
				if err != nil {
					r.t.Fatal(err)
				}
				// What the one person had is the other's.
				stays := r.person(tt.pair[1]).ID
				for _, p := range []*access.PersonID{&want.Requester, &want.Sponsor} {
					if *p == left.ID {
						*p = stays
					}
				}
				for i, v := range want.Votes {
					if v.Person == left.ID && want.Requester != stays && !slices.ContainsFunc(want.Votes, func(o access.Vote) bool { return o.Round == v.Round && o.Person == stays }) {
						want.Votes[i].Person = stays
					}
				}
				if now := r.request(q.ID); now.State != tt.want || !reflect.DeepEqual(now, want) {
					r.t.Errorf("it is\n%+v, want\n%+v", now, want)
				}
				r.proven()
			})
		})
	}
}

// person is somebody of the tool's, by the key of their account in Canvas.
func (r *rig) person(key string) store.Person {
	r.t.Helper()
	var p store.Person
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		var err error
		p, err = tx.PersonByCanvas(r.tenant, r.w.User(key).ID.String())
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) personNow(id access.PersonID) store.Person {
	r.t.Helper()
	var p store.Person
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		var err error
		p, err = tx.Person(r.tenant, id)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// followed follows a merge of somebody, as a look at them does it.
func (r *rig) followed(p store.Person, into string) error {
	r.t.Helper()
	f, err := r.far(r.t.Context(), r.tenant, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return r.followPerson(r.t.Context(), f, p, r.w.User(into).ID.String())
}

func canvasID(g access.Grant) canvastest.ID {
	n, err := strconv.ParseInt(g.CanvasID, 10, 64)
	if err != nil {
		panic(err)
	}
	return canvastest.ID(n)
}

// Canvas moves one token of two: each is known where Canvas shows it. The one that
// was left is not proven gone by the list of an account where it never was.
func TestMergeLeavesAToken(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		left, _ := r.active()
		moved, _ := r.active()
		left, moved = r.grant(left.ID), r.grant(moved.ID)
		person := r.person("maya")
		maya, noor := r.w.User("maya").ID.String(), r.w.User("noor").ID.String()
		if err := r.w.MergeUsers("maya", "noor", canvasID(left)); err != nil {
			r.t.Fatal(err)
		}
		if err := r.followed(person, "noor"); err != nil {
			r.t.Fatal(err)
		}
		want, _, err := access.ApplyGrant(moved, access.Follow, access.SystemActor, access.GrantMove{CanvasUser: noor}, r.clock.Now())
		if err != nil {
			r.t.Fatal(err)
		}
		if now := r.grant(moved.ID); !reflect.DeepEqual(now, want) {
			r.t.Errorf("the token that was moved is\n%+v, want\n%+v", now, want)
		}
		if now := r.grant(left.ID); !reflect.DeepEqual(now, left) {
			r.t.Errorf("the token that was left is\n%+v, was\n%+v", now, left)
		}
		told := r.details(string(audit.PersonMerge))
		if len(told) != 1 || told[0]["canvas_user"] != maya || told[0]["into"] != noor {
			r.t.Errorf("of the merge is told %v", told)
		}
		told = r.details("grant." + string(access.Follow))
		if len(told) != 1 || told[0]["from"] != maya || told[0]["canvas_user"] != noor {
			r.t.Errorf("of the tokens is told %v", told)
		}
		r.pass(24 * time.Hour) // with looks, watches and what they bring
		if now := r.grant(left.ID); now.State != access.Active || now.CanvasUser != maya {
			r.t.Errorf("a day later the token that was left is %s by %q, of user %s", now.State, now.Cause, now.CanvasUser)
		}
		if now := r.grant(moved.ID); now.State != access.Active || now.CanvasUser != noor {
			r.t.Errorf("a day later the token that was moved is %s by %q, of user %s", now.State, now.Cause, now.CanvasUser)
		}
		r.proven()
	})
}

// details are what is told of each event of an action.
func (r *rig) details(do string) (out []map[string]string) {
	r.t.Helper()
	for _, e := range r.events(audit.Action(do)) {
		d := map[string]string{}
		if e.Detail != nil {
			d = e.Detail.Data
		}
		out = append(out, d)
	}
	return out
}

// What cannot be told now is followed later, and as a whole.
func TestMergeIsFollowedWhole(t *testing.T) {
	t.Parallel()
	fail := func(f canvastest.Fault) func(r *rig) func() {
		return func(r *rig) func() { f.Times = -1; return r.cv.Fail(f) }
	}
	for name, tt := range map[string]struct {
		stop func(r *rig) func() // and what lets it go on
		busy bool
	}{
		"Canvas does not say where a token is": {stop: fail(canvastest.Fault{Route: createRoute + "/:id", Status: 503})},
		"Canvas does not show whoever is left": {stop: fail(canvastest.Fault{Route: "/api/v1/users/:id", Status: 503})},
		"a token is being made": {busy: true, stop: func(r *rig) func() {
			q := r.approved()
			if !r.die("canvas answered", func() { _, _ = r.Collect(r.t.Context(), r.as("maya", access.DoorCourse), q.Code()) }) {
				r.t.Fatal("nothing is being made")
			}
			return func() {
				r.clock.Advance(access.MintLease + time.Minute)
				r.drain()
			}
		}},
		"a token that was being made is revoked": {busy: true, stop: func(r *rig) func() {
			q := r.approved()
			if !r.die("canvas answered", func() { _, _ = r.Collect(r.t.Context(), r.as("maya", access.DoorCourse), q.Code()) }) {
				r.t.Fatal("nothing is being made")
			}
			var g access.Grant
			if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) (err error) {
				g, err = tx.GrantOfRequest(r.tenant, q.ID)
				return err
			}); err != nil {
				r.t.Fatal(err)
			}
			withdraw := r.cv.Fail(canvastest.Fault{Route: createRoute + "/:id", Method: http.MethodDelete, Status: 500, Times: -1})
			if p, err := r.Revoke(r.t.Context(), r.as("dana", access.DoorAccount), g.ID, "not yet"); err != nil || p.Grant.State != access.Revoking {
				r.t.Fatalf("it is %s, %v", p.Grant.State, err)
			}
			return func() {
				withdraw()
				r.clock.Advance(10 * time.Minute)
				r.drain()
			}
		}},
		"a lost token's successor is being made": {busy: true, stop: func(r *rig) func() {
			c, _ := r.collected()
			maya := r.as("maya", access.DoorCourse)
			if _, err := r.Replace(r.t.Context(), maya, c.Request.Code()); err != nil {
				r.t.Fatal(err)
			}
			if !r.die("canvas answered", func() { _, _ = r.Collect(r.t.Context(), maya, c.Request.Code()) }) {
				r.t.Fatal("nothing is being made")
			}
			return func() {
				r.clock.Advance(access.MintLease + time.Minute)
				r.drain()
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g, _ := r.active()
			r.as("noor", access.DoorCourse)
			goOn := tt.stop(r)
			before, person := r.grant(g.ID), r.person("maya")
			merge := func() {
				if err := r.w.MergeUsers("maya", "noor"); err != nil {
					t.Fatal(err)
				}
			}
			if !tt.busy { // in the middle of a collection only the word of it has come
				merge()
			}
			if err := r.followed(person, "noor"); err == nil || tt.busy != errors.Is(err, errBusy) {
				t.Errorf("followed with %v", err)
			}
			if now := r.grant(g.ID); !reflect.DeepEqual(now, before) || r.personNow(person.ID) != person || r.happened(audit.PersonMerge) != 0 {
				t.Errorf("a part of it was done: %+v, %+v", now, r.personNow(person.ID))
			}
			goOn()
			if tt.busy {
				merge()
			}
			if err := r.followed(person, "noor"); err != nil {
				t.Fatal(err)
			}
			if now := r.grant(g.ID); now.CanvasUser != r.w.User("noor").ID.String() || now.Owner != r.person("noor").ID || r.happened(audit.PersonMerge) != 1 {
				t.Errorf("after it: %+v", now)
			}
			if err := r.followed(person, "noor"); err != nil || r.happened(audit.PersonMerge) != 1 {
				t.Errorf("again: %v, told %d times", err, r.happened(audit.PersonMerge))
			}
			r.proven()
		})
	}
}

// Who was asked to stand for a token and becomes its owner, or who decided on it,
// is asked no longer.
func TestMergeOfWhoWasAsked(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]string{"the owner": {"helen", "maya"}, "who decided": {"helen", "dana"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g, helen := r.asked()
			want, _, err := access.ApplyGrant(g, access.TurnDown, access.Actor{Person: helen.Person}, access.GrantMove{}, r.clock.Now())
			want.TurnedDown = "" // the question is over; nobody said no
			if err != nil {
				t.Fatal(err)
			}
			left := r.person(pair[0])
			if err := r.w.MergeUsers(pair[0], pair[1]); err != nil {
				t.Fatal(err)
			}
			if err := r.followed(left, pair[1]); err != nil {
				t.Fatal(err)
			}
			if now := r.grant(g.ID); !reflect.DeepEqual(now, want) {
				t.Errorf("it is\n%+v, want\n%+v", now, want)
			}
			r.proven()
		})
	}
}

// A process that died in the middle of a collection, before Canvas merged the
// owner's account, holds up nothing: what it may have made is looked for where
// the tokens went, and the merge is followed.
func TestMergeAfterAProcessDiedInACollection(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"intent committed", "canvas answered"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			q := r.approved()
			person, maya := r.person("maya"), r.as("maya", access.DoorCourse)
			if !r.die(step, func() { _, _ = r.Collect(t.Context(), maya, q.Code()) }) {
				t.Fatal("nothing is being made")
			}
			if err := r.w.MergeUsers("maya", "noor"); err != nil {
				t.Fatal(err)
			}
			if err := r.followed(person, "noor"); !errors.Is(err, errBusy) {
				t.Errorf("followed while the attempt may be somebody's at work: %v", err)
			}
			r.clock.Advance(access.MintLease + time.Minute)
			r.drain()
			if err := r.followed(person, "noor"); err != nil {
				t.Fatal(err)
			}
			if now := r.request(q.ID); now.State == access.Collecting || r.inCanvas("noor") != 0 {
				t.Errorf("the request is %s, with %d tokens in Canvas", now.State, r.inCanvas("noor"))
			}
			if now := r.personNow(person.ID); now.CanvasUser != r.w.User("noor").ID.String() {
				t.Errorf("the person is %+v", now)
			}
			r.proven()
		})
	}
}

// A chain of merges leads to whoever is left at its end; one that leads nowhere,
// or back, is not followed.
func TestMergesOneAfterTheOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	person := r.person("maya")
	if err := r.w.MergeUsers("maya", "noor"); err != nil {
		t.Fatal(err)
	}
	r.w.UpdateUser("noor", func(u *canvastest.User) { u.State = canvastest.StateDeleted })
	if err := r.followed(person, "noor"); err == nil || r.personNow(person.ID) != person {
		t.Errorf("followed to nobody: %v", err)
	}
	r.w.UpdateUser("noor", func(u *canvastest.User) { u.State = "registered" })
	if err := r.w.MergeUsers("noor", "rosa"); err != nil {
		t.Fatal(err)
	}
	if err := r.followed(person, "noor"); err != nil {
		t.Fatal(err)
	}
	if now := r.grant(g.ID); now.CanvasUser != r.w.User("rosa").ID.String() || r.person("rosa").ID != person.ID {
		t.Errorf("it is of user %s", now.CanvasUser)
	}
	r.proven()
}

// A token that comes to its end while its account is followed is left as it is, and
// holds up nothing.
func TestMergeWhileATokenEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	g = r.grant(g.ID)
	if err := r.w.MergeUsers("maya", "noor"); err != nil {
		t.Fatal(err)
	}
	noor := r.w.User("noor").ID.String()
	var ended access.Grant
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		if ended.ID == "" && canvasPath(req) == g.CanvasID {
			ended = r.moveGrant(g, access.Revoke, access.SystemActor, access.GrantMove{Cause: access.ByOwnerLeft})
			ended = r.moveGrant(ended, access.Gone, access.SystemActor, access.GrantMove{})
			ended = r.grant(g.ID)
		}
		return send(req)
	}
	r.line.Store(&line)
	if err := r.followed(r.person("maya"), "noor"); err != nil {
		t.Fatal(err)
	}
	if now := r.grant(g.ID); !ended.State.Final() || !reflect.DeepEqual(now, ended) {
		t.Errorf("it is\n%+v, was\n%+v", now, ended)
	}
	if p := r.personNow(g.Owner); p.CanvasUser != noor {
		t.Errorf("its owner is user %s", p.CanvasUser)
	}
	r.proven()
}

// However many decisions and tokens of the two are newer, none is forgotten.
func TestMergesKnowEveryDecision(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active() // Ana stands for it, Dana approved it
	old, priya := r.request(g.RequestID), r.as("priya", access.DoorAccount).Person
	other := r.as("luca", access.DoorCourse)
	r.clock.Advance(time.Hour)
	const some = 182 // in one transaction
	seed := func(tx *store.Tx) error {
		for i := range some {
			q, now := old, r.clock.Now()
			q.ID, q.Version, q.Requester, q.CreatedAt = store.NewID("req"), 1, other.Person, now
			if i%2 == 0 { // Ana's, decided by somebody else; the others are Dana's decisions
				q.Votes = access.Votes{q.Votes[0], approvedBy(priya, now)}
			} else {
				q.Sponsor, q.Votes = "", access.Votes{q.Votes[1]}
			}
			var err error
			if q.Number, err = tx.NextNumber(r.tenant); err != nil {
				return err
			}
			e := r.event(r.tenant, access.SystemID, audit.RequestCreate, q.ID)
			e.To, e.Version = string(q.State), 1
			if err := tx.CreateRequest(q, e, nil); err != nil {
				return err
			}
			if q.Sponsor == "" {
				continue
			}
			n := access.NewGrant(store.NewID("grt"), q, other.CanvasUser, now.AddDate(0, 1, 0), now)
			n.State, n.ActivatedAt, n.CanvasID = access.Active, now, "1"
			e = r.event(r.tenant, access.SystemID, audit.GrantCreate, n.ID)
			e.To, e.Version = string(n.State), 1
			if err := tx.CreateGrant(n, e, nil); err != nil {
				return err
			}
		}
		return nil
	}
	for range 2*store.MaxLimit/some + 1 {
		r.must(r.Store.InTx(t.Context(), seed))
	}
	left := r.person("ana")
	r.must(r.w.MergeUsers("ana", "dana"))
	r.must(r.followed(left, "dana"))
	ended := 0
	for _, e := range r.events(audit.GrantRevoke) {
		if e.Event.Object == g.ID {
			ended++
		}
	}
	if now := r.grant(g.ID); now.Cause != access.ByDuties || now.State != access.Revoking || ended != 1 || len(r.events(audit.GrantRevoke)) != 1 {
		t.Errorf("the token is %s by %q; %d ended", now.State, now.Cause, len(r.events(audit.GrantRevoke)))
	}
}
