package lti

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const frame = "post_message_forwarding"

// proofPage reads the page that asks the platform's storage.
func (r reply) proofPage(tb testing.TB) ProofPage {
	tb.Helper()
	var p ProofPage
	if err := json.Unmarshal(r.body, &p); err != nil || p.Step != "proof" || r.status != http.StatusOK {
		tb.Fatalf("no proof page: %d %s", r.status, r.body)
	}
	return p
}

// prove posts what the script found in the storages.
func (br *browser) prove(p ProofPage, value, own, outcome string, header ...string) reply {
	br.t.Helper()
	if len(header) == 0 {
		header = []string{"Sec-Fetch-Site", "same-origin"}
	}
	u, err := url.Parse(p.Post)
	if err != nil {
		br.t.Fatal(err)
	}
	return br.post(u.Path, url.Values{"held": {p.Held}, "value": {value}, "own": {own}, "outcome": {outcome}}, header...)
}

func TestTheCookieIsEnough(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	// With storage offered as well, the cookie decides, and the first page is
	// told what to clear away.
	login := br.login("lti_storage_target", frame)
	r := br.launch(login, nil)
	r.launched(t)
	var got struct{ Forget *StorageItem }
	if err := json.Unmarshal(r.body, &got); err != nil || got.Forget == nil || got.Forget.Key != login.page.Key {
		t.Errorf("forget is %+v", got.Forget)
	}
	r = br.launch(br.login(), nil)
	r.launched(t)
	if strings.Contains(string(r.body), `"forget":{`) {
		t.Error("there is nothing to forget")
	}
}

func TestTwoTabsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	one, two := br.login(), br.login()
	br.launch(two, nil).launched(t)
	br.launch(one, nil).launched(t)
}

func TestWithoutCookieAndStorage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.noCookies(t)
	r := br.launch(br.login(), nil)
	r.refused(t, ReasonNotBound)
	if !r.refusal.CanRetryInNewTab || r.refusal.RelaunchURL == "" {
		t.Error("no way on is offered")
	}
	if b.asked.Load() != 0 {
		t.Error("launched without proof")
	}
}

func TestTheStorePageHasWhatTheScriptNeeds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	login := b.noCookies(t).login("lti_storage_target", frame)
	p := login.page
	if p.Step != "store" || p.Frame != frame || p.Origin != "https://sso.canvas.example.edu" || p.Wait != 1500 ||
		len(p.Fallback) != 1 || p.Fallback[0] != "https://canvas.example.edu" || p.MessageID == "" {
		t.Errorf("page is %+v", p)
	}
	// Nothing in the shared bucket gives away anything else.
	for _, secret := range []string{login.state(), login.nonce(), p.Own, nonceHash(login.nonce())} {
		if strings.Contains(p.Key, secret) || strings.Contains(p.Value, secret) {
			t.Error("a secret enters the platform's storage")
		}
	}
	if len(p.Key)+len(p.Value) > 200 {
		t.Errorf("%d characters of the 4096 that all tools share", len(p.Key)+len(p.Value))
	}
}

func TestTheStorageFrameProves(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tests := map[string]struct {
		own func(StorePage) string
	}{
		"and our own storage too":          {func(p StorePage) string { return p.Own }},
		"where our own storage is blocked": {func(StorePage) string { return "" }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			br := b.noCookies(t)
			login := br.login("lti_storage_target", frame)
			r := br.launch(login, nil)
			page := r.proofPage(t)
			if page.Key != login.page.Key || page.Frame != frame || page.Origin != login.page.Origin {
				t.Errorf("asks for %+v, stored %+v", page.StorageItem, login.page.StorageItem)
			}
			for _, personal := range []string{"Grace", "grace@", "Compilers", "a0a9c5a8"} {
				if strings.Contains(string(r.body), personal) {
					t.Errorf("the page before the proof shows %q", personal)
				}
			}
			l := br.prove(page, login.page.Value, tt.own(login.page), "ok").launched(t)
			if l.Name != "Grace Hopper" || !l.HasRole(RoleInstructor) || l.Custom.Value("user_id").Text != "42" ||
				!l.CustomTrusted || l.ReceivedAt.IsZero() || l.IssuedAt.IsZero() || l.TargetPath != "/" {
				t.Errorf("the held launch came back as %+v", l)
			}
			br.prove(page, login.page.Value, tt.own(login.page), "ok").refused(t, ReasonHeldUnknown)
		})
	}
}

func TestProofsThatDoNotHold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tests := map[string]struct {
		value, own func(StorePage) string
		outcome    string
		want       Reason
	}{
		"the frame never answers":              {empty, empty, "timeout", ReasonStorageSilent},
		"there is no frame":                    {empty, empty, "no_frame", ReasonStorageSilent},
		"the storage is exhausted":             {empty, empty, "error", ReasonStorageSilent},
		"the storage has no such key":          {empty, empty, "ok", ReasonStorageSilent},
		"an outcome nobody knows":              {empty, empty, "<b>", ReasonStorageSilent},
		"the value of another login":           {func(StorePage) string { return random() }, empty, "ok", ReasonOtherBrowser},
		"our own value as the platform's":      {func(p StorePage) string { return p.Own }, empty, "ok", ReasonOtherBrowser},
		"a planted value, our storage empty":   {value, func(StorePage) string { return "-" }, "ok", ReasonOtherBrowser},
		"a planted value, our storage another": {value, func(StorePage) string { return random() }, "ok", ReasonOtherBrowser},
		"the platform's value as our own":      {value, value, "ok", ReasonOtherBrowser},
		"only our own value":                   {empty, func(p StorePage) string { return p.Own }, "timeout", ReasonStorageSilent},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			br := b.noCookies(t)
			login := br.login("lti_storage_target", frame)
			page := br.launch(login, nil).proofPage(t)
			r := br.prove(page, tt.value(login.page), tt.own(login.page), tt.outcome)
			r.refused(t, tt.want)
			if !r.refusal.CanRetryInNewTab || r.refusal.RelaunchURL == "" {
				t.Error("no way on is offered")
			}
			// One try only: no guessing.
			br.prove(page, login.page.Value, login.page.Own, "ok").refused(t, ReasonHeldUnknown)
		})
	}
	if b.asked.Load() != 0 {
		t.Error("launched without proof")
	}
}

func empty(StorePage) string   { return "" }
func value(p StorePage) string { return p.Value }

// TestAnotherBrowserIsRefused moves a login to another person's browser in each
// mode: the attack is to sign a victim in as the attacker.
func TestAnotherBrowserIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	t.Run("by cookie, into a browser without one", func(t *testing.T) {
		login := b.browser(t).login()
		b.browser(t).launch(login, nil).refused(t, ReasonNotBound)
	})
	t.Run("by cookie, into a browser with its own login", func(t *testing.T) {
		victim := b.browser(t)
		victim.login()
		victim.launch(b.browser(t).login(), nil).refused(t, ReasonNotBound)
	})
	t.Run("by cookie, with a value planted under its name", func(t *testing.T) {
		attacker, victim := b.browser(t), b.browser(t)
		login := attacker.login()
		u, _ := url.Parse(b.server.URL)
		victim.client.Jar.SetCookies(u, []*http.Cookie{{Name: cookieName(login.state()), Value: random(), Path: "/", Secure: true}})
		victim.launch(login, nil).refused(t, ReasonOtherBrowser)
	})
	t.Run("by cookie, with the values that storage holds", func(t *testing.T) {
		attacker, victim := b.browser(t), b.browser(t)
		login := attacker.login("lti_storage_target", frame)
		u, _ := url.Parse(b.server.URL)
		for _, v := range []string{login.page.Value, login.page.Own} {
			victim.client.Jar.SetCookies(u, []*http.Cookie{{Name: cookieName(login.state()), Value: v, Path: "/", Secure: true}})
		}
		victim.launch(login, nil).refused(t, ReasonOtherBrowser)
	})
	t.Run("by storage, into a browser whose bucket is empty", func(t *testing.T) {
		attacker, victim := b.browser(t), b.noCookies(t)
		login := attacker.login("lti_storage_target", frame)
		page := victim.launch(login, nil).proofPage(t)
		victim.prove(page, "", "-", "ok").refused(t, ReasonStorageSilent)
	})
	t.Run("by storage, the proof posted from the attacker's site", func(t *testing.T) {
		attacker, victim := b.noCookies(t), b.noCookies(t)
		login := attacker.login("lti_storage_target", frame)
		page := attacker.launch(login, nil).proofPage(t)
		for _, header := range [][]string{
			{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "none"},
			{"Origin", "https://evil.example"}, {"Origin", "null"}, {"X-Nothing", "said"},
			{"Sec-Fetch-Site", "cross-site", "Origin", b.server.URL},
		} {
			victim.prove(page, login.page.Value, login.page.Own, "ok", header...).refused(t, ReasonCrossOrigin)
		}
		// That took nothing away from the page that may prove it.
		attacker.prove(page, login.page.Value, login.page.Own, "ok", "Origin", b.server.URL).launched(t)
	})
}

func TestProofRequests(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.noCookies(t)
	req, _ := http.NewRequest(http.MethodGet, b.server.URL+"/lti/proof", nil)
	br.do(req).refused(t, ReasonMethod)
	same := []string{"Sec-Fetch-Site", "same-origin"}
	br.post("/lti/proof", url.Values{"held": {"a", "b"}}, same...).refused(t, ReasonDuplicateField)
	br.post("/lti/proof", url.Values{"held": {random()}, "value": {strings.Repeat("v", 10_000)}}, same...).refused(t, ReasonTooLarge)
	br.post("/lti/proof", url.Values{"held": {"short"}}, same...).refused(t, ReasonHeldUnknown)
	br.post("/lti/proof", url.Values{"held": {random()}}, same...).refused(t, ReasonHeldUnknown)

	login := br.login("lti_storage_target", frame)
	page := br.launch(login, nil).proofPage(t)
	b.wind(5*time.Minute - 1)
	br.prove(page, login.page.Value, login.page.Own, "ok", "Origin", b.server.URL).launched(t)
	login = br.login("lti_storage_target", frame)
	page = br.launch(login, nil).proofPage(t)
	b.wind(5 * time.Minute)
	br.prove(page, login.page.Value, "", "ok").refused(t, ReasonHeldUnknown)

	login = br.login("lti_storage_target", frame)
	page = br.launch(login, nil).proofPage(t)
	delete(b.store.registrations, "reg_1")
	br.prove(page, login.page.Value, "", "ok").refused(t, ReasonRegistration)
}

func TestBindingChain(t *testing.T) {
	t.Parallel()
	b, foreign := newBinding(), newBinding()
	if !cookieHolds(b.cookie, b.hash) || !ownHolds(b.own, b.hash) || !sharedHolds(b.shared, b.hash) {
		t.Fatal("a binding does not hold its own values")
	}
	for name, held := range map[string]bool{
		"the shared value as cookie": cookieHolds(b.shared, b.hash),
		"the own value as cookie":    cookieHolds(b.own, b.hash),
		"the shared value as own":    ownHolds(b.shared, b.hash),
		"the hash as shared value":   sharedHolds(b.hash, b.hash),
		"the cookie as shared value": sharedHolds(b.cookie, b.hash),
		"another cookie":             cookieHolds(foreign.cookie, b.hash),
		"nothing":                    cookieHolds("", b.hash) || ownHolds("", b.hash) || sharedHolds("", b.hash),
		"nothing against nothing":    sharedHolds("", ""),
	} {
		if held {
			t.Errorf("%s holds", name)
		}
	}
}
