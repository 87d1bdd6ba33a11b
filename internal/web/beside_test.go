package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// A launch opens its own session beside those of its person at other places, and
// ends one at its own place only where Canvas, read now, shows that a right which
// it carries is lost.
func TestALaunchEndsOnlyWhatCanvasShowsAsLost(t *testing.T) {
	decide := func(b *webtest.Browser, status int) {
		t.Helper()
		b.Get("/queue")
		if b.Status != status {
			t.Errorf("the queue answers %d, want %d: %s", b.Status, status, webtest.Text(b.Body))
		}
	}
	// demoted takes Dana's role away while her launch is signed, which says so.
	demoted := func(r *webtest.Rig) {
		r.Canvas.OnLaunch(func(l *canvastest.SignedLaunch) {
			l.Claims["https://purl.imsglobal.org/spec/lti/claim/custom"].(map[string]any)["permissions"] = ""
			r.Canvas.World().RemoveAdmin("dana", "root")
		})
	}
	t.Run("an admin at a sub-account", func(t *testing.T) {
		r := webtest.InReview(t)
		root := r.Launch("dana", r.Account("root"))
		r.Launch("dana", r.Account("sciences")).Want(http.StatusOK, "My API tokens")
		r.Launch("dana", r.Account("biology")).Want(http.StatusOK, "My API tokens")
		root.Post("/requests/REQ-0001/approve", url.Values{"conditions": {""}}).Want(http.StatusOK, "Request REQ-0001").Says("Approved until")
	})
	t.Run("a launch that leaves a right out", func(t *testing.T) {
		r := webtest.InReview(t)
		root := r.Launch("dana", r.Account("root"))
		page := root.Body
		undo := r.Canvas.OnLaunch(func(l *canvastest.SignedLaunch) {
			l.Claims["https://purl.imsglobal.org/spec/lti/claim/custom"].(map[string]any)["permissions"] = "$Canvas.membership.permissions"
		})
		r.Launch("dana", r.Account("root")).Want(http.StatusOK, "My API tokens")
		undo()
		root.Body = page
		decide(root, http.StatusOK)
	})
	t.Run("an admin who is none any more", func(t *testing.T) {
		r := webtest.InReview(t)
		root, priya := r.Launch("dana", r.Account("root")), r.Launch("priya", r.Account("root"))
		page, hers := root.Body, priya.Body
		demoted(r)
		r.Launch("dana", r.Account("root")).Want(http.StatusOK, "My API tokens")
		root.Body, priya.Body = page, hers
		decide(root, http.StatusUnauthorized)
		decide(priya, http.StatusOK)
	})
	t.Run("a teacher who teaches no more", func(t *testing.T) {
		r := webtest.InReview(t)
		ana := r.Launch("ana", r.Course("bio201"))
		page := ana.Body
		r.Canvas.World().SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
		r.Canvas.World().Enroll("ana", "bio201", "StudentEnrollment")
		r.Launch("ana", r.Course("bio201"))
		ana.Body = page
		ana.Get("/").Want(http.StatusUnauthorized, over)
	})
	t.Run("Canvas does not answer", func(t *testing.T) {
		r := webtest.InReview(t)
		root := r.Launch("dana", r.Account("root"))
		page := root.Body
		demoted(r)
		r.Clock.Advance(6 * 60e9)
		up := r.Canvas.Fail(canvastest.Fault{Route: "/api/v1/*", Status: http.StatusInternalServerError, Times: -1})
		r.Launch("dana", r.Account("root"))
		up()
		// It stands, and decides nothing: whatever it opens, Canvas is asked.
		root.Body = page
		root.Post("/requests/REQ-0001/approve", url.Values{"conditions": {""}})
		if root.Status != http.StatusNotFound || r.Requests()["REQ-0001"] != "in_review" {
			t.Errorf("it answers %d, and the request is %s", root.Status, r.Requests()["REQ-0001"])
		}
	})
}
