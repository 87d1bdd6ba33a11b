package leaks_test

import (
	"database/sql"
	"html"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// A pasted value goes into a comparison and nowhere else, however the form that
// carried it is answered.
func TestPastedValueIsNowhere(t *testing.T) {
	r := webtest.New(t)
	_, value := r.Collected()
	dana := r.Launch("dana", r.Account("root"))
	dana.Get("/leaks").Want(http.StatusOK, "Leaks").Says("No leak is open.")
	page := dana.Body
	paste := func(text string) url.Values { return url.Values{"suspect": {text}} }

	dana.Post("/leaks/check", paste("the token is "+value)).Want(http.StatusUnprocessableEntity, "Leaks").Says("Paste the whole value of the token")
	r.SaysNowhere("a form to correct", value, dana)
	dana.Post("/leaks/check", url.Values{"suspect": {value, value}}).Want(http.StatusBadRequest, webtest.NoForm).Says(webtest.NothingNew)
	r.SaysNowhere("a form that is none", value, dana)
	other := strings.Repeat("Zy9xW8vU", 8)
	dana.Body = page
	dana.Post("/leaks/check", paste(other)).Want(http.StatusOK, "Leaks").Says("This is not one of ours.")
	r.SaysNowhere("not ours", other, dana)

	maya := r.Launch("maya", r.Course("bio201"))
	maya.Post("/leaks/check", paste(value)).Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.WrongDoor)
	r.SaysNowhere("refused", value, maya)
	dana.Body = page
	dana.Send(http.MethodPost, "/leaks/check", url.Values{session.Field: {dana.Handle()}, "suspect": {value}}, http.Header{"Sec-Fetch-Site": {"cross-site"}}).Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.AnySite)
	r.SaysNowhere("from another site", value, dana)

	withdraw := r.Canvas.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/tokens/:id", Status: 503, Times: -1})
	dana.Body = page
	dana.Post("/leaks/check", paste("Bearer "+value)).Says("This is one of ours.")
	r.SaysNowhere("ours, Canvas down", value, dana)
	withdraw()
	dana.Body = page
	dana.Post("/leaks/check", paste(value)).Says("This is one of ours.")
	r.SaysNowhere("ours, pasted again", value, dana)

	dana.Body = page
	r.Clock.Advance(session.Idle + time.Second)
	dana.Post("/leaks/check", paste(value)).Want(http.StatusUnauthorized, "Open Tokendesk again")
	r.SaysNowhere("the session ended", value, dana)
}

// People write what leaked into whatever field they have before them.
func TestAValueInAReasonIsNotKept(t *testing.T) {
	r := webtest.New(t)
	maya, value := r.Collected()
	token := webtest.LinkOn(t, maya.Get("/").Body, "/tokens/")
	dana, ana := r.Launch("dana", r.Account("root")), r.Launch("ana", r.Course("bio201"))
	text := "It is " + value + ", seen in a chat."
	for _, tc := range []struct {
		who    *webtest.Browser
		path   string
		fields url.Values
	}{
		{ana, token + "/misuse", url.Values{"reason": {text}}},
		{dana, token + "/revoke", url.Values{"reason": {text}}},
		{dana, "/unmanaged/remove", url.Values{"reason": {text}, "number": {"1"}}},
	} {
		tc.who.Post(tc.path, tc.fields)
		r.SaysNowhere(tc.path, value, tc.who)
	}
	maya.Post("/requests", webtest.AnswersFor(r, "A second helper, which colours my calendar by course.")).Want(http.StatusOK, "Request REQ-0002")
	ana.Post("/requests/REQ-0002/decline", url.Values{"reason": {text}, "alternative": {"export"}, "alternative_text": {text}}).Want(http.StatusOK, "Request REQ-0002")
	r.SaysNowhere("decline", value, ana)
	maya.Get("/requests/REQ-0002").Says("It is [removed], seen in a chat.")
	maya.Get(token).Says("It is [removed], seen in a chat.")
}

// TestAValueInAFormIsAnError: a form that asks or decides is refused, at the
// field, with everything else that was typed; the value is in no answer and in
// no row, and where to report a leak is offered.
func TestAValueInAFormIsAnError(t *testing.T) {
	r := webtest.New(t)
	maya, value := r.Collected()
	maya.Get("/requests/new").Want(http.StatusOK, "Request an API token")
	dana, ana := r.Launch("dana", r.Account("root")), r.Launch("ana", r.Course("bio201"))
	text := "It is " + value + ", seen in a chat, which I kept for this."
	const left = "It is [removed], seen in a chat, which I kept for this."
	const sentence = "Write this without the value of a token."
	refused := func(b *webtest.Browser, path, field string, fields url.Values, h1, report string) {
		t.Helper()
		b.Post(path, fields).Want(http.StatusUnprocessableEntity, h1).Says(sentence)
		r.SaysNowhere(path+" "+field, value, b)
		offersReport(b, field, left, report)
	}
	second := webtest.AnswersFor(r, "A second helper, which colours my calendar by course.")
	second.Set("maker", "company")
	second.Set("maker_name", "Acme")
	second.Set("ai", "yes")
	second.Set("ai_service", "Copilot")
	second.Set("ai_data", "Course names")
	before := len(r.Requests())
	for _, field := range []string{"build", "maker_name", "maker_link", "ai_service", "ai_data", "end"} {
		fields := maps.Clone(second)
		fields.Set(field, text)
		refused(maya, "/requests", field, fields, "Request an API token", "/")
		for name := range second {
			if name != field && name != "do" && name != "draft" && name != "end" && !strings.Contains(maya.Body, html.EscapeString(second.Get(name))) {
				t.Errorf("%s: what was typed in %s is lost", field, name)
			}
		}
		// Behind what nobody sees, and in a link.
		fields.Set(field, value[:9]+"\u200b"+value[9:])
		maya.Post("/requests", fields).Want(http.StatusUnprocessableEntity, "Request an API token").Says(sentence)
		fields.Set(field, "https://x.example/?access_token="+value+"#")
		maya.Post("/requests", fields).Want(http.StatusUnprocessableEntity, "Request an API token").Says(sentence)
		r.SaysNowhere(field+", hidden", value, maya)
		// What is not sent yet is kept, without it.
		maya.Post("/requests/keep", fields)
		r.SaysNowhere(field+", kept", value, maya)
		maya.Get("/requests/new")
	}
	if len(r.Requests()) != before {
		t.Errorf("something was made: %v", r.Requests())
	}
	draft := maps.Clone(second)
	draft.Set("build", text)
	draft.Set("do", "draft")
	maya.Post("/requests", draft).Want(http.StatusOK, "Request an API token").Says("Draft saved").Says(sentence)
	offersReport(maya, "build", left, "/")
	r.SaysNowhere("draft", value, maya)
	draft.Set("do", "find")
	draft.Set("sponsor_q", text)
	maya.Post("/requests", draft).Want(http.StatusOK, "Request an API token")
	r.SaysNowhere("find", value, maya)
	// A page that shows again what was typed, because the session is over.
	maya.Send(http.MethodPost, "/requests", draft, webtest.SameOrigin())
	if maya.Status != http.StatusUnauthorized || !strings.Contains(maya.Body, "[removed]") {
		t.Errorf("the page after a session: %d %s", maya.Status, maya.Body)
	}
	r.SaysNowhere("signed out", value, maya)

	maya.Open(r.Course("bio201"))
	maya.Post("/requests", webtest.AnswersFor(r, "A third helper, which prints my calendar by course.")).Want(http.StatusOK, "Request REQ-0002")
	refused(ana, "/requests/REQ-0002/endorse", "reason", url.Values{"reason": {text}}, "Request REQ-0002", "/")
	ana.Post("/requests/REQ-0002/endorse", url.Values{"reason": {"Fits."}}).Want(http.StatusOK, "Request REQ-0002").Says("Thank you")
	dana.Get("/requests/REQ-0002")
	refused(dana, "/requests/REQ-0002/approve", "conditions", url.Values{"conditions": {text}}, "Request REQ-0002", "/leaks")
	refused(dana, "/requests/REQ-0002/deny", "reason", url.Values{"reason": {text}, "alternative": {"export"}, "alternative_text": {"as CSV"}}, "Request REQ-0002", "/leaks")
	refused(dana, "/requests/REQ-0002/deny", "alternative_text", url.Values{"reason": {"No."}, "alternative": {"export"}, "alternative_text": {text}}, "Request REQ-0002", "/leaks")
	token := webtest.LinkOn(t, maya.Get("/").Body, "/tokens/")
	maya.Post(token+"/leak", nil).Want(http.StatusOK, "Report a leak")
	maya.Post(token+"/leak/seen", url.Values{"seen": {text}}).Want(http.StatusOK, "Report a leak")
	r.SaysNowhere("seen", value, maya)
	leak := webtest.LinkOn(t, dana.Get("/leaks").Body, "/leaks/")
	refused(dana, leak+"/clear", "reason", url.Values{"reason": {text}}, webtest.Heading(t, dana.Get(leak).Body), "/leaks")
}

// A fault of ours offers to try again; not with the value in the form.
func TestPastedValueIsNotRepeatedAfterAFault(t *testing.T) {
	r := webtest.New(t)
	_, value := r.Collected()
	dana := r.Launch("dana", r.Account("root")).Get("/leaks").Want(http.StatusOK, "Leaks")
	db, err := sql.Open("sqlite", strings.TrimPrefix(r.DB, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE audit_heads RENAME TO lost"); err != nil {
		t.Fatal(err)
	}
	dana.Post("/leaks/check", url.Values{"suspect": {value}}).Want(http.StatusInternalServerError, "Something went wrong on our side")
	if strings.Contains(dana.Body, value[len(value)-20:]) || strings.Contains(r.Logs.String(), value[len(value)-20:]) {
		t.Error("the answer to a fault, or the log, holds the value")
	}
}

func TestALeakByThePages(t *testing.T) {
	r := webtest.New(t)
	maya, value := r.Collected()
	token := webtest.LinkOn(t, maya.Get("/").Body, "/tokens/")
	maya.Get(token+"/leak").Want(http.StatusOK, "Report a leak").Says("We delete the token")
	r.Clock.Advance(access.Freshness + time.Minute) // an old launch may still report
	maya.Post(token+"/leak", nil).Want(http.StatusOK, "Report a leak").Says("Deleted in Canvas by")
	maya.Says("You are not in trouble for reporting.")
	if r.Canvas.World().Authenticates(value) {
		t.Error("the leaked token works")
	}
	maya.Post(token+"/leak/seen", url.Values{"seen": {strings.Repeat("x", access.MaxNote+1)}}).Want(http.StatusUnprocessableEntity, "Report a leak").Says("Shorten this")
	maya.Post(token+"/leak/seen", url.Values{"seen": {"In our class chat: " + value}}).Want(http.StatusOK, "Report a leak").Says("Thank you.")
	r.SaysNowhere("the answer to the question", value, maya)
	maya.Get("/").Want(http.StatusOK, "My API tokens").Says("Until the security office clears it, no new token is made for you.")

	dana := r.Launch("dana", r.Account("root")).Says("1 leak is not cleared.")
	leak := webtest.LinkOn(t, dana.Get("/leaks").Want(http.StatusOK, "Leaks").Says("Open (1)").Body, "/leaks/")
	dana.Get(leak).Says("In our class chat: [removed]")
	dana.Post(leak+"/clear", nil).Says("Write what was found and done, in a sentence.")
	dana.Post(leak+"/clear", url.Values{"reason": {"The chat was deleted."}}).Says("can collect tokens again and is told.")
	dana.Get("/leaks").Says("No leak is open.").Says("Cleared (1)")
	maya.Get(leak).Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.WrongDoor)
}

// offersReport fails unless a field has the text and is marked, and the summary leads
// to where a leak is reported.
func offersReport(b *webtest.Browser, field, value, report string) {
	b.Rig.T.Helper()
	var marked, led bool
	for n := range webtest.Parse(b.Rig.T, b.Body).Descendants() {
		if webtest.Attr(n, "id") == "f-"+field {
			marked = webtest.Attr(n, "aria-invalid") == "true" && (webtest.Attr(n, "value") == value || webtest.Words(n) == value)
		}
		led = led || n.Data == "a" && webtest.Attr(n, "href") == report && webtest.Words(n) == "Report a leak"
	}
	if !marked || !led {
		b.Rig.T.Errorf("%s, %s: the field is marked and has the rest: %t; a leak can be reported: %t", b.Path, field, marked, led)
	}
}
