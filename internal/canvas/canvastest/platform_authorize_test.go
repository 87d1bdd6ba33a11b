package canvastest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAuthorizationErrorsPostedToTheTool(t *testing.T) {
	t.Parallel()
	for sentence, c := range map[string]struct {
		change            func(url.Values)
		before            func(*launchRig)
		as                string
		code, description string
	}{
		"missing parameters are listed": {
			change: func(q url.Values) { q.Del("nonce"); q.Del("prompt") },
			code:   "invalid_request_object", description: "The following parameters are missing: nonce,prompt",
		},
		"a wrong scope": {
			change: func(q url.Values) { q.Set("scope", "openid profile") },
			code:   "invalid_request_object", description: "The 'scope' must be 'openid'",
		},
		"a missing scope is told as a wrong one": {
			change: func(q url.Values) { q.Del("scope") },
			code:   "invalid_request_object", description: "The 'scope' must be 'openid'",
		},
		"a wrong response type, which real Canvas overlooks": {
			change: func(q url.Values) { q.Set("response_type", "code") },
			code:   "invalid_request_object", description: "The 'response_type' must be 'id_token'",
		},
		"the session is somebody else's": {
			as: "ana", code: "login_required", description: "Must have an active user session",
		},
		"the developer key is off": {
			before: func(r *launchRig) { r.s.SetKeyActive(r.at.ClientID, false) },
			code:   "unauthorized_client", description: "Client not authorized in requested context",
		},
		"a later failure overwrites an earlier one": {
			change: func(q url.Values) { q.Del("nonce") },
			before: func(r *launchRig) { r.s.SetKeyActive(r.at.ClientID, false) }, as: "ana",
			code: "unauthorized_client", description: "Client not authorized in requested context",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			r := newLaunchRig(t, nil)
			maya := r.inBrowser("maya", "canvas")
			login := r.login(maya, r.inCourse("bio201"))
			q := r.authParamsFor(login)
			if c.change != nil {
				c.change(q)
			}
			if c.before != nil {
				c.before(r)
			}
			browser := maya
			if c.as != "" {
				browser = r.inBrowser(c.as, "canvas")
			}
			got := formIn(t, r.authorize(browser, q).want(200).raw, "")
			if got.action != r.tool.URL+"/lti/launch" {
				t.Errorf("posted to %s", got.action)
			}
			want := url.Values{"error": {c.code}, "error_description": {c.description}, "state": {r.state}}
			if got.values.Encode() != want.Encode() {
				t.Errorf("posted %v, want %v", got.values, want)
			}
			// A launch that failed is not consumed.
			r.s.SetKeyActive(r.at.ClientID, true)
			r.open(formIn(t, r.authorize(maya, r.authParamsFor(login)).want(200).raw, ""))
		})
	}
}

func TestLaunchIsConsumedOnceAndExpires(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	maya := r.inBrowser("maya", "canvas")
	q := r.authParamsFor(r.login(maya, r.inCourse("bio201")))
	r.open(formIn(t, r.authorize(maya, q).want(200).raw, ""))
	again := formIn(t, r.authorize(maya, q).want(200).raw, "")
	if again.values.Get("error") != "launch_no_longer_valid" ||
		again.values.Get("error_description") != "The launch has either expired or already been consumed" {
		t.Errorf("second use: %v", again.values)
	}

	late := r.authParamsFor(r.login(maya, r.inCourse("bio201")))
	r.w.Clock.Advance(5 * time.Minute)
	r.authorize(maya, late).want(400).body(`{"status":"bad_request","message":"Invalid lti_message_hint"}`)
}

func TestAuthorizationErrorsThatNeverReachTheTool(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) { tool.RedirectURIs = append(tool.RedirectURIs, tool.RedirectURIs[0]+"/two?a=1") })
	maya := r.inBrowser("maya", "canvas")
	login := r.login(maya, r.inCourse("bio201"))
	ask := func(name, value string) answer {
		q := r.authParamsFor(login)
		q.Set(name, value)
		return r.authorize(maya, q)
	}
	ask("lti_message_hint", "x.y.z").want(400)
	ask("lti_message_hint", login.values.Get("lti_message_hint")+"x").want(400)
	ask("client_id", "10000000000999").want(404)
	for _, redirect := range []string{
		r.tool.URL + "/lti/launch/", r.tool.URL + "/LTI/launch", r.tool.URL + "/lti/launch#x", "https://evil.example/lti/launch",
		r.tool.URL + "/lti/launch/two", r.tool.URL + "/lti/launch/two?a=2", r.tool.URL + "/lti/launch/two?b=1",
	} {
		a := ask("redirect_uri", redirect).want(400)
		if strings.Contains(a.raw, "<form") || !strings.Contains(a.raw, "Invalid redirect_uri") {
			t.Errorf("%s: %s", redirect, a.raw)
		}
	}
	for _, redirect := range []string{r.tool.URL + "/lti/launch?any=1", r.tool.URL + "/lti/launch/two?b=2&a=1"} {
		login = r.login(maya, r.inCourse("bio201"))
		if got := formIn(t, ask("redirect_uri", redirect).want(200).raw, ""); got.action != redirect || !got.values.Has("id_token") {
			t.Errorf("%s: posted to %s", redirect, got.action)
		}
	}
}

func TestMissingCookieIsRetriedOnceAndThenRefused(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	maya := r.inBrowser("maya", "canvas")
	q := r.authParamsFor(r.login(maya, r.inCourse("bio201")))
	again := formIn(t, r.authorize(r.nobody(), q).want(200).raw, "")
	if again.action != "/api/lti/authorize" || again.values.Get("retried") != "true" {
		t.Fatalf("retries with %s %v", again.action, again.values)
	}
	page := r.nobody().do("POST", again.action, again.values.Encode()).want(http.StatusUnauthorized)
	if strings.Contains(page.raw, "<form") {
		t.Error("the refusal posts something")
	}
	// With the cookie back, the second try works: nothing was consumed.
	r.open(formIn(t, maya.do("POST", again.action, again.values.Encode()).want(200).raw, ""))

	r.s.SetSwitches(func(s *Switches) { s.PostLoginRequired = true })
	q = r.authParamsFor(r.login(maya, r.inCourse("bio201")))
	if got := formIn(t, r.authorize(r.nobody(), q).want(200).raw, ""); got.values.Get("error") != "login_required" {
		t.Errorf("an older version posts %v", got.values)
	}
}

func TestLenientCanvasOnlyNeedsTheParametersToBeThere(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	r.s.SetSwitches(func(s *Switches) { s.LenientAuth = true })
	maya := r.inBrowser("maya", "canvas")
	q := r.authParamsFor(r.login(maya, r.inCourse("bio201")))
	q.Set("prompt", "garbage")
	q.Set("response_type", "garbage")
	r.open(formIn(t, r.authorize(maya, q).want(200).raw, ""))
}

func TestKeySetHoldsPastPresentAndFuture(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	type keySet struct {
		Keys []struct{ Kid, Kty, Alg, Use, N string }
	}
	read := func() keySet {
		a := r.nobody().do("GET", r.s.SSOURL()+"/api/lti/security/jwks", nil).want(200)
		if got := a.header.Get("Cache-Control"); got != "max-age=864000" {
			t.Errorf("Cache-Control %q", got)
		}
		return decode[keySet](a)
	}
	before := read()
	r.must(len(before.Keys) == 3, "%d keys", len(before.Keys))
	for _, key := range before.Keys {
		stamp, _, found := strings.Cut(key.Kid, "_")
		if _, err := time.Parse(time.RFC3339, stamp); err != nil || !found {
			t.Errorf("kid %q", key.Kid)
		}
		if key.Kty != "RSA" || key.Alg != "RS256" || key.Use != "sig" || len(key.N) < 340 {
			t.Errorf("key %+v", key)
		}
	}
	r.must(r.s.SigningKeyID() == before.Keys[1].Kid, "the middle key signs")
	r.must(r.s.Rotate() == before.Keys[2].Kid, "the key that was future signs")
	after := read()
	r.must(after.Keys[0].Kid == before.Keys[1].Kid && after.Keys[1].Kid == before.Keys[2].Kid, "the set moved by one")
	if l := r.launch(r.inBrowser("maya", "canvas"), r.inCourse("bio201")); l.header["kid"] != before.Keys[2].Kid {
		t.Errorf("signed by %v", l.header["kid"])
	}
}

func TestHooksSpoilLaunches(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	maya := r.inBrowser("maya", "canvas")
	remove := r.s.OnLaunch(func(l *SignedLaunch) {
		delete(l.Claims, claimPrefix+"roles")
		l.Form.Set("state", "another")
	})
	l := r.launch(maya, r.inCourse("bio201"))
	if _, found := l.claims[claimPrefix+"roles"]; found || l.form.values.Get("state") != "another" {
		t.Errorf("the hook did nothing: %v", l.form.values.Get("state"))
	}
	remove()
	r.must(len(r.launch(maya, r.inCourse("bio201")).roles()) > 0, "the hook is gone")
	r.s.OnLaunch(func(l *SignedLaunch) {
		token, err := r.s.SignWithPlatformKey(l.Claims, map[string]any{"kid": nil})
		if err != nil {
			t.Error(err)
		}
		l.Token = token
	})
	got := formIn(t, r.authorize(maya, r.authParamsFor(r.login(maya, r.inCourse("bio201")))).want(200).raw, "")
	if strings.Count(got.values.Get("id_token"), ".") != 2 {
		t.Errorf("token %q", got.values.Get("id_token"))
	}
}
