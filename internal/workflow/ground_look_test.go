package workflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

const enrollmentsRoute = "/api/v1/users/:user_id/enrollments"

// looked is what one look at somebody finds.
func (r *rig) looked(id access.PersonID) ([]finding, error) {
	r.t.Helper()
	f, err := r.far(r.t.Context(), r.tenant, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return r.newView(r.t.Context(), f).look(id)
}

// ownWord is a request by somebody who stands for themselves.
func (r *rig) ownWord(key string) access.Request {
	r.t.Helper()
	a := r.answers()
	a.Set("sponsor", "")
	q, err := r.Submit(r.t.Context(), r.as(key, access.DoorUser), "", a)
	if err != nil {
		r.t.Fatal(err)
	}
	return q
}

// ownToken is the token of such a request.
func (r *rig) ownToken(key string) access.Grant {
	r.t.Helper()
	q := r.ownWord(key)
	r.act(r.as("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
	c, err := r.Collect(r.t.Context(), r.as(key, access.DoorUser), q.Code())
	if err != nil {
		r.t.Fatal(err)
	}
	r.activate(key, c.Grant.CanvasID)
	r.tick(2 * time.Minute)
	return r.grant(c.Grant.ID)
}

// Staff and faculty stand for themselves by their role alone: whoever lost it has
// nothing that goes on, and whoever has another one loses nothing.
func TestWhoLostTheirRole(t *testing.T) {
	t.Parallel()
	listed := func(r *rig, key string) {
		r.school(func(s *store.School) { s.StaffList = []string{r.w.User(key).ID.String()} })
	}
	for name, tt := range map[string]struct {
		who    string
		before func(r *rig)
		lose   func(r *rig)
		lost   bool // their request
		ends   bool // their token, at once
	}{
		"a designer": {who: "grace", lose: func(r *rig) { r.w.SetEnrollmentState("grace", "bio201", canvastest.StateDeleted) }, lost: true, ends: true},
		"somebody of the staff list": {who: "sam", before: func(r *rig) { listed(r, "sam") },
			lose: func(r *rig) { r.school(func(s *store.School) { s.StaffList = nil }) }, lost: true, ends: true},
		"a teacher":                     {who: "ana", lose: func(r *rig) { r.w.SetEnrollmentState("ana", "bio201", canvastest.StateDeleted) }, lost: true, ends: true},
		"a teacher between terms":       {who: "ana", lose: func(r *rig) { r.w.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted) }, lost: true},
		"a designer who is on the list": {who: "grace", lose: func(r *rig) { listed(r, "grace"); r.w.SetEnrollmentState("grace", "bio201", canvastest.StateDeleted) }},
		"a teacher who designs from now on": {who: "ana", lose: func(r *rig) {
			r.w.SetEnrollmentState("ana", "bio201", canvastest.StateDeleted)
			r.w.Enroll("ana", "chem110", canvastest.DesignerEnrollment)
		}},
		"a designer whom nobody took it from": {who: "grace", lose: func(*rig) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			if tt.before != nil {
				tt.before(r)
			}
			g := r.ownToken(tt.who)
			waiting := r.request(r.ownWord(tt.who).ID)
			tt.lose(r)
			var want []finding
			if tt.ends {
				want = append(want, finding{Object: g.ID, What: string(access.ByOwnerLeft)})
			}
			if tt.lost {
				want = append(want, finding{Object: waiting.ID, What: lostOwner})
			}
			got, err := r.looked(g.Owner)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("a look found %+v, want %+v, %v", got, want, err)
			}
			r.pass(groundRound + 2*groundAgain)
			state, cause := access.Active, access.Cause("")
			if tt.ends {
				state, cause = access.Revoked, access.ByOwnerLeft
			}
			if now := r.grant(g.ID); now.State != state || now.Cause != cause {
				t.Errorf("the token is %s by %q", now.State, now.Cause)
			}
			if now := r.request(waiting.ID); (now.State == access.Lapsed) != tt.lost || !tt.lost && !reflect.DeepEqual(now, waiting) {
				t.Errorf("the request is %+v", now)
			}
			r.proven()
		})
	}
}

// due takes the jobs of a kind that come due by then; it takes all others too, so
// that nothing runs by itself any more.
func (r *rig) due(kind string, by time.Time) (out []jobs.Job) {
	r.t.Helper()
	for {
		claimed, err := r.Store.ClaimJobs(r.t.Context(), jobs.Claim{Owner: "test", Now: by, Lease: 1000 * time.Hour, Limit: 200, But: true})
		if err != nil {
			r.t.Fatal(err)
		}
		if len(claimed) == 0 {
			slices.SortFunc(out, func(a, b jobs.Job) int { return strings.Compare(a.Key, b.Key) })
			return out
		}
		for _, j := range claimed {
			if j.Kind == kind {
				out = append(out, j)
			}
		}
	}
}

func groundData(t *testing.T, j jobs.Job) groundRef {
	t.Helper()
	var ref groundRef
	if err := json.Unmarshal(j.Data, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

// A slot of the round gives each tenant one survey, of that slot.
func TestRoundBeginsASurveyForEachTenant(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		t := r.t
		other := newRig(t, r.Store, "10000000000003")
		r.due("", r.clock.Now())
		for at, slot := range map[time.Duration]int{0: 12, 14*time.Minute + 59*time.Second: 12, 15 * time.Minute: 13, 9*time.Hour - time.Second: 47, 9 * time.Hour: 0} {
			from := r.clock.Now()
			r.clock.Advance(at)
			for range 2 { // two replicas
				if err := r.groundHandler(t.Context(), jobs.Job{Kind: jobGround}); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, j := range r.due(jobSurvey, r.clock.Now()) {
				got = append(got, fmt.Sprintf("%s %d", j.Tenant, groundData(t, j).Slot))
			}
			want := []string{fmt.Sprintf("%s %d", r.tenant, slot), fmt.Sprintf("%s %d", other.tenant, slot)}
			slices.Sort(got)
			slices.Sort(want)
			if at == 14*time.Minute+59*time.Second || at == 0 { // the same slot: whichever came first
				if len(got) != 0 && !slices.Equal(got, want) {
					t.Errorf("after %s: %q, want %q or none", at, got, want)
				}
			} else if !slices.Equal(got, want) {
				t.Errorf("after %s: %q, want %q", at, got, want)
			}
			r.clock.Advance(from.Sub(r.clock.Now()))
		}
	})
}

// A survey looks at so many people of its slot; another one goes on behind the
// last of them. Each whose ground moved is looked at again, and nothing else
// happens to them.
func TestSurveyGoesOnBehindItsBatch(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		t := r.t
		q := r.approved()
		ana := r.request(q.ID).Sponsor
		slot := (slotOf(q.Requester) + 1) % groundSlots // nobody else has a place there
		var people []access.PersonID
		for i := range groundBatch + 2 {
			key := fmt.Sprintf("left-%d", i)
			u := r.w.AddUser(canvastest.User{Key: key, Name: key}, key, "")
			if i == 0 {
				r.w.Enroll(key, "bio201", canvastest.StudentEnrollment) // the ground of one is firm
			}
			id := access.PersonID(store.NewID("per"))
			for slotOf(id) != slot {
				id = access.PersonID(store.NewID("per"))
			}
			p := store.Person{ID: id, Tenant: r.tenant, CanvasUser: u.ID.String(), Name: key, CreatedAt: r.clock.Now()}
			if err := r.Store.InTx(t.Context(), func(tx *store.Tx) error { return tx.SavePerson(p) }); err != nil {
				t.Fatal(err)
			}
			r.seedGrant(u.ID.String(), ana)
			people = append(people, id)
		}
		firm := people[0]
		slices.Sort(people)
		now := r.clock.Now()
		r.due("", now.Add(24*time.Hour)) // what is there is not of this test
		job := jobs.Job{Kind: jobSurvey, Key: "survey", Tenant: string(r.tenant), Data: mustJSON(t, groundRef{Slot: slot})}
		if err := r.surveyHandler(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		next := r.due(jobSurvey, now)
		if len(next) != 1 || !reflect.DeepEqual(groundData(t, next[0]), groundRef{Slot: slot, After: people[groundBatch-1]}) || next[0].Tenant != string(r.tenant) {
			t.Fatalf("the rest is left to %+v", next)
		}
		// again are those who are looked at again, with what was seen.
		again := func(among []access.PersonID) {
			t.Helper()
			if early := r.due(jobOwner, now.Add(groundAgain-time.Nanosecond)); len(early) != 0 {
				t.Errorf("%d are looked at again too early", len(early))
			}
			seen := map[access.PersonID]bool{}
			for _, j := range r.due(jobOwner, now.Add(groundAgain)) {
				ref := groundData(t, j)
				seen[ref.Owner] = true
				if len(ref.Seen) != 1 || ref.Seen[0].What != string(access.ByOwnerLeft) || r.grant(ref.Seen[0].Object).Owner != ref.Owner {
					t.Errorf("of %s was seen %+v", ref.Owner, ref.Seen)
				}
			}
			for _, p := range people {
				if want := slices.Contains(among, p) && p != firm; seen[p] != want {
					t.Errorf("%s is looked at again: %v", p, seen[p])
				}
			}
		}
		again(people[:groundBatch])
		if err := r.surveyHandler(t.Context(), next[0]); err != nil {
			t.Fatal(err)
		}
		again(people[groundBatch:])
		if more := r.due(jobSurvey, now.Add(time.Hour)); len(more) != 0 {
			t.Errorf("and on: %+v", more)
		}
		if ended := r.happened("grant." + "revoke"); ended != 0 {
			t.Errorf("one look ended %d tokens", ended)
		}
	})
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What one look at a person does with what the first one saw.
func TestTheSecondLook(t *testing.T) {
	t.Parallel()
	left := func(r *rig) { r.w.SetEnrollmentState("maya", "bio201", canvastest.StateDeleted) }
	owner := func(g access.Grant) finding { return finding{Object: g.ID, What: string(access.ByOwnerLeft)} }
	sponsor := func(g access.Grant) finding { return finding{Object: g.ID, What: lostSponsor, Of: g.Sponsor} }
	seen := func(fs ...func(access.Grant) finding) func(access.Grant) []finding {
		return func(g access.Grant) (out []finding) {
			for _, f := range fs {
				out = append(out, f(g))
			}
			return out
		}
	}
	for name, tt := range map[string]struct {
		move  func(r *rig)
		seen  func(access.Grant) []finding // by the first look; nil: this is the first
		acts  bool
		again func(access.Grant) []finding // what a further look is to confirm
		later time.Duration                // the same look comes again
	}{
		"a first look":                         {move: left, again: seen(owner)},
		"the same twice":                       {move: left, seen: seen(owner), acts: true},
		"another thing than before":            {move: left, seen: seen(sponsor), again: seen(owner)},
		"nothing any more":                     {move: func(*rig) {}, seen: seen(owner)},
		"a first look, Canvas silent":          {move: func(r *rig) { left(r); r.cv.Fail(canvastest.Fault{Route: enrollmentsRoute, Status: 503, Times: -1}) }},
		"a second look, Canvas silent":         {move: func(r *rig) { left(r); r.cv.Fail(canvastest.Fault{Route: enrollmentsRoute, Status: 503, Times: -1}) }, seen: seen(owner), later: groundAgain},
		"no right to see tokens any more":      {move: func(r *rig) { left(r); r.w.SetPermission("account-admin", canvastest.PermViewTokens, false) }, seen: seen(owner), later: groundAgain},
		"no right to see people any more":      {move: func(r *rig) { left(r); r.w.SetPermission("account-admin", canvastest.PermReadRoster, false) }, seen: seen(owner), later: groundAgain},
		"of a first look rights are not asked": {move: func(r *rig) { left(r); r.w.SetPermission("account-admin", canvastest.PermViewTokens, false) }, again: seen(owner)},
		"its platform was switched off":        {move: func(r *rig) { left(r); r.switchOff() }, seen: seen(owner)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g, _ := r.active()
			g = r.grant(g.ID)
			tt.move(r)
			now := r.clock.Now()
			r.due("", now.Add(1000*time.Hour))
			ref := groundRef{Owner: g.Owner}
			if tt.seen != nil {
				ref.Seen = tt.seen(g)
			}
			err := r.ownerHandler(t.Context(), jobs.Job{Kind: jobOwner, Key: "look", Tenant: string(r.tenant), Data: mustJSON(t, ref)})
			var later *jobs.LaterError
			if tt.later == 0 && err != nil || tt.later != 0 && (!errors.As(err, &later) || later.After != tt.later) {
				t.Errorf("it says %v", err)
			}
			want := g
			if tt.acts {
				if want, _, err = access.ApplyGrant(g, access.Revoke, access.SystemActor, access.GrantMove{Cause: access.ByOwnerLeft}, r.clock.Now()); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.grant(g.ID); !reflect.DeepEqual(got, want) {
				t.Errorf("the token is\n%+v, want\n%+v", got, want)
			}
			var again []finding
			if tt.again != nil {
				again = tt.again(g)
			}
			next := r.due(jobOwner, r.clock.Now().Add(groundAgain))
			if (len(next) == 1) != (again != nil) || again != nil && !reflect.DeepEqual(groundData(t, next[0]), groundRef{Owner: g.Owner, Seen: again}) {
				t.Errorf("the next look is %+v", next)
			}
			r.proven()
		})
	}
}

// switchOff switches the tenant's platform off.
func (r *rig) switchOff() {
	r.t.Helper()
	if err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
		p, err := tx.Platform(r.plat)
		if err != nil {
			return err
		}
		p.Disabled = true
		return tx.SavePlatform(p, r.event(r.tenant, "operator:test", "platform.change", p.ID), nil)
	}); err != nil {
		r.t.Fatal(err)
	}
}

// What was seen twice is done to what is there by now: nothing, where somebody has
// moved it since.
func TestALossMeetsAnotherMove(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		of   func(r *rig) (object string, lost access.PersonID)
		what string
		and  func(r *rig, object string)
	}{
		"a token that has another sponsor": {
			of: func(r *rig) (string, access.PersonID) { g, _ := r.asked(); return g.ID, r.person("ana").ID }, what: lostSponsor,
			and: func(r *rig, id string) {
				if _, err := r.TakeOver(r.t.Context(), r.as("helen", access.DoorCourse), id, r.termsOf(id)); err != nil {
					r.t.Fatal(err)
				}
			},
		},
		"a token that ends": {of: func(r *rig) (string, access.PersonID) { g, _ := r.active(); return g.ID, "" }, what: string(access.ByOwnerLeft),
			and: func(r *rig, id string) {
				if _, err := r.Revoke(r.t.Context(), r.as("maya", access.DoorCourse), id, ""); err != nil {
					r.t.Fatal(err)
				}
			}},
		"a request that has another sponsor": {of: func(r *rig) (string, access.PersonID) { q := r.submitted(); return q.ID, q.Sponsor }, what: lostSponsor,
			and: func(r *rig, id string) {
				r.helen()
				if _, err := r.ChooseSponsor(r.t.Context(), r.as("maya", access.DoorCourse), r.request(id).Code(), r.w.User("helen").ID.String()); err != nil {
					r.t.Fatal(err)
				}
			}},
		"a request that was withdrawn": {of: func(r *rig) (string, access.PersonID) { return r.submitted().ID, "" }, what: lostOwner,
			and: func(r *rig, id string) {
				r.act(r.as("maya", access.DoorCourse), r.request(id).Code(), access.Withdraw, access.Move{})
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			object, lost := tt.of(r)
			tt.and(r, object)
			f, err := r.far(t.Context(), r.tenant, "")
			if err != nil {
				t.Fatal(err)
			}
			before := len(r.audit())
			if err := r.give(t.Context(), f, finding{Object: object, What: tt.what, Of: lost}); err != nil {
				t.Errorf("it fails with %v", err)
			}
			if n := len(r.audit()) - before; n != 0 {
				t.Errorf("%d things happened", n)
			}
			r.proven()
		})
	}
}

// A sponsor is lost who no longer teaches and is none of the school's supervisors,
// or is gone. Who is not found by id, but by the identity that they launch with, is
// not gone: then nothing is known.
func TestWhoseSponsorIsLost(t *testing.T) {
	t.Parallel()
	supervises := func(r *rig) {
		r.school(func(s *store.School) { s.Supervisors = []string{r.w.User("ana").ID.String()} })
	}
	leaves := func(r *rig) { r.w.SetEnrollmentState("ana", "bio201", canvastest.StateDeleted) }
	gone := func(r *rig) {
		r.w.UpdateUser("ana", func(u *canvastest.User) { u.State = canvastest.StateDeleted })
	}
	another := func(r *rig) { // her account went, and somebody is known by her identity
		id := r.w.User("ana").LTIID
		r.w.UpdateUser("ana", func(u *canvastest.User) { u.State, u.LTIID = canvastest.StateDeleted, u.LTIID+"0" })
		r.w.UpdateUser("pavel", func(u *canvastest.User) { u.LTIID = id })
	}
	for name, tt := range map[string]struct {
		do   []func(r *rig)
		lost bool
		fail bool
	}{
		"she teaches":                            {},
		"she left":                               {do: []func(*rig){leaves}, lost: true},
		"she left, and supervises":               {do: []func(*rig){leaves, supervises}},
		"she teaches elsewhere, and supervises":  {do: []func(*rig){leaves, supervises, func(r *rig) { r.w.Enroll("ana", "chem110", canvastest.TeacherEnrollment) }}},
		"she teaches elsewhere":                  {do: []func(*rig){leaves, func(r *rig) { r.w.Enroll("ana", "chem110", canvastest.TeacherEnrollment) }}, lost: true},
		"she is deleted":                         {do: []func(*rig){gone}, lost: true},
		"a supervisor is deleted":                {do: []func(*rig){supervises, gone}, lost: true},
		"she is found by her launch identity":    {do: []func(*rig){another}, fail: true},
		"she supervises, and is found by launch": {do: []func(*rig){supervises, another}, fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g, _ := r.active()
			q := r.submitted()
			for _, do := range tt.do {
				do(r)
			}
			got, err := r.looked(g.Owner)
			var want []finding
			if tt.lost {
				want = []finding{{Object: g.ID, What: lostSponsor, Of: g.Sponsor}, {Object: q.ID, What: lostSponsor, Of: q.Sponsor}}
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
		do  func(r *rig)
		yes bool
	}{
		"both rights":            {func(*rig) {}, true},
		"no right to see people": {func(r *rig) { r.w.SetPermission("account-admin", canvastest.PermReadRoster, false) }, false},
		"no right to see tokens": {func(r *rig) { r.w.SetPermission("account-admin", canvastest.PermViewTokens, false) }, false},
		"no answer":              {func(r *rig) { r.cv.Fail(canvastest.Fault{Status: 503, Times: -1}) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			f, err := r.far(t.Context(), r.tenant, "")
			if err != nil {
				t.Fatal(err)
			}
			tt.do(r)
			v := r.newView(t.Context(), f)
			for range 2 { // the second time by what is known
				if err := v.trusted(); (err == nil) != tt.yes {
					t.Errorf("trusted: %v", err)
				}
			}
		})
	}
}
