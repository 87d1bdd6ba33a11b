package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/metrics"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/web"
	"github.com/tokendesk/tokendesk/lti"
)

var (
	_ web.Observer  = (*metrics.Figures)(nil)
	_ desk.Observer = (*metrics.Figures)(nil)
)

// shown is what Prometheus reads.
func shown(t *testing.T, f *metrics.Figures) string {
	t.Helper()
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8") {
		t.Fatalf("%d %s", w.Code, w.Header())
	}
	return w.Body.String()
}

// wants fails for each line that is not there.
func wants(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(text, "\n"+l+"\n") {
			name, _, _ := strings.Cut(l, "{")
			t.Errorf("%s is missing; of its name there is\n%s", l, ours(text, name))
		}
	}
}

func ours(text, name string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, name) {
			b.WriteString(l)
		}
	}
	return b.String()
}

// Whatever the parts report, a label has a value of its list or is "other".
func TestLabelsAreClosed(t *testing.T) {
	t.Parallel()
	f := metrics.New()
	const planted = "per_maya@school.example/17~secret"
	f.LaunchStep(planted, planted, planted)
	f.VerbEnded(planted, planted, planted)
	f.CanvasCall(planted, planted, time.Second)
	f.JobEnded("tick", planted, time.Second)
	text := shown(t, f)
	if strings.Contains(text, "maya") || strings.Contains(text, "secret") {
		t.Errorf("what was reported is shown:\n%s", ours(text, "tokendesk_"))
	}
	wants(t, text,
		`tokendesk_launches_total{outcome="other",reason="other",step="other"} 1`,
		`tokendesk_verbs_total{outcome="other",reason="other",verb="other"} 1`,
		`tokendesk_canvas_calls_total{endpoint="other",outcome="other"} 1`,
		`tokendesk_canvas_call_seconds_count{endpoint="other"} 1`,
		`tokendesk_job_runs_total{kind="tick",result="other"} 1`)
}

// All that the lists have is counted under its own name.
func TestEveryValueOfTheLists(t *testing.T) {
	t.Parallel()
	f := metrics.New()
	var want []string
	for _, s := range lti.Steps() {
		f.LaunchStep(s, lti.Accepted, "")
		want = append(want, fmt.Sprintf(`tokendesk_launches_total{outcome="accepted",reason="",step="%s"} 1`, s))
	}
	for _, r := range lti.Reasons() {
		f.LaunchStep(lti.StepLaunch, lti.Refused, r)
		want = append(want, fmt.Sprintf(`tokendesk_launches_total{outcome="refused",reason="%s",step="launch"} 1`, r))
	}
	for _, v := range access.Verbs() {
		f.VerbEnded(v, access.VerbDone, "")
		want = append(want, fmt.Sprintf(`tokendesk_verbs_total{outcome="done",reason="",verb="%s"} 1`, v))
	}
	for _, w := range access.Whys() {
		f.VerbEnded(access.Revoke, access.VerbRefused, w)
		want = append(want, fmt.Sprintf(`tokendesk_verbs_total{outcome="refused",reason="%s",verb="revoke"} 1`, w))
	}
	for _, e := range canvas.Endpoints() {
		f.CanvasCall(e, "", 300*time.Millisecond)
		want = append(want, fmt.Sprintf(`tokendesk_canvas_calls_total{endpoint="%s",outcome="ok"} 1`, e),
			fmt.Sprintf(`tokendesk_canvas_call_seconds_bucket{endpoint="%s",le="0.25"} 0`, e),
			fmt.Sprintf(`tokendesk_canvas_call_seconds_bucket{endpoint="%s",le="0.5"} 1`, e))
	}
	wants(t, shown(t, f), want...)
	want = nil
	for _, k := range canvas.Kinds() {
		f.CanvasCall("GET users/:id/logins", k, 300*time.Millisecond)
		want = append(want, fmt.Sprintf(`tokendesk_canvas_calls_total{endpoint="GET users/:id/logins",outcome="%s"} 1`, k))
	}
	for _, r := range jobs.Results() {
		f.JobEnded("tick", r, 0)
		want = append(want, fmt.Sprintf(`tokendesk_job_runs_total{kind="tick",result="%s"} 1`, r))
	}
	for status, class := range map[int]string{0: "none", 200: "2xx", 303: "3xx", 404: "4xx", 503: "5xx"} {
		f.Answered("/queue", status, 0)
		want = append(want, fmt.Sprintf(`tokendesk_http_requests_total{route="/queue",status="%s"} 1`, class))
	}
	wants(t, shown(t, f), want...)
}

// The names that were there before the client library, by which operators find them.
func TestRuntimeFigures(t *testing.T) {
	t.Parallel()
	text := shown(t, metrics.New())
	for _, l := range []string{"# TYPE go_goroutines gauge\ngo_goroutines ", "# TYPE go_memory_heap_objects_bytes gauge\ngo_memory_heap_objects_bytes ",
		"# TYPE go_memory_total_bytes gauge\ngo_memory_total_bytes ", "# TYPE go_gc_cycles_total counter\ngo_gc_cycles_total "} {
		i := strings.Index(text, l)
		if i < 0 || strings.HasPrefix(text[i+len(l):], "-") || strings.HasPrefix(text[i+len(l):], "0\n") && !strings.Contains(l, "gc_cycles") {
			t.Errorf("%q is missing, or tells nothing", l)
		}
	}
}

// What waits is read when somebody looks; a database that does not answer is told,
// and hides no other figure.
func TestQueues(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		r := &jobs.Runner{Queue: s, Now: func() time.Time { return now }, Handlers: map[string]jobs.Work{"letter": {Queue: jobs.Letters}}}
		f := metrics.New()
		f.Watch(r)
		for i, tenant := range []string{"ten_a", "ten_b"} {
			if err := s.InsertJob(t.Context(), jobs.Insert{Kind: "letter", Key: tenant, RunAt: now.Add(time.Duration(-10*i) * time.Minute), Tenant: tenant}); err != nil {
				t.Fatal(err)
			}
		}
		wants(t, shown(t, f), `tokendesk_queues_readable 1`, `tokendesk_queue_due_jobs{queue="letters"} 2`, `tokendesk_queue_due_jobs{queue="ends"} 0`,
			`tokendesk_queue_oldest_due_seconds{queue="letters"} 600`, `tokendesk_queue_running_jobs{queue="letters"} 0`, `tokendesk_queue_parked_jobs{queue="letters"} 0`)
		js, err := s.ClaimJobs(t.Context(), jobs.Claim{Owner: "one", Now: now, Lease: time.Minute, Limit: 2, But: true})
		if err != nil || len(js) != 2 {
			t.Fatalf("claimed %v, %v", js, err)
		}
		if err := s.ParkJob(t.Context(), js[0], now, "of ten_a"); err != nil {
			t.Fatal(err)
		}
		wants(t, shown(t, f), `tokendesk_queue_due_jobs{queue="letters"} 0`, `tokendesk_queue_oldest_due_seconds{queue="letters"} 0`,
			`tokendesk_queue_running_jobs{queue="letters"} 1`, `tokendesk_queue_parked_jobs{queue="letters"} 1`)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		text := shown(t, f)
		wants(t, text, `tokendesk_queues_readable 0`)
		if strings.Contains(text, "tokendesk_queue_due_jobs{") || !strings.Contains(text, "\ngo_goroutines ") {
			t.Error("a database that does not answer is not told as that")
		}
	})
}
