package inventory_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// What the pages about unmanaged tokens refuse, through the real forms.
func TestUnmanagedPages(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	w := r.Canvas.World()
	w.SeedToken("maya", canvastest.TokenSpec{Purpose: "my <b>own</b> script", CreatedAt: r.Clock.Now().AddDate(0, -1, 0), ExpiresAt: r.Clock.Now().AddDate(0, 1, 0)})
	dana := r.Launch("dana", r.Account("root"))
	r.CheckTokens(dana).Says("my <b>own</b> script").Says("Maya Chen")
	m := webtest.FoundID.FindStringSubmatch(dana.Body)
	if m == nil {
		t.Fatal("no link to the token")
	}
	id := m[1]
	dana.Open(r.Account("root"))

	// What cannot be adopted says why, ticked as it was, in the same list.
	w.SeedToken("priya", canvastest.TokenSpec{Purpose: "an admin's script", CreatedAt: r.Clock.Now().AddDate(0, -1, 0)})
	r.CheckTokens(dana)
	admins := regexp.MustCompile(`/found/(fnd_[A-Z2-7]+)"[^>]*>an admin`).FindStringSubmatch(dana.Body)[1]
	dana.Get("/unmanaged?who=admins").Post("/unmanaged/pick?who=admins", url.Values{"do": {"adopt"}, "pick": {admins}}).Want(http.StatusOK, "Unmanaged tokens").
		Says("None of the tokens you ticked allows that now.").Says("people with an admin role cannot ask for tokens.")
	if !strings.Contains(dana.Body, `value="`+admins+`" checked`) || !strings.Contains(dana.Body, `action="/unmanaged/pick?who=admins"`) {
		t.Errorf("the tick or the filter is lost:\n%s", webtest.Text(dana.Body))
	}
	dana.Open(r.Account("root"))

	dana.Post("/unmanaged/pick", url.Values{"do": {"tell_owner"}}).Want(http.StatusOK, "Unmanaged tokens").Says("Tick at least one token first.")
	dana.Post("/unmanaged/pick", url.Values{"do": {"destroy"}, "pick": {id}}).Want(http.StatusBadRequest, webtest.NoForm).Says(webtest.NothingNew)
	dana.Post("/unmanaged/pick", url.Values{"do": {"allow"}, "pick": {id, id, "fnd_nothing", "' OR 1=1"}}).Want(http.StatusOK, "Allow-list")
	dana.Post("/unmanaged/allow", url.Values{"pick": {id}, "review_at": {"someday"}}).Want(http.StatusUnprocessableEntity, "Allow-list").Says("There is a problem")
	dana.Post("/unmanaged/allow", url.Values{"pick": {id}, "reason": {"Needed."}, "review_at": {"2029-01-01"}}).Want(http.StatusUnprocessableEntity, "Allow-list").Says("Choose a review date between")
	dana.Post("/unmanaged/remove", url.Values{"pick": {id}, "reason": {"Breach."}, "number": {"7"}}).Want(http.StatusUnprocessableEntity, "Remove").Says("Type the number 1")
	if got := webtest.Element(t, dana.Body, "f-reason"); got != "Breach." {
		t.Errorf("what was typed is lost: %q", got)
	}
	dana.Post("/unmanaged/tell", url.Values{"pick": {id}, "due_at": {"2026-01-01"}}).Want(http.StatusUnprocessableEntity, "Notify owners").Says("Choose a date after today.")
	dana.Post("/unmanaged/tell", url.Values{"pick": {"fnd_AAAAAAAAAAAAAAAAAAAAAAAAAA"}, "due_at": {"2026-12-24"}}).Want(http.StatusNotFound, "We cannot find that")

	for _, who := range []struct{ key, place string }{{"luca", r.Course("bio201")}, {"helen", r.Course("chem110")}, {"dana", r.Course("bio201")}} {
		b := r.Launch(who.key, who.place)
		refused := func(path string) {
			t.Helper()
			if strings.HasPrefix(path, "/found/") {
				b.Want(http.StatusNotFound, webtest.NotThere).Says(webtest.NotWhere)
			} else {
				b.Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.WrongDoor)
			}
			if strings.Contains(b.Body, "own</b> script") || strings.Contains(b.Body, "&lt;b&gt;own") {
				t.Errorf("%s sees the token at %s", who.key, path)
			}
		}
		for _, path := range []string{"/unmanaged", "/found/" + id, "/found/" + id + "/remove"} {
			b.Get(path)
			refused(path)
		}
		for path, fields := range map[string]url.Values{
			"/unmanaged/check": nil, "/unmanaged/pick": {"do": {"remove"}, "pick": {id}}, "/unmanaged/tell": {"pick": {id}, "due_at": {"2026-12-24"}},
			"/unmanaged/allow": {"pick": {id}, "reason": {"x"}, "review_at": {"2026-12-24"}}, "/unmanaged/adopt": {"pick": {id}},
			"/unmanaged/remove": {"pick": {id}, "reason": {"x"}, "number": {"1"}}, "/found/" + id + "/keep": nil,
			"/found/" + id + "/remove": {"reason": {"x"}}, "/found/" + id + "/disallow": nil,
		} {
			b.Open(who.place).Post(path, fields)
			refused(path)
		}
	}

	dana.Open(r.Account("root")).Post("/unmanaged/tell", url.Values{"pick": {id}, "due_at": {"2026-12-24"}, "message": {"Ask me."}}).
		Want(http.StatusOK, "Unmanaged tokens").Says("The owner of 1 token is told.").Says("Owners who were asked")
	r.Clock.Advance(16 * time.Minute)
	dana.Post("/unmanaged/tell", url.Values{"pick": {id}, "due_at": {"2026-12-24"}, "message": {"Ask me again."}}).
		Want(http.StatusForbidden, "Notify owners").Says("To decide, open Tokendesk again")
	if got := webtest.Element(t, dana.Body, "f-message"); got != "Ask me again." {
		t.Errorf("what was typed is lost: %q", got)
	}

	maya := r.Launch("maya", r.Course("bio201")).Get("/").Want(http.StatusOK, "My API tokens").Says("A token made outside Tokendesk.").Says("Answer by")
	maya.Post("/found/"+id+"/keep", nil).Want(http.StatusOK, "Request an API token").Says("Keeps a token that exists")
	maya.Post("/found/"+id+"/keep", nil).Want(http.StatusOK, "Request an API token")
	maya.Get("/found/"+id+"/remove").Want(http.StatusOK, "Remove “my <b>own</b> script”?")
	maya.Post("/found/"+id+"/remove", nil).Want(http.StatusOK, "Unmanaged token “my <b>own</b> script”").Says("Removed. Confirmed in Canvas")
	maya.Post("/found/"+id+"/remove", nil).Want(http.StatusOK, "Unmanaged token “my <b>own</b> script”").Says("Removed")
	for _, tok := range w.Tokens("maya") {
		if tok.State != canvastest.StateDeleted {
			t.Errorf("%q is still there", tok.Purpose)
		}
	}
}
