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
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

func TestAPostAfterTheSessionEnded(t *testing.T) {
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	r.Clock.Advance(session.Idle + time.Second)
	fields := webtest.Answers(r)
	fields.Set("build", "What I typed before the session ended, all of it.")
	maya.Post("/requests", fields).Want(http.StatusUnauthorized, "Open Tokendesk again").Says("What I typed before the session ended, all of it.")
	if strings.Contains(webtest.Text(maya.Body), "Maya") || webtest.Meta(t, maya.Body, "tool-session") != "" {
		t.Error("a page without a session knows whose it was")
	}
	if len(r.Requests()) != 0 {
		t.Error("a session that ended made something")
	}
}

func TestNotYoursIsNotFound(t *testing.T) {
	r := webtest.InReview(t)
	luca := r.Launch("luca", r.Course("bio201"))
	luca.Get("/requests/REQ-0001").Want(http.StatusNotFound, "We cannot find that")
	notYours := webtest.Text(luca.Body)
	luca.Get("/requests/REQ-0099").Want(http.StatusNotFound, "We cannot find that")
	if webtest.Text(luca.Body) != notYours {
		t.Error("what is not yours reads differently from what is not there")
	}
	luca.Get("/queue").Want(http.StatusForbidden, webtest.NotAllowed).Says(webtest.WrongDoor)
	for _, path := range []string{"/requests/REQ-1", "/requests/'; drop table", "/tokens/grt_1", "/nowhere", "/requests/REQ-0001/nothing"} {
		luca.Get(strings.ReplaceAll(path, " ", "%20")).Want(http.StatusNotFound, webtest.NotThere).Says(webtest.NotWhere)
	}
	if luca.Send(http.MethodPut, "/queue", nil, nil).Want(http.StatusMethodNotAllowed, webtest.NoForm).Says(webtest.NothingNew); luca.Header.Get("Allow") != http.MethodGet {
		t.Errorf("PUT allows %q", luca.Header.Get("Allow"))
	}
}

func TestLinksOfMailsRoute(t *testing.T) {
	r := webtest.InReview(t)
	place := r.Course("bio201") + "?launch_url=" + url.QueryEscape(r.URL+"/go/REQ-0001")
	r.Launch("ana", place).Want(http.StatusOK, "Request REQ-0001")
	r.Launch("luca", place).Want(http.StatusNotFound, "We cannot find that")
	maya := r.Launch("maya", r.Course("bio201"))
	maya.Get("/go/REQ-0001").Want(http.StatusOK, "Request REQ-0001")
}

var referenceForm = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b`)

func TestTroubleOfOurs(t *testing.T) {
	r := webtest.InReview(t)
	r.Launch("dana", r.Account("root")).Post("/requests/REQ-0001/approve", url.Values{"conditions": {""}})
	maya := r.Launch("maya", r.Course("bio201"))
	r.App.Desk.AtStep = func(string) { panic("the disk is on fire") }
	maya.Get("/requests/REQ-0001/collect")
	maya.Post("/requests/REQ-0001/collect", nil).Want(http.StatusInternalServerError, "Something went wrong on our side")
	number := referenceForm.FindString(webtest.Text(maya.Body))
	if number == "" {
		t.Fatalf("no reference number: %s", webtest.Text(maya.Body))
	}
	if strings.Contains(maya.Body, "fire") || strings.Contains(maya.Body, "goroutine") {
		t.Error("the page tells what happened inside")
	}
	var lines []string
	for line := range strings.Lines(r.Logs.String()) {
		if strings.Contains(line, number) && strings.Contains(line, `"level":"ERROR"`) {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "the disk is on fire") {
		t.Errorf("%d lines tell of it: %q", len(lines), lines)
	}
	checkHeaders(t, maya, r.Canvas.InstitutionURL())
	r.App.Desk.AtStep = nil
	// Nobody waits for ever, and the next press makes exactly one token.
	r.Clock.Advance(access.MintLease + time.Minute)
	maya.Open(r.Course("bio201"))
	maya.Post("/requests/REQ-0001/collect", nil)
	for i := 0; i < 3 && !webtest.ValueShown(t, maya.Body); i++ {
		maya.Post("/requests/REQ-0001/collect", nil)
	}
	if !webtest.ValueShown(t, maya.Body) || len(r.Canvas.World().UsableTokens("maya")) > 1 {
		t.Errorf("the next press does not make one token: %s", webtest.Text(maya.Body))
	}
}

func TestADatabaseThatIsGone(t *testing.T) {
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	page := maya.Body
	if maya.Send(http.MethodGet, "/readyz", nil, nil); maya.Status != http.StatusOK {
		t.Errorf("ready answers %d", maya.Status)
	}
	if err := r.App.Store.Close(); err != nil {
		t.Fatal(err)
	}
	maya.Body = page
	maya.Get("/").Want(http.StatusServiceUnavailable, "Tokendesk cannot reach its records").Says("Try again in a minute")
	checkHeaders(t, maya, "")
	// A press says the same, keeps what was typed, and is one line in the log.
	maya.Body = page
	pressed := len(r.Logs.String())
	typed := webtest.Answers(r)
	typed.Set("build", "What I typed while the database was away, all of it.")
	maya.Post("/requests", typed).Want(http.StatusServiceUnavailable, "Tokendesk cannot reach its records").
		Says("Try again in a minute").Says("What I typed while the database was away, all of it.")
	if log := r.Logs.String()[pressed:]; strings.Count(log, "database unavailable") != 1 || strings.Contains(log, "What I typed") {
		t.Errorf("the log: %s", log)
	}
	// The script's silent save leaves the page alone, and the log tells.
	logged := len(r.Logs.String())
	maya.Body = page
	maya.Post("/requests/keep", url.Values{"build": {"half a sent"}}).Want(http.StatusOK, "").Says("could not be saved")
	if log := r.Logs.String()[logged:]; !strings.Contains(log, `"msg":"could not answer"`) || !strings.Contains(log, `"route":"/requests/keep"`) || strings.Contains(log, "half a sent") {
		t.Errorf("the log: %s", log)
	}
	if maya.Send(http.MethodGet, "/readyz", nil, nil); maya.Status != http.StatusServiceUnavailable || strings.Contains(maya.Body, "sql") {
		t.Errorf("ready answers %d %q", maya.Status, maya.Body)
	}
	if maya.Send(http.MethodGet, "/healthz", nil, nil); maya.Status != http.StatusOK {
		t.Errorf("health answers %d", maya.Status)
	}
}

func TestCanvasThatIsDown(t *testing.T) {
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	page := maya.Body
	defer r.Canvas.Fail(canvastest.Fault{Status: http.StatusServiceUnavailable, Times: 1000})()
	for _, path := range []string{"/", "/requests/new", "/sponsorships"} {
		maya.Body = page
		maya.Get(path)
		if maya.Status != http.StatusOK {
			t.Errorf("%s answers %d", path, maya.Status)
		}
	}
	maya.Body = page
	maya.Post("/requests", webtest.Answers(r))
	if maya.Status != http.StatusServiceUnavailable || webtest.Heading(t, maya.Body) != "Request an API token" {
		t.Errorf("a request without Canvas answers %d %q", maya.Status, webtest.Heading(t, maya.Body))
	}
	maya.Says("which assignments are due this week")
}

func TestAssetsAreCachedForEver(t *testing.T) {
	r := webtest.New(t)
	b := r.Launch("maya", r.Course("bio201"))
	var n int
	for node := range webtest.Parse(t, b.Body).Descendants() {
		address := webtest.Attr(node, "href")
		if node.Data == "script" {
			address = webtest.Attr(node, "src")
		}
		if !strings.HasPrefix(address, "/static/") {
			continue
		}
		n++
		other := &webtest.Browser{Rig: r, Cookies: map[string]string{}}
		other.Send(http.MethodGet, address, nil, nil)
		if other.Status != http.StatusOK || other.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || len(other.Body) < 100 {
			t.Errorf("%s: %d, %q, %d bytes", address, other.Status, other.Header.Get("Cache-Control"), len(other.Body))
		}
		if other.Send(http.MethodHead, address, nil, nil); other.Status != http.StatusOK || other.Body != "" {
			t.Errorf("HEAD %s: %d", address, other.Status)
		}
	}
	if n < 3 {
		t.Errorf("the page loads %d files", n)
	}
}
