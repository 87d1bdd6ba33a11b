package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

var foundID = regexp.MustCompile(`/found/(fnd_[A-Z2-7]{26})`)

// checked lets an admin press Check now and runs the check to its end.
func (r *rig) checked(b *browser) *browser {
	r.t.Helper()
	b.get("/unmanaged").post("/unmanaged/check", nil).want(http.StatusOK, "Unmanaged tokens").says("A full check has begun.")
	for range 8 {
		if _, err := r.app.Drain(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		r.clock.Advance(time.Minute)
	}
	return b.get("/unmanaged").want(http.StatusOK, "Unmanaged tokens").says("Last full check")
}

// What the pages about unmanaged tokens refuse, through the real forms.
func TestUnmanagedPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.cv.World()
	w.SeedToken("maya", canvastest.TokenSpec{Purpose: "my <b>own</b> script", CreatedAt: r.clock.Now().AddDate(0, -1, 0), ExpiresAt: r.clock.Now().AddDate(0, 1, 0)})
	dana := r.launch("dana", r.account("root"))
	r.checked(dana).says("my <b>own</b> script").says("Maya Chen")
	m := foundID.FindStringSubmatch(dana.body)
	if m == nil {
		t.Fatal("no link to the token")
	}
	id := m[1]
	dana.open(r.account("root"))

	// What cannot be adopted says why, ticked as it was, in the same list.
	w.SeedToken("priya", canvastest.TokenSpec{Purpose: "an admin's script", CreatedAt: r.clock.Now().AddDate(0, -1, 0)})
	r.checked(dana)
	admins := regexp.MustCompile(`/found/(fnd_[A-Z2-7]+)"[^>]*>an admin`).FindStringSubmatch(dana.body)[1]
	dana.get("/unmanaged?who=admins").post("/unmanaged/pick?who=admins", url.Values{"do": {"adopt"}, "pick": {admins}}).want(http.StatusOK, "Unmanaged tokens").
		says("None of the tokens you ticked allows that now.").says("people with an admin role cannot ask for tokens.")
	if !strings.Contains(dana.body, `value="`+admins+`" checked`) || !strings.Contains(dana.body, `action="/unmanaged/pick?who=admins"`) {
		t.Errorf("the tick or the filter is lost:\n%s", text(dana.body))
	}
	dana.open(r.account("root"))

	dana.post("/unmanaged/pick", url.Values{"do": {"tell_owner"}}).want(http.StatusOK, "Unmanaged tokens").says("Tick at least one token first.")
	dana.post("/unmanaged/pick", url.Values{"do": {"destroy"}, "pick": {id}}).want(http.StatusBadRequest, noForm).says(nothingNew)
	dana.post("/unmanaged/pick", url.Values{"do": {"allow"}, "pick": {id, id, "fnd_nothing", "' OR 1=1"}}).want(http.StatusOK, "Allow-list")
	dana.post("/unmanaged/allow", url.Values{"pick": {id}, "review_at": {"someday"}}).want(http.StatusUnprocessableEntity, "Allow-list").says("There is a problem")
	dana.post("/unmanaged/allow", url.Values{"pick": {id}, "reason": {"Needed."}, "review_at": {"2029-01-01"}}).want(http.StatusUnprocessableEntity, "Allow-list").says("Choose a review date between")
	dana.post("/unmanaged/remove", url.Values{"pick": {id}, "reason": {"Breach."}, "number": {"7"}}).want(http.StatusUnprocessableEntity, "Remove").says("Type the number 1")
	if got := element(t, dana.body, "f-reason"); got != "Breach." {
		t.Errorf("what was typed is lost: %q", got)
	}
	dana.post("/unmanaged/tell", url.Values{"pick": {id}, "due_at": {"2026-01-01"}}).want(http.StatusUnprocessableEntity, "Notify owners").says("Choose a date after today.")
	dana.post("/unmanaged/tell", url.Values{"pick": {"fnd_AAAAAAAAAAAAAAAAAAAAAAAAAA"}, "due_at": {"2026-12-24"}}).want(http.StatusNotFound, "We cannot find that")

	for _, who := range []struct{ key, place string }{{"luca", r.course("bio201")}, {"helen", r.course("chem110")}, {"dana", r.course("bio201")}} {
		b := r.launch(who.key, who.place)
		refused := func(path string) {
			t.Helper()
			if strings.HasPrefix(path, "/found/") {
				b.want(http.StatusNotFound, notThere).says(notWhere)
			} else {
				b.want(http.StatusForbidden, notAllowed).says(wrongDoor)
			}
			if strings.Contains(b.body, "own</b> script") || strings.Contains(b.body, "&lt;b&gt;own") {
				t.Errorf("%s sees the token at %s", who.key, path)
			}
		}
		for _, path := range []string{"/unmanaged", "/found/" + id, "/found/" + id + "/remove"} {
			b.get(path)
			refused(path)
		}
		for path, fields := range map[string]url.Values{
			"/unmanaged/check": nil, "/unmanaged/pick": {"do": {"remove"}, "pick": {id}}, "/unmanaged/tell": {"pick": {id}, "due_at": {"2026-12-24"}},
			"/unmanaged/allow": {"pick": {id}, "reason": {"x"}, "review_at": {"2026-12-24"}}, "/unmanaged/adopt": {"pick": {id}},
			"/unmanaged/remove": {"pick": {id}, "reason": {"x"}, "number": {"1"}}, "/found/" + id + "/keep": nil,
			"/found/" + id + "/remove": {"reason": {"x"}}, "/found/" + id + "/disallow": nil,
		} {
			b.open(who.place).post(path, fields)
			refused(path)
		}
	}

	dana.open(r.account("root")).post("/unmanaged/tell", url.Values{"pick": {id}, "due_at": {"2026-12-24"}, "message": {"Ask me."}}).
		want(http.StatusOK, "Unmanaged tokens").says("The owner of 1 token is told.").says("Owners who were asked")
	r.clock.Advance(16 * time.Minute)
	dana.post("/unmanaged/tell", url.Values{"pick": {id}, "due_at": {"2026-12-24"}, "message": {"Ask me again."}}).
		want(http.StatusForbidden, "Notify owners").says("To decide, open Tokendesk again")
	if got := element(t, dana.body, "f-message"); got != "Ask me again." {
		t.Errorf("what was typed is lost: %q", got)
	}

	maya := r.launch("maya", r.course("bio201")).get("/").want(http.StatusOK, "My API tokens").says("A token made outside Tokendesk.").says("Answer by")
	maya.post("/found/"+id+"/keep", nil).want(http.StatusOK, "Request an API token").says("Keeps a token that exists")
	maya.post("/found/"+id+"/keep", nil).want(http.StatusOK, "Request an API token")
	maya.get("/found/"+id+"/remove").want(http.StatusOK, "Remove “my <b>own</b> script”?")
	maya.post("/found/"+id+"/remove", nil).want(http.StatusOK, "Unmanaged token “my <b>own</b> script”").says("Removed. Confirmed in Canvas")
	maya.post("/found/"+id+"/remove", nil).want(http.StatusOK, "Unmanaged token “my <b>own</b> script”").says("Removed")
	for _, tok := range w.Tokens("maya") {
		if tok.State != canvastest.StateDeleted {
			t.Errorf("%q is still there", tok.Purpose)
		}
	}
}
