//go:build unix

package lti

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestChromium runs the browser script in a real browser, with the tool framed
// by a page of another site and the tool's cookies taken away on the way in. It
// needs Chromium and some seconds, so it runs only with TOKENDESK_LONG=1.
func TestChromium(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil || os.Getenv("TOKENDESK_LONG") != "1" {
		t.Skip("set TOKENDESK_LONG=1 and install chromium to run this")
	}
	for name, tt := range map[string]struct {
		mode    string // of the platform's page
		cookies bool
		want    string
	}{
		"the storage frame answers":                     {"frame", false, "launched"},
		"the storage frame answers in JSON text":        {"text", false, "launched"},
		"no frame, but the parent answers":              {"parent", false, "launched"},
		"the parent is announced and answers":           {"_parent", false, "launched"},
		"the frame is silent, but the cookie came back": {"silent", true, "launched"},
		"the frame is silent and no cookie came back":   {"silent", false, string(ReasonStorageSilent)},
		"the frame has no room":                         {"full", false, string(ReasonStorageSilent)},
		"the value comes from a frame of another site":  {"impostor", false, string(ReasonStorageSilent)},
		"the value was planted by another tool":         {"planted", false, string(ReasonOtherBrowser)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newLivePlatform(t, tt.mode, tt.cookies)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			browser := exec.CommandContext(ctx, chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
				"--user-data-dir="+t.TempDir(), "--disable-features=LocalNetworkAccessChecks", p.institution.URL)
			browser.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			browser.Cancel = func() error { return syscall.Kill(-browser.Process.Pid, syscall.SIGKILL) }
			if err := browser.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				cancel()
				_ = browser.Wait()
			}()
			select {
			case got := <-p.outcome:
				if got != tt.want {
					t.Errorf("the page says %q, want %q\nlog: %s", got, tt.want, p.log)
				}
			case <-ctx.Done():
				t.Fatalf("nothing came of it\nlog: %s", p.log)
			}
			if tt.want == "launched" && !tt.cookies {
				for left := "something"; left != "none"; {
					select {
					case left = <-p.left:
					case <-ctx.Done():
						t.Fatal("something is left in the platform's storage")
					}
				}
			}
		})
	}
}

// livePlatform is a bench whose platform lives on two more sites.
type livePlatform struct {
	*bench
	institution, sso *httptest.Server
	outcome, left    chan string
}

func newLivePlatform(t *testing.T, mode string, cookies bool) *livePlatform {
	t.Helper()
	p := &livePlatform{bench: newBench(t), outcome: make(chan string, 10), left: make(chan string, 10)}
	tool := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !cookies {
			r.Header.Del("Cookie")
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; form-action 'self'")
		switch r.URL.Path {
		case "/lti/login":
			p.tool.HandleLogin(w, r)
		case "/lti/launch":
			p.tool.HandleLaunch(w, r)
		case "/lti/proof":
			p.tool.HandleProof(w, r)
		case "/browser.js":
			if mode == "planted" && strings.Contains(r.Referer(), "/lti/launch") {
				fmt.Fprint(w, "sessionStorage.clear();")
			}
			_, _ = w.Write([]byte(BrowserScript))
		case "/report.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `parent.postMessage("outcome:" + document.getElementById("outcome").textContent, "*");`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(tool.Close)
	p.tool.PublicURL = strings.Replace(tool.URL, "127.0.0.1", "localhost", 1)
	p.institution = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.servePage(w, r, mode) }))
	t.Cleanup(p.institution.Close)
	p.sso = httptest.NewServer(http.HandlerFunc(p.serveSSO))
	t.Cleanup(p.sso.Close)
	p.reg.AuthURL = p.ssoURL() + "/authorize"
	p.reg.FrameOrigins = []string{p.institution.URL}
	if mode == "_parent" {
		p.reg.AuthURL = p.institution.URL + "/authorize"
	}
	p.store.put(p.reg)

	page := func(w http.ResponseWriter, data any) { _ = livePage.Execute(w, data) }
	p.tool.Pages.StorePage = func(w http.ResponseWriter, _ *http.Request, s StorePage) { page(w, s) }
	p.tool.Pages.ProofPage = func(w http.ResponseWriter, _ *http.Request, s ProofPage) { page(w, s) }
	report := func(w http.ResponseWriter, text string) {
		fmt.Fprintf(w, `<!doctype html><p id="outcome">%s</p><script src="/report.js"></script>`, text)
	}
	p.tool.Pages.Launched = func(w http.ResponseWriter, _ *http.Request, _ Launch) { report(w, "launched") }
	p.tool.Pages.Refused = func(w http.ResponseWriter, _ *http.Request, r *Refusal) { report(w, string(r.Code)) }
	return p
}

// ssoURL is on a third site.
func (p *livePlatform) ssoURL() string {
	return strings.Replace(p.sso.URL, "127.0.0.1", "sso.localhost", 1)
}

var livePage = template.Must(template.New("").Parse(
	`<!doctype html><title>x</title><body><script type="application/json" id="lti-data">{{.}}</script><script src="/browser.js"></script>`))

// serveSSO is the authentication endpoint and the storage frame.
func (p *livePlatform) serveSSO(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/authorize" {
		p.authorize(w, r)
		return
	}
	fmt.Fprintf(w, `<!doctype html><script>const mode = %q;%s</script>`, r.URL.Query().Get("mode"), storageScript)
}

// storageScript keeps values and answers as the mode says.
const storageScript = `
const kept = {};
addEventListener("message", (e) => {
  const m = e.data;
  if (!m || !m.subject || mode === "silent") return;
  const answer = { subject: m.subject + ".response", message_id: m.message_id, key: m.key };
  if (mode === "full") answer.error = { code: "storage_exhaustion" };
  else if (m.subject === "lti.put_data") {
    if (m.value) answer.value = kept[m.key] = m.value; else delete kept[m.key];
    top.postMessage("left:" + (Object.keys(kept).length ? "something" : "none"), "*");
  } else answer.value = kept[m.key] ?? null;
  e.source.postMessage(mode === "text" ? JSON.stringify(answer) : answer, e.origin);
});`

func (p *livePlatform) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	payload, _ := json.Marshal(claimSet(q.Get("nonce"), p.tool.PublicURL+"/", p.now()))
	h, _ := json.Marshal(goodHeader())
	token := signRaw(noTest{}, keyA(), h, payload)
	_ = autoPost.Execute(w, map[string]string{"To": q.Get("redirect_uri"), "Token": token, "State": q.Get("state")})
}

var autoPost = template.Must(template.New("").Parse(`<!doctype html><body onload="document.forms[0].submit()">
<form method="post" action="{{.To}}"><input name="id_token" value="{{.Token}}"><input name="state" value="{{.State}}"></form>`))

// servePage is the institution's page around the tool.
func (p *livePlatform) servePage(w http.ResponseWriter, r *http.Request, mode string) {
	switch r.URL.Path {
	case "/authorize":
		p.authorize(w, r)
		return
	case "/left":
		p.left <- r.URL.Query().Get("value")
		return
	case "/outcome":
		p.outcome <- r.URL.Query().Get("value")
		return
	}
	_ = institutionPage.Execute(w, map[string]any{
		"Mode": mode, "Tool": p.tool.PublicURL, "Issuer": testIssuer, "Client": testClient,
		"SSO": p.ssoURL(), "Storage": template.JS(storageScript),
		"Frame":  map[bool]string{true: "_parent", false: frame}[mode == "_parent"],
		"Framed": mode != "parent" && mode != "_parent",
	})
}

// In mode impostor the frame of that name is the institution's own page, not the
// sign-on host's. In mode planted our own storage is emptied between the two
// steps, as in a browser that never began the login.
var institutionPage = template.Must(template.New("").Parse(`<!doctype html><title>Canvas</title><body>
{{if .Framed}}<iframe name="post_message_forwarding" src="{{if ne .Mode "impostor"}}{{.SSO}}{{end}}/storage?mode={{.Mode}}"></iframe>{{end}}
<iframe name="tool"></iframe>
<form method="post" action="{{.Tool}}/lti/login" target="tool">
<input name="iss" value="{{.Issuer}}"><input name="client_id" value="{{.Client}}"><input name="login_hint" value="h">
<input name="target_link_uri" value="{{.Tool}}/"><input name="lti_storage_target" value="{{.Frame}}"></form>
<script>
const mode = {{.Mode}};
if (!{{.Framed}}) { {{.Storage}} }
addEventListener("message", (e) => {
  const [what, value] = String(e.data).split(":");
  if (what === "left" || what === "outcome") fetch("/" + what + "?value=" + value);
});
addEventListener("load", () => document.forms[0].submit());
</script>`))

// noTest lets the platform's server sign outside of a test's goroutine.
type noTest struct{ testing.TB }

func (noTest) Helper()           {}
func (noTest) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
