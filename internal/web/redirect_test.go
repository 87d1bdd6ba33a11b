package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// A redirect carries neither header nor field, so where cookies are blocked it
// would lose the session: a post is answered with the next page itself. Where Canvas
// begins a launch, the browser is sent to Canvas.
func TestNoPostRedirects(t *testing.T) {
	r := webtest.New(t)
	_, posts := routes(r)
	maya, dana := r.Launch("maya", r.Course("bio201")), r.Launch("dana", r.Account("root"))
	pages := map[*webtest.Browser]string{maya: maya.Body, dana: dana.Body}
	visitor := &webtest.Browser{Rig: r, Cookies: map[string]string{}}
	tried := 0
	for _, path := range posts {
		if path == "/lti/login" {
			continue
		}
		answers := []*webtest.Browser{visitor.Send(http.MethodPost, path, url.Values{session.Field: {""}}, webtest.SameOrigin())}
		for b, page := range pages {
			b.Body = page
			answers = append(answers, b.Post(path, nil))
		}
		for _, b := range answers {
			tried++
			if b.Status/100 == 3 || b.Header.Get("Location") != "" {
				t.Errorf("%s is answered %d, Location %q", path, b.Status, b.Header.Get("Location"))
			}
		}
	}
	// And where it does what was asked.
	maya.Body = pages[maya]
	maya.Post("/requests", webtest.Answers(r)).Want(http.StatusOK, "Request REQ-0001")
	if maya.Header.Get("Location") != "" || tried < 60 {
		t.Errorf("%d posts; what was done leads to %q", tried, maya.Header.Get("Location"))
	}
}
