package requests_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// A reviewer who presses on a page that shows one endorsement does not approve
// another one. The page says what changed, and keeps what was typed.
func TestAnOldPageDecidesNothing(t *testing.T) {
	r := webtest.InReview(t)
	w := r.Canvas.World()
	dana := r.Launch("dana", r.Account("root")).Get("/requests/REQ-0001")
	read := url.Values{"terms": {webtest.Carried(t, dana.Body, "terms")}, "conditions": {"Only until the exam."}}

	// Ana leaves the course; the next press of a reviewer notices. Maya names Helen.
	w.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
	w.Enroll("helen", "bio201", "TeacherEnrollment")
	r.Launch("priya", r.Account("root")).Post("/requests/REQ-0001/approve", nil)
	r.Launch("maya", r.Course("bio201")).Post("/requests/REQ-0001/sponsor", url.Values{"sponsor": {w.User("helen").ID.String()}}).Want(http.StatusOK, "Request REQ-0001")
	r.Launch("helen", r.Course("bio201")).Post("/requests/REQ-0001/endorse", url.Values{"reason": {"I do not know this student."}}).Says("Thank you")

	const changed, what = "This changed after you opened it, so nothing was decided.", "The sponsor, or what they said"
	dana.Post("/requests/REQ-0001/approve", read).Want(http.StatusConflict, "Request REQ-0001").Says(changed).Says(what).Says("I do not know this student.").Says("your text is kept")
	if got := webtest.Element(t, dana.Body, "f-conditions"); got != "Only until the exam." {
		t.Errorf("what was typed is lost: %q", got)
	}
	// What else is wrong does not hide it: the page that comes shows the new text.
	wrong := url.Values{"terms": read["terms"], "end": {"2029-01-31"}}
	dana.Post("/requests/REQ-0001/approve", wrong).Want(http.StatusUnprocessableEntity, "Request REQ-0001").Says("There is a problem").Says(changed).Says(what)
	dana.Post("/requests/REQ-0001/approve", url.Values{"terms": {""}}).Want(http.StatusConflict, "Request REQ-0001").Says("did not say what you had read")
	dana.Post("/requests/REQ-0001/deny", url.Values{"terms": read["terms"], "reason": {"No."}, "alternative": {"lti"}}).Want(http.StatusConflict, "Request REQ-0001").Says(what)
	if got := r.Requests()["REQ-0001"]; got != string(access.InReview) {
		t.Fatalf("the request is %s", got)
	}
	dana.Post("/requests/REQ-0001/approve", url.Values{"terms": {webtest.Carried(t, dana.Body, "terms")}}).Want(http.StatusOK, "Request REQ-0001").Says("Approved until")
}
