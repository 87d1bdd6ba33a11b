package canvas_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

const (
	showRoute        = "GET /api/v1/users/42/tokens/5001"
	ownerRoute       = "GET /api/v1/users/42"
	permissionsRoute = "GET /api/v1/accounts/1/permissions"
	tokensRoute      = "GET " + listRoute
)

// proof is a Canvas where everything that proves a token gone is there.
func proof() map[string]http.Handler {
	return map[string]http.Handler{
		showRoute:        reply{status: 404, body: unknownRoute},
		ownerRoute:       reply{body: `{"id":"42","name":"Maya Chen"}`},
		permissionsRoute: reply{body: `{"view_user_generated_access_tokens":true,"delete_access_tokens":true}`},
		tokensRoute:      jsonList("[" + tokenBody(map[string]any{"id": "6000", "workflow_state": "active"}) + "]"),
	}
}

func TestGone(t *testing.T) {
	t.Parallel()
	denied := reply{status: 403, body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`}
	notFound := reply{status: 404, body: unknownRoute}
	page404 := reply{status: 404, header: map[string]string{"Content-Type": "text/html"}, body: "<html>404</html>"}
	show := func(changes map[string]any) map[string]http.Handler {
		return map[string]http.Handler{showRoute: reply{body: tokenBody(changes)}}
	}
	for name, tc := range map[string]struct {
		change map[string]http.Handler // nil handler = Canvas's 404 for this route
		gone   bool
		reason string
		kind   canvas.Kind // of the error that is returned beside; "" = none
		calls  int
	}{
		// Proofs.
		"Canvas says deleted": {show(map[string]any{"workflow_state": "deleted"}), true, "says that the token is deleted", "", 1},
		"a 404 with the owner, the rights and the full list without it": {nil, true, "full list does not have it", "", 4},
		"a 404, and the list is empty":                                  {map[string]http.Handler{tokensRoute: jsonList("[]")}, true, "full list does not have it", "", 4},
		"a 404, and the list has it as deleted":                         {map[string]http.Handler{tokensRoute: jsonList("[" + tokenBody(map[string]any{"workflow_state": "deleted"}) + "]")}, true, "lists the token as deleted", "", 4},
		"rights in the words of the documents":                          {map[string]http.Handler{permissionsRoute: reply{body: `{"view_user_generated_access_tokens":"true","delete_access_tokens":"true"}`}}, true, "full list does not have it", "", 4},

		// The token is there.
		"it is pending":                      {show(map[string]any{"workflow_state": "pending"}), false, "still has the token, in state pending", "", 1},
		"it is active":                       {show(map[string]any{"workflow_state": "active"}), false, "in state active", "", 1},
		"it is past its end, but there":      {show(map[string]any{"workflow_state": "active", "expires_at": "2020-01-01T00:00:00Z"}), false, "in state active", "", 1},
		"it is in a state that is new":       {show(map[string]any{"workflow_state": "disabled"}), false, "in state disabled", "", 1},
		"deleted, but of another owner":      {show(map[string]any{"workflow_state": "deleted", "user_id": "43"}), false, "another owner", "", 1},
		"deleted, but another token":         {show(map[string]any{"workflow_state": "deleted", "id": "5002"}), false, "could not be asked", canvas.Server, 1},
		"a 404, but the list has it":         {map[string]http.Handler{tokensRoute: jsonList("[" + tokenBody(map[string]any{"workflow_state": "active"}) + "]")}, false, "but lists it", "", 4},
		"a 404, but the list has it, global": {map[string]http.Handler{tokensRoute: jsonList("[" + tokenBody(map[string]any{"id": "170000000005001"}) + "]")}, false, "but lists it", "", 4},

		// One kind of 404 after the other.
		"a 404 because Canvas does not know the owner": {map[string]http.Handler{ownerRoute: notFound}, false, "nor its owner", "", 2},
		"a 404 because the owner was merged":           {map[string]http.Handler{ownerRoute: reply{body: `{"id":"77","name":"Maya Chen"}`}}, false, "another person", "", 2},
		"a 404 while the owner is hidden from us":      {map[string]http.Handler{ownerRoute: denied}, false, "about its owner", canvas.Denied, 2},
		"a 404 because the right to see is missing":    {map[string]http.Handler{permissionsRoute: reply{body: `{"view_user_generated_access_tokens":false,"delete_access_tokens":true}`}}, false, "lacks view_user_generated_access_tokens", "", 3},
		"a 404 because the right to delete is missing": {map[string]http.Handler{permissionsRoute: reply{body: `{"view_user_generated_access_tokens":true,"delete_access_tokens":"false"}`}}, false, "lacks delete_access_tokens", "", 3},
		"a 404 from a Canvas without these rights":     {map[string]http.Handler{permissionsRoute: reply{body: `{}`}}, false, "lacks view_user_generated_access_tokens", "", 3},
		"a 404 while the rights cannot be read":        {map[string]http.Handler{permissionsRoute: denied}, false, "permissions could not be read", canvas.Denied, 3},
		"a 404 while the account is unknown":           {map[string]http.Handler{permissionsRoute: notFound}, false, "permissions could not be read", canvas.NotFound, 3},
		"a 404 while the list is denied":               {map[string]http.Handler{tokensRoute: denied}, false, "could not be read in full", canvas.Denied, 4},
		"a 404 from a Canvas without the list":         {map[string]http.Handler{tokensRoute: notFound}, false, "could not be read in full", canvas.NotFound, 4},
		"a 404 while the list breaks off": {map[string]http.Handler{tokensRoute: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("page") {
				reply{status: 500}.ServeHTTP(w, r)
				return
			}
			reply{header: map[string]string{"Link": `<` + listRoute + `?page=2>; rel="next"`}, body: "[]"}.ServeHTTP(w, r)
		})}, false, "could not be read in full", canvas.Server, 5},
		"a 404 while the list does not tell its end":   {map[string]http.Handler{tokensRoute: reply{body: "[]"}}, false, "could not be read in full", canvas.Server, 4},
		"a 404 while the list is another person's":     {map[string]http.Handler{tokensRoute: jsonList("[" + tokenBody(map[string]any{"id": "6000", "user_id": "43"}) + "]")}, false, "tokens of another person", "", 4},
		"a 404 page of a proxy":                        {map[string]http.Handler{showRoute: page404}, false, "could not be asked about the token", canvas.Server, 1},
		"a 404 page of a proxy for the owner":          {map[string]http.Handler{ownerRoute: page404}, false, "about its owner", canvas.Server, 2},
		"404 to everything, as from another host":      {map[string]http.Handler{showRoute: notFound, ownerRoute: notFound, permissionsRoute: notFound, tokensRoute: notFound}, false, "nor its owner", "", 2},
		"a login page to everything":                   {map[string]http.Handler{showRoute: reply{header: map[string]string{"Content-Type": "text/html"}, body: "<html>"}}, false, "could not be asked", canvas.Server, 1},
		"no right at all":                              {map[string]http.Handler{showRoute: denied}, false, "could not be asked about the token", canvas.Denied, 1},
		"a credential that is no longer good":          {map[string]http.Handler{showRoute: reply{status: 401, body: `{"errors":[{"message":"Invalid access token."}]}`}}, false, "could not be asked", canvas.Unauthenticated, 1},
		"a Canvas that fails":                          {map[string]http.Handler{showRoute: reply{status: 503}}, false, "could not be asked", canvas.Server, 1},
		"a Canvas that fails at the last of the reads": {map[string]http.Handler{tokensRoute: reply{status: 502}}, false, "could not be read in full", canvas.Server, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			routes := proof()
			maps.Copy(routes, tc.change)
			s := start(t, routes)
			got, err := s.client().Gone(t.Context(), "1", "42", "5001")
			if got.Gone != tc.gone || !strings.Contains(got.Reason, tc.reason) {
				t.Errorf("Gone = %v because %q; want %v, %q", got.Gone, got.Reason, tc.gone, tc.reason)
			}
			wantKind(t, "error", err, tc.kind)
			if got.Gone && err != nil {
				t.Errorf("a proof beside an error: %v", err)
			}
			if !got.At.Equal(now) {
				t.Errorf("At = %v", got.At)
			}
			if n := len(s.requests()); n != tc.calls {
				t.Errorf("%d calls, want %d", n, tc.calls)
			}
		})
	}
}

func TestGoneNeedsIDs(t *testing.T) {
	t.Parallel()
	for name, ids := range map[string][3]string{
		"a hint instead of an id": {"1", "42", "aB3xY"},
		"no owner":                {"1", "", "5001"},
		"self for the owner":      {"1", "self", "5001"},
		"no token":                {"1", "42", ""},
	} {
		routes := proof()
		routes["GET /api/v1/users/self/tokens/5001"] = reply{body: tokenBody(map[string]any{"workflow_state": "deleted"})}
		got, _ := start(t, routes).client().Gone(t.Context(), ids[0], ids[1], ids[2])
		if got.Gone || got.Reason == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What a 404 leaves open is settled for all tokens of an owner by one look at
// the owner, the rights and the list.
func TestGoneAll(t *testing.T) {
	t.Parallel()
	notFound := reply{status: 404, body: unknownRoute}
	denied := reply{status: 403, body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`}
	second, third := "GET /api/v1/users/42/tokens/5002", "GET /api/v1/users/42/tokens/5003"
	three := []string{"5001", "5002", "5003"}
	type want struct {
		gone  []string
		kind  canvas.Kind
		calls int
		list  bool
	}
	for name, tc := range map[string]struct {
		change map[string]http.Handler
		want
	}{
		"three 404s":                {nil, want{three, "", 6, true}},
		"one says deleted":          {map[string]http.Handler{second: reply{body: tokenBody(map[string]any{"id": "5002", "workflow_state": "deleted"})}}, want{three, "", 6, true}},
		"one is still there":        {map[string]http.Handler{second: reply{body: tokenBody(map[string]any{"id": "5002", "workflow_state": "active"})}}, want{[]string{"5001", "5003"}, "", 6, true}},
		"one is listed":             {map[string]http.Handler{tokensRoute: jsonList("[" + tokenBody(map[string]any{"id": "5003", "workflow_state": "active"}) + "]")}, want{[]string{"5001", "5002"}, "", 6, true}},
		"one cannot be asked":       {map[string]http.Handler{second: reply{status: 500}}, want{[]string{"5001", "5003"}, canvas.Server, 6, true}},
		"the credential is no good": {map[string]http.Handler{showRoute: reply{status: 401, body: `{"errors":[{"message":"Invalid access token."}]}`}}, want{nil, canvas.Unauthenticated, 1, false}},
		"the owner is unknown":      {map[string]http.Handler{ownerRoute: notFound}, want{nil, "", 4, false}},
		"a right is missing":        {map[string]http.Handler{permissionsRoute: reply{body: `{"view_user_generated_access_tokens":true}`}}, want{nil, "", 5, false}},
		"the list is denied, but one says deleted": {map[string]http.Handler{tokensRoute: denied, third: reply{body: tokenBody(map[string]any{"id": "5003", "workflow_state": "deleted"})}},
			want{[]string{"5003"}, canvas.Denied, 6, false}},
		"another's token in the list": {map[string]http.Handler{tokensRoute: jsonList("[" + tokenBody(map[string]any{"id": "6000", "user_id": "43"}) + "]")}, want{nil, "", 6, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			routes := proof()
			routes[second], routes[third] = notFound, notFound
			maps.Copy(routes, tc.change)
			s := start(t, routes)
			var held canvas.Confirmed
			found, list, err := s.client().GoneAll(t.Context(), "1", "42", three, &held)
			wantKind(t, "error", err, tc.kind)
			for _, id := range three {
				if ev := found[id]; ev.Gone != slices.Contains(tc.gone, id) || (ev.Reason == "" && len(found) == 3) {
					t.Errorf("%s: gone %v because %q", id, ev.Gone, ev.Reason)
				}
			}
			if n := len(s.requests()); n != tc.calls || (list != nil) != tc.list {
				t.Errorf("%d calls, want %d; a list: %v", n, tc.calls, list != nil)
			}
		})
	}
}

// The rights are confirmed once in a while, and anew after a denial.
func TestGoneAllConfirmsTheRightsOnceInAWhile(t *testing.T) {
	t.Parallel()
	at := now
	denying := false
	routes := proof()
	routes[tokensRoute] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if denying {
			reply{status: 403, body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`}.ServeHTTP(w, r)
			return
		}
		jsonList("[]").ServeHTTP(w, r)
	})
	s := start(t, routes)
	c := canvas.New(canvas.Config{BaseURL: s.URL, Credential: good, Now: func() time.Time { return at }})
	var held canvas.Confirmed
	asked := func() (n int) {
		for _, r := range s.requests() {
			if strings.HasSuffix(r.Path, "/permissions") {
				n++
			}
		}
		return n
	}
	for i, step := range []struct {
		later time.Duration
		deny  bool
		gone  bool
		asked int
	}{{0, false, true, 1}, {3*time.Minute - 1, false, true, 1}, {1, false, true, 2}, {0, true, false, 2}, {0, false, true, 3}} {
		at, denying = at.Add(step.later), step.deny
		found, _, err := c.GoneAll(t.Context(), "1", "42", []string{"5001"}, &held)
		if found["5001"].Gone != step.gone || (err != nil) == step.gone || asked() != step.asked {
			t.Errorf("step %d: gone %v, %v; the rights were asked for %d times, want %d", i, found["5001"].Gone, err, asked(), step.asked)
		}
	}
	if found, list, err := c.GoneAll(t.Context(), "1", "42", nil, &held); len(found) != 0 || list == nil || err != nil {
		t.Errorf("no tokens, for the list alone: %v, %v, %v", found, list, err)
	}
}
