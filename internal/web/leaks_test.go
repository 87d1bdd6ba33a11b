package web_test

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
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// collected is Maya's token, active, by the pages: her browser and the value.
func (r *rig) collected() (*browser, string) {
	r.t.Helper()
	maya := r.launch("maya", r.course("bio201"))
	maya.post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001")
	r.launch("ana", r.course("bio201")).post("/requests/REQ-0001/endorse", nil).want(http.StatusOK, "Request REQ-0001")
	r.launch("dana", r.account("root")).post("/requests/REQ-0001/approve", nil).want(http.StatusOK, "Request REQ-0001")
	maya.post("/requests/REQ-0001/collect", nil).want(http.StatusOK, "Collect your token")
	value := valueOn(r.t, maya.body)
	for _, tok := range r.cv.World().Tokens("maya") {
		if err := r.cv.ActivateAs("maya", tok.ID); err != nil {
			r.t.Fatal(err)
		}
	}
	r.clock.Advance(11 * time.Second)
	maya.open(r.course("bio201"))
	maya.get("/requests/REQ-0001/collect").want(http.StatusOK, "Collect your token")
	return maya, value
}

// nowhere fails if a value, or a large piece of it, is in a log line, in the
// database, or on the page that a browser shows.
func (r *rig) nowhere(when, value string, bs ...*browser) {
	r.t.Helper()
	piece := value[len(value)-20:]
	if strings.Contains(r.logs.String(), piece) {
		r.t.Errorf("%s: the value is in the log", when)
	}
	storetest.DumpURL(r.t, r.db, func(table, column, cell string) {
		if strings.Contains(cell, piece) {
			r.t.Errorf("%s: the value is in %s.%s", when, table, column)
		}
	})
	for _, b := range bs {
		if strings.Contains(b.body, piece) || strings.Contains(b.path, piece) || strings.Contains(strings.Join(b.header["Location"], ""), piece) {
			r.t.Errorf("%s: %s answers with the value", when, b.path)
		}
	}
}

// A pasted value goes into a comparison and nowhere else, however the form that
// carried it is answered.
func TestPastedValueIsNowhere(t *testing.T) {
	r := newRig(t)
	_, value := r.collected()
	dana := r.launch("dana", r.account("root"))
	dana.get("/leaks").want(http.StatusOK, "Leaks").says("No leak is open.")
	page := dana.body
	paste := func(text string) url.Values { return url.Values{"suspect": {text}} }

	dana.post("/leaks/check", paste("the token is "+value)).want(http.StatusUnprocessableEntity, "Leaks").says("Paste the whole value of the token")
	r.nowhere("a form to correct", value, dana)
	dana.post("/leaks/check", url.Values{"suspect": {value, value}}).want(http.StatusBadRequest, noForm).says(nothingNew)
	r.nowhere("a form that is none", value, dana)
	other := strings.Repeat("Zy9xW8vU", 8)
	dana.body = page
	dana.post("/leaks/check", paste(other)).want(http.StatusOK, "Leaks").says("This is not one of ours.")
	r.nowhere("not ours", other, dana)

	maya := r.launch("maya", r.course("bio201"))
	maya.post("/leaks/check", paste(value)).want(http.StatusForbidden, notAllowed).says(wrongDoor)
	r.nowhere("refused", value, maya)
	dana.body = page
	dana.send(http.MethodPost, "/leaks/check", url.Values{session.Field: {dana.handle()}, "suspect": {value}}, http.Header{"Sec-Fetch-Site": {"cross-site"}}).want(http.StatusForbidden, notAllowed).says(anySite)
	r.nowhere("from another site", value, dana)

	withdraw := r.cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/tokens/:id", Status: 503, Times: -1})
	dana.body = page
	dana.post("/leaks/check", paste("Bearer "+value)).says("This is one of ours.")
	r.nowhere("ours, Canvas down", value, dana)
	withdraw()
	dana.body = page
	dana.post("/leaks/check", paste(value)).says("This is one of ours.")
	r.nowhere("ours, pasted again", value, dana)

	dana.body = page
	r.clock.Advance(session.Idle + time.Second)
	dana.post("/leaks/check", paste(value)).want(http.StatusUnauthorized, "Open Tokendesk again")
	r.nowhere("the session ended", value, dana)
}

// People write what leaked into whatever field they have before them.
func TestAValueInAReasonIsNotKept(t *testing.T) {
	r := newRig(t)
	maya, value := r.collected()
	token := linkOn(t, maya.get("/").body, "/tokens/")
	dana, ana := r.launch("dana", r.account("root")), r.launch("ana", r.course("bio201"))
	text := "It is " + value + ", seen in a chat."
	for _, tc := range []struct {
		who    *browser
		path   string
		fields url.Values
	}{
		{ana, token + "/misuse", url.Values{"reason": {text}}},
		{dana, token + "/revoke", url.Values{"reason": {text}}},
		{dana, "/unmanaged/remove", url.Values{"reason": {text}, "number": {"1"}}},
	} {
		tc.who.post(tc.path, tc.fields)
		r.nowhere(tc.path, value, tc.who)
	}
	maya.post("/requests", askedFor(r, "A second helper, which colours my calendar by course.")).want(http.StatusOK, "Request REQ-0002")
	ana.post("/requests/REQ-0002/decline", url.Values{"reason": {text}, "alternative": {"export"}, "alternative_text": {text}}).want(http.StatusOK, "Request REQ-0002")
	r.nowhere("decline", value, ana)
	maya.get("/requests/REQ-0002").says("It is [removed], seen in a chat.")
	maya.get(token).says("It is [removed], seen in a chat.")
}

// TestAValueInAFormIsAnError: a form that asks or decides is refused, at the
// field, with everything else that was typed; the value is in no answer and in
// no row, and where to report a leak is offered.
func TestAValueInAFormIsAnError(t *testing.T) {
	r := newRig(t)
	maya, value := r.collected()
	maya.get("/requests/new").want(http.StatusOK, "Request an API token")
	dana, ana := r.launch("dana", r.account("root")), r.launch("ana", r.course("bio201"))
	text := "It is " + value + ", seen in a chat, which I kept for this."
	const left = "It is [removed], seen in a chat, which I kept for this."
	const sentence = "Write this without the value of a token."
	refused := func(b *browser, path, field string, fields url.Values, h1, report string) {
		t.Helper()
		b.post(path, fields).want(http.StatusUnprocessableEntity, h1).says(sentence)
		r.nowhere(path+" "+field, value, b)
		b.offers(field, left, report)
	}
	second := askedFor(r, "A second helper, which colours my calendar by course.")
	second.Set("maker", "company")
	second.Set("maker_name", "Acme")
	second.Set("ai", "yes")
	second.Set("ai_service", "Copilot")
	second.Set("ai_data", "Course names")
	before := len(r.requests())
	for _, field := range []string{"build", "maker_name", "maker_link", "ai_service", "ai_data", "end"} {
		fields := maps.Clone(second)
		fields.Set(field, text)
		refused(maya, "/requests", field, fields, "Request an API token", "/")
		for name := range second {
			if name != field && name != "do" && name != "draft" && name != "end" && !strings.Contains(maya.body, html.EscapeString(second.Get(name))) {
				t.Errorf("%s: what was typed in %s is lost", field, name)
			}
		}
		// Behind what nobody sees, and in a link.
		fields.Set(field, value[:9]+"\u200b"+value[9:])
		maya.post("/requests", fields).want(http.StatusUnprocessableEntity, "Request an API token").says(sentence)
		fields.Set(field, "https://x.example/?access_token="+value+"#")
		maya.post("/requests", fields).want(http.StatusUnprocessableEntity, "Request an API token").says(sentence)
		r.nowhere(field+", hidden", value, maya)
		// What is not sent yet is kept, without it.
		maya.post("/requests/keep", fields)
		r.nowhere(field+", kept", value, maya)
		maya.get("/requests/new")
	}
	if len(r.requests()) != before {
		t.Errorf("something was made: %v", r.requests())
	}
	draft := maps.Clone(second)
	draft.Set("build", text)
	draft.Set("do", "draft")
	maya.post("/requests", draft).want(http.StatusOK, "Request an API token").says("Draft saved").says(sentence)
	maya.offers("build", left, "/")
	r.nowhere("draft", value, maya)
	draft.Set("do", "find")
	draft.Set("sponsor_q", text)
	maya.post("/requests", draft).want(http.StatusOK, "Request an API token")
	r.nowhere("find", value, maya)
	// A page that shows again what was typed, because the session is over.
	maya.send(http.MethodPost, "/requests", draft, sameOrigin())
	if maya.status != http.StatusUnauthorized || !strings.Contains(maya.body, "[removed]") {
		t.Errorf("the page after a session: %d %s", maya.status, maya.body)
	}
	r.nowhere("signed out", value, maya)

	maya.open(r.course("bio201"))
	maya.post("/requests", askedFor(r, "A third helper, which prints my calendar by course.")).want(http.StatusOK, "Request REQ-0002")
	refused(ana, "/requests/REQ-0002/endorse", "reason", url.Values{"reason": {text}}, "Request REQ-0002", "/")
	ana.post("/requests/REQ-0002/endorse", url.Values{"reason": {"Fits."}}).want(http.StatusOK, "Request REQ-0002").says("Thank you")
	dana.get("/requests/REQ-0002")
	refused(dana, "/requests/REQ-0002/approve", "conditions", url.Values{"conditions": {text}}, "Request REQ-0002", "/leaks")
	refused(dana, "/requests/REQ-0002/deny", "reason", url.Values{"reason": {text}, "alternative": {"export"}, "alternative_text": {"as CSV"}}, "Request REQ-0002", "/leaks")
	refused(dana, "/requests/REQ-0002/deny", "alternative_text", url.Values{"reason": {"No."}, "alternative": {"export"}, "alternative_text": {text}}, "Request REQ-0002", "/leaks")
	token := linkOn(t, maya.get("/").body, "/tokens/")
	maya.post(token+"/leak", nil).want(http.StatusOK, "Report a leak")
	maya.post(token+"/leak/seen", url.Values{"seen": {text}}).want(http.StatusOK, "Report a leak")
	r.nowhere("seen", value, maya)
	leak := linkOn(t, dana.get("/leaks").body, "/leaks/")
	refused(dana, leak+"/clear", "reason", url.Values{"reason": {text}}, heading(t, dana.get(leak).body), "/leaks")
}

// offers fails unless a field has the text and is marked, and the summary leads
// to where a leak is reported.
func (b *browser) offers(field, value, report string) {
	b.r.t.Helper()
	var marked, led bool
	for n := range parse(b.r.t, b.body).Descendants() {
		if attr(n, "id") == "f-"+field {
			marked = attr(n, "aria-invalid") == "true" && (attr(n, "value") == value || words(n) == value)
		}
		led = led || n.Data == "a" && attr(n, "href") == report && words(n) == "Report a leak"
	}
	if !marked || !led {
		b.r.t.Errorf("%s, %s: the field is marked and has the rest: %t; a leak can be reported: %t", b.path, field, marked, led)
	}
}

// A fault of ours offers to try again; not with the value in the form.
func TestPastedValueIsNotRepeatedAfterAFault(t *testing.T) {
	r := newRig(t)
	_, value := r.collected()
	dana := r.launch("dana", r.account("root")).get("/leaks").want(http.StatusOK, "Leaks")
	db, err := sql.Open("sqlite", strings.TrimPrefix(r.db, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE audit_heads RENAME TO lost"); err != nil {
		t.Fatal(err)
	}
	dana.post("/leaks/check", url.Values{"suspect": {value}}).want(http.StatusInternalServerError, "Something went wrong on our side")
	if strings.Contains(dana.body, value[len(value)-20:]) || strings.Contains(r.logs.String(), value[len(value)-20:]) {
		t.Error("the answer to a fault, or the log, holds the value")
	}
}

func TestALeakByThePages(t *testing.T) {
	r := newRig(t)
	maya, value := r.collected()
	token := linkOn(t, maya.get("/").body, "/tokens/")
	maya.get(token+"/leak").want(http.StatusOK, "Report a leak").says("We delete the token")
	r.clock.Advance(access.Freshness + time.Minute) // an old launch may still report
	maya.post(token+"/leak", nil).want(http.StatusOK, "Report a leak").says("Deleted in Canvas by")
	maya.says("You are not in trouble for reporting.")
	if r.cv.World().Authenticates(value) {
		t.Error("the leaked token works")
	}
	maya.post(token+"/leak/seen", url.Values{"seen": {strings.Repeat("x", access.MaxNote+1)}}).want(http.StatusUnprocessableEntity, "Report a leak").says("Shorten this")
	maya.post(token+"/leak/seen", url.Values{"seen": {"In our class chat: " + value}}).want(http.StatusOK, "Report a leak").says("Thank you.")
	r.nowhere("the answer to the question", value, maya)
	maya.get("/").want(http.StatusOK, "My API tokens").says("Until the security office clears it, no new token is made for you.")

	dana := r.launch("dana", r.account("root")).says("1 leak is not cleared.")
	leak := linkOn(t, dana.get("/leaks").want(http.StatusOK, "Leaks").says("Open (1)").body, "/leaks/")
	dana.get(leak).says("In our class chat: [removed]")
	dana.post(leak+"/clear", nil).says("Write what was found and done, in a sentence.")
	dana.post(leak+"/clear", url.Values{"reason": {"The chat was deleted."}}).says("can collect tokens again and is told.")
	dana.get("/leaks").says("No leak is open.").says("Cleared (1)")
	maya.get(leak).want(http.StatusForbidden, notAllowed).says(wrongDoor)
}

func TestFreezeAndThawByThePages(t *testing.T) {
	r := newRig(t)
	maya, value := r.collected()
	token := linkOn(t, maya.get("/").body, "/tokens/")
	dana, priya := r.launch("dana", r.account("root")), r.launch("priya", r.account("root"))
	dana.get(token + "/freeze").says("Only two people together can thaw it.")
	dana.post(token+"/freeze", nil).says("Write why it is stopped, in a sentence.")
	dana.post(token+"/freeze", url.Values{"reason": {"Odd traffic."}}).says("Frozen since")
	if r.cv.World().Authenticates(value) {
		t.Error("the frozen token works")
	}
	maya.get(token).says("Your software gets errors now.").says("Odd traffic.")
	maya.post(token+"/thaw", nil).want(http.StatusForbidden, "Token "+aHelper).says("This is another person's part in the request, so you cannot do it.")
	dana.post(token+"/thaw", nil).want(http.StatusOK, "Token "+aHelper)
	dana.post(token+"/thaw", nil).says("This takes a second person.")
	priya.get(token + "/thaw").says("yours is the second voice")
	priya.post(token+"/thaw", nil).says("can make the new token.")
	maya.open(r.course("bio201")).says("The old token is deleted first.")
	maya.post("/requests/REQ-0001/collect", nil).want(http.StatusOK, "Collect your token").says("Copy it now")
	r.nowhere("afterwards", value, maya, dana, priya)
}
