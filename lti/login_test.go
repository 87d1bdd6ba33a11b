package lti

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestLoginSendsTheBrowserToTheRegisteredEndpoint(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.reg.AuthURL += "?fixed=1"
			b.store.put(b.reg)
			br := b.browser(t)
			req, _ := http.NewRequest(http.MethodGet, b.server.URL+"/lti/login?"+br.loginParams().Encode(), nil)
			var r reply
			if method == http.MethodGet {
				r = br.do(req)
			} else {
				r = br.post("/lti/login", br.loginParams())
			}
			if r.status != http.StatusSeeOther {
				t.Fatalf("status %d: %s", r.status, r.body)
			}
			u, err := url.Parse(r.header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			if got := u.Scheme + "://" + u.Host + u.Path; got != "https://sso.canvas.example.edu/api/lti/authorize_redirect" {
				t.Errorf("sent to %s", got)
			}
			for name, want := range map[string]string{
				"scope": "openid", "response_type": "id_token", "response_mode": "form_post", "prompt": "none",
				"client_id": testClient, "redirect_uri": b.server.URL + "/lti/launch", "fixed": "1",
				"login_hint": "535fa085f22b4655f48cd5a36a9215f64c062838", "lti_message_hint": "eyJ.hint.x",
			} {
				if q.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, q.Get(name), want)
				}
			}
			// An ordinary state takes no more of the platform's addresses than this.
			if n := len(q.Get("state")); n < 200 || n > 400 || !strictBase64(q.Get("state")) || len(q.Get("nonce")) != 43 {
				t.Errorf("state %q, nonce %q", q.Get("state"), q.Get("nonce"))
			}
			cookie := r.header.Get("Set-Cookie")
			for _, want := range []string{"__Host-lti_", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=None", "; Partitioned", "; Max-Age=600"} {
				if !strings.Contains(cookie, want) {
					t.Errorf("cookie %q lacks %q", cookie, want)
				}
			}
			if strings.Contains(cookie, "Domain") || strings.Contains(cookie, q.Get("state")) {
				t.Errorf("cookie %q", cookie)
			}
			opened, err := b.tool.StateKeys.open(q.Get("state"), b.tool.launchURL())
			if err != nil || opened.NonceHash != nonceHash(q.Get("nonce")) || !opened.CreatedAt.Equal(b.now()) {
				t.Errorf("the state is %+v, %v", opened, err)
			}
			sealed, _ := base64.RawURLEncoding.DecodeString(q.Get("state"))
			for _, open := range []string{opened.BinderHash, opened.RegistrationID, opened.DeploymentID, opened.TargetLinkURI} {
				if open == "" || bytes.Contains(sealed, []byte(open)) || strings.Contains(cookie, open) {
					t.Errorf("%q can be read by everybody", open)
				}
			}
		})
	}
}

func TestLoginVariants(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tests := map[string]func(url.Values){
		"the specification's deployment name": func(p url.Values) { p.Set("lti_deployment_id", testDeployment); p.Del("deployment_id") },
		"both names of the deployment":        func(p url.Values) { p.Set("lti_deployment_id", testDeployment) },
		"no deployment":                       func(p url.Values) { p.Del("deployment_id") },
		"no client id":                        func(p url.Values) { p.Del("client_id") },
		"no message hint":                     func(p url.Values) { p.Del("lti_message_hint") },
		"unknown parameters":                  func(p url.Values) { p.Set("utf8", "✓") },
		"an admitted deep page":               func(p url.Values) { p.Set("target_link_uri", b.server.URL+"/go/REQ-0142?from=mail") },
		"the tool itself, without a slash":    func(p url.Values) { p.Set("target_link_uri", b.server.URL) },
		"an unusable frame name": func(p url.Values) {
			p.Set("lti_storage_target", "a'];alert(1)//")
		},
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			br := b.browser(t)
			params := br.loginParams()
			edit(params)
			r := br.post("/lti/login", params)
			if r.status != http.StatusSeeOther {
				t.Fatalf("status %d: %s", r.status, r.body)
			}
			u, _ := url.Parse(r.header.Get("Location"))
			login := began{query: u.Query(), target: params.Get("target_link_uri")}
			if l := br.launch(login, nil).launched(t); l.TargetLinkURI != login.target {
				t.Errorf("target is %q", l.TargetLinkURI)
			}
		})
	}
}

func TestLoginRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	put := func(name, value string) func(url.Values) { return func(p url.Values) { p.Set(name, value) } }
	tests := map[string]struct {
		edit func(url.Values)
		want Reason
	}{
		"no issuer":                         {func(p url.Values) { p.Del("iss") }, ReasonMissingField},
		"no login hint":                     {func(p url.Values) { p.Del("login_hint") }, ReasonMissingField},
		"no target":                         {func(p url.Values) { p.Del("target_link_uri") }, ReasonMissingField},
		"an unknown issuer":                 {put("iss", "https://evil.example"), ReasonRegistration},
		"an issuer with a slash":            {put("iss", testIssuer+"/"), ReasonRegistration},
		"an unknown client":                 {put("client_id", "1"), ReasonRegistration},
		"an unknown deployment":             {put("deployment_id", "8:unknown"), ReasonDeployment},
		"two different deployments":         {put("lti_deployment_id", "9:other"), ReasonBadField},
		"a field twice":                     {func(p url.Values) { p.Add("iss", testIssuer) }, ReasonDuplicateField},
		"an unknown field twice":            {func(p url.Values) { p["x"] = []string{"1", "2"} }, ReasonDuplicateField},
		"a line break in a field":           {put("login_hint", "a\r\nSet-Cookie: x=1"), ReasonBadField},
		"a field that is not UTF-8":         {put("login_hint", "\xff"), ReasonBadField},
		"a login hint of 3 kB":              {put("login_hint", strings.Repeat("a", 3000)), ReasonBadField},
		"a message hint of 20 kB":           {put("lti_message_hint", strings.Repeat("a", 20000)), ReasonBadField},
		"a request of 100 kB":               {put("x", strings.Repeat("a", 100_000)), ReasonTooLarge},
		"a target on another host":          {put("target_link_uri", "https://evil.example/"), ReasonTarget},
		"a target on a host that begins so": {put("target_link_uri", b.server.URL+".evil.example/"), ReasonTarget},
		"a target with a user":              {put("target_link_uri", strings.Replace(b.server.URL, "https://", "https://x@", 1)+"/"), ReasonTarget},
		"a target of another scheme":        {put("target_link_uri", strings.Replace(b.server.URL, "https:", "http:", 1)+"/"), ReasonTarget},
		"a target that is a script":         {put("target_link_uri", "javascript:alert(1)"), ReasonTarget},
		"a target without a scheme":         {put("target_link_uri", "//evil.example/"), ReasonTarget},
		"a target that is only a path":      {put("target_link_uri", "/admin"), ReasonTarget},
		"a target that is not ours":         {put("target_link_uri", b.server.URL+"/metrics"), ReasonTarget},
		"a target with dot segments":        {put("target_link_uri", b.server.URL+"/go/../metrics"), ReasonTarget},
		"a target with encoded dots":        {put("target_link_uri", b.server.URL+"/go/%2e%2e/metrics"), ReasonTarget},
		"a target with an encoded slash":    {put("target_link_uri", b.server.URL+"/go/a%2fb"), ReasonTarget},
		"a target with a doubled slash":     {put("target_link_uri", b.server.URL+"//go/x"), ReasonTarget},
		"a target with a backslash":         {put("target_link_uri", b.server.URL+"/go/\\evil"), ReasonTarget},
		"a target with a fragment":          {put("target_link_uri", b.server.URL+"/go/x#y"), ReasonTarget},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			br := b.browser(t)
			params := br.loginParams()
			tt.edit(params)
			r := br.post("/lti/login", params)
			r.refused(t, tt.want)
			if r.header.Get("Location") != "" || r.header.Get("Set-Cookie") != "" {
				t.Errorf("a refusal redirects or sets a cookie: %v", r.header)
			}
		})
	}
	t.Run("a field in the body and in the URL", func(t *testing.T) {
		br := b.browser(t)
		br.post("/lti/login?iss="+url.QueryEscape(testIssuer), br.loginParams()).refused(t, ReasonDuplicateField)
	})
	t.Run("a PUT", func(t *testing.T) {
		req, _ := http.NewRequest(http.MethodPut, b.server.URL+"/lti/login", nil)
		r := b.browser(t).do(req)
		r.refused(t, ReasonMethod)
		if r.header.Get("Allow") != "GET, POST" {
			t.Errorf("Allow: %q", r.header.Get("Allow"))
		}
	})
	t.Run("a body that is not a form", func(t *testing.T) {
		br := b.browser(t)
		br.postRaw("/lti/login", `{"iss":"x"}`, "Content-Type", "application/json").refused(t, ReasonForm)
		br.postRaw("/lti/login", "iss=%zz").refused(t, ReasonForm)
		br.postRaw("/lti/login", "iss=a;b=c").refused(t, ReasonForm)
		br.postRaw("/lti/login", "x", "Content-Type", "").refused(t, ReasonForm)
	})
	t.Run("a URL of 70 kB", func(t *testing.T) {
		req, _ := http.NewRequest(http.MethodGet, b.server.URL+"/lti/login?x="+strings.Repeat("a", 70_000), nil)
		b.browser(t).do(req).refused(t, ReasonTooLarge)
	})
}

// TestALoginWritesNothing: however many logins nobody completes, and whatever a
// platform that nobody signed for posts back, no store is asked to keep a row;
// and whoever launches afterwards gets in.
func TestALoginWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	flood := b.noCookies(t)
	for i := range 300 {
		extra := []string{"target_link_uri", b.server.URL + "/go/x"}
		if i%2 == 0 {
			extra = append(extra, "lti_storage_target", frame)
		}
		l := flood.login(extra...)
		switch i % 3 {
		case 0:
			flood.post("/lti/launch", url.Values{"error": {"login_required"}, "state": {l.state()}}).refused(t, ReasonPlatformLogin)
		case 1:
			flood.launchToken(l, "a.b.c").refused(t, ReasonMalformed)
		}
	}
	if n := b.store.written(); n != 0 {
		t.Fatalf("%d writes for logins that nobody completed", n)
	}
	br := b.browser(t)
	br.launch(br.login(), nil).launched(t)
	if n := b.store.written(); n != 1 {
		t.Errorf("%d writes for a launch, want its nonce", n)
	}
}

func TestStoreFailures(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	login := br.login()
	b.store.fail = errors.New("database is away")
	br.post("/lti/login", br.loginParams()).refused(t, ReasonInternal)
	br.launch(login, nil).refused(t, ReasonInternal)
	br.post("/lti/launch", url.Values{"error": {"login_required"}, "state": {login.state()}}).refused(t, ReasonInternal)
	br.post("/lti/proof", url.Values{"held": {random()}}, "Sec-Fetch-Site", "same-origin").refused(t, ReasonInternal)
	b.store.fail = nil
	br.launch(login, nil).launched(t)
	if b.asked.Load() != 1 {
		t.Errorf("launched %d times", b.asked.Load())
	}
}

// deaf is a store that can be read, but keeps nothing.
type deaf struct{ *memory }

func (deaf) SpendNonce(context.Context, Nonce) error { return errors.New("disk full") }

// TestAFailedWriteLetsNobodyIn: without the row that makes a launch work once
// there is no launch, by cookie or by storage; and it may be tried again.
func TestAFailedWriteLetsNobodyIn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br, bare := b.browser(t), b.noCookies(t)
	login, stored := br.login(), bare.login("lti_storage_target", frame)
	b.tool.States = deaf{b.store}
	br.launch(login, nil).refused(t, ReasonInternal)
	bare.launch(stored, nil).refused(t, ReasonInternal)
	if b.asked.Load() != 0 || b.store.written() != 0 {
		t.Errorf("%d launches, %d writes", b.asked.Load(), b.store.written())
	}
	b.tool.States = b.store
	br.launch(login, nil).launched(t)
	bare.launch(stored, nil).proofPage(t)
}

func TestOldCookiesAreDropped(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	u, _ := url.Parse(b.server.URL)
	for range maxCookies {
		br.login()
	}
	if n := len(br.client.Jar.Cookies(u)); n != maxCookies {
		t.Fatalf("%d cookies", n)
	}
	last := br.login()
	if n := len(br.client.Jar.Cookies(u)); n != 1 {
		t.Fatalf("%d cookies, want the newest only", n)
	}
	br.launch(last, nil).launched(t)
	if n := len(br.client.Jar.Cookies(u)); n != 0 {
		t.Fatalf("%d cookies after the launch", n)
	}
}

func TestTargetWithoutAList(t *testing.T) {
	t.Parallel()
	tool := &Tool{PublicURL: "https://tool.example.edu/base"}
	for target, want := range map[string]string{
		"https://tool.example.edu/base/lti/launch":     "/lti/launch",
		"https://tool.example.edu/base/other":          "",
		"https://tool.example.edu/baseball/lti/launch": "",
		"https://tool.example.edu:443/base/lti/launch": "",
	} {
		path, ok := tool.targetPath(target)
		if ok != (want != "") || ok && path != want {
			t.Errorf("targetPath(%q) = %q, %t", target, path, ok)
		}
	}
	tool.Target = func(string) bool { return true }
	for target, want := range map[string]string{
		"https://TOOL.example.edu/base/":       "/",
		"https://tool.example.edu/base":        "/",
		"https://tool.example.edu:443/base/x":  "/x",
		"https://tool.example.edu/basement":    "",
		"https://tool.example.edu/":            "",
		"https://tool.example.edu/base/x/":     "",
		"https://tool.example.edu/base/%62":    "",
		"https://tool.example.edu/base/a%20b":  "/a b",
		"https://tool.example.edu:8443/base/x": "",
		"https:tool.example.edu/base/x":        "",
		"https://tool.example.edu/base/x?y#":   "",
		"https://tool.example.edu/base/\x7f":   "",
		"https://tool.example.edu@evil/base/x": "",
	} {
		path, ok := tool.targetPath(target)
		if ok != (want != "") || ok && path != want {
			t.Errorf("targetPath(%q) = %q, %t; want %q", target, path, ok, want)
		}
	}
}
