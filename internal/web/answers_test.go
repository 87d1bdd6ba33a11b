package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// What the lists select, and what they do with an address that somebody changed.
func TestFiltersOfTheLists(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	w := r.Canvas.World()
	w.SeedToken("maya", canvastest.TokenSpec{Purpose: "my own script", CreatedAt: r.Clock.Now().AddDate(0, -1, 0), ExpiresAt: r.Clock.Now().AddDate(0, 1, 0)})
	w.SeedToken("maya", canvastest.TokenSpec{Purpose: "an endless script", CreatedAt: r.Clock.Now().AddDate(0, -1, 0)})
	maya := r.Launch("maya", r.Course("bio201"))
	maya.Post("/requests", webtest.Answers(r)).Want(http.StatusOK, "Request REQ-0001")
	ana := r.Launch("ana", r.Course("bio201")).Post("/requests/REQ-0001/endorse", nil).Want(http.StatusOK, "Request REQ-0001")
	for _, forged := range []string{"25~nonsense", "25~w", "25~x1.req_a", "25~s-1.req_a", "25~pzzzzzzzzzzzzz.req_a", "-1~w1.req_a", "~", "25~\x00", "1000001~w1.req_a"} {
		ana.Get("/sponsorships?after="+url.QueryEscape(forged)).Want(http.StatusOK, "Sponsorships").Says("You stand for (1)").Says("REQ-0001")
	}
	r.MakeTokens(2)
	dana := r.Launch("dana", r.Account("root"))
	r.CheckTokens(dana)
	dana.Open(r.Account("root"))
	page := dana.Body
	for path, says := range map[string]string{
		"/queue": "REQ-0001", "/queue?ai=no": "REQ-0001", "/queue?ai=yes": "Nothing matches.", "/queue?maker=self": "REQ-0001", "/queue?maker=company": "Nothing matches.",
		"/queue?role=student": "REQ-0001", "/queue?role=faculty": "Nothing matches.", "/queue?q=helper": "REQ-0001", "/queue?q=nobody": "Nothing matches.",
		"/queue?status=denied": "Nothing matches.", "/queue?after=25~nonsense": "REQ-0001", "/queue?status=nothing": "REQ-0001",
		"/tokens?ends_before=2026-12-01": "Nothing matches.", "/tokens?ends_before=2026-12-23": "1 token", "/tokens?after=25~nonsense": "2 tokens",
		"/unmanaged": "2 tokens", "/unmanaged?ends=never": "an endless script", "/unmanaged?who=admins": "Nothing matches.", "/unmanaged?q=own": "my own script",
		"/unmanaged?status=told": "Nothing matches.", "/unmanaged?after=25~nonsense": "2 tokens", "/leaks?after=25~nonsense": "No leak is open.",
	} {
		dana.Body = page
		dana.Get(path)
		if dana.Status != http.StatusOK || !strings.Contains(webtest.Text(dana.Body), says) {
			t.Errorf("%s answers %d without %q:\n%s", path, dana.Status, says, webtest.Text(dana.Body))
		}
	}
	dana.Body = page
	if dana.Get("/unmanaged?ends=never"); strings.Contains(dana.Body, "my own script") {
		t.Error("a token that ends is among those that never do")
	}

	dana.Get("/unmanaged")
	ids := map[string]string{}
	for n := range webtest.Parse(t, dana.Body).Descendants() {
		if webtest.Attr(n, "name") == "pick" {
			for _, name := range []string{"my own script", "an endless script"} {
				if strings.Contains(webtest.Attr(n, "aria-label")+webtest.Words(n.Parent), name) {
					ids[name] = webtest.Attr(n, "value")
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
		if dana.Get("/found/" + id); strings.Contains(webtest.Text(dana.Body), "Never ends") != never {
			t.Errorf("the page of %s, which never ends: %v, says\n%s", id, never, webtest.Text(dana.Body))
		}
		dana.Body = page
		dana.Get("/unmanaged").Post("/unmanaged/pick", url.Values{"do": {"allow"}, "pick": {id}}).Want(http.StatusOK, "Allow-list")
		if strings.Contains(webtest.Text(dana.Body), "· never ends") != never {
			t.Errorf("the question about %s, which never ends: %v, says\n%s", id, never, webtest.Text(dana.Body))
		}
	}
	// A question that is to be corrected comes back as it was answered.
	dana.Post("/unmanaged/allow", url.Values{"pick": {own, endless}, "reason": {"Needed."}, "review_at": {"2029-01-01"}}).Want(webtest.Unprocessable, "Allow-list").
		Keeps("review_at", "2029-01-01").Keeps("reason", "Needed.")
	if n := strings.Count(dana.Body, " checked"); n != 2 {
		t.Errorf("%d boxes are ticked, want 2", n)
	}
	dana.Post("/unmanaged/allow", url.Values{"pick": {own}, "reason": {"Needed."}, "review_at": {"2027-03-01"}}).Want(http.StatusOK, "Unmanaged tokens").
		Says("Proposed. A second person must agree before it is on the allow-list.")
	dana.Post("/unmanaged/pick", url.Values{"do": {"allow"}, "pick": {own}}).Want(http.StatusOK, "Unmanaged tokens").Says("None of the tokens you ticked allows that now.").
		Says("you proposed it, so a second person must agree.")
	if !strings.Contains(dana.Body, `value="`+own+`" checked`) {
		t.Errorf("the tick is lost:\n%s", webtest.Text(dana.Body))
	}
	dana.Post("/found/"+endless+"/remove", url.Values{"reason": {webtest.TooLong}}).Want(webtest.Unprocessable, "Remove “an endless script”?").Says("Shorten this").Keeps("reason", webtest.TooLong)
	undo := webtest.ActAs(r, "4711")
	ghost := r.Launch("dana", r.Account("root"))
	undo()
	ghost.Post("/found/"+endless+"/remove", url.Values{"reason": {"Odd traffic."}}).Want(http.StatusForbidden, "Remove “an endless script”?").Says(webtest.ActingAs).Keeps("reason", "Odd traffic.")
	ghost.Post("/found/"+own+"/disallow", nil).Want(http.StatusForbidden, "Unmanaged token “my own script”").Says(webtest.ActingAs)
	ghost.Post("/revocations", url.Values{"do": {"matching"}}).Want(http.StatusForbidden, "Tokens").Says(webtest.ActingAs)
	dana.Post("/unmanaged/adopt", url.Values{"pick": {endless}, "build": {"It writes the marks."}, "end": {"2026-12-12"}}).Want(http.StatusOK, "Unmanaged tokens").Says("1 request is begun.")
	maya.Open(r.Course("bio201")).Post("/found/"+endless+"/keep", nil).Want(http.StatusOK, "Request an API token").Keeps("end", "2026-12-12").Keeps("build", "It writes the marks.")
	dana.Post("/found/"+endless+"/remove", url.Values{"reason": {"Breach."}}).Want(http.StatusOK, "Unmanaged token “an endless script”").Says("Removed")
	dana.Get("/found/"+endless+"/remove").Want(http.StatusOK, "Unmanaged token “an endless script”")

	dana.Post("/revocations", url.Values{"do": {"matching"}}).Want(http.StatusOK, "Revoke 2 tokens?")
	dana.Post("/revocations/"+webtest.MassAddress.FindStringSubmatch(dana.Body)[1], url.Values{"count": {"2"}, "reason": {webtest.TooLong}}).Want(webtest.Unprocessable, "Revoke 2 tokens?").
		Says("Shorten this").Keeps("reason", webtest.TooLong).Keeps("count", "2")
}

// A long list goes on where its page ends.
func TestListsGoOn(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	r.MakeTokens(27)
	dana := r.Launch("dana", r.Account("root"))
	for _, path := range []string{"/tokens", "/tokens?vendor=acme", "/queue?status=fulfilled"} {
		dana.Get(path).Says("Showing 1–25 of 27")
		next := ""
		for n := range webtest.Parse(t, dana.Body).Descendants() {
			if n.Data == "a" && strings.Contains(webtest.Attr(n, "href"), "after=") {
				next = webtest.Attr(n, "href")
			}
		}
		dana.Get(next).Says("Showing 26–27 of 27")
	}
}
