package lti

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// loginRequest is an OIDC third-party initiated login, as Canvas sends it.
type loginRequest struct {
	issuer, clientID, deploymentID string
	loginHint, messageHint         string
	target, targetPath             string
	storage                        string
}

// HandleLogin answers the platform's login request (GET or POST): it seals a
// state, sets the cookie that binds the browser, and sends the browser to the
// registration's authentication endpoint, by a redirect or, where the platform
// offers storage, by Pages.StorePage. It never redirects to an address that the
// request chose, and stores nothing: logins need no right, and a flood of them
// costs no more than the answers.
func (t *Tool) HandleLogin(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	form, refusal := loginForm(w, r)
	if refusal != nil {
		t.refuse(w, r, StepLogin, refusal, RelaunchHint{})
		return
	}
	in, refusal := t.readLogin(form)
	if refusal != nil {
		t.refuse(w, r, StepLogin, refusal, RelaunchHint{})
		return
	}
	hint := RelaunchHint{TargetLinkURI: in.target}
	reg, err := t.Registrations.FindRegistration(r.Context(), in.issuer, in.clientID, in.deploymentID)
	if err != nil {
		code := ReasonInternal
		if errors.Is(err, ErrUnknownRegistration) {
			code = ReasonRegistration
			err = fmt.Errorf("issuer %q, client %q, deployment %q: %w", in.issuer, in.clientID, in.deploymentID, err)
		}
		t.refuse(w, r, StepLogin, refuse(code, err), hint)
		return
	}
	hint.Registration = reg
	if _, ok := reg.Deployment(in.deploymentID); ok {
		hint.Deployment = in.deploymentID
	}
	if refusal := t.beginLogin(w, r, reg, in); refusal != nil {
		t.refuse(w, r, StepLogin, refusal, hint)
	}
}

// readLogin checks the parameters as far as that needs no registration.
func (t *Tool) readLogin(form url.Values) (loginRequest, *Refusal) {
	in := loginRequest{
		issuer: form.Get("iss"), clientID: form.Get("client_id"),
		loginHint: form.Get("login_hint"), messageHint: form.Get("lti_message_hint"),
		target: form.Get("target_link_uri"), storage: storageTarget(form.Get("lti_storage_target")),
		deploymentID: form.Get("lti_deployment_id"),
	}
	// Canvas's own documentation names it deployment_id; the specification and
	// newer Canvas have lti_deployment_id. Both together must agree.
	if older := form.Get("deployment_id"); in.deploymentID == "" {
		in.deploymentID = older
	} else if older != "" && older != in.deploymentID {
		return in, refuse(ReasonBadField, errors.New("deployment_id and lti_deployment_id differ"))
	}
	for _, f := range []struct {
		name, value string
		limit       int
		required    bool
	}{
		{"iss", in.issuer, 512, true},
		{"client_id", in.clientID, 255, false},
		{"lti_deployment_id", in.deploymentID, 255, false},
		{"login_hint", in.loginHint, 2 << 10, true},
		{"lti_message_hint", in.messageHint, 16 << 10, false},
		{"target_link_uri", in.target, 2 << 10, true},
	} {
		if f.required && f.value == "" {
			return in, refuse(ReasonMissingField, errors.New(f.name))
		}
		if !plain(f.value, f.limit) {
			return in, refuse(ReasonBadField, errors.New(f.name))
		}
	}
	var ok bool
	if in.targetPath, ok = t.targetPath(in.target); !ok {
		return in, refuse(ReasonTarget, nil)
	}
	return in, nil
}

func (t *Tool) beginLogin(w http.ResponseWriter, r *http.Request, reg Registration, in loginRequest) *Refusal {
	if in.clientID != "" && in.clientID != reg.ClientID || in.issuer != reg.Issuer {
		return refuse(ReasonInternal, errors.New("the store returned another registration"))
	}
	if in.deploymentID != "" {
		if _, ok := reg.Deployment(in.deploymentID); !ok {
			return refuse(ReasonDeployment, fmt.Errorf("deployment %q", in.deploymentID))
		}
	}
	auth, err := endpoint(reg.AuthURL)
	if err != nil {
		return refuse(ReasonInternal, fmt.Errorf("authentication URL: %w", err))
	}
	if !t.usesStorage() {
		in.storage = ""
	}

	bound := newBinding()
	state := t.StateKeys.seal(pending{
		BinderHash: bound.hash, RegistrationID: reg.ID, DeploymentID: in.deploymentID,
		TargetLinkURI: in.target, StorageTarget: in.storage, CreatedAt: t.now(),
	}, t.launchURL())
	next := authRequest(auth, reg, t.launchURL(), in, state, nonceOf(state))
	dropOldCookies(w, r)
	setCookie(w, cookieName(state), bound.cookie, int(stateTTL.Seconds()))
	t.observe(StepLogin, Accepted, "")
	if in.storage == "" {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	t.Pages.StorePage(w, r, StorePage{
		Step: "store", StorageItem: storageItem(reg, in.storage, state),
		Value: bound.shared, Own: bound.own, Next: next,
	})
	return nil
}

// authRequest returns the authentication request of LTI core 5.1.1.2: the
// registered endpoint with our parameters added to whatever query it has.
func authRequest(auth *url.URL, reg Registration, redirectURI string, in loginRequest, state, nonce string) string {
	q := auth.Query()
	q.Set("scope", "openid")
	q.Set("response_type", "id_token")
	q.Set("response_mode", "form_post")
	q.Set("prompt", "none")
	q.Set("client_id", reg.ClientID)
	q.Set("redirect_uri", redirectURI)
	q.Set("login_hint", in.loginHint)
	if in.messageHint != "" {
		q.Set("lti_message_hint", in.messageHint)
	}
	q.Set("state", state)
	q.Set("nonce", nonce)
	u := *auth
	u.RawQuery = q.Encode()
	return u.String()
}
