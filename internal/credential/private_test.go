package credential_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/credential"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// Only the hosts of registrations that an operator made with -allow-private, and
// that are switched on, may have private addresses. A process reads them every
// minute, and at once where it changed them itself.
func TestWhoseAddressesMayBePrivate(t *testing.T) {
	t.Parallel()
	st, c := storetest.Open(t), canvastest.NewFixedClock(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	by := &operate.Commands{Store: st, Box: secret.NewBox([32]byte{1}), Now: c.Now, Log: slog.New(slog.DiscardHandler)}
	p := &credential.PrivateHosts{Store: st, Now: c.Now, Log: slog.New(slog.DiscardHandler)}
	add := func(name string, private bool) {
		t.Helper()
		host := "https://canvas." + name + ".test"
		_, err := by.AddPlatform(t.Context(), operate.PlatformSpec{
			Name: name, Issuer: host, ClientID: "1", Deployments: []string{"1:a"}, AuthURL: host + "/auth", KeySetURL: "https://keys." + name + ".test/jwks",
			TokenURL: "https://token." + name + ".test/token", CanvasURLs: []string{host, "https://more." + name + ".test"}, AllowPrivate: private,
			Credential: operate.TokenCredential("1~abcdefgh"), Actor: "operator:kim", Reason: "first term",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(when, name string, want bool) {
		t.Helper()
		for _, host := range []string{"canvas.", "more.", "keys.", "token.", "CANVAS."} {
			if got := p.Has(host + name + ".test"); got != want {
				t.Errorf("%s: %s%s: %v, want %v", when, host, name, got, want)
			}
		}
	}
	add("inside", true)
	add("outside", false)
	want("as registered", "inside", true)
	want("as registered", "outside", false)
	want("as registered", "elsewhere", false)

	add("late", true)
	c.Advance(time.Minute - time.Microsecond)
	want("within a minute", "late", false)
	c.Advance(time.Microsecond)
	want("after a minute", "late", true)

	if err := by.DisablePlatform(t.Context(), "inside", "closing"); err != nil {
		t.Fatal(err)
	}
	want("before it is read", "inside", true)
	p.Forget()
	want("switched off", "inside", false)
	want("beside it", "late", true)

	c.Advance(time.Minute)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	want("a database that does not answer", "late", false)
}
