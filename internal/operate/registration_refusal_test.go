package operate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/secret"
)

const (
	notRegistered = "Tokendesk was not registered"
	// What the page says of each refusal.
	saysDirect        = "works inside Canvas only"
	saysNoInvite      = "incomplete, or it was never made here"
	saysUsed          = "used already"
	saysExpired       = "too old"
	saysForeign       = "made for another Canvas"
	saysNotCanvas     = "does not answer as Canvas"
	saysConfiguration = "could not read what this Canvas says"
	saysRefused       = "Canvas refused the registration"
	saysUnclear       = "did not say clearly"
	saysUnsaved       = "could not be stored on our side"
	saysName          = "registered under the name"
)

// bad is a platform that answers what a test wants.
type bad struct {
	*httptest.Server
	config func(w http.ResponseWriter, r *http.Request)
	posted func(w http.ResponseWriter, r *http.Request)
	posts  atomic.Int32
}

const platformToken = "eyJhbGciOi.platform.token"

func newBad(t *testing.T) *bad {
	t.Helper()
	b := &bad{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, r *http.Request) { b.config(w, r) })
	mux.HandleFunc("POST /register", func(w http.ResponseWriter, r *http.Request) {
		b.posts.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		b.posted(w, r)
	})
	b.Server = httptest.NewServer(mux)
	t.Cleanup(b.Close)
	b.config = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, b.document()) }
	b.posted = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"client_id": "77", "deployment_id": "1:x", "scope": ""})
	}
	return b
}

// document is a configuration that is good.
func (b *bad) document() map[string]any {
	return map[string]any{
		"issuer": "https://canvas.instructure.com", "authorization_endpoint": b.URL + "/auth", "token_endpoint": b.URL + "/token", "jwks_uri": b.URL + "/keys",
		"registration_endpoint": b.URL + "/register", "scopes_supported": []string{}, "response_types_supported": []string{"id_token"},
		"token_endpoint_auth_methods_supported": []string{"private_key_jwt"}, "token_endpoint_auth_signing_alg_values_supported": []string{"RS256"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		platformMember: map[string]any{
			"product_family_code": "canvas", "version": "vCloud", canvasPrefix + "account_name": "Bad", canvasPrefix + "account_lti_guid": "guid",
			canvasPrefix + "account_domain": strings.TrimPrefix(b.URL, "http://"),
		},
	}
}

const (
	platformMember = "https://purl.imsglobal.org/spec/lti-platform-configuration"
	canvasPrefix   = "https://canvas.instructure.com/lti/"
)

// visit opens a link as Canvas does, with a configuration's address.
func visit(link, config, token string) string {
	return link + "&" + url.Values{"openid_configuration": {config}, "registration_token": {token}}.Encode()
}

func (b *bad) visit(link string) string {
	return visit(link, b.URL+"/config?registration_token="+platformToken, platformToken)
}

// to makes an invite for other addresses than the stand-in's.
func to(name string, urls ...string) func(*operate.InviteSpec) {
	return func(i *operate.InviteSpec) { i.Name, i.CanvasURLs = name, urls }
}

// TestLinksThatDoNotWork are refused before anybody is asked anything.
func TestLinksThatDoNotWork(t *testing.T) {
	schools(t, 1, func(s *school) {
		link := s.invite()
		open, _ := s.begin(link)
		code := query(s.t, link, "invite")
		base := s.urls[0] + "/lti/register"
		rest := strings.TrimPrefix(open, link)
		expired := s.invite(to("Short", s.cv.InstitutionURL()), func(i *operate.InviteSpec) { i.Valid = time.Minute })
		expiredOpen, _ := s.begin(expired)
		s.clock.Advance(time.Minute)
		elsewhere, _ := url.Parse(s.cv.InstitutionURL())
		for name, tt := range map[string]struct {
			address string
			status  int
			says    string
		}{
			"no invite":                      {base, http.StatusNotFound, saysNoInvite},
			"no invite, from Canvas":         {base + "?" + rest[1:], http.StatusNotFound, saysNoInvite},
			"an invite that was never made":  {strings.Replace(open, code, strings.Repeat("A", 26), 1), http.StatusNotFound, saysNoInvite},
			"half an invite":                 {strings.Replace(open, code, code[:20], 1), http.StatusNotFound, saysNoInvite},
			"an invite in small letters":     {strings.Replace(open, code, strings.ToLower(code), 1), http.StatusNotFound, saysNoInvite},
			"an expired invite":              {expiredOpen, http.StatusGone, saysExpired},
			"opened by hand":                 {link, http.StatusBadRequest, saysDirect},
			"no token":                       {link + "&openid_configuration=" + url.QueryEscape(s.cv.InstitutionURL()), http.StatusBadRequest, saysDirect},
			"no configuration":               {link + "&registration_token=x", http.StatusBadRequest, saysDirect},
			"two invites":                    {open + "&invite=" + code, http.StatusBadRequest, saysDirect},
			"two configurations":             {open + "&openid_configuration=x", http.StatusBadRequest, saysDirect},
			"two tokens":                     {open + "&registration_token=x", http.StatusBadRequest, saysDirect},
			"a query that cannot be read":    {open + "&a=%zz", http.StatusBadRequest, saysDirect},
			"another host":                   {visit(link, "https://evil.example/config", "x"), http.StatusForbidden, saysForeign},
			"hosted Canvas of other schools": {visit(link, "https://canvas.instructure.com/api/lti/security/openid-configuration", "x"), http.StatusForbidden, saysForeign},
			"another port":                   {visit(link, "http://"+elsewhere.Hostname()+":1/config", "x"), http.StatusForbidden, saysForeign},
			"another scheme":                 {visit(link, "https://"+elsewhere.Host+"/config", "x"), http.StatusForbidden, saysForeign},
			"a host in the user's place":     {visit(link, "http://"+elsewhere.Host+"@evil.example/config", "x"), http.StatusForbidden, saysForeign},
			"a user before the host":         {visit(link, "http://a:b@"+elsewhere.Host+"/config", "x"), http.StatusForbidden, saysForeign},
			"a file":                         {visit(link, "file:///etc/passwd", "x"), http.StatusForbidden, saysForeign},
			"no URL":                         {visit(link, "::", "x"), http.StatusForbidden, saysForeign},
			"a fragment":                     {visit(link, s.cv.InstitutionURL()+"/config#x", "x"), http.StatusBadGateway, saysConfiguration},
			"a token with a line break":      {visit(link, s.cv.InstitutionURL()+"/config", "x\r\nHost: evil"), http.StatusBadGateway, saysConfiguration},
			"a token that is Canvas's not":   {visit(link, s.cv.InstitutionURL()+"/api/lti/security/openid-configuration", "x"), http.StatusBadGateway, saysConfiguration},
		} {
			p := s.get(tt.address)
			if p.status != tt.status || p.h1 != notRegistered || !strings.Contains(p.text, tt.says) || !strings.Contains(p.text, "Reference ") {
				s.t.Errorf("%s: status %d, %s", name, p.status, p.text)
			}
			if csp := p.header.Get("Content-Security-Policy"); strings.ContainsAny(csp, "*\r\n") || strings.Contains(csp, "http:;") {
				s.t.Errorf("%s: policy %q", name, csp)
			}
		}
		if n := s.cv.Count(http.MethodPost, registrationRoute); n != 0 || len(s.platforms()) != 0 {
			s.t.Errorf("Canvas was asked %d times, %d platforms", n, len(s.platforms()))
		}
		// After all that the invite still works.
		s.want(s.get(open), http.StatusOK, "Tokendesk is registered")
		s.secretFree(code, query(s.t, open, "registration_token"))
	})
}

// TestFramesOfRefusals: the Canvas that opened a link can show why it does not
// work, and nobody else.
func TestFramesOfRefusals(t *testing.T) {
	s := sqliteSchool(t)
	link := s.invite(to("North", "https://north.test", "https://canvas.north.test"))
	unknown := s.urls[0] + "/lti/register?invite=x"
	for name, tt := range map[string]struct{ address, around string }{
		"an invite's own":         {link, "https://north.test https://canvas.north.test"},
		"an invite's, whoever it": {visit(link, "https://evil.example/config", "x"), "https://north.test https://canvas.north.test"},
		"no invite":               {visit(unknown, "https://some.test/config", "x"), "https://some.test"},
		"no invite, no https":     {visit(unknown, "http://some.test/config", "x"), "'none'"},
		"no invite, a trick":      {visit(unknown, "https://*.test/config", "x"), "'none'"},
		"no invite, more of it":   {visit(unknown, "https://some.test; script-src *", "x"), "'none'"},
		"no invite, no Canvas":    {unknown, "'none'"},
	} {
		csp := s.get(tt.address).header.Get("Content-Security-Policy")
		if _, around, _ := strings.Cut(csp, "frame-ancestors "); around != tt.around {
			t.Errorf("%s: framed by %q, want %q", name, around, tt.around)
		}
	}
}

// TestConfigurationsThatCannotBeUsed leave the invite as it was.
func TestConfigurationsThatCannotBeUsed(t *testing.T) {
	s := sqliteSchool(t)
	b := newBad(t)
	var strays atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strays.Add(1) }))
	t.Cleanup(other.Close)
	link := s.invite(to("Bad", b.URL))
	good := b.config
	change := func(edit func(d, platform map[string]any)) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			d := b.document()
			p, _ := d[platformMember].(map[string]any)
			edit(d, p)
			writeJSON(w, d)
		}
	}
	set := func(name string, v any) func(http.ResponseWriter, *http.Request) {
		return change(func(d, _ map[string]any) { d[name] = v })
	}
	of := func(name string, v any) func(http.ResponseWriter, *http.Request) {
		return change(func(_, p map[string]any) { p[name] = v })
	}
	says := func(body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	redirect := func(to string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	for name, tt := range map[string]struct {
		config func(http.ResponseWriter, *http.Request)
		says   string
	}{
		"a redirect to another host":             {redirect(other.URL + "/config"), saysConfiguration},
		"a redirect to the metadata service":     {redirect("http://169.254.169.254/latest/meta-data"), saysConfiguration},
		"a redirect to itself":                   {redirect("/elsewhere"), saysConfiguration},
		"an error":                               {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }, saysConfiguration},
		"more than is read":                      {says(`{"issuer":"` + strings.Repeat("x", 2<<20) + `"}`), saysConfiguration},
		"a page":                                 {says("<html>"), saysConfiguration},
		"half of JSON":                           {says(`{"issuer":`), saysConfiguration},
		"a list":                                 {says(`[]`), saysConfiguration},
		"nothing":                                {says(""), saysConfiguration},
		"JSON that is deep":                      {says(strings.Repeat("[", 100_000)), saysConfiguration},
		"an issuer elsewhere":                    {set("issuer", "https://evil.example"), saysConfiguration},
		"an issuer of another type":              {set("issuer", 7), saysConfiguration},
		"an authentication endpoint elsewhere":   {set("authorization_endpoint", "https://evil.example/auth"), saysConfiguration},
		"a key set elsewhere":                    {set("jwks_uri", "https://evil.example/keys"), saysConfiguration},
		"a key set at a private address":         {set("jwks_uri", "https://10.0.0.1/keys"), saysConfiguration},
		"a token endpoint elsewhere":             {set("token_endpoint", "https://evil.example/token"), saysConfiguration},
		"a registration endpoint elsewhere":      {set("registration_endpoint", "https://evil.example/register"), saysConfiguration},
		"a registration endpoint at hosted":      {set("registration_endpoint", "https://canvas.instructure.com/register"), saysForeign},
		"a registration endpoint on a near port": {set("registration_endpoint", other.URL+"/register"), saysForeign},
		"no registration endpoint":               {set("registration_endpoint", nil), saysConfiguration},
		"another signature":                      {set("id_token_signing_alg_values_supported", []string{"HS256"}), saysConfiguration},
		"no platform":                            {set(platformMember, nil), saysConfiguration},
		"another product":                        {of("product_family_code", "moodle"), saysNotCanvas},
		"another account":                        {of(canvasPrefix+"account_domain", "evil.instructure.com"), saysForeign},
		"a guid that is none":                    {of(canvasPrefix+"account_lti_guid", "a\x00b"), saysForeign},
		"a guid that is endless":                 {of(canvasPrefix+"account_lti_guid", strings.Repeat("x", 300)), saysForeign},
	} {
		b.config = tt.config
		if p := s.get(b.visit(link)); p.h1 != notRegistered || p.status < 400 || !strings.Contains(p.text, tt.says) {
			t.Errorf("%s: status %d, %s", name, p.status, p.text)
		}
	}
	if b.posts.Load() != 0 || strays.Load() != 0 || len(s.platforms()) != 0 {
		t.Errorf("%d registrations, %d requests elsewhere, %d platforms", b.posts.Load(), strays.Load(), len(s.platforms()))
	}
	b.config = good
	s.want(s.get(b.visit(link)), http.StatusOK, "Tokendesk is registered")
	s.secretFree(platformToken, query(t, link, "invite"))
}

// TestPrivateAddresses are never reached by a registration: not by their
// number, not because a registration by hand may reach them.
func TestPrivateAddresses(t *testing.T) {
	s := sqliteSchool(t)
	for i, address := range []string{"https://10.1.2.3", "https://192.168.1.1", "https://169.254.169.254", "https://[fd00::1]", "https://0.0.0.0", "https://[::ffff:10.1.2.3]"} {
		by := spec(s.cv)
		by.Name, by.AllowPrivate, by.CanvasURLs, by.ClientID = fmt.Sprint("Private ", i), true, []string{address}, fmt.Sprint(i)
		if _, err := s.replicas[0].Operate.AddPlatform(t.Context(), by); err != nil {
			t.Fatal(err)
		}
		p := s.get(visit(s.invite(to(fmt.Sprint("North ", i), address)), address+"/config", "x"))
		s.want(p, http.StatusBadGateway, notRegistered, saysConfiguration)
		if n := strings.Count(s.logs.String(), "not on the public internet"); n != i+1 {
			t.Errorf("%s was tried (%d refusals):\n%s", address, n, s.logs)
		}
	}
	// Loopback is only for an invite that names nothing else.
	b := newBad(t)
	link := s.invite(to("Mixed", "https://north.test", b.URL))
	b.config = func(w http.ResponseWriter, _ *http.Request) {
		d := b.document()
		d["issuer"] = "https://canvas.standin.test"
		writeJSON(w, d)
	}
	s.want(s.get(b.visit(link)), http.StatusBadGateway, notRegistered, saysConfiguration)
}

// TestRegistrationsThatEndOtherwise: what the invite is worth after Canvas
// answered something else than a registration.
func TestRegistrationsThatEndOtherwise(t *testing.T) {
	status := func(code int) func(*bad) {
		return func(b *bad) {
			b.posted = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no: "+platformToken, code) }
		}
	}
	answer := func(body string) func(*bad) {
		return func(b *bad) {
			b.posted = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
		}
	}
	for name, tt := range map[string]struct {
		prepare func(*bad)
		says    string
		again   bool // the invite still works
	}{
		"422":                {status(http.StatusUnprocessableEntity), saysRefused, true},
		"401":                {status(http.StatusUnauthorized), saysRefused, true},
		"throttled":          {status(http.StatusTooManyRequests), saysRefused, true},
		"a fault of Canvas":  {status(http.StatusInternalServerError), saysUnclear, false},
		"a gateway's":        {status(http.StatusGatewayTimeout), saysUnclear, false},
		"a redirect":         {status(http.StatusFound), saysUnclear, false},
		"too late":           {status(http.StatusRequestTimeout), saysUnclear, false},
		"a page":             {answer("<html>"), saysUnclear, false},
		"no client id":       {answer(`{"deployment_id":"1:x"}`), saysUnclear, false},
		"an odd client id":   {answer(`{"client_id":"ü"}`), saysUnclear, false},
		"an endless answer":  {answer(`{"client_id":"7","x":"` + strings.Repeat("x", 2<<20) + `"}`), saysUnclear, false},
		"a deployment taken": {answer(`{"client_id":"10000000000002","deployment_id":"7788:abc"}`), saysUnsaved, false},
		"the line is cut": {func(b *bad) {
			b.posted = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		}, saysUnclear, false},
		"the answer is cut": {func(b *bad) {
			b.posted = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, `{"client_id"`)
			}
		}, saysUnclear, false},
		"nobody is there any more": {func(b *bad) {
			b.Config.SetKeepAlivesEnabled(false)
			good := b.config
			b.config = func(w http.ResponseWriter, r *http.Request) {
				_ = b.Listener.Close() // who is connected is answered, and nobody else
				good(w, r)
			}
		}, saysConfiguration, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sqliteSchool(t)
			b := newBad(t)
			by := spec(s.cv)
			by.Issuer = "https://canvas.instructure.com"
			if _, err := s.replicas[0].Operate.AddPlatform(t.Context(), by); err != nil {
				t.Fatal(err)
			}
			link := s.invite(to("Bad", b.URL))
			tt.prepare(b)
			p := s.get(b.visit(link))
			if p.h1 != notRegistered || p.status < 400 || !strings.Contains(p.text, tt.says) {
				t.Fatalf("status %d, %s", p.status, p.text)
			}
			if n := len(s.platforms()); n != 1 {
				t.Errorf("%d platforms", n)
			}
			after := newBad(t)
			p = s.get(visit(link, after.URL+"/config", platformToken)) // any answer but "used" says that it still works
			if used := strings.Contains(p.text, saysUsed); used == tt.again {
				t.Errorf("the next visit says: %s", p.text)
			}
			if tt.again && b.posts.Load() > 0 {
				b.posted = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{"client_id": "78"}) }
				s.want(s.get(b.visit(link)), http.StatusOK, "Tokendesk is registered")
			}
			s.secretFree(platformToken, query(t, link, "invite"))
		})
	}
}

// A line cut by the real stand-in after it has registered the tool: the invite
// is gone, and Canvas has a key that its admin deletes.
func TestCutAfterRegistration(t *testing.T) {
	schools(t, 1, func(s *school) {
		open, id := s.begin(s.invite())
		s.cv.Fail(canvastest.Fault{Method: http.MethodPost, Route: registrationRoute, DropAfter: true})
		s.want(s.get(open), http.StatusBadGateway, notRegistered, saysUnclear, "delete it")
		if _, ok := s.cv.Registration(id); !ok {
			s.t.Fatal("the stand-in did not register")
		}
		s.want(s.get(open), http.StatusGone, notRegistered, saysUsed)
		if len(s.platforms()) != 0 {
			s.t.Error("a platform was made")
		}
		// A new link for the same name works.
		s.registered(nil)
	})
}

// A name that was given away after the invite was made.
func TestNameTakenMeanwhile(t *testing.T) {
	schools(t, 1, func(s *school) {
		open, id := s.begin(s.invite())
		by := spec(s.cv)
		by.Credential = operate.Credential{Token: secret.New("x")}
		if _, err := s.replicas[0].Operate.AddPlatform(s.t.Context(), by); err != nil {
			s.t.Fatal(err)
		}
		s.want(s.get(open), http.StatusConflict, notRegistered, saysName)
		if _, ok := s.cv.Registration(id); ok {
			s.t.Error("it was registered all the same")
		}
	})
}
