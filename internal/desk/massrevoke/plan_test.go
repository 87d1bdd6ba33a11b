package massrevoke_test

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
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
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
		who   func(r *desktest.Rig) access.Caller
		plan  access.Why // why not even a plan
		start access.Why
	}{
		"a reviewer": {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount) }},
		"a reviewer with an old launch": {who: func(r *desktest.Rig) access.Caller {
			s := r.As("dana", access.DoorAccount)
			s.LaunchedAt = s.LaunchedAt.Add(-time.Hour)
			return s
		}, start: access.WhyStale},
		"a demoted reviewer": {who: func(r *desktest.Rig) access.Caller {
			s := r.As("priya", access.DoorAccount)
			r.W.RemoveAdmin("priya", "root")
			return s
		}, plan: access.WhyNotReviewer, start: access.WhyNotReviewer},
		"a reviewer from a course":      {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorCourse) }, plan: access.WhyWrongDoor, start: access.WhyWrongDoor},
		"a sub-account's admin":         {who: func(r *desktest.Rig) access.Caller { return r.As("lena", access.DoorAccount) }, plan: access.WhyNotReviewer, start: access.WhyNotReviewer},
		"a student by the admins' door": {who: func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorAccount) }, plan: access.WhyNotReviewer, start: access.WhyNotReviewer},
		"a teacher":                     {who: func(r *desktest.Rig) access.Caller { return r.As("ana", access.DoorCourse) }, plan: access.WhyWrongDoor, start: access.WhyWrongDoor},
		"somebody acting as a reviewer": {who: func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount, desktest.ActingBy("9")) }, plan: access.WhyActing, start: access.WhyActing},
		"a reviewer, Canvas unreachable": {who: func(r *desktest.Rig) access.Caller {
			s := r.As("dana", access.DoorAccount)
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/admins", Status: 503, Times: -1})
			return s
		}, start: access.WhyCanvas},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			gs := r.ManyGrants(3)
			_, p := plannedMass(r, massrevoke.Choice{})
			who := tt.who(r)
			mine, err := r.MassRevoke.Plan(t.Context(), who, massrevoke.Choice{})
			if access.WhyOf(err) != tt.plan || (tt.plan == "" && (err != nil || mine.Tokens != 3)) {
				t.Errorf("plan: %v", err)
			}
			got, err := r.MassRevoke.Start(t.Context(), who, p.ID, "3", "breach", r.TermsOf(p.ID))
			if access.WhyOf(err) != tt.start || (tt.start == "" && (err != nil || got.State != access.MassRunning)) {
				t.Errorf("start: %v", err)
			}
			if tt.start != "" {
				r.Drain()
				if p := r.MassNow(p.ID); p.State != access.MassPlanned || usableOf(r, gs) != 3 {
					t.Errorf("%s, %d tokens work", p.State, usableOf(r, gs))
				}
			}
			if tt.plan == access.WhyActing || tt.plan == "" {
				return // they may look
			}
			for what, err := range map[string]error{
				"the page":   func() error { _, err := r.MassRevoke.Open(t.Context(), who, p.ID); return err }(),
				"the list":   func() error { _, err := r.MassRevoke.List(t.Context(), who); return err }(),
				"the report": r.MassRevoke.Report(t.Context(), who, p.ID, func(massrevoke.Row) error { t.Error("a row"); return nil }),
				"the export": r.Cases.ExportTokens(t.Context(), who, cases.TokenFilter{}, func(cases.Case) error { t.Error("a row"); return nil }),
			} {
				if !errors.Is(err, access.ErrNotAllowed) {
					t.Errorf("%s: %v", what, err)
				}
			}
			r.Proven()
		})
	}
}

func TestMassStartRefusals(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		r.ManyGrants(3)
		dana, p := plannedMass(r, massrevoke.Choice{})
		for _, typed := range []string{"", "2", "03x", "three", "-3", "3 3", "4"} {
			_, err := r.MassRevoke.Start(t.Context(), dana, p.ID, typed, "breach", r.TermsOf(p.ID))
			wrongField(t, err, "count", "mass.count")
		}
		_, err := r.MassRevoke.Start(t.Context(), dana, p.ID, "3", "  ", r.TermsOf(p.ID))
		wrongField(t, err, "reason", "reason.revoke")
		for _, id := range []string{"", "mas_none", "grt_x", "mas_" + strings.Repeat("A", 60), p.ID + "x"} {
			if _, err := r.MassRevoke.Start(t.Context(), dana, id, "3", "breach", r.TermsOf(id)); !errors.Is(err, access.ErrNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
		for name, choice := range map[string]massrevoke.Choice{
			"nothing matches": {Filter: cases.TokenFilter{Affiliation: policy.Staff}}, "only what has ended": {Filter: cases.TokenFilter{Status: access.Revoked}},
			"what ends already": {Filter: cases.TokenFilter{Status: access.Revoking}}, "a token that is none": {IDs: []string{"grt_NONE"}},
		} {
			t.Log(name)
			_, err := r.MassRevoke.Plan(t.Context(), dana, choice)
			wrongField(t, err, "count", "mass.nothing")
		}
		many := make([]string, massrevoke.MaxChosen+1)
		for i := range many {
			many[i] = fmt.Sprintf("grt_%d", i)
		}
		for name, choice := range map[string]massrevoke.Choice{
			"an id that is none": {IDs: []string{"req_1"}}, "too many": {IDs: many}, "a status that is none": {Filter: cases.TokenFilter{Status: "gone"}},
			"a role that is none": {Filter: cases.TokenFilter{Affiliation: "admin", Search: "x"}},
		} {
			if _, err := r.MassRevoke.Plan(t.Context(), dana, choice); !errors.Is(err, access.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if r.MassNow(p.ID).State != access.MassPlanned {
			t.Error("it was started")
		}
	})
}

// Nothing of another school is planned, shown, started or ended.
func TestMassStaysInItsTenant(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		gs := r.ManyGrants(2)
		other := desktest.NewRig(t, r.Desk.Store, "10000000000003")
		theirs := other.ManyGrants(2)
		stranger := other.As("dana", access.DoorAccount)

		_, p := plannedMass(r, massrevoke.Choice{})
		if p.Tokens != 2 {
			t.Fatalf("%d tokens", p.Tokens)
		}
		if _, err := other.MassRevoke.Open(t.Context(), stranger, p.ID); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("shown: %v", err)
		}
		if _, err := other.MassRevoke.Start(t.Context(), stranger, p.ID, "2", "x", other.TermsOf(p.ID)); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("started: %v", err)
		}
		if err := other.MassRevoke.Report(t.Context(), stranger, p.ID, func(massrevoke.Row) error { return nil }); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("reported: %v", err)
		}
		if ms, err := other.MassRevoke.List(t.Context(), stranger); err != nil || len(ms) != 0 {
			t.Errorf("listed: %d, %v", len(ms), err)
		}
		_, err := other.MassRevoke.Plan(t.Context(), stranger, massrevoke.Choice{IDs: []string{gs[0].ID, gs[1].ID}})
		wrongField(t, err, "count", "mass.nothing")
		mixed, err := other.MassRevoke.Plan(t.Context(), stranger, massrevoke.Choice{IDs: []string{gs[0].ID, theirs[0].ID, theirs[0].ID}})
		if err != nil || mixed.Tokens != 1 || mixed.Missing != 1 {
			t.Errorf("%d tokens, %d missing: %v", mixed.Tokens, mixed.Missing, err)
		}
		startedMass(r, massrevoke.Choice{})
		r.Drain()
		if usableOf(other, theirs) != 2 || usableOf(r, gs) != 0 {
			t.Errorf("%d of theirs work, %d of ours", usableOf(other, theirs), usableOf(r, gs))
		}
	})
}

// What a plan stands on may change until it is confirmed.
func TestMassPlanChangedMeanwhile(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		gs := r.ManyGrants(4)
		dana := r.As("dana", access.DoorAccount)
		all, err := r.MassRevoke.Plan(t.Context(), dana, massrevoke.Choice{})
		if err != nil {
			t.Fatal(err)
		}
		picked, err := r.MassRevoke.Plan(t.Context(), dana, massrevoke.Choice{IDs: []string{gs[0].ID, gs[1].ID}})
		if err != nil || !picked.Picked() || picked.Tokens != 2 {
			t.Fatalf("%+v, %v", picked, err)
		}
		if _, err := r.Tokens.Revoke(t.Context(), dana, gs[0].ID, "first"); err != nil {
			t.Fatal(err)
		}
		_, err = r.MassRevoke.Start(t.Context(), dana, all.ID, "4", "breach", r.TermsOf(all.ID))
		wrongField(t, err, "count", "mass.changed")
		_, err = r.MassRevoke.Start(t.Context(), dana, picked.ID, "2", "breach", r.TermsOf(picked.ID))
		wrongField(t, err, "count", "mass.changed")
		for id, want := range map[string]int{all.ID: 3, picked.ID: 1} {
			p := r.MassNow(id)
			if p.State != access.MassPlanned || p.Tokens != want || p.Version != 2 || p.Counts.Total() != want {
				t.Errorf("%+v", p)
			}
		}
		_, err = r.MassRevoke.Start(t.Context(), dana, all.ID, "4", "breach", r.TermsOf(all.ID)) // the old number
		wrongField(t, err, "count", "mass.count")
		if p, err := r.MassRevoke.Start(t.Context(), dana, picked.ID, "1", "breach", r.TermsOf(picked.ID)); err != nil || p.State != access.MassRunning {
			t.Errorf("%s, %v", p.State, err)
		}
		r.Drain()
		if usableOf(r, gs) != 2 {
			t.Errorf("%d work", usableOf(r, gs))
		}
		r.Proven()
	})
}

// Pressed at once by several, it starts once.
func TestMassStartedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		r.ManyGrants(3)
		dana, p := plannedMass(r, massrevoke.Choice{})
		priya := r.As("priya", access.DoorAccount)
		var wg sync.WaitGroup
		for i := range 6 {
			who := dana
			if i%2 == 1 {
				who = priya
			}
			wg.Go(func() {
				if got, err := r.MassRevoke.Start(t.Context(), who, p.ID, "3", "breach", r.TermsOf(p.ID)); err != nil || got.State != access.MassRunning {
					t.Errorf("%s, %v", got.State, err)
				}
			})
		}
		wg.Wait()
		if n := r.Happened(audit.MassStart); n != 1 {
			t.Errorf("%d starts", n)
		}
		if p := r.RunMass(p.ID, time.Hour); p.Counts.Gone != 3 {
			t.Errorf("%+v", p.Counts)
		}
		again, err := r.MassRevoke.Start(t.Context(), dana, p.ID, "", "", r.TermsOf(p.ID)) // pressed again, after it is over
		if err != nil || again.State != access.MassDone || r.Happened(audit.MassStart) != 1 {
			t.Errorf("%s, %v", again.State, err)
		}
	})
}

// The filter of the page becomes the grammar's where that selects the same;
// otherwise the plan is what was shown.
func TestMassChoiceOfThePage(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(12) // people 0, 2: students in BIO 201, 4 with ten tokens not reached
	dana := r.As("dana", access.DoorAccount)
	check := func(name string, q cases.TokenFilter, filter string, tokens int) {
		t.Helper()
		p, err := r.MassRevoke.Plan(t.Context(), dana, massrevoke.Choice{Filter: q})
		if tokens < 0 {
			wrongField(t, err, "count", "mass.nothing")
			return
		}
		if err != nil || p.Filter.String() != filter || p.Tokens != tokens {
			t.Errorf("%s: %q, %d tokens, %v", name, p.Filter.String(), p.Tokens, err)
		}
		l, err := r.Cases.Tokens(t.Context(), dana, q)
		if err != nil || l.Targets != p.Tokens {
			t.Errorf("%s: the page says %d, the plan %d (%v)", name, l.Targets, p.Tokens, err)
		}
	}
	for name, tt := range map[string]struct {
		q      cases.TokenFilter
		filter string
		tokens int
	}{
		"everything":     {cases.TokenFilter{}, "all=yes", 12},
		"students":       {cases.TokenFilter{Affiliation: policy.Student}, "role=student", 8},
		"AI and company": {cases.TokenFilter{AI: "yes", Vendor: "acme"}, "vendor=acme,ai=yes", 8},
		"unused":         {cases.TokenFilter{IdleDays: 30}, "", -1},
		"a course":       {cases.TokenFilter{Course: "42"}, "course=42", 8},
		"a search":       {cases.TokenFilter{Search: "Crowd 1"}, "", 2},
		"a comma":        {cases.TokenFilter{Vendor: "Acme, Inc"}, "", -1},
		"a status":       {cases.TokenFilter{Status: access.Active}, "", 12},
		"a company":      {cases.TokenFilter{Vendor: "ACME"}, "vendor=ACME", 12},
		"a part of one":  {cases.TokenFilter{Vendor: "acm"}, "", -1},
	} {
		check(name, tt.q, tt.filter, tt.tokens)
	}
	// The grammar's company is a part of a name: with a namesake it selects more.
	err := r.Desk.Store.InTx(t.Context(), func(tx *store.Tx) error {
		q, err := tx.Request(r.Tenant, gs[0].RequestID)
		if err != nil {
			return err
		}
		q.Version++
		q.Answers.Set("maker_name", "Acme Labs")
		return tx.MoveRequest(q, audit.Event{At: r.Clock.Now(), Actor: access.SystemID, Action: audit.RequestApprove, Object: q.ID, From: string(q.State), To: string(q.State), Version: q.Version}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	check("a company with a namesake", cases.TokenFilter{Vendor: "Acme"}, "", 11)
	check("the namesake", cases.TokenFilter{Vendor: "Acme Labs"}, "vendor=Acme Labs", 1)
}

const deleteRoute = desktest.CreateRoute + "/:id"

// A token that Canvas does not let go holds up no other, is tried again for ever
// and told of after an hour.
func TestMassWithATokenThatStays(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		gs := r.ManyGrants(14) // the last owner has several
		r.InVirtualTime(1, 50*time.Millisecond)
		withdraw := r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Skip: 13, Times: -1})
		p := startedMass(r, massrevoke.Choice{})
		drainFor(r, 30*time.Second)
		if p = r.MassNow(p.ID); p.Counts.Gone != 13 || p.Counts.Retrying != 1 || usableOf(r, gs) != 1 || p.StillUsable(r.Clock.Now()) != 0 {
			t.Fatalf("%+v, %d work", p.Counts, usableOf(r, gs))
		}
		stays := gs[slices.IndexFunc(gs, func(g access.Grant) bool { return usableOf(r, []access.Grant{g}) == 1 })]
		if g := r.Grant(stays.ID); g.State != access.Revoking || g.Tries == 0 || g.Trouble == "" || g.NextTry.IsZero() {
			t.Errorf("%+v", g)
		}
		drainFor(r, 70*time.Minute)
		p = r.MassNow(p.ID)
		if p.Counts.Retrying != 1 || p.StillUsable(r.Clock.Now()) != 1 || p.State != access.MassRunning {
			t.Errorf("after an hour: %+v", p.Counts)
		}
		owner := ""
		for i := range 5 {
			if key := fmt.Sprintf("crowd%d", i); r.W.User(key).ID.String() == stays.CanvasUser {
				owner = key
			}
		}
		if per := letters(r, owner); len(per) != 1 || per["Revoked: 2 API tokens of yours"] != 0 {
			t.Errorf("the owner of what may still work was told %v", per)
		}
		withdraw()
		if p = r.RunMass(p.ID, 10*time.Minute); p.Counts.Gone != 14 || usableOf(r, gs) != 0 {
			t.Errorf("%+v", p.Counts)
		}
		r.Proven()
	})
}

// drainFor runs what comes due in so much virtual time.
func drainFor(r *desktest.Rig, d time.Duration) {
	r.T.Helper()
	for end := r.Clock.Now().Add(d); r.Clock.Now().Before(end); r.Clock.Advance(max(d/200, time.Second)) {
		r.Drain()
	}
}

// letters counts what these people found in their inboxes, by subject.
func letters(r *desktest.Rig, keys ...string) map[string]int {
	per := map[string]int{}
	for _, key := range keys {
		for _, m := range r.W.Inbox(key) {
			per[m.Subject]++
		}
	}
	return per
}

// A Canvas that throttles is left alone for a while, and nothing is counted
// against the tokens.
func TestMassBacksOffWhereCanvasThrottles(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(6)
	slow := r.InVirtualTime(1, 50*time.Millisecond)
	withdraw := r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Throttle: true, Times: -1})
	p := startedMass(r, massrevoke.Choice{})
	calls := slow.Calls.Load()
	drainFor(r, 10*time.Minute)
	if n := slow.Calls.Load() - calls; n > 60 {
		t.Errorf("%d calls in ten minutes of throttling", n)
	}
	if c := r.MassNow(p.ID).Counts; c.Retrying != 0 || c.Ending != 6 {
		t.Errorf("%+v", c)
	}
	withdraw()
	if p = r.RunMass(p.ID, 10*time.Minute); p.Counts.Gone != 6 || usableOf(r, gs) != 0 {
		t.Errorf("%+v", p.Counts)
	}
}

// Without the right to delete nothing is called gone, and few calls are made in
// vain.
func TestMassWithoutTheRight(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(40)
	slow := r.InVirtualTime(1, 50*time.Millisecond)
	p := startedMass(r, massrevoke.Choice{})
	r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`, Times: -1})
	calls := slow.Calls.Load()
	drainFor(r, 4*time.Minute)
	if c := r.MassNow(p.ID).Counts; c.Gone != 0 || usableOf(r, gs) != 40 {
		t.Errorf("%+v", c)
	}
	if n := slow.Calls.Load() - calls; n > 80 {
		t.Errorf("%d calls in vain", n)
	}
}

// A 404 is no proof, whoever gives it: what the owner's list still has is not
// gone (docs/decisions.md 13).
func TestMassTakesNo404ForAProof(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(4)
	r.InVirtualTime(1, 50*time.Millisecond)
	withdraw := r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
	p := startedMass(r, massrevoke.Choice{})
	drainFor(r, 5*time.Minute)
	if c := r.MassNow(p.ID).Counts; c.Gone != 0 || c.Retrying != 4 || usableOf(r, gs) != 4 {
		t.Errorf("%+v, %d work", c, usableOf(r, gs))
	}
	withdraw()
	if p = r.RunMass(p.ID, 10*time.Minute); p.Counts.Gone != 4 || usableOf(r, gs) != 0 {
		t.Errorf("%+v, %d work", p.Counts, usableOf(r, gs))
	}
}

// What ends before its turn, and what somebody else is ending, is said as such.
func TestMassMeetsOtherEnds(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		gs := r.ManyGrants(3)
		p := startedMass(r, massrevoke.Choice{})
		dana := r.As("dana", access.DoorAccount)
		if _, err := r.Tokens.Revoke(t.Context(), dana, gs[0].ID, "mine"); err != nil { // gone before its turn
			t.Fatal(err)
		}
		withdraw := r.Cv.Fail(canvastest.Fault{Route: deleteRoute, Method: http.MethodDelete, Status: 500, Times: 1})
		if _, err := r.Tokens.Revoke(t.Context(), dana, gs[1].ID, "mine too"); err != nil { // begun, not proven
			t.Fatal(err)
		}
		withdraw()
		p = r.RunMass(p.ID, time.Hour)
		if p.Counts.EndedBefore != 1 || p.Counts.Gone != 2 || usableOf(r, gs) != 0 {
			t.Errorf("%+v, %d work", p.Counts, usableOf(r, gs))
		}
		for i, want := range []access.Cause{access.ByReviewer, access.ByReviewer, access.ByMass} {
			if g := r.Grant(gs[i].ID); g.State != access.Revoked || g.Cause != want {
				t.Errorf("%d: %s by %s", i, g.State, g.Cause)
			}
		}
		r.Proven()
	})
}

// A grant whose token's id is not known is proven by the list, and what carries
// its marker goes.
func TestMassOfAnAttemptUnderWay(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		req := r.Approved()
		r.Die("canvas answered", func() { _, _ = r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), req.Code()) })
		if r.InCanvas("maya") != 1 {
			t.Fatalf("%d tokens", r.InCanvas("maya"))
		}
		collecting := r.Request(req.ID)
		p := startedMass(r, massrevoke.Choice{})
		p = r.RunMass(p.ID, time.Hour)
		if p.Counts.Gone != 1 || r.InCanvas("maya") != 0 {
			t.Errorf("%+v, %d in Canvas", p.Counts, r.InCanvas("maya"))
		}
		// The request does not stay in the middle of a collection.
		now := r.Request(req.ID)
		want, _, err := access.Apply(collecting, access.MintFailed, access.SystemActor, access.Move{}, now.UpdatedAt)
		if err != nil || !reflect.DeepEqual(now, want) {
			t.Errorf("%v; the request is\n%+v, want\n%+v", err, now, want)
		}
		r.Proven()
	})
}

// One notice to each person, however many their tokens, and a report to the
// reviewers.
func TestMassNotices(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		r.ManyGrants(8)
		p := startedMass(r, massrevoke.Choice{})
		r.RunMass(p.ID, time.Hour)
		drainFor(r, 2*time.Minute)
		per := letters(r, "crowd0", "crowd1", "crowd2", "crowd3", "dana", "priya")
		if per["Revoked: 2 API tokens of yours"] != 4 || per["Mass revocation finished: 8 API tokens"] != 2 || per["Your token was revoked"] != 0 {
			t.Errorf("%v", per)
		}
	})
}

// The job that ends a single token takes over where nobody works on the mass
// revocation any more, and leaves it alone before.
func TestMassSafetyNet(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(2)
	p := startedMass(r, massrevoke.Choice{})
	if !dieAt(r, "mass begun", 1, r.Drain) {
		t.Fatal("it did not begin")
	}
	g := r.Grant(gs[0].ID)
	j := jobs.Job{Kind: desk.JobEnd, Tenant: string(r.Tenant), Data: desk.JobData(g)}
	var later *jobs.LaterError
	if err := r.Desk.Handlers()[desk.JobEnd].Do(t.Context(), j); !errors.As(err, &later) || usableOf(r, gs) != 2 {
		t.Errorf("beside a worker: %v, %d work", err, usableOf(r, gs))
	}
	r.Clock.Advance(2 * time.Hour)
	if err := r.Desk.Handlers()[desk.JobEnd].Do(t.Context(), j); err != nil || usableOf(r, gs) != 1 {
		t.Errorf("alone: %v, %d work", err, usableOf(r, gs))
	}
	if p = r.RunMass(p.ID, time.Hour); p.Counts.Gone != 2 {
		t.Errorf("%+v", p.Counts)
	}
	r.Proven()
}

// Killed at every step, on either replica, it is done in the end, and no two
// work at once.
func TestMassKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"mass leased", "mass begun", "mass deleted", "mass proven", "mass stored", "mass finishing"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			desktest.Each(t, func(r *desktest.Rig) {
				gs := r.ManyGrants(6)
				slow := r.InVirtualTime(1, 50*time.Millisecond)
				p := startedMass(r, massrevoke.Choice{})
				if !dieAt(r, step, 1, func() { drainOn(r) }) {
					t.Fatal("it did not come to that")
				}
				if step != "mass leased" { // before that there was no work to see
					before := slow.Calls.Load()
					if done, _, err := r.MassRevoke.Work(t.Context(), r.Tenant, p.ID, time.Hour); done || err != nil || slow.Calls.Load() != before {
						t.Errorf("another worker, while the lease stood: %v, %v, %d calls", done, err, slow.Calls.Load()-before)
					}
				}
				r.Clock.Advance(6 * time.Minute)
				p = r.RunMass(p.ID, time.Hour)
				if p.Counts.Gone != 6 || usableOf(r, gs) != 0 || slow.Most.Load() != 1 {
					t.Errorf("%+v, %d work, %d calls at once", p.Counts, usableOf(r, gs), slow.Most.Load())
				}
				r.Proven()
			})
		})
	}
}

func TestMassEstimate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rate           massrevoke.MassRate
		tokens, people int
		want           time.Duration
	}{
		{massrevoke.MassRate{Cost: 0.02, Latency: 100 * time.Millisecond}, 1, 1, time.Second},
		{massrevoke.MassRate{Cost: 0.02, Latency: 100 * time.Millisecond}, 100, 50, 30 * time.Second}, // 301 calls
		{massrevoke.MassRate{Cost: 1.5, Latency: 100 * time.Millisecond}, 10_000, 5000, 4465 * time.Second},
	} {
		if got := tt.rate.Estimate(tt.tokens, tt.people); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
