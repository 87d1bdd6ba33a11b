package web_test

import (
	"bufio"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
	"github.com/tokendesk/tokendesk/lti"
)

// What happens is counted, and nothing of whom and what it concerned can be read.
func TestFigures(t *testing.T) {
	t.Parallel()
	webtest.Each(t, func(t *testing.T, r *webtest.Rig) {
		maya, value := r.Collected() // five launches
		isAnswered(maya.Send(http.MethodPost, "/lti/launch", url.Values{"id_token": {"a.b.c"}, "state": {"of maya"}}, nil), http.StatusUnauthorized)
		isAnswered(r.Launch("luca", r.Course("bio201")).Post("/requests/REQ-0001/withdraw", nil), http.StatusNotFound)
		maya.Get("/requests/REQ-0001")
		isAnswered(maya.Get("/of/maya"), http.StatusNotFound)
		maya.Send("MAYA", "/queue", nil, nil)
		grant := webtest.LinkOn(t, maya.Open(r.Course("bio201")).Body, "/tokens/")
		r.Clock.Advance(access.Freshness + 2*time.Minute)
		r.Canvas.Fail(canvastest.Fault{Method: http.MethodGet, Route: "/api/v1/users/:id", Status: http.StatusServiceUnavailable, Times: 1})
		maya.Open(r.Course("bio201"))
		if err := r.App.Store.InsertJob(t.Context(), jobs.Insert{Kind: "grant.end", Key: "of maya", Data: []byte("Maya Chen"), RunAt: r.Clock.Now(), Tenant: "ten_maya"}); err != nil {
			t.Fatal(err)
		}
		if err := r.App.Store.InsertJob(t.Context(), jobs.Insert{Kind: "kind of maya", Key: "k", RunAt: r.Clock.Now(), Tenant: "ten_maya"}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.App.Drain(t.Context()); err == nil {
			t.Error("no job failed")
		}

		text, own := figures(r)
		for series, want := range map[string]string{
			`tokendesk_launches_total{outcome="accepted",reason="",step="login"}`:              "7",
			`tokendesk_launches_total{outcome="accepted",reason="",step="launch"}`:             "7",
			`tokendesk_launches_total{outcome="refused",reason="state_unknown",step="launch"}`: "1",
			`tokendesk_verbs_total{outcome="done",reason="",verb="submit"}`:                    "1",
			`tokendesk_verbs_total{outcome="done",reason="",verb="approve"}`:                   "1",
			`tokendesk_verbs_total{outcome="done",reason="",verb="collect"}`:                   "1",
			`tokendesk_verbs_total{outcome="not_found",reason="",verb="withdraw"}`:             "1",
			`tokendesk_canvas_calls_total{endpoint="POST users/:id/tokens",outcome="ok"}`:      "1",
			`tokendesk_canvas_call_seconds_count{endpoint="POST users/:id/tokens"}`:            "1",
			`tokendesk_canvas_calls_total{endpoint="GET users/:id",outcome="failed"}`:          "1",
			`tokendesk_job_runs_total{kind="grant.end",result="parked"}`:                       "1",
			`tokendesk_job_runs_total{kind="unknown",result="failed"}`:                         "1",
			`tokendesk_queue_parked_jobs{queue="ends"}`:                                        "1",
			`tokendesk_queue_due_jobs{queue="ends"}`:                                           "0",
			`tokendesk_queues_readable`:                                                        "1",
			`tokendesk_http_requests_total{route="/requests/:id/collect",status="2xx"}`:        "2",
			`tokendesk_http_requests_total{route="/lti/launch",status="4xx"}`:                  "1",
			`tokendesk_http_requests_total{route="none",status="4xx"}`:                         "2",
		} {
			if own[series] != want {
				t.Errorf("%s is %q, want %s", series, own[series], want)
			}
		}
		if t.Failed() {
			for _, s := range slices.Sorted(maps.Keys(own)) {
				if !strings.Contains(s, "_bucket{") {
					t.Log(s, own[s])
				}
			}
		}

		kinds := append(slices.Collect(maps.Keys(r.App.Desk.Handlers())), "upkeep", "credentials", jobs.UnknownKind)
		allowed := map[string][]string{
			"step": list(lti.Steps()), "outcome": slices.Concat(list(lti.Outcomes()), list(access.Outcomes()), list(canvas.Kinds()), []string{"ok"}),
			"reason": slices.Concat(list(lti.Reasons()), list(access.Whys()), []string{""}), "verb": list(access.Verbs()), "endpoint": list(canvas.Endpoints()),
			"kind": kinds, "result": list(jobs.Results()), "queue": {"ends", "watching", "letters", "long"}, "status": {"2xx", "3xx", "4xx", "5xx"},
		}
		for series := range own {
			for _, m := range regexp.MustCompile(`([a-z]+)="([^"]*)"`).FindAllStringSubmatch(series, -1) {
				name, v := m[1], m[2]
				known := slices.Contains(allowed[name], v) || name == "le" ||
					name == "route" && regexp.MustCompile(`^(none|/|(/([a-z.-]+|:id))+|/static/[*]file)$`).MatchString(v)
				if !known {
					t.Errorf("%s: %q is on no list", series, v)
				}
			}
		}
		for _, secret := range []string{value, value[len(value)-20:], value[:5], maya.Cookies[session.Cookie], r.Canvas.World().ServiceToken(), "maya", "Maya", "Chen",
			"luca", "Ana Ruiz", "REQ-", strings.TrimPrefix(grant, "/tokens/"), r.Canvas.InstitutionURL(), r.URL, r.Tool.ClientID} {
			for line := range strings.Lines(text) {
				if secret == "" || strings.Contains(line, secret) && strings.HasPrefix(line, "tokendesk_") {
					t.Errorf("%q is in %s", secret, line)
				}
			}
		}
		if id := regexp.MustCompile(`[a-z]{3}_[A-Z2-7]{10,}`).FindString(text); id != "" || strings.Contains(text, value) {
			t.Errorf("an id or the value is shown: %q", id)
		}
	})
}

func list[T ~string](vs []T) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = string(v)
	}
	return out
}

// figures are what Prometheus reads: all of it, and the program's own series.
func figures(r *webtest.Rig) (text string, own map[string]string) {
	r.T.Helper()
	w := httptest.NewRecorder()
	r.App.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		r.T.Fatalf("metrics: %d %s", w.Code, w.Body)
	}
	text, own = w.Body.String(), map[string]string{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		if i := strings.LastIndexByte(s.Text(), ' '); strings.HasPrefix(s.Text(), "tokendesk_") {
			own[s.Text()[:i]] = s.Text()[i+1:]
		}
	}
	return text, own
}

// isAnswered fails unless the last answer has this status.
func isAnswered(b *webtest.Browser, status int) {
	b.Rig.T.Helper()
	if b.Status != status {
		b.Rig.T.Errorf("%s: status %d, want %d", b.Path, b.Status, status)
	}
}
