package lti

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func TestCustom(t *testing.T) {
	t.Parallel()
	var c Custom
	err := json.Unmarshal([]byte(`{
		"text":"x", "empty":"", "number":42, "big":10000000000002, "float":1.50, "yes":true, "no":false, "yes_text":"true",
		"null":null, "literal":"$Canvas.user.id", "permissions":"$Canvas.membership.permissions<>", "inside":"a $b",
		"list":["true"], "object":{"true":true}, "escaped":"\u0024Canvas.user.id"
	}`), &c)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"text": "x", "empty": "", "number": "42", "big": "10000000000002", "float": "1.50",
		"yes": "true", "no": "false", "yes_text": "true", "inside": "a $b",
	}
	kinds := map[string]CustomKind{
		"null": CustomNull, "literal": CustomLiteral, "permissions": CustomLiteral, "list": CustomUnusable,
		"object": CustomUnusable, "missing": CustomMissing, "escaped": CustomLiteral,
	}
	for key := range c {
		want, isText := texts[key]
		if got, ok := c.Text(key); got != want || ok != isText {
			t.Errorf("Text(%s) = %q, %t", key, got, ok)
		}
		if got := c.True(key); got != (key == "yes" || key == "yes_text") {
			t.Errorf("True(%s) = %t", key, got)
		}
	}
	for key, want := range kinds {
		if got := c.Value(key).Kind; got != want {
			t.Errorf("kind of %s is %d, want %d", key, got, want)
		}
	}
	if got := c.Value("literal").Text; got != "$Canvas.user.id" {
		t.Errorf("the literal's text is %q", got)
	}
	if _, ok := Custom(nil).Text("x"); ok {
		t.Error("no customs have a text")
	}

	again, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Custom
	if err := json.Unmarshal(again, &back); err != nil || !reflect.DeepEqual(c, back) {
		t.Errorf("after a round trip %v, %v", back, err)
	}
}

func TestALaunchSurvivesJSON(t *testing.T) {
	t.Parallel()
	c, refusal := decodeClaims(mustJSON(t, claimSet("n", "https://tool.example.edu/x?y=1", time.Now())))
	if refusal != nil {
		t.Fatal(refusal)
	}
	reg := Registration{ID: "reg_1", Issuer: testIssuer, ClientID: testClient, Canvas: true, Deployments: []Deployment{{testDeployment, true}}}
	c.keyID = "kid"
	l := c.launch(reg, "/x", time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("x", 3600)))
	var back Launch
	if err := json.Unmarshal(mustJSON(t, l), &back); err != nil || !reflect.DeepEqual(l, back) {
		t.Errorf("after a round trip %+v, %v; want %+v", back, err, l)
	}
	// Every field has a value, so that none is lost unseen.
	v := reflect.ValueOf(l)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "Forget" {
			t.Errorf("%s is empty", name)
		}
	}
}

func mustJSON(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestRoles(t *testing.T) {
	t.Parallel()
	l := Launch{Roles: []string{
		"Instructor", RoleInstitutionInstructor,
		"http://purl.imsglobal.org/vocab/lis/v2/membership/instructor#TeachingAssistant",
	}}
	if l.HasRole(RoleInstructor) {
		t.Error("a short name or an institution role makes a teacher")
	}
	if !l.HasRole(RoleTeachingAssistant) || !l.HasRole(RoleLearner, RoleInstitutionInstructor) || l.HasRole() {
		t.Error("HasRole is wrong")
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		l                          Launch
		course, account, installed bool
	}{
		"a course":             {Launch{Context: Context{ID: "c", Type: []string{ContextCourse}}, DeploymentID: "1:a"}, true, false, false},
		"the account itself":   {Launch{Context: Context{ID: "a", Type: []string{ContextAccount}}, DeploymentID: "1:a"}, false, true, true},
		"a sub-account":        {Launch{Context: Context{ID: "s", Type: []string{ContextAccount}}, DeploymentID: "1:a"}, false, true, false},
		"a section":            {Launch{Context: Context{ID: "2", Type: []string{ContextSection}}, DeploymentID: "1"}, true, false, false},
		"a section's name":     {Launch{Context: Context{ID: "2", Type: []string{"CourseSection"}}, DeploymentID: "1"}, true, false, false},
		"a course's name":      {Launch{Context: Context{ID: "2", Type: []string{"CourseOffering"}}, DeploymentID: "1"}, true, false, false},
		"another vocabulary":   {Launch{Context: Context{ID: "2", Type: []string{"http://example.edu/x#CourseSection"}}}, false, false, false},
		"a group":              {Launch{Context: Context{ID: "g", Type: []string{ContextGroup}}, DeploymentID: "1:a"}, false, false, false},
		"an account and more":  {Launch{Context: Context{ID: "a", Type: []string{ContextAccount, ContextCourse}}, DeploymentID: "1:a"}, true, false, true},
		"nothing":              {Launch{DeploymentID: "1:a"}, false, false, false},
		"nothing on each side": {Launch{DeploymentID: "1:"}, false, false, false},
		"no colon":             {Launch{Context: Context{ID: "a"}, DeploymentID: "a"}, false, false, false},
	}
	for name, tt := range tests {
		if tt.l.AtDeployment() {
			t.Errorf("%s: known of a platform that is not Canvas", name)
		}
		tt.l.Canvas = true
		if got := [3]bool{tt.l.IsCourse(), tt.l.IsAccount(), tt.l.AtDeployment()}; got != [3]bool{tt.course, tt.account, tt.installed} {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if seen[r] || r == "" || r.Status() < 400 {
			t.Errorf("reason %q", r)
		}
		seen[r] = true
	}
	if Reason("no such").Status() != 500 || Reason("no such").newTab() {
		t.Error("an unknown reason")
	}
}

func TestRegistrationValidate(t *testing.T) {
	t.Parallel()
	good := func() Registration {
		return Registration{
			ID: "r", Issuer: "https://x.example", ClientID: "1", AuthURL: "https://sso.example/auth", TokenURL: "https://sso.example/token",
			KeySetURL: "http://127.0.0.1:3000/jwks", Deployments: []Deployment{{ID: "1:a", Root: true}},
			FrameOrigins: []string{"https://x.example", "http://lms.localhost:3000"}, RosterHosts: []string{"x.example", "[::1]:3000", "lms.localhost:3000"},
		}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*Registration){
		"no id":                      func(r *Registration) { r.ID = "" },
		"no issuer":                  func(r *Registration) { r.Issuer = "" },
		"no client":                  func(r *Registration) { r.ClientID = "" },
		"no auth URL":                func(r *Registration) { r.AuthURL = "" },
		"an http auth URL":           func(r *Registration) { r.AuthURL = "http://sso.example/auth" },
		"a relative token URL":       func(r *Registration) { r.TokenURL = "/token" },
		"a key set URL with a user":  func(r *Registration) { r.KeySetURL = "https://a:b@sso.example/jwks" },
		"a key set URL with a #":     func(r *Registration) { r.KeySetURL = "https://sso.example/jwks#" },
		"no deployment":              func(r *Registration) { r.Deployments = nil },
		"an empty deployment":        func(r *Registration) { r.Deployments[0].ID = "" },
		"a deployment twice":         func(r *Registration) { r.Deployments = append(r.Deployments, r.Deployments[0]) },
		"a frame origin with a path": func(r *Registration) { r.FrameOrigins[0] += "/" },
		"a frame origin in capitals": func(r *Registration) { r.FrameOrigins[0] = "https://X.example" },
		"a frame origin of http":     func(r *Registration) { r.FrameOrigins[0] = "http://x.example" },
		"a frame origin of *":        func(r *Registration) { r.FrameOrigins[0] = "*" },
		"a frame origin at its port": func(r *Registration) { r.FrameOrigins[0] = "https://x.example:443" },
		"a roster host in capitals":  func(r *Registration) { r.RosterHosts[0] = "X.example" },
		"a roster host at its port":  func(r *Registration) { r.RosterHosts[0] = "x.example:443" },
		"a roster host of a URL":     func(r *Registration) { r.RosterHosts[0] = "https://x.example" },
		"a roster host with a path":  func(r *Registration) { r.RosterHosts[0] = "x.example/" },
		"a roster host with a user":  func(r *Registration) { r.RosterHosts[0] = "u@x.example" },
		"no roster host":             func(r *Registration) { r.RosterHosts[0] = "" },
	} {
		r := good()
		edit(&r)
		if r.Validate() == nil {
			t.Errorf("%s is valid", name)
		}
	}
}

func TestToolValidate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, edit := range map[string]func(*Tool){
		"no states":                func(t *Tool) { t.States = nil },
		"no key sets":              func(t *Tool) { t.KeySets = nil },
		"no first page":            func(t *Tool) { t.Pages.Launched = nil },
		"no refusal page":          func(t *Tool) { t.Pages.Refused = nil },
		"one of two storage pages": func(t *Tool) { t.Pages.ProofPage = nil },
		"a public URL of http":     func(t *Tool) { t.PublicURL = "http://tool.example.edu" },
		"a public URL with /":      func(t *Tool) { t.PublicURL += "/" },
		"a launch URL of nothing":  func(t *Tool) { t.LaunchURL = "/lti/launch" },
		"a foreign proof URL":      func(t *Tool) { t.ProofURL = "https://elsewhere.example/proof" },
	} {
		tool := b.newTool(b.server.URL)
		edit(tool)
		if tool.Validate() == nil {
			t.Errorf("%s is valid", name)
		}
	}
	// Without storage pages, an announced storage is not used.
	b.tool.Pages.StorePage, b.tool.Pages.ProofPage = nil, nil
	if err := b.tool.Validate(); err != nil {
		t.Fatal(err)
	}
	br := b.browser(t)
	params := br.loginParams()
	params.Set("lti_storage_target", frame)
	if r := br.post("/lti/login", params); r.status != 303 {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}
