package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// A launch opens its own session beside those of its person at other places, and
// ends one at its own place only where Canvas, read now, shows that a right which
// it carries is lost.
func TestALaunchEndsOnlyWhatCanvasShowsAsLost(t *testing.T) {
	decide := func(b *browser, status int) {
		t.Helper()
		b.get("/queue")
		if b.status != status {
			t.Errorf("the queue answers %d, want %d: %s", b.status, status, text(b.body))
		}
	}
	// demoted takes Dana's role away while her launch is signed, which says so.
	demoted := func(r *rig) {
		r.cv.OnLaunch(func(l *canvastest.SignedLaunch) {
			l.Claims["https://purl.imsglobal.org/spec/lti/claim/custom"].(map[string]any)["permissions"] = ""
			r.cv.World().RemoveAdmin("dana", "root")
		})
	}
	t.Run("an admin at a sub-account", func(t *testing.T) {
		r := inReview(t)
		root := r.launch("dana", r.account("root"))
		r.launch("dana", r.account("sciences")).want(http.StatusOK, "My API tokens")
		r.launch("dana", r.account("biology")).want(http.StatusOK, "My API tokens")
		root.post("/requests/REQ-0001/approve", url.Values{"conditions": {""}}).want(http.StatusOK, "Request REQ-0001").says("Approved until")
	})
	t.Run("a launch that leaves a right out", func(t *testing.T) {
		r := inReview(t)
		root := r.launch("dana", r.account("root"))
		page := root.body
		undo := r.cv.OnLaunch(func(l *canvastest.SignedLaunch) {
			l.Claims["https://purl.imsglobal.org/spec/lti/claim/custom"].(map[string]any)["permissions"] = "$Canvas.membership.permissions"
		})
		r.launch("dana", r.account("root")).want(http.StatusOK, "My API tokens")
		undo()
		root.body = page
		decide(root, http.StatusOK)
	})
	t.Run("an admin who is none any more", func(t *testing.T) {
		r := inReview(t)
		root, priya := r.launch("dana", r.account("root")), r.launch("priya", r.account("root"))
		page, hers := root.body, priya.body
		demoted(r)
		r.launch("dana", r.account("root")).want(http.StatusOK, "My API tokens")
		root.body, priya.body = page, hers
		decide(root, http.StatusUnauthorized)
		decide(priya, http.StatusOK)
	})
	t.Run("a teacher who teaches no more", func(t *testing.T) {
		r := inReview(t)
		ana := r.launch("ana", r.course("bio201"))
		page := ana.body
		r.cv.World().SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
		r.cv.World().Enroll("ana", "bio201", "StudentEnrollment")
		r.launch("ana", r.course("bio201"))
		ana.body = page
		ana.get("/").want(http.StatusUnauthorized, over)
	})
	t.Run("Canvas does not answer", func(t *testing.T) {
		r := inReview(t)
		root := r.launch("dana", r.account("root"))
		page := root.body
		demoted(r)
		r.clock.Advance(6 * 60e9)
		up := r.cv.Fail(canvastest.Fault{Route: "/api/v1/*", Status: http.StatusInternalServerError, Times: -1})
		r.launch("dana", r.account("root"))
		up()
		// It stands, and decides nothing: whatever it opens, Canvas is asked.
		root.body = page
		root.post("/requests/REQ-0001/approve", url.Values{"conditions": {""}})
		if root.status != http.StatusNotFound || r.requests()["REQ-0001"] != "in_review" {
			t.Errorf("it answers %d, and the request is %s", root.status, r.requests()["REQ-0001"])
		}
	})
}
