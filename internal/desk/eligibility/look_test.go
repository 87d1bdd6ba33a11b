package eligibility_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/eligibility"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

const enrollmentsRoute = "/api/v1/users/:user_id/enrollments"

// looked is what one look at somebody finds.
func looked(r *desktest.Rig, id access.PersonID) ([]desk.Finding, error) {
	r.T.Helper()
	f, err := r.Desk.CanvasOf(r.T.Context(), r.Tenant, "")
	if err != nil {
		r.T.Fatal(err)
	}
	return r.Eligibility.NewView(r.T.Context(), f).Check(id)
}

// ownWord is a request by somebody who stands for themselves.
func ownWord(r *desktest.Rig, key string) access.Request {
	r.T.Helper()
	a := r.Answers()
	a.Set("sponsor", "")
	q, err := r.Requests.Submit(r.T.Context(), r.As(key, access.DoorUser), "", a)
	if err != nil {
		r.T.Fatal(err)
	}
	return q
}

// ownToken is the token of such a request.
func ownToken(r *desktest.Rig, key string) access.Grant {
	r.T.Helper()
	q := ownWord(r, key)
	r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
	c, err := r.Tokens.Collect(r.T.Context(), r.As(key, access.DoorUser), q.Code())
	if err != nil {
		r.T.Fatal(err)
	}
	r.Activate(key, c.Grant.CanvasID)
	r.Tick(2 * time.Minute)
	return r.Grant(c.Grant.ID)
}

// Staff and faculty stand for themselves by their role alone: whoever lost it has
// nothing that goes on, and whoever has another one loses nothing.
func TestWhoLostTheirRole(t *testing.T) {
	t.Parallel()
	listed := func(r *desktest.Rig, key string) {
		r.School(func(s *store.School) { s.StaffList = []string{r.W.User(key).ID.String()} })
	}
	for name, tt := range map[string]struct {
		who    string
		before func(r *desktest.Rig)
		lose   func(r *desktest.Rig)
		lost   bool // their request
		ends   bool // their token, at once
	}{
		"a designer": {who: "grace", lose: func(r *desktest.Rig) { r.W.SetEnrollmentState("grace", "bio201", canvastest.StateDeleted) }, lost: true, ends: true},
		"somebody of the staff list": {who: "sam", before: func(r *desktest.Rig) { listed(r, "sam") },
			lose: func(r *desktest.Rig) { r.School(func(s *store.School) { s.StaffList = nil }) }, lost: true, ends: true},
		"a teacher":               {who: "ana", lose: func(r *desktest.Rig) { r.W.SetEnrollmentState("ana", "bio201", canvastest.StateDeleted) }, lost: true, ends: true},
		"a teacher between terms": {who: "ana", lose: func(r *desktest.Rig) { r.W.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted) }, lost: true},
		"a designer who is on the list": {who: "grace", lose: func(r *desktest.Rig) {
			listed(r, "grace")
			r.W.SetEnrollmentState("grace", "bio201", canvastest.StateDeleted)
		}},
		"a teacher who designs from now on": {who: "ana", lose: func(r *desktest.Rig) {
			r.W.SetEnrollmentState("ana", "bio201", canvastest.StateDeleted)
			r.W.Enroll("ana", "chem110", canvastest.DesignerEnrollment)
		}},
		"a designer whom nobody took it from": {who: "grace", lose: func(*desktest.Rig) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			if tt.before != nil {
				tt.before(r)
			}
			g := ownToken(r, tt.who)
			waiting := r.Request(ownWord(r, tt.who).ID)
			tt.lose(r)
			var want []desk.Finding
			if tt.ends {
				want = append(want, desk.Finding{Object: g.ID, What: string(access.ByOwnerLeft)})
			}
			if tt.lost {
				want = append(want, desk.Finding{Object: waiting.ID, What: eligibility.LostOwner})
			}
			got, err := looked(r, g.Owner)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("a look found %+v, want %+v, %v", got, want, err)
			}
			r.Pass(eligibility.EligibilityRound + 2*eligibility.EligibilityAgain)
			state, cause := access.Active, access.Cause("")
			if tt.ends {
				state, cause = access.Revoked, access.ByOwnerLeft
			}
			if now := r.Grant(g.ID); now.State != state || now.Cause != cause {
				t.Errorf("the token is %s by %q", now.State, now.Cause)
			}
			if now := r.Request(waiting.ID); (now.State == access.Lapsed) != tt.lost || !tt.lost && !reflect.DeepEqual(now, waiting) {
				t.Errorf("the request is %+v", now)
			}
			r.Proven()
		})
	}
}

func groundData(t *testing.T, j jobs.Job) desk.EligibilityRef {
	t.Helper()
	var ref desk.EligibilityRef
	if err := json.Unmarshal(j.Data, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

// A slot of the round gives each tenant one survey, of that slot.
func TestRoundBeginsASurveyForEachTenant(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t := r.T
		other := desktest.NewRig(t, r.Desk.Store, "10000000000003")
		r.Due("", r.Clock.Now())
		for at, slot := range map[time.Duration]int{0: 12, 14*time.Minute + 59*time.Second: 12, 15 * time.Minute: 13, 9*time.Hour - time.Second: 47, 9 * time.Hour: 0} {
			from := r.Clock.Now()
			r.Clock.Advance(at)
			for range 2 { // two replicas
				if err := r.Eligibility.EligibilityHandler(t.Context(), jobs.Job{Kind: eligibility.JobEligibility}); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, j := range r.Due(eligibility.JobSurvey, r.Clock.Now()) {
				got = append(got, fmt.Sprintf("%s %d", j.Tenant, groundData(t, j).Slot))
			}
			want := []string{fmt.Sprintf("%s %d", r.Tenant, slot), fmt.Sprintf("%s %d", other.Tenant, slot)}
			slices.Sort(got)
			slices.Sort(want)
			if at == 14*time.Minute+59*time.Second || at == 0 { // the same slot: whichever came first
				if len(got) != 0 && !slices.Equal(got, want) {
					t.Errorf("after %s: %q, want %q or none", at, got, want)
				}
			} else if !slices.Equal(got, want) {
				t.Errorf("after %s: %q, want %q", at, got, want)
			}
			r.Clock.Advance(from.Sub(r.Clock.Now()))
		}
	})
}

// A survey looks at so many people of its slot; another one goes on behind the
// last of them. Each who lost something is looked at again, and nothing else
// happens to them.
func TestSurveyGoesOnBehindItsBatch(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t := r.T
		q := r.Approved()
		ana := r.Request(q.ID).Sponsor
		slot := (eligibility.SlotOf(q.Requester) + 1) % eligibility.EligibilitySlots // nobody else has a place there
		var people []access.PersonID
		for i := range eligibility.EligibilityBatch + 2 {
			key := fmt.Sprintf("left-%d", i)
			u := r.W.AddUser(canvastest.User{Key: key, Name: key}, key, "")
			if i == 0 {
				r.W.Enroll(key, "bio201", canvastest.StudentEnrollment) // for one all holds
			}
			id := access.PersonID(store.NewID("per"))
			for eligibility.SlotOf(id) != slot {
				id = access.PersonID(store.NewID("per"))
			}
			p := store.Person{ID: id, Tenant: r.Tenant, CanvasUser: u.ID.String(), Name: key, CreatedAt: r.Clock.Now()}
			if err := r.Desk.Store.InTx(t.Context(), func(tx *store.Tx) error { return tx.SavePerson(p) }); err != nil {
				t.Fatal(err)
			}
			seedGrant(r, u.ID.String(), ana)
			people = append(people, id)
		}
		firm := people[0]
		slices.Sort(people)
		now := r.Clock.Now()
		r.Due("", now.Add(24*time.Hour)) // what is there is not of this test
		job := jobs.Job{Kind: eligibility.JobSurvey, Key: "survey", Tenant: string(r.Tenant), Data: desktest.MustJSON(t, desk.EligibilityRef{Slot: slot})}
		if err := r.Eligibility.SurveyHandler(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		next := r.Due(eligibility.JobSurvey, now)
		if len(next) != 1 || !reflect.DeepEqual(groundData(t, next[0]), desk.EligibilityRef{Slot: slot, After: people[eligibility.EligibilityBatch-1]}) || next[0].Tenant != string(r.Tenant) {
			t.Fatalf("the rest is left to %+v", next)
		}
		// again are those who are looked at again, with what was seen.
		again := func(among []access.PersonID) {
			t.Helper()
			if early := r.Due(desk.JobOwner, now.Add(eligibility.EligibilityAgain-time.Nanosecond)); len(early) != 0 {
				t.Errorf("%d are looked at again too early", len(early))
			}
			seen := map[access.PersonID]bool{}
			for _, j := range r.Due(desk.JobOwner, now.Add(eligibility.EligibilityAgain)) {
				ref := groundData(t, j)
				seen[ref.Owner] = true
				if len(ref.Seen) != 1 || ref.Seen[0].What != string(access.ByOwnerLeft) || r.Grant(ref.Seen[0].Object).Owner != ref.Owner {
					t.Errorf("of %s was seen %+v", ref.Owner, ref.Seen)
				}
			}
			for _, p := range people {
				if want := slices.Contains(among, p) && p != firm; seen[p] != want {
					t.Errorf("%s is looked at again: %v", p, seen[p])
				}
			}
		}
		again(people[:eligibility.EligibilityBatch])
		if err := r.Eligibility.SurveyHandler(t.Context(), next[0]); err != nil {
			t.Fatal(err)
		}
		again(people[eligibility.EligibilityBatch:])
		if more := r.Due(eligibility.JobSurvey, now.Add(time.Hour)); len(more) != 0 {
			t.Errorf("and on: %+v", more)
		}
		if ended := r.Happened("grant." + "revoke"); ended != 0 {
			t.Errorf("one look ended %d tokens", ended)
		}
	})
}

// What one look at a person does with what the first one saw.
func TestTheSecondLook(t *testing.T) {
	t.Parallel()
	left := func(r *desktest.Rig) { r.W.SetEnrollmentState("maya", "bio201", canvastest.StateDeleted) }
	owner := func(g access.Grant) desk.Finding { return desk.Finding{Object: g.ID, What: string(access.ByOwnerLeft)} }
	sponsor := func(g access.Grant) desk.Finding {
		return desk.Finding{Object: g.ID, What: eligibility.LostSponsor, Of: g.Sponsor}
	}
	seen := func(fs ...func(access.Grant) desk.Finding) func(access.Grant) []desk.Finding {
		return func(g access.Grant) (out []desk.Finding) {
			for _, f := range fs {
				out = append(out, f(g))
			}
			return out
		}
	}
	for name, tt := range map[string]struct {
		move  func(r *desktest.Rig)
		seen  func(access.Grant) []desk.Finding // by the first look; nil: this is the first
		acts  bool
		again func(access.Grant) []desk.Finding // what a further look is to confirm
		later time.Duration                     // the same look comes again
	}{
		"a first look":              {move: left, again: seen(owner)},
		"the same twice":            {move: left, seen: seen(owner), acts: true},
		"another thing than before": {move: left, seen: seen(sponsor), again: seen(owner)},
		"nothing any more":          {move: func(*desktest.Rig) {}, seen: seen(owner)},
		"a first look, Canvas silent": {move: func(r *desktest.Rig) {
			left(r)
			r.Cv.Fail(canvastest.Fault{Route: enrollmentsRoute, Status: 503, Times: -1})
		}},
		"a second look, Canvas silent": {move: func(r *desktest.Rig) {
			left(r)
			r.Cv.Fail(canvastest.Fault{Route: enrollmentsRoute, Status: 503, Times: -1})
		}, seen: seen(owner), later: eligibility.EligibilityAgain},
		"no right to see tokens any more":      {move: func(r *desktest.Rig) { left(r); r.W.SetPermission("account-admin", canvastest.PermViewTokens, false) }, seen: seen(owner), later: eligibility.EligibilityAgain},
		"no right to see people any more":      {move: func(r *desktest.Rig) { left(r); r.W.SetPermission("account-admin", canvastest.PermReadRoster, false) }, seen: seen(owner), later: eligibility.EligibilityAgain},
		"of a first look rights are not asked": {move: func(r *desktest.Rig) { left(r); r.W.SetPermission("account-admin", canvastest.PermViewTokens, false) }, again: seen(owner)},
		"its platform was switched off":        {move: func(r *desktest.Rig) { left(r); r.SwitchOff() }, seen: seen(owner)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, _ := r.Active()
			g = r.Grant(g.ID)
			tt.move(r)
			now := r.Clock.Now()
			r.Due("", now.Add(1000*time.Hour))
			ref := desk.EligibilityRef{Owner: g.Owner}
			if tt.seen != nil {
				ref.Seen = tt.seen(g)
			}
			err := r.Eligibility.OwnerHandler(t.Context(), jobs.Job{Kind: desk.JobOwner, Key: "look", Tenant: string(r.Tenant), Data: desktest.MustJSON(t, ref)})
			var later *jobs.LaterError
			if tt.later == 0 && err != nil || tt.later != 0 && (!errors.As(err, &later) || later.After != tt.later) {
				t.Errorf("it says %v", err)
			}
			want := g
			if tt.acts {
				if want, _, err = access.ApplyGrant(g, access.Revoke, access.SystemActor, access.GrantMove{Cause: access.ByOwnerLeft}, r.Clock.Now()); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.Grant(g.ID); !reflect.DeepEqual(got, want) {
				t.Errorf("the token is\n%+v, want\n%+v", got, want)
			}
			var again []desk.Finding
			if tt.again != nil {
				again = tt.again(g)
			}
			next := r.Due(desk.JobOwner, r.Clock.Now().Add(eligibility.EligibilityAgain))
			if (len(next) == 1) != (again != nil) || again != nil && !reflect.DeepEqual(groundData(t, next[0]), desk.EligibilityRef{Owner: g.Owner, Seen: again}) {
				t.Errorf("the next look is %+v", next)
			}
			r.Proven()
		})
	}
}

// What was seen twice is done to what is there by now: nothing, where somebody has
// moved it since.
func TestALossMeetsAnotherMove(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		of   func(r *desktest.Rig) (object string, lost access.PersonID)
		what string
		and  func(r *desktest.Rig, object string)
	}{
		"a token that has another sponsor": {
			of: func(r *desktest.Rig) (string, access.PersonID) { g, _ := r.Asked(); return g.ID, r.Person("ana").ID }, what: eligibility.LostSponsor,
			and: func(r *desktest.Rig, id string) {
				if _, err := r.Tokens.TakeOver(r.T.Context(), r.As("helen", access.DoorCourse), id, r.TermsOf(id)); err != nil {
					r.T.Fatal(err)
				}
			},
		},
		"a token that ends": {of: func(r *desktest.Rig) (string, access.PersonID) { g, _ := r.Active(); return g.ID, "" }, what: string(access.ByOwnerLeft),
			and: func(r *desktest.Rig, id string) {
				if _, err := r.Tokens.Revoke(r.T.Context(), r.As("maya", access.DoorCourse), id, ""); err != nil {
					r.T.Fatal(err)
				}
			}},
		"a request that has another sponsor": {of: func(r *desktest.Rig) (string, access.PersonID) { q := r.Submitted(); return q.ID, q.Sponsor }, what: eligibility.LostSponsor,
			and: func(r *desktest.Rig, id string) {
				r.Helen()
				if _, err := r.Requests.ChooseSponsor(r.T.Context(), r.As("maya", access.DoorCourse), r.Request(id).Code(), r.W.User("helen").ID.String()); err != nil {
					r.T.Fatal(err)
				}
			}},
		"a request that was withdrawn": {of: func(r *desktest.Rig) (string, access.PersonID) { return r.Submitted().ID, "" }, what: eligibility.LostOwner,
			and: func(r *desktest.Rig, id string) {
				r.Act(r.As("maya", access.DoorCourse), r.Request(id).Code(), access.Withdraw, access.Move{})
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			object, lost := tt.of(r)
			tt.and(r, object)
			f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
			if err != nil {
				t.Fatal(err)
			}
			before := len(r.Audit())
			if err := r.Eligibility.Give(t.Context(), f, desk.Finding{Object: object, What: tt.what, Of: lost}); err != nil {
				t.Errorf("it fails with %v", err)
			}
			if n := len(r.Audit()) - before; n != 0 {
				t.Errorf("%d things happened", n)
			}
			r.Proven()
		})
	}
}

// A sponsor is lost who no longer teaches and is none of the school's supervisors,
// or is gone. Who is not found by id, but by the identity that they launch with, is
// not gone: then nothing is known.
func TestWhoseSponsorIsLost(t *testing.T) {
	t.Parallel()
	supervises := func(r *desktest.Rig) {
		r.School(func(s *store.School) { s.Supervisors = []string{r.W.User("ana").ID.String()} })
	}
	leaves := func(r *desktest.Rig) { r.W.SetEnrollmentState("ana", "bio201", canvastest.StateDeleted) }
	gone := func(r *desktest.Rig) {
		r.W.UpdateUser("ana", func(u *canvastest.User) { u.State = canvastest.StateDeleted })
	}
	another := func(r *desktest.Rig) { // her account went, and somebody is known by her identity
		id := r.W.User("ana").LTIID
		r.W.UpdateUser("ana", func(u *canvastest.User) { u.State, u.LTIID = canvastest.StateDeleted, u.LTIID+"0" })
		r.W.UpdateUser("pavel", func(u *canvastest.User) { u.LTIID = id })
	}
	for name, tt := range map[string]struct {
		do   []func(r *desktest.Rig)
		lost bool
		fail bool
	}{
		"she teaches":                            {},
		"she left":                               {do: []func(*desktest.Rig){leaves}, lost: true},
		"she left, and supervises":               {do: []func(*desktest.Rig){leaves, supervises}},
		"she teaches elsewhere, and supervises":  {do: []func(*desktest.Rig){leaves, supervises, func(r *desktest.Rig) { r.W.Enroll("ana", "chem110", canvastest.TeacherEnrollment) }}},
		"she teaches elsewhere":                  {do: []func(*desktest.Rig){leaves, func(r *desktest.Rig) { r.W.Enroll("ana", "chem110", canvastest.TeacherEnrollment) }}, lost: true},
		"she is deleted":                         {do: []func(*desktest.Rig){gone}, lost: true},
		"a supervisor is deleted":                {do: []func(*desktest.Rig){supervises, gone}, lost: true},
		"she is found by her launch identity":    {do: []func(*desktest.Rig){another}, fail: true},
		"she supervises, and is found by launch": {do: []func(*desktest.Rig){supervises, another}, fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, _ := r.Active()
			q := r.Submitted()
			for _, do := range tt.do {
				do(r)
			}
			got, err := looked(r, g.Owner)
			var want []desk.Finding
			if tt.lost {
				want = []desk.Finding{{Object: g.ID, What: eligibility.LostSponsor, Of: g.Sponsor}, {Object: q.ID, What: eligibility.LostSponsor, Of: q.Sponsor}}
			}
			if (err != nil) != tt.fail || !slices.Equal(got, want) {
				t.Errorf("a look found %+v, want %+v, %v", got, want, err)
			}
		})
	}
}

// An absence counts only for a credential that may see everybody: either right alone
// is not enough, and no answer is none.
func TestWhoIsTrustedWithAnAbsence(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do  func(r *desktest.Rig)
		yes bool
	}{
		"both rights":            {func(*desktest.Rig) {}, true},
		"no right to see people": {func(r *desktest.Rig) { r.W.SetPermission("account-admin", canvastest.PermReadRoster, false) }, false},
		"no right to see tokens": {func(r *desktest.Rig) { r.W.SetPermission("account-admin", canvastest.PermViewTokens, false) }, false},
		"no answer":              {func(r *desktest.Rig) { r.Cv.Fail(canvastest.Fault{Status: 503, Times: -1}) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
			if err != nil {
				t.Fatal(err)
			}
			tt.do(r)
			v := r.Eligibility.NewView(t.Context(), f)
			for range 2 { // the second time by what is known
				if err := v.Trusted(); (err == nil) != tt.yes {
					t.Errorf("trusted: %v", err)
				}
			}
		})
	}
}

// A survey reads everybody with something live once, however many jobs it takes.
func TestASurveyReadsEverybodyOnce(t *testing.T) {
	t.Parallel()
	storetest.EachHeard(t, func(t *testing.T, st *store.Store, heard *storetest.Statements) {
		r := desktest.NewRig(t, st)
		const all = eligibility.EligibilityPage + 2*eligibility.EligibilityBatch
		var want []access.PersonID
		for n := 0; n < all; {
			err := st.InTx(t.Context(), func(tx *store.Tx) error {
				for range 100 {
					n++
					p := store.Person{ID: access.PersonID(fmt.Sprintf("per_%05d", n)), Tenant: r.Tenant, CanvasUser: fmt.Sprint(70_000 + n), Name: "P", CreatedAt: r.Clock.Now()}
					q := access.Request{ID: fmt.Sprintf("req_%05d", n), Tenant: r.Tenant, Number: n, Version: 1, State: access.InReview, PolicyVersion: 1, Requester: p.ID,
						CreatedAt: r.Clock.Now(), UpdatedAt: r.Clock.Now()}
					e := audit.Event{Tenant: string(r.Tenant), At: r.Clock.Now(), Actor: access.SystemID, Action: audit.RequestCreate, Object: q.ID, To: string(q.State), Version: 1}
					if err := cmp.Or(tx.SavePerson(p), tx.CreateRequest(q, e, nil)); err != nil {
						return err
					}
					want = append(want, p.ID)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		var got []access.PersonID
		batches := 0
		said := heard.During(func() {
			ref := desk.EligibilityRef{Missed: eligibility.EligibilitySlots - 1} // everybody's slot
			for rest := true; rest; {
				people, err := r.Eligibility.Concerned(t.Context(), r.Tenant, ref)
				if err != nil {
					t.Fatal(err)
				}
				if rest = len(people) > eligibility.EligibilityBatch; rest {
					people = people[:eligibility.EligibilityBatch]
				}
				got, ref.After = append(got, people...), people[len(people)-1]
				batches++
			}
		})
		if !slices.Equal(got, want) {
			t.Errorf("%d people, want %d", len(got), len(want))
		}
		if len(said) > batches+1 {
			t.Errorf("%d statements in %d jobs for %d people", len(said), batches, len(want))
		}
	})
}
