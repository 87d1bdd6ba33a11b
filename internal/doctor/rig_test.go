package doctor_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/secret"
)

func settings(t *testing.T) config.Config {
	t.Helper()
	c := config.Default()
	c.Database = secret.New("sqlite:" + filepath.Join(t.TempDir(), "app.db"))
	c.PublicURL = "http://127.0.0.1:1"
	c.Listen = "127.0.0.1:0"
	return c
}

func start(t *testing.T, cfg config.Config, o app.Options) *app.App {
	t.Helper()
	o.Migrate = true
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a, err := app.New(t.Context(), cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// spec is a good registration of a stand-in.
func spec(cv *canvastest.Server) operate.PlatformSpec {
	return operate.PlatformSpec{
		Name: "Northfield", Issuer: cv.Issuer(), ClientID: "10000000000002", Deployments: []string{"7788:abc", "9:def"},
		AuthURL: cv.SSOURL() + "/api/lti/authorize_redirect", KeySetURL: cv.SSOURL() + "/api/lti/security/jwks",
		TokenURL: cv.SSOURL() + "/login/oauth2/token", CanvasURLs: []string{cv.InstitutionURL()},
		Credential: operate.Credential{Token: secret.New(cv.World().ServiceToken())}, Actor: "operator:test", Reason: "first term",
	}
}
