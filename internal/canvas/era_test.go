package canvas_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/secret"
)

func TestErasAreToldApartByReadingAlone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		era    canvastest.Era
		flags  func(*canvastest.Flags)
		denied bool // a denial is met first
		want   canvas.Eras
	}{
		"E1":                    {canvastest.Era1, nil, false, canvas.Eras{Era: canvas.Era1}},
		"E1b":                   {canvastest.Era1b, nil, true, canvas.Eras{Era: canvas.Era1, DeniedStatus: 401}},
		"E2":                    {canvastest.Era2, nil, false, canvas.Eras{Era: canvas.Era2, Lists: true}},
		"E2 with new denials":   {canvastest.Era2, func(f *canvastest.Flags) { f.APIAuthErrorUpdates = true }, true, canvas.Eras{Era: canvas.Era2, Lists: true, DeniedStatus: 403}},
		"E2 without its switch": {canvastest.Era2, func(f *canvastest.Flags) { f.StudentAccessTokenManagement = false }, false, canvas.Eras{Era: canvas.Era1}},
		"E2 without the option": {canvastest.Era2, func(f *canvastest.Flags) { f.AdminManageAccessTokens = false }, true, canvas.Eras{Era: canvas.Era2, Lists: true, DeniedStatus: 401}},
		"E2 or E3":              {canvastest.Era2, func(f *canvastest.Flags) { f.AdminManageAccessTokens = false }, false, canvas.Eras{Era: canvas.Era2Or3, Lists: true}},
		"E3":                    {canvastest.Era3, nil, true, canvas.Eras{Era: canvas.Era3, Lists: true, DeniedStatus: 403}},
		"permissions as words":  {canvastest.Era3, func(f *canvastest.Flags) { f.PermissionsAsStrings = true }, false, canvas.Eras{Era: canvas.Era3, Lists: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := standin(t, canvastest.Options{Era: tc.era})
			if tc.flags != nil {
				s.World().UpdateFlags(tc.flags)
			}
			if tc.denied {
				s.World().SetPermission("account-admin", "manage_account_memberships", false)
				s.World().SetPermission("account-admin", canvastest.PermReadReports, false)
				_, err := c.HasTokenReport(t.Context(), "self")
				wantKind(t, "the denial", err, canvas.Denied)
			}
			got, err := c.Era(t.Context())
			if err != nil || got.Era != tc.want.Era || got.Lists != tc.want.Lists || got.DeniedStatus != tc.want.DeniedStatus || len(got.Held) != 3 {
				t.Errorf("Era = %+v, %v; want %+v", got, err, tc.want)
			}
			if slices.ContainsFunc(s.Requests(), func(r canvastest.Request) bool { return r.Method != http.MethodGet }) {
				t.Error("Era wrote")
			}
			calls := len(s.Requests())
			if again, err := c.Era(t.Context()); err != nil || again.Era != got.Era || len(s.Requests()) != calls {
				t.Errorf("asked again: %+v, %v, %d calls", again, err, len(s.Requests())-calls)
			}
		})
	}
}

func TestAnEraThatCannotBeReadIsAnErrorAndNotKept(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	s.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/user_generated_tokens", Status: 404, Body: "<html>a proxy</html>", ContentType: "text/html"})
	if got, err := c.Era(t.Context()); canvas.KindOf(err) != canvas.Server {
		t.Errorf("a page of a proxy is taken for E1: %+v, %v", got, err)
	}
	s.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/features/enabled", Status: 500})
	if got, err := c.Era(t.Context()); err != nil || got.Era != canvas.Era2Or3 {
		t.Errorf("without the features: %+v, %v", got, err)
	}
	_, err := clientOf(s, "17~nothing").Era(t.Context())
	wantKind(t, "a credential that is none", err, canvas.Unauthenticated)
}

func TestOwnTokens(t *testing.T) {
	t.Parallel()
	s, _ := standin(t, canvastest.Options{})
	w := s.World()
	token, value := w.SeedToken("dana", canvastest.TokenSpec{Purpose: "Tokendesk", ExpiresAt: inDays(20)})
	w.SeedToken("dana", canvastest.TokenSpec{Purpose: "another"})
	if own, err := clientOf(s, value).OwnTokens(t.Context()); err != nil || len(own) != 1 || own[0].ID != token.ID.String() || !own[0].ExpiresAt.Equal(inDays(20)) {
		t.Errorf("own = %+v, %v", own, err)
	}
	_, app := w.SeedToken("dana", canvastest.TokenSpec{AppName: "OAuth"})
	if own, err := clientOf(s, app).OwnTokens(t.Context()); err != nil || len(own) != 0 {
		t.Errorf("of an application: %+v, %v", own, err)
	}
	w.SetEra(canvastest.Era1)
	_, err := clientOf(s, value).OwnTokens(t.Context())
	wantKind(t, "a Canvas without a list", err, canvas.NotFound)
}

// Of tokens whose hint is the credential's, only a usable one can be it.
func TestOnlyAUsableTokenIsOwn(t *testing.T) {
	t.Parallel()
	var rows []string
	row := func(id, state, hint string, ends any) {
		rows = append(rows, tokenBody(map[string]any{"id": id, "user_id": "9", "workflow_state": state, "visible_token": hint, "expires_at": ends}))
	}
	hint := credential[:5] + "..."
	row("1", "active", hint, nil)
	row("2", "active", hint, now.Add(time.Second).Format(time.RFC3339))
	row("3", "active", hint, now.Add(-time.Second).Format(time.RFC3339))
	row("4", "pending", hint, nil)
	row("5", "deleted", hint, nil)
	row("6", "active", "zzzzz...", nil)
	s := start(t, map[string]http.Handler{"GET /api/v1/users/self/user_generated_tokens": jsonList("[" + strings.Join(rows, ",") + "]")})
	own, err := s.client().OwnTokens(t.Context())
	var ids []string
	for _, o := range own {
		ids = append(ids, o.ID)
	}
	if err != nil || strings.Join(ids, " ") != "1 2" {
		t.Errorf("own: %v, %v; want 1 and 2", ids, err)
	}
}

// What Canvas is, is asked once a day.
func TestAnEraIsKeptForADay(t *testing.T) {
	t.Parallel()
	s := canvastest.Start(t, canvastest.Options{})
	at := now
	c := canvas.New(canvas.Config{BaseURL: s.InstitutionURL(), HTTP: s.Client(), Now: func() time.Time { return at },
		Credential: func(context.Context) (secret.Text, error) { return secret.New(s.World().ServiceToken()), nil }})
	before := 0
	for i, step := range []struct {
		later time.Duration
		asks  bool
	}{{0, true}, {24*time.Hour - 1, false}, {1, true}, {time.Hour, false}} {
		at = at.Add(step.later)
		if _, err := c.Era(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(s.Requests()); (n > before) != step.asks {
			t.Errorf("step %d: %d calls", i, n-before)
		}
		before = len(s.Requests())
	}
}

func TestHasTokenReport(t *testing.T) {
	t.Parallel()
	s, c := standin(t, canvastest.Options{})
	if has, err := c.HasTokenReport(t.Context(), "self"); err != nil || !has {
		t.Errorf("%v, %v", has, err)
	}
	if has, err := always(t, reply{body: `[{"report":"grades"}]`}).client().HasTokenReport(t.Context(), "1"); err != nil || has {
		t.Errorf("a Canvas without it: %v, %v", has, err)
	}
	_, err := clientOf(s, seeded(s, "tom")).HasTokenReport(t.Context(), "self")
	wantKind(t, "without the right", err, canvas.Denied)
}

func TestNoListing(t *testing.T) {
	t.Parallel()
	list := func(era canvastest.Era, credential func(*canvastest.Server) string, owner string) (bool, error) {
		s, _ := standin(t, canvastest.Options{Era: era})
		c := clientOf(s, credential(s))
		_, err := c.ListTokens(t.Context(), orElse(owner, s.World().User("maya").ID.String()))
		return c.NoListing(t.Context(), err), err
	}
	service := func(s *canvastest.Server) string { return s.World().ServiceToken() }
	tom := func(s *canvastest.Server) string { return seeded(s, "tom") }
	for name, tc := range map[string]struct {
		era        canvastest.Era
		credential func(*canvastest.Server) string
		owner      string
		want       bool
	}{
		"a Canvas without a list":  {canvastest.Era1b, service, "", true},
		"not for this credential":  {canvastest.Era3, tom, "", true},
		"an owner nobody knows":    {canvastest.Era3, service, "987654321", false},
		"a list that can be read":  {canvastest.Era3, service, "", false},
		"a credential that is odd": {canvastest.Era3, func(*canvastest.Server) string { return "17~no" }, "", false},
	} {
		if got, err := list(tc.era, tc.credential, tc.owner); got != tc.want {
			t.Errorf("%s: %v (%v)", name, got, err)
		}
	}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
