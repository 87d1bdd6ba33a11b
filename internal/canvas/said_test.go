package canvas_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/text"
)

// TestWhatCanvasSaysIsCleaned puts into every text of every answer what would
// turn a line around, what a database cannot hold, and a token's value.
func TestWhatCanvasSaysIsCleaned(t *testing.T) {
	t.Parallel()
	bare := strings.Repeat("BareCa9y", 8)
	bad := `\u202e\u0000Cafe\u0301\u200b ` + bare + `\n`
	const clean = "Café [removed]"
	obj := func(fields string) string { return "{" + strings.ReplaceAll(fields, "BAD", bad) + "}" }
	user := `"id":"42","name":"BAD","short_name":"BAD","sortable_name":"BAD","login_id":"BAD","email":"BAD","primary_email":"BAD","locale":"BAD","time_zone":"BAD","pronouns":"BAD"`
	token := `"id":"5001","user_id":"42","purpose":"BAD [grt_ABCDEFGHIJKLMNOPQRSTUVWXYZ/1]","workflow_state":"active","app_name":"BAD","visible_token":`
	s := &server{}
	s.Server = always(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := map[string]string{
			"GET /api/v1/users/42":             obj(user),
			"GET /api/v1/users/42/profile":     obj(user),
			"GET /api/v1/courses/7":            obj(`"id":"7","account_id":"1","name":"BAD","course_code":"BAD","term":{"id":"3","name":"BAD"}`),
			"GET /api/v1/courses/7/users":      "[" + obj(user) + "]",
			"GET /api/v1/accounts/1":           obj(`"id":"1","name":"BAD"`),
			"GET /api/v1/accounts/1/admins":    "[" + obj(`"id":"1","role":"BAD","role_id":"2","workflow_state":"active","user":{"id":"42","name":"BAD"}`) + "]",
			"GET /api/v1/users/42/tokens/5001": obj(token + `"\u0000\u202ex..."`),
			"POST /api/v1/users/42/tokens":     obj(token + `"17~` + bare + `"`),
		}[r.Method+" "+r.URL.Path]
		w.Header().Set("Link", `<http://`+r.Host+r.URL.Path+`?page=1>; rel="current"`)
		w.Header().Set("Content-Type", "application/json")
		if body == "" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(body))
	})).Server
	c := canvas.New(canvas.Config{BaseURL: s.URL, Credential: good, Clean: text.Line})
	ctx := t.Context()
	for name, read := range map[string]func() (any, error){
		"user":    func() (any, error) { return c.User(ctx, "42") },
		"profile": func() (any, error) { return c.Profile(ctx, "42") },
		"course":  func() (any, error) { return c.Course(ctx, "7") },
		"people":  func() (any, error) { return c.CoursePeople(ctx, "7", canvas.StudentEnrollment) },
		"account": func() (any, error) { return c.Account(ctx, "1") },
		"admins":  func() (any, error) { return c.AccountAdmins(ctx, "1") },
		"token":   func() (any, error) { return c.ShowToken(ctx, "42", "5001") },
	} {
		got, err := read()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if all := fmt.Sprintf("%+v", got); strings.ContainsAny(all, "\x00\u202e\u200b\u0301\n") || strings.Contains(all, bare) || !strings.Contains(all, clean) {
			t.Errorf("%s: %q", name, all)
		}
	}
	tok, err := c.ShowToken(ctx, "42", "5001")
	if err != nil || tok.Hint != "" || !strings.HasSuffix(tok.Purpose, clean+"  [grt_ABCDEFGHIJKLMNOPQRSTUVWXYZ/1]") {
		t.Errorf("%+v, %v", tok, err)
	}
	// The one value that is wanted comes whole.
	if tok, err = c.CreateToken(ctx, "42", "p", end); err != nil || tok.Value.Reveal() != "17~"+bare || tok.Hint != "17~Ba" {
		t.Errorf("%+v, %v", tok, err)
	}
}
