package canvastest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// testDay is where the fixed clock of the tests stands.
var testDay = time.Date(2026, 9, 14, 10, 0, 0, 0, time.UTC)

// rig is a stand-in and the secrets of the people who call it.
type rig struct {
	t       *testing.T
	s       *Server
	w       *World
	client  *http.Client
	secrets map[string]string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s := Start(t, Options{Clock: NewFixedClock(testDay)})
	return &rig{t: t, s: s, w: s.World(), client: s.Client(), secrets: map[string]string{}}
}

// answer is what came back from a call.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	raw    string
}

// caller is a person with a credential of one kind.
type caller struct {
	r       *rig
	bearer  string
	cookies []*http.Cookie
	accept  string
	agent   string
}

// as returns a caller with an API token of this person, a third-party one so
// that it does not show among the manual tokens under test.
func (r *rig) as(user string) *caller {
	if r.secrets[user] == "" {
		_, r.secrets[user] = r.w.SeedToken(user, TokenSpec{Purpose: "test credential", AppName: "Test App"})
	}
	return &caller{r: r, bearer: r.secrets[user], agent: "canvastest/1"}
}

func (r *rig) with(secret string) *caller {
	return &caller{r: r, bearer: secret, agent: "canvastest/1"}
}

func (r *rig) nobody() *caller { return &caller{r: r, agent: "canvastest/1"} }

// inBrowser returns a caller with a browser session.
func (r *rig) inBrowser(user, provider string) *caller {
	r.t.Helper()
	cookies, err := r.s.SignInBy(user, provider)
	if err != nil {
		r.t.Fatal(err)
	}
	return &caller{r: r, cookies: cookies, agent: "canvastest/1"}
}

func (c *caller) do(method, path string, body any) answer {
	c.r.t.Helper()
	a, err := c.try(method, path, body)
	if err != nil {
		c.r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (c *caller) try(method, path string, body any) (answer, error) {
	var sent io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case string:
		sent, kind = strings.NewReader(b), "application/x-www-form-urlencoded"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		sent, kind = bytes.NewReader(raw), "application/json"
	}
	target := path
	if strings.HasPrefix(path, "/") {
		target = c.r.s.InstitutionURL() + path
	}
	req, err := http.NewRequestWithContext(context.Background(), method, target, sent)
	if err != nil {
		return answer{}, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for _, cookie := range c.cookies {
		req.AddCookie(cookie)
		if cookie.Name == sessionCookie {
			req.Header.Set("X-CSRF-Token", c.r.s.CSRFToken(cookie))
		}
	}
	if c.accept != "" {
		req.Header.Set("Accept", c.accept)
	}
	req.Header.Set("User-Agent", c.agent)
	res, err := c.r.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	return answer{t: c.r.t, status: res.StatusCode, header: res.Header, raw: string(raw)}, err
}

func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d; body %s", a.status, status, a.raw)
	}
	return a
}

// body compares the whole body with the wanted JSON.
func (a answer) body(want string) answer {
	a.t.Helper()
	var got, wanted any
	if err := json.Unmarshal([]byte(a.raw), &got); err != nil {
		a.t.Fatalf("not JSON: %q", a.raw)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		a.t.Fatal(err)
	}
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(wanted)
	if !bytes.Equal(g, w) {
		a.t.Fatalf("body\n%s\nwant\n%s", g, w)
	}
	return a
}

// tokenBody is the token object as a client reads it.
type tokenBody struct {
	ID           ID         `json:"id"`
	UserID       ID         `json:"user_id"`
	Purpose      string     `json:"purpose"`
	State        string     `json:"workflow_state"`
	CreatedAt    time.Time  `json:"created_at"`
	ExpiresAt    *time.Time `json:"expires_at"`
	LastUsedAt   *time.Time `json:"last_used_at"`
	Scopes       []string   `json:"scopes"`
	AppName      string     `json:"app_name"`
	VisibleToken *string    `json:"visible_token"`
	RealUserID   *ID        `json:"real_user_id"`
	Regenerable  bool       `json:"can_manually_regenerate"`
}

func decode[T any](a answer) T {
	a.t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.raw), &v); err != nil {
		a.t.Fatalf("%v in %s", err, a.raw)
	}
	return v
}

// token reads a token object and checks that the documented but never emitted
// members are absent.
func (a answer) token() tokenBody {
	a.t.Helper()
	members := decode[map[string]any](a)
	for _, name := range []string{"token", "token_hint"} {
		if _, found := members[name]; found {
			a.t.Errorf("the serializer does not emit %q", name)
		}
	}
	return decode[tokenBody](a)
}

func (b tokenBody) secret() string {
	if b.VisibleToken == nil {
		return ""
	}
	return *b.VisibleToken
}

// must fails the test with the sentence unless it holds.
func (r *rig) must(holds bool, format string, args ...any) {
	r.t.Helper()
	if !holds {
		r.t.Fatalf(format, args...)
	}
}

func tokensPath(user any, rest ...any) string {
	path := "/api/v1/users/" + idText(user) + "/tokens"
	for _, part := range rest {
		path += "/" + idText(part)
	}
	return path
}

func listPath(user any) string { return "/api/v1/users/" + idText(user) + "/user_generated_tokens" }

func idText(v any) string {
	switch v := v.(type) {
	case ID:
		return v.String()
	case User:
		return v.ID.String()
	case Token:
		return v.ID.String()
	case string:
		return v
	}
	panic("idText: unknown kind")
}

// in is a moment after the rig's day, as Canvas is told it.
func in(d time.Duration) string { return testDay.Add(d).Format(time.RFC3339) }

const day = 24 * time.Hour

func tokenJSON(members map[string]any) map[string]any { return map[string]any{"token": members} }

// seed puts a manual token into the world.
func (r *rig) seed(user string, spec TokenSpec) (Token, string) {
	if spec.Purpose == "" {
		spec.Purpose = "seeded"
	}
	return r.w.SeedToken(user, spec)
}
