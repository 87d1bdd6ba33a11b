package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/lti/loopback"
)

// browser follows a launch as a real browser does: it keeps cookies,
// submits the forms that a page submits by itself, and remembers the session
// handle of the tool's page, as a real browser's frame does. Everything goes to
// loopback addresses.
type browser struct {
	client  *http.Client
	cookies map[string]map[string]string // origin → name → value
	page    page
	handle  string // of the tool's session
}

// page is what a browser shows.
type page struct {
	url    *url.URL
	status int
	body   string
}

const (
	maxPage  = 4 << 20
	maxSteps = 12 // redirects and forms between a link and the tool's first page
)

func newBrowser() *browser {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &browser{
		cookies: map[string]map[string]string{},
		client: &http.Client{
			Timeout: 2 * time.Minute, // both ends are here: on a machine that is busy otherwise a page takes its time
			Transport: &http.Transport{
				// As browsers do, *.localhost is this machine without a look-up (RFC 6761).
				DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
					host, port, err := net.SplitHostPort(addr)
					if err != nil {
						return nil, err
					}
					if loopback.Name(host) {
						addr = net.JoinHostPort("127.0.0.1", port)
					}
					return dialer.DialContext(ctx, network, addr)
				},
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (b *browser) close() { b.client.CloseIdleConnections() }

// setCookies puts cookies there as a sign-in would.
func (b *browser) setCookies(origin string, cookies []*http.Cookie) {
	if b.cookies[origin] == nil {
		b.cookies[origin] = map[string]string{}
	}
	for _, c := range cookies {
		if c.MaxAge < 0 {
			delete(b.cookies[origin], c.Name)
		} else {
			b.cookies[origin][c.Name] = c.Value
		}
	}
}

// open follows a link to a page of Canvas that launches the tool, and every
// redirect and self-submitting form after it, until the tool's first page.
func (b *browser) open(ctx context.Context, address string) error {
	b.handle = ""
	if err := b.send(ctx, http.MethodGet, address, nil); err != nil {
		return err
	}
	for range maxSteps {
		if b.handle = sessionHandle(b.page.body); b.handle != "" {
			return nil
		}
		if next := nextOf(b.page); next != "" {
			if err := b.send(ctx, http.MethodGet, next, nil); err != nil {
				return err
			}
			continue
		}
		action, fields, ok := selfSubmitted(b.page)
		if !ok {
			return fmt.Errorf("%s answered %d and leads nowhere", b.page.url.Redacted(), b.page.status)
		}
		if err := b.send(ctx, http.MethodPost, action, fields); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s does not lead to a page of the tool in %d steps", address, maxSteps)
}

// send makes one request and follows redirects, which are all GET here.
func (b *browser) send(ctx context.Context, method, address string, form url.Values) error {
	for range maxSteps {
		to, err := url.Parse(address)
		if err != nil {
			return err
		}
		origin := to.Scheme + "://" + to.Host
		var body io.Reader
		if method == http.MethodPost {
			body = strings.NewReader(form.Encode())
		}
		req, err := http.NewRequestWithContext(ctx, method, address, body)
		if err != nil {
			return err
		}
		if method == http.MethodPost {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			from := origin
			if b.page.url != nil {
				from = b.page.url.Scheme + "://" + b.page.url.Host
			}
			req.Header.Set("Origin", from)
		}
		for name, value := range b.cookies[origin] {
			req.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		resp, err := b.client.Do(req)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
		if closeErr := resp.Body.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
		b.setCookies(origin, resp.Cookies())
		b.page = page{url: to, status: resp.StatusCode, body: string(text)}
		if resp.StatusCode < 300 || resp.StatusCode > 399 {
			return nil
		}
		next, err := to.Parse(resp.Header.Get("Location"))
		if err != nil {
			return err
		}
		method, form, address = http.MethodGet, nil, next.String()
	}
	return errors.New("too many redirects")
}

var (
	launchData = regexp.MustCompile(`(?s)<script type="application/json" id="lti-data">(.*?)</script>`)
	formTag    = regexp.MustCompile(`(?is)<form\b([^>]*)>(.*?)</form>`)
	metaTag    = regexp.MustCompile(`(?is)<meta\b([^>]*)>`)
	inputTag   = regexp.MustCompile(`(?is)<input\b([^>]*)>`)
	attr       = regexp.MustCompile(`(?s)([a-zA-Z_:-]+)\s*=\s*"([^"]*)"`)
)

func attributes(tag string) map[string]string {
	found := map[string]string{}
	for _, m := range attr.FindAllStringSubmatch(tag, -1) {
		found[strings.ToLower(m[1])] = html.UnescapeString(m[2])
	}
	return found
}

// selfSubmitted finds the form of a launch: one that carries a login request
// or the platform's answer.
func selfSubmitted(p page) (action string, fields url.Values, ok bool) {
	for _, m := range formTag.FindAllStringSubmatch(p.body, -1) {
		fields = inputs(m[2])
		if !fields.Has("login_hint") && !fields.Has("id_token") {
			continue
		}
		to, err := p.url.Parse(attributes(m[1])["action"])
		if err != nil {
			return "", nil, false
		}
		return to.String(), fields, true
	}
	return "", nil, false
}

// nextOf is where the page goes on that keeps what binds the launch to this
// browser in the platform's storage. This browser keeps cookies, which do as well.
func nextOf(p page) string {
	m := launchData.FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	var data struct {
		Next string `json:"next"`
	}
	if json.Unmarshal([]byte(m[1]), &data) != nil || data.Next == "" {
		return ""
	}
	to, err := p.url.Parse(data.Next)
	if err != nil {
		return ""
	}
	return to.String()
}

func inputs(part string) url.Values {
	fields := url.Values{}
	for _, m := range inputTag.FindAllStringSubmatch(part, -1) {
		a := attributes(m[1])
		if a["name"] != "" {
			fields.Add(a["name"], a["value"])
		}
	}
	return fields
}

// sessionHandle reads the handle of a page of the tool, or "".
func sessionHandle(body string) string {
	for _, m := range metaTag.FindAllStringSubmatch(body, -1) {
		if a := attributes(m[1]); a["name"] == "tool-session" {
			return a["content"]
		}
	}
	return ""
}
