package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// What waits too long ends of itself: not at its last moment, but behind it, and
// once.
func TestHowLongRequestsWait(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(r *desktest.Rig) string
		life    time.Duration
		want    string
	}{
		"the sponsor's answer": {func(r *desktest.Rig) string { return r.Submitted().ID }, 14 * 24 * time.Hour, `
log: system request.lapse req1 awaiting_sponsor>lapsed v3
requests req1: closed_at=now open=0 state=lapsed updated_at=now version=3
job: tell ana lapsed of req1, req1/v3
job: tell maya lapsed of req1, req1/v3`},
		"an approved request": {func(r *desktest.Rig) string { return r.Approved().ID }, 14 * 24 * time.Hour, `
log: system request.lapse req1 approved>lapsed v5
requests req1: closed_at=now open=0 state=lapsed updated_at=now version=5
job: tell ana lapsed of req1, req1/v5
job: tell maya lapsed of req1, req1/v5`},
		"a draft": {func(r *desktest.Rig) string {
			d, err := r.Requests.SaveDraft(r.T.Context(), r.As("maya", access.DoorCourse), "", r.Answers())
			r.Must(err)
			return d.ID
		}, 30 * 24 * time.Hour, `
log: system request.discard req1 draft>discarded v2
requests req1: ai=none answers=none closed_at=now maker=none purpose=none search=typed state=discarded updated_at=now version=2`},
		"a draft that was saved again": {func(r *desktest.Rig) string {
			d, err := r.Requests.SaveDraft(r.T.Context(), r.As("maya", access.DoorCourse), "", r.Answers())
			r.Must(err)
			r.Clock.Advance(29 * 24 * time.Hour)
			_, err = r.Requests.SaveDraft(r.T.Context(), r.As("maya", access.DoorCourse), d.ID, r.Answers())
			r.Must(err)
			return d.ID
		}, 30 * 24 * time.Hour, `
log: system request.discard req1 draft>discarded v2
requests req1: ai=none answers=none closed_at=now maker=none purpose=none search=typed state=discarded updated_at=now version=2`},
		// A claim is for one whole business day between the day of the claim and its end.
		"a claim of Monday": {func(r *desktest.Rig) string { return r.Claimed() }, 2*24*time.Hour - desktest.Moment, `
log: system request.release req1 in_review>in_review v5
gone: votes req1 0 1 dana
requests req1: updated_at=now version=5
job: notice.reviewers notice.reviewers:school:2026-11-25 at +1m0s`},
		"a claim of Friday": {func(r *desktest.Rig) string { r.Clock.Advance(4 * 24 * time.Hour); return r.Claimed() }, 4*24*time.Hour - desktest.Moment, `
log: system request.release req1 in_review>in_review v5
gone: votes req1 0 1 dana
requests req1: updated_at=now version=5
job: notice.reviewers notice.reviewers:school:2026-12-01 at +1m0s`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			id := tt.prepare(r)
			was := r.Request(id)
			r.Clock.Advance(tt.life)
			r.TimeActs()
			if now := r.Request(id); now.Version != was.Version {
				t.Fatalf("at its last moment it is %s", now.State)
			}
			r.Clock.Advance(desktest.Moment)
			r.Writes(name, tt.want, r.TimeActs)
			r.Writes(name+" again", "", r.TimeActs)
		})
	}
}

// Tokens end of themselves behind their last moment, each with its cause.
func TestHowLongTokensWait(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(r *desktest.Rig) (id string, last time.Time)
		want    string
	}{
		"its end": {func(r *desktest.Rig) (string, time.Time) { g, _ := r.Working(); return g.ID, g.Expires }, `
log: system grant.revoke grt1 active>revoking v4 of req1 cause=end
grants grt1: cause=end next_try=now revoking_at=now state=revoking updated_at=now version=4
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
		"not activated": {func(r *desktest.Rig) (string, time.Time) {
			c, _ := r.Collected()
			r.Clock.Advance(7 * 24 * time.Hour)
			if err := r.Run(desk.JobWatch, "handed_over"); desktest.Again(err) != tokens.WatchLater { // Canvas was asked at the last moment
				r.T.Fatal(err)
			}
			return c.Grant.ID, c.Grant.ShownAt.Add(7 * 24 * time.Hour)
		}, `
log: system grant.revoke grt1 handed_over>revoking v3 of req1 cause=unclaimed
grants grt1: cause=unclaimed next_try=now revoking_at=now state=revoking updated_at=now version=3
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
		"not activated, and Canvas was not asked": {func(r *desktest.Rig) (string, time.Time) {
			c, _ := r.Collected()
			return c.Grant.ID, c.Grant.ActivateBy.Add(time.Hour + 5*time.Minute - desktest.Moment)
		}, `
log: system grant.revoke grt1 handed_over>revoking v3 of req1 cause=unclaimed
grants grt1: cause=unclaimed next_try=now revoking_at=now state=revoking updated_at=now version=3
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
		"lost, and no successor": {func(r *desktest.Rig) (string, time.Time) {
			c, _ := r.Collected()
			r.Clock.Advance(time.Hour)
			_, err := r.Tokens.Replace(r.T.Context(), r.As("maya", access.DoorCourse), c.Request.Code())
			r.Must(err)
			return c.Grant.ID, r.Clock.Now().Add(7 * 24 * time.Hour)
		}, `
log: system grant.revoke grt1 replacing>revoking v4 of req1 cause=not_replaced
grants grt1: cause=not_replaced next_try=now revoking_at=now state=revoking updated_at=now version=4
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
		"without a sponsor": {func(r *desktest.Rig) (string, time.Time) { g, _ := r.Gapped(); return g.ID, g.GapUntil }, `
log: system grant.revoke grt1 active>revoking v5 of req1 cause=no_sponsor
grants grt1: cause=no_sponsor next_try=now revoking_at=now state=revoking updated_at=now version=5
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
		"frozen": {func(r *desktest.Rig) (string, time.Time) { g, _ := r.Stopped(); return g.ID, g.Expires }, `
log: system grant.revoke grt1 frozen>revoking v6 of req1 cause=end
grants grt1: cause=end next_try=now revoking_at=now state=revoking updated_at=now version=6
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			id, last := tt.prepare(r)
			was := r.Grant(id)
			r.Clock.Advance(last.Sub(r.Clock.Now()))
			r.TimeActs()
			if now := r.Grant(id); now.State != was.State {
				t.Fatalf("at its last moment it is %s by %s", now.State, now.Cause)
			}
			r.Clock.Advance(desktest.Moment)
			r.Writes(name, tt.want, r.TimeActs)
			r.Writes(name+" again", "", r.TimeActs)
		})
	}
}

// An open collect page asks Canvas at most every ten seconds, and only while
// there is something to learn; one that may only look asks nothing.
func TestCollectPageAsksSeldom(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	c, _ := r.Collected()
	code := c.Request.Code()
	maya, acting := r.As("maya", access.DoorCourse), r.As("maya", access.DoorCourse, desktest.ActingBy("9"))
	asked := func(caller access.Caller, after time.Duration, route string, calls int, stage tokens.CollectStage) {
		t.Helper()
		r.Clock.Advance(after)
		r.Cv.ClearRequests()
		page, err := r.Tokens.CollectPage(ctx, caller, code)
		if n := r.Cv.Count(http.MethodGet, route); err != nil || n != calls || page.Stage != stage || len(r.Cv.Requests()) > 0 && calls == 0 {
			t.Errorf("after %s more: %d reads of %d calls, %s, %v", after, n, len(r.Cv.Requests()), page.Stage, err)
		}
	}
	asked(maya, 10*time.Second-desktest.Moment, desktest.OneTokenRoute, 0, tokens.StageShown)
	asked(acting, desktest.Moment, desktest.OneTokenRoute, 0, tokens.StageShown)
	asked(maya, 0, desktest.OneTokenRoute, 1, tokens.StageShown)
	asked(maya, 10*time.Second-desktest.Moment, desktest.OneTokenRoute, 0, tokens.StageShown)
	r.Activate("maya", c.Grant.CanvasID)
	asked(maya, desktest.Moment, desktest.OneTokenRoute, 1, tokens.StageActive)
	asked(maya, time.Minute, desktest.OneTokenRoute, 0, tokens.StageActive)

	code = r.Approved().Code()
	r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, DropAfter: true})
	if c, err := r.Tokens.Collect(ctx, maya, code); err != nil || c.Stage != tokens.StageRecovering {
		t.Fatalf("%s, %v", c.Stage, err)
	}
	asked(maya, 10*time.Second-desktest.Moment, desktest.ListRoute, 0, tokens.StageRecovering)
	asked(acting, desktest.Moment, desktest.ListRoute, 0, tokens.StageRecovering)
	asked(maya, 0, desktest.ListRoute, 2, tokens.StageReady)
	asked(maya, time.Minute, desktest.ListRoute, 0, tokens.StageReady)
}

// A running attempt is left alone until its lease is over, by presses and jobs
// alike; from then on it is settled.
func TestLeaseOfAnAttempt(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	q := r.Approved()
	maya := r.As("maya", access.DoorCourse)
	if !r.Die("canvas answered", func() { _, _ = r.Tokens.Collect(ctx, maya, q.Code()) }) {
		t.Fatal("it did not come to that")
	}
	made := r.Cv.Count(http.MethodPost, desktest.CreateRoute)
	r.Clock.Advance(90*time.Second - desktest.Moment)
	r.Writes("within the lease", "", func() {
		for name, press := range map[string]func(context.Context, access.Caller, string) (tokens.Collection, error){"page": r.Tokens.CollectPage, "check": r.Tokens.CheckMint, "collect": r.Tokens.Collect} {
			if c, err := press(ctx, maya, q.Code()); err != nil || c.Stage != tokens.StageCreating {
				t.Errorf("%s within the lease: %s, %v", name, c.Stage, err)
			}
		}
		if err := r.Run(desk.JobRecover, ":1:minting"); desktest.Again(err) != time.Second+desktest.Moment {
			t.Errorf("its job within the lease: %v", err)
		}
		f, err := r.Desk.CanvasOf(ctx, r.Tenant, "")
		r.Must(err)
		if err := r.Tokens.RecoverAttempt(ctx, f, r.Grants()[0]); !errors.Is(err, access.ErrConflict) {
			t.Errorf("recovered within the lease: %v", err)
		}
	})
	r.Clock.Advance(desktest.Moment)
	acting := r.As("maya", access.DoorCourse, desktest.ActingBy("9"))
	if c, err := r.Tokens.CollectPage(ctx, acting, q.Code()); err != nil || c.Stage != tokens.StageRecovering {
		t.Errorf("at its end: %s, %v", c.Stage, err)
	}
	r.Writes("its job at the end of the lease", `
log: system grant.doubt grt1 minting>recovering v2 of req1 trouble=mint.unclear
log: system grant.stray_deleted grt1 of req1 canvas_token=token1
log: system grant.give_up grt1 recovering>void v3 of req1 trouble=mint.nothing_made
log: system request.mint_failed req1 collecting>approved v6
grants grt1: lease_until=none open=0 state=void trouble=mint.nothing_made updated_at=now version=3
requests req1: collect_by=+14d state=approved updated_at=now version=6
job: grant.recover grant.recover:grt1:1:minting:doubt {"grant":"grt1","attempt":1} at +20s
job: grant.sweep grant.sweep:grt1:1:void:void {"grant":"grt1","attempt":1} at +10m0s`, func() { r.Must(r.Run(desk.JobRecover, ":1:minting")) })
	if n := r.Cv.Count(http.MethodPost, desktest.CreateRoute); n != made || r.InCanvas("maya") != 0 {
		t.Errorf("%d tokens made, %d in Canvas", n, r.InCanvas("maya"))
	}
}

// Presses count at their last moment, and not behind it.
func TestLastMomentsOfPresses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(r *desktest.Rig) (press func(at time.Time) error, last time.Time)
		why     access.Why
	}{
		"collecting with a launch of": {func(r *desktest.Rig) (func(time.Time) error, time.Time) {
			q, maya := r.Approved(), r.As("maya", access.DoorCourse)
			return func(time.Time) error { _, err := r.Tokens.Collect(r.T.Context(), maya, q.Code()); return err }, r.Clock.Now().Add(15 * time.Minute)
		}, access.WhyStale},
		"approving with a launch of": {func(r *desktest.Rig) (func(time.Time) error, time.Time) {
			q := r.Submitted()
			r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
			dana := r.As("dana", access.DoorAccount)
			return func(time.Time) error {
				_, err := r.Requests.Act(r.T.Context(), dana, q.Code(), access.Approve, access.Move{}, r.TermsOf(q.Code()))
				return err
			}, r.Clock.Now().Add(15 * time.Minute)
		}, access.WhyStale},
		"\"I lost it\"": {func(r *desktest.Rig) (func(time.Time) error, time.Time) {
			c, _ := r.Collected()
			return func(time.Time) error {
				page, err := r.Tokens.CollectPage(r.T.Context(), r.As("maya", access.DoorCourse), c.Request.Code())
				if err == nil && page.CanReplace != (page.ReplaceWhy == "") {
					r.T.Errorf("the page says %v because of %q", page.CanReplace, page.ReplaceWhy)
				}
				_, err = r.Tokens.Replace(r.T.Context(), r.As("maya", access.DoorCourse), c.Request.Code())
				if err != nil && page.ReplaceWhy != access.WhyOf(err) {
					r.T.Errorf("the page says %q, the press %v", page.ReplaceWhy, err)
				}
				return err
			}, r.Clock.Now().Add(24 * time.Hour)
		}, access.WhyReplaceLate},
		"a life of an hour": {func(r *desktest.Rig) (func(time.Time) error, time.Time) {
			q := approvedUntil(r, "2026-11-24")
			return func(time.Time) error {
				_, err := r.Tokens.Collect(r.T.Context(), r.As("maya", access.DoorCourse), q.Code())
				return err
			}, q.End.Add(-time.Hour)
		}, access.WhyOver},
	}
	for name, tt := range tests {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late: %v", name, late), func(t *testing.T) {
				t.Parallel()
				r := desktest.NewRig(t, desktest.Sqlite(t))
				press, last := tt.prepare(r)
				if late {
					last = last.Add(desktest.Moment)
				}
				r.Clock.Advance(last.Sub(r.Clock.Now()))
				if err := press(last); late != (access.WhyOf(err) == tt.why) || !late && err != nil {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

// The same form within ten minutes is the same press, and then no more.
func TestTheSameFormAgain(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	maya, form := r.As("maya", access.DoorCourse), r.Answers()
	first, err := r.Requests.Submit(t.Context(), maya, "", form)
	r.Must(err)
	r.Clock.Advance(10*time.Minute - desktest.Moment)
	r.Writes("the same press", "", func() {
		if q, err := r.Requests.Submit(t.Context(), maya, "", form); err != nil || q.ID != first.ID {
			t.Errorf("%s, %v", q.Code(), err)
		}
	})
	r.Clock.Advance(desktest.Moment)
	if q, err := r.Requests.Submit(t.Context(), maya, "", form); err != nil || q.ID == first.ID {
		t.Errorf("ten minutes later: %s, %v", q.Code(), err)
	}
}

// A deletion is tried again quickly at first, then every five minutes.
func TestEndDelay(t *testing.T) {
	t.Parallel()
	for tries, want := range map[int]time.Duration{0: 5 * time.Second, 1: 10 * time.Second, 5: 160 * time.Second, 6: 5 * time.Minute, 7: 5 * time.Minute, 1000: 5 * time.Minute} {
		if got := tokens.EndDelay(tries); got != want {
			t.Errorf("after %d tries: %s, want %s", tries, got, want)
		}
	}
}
