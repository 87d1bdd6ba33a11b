package canvas_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/secret"
)

func TestEveryCallCarriesItsHeaders(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"GET /api/v1/users/42":               reply{body: `{"id":"42","name":"Maya"}`},
		"DELETE /api/v1/users/42/tokens/501": reply{body: tokenBody(map[string]any{"id": "501", "workflow_state": "deleted"})},
	})
	c := canvas.New(canvas.Config{BaseURL: s.URL + "/", Credential: good, UserAgent: "Tokendesk/1.0 (+https://tool.example.edu)"})
	if _, err := c.User(t.Context(), "42"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteToken(t.Context(), "42", "501"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client().User(t.Context(), "42"); err != nil {
		t.Fatal(err)
	}
	for i, r := range s.requests() {
		if got := r.Header.Get("Authorization"); got != "Bearer "+credential {
			t.Errorf("call %d: Authorization has %d bytes", i, len(got))
		}
		if got := r.Header.Get("Accept"); !strings.Contains(got, "application/json+canvas-string-ids") {
			t.Errorf("call %d: Accept = %q", i, got)
		}
		if got := r.Header.Get("User-Agent"); got == "" || strings.HasPrefix(got, "Go-http-client") {
			t.Errorf("call %d: User-Agent = %q", i, got)
		}
		if strings.Contains(r.Path+r.Query, credential) {
			t.Errorf("call %d carries the credential in its address", i)
		}
	}
	if got := s.requests()[0].Header.Get("User-Agent"); got != "Tokendesk/1.0 (+https://tool.example.edu)" {
		t.Errorf("User-Agent = %q", got)
	}
}

func TestAConfigThatCannotWorkFailsEveryCall(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]canvas.Config{
		"no address":                   {Credential: good},
		"not a URL":                    {BaseURL: "://", Credential: good},
		"no scheme":                    {BaseURL: "canvas.example.edu", Credential: good},
		"another scheme":               {BaseURL: "ftp://canvas.example.edu", Credential: good},
		"plain http to another host":   {BaseURL: "http://canvas.example.edu", Credential: good},
		"plain http to a private host": {BaseURL: "http://192.168.1.1", Credential: good},
		"a path":                       {BaseURL: "https://canvas.example.edu/api", Credential: good},
		"a query":                      {BaseURL: "https://canvas.example.edu?x=1", Credential: good},
		"a user":                       {BaseURL: "https://a:b@canvas.example.edu", Credential: good},
		"no credential":                {BaseURL: "https://canvas.example.edu"},
	} {
		cfg.HTTP = &http.Client{Transport: noNetwork{t}}
		c := canvas.New(cfg)
		_, err := c.User(t.Context(), "42")
		wantKind(t, name+", read", err, canvas.Invalid)
		_, err = c.CreateToken(t.Context(), "42", "p", time.Now().Add(time.Hour))
		wantKind(t, name+", write", err, canvas.Invalid)
	}
}

// noNetwork fails the test when it is used.
type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("a request was sent: %s %s", r.Method, r.URL)
	return nil, errors.New("no network")
}

func TestCredentialProblemsSendNothing(t *testing.T) {
	t.Parallel()
	passed := &canvas.Error{Op: "refresh credential", Kind: canvas.Unreachable}
	for name, tc := range map[string]struct {
		give func(context.Context) (secret.Text, error)
		kind canvas.Kind
	}{
		"an empty one":        {func(context.Context) (secret.Text, error) { return secret.Text{}, nil }, canvas.Unauthenticated},
		"one with a line end": {func(context.Context) (secret.Text, error) { return secret.New("abc\r\nX: y"), nil }, canvas.Unauthenticated},
		"an error":            {func(context.Context) (secret.Text, error) { return secret.Text{}, io.ErrUnexpectedEOF }, canvas.Unauthenticated},
		"an error of ours":    {func(context.Context) (secret.Text, error) { return secret.Text{}, passed }, canvas.Unreachable},
	} {
		c := canvas.New(canvas.Config{BaseURL: "https://canvas.example.edu", Credential: tc.give, HTTP: &http.Client{Transport: noNetwork{t}}, Now: func() time.Time { return now }})
		_, err := c.CreateToken(t.Context(), "42", "p", end)
		wantKind(t, name, err, tc.kind)
	}
}

// raw answers with bytes of the test's choice and cuts the line.
func raw(answer string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = buf.WriteString(answer)
		_ = buf.Flush()
		_ = conn.Close()
	})
}

// Only a credential that Canvas does not know is reported as refused; a right
// that is missing says nothing about it.
func TestWhoIsToldOfARefusedCredential(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer reply
		told   int
	}{
		"not known":   {reply{status: 401, body: `{"errors":[{"message":"Invalid access token."}]}`}, 1},
		"denied":      {reply{status: 403, body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`}, 0},
		"throttled":   {reply{status: 403, header: plainText, body: "403 Forbidden (Rate Limit Exceeded)\n"}, 0},
		"not found":   {reply{status: 404, body: `{"errors":[{"message":"The specified resource does not exist."}]}`}, 0},
		"it worked":   {reply{body: `{"id":"42","name":"Maya"}`}, 0},
		"Canvas fell": {reply{status: 500}, 0},
	} {
		var told []string
		c := canvas.New(canvas.Config{BaseURL: always(t, tc.answer).URL, Credential: good, Sleep: func(context.Context, time.Duration) bool { return false },
			Refused: func(_ context.Context, refused secret.Text) { told = append(told, refused.Reveal()) }})
		_, _ = c.User(t.Context(), "42")
		if len(told) != tc.told || tc.told > 0 && told[0] != credential {
			t.Errorf("%s: told %d times, want %d", name, len(told), tc.told)
		}
	}
}

func TestUnclearAnswers(t *testing.T) {
	t.Parallel()
	whole := tokenBody(map[string]any{"workflow_state": "deleted"})
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for name, h := range map[string]http.Handler{
		"the line is cut before an answer":    raw(""),
		"the line is cut in the head":         raw("HTTP/1.1 200 OK\r\nContent-Ty"),
		"the line is cut in the body":         raw(head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(whole), whole[:40])),
		"the line is cut between chunks":      raw(head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(whole), whole)),
		"an answer that is not HTTP":          raw("hello\r\n\r\n"),
		"a body that ends too early":          reply{body: whole[:len(whole)-5]},
		"an empty body":                       reply{},
		"no content":                          reply{status: http.StatusNoContent},
		"something after the body":            reply{body: whole + whole},
		"a login page":                        reply{header: map[string]string{"Content-Type": "text/html"}, body: "<html><form action=/login></html>"},
		"JSON without saying so":              reply{header: map[string]string{"Content-Type": "text/plain"}, body: whole},
		"an answer that is too large":         reply{body: `{"id":"5001","purpose":"` + strings.Repeat("x", 9<<20) + `"}`},
		"an id that is not one":               reply{body: tokenBody(map[string]any{"id": "five"})},
		"a date that is not one":              reply{body: tokenBody(map[string]any{"expires_at": "soon"})},
		"an object of another kind":           reply{body: `{"ok":true}`},
		"a list":                              reply{body: `[` + whole + `]`},
		"null":                                reply{body: `null`},
		"an informational answer and nothing": raw("HTTP/1.1 100 Continue\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := always(t, h).client()
			_, err := c.DeleteToken(t.Context(), "42", "5001")
			wantKind(t, "write", err, canvas.Unclear)
			_, err = c.ShowToken(t.Context(), "42", "5001")
			if k := canvas.KindOf(err); k != canvas.Server && k != canvas.Unreachable {
				t.Errorf("read: %v is of kind %q", err, k)
			}
		})
	}
}

func TestATimeOutIsUnclearForWrites(t *testing.T) {
	t.Parallel()
	silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not seen
		<-r.Context().Done()
	})
	for timeout, want := range map[time.Duration]time.Duration{0: 15 * time.Second, 30 * time.Millisecond: 30 * time.Millisecond} {
		inBubble(t, func() http.Handler { return silent }, func(ctx context.Context, transport *http.Transport) {
			c := canvas.New(canvas.Config{BaseURL: "http://canvas.localhost", Credential: good, Timeout: timeout, HTTP: &http.Client{Transport: transport}})
			began := time.Now()
			_, err := c.CreateToken(ctx, "42", "p", began.AddDate(0, 0, 9))
			wantKind(t, "write", err, canvas.Unclear)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the time-out cannot be told: %v", err)
			}
			if took := time.Since(began); took != want {
				t.Errorf("a write was given up after %v, want %v", took, want)
			}
			began = time.Now()
			_, err = c.User(ctx, "42")
			wantKind(t, "read", err, canvas.Unreachable)
			if strings.Contains(err.Error(), "/users/42") {
				t.Errorf("the error holds the address: %v", err)
			}
			if took := time.Since(began); took != want {
				t.Errorf("a read was given up after %v, want %v", took, want)
			}
		})
	}
}

func TestWhatWasNeverSentIsNotUnclear(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	notTLS := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(notTLS.Close)
	stranger := httptest.NewTLSServer(http.NotFoundHandler()) // its certificate is signed by nobody we know
	stranger.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(stranger.Close)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx  context.Context
		base string
	}{
		"nobody listens":                {t.Context(), closed},
		"a server that speaks no TLS":   {t.Context(), "https" + strings.TrimPrefix(notTLS.URL, "http")},
		"a certificate of a stranger":   {t.Context(), stranger.URL},
		"the caller has given up":       {ended, notTLS.URL},
		"a host name that is not there": {t.Context(), "http://nowhere.localhost:1"},
	} {
		c := canvas.New(canvas.Config{BaseURL: tc.base, Credential: good, Now: func() time.Time { return now }})
		_, err := c.CreateToken(tc.ctx, "42", "p", end)
		wantKind(t, name, err, canvas.Unreachable)
	}
}

// deaf is a transport that tells nothing about what it did.
type deaf struct{}

func (deaf) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func TestATransportThatTellsNothingCountsAsSent(t *testing.T) {
	t.Parallel()
	c := canvas.New(canvas.Config{BaseURL: "https://canvas.example.edu", Credential: good, HTTP: &http.Client{Transport: deaf{}}, Now: func() time.Time { return now }})
	_, err := c.CreateToken(t.Context(), "42", "p", end)
	wantKind(t, "write", err, canvas.Unclear)
	_, err = c.User(t.Context(), "42")
	wantKind(t, "read", err, canvas.Unreachable)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	thief := always(t, reply{body: `{"id":"42","name":"x"}`})
	s := always(t, reply{status: http.StatusTemporaryRedirect, header: map[string]string{"Location": thief.URL + "/api/v1/users/42"}})
	follows := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	c := canvas.New(canvas.Config{BaseURL: s.URL, Credential: good, HTTP: follows, Now: func() time.Time { return now }})
	_, err := c.User(t.Context(), "42")
	wantKind(t, "read", err, canvas.Server)
	_, err = c.CreateToken(t.Context(), "42", "p", end)
	wantKind(t, "write", err, canvas.Unclear)
	if n := len(thief.requests()); n != 0 {
		t.Errorf("%d requests followed a redirect", n)
	}
}

func TestAWriteIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.Handler{
		"throttled":   reply{status: 403, header: plainText, body: "403 Forbidden (Rate Limit Exceeded)\n"},
		"failed":      reply{status: 500},
		"unavailable": reply{status: 503, header: map[string]string{"Retry-After": "0"}},
	} {
		s := always(t, h)
		if _, err := s.client().CreateToken(t.Context(), "42", "p", end); err == nil {
			t.Errorf("%s: no error", name)
		}
		s.only(t)
	}
}

// virtual runs fn with a client of a server in the bubble: both ends run on
// virtual time, over pipes.
func virtual(t *testing.T, h http.Handler, fn func(context.Context, *canvas.Client)) {
	t.Helper()
	inBubble(t, func() http.Handler { return h }, func(ctx context.Context, transport *http.Transport) {
		fn(ctx, canvas.New(canvas.Config{BaseURL: "http://canvas.localhost", Credential: good, HTTP: &http.Client{Transport: transport}}))
	})
}

// inBubble is virtual for callers that make their clients themselves.
func inBubble(t *testing.T, handler func() http.Handler, fn func(context.Context, *http.Transport)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		listener := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		srv := &http.Server{Handler: handler(), ReadHeaderTimeout: time.Hour}
		go func() { _ = srv.Serve(listener) }()
		transport := &http.Transport{DialContext: listener.dial}
		fn(t.Context(), transport)
		transport.CloseIdleConnections()
		_ = srv.Close()
	})
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// sometimes throttles the first n requests and then answers.
type sometimes struct {
	n    int
	at   []time.Time
	then reply
}

func (s *sometimes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.at = append(s.at, time.Now())
	if len(s.at) <= s.n {
		reply{status: 403, header: plainText, body: "403 Forbidden (Rate Limit Exceeded)\n"}.ServeHTTP(w, r)
		return
	}
	s.then.ServeHTTP(w, r)
}

func TestAThrottledReadWaitsAndTriesAgain(t *testing.T) {
	t.Parallel()
	h := &sometimes{n: 3, then: reply{body: `{"id":"42","name":"Maya"}`}}
	virtual(t, h, func(ctx context.Context, c *canvas.Client) {
		got, err := c.User(ctx, "42")
		if err != nil || got.Name != "Maya" {
			t.Errorf("User = %+v, %v", got, err)
		}
	})
	if len(h.at) != 4 {
		t.Fatalf("%d tries, want 4", len(h.at))
	}
	for i, least := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second} {
		if waited := h.at[i+1].Sub(h.at[i]); waited < least || waited > 2*least {
			t.Errorf("wait %d was %v, want between %v and %v", i+1, waited, least, 2*least)
		}
	}
}

func TestAThrottledReadGivesUp(t *testing.T) {
	t.Parallel()
	h := &sometimes{n: 100}
	virtual(t, h, func(ctx context.Context, c *canvas.Client) {
		_, err := c.User(ctx, "42")
		wantKind(t, "tries used up", err, canvas.Throttled)
	})
	if len(h.at) != 5 {
		t.Errorf("%d tries, want 5", len(h.at))
	}
}

func TestAThrottledReadKeepsToItsDeadline(t *testing.T) {
	t.Parallel()
	h := &sometimes{n: 100}
	virtual(t, h, func(ctx context.Context, c *canvas.Client) {
		soon, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		began := time.Now()
		_, err := c.User(soon, "42")
		wantKind(t, "deadline", err, canvas.Throttled)
		if took := time.Since(began); took > time.Second {
			t.Errorf("gave up after %v, past the deadline", took)
		}
		ended, end := context.WithCancel(ctx)
		time.AfterFunc(100*time.Millisecond, end)
		_, err = c.User(ended, "42")
		wantKind(t, "cancelled", err, canvas.Throttled)
	})
}

func TestThePagesOfAListAreTriedAgainToo(t *testing.T) {
	t.Parallel()
	h := &sometimes{n: 2, then: jsonList(`[]`)}
	virtual(t, h, func(ctx context.Context, c *canvas.Client) {
		if _, err := c.ListTokens(ctx, "42"); err != nil {
			t.Error(err)
		}
	})
	if len(h.at) != 3 {
		t.Errorf("%d tries, want 3", len(h.at))
	}
}

func TestTheLogHoldsNoSecretsAndNoIDs(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"POST /api/v1/users/424242/tokens": reply{body: tokenBody(map[string]any{"user_id": "424242", "visible_token": tokenValue})},
	})
	var log bytes.Buffer
	c := canvas.New(canvas.Config{
		BaseURL: s.URL, Credential: good, Now: func() time.Time { return now },
		Log: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if _, err := c.CreateToken(t.Context(), "424242", "purpose canary", end); err != nil {
		t.Fatal(err)
	}
	if _, err := c.User(t.Context(), "424242"); err == nil {
		t.Fatal("no error")
	}
	if strings.Count(log.String(), "\n") != 2 {
		t.Errorf("want one line per call: %s", log.String())
	}
	for _, canary := range []string{credential[3:], tokenValue[3:], "424242", "purpose canary"} {
		if strings.Contains(log.String(), canary) {
			t.Errorf("the log holds %q: %s", canary, log.String())
		}
	}
}
