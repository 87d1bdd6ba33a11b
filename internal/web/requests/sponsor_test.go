package requests_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// The choice of another sponsor says who is asked and until when, leaves them
// out, and says that nothing was sent where they are named all the same.
func TestWhoIsAskedIsNotOfferedAgain(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	w := r.Canvas.World()
	w.Enroll("helen", "bio201", "TeacherEnrollment")
	maya := r.Launch("maya", r.Course("bio201"))
	maya.Post("/requests", webtest.Answers(r)).Want(http.StatusOK, "Request REQ-0001").Says("Sent to Ana Ruiz")
	maya.Get("/requests/REQ-0001/sponsor").Want(http.StatusOK, "Choose a sponsor").Says("Ana Ruiz is asked now, until")
	if offered := `value="` + w.User("ana").ID.String() + `"`; strings.Contains(maya.Body, offered) {
		t.Errorf("who is asked is offered: %s", webtest.Text(maya.Body))
	}
	if offered := `value="` + w.User("helen").ID.String() + `"`; !strings.Contains(maya.Body, offered) {
		t.Errorf("another teacher is not offered: %s", webtest.Text(maya.Body))
	}
	maya.Post("/requests/REQ-0001/sponsor", url.Values{"sponsor": {w.User("ana").ID.String()}}).Want(http.StatusOK, "Request REQ-0001").
		Says("Ana Ruiz is asked already. Nothing was sent.")
	if strings.Contains(webtest.Text(maya.Body), "Sent to") {
		t.Errorf("it says that something was sent: %s", webtest.Text(maya.Body))
	}
	maya.Post("/requests/REQ-0001/sponsor", url.Values{"sponsor": {w.User("helen").ID.String()}}).Want(http.StatusOK, "Request REQ-0001").Says("Sent to")
}

// A TA is called one, though the rules for tokens count them as a student.
func TestATeachingAssistantIsNamedSo(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	tom := r.Launch("tom", r.Course("bio201"))
	if said := webtest.Text(tom.Body); !strings.Contains(said, "Tom Becker·Teaching assistant·BIO 201") {
		t.Errorf("who is here: %s", said)
	}
}
