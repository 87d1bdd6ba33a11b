// Package canvas is a client of the Canvas REST calls that the tool needs:
// access tokens, users, enrolments, courses, accounts, permissions and
// conversations.
//
// It is careful in three ways. A list is complete or an error. A write whose
// outcome is unknown is an error of kind Unclear and never tried again here:
// Canvas has no idempotency keys. And nothing secret (credential, token value,
// whole answers) is in any error or log line.
package canvas

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/lti/loopback"
)

const (
	defaultTimeout   = 15 * time.Second
	defaultUserAgent = "Tokendesk"

	bodyMax  = 8 << 20  // bytes of an answer that we read
	errorMax = 64 << 10 // bytes of an error answer that we read

	// Canvas's bucket drains 10 units a second and holds 600 to 800, and it
	// names no time to wait (request_throttle.rb): waits double from half a
	// second, and a read gives up after five tries.
	readTries   = 5
	backoffBase = 500 * time.Millisecond
	backoffMax  = 8 * time.Second
)

// Config is what a Client needs. BaseURL and Credential are required.
type Config struct {
	// BaseURL is the origin of the Canvas that is called, without a path:
	// https://canvas.example.edu. Plain http is accepted for loopback hosts
	// only, since every call carries the credential.
	BaseURL string
	// Credential returns the token to send. It is asked before every call, so
	// that a refreshed token is used at once. An *Error that it returns is
	// passed on as it is.
	Credential func(ctx context.Context) (secret.Text, error)
	// Refused, when set, is told that Canvas answered 401 to this credential, so
	// that one which has ended is not used on. It is not told of denials.
	Refused func(ctx context.Context, credential secret.Text)
	// HTTP makes the calls; nil means a client with Go's default transport.
	// Redirects and cookies of this client are not used.
	HTTP *http.Client
	// UserAgent is sent on every call; Canvas refuses calls without one. Empty
	// means "Tokendesk".
	UserAgent string
	// Clean makes a text that people wrote in Canvas fit to be shown to others:
	// one line, without what would turn it around. Every text of an answer goes
	// through it; nil leaves them as they are.
	Clean func(s string) string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Sleep waits between the tries of a throttled call and where Pace waits. It
	// returns false at once when ctx ends sooner; nil waits in real time.
	Sleep func(ctx context.Context, d time.Duration) bool
	// Timeout bounds each call, waits between tries excluded; 0 means 15 s.
	Timeout time.Duration
	// Log gets one debug line per call, without ids or bodies; nil means none.
	Log *slog.Logger
	// Observer is told of each call that was sent; nil means nobody.
	Observer Observer
}

// Client calls one Canvas. It is safe for concurrent use.
type Client struct {
	cfg  Config
	base *url.URL
	http *http.Client
	err  error // a Config that cannot work; every call returns it

	rate       rate
	era        eraCache
	reportIdle time.Duration
}

// New returns a Client. A Config that cannot work (a BaseURL that is not an
// origin, no Credential) makes every call fail with kind Invalid.
func New(cfg Config) *Client {
	c := &Client{cfg: cfg, reportIdle: reportIdle}
	c.base, c.err = origin(cfg.BaseURL)
	if c.err == nil && cfg.Credential == nil {
		c.err = errors.New("no credential is configured")
	}
	if cfg.UserAgent == "" {
		c.cfg.UserAgent = defaultUserAgent
	}
	if cfg.Now == nil {
		c.cfg.Now = time.Now
	}
	if cfg.Sleep == nil {
		c.cfg.Sleep = pause
	}
	c.rate.now, c.rate.total.Remaining = c.cfg.Now, rateMark
	if cfg.Timeout <= 0 {
		c.cfg.Timeout = defaultTimeout
	}
	if cfg.Log == nil {
		c.cfg.Log = slog.New(slog.DiscardHandler)
	}
	c.http = &http.Client{}
	if cfg.HTTP != nil {
		c.http.Transport = cfg.HTTP.Transport
	}
	// A redirect would carry the credential to wherever it points.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

func origin(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, errors.New("the Canvas address is not a URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, errors.New("the Canvas address must be scheme and host only")
	case u.Scheme == "https", u.Scheme == "http" && loopback.Host(u.Hostname()):
		return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
	}
	return nil, errors.New("the Canvas address must be https; http is for loopback hosts only")
}

// call is one request to the API.
type call struct {
	op     string // names the call in errors and logs
	method string
	path   string     // below /api/v1/, escaped
	query  url.Values // nil for none
	body   any        // sent as JSON; nil for none
}

func (c call) write() bool { return c.method != http.MethodGet }

// answer is a successful answer, read to its end.
type answer struct {
	url    *url.URL
	status int
	header http.Header
	body   []byte
	took   time.Duration // until the whole body was there
}

// get reads one object into out.
func (c *Client) get(ctx context.Context, op, path string, query url.Values, out any) error {
	_, err := c.do(ctx, call{op: op, method: http.MethodGet, path: path, query: query}, out)
	return err
}

// do makes a call and decodes its answer into out. A read that is throttled is
// tried again until it works, its tries are used up, or ctx would end first.
func (c *Client) do(ctx context.Context, cl call, out any) (*answer, error) {
	if c.err != nil {
		return nil, invalid(cl.op, c.err.Error())
	}
	target := c.base.String() + "/api/v1/" + cl.path
	if len(cl.query) > 0 {
		target += "?" + cl.query.Encode()
	}
	return c.doURL(ctx, cl, target, out)
}

func (c *Client) doURL(ctx context.Context, cl call, target string, out any) (*answer, error) {
	for try := 1; ; try++ {
		a, err := c.once(ctx, cl, target)
		if err == nil {
			err = decode(cl, a, out)
			c.observe(cl.endpoint(), kindOf(err), a.took)
		}
		if err == nil {
			c.scrub(reflect.ValueOf(out))
		}
		if err == nil {
			return a, nil
		}
		if err.Kind != Throttled || cl.write() || try == readTries || !c.sleep(ctx, backoff(try)) {
			return a, err
		}
	}
}

// backoff returns the wait after a throttled try: doubling, and spread over its
// upper half so that replicas do not come back together.
func backoff(try int) time.Duration {
	d := min(backoffBase<<(try-1), backoffMax)
	return d/2 + rand.N(d/2) //nolint:gosec // jitter needs no secrecy
}

func (c *Client) sleep(ctx context.Context, d time.Duration) bool {
	return ctx.Err() == nil && c.cfg.Sleep(ctx, d)
}

// pause waits for d, or returns false at once if ctx ends sooner.
func pause(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// once makes one HTTP request and reads its answer.
func (c *Client) once(ctx context.Context, cl call, target string) (*answer, *Error) {
	if e := gated(ctx, cl.op); e != nil {
		return nil, e
	}
	if ctx.Value(pacedKey{}) != nil {
		if e := c.pace(ctx, cl.op); e != nil {
			return nil, e
		}
	}
	credential, cerr := c.credential(ctx, cl.op)
	if cerr != nil {
		return nil, cerr
	}
	var body io.Reader
	if cl.body != nil {
		raw, err := json.Marshal(cl.body)
		if err != nil {
			return nil, invalid(cl.op, "the request cannot be encoded")
		}
		body = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	var wire wire
	req, err := http.NewRequestWithContext(wire.watch(ctx), cl.method, target, body)
	if err != nil {
		return nil, invalid(cl.op, "the address cannot be called")
	}
	req.Header.Set("Authorization", "Bearer "+credential)
	req.Header.Set("Accept", "application/json+canvas-string-ids, application/json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{Op: cl.op, Kind: Unreachable, Detail: []string{"not sent: " + describe(err)}, cause: err}
	}

	began := c.cfg.Now()
	c.rate.begin(credential)
	resp, err := c.http.Do(req)
	if err != nil {
		e := unanswered(cl, &wire, err)
		c.rate.end(nil, e.Kind)
		c.observe(cl.endpoint(), e.Kind, c.cfg.Now().Sub(began))
		c.trace(ctx, cl, 0, e, began, nil)
		return nil, e
	}
	defer func() { _ = resp.Body.Close() }()
	a, e := read(cl, resp, credential)
	took := c.cfg.Now().Sub(began)
	if a != nil { // observed when it was understood, too
		a.url, a.took = req.URL, took
	} else {
		c.observe(cl.endpoint(), kindOf(e), took)
	}
	c.rate.end(resp.Header, kindOf(e))
	if kindOf(e) == Unauthenticated && c.cfg.Refused != nil {
		c.cfg.Refused(ctx, secret.New(credential))
	}
	if status := deniedBy(e); status != 0 {
		c.era.sawDenied(status)
	}
	c.trace(ctx, cl, resp.StatusCode, e, began, resp.Header)
	return a, e
}

func (c *Client) credential(ctx context.Context, op string) (string, *Error) {
	text, err := c.cfg.Credential(ctx)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			return "", e
		}
		return "", &Error{Op: op, Kind: Unauthenticated, Detail: []string{"no credential: " + describe(err)}, cause: err}
	}
	value := text.Reveal()
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", &Error{Op: op, Kind: Unauthenticated, Detail: []string{"the credential is empty or not a token"}}
	}
	return value, nil
}

// unanswered classifies a request that got no answer. A write that may have
// left this machine is Unclear.
func unanswered(cl call, w *wire, err error) *Error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the address: it holds ids
	}
	kind := Unreachable
	if cl.write() && !w.neverSent() {
		kind = Unclear
	}
	return &Error{Op: cl.op, Kind: kind, Detail: []string{describe(err)}, cause: err}
}

// read takes an answer apart. It reads at most bodyMax bytes.
func read(cl call, resp *http.Response, credential string) (*answer, *Error) {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// The status decides; a cut error body only loses its words.
		raw, _ := io.ReadAll(io.LimitReader(resp.Body, errorMax))
		return nil, classify(cl.op, cl.write(), resp.StatusCode, resp.Header, raw, []string{credential})
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, bodyMax+1))
	switch {
	case err != nil:
		return nil, unreadable(cl.op, cl.write(), resp.StatusCode, "the answer was cut: "+describe(err), err)
	case len(raw) > bodyMax:
		return nil, unreadable(cl.op, cl.write(), resp.StatusCode, "the answer is too large", nil)
	case !isJSON(resp.Header.Get("Content-Type")):
		e := unreadable(cl.op, cl.write(), resp.StatusCode, "the answer is a page and not data", nil)
		e.Reason = ReasonNotCanvas
		return nil, e
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: raw}, nil
}

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || strings.HasPrefix(kind, "application/json+") || strings.HasSuffix(kind, "+json"))
}

// decode reads the answer into out and wipes it: it may hold a token's value.
func decode(cl call, a *answer, out any) *Error {
	err := json.Unmarshal(a.body, out)
	clear(a.body)
	if err != nil {
		// Not the decoder's own words: they quote what they could not read.
		return unreadable(cl.op, cl.write(), a.status, "the answer could not be read", nil)
	}
	return nil
}

func kindOf(e *Error) Kind {
	if e == nil {
		return ""
	}
	return e.Kind
}

func (c *Client) trace(ctx context.Context, cl call, status int, e *Error, began time.Time, header http.Header) {
	kind := kindOf(e)
	if kind == "" {
		kind = "ok"
	}
	c.cfg.Log.DebugContext(ctx, "canvas call", "op", cl.op, "status", status, "outcome", string(kind),
		"took", c.cfg.Now().Sub(began), "cost", header.Get("X-Request-Cost"), "rate_left", header.Get("X-Rate-Limit-Remaining"))
}

// sameOrigin reports whether u is on the Canvas that the Client calls.
func (c *Client) sameOrigin(u *url.URL) bool {
	return u.User == nil && strings.EqualFold(u.Scheme, c.base.Scheme) && strings.EqualFold(hostPort(u), hostPort(c.base))
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
