package lti

import (
	"crypto/rsa"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func del(names ...string) func(map[string]any) {
	return func(c map[string]any) {
		for _, n := range names {
			delete(c, n)
		}
	}
}

func set(name string, value any) func(map[string]any) {
	return func(c map[string]any) { c[name] = value }
}

// in changes a member of a claim that is an object.
func in(claim, name string, value any) func(map[string]any) {
	return func(c map[string]any) { c[claim].(map[string]any)[name] = value }
}

// TestBadLaunches posts, after a full login each, what a tool must refuse: the
// certification suite's known bad launches (LTI Advantage Conformance
// Certification Guide 1.3 §6.1) and the attacks beyond it.
func TestBadLaunches(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := b.now()
	const claim = claimPrefix
	tests := map[string]struct {
		edit func(map[string]any)
		want Reason
	}{
		// Known bad of the certification suite; those of the header are below.
		"3 the version is wrong":                {set(claim+"version", "1.1.1"), ReasonVersion},
		"4 the version is missing":              {del(claim + "version"), ReasonVersion},
		"7 the token has expired":               {func(c map[string]any) { c["exp"], c["iat"] = now.Unix()-120, now.Unix()-300 }, ReasonExpired},
		"7 exp is missing":                      {del("exp"), ReasonExpired},
		"7 exp is null":                         {set("exp", nil), ReasonExpired},
		"7 exp is zero":                         {set("exp", 0), ReasonExpired},
		"7 exp is negative":                     {set("exp", -5), ReasonExpired},
		"7 exp is text":                         {set("exp", "tomorrow"), ReasonClaims},
		"7 exp is a number in quotes":           {set("exp", "99999999999"), ReasonClaims},
		"7 exp is beyond all time":              {set("exp", 1e300), ReasonClaims},
		"7 iat is missing":                      {del("iat"), ReasonIssuedAt},
		"7 iat is in the future":                {set("iat", now.Unix()+180), ReasonIssuedAt},
		"7 iat is twelve minutes old":           {set("iat", now.Unix()-12*60), ReasonIssuedAt},
		"7 the token expired a minute ago":      {func(c map[string]any) { c["exp"], c["iat"] = now.Unix()-60, now.Unix()-300 }, ReasonExpired},
		"7 iat is more than a minute ahead":     {set("iat", now.Unix()+61), ReasonIssuedAt},
		"7 iat is more than eleven minutes old": {set("iat", now.Unix()-11*60-1), ReasonIssuedAt},
		"nbf is more than a minute ahead":       {set("nbf", now.Unix()+61), ReasonNotBefore},
		"7 iat is after exp":                    {func(c map[string]any) { c["iat"], c["exp"] = now.Unix()+30, now.Unix() }, ReasonIssuedAt},
		"7 iat is a list":                       {set("iat", []any{now.Unix()}), ReasonClaims},
		"nbf is in the future":                  {set("nbf", now.Unix()+180), ReasonNotBefore},
		"8 the message type is missing":         {del(claim + "message_type"), ReasonMessageType},
		"the message type is unknown":           {set(claim+"message_type", "LtiSomethingRequest"), ReasonMessageType},
		"the message asks for deep linking":     {set(claim+"message_type", "LtiDeepLinkingRequest"), ReasonMessageType},
		"9 the roles are missing":               {del(claim + "roles"), ReasonRoles},
		"the roles are null":                    {set(claim+"roles", nil), ReasonRoles},
		"the roles are one text":                {set(claim+"roles", RoleInstructor), ReasonClaims},
		"the roles are numbers":                 {set(claim+"roles", []any{1, 2}), ReasonClaims},
		"a role is null":                        {set(claim+"roles", []any{RoleInstructor, nil}), ReasonRoles},
		"the roles are an object":               {set(claim+"roles", map[string]any{"0": RoleInstructor}), ReasonClaims},
		"10 the deployment id is missing":       {del(claim + "deployment_id"), ReasonDeploymentID},
		"the deployment id is empty":            {set(claim+"deployment_id", ""), ReasonDeploymentID},
		"the deployment id is a number":         {set(claim+"deployment_id", 7), ReasonClaims},
		"the deployment id is longer than 255":  {set(claim+"deployment_id", strings.Repeat("7", 256)), ReasonDeploymentID},
		"the deployment is not the login's":     {set(claim+"deployment_id", "9:other"), ReasonDeploymentID},
		"11 the resource link is missing":       {del(claim + "resource_link"), ReasonResourceLink},
		"11 the resource link has no id":        {set(claim+"resource_link", map[string]any{"title": "x"}), ReasonResourceLink},
		"the resource link's id is empty":       {in(claim+"resource_link", "id", ""), ReasonResourceLink},
		"the resource link's id is a number":    {in(claim+"resource_link", "id", 5), ReasonClaims},
		"the resource link is a text":           {set(claim+"resource_link", "x"), ReasonClaims},
		"12 the subject is missing":             {del("sub"), ReasonAnonymous},
		"the subject is null":                   {set("sub", nil), ReasonAnonymous},
		"the subject is empty":                  {set("sub", ""), ReasonSubject},
		"the subject is a number":               {set("sub", 42), ReasonClaims},
		"the subject is longer than 255":        {set("sub", strings.Repeat("s", 256)), ReasonSubject},
		"the subject is not ASCII":              {set("sub", "ädmin"), ReasonSubject},
		"the context has no id":                 {set(claim+"context", map[string]any{"title": "x"}), ReasonContext},
		"the context is a list":                 {set(claim+"context", []any{"x"}), ReasonClaims},
		"custom is a text":                      {set(claim+"custom", "x"), ReasonClaims},
		"the e-mail is an object":               {set("email", map[string]any{"a": 1}), ReasonClaims},
		"the issuer is another":                 {set("iss", "https://canvas.instructure.com"), ReasonIssuer},
		"the issuer has a slash at its end":     {set("iss", testIssuer+"/"), ReasonIssuer},
		"the issuer is missing":                 {del("iss"), ReasonIssuer},
		"the issuer is a list":                  {set("iss", []any{testIssuer}), ReasonClaims},
		"the audience is another":               {set("aud", "10000000000003"), ReasonAudience},
		"the audience is missing":               {del("aud"), ReasonAudience},
		"the audience is empty":                 {set("aud", []any{}), ReasonAudience},
		"the audience has a foreign member":     {set("aud", []any{testClient, "10000000000003"}), ReasonAudience},
		"the audience is a number":              {set("aud", 10000000000002), ReasonClaims},
		"the audience is a list of numbers":     {set("aud", []any{10000000000002}), ReasonClaims},
		"azp is another":                        {set("azp", "10000000000003"), ReasonAuthorized},
		"azp is empty":                          {set("azp", ""), ReasonAuthorized},
		"several audiences and another azp":     {func(c map[string]any) { c["aud"], c["azp"] = []any{testClient, testClient}, "x" }, ReasonAuthorized},
		"several audiences and no azp":          {func(c map[string]any) { c["aud"] = []any{testClient, testClient}; delete(c, "azp") }, ReasonAuthorized},
		"the nonce is missing":                  {del("nonce"), ReasonNonce},
		"the nonce is another":                  {set("nonce", "n-0S6_WzA2Mj"), ReasonNonce},
		"the nonce is a number":                 {set("nonce", 12), ReasonClaims},
		"the target is missing":                 {del(claim + "target_link_uri"), ReasonTargetLink},
		"the target is elsewhere":               {set(claim+"target_link_uri", "https://evil.example/"), ReasonTargetLink},
		"the target is another page of ours":    {set(claim+"target_link_uri", b.server.URL+"/admin"), ReasonTargetLink},
		"the platform is another institution":   {in(claim+"tool_platform", "guid", "other:canvas-lms"), ReasonPlatformGUID},
		"the platform does not say which it is": {del(claim + "tool_platform"), ReasonPlatformGUID},
		"5 the payload is JSON but no launch":   {func(c map[string]any) { clear(c); c["hello"] = "world" }, ReasonIssuer},
		"5 the payload is an OpenID token but no launch": {func(c map[string]any) {
			for name := range c {
				if strings.HasPrefix(name, "https://") {
					delete(c, name)
				}
			}
		}, ReasonVersion},
	}
	b.reg.PlatformGUID = testGUID
	b.store.put(b.reg)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			br := b.browser(t)
			login := br.login()
			r := br.launch(login, tt.edit)
			r.refused(t, tt.want)
			if r.refusal.KeyID != testKeyID || r.refusal.Registration != "reg_1" {
				t.Errorf("refusal names key %q of %q", r.refusal.KeyID, r.refusal.Registration)
			}
			// A bad token does not use up the login of a good one.
			br.launch(login, nil).launched(t)
		})
	}
}

// TestMissingClaims removes, one by one, each claim that a launch must have.
func TestMissingClaims(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	required := []string{
		"iss", "aud", "sub", "iat", "exp", "nonce", claimPrefix + "message_type", claimPrefix + "version",
		claimPrefix + "deployment_id", claimPrefix + "target_link_uri", claimPrefix + "roles", claimPrefix + "resource_link",
	}
	for name := range claimSet("", "", b.now()) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			br := b.browser(t)
			r := br.launch(br.login(), del(name))
			if slices.Contains(required, name) {
				if r.refusal.Code == "" {
					t.Fatalf("launched without %s", name)
				}
				return
			}
			r.launched(t)
		})
	}
}

// TestBadTokens posts tokens that are wrong before their claims are read.
func TestBadTokens(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.publish(t,
		PublicKey{ID: testKeyID, Key: &keyA().PublicKey},
		PublicKey{ID: "twice", Key: &keyA().PublicKey}, PublicKey{ID: "twice", Key: &keyB().PublicKey},
		PublicKey{ID: "small", Key: &keySmall().PublicKey},
	)
	withKey := func(key func() *rsa.PrivateKey, edit func(map[string]any)) func(*browser, []byte) string {
		return func(br *browser, payload []byte) string {
			h := goodHeader()
			if edit != nil {
				edit(h)
			}
			return sign(br.t, key(), h, payload)
		}
	}
	raw := func(payload string) func(*browser, []byte) string {
		return func(br *browser, _ []byte) string { return sign(br.t, keyA(), goodHeader(), []byte(payload)) }
	}
	tests := map[string]struct {
		make func(br *browser, payload []byte) string
		want Reason
	}{
		"1 no kid":                            {withKey(keyA, del("kid")), ReasonKeyIDMissing},
		"an empty kid":                        {withKey(keyA, set("kid", "")), ReasonKeyIDMissing},
		"2 a kid that names no key":           {withKey(keyA, set("kid", "2018-06-18T22:33:20Z")), ReasonKeyUnknown},
		"a kid that is a path":                {withKey(keyA, set("kid", "../../etc/passwd")), ReasonKeyUnknown},
		"a kid that is SQL":                   {withKey(keyA, set("kid", "' OR 1=1 --")), ReasonKeyUnknown},
		"a kid that is too long":              {withKey(keyA, set("kid", strings.Repeat("k", 600))), ReasonKeyUnknown},
		"a kid that is a number":              {withKey(keyA, set("kid", 1)), ReasonMalformed},
		"a kid that two keys have":            {withKey(keyA, set("kid", "twice")), ReasonKeyAmbiguous},
		"a kid of a key below 2048 bits":      {withKey(keySmall, set("kid", "small")), ReasonKeyUnknown},
		"a foreign key under the right kid":   {withKey(keyB, nil), ReasonSignature},
		"a critical header":                   {withKey(keyA, set("crit", []any{"exp"})), ReasonCritical},
		"no algorithm":                        {withKey(keyA, del("alg")), ReasonAlgorithm},
		"the algorithm none":                  {withKey(keyA, set("alg", "none")), ReasonAlgorithm},
		"a payload that is no JSON":           {raw("hello"), ReasonClaims},
		"a payload that is a list":            {raw("[1]"), ReasonClaims},
		"a payload that is null":              {raw("null"), ReasonClaims},
		"a payload that is a text":            {raw(`"x"`), ReasonClaims},
		"a payload that is cut off":           {raw(`{"iss":"x"`), ReasonClaims},
		"a payload with a second value":       {raw(`{"iss":"x"}{}`), ReasonClaims},
		"a payload that is not UTF-8":         {raw("{\"iss\":\"\xff\"}"), ReasonClaims},
		"a payload nested beyond all measure": {raw(strings.Repeat(`{"a":`, 20_000)), ReasonClaims},
		"a claim that comes twice":            {raw(`{"iss":"a","iss":"b"}`), ReasonDuplicateName},
		"a claim that comes twice, escaped":   {raw(`{"iss":"a","\u0069ss":"b"}`), ReasonDuplicateName},
		"a claim in capitals":                 {raw(`{"ISS":"https://canvas.example.edu"}`), ReasonDuplicateName},
		"a claim with a look-alike letter":    {raw(`{"iſs":"https://canvas.example.edu"}`), ReasonDuplicateName},
		"an unknown claim that comes twice":   {raw(`{"x":1,"y":2,"x":1}`), ReasonDuplicateName},
		"a claim's member that comes twice":   {raw(`{"x":{"y":[{"z":1,"z":2}]}}`), ReasonDuplicateName},
		"a custom parameter that comes twice": {raw(`{"` + claimPrefix + `custom":{"a":"1","a":"2"}}`), ReasonDuplicateName},
		"a context id in capitals":            {raw(`{"` + claimPrefix + `context":{"ID":"1"}}`), ReasonDuplicateName},
		"a header that is no JSON":            {func(br *browser, p []byte) string { return signRaw(br.t, keyA(), []byte("RS256"), p) }, ReasonMalformed},
		"a header member that comes twice": {func(br *browser, p []byte) string {
			return signRaw(br.t, keyA(), []byte(`{"alg":"RS256","alg":"none","kid":"x"}`), p)
		}, ReasonMalformed},
		"a header with ALG": {func(br *browser, p []byte) string {
			return signRaw(br.t, keyA(), []byte(`{"ALG":"RS256","kid":"x"}`), p)
		}, ReasonMalformed},
		"a header of 20 kB":               {withKey(keyA, set("x5c", strings.Repeat("A", 20_000))), ReasonMalformed},
		"a payload changed after signing": {func(br *browser, p []byte) string { return tamper(sign(br.t, keyA(), goodHeader(), p), p) }, ReasonSignature},
		"two segments":                    {func(br *browser, p []byte) string { return cut(sign(br.t, keyA(), goodHeader(), p)) }, ReasonMalformed},
		"a token of 257 kB":               {func(*browser, []byte) string { return strings.Repeat("A", 257<<10) }, ReasonTooLarge},
		"no token, only dots":             {func(*browser, []byte) string { return ".." }, ReasonMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			br := b.browser(t)
			login := br.login()
			payload, err := json.Marshal(claimSet(login.nonce(), login.target, b.now()))
			if err != nil {
				t.Fatal(err)
			}
			br.launchToken(login, tt.make(br, payload)).refused(t, tt.want)
			br.launch(login, nil).launched(t)
		})
	}
}

// tamper puts another payload under the signature.
func tamper(token string, payload []byte) string {
	parts := strings.Split(token, ".")
	return parts[0] + "." + base64url([]byte(strings.Replace(string(payload), "grace@", "admin@", 1))) + "." + parts[2]
}

func cut(token string) string { return token[:strings.LastIndex(token, ".")] }

// TestGoodLaunches are the certification suite's nine valid launches, each as
// instructor and as student.
func TestGoodLaunches(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	people := map[string]string{"instructor": RoleInstructor, "student": RoleLearner}
	const roles = claimPrefix + "roles"
	type check func(Launch) bool
	anything := func(Launch) bool { return true }
	tests := map[string]struct {
		edit  func(role string) func(map[string]any)
		check func(role string) check
	}{
		"1 a plain launch with full data": {
			func(role string) func(map[string]any) { return set(roles, []any{role}) },
			func(role string) check {
				return func(l Launch) bool {
					return l.HasRole(role) && l.Name == "Grace Hopper" && l.GivenName == "Grace" && l.FamilyName == "Hopper" &&
						l.Email == "grace@example.edu" && l.Locale == "en" && l.IsCourse() && !l.IsAccount() && l.Context.Label == "CS 301" &&
						l.PlatformGUID == testGUID && l.PlatformName == "Example College" && l.Placement == "course_navigation" &&
						l.NamesRolesURL != "" && l.ReturnURL != "" && l.RootDeployment && l.CustomTrusted && l.TargetPath == "/" &&
						l.Issuer == testIssuer && l.ClientID == testClient && l.DeploymentID == testDeployment && !l.IssuedAt.IsZero()
				}
			},
		},
		"2 several roles": {
			func(role string) func(map[string]any) { return set(roles, []any{RoleSystemUser, role, RoleMentor}) },
			func(role string) check {
				return func(l Launch) bool { return l.HasRole(role) && l.HasRole(RoleMentor) && len(l.Roles) == 3 }
			},
		},
		"3 a short role": {
			func(role string) func(map[string]any) { return set(roles, []any{role[strings.Index(role, "#")+1:]}) },
			func(role string) check { return func(l Launch) bool { return !l.HasRole(role) && len(l.Roles) == 1 } },
		},
		"4 an unknown role": {
			func(string) func(map[string]any) { return set(roles, []any{"http://example.edu/roles#Wizard"}) },
			func(role string) check { return func(l Launch) bool { return !l.HasRole(role) } },
		},
		"5 an empty list of roles": {
			func(string) func(map[string]any) { return set(roles, []any{}) },
			func(role string) check { return func(l Launch) bool { return len(l.Roles) == 0 && !l.HasRole(role) } },
		},
		"6 only the e-mail as personal data": {
			func(string) func(map[string]any) { return del("name", "given_name", "family_name", "picture") },
			func(string) check { return func(l Launch) bool { return l.Name == "" && l.Email != "" } },
		},
		"7 only names as personal data": {
			func(string) func(map[string]any) { return del("email", "picture") },
			func(string) check { return func(l Launch) bool { return l.Name != "" && l.Email == "" } },
		},
		"8 no personal data": {
			func(string) func(map[string]any) { return del("email", "name", "given_name", "family_name", "picture") },
			func(string) check { return func(l Launch) bool { return l.Name == "" && l.Subject != "" } },
		},
		"9 an e-mail and no context": {
			func(string) func(map[string]any) { return del(claimPrefix + "context") },
			func(string) check {
				return func(l Launch) bool { return l.Context.ID == "" && !l.CustomTrusted && !l.IsCourse() && l.Email != "" }
			},
		},
		"an audience of one in a list": {
			func(string) func(map[string]any) { return set("aud", []any{testClient}) },
			func(string) check { return anything },
		},
		"no authorized party": {
			func(string) func(map[string]any) { return del("azp") },
			func(string) check { return anything },
		},
		"an unknown claim, and noise inside known ones": {
			func(string) func(map[string]any) {
				return func(c map[string]any) {
					c["https://vendor.example/claim"] = map[string]any{"ID": 1, "Iss": []any{nil}}
					c[claimPrefix+"context"].(map[string]any)["errors"] = []any{}
				}
			},
			func(string) check { return anything },
		},
		"a placement of null": {
			func(string) func(map[string]any) { return set("https://www.instructure.com/placement", nil) },
			func(string) check { return func(l Launch) bool { return l.Placement == "" } },
		},
		"a token eleven minutes old": {
			func(string) func(map[string]any) { return set("iat", b.now().Add(-11*time.Minute).Unix()) },
			func(string) check { return anything },
		},
		"a token that expired 59 seconds ago": {
			func(string) func(map[string]any) {
				return func(c map[string]any) { c["iat"], c["exp"] = b.now().Unix()-60, b.now().Unix()-59 }
			},
			func(string) check { return anything },
		},
		"a platform clock a minute fast": {
			func(string) func(map[string]any) {
				return func(c map[string]any) { c["iat"], c["nbf"] = b.now().Unix()+60, b.now().Unix()+60 }
			},
			func(string) check { return anything },
		},
		"dates with fractions": {
			func(string) func(map[string]any) { return set("iat", float64(b.now().Unix())+0.25) },
			func(string) check { return anything },
		},
		"a real resource link": {
			func(string) func(map[string]any) {
				return in(claimPrefix+"resource_link", "id", "b7c1d2a4-1111-4222-8333-444455556666")
			},
			func(string) check { return func(l Launch) bool { return !l.CustomTrusted } },
		},
		"an account": {
			func(string) func(map[string]any) {
				return func(c map[string]any) {
					c[claimPrefix+"context"] = map[string]any{"id": testAccount, "title": "Example College", "type": []any{"Account"}}
					c[claimPrefix+"resource_link"] = map[string]any{"id": testAccount}
				}
			},
			func(string) check {
				return func(l Launch) bool { return l.IsAccount() && !l.IsCourse() && l.AtDeployment() && l.CustomTrusted }
			},
		},
	}
	for name, tt := range tests {
		for person, role := range people {
			t.Run(name+"/"+person, func(t *testing.T) {
				t.Parallel()
				br := b.browser(t)
				r := br.launch(br.login(), func(c map[string]any) {
					c[roles] = []any{role}
					tt.edit(role)(c)
				})
				if l := r.launched(t); !tt.check(role)(l) {
					t.Errorf("launch is %+v", l)
				}
				if r.header.Get("Cache-Control") != "no-store" {
					t.Error("the first page may be cached")
				}
			})
		}
	}
}

// TestHonestHeaders checks that keys which a header carries along are not read:
// they neither help a forger nor harm an honest platform.
func TestHonestHeaders(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	foreign := encodeKey("evil", &keyB().PublicKey)
	for name, edit := range map[string]func(map[string]any){
		"jwk": set("jwk", foreign), "jku": set("jku", b.URL+"/evil"), "x5u": set("x5u", b.URL+"/evil"), "no typ": del("typ"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			br := b.browser(t)
			login := br.login()
			payload, _ := json.Marshal(claimSet(login.nonce(), login.target, b.now()))
			h := goodHeader()
			edit(h)
			br.launchToken(login, sign(t, keyB(), h, payload)).refused(t, ReasonSignature)
			br.launchToken(login, sign(t, keyA(), h, payload)).launched(t)
		})
	}
}

// TestRefusalsTellNothing checks log and page of refusals for what must not be there.
func TestRefusalsTellNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	br := b.browser(t)
	var tokens []string
	for _, edit := range []func(map[string]any){
		set("sub", 424242), set("aud", "5550123"), set("nonce", "wrong-nonce"), set(claimPrefix+"roles", "secret-role"),
		func(c map[string]any) { c[claimPrefix+"custom"] = "secret-custom" },
	} {
		login := br.login()
		c := claimSet(login.nonce(), login.target, b.now())
		edit(c)
		token := signClaims(t, c)
		r := br.launchToken(login, token)
		if r.refusal.Code == "" {
			t.Fatalf("launched: %s", r.body)
		}
		logged := b.log.String()
		if !strings.Contains(logged, r.refusal.Reference) || !strings.Contains(logged, r.refusal.Code) ||
			!strings.Contains(logged, testKeyID) || !strings.Contains(logged, "reg_1") {
			t.Errorf("the log lacks reference, reason, kid or registration: %s", logged)
		}
		tokens = append(tokens, strings.Split(token, ".")...)
		tokens = append(tokens, login.state(), login.nonce(), string(r.body))
	}
	logged := b.log.String()
	forbidden := append(tokens[:len(tokens):len(tokens)], "424242", "5550123", "wrong-nonce", "secret-role", "secret-custom", "Grace", "grace@")
	for _, text := range forbidden {
		if strings.Contains(logged, text) {
			t.Errorf("the log contains %q", text)
		}
	}
}
