package desk_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// What is kept of a form goes after a week, the record of a job after a month
// and a session with its end; what is younger stays.
func TestPurge(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	maya := r.As("maya", access.DoorCourse)
	start := r.Clock.Now()
	idle, over := strings.Repeat("i", 32), strings.Repeat("o", 32)
	keep := func(form string) {
		_, err := r.Requests.SaveText(ctx, maya, desk.NewObject, form, []byte(`{}`))
		r.Must(err)
	}
	purge := func() { r.Must(r.Desk.Handlers()[desk.JobPurge].Do(ctx, jobs.Job{})) }
	keep("first")
	r.Must(r.Desk.Store.InsertJob(ctx, jobs.Insert{Kind: desk.JobTick, Key: "first", RunAt: start}))
	claim, err := r.Desk.Store.ClaimJobs(ctx, jobs.Claim{Owner: "test", Now: start, Lease: time.Minute, Limit: 1, But: true})
	r.Must(err)
	r.Must(r.Desk.Store.FinishJob(ctx, claim[0], start))
	r.Must(r.Desk.Store.InsertJob(ctx, jobs.Insert{Kind: desk.JobTick, Key: "waits", RunAt: start.AddDate(1, 0, 0)}))
	r.Must(r.Desk.Store.InTx(ctx, func(tx *store.Tx) error {
		return errors.Join(
			tx.SaveSession(store.Session{Hash: []byte(idle), Tenant: r.Tenant, Person: maya.Person, Platform: r.Plat, CreatedAt: start, SeenAt: start, LaunchedAt: start, IdleUntil: start.Add(30 * time.Minute), EndsAt: start.AddDate(1, 0, 0)}),
			tx.SaveSession(store.Session{Hash: []byte(over), Tenant: r.Tenant, Person: maya.Person, Platform: r.Plat, CreatedAt: start, SeenAt: start, LaunchedAt: start, IdleUntil: start.AddDate(1, 0, 0), EndsAt: start.Add(8 * time.Hour)}))
	}))
	r.Must(r.Desk.Store.HoldLaunch(ctx, lti.Held{Hash: "held", BinderHash: "b", ExpiresAt: start.Add(10 * time.Minute)}))
	left := func(at time.Duration, want ...string) {
		t.Helper()
		r.Clock.Advance(start.Add(at).Sub(r.Clock.Now()))
		purge()
		var got []string
		rows := r.Everything().Rows
		for key, there := range map[string]string{"sessions " + idle: "idle", "sessions " + over: "over", "lti_held held": "launch", "kept " + string(maya.Person) + " new first": "first text",
			"kept " + string(maya.Person) + " new second": "second text", "jobs tick first": "job", "jobs tick waits": "waiting job"} {
			if rows[key] != nil {
				got = append(got, there)
			}
		}
		if fmt.Sprint(desktest.Sorted(got)) != fmt.Sprint(desktest.Sorted(want)) {
			t.Errorf("after %s there is %q, want %q", at, got, want)
		}
	}
	left(10*time.Minute, "launch", "idle", "over", "first text", "job", "waiting job")
	left(10*time.Minute+desktest.Moment, "idle", "over", "first text", "job", "waiting job")
	left(30*time.Minute-desktest.Moment, "idle", "over", "first text", "job", "waiting job")
	left(30*time.Minute, "over", "first text", "job", "waiting job")
	left(8*time.Hour-desktest.Moment, "over", "first text", "job", "waiting job")
	left(8*time.Hour, "first text", "job", "waiting job")
	keep("second")
	left(7*24*time.Hour, "first text", "second text", "job", "waiting job")
	left(7*24*time.Hour+desktest.Moment, "second text", "job", "waiting job")
	left(30*24*time.Hour, "job", "waiting job")
	left(30*24*time.Hour+desktest.Moment, "waiting job")
}

// An answer of Canvas is shown for five minutes, errors never.
func TestRemember(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	now := begin
	c := &desk.Desk{Now: func() time.Time { return now }}
	n := 0
	ask := func() (int, error) { n++; return n, nil }
	for _, tt := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {5*time.Minute - 1, 1}, {5 * time.Minute, 2}, {10*time.Minute - 1, 2}, {-time.Hour, 3}} {
		now = begin.Add(tt.at)
		if got, err := desk.Remember(c, "k", ask); got != tt.want || err != nil {
			t.Errorf("after %s: answer %d, %v, want %d", tt.at, got, err, tt.want)
		}
	}
	now = begin
	c.Forget("k")
	if got, _ := desk.Remember(c, "k", ask); got != 4 {
		t.Errorf("forgotten: answer %d", got)
	}
	broken := errors.New("broken")
	for range 2 {
		if _, err := desk.Remember(c, "e", func() (int, error) { return 0, broken }); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	if got, err := desk.Remember(c, "e", ask); got != 5 || err != nil {
		t.Errorf("an error was kept: %d, %v", got, err)
	}
	n = 0
	for i := range desk.CacheSize + 1 { // the first is used all the time
		if _, err := desk.Remember(c, fmt.Sprint(i), ask); err != nil {
			t.Fatal(err)
		}
		if got, _ := desk.Remember(c, "0", ask); got != 1 {
			t.Fatalf("after %d others an answer in use is gone", i)
		}
	}
	kept := 0
	for i := range desk.CacheSize + 1 {
		if _, ok := desk.Recall[int](c, fmt.Sprint(i)); ok {
			kept++
		}
	}
	if kept != desk.CacheSize {
		t.Errorf("%d answers are kept", kept)
	}
	if _, ok := desk.Recall[int](c, "1"); ok {
		t.Error("what was used longest ago is kept beyond the bound")
	}
}

// A Canvas that did not answer rests for thirty seconds, and since when it does
// not is told until it does again.
func TestResting(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	down := r.Cv.Fail(canvastest.Fault{Status: 503, Times: -1})
	f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
	r.Must(err)
	fail := func() {
		if _, err := r.Authority.Enrollments(t.Context(), f, "1"); err == nil {
			t.Fatal("Canvas answered")
		}
	}
	if r.Desk.Resting(r.Tenant) {
		t.Error("it rests before it was asked")
	}
	fail()
	since := r.Desk.SilentSince(r.Tenant)
	r.Clock.Advance(20 * time.Second)
	fail()
	if got := r.Desk.SilentSince(r.Tenant); !got.Equal(since) || got.IsZero() {
		t.Errorf("silent since %s, not %s", got, since)
	}
	last := r.Clock.Now()
	for _, tt := range []struct {
		at   time.Duration
		want bool
	}{{30*time.Second - 1, true}, {30 * time.Second, false}} {
		r.Clock.Advance(last.Add(tt.at).Sub(r.Clock.Now()))
		if r.Desk.Resting(r.Tenant) != tt.want {
			t.Errorf("%s after its last failure it rests: %v", tt.at, !tt.want)
		}
	}
	fail()
	down()
	if _, err := r.Authority.Enrollments(t.Context(), f, r.W.User("maya").ID.String()); err != nil || r.Desk.Resting(r.Tenant) || !r.Desk.SilentSince(r.Tenant).IsZero() {
		t.Errorf("it answers, %v; it rests: %v", err, r.Desk.Resting(r.Tenant))
	}
}
