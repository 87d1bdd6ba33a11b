package launchtest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

// browser is one person's browser: Canvas on top, the tool in a frame of it.
type browser struct {
	*school
	jar *cookiejar.Jar
	// noCookies: whatever the tool's origin sets is thrown away.
	noCookies bool
	// own is the sessionStorage of the tool's origin; nil where it is blocked.
	own map[string]string
	// bucket is the platform's storage as this browser keeps it; nil where
	// Canvas announces storage and never answers.
	bucket  map[string]string
	replica int
}

// browser is a browser in which user is signed in to Canvas.
func (s *school) browser(user string) *browser {
	s.t.Helper()
	b := s.stranger()
	b.signIn(user)
	return b
}

// stranger is a browser in which nobody is signed in.
func (s *school) stranger() *browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{school: s, jar: jar, own: map[string]string{}, bucket: map[string]string{}}
}

func (b *browser) signIn(user string) {
	b.t.Helper()
	cookies, err := b.cv.SignIn(user)
	if err != nil {
		b.t.Fatal(err)
	}
	at, err := url.Parse(b.cv.InstitutionURL())
	if err != nil {
		b.t.Fatal(err)
	}
	b.jar.SetCookies(secured(at), cookies)
}

// secured is the address as far as cookies are concerned: browsers treat
// loopback as a secure place, the cookie jar does not.
func secured(u *url.URL) *url.URL {
	c := *u
	c.Scheme = "https"
	return &c
}

// send makes one request, with the cookies that a browser would send.
func (b *browser) send(req *http.Request) *page {
	b.t.Helper()
	client, ours := b.cv.Client(), strings.HasPrefix(req.URL.String(), b.url+"/")
	if ours {
		client = b.clients[b.replica]
	}
	if !ours || !b.noCookies {
		for _, c := range b.jar.Cookies(secured(req.URL)) {
			req.AddCookie(c)
		}
	}
	res, err := client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if !ours || !b.noCookies {
		b.jar.SetCookies(secured(req.URL), res.Cookies())
	}
	if ours {
		b.checkCookies(res)
	}
	return &page{t: b.t, path: req.Method + " " + req.URL.Path, status: res.StatusCode, header: res.Header, body: string(body)}
}

// checkCookies holds every cookie of the tool to what a frame needs.
func (b *browser) checkCookies(res *http.Response) {
	b.t.Helper()
	for _, set := range res.Header.Values("Set-Cookie") {
		name, _, _ := strings.Cut(set, "=")
		for _, want := range []string{"; Path=/", "; HttpOnly", "; Secure", "; SameSite=None", "; Partitioned"} {
			if !strings.HasPrefix(name, "__Host-") || !strings.Contains(set, want) || strings.Contains(set, "Domain") {
				b.t.Errorf("the cookie %s lacks %s", name, want)
			}
		}
	}
}

func (b *browser) request(method, address string, fields url.Values) *http.Request {
	b.t.Helper()
	var body io.Reader
	if fields != nil {
		body = strings.NewReader(fields.Encode())
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if fields != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

// visit gets a page of Canvas, following Canvas's redirects.
func (b *browser) visit(address string) *page {
	b.t.Helper()
	for range 5 {
		p := b.send(b.request(http.MethodGet, address, nil))
		to := p.header.Get("Location")
		if to == "" {
			return p
		}
		if strings.HasPrefix(to, "/") {
			to = b.cv.InstitutionURL() + to
		}
		address = to
	}
	b.t.Fatalf("%s redirects for ever", address)
	return nil
}

// fromCanvas posts a form that a page of Canvas sends to the tool.
func (b *browser) fromCanvas(action string, fields url.Values) *page {
	b.t.Helper()
	req := b.request(http.MethodPost, action, fields)
	req.Header.Set("Origin", b.cv.InstitutionURL())
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	return b.send(req)
}

// fromTool posts a form that a page of the tool sends.
func (b *browser) fromTool(action string, fields url.Values) *page {
	b.t.Helper()
	req := b.request(http.MethodPost, action, fields)
	req.Header.Set("Origin", b.url)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(req)
}

// get follows a link of a page of the tool, as its script does.
func (b *browser) get(on *page, path string) *page {
	b.t.Helper()
	req := b.request(http.MethodGet, b.url+path, nil)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set(session.Header, on.handle())
	return b.send(req)
}

// post sends a form of a page of the tool, whether that page has one or not.
func (b *browser) post(on *page, path string, fields url.Values) *page {
	b.t.Helper()
	all := url.Values{session.Field: {on.handle()}}
	if of := deciding.FindStringSubmatch(path); of != nil {
		all.Set("terms", b.termsOf(of[1]))
	}
	for k, v := range fields {
		all[k] = v
	}
	return b.fromTool(b.url+path, all)
}

// deciding are the forms that carry what their page showed.
var deciding = regexp.MustCompile(`^/requests/([\w-]+)/(?:endorse|decline|approve|deny)$`)

// termsOf is what the form of a request carries, also for who cannot open its
// page: it is not for want of these that a forged post is refused. Another
// school's request has them from there.
func (b *browser) termsOf(request string) string {
	b.t.Helper()
	ctx, st := context.Background(), b.apps[0].Store
	tenants := []access.TenantID{b.platform.Tenant}
	if err := st.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.Tenants()
		for _, t := range all {
			tenants = append(tenants, t.ID)
		}
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	for _, id := range tenants {
		if read, err := storetest.Terms(ctx, st, id, request); err != nil {
			b.t.Fatal(err)
		} else if read != "" {
			return read
		}
	}
	return ""
}

// launching is a launch under way.
type launching struct {
	*browser
	loginURL string
	login    url.Values     // what Canvas posts to begin
	next     string         // the authentication request
	stored   *lti.StorePage // nil where the login answered with a redirect
	action   string
	form     url.Values // what Canvas posts in the end
}

// begin opens the tool's page in Canvas.
func (b *browser) begin(place string) *launching {
	b.t.Helper()
	p := b.visit(b.cv.InstitutionURL() + place)
	if p.status != http.StatusOK {
		b.t.Fatalf("Canvas answers %d: %s", p.status, p.text())
	}
	l := &launching{browser: b}
	l.loginURL, l.login = p.form("tool_form")
	return l
}

// sendLogin posts the login and answers whatever came.
func (l *launching) sendLogin() *page {
	l.t.Helper()
	return l.took(l.fromCanvas(l.loginURL, l.login))
}

// took does what the answer to a login says.
func (l *launching) took(p *page) *page {
	l.t.Helper()
	l.next = p.header.Get("Location")
	if raw := p.data("lti-data"); raw != "" {
		l.stored = &lti.StorePage{}
		if err := json.Unmarshal([]byte(raw), l.stored); err != nil {
			l.t.Fatal(err)
		}
		l.next = l.stored.Next
		if l.own != nil {
			l.own[l.stored.Key] = l.stored.Own
		}
		if l.bucket != nil {
			l.bucket[l.stored.Key] = l.stored.Value
		}
	}
	return p
}

// logIn does what the login asks for, up to the authentication request.
func (l *launching) logIn() *launching {
	l.t.Helper()
	if p := l.sendLogin(); l.next == "" {
		l.t.Fatalf("the login answers %d: %s", p.status, p.text())
	}
	return l
}

// authorize lets Canvas answer the authentication request.
func (l *launching) authorize() *launching {
	l.t.Helper()
	p := l.visit(l.next)
	if p.status != http.StatusOK {
		l.t.Fatalf("Canvas answers %d: %s", p.status, p.text())
	}
	l.action, l.form = p.form("")
	return l
}

// deliver posts the launch, and no more.
func (l *launching) deliver() *page {
	l.t.Helper()
	return l.fromCanvas(l.action, l.form)
}

// proof is the data of a page that asks for the storage proof, or nil.
func (p *page) proof() *lti.ProofPage {
	p.t.Helper()
	var data lti.ProofPage
	if raw := p.data("lti-data"); raw == "" || json.Unmarshal([]byte(raw), &data) != nil || data.Step != "proof" {
		return nil
	}
	return &data
}

// proofForm is what the page's script posts in this browser.
func (b *browser) proofForm(d *lti.ProofPage) url.Values {
	form := url.Values{"held": {d.Held}, "value": {""}, "own": {""}, "outcome": {"timeout"}}
	if b.bucket != nil {
		form.Set("outcome", "ok")
		form.Set("value", b.bucket[d.Key])
		delete(b.bucket, d.Key)
	}
	if b.own != nil {
		own := b.own[d.Key]
		if own == "" {
			own = "-"
		}
		form.Set("own", own)
		delete(b.own, d.Key)
	}
	return form
}

// finish posts the launch and, where the tool asks for it, the proof.
func (l *launching) finish() *page {
	l.t.Helper()
	p := l.deliver()
	if d := p.proof(); d != nil {
		return l.fromTool(d.Post, l.proofForm(d))
	}
	return p
}

// open walks a whole launch.
func (b *browser) open(place string) *page {
	b.t.Helper()
	return b.begin(place).logIn().authorize().finish()
}

// state and nonce are the launch's, as the authentication request has them.
func (l *launching) state() string { return l.param("state") }
func (l *launching) nonce() string { return l.param("nonce") }

func (l *launching) param(name string) string {
	u, err := url.Parse(l.next)
	if err != nil {
		l.t.Fatal(err)
	}
	return u.Query().Get(name)
}
