package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// TestTheWholeJob is the main job over HTTP, with the tool's cookies never
// coming back: ask, endorse, approve, collect, use, revoke.
func TestTheWholeJob(t *testing.T) {
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	maya.Block = true
	maya.Want(http.StatusOK, "My API tokens")
	// For whom nothing waits, the first page is their own.
	r.Launch("ana", r.Course("bio201")).Want(http.StatusOK, "My API tokens")
	maya.Get("/requests/new").Want(http.StatusOK, "Request an API token").Says("Ana Ruiz")
	maya.Post("/requests", webtest.Answers(r)).Want(http.StatusOK, "Request REQ-0001").Says("Sent to Ana Ruiz")

	ana := r.Launch("ana", r.Course("bio201")).Want(http.StatusOK, "Sponsorships")
	ana.Get("/requests/REQ-0001").Want(http.StatusOK, "Request REQ-0001").Says("What you confirm")
	ana.Post("/requests/REQ-0001/endorse", url.Values{"reason": {"Fits the course."}}).Want(http.StatusOK, "Request REQ-0001").Says("Thank you")

	dana := r.Launch("dana", r.Account("root")).Want(http.StatusOK, "Review queue")
	dana.Get("/requests/REQ-0001").Want(http.StatusOK, "Request REQ-0001")
	dana.Post("/requests/REQ-0001/approve", url.Values{"conditions": {""}}).Want(http.StatusOK, "Request REQ-0001").Says("Approved until")

	maya.Get("/requests/REQ-0001/collect").Want(http.StatusOK, "Collect your token")
	maya.Post("/requests/REQ-0001/collect", nil).Want(http.StatusOK, "Collect your token").Says("Copy it now")
	value := webtest.ValueOn(t, maya.Body)
	use := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.Canvas.InstitutionURL()+"/api/v1/users/self", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+value)
		res, err := r.Canvas.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if got := use(); got != http.StatusUnauthorized {
		t.Errorf("before activation the token answers %d", got)
	}
	maya.Get("/requests/REQ-0001/collect").Want(http.StatusOK, "Collect your token")
	if strings.Contains(maya.Body, value) {
		t.Error("the value is shown a second time")
	}
	maya.Post("/requests/REQ-0001/collect", nil).Want(http.StatusOK, "Collect your token")
	if strings.Contains(maya.Body, value) {
		t.Error("a second press shows the value again")
	}

	var made canvastest.ID
	for _, tok := range r.Canvas.World().Tokens("maya") {
		made = tok.ID
	}
	if err := r.Canvas.ActivateAs("maya", made); err != nil {
		t.Fatal(err)
	}
	if got := use(); got != http.StatusOK {
		t.Errorf("after activation the token answers %d", got)
	}
	r.Clock.Advance(11 * time.Second)
	maya.Get("/requests/REQ-0001/collect/status")
	if maya.Status != http.StatusOK || !strings.Contains(webtest.Text(maya.Body), "Active since") {
		t.Errorf("the poll says %d %q", maya.Status, webtest.Text(maya.Body))
	}

	maya.Open(r.Course("bio201")).Want(http.StatusOK, "My API tokens")
	grant := webtest.LinkOn(t, maya.Body, "/tokens/")
	maya.Get(grant + "/revoke")
	maya.Post(grant+"/revoke", url.Values{"reason": {""}}).Says("Revoked")
	if got := use(); got != http.StatusUnauthorized {
		t.Errorf("after revocation the token answers %d", got)
	}

	for name, where := range map[string]string{"the log": r.Logs.String(), "a later page": maya.Body} {
		if strings.Contains(where, value) {
			t.Errorf("the value is in %s", name)
		}
	}
	for _, b := range []*webtest.Browser{maya, ana, dana} {
		for name, value := range b.Cookies {
			if strings.HasPrefix(name, "__Host-tool") && strings.Contains(r.Logs.String(), strings.Split(value, ".")[0]) {
				t.Error("a session's handle is in the log")
			}
		}
	}
}
