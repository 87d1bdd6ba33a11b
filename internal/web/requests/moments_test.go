package requests_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

func TestAFormToCorrectKeepsEverything(t *testing.T) {
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	bad := webtest.Answers(r)
	bad.Set("build", "too short")
	bad.Set("end", "3/4/2027")
	bad.Set("storage", "chat")
	bad.Set("maker", "company")
	bad.Set("maker_name", `Acme "& Sons" <b>`)
	bad.Set("accepted", "")
	maya.Post("/requests", bad).Want(http.StatusUnprocessableEntity, "Request an API token").Says("There is a problem").
		Says("This date can be read as").Says("in at least 30 characters").Says("Tick the box")
	for _, typed := range []string{"too short", "3/4/2027", `Acme "& Sons" <b>`} {
		found := false
		for n := range webtest.Parse(t, maya.Body).Descendants() {
			found = found || webtest.Attr(n, "value") == typed || n.Data == "textarea" && strings.TrimSpace(webtest.Words(n)) == typed
		}
		if !found {
			t.Errorf("%q is lost", typed)
		}
	}
	if len(r.Requests()) != 0 {
		t.Errorf("something was made: %v", r.Requests())
	}
	// The next session finds it again.
	maya.Open(r.Course("bio201"))
	maya.Get("/requests/new").Want(http.StatusOK, "Request an API token").Says("too short")

	maya.Post("/requests", url.Values{"do": {"submit"}}).Want(http.StatusUnprocessableEntity, "Request an API token").Says("Choose a purpose.")
	maya.Post("/requests", url.Values{"do": {"explode"}}).Want(http.StatusBadRequest, webtest.NoForm).Says(webtest.NothingNew)
}

func TestDrafts(t *testing.T) {
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	fields := webtest.Answers(r)
	fields.Set("do", "draft")
	maya.Post("/requests", fields).Want(http.StatusOK, "Request an API token")
	_, form := webtest.Form(t, maya.Body, "request-form")
	id := form.Get("draft")
	if !strings.HasPrefix(id, "req_") {
		t.Fatalf("the form names the draft %q", id)
	}
	fields.Set("draft", id)
	fields.Set("build", "Something else that is also longer than thirty characters.")
	maya.Post("/requests", fields)
	maya.Get("/").Want(http.StatusOK, "My API tokens")
	maya.Get("/requests/"+id).Want(http.StatusOK, "Request an API token").Says("Something else")

	helen := r.Launch("helen", r.Course("chem110"))
	helen.Get("/requests/"+id).Want(http.StatusNotFound, webtest.NotThere).Says(webtest.NotWhere)

	fields.Set("do", "submit")
	maya.Post("/requests", fields).Want(http.StatusOK, "Request REQ-0001")
	maya.Post("/requests", fields).Want(http.StatusOK, "Request REQ-0001").Says("Sent to Ana Ruiz")
	if got := r.Requests(); len(got) != 1 {
		t.Errorf("a double click made more: %v", got)
	}

	fields.Set("draft", "")
	fields.Set("do", "draft")
	maya.Post("/requests", fields)
	_, form2 := webtest.FormOf(t, maya.Body)
	id = form2.Get("draft")
	maya.Get("/requests/" + id + "/discard")
	maya.Post("/requests/"+id+"/discard", nil).Want(http.StatusOK, "My API tokens")
	if got := r.Requests()[id]; got != string(access.Discarded) {
		t.Errorf("the draft is %q", got)
	}
}

func TestSilentSave(t *testing.T) {
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	page := maya.Body
	maya.Post("/requests/keep", url.Values{"build": {"half a sent"}})
	if maya.Status != http.StatusOK || strings.Contains(maya.Body, "<html") || !strings.Contains(webtest.Text(maya.Body), "saved") {
		t.Errorf("the silent save answers %d %q", maya.Status, maya.Body)
	}
	r.Clock.Advance(session.Idle)
	maya.Body = page
	maya.Post("/requests/keep", url.Values{"build": {"half a sentence"}})
	if maya.Status != http.StatusOK || strings.Contains(maya.Body, "<html") || strings.Contains(maya.Body, "half") {
		t.Errorf("after the session ended it answers %d %q", maya.Status, maya.Body)
	}
	maya.Open(r.Course("bio201"))
	maya.Get("/requests/new").Says("half a sent")
	if strings.Contains(maya.Body, "half a sentence") {
		t.Error("text was kept without a live session")
	}
}

func TestALaunchTooOldToDecide(t *testing.T) {
	r := webtest.InReview(t)
	dana := r.Launch("dana", r.Account("root"))
	dana.Get("/requests/REQ-0001")
	page := dana.Body
	r.Clock.Advance(access.Freshness + time.Minute)
	typed := url.Values{"reason": {"Well argued."}, "conditions": {"Only until the exam."}, "end": {"2026-12-01"}}
	dana.Post("/requests/REQ-0001/approve", typed).Want(http.StatusForbidden, "Request REQ-0001").Says("open Tokendesk again").Says("Well argued.").Says("Only until the exam.")
	if got := r.Requests()["REQ-0001"]; got != string(access.InReview) {
		t.Fatalf("minute 16 decided: %s", got)
	}
	dana.Body = page
	dana.Open(r.Account("root"))
	dana.Get("/requests/REQ-0001").Want(http.StatusOK, "Request REQ-0001").Says("Well argued.").Says("Only until the exam.")
	dana.Post("/requests/REQ-0001/approve", typed).Want(http.StatusOK, "Request REQ-0001").Says("Approved until 1 Dec 2026")

	maya := r.Launch("maya", r.Course("bio201"))
	r.Clock.Advance(access.Freshness + time.Minute)
	maya.Post("/requests/REQ-0001/collect", nil).Want(http.StatusForbidden, "Collect your token").Says("open Tokendesk again")
	if webtest.ValueShown(t, maya.Body) || len(r.Canvas.World().Tokens("maya")) != 0 {
		t.Error("a token was made at minute 16")
	}
	maya.Post("/requests/REQ-0001/withdraw", nil).Want(http.StatusOK, "Request REQ-0001").Says("Withdrawn")
}

func TestALostRaceKeepsTheText(t *testing.T) {
	r := webtest.InReview(t)
	dana, priya := r.Launch("dana", r.Account("root")), r.Launch("priya", r.Account("root"))
	dana.Get("/requests/REQ-0001")
	priya.Get("/requests/REQ-0001")
	dana.Post("/requests/REQ-0001/approve", url.Values{"conditions": {""}}).Want(http.StatusOK, "Request REQ-0001")
	priya.Post("/requests/REQ-0001/deny", url.Values{"reason": {"Rather use the export."}, "alternative": {"export"}}).
		Want(http.StatusConflict, "Request REQ-0001").Says("Dana").Says("Rather use the export.")
	dana.Post("/requests/REQ-0001/approve", url.Values{"conditions": {""}}).Want(http.StatusOK, "Request REQ-0001").Says("Approved until")
	if got := r.Requests()["REQ-0001"]; got != string(access.Approved) {
		t.Errorf("the request is %s", got)
	}
}

func TestDecisionsToCorrect(t *testing.T) {
	r := webtest.InReview(t)
	dana := r.Launch("dana", r.Account("root"))
	dana.Get("/requests/REQ-0001")
	dana.Post("/requests/REQ-0001/deny", url.Values{"alternative": {"export"}, "alternative_text": {"see the gradebook"}}).
		Want(http.StatusUnprocessableEntity, "Request REQ-0001").Says("There is a problem").Says("see the gradebook")
	dana.Post("/requests/REQ-0001/approve", url.Values{"end": {"2027-01-31"}}).Want(http.StatusUnprocessableEntity, "Request REQ-0001").Says("There is a problem")
	dana.Post("/requests/REQ-0001/approve", url.Values{"end": {"whenever"}, "reason": {"ok"}}).Want(http.StatusUnprocessableEntity, "Request REQ-0001").Says("There is a problem")
	dana.Post("/requests/REQ-0001/approve", url.Values{"conditions": {"c"}}).Want(http.StatusOK, "Request REQ-0001")
	dana.Get("/requests/REQ-0001/rescind")
	dana.Post("/requests/REQ-0001/rescind", nil).Want(http.StatusUnprocessableEntity, "Take back the approval of REQ-0001?").Says("There is a problem")
	dana.Post("/requests/REQ-0001/rescind", url.Values{"reason": {"The course was cancelled."}}).Want(http.StatusOK, "Request REQ-0001").Says("The course was cancelled.")
}
