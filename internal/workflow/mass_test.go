package workflow

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
)

func wrongField(t *testing.T, err error, field, code string) {
	t.Helper()
	var f *access.FormError
	if !errors.As(err, &f) || !slices.ContainsFunc(f.Fields, func(e access.FieldError) bool { return e.Field == field && e.Code == code }) {
		t.Errorf("%v; want %s at %s", err, code, field)
	}
}

// Who may plan, and who may start, by which launch.
func TestWhoMayRevokeMany(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		who   func(r *rig) access.Caller
		plan  access.Why // why not even a plan
		start access.Why
	}{
		"a reviewer": {who: func(r *rig) access.Caller { return r.as("dana", access.DoorAccount) }},
		"a reviewer with an old launch": {who: func(r *rig) access.Caller {
			s := r.as("dana", access.DoorAccount)
			s.LaunchedAt = s.LaunchedAt.Add(-time.Hour)
			return s
		}, start: access.WhyStale},
		"a demoted reviewer": {who: func(r *rig) access.Caller {
			s := r.as("priya", access.DoorAccount)
			r.w.RemoveAdmin("priya", "root")
			return s
		}, plan: access.WhyNotReviewer, start: access.WhyNotReviewer},
		"a reviewer from a course":      {who: func(r *rig) access.Caller { return r.as("dana", access.DoorCourse) }, plan: access.WhyWrongDoor, start: access.WhyWrongDoor},
		"a sub-account's admin":         {who: func(r *rig) access.Caller { return r.as("lena", access.DoorAccount) }, plan: access.WhyNotReviewer, start: access.WhyNotReviewer},
		"a student by the admins' door": {who: func(r *rig) access.Caller { return r.as("maya", access.DoorAccount) }, plan: access.WhyNotReviewer, start: access.WhyNotReviewer},
		"a teacher":                     {who: func(r *rig) access.Caller { return r.as("ana", access.DoorCourse) }, plan: access.WhyWrongDoor, start: access.WhyWrongDoor},
		"somebody acting as a reviewer": {who: func(r *rig) access.Caller { return r.as("dana", access.DoorAccount, actingBy("9")) }, plan: access.WhyActing, start: access.WhyActing},
		"a reviewer, Canvas unreachable": {who: func(r *rig) access.Caller {
			s := r.as("dana", access.DoorAccount)
			r.cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/admins", Status: 503, Times: -1})
			return s
		}, start: access.WhyCanvas},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			gs := r.crowd(3)
			_, p := r.plannedMass(MassChoice{})
			who := tt.who(r)
			mine, err := r.PlanMass(t.Context(), who, MassChoice{})
			if access.WhyOf(err) != tt.plan || (tt.plan == "" && (err != nil || mine.Tokens != 3)) {
				t.Errorf("plan: %v", err)
			}
			got, err := r.StartMass(t.Context(), who, p.ID, "3", "breach", r.termsOf(p.ID))
			if access.WhyOf(err) != tt.start || (tt.start == "" && (err != nil || got.State != access.MassRunning)) {
				t.Errorf("start: %v", err)
			}
			if tt.start != "" {
				r.drain()
				if p := r.massNow(p.ID); p.State != access.MassPlanned || r.usableOf(gs) != 3 {
					t.Errorf("%s, %d tokens work", p.State, r.usableOf(gs))
				}
			}
			if tt.plan == access.WhyActing || tt.plan == "" {
				return // they may look
			}
			for what, err := range map[string]error{
				"the page":   func() error { _, err := r.Mass(t.Context(), who, p.ID); return err }(),
				"the list":   func() error { _, err := r.Masses(t.Context(), who); return err }(),
				"the report": r.MassReport(t.Context(), who, p.ID, func(MassRow) error { t.Error("a row"); return nil }),
				"the export": r.ExportTokens(t.Context(), who, TokenFilter{}, func(Case) error { t.Error("a row"); return nil }),
			} {
				if !errors.Is(err, access.ErrNotAllowed) {
					t.Errorf("%s: %v", what, err)
				}
			}
			r.proven()
		})
	}
}

func TestMassStartRefusals(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.crowd(3)
		dana, p := r.plannedMass(MassChoice{})
		for _, typed := range []string{"", "2", "03x", "three", "-3", "3 3", "4"} {
			_, err := r.StartMass(t.Context(), dana, p.ID, typed, "breach", r.termsOf(p.ID))
			wrongField(t, err, "count", "mass.count")
		}
		_, err := r.StartMass(t.Context(), dana, p.ID, "3", "  ", r.termsOf(p.ID))
		wrongField(t, err, "reason", "reason.revoke")
		for _, id := range []string{"", "mas_none", "grt_x", "mas_" + strings.Repeat("A", 60), p.ID + "x"} {
			if _, err := r.StartMass(t.Context(), dana, id, "3", "breach", r.termsOf(id)); !errors.Is(err, access.ErrNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
		for name, choice := range map[string]MassChoice{
			"nothing matches": {Filter: TokenFilter{Affiliation: policy.Staff}}, "only what has ended": {Filter: TokenFilter{Status: access.Revoked}},
			"what ends already": {Filter: TokenFilter{Status: access.Revoking}}, "a token that is none": {IDs: []string{"grt_NONE"}},
		} {
			t.Log(name)
			_, err := r.PlanMass(t.Context(), dana, choice)
			wrongField(t, err, "count", "mass.nothing")
		}
		many := make([]string, MaxChosen+1)
		for i := range many {
			many[i] = fmt.Sprintf("grt_%d", i)
		}
		for name, choice := range map[string]MassChoice{
			"an id that is none": {IDs: []string{"req_1"}}, "too many": {IDs: many}, "a status that is none": {Filter: TokenFilter{Status: "gone"}},
			"a role that is none": {Filter: TokenFilter{Affiliation: "admin", Search: "x"}},
		} {
			if _, err := r.PlanMass(t.Context(), dana, choice); !errors.Is(err, access.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if r.massNow(p.ID).State != access.MassPlanned {
			t.Error("it was started")
		}
	})
}

// Nothing of another school is planned, shown, started or ended.
func TestMassStaysInItsTenant(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		gs := r.crowd(2)
		other := newRig(t, r.Store, "10000000000003")
		theirs := other.crowd(2)
		stranger := other.as("dana", access.DoorAccount)

		_, p := r.plannedMass(MassChoice{})
		if p.Tokens != 2 {
			t.Fatalf("%d tokens", p.Tokens)
		}
		if _, err := other.Mass(t.Context(), stranger, p.ID); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("shown: %v", err)
		}
		if _, err := other.StartMass(t.Context(), stranger, p.ID, "2", "x", other.termsOf(p.ID)); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("started: %v", err)
		}
		if err := other.MassReport(t.Context(), stranger, p.ID, func(MassRow) error { return nil }); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("reported: %v", err)
		}
		if ms, err := other.Masses(t.Context(), stranger); err != nil || len(ms) != 0 {
			t.Errorf("listed: %d, %v", len(ms), err)
		}
		_, err := other.PlanMass(t.Context(), stranger, MassChoice{IDs: []string{gs[0].ID, gs[1].ID}})
		wrongField(t, err, "count", "mass.nothing")
		mixed, err := other.PlanMass(t.Context(), stranger, MassChoice{IDs: []string{gs[0].ID, theirs[0].ID, theirs[0].ID}})
		if err != nil || mixed.Tokens != 1 || mixed.Missing != 1 {
			t.Errorf("%d tokens, %d missing: %v", mixed.Tokens, mixed.Missing, err)
		}
		r.startedMass(MassChoice{})
		r.drain()
		if other.usableOf(theirs) != 2 || r.usableOf(gs) != 0 {
			t.Errorf("%d of theirs work, %d of ours", other.usableOf(theirs), r.usableOf(gs))
		}
	})
}

// What a plan stands on may change until it is confirmed.
func TestMassPlanChangedMeanwhile(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		gs := r.crowd(4)
		dana := r.as("dana", access.DoorAccount)
		all, err := r.PlanMass(t.Context(), dana, MassChoice{})
		if err != nil {
			t.Fatal(err)
		}
		picked, err := r.PlanMass(t.Context(), dana, MassChoice{IDs: []string{gs[0].ID, gs[1].ID}})
		if err != nil || !picked.Picked() || picked.Tokens != 2 {
			t.Fatalf("%+v, %v", picked, err)
		}
		if _, err := r.Revoke(t.Context(), dana, gs[0].ID, "first"); err != nil {
			t.Fatal(err)
		}
		_, err = r.StartMass(t.Context(), dana, all.ID, "4", "breach", r.termsOf(all.ID))
		wrongField(t, err, "count", "mass.changed")
		_, err = r.StartMass(t.Context(), dana, picked.ID, "2", "breach", r.termsOf(picked.ID))
		wrongField(t, err, "count", "mass.changed")
		for id, want := range map[string]int{all.ID: 3, picked.ID: 1} {
			p := r.massNow(id)
			if p.State != access.MassPlanned || p.Tokens != want || p.Version != 2 || p.Counts.Total() != want {
				t.Errorf("%+v", p)
			}
		}
		_, err = r.StartMass(t.Context(), dana, all.ID, "4", "breach", r.termsOf(all.ID)) // the old number
		wrongField(t, err, "count", "mass.count")
		if p, err := r.StartMass(t.Context(), dana, picked.ID, "1", "breach", r.termsOf(picked.ID)); err != nil || p.State != access.MassRunning {
			t.Errorf("%s, %v", p.State, err)
		}
		r.drain()
		if r.usableOf(gs) != 2 {
			t.Errorf("%d work", r.usableOf(gs))
		}
		r.proven()
	})
}

// Pressed at once by several, it starts once.
func TestMassStartedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.crowd(3)
		dana, p := r.plannedMass(MassChoice{})
		priya := r.as("priya", access.DoorAccount)
		var wg sync.WaitGroup
		for i := range 6 {
			who := dana
			if i%2 == 1 {
				who = priya
			}
			wg.Go(func() {
				if got, err := r.StartMass(t.Context(), who, p.ID, "3", "breach", r.termsOf(p.ID)); err != nil || got.State != access.MassRunning {
					t.Errorf("%s, %v", got.State, err)
				}
			})
		}
		wg.Wait()
		if n := r.happened(audit.MassStart); n != 1 {
			t.Errorf("%d starts", n)
		}
		if p := r.runMass(p.ID, time.Hour); p.Counts.Gone != 3 {
			t.Errorf("%+v", p.Counts)
		}
		again, err := r.StartMass(t.Context(), dana, p.ID, "", "", r.termsOf(p.ID)) // pressed again, after it is over
		if err != nil || again.State != access.MassDone || r.happened(audit.MassStart) != 1 {
			t.Errorf("%s, %v", again.State, err)
		}
	})
}

// happened counts the audit rows of an action.
func (r *rig) happened(do audit.Action) (n int) {
	r.t.Helper()
	err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		for seq := int64(0); ; {
			part, err := tx.AuditAfter(r.tenant, seq, 500)
			if err != nil || len(part) == 0 {
				return err
			}
			for _, e := range part {
				if seq = e.Event.Seq; e.Event.Action == do {
					n++
				}
			}
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// The filter of the page becomes the grammar's where that selects the same;
// otherwise the plan is what was shown.
func TestMassChoiceOfThePage(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.crowd(12) // people 0, 2: students in BIO 201, 4 with ten tokens not reached
	dana := r.as("dana", access.DoorAccount)
	for name, tt := range map[string]struct {
		q      TokenFilter
		filter string
		tokens int
	}{
		"everything":     {TokenFilter{}, "all=yes", 12},
		"students":       {TokenFilter{Affiliation: policy.Student}, "role=student", 8},
		"AI and company": {TokenFilter{AI: "yes", Vendor: "acm"}, "vendor=acm,ai=yes", 8},
		"unused":         {TokenFilter{IdleDays: 30}, "", -1},
		"a course":       {TokenFilter{Course: "bio"}, "", 8},
		"a search":       {TokenFilter{Search: "Crowd 1"}, "", 2},
		"a comma":        {TokenFilter{Vendor: "Acme, Inc"}, "", -1},
		"a status":       {TokenFilter{Status: access.Active}, "", 12},
	} {
		p, err := r.PlanMass(t.Context(), dana, MassChoice{Filter: tt.q})
		if tt.tokens < 0 {
			wrongField(t, err, "count", "mass.nothing")
			continue
		}
		if err != nil || p.Filter.String() != tt.filter || p.Tokens != tt.tokens {
			t.Errorf("%s: %q, %d tokens, %v", name, p.Filter.String(), p.Tokens, err)
		}
		l, err := r.Tokens(t.Context(), dana, tt.q)
		if err != nil || l.Targets != p.Tokens {
			t.Errorf("%s: the page says %d, the plan %d (%v)", name, l.Targets, p.Tokens, err)
		}
	}
}

const deleteRoute = createRoute + "/:id"

// A token that Canvas does not let go holds up no other, is tried again for ever
// and told of after an hour.
func TestMassWithATokenThatStays(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		gs := r.crowd(14) // the last owner has several
		r.inVirtualTime(1, 50*time.Millisecond)
		withdraw := r.cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Skip: 13, Times: -1})
		p := r.startedMass(MassChoice{})
		r.drainFor(30 * time.Second)
		if p = r.massNow(p.ID); p.Counts.Gone != 13 || p.Counts.Retrying != 1 || r.usableOf(gs) != 1 || p.StillUsable(r.clock.Now()) != 0 {
			t.Fatalf("%+v, %d work", p.Counts, r.usableOf(gs))
		}
		stays := gs[slices.IndexFunc(gs, func(g access.Grant) bool { return r.usableOf([]access.Grant{g}) == 1 })]
		if g := r.grant(stays.ID); g.State != access.Revoking || g.Tries == 0 || g.Trouble == "" || g.NextTry.IsZero() {
			t.Errorf("%+v", g)
		}
		r.drainFor(70 * time.Minute)
		p = r.massNow(p.ID)
		if p.Counts.Retrying != 1 || p.StillUsable(r.clock.Now()) != 1 || p.State != access.MassRunning {
			t.Errorf("after an hour: %+v", p.Counts)
		}
		owner := ""
		for i := range 5 {
			if key := fmt.Sprintf("crowd%d", i); r.w.User(key).ID.String() == stays.CanvasUser {
				owner = key
			}
		}
		if per := r.letters(owner); len(per) != 1 || per["Revoked: 2 API tokens of yours"] != 0 {
			t.Errorf("the owner of what may still work was told %v", per)
		}
		withdraw()
		if p = r.runMass(p.ID, 10*time.Minute); p.Counts.Gone != 14 || r.usableOf(gs) != 0 {
			t.Errorf("%+v", p.Counts)
		}
		r.proven()
	})
}

// drainFor runs what comes due in so much virtual time.
func (r *rig) drainFor(d time.Duration) {
	r.t.Helper()
	for end := r.clock.Now().Add(d); r.clock.Now().Before(end); r.clock.Advance(max(d/200, time.Second)) {
		r.drain()
	}
}

// letters counts what these people found in their inboxes, by subject.
func (r *rig) letters(keys ...string) map[string]int {
	per := map[string]int{}
	for _, key := range keys {
		for _, m := range r.w.Inbox(key) {
			per[m.Subject]++
		}
	}
	return per
}

// A Canvas that throttles is left alone for a while, and nothing is counted
// against the tokens.
func TestMassBacksOffWhereCanvasThrottles(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	gs := r.crowd(6)
	slow := r.inVirtualTime(1, 50*time.Millisecond)
	withdraw := r.cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Throttle: true, Times: -1})
	p := r.startedMass(MassChoice{})
	calls := slow.calls.Load()
	r.drainFor(10 * time.Minute)
	if n := slow.calls.Load() - calls; n > 60 {
		t.Errorf("%d calls in ten minutes of throttling", n)
	}
	if c := r.massNow(p.ID).Counts; c.Retrying != 0 || c.Ending != 6 {
		t.Errorf("%+v", c)
	}
	withdraw()
	if p = r.runMass(p.ID, 10*time.Minute); p.Counts.Gone != 6 || r.usableOf(gs) != 0 {
		t.Errorf("%+v", p.Counts)
	}
}

// Without the right to delete nothing is called gone, and few calls are made in
// vain.
func TestMassWithoutTheRight(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	gs := r.crowd(40)
	slow := r.inVirtualTime(1, 50*time.Millisecond)
	p := r.startedMass(MassChoice{})
	r.cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`, Times: -1})
	calls := slow.calls.Load()
	r.drainFor(4 * time.Minute)
	if c := r.massNow(p.ID).Counts; c.Gone != 0 || r.usableOf(gs) != 40 {
		t.Errorf("%+v", c)
	}
	if n := slow.calls.Load() - calls; n > 80 {
		t.Errorf("%d calls in vain", n)
	}
}

// A 404 is no proof, whoever gives it: what the owner's list still has is not
// gone (docs/decisions.md 13).
func TestMassTakesNo404ForAProof(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	gs := r.crowd(4)
	r.inVirtualTime(1, 50*time.Millisecond)
	withdraw := r.cv.Fail(canvastest.Fault{Route: deleteRoute, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
	p := r.startedMass(MassChoice{})
	r.drainFor(5 * time.Minute)
	if c := r.massNow(p.ID).Counts; c.Gone != 0 || c.Retrying != 4 || r.usableOf(gs) != 4 {
		t.Errorf("%+v, %d work", c, r.usableOf(gs))
	}
	withdraw()
	if p = r.runMass(p.ID, 10*time.Minute); p.Counts.Gone != 4 || r.usableOf(gs) != 0 {
		t.Errorf("%+v, %d work", p.Counts, r.usableOf(gs))
	}
}

// What ends before its turn, and what somebody else is ending, is said as such.
func TestMassMeetsOtherEnds(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		gs := r.crowd(3)
		p := r.startedMass(MassChoice{})
		dana := r.as("dana", access.DoorAccount)
		if _, err := r.Revoke(t.Context(), dana, gs[0].ID, "mine"); err != nil { // gone before its turn
			t.Fatal(err)
		}
		withdraw := r.cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: 1})
		if _, err := r.Revoke(t.Context(), dana, gs[1].ID, "mine too"); err != nil { // begun, not proven
			t.Fatal(err)
		}
		withdraw()
		p = r.runMass(p.ID, time.Hour)
		if p.Counts.EndedBefore != 1 || p.Counts.Gone != 2 || r.usableOf(gs) != 0 {
			t.Errorf("%+v, %d work", p.Counts, r.usableOf(gs))
		}
		for i, want := range []access.Cause{access.ByReviewer, access.ByReviewer, access.ByMass} {
			if g := r.grant(gs[i].ID); g.State != access.Revoked || g.Cause != want {
				t.Errorf("%d: %s by %s", i, g.State, g.Cause)
			}
		}
		r.proven()
	})
}

// A grant whose token's id is not known is proven by the list, and what carries
// its marker goes.
func TestMassOfAnAttemptUnderWay(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		req := r.approved()
		r.die("canvas answered", func() { _, _ = r.Collect(t.Context(), r.as("maya", access.DoorCourse), req.Code()) })
		if r.inCanvas("maya") != 1 {
			t.Fatalf("%d tokens", r.inCanvas("maya"))
		}
		collecting := r.request(req.ID)
		p := r.startedMass(MassChoice{})
		p = r.runMass(p.ID, time.Hour)
		if p.Counts.Gone != 1 || r.inCanvas("maya") != 0 {
			t.Errorf("%+v, %d in Canvas", p.Counts, r.inCanvas("maya"))
		}
		// The request does not stay in the middle of a collection.
		now := r.request(req.ID)
		want, _, err := access.Apply(collecting, access.MintFailed, access.SystemActor, access.Move{}, now.UpdatedAt)
		if err != nil || !reflect.DeepEqual(now, want) {
			t.Errorf("%v; the request is\n%+v, want\n%+v", err, now, want)
		}
		r.proven()
	})
}

// One notice to each person, however many their tokens, and a report to the
// reviewers.
func TestMassNotices(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.crowd(8)
		p := r.startedMass(MassChoice{})
		r.runMass(p.ID, time.Hour)
		r.drainFor(2 * time.Minute)
		per := r.letters("crowd0", "crowd1", "crowd2", "crowd3", "dana", "priya")
		if per["Revoked: 2 API tokens of yours"] != 4 || per["Mass revocation finished: 8 API tokens"] != 2 || per["Your token was revoked"] != 0 {
			t.Errorf("%v", per)
		}
	})
}

// The job that ends a single token takes over where nobody works on the mass
// revocation any more, and leaves it alone before.
func TestMassSafetyNet(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	gs := r.crowd(2)
	p := r.startedMass(MassChoice{})
	if !r.dieAt("mass begun", 1, r.drain) {
		t.Fatal("it did not begin")
	}
	g := r.grant(gs[0].ID)
	j := jobs.Job{Kind: jobEnd, Tenant: string(r.tenant), Data: jobData(g)}
	var later *jobs.LaterError
	if err := r.endJob(t.Context(), j); !errors.As(err, &later) || r.usableOf(gs) != 2 {
		t.Errorf("beside a worker: %v, %d work", err, r.usableOf(gs))
	}
	r.clock.Advance(2 * time.Hour)
	if err := r.endJob(t.Context(), j); err != nil || r.usableOf(gs) != 1 {
		t.Errorf("alone: %v, %d work", err, r.usableOf(gs))
	}
	if p = r.runMass(p.ID, time.Hour); p.Counts.Gone != 2 {
		t.Errorf("%+v", p.Counts)
	}
	r.proven()
}

// Killed at every step, on either replica, it is done in the end, and no two
// work at once.
func TestMassKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"mass leased", "mass begun", "mass deleted", "mass proven", "mass stored", "mass finishing"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			each(t, func(r *rig) {
				gs := r.crowd(6)
				slow := r.inVirtualTime(1, 50*time.Millisecond)
				p := r.startedMass(MassChoice{})
				if !r.dieAt(step, 1, r.drainOn) {
					t.Fatal("it did not come to that")
				}
				if step != "mass leased" { // before that there was no work to see
					before := slow.calls.Load()
					if done, _, err := r.workMass(t.Context(), r.tenant, p.ID, time.Hour); done || err != nil || slow.calls.Load() != before {
						t.Errorf("another worker, while the lease stood: %v, %v, %d calls", done, err, slow.calls.Load()-before)
					}
				}
				r.clock.Advance(6 * time.Minute)
				p = r.runMass(p.ID, time.Hour)
				if p.Counts.Gone != 6 || r.usableOf(gs) != 0 || slow.most.Load() != 1 {
					t.Errorf("%+v, %d work, %d calls at once", p.Counts, r.usableOf(gs), slow.most.Load())
				}
				r.proven()
			})
		})
	}
}

func TestMassEstimate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rate           massRate
		tokens, people int
		want           time.Duration
	}{
		{massRate{0.02, 100 * time.Millisecond}, 1, 1, time.Second},
		{massRate{0.02, 100 * time.Millisecond}, 100, 50, 30 * time.Second}, // 301 calls
		{massRate{1.5, 100 * time.Millisecond}, 10_000, 5000, 4465 * time.Second},
	} {
		if got := tt.rate.estimate(tt.tokens, tt.people); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
