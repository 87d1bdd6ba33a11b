package lti

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLaunchRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	token := func(l began) string { return signClaims(t, claimSet(l.nonce(), l.target, b.now())) }

	t.Run("a GET", func(t *testing.T) {
		req, _ := http.NewRequest(http.MethodGet, b.server.URL+"/lti/launch", nil)
		r := br.do(req)
		r.refused(t, ReasonMethod)
		if r.header.Get("Allow") != "POST" {
			t.Errorf("Allow: %q", r.header.Get("Allow"))
		}
	})
	t.Run("nothing at all", func(t *testing.T) { br.post("/lti/launch", url.Values{}).refused(t, ReasonTokenMissing) })
	t.Run("a state and nothing else", func(t *testing.T) {
		br.post("/lti/launch", url.Values{"state": {br.login().state()}}).refused(t, ReasonTokenMissing)
	})
	t.Run("the fields in the URL", func(t *testing.T) {
		l := br.login()
		q := url.Values{"id_token": {token(l)}, "state": {l.state()}}
		br.post("/lti/launch?"+q.Encode(), url.Values{}).refused(t, ReasonTokenMissing)
	})
	t.Run("a token twice", func(t *testing.T) {
		l := br.login()
		br.post("/lti/launch", url.Values{"id_token": {token(l), token(l)}, "state": {l.state()}}).refused(t, ReasonDuplicateField)
	})
	t.Run("a state twice", func(t *testing.T) {
		l := br.login()
		br.post("/lti/launch", url.Values{"id_token": {token(l)}, "state": {l.state(), "x"}}).refused(t, ReasonDuplicateField)
	})
	t.Run("JSON", func(t *testing.T) {
		br.postRaw("/lti/launch", `{"id_token":"x"}`, "Content-Type", "application/json").refused(t, ReasonForm)
	})
	t.Run("multipart", func(t *testing.T) {
		br.postRaw("/lti/launch", "--x--", "Content-Type", "multipart/form-data; boundary=x").refused(t, ReasonForm)
	})
	t.Run("a body of 1 MB", func(t *testing.T) {
		br.post("/lti/launch", url.Values{"id_token": {strings.Repeat("A", 1<<20)}}).refused(t, ReasonTooLarge)
	})
	t.Run("a body of 1 MB that does not say so", func(t *testing.T) {
		w := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodPost, "/lti/launch", strings.NewReader("id_token="+strings.Repeat("A", 1<<20)))
		req.ContentLength = -1
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		b.tool.HandleLaunch(w, req)
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	})
	t.Run("no state", func(t *testing.T) {
		br.post("/lti/launch", url.Values{"id_token": {token(br.login())}}).refused(t, ReasonStateUnknown)
	})
	t.Run("an unknown state", func(t *testing.T) {
		br.post("/lti/launch", url.Values{"id_token": {token(br.login())}, "state": {random()}}).refused(t, ReasonStateUnknown)
	})
	t.Run("a state of another shape", func(t *testing.T) {
		for _, s := range []string{"x", strings.Repeat("é", 22), strings.Repeat("=", 43), strings.Repeat("a", 10_000)} {
			br.post("/lti/launch", url.Values{"id_token": {token(br.login())}, "state": {s}}).refused(t, ReasonStateUnknown)
		}
	})
	t.Run("the token of another login", func(t *testing.T) {
		one, two := br.login(), br.login()
		br.post("/lti/launch", url.Values{"id_token": {token(one)}, "state": {two.state()}}).refused(t, ReasonNonce)
	})
	t.Run("a form already read by somebody else", func(t *testing.T) {
		l := br.login()
		form := url.Values{"id_token": {token(l)}, "state": {l.state()}}
		req := httptest.NewRequest(http.MethodPost, "/lti/launch", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		u, _ := url.Parse(b.server.URL)
		for _, c := range br.client.Jar.Cookies(u) {
			req.AddCookie(c)
		}
		_ = req.FormValue("state")
		w := httptest.NewRecorder()
		b.tool.HandleLaunch(w, req)
		reply{status: w.Code, body: w.Body.Bytes()}.launched(t)
	})
}

func TestAnExpiredLoginIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	login := br.login()
	b.wind(10*time.Minute - 1)
	br.launch(login, nil).launched(t)
	login = br.login()
	b.wind(10 * time.Minute)
	r := br.launch(login, nil)
	r.refused(t, ReasonStateExpired)
	if !r.refusal.CanRetryInNewTab || r.refusal.RelaunchURL == "" {
		t.Error("no way on is offered")
	}
}

func TestALaunchWorksOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	login := br.login()
	token := signClaims(t, claimSet(login.nonce(), login.target, b.now()))
	br.launchToken(login, token).launched(t)
	br.launchToken(login, token).refused(t, ReasonStateSpent)

	// The same token with a fresh state: its nonce is not that login's.
	again := br.login()
	br.launchToken(again, token).refused(t, ReasonNonce)
	// A fresh token for the spent state.
	br.launch(login, nil).refused(t, ReasonStateSpent)
	if b.asked.Load() != 1 {
		t.Errorf("launched %d times", b.asked.Load())
	}
}

// TestSixteenAtOnce posts one launch sixteen times over two replicas that share
// a store. Exactly one gets through.
func TestSixteenAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	second := httptest.NewTLSServer(http.HandlerFunc(b.newTool(b.server.URL).HandleLaunch))
	t.Cleanup(second.Close)
	for range 10 {
		br := b.browser(t)
		login := br.login()
		form := url.Values{"id_token": {signClaims(t, claimSet(login.nonce(), login.target, b.now()))}, "state": {login.state()}}
		before := b.asked.Load()
		u, _ := url.Parse(b.server.URL)
		cookies := br.client.Jar.Cookies(u)
		var wg sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		start := make(chan struct{})
		for i := range 16 {
			wg.Go(func() {
				to := b.server.URL + "/lti/launch"
				if i%2 == 1 {
					to = second.URL
				}
				req, _ := http.NewRequest(http.MethodPost, to, strings.NewReader(form.Encode()))
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				for _, c := range cookies {
					req.AddCookie(c)
				}
				<-start
				res, err := b.server.Client().Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
				mu.Lock()
				codes[res.StatusCode]++
				mu.Unlock()
			})
		}
		close(start)
		wg.Wait()
		if codes[http.StatusOK] != 1 || codes[http.StatusUnauthorized] != 15 || b.asked.Load() != before+1 {
			t.Fatalf("answers %v, launched %d times", codes, b.asked.Load()-before)
		}
	}
}

// TestANonceOutlivesItsState: what was used is remembered for as long as any
// replica may take its state, and no longer than that.
func TestANonceOutlivesItsState(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	purge := func(want int) {
		t.Helper()
		if n, err := b.store.PurgeStates(t.Context(), b.now()); n != want || err != nil {
			t.Fatalf("purged %d, %v; want %d", n, err, want)
		}
	}
	login := br.login()
	b.wind(stateTTL - 1)
	br.launch(login, nil).launched(t)
	purge(0)
	br.launch(login, nil).refused(t, ReasonStateSpent)
	b.wind(1)
	br.launch(login, nil).refused(t, ReasonStateExpired)
	b.wind(nonceKeep - 1)
	purge(0)
	b.wind(1)
	purge(1)
	br.launch(login, nil).refused(t, ReasonStateExpired)
}

// TestForgedPostsSpendNothing: who knows a login's state, but has nothing that
// the platform signed for it, takes nothing away from it.
func TestForgedPostsSpendNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br, stranger := b.browser(t), b.noCookies(t)
	login := br.login()
	c := claimSet(login.nonce(), login.target, b.now())
	payload, _ := json.Marshal(c)
	stranger.launchToken(login, sign(t, keyB(), goodHeader(), payload)).refused(t, ReasonSignature)
	stranger.launchToken(login, signClaims(t, claimSet(random(), login.target, b.now()))).refused(t, ReasonNonce)
	stranger.post("/lti/launch", url.Values{"error": {"login_required"}, "state": {login.state()}}).refused(t, ReasonPlatformLogin)
	if n := b.store.written(); n != 0 {
		t.Errorf("%d writes", n)
	}
	br.launch(login, nil).launched(t)
}

func TestARegistrationSwitchedOffMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	login := br.login()
	delete(b.store.registrations, "reg_1")
	br.launch(login, nil).refused(t, ReasonRegistration)
}

func TestADeploymentRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	login := br.login()
	b.reg.Deployments = []Deployment{{ID: "9:other"}}
	b.store.put(b.reg)
	br.launch(login, nil).refused(t, ReasonDeployment)
}

// TestTokensStayWithTheirRegistration: two tenants with the same issuer and the
// same key set, as on hosted Canvas. A state of one never takes a token of the
// other.
func TestTokensStayWithTheirRegistration(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.reg
	other.ID, other.ClientID, other.Deployments = "reg_2", "10000000000099", []Deployment{{ID: "3:x"}}
	b.store.put(other)
	br := b.browser(t)
	login := br.login()
	br.launch(login, func(c map[string]any) {
		c["aud"], c["azp"], c[claimPrefix+"deployment_id"] = other.ClientID, other.ClientID, "3:x"
	}).refused(t, ReasonAudience)

	// And a second platform, whose key signs for the first.
	elsewhere := newPlatform(t)
	elsewhere.publish(t, PublicKey{ID: testKeyID, Key: &keyB().PublicKey})
	third := b.reg
	third.ID, third.Issuer, third.KeySetURL = "reg_3", "https://canvas.beta.example.edu", elsewhere.URL
	b.store.put(third)
	login = br.login("iss", third.Issuer)
	br.launch(login, set("iss", third.Issuer)).refused(t, ReasonSignature) // signed by the first platform's key
}

func TestPlatformErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tests := map[string]struct {
		code string
		want Reason
	}{
		"a parameter is missing":       {"invalid_request_object", ReasonPlatformRequest},
		"no Canvas session":            {"login_required", ReasonPlatformLogin},
		"the key is switched off":      {"unauthorized_client", ReasonPlatformClient},
		"a double click":               {"launch_no_longer_valid", ReasonPlatformConsumed},
		"an error nobody has heard of": {"<script>alert(1)</script>", ReasonPlatformOther},
		"an empty error":               {"", ReasonPlatformOther},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			br := b.browser(t)
			login := br.login()
			form := url.Values{"error": {tt.code}, "error_description": {"The following parameters are missing: nonce"}, "state": {login.state()}}
			r := br.post("/lti/launch", form)
			r.refused(t, tt.want)
			if r.refusal.Registration != "reg_1" {
				t.Errorf("registration %q", r.refusal.Registration)
			}
			if strings.Contains(string(r.body), "script") || strings.Contains(string(r.body), "missing") {
				t.Errorf("the page repeats what was posted: %s", r.body)
			}
			if tt.want == ReasonPlatformConsumed && r.refusal.RelaunchURL == "" {
				t.Error("no way on is offered")
			}
			// Nobody signed that, so it ends nothing.
			if n := b.store.written(); n != 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
	t.Run("without a state of ours", func(t *testing.T) {
		br := b.browser(t)
		form := url.Values{"error": {"login_required"}, "error_description": {"planted text"}, "state": {random()}}
		br.post("/lti/launch", form).refused(t, ReasonPlatformLogin)
		if strings.Contains(b.log.String(), "planted text") {
			t.Error("a stranger wrote into the log")
		}
	})
}
