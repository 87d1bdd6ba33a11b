package credential_test

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/store"
)

// A credential that works is asked after once a day, whatever replicas there
// are; one that Canvas refuses is noted at once and asked after every hour.
func TestCredentialsAreLookedAfter(t *testing.T) {
	clock := canvastest.NewFixedClock(time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC))
	cv := canvastest.Start(t, canvastest.Options{Clock: clock})
	cfg := settings(t)
	replicas := []*app.App{start(t, cfg, app.Options{Now: clock.Now}), start(t, cfg, app.Options{Now: clock.Now})}
	// The nightly inventory would list this account's tokens too.
	cv.World().SetPermission("account-admin", canvastest.PermReadReports, false)
	s := spec(cv)
	ends := clock.Now().AddDate(0, 0, 20)
	made, value := cv.World().SeedToken("service", canvastest.TokenSpec{Purpose: "Tokendesk", ExpiresAt: ends})
	s.Credential = operate.TokenCredential(value)
	p, err := replicas[0].Operate.AddPlatform(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	state := func() (c store.CredentialState) {
		t.Helper()
		err := replicas[1].Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			c, err = tx.CredentialState(p)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	// hour lets an hour pass with both replicas working, and returns how often
	// Canvas was asked for the credential's own tokens.
	hour := func() int {
		t.Helper()
		before := asked(cv)
		for _, a := range replicas {
			if _, err := a.Drain(t.Context()); err != nil {
				t.Log(err) // of other jobs, while Canvas refuses
			}
		}
		clock.Advance(time.Hour)
		return asked(cv) - before
	}
	day, times := 0, []int{}
	for range 49 {
		day += hour()
		times = append(times, day)
	}
	if times[0] != 1 || times[23] != 1 || times[24] != 2 || times[47] != 2 {
		t.Errorf("asked by the hour: %v, want once at the first, the 25th and the 49th", times)
	}
	if got := state(); day != 3 || !got.EndsAt.Equal(ends) || !got.RefusedAt.IsZero() {
		t.Errorf("asked %d times in two days and an hour: %+v", day, got)
	}

	// Canvas deletes it: the first call that fails tells everybody.
	cv.World().DeleteTokenBehind(made.ID)
	client, err := replicas[0].Desk.Canvas(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.User(t.Context(), "self"); canvas.KindOf(err) != canvas.Unauthenticated {
		t.Fatal(err)
	}
	since := state().RefusedAt
	if !since.Equal(clock.Now()) {
		t.Fatalf("refused since %v", since)
	}
	hour()
	hour()
	if got := state(); !got.RefusedAt.Equal(since) || got.CheckedAt.Before(since) {
		t.Errorf("after two hours: %+v", got)
	}
	// It works again: within the hour the notice is gone.
	cv.World().UpdateToken(made.ID, func(k *canvastest.Token) { k.State = canvastest.StateActive })
	hour()
	if got := state(); !got.RefusedAt.IsZero() || !got.EndsAt.Equal(ends) {
		t.Errorf("when it works again: %+v", got)
	}
	// A denial is not a refusal, and a Canvas that fails teaches nothing.
	cv.Fail(canvastest.Fault{Route: "/api/v1/users/:id", Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`})
	cv.Fail(canvastest.Fault{Route: "/api/v1/users/:id", Status: 500})
	for _, want := range []canvas.Kind{canvas.Denied, canvas.Server} {
		if _, err := client.User(t.Context(), "self"); canvas.KindOf(err) != want {
			t.Error(err)
		}
	}
	if got := state(); !got.RefusedAt.IsZero() {
		t.Errorf("after a denial: %+v", got)
	}
}

// asked counts the look at the credential's own tokens.
func asked(cv *canvastest.Server) int {
	return cv.Count("GET", "/api/v1/users/:user_id/user_generated_tokens")
}
