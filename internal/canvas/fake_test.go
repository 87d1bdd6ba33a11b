package canvas_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// The canaries that no error and no log line may hold.
const (
	credential = "17~CredentialCanaryCredentialCanaryCredentialCanaryCredential01"
	tokenValue = "17~ValueCanaryValueCanaryValueCanaryValueCanaryValueCanaryValue"
)

var (
	now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	end = time.Date(2027, 2, 1, 7, 30, 0, 0, time.FixedZone("MST", -7*3600))
)

// request is what a server saw.
type request struct {
	Method, Path, Query string // Path as it was on the wire
	Header              http.Header
	Body                map[string]any
}

// server is an HTTP server that answers from a table and remembers its callers.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []request
}

// reply is a handler for one answer.
type reply struct {
	status int
	header map[string]string
	body   string
}

// lastPage is the header of a list that ends here.
var lastPage = map[string]string{"Link": `</api/v1/x?page=first&per_page=100>; rel="current", </api/v1/x?page=first&per_page=100>; rel="first"`}

// jsonList is an answer that is a whole list.
func jsonList(body string) reply { return reply{header: lastPage, body: body} }

func (re reply) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	for k, v := range re.header {
		w.Header().Set(k, v)
	}
	if re.status == 0 {
		re.status = http.StatusOK
	}
	w.WriteHeader(re.status)
	_, _ = io.WriteString(w, re.body)
}

const unknownRoute = `{"errors":[{"message":"The specified resource does not exist."}]}`

// start serves routes ("GET /api/v1/users/5" → handler). What is not a route is
// Canvas's 404.
func start(t *testing.T, routes map[string]http.Handler) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		in := request{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header}
		_ = json.Unmarshal(raw, &in.Body)
		s.mu.Lock()
		s.seen = append(s.seen, in)
		s.mu.Unlock()
		h := routes[r.Method+" "+r.URL.EscapedPath()]
		if h == nil {
			h = reply{status: http.StatusNotFound, body: unknownRoute}
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// always serves one answer to everything.
func always(t *testing.T, h http.Handler) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, request{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header})
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// only returns the one request that was made.
func (s *server) only(t *testing.T) request {
	t.Helper()
	all := s.requests()
	if len(all) != 1 {
		t.Fatalf("%d requests were made, want 1: %v", len(all), all)
	}
	return all[0]
}

func (s *server) client() *canvas.Client {
	return canvas.New(canvas.Config{BaseURL: s.URL, Credential: good, Now: func() time.Time { return now }})
}

func good(context.Context) (secret.Text, error) { return secret.New(credential), nil }

// tokenBody is a token as Canvas sends it, with changes.
func tokenBody(changes map[string]any) string {
	t := map[string]any{
		"id": "5001", "user_id": "42", "purpose": "p", "workflow_state": "pending",
		"created_at": "2026-11-21T12:00:00Z", "updated_at": "2026-11-21T12:00:00Z",
		"expires_at": "2027-02-01T14:30:00Z", "last_used_at": nil, "scopes": []string{},
		"remember_access": nil, "real_user_id": nil, "app_name": "User-Generated",
		"visible_token": "17~Va...", "can_manually_regenerate": true,
	}
	for k, v := range changes {
		if v == absent {
			delete(t, k)
			continue
		}
		t[k] = v
	}
	raw, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// absent, as a change, takes a member away.
var absent any = new(int)

// wantKind fails the test unless err is a *canvas.Error of this kind that shows
// no canary.
func wantKind(t *testing.T, what string, err error, kind canvas.Kind) {
	t.Helper()
	if canvas.KindOf(err) != kind {
		t.Errorf("%s: %v is of kind %q, want %q", what, err, canvas.KindOf(err), kind)
	}
	if err != nil {
		for _, canary := range []string{credential, tokenValue, credential[3:], tokenValue[3:]} {
			if strings.Contains(err.Error(), canary) {
				t.Errorf("%s: the error shows a secret: %v", what, err)
			}
		}
	}
}
