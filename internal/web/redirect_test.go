package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tokendesk/tokendesk/internal/session"
)

// A redirect carries neither header nor field, so where cookies are blocked it
// would lose the session: a post is answered with the next page itself. Where Canvas
// begins a launch, the browser is sent to Canvas.
func TestNoPostRedirects(t *testing.T) {
	r := newRig(t)
	_, posts := routes(r)
	maya, dana := r.launch("maya", r.course("bio201")), r.launch("dana", r.account("root"))
	pages := map[*browser]string{maya: maya.body, dana: dana.body}
	visitor := &browser{r: r, cookies: map[string]string{}}
	tried := 0
	for _, path := range posts {
		if path == "/lti/login" {
			continue
		}
		answers := []*browser{visitor.send(http.MethodPost, path, url.Values{session.Field: {""}}, sameOrigin())}
		for b, page := range pages {
			b.body = page
			answers = append(answers, b.post(path, nil))
		}
		for _, b := range answers {
			tried++
			if b.status/100 == 3 || b.header.Get("Location") != "" {
				t.Errorf("%s is answered %d, Location %q", path, b.status, b.header.Get("Location"))
			}
		}
	}
	// And where it does what was asked.
	maya.body = pages[maya]
	maya.post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001")
	if maya.header.Get("Location") != "" || tried < 60 {
		t.Errorf("%d posts; what was done leads to %q", tried, maya.header.Get("Location"))
	}
}
