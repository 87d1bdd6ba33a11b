package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/net/html"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// carried is what the form on the page carries of what the page shows.
func carried(t *testing.T, page, name string) string {
	t.Helper()
	for n := range parse(t, page).Descendants() {
		if n.Type == html.ElementNode && n.Data == "input" && attr(n, "name") == name {
			return attr(n, "value")
		}
	}
	t.Fatalf("no form on the page carries %s:\n%s", name, text(page))
	return ""
}

// A reviewer who presses on a page that shows one endorsement does not approve
// another one. The page says what changed, and keeps what was typed.
func TestAnOldPageDecidesNothing(t *testing.T) {
	r := inReview(t)
	w := r.cv.World()
	dana := r.launch("dana", r.account("root")).get("/requests/REQ-0001")
	read := url.Values{"terms": {carried(t, dana.body, "terms")}, "conditions": {"Only until the exam."}}

	// Ana leaves the course; the next press of a reviewer notices. Maya names Helen.
	w.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
	w.Enroll("helen", "bio201", "TeacherEnrollment")
	r.launch("priya", r.account("root")).post("/requests/REQ-0001/approve", nil)
	r.launch("maya", r.course("bio201")).post("/requests/REQ-0001/sponsor", url.Values{"sponsor": {w.User("helen").ID.String()}}).want(http.StatusOK, "Request REQ-0001")
	r.launch("helen", r.course("bio201")).post("/requests/REQ-0001/endorse", url.Values{"reason": {"I do not know this student."}}).says("Thank you")

	const changed, what = "This changed after you opened it, so nothing was decided.", "The sponsor, or what they said"
	dana.post("/requests/REQ-0001/approve", read).want(http.StatusConflict, "Request REQ-0001").says(changed).says(what).says("I do not know this student.").says("your text is kept")
	if got := element(t, dana.body, "f-conditions"); got != "Only until the exam." {
		t.Errorf("what was typed is lost: %q", got)
	}
	// What else is wrong does not hide it: the page that comes shows the new text.
	wrong := url.Values{"terms": read["terms"], "end": {"2029-01-31"}}
	dana.post("/requests/REQ-0001/approve", wrong).want(http.StatusUnprocessableEntity, "Request REQ-0001").says("There is a problem").says(changed).says(what)
	dana.post("/requests/REQ-0001/approve", url.Values{"terms": {""}}).want(http.StatusConflict, "Request REQ-0001").says("did not say what you had read")
	dana.post("/requests/REQ-0001/deny", url.Values{"terms": read["terms"], "reason": {"No."}, "alternative": {"lti"}}).want(http.StatusConflict, "Request REQ-0001").says(what)
	if got := r.requests()["REQ-0001"]; got != string(access.InReview) {
		t.Fatalf("the request is %s", got)
	}
	dana.post("/requests/REQ-0001/approve", url.Values{"terms": {carried(t, dana.body, "terms")}}).want(http.StatusOK, "Request REQ-0001").says("Approved until")
}

// Each form that agrees to what somebody else said carries it.
func TestAnOldPageAgreesToNothing(t *testing.T) {
	r := inReview(t)
	r.cv.World().SeedToken("sam", canvastest.TokenSpec{Purpose: "library sync", CreatedAt: r.clock.Now().AddDate(0, -1, 0)})
	dana, priya := r.launch("dana", r.account("root")), r.launch("priya", r.account("root"))
	m := foundID.FindStringSubmatch(r.checked(dana).body)
	if m == nil {
		t.Fatal("no link to the token")
	}
	id := m[1]
	dana.open(r.account("root"))
	priya.open(r.account("root"))
	first := url.Values{"pick": {id}, "reason": {"Harmless, two weeks."}, "review_at": {"2026-12-12"}}
	dana.post("/unmanaged/allow", first).want(http.StatusOK, "Unmanaged tokens")
	priya.post("/unmanaged/pick", url.Values{"do": {"allow"}, "pick": {id}}).want(http.StatusOK, "Allow-list").says("Harmless, two weeks.")
	read := url.Values{"pick": {id}, "terms_" + id: {carried(t, priya.body, "terms_"+id)}}
	dana.post("/found/"+id+"/disallow", nil).want(http.StatusOK, "Unmanaged token “library sync”")
	dana.post("/unmanaged/allow", url.Values{"pick": {id}, "reason": {"For ever."}, "review_at": {"2027-11-01"}}).want(http.StatusOK, "Unmanaged tokens")
	priya.post("/unmanaged/allow", read).want(http.StatusConflict, "Allow-list").says("This changed after you opened it").says("What the other person agreed to").says("For ever.")
	priya.post("/unmanaged/allow", url.Values{"pick": {id}, "terms_" + id: {carried(t, priya.body, "terms_"+id)}}).want(http.StatusOK, "Unmanaged tokens").says("allow-list")
}
