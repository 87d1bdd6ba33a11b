package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The choice of another sponsor says who is asked and until when, leaves them
// out, and says that nothing was sent where they are named all the same.
func TestWhoIsAskedIsNotOfferedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.cv.World()
	w.Enroll("helen", "bio201", "TeacherEnrollment")
	maya := r.launch("maya", r.course("bio201"))
	maya.post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001").says("Sent to Ana Ruiz")
	maya.get("/requests/REQ-0001/sponsor").want(http.StatusOK, "Choose a sponsor").says("Ana Ruiz is asked now, until")
	if offered := `value="` + w.User("ana").ID.String() + `"`; strings.Contains(maya.body, offered) {
		t.Errorf("who is asked is offered: %s", text(maya.body))
	}
	if offered := `value="` + w.User("helen").ID.String() + `"`; !strings.Contains(maya.body, offered) {
		t.Errorf("another teacher is not offered: %s", text(maya.body))
	}
	maya.post("/requests/REQ-0001/sponsor", url.Values{"sponsor": {w.User("ana").ID.String()}}).want(http.StatusOK, "Request REQ-0001").
		says("Ana Ruiz is asked already. Nothing was sent.")
	if strings.Contains(text(maya.body), "Sent to") {
		t.Errorf("it says that something was sent: %s", text(maya.body))
	}
	maya.post("/requests/REQ-0001/sponsor", url.Values{"sponsor": {w.User("helen").ID.String()}}).want(http.StatusOK, "Request REQ-0001").says("Sent to")
}

// A TA is called one, though the rules for tokens count them as a student.
func TestATeachingAssistantIsNamedSo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tom := r.launch("tom", r.course("bio201"))
	if said := text(tom.body); !strings.Contains(said, "Tom Becker·Teaching assistant·BIO 201") {
		t.Errorf("who is here: %s", said)
	}
}
