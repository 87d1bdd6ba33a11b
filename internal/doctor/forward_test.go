package doctor_test

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/doctor"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// A proxy that nobody named makes one address of everybody behind it. The log says
// so once, and doctor until the proxy is named or nothing more comes of it.
func TestAProxyThatNobodyNamedIsTold(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, dsn string) {
		now := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)
		clock := func() time.Time { return now }
		key := filepath.Join(t.TempDir(), "master.key")
		if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text())[:32])), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := config.Default()
		cfg.Database, cfg.PublicURL, cfg.MasterKeyFile = secret.New(dsn), "https://tokens.example.edu", key
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
		var logs strings.Builder
		a, err := app.New(t.Context(), cfg, app.Options{Migrate: true, Now: clock, Log: slog.New(slog.NewTextHandler(&logs, nil))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Close() })
		ask := func(peer, header string) {
			q := httptest.NewRequest(http.MethodGet, "/healthz", nil)
			q.RemoteAddr = peer
			if header != "" {
				q.Header.Set(header, "198.51.100.9")
			}
			a.Handler().ServeHTTP(httptest.NewRecorder(), q)
		}
		examine := func(cfg config.Config) (found string, outcome doctor.Outcome) {
			app.Doctor(t.Context(), cfg, app.Options{Now: clock, Log: slog.New(slog.DiscardHandler)}, "", func(c doctor.Check) {
				if c.What == "trusted proxies" {
					found, outcome = c.Found, c.Outcome
				}
			})
			return found, outcome
		}
		quiet := func(when string) {
			t.Helper()
			if found, outcome := examine(cfg); outcome != doctor.Good {
				t.Errorf("%s: doctor says %s %q", when, outcome, found)
			}
		}
		warnings := func() int { return strings.Count(logs.String(), "a forwarded header is not believed") }

		ask("10.1.2.3:5", "")
		ask("192.0.2.7:5", "X-Forwarded-For")
		ask("[::ffff:192.0.2.7]:5", "Forwarded")
		ask("[2001:db8::1]:5", "X-Real-IP")
		ask("@", "X-Forwarded-For")
		quiet("with trusted proxies only")
		if warnings() != 0 {
			t.Errorf("a trusted proxy is warned of: %s", logs.String())
		}

		for range 3 {
			ask("10.1.2.3:5", "X-Forwarded-For")
			ask("10.1.2.4:5", "Forwarded")
		}
		if n := warnings(); n != 1 || !strings.Contains(logs.String(), "peer=10.1.2.3") || !strings.Contains(logs.String(), "setting=TOKENDESK_TRUSTED_PROXIES") {
			t.Errorf("%d warnings: %s", n, logs.String())
		}
		found, outcome := examine(cfg)
		for _, want := range []string{"10.1.2.3", "X-Forwarded-For", "TOKENDESK_TRUSTED_PROXIES", "2026-11-23T16:00:00Z"} {
			if outcome != doctor.Note || !strings.Contains(found, want) {
				t.Errorf("doctor says %s %q, and not %q", outcome, found, want)
			}
		}
		// Once it is named, it is no longer true.
		named := cfg
		named.TrustedProxies = append(named.TrustedProxies, netip.MustParsePrefix("10.1.2.0/24"))
		if found, outcome := examine(named); outcome != doctor.Good {
			t.Errorf("doctor says %s %q of a proxy that is named", outcome, found)
		}
		drain := func() {
			t.Helper()
			if _, err := a.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		// While it comes, it is true.
		now = now.Add(20 * time.Hour)
		ask("10.1.2.3:5", "X-Forwarded-For")
		now = now.Add(23 * time.Hour)
		drain()
		if _, outcome := examine(cfg); outcome != doctor.Note {
			t.Error("doctor has forgotten it")
		}
		now = now.Add(2 * time.Hour)
		quiet("a day after the last one")
		drain()
		now = now.Add(-3 * time.Hour)
		quiet("after the row was removed")
		if n := warnings(); n != 1 {
			t.Errorf("%d warnings", n)
		}
	})
}
