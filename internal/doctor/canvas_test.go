package doctor_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/doctor"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
)

const exchange = "/login/oauth2/token"

// checks are what doctor says of Northfield, by what was looked at.
func checks(t *testing.T, cfg config.Config, now func() time.Time) map[string]doctor.Check {
	t.Helper()
	out := map[string]doctor.Check{}
	app.Doctor(t.Context(), cfg, app.Options{Now: now}, "", func(c doctor.Check) {
		if what, ours := strings.CutPrefix(c.What, "Northfield: "); ours {
			out[what] = c
		}
	})
	return out
}

func TestDoctorTellsOfCanvas(t *testing.T) {
	day := 24 * time.Hour
	for name, tc := range map[string]struct {
		spoil func(cv *canvastest.Server, s *operate.PlatformSpec)
		what  string
		want  doctor.Outcome
		words string
	}{
		"E1": {func(cv *canvastest.Server, _ *operate.PlatformSpec) { cv.World().SetEra(canvastest.Era1) }, "Canvas's age", doctor.Note, "E1: tokens cannot be listed, so none is made"},
		"E1, accepted": {func(cv *canvastest.Server, s *operate.PlatformSpec) {
			cv.World().SetEra(canvastest.Era1b)
			s.School = store.School{AcceptNoListing: true}
		}, "Canvas's age", doctor.Note, "accepted"},
		"E2": {func(cv *canvastest.Server, _ *operate.PlatformSpec) { cv.World().SetEra(canvastest.Era2) }, "Canvas's age", doctor.Good, "E2: tokens can be listed"},
		"E3": {nil, "Canvas's age", doctor.Good, "E3: tokens can be listed"},
		"the age cannot be told": {func(cv *canvastest.Server, _ *operate.PlatformSpec) {
			cv.Fail(canvastest.Fault{Route: "/api/v1/users/:user_id/user_generated_tokens", Status: 500, Times: -1})
		}, "Canvas's age", doctor.Failed, "failed"},
		"an address that is no Canvas": {func(cv *canvastest.Server, _ *operate.PlatformSpec) {
			cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:id", Status: 404, Body: "<!doctype html><title>Moodle</title>", Times: -1})
		}, "Canvas credential", doctor.Failed, "this address does not answer as Canvas: http://"},
		"freezing is possible": {nil, "freezing tokens", doctor.Good, "possible"},
		"freezing is not": {func(cv *canvastest.Server, _ *operate.PlatformSpec) {
			cv.World().SetPermission("account-admin", canvastest.PermCreateTokens, false)
		}, "freezing tokens", doctor.Note, "create_access_tokens"},
		"permissions": {func(cv *canvastest.Server, _ *operate.PlatformSpec) {
			cv.World().SetPermission("account-admin", canvastest.PermCreateTokens, false)
		}, "permissions", doctor.Failed, "lacks create_access_tokens"},
		"permissions of E1": {func(cv *canvastest.Server, _ *operate.PlatformSpec) { cv.World().SetEra(canvastest.Era1) }, "permissions", doctor.Good, "create_access_tokens, delete_access_tokens"},
		"permissions that E1 lacks": {func(cv *canvastest.Server, _ *operate.PlatformSpec) {
			cv.World().SetEra(canvastest.Era1)
			cv.World().SetPermission("account-admin", canvastest.PermDeleteTokens, false)
		}, "permissions", doctor.Failed, "lacks delete_access_tokens in"},
		"permissions of E3": {func(cv *canvastest.Server, _ *operate.PlatformSpec) {
			cv.World().SetPermission("account-admin", canvastest.PermViewTokens, false)
		}, "permissions", doctor.Failed, "lacks view_user_generated_access_tokens"},
		"the report": {nil, "report of all tokens", doctor.Good, "possible"},
		"no right to the report": {func(cv *canvastest.Server, _ *operate.PlatformSpec) {
			cv.World().SetPermission("account-admin", canvastest.PermReadReports, false)
		}, "report of all tokens", doctor.Note, "read_reports"},
		"no such report": {func(cv *canvastest.Server, _ *operate.PlatformSpec) {
			cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/reports", Status: 200, Body: `[]`})
		}, "report of all tokens", doctor.Note, "does not offer it"},
		"a credential without an end":    {nil, "end of the credential", doctor.Good, "none"},
		"a credential that ends late":    {ending(31 * day), "end of the credential", doctor.Good, "2026-12-24"},
		"a credential that ends soon":    {ending(29 * day), "end of the credential", doctor.Note, "platform credential"},
		"a credential that ends at once": {ending(3 * day), "end of the credential", doctor.Failed, "2026-11-26 16:00 UTC"},
		"OAuth that works":               {oauth(false), "OAuth refresh", doctor.Good, "gave an access token"},
		"OAuth that does not":            {oauth(true), "OAuth refresh", doctor.Failed, "does not accept the refresh token"},
	} {
		t.Run(name, func(t *testing.T) {
			clock := canvastest.NewFixedClock(time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC))
			cv := canvastest.Start(t, canvastest.Options{Clock: clock})
			cfg := settings(t)
			a := start(t, cfg, app.Options{Now: clock.Now})
			s := spec(cv)
			if tc.spoil != nil {
				tc.spoil(cv, &s)
			}
			if _, err := a.Operate.AddPlatform(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			before := len(cv.World().Tokens("maya"))
			got := checks(t, cfg, clock.Now)
			if c := got[tc.what]; c.Outcome != tc.want || !strings.Contains(c.Found, tc.words) {
				t.Errorf("%s: %+v of %+v", tc.what, c, got)
			}
			for _, r := range cv.Requests() {
				if r.Method != http.MethodGet && r.Route != exchange {
					t.Errorf("doctor wrote: %s %s", r.Method, r.Route)
				}
			}
			if len(cv.World().Tokens("maya")) != before {
				t.Error("doctor made a token")
			}
		})
	}
}

// ending gives the registration an admin's token that ends so much later.
func ending(left time.Duration) func(*canvastest.Server, *operate.PlatformSpec) {
	return func(cv *canvastest.Server, s *operate.PlatformSpec) {
		_, value := cv.World().SeedToken("service", canvastest.TokenSpec{Purpose: "Tokendesk", ExpiresAt: cv.World().Clock.Now().Add(left)})
		s.Credential = operate.TokenCredential(value)
	}
}

func oauth(revoked bool) func(*canvastest.Server, *operate.PlatformSpec) {
	return func(cv *canvastest.Server, s *operate.PlatformSpec) {
		c := cv.World().AddOAuthClient("service", "Tokendesk")
		s.Credential = operate.Credential{OAuthClientID: c.ClientID, OAuthSecret: secret.New(c.Secret), RefreshToken: secret.New(c.RefreshToken)}
		if revoked {
			cv.World().RevokeOAuthClient(c.ClientID)
		}
	}
}
