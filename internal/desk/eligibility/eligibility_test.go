package eligibility_test

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
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/eligibility"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

// later lets d pass at once, and then a round.
func later(r *desktest.Rig, d time.Duration) {
	r.T.Helper()
	r.Tick(d - eligibility.EligibilityRound)
	r.Pass(eligibility.EligibilityRound)
}

// within lets up to d pass and returns when the grant was first seen to change as
// wanted, or fails.
func within(r *desktest.Rig, d time.Duration, id string, want func(access.Grant) bool) time.Duration {
	r.T.Helper()
	start := r.Clock.Now()
	r.PassUntil(d, func() bool { return want(r.Grant(id)) })
	if g := r.Grant(id); !want(g) {
		r.T.Fatalf("after %s the token is %s by %q, sponsor %q, gap until %s", d, g.State, g.Cause, g.Sponsor, g.GapUntil)
	}
	return r.Clock.Now().Sub(start)
}

// some runs a test on both databases, or on SQLite alone.
func some(t *testing.T, both bool, test func(r *desktest.Rig)) {
	t.Helper()
	if both || os.Getenv("TOKENDESK_LONG") != "" {
		desktest.Each(t, test)
		return
	}
	test(desktest.NewRig(t, desktest.Sqlite(t)))
}

func endedBy(c access.Cause) func(access.Grant) bool {
	return func(g access.Grant) bool { return g.State == access.Revoked && g.Cause == c }
}

// Every loss is noticed within a day, by virtual time.
func TestTheGroundMoves(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		move func(r *desktest.Rig)
		want func(access.Grant) bool
		told map[string]string // who gets which message
		both bool              // on both databases; the others say the same to the store
	}{
		"the owner leaves the course": {
			func(r *desktest.Rig) { r.W.SetEnrollmentState("maya", "bio201", "deleted") }, endedBy(access.ByOwnerLeft),
			map[string]string{"maya": "no longer lists you", "ana": "no longer lists Maya Chen"}, true,
		},
		"the sponsor no longer teaches": {
			func(r *desktest.Rig) { r.W.SetEnrollmentState("ana", "bio201", "completed") },
			func(g access.Grant) bool { return g.State == access.Active && g.Sponsor == "" && !g.GapUntil.IsZero() },
			map[string]string{"maya": "no longer lists Ana Ruiz as your teacher"}, true,
		},
		"the sponsor is deleted": {
			func(r *desktest.Rig) {
				r.W.UpdateUser("ana", func(u *canvastest.User) { u.State = canvastest.StateDeleted })
			},
			func(g access.Grant) bool { return g.State == access.Active && g.Sponsor == "" && !g.GapUntil.IsZero() },
			map[string]string{"maya": "no longer lists Ana Ruiz as your teacher"}, false,
		},
		"the owner is deleted": {
			func(r *desktest.Rig) {
				r.W.UpdateUser("maya", func(u *canvastest.User) { u.State = canvastest.StateDeleted })
			},
			// Canvas cannot prove the token gone: it stays "may still work" (docs/decisions.md 13).
			func(g access.Grant) bool { return g.State == access.Revoking && g.Cause == access.ByOwnerLeft }, nil, false,
		},
		"the course ended 14 days ago": {
			func(r *desktest.Rig) {
				r.W.UpdateCourse("bio201", func(c *canvastest.Course) { c.End, c.RestrictToCourseDates = r.Clock.Now().AddDate(0, 0, -14), true })
			},
			endedBy(access.ByCourse), map[string]string{"maya": "course of your token is over"}, false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			some(t, tt.both, func(r *desktest.Rig) {
				g, _ := r.Active()
				tt.move(r)
				took := within(r, 24*time.Hour, g.ID, tt.want)
				r.Pass(time.Hour)
				for who, words := range tt.told {
					if r.Inbox(who, words) != 1 {
						r.T.Errorf("%s was told %d times that %q", who, r.Inbox(who, words), words)
					}
				}
				r.T.Logf("noticed and done after %s", took)
				r.Proven()
			})
		})
	}
}

// A course that is over gives its tokens 14 days, and says so at once.
func TestGraceAfterTheCourse(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(r *desktest.Rig){
		"by its dates": func(r *desktest.Rig) {
			r.W.UpdateCourse("bio201", func(c *canvastest.Course) { c.End, c.RestrictToCourseDates = r.Clock.Now(), true })
			r.W.SetEnrollmentState("maya", "bio201", canvastest.StateCompleted)
			r.W.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
		},
		"by hand, without a date": func(r *desktest.Rig) {
			r.W.UpdateCourse("bio201", func(c *canvastest.Course) { c.State = canvastest.StateCompleted })
			r.W.SetEnrollmentState("maya", "bio201", canvastest.StateCompleted)
			r.W.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
		},
		"finished in a course that goes on": func(r *desktest.Rig) { r.W.SetEnrollmentState("maya", "bio201", canvastest.StateCompleted) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, value := r.Active()
			end(r)
			r.Pass(eligibility.EligibilityRound)
			later(r, 12*24*time.Hour)
			if now := r.Grant(g.ID); now.State != access.Active || now.Sponsor == "" || !r.W.Authenticates(value) {
				t.Fatalf("within the grace it is %s by %q, sponsor %q", now.State, now.Cause, now.Sponsor)
			}
			if r.Inbox("maya", "BIO 201 is over") != 1 || r.Inbox("ana", "BIO 201 is over") != 1 {
				t.Errorf("told %d and %d times", r.Inbox("maya", "BIO 201 is over"), r.Inbox("ana", "BIO 201 is over"))
			}
			ends := r.Grant(g.ID).EndsAt()
			r.Tick(ends.Sub(r.Clock.Now()) - time.Minute)
			if now := r.Grant(g.ID); now.State != access.Active {
				t.Errorf("it is %s by %s a minute before what every page said", now.State, now.Cause)
			}
			for range 4 {
				r.Tick(time.Minute)
			}
			if now := r.Grant(g.ID); !endedBy(access.ByCourse)(now) {
				t.Errorf("it is %s by %s 3 minutes after what every page said", now.State, now.Cause)
			}
			r.Proven()
		})
	}
}

// The day a token ends with its course is one day, wherever somebody asks; it
// moves with the course's, and never behind Canvas's own end.
func TestTheDayACourseTakesATokenAway(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		g, value := r.Active()
		own := g.EndsAt()
		maya := r.As("maya", access.DoorCourse)
		end := func(at time.Time) {
			r.W.UpdateCourse("bio201", func(c *canvastest.Course) { c.End, c.RestrictToCourseDates = at, true })
		}
		says := func(when string, want time.Time, why access.Cause, told int) {
			r.T.Helper()
			want = want.UTC().Truncate(time.Second)
			now := r.Grant(g.ID)
			if !now.EndsAt().Equal(want) || now.EndsWhyNow() != why || !now.CanvasEnd().Equal(own) || !r.Token(g).ExpiresAt.Equal(own) {
				r.T.Fatalf("%s: it ends at %s for %q, want %s for %q; in Canvas at %s", when, now.EndsAt(), now.EndsWhyNow(), want, why, r.Token(g).ExpiresAt)
			}
			p, err := r.Cases.Token(r.T.Context(), maya, g.ID)
			if err != nil || !p.Grant.EndsAt().Equal(want) {
				r.T.Errorf("%s: its page says %s, %v", when, p.Grant.EndsAt(), err)
			}
			for before, n := range map[time.Time]int{want.Add(time.Minute): 1, want: 0} {
				l, err := r.Cases.Tokens(r.T.Context(), r.As("dana", access.DoorAccount), cases.TokenFilter{EndsBefore: before})
				if err != nil || l.Total != n {
					r.T.Errorf("%s: %d tokens end before %s, %v", when, l.Total, before, err)
				}
			}
			if n := r.Inbox("maya", "BIO 201 is over"); n != told {
				r.T.Errorf("%s: told %d times", when, n)
			}
			if when == "over for five days" && r.Inbox("maya", "stops on "+want.In(desk.Location(maya.TimeZone)).Format("Mon 2 Jan")) == 0 {
				r.T.Errorf("%s: told %q", when, r.W.Inbox("maya"))
			}
		}
		first := r.Clock.Now().Add(-5 * 24 * time.Hour)
		end(first)
		r.Pass(eligibility.EligibilityRound)
		says("over for five days", first.Add(desktest.BuiltIn.Windows.Grace), access.ByCourse, 1)
		later := r.Clock.Now().Add(-time.Hour)
		end(later)
		r.Pass(eligibility.EligibilityRound)
		says("ended later", later.Add(desktest.BuiltIn.Windows.Grace), access.ByCourse, 1)
		if !r.W.Authenticates(value) {
			r.T.Error("it does not work")
		}
		end(r.Clock.Now().AddDate(0, 2, 0))
		r.Pass(eligibility.EligibilityRound)
		says("goes on", own, access.ByEnd, 1)
		r.Tick(own.Sub(r.Clock.Now()) - 3*24*time.Hour)
		last := r.Clock.Now()
		end(last)
		r.Pass(eligibility.EligibilityRound)
		says("over shortly before the token is", own, access.ByEnd, 1)
		r.Proven()
	})
}

// A course that goes on again starts the grace anew.
func TestCourseGoesOnAgain(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	over := func(on bool) {
		state := map[bool]string{true: canvastest.StateCompleted, false: "available"}[on]
		r.W.UpdateCourse("bio201", func(c *canvastest.Course) { c.State = state })
	}
	over(true)
	r.Pass(eligibility.EligibilityRound)
	later(r, 10*24*time.Hour)
	over(false)
	r.Pass(eligibility.EligibilityRound)
	if now := r.Grant(g.ID); !now.EndsAt().Equal(g.EndsAt()) || now.EndsWhyNow() != access.ByEnd {
		t.Errorf("the course goes on, and the token ends at %s for %q", now.EndsAt(), now.EndsWhyNow())
	}
	over(true)
	r.Pass(eligibility.EligibilityRound)
	later(r, 10*24*time.Hour)
	if now := r.Grant(g.ID); now.State != access.Active {
		t.Errorf("it is %s by %s", now.State, now.Cause)
	}
}

// Whatever Canvas does not say clearly ends nothing.
func TestNothingEndsOnADoubt(t *testing.T) {
	t.Parallel()
	enrollments := "/api/v1/users/:user_id/enrollments"
	tests := map[string]func(r *desktest.Rig){
		"Canvas is down":      func(r *desktest.Rig) { r.Cv.Fail(canvastest.Fault{Route: "", Status: 503, Times: -1}) },
		"the enrolments fail": func(r *desktest.Rig) { r.Cv.Fail(canvastest.Fault{Route: enrollments, Status: 500, Times: -1}) },
		"the enrolments are not found": func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: enrollments, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
		},
		"an answer does not tell its end": func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: enrollments, Status: 200, Body: `[]`, Times: 1})
		},
		"the credential sees nobody": func(r *desktest.Rig) {
			r.W.SetPermission("account-admin", canvastest.PermReadRoster, false)
			r.Cv.Fail(canvastest.Fault{Route: enrollments, Status: 200, Body: `[]`, Times: -1})
		},
		"the credential may not see everything": func(r *desktest.Rig) { // she has left, but who says so is not to be trusted with it
			r.W.SetPermission("account-admin", canvastest.PermViewTokens, false)
			r.W.SetEnrollmentState("maya", "bio201", "deleted")
		},
		"the course cannot be read": func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/courses/:id", Status: 500, Times: -1})
		},
		"the person is denied, not gone": func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: enrollments, Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`, Times: -1})
		},
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			g, _ := r.Active()
			fail(r)
			r.Pass(14 * time.Hour) // a round, and the second looks
			if now := r.Grant(g.ID); now.State != access.Active || now.Sponsor == "" {
				t.Errorf("it is %s by %q, sponsor %q", now.State, now.Cause, now.Sponsor)
			}
			r.Proven()
		})
	}
}

// Enrolled again before the second look: nothing happened.
func TestASecondLookDecides(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	r.W.SetEnrollmentState("maya", "bio201", "deleted")
	r.PassUntil(eligibility.EligibilityRound, func() bool { return waits(r, desk.JobOwner) > 0 })
	if waits(r, desk.JobOwner) == 0 {
		t.Fatal("nobody looked")
	}
	r.W.SetEnrollmentState("maya", "bio201", canvastest.StateActive)
	r.Pass(time.Hour)
	if now := r.Grant(g.ID); now.State != access.Active {
		t.Errorf("it is %s by %s", now.State, now.Cause)
	}
}

// waits counts jobs of a kind that are still to be run.
func waits(r *desktest.Rig, kind string) int {
	r.T.Helper()
	claimed, err := r.Desk.Store.ClaimJobs(r.T.Context(), jobs.Claim{Owner: "peek", Now: r.Clock.Now().Add(eligibility.EligibilityAgain + time.Minute), Lease: time.Nanosecond, Limit: 200, But: true})
	if err != nil {
		r.T.Fatal(err)
	}
	n := 0
	for _, j := range claimed {
		if j.Kind == kind {
			n++
		}
		if err := r.Desk.Store.RetryJob(r.T.Context(), j, r.Clock.Now().Add(time.Minute), false, ""); err != nil {
			r.T.Fatal(err)
		}
	}
	return n
}

// Open requests rest on the same.
func TestTheGroundMovesUnderRequests(t *testing.T) {
	t.Parallel()
	anaLeaves := func(r *desktest.Rig) { r.W.SetEnrollmentState("ana", "bio201", "completed") }
	mayaLeaves := func(r *desktest.Rig) { r.W.SetEnrollmentState("maya", "bio201", "deleted") }
	// One after the other: what is done with a request that has lost its sponsor, or
	// its requester.
	type step struct {
		do access.Action
		to access.RequestState
	}
	tests := map[string]struct {
		move  func(r *desktest.Rig)
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
			func(r *desktest.Rig) {
				r.W.UpdateUser("maya", func(u *canvastest.User) { u.State = canvastest.StateDeleted })
			}, "approved", "", access.Lapsed, []step{{access.Lapse, ""}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			q := r.Submitted()
			if tt.until != "sponsor" {
				r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
			}
			if tt.until == "approved" {
				r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
			}
			want := r.Request(q.ID)
			tt.move(r)
			r.Pass(14 * time.Hour)
			now := r.Request(q.ID)
			for _, step := range tt.steps {
				var err error
				if want, _, err = access.Apply(want, step.do, access.SystemActor, access.Move{Policy: desktest.BuiltIn, To: step.to, LostName: tt.lost}, now.UpdatedAt); err != nil {
					t.Fatal(err)
				}
			}
			if now.State != tt.want || !reflect.DeepEqual(now, want) {
				t.Errorf("after a day it is\n%+v, want\n%+v", now, want)
			}
			r.Proven()
		})
	}
}

// A decision about somebody makes the tool look at their tokens at once.
func TestADecisionLooksAtTheTokens(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	q := r.Submitted()
	r.Drain()
	r.W.Enroll("helen", "bio201", canvastest.TeacherEnrollment)
	if _, err := r.Requests.ChooseSponsor(t.Context(), r.As("maya", access.DoorCourse), q.Code(), r.W.User("helen").ID.String()); err != nil {
		t.Fatal(err)
	}
	r.W.SetEnrollmentState("ana", "bio201", "completed") // who stands for the first token
	r.Act(r.As("helen", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	r.Clock.Advance(2 * time.Second)
	r.Drain()
	if now := r.Grant(g.ID); now.Sponsor == "" {
		t.Error("one look was enough")
	}
	r.Clock.Advance(eligibility.EligibilityAgain)
	r.Drain()
	if now := r.Grant(g.ID); now.Sponsor != "" || now.GapUntil.IsZero() {
		t.Errorf("the first token's sponsor is %q", now.Sponsor)
	}
}

// Faculty stand for themselves: nobody's leaving makes a gap.
func TestNoGapForFaculty(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	a := r.Answers()
	a.Set("sponsor", "")
	helen := r.As("helen", access.DoorUser)
	q, err := r.Requests.Submit(t.Context(), helen, "", a)
	if err != nil {
		t.Fatal(err)
	}
	r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
	c, err := r.Tokens.Collect(t.Context(), helen, q.Code())
	if err != nil {
		t.Fatal(err)
	}
	r.Activate("helen", c.Grant.CanvasID)
	r.Pass(eligibility.EligibilityRound)
	if g := r.Grant(c.Grant.ID); g.State != access.Active || !g.GapUntil.IsZero() {
		t.Fatalf("it is %s, gap until %s", g.State, g.GapUntil)
	}
	// Between terms she has the grace; out of the role she has none.
	r.W.SetEnrollmentState("helen", "chem110", canvastest.StateCompleted)
	r.Pass(eligibility.EligibilityRound + time.Hour)
	if g := r.Grant(c.Grant.ID); g.State != access.Active {
		t.Errorf("after the term it is %s by %s", g.State, g.Cause)
	}
	r.W.SetEnrollmentState("helen", "chem110", "deleted")
	r.W.SetEnrollmentState("helen", "hist105", "deleted")
	within(r, 24*time.Hour, c.Grant.ID, endedBy(access.ByOwnerLeft))
}

// One round over 1,000 tokens, 25 owners a course: calls of Canvas, counted.
func TestCallsOfARound(t *testing.T) {
	t.Parallel()
	n := 60
	if os.Getenv("TOKENDESK_LONG") != "" {
		n = 1000
	}
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q := r.Approved()
	ana := r.Request(q.ID).Sponsor
	for i := range n {
		key := fmt.Sprintf("student-%d", i)
		u := r.W.AddUser(canvastest.User{Key: key, Name: key}, key, "")
		r.W.Enroll(key, "bio201", canvastest.StudentEnrollment)
		seedGrant(r, u.ID.String(), ana)
	}
	r.Pass(time.Minute)
	r.Cv.ClearRequests()
	r.Pass(eligibility.EligibilityRound)
	calls, routes := 0, map[string]int{}
	for _, c := range r.Cv.Requests() {
		if c.Method == http.MethodGet && !strings.Contains(c.Route, "tokens") { // the watch has its own reads
			calls++
			routes[c.Route]++
		}
	}
	// Each owner once; in each slot, once: the course, where it hangs (four calls),
	// its sponsor, and who approved.
	most := n + 7*(1+int(eligibility.EligibilityRound/eligibility.EligibilitySlot))
	t.Logf("%d calls for %d tokens of as many owners: %.2f a token; %v", calls, n, float64(calls)/float64(n), routes)
	if calls > most {
		t.Errorf("a round takes %d calls, more than %d", calls, most)
	}
	var ended int
	if err := r.Desk.Store.Read(t.Context(), func(tx *store.Tx) error {
		var err error
		ended, err = tx.CountGrants(store.GrantQuery{Tenant: r.Tenant, States: []access.GrantState{access.Active}})
		return err
	}); err != nil || ended != n {
		t.Errorf("%d of %d are active, %v", ended, n, err)
	}
}

// seedGrant is an active token of somebody, as if the tool had made it.
func seedGrant(r *desktest.Rig, canvasUser string, sponsor access.PersonID) {
	r.T.Helper()
	now := r.Clock.Now()
	err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		p, err := r.Authority.PersonOf(tx, r.Tenant, canvasUser, "Student "+canvasUser)
		if err != nil {
			return err
		}
		n, err := tx.NextNumber(r.Tenant)
		if err != nil {
			return err
		}
		c := r.W.Course("bio201")
		q := access.Request{ID: store.NewID("req"), Tenant: r.Tenant, Number: n, Version: 1, State: access.Fulfilled, PolicyVersion: 1, Requester: p.ID, Affiliation: policy.Student,
			Course: access.Course{ID: c.ID.String(), Name: c.Name, Code: c.Code}, Sponsor: sponsor, Answers: r.Answers(), CreatedAt: now, UpdatedAt: now}
		if sponsor != "" {
			q.Votes = access.Votes{desktest.EndorsedBy(sponsor, now)}
		}
		dana, err := r.Authority.PersonOf(tx, r.Tenant, r.W.User("dana").ID.String(), "Dana Ortiz")
		if err != nil {
			return err
		}
		q.Votes = append(q.Votes, desktest.ApprovedBy(dana.ID, now))
		e := r.Desk.Event(r.Tenant, access.SystemID, audit.RequestCreate, q.ID)
		e.To, e.Version = string(q.State), 1
		if err := tx.CreateRequest(q, e, nil); err != nil {
			return err
		}
		g := access.Grant{ID: store.NewID("grt"), Tenant: r.Tenant, RequestID: q.ID, Version: 1, State: access.Active, Owner: p.ID, Title: "Helper", CanvasUser: canvasUser,
			CanvasID: "1", Attempt: 1, Wanted: now.AddDate(0, 2, 0), Expires: now.AddDate(0, 2, 0), CreatedAt: now, UpdatedAt: now, ActivatedAt: now, Sponsor: sponsor, Since: now}
		e = r.Desk.Event(r.Tenant, access.SystemID, audit.GrantCreate, g.ID)
		e.To, e.Version = string(g.State), 1
		return tx.CreateGrant(g, e, nil)
	})
	if err != nil {
		r.T.Fatal(err)
	}
}
