package workflow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// moment is the least time that a database tells apart.
const moment = time.Microsecond

// time's own work, at this moment, without the jobs that follow.
func (r *rig) timeActs() {
	r.t.Helper()
	r.must(r.tickHandler(r.t.Context(), jobs.Job{}))
}

// What waits too long ends of itself: not at its last moment, but behind it, and
// once.
func TestHowLongRequestsWait(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(r *rig) string
		life    time.Duration
		want    string
	}{
		"the sponsor's answer": {func(r *rig) string { return r.submitted().ID }, 14 * 24 * time.Hour, `
log: system request.lapse req1 awaiting_sponsor>lapsed v3
requests req1: closed_at=now open=0 state=lapsed updated_at=now version=3
job: tell ana lapsed of req1, req1/v3
job: tell maya lapsed of req1, req1/v3`},
		"an approved request": {func(r *rig) string { return r.approved().ID }, 14 * 24 * time.Hour, `
log: system request.lapse req1 approved>lapsed v5
requests req1: closed_at=now open=0 state=lapsed updated_at=now version=5
job: tell ana lapsed of req1, req1/v5
job: tell maya lapsed of req1, req1/v5`},
		"a draft": {func(r *rig) string {
			d, err := r.SaveDraft(r.t.Context(), r.as("maya", access.DoorCourse), "", r.answers())
			r.must(err)
			return d.ID
		}, 30 * 24 * time.Hour, `
log: system request.discard req1 draft>discarded v2
requests req1: ai=none answers=none closed_at=now maker=none purpose=none search=typed state=discarded updated_at=now version=2`},
		"a draft that was saved again": {func(r *rig) string {
			d, err := r.SaveDraft(r.t.Context(), r.as("maya", access.DoorCourse), "", r.answers())
			r.must(err)
			r.clock.Advance(29 * 24 * time.Hour)
			_, err = r.SaveDraft(r.t.Context(), r.as("maya", access.DoorCourse), d.ID, r.answers())
			r.must(err)
			return d.ID
		}, 30 * 24 * time.Hour, `
log: system request.discard req1 draft>discarded v2
requests req1: ai=none answers=none closed_at=now maker=none purpose=none search=typed state=discarded updated_at=now version=2`},
		// A claim is for one whole business day between the day of the claim and its end.
		"a claim of Monday": {func(r *rig) string { return r.claimed() }, 2*24*time.Hour - moment, `
log: system request.release req1 in_review>in_review v5
gone: votes req1 0 1 dana
requests req1: updated_at=now version=5
job: notice.reviewers notice.reviewers:school:2026-11-25 at +1m0s`},
		"a claim of Friday": {func(r *rig) string { r.clock.Advance(4 * 24 * time.Hour); return r.claimed() }, 4*24*time.Hour - moment, `
log: system request.release req1 in_review>in_review v5
gone: votes req1 0 1 dana
requests req1: updated_at=now version=5
job: notice.reviewers notice.reviewers:school:2026-12-01 at +1m0s`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			id := tt.prepare(r)
			was := r.request(id)
			r.clock.Advance(tt.life)
			r.timeActs()
			if now := r.request(id); now.Version != was.Version {
				t.Fatalf("at its last moment it is %s", now.State)
			}
			r.clock.Advance(moment)
			r.writes(name, tt.want, r.timeActs)
			r.writes(name+" again", "", r.timeActs)
		})
	}
}

// claimed is a request in review that Dana has claimed.
func (r *rig) claimed() string {
	r.t.Helper()
	q := r.submitted()
	r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	return r.act(r.as("dana", access.DoorAccount), q.Code(), access.Claim, access.Move{}).Request.ID
}

// Tokens end of themselves behind their last moment, each with its cause.
func TestHowLongTokensWait(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(r *rig) (id string, last time.Time)
		want    string
	}{
		"its end": {func(r *rig) (string, time.Time) { g, _ := r.working(); return g.ID, g.Expires }, `
log: system grant.revoke grt1 active>revoking v4 of req1 cause=end
grants grt1: cause=end next_try=now revoking_at=now state=revoking updated_at=now version=4
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
		"not activated": {func(r *rig) (string, time.Time) {
			c, _ := r.collected()
			r.clock.Advance(7 * 24 * time.Hour)
			if err := r.run(jobWatch, "handed_over"); again(err) != watchLater { // Canvas was asked at the last moment
				r.t.Fatal(err)
			}
			return c.Grant.ID, c.Grant.ShownAt.Add(7 * 24 * time.Hour)
		}, `
log: system grant.revoke grt1 handed_over>revoking v3 of req1 cause=unclaimed
grants grt1: cause=unclaimed next_try=now revoking_at=now state=revoking updated_at=now version=3
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
		"not activated, and Canvas was not asked": {func(r *rig) (string, time.Time) {
			c, _ := r.collected()
			return c.Grant.ID, c.Grant.ActivateBy.Add(time.Hour + 5*time.Minute - moment)
		}, `
log: system grant.revoke grt1 handed_over>revoking v3 of req1 cause=unclaimed
grants grt1: cause=unclaimed next_try=now revoking_at=now state=revoking updated_at=now version=3
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
		"lost, and no successor": {func(r *rig) (string, time.Time) {
			c, _ := r.collected()
			r.clock.Advance(time.Hour)
			_, err := r.Replace(r.t.Context(), r.as("maya", access.DoorCourse), c.Request.Code())
			r.must(err)
			return c.Grant.ID, r.clock.Now().Add(7 * 24 * time.Hour)
		}, `
log: system grant.revoke grt1 replacing>revoking v4 of req1 cause=not_replaced
grants grt1: cause=not_replaced next_try=now revoking_at=now state=revoking updated_at=now version=4
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
		"without a sponsor": {func(r *rig) (string, time.Time) { g, _ := r.gapped(); return g.ID, g.GapUntil }, `
log: system grant.revoke grt1 active>revoking v5 of req1 cause=no_sponsor
grants grt1: cause=no_sponsor next_try=now revoking_at=now state=revoking updated_at=now version=5
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
		"frozen": {func(r *rig) (string, time.Time) { g, _ := r.stopped(); return g.ID, g.Expires }, `
log: system grant.revoke grt1 frozen>revoking v6 of req1 cause=end
grants grt1: cause=end next_try=now revoking_at=now state=revoking updated_at=now version=6
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			id, last := tt.prepare(r)
			was := r.grant(id)
			r.clock.Advance(last.Sub(r.clock.Now()))
			r.timeActs()
			if now := r.grant(id); now.State != was.State {
				t.Fatalf("at its last moment it is %s by %s", now.State, now.Cause)
			}
			r.clock.Advance(moment)
			r.writes(name, tt.want, r.timeActs)
			r.writes(name+" again", "", r.timeActs)
		})
	}
}

// What is kept of a form goes after a week, the record of a job after a month
// and a session with its end; what is younger stays.
func TestPurge(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	maya := r.as("maya", access.DoorCourse)
	start := r.clock.Now()
	idle, over := strings.Repeat("i", 32), strings.Repeat("o", 32)
	keep := func(form string) {
		_, err := r.Keep(ctx, maya, NewObject, form, []byte(`{}`))
		r.must(err)
	}
	purge := func() { r.must(r.purgeHandler(ctx, jobs.Job{})) }
	keep("first")
	r.must(r.Store.InsertJob(ctx, jobs.Insert{Kind: jobTick, Key: "first", RunAt: start}))
	claim, err := r.Store.ClaimJobs(ctx, jobs.Claim{Owner: "test", Now: start, Lease: time.Minute, Limit: 1, But: true})
	r.must(err)
	r.must(r.Store.FinishJob(ctx, claim[0], start))
	r.must(r.Store.InsertJob(ctx, jobs.Insert{Kind: jobTick, Key: "waits", RunAt: start.AddDate(1, 0, 0)}))
	r.must(r.Store.InTx(ctx, func(tx *store.Tx) error {
		return errors.Join(
			tx.SaveSession(store.Session{Hash: []byte(idle), Tenant: r.tenant, Person: maya.Person, Platform: r.plat, CreatedAt: start, SeenAt: start, LaunchedAt: start, IdleUntil: start.Add(30 * time.Minute), EndsAt: start.AddDate(1, 0, 0)}),
			tx.SaveSession(store.Session{Hash: []byte(over), Tenant: r.tenant, Person: maya.Person, Platform: r.plat, CreatedAt: start, SeenAt: start, LaunchedAt: start, IdleUntil: start.AddDate(1, 0, 0), EndsAt: start.Add(8 * time.Hour)}))
	}))
	r.must(r.Store.HoldLaunch(ctx, lti.Held{Hash: "held", BinderHash: "b", ExpiresAt: start.Add(10 * time.Minute)}))
	left := func(at time.Duration, want ...string) {
		t.Helper()
		r.clock.Advance(start.Add(at).Sub(r.clock.Now()))
		purge()
		var got []string
		rows := r.everything().rows
		for key, there := range map[string]string{"sessions " + idle: "idle", "sessions " + over: "over", "lti_held held": "launch", "kept " + string(maya.Person) + " new first": "first text",
			"kept " + string(maya.Person) + " new second": "second text", "jobs tick first": "job", "jobs tick waits": "waiting job"} {
			if rows[key] != nil {
				got = append(got, there)
			}
		}
		if fmt.Sprint(sorted(got)) != fmt.Sprint(sorted(want)) {
			t.Errorf("after %s there is %q, want %q", at, got, want)
		}
	}
	left(10*time.Minute, "launch", "idle", "over", "first text", "job", "waiting job")
	left(10*time.Minute+moment, "idle", "over", "first text", "job", "waiting job")
	left(30*time.Minute-moment, "idle", "over", "first text", "job", "waiting job")
	left(30*time.Minute, "over", "first text", "job", "waiting job")
	left(8*time.Hour-moment, "over", "first text", "job", "waiting job")
	left(8*time.Hour, "first text", "job", "waiting job")
	keep("second")
	left(7*24*time.Hour, "first text", "second text", "job", "waiting job")
	left(7*24*time.Hour+moment, "second text", "job", "waiting job")
	left(30*24*time.Hour, "job", "waiting job")
	left(30*24*time.Hour+moment, "waiting job")
}

// An open collect page asks Canvas at most every ten seconds, and only while
// there is something to learn; one that may only look asks nothing.
func TestCollectPageAsksSeldom(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	c, _ := r.collected()
	code := c.Request.Code()
	maya, acting := r.as("maya", access.DoorCourse), r.as("maya", access.DoorCourse, actingBy("9"))
	asked := func(caller access.Caller, after time.Duration, route string, calls int, stage CollectStage) {
		t.Helper()
		r.clock.Advance(after)
		r.cv.ClearRequests()
		page, err := r.CollectPage(ctx, caller, code)
		if n := r.cv.Count(http.MethodGet, route); err != nil || n != calls || page.Stage != stage || len(r.cv.Requests()) > 0 && calls == 0 {
			t.Errorf("after %s more: %d reads of %d calls, %s, %v", after, n, len(r.cv.Requests()), page.Stage, err)
		}
	}
	asked(maya, 10*time.Second-moment, oneTokenRoute, 0, StageShown)
	asked(acting, moment, oneTokenRoute, 0, StageShown)
	asked(maya, 0, oneTokenRoute, 1, StageShown)
	asked(maya, 10*time.Second-moment, oneTokenRoute, 0, StageShown)
	r.activate("maya", c.Grant.CanvasID)
	asked(maya, moment, oneTokenRoute, 1, StageActive)
	asked(maya, time.Minute, oneTokenRoute, 0, StageActive)

	code = r.approved().Code()
	r.cv.Fail(canvastest.Fault{Route: createRoute, Method: http.MethodPost, DropAfter: true})
	if c, err := r.Collect(ctx, maya, code); err != nil || c.Stage != StageRecovering {
		t.Fatalf("%s, %v", c.Stage, err)
	}
	asked(maya, 10*time.Second-moment, listRoute, 0, StageRecovering)
	asked(acting, moment, listRoute, 0, StageRecovering)
	asked(maya, 0, listRoute, 2, StageReady)
	asked(maya, time.Minute, listRoute, 0, StageReady)
}

// A running attempt is left alone until its lease is over, by presses and jobs
// alike; from then on it is settled.
func TestLeaseOfAnAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	ctx := t.Context()
	q := r.approved()
	maya := r.as("maya", access.DoorCourse)
	if !r.die("canvas answered", func() { _, _ = r.Collect(ctx, maya, q.Code()) }) {
		t.Fatal("it did not come to that")
	}
	made := r.cv.Count(http.MethodPost, createRoute)
	r.clock.Advance(90*time.Second - moment)
	r.writes("within the lease", "", func() {
		for name, press := range map[string]func(context.Context, access.Caller, string) (Collection, error){"page": r.CollectPage, "check": r.CheckMint, "collect": r.Collect} {
			if c, err := press(ctx, maya, q.Code()); err != nil || c.Stage != StageCreating {
				t.Errorf("%s within the lease: %s, %v", name, c.Stage, err)
			}
		}
		if err := r.run(jobRecover, ":1:minting"); again(err) != time.Second+moment {
			t.Errorf("its job within the lease: %v", err)
		}
		f, err := r.far(ctx, r.tenant, "")
		r.must(err)
		if err := r.recover(ctx, f, r.grants()[0]); !errors.Is(err, access.ErrConflict) {
			t.Errorf("recovered within the lease: %v", err)
		}
	})
	r.clock.Advance(moment)
	acting := r.as("maya", access.DoorCourse, actingBy("9"))
	if c, err := r.CollectPage(ctx, acting, q.Code()); err != nil || c.Stage != StageRecovering {
		t.Errorf("at its end: %s, %v", c.Stage, err)
	}
	r.writes("its job at the end of the lease", `
log: system grant.doubt grt1 minting>recovering v2 of req1 trouble=mint.unclear
log: system grant.stray_deleted grt1 of req1 canvas_token=token1
log: system grant.give_up grt1 recovering>void v3 of req1 trouble=mint.nothing_made
log: system request.mint_failed req1 collecting>approved v6
grants grt1: lease_until=none open=0 state=void trouble=mint.nothing_made updated_at=now version=3
requests req1: collect_by=+14d state=approved updated_at=now version=6
job: grant.recover grant.recover:grt1:1:minting:doubt {"grant":"grt1","attempt":1} at +20s
job: grant.sweep grant.sweep:grt1:1:void:void {"grant":"grt1","attempt":1} at +10m0s`, func() { r.must(r.run(jobRecover, ":1:minting")) })
	if n := r.cv.Count(http.MethodPost, createRoute); n != made || r.inCanvas("maya") != 0 {
		t.Errorf("%d tokens made, %d in Canvas", n, r.inCanvas("maya"))
	}
}

// Presses count at their last moment, and not behind it.
func TestLastMomentsOfPresses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(r *rig) (press func(at time.Time) error, last time.Time)
		why     access.Why
	}{
		"collecting with a launch of": {func(r *rig) (func(time.Time) error, time.Time) {
			q, maya := r.approved(), r.as("maya", access.DoorCourse)
			return func(time.Time) error { _, err := r.Collect(r.t.Context(), maya, q.Code()); return err }, r.clock.Now().Add(15 * time.Minute)
		}, access.WhyStale},
		"approving with a launch of": {func(r *rig) (func(time.Time) error, time.Time) {
			q := r.submitted()
			r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
			dana := r.as("dana", access.DoorAccount)
			return func(time.Time) error {
				_, err := r.Act(r.t.Context(), dana, q.Code(), access.Approve, access.Move{}, r.termsOf(q.Code()))
				return err
			}, r.clock.Now().Add(15 * time.Minute)
		}, access.WhyStale},
		"\"I lost it\"": {func(r *rig) (func(time.Time) error, time.Time) {
			c, _ := r.collected()
			return func(time.Time) error {
				page, err := r.CollectPage(r.t.Context(), r.as("maya", access.DoorCourse), c.Request.Code())
				if err == nil && page.CanReplace != (page.ReplaceWhy == "") {
					r.t.Errorf("the page says %v because of %q", page.CanReplace, page.ReplaceWhy)
				}
				_, err = r.Replace(r.t.Context(), r.as("maya", access.DoorCourse), c.Request.Code())
				if err != nil && page.ReplaceWhy != access.WhyOf(err) {
					r.t.Errorf("the page says %q, the press %v", page.ReplaceWhy, err)
				}
				return err
			}, r.clock.Now().Add(24 * time.Hour)
		}, access.WhyReplaceLate},
		"a life of an hour": {func(r *rig) (func(time.Time) error, time.Time) {
			q := r.approvedUntil("2026-11-24")
			return func(time.Time) error {
				_, err := r.Collect(r.t.Context(), r.as("maya", access.DoorCourse), q.Code())
				return err
			}, q.End.Add(-time.Hour)
		}, access.WhyOver},
	}
	for name, tt := range tests {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late: %v", name, late), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, sqlite(t))
				press, last := tt.prepare(r)
				if late {
					last = last.Add(moment)
				}
				r.clock.Advance(last.Sub(r.clock.Now()))
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
	r := newRig(t, sqlite(t))
	maya, form := r.as("maya", access.DoorCourse), r.answers()
	first, err := r.Submit(t.Context(), maya, "", form)
	r.must(err)
	r.clock.Advance(10*time.Minute - moment)
	r.writes("the same press", "", func() {
		if q, err := r.Submit(t.Context(), maya, "", form); err != nil || q.ID != first.ID {
			t.Errorf("%s, %v", q.Code(), err)
		}
	})
	r.clock.Advance(moment)
	if q, err := r.Submit(t.Context(), maya, "", form); err != nil || q.ID == first.ID {
		t.Errorf("ten minutes later: %s, %v", q.Code(), err)
	}
}

// An answer of Canvas is shown for five minutes, errors never.
func TestRemember(t *testing.T) {
	t.Parallel()
	var c cache
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	n := 0
	ask := func() (int, error) { n++; return n, nil }
	for _, tt := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {5*time.Minute - 1, 1}, {5 * time.Minute, 2}, {10*time.Minute - 1, 2}, {-time.Hour, 3}} {
		if got, err := remember(&c, "k", now.Add(tt.at), ask); got != tt.want || err != nil {
			t.Errorf("after %s: answer %d, %v, want %d", tt.at, got, err, tt.want)
		}
	}
	c.forget("k")
	if got, _ := remember(&c, "k", now, ask); got != 4 {
		t.Errorf("forgotten: answer %d", got)
	}
	broken := errors.New("broken")
	for range 2 {
		if _, err := remember(&c, "e", now, func() (int, error) { return 0, broken }); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	if got, err := remember(&c, "e", now, ask); got != 5 || err != nil {
		t.Errorf("an error was kept: %d, %v", got, err)
	}
	n = 0
	for i := range cacheSize + 1 { // the first is used all the time
		if _, err := remember(&c, fmt.Sprint(i), now, ask); err != nil {
			t.Fatal(err)
		}
		if got, _ := remember(&c, "0", now, ask); got != 1 {
			t.Fatalf("after %d others an answer in use is gone", i)
		}
	}
	if kept := c.kept().Len(); kept != cacheSize {
		t.Errorf("%d answers are kept", kept)
	}
	if _, ok := recall[int](&c, "1", now); ok {
		t.Error("what was used longest ago is kept beyond the bound")
	}
}

// A Canvas that did not answer rests for thirty seconds, and since when it does
// not is told until it does again.
func TestResting(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	down := r.cv.Fail(canvastest.Fault{Status: 503, Times: -1})
	f, err := r.far(t.Context(), r.tenant, "")
	r.must(err)
	fail := func() {
		if _, err := r.enrollments(t.Context(), f, "1"); err == nil {
			t.Fatal("Canvas answered")
		}
	}
	if r.resting(r.tenant) {
		t.Error("it rests before it was asked")
	}
	fail()
	since := r.silentSince(r.tenant)
	r.clock.Advance(20 * time.Second)
	fail()
	if got := r.silentSince(r.tenant); !got.Equal(since) || got.IsZero() {
		t.Errorf("silent since %s, not %s", got, since)
	}
	last := r.failed[r.tenant]
	for _, tt := range []struct {
		at   time.Duration
		want bool
	}{{30*time.Second - 1, true}, {30 * time.Second, false}} {
		r.clock.Advance(last.Add(tt.at).Sub(r.clock.Now()))
		if r.resting(r.tenant) != tt.want {
			t.Errorf("%s after its last failure it rests: %v", tt.at, !tt.want)
		}
	}
	fail()
	down()
	if _, err := r.enrollments(t.Context(), f, r.w.User("maya").ID.String()); err != nil || r.resting(r.tenant) || !r.silentSince(r.tenant).IsZero() {
		t.Errorf("it answers, %v; it rests: %v", err, r.resting(r.tenant))
	}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// A deletion is tried again quickly at first, then every five minutes.
func TestEndDelay(t *testing.T) {
	t.Parallel()
	for tries, want := range map[int]time.Duration{0: 5 * time.Second, 1: 10 * time.Second, 5: 160 * time.Second, 6: 5 * time.Minute, 7: 5 * time.Minute, 1000: 5 * time.Minute} {
		if got := endDelay(tries); got != want {
			t.Errorf("after %d tries: %s, want %s", tries, got, want)
		}
	}
}
