package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/session"
)

// inReview is a rig with Maya's request endorsed.
func inReview(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.launch("maya", r.course("bio201")).post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001")
	ana := r.launch("ana", r.course("bio201"))
	ana.post("/requests/REQ-0001/endorse", nil).want(http.StatusOK, "Request REQ-0001")
	return r
}

func TestAFormToCorrectKeepsEverything(t *testing.T) {
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	bad := asked(r)
	bad.Set("build", "too short")
	bad.Set("end", "3/4/2027")
	bad.Set("storage", "chat")
	bad.Set("maker", "company")
	bad.Set("maker_name", `Acme "& Sons" <b>`)
	bad.Set("accepted", "")
	maya.post("/requests", bad).want(http.StatusUnprocessableEntity, "Request an API token").says("There is a problem").
		says("This date can be read as").says("in at least 30 characters").says("Tick the box")
	for _, typed := range []string{"too short", "3/4/2027", `Acme "& Sons" <b>`} {
		found := false
		for n := range parse(t, maya.body).Descendants() {
			found = found || attr(n, "value") == typed || n.Data == "textarea" && strings.TrimSpace(words(n)) == typed
		}
		if !found {
			t.Errorf("%q is lost", typed)
		}
	}
	if len(r.requests()) != 0 {
		t.Errorf("something was made: %v", r.requests())
	}
	// The next session finds it again.
	maya.open(r.course("bio201"))
	maya.get("/requests/new").want(http.StatusOK, "Request an API token").says("too short")

	maya.post("/requests", url.Values{"do": {"submit"}}).want(http.StatusUnprocessableEntity, "Request an API token").says("Choose a purpose.")
	maya.post("/requests", url.Values{"do": {"explode"}}).want(http.StatusBadRequest, noForm).says(nothingNew)
}

func TestDrafts(t *testing.T) {
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	fields := asked(r)
	fields.Set("do", "draft")
	maya.post("/requests", fields).want(http.StatusOK, "Request an API token")
	_, form := form(t, maya.body, "request-form")
	id := form.Get("draft")
	if !strings.HasPrefix(id, "req_") {
		t.Fatalf("the form names the draft %q", id)
	}
	fields.Set("draft", id)
	fields.Set("build", "Something else that is also longer than thirty characters.")
	maya.post("/requests", fields)
	maya.get("/").want(http.StatusOK, "My API tokens")
	maya.get("/requests/"+id).want(http.StatusOK, "Request an API token").says("Something else")

	helen := r.launch("helen", r.course("chem110"))
	helen.get("/requests/"+id).want(http.StatusNotFound, notThere).says(notWhere)

	fields.Set("do", "submit")
	maya.post("/requests", fields).want(http.StatusOK, "Request REQ-0001")
	maya.post("/requests", fields).want(http.StatusOK, "Request REQ-0001").says("Sent to Ana Ruiz")
	if got := r.requests(); len(got) != 1 {
		t.Errorf("a double click made more: %v", got)
	}

	fields.Set("draft", "")
	fields.Set("do", "draft")
	maya.post("/requests", fields)
	_, form2 := formOf(t, maya.body)
	id = form2.Get("draft")
	maya.get("/requests/" + id + "/discard")
	maya.post("/requests/"+id+"/discard", nil).want(http.StatusOK, "My API tokens")
	if got := r.requests()[id]; got != string(access.Discarded) {
		t.Errorf("the draft is %q", got)
	}
}

func formOf(t *testing.T, page string) (string, url.Values) {
	t.Helper()
	return form(t, page, "request-form")
}

func TestSilentSave(t *testing.T) {
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	page := maya.body
	maya.post("/requests/keep", url.Values{"build": {"half a sent"}})
	if maya.status != http.StatusOK || strings.Contains(maya.body, "<html") || !strings.Contains(text(maya.body), "saved") {
		t.Errorf("the silent save answers %d %q", maya.status, maya.body)
	}
	r.clock.Advance(session.Idle)
	maya.body = page
	maya.post("/requests/keep", url.Values{"build": {"half a sentence"}})
	if maya.status != http.StatusOK || strings.Contains(maya.body, "<html") || strings.Contains(maya.body, "half") {
		t.Errorf("after the session ended it answers %d %q", maya.status, maya.body)
	}
	maya.open(r.course("bio201"))
	maya.get("/requests/new").says("half a sent")
	if strings.Contains(maya.body, "half a sentence") {
		t.Error("text was kept without a live session")
	}
}

func TestAPostAfterTheSessionEnded(t *testing.T) {
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	r.clock.Advance(session.Idle + time.Second)
	fields := asked(r)
	fields.Set("build", "What I typed before the session ended, all of it.")
	maya.post("/requests", fields).want(http.StatusUnauthorized, "Open Tokendesk again").says("What I typed before the session ended, all of it.")
	if strings.Contains(text(maya.body), "Maya") || meta(t, maya.body, "tool-session") != "" {
		t.Error("a page without a session knows whose it was")
	}
	if len(r.requests()) != 0 {
		t.Error("a session that ended made something")
	}
}

func TestALaunchTooOldToDecide(t *testing.T) {
	r := inReview(t)
	dana := r.launch("dana", r.account("root"))
	dana.get("/requests/REQ-0001")
	page := dana.body
	r.clock.Advance(access.Freshness + time.Minute)
	typed := url.Values{"reason": {"Well argued."}, "conditions": {"Only until the exam."}, "end": {"2026-12-01"}}
	dana.post("/requests/REQ-0001/approve", typed).want(http.StatusForbidden, "Request REQ-0001").says("open Tokendesk again").says("Well argued.").says("Only until the exam.")
	if got := r.requests()["REQ-0001"]; got != string(access.InReview) {
		t.Fatalf("minute 16 decided: %s", got)
	}
	dana.body = page
	dana.open(r.account("root"))
	dana.get("/requests/REQ-0001").want(http.StatusOK, "Request REQ-0001").says("Well argued.").says("Only until the exam.")
	dana.post("/requests/REQ-0001/approve", typed).want(http.StatusOK, "Request REQ-0001").says("Approved until 1 Dec 2026")

	maya := r.launch("maya", r.course("bio201"))
	r.clock.Advance(access.Freshness + time.Minute)
	maya.post("/requests/REQ-0001/collect", nil).want(http.StatusForbidden, "Collect your token").says("open Tokendesk again")
	if valueShown(t, maya.body) || len(r.cv.World().Tokens("maya")) != 0 {
		t.Error("a token was made at minute 16")
	}
	maya.post("/requests/REQ-0001/withdraw", nil).want(http.StatusOK, "Request REQ-0001").says("Withdrawn")
}

func TestALostRaceKeepsTheText(t *testing.T) {
	r := inReview(t)
	dana, priya := r.launch("dana", r.account("root")), r.launch("priya", r.account("root"))
	dana.get("/requests/REQ-0001")
	priya.get("/requests/REQ-0001")
	dana.post("/requests/REQ-0001/approve", url.Values{"conditions": {""}}).want(http.StatusOK, "Request REQ-0001")
	priya.post("/requests/REQ-0001/deny", url.Values{"reason": {"Rather use the export."}, "alternative": {"export"}}).
		want(http.StatusConflict, "Request REQ-0001").says("Dana").says("Rather use the export.")
	dana.post("/requests/REQ-0001/approve", url.Values{"conditions": {""}}).want(http.StatusOK, "Request REQ-0001").says("Approved until")
	if got := r.requests()["REQ-0001"]; got != string(access.Approved) {
		t.Errorf("the request is %s", got)
	}
}

func TestDecisionsToCorrect(t *testing.T) {
	r := inReview(t)
	dana := r.launch("dana", r.account("root"))
	dana.get("/requests/REQ-0001")
	dana.post("/requests/REQ-0001/deny", url.Values{"alternative": {"export"}, "alternative_text": {"see the gradebook"}}).
		want(http.StatusUnprocessableEntity, "Request REQ-0001").says("There is a problem").says("see the gradebook")
	dana.post("/requests/REQ-0001/approve", url.Values{"end": {"2027-01-31"}}).want(http.StatusUnprocessableEntity, "Request REQ-0001").says("There is a problem")
	dana.post("/requests/REQ-0001/approve", url.Values{"end": {"whenever"}, "reason": {"ok"}}).want(http.StatusUnprocessableEntity, "Request REQ-0001").says("There is a problem")
	dana.post("/requests/REQ-0001/approve", url.Values{"conditions": {"c"}}).want(http.StatusOK, "Request REQ-0001")
	dana.get("/requests/REQ-0001/rescind")
	dana.post("/requests/REQ-0001/rescind", nil).want(http.StatusUnprocessableEntity, "Take back the approval of REQ-0001?").says("There is a problem")
	dana.post("/requests/REQ-0001/rescind", url.Values{"reason": {"The course was cancelled."}}).want(http.StatusOK, "Request REQ-0001").says("The course was cancelled.")
}

func TestNotYoursIsNotFound(t *testing.T) {
	r := inReview(t)
	luca := r.launch("luca", r.course("bio201"))
	luca.get("/requests/REQ-0001").want(http.StatusNotFound, "We cannot find that")
	notYours := text(luca.body)
	luca.get("/requests/REQ-0099").want(http.StatusNotFound, "We cannot find that")
	if text(luca.body) != notYours {
		t.Error("what is not yours reads differently from what is not there")
	}
	luca.get("/queue").want(http.StatusForbidden, notAllowed).says(wrongDoor)
	for _, path := range []string{"/requests/REQ-1", "/requests/'; drop table", "/tokens/grt_1", "/nowhere", "/requests/REQ-0001/nothing"} {
		luca.get(strings.ReplaceAll(path, " ", "%20")).want(http.StatusNotFound, notThere).says(notWhere)
	}
	if luca.send(http.MethodPut, "/queue", nil, nil).want(http.StatusMethodNotAllowed, noForm).says(nothingNew); luca.header.Get("Allow") != http.MethodGet {
		t.Errorf("PUT allows %q", luca.header.Get("Allow"))
	}
}

func TestLinksOfMailsRoute(t *testing.T) {
	r := inReview(t)
	place := r.course("bio201") + "?launch_url=" + url.QueryEscape(r.url+"/go/REQ-0001")
	r.launch("ana", place).want(http.StatusOK, "Request REQ-0001")
	r.launch("luca", place).want(http.StatusNotFound, "We cannot find that")
	maya := r.launch("maya", r.course("bio201"))
	maya.get("/go/REQ-0001").want(http.StatusOK, "Request REQ-0001")
}

var referenceForm = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b`)

func TestTroubleOfOurs(t *testing.T) {
	r := inReview(t)
	r.launch("dana", r.account("root")).post("/requests/REQ-0001/approve", url.Values{"conditions": {""}})
	maya := r.launch("maya", r.course("bio201"))
	r.app.Work.AtStep = func(string) { panic("the disk is on fire") }
	maya.get("/requests/REQ-0001/collect")
	maya.post("/requests/REQ-0001/collect", nil).want(http.StatusInternalServerError, "Something went wrong on our side")
	number := referenceForm.FindString(text(maya.body))
	if number == "" {
		t.Fatalf("no reference number: %s", text(maya.body))
	}
	if strings.Contains(maya.body, "fire") || strings.Contains(maya.body, "goroutine") {
		t.Error("the page tells what happened inside")
	}
	var lines []string
	for line := range strings.Lines(r.logs.String()) {
		if strings.Contains(line, number) && strings.Contains(line, `"level":"ERROR"`) {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "the disk is on fire") {
		t.Errorf("%d lines tell of it: %q", len(lines), lines)
	}
	checkHeaders(t, maya, r.cv.InstitutionURL())
	r.app.Work.AtStep = nil
	// Nobody waits for ever, and the next press makes exactly one token.
	r.clock.Advance(access.MintLease + time.Minute)
	maya.open(r.course("bio201"))
	maya.post("/requests/REQ-0001/collect", nil)
	for i := 0; i < 3 && !valueShown(t, maya.body); i++ {
		maya.post("/requests/REQ-0001/collect", nil)
	}
	if !valueShown(t, maya.body) || len(r.cv.World().UsableTokens("maya")) > 1 {
		t.Errorf("the next press does not make one token: %s", text(maya.body))
	}
}

func TestADatabaseThatIsGone(t *testing.T) {
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	page := maya.body
	if maya.send(http.MethodGet, "/readyz", nil, nil); maya.status != http.StatusOK {
		t.Errorf("ready answers %d", maya.status)
	}
	if err := r.app.Store.Close(); err != nil {
		t.Fatal(err)
	}
	maya.body = page
	maya.get("/").want(http.StatusServiceUnavailable, "Tokendesk cannot reach its records").says("Try again in a minute")
	checkHeaders(t, maya, "")
	// A press says the same, keeps what was typed, and is one line in the log.
	maya.body = page
	pressed := len(r.logs.String())
	typed := asked(r)
	typed.Set("build", "What I typed while the database was away, all of it.")
	maya.post("/requests", typed).want(http.StatusServiceUnavailable, "Tokendesk cannot reach its records").
		says("Try again in a minute").says("What I typed while the database was away, all of it.")
	if log := r.logs.String()[pressed:]; strings.Count(log, "database unavailable") != 1 || strings.Contains(log, "What I typed") {
		t.Errorf("the log: %s", log)
	}
	// The script's silent save leaves the page alone, and the log tells.
	logged := len(r.logs.String())
	maya.body = page
	maya.post("/requests/keep", url.Values{"build": {"half a sent"}}).want(http.StatusOK, "").says("could not be saved")
	if log := r.logs.String()[logged:]; !strings.Contains(log, `"msg":"could not answer"`) || !strings.Contains(log, `"route":"/requests/keep"`) || strings.Contains(log, "half a sent") {
		t.Errorf("the log: %s", log)
	}
	if maya.send(http.MethodGet, "/readyz", nil, nil); maya.status != http.StatusServiceUnavailable || strings.Contains(maya.body, "sql") {
		t.Errorf("ready answers %d %q", maya.status, maya.body)
	}
	if maya.send(http.MethodGet, "/healthz", nil, nil); maya.status != http.StatusOK {
		t.Errorf("health answers %d", maya.status)
	}
}

func TestCanvasThatIsDown(t *testing.T) {
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	page := maya.body
	defer r.cv.Fail(canvastest.Fault{Status: http.StatusServiceUnavailable, Times: 1000})()
	for _, path := range []string{"/", "/requests/new", "/sponsorships"} {
		maya.body = page
		maya.get(path)
		if maya.status != http.StatusOK {
			t.Errorf("%s answers %d", path, maya.status)
		}
	}
	maya.body = page
	maya.post("/requests", asked(r))
	if maya.status != http.StatusServiceUnavailable || heading(t, maya.body) != "Request an API token" {
		t.Errorf("a request without Canvas answers %d %q", maya.status, heading(t, maya.body))
	}
	maya.says("which assignments are due this week")
}

func TestAssetsAreCachedForEver(t *testing.T) {
	r := newRig(t)
	b := r.launch("maya", r.course("bio201"))
	var n int
	for node := range parse(t, b.body).Descendants() {
		address := attr(node, "href")
		if node.Data == "script" {
			address = attr(node, "src")
		}
		if !strings.HasPrefix(address, "/static/") {
			continue
		}
		n++
		other := &browser{r: r, cookies: map[string]string{}}
		other.send(http.MethodGet, address, nil, nil)
		if other.status != http.StatusOK || other.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || len(other.body) < 100 {
			t.Errorf("%s: %d, %q, %d bytes", address, other.status, other.header.Get("Cache-Control"), len(other.body))
		}
		if other.send(http.MethodHead, address, nil, nil); other.status != http.StatusOK || other.body != "" {
			t.Errorf("HEAD %s: %d", address, other.status)
		}
	}
	if n < 3 {
		t.Errorf("the page loads %d files", n)
	}
}
