package credential

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
)

// oauthSource gives access tokens for one platform. Canvas gives one for an hour
// in exchange for the refresh token (lib/canvas_oauth, "expires_in": 3600). All
// replicas share it by the database, where it is sealed, and one of them at a
// time exchanges: the others wait for what it brings.
type oauthSource struct {
	store      *store.Store
	box        *secret.Box
	platform   store.Platform
	credential Credential
	client     *http.Client
	url        string
	now        func() time.Time
	sleep      func(ctx context.Context, d time.Duration) error
	log        *slog.Logger

	busy chan struct{} // holds one item while somebody in this process looks

	mu      sync.Mutex
	current secret.Text
	got     time.Time // when this process got it
	until   time.Time
	fails   int
	failure error // of the last look
}

// Bounds of an exchange.
const (
	oauthMargin = 2 * time.Minute // an access token is not used in its last minutes
	oauthLife   = time.Hour       // where Canvas does not say
	oauthAnswer = 64 << 10
	oauthTime   = 10 * time.Second
	// oauthLease outlives an exchange; a replica that dies in one keeps the
	// others waiting no longer.
	oauthLease = 15 * time.Second
	oauthWait  = oauthLease + oauthTime
	oauthLook  = 50 * time.Millisecond // between two looks at somebody else's turn
	// oauthRest is how long a refused refresh token is not tried again.
	oauthRest = time.Minute
)

const opRefresh = "refresh the credential"

func accessContext(platform string) string  { return "platform/" + platform + "/access-token" }
func refreshContext(platform string) string { return "platform/" + platform + "/refresh-token" }

func (o *oauthSource) token(ctx context.Context) (secret.Text, error) {
	t, fails, ok := o.fresh()
	if ok {
		return t, nil
	}
	select {
	case o.busy <- struct{}{}:
		defer func() { <-o.busy }()
	case <-ctx.Done():
		return secret.Text{}, ctx.Err()
	}
	t, failed, ok := o.fresh()
	switch {
	case ok: // somebody else was quicker
		return t, nil
	case failed != fails: // and failed: one answer is enough for all who waited
		o.mu.Lock()
		defer o.mu.Unlock()
		return secret.Text{}, o.failure
	}
	return o.look(ctx, false)
}

func (o *oauthSource) fresh() (t secret.Text, fails int, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.current, o.fails, !o.current.IsZero() && o.now().Before(o.until)
}

// renew exchanges now, also where there is an access token: doctor wants to
// know whether it can be done.
func (o *oauthSource) renew(ctx context.Context) error {
	select {
	case o.busy <- struct{}{}:
		defer func() { <-o.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := o.look(ctx, true)
	return err
}

// look gets an access token, from the others or from Canvas, and keeps it.
func (o *oauthSource) look(ctx context.Context, force bool) (secret.Text, error) {
	t, until, err := o.shared(ctx, force)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.fails, o.failure = o.fails+1, err
		return secret.Text{}, err
	}
	o.current, o.got, o.until = t, o.now(), until
	return t, nil
}

// refused drops an access token that Canvas did not accept. One that was just
// had is not dropped: then it is not its age, and another would do no better.
func (o *oauthSource) refused(ctx context.Context, t secret.Text) (hopeless bool) {
	o.mu.Lock()
	mine := o.current.Reveal() == t.Reveal()
	hopeless = mine && o.now().Sub(o.got) < oauthRest
	if mine && !hopeless {
		o.current = secret.Text{}
	}
	o.mu.Unlock()
	if !mine || hopeless {
		return hopeless
	}
	err := o.store.InTx(ctx, func(tx *store.Tx) error {
		state, err := tx.CredentialState(o.platform)
		if err != nil || o.open(state.Access, accessContext(o.platform.ID)).Reveal() != t.Reveal() {
			return err
		}
		return tx.DropAccess(o.platform, state.Access)
	})
	if err != nil {
		o.log.WarnContext(ctx, "an access token that Canvas refused could not be dropped", "err", err)
	}
	return false
}

// open opens what was sealed; what cannot be opened (another master key) is as
// good as none.
func (o *oauthSource) open(sealed []byte, context string) secret.Text {
	if len(sealed) == 0 {
		return secret.Text{}
	}
	plain, err := o.box.Open(sealed, context)
	if err != nil {
		return secret.Text{}
	}
	defer clear(plain)
	return secret.New(string(plain))
}

// shared returns the access token that all replicas use.
func (o *oauthSource) shared(ctx context.Context, force bool) (secret.Text, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, oauthWait)
	defer cancel()
	me := store.NewID("xch")
	for {
		var state store.CredentialState
		err := o.store.Read(ctx, func(tx *store.Tx) (err error) {
			state, err = tx.CredentialState(o.platform)
			return err
		})
		if err != nil {
			return o.unread(err)
		}
		if !force {
			if t, ok, err := o.settled(state); ok {
				return t, state.AccessUntil, err
			}
		}
		err = o.store.InTx(ctx, func(tx *store.Tx) (err error) {
			state, err = tx.LeaseCredential(o.platform, me, o.now(), o.now().Add(oauthLease))
			return err
		})
		switch {
		case err == nil:
			return o.myTurn(ctx, me, state, force)
		case !errors.Is(err, access.ErrConflict):
			return o.unread(err)
		}
		if err := o.sleep(ctx, oauthLook); err != nil {
			return o.unread(err)
		}
	}
}

// settled is what the shared state answers by itself.
func (o *oauthSource) settled(state store.CredentialState) (t secret.Text, ok bool, err error) {
	now := o.now()
	if t = o.open(state.Access, accessContext(o.platform.ID)); !t.IsZero() && now.Before(state.AccessUntil) {
		return t, true, nil
	}
	if age := now.Sub(state.RefusedAt); !state.RefusedAt.IsZero() && age >= 0 && age < oauthRest {
		return secret.Text{}, true, notAccepted(0)
	}
	return secret.Text{}, false, nil
}

// sleep waits for d, or returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *oauthSource) unread(err error) (secret.Text, time.Time, error) {
	return secret.Text{}, time.Time{}, &canvas.Error{
		Op: opRefresh, Kind: canvas.Unreachable, Detail: []string{"the access token that all replicas share could not be had: " + oneLine(err)},
	}
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func notAccepted(status int) *canvas.Error {
	return &canvas.Error{
		Op: opRefresh, Status: status, Kind: canvas.Unauthenticated,
		Detail: []string{"Canvas does not accept the refresh token or its client: store a new credential with platform credential"},
	}
}

// myTurn exchanges, and shares what came of it. It goes on when the caller has
// gone: the others wait for it.
func (o *oauthSource) myTurn(ctx context.Context, me string, state store.CredentialState, force bool) (secret.Text, time.Time, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), oauthWait)
	defer cancel()
	if t, ok, err := o.settled(state); ok && !force { // settled just before the turn was taken
		return t, state.AccessUntil, errors.Join(err, o.settle(ctx, me, state, false))
	}
	given, err := o.exchange(ctx, state)
	if err != nil {
		if canvas.KindOf(err) == canvas.Unauthenticated {
			state.Access, state.AccessUntil, state.RefusedAt = nil, time.Time{}, o.now()
		}
		if serr := o.settle(ctx, me, state, false); serr != nil {
			o.log.WarnContext(ctx, "the turn to refresh the credential ends by itself", "platform", o.platform.ID, "err", serr)
		}
		return secret.Text{}, time.Time{}, err
	}
	state.Access = o.box.Seal([]byte(given.access.Reveal()), accessContext(o.platform.ID))
	state.AccessUntil, state.RefusedAt = o.now().Add(given.life-oauthMargin), time.Time{}
	if !given.refresh.IsZero() {
		state.Refresh = o.box.Seal([]byte(given.refresh.Reveal()), refreshContext(o.platform.ID))
	}
	if err := o.settle(ctx, me, state, !given.refresh.IsZero()); err != nil {
		o.log.WarnContext(ctx, "an access token is not shared", "platform", o.platform.ID, "err", err)
	}
	return given.access, state.AccessUntil, nil
}

// settle ends the turn. A refresh token that Canvas replaced is on record.
func (o *oauthSource) settle(ctx context.Context, me string, state store.CredentialState, replaced bool) error {
	return o.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.SettleCredential(o.platform, me, state); err != nil || !replaced {
			return err
		}
		told := audit.Event{
			ID: store.NewID("aud"), Tenant: string(o.platform.Tenant), At: o.now(), Actor: access.SystemID, Action: audit.PlatformChange, Object: o.platform.ID,
		}
		return tx.Audit(told, audit.NewDetail(map[string]string{"credential": "Canvas replaced the refresh token"}))
	})
}

// given is what Canvas gave in exchange.
type given struct {
	access, refresh secret.Text // refresh is zero where the old one stays
	life            time.Duration
}

// exchange asks for an access token by the newest refresh token, and by the
// stored one where that is refused.
func (o *oauthSource) exchange(ctx context.Context, state store.CredentialState) (given, error) {
	newest := o.open(state.Refresh, refreshContext(o.platform.ID))
	if newest.IsZero() || newest.Reveal() == o.credential.RefreshToken.Reveal() {
		return o.ask(ctx, o.credential.RefreshToken)
	}
	g, err := o.ask(ctx, newest)
	if canvas.KindOf(err) != canvas.Unauthenticated {
		return g, err
	}
	return o.ask(ctx, o.credential.RefreshToken)
}

// ask makes one exchange. Its errors are of the kinds of every other call to
// Canvas, and carry the status, never the answer.
func (o *oauthSource) ask(ctx context.Context, refresh secret.Text) (given, error) {
	fail := func(kind canvas.Kind, status int, detail string) (given, error) {
		return given{}, &canvas.Error{Op: opRefresh, Status: status, Kind: kind, Detail: []string{detail}}
	}
	ctx, cancel := context.WithTimeout(ctx, oauthTime)
	defer cancel()
	form := url.Values{
		"grant_type": {"refresh_token"}, "client_id": {o.credential.OAuthClientID},
		"client_secret": {o.credential.OAuthSecret.Reveal()}, "refresh_token": {refresh.Reveal()},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, strings.NewReader(form.Encode()))
	if err != nil {
		return fail(canvas.Invalid, 0, "the address is not usable")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Tokendesk") // Canvas refuses calls without one
	res, err := o.client.Do(req)
	if err != nil {
		return fail(canvas.Unreachable, 0, "no answer")
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, oauthAnswer))
	defer clear(body)
	switch {
	case err != nil:
		return fail(canvas.Unreachable, res.StatusCode, "the answer broke off")
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusForbidden && strings.Contains(string(body), "Rate Limit Exceeded"):
		return fail(canvas.Throttled, res.StatusCode, "too many calls")
	case res.StatusCode == http.StatusBadRequest, res.StatusCode == http.StatusUnauthorized:
		return given{}, notAccepted(res.StatusCode)
	case res.StatusCode != http.StatusOK:
		return fail(canvas.Server, res.StatusCode, "Canvas failed")
	}
	var got struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int    `json:"expires_in"`
	}
	if json.Unmarshal(body, &got) != nil || got.AccessToken == "" {
		return fail(canvas.Server, res.StatusCode, "the answer holds no access token")
	}
	g := given{access: secret.New(got.AccessToken), life: time.Duration(got.ExpiresIn) * time.Second}
	if g.life <= oauthMargin || g.life > 24*time.Hour {
		g.life = oauthLife
	}
	if got.RefreshToken != refresh.Reveal() {
		g.refresh = secret.New(got.RefreshToken)
	}
	return g, nil
}
