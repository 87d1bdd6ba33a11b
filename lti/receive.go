package lti

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// HandleLaunch receives the platform's form post: it verifies the id_token
// against the registration that its login fixed, spends its nonce, and checks
// that this is the browser that began. Then it calls Pages.Launched, or
// Pages.ProofPage if only the platform's storage can tell. Whatever is wrong
// ends in Pages.Refused; the error responses that a platform posts here too.
func (t *Tool) HandleLaunch(w http.ResponseWriter, r *http.Request) {
	received := t.now()
	noStore(w)
	var hint RelaunchHint
	if refusal := t.receive(w, r, received, &hint); refusal != nil {
		t.refuse(w, r, StepLaunch, refusal, hint)
	}
}

// receive answers the launch, or returns why not. It fills in hint as it learns.
func (t *Tool) receive(w http.ResponseWriter, r *http.Request, received time.Time, hint *RelaunchHint) *Refusal {
	form, refusal := postForm(w, r, maxLaunchForm)
	if refusal != nil {
		return refusal
	}
	state := form.Get("state")
	if form.Has("error") {
		return t.platformError(r, form, state, hint)
	}
	token := form.Get("id_token")
	if token == "" {
		return refuse(ReasonTokenMissing, nil)
	}
	if len(token) > maxToken {
		return refuse(ReasonTooLarge, nil)
	}
	st, refusal := t.peek(r, state, received, hint)
	if refusal != nil {
		return refusal
	}
	reg := hint.Registration
	c, refusal := t.verifyToken(r.Context(), reg, st, token, received)
	if refusal != nil {
		return refusal
	}
	targetPath, ok := t.targetPath(c.TargetLink)
	if !ok {
		return refuse(ReasonTarget, nil)
	}
	launch := c.launch(reg, targetPath, received)

	// Nothing before this line writes anything, so that a forged post cannot spend
	// the login of an honest one. Nothing after it happens twice: a write that
	// failed, or of which nobody knows, refuses the launch.
	err := t.States.SpendNonce(r.Context(), Nonce{
		RegistrationID: reg.ID, Hash: st.NonceHash, ExpiresAt: st.expires().Add(nonceKeep),
	})
	switch {
	case errors.Is(err, ErrNonceSpent):
		return refuse(ReasonStateSpent, nil)
	case err != nil:
		return refuse(ReasonInternal, err)
	}
	hint.Launch = &launch
	return t.bind(w, r, st, state, reg, launch)
}

// peek opens a state and finds the registration of its login.
func (t *Tool) peek(r *http.Request, state string, now time.Time, hint *RelaunchHint) (pending, *Refusal) {
	st, err := t.StateKeys.open(state, t.launchURL())
	if err != nil {
		return st, refuse(ReasonStateUnknown, nil)
	}
	hint.TargetLinkURI = st.TargetLinkURI
	reg, err := t.Registrations.Registration(r.Context(), st.RegistrationID)
	switch {
	case errors.Is(err, ErrUnknownRegistration):
		return st, refuse(ReasonRegistration, nil)
	case err != nil:
		return st, refuse(ReasonInternal, err)
	}
	hint.Registration, hint.Deployment = reg, st.DeploymentID
	if !now.Before(st.expires()) {
		return st, refuse(ReasonStateExpired, nil)
	}
	return st, nil
}

// bind lets the launch through if the login's cookie came back, or else asks the
// platform's storage.
func (t *Tool) bind(w http.ResponseWriter, r *http.Request, st pending, state string, reg Registration, launch Launch) *Refusal {
	name := cookieName(state)
	if cookies := r.CookiesNamed(name); len(cookies) > 0 {
		setCookie(w, name, "", -1)
		if !slices.ContainsFunc(cookies, func(c *http.Cookie) bool { return cookieHolds(c.Value, st.BinderHash) }) {
			return refuse(ReasonOtherBrowser, nil)
		}
		if st.StorageTarget != "" {
			item := storageItem(reg, st.StorageTarget, state)
			launch.Forget = &item
		}
		t.observe(StepLaunch, Accepted, "")
		t.Pages.Launched(w, r, launch)
		return nil
	}
	if st.StorageTarget == "" || !t.usesStorage() {
		return refuse(ReasonNotBound, nil)
	}
	held, err := json.Marshal(launch)
	if err != nil {
		return refuse(ReasonInternal, err)
	}
	handle := random()
	if err := t.States.HoldLaunch(r.Context(), Held{
		Hash: heldHash(handle), BinderHash: st.BinderHash, Launch: held,
		ExpiresAt: launch.ReceivedAt.Add(heldTTL),
	}); err != nil {
		return refuse(ReasonInternal, err)
	}
	t.observe(StepLaunch, AskedStorage, "")
	t.Pages.ProofPage(w, r, ProofPage{
		Step: "proof", StorageItem: storageItem(reg, st.StorageTarget, state),
		Post: t.proofURL(), Held: handle,
	})
	return nil
}

// platformErrors are the codes that Canvas posts instead of a token
// (authentication_controller.rb); login_required is also OpenID Connect's.
var platformErrors = map[string]Reason{
	"invalid_request_object": ReasonPlatformRequest,
	"login_required":         ReasonPlatformLogin,
	"unauthorized_client":    ReasonPlatformClient,
	"launch_no_longer_valid": ReasonPlatformConsumed,
}

// platformError turns an error response into a refusal. Its texts count only
// with a state of ours, else anybody could write into the log. Nobody signed it,
// so it ends nothing: the login's launch may still come.
func (t *Tool) platformError(r *http.Request, form url.Values, state string, hint *RelaunchHint) *Refusal {
	code, ok := platformErrors[form.Get("error")]
	if !ok {
		code = ReasonPlatformOther
	}
	if _, refusal := t.peek(r, state, t.now(), hint); refusal != nil {
		if refusal.Code == ReasonInternal {
			return refusal
		}
		return refuse(code, nil)
	}
	return refuse(code, fmt.Errorf("platform says %q: %q",
		printable(form.Get("error"), 60), printable(form.Get("error_description"), 200)))
}
