package tokens_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// A token is replaced once; and whoever acts turns nobody down.
func TestReplaceAndTurnDownAnswer(t *testing.T) {
	t.Parallel()
	r, maya, token := webtest.WithToken(t)
	maya.Get("/requests/REQ-0001/replace").Want(http.StatusOK, "Replace "+webtest.Helper+"?")
	ana := r.Launch("ana", r.Course("bio201"))
	ana.Post(token+"/end-sponsorship", nil).Want(http.StatusOK, "Token "+webtest.Helper)
	ana.Get(token+"/leak").Want(http.StatusOK, "Token "+webtest.Helper) // who no longer stands for it
	r.Canvas.World().Enroll("helen", "bio201", canvastest.TeacherEnrollment)
	maya.Post(token+"/sponsor", url.Values{"sponsor": {r.Canvas.World().User("helen").ID.String()}}).Says("is asked to take over")
	undo := webtest.ActAs(r, "4711")
	ghost := r.Launch("helen", r.Course("bio201"))
	undo()
	ghost.Post(token+"/turn-down", nil).Want(http.StatusForbidden, "Request REQ-0001").Says(webtest.ActingAs)
	maya.Post("/requests/REQ-0001/replace", nil).Want(http.StatusOK, "Collect your token").Says("Note, The old token is being deleted in Canvas.").Says("Create my token")
}
