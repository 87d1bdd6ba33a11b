package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The answer to Save draft stands at its button, and the keyboard goes there.
func TestASavedDraftIsAnsweredAtItsButton(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	fields := asked(r)
	fields.Set("do", "draft")
	maya.post("/requests", fields).want(http.StatusOK, "Request an API token").says("Draft saved")
	for _, has := range []string{`data-focus="save-draft"`, `id="save-draft" name="do" value="draft"`, `data-say="Draft saved `} {
		if !strings.Contains(maya.body, has) {
			t.Errorf("the page lacks %s", has)
		}
	}
}

// Text that this very session kept did not outlive a session.
func TestKeptTextSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	maya.get("/requests/new")
	r.clock.Advance(time.Minute)
	maya.post("/requests/keep", asked(r))
	maya.get("/requests/new").want(http.StatusOK, "Request an API token").says("They are kept, and are not sent.")
	r.clock.Advance(time.Minute)
	r.launch("maya", r.course("bio201")).get("/requests/new").says("They were kept from before you opened Tokendesk this time")
}
