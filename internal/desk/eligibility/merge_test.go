package eligibility_test

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
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/eligibility"
	"github.com/tokendesk/tokendesk/internal/store"
)

func TestOwnerIsMerged(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, value := r.Active()
		if err := r.W.MergeUsers("maya", "noor"); err != nil {
			r.T.Fatal(err)
		}
		noor := r.W.User("noor").ID.String()
		within(r, 24*time.Hour, g.ID, func(g access.Grant) bool { return g.CanvasUser == noor })
		if now := r.Grant(g.ID); now.State != access.Active || !r.W.Authenticates(value) {
			r.T.Fatalf("it is %s by %s", now.State, now.Cause)
		}
		// Noor, whom the tool had not met, finds it, and can end it.
		caller := r.As("noor", access.DoorCourse)
		h, err := r.Cases.Home(r.T.Context(), caller)
		if err != nil || len(h.Tokens) != 1 {
			r.T.Fatalf("her home: %+v, %v", h, err)
		}
		if p, err := r.Tokens.Revoke(r.T.Context(), caller, g.ID, ""); err != nil || p.Grant.State != access.Revoked || r.W.Authenticates(value) {
			r.T.Errorf("revoked: %v", err)
		}
		r.Proven()
	})
}

// Both were known: the two become one person, whoever launches.
func TestTwoKnownPeopleAreMerged(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, _ := r.Active()
		noor := r.As("noor", access.DoorCourse)
		if err := r.W.MergeUsers("maya", "noor"); err != nil {
			r.T.Fatal(err)
		}
		within(r, 24*time.Hour, g.ID, func(g access.Grant) bool { return g.Owner == noor.Person })
		h, err := r.Cases.Home(r.T.Context(), noor)
		if err != nil || len(h.Tokens) != 1 {
			r.T.Errorf("her home: %+v, %v", h, err)
		}
		var old store.Person
		if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
			old, err = tx.Person(r.Tenant, g.Owner)
			return err
		}); err != nil || old.MergedInto != noor.Person {
			r.T.Errorf("the old person: %+v, %v", old, err)
		}
		r.Proven()
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
			some(t, pair[1] == "ana", func(r *desktest.Rig) {
				g, value := r.Active()
				if err := r.W.MergeUsers(pair[0], pair[1]); err != nil {
					r.T.Fatal(err)
				}
				within(r, 24*time.Hour, g.ID, endedBy(access.ByDuties))
				if r.W.Authenticates(value) {
					r.T.Error("the token works")
				}
				r.Proven()
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
			some(t, tt.state == access.Approved, func(r *desktest.Rig) {
				q := r.Submitted()
				if tt.state != access.AwaitingSponsor {
					r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
				}
				r.As("dana", access.DoorAccount)
				if tt.state == access.Approved {
					r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
				}
				if tt.claimed != "" {
					r.Act(r.As(tt.claimed, access.DoorAccount), q.Code(), access.Claim, access.Move{})
				}
				before, left := r.Request(q.ID), r.Person(tt.pair[0])
				if err := r.W.MergeUsers(tt.pair[0], tt.pair[1]); err != nil {
					r.T.Fatal(err)
				}
				if err := r.Followed(left, tt.pair[1]); err != nil {
					r.T.Fatal(err)
				}
				want, _, err := access.Apply(before, tt.do, access.SystemActor, access.Move{Policy: desktest.BuiltIn, To: tt.to}, r.Clock.Now())
				if err != nil {
					r.T.Fatal(err)
				}
				// What the one person had is the other's.
				stays := r.Person(tt.pair[1]).ID
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
				if now := r.Request(q.ID); now.State != tt.want || !reflect.DeepEqual(now, want) {
					r.T.Errorf("it is\n%+v, want\n%+v", now, want)
				}
				r.Proven()
			})
		})
	}
}

func personNow(r *desktest.Rig, id access.PersonID) store.Person {
	r.T.Helper()
	var p store.Person
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		var err error
		p, err = tx.Person(r.Tenant, id)
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return p
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
	desktest.Each(t, func(r *desktest.Rig) {
		left, _ := r.Active()
		moved, _ := r.Active()
		left, moved = r.Grant(left.ID), r.Grant(moved.ID)
		person := r.Person("maya")
		maya, noor := r.W.User("maya").ID.String(), r.W.User("noor").ID.String()
		if err := r.W.MergeUsers("maya", "noor", canvasID(left)); err != nil {
			r.T.Fatal(err)
		}
		if err := r.Followed(person, "noor"); err != nil {
			r.T.Fatal(err)
		}
		want, _, err := access.ApplyGrant(moved, access.Follow, access.SystemActor, access.GrantMove{CanvasUser: noor}, r.Clock.Now())
		if err != nil {
			r.T.Fatal(err)
		}
		if now := r.Grant(moved.ID); !reflect.DeepEqual(now, want) {
			r.T.Errorf("the token that was moved is\n%+v, want\n%+v", now, want)
		}
		if now := r.Grant(left.ID); !reflect.DeepEqual(now, left) {
			r.T.Errorf("the token that was left is\n%+v, was\n%+v", now, left)
		}
		told := r.Details(string(audit.PersonMerge))
		if len(told) != 1 || told[0]["canvas_user"] != maya || told[0]["into"] != noor {
			r.T.Errorf("of the merge is told %v", told)
		}
		told = r.Details("grant." + string(access.Follow))
		if len(told) != 1 || told[0]["from"] != maya || told[0]["canvas_user"] != noor {
			r.T.Errorf("of the tokens is told %v", told)
		}
		r.Pass(24 * time.Hour) // with looks, watches and what they bring
		if now := r.Grant(left.ID); now.State != access.Active || now.CanvasUser != maya {
			r.T.Errorf("a day later the token that was left is %s by %q, of user %s", now.State, now.Cause, now.CanvasUser)
		}
		if now := r.Grant(moved.ID); now.State != access.Active || now.CanvasUser != noor {
			r.T.Errorf("a day later the token that was moved is %s by %q, of user %s", now.State, now.Cause, now.CanvasUser)
		}
		r.Proven()
	})
}

// What cannot be told now is followed later, and as a whole.
func TestMergeIsFollowedWhole(t *testing.T) {
	t.Parallel()
	fail := func(f canvastest.Fault) func(r *desktest.Rig) func() {
		return func(r *desktest.Rig) func() { f.Times = -1; return r.Cv.Fail(f) }
	}
	for name, tt := range map[string]struct {
		stop func(r *desktest.Rig) func() // and what lets it go on
		busy bool
	}{
		"Canvas does not say where a token is": {stop: fail(canvastest.Fault{Route: desktest.CreateRoute + "/:id", Status: 503})},
		"Canvas does not show whoever is left": {stop: fail(canvastest.Fault{Route: "/api/v1/users/:id", Status: 503})},
		"a token is being made": {busy: true, stop: func(r *desktest.Rig) func() {
			q := r.Approved()
			if !r.Die("canvas answered", func() { _, _ = r.Tokens.Collect(r.T.Context(), r.As("maya", access.DoorCourse), q.Code()) }) {
				r.T.Fatal("nothing is being made")
			}
			return func() {
				r.Clock.Advance(access.MintLease + time.Minute)
				r.Drain()
			}
		}},
		"a token that was being made is revoked": {busy: true, stop: func(r *desktest.Rig) func() {
			q := r.Approved()
			if !r.Die("canvas answered", func() { _, _ = r.Tokens.Collect(r.T.Context(), r.As("maya", access.DoorCourse), q.Code()) }) {
				r.T.Fatal("nothing is being made")
			}
			var g access.Grant
			if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) (err error) {
				g, err = tx.GrantOfRequest(r.Tenant, q.ID)
				return err
			}); err != nil {
				r.T.Fatal(err)
			}
			withdraw := r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute + "/:id", Method: http.MethodDelete, Status: 500, Times: -1})
			if p, err := r.Tokens.Revoke(r.T.Context(), r.As("dana", access.DoorAccount), g.ID, "not yet"); err != nil || p.Grant.State != access.Revoking {
				r.T.Fatalf("it is %s, %v", p.Grant.State, err)
			}
			return func() {
				withdraw()
				r.Clock.Advance(10 * time.Minute)
				r.Drain()
			}
		}},
		"a lost token's successor is being made": {busy: true, stop: func(r *desktest.Rig) func() {
			c, _ := r.Collected()
			maya := r.As("maya", access.DoorCourse)
			if _, err := r.Tokens.Replace(r.T.Context(), maya, c.Request.Code()); err != nil {
				r.T.Fatal(err)
			}
			if !r.Die("canvas answered", func() { _, _ = r.Tokens.Collect(r.T.Context(), maya, c.Request.Code()) }) {
				r.T.Fatal("nothing is being made")
			}
			return func() {
				r.Clock.Advance(access.MintLease + time.Minute)
				r.Drain()
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, _ := r.Active()
			r.As("noor", access.DoorCourse)
			goOn := tt.stop(r)
			before, person := r.Grant(g.ID), r.Person("maya")
			merge := func() {
				if err := r.W.MergeUsers("maya", "noor"); err != nil {
					t.Fatal(err)
				}
			}
			if !tt.busy { // in the middle of a collection only the word of it has come
				merge()
			}
			if err := r.Followed(person, "noor"); err == nil || tt.busy != errors.Is(err, eligibility.ErrBusy) {
				t.Errorf("followed with %v", err)
			}
			if now := r.Grant(g.ID); !reflect.DeepEqual(now, before) || personNow(r, person.ID) != person || r.Happened(audit.PersonMerge) != 0 {
				t.Errorf("a part of it was done: %+v, %+v", now, personNow(r, person.ID))
			}
			goOn()
			if tt.busy {
				merge()
			}
			if err := r.Followed(person, "noor"); err != nil {
				t.Fatal(err)
			}
			if now := r.Grant(g.ID); now.CanvasUser != r.W.User("noor").ID.String() || now.Owner != r.Person("noor").ID || r.Happened(audit.PersonMerge) != 1 {
				t.Errorf("after it: %+v", now)
			}
			if err := r.Followed(person, "noor"); err != nil || r.Happened(audit.PersonMerge) != 1 {
				t.Errorf("again: %v, told %d times", err, r.Happened(audit.PersonMerge))
			}
			r.Proven()
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
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, helen := r.Asked()
			want, _, err := access.ApplyGrant(g, access.TurnDown, access.Actor{Person: helen.Person}, access.GrantMove{}, r.Clock.Now())
			want.TurnedDown = "" // the question is over; nobody said no
			if err != nil {
				t.Fatal(err)
			}
			left := r.Person(pair[0])
			if err := r.W.MergeUsers(pair[0], pair[1]); err != nil {
				t.Fatal(err)
			}
			if err := r.Followed(left, pair[1]); err != nil {
				t.Fatal(err)
			}
			if now := r.Grant(g.ID); !reflect.DeepEqual(now, want) {
				t.Errorf("it is\n%+v, want\n%+v", now, want)
			}
			r.Proven()
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
			r := desktest.NewRig(t, desktest.Sqlite(t))
			q := r.Approved()
			person, maya := r.Person("maya"), r.As("maya", access.DoorCourse)
			if !r.Die(step, func() { _, _ = r.Tokens.Collect(t.Context(), maya, q.Code()) }) {
				t.Fatal("nothing is being made")
			}
			if err := r.W.MergeUsers("maya", "noor"); err != nil {
				t.Fatal(err)
			}
			if err := r.Followed(person, "noor"); !errors.Is(err, eligibility.ErrBusy) {
				t.Errorf("followed while the attempt may be somebody's at work: %v", err)
			}
			r.Clock.Advance(access.MintLease + time.Minute)
			r.Drain()
			if err := r.Followed(person, "noor"); err != nil {
				t.Fatal(err)
			}
			if now := r.Request(q.ID); now.State == access.Collecting || r.InCanvas("noor") != 0 {
				t.Errorf("the request is %s, with %d tokens in Canvas", now.State, r.InCanvas("noor"))
			}
			if now := personNow(r, person.ID); now.CanvasUser != r.W.User("noor").ID.String() {
				t.Errorf("the person is %+v", now)
			}
			r.Proven()
		})
	}
}

// A chain of merges leads to whoever is left at its end; one that leads nowhere,
// or back, is not followed.
func TestMergesOneAfterTheOther(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	person := r.Person("maya")
	if err := r.W.MergeUsers("maya", "noor"); err != nil {
		t.Fatal(err)
	}
	r.W.UpdateUser("noor", func(u *canvastest.User) { u.State = canvastest.StateDeleted })
	if err := r.Followed(person, "noor"); err == nil || personNow(r, person.ID) != person {
		t.Errorf("followed to nobody: %v", err)
	}
	r.W.UpdateUser("noor", func(u *canvastest.User) { u.State = "registered" })
	if err := r.W.MergeUsers("noor", "rosa"); err != nil {
		t.Fatal(err)
	}
	if err := r.Followed(person, "noor"); err != nil {
		t.Fatal(err)
	}
	if now := r.Grant(g.ID); now.CanvasUser != r.W.User("rosa").ID.String() || r.Person("rosa").ID != person.ID {
		t.Errorf("it is of user %s", now.CanvasUser)
	}
	r.Proven()
}

// A token that comes to its end while its account is followed is left as it is, and
// holds up nothing.
func TestMergeWhileATokenEnds(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	g = r.Grant(g.ID)
	if err := r.W.MergeUsers("maya", "noor"); err != nil {
		t.Fatal(err)
	}
	noor := r.W.User("noor").ID.String()
	var ended access.Grant
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		if ended.ID == "" && desktest.CanvasPath(req) == g.CanvasID {
			ended = r.MoveGrant(g, access.Revoke, access.SystemActor, access.GrantMove{Cause: access.ByOwnerLeft})
			ended = r.MoveGrant(ended, access.Gone, access.SystemActor, access.GrantMove{})
			ended = r.Grant(g.ID)
		}
		return send(req)
	}
	r.Line.Store(&line)
	if err := r.Followed(r.Person("maya"), "noor"); err != nil {
		t.Fatal(err)
	}
	if now := r.Grant(g.ID); !ended.State.Final() || !reflect.DeepEqual(now, ended) {
		t.Errorf("it is\n%+v, was\n%+v", now, ended)
	}
	if p := personNow(r, g.Owner); p.CanvasUser != noor {
		t.Errorf("its owner is user %s", p.CanvasUser)
	}
	r.Proven()
}

// However many decisions and tokens of the two are newer, none is forgotten.
func TestMergesKnowEveryDecision(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active() // Ana stands for it, Dana approved it
	old, priya := r.Request(g.RequestID), r.As("priya", access.DoorAccount).Person
	other := r.As("luca", access.DoorCourse)
	r.Clock.Advance(time.Hour)
	const some = 182 // in one transaction
	seed := func(tx *store.Tx) error {
		for i := range some {
			q, now := old, r.Clock.Now()
			q.ID, q.Version, q.Requester, q.CreatedAt = store.NewID("req"), 1, other.Person, now
			if i%2 == 0 { // Ana's, decided by somebody else; the others are Dana's decisions
				q.Votes = access.Votes{q.Votes[0], desktest.ApprovedBy(priya, now)}
			} else {
				q.Sponsor, q.Votes = "", access.Votes{q.Votes[1]}
			}
			var err error
			if q.Number, err = tx.NextNumber(r.Tenant); err != nil {
				return err
			}
			e := r.Desk.Event(r.Tenant, access.SystemID, audit.RequestCreate, q.ID)
			e.To, e.Version = string(q.State), 1
			if err := tx.CreateRequest(q, e, nil); err != nil {
				return err
			}
			if q.Sponsor == "" {
				continue
			}
			n := access.NewGrant(store.NewID("grt"), q, other.CanvasUser, now.AddDate(0, 1, 0), now)
			n.State, n.ActivatedAt, n.CanvasID = access.Active, now, "1"
			e = r.Desk.Event(r.Tenant, access.SystemID, audit.GrantCreate, n.ID)
			e.To, e.Version = string(n.State), 1
			if err := tx.CreateGrant(n, e, nil); err != nil {
				return err
			}
		}
		return nil
	}
	for range 2*store.MaxLimit/some + 1 {
		r.Must(r.Desk.Store.InTx(t.Context(), seed))
	}
	left := r.Person("ana")
	r.Must(r.W.MergeUsers("ana", "dana"))
	r.Must(r.Followed(left, "dana"))
	ended := 0
	for _, e := range r.Events(audit.GrantRevoke) {
		if e.Event.Object == g.ID {
			ended++
		}
	}
	if now := r.Grant(g.ID); now.Cause != access.ByDuties || now.State != access.Revoking || ended != 1 || len(r.Events(audit.GrantRevoke)) != 1 {
		t.Errorf("the token is %s by %q; %d ended", now.State, now.Cause, len(r.Events(audit.GrantRevoke)))
	}
}
