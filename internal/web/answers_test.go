package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// keeps fails unless the field of the page holds the text.
func (b *browser) keeps(field, text string) *browser {
	b.r.t.Helper()
	for n := range parse(b.r.t, b.body).Descendants() {
		if attr(n, "name") != field {
			continue
		}
		if got := attr(n, "value"); got == text || n.Data == "textarea" && strings.TrimSpace(words(n)) == text {
			return b
		}
	}
	b.r.t.Fatalf("%s: the field %s does not hold %.60q:\n%s", b.path, field, text, b.body)
	return b
}

// tooLong is a reason that nobody can keep.
var tooLong = strings.Repeat("x", access.MaxNote+1)

const (
	unprocessable = http.StatusUnprocessableEntity
	aHelper       = "“A small helper that tells me which assignments are due this…”"
)

// A question about something that cannot be done, or is done, is not asked: the
// page says how it stands.
func TestQuestionsThatAreNotAsked(t *testing.T) {
	t.Parallel()
	r, maya, token := working(t)
	ana := r.launch("ana", r.course("bio201"))
	dana := r.launch("dana", r.account("root"))
	ofToken, ofRequest := "Token "+aHelper, "Request REQ-0001"
	for _, tc := range []struct {
		who      *browser
		path, h1 string
	}{
		{maya, "/requests/REQ-0001/withdraw", ofRequest}, {ana, "/requests/REQ-0001/withdraw", ofRequest}, {dana, "/requests/REQ-0001/rescind", ofRequest},
		{maya, "/requests/REQ-0001/sponsor", ofRequest}, {maya, token + "/sponsor", ofToken}, {maya, token + "/end-sponsorship", ofToken},
		{maya, token + "/misuse", ofToken}, {maya, token + "/thaw", ofToken}, {maya, token + "/freeze", ofToken}, {dana, token + "/thaw", ofToken},
	} {
		tc.who.get(tc.path).want(http.StatusOK, tc.h1)
	}
	maya.post(token+"/thaw", nil).want(http.StatusOK, ofToken).says("Active")
	dana.post(token+"/freeze", url.Values{"reason": {tooLong}}).want(unprocessable, "Freeze "+aHelper+"?").says("Shorten this").keeps("reason", tooLong)
	dana.post(token+"/revoke", url.Values{"reason": {tooLong}}).want(unprocessable, "Revoke "+aHelper+"?").says("Shorten this").keeps("reason", tooLong)
	ana.post(token+"/misuse", url.Values{"reason": {tooLong}}).want(unprocessable, "Report misuse of "+aHelper+"?").says("Shorten this").keeps("reason", tooLong)
	ana.post(token+"/end-sponsorship", url.Values{"reason": {tooLong}}).want(unprocessable, "End your sponsorship of "+aHelper+"?").says("Shorten this").keeps("reason", tooLong)

	// What was typed also stays where whoever acts is refused.
	undo := acting(r, "4711")
	ghost := r.launch("dana", r.account("root"))
	undo()
	for _, do := range []string{"freeze", "revoke"} {
		ghost.post(token+"/"+do, url.Values{"reason": {"Odd traffic."}}).want(http.StatusForbidden, map[string]string{"freeze": "Freeze ", "revoke": "Revoke "}[do]+aHelper+"?").
			says(actingAs).keeps("reason", "Odd traffic.")
	}

	maya.post(token+"/leak", nil).want(http.StatusOK, "Report a leak")
	maya.post(token+"/leak/seen", url.Values{"seen": {tooLong}}).want(unprocessable, "Report a leak").says("Shorten this").keeps("seen", tooLong)
	maya.post(token+"/leak/seen", nil).want(http.StatusOK, ofToken)
	for _, do := range []string{"revoke", "freeze"} {
		dana.get(token+"/"+do).want(http.StatusOK, ofToken)
		dana.post(token+"/"+do, url.Values{"reason": {"Late."}}).want(http.StatusOK, ofToken)
	}
	leak := linkOn(t, dana.get("/leaks?after=25~nonsense").want(http.StatusOK, "Leaks").says("Open (1)").body, "/leaks/")
	dana.post(leak+"/clear", url.Values{"reason": {tooLong}}).want(unprocessable, "Leak of "+aHelper).says("Shorten this").keeps("reason", tooLong)
	ghost.post(leak+"/clear", url.Values{"reason": {"Nothing was found."}}).want(http.StatusForbidden, "Leak of "+aHelper).says(actingAs)
	dana.post(leak+"/clear", url.Values{"reason": {"Nothing was found."}}).want(http.StatusOK, "Leak of "+aHelper)
}

// The panel of a sponsor and of a reviewer comes back in the next session with
// everything that was in it.
func TestAPanelComesBackInTheNextSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	maya.post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001")
	ana := r.launch("ana", r.course("bio201"))
	dana := r.launch("dana", r.account("root"))
	r.clock.Advance(access.Freshness + time.Minute)
	ana.post("/requests/REQ-0001/endorse", url.Values{"reason": {"Fits the course."}, "end": {"2026-12-01"}}).want(http.StatusForbidden, "Request REQ-0001").
		says("open Tokendesk again").keeps("reason", "Fits the course.").keeps("end", "2026-12-01")
	ana.open(r.course("bio201")).get("/requests/REQ-0001").want(http.StatusOK, "Request REQ-0001").keeps("reason", "Fits the course.").keeps("end", "2026-12-01")
	ana.post("/requests/REQ-0001/endorse", nil).want(http.StatusOK, "Request REQ-0001").says("Thank you")
	dana.get("/requests/REQ-0001")
	dana.post("/requests/REQ-0001/deny", url.Values{"reason": {"Too wide."}, "alternative": {"other"}, "alternative_text": {"Ask for the report."}, "conditions": {"None."}, "end": {"2026-12-02"}}).
		want(http.StatusForbidden, "Request REQ-0001").says("open Tokendesk again")
	dana.open(r.account("root")).get("/requests/REQ-0001").want(http.StatusOK, "Request REQ-0001").
		keeps("reason", "Too wide.").keeps("alternative_text", "Ask for the report.").keeps("conditions", "None.").keeps("end", "2026-12-02")

	// Of a decision that came too late, the conditions are there to copy.
	priya := r.launch("priya", r.account("root"))
	dana.post("/requests/REQ-0001/approve", nil).want(http.StatusOK, "Request REQ-0001").says("Approved until")
	priya.post("/requests/REQ-0001/approve", url.Values{"conditions": {"Only until the exam."}}).want(http.StatusConflict, "Request REQ-0001").says("Dana").says("Only until the exam.")
	dana.post("/requests/REQ-0001/rescind", nil).want(unprocessable, "Take back the approval of REQ-0001?").says("There is a problem")
	dana.post("/requests/REQ-0001/rescind", url.Values{"reason": {tooLong}}).want(unprocessable, "Take back the approval of REQ-0001?").says("Shorten this").keeps("reason", tooLong)
}

// Drafts and requests that start again.
func TestDraftsThatAreGoneAndRequestsThatStartAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	fields := asked(r)
	fields.Set("do", "draft")
	maya.post("/requests", fields).want(http.StatusOK, "Request an API token").says("Draft saved")
	_, sent := formOf(t, maya.body)
	id := sent.Get("draft")
	maya.post("/requests/"+id+"/discard", nil).want(http.StatusOK, "My API tokens").says("The draft is removed.")
	maya.post("/requests/"+id+"/discard", nil).want(http.StatusOK, "Request").says("Discarded")

	maya.post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001")
	r.launch("ana", r.course("bio201")).post("/requests/REQ-0001/decline", url.Values{"reason": {"Not in this course."}}).want(http.StatusOK, "Request REQ-0001")
	undo := acting(r, "4711")
	ghost := r.launch("maya", r.course("bio201"))
	undo()
	ghost.post("/requests/REQ-0001/refile", nil).want(http.StatusForbidden, "Request REQ-0001").says(actingAs)
	maya.post("/requests/REQ-0001/refile", nil).want(http.StatusOK, "Request an API token").keeps("build", asked(r).Get("build"))
}

// A token is replaced once; and whoever acts turns nobody down.
func TestReplaceAndTurnDownAnswer(t *testing.T) {
	t.Parallel()
	r, maya, token := working(t)
	maya.get("/requests/REQ-0001/replace").want(http.StatusOK, "Replace "+aHelper+"?")
	ana := r.launch("ana", r.course("bio201"))
	ana.post(token+"/end-sponsorship", nil).want(http.StatusOK, "Token "+aHelper)
	ana.get(token+"/leak").want(http.StatusOK, "Token "+aHelper) // who no longer stands for it
	r.cv.World().Enroll("helen", "bio201", canvastest.TeacherEnrollment)
	maya.post(token+"/sponsor", url.Values{"sponsor": {r.cv.World().User("helen").ID.String()}}).says("is asked to take over")
	undo := acting(r, "4711")
	ghost := r.launch("helen", r.course("bio201"))
	undo()
	ghost.post(token+"/turn-down", nil).want(http.StatusForbidden, "Request REQ-0001").says(actingAs)
	maya.post("/requests/REQ-0001/replace", nil).want(http.StatusOK, "Collect your token").says("Note, The old token is being deleted in Canvas.").says("Create my token")
}

// What the lists select, and what they do with an address that somebody changed.
func TestFiltersOfTheLists(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.cv.World()
	w.SeedToken("maya", canvastest.TokenSpec{Purpose: "my own script", CreatedAt: r.clock.Now().AddDate(0, -1, 0), ExpiresAt: r.clock.Now().AddDate(0, 1, 0)})
	w.SeedToken("maya", canvastest.TokenSpec{Purpose: "an endless script", CreatedAt: r.clock.Now().AddDate(0, -1, 0)})
	maya := r.launch("maya", r.course("bio201"))
	maya.post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001")
	r.launch("ana", r.course("bio201")).post("/requests/REQ-0001/endorse", nil).want(http.StatusOK, "Request REQ-0001")
	r.tokens(2)
	dana := r.launch("dana", r.account("root"))
	r.checked(dana)
	dana.open(r.account("root"))
	page := dana.body
	for path, says := range map[string]string{
		"/queue": "REQ-0001", "/queue?ai=no": "REQ-0001", "/queue?ai=yes": "Nothing matches.", "/queue?maker=self": "REQ-0001", "/queue?maker=company": "Nothing matches.",
		"/queue?role=student": "REQ-0001", "/queue?role=faculty": "Nothing matches.", "/queue?q=helper": "REQ-0001", "/queue?q=nobody": "Nothing matches.",
		"/queue?status=denied": "Nothing matches.", "/queue?after=25~nonsense": "REQ-0001", "/queue?status=nothing": "REQ-0001",
		"/tokens?ends_before=2026-12-01": "Nothing matches.", "/tokens?ends_before=2026-12-23": "1 token", "/tokens?after=25~nonsense": "2 tokens",
		"/unmanaged": "2 tokens", "/unmanaged?ends=never": "an endless script", "/unmanaged?who=admins": "Nothing matches.", "/unmanaged?q=own": "my own script",
		"/unmanaged?status=told": "Nothing matches.", "/unmanaged?after=25~nonsense": "2 tokens", "/leaks?after=25~nonsense": "No leak is open.",
	} {
		dana.body = page
		dana.get(path)
		if dana.status != http.StatusOK || !strings.Contains(text(dana.body), says) {
			t.Errorf("%s answers %d without %q:\n%s", path, dana.status, says, text(dana.body))
		}
	}
	dana.body = page
	if dana.get("/unmanaged?ends=never"); strings.Contains(dana.body, "my own script") {
		t.Error("a token that ends is among those that never do")
	}

	dana.get("/unmanaged")
	ids := map[string]string{}
	for n := range parse(t, dana.body).Descendants() {
		if attr(n, "name") == "pick" {
			for _, name := range []string{"my own script", "an endless script"} {
				if strings.Contains(attr(n, "aria-label")+words(n.Parent), name) {
					ids[name] = attr(n, "value")
				}
			}
		}
	}
	own, endless := ids["my own script"], ids["an endless script"]
	if own == "" || endless == "" {
		t.Fatalf("the list has %v", ids)
	}
	// Which one never ends is said wherever somebody decides about it.
	for id, never := range map[string]bool{own: false, endless: true} {
		if dana.get("/found/" + id); strings.Contains(text(dana.body), "Never ends") != never {
			t.Errorf("the page of %s, which never ends: %v, says\n%s", id, never, text(dana.body))
		}
		dana.body = page
		dana.get("/unmanaged").post("/unmanaged/pick", url.Values{"do": {"allow"}, "pick": {id}}).want(http.StatusOK, "Allow-list")
		if strings.Contains(text(dana.body), "· never ends") != never {
			t.Errorf("the question about %s, which never ends: %v, says\n%s", id, never, text(dana.body))
		}
	}
	// A question that is to be corrected comes back as it was answered.
	dana.post("/unmanaged/allow", url.Values{"pick": {own, endless}, "reason": {"Needed."}, "review_at": {"2029-01-01"}}).want(unprocessable, "Allow-list").
		keeps("review_at", "2029-01-01").keeps("reason", "Needed.")
	if n := strings.Count(dana.body, " checked"); n != 2 {
		t.Errorf("%d boxes are ticked, want 2", n)
	}
	dana.post("/unmanaged/allow", url.Values{"pick": {own}, "reason": {"Needed."}, "review_at": {"2027-03-01"}}).want(http.StatusOK, "Unmanaged tokens").
		says("Proposed. A second person must agree before it is on the allow-list.")
	dana.post("/unmanaged/pick", url.Values{"do": {"allow"}, "pick": {own}}).want(http.StatusOK, "Unmanaged tokens").says("None of the tokens you ticked allows that now.").
		says("you proposed it, so a second person must agree.")
	if !strings.Contains(dana.body, `value="`+own+`" checked`) {
		t.Errorf("the tick is lost:\n%s", text(dana.body))
	}
	dana.post("/found/"+endless+"/remove", url.Values{"reason": {tooLong}}).want(unprocessable, "Remove “an endless script”?").says("Shorten this").keeps("reason", tooLong)
	undo := acting(r, "4711")
	ghost := r.launch("dana", r.account("root"))
	undo()
	ghost.post("/found/"+endless+"/remove", url.Values{"reason": {"Odd traffic."}}).want(http.StatusForbidden, "Remove “an endless script”?").says(actingAs).keeps("reason", "Odd traffic.")
	ghost.post("/found/"+own+"/disallow", nil).want(http.StatusForbidden, "Unmanaged token “my own script”").says(actingAs)
	ghost.post("/revocations", url.Values{"do": {"matching"}}).want(http.StatusForbidden, "Tokens").says(actingAs)
	dana.post("/unmanaged/adopt", url.Values{"pick": {endless}, "build": {"It writes the marks."}, "end": {"2026-12-12"}}).want(http.StatusOK, "Unmanaged tokens").says("1 request is begun.")
	maya.open(r.course("bio201")).post("/found/"+endless+"/keep", nil).want(http.StatusOK, "Request an API token").keeps("end", "2026-12-12").keeps("build", "It writes the marks.")
	dana.post("/found/"+endless+"/remove", url.Values{"reason": {"Breach."}}).want(http.StatusOK, "Unmanaged token “an endless script”").says("Removed")
	dana.get("/found/"+endless+"/remove").want(http.StatusOK, "Unmanaged token “an endless script”")

	dana.post("/revocations", url.Values{"do": {"matching"}}).want(http.StatusOK, "Revoke 2 tokens?")
	dana.post("/revocations/"+massAddress.FindStringSubmatch(dana.body)[1], url.Values{"count": {"2"}, "reason": {tooLong}}).want(unprocessable, "Revoke 2 tokens?").
		says("Shorten this").keeps("reason", tooLong).keeps("count", "2")
}

// Where a course has many teachers, the list is found by a part of a name, and
// the rest of the form stays.
func TestSponsorsAreFoundByName(t *testing.T) {
	t.Parallel()
	r, maya, token := working(t)
	w := r.cv.World()
	for _, name := range []string{"Abel", "Bea", "Cem", "Dora", "Emil", "Fay", "Gus", "Hope", "Ivo", "Jana", "Kurt", "Lise", "Milo"} {
		w.AddUser(canvastest.User{Key: "teacher-" + name, Name: name + " Teaching"}, "teacher-"+name, "")
		w.Enroll("teacher-"+name, "bio201", canvastest.TeacherEnrollment)
	}
	r.clock.Advance(6 * time.Minute) // until Canvas is asked again who teaches
	find := askedFor(r, "A second helper, which colours my calendar by course.")
	find.Set("do", "find")
	find.Set("sponsor_q", "dora")
	find.Del("sponsor")
	found := func(field string) {
		t.Helper()
		maya.says("Dora Teaching").keeps(field, "dora")
		if strings.Contains(maya.body, "Emil Teaching") {
			t.Errorf("%s lists others too", maya.path)
		}
	}
	maya.post("/requests", find).want(http.StatusOK, "Request an API token").keeps("build", find.Get("build"))
	found("sponsor_q")
	maya.post("/requests", askedFor(r, find.Get("build"))).want(http.StatusOK, "Request REQ-0002")
	maya.get("/requests/REQ-0002/sponsor?q=dora").want(http.StatusOK, "Choose a sponsor")
	found("q")
	r.launch("ana", r.course("bio201")).post(token+"/end-sponsorship", nil).want(http.StatusOK, "Token "+aHelper)
	maya.get(token+"/sponsor?q=dora").want(http.StatusOK, "Choose a sponsor")
	found("q")
}

// A long list goes on where its page ends.
func TestListsGoOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tokens(27)
	dana := r.launch("dana", r.account("root"))
	for _, path := range []string{"/tokens", "/tokens?vendor=acme", "/queue?status=fulfilled"} {
		dana.get(path).says("Showing 1–25 of 27")
		next := ""
		for n := range parse(t, dana.body).Descendants() {
			if n.Data == "a" && strings.Contains(attr(n, "href"), "after=") {
				next = attr(n, "href")
			}
		}
		dana.get(next).says("Showing 26–27 of 27")
	}
}
