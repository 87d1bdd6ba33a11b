package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// asked is a request form that is good.
func asked(r *rig) url.Values {
	return url.Values{
		"purpose": {"coursework"}, "build": {"A small helper that tells me which assignments are due this week."}, "maker": {"self"},
		"ai": {"no"}, "data": {"own"}, "storage": {"password_manager"}, "end": {"2026-12-12"},
		"sponsor": {r.cv.World().User("ana").ID.String()}, "accepted": {"1"}, "draft": {""}, "do": {"submit"},
	}
}

// askedFor is a form that asks for another token: the same answers twice are one
// request.
func askedFor(r *rig, build string) url.Values {
	fields := asked(r)
	fields.Set("build", build)
	return fields
}

// TestTheWholeJob is the main job over HTTP, with the tool's cookies never
// coming back: ask, endorse, approve, collect, use, revoke.
func TestTheWholeJob(t *testing.T) {
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	maya.block = true
	maya.want(http.StatusOK, "My API tokens")
	// For whom nothing waits, the first page is their own.
	r.launch("ana", r.course("bio201")).want(http.StatusOK, "My API tokens")
	maya.get("/requests/new").want(http.StatusOK, "Request an API token").says("Ana Ruiz")
	maya.post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001").says("Sent to Ana Ruiz")

	ana := r.launch("ana", r.course("bio201")).want(http.StatusOK, "Sponsorships")
	ana.get("/requests/REQ-0001").want(http.StatusOK, "Request REQ-0001").says("What you confirm")
	ana.post("/requests/REQ-0001/endorse", url.Values{"reason": {"Fits the course."}}).want(http.StatusOK, "Request REQ-0001").says("Thank you")

	dana := r.launch("dana", r.account("root")).want(http.StatusOK, "Review queue")
	dana.get("/requests/REQ-0001").want(http.StatusOK, "Request REQ-0001")
	dana.post("/requests/REQ-0001/approve", url.Values{"conditions": {""}}).want(http.StatusOK, "Request REQ-0001").says("Approved until")

	maya.get("/requests/REQ-0001/collect").want(http.StatusOK, "Collect your token")
	maya.post("/requests/REQ-0001/collect", nil).want(http.StatusOK, "Collect your token").says("Copy it now")
	value := valueOn(t, maya.body)
	use := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.cv.InstitutionURL()+"/api/v1/users/self", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+value)
		res, err := r.cv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if got := use(); got != http.StatusUnauthorized {
		t.Errorf("before activation the token answers %d", got)
	}
	maya.get("/requests/REQ-0001/collect").want(http.StatusOK, "Collect your token")
	if strings.Contains(maya.body, value) {
		t.Error("the value is shown a second time")
	}
	maya.post("/requests/REQ-0001/collect", nil).want(http.StatusOK, "Collect your token")
	if strings.Contains(maya.body, value) {
		t.Error("a second press shows the value again")
	}

	var made canvastest.ID
	for _, tok := range r.cv.World().Tokens("maya") {
		made = tok.ID
	}
	if err := r.cv.ActivateAs("maya", made); err != nil {
		t.Fatal(err)
	}
	if got := use(); got != http.StatusOK {
		t.Errorf("after activation the token answers %d", got)
	}
	r.clock.Advance(11 * time.Second)
	maya.get("/requests/REQ-0001/collect/status")
	if maya.status != http.StatusOK || !strings.Contains(text(maya.body), "Active since") {
		t.Errorf("the poll says %d %q", maya.status, text(maya.body))
	}

	maya.open(r.course("bio201")).want(http.StatusOK, "My API tokens")
	grant := linkOn(t, maya.body, "/tokens/")
	maya.get(grant + "/revoke")
	maya.post(grant+"/revoke", url.Values{"reason": {""}}).says("Revoked")
	if got := use(); got != http.StatusUnauthorized {
		t.Errorf("after revocation the token answers %d", got)
	}

	for name, where := range map[string]string{"the log": r.logs.String(), "a later page": maya.body} {
		if strings.Contains(where, value) {
			t.Errorf("the value is in %s", name)
		}
	}
	for _, b := range []*browser{maya, ana, dana} {
		for name, value := range b.cookies {
			if strings.HasPrefix(name, "__Host-tool") && strings.Contains(r.logs.String(), strings.Split(value, ".")[0]) {
				t.Error("a session's handle is in the log")
			}
		}
	}
}
