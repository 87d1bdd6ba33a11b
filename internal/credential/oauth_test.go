package credential_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// oauthRig is two replicas on one database, registered with a stand-in by a
// refresh token.
type oauthRig struct {
	t        *testing.T
	clock    *canvastest.Clock
	cv       *canvastest.Server
	oauth    canvastest.OAuthClient
	replicas []*app.App
	platform store.Platform
	// byClock: whoever waits for another's turn sleeps until the clock is moved.
	byClock atomic.Bool
}

const exchange = "/login/oauth2/token"

func eachOAuthRig(t *testing.T, test func(r *oauthRig)) {
	t.Helper()
	storetest.EachURL(t, func(t *testing.T, url string) {
		r := &oauthRig{t: t, clock: canvastest.NewFixedClock(time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC))}
		r.cv = canvastest.Start(t, canvastest.Options{Clock: r.clock})
		key := filepath.Join(t.TempDir(), "master.key")
		if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text())[:32])), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := settings(t)
		cfg.Database, cfg.MasterKeyFile = secret.New(url), key
		for range 2 {
			r.replicas = append(r.replicas, start(t, cfg, app.Options{Now: r.clock.Now, Sleep: r.sleep}))
		}
		r.oauth = r.cv.World().AddOAuthClient("service", "Tokendesk")
		r.register("first term")
		test(r)
	})
}

func (r *oauthRig) sleep(ctx context.Context, d time.Duration) error {
	if r.byClock.Load() {
		return r.clock.Sleep(ctx, d)
	}
	return canvastest.NewClock().Sleep(ctx, d)
}

func (r *oauthRig) register(reason string) {
	r.t.Helper()
	s := spec(r.cv)
	s.Reason = reason
	s.Credential = operate.Credential{OAuthClientID: r.oauth.ClientID, OAuthSecret: secret.New(r.oauth.Secret), RefreshToken: secret.New(r.oauth.RefreshToken)}
	var err error
	if r.platform, err = r.replicas[0].Operate.AddPlatform(r.t.Context(), s); err != nil {
		r.t.Fatal(err)
	}
}

func (r *oauthRig) call(ctx context.Context, replica int) error {
	client, err := r.replicas[replica].Desk.Canvas(r.platform)
	if err != nil {
		return err
	}
	_, err = client.Account(ctx, "self")
	return err
}

// storm calls n times at once on each replica and returns the errors.
func (r *oauthRig) storm(n int) (errs []error) {
	all := make(chan error, 2*n)
	var wg sync.WaitGroup
	for i := range 2 * n {
		wg.Go(func() { all <- r.call(r.t.Context(), i%2) })
	}
	wg.Wait()
	close(all)
	for err := range all {
		errs = append(errs, err)
	}
	return errs
}

func (r *oauthRig) exchanges() int { return r.cv.Count(http.MethodPost, exchange) }

func (r *oauthRig) state() (state store.CredentialState) {
	r.t.Helper()
	err := r.replicas[0].Store.Read(r.t.Context(), func(tx *store.Tx) (err error) {
		state, err = tx.CredentialState(r.platform)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return state
}

func TestReplicasExchangeOnceForAll(t *testing.T) {
	eachOAuthRig(t, func(r *oauthRig) {
		for round := 1; round <= 3; round++ {
			if err := errors.Join(r.storm(16)...); err != nil {
				r.t.Fatal(err)
			}
			if n := r.exchanges(); n != round {
				r.t.Fatalf("%d exchanges for %d hours of 32 calls at once", n, round)
			}
			// Canvas gives an hour; the last two minutes of it are not used.
			r.clock.Advance(58*time.Minute - time.Microsecond)
			if err := errors.Join(r.storm(1)...); err != nil || r.exchanges() != round {
				r.t.Errorf("before its last minutes: %v, %d exchanges", err, r.exchanges())
			}
			r.clock.Advance(time.Microsecond)
		}
		if state := r.state(); len(state.Access) == 0 || !state.LeasedUntil.IsZero() || !state.RefusedAt.IsZero() {
			r.t.Errorf("shared: %+v", state)
		}
	})
}

// One exchange at a time, and a replica that dies in one blocks nobody for long.
func TestAReplicaThatDiesInItsTurnIsWaitedForAndNoLonger(t *testing.T) {
	eachOAuthRig(t, func(r *oauthRig) {
		now := r.clock.Now()
		lease := func(owner string) error {
			return r.replicas[0].Store.InTx(r.t.Context(), func(tx *store.Tx) error {
				_, err := tx.LeaseCredential(r.platform, owner, now, now.Add(15*time.Second))
				return err
			})
		}
		if err := lease("xch_dead"); err != nil {
			r.t.Fatal(err)
		}
		if err := lease("xch_second"); !errors.Is(err, access.ErrConflict) {
			r.t.Errorf("a second turn at once: %v", err)
		}
		r.byClock.Store(true)
		waits := make(chan error)
		ctx, leave := context.WithCancel(r.t.Context())
		go func() { waits <- r.call(ctx, 1) }()
		r.clock.AwaitSleepers(r.t, 1)
		leave()
		if err := <-waits; canvas.KindOf(err) != canvas.Unreachable || r.exchanges() != 0 {
			r.t.Errorf("in somebody else's turn: %v, %d exchanges", err, r.exchanges())
		}
		go func() { waits <- r.call(r.t.Context(), 1) }()
		r.clock.AwaitSleepers(r.t, 1)
		r.clock.Advance(15*time.Second - time.Millisecond)
		r.clock.AwaitSleepers(r.t, 1) // it looked, and waits on
		if n := r.exchanges(); n != 0 {
			r.t.Errorf("%d exchanges in somebody else's turn", n)
		}
		r.clock.Advance(50 * time.Millisecond)
		if err := <-waits; err != nil || r.exchanges() != 1 {
			r.t.Errorf("after the dead one's turn: %v, %d exchanges", err, r.exchanges())
		}
		err := r.replicas[0].Store.InTx(r.t.Context(), func(tx *store.Tx) error {
			return tx.SettleCredential(r.platform, "xch_dead", store.CredentialState{})
		})
		if !errors.Is(err, access.ErrConflict) {
			r.t.Errorf("the dead one comes back: %v", err)
		}
		if err := r.call(r.t.Context(), 0); err != nil || r.exchanges() != 1 {
			r.t.Errorf("and what it brings counts: %v, %d exchanges", err, r.exchanges())
		}
	})
}

func TestARefreshTokenThatCanvasReplacesIsKept(t *testing.T) {
	eachOAuthRig(t, func(r *oauthRig) {
		r.cv.World().UpdateFlags(func(f *canvastest.Flags) { f.RotateRefreshTokens = true })
		for round := 1; round <= 3; round++ {
			if err := errors.Join(r.storm(4)...); err != nil || r.exchanges() != round {
				r.t.Fatalf("%v, %d exchanges", err, r.exchanges())
			}
			r.clock.Advance(time.Hour)
		}
		state := r.state()
		if len(state.Refresh) == 0 {
			r.t.Fatal("the new refresh token is not kept")
		}
		for name, context := range map[string]string{"access": "/access-token", "refresh": "/refresh-token"} {
			sealed := map[string][]byte{"access": state.Access, "refresh": state.Refresh}[name]
			plain, err := r.replicas[1].Box.Open(sealed, "platform/"+r.platform.ID+context)
			if err != nil || bytes.Contains(sealed, plain) || len(plain) < 40 {
				r.t.Errorf("the %s token is not sealed: %v", name, err)
			}
		}
		told := 0
		err := r.replicas[0].Store.Read(r.t.Context(), func(tx *store.Tx) error {
			entries, err := tx.AuditAfter(r.platform.Tenant, 0, 50)
			for _, e := range entries {
				if e.Event.Action == audit.PlatformChange && e.Detail != nil && strings.Contains(e.Detail.Data["credential"], "replaced") {
					told++
				}
			}
			return err
		})
		if err != nil || told != 3 {
			r.t.Errorf("%d entries tell of it, %v", told, err)
		}
	})
}

func TestARefusedRefreshTokenIsSaidPlainlyAndNotTriedInAStorm(t *testing.T) {
	eachOAuthRig(t, func(r *oauthRig) {
		r.cv.World().RevokeOAuthClient(r.oauth.ClientID)
		for _, err := range append(r.storm(8), r.storm(8)...) {
			if canvas.KindOf(err) != canvas.Unauthenticated || !strings.Contains(err.Error(), "platform credential") {
				r.t.Errorf("a revoked consent: %v", err)
			}
			for _, s := range []string{r.oauth.Secret, r.oauth.RefreshToken} {
				if strings.Contains(fmt.Sprint(err), s) {
					r.t.Error("the error tells the credential")
				}
			}
		}
		if n := r.exchanges(); n != 1 {
			r.t.Errorf("%d exchanges within a minute", n)
		}
		if r.state().RefusedAt.IsZero() {
			r.t.Error("nobody can be told")
		}
		for after, want := range []int{1, 2} { // a minute's rest
			r.clock.Advance([]time.Duration{time.Minute - time.Microsecond, time.Microsecond}[after])
			if err := r.call(r.t.Context(), 1); canvas.KindOf(err) != canvas.Unauthenticated || r.exchanges() != want {
				r.t.Errorf("look %d: %v, %d exchanges, want %d", after, err, r.exchanges(), want)
			}
		}
		// A new credential begins anew, at once.
		r.oauth = r.cv.World().AddOAuthClient("service", "Tokendesk")
		r.register("the consent was given again")
		if err := errors.Join(r.storm(4)...); err != nil || r.exchanges() != 3 {
			r.t.Errorf("with a new credential: %v, %d exchanges", err, r.exchanges())
		}
		if !r.state().RefusedAt.IsZero() {
			r.t.Error("it is called refused still")
		}
	})
}

// arriving is a context that tells when somebody begins to wait for its end.
type arriving struct {
	context.Context
	arrived func()
}

func (c arriving) Done() <-chan struct{} {
	c.arrived()
	return c.Context.Done()
}

func TestAFailingExchangeIsOneForAllWhoWait(t *testing.T) {
	eachOAuthRig(t, func(r *oauthRig) {
		const callers = 16
		gate, asked := make(chan struct{}), make(chan struct{}, 1)
		undo := r.cv.Fail(canvastest.Fault{Route: exchange, Status: http.StatusBadGateway, Gate: gate, Times: -1, Hit: func() {
			select {
			case asked <- struct{}{}:
			default:
			}
		}})
		errs := make(chan error)
		var waiting sync.WaitGroup
		waiting.Add(callers)
		for range callers {
			ctx := arriving{r.t.Context(), sync.OnceFunc(waiting.Done)}
			go func() { errs <- r.call(ctx, 0) }()
		}
		waiting.Wait() // all of them are at the door, and the first has asked
		<-asked
		if until := r.state().LeasedUntil; !until.Equal(r.clock.Now().Add(15 * time.Second)) {
			r.t.Errorf("the turn is taken until %v", until)
		}
		close(gate)
		for range callers {
			if err := <-errs; canvas.KindOf(err) != canvas.Server {
				r.t.Errorf("a failing Canvas: %v", err)
			}
		}
		if n := r.exchanges(); n != 1 {
			r.t.Errorf("%d exchanges", n)
		}
		undo()
		if err := r.call(r.t.Context(), 1); err != nil {
			r.t.Errorf("a turn that failed blocks the others: %v", err)
		}
		for body, kind := range map[string]canvas.Kind{`{"access_token":""}`: canvas.Server, `not JSON`: canvas.Server} {
			r.clock.Advance(time.Hour)
			r.cv.Fail(canvastest.Fault{Route: exchange, Status: http.StatusOK, Body: body})
			if err := r.call(r.t.Context(), 0); canvas.KindOf(err) != kind {
				r.t.Errorf("%s: %v", body, err)
			}
		}
	})
}

func TestAnAccessTokenThatEndedEarlyIsReplaced(t *testing.T) {
	eachOAuthRig(t, func(r *oauthRig) {
		for i := range 2 {
			if err := r.call(r.t.Context(), i); err != nil {
				r.t.Fatal(err)
			}
		}
		r.clock.Advance(10 * time.Minute)
		r.deleteAccess()
		// Both replicas have it, and the second must not drop what the first got anew.
		for i := range 2 {
			if err := r.call(r.t.Context(), i); canvas.KindOf(err) != canvas.Unauthenticated {
				r.t.Errorf("replica %d, a token that is gone: %v", i, err)
			}
			if err := r.call(r.t.Context(), i); err != nil {
				r.t.Errorf("replica %d, afterwards: %v", i, err)
			}
		}
		if n := r.exchanges(); n != 2 {
			r.t.Errorf("%d exchanges", n)
		}
		if !r.state().RefusedAt.IsZero() {
			r.t.Error("the admins are told of a credential that works")
		}
	})
}

// deleteAccess deletes, in Canvas, every access token that it gave.
func (r *oauthRig) deleteAccess() {
	for _, token := range r.cv.World().Tokens("service") {
		if token.AppName == "Tokendesk" {
			r.cv.World().DeleteTokenBehind(token.ID)
		}
	}
}

// What Canvas says of an access token's life is believed within reason.
func TestTheLifeOfAnAccessToken(t *testing.T) {
	eachOAuthRig(t, func(r *oauthRig) {
		_, value := r.cv.World().SeedToken("service", canvastest.TokenSpec{Purpose: "x"})
		const margin = 2 * time.Minute
		for i, tc := range []struct {
			says string
			want time.Duration
		}{
			{`,"expires_in":3600`, time.Hour},
			{`,"expires_in":600`, 10 * time.Minute},
			{``, time.Hour},
			{`,"expires_in":-5`, time.Hour},
			{`,"expires_in":120`, time.Hour},
			{`,"expires_in":121`, 121 * time.Second},
			{`,"expires_in":86400`, 24 * time.Hour},
			{`,"expires_in":86401`, time.Hour},
		} {
			r.cv.Fail(canvastest.Fault{Route: exchange, Status: http.StatusOK, Body: `{"access_token":"` + value + `"` + tc.says + `}`})
			if err := r.call(r.t.Context(), i%2); err != nil || r.exchanges() != i+1 {
				r.t.Fatalf("%s: %v, %d exchanges", tc.says, err, r.exchanges())
			}
			if got, want := r.state().AccessUntil, r.clock.Now().Add(tc.want-margin); !got.Equal(want) {
				r.t.Errorf("%s: used until %v, want %v", tc.says, got, want)
			}
			r.clock.Advance(tc.want - margin)
		}
	})
}

// Where Canvas refuses the refresh token that it gave last, the one that the
// operator stored is tried.
func TestTheStoredRefreshTokenIsTheLastResort(t *testing.T) {
	eachOAuthRig(t, func(r *oauthRig) {
		bad := r.replicas[0].Box.Seal([]byte("1~nobodyknowsthisrefreshtoken"), "platform/"+r.platform.ID+"/refresh-token")
		err := r.replicas[0].Store.InTx(r.t.Context(), func(tx *store.Tx) error {
			now := r.clock.Now()
			state, err := tx.LeaseCredential(r.platform, "xch_test", now, now.Add(time.Second))
			if err != nil {
				return err
			}
			state.Refresh = bad
			return tx.SettleCredential(r.platform, "xch_test", state)
		})
		if err != nil {
			r.t.Fatal(err)
		}
		if err := r.call(r.t.Context(), 0); err != nil || r.exchanges() != 2 {
			r.t.Errorf("%v, %d exchanges, want one by each", err, r.exchanges())
		}
		// A Canvas that fails has refused nothing.
		r.clock.Advance(time.Hour)
		r.cv.Fail(canvastest.Fault{Route: exchange, Status: http.StatusBadGateway})
		if err := r.call(r.t.Context(), 0); canvas.KindOf(err) != canvas.Server || r.exchanges() != 3 {
			r.t.Errorf("while Canvas fails: %v, %d exchanges", err, r.exchanges())
		}
	})
}

// An access token that was just had and is refused all the same is not too old:
// another would do no better, so none is asked for, and the admins are told.
func TestAFreshAccessTokenThatCanvasRefusesIsKept(t *testing.T) {
	eachOAuthRig(t, func(r *oauthRig) {
		if err := r.call(r.t.Context(), 0); err != nil {
			r.t.Fatal(err)
		}
		r.deleteAccess()
		refused := func(when string) {
			r.t.Helper()
			if err := r.call(r.t.Context(), 0); canvas.KindOf(err) != canvas.Unauthenticated || r.exchanges() != 1 {
				r.t.Errorf("%s: %v, %d exchanges", when, err, r.exchanges())
			}
		}
		refused("at once")
		since := r.clock.Now()
		r.clock.Advance(time.Minute - time.Microsecond)
		refused("just within a minute")
		if got := r.state(); !got.RefusedAt.Equal(since) {
			r.t.Errorf("refused since %v, want %v", got.RefusedAt, since)
		}
		r.clock.Advance(time.Microsecond)
		refused("after a minute, when it is dropped")
		if err := r.call(r.t.Context(), 0); err != nil || r.exchanges() != 2 {
			r.t.Errorf("afterwards: %v, %d exchanges", err, r.exchanges())
		}
		if got := r.state(); !got.RefusedAt.IsZero() {
			r.t.Errorf("it is called refused still: %+v", got)
		}
	})
}

func TestOAuthCredential(t *testing.T) {
	clock := canvastest.NewFixedClock(time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC))
	cv := canvastest.Start(t, canvastest.Options{Clock: clock})
	a := start(t, settings(t), app.Options{Now: clock.Now})
	oauth := cv.World().AddOAuthClient("service", "Tokendesk")
	s := spec(cv)
	s.Credential = operate.Credential{OAuthClientID: oauth.ClientID, OAuthSecret: secret.New(oauth.Secret), RefreshToken: secret.New(oauth.RefreshToken)}
	p, err := a.Operate.AddPlatform(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{oauth.Secret, oauth.RefreshToken} {
		if bytes.Contains(p.Credential, []byte(s)) {
			t.Error("the credential is stored as it is")
		}
	}
	call := func() error {
		client, err := a.Desk.Canvas(p)
		if err != nil {
			return err
		}
		_, err = client.Account(t.Context(), "self")
		return err
	}
	for range 3 {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	exchanges := func() int { return cv.Count(http.MethodPost, "/login/oauth2/token") }
	if n := exchanges(); n != 1 {
		t.Errorf("%d exchanges for three calls", n)
	}
	clock.Advance(59 * time.Minute)
	if err := call(); err != nil || exchanges() != 2 {
		t.Errorf("near its end the access token is used on: %v, %d exchanges", err, exchanges())
	}
	undo := cv.Fail(canvastest.Fault{Route: "/login/oauth2/token", Status: http.StatusBadGateway, Times: -1})
	clock.Advance(time.Hour)
	if err := call(); canvas.KindOf(err) != canvas.Server {
		t.Errorf("a failing Canvas: %v", err)
	}
	undo()
	cv.World().RevokeOAuthClient(oauth.ClientID)
	err = call()
	if canvas.KindOf(err) != canvas.Unauthenticated {
		t.Errorf("a revoked consent: %v", err)
	}
	for _, s := range []string{oauth.Secret, oauth.RefreshToken} {
		if strings.Contains(fmt.Sprint(err), s) {
			t.Error("the error tells the credential")
		}
	}
}
