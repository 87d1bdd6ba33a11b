package web_test

import (
	"database/sql"
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
		{dana, "/unmanaged/allow", url.Values{"reason": {text}, "review": {"2027-01-05"}}},
		{dana, "/unmanaged/remove", url.Values{"reason": {text}, "number": {"1"}}},
	} {
		tc.who.post(tc.path, tc.fields)
		r.nowhere(tc.path, value, tc.who)
	}
	maya.post("/requests", askedFor(r, "A second helper, which colours my calendar by course.")).want(http.StatusOK, "Request REQ-0002")
	ana.post("/requests/REQ-0002/endorse", url.Values{"reason": {text}}).want(http.StatusOK, "Request REQ-0002").says("Thank you")
	r.nowhere("endorse", value, ana)
	dana.get("/requests/REQ-0002").want(http.StatusOK, "Request REQ-0002").says("It is [removed], seen in a chat.")
	dana.post("/requests/REQ-0002/deny", url.Values{"reason": {text}, "alternative": {"export"}, "alternative_text": {text}, "conditions": {text}}).
		want(http.StatusOK, "Request REQ-0002").says("Denied")
	r.nowhere("deny", value, dana)
	maya.get("/requests/REQ-0002").says("It is [removed], seen in a chat.")
	maya.get(token).says("It is [removed], seen in a chat.")
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
