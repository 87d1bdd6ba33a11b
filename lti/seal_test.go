package lti

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func somePending() pending {
	return pending{
		BinderHash: newBinding().hash, RegistrationID: "reg_1", DeploymentID: testDeployment,
		TargetLinkURI: "https://tool.example.edu/go/é", StorageTarget: frame, CreatedAt: time.Unix(1_700_000_000, 123),
	}
}

func TestAStateHoldsItsLogin(t *testing.T) {
	t.Parallel()
	k := NewStateKeys(testStateKey)
	for _, p := range []pending{somePending(), {}, {TargetLinkURI: strings.Repeat("x", 2<<10), DeploymentID: strings.Repeat("d", 255)}} {
		state := k.seal(p, "here")
		got, err := k.open(state, "here")
		created := p.CreatedAt
		p.NonceHash, p.CreatedAt = nonceHash(nonceOf(state)), got.CreatedAt
		if err != nil || got != p || !got.CreatedAt.Equal(created) && !created.IsZero() {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got, p)
		}
		if again := k.seal(p, "here"); again == state || nonceOf(again) == nonceOf(state) {
			t.Error("two logins have one state")
		}
		if got, err := NewStateKeys([32]byte{9}, testStateKey).open(state, "here"); err != nil || got != p {
			t.Errorf("after a change of keys: %+v, %v", got, err)
		}
	}
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %#v", k, k), fmt.Sprintf("%+v", Tool{StateKeys: k})} {
		if strings.Contains(s, "1 0 0 0") || strings.Contains(s, "0x1, 0x0") {
			t.Errorf("the keys are printed: %s", s)
		}
	}
}

// TestStatesThatDoNotOpen: a state is what this tool sealed for itself, letter by
// letter, or it is nothing.
func TestStatesThatDoNotOpen(t *testing.T) {
	t.Parallel()
	k := NewStateKeys(testStateKey)
	good := k.seal(somePending(), "here")
	refused := func(name, state string) {
		t.Helper()
		if p, err := k.open(state, "here"); err == nil || p != (pending{}) {
			t.Errorf("%s opens as %+v", name, p)
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 0x40
		refused(fmt.Sprintf("byte %d changed", i), base64url(raw))
		raw[i] ^= 0x40
	}
	for n := range good {
		refused(fmt.Sprintf("the first %d characters", n), good[:n])
	}
	for n := range raw {
		refused(fmt.Sprintf("the last %d bytes", n), base64url(raw[len(raw)-n:]))
	}
	other := k.seal(somePending(), "here")
	foreign := sealer(testStateKey, raw[:saltLen]).Seal(raw[:saltLen:saltLen], onlyNonce, []byte("something else"), []byte("here"))
	for name, state := range map[string]string{
		"nothing":                       "",
		"one more byte":                 base64url(append(raw[:len(raw):len(raw)], 0)),
		"padding":                       good + "=",
		"a line break":                  good[:20] + "\n" + good[20:],
		"two halves":                    good[:len(good)/2] + other[len(other)/2:],
		"another key":                   NewStateKeys([32]byte{2}).seal(somePending(), "here"),
		"another tool of the same key":  k.seal(somePending(), "elsewhere"),
		"something else of the key":     base64url(foreign),
		"random characters":             random(),
		"the longest":                   strings.Repeat("A", 100_000),
		"a character outside the ASCII": good[:20] + "é" + good[20:],
	} {
		refused(name, state)
	}
	if _, err := k.open(good, "here"); err != nil {
		t.Fatal(err)
	}
}

// TestStatesOfElsewhere posts such states to the tool, with tokens that are good
// for their nonce.
func TestStatesOfElsewhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	second := b.reg
	second.ID, second.ClientID, second.Deployments = "reg_2", "10000000000099", []Deployment{{ID: testDeployment}, {ID: "3:x"}}
	b.store.put(second)
	seal := func(k *StateKeys, edit func(*pending)) string {
		p := pending{BinderHash: newBinding().hash, RegistrationID: "reg_1", DeploymentID: testDeployment, TargetLinkURI: b.server.URL + "/", CreatedAt: b.now()}
		edit(&p)
		return k.seal(p, b.tool.launchURL())
	}
	ours := b.tool.StateKeys
	for name, tt := range map[string]struct {
		state string
		want  Reason
	}{
		"sealed by others":        {seal(NewStateKeys([32]byte{2}), func(*pending) {}), ReasonStateUnknown},
		"of a registration gone":  {seal(ours, func(p *pending) { p.RegistrationID = "reg_9" }), ReasonRegistration},
		"of another registration": {seal(ours, func(p *pending) { p.RegistrationID = "reg_2" }), ReasonAudience},
		"of another deployment":   {seal(ours, func(p *pending) { p.DeploymentID = "3:x" }), ReasonDeploymentID},
		"with another target":     {seal(ours, func(p *pending) { p.TargetLinkURI += "admin" }), ReasonTargetLink},
		"ten minutes old":         {seal(ours, func(p *pending) { p.CreatedAt = b.now().Add(-stateTTL) }), ReasonStateExpired},
		"of nobody's browser":     {seal(ours, func(*pending) {}), ReasonNotBound},
	} {
		t.Run(name, func(t *testing.T) {
			token := signClaims(t, claimSet(nonceOf(tt.state), b.server.URL+"/", b.now()))
			br.post("/lti/launch", url.Values{"id_token": {token}, "state": {tt.state}}).refused(t, tt.want)
		})
	}
	if b.asked.Load() != 0 {
		t.Errorf("%d launches", b.asked.Load())
	}
}
