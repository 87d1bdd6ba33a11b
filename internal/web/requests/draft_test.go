package requests_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// The answer to Save draft stands at its button, and the keyboard goes there.
func TestASavedDraftIsAnsweredAtItsButton(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	fields := webtest.Answers(r)
	fields.Set("do", "draft")
	maya.Post("/requests", fields).Want(http.StatusOK, "Request an API token").Says("Draft saved")
	for _, has := range []string{`data-focus="save-draft"`, `id="save-draft" name="do" value="draft"`, `data-say="Draft saved `} {
		if !strings.Contains(maya.Body, has) {
			t.Errorf("the page lacks %s", has)
		}
	}
}

// Text that this very session kept did not outlive a session.
func TestKeptTextSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	maya.Get("/requests/new")
	r.Clock.Advance(time.Minute)
	maya.Post("/requests/keep", webtest.Answers(r))
	maya.Get("/requests/new").Want(http.StatusOK, "Request an API token").Says("They are kept, and are not sent.")
	r.Clock.Advance(time.Minute)
	r.Launch("maya", r.Course("bio201")).Get("/requests/new").Says("They were kept from before you opened Tokendesk this time")
}
