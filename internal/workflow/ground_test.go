package workflow

import (
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// pass lets d pass and runs what it brings.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	r.passUntil(d, func() bool { return false })
}

// passUntil lets d pass, or less once stop says so. It stands still at the slots
// of those with something live, and at the second looks; in between nothing of the
// ground round would happen. The long form stands still at every slot.
func (r *rig) passUntil(d time.Duration, stop func() bool) {
	r.t.Helper()
	end := r.clock.Now().Add(d)
	to := func(at time.Time) bool {
		if at.After(end) {
			at = end
		}
		r.clock.Advance(at.Sub(r.clock.Now()))
		for kind, slot := range map[string]time.Duration{jobGround: groundSlot, jobTick: time.Minute} {
			at := r.clock.Now().UTC().Truncate(slot)
			if err := r.Store.InsertJob(r.t.Context(), jobs.Insert{Kind: kind, Key: kind + "@" + at.Format(time.RFC3339), RunAt: at}); err != nil {
				r.t.Fatal(err)
			}
		}
		r.drain()
		return stop() || !r.clock.Now().Before(end)
	}
	for r.clock.Now().Before(end) {
		if to(r.nextSlot()) || to(r.clock.Now().Add(groundAgain+time.Minute)) || to(r.clock.Now().Add(time.Minute)) {
			return
		}
	}
}

// nextSlot is the next slot in which somebody is looked at.
func (r *rig) nextSlot() time.Time {
	r.t.Helper()
	at := r.clock.Now().UTC().Truncate(groundSlot)
	for range groundRound / groundSlot {
		at = at.Add(groundSlot)
		if os.Getenv("TOKENDESK_LONG") != "" {
			return at
		}
		ref := groundRef{Slot: int(at.Sub(at.Truncate(groundRound)) / groundSlot)}
		people, err := r.concerned(r.t.Context(), r.tenant, ref)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(people) > 0 {
			return at
		}
	}
	return at
}

// later lets d pass at once, and then a round.
func (r *rig) later(d time.Duration) {
	r.t.Helper()
	r.tick(d - groundRound)
	r.pass(groundRound)
}

// within lets up to d pass and returns when the grant was first seen to change as
// wanted, or fails.
func (r *rig) within(d time.Duration, id string, want func(access.Grant) bool) time.Duration {
	r.t.Helper()
	start := r.clock.Now()
	r.passUntil(d, func() bool { return want(r.grant(id)) })
	if g := r.grant(id); !want(g) {
		r.t.Fatalf("after %s the token is %s by %q, sponsor %q, gap until %s", d, g.State, g.Cause, g.Sponsor, g.GapUntil)
	}
	return r.clock.Now().Sub(start)
}

// some runs a test on both databases, or on SQLite alone.
func some(t *testing.T, both bool, test func(r *rig)) {
	t.Helper()
	if both || os.Getenv("TOKENDESK_LONG") != "" {
		each(t, test)
		return
	}
	test(newRig(t, sqlite(t)))
}

func endedBy(c access.Cause) func(access.Grant) bool {
	return func(g access.Grant) bool { return g.State == access.Revoked && g.Cause == c }
}

// Every loss is noticed within a day, by virtual time.
func TestTheGroundMoves(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		move func(r *rig)
		want func(access.Grant) bool
		told map[string]string // who gets which message
		both bool              // on both databases; the others say the same to the store
	}{
		"the owner leaves the course": {
			func(r *rig) { r.w.SetEnrollmentState("maya", "bio201", "deleted") }, endedBy(access.ByOwnerLeft),
			map[string]string{"maya": "no longer lists you", "ana": "no longer lists Maya Chen"}, true,
		},
		"the sponsor no longer teaches": {
			func(r *rig) { r.w.SetEnrollmentState("ana", "bio201", "completed") },
			func(g access.Grant) bool { return g.State == access.Active && g.Sponsor == "" && !g.GapUntil.IsZero() },
			map[string]string{"maya": "no longer lists Ana Ruiz as your teacher"}, true,
		},
		"the sponsor is deleted": {
			func(r *rig) { r.w.UpdateUser("ana", func(u *canvastest.User) { u.State = canvastest.StateDeleted }) },
			func(g access.Grant) bool { return g.State == access.Active && g.Sponsor == "" && !g.GapUntil.IsZero() },
			map[string]string{"maya": "no longer lists Ana Ruiz as your teacher"}, false,
		},
		"the owner is deleted": {
			func(r *rig) { r.w.UpdateUser("maya", func(u *canvastest.User) { u.State = canvastest.StateDeleted }) },
			// Canvas cannot prove the token gone: it stays "may still work" (docs/decisions.md 13).
			func(g access.Grant) bool { return g.State == access.Revoking && g.Cause == access.ByOwnerLeft }, nil, false,
		},
		"the course ended 14 days ago": {
			func(r *rig) {
				r.w.UpdateCourse("bio201", func(c *canvastest.Course) { c.End, c.RestrictToCourseDates = r.clock.Now().AddDate(0, 0, -14), true })
			},
			endedBy(access.ByCourse), map[string]string{"maya": "course of your token is over"}, false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			some(t, tt.both, func(r *rig) {
				g, _ := r.active()
				tt.move(r)
				took := r.within(24*time.Hour, g.ID, tt.want)
				r.pass(time.Hour)
				for who, words := range tt.told {
					if r.inbox(who, words) != 1 {
						r.t.Errorf("%s was told %d times that %q", who, r.inbox(who, words), words)
					}
				}
				r.t.Logf("noticed and done after %s", took)
				r.proven()
			})
		})
	}
}

// A course that is over gives its tokens 14 days, and says so at once.
func TestGraceAfterTheCourse(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(r *rig){
		"by its dates": func(r *rig) {
			r.w.UpdateCourse("bio201", func(c *canvastest.Course) { c.End, c.RestrictToCourseDates = r.clock.Now(), true })
			r.w.SetEnrollmentState("maya", "bio201", canvastest.StateCompleted)
			r.w.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
		},
		"by hand, without a date": func(r *rig) {
			r.w.UpdateCourse("bio201", func(c *canvastest.Course) { c.State = canvastest.StateCompleted })
			r.w.SetEnrollmentState("maya", "bio201", canvastest.StateCompleted)
			r.w.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
		},
		"finished in a course that goes on": func(r *rig) { r.w.SetEnrollmentState("maya", "bio201", canvastest.StateCompleted) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g, value := r.active()
			end(r)
			r.pass(groundRound)
			r.later(12 * 24 * time.Hour)
			if now := r.grant(g.ID); now.State != access.Active || now.Sponsor == "" || !r.w.Authenticates(value) {
				t.Fatalf("within the grace it is %s by %q, sponsor %q", now.State, now.Cause, now.Sponsor)
			}
			if r.inbox("maya", "BIO 201 is over") != 1 || r.inbox("ana", "BIO 201 is over") != 1 {
				t.Errorf("told %d and %d times", r.inbox("maya", "BIO 201 is over"), r.inbox("ana", "BIO 201 is over"))
			}
			ends := r.grant(g.ID).EndsAt()
			r.tick(ends.Sub(r.clock.Now()) - time.Minute)
			if now := r.grant(g.ID); now.State != access.Active {
				t.Errorf("it is %s by %s a minute before what every page said", now.State, now.Cause)
			}
			for range 4 {
				r.tick(time.Minute)
			}
			if now := r.grant(g.ID); !endedBy(access.ByCourse)(now) {
				t.Errorf("it is %s by %s 3 minutes after what every page said", now.State, now.Cause)
			}
			r.proven()
		})
	}
}

// The day a token ends with its course is one day, wherever somebody asks; it
// moves with the course's, and never behind Canvas's own end.
func TestTheDayACourseTakesATokenAway(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		g, value := r.active()
		own := g.EndsAt()
		maya := r.as("maya", access.DoorCourse)
		end := func(at time.Time) {
			r.w.UpdateCourse("bio201", func(c *canvastest.Course) { c.End, c.RestrictToCourseDates = at, true })
		}
		says := func(when string, want time.Time, why access.Cause, told int) {
			r.t.Helper()
			want = want.UTC().Truncate(time.Second)
			now := r.grant(g.ID)
			if !now.EndsAt().Equal(want) || now.EndsWhyNow() != why || !now.CanvasEnd().Equal(own) || !r.token(g).ExpiresAt.Equal(own) {
				r.t.Fatalf("%s: it ends at %s for %q, want %s for %q; in Canvas at %s", when, now.EndsAt(), now.EndsWhyNow(), want, why, r.token(g).ExpiresAt)
			}
			p, err := r.Token(r.t.Context(), maya, g.ID)
			if err != nil || !p.Grant.EndsAt().Equal(want) {
				r.t.Errorf("%s: its page says %s, %v", when, p.Grant.EndsAt(), err)
			}
			for before, n := range map[time.Time]int{want.Add(time.Minute): 1, want: 0} {
				l, err := r.Tokens(r.t.Context(), r.as("dana", access.DoorAccount), TokenFilter{EndsBefore: before})
				if err != nil || l.Total != n {
					r.t.Errorf("%s: %d tokens end before %s, %v", when, l.Total, before, err)
				}
			}
			if n := r.inbox("maya", "BIO 201 is over"); n != told {
				r.t.Errorf("%s: told %d times", when, n)
			}
			if when == "over for five days" && r.inbox("maya", "stops on "+want.In(location(maya.TimeZone)).Format("Mon 2 Jan")) == 0 {
				r.t.Errorf("%s: told %q", when, r.w.Inbox("maya"))
			}
		}
		first := r.clock.Now().Add(-5 * 24 * time.Hour)
		end(first)
		r.pass(groundRound)
		says("over for five days", first.Add(builtIn.Windows.Grace), access.ByCourse, 1)
		later := r.clock.Now().Add(-time.Hour)
		end(later)
		r.pass(groundRound)
		says("ended later", later.Add(builtIn.Windows.Grace), access.ByCourse, 1)
		if !r.w.Authenticates(value) {
			r.t.Error("it does not work")
		}
		end(r.clock.Now().AddDate(0, 2, 0))
		r.pass(groundRound)
		says("goes on", own, access.ByEnd, 1)
		r.tick(own.Sub(r.clock.Now()) - 3*24*time.Hour)
		last := r.clock.Now()
		end(last)
		r.pass(groundRound)
		says("over shortly before the token is", own, access.ByEnd, 1)
		r.proven()
	})
}

// A course that goes on again starts the grace anew.
func TestCourseGoesOnAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	over := func(on bool) {
		state := map[bool]string{true: canvastest.StateCompleted, false: "available"}[on]
		r.w.UpdateCourse("bio201", func(c *canvastest.Course) { c.State = state })
	}
	over(true)
	r.pass(groundRound)
	r.later(10 * 24 * time.Hour)
	over(false)
	r.pass(groundRound)
	if now := r.grant(g.ID); !now.EndsAt().Equal(g.EndsAt()) || now.EndsWhyNow() != access.ByEnd {
		t.Errorf("the course goes on, and the token ends at %s for %q", now.EndsAt(), now.EndsWhyNow())
	}
	over(true)
	r.pass(groundRound)
	r.later(10 * 24 * time.Hour)
	if now := r.grant(g.ID); now.State != access.Active {
		t.Errorf("it is %s by %s", now.State, now.Cause)
	}
}

// Whatever Canvas does not say clearly ends nothing.
func TestNothingEndsOnADoubt(t *testing.T) {
	t.Parallel()
	enrollments := "/api/v1/users/:user_id/enrollments"
	tests := map[string]func(r *rig){
		"Canvas is down":      func(r *rig) { r.cv.Fail(canvastest.Fault{Route: "", Status: 503, Times: -1}) },
		"the enrolments fail": func(r *rig) { r.cv.Fail(canvastest.Fault{Route: enrollments, Status: 500, Times: -1}) },
		"the enrolments are not found": func(r *rig) {
			r.cv.Fail(canvastest.Fault{Route: enrollments, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
		},
		"an answer does not tell its end": func(r *rig) { r.cv.Fail(canvastest.Fault{Route: enrollments, Status: 200, Body: `[]`, Times: 1}) },
		"the credential sees nobody": func(r *rig) {
			r.w.SetPermission("account-admin", canvastest.PermReadRoster, false)
			r.cv.Fail(canvastest.Fault{Route: enrollments, Status: 200, Body: `[]`, Times: -1})
		},
		"the credential may not see everything": func(r *rig) { // she has left, but who says so is not to be trusted with it
			r.w.SetPermission("account-admin", canvastest.PermViewTokens, false)
			r.w.SetEnrollmentState("maya", "bio201", "deleted")
		},
		"the course cannot be read": func(r *rig) { r.cv.Fail(canvastest.Fault{Route: "/api/v1/courses/:id", Status: 500, Times: -1}) },
		"the person is denied, not gone": func(r *rig) {
			r.cv.Fail(canvastest.Fault{Route: enrollments, Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`, Times: -1})
		},
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			g, _ := r.active()
			fail(r)
			r.pass(14 * time.Hour) // a round, and the second looks
			if now := r.grant(g.ID); now.State != access.Active || now.Sponsor == "" {
				t.Errorf("it is %s by %q, sponsor %q", now.State, now.Cause, now.Sponsor)
			}
			r.proven()
		})
	}
}

// Enrolled again before the second look: nothing happened.
func TestASecondLookDecides(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	r.w.SetEnrollmentState("maya", "bio201", "deleted")
	r.passUntil(groundRound, func() bool { return r.waits(jobOwner) > 0 })
	if r.waits(jobOwner) == 0 {
		t.Fatal("nobody looked")
	}
	r.w.SetEnrollmentState("maya", "bio201", canvastest.StateActive)
	r.pass(time.Hour)
	if now := r.grant(g.ID); now.State != access.Active {
		t.Errorf("it is %s by %s", now.State, now.Cause)
	}
}

// waits counts jobs of a kind that are still to be run.
func (r *rig) waits(kind string) int {
	r.t.Helper()
	claimed, err := r.Store.ClaimJobs(r.t.Context(), jobs.Claim{Owner: "peek", Now: r.clock.Now().Add(groundAgain + time.Minute), Lease: time.Nanosecond, Limit: 200, But: true})
	if err != nil {
		r.t.Fatal(err)
	}
	n := 0
	for _, j := range claimed {
		if j.Kind == kind {
			n++
		}
		if err := r.Store.RetryJob(r.t.Context(), j, r.clock.Now().Add(time.Minute), false, ""); err != nil {
			r.t.Fatal(err)
		}
	}
	return n
}

// Open requests stand on the same ground.
func TestTheGroundMovesUnderRequests(t *testing.T) {
	t.Parallel()
	anaLeaves := func(r *rig) { r.w.SetEnrollmentState("ana", "bio201", "completed") }
	mayaLeaves := func(r *rig) { r.w.SetEnrollmentState("maya", "bio201", "deleted") }
	// One after the other: what is done with a request that has lost its sponsor, or
	// its requester.
	type step struct {
		do access.Action
		to access.RequestState
	}
	tests := map[string]struct {
		move  func(r *rig)
		until string // sponsor, review, approved
		lost  string // the sponsor's name
		want  access.RequestState
		steps []step
	}{
		"the sponsor leaves before answering":    {anaLeaves, "sponsor", "Ana Ruiz", access.AwaitingSponsor, []step{{access.LoseSponsor, ""}}},
		"the sponsor leaves in review":           {anaLeaves, "review", "Ana Ruiz", access.AwaitingSponsor, []step{{access.Return, access.AwaitingSponsor}}},
		"the sponsor leaves after the approval":  {anaLeaves, "approved", "Ana Ruiz", access.AwaitingSponsor, []step{{access.Return, access.AwaitingSponsor}}},
		"the requester leaves before the answer": {mayaLeaves, "sponsor", "", access.Lapsed, []step{{access.Lapse, ""}}},
		"the requester leaves in review":         {mayaLeaves, "review", "", access.Lapsed, []step{{access.Return, access.AwaitingSponsor}, {access.Lapse, ""}}},
		"the requester is deleted after the approval": {
			func(r *rig) { r.w.UpdateUser("maya", func(u *canvastest.User) { u.State = canvastest.StateDeleted }) }, "approved", "", access.Lapsed, []step{{access.Lapse, ""}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			q := r.submitted()
			if tt.until != "sponsor" {
				r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
			}
			if tt.until == "approved" {
				r.act(r.as("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
			}
			want := r.request(q.ID)
			tt.move(r)
			r.pass(14 * time.Hour)
			now := r.request(q.ID)
			for _, step := range tt.steps {
				var err error
				if want, _, err = access.Apply(want, step.do, access.SystemActor, access.Move{Policy: builtIn, To: step.to, LostName: tt.lost}, now.UpdatedAt); err != nil {
					t.Fatal(err)
				}
			}
			if now.State != tt.want || !reflect.DeepEqual(now, want) {
				t.Errorf("after a day it is\n%+v, want\n%+v", now, want)
			}
			r.proven()
		})
	}
}

// A decision about somebody makes the tool look at their tokens at once.
func TestADecisionLooksAtTheTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	g, _ := r.active()
	q := r.submitted()
	r.drain()
	r.w.Enroll("helen", "bio201", canvastest.TeacherEnrollment)
	if _, err := r.ChooseSponsor(t.Context(), r.as("maya", access.DoorCourse), q.Code(), r.w.User("helen").ID.String()); err != nil {
		t.Fatal(err)
	}
	r.w.SetEnrollmentState("ana", "bio201", "completed") // who stands for the first token
	r.act(r.as("helen", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	r.clock.Advance(2 * time.Second)
	r.drain()
	if now := r.grant(g.ID); now.Sponsor == "" {
		t.Error("one look was enough")
	}
	r.clock.Advance(groundAgain)
	r.drain()
	if now := r.grant(g.ID); now.Sponsor != "" || now.GapUntil.IsZero() {
		t.Errorf("the first token's sponsor is %q", now.Sponsor)
	}
}

// Faculty stand for themselves: nobody's leaving makes a gap.
func TestNoGapForFaculty(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	a := r.answers()
	a.Set("sponsor", "")
	helen := r.as("helen", access.DoorUser)
	q, err := r.Submit(t.Context(), helen, "", a)
	if err != nil {
		t.Fatal(err)
	}
	r.act(r.as("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
	c, err := r.Collect(t.Context(), helen, q.Code())
	if err != nil {
		t.Fatal(err)
	}
	r.activate("helen", c.Grant.CanvasID)
	r.pass(groundRound)
	if g := r.grant(c.Grant.ID); g.State != access.Active || !g.GapUntil.IsZero() {
		t.Fatalf("it is %s, gap until %s", g.State, g.GapUntil)
	}
	// Between terms she has the grace; out of the role she has none.
	r.w.SetEnrollmentState("helen", "chem110", canvastest.StateCompleted)
	r.pass(groundRound + time.Hour)
	if g := r.grant(c.Grant.ID); g.State != access.Active {
		t.Errorf("after the term it is %s by %s", g.State, g.Cause)
	}
	r.w.SetEnrollmentState("helen", "chem110", "deleted")
	r.w.SetEnrollmentState("helen", "hist105", "deleted")
	r.within(24*time.Hour, c.Grant.ID, endedBy(access.ByOwnerLeft))
}

// One round over 1,000 tokens, 25 owners a course: calls of Canvas, counted.
func TestCallsOfARound(t *testing.T) {
	t.Parallel()
	n := 60
	if os.Getenv("TOKENDESK_LONG") != "" {
		n = 1000
	}
	r := newRig(t, sqlite(t))
	q := r.approved()
	ana := r.request(q.ID).Sponsor
	for i := range n {
		key := fmt.Sprintf("student-%d", i)
		u := r.w.AddUser(canvastest.User{Key: key, Name: key}, key, "")
		r.w.Enroll(key, "bio201", canvastest.StudentEnrollment)
		r.seedGrant(u.ID.String(), ana)
	}
	r.pass(time.Minute)
	r.cv.ClearRequests()
	r.pass(groundRound)
	calls, routes := 0, map[string]int{}
	for _, c := range r.cv.Requests() {
		if c.Method == http.MethodGet && !strings.Contains(c.Route, "tokens") { // the watch has its own reads
			calls++
			routes[c.Route]++
		}
	}
	// Each owner once; in each slot, once: the course, where it hangs (four calls),
	// its sponsor, and who approved.
	most := n + 7*(1+int(groundRound/groundSlot))
	t.Logf("%d calls for %d tokens of as many owners: %.2f a token; %v", calls, n, float64(calls)/float64(n), routes)
	if calls > most {
		t.Errorf("a round takes %d calls, more than %d", calls, most)
	}
	var ended int
	if err := r.Store.Read(t.Context(), func(tx *store.Tx) error {
		var err error
		ended, err = tx.CountGrants(store.GrantQuery{Tenant: r.tenant, States: []access.GrantState{access.Active}})
		return err
	}); err != nil || ended != n {
		t.Errorf("%d of %d are active, %v", ended, n, err)
	}
}

// seedGrant is an active token of somebody, as if the tool had made it.
func (r *rig) seedGrant(canvasUser string, sponsor access.PersonID) {
	r.t.Helper()
	now := r.clock.Now()
	err := r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
		p, err := r.personOf(tx, r.tenant, canvasUser, "Student "+canvasUser)
		if err != nil {
			return err
		}
		n, err := tx.NextNumber(r.tenant)
		if err != nil {
			return err
		}
		c := r.w.Course("bio201")
		q := access.Request{ID: store.NewID("req"), Tenant: r.tenant, Number: n, Version: 1, State: access.Fulfilled, PolicyVersion: 1, Requester: p.ID, Affiliation: policy.Student,
			Course: access.Course{ID: c.ID.String(), Name: c.Name, Code: c.Code}, Sponsor: sponsor, Answers: r.answers(), CreatedAt: now, UpdatedAt: now}
		if sponsor != "" {
			q.Votes = access.Votes{endorsedBy(sponsor, now)}
		}
		dana, err := r.personOf(tx, r.tenant, r.w.User("dana").ID.String(), "Dana Ortiz")
		if err != nil {
			return err
		}
		q.Votes = append(q.Votes, approvedBy(dana.ID, now))
		e := r.event(r.tenant, access.SystemID, audit.RequestCreate, q.ID)
		e.To, e.Version = string(q.State), 1
		if err := tx.CreateRequest(q, e, nil); err != nil {
			return err
		}
		g := access.Grant{ID: store.NewID("grt"), Tenant: r.tenant, RequestID: q.ID, Version: 1, State: access.Active, Owner: p.ID, Title: "Helper", CanvasUser: canvasUser,
			CanvasID: "1", Attempt: 1, Wanted: now.AddDate(0, 2, 0), Expires: now.AddDate(0, 2, 0), CreatedAt: now, UpdatedAt: now, ActivatedAt: now, Sponsor: sponsor, Since: now}
		e = r.event(r.tenant, access.SystemID, audit.GrantCreate, g.ID)
		e.To, e.Version = string(g.State), 1
		return tx.CreateGrant(g, e, nil)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}
