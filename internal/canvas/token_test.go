package canvas_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

const createRoute = "POST /api/v1/users/42/tokens"

func TestCreateToken(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{createRoute: reply{body: tokenBody(map[string]any{
		"id": "9007199254740993", "visible_token": tokenValue, "purpose": "Grades [grt_1/1]", "scopes": []string{"a"},
	})}})
	got, err := s.client().CreateToken(t.Context(), "42", "Grades [grt_1/1]", end)
	if err != nil {
		t.Fatal(err)
	}
	if got.Value.Reveal() != tokenValue {
		t.Error("the value is not the one that Canvas showed")
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", got, got, got), tokenValue[5:]) {
		t.Errorf("a printed token shows its value: %+v", got)
	}
	if got.ID != "9007199254740993" || got.UserID != "42" || got.State != canvas.StatePending || got.Hint != tokenValue[:5] ||
		got.AppName != "User-Generated" || !got.CanRegenerate || !got.LastUsedAt.IsZero() || len(got.Scopes) != 1 {
		t.Errorf("token = %+v", got)
	}
	if want := time.Date(2027, 2, 1, 14, 30, 0, 0, time.UTC); !got.ExpiresAt.Equal(want) {
		t.Errorf("ExpiresAt = %v", got.ExpiresAt)
	}
	sent := s.only(t)
	want := map[string]any{"token": map[string]any{"purpose": "Grades [grt_1/1]", "expires_at": "2027-02-01T14:30:00Z"}}
	if !reflect.DeepEqual(sent.Body, want) {
		t.Errorf("sent %v, want %v", sent.Body, want)
	}
	if sent.Header.Get("Content-Type") != "application/json" {
		t.Errorf("Content-Type = %q", sent.Header.Get("Content-Type"))
	}
}

func TestCreateTokenReadsWhatCanvasReallySays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		user    string
		changes map[string]any
		check   func(canvas.Token) bool
	}{
		"a shorter life than asked for":    {"42", map[string]any{"expires_at": "2026-12-01T00:00:00Z"}, func(g canvas.Token) bool { return g.ExpiresAt.Day() == 1 }},
		"a life without end":               {"42", map[string]any{"expires_at": nil}, func(g canvas.Token) bool { return g.ExpiresAt.IsZero() }},
		"the value where documents say":    {"42", map[string]any{"visible_token": absent, "token": tokenValue}, func(g canvas.Token) bool { return g.Value.Reveal() == tokenValue }},
		"visible_token before token":       {"42", map[string]any{"token": "17~Va..."}, func(g canvas.Token) bool { return g.Value.Reveal() == tokenValue }},
		"numbers for ids":                  {"42", map[string]any{"id": 5001, "user_id": 42}, func(g canvas.Token) bool { return g.ID == "5001" }},
		"an owner by a global id":          {"170000000000042", map[string]any{}, func(g canvas.Token) bool { return g.UserID == "42" }},
		"one's own token":                  {"self", map[string]any{"workflow_state": "active"}, func(g canvas.Token) bool { return g.State == canvas.StateActive }},
		"no last use, no app, no scopes":   {"42", map[string]any{"last_used_at": absent, "app_name": nil, "scopes": nil}, func(g canvas.Token) bool { return g.LastUsedAt.IsZero() && g.AppName == "" }},
		"a state that Canvas may yet have": {"42", map[string]any{"workflow_state": "disabled"}, func(g canvas.Token) bool { return g.State == "disabled" }},
		"members that we do not know":      {"42", map[string]any{"new_member": map[string]any{"a": 1}}, func(g canvas.Token) bool { return g.ID == "5001" }},
	} {
		changes := map[string]any{"visible_token": tokenValue}
		for k, v := range tc.changes {
			changes[k] = v
		}
		c := always(t, reply{body: tokenBody(changes)}).client()
		got, err := c.CreateToken(t.Context(), tc.user, "p", end)
		if err != nil || !tc.check(got) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestATokenThatCannotBeHandedOverIsUnclear(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]map[string]any{
		"a hint for the value":           {"visible_token": "17~Va..."},
		"a whole value that ends in dot": {"visible_token": tokenValue + "..."},
		"no value":                       {"visible_token": nil},
		"a value with a space":           {"visible_token": tokenValue[:30] + " " + tokenValue[30:]},
		"a value that is too short":      {"visible_token": "abc123"},
		"another owner":                  {"visible_token": tokenValue, "user_id": "43"},
		"no owner":                       {"visible_token": tokenValue, "user_id": nil},
	} {
		got, err := always(t, reply{body: tokenBody(changes)}).client().CreateToken(t.Context(), "42", "p", end)
		wantKind(t, name, err, canvas.Unclear)
		if got.ID != "5001" {
			t.Errorf("%s: the token to delete is not returned: %+v", name, got)
		}
		if !got.Value.IsZero() {
			t.Errorf("%s: a value came back beside an error", name)
		}
	}
}

func TestTokenCallsRefuseBeforeTheySend(t *testing.T) {
	t.Parallel()
	s := always(t, reply{body: tokenBody(nil)})
	c := s.client()
	create := func(user, purpose string, at time.Time) error {
		_, err := c.CreateToken(t.Context(), user, purpose, at)
		return err
	}
	update := func(user, token string, u canvas.TokenUpdate) error {
		_, err := c.UpdateToken(t.Context(), user, token, u)
		return err
	}
	remove := func(user, token string) error {
		_, err := c.DeleteToken(t.Context(), user, token)
		return err
	}
	for name, err := range map[string]error{
		"create for nobody":                   create("", "p", end),
		"create for a path":                   create("../1", "p", end),
		"create without a purpose":            create("42", "", end),
		"create with a purpose too long":      create("42", strings.Repeat("é", 256), end),
		"create with a line end":              create("42", "a\nb", end),
		"create with broken text":             create("42", "a\xff", end),
		"create without an end":               create("42", "p", time.Time{}),
		"create with a past end":              create("42", "p", now),
		"update without an end":               update("42", "5001", canvas.TokenUpdate{Purpose: "p"}),
		"update to a purpose too long":        update("42", "5001", canvas.TokenUpdate{Purpose: strings.Repeat("x", 256), ExpiresAt: end}),
		"update by hint":                      update("42", "aB3xY", canvas.TokenUpdate{ExpiresAt: end}),
		"update of no token":                  update("42", "", canvas.TokenUpdate{ExpiresAt: end}),
		"delete by hint":                      remove("42", "aB3xY"),
		"delete by a hint of a sharded value": remove("42", "17~aB"),
		"delete with a query":                 remove("42", "5001?as_user_id=1"),
		"delete of no token":                  remove("42", ""),
		"delete for nobody":                   remove("", "5001"),
	} {
		wantKind(t, name, err, canvas.Invalid)
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	if err := create("42", strings.Repeat("é", 255), end); canvas.KindOf(err) == canvas.Invalid {
		t.Errorf("a purpose of 255 letters is refused: %v", err)
	}
}

func TestShowToken(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"GET /api/v1/users/42/tokens/5001": reply{body: tokenBody(map[string]any{"last_used_at": "2026-11-20T08:10:00Z"})},
		"GET /api/v1/users/42/tokens/5002": reply{body: tokenBody(map[string]any{"visible_token": tokenValue, "id": "5002"})},
		"GET /api/v1/users/42/tokens/5003": reply{body: tokenBody(map[string]any{"visible_token": nil, "id": "5003"})},
		"GET /api/v1/users/42/tokens/5004": reply{body: tokenBody(map[string]any{"id": "9999"})},
		"GET /api/v1/users/42/tokens/5005": reply{body: tokenBody(map[string]any{"id": "5005", "workflow_state": absent})},
	})
	c := s.client()
	got, err := c.ShowToken(t.Context(), "42", "5001")
	if err != nil || got.Hint != "17~Va" || !got.Value.IsZero() || got.LastUsedAt.Format(time.DateTime) != "2026-11-20 08:10:00" {
		t.Errorf("ShowToken = %+v, %v", got, err)
	}
	got, err = c.ShowToken(t.Context(), "42", "5002")
	if err != nil || !got.Value.IsZero() || got.Hint != "17~Va" {
		t.Errorf("a value that Canvas should not have shown was kept: %+v, %v", got, err)
	}
	got, err = c.ShowToken(t.Context(), "42", "5003")
	if err != nil || got.Hint != "" {
		t.Errorf("a token without a hint: %+v, %v", got, err)
	}
	_, err = c.ShowToken(t.Context(), "42", "5004")
	wantKind(t, "another token in the answer", err, canvas.Server)
	_, err = c.ShowToken(t.Context(), "42", "5005")
	wantKind(t, "a token without a state", err, canvas.Server)
	_, err = c.ShowToken(t.Context(), "42", "1")
	wantKind(t, "no such token", err, canvas.NotFound)
}

func TestUpdateTokenAlwaysSendsTheEnd(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{"PUT /api/v1/users/42/tokens/5001": reply{body: tokenBody(map[string]any{"visible_token": tokenValue})}})
	for name, tc := range map[string]struct {
		update canvas.TokenUpdate
		sent   map[string]any
		value  string
	}{
		"a new end":     {canvas.TokenUpdate{ExpiresAt: end}, map[string]any{"expires_at": "2027-02-01T14:30:00Z"}, ""},
		"a new purpose": {canvas.TokenUpdate{ExpiresAt: end, Purpose: "q"}, map[string]any{"expires_at": "2027-02-01T14:30:00Z", "purpose": "q"}, ""},
		"a new value":   {canvas.TokenUpdate{ExpiresAt: end, Regenerate: true}, map[string]any{"expires_at": "2027-02-01T14:30:00Z", "regenerate": 1.0}, tokenValue},
	} {
		got, err := s.client().UpdateToken(t.Context(), "42", "5001", tc.update)
		if err != nil || got.Value.Reveal() != tc.value {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		all := s.requests()
		if sent := all[len(all)-1].Body["token"]; !reflect.DeepEqual(sent, tc.sent) {
			t.Errorf("%s: sent %v, want %v", name, sent, tc.sent)
		}
	}
}

func TestWritesAnsweredForAnotherTokenAreUnclear(t *testing.T) {
	t.Parallel()
	c := always(t, reply{body: tokenBody(map[string]any{"id": "6000", "workflow_state": "deleted", "visible_token": tokenValue})}).client()
	_, err := c.UpdateToken(t.Context(), "42", "5001", canvas.TokenUpdate{ExpiresAt: end, Regenerate: true})
	wantKind(t, "update", err, canvas.Unclear)
	_, err = c.DeleteToken(t.Context(), "42", "5001")
	wantKind(t, "delete", err, canvas.Unclear)
}

func TestARegenerateWithoutAValueIsUnclear(t *testing.T) {
	t.Parallel()
	// Canvas ignores the wish for tokens of applications, with status 200.
	_, err := always(t, reply{body: tokenBody(nil)}).client().UpdateToken(t.Context(), "42", "5001", canvas.TokenUpdate{ExpiresAt: end, Regenerate: true})
	wantKind(t, "regenerate", err, canvas.Unclear)
}

func TestDeleteToken(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"DELETE /api/v1/users/42/tokens/5001":            reply{body: tokenBody(map[string]any{"workflow_state": "deleted"})},
		"DELETE /api/v1/users/42/tokens/5002":            reply{body: tokenBody(map[string]any{"id": "5002", "workflow_state": "active"})},
		"DELETE /api/v1/users/42/tokens/170000000000016": reply{body: tokenBody(map[string]any{"id": "16", "workflow_state": "deleted"})},
	})
	c := s.client()
	got, err := c.DeleteToken(t.Context(), "42", "5001")
	if err != nil || got.State != canvas.StateDeleted {
		t.Errorf("DeleteToken = %+v, %v", got, err)
	}
	_, err = c.DeleteToken(t.Context(), "42", "5002")
	wantKind(t, "an answer that is not deleted", err, canvas.Unclear)
	if _, err := c.DeleteToken(t.Context(), "42", "17~16"); err != nil {
		t.Errorf("a short id, which has the length of a hint, is not written out: %v", err)
	}
	_, err = c.DeleteToken(t.Context(), "42", "77")
	wantKind(t, "an unknown token", err, canvas.NotFound)
}

// TestAnIDOfFiveDigitsIsNotTakenForAHint plays a Canvas where the owner has a
// token whose hint is another token's id: Canvas tries the hint first.
func TestAnIDOfFiveDigitsIsNotTakenForAHint(t *testing.T) {
	t.Parallel()
	victim := tokenBody(map[string]any{"id": "777", "visible_token": "12345..."})
	deleted := reply{body: tokenBody(map[string]any{"id": "777", "workflow_state": "deleted"})}
	for name, tc := range map[string]struct {
		show   reply
		remove reply
		kind   canvas.Kind // "" = done
		wrote  bool
	}{
		"the id reaches another token":       {reply{body: victim}, deleted, canvas.Server, false},
		"the id reaches its token":           {reply{body: tokenBody(map[string]any{"id": "12345"})}, reply{body: tokenBody(map[string]any{"id": "12345", "workflow_state": "deleted"})}, "", true},
		"the id reaches none":                {reply{status: 404, body: unknownRoute}, deleted, canvas.NotFound, false},
		"Canvas fails":                       {reply{status: 500}, deleted, canvas.Server, false},
		"reading is denied, and it was it":   {reply{status: 401, body: `{"status":"unauthorized"}`}, reply{body: tokenBody(map[string]any{"id": "12345", "workflow_state": "deleted"})}, "", true},
		"reading is denied, and it was not ": {reply{status: 401, body: `{"status":"unauthorized"}`}, deleted, canvas.Unclear, true},
	} {
		s := start(t, map[string]http.Handler{"GET /api/v1/users/42/tokens/12345": tc.show, "DELETE /api/v1/users/42/tokens/12345": tc.remove})
		_, err := s.client().DeleteToken(t.Context(), "42", "12345")
		wantKind(t, name, err, tc.kind)
		wrote := false
		for _, r := range s.requests() {
			wrote = wrote || r.Method == http.MethodDelete
		}
		if wrote != tc.wrote {
			t.Errorf("%s: delete was sent: %v", name, wrote)
		}
	}
}
