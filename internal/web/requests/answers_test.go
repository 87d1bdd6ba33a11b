package requests_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// A question about something that cannot be done, or is done, is not asked: the
// page says how it stands.
func TestQuestionsThatAreNotAsked(t *testing.T) {
	t.Parallel()
	r, maya, token := webtest.WithToken(t)
	ana := r.Launch("ana", r.Course("bio201"))
	dana := r.Launch("dana", r.Account("root"))
	ofToken, ofRequest := "Token "+webtest.Helper, "Request REQ-0001"
	for _, tc := range []struct {
		who      *webtest.Browser
		path, h1 string
	}{
		{maya, "/requests/REQ-0001/withdraw", ofRequest}, {ana, "/requests/REQ-0001/withdraw", ofRequest}, {dana, "/requests/REQ-0001/rescind", ofRequest},
		{maya, "/requests/REQ-0001/sponsor", ofRequest}, {maya, token + "/sponsor", ofToken}, {maya, token + "/end-sponsorship", ofToken},
		{maya, token + "/misuse", ofToken}, {maya, token + "/thaw", ofToken}, {maya, token + "/freeze", ofToken}, {dana, token + "/thaw", ofToken},
	} {
		tc.who.Get(tc.path).Want(http.StatusOK, tc.h1)
	}
	maya.Post(token+"/thaw", nil).Want(http.StatusOK, ofToken).Says("Active")
	dana.Post(token+"/freeze", url.Values{"reason": {webtest.TooLong}}).Want(webtest.Unprocessable, "Freeze "+webtest.Helper+"?").Says("Shorten this").Keeps("reason", webtest.TooLong)
	dana.Post(token+"/revoke", url.Values{"reason": {webtest.TooLong}}).Want(webtest.Unprocessable, "Revoke "+webtest.Helper+"?").Says("Shorten this").Keeps("reason", webtest.TooLong)
	ana.Post(token+"/misuse", url.Values{"reason": {webtest.TooLong}}).Want(webtest.Unprocessable, "Report misuse of "+webtest.Helper+"?").Says("Shorten this").Keeps("reason", webtest.TooLong)
	ana.Post(token+"/end-sponsorship", url.Values{"reason": {webtest.TooLong}}).Want(webtest.Unprocessable, "End your sponsorship of "+webtest.Helper+"?").Says("Shorten this").Keeps("reason", webtest.TooLong)

	// What was typed also stays where whoever acts is refused.
	undo := webtest.ActAs(r, "4711")
	ghost := r.Launch("dana", r.Account("root"))
	undo()
	for _, do := range []string{"freeze", "revoke"} {
		ghost.Post(token+"/"+do, url.Values{"reason": {"Odd traffic."}}).Want(http.StatusForbidden, map[string]string{"freeze": "Freeze ", "revoke": "Revoke "}[do]+webtest.Helper+"?").
			Says(webtest.ActingAs).Keeps("reason", "Odd traffic.")
	}

	maya.Post(token+"/leak", nil).Want(http.StatusOK, "Report a leak")
	maya.Post(token+"/leak/seen", url.Values{"seen": {webtest.TooLong}}).Want(webtest.Unprocessable, "Report a leak").Says("Shorten this").Keeps("seen", webtest.TooLong)
	maya.Post(token+"/leak/seen", nil).Want(http.StatusOK, ofToken)
	for _, do := range []string{"revoke", "freeze"} {
		dana.Get(token+"/"+do).Want(http.StatusOK, ofToken)
		dana.Post(token+"/"+do, url.Values{"reason": {"Late."}}).Want(http.StatusOK, ofToken)
	}
	leak := webtest.LinkOn(t, dana.Get("/leaks?after=25~nonsense").Want(http.StatusOK, "Leaks").Says("Open (1)").Body, "/leaks/")
	dana.Post(leak+"/clear", url.Values{"reason": {webtest.TooLong}}).Want(webtest.Unprocessable, "Leak of "+webtest.Helper).Says("Shorten this").Keeps("reason", webtest.TooLong)
	ghost.Post(leak+"/clear", url.Values{"reason": {"Nothing was found."}}).Want(http.StatusForbidden, "Leak of "+webtest.Helper).Says(webtest.ActingAs)
	dana.Post(leak+"/clear", url.Values{"reason": {"Nothing was found."}}).Want(http.StatusOK, "Leak of "+webtest.Helper)
}

// The panel of a sponsor and of a reviewer comes back in the next session with
// everything that was in it.
func TestAPanelComesBackInTheNextSession(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	maya.Post("/requests", webtest.Answers(r)).Want(http.StatusOK, "Request REQ-0001")
	ana := r.Launch("ana", r.Course("bio201"))
	dana := r.Launch("dana", r.Account("root"))
	r.Clock.Advance(access.Freshness + time.Minute)
	ana.Post("/requests/REQ-0001/endorse", url.Values{"reason": {"Fits the course."}, "end": {"2026-12-01"}}).Want(http.StatusForbidden, "Request REQ-0001").
		Says("open Tokendesk again").Keeps("reason", "Fits the course.").Keeps("end", "2026-12-01")
	ana.Open(r.Course("bio201")).Get("/requests/REQ-0001").Want(http.StatusOK, "Request REQ-0001").Keeps("reason", "Fits the course.").Keeps("end", "2026-12-01")
	ana.Post("/requests/REQ-0001/endorse", nil).Want(http.StatusOK, "Request REQ-0001").Says("Thank you")
	dana.Get("/requests/REQ-0001")
	dana.Post("/requests/REQ-0001/deny", url.Values{"reason": {"Too wide."}, "alternative": {"other"}, "alternative_text": {"Ask for the report."}, "conditions": {"None."}, "end": {"2026-12-02"}}).
		Want(http.StatusForbidden, "Request REQ-0001").Says("open Tokendesk again")
	dana.Open(r.Account("root")).Get("/requests/REQ-0001").Want(http.StatusOK, "Request REQ-0001").
		Keeps("reason", "Too wide.").Keeps("alternative_text", "Ask for the report.").Keeps("conditions", "None.").Keeps("end", "2026-12-02")

	// Of a decision that came too late, the conditions are there to copy.
	priya := r.Launch("priya", r.Account("root"))
	dana.Post("/requests/REQ-0001/approve", nil).Want(http.StatusOK, "Request REQ-0001").Says("Approved until")
	priya.Post("/requests/REQ-0001/approve", url.Values{"conditions": {"Only until the exam."}}).Want(http.StatusConflict, "Request REQ-0001").Says("Dana").Says("Only until the exam.")
	dana.Post("/requests/REQ-0001/rescind", nil).Want(webtest.Unprocessable, "Take back the approval of REQ-0001?").Says("There is a problem")
	dana.Post("/requests/REQ-0001/rescind", url.Values{"reason": {webtest.TooLong}}).Want(webtest.Unprocessable, "Take back the approval of REQ-0001?").Says("Shorten this").Keeps("reason", webtest.TooLong)
}

// Drafts and requests that start again.
func TestDraftsThatAreGoneAndRequestsThatStartAgain(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	fields := webtest.Answers(r)
	fields.Set("do", "draft")
	maya.Post("/requests", fields).Want(http.StatusOK, "Request an API token").Says("Draft saved")
	_, sent := webtest.FormOf(t, maya.Body)
	id := sent.Get("draft")
	maya.Post("/requests/"+id+"/discard", nil).Want(http.StatusOK, "My API tokens").Says("The draft is removed.")
	maya.Post("/requests/"+id+"/discard", nil).Want(http.StatusOK, "Request").Says("Discarded")

	maya.Post("/requests", webtest.Answers(r)).Want(http.StatusOK, "Request REQ-0001")
	r.Launch("ana", r.Course("bio201")).Post("/requests/REQ-0001/decline", url.Values{"reason": {"Not in this course."}}).Want(http.StatusOK, "Request REQ-0001")
	undo := webtest.ActAs(r, "4711")
	ghost := r.Launch("maya", r.Course("bio201"))
	undo()
	ghost.Post("/requests/REQ-0001/refile", nil).Want(http.StatusForbidden, "Request REQ-0001").Says(webtest.ActingAs)
	maya.Post("/requests/REQ-0001/refile", nil).Want(http.StatusOK, "Request an API token").Keeps("build", webtest.Answers(r).Get("build"))
}

// Where a course has many teachers, the list is found by a part of a name, and
// the rest of the form stays.
func TestSponsorsAreFoundByName(t *testing.T) {
	t.Parallel()
	r, maya, token := webtest.WithToken(t)
	w := r.Canvas.World()
	for _, name := range []string{"Abel", "Bea", "Cem", "Dora", "Emil", "Fay", "Gus", "Hope", "Ivo", "Jana", "Kurt", "Lise", "Milo"} {
		w.AddUser(canvastest.User{Key: "teacher-" + name, Name: name + " Teaching"}, "teacher-"+name, "")
		w.Enroll("teacher-"+name, "bio201", canvastest.TeacherEnrollment)
	}
	r.Clock.Advance(6 * time.Minute) // until Canvas is asked again who teaches
	find := webtest.AnswersFor(r, "A second helper, which colours my calendar by course.")
	find.Set("do", "find")
	find.Set("sponsor_q", "dora")
	find.Del("sponsor")
	found := func(field string) {
		t.Helper()
		maya.Says("Dora Teaching").Keeps(field, "dora")
		if strings.Contains(maya.Body, "Emil Teaching") {
			t.Errorf("%s lists others too", maya.Path)
		}
	}
	maya.Post("/requests", find).Want(http.StatusOK, "Request an API token").Keeps("build", find.Get("build"))
	found("sponsor_q")
	maya.Post("/requests", webtest.AnswersFor(r, find.Get("build"))).Want(http.StatusOK, "Request REQ-0002")
	maya.Get("/requests/REQ-0002/sponsor?q=dora").Want(http.StatusOK, "Choose a sponsor")
	found("q")
	// Finding names nobody, whoever is marked by then, and keeps the mark.
	press := func(page string) {
		t.Helper()
		before := r.AllRows()
		maya.Get(page).Post(page, url.Values{"do": {"find"}, "q": {"dora"}, "sponsor": {w.User("teacher-Fay").ID.String()}}).Want(http.StatusOK, "Choose a sponsor").Says("Fay Teaching")
		found("q")
		r.Unchanged(before)
	}
	press("/requests/REQ-0002/sponsor")
	r.Launch("ana", r.Course("bio201")).Post(token+"/end-sponsorship", nil).Want(http.StatusOK, "Token "+webtest.Helper)
	maya.Get(token+"/sponsor?q=dora").Want(http.StatusOK, "Choose a sponsor")
	found("q")
	press(token + "/sponsor")
}
