package lti

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzClaims feeds anything to the reader of payloads: it must not panic, must
// accept only what encoding/json reads, must find every repeated member that a
// reader who looks at each token finds, and must read the customs as
// encoding/json does.
func FuzzClaims(f *testing.F) {
	good, _ := json.Marshal(claimSet("n", vectorTarget, time.Unix(1_700_000_000, 0)))
	f.Add(good)
	for _, s := range []string{
		"", "{}", "null", "[]", `{"iss":1}`, `{"a":{"b":[{"c":1},{"c":2}]}}`, `{"a":1,"\u0061":2}`, `{"a":"\"","b":"\\"}`,
		`{"sub":"\ud800"}`, `{"exp":1e400}`, `{"exp":-0}`, `{"":1e700}`, `{"iat":"1"}`, ` { "iss" : "x" , "aud" : [ ] } `, `{"aud":[null]}`,
		`{"` + claimPrefix + `custom":{"a":1,"A":2}}`, `{"` + claimPrefix + `custom":null}`,
		`{"` + claimPrefix + `custom" : { "a\u0062" : "x\"y\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83d!\ude00\ud83d\ud83d" , "b":[1,{"c":"}"}], "n":null,"t":true,"f":-1.5e3,"d":"$X.y","":""}}`, `{"` + claimPrefix + `context":{"Id":"x"}}`, `{"":{"":""}}`, "{\"a\xff\":1}",
		`{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, `{"a":1}x`, `{"ſub":"x"}`,
	} {
		f.Add([]byte(s))
	}
	reg := Registration{ID: "r", Issuer: testIssuer, ClientID: testClient, Canvas: true, Deployments: []Deployment{{ID: testDeployment}}}
	st := pending{NonceHash: nonceHash("n"), TargetLinkURI: vectorTarget}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, refusal := decodeClaims(payload)
		if refusal != nil {
			return
		}
		var object map[string]any
		plainly := json.NewDecoder(bytes.NewReader(payload))
		plainly.UseNumber() // a number that nobody reads may be any
		if err := plainly.Decode(&object); err != nil {
			t.Fatalf("accepted %q: %v", payload, err)
		}
		if repeats(t, payload) {
			t.Fatalf("accepted repeated members: %q", payload)
		}
		var slowly struct {
			Custom Custom `json:"https://purl.imsglobal.org/spec/lti/claim/custom"`
		}
		if err := json.Unmarshal(payload, &slowly); err != nil || !maps.Equal(slowly.Custom, Custom(c.Custom)) {
			t.Fatalf("customs %v, by encoding/json %v, %v: %q", c.Custom, slowly.Custom, err, payload)
		}
		if c.check(reg, st, time.Unix(1_700_000_100, 0)) == nil {
			l := c.launch(reg, "/", time.Now())
			if l.Issuer != object["iss"] || l.Subject != object["sub"] || object["nonce"] != "n" {
				t.Fatalf("launched %+v from %q", l, payload)
			}
			if _, err := json.Marshal(l); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// repeats is the slow and plain way to find repeated members.
func repeats(t *testing.T, data []byte) bool {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	var stack []map[string]bool // nil for arrays
	var names []bool            // whether a name comes next
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		top := len(stack) - 1
		switch x := token.(type) {
		case json.Delim:
			switch x {
			case '{':
				stack, names = append(stack, map[string]bool{}), append(names, true)
				continue
			case '[':
				stack, names = append(stack, nil), append(names, false)
				continue
			}
			stack, names = stack[:top], names[:top]
			top--
		case string:
			if top >= 0 && names[top] {
				if stack[top][x] {
					return true
				}
				stack[top][x], names[top] = true, false
				continue
			}
		}
		if top >= 0 && stack[top] != nil {
			names[top] = true
		}
	}
}

// FuzzHeader feeds anything to the reader of token headers.
func FuzzHeader(f *testing.F) {
	v := newVerifier(f)
	good := sign(f, keyA(), goodHeader(), v.payload(f))
	f.Add(good)
	f.Add(strings.Repeat(".", 5))
	for _, h := range []string{
		`{"alg":"RS256","kid":"x"}`, `{"alg":"none"}`, `{"alg":"RS256","kid":"x","crit":[]}`, `{"alg":"RS256","alg":"RS256","kid":"x"}`,
		`{"alg":["RS256"]}`, `{"alg":"RS256","kid":"\ud800"}`, `[]`, `null`, `{"kid":"../../x","alg":"RS256"}`, "{\"alg\":\"RS256\",\"kid\":\"\x00\"}",
	} {
		f.Add(base64url([]byte(h)) + "." + base64url([]byte(`{}`)) + ".AAAA")
	}
	v.tool.KeySets.MinInterval = time.Hour // unknown kids must not slow this down
	if _, err := v.tool.KeySets.Key(f.Context(), v.reg.KeySetURL, testKeyID); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		h, refusal := readHeader(token)
		if refusal != nil {
			return
		}
		if h.Algorithm != "RS256" || h.KeyID == "" || h.Critical != nil || strings.Count(token, ".") != 2 {
			t.Fatalf("accepted the header of %q", token)
		}
		if h.KeyID != testKeyID {
			return
		}
		if got := v.verify(t, token); got == "" && token != good {
			t.Fatalf("accepted another spelling of the token: %q", token)
		}
	})
}

// FuzzLogin feeds anything to the login endpoint: it must not panic, and sends
// the browser nowhere but to the registered endpoint.
func FuzzLogin(f *testing.F) {
	b := newBench(f)
	good := b.browser(f).loginParams().Encode()
	f.Add(good)
	f.Add(good + "&lti_storage_target=post_message_forwarding")
	f.Add(good + "&lti_storage_target=_parent&lti_deployment_id=" + url.QueryEscape(testDeployment))
	for _, s := range []string{"", "iss", "iss=&iss=", "%zz", "a;b", "iss=x&login_hint=y&target_link_uri=//z", strings.Repeat("&", 100)} {
		f.Add(s)
		f.Add(good + "&" + s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req := httptest.NewRequest(method, "/lti/login", nil)
			if method == http.MethodGet {
				req.URL.RawQuery = body
			} else {
				req = httptest.NewRequest(method, "/lti/login", strings.NewReader(body))
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			w := httptest.NewRecorder()
			b.tool.HandleLogin(w, req)
			where := w.Header().Get("Location")
			var page StorePage
			if json.Unmarshal(w.Body.Bytes(), &page) == nil && page.Next != "" {
				where = page.Next
			}
			if w.Code < 400 && !strings.HasPrefix(where, b.reg.AuthURL+"?") {
				t.Fatalf("sent to %q for %q", where, body)
			}
			if w.Code >= 400 && (where != "" || w.Header().Get("Set-Cookie") != "") {
				t.Fatalf("a refusal goes on: %v", w.Header())
			}
		}
	})
}

// FuzzForm feeds anything to the launch and proof endpoints, which must refuse
// it all.
func FuzzForm(f *testing.F) {
	b := newBench(f)
	login := b.browser(f).login("lti_storage_target", frame)
	f.Add("id_token=x&state=" + login.state())
	f.Add("error=login_required&error_description=%0a&state=")
	f.Add("id_token=" + signClaims(f, claimSet("x", "y", b.now())) + "&state=" + random())
	f.Add("held=" + random() + "&value=x&own=-&outcome=ok")
	f.Add("state=%00&id_token=%ff")
	f.Fuzz(func(t *testing.T, body string) {
		for path, handler := range map[string]http.HandlerFunc{"/lti/launch": b.tool.HandleLaunch, "/lti/proof": b.tool.HandleProof} {
			req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Sec-Fetch-Site", "same-origin")
			w := httptest.NewRecorder()
			handler(w, req)
			if w.Code < 400 || b.asked.Load() != 0 {
				t.Fatalf("%s answers %d to %q", path, w.Code, body)
			}
		}
	})
}

// FuzzLinks feeds anything to the reader of Link headers, which never leads to
// another origin.
func FuzzLinks(f *testing.F) {
	page, _ := url.Parse("https://canvas.example.edu/api/lti/courses/1/names_and_roles?page=1")
	for _, s := range []string{
		`<https://canvas.example.edu/x?page=2>; rel="next"`, `</x>;rel=next`, `<//evil.example>; rel="next"`, `<`, `<>; rel=next`,
		`<https://evil.example/>; rel="next", <https://canvas.example.edu/>; rel="first"`, `<a,b>; title="x, y"; rel="prev next"`,
		`<https://canvas.example.edu@evil.example/>; rel=next`, `<\\evil>; rel=next`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		next, err := nextPage(http.Header{"Link": {s}}, page)
		if err == nil && next != nil && (next.Scheme != "https" || !strings.EqualFold(strings.TrimSuffix(next.Host, ":443"), page.Host) || next.User != nil) {
			t.Fatalf("%q leads to %s", s, next)
		}
	})
}
