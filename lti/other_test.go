package lti

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEqualNumbersAreNoTrust: Moodle numbers courses and activities, each from
// one upwards, so that activity 2 lies in course 2 sooner or later. Its teacher
// wrote the custom parameters.
func TestEqualNumbersAreNoTrust(t *testing.T) {
	t.Parallel()
	c := claimSet("n", "https://tool.example.edu/", time.Now())
	c[claimPrefix+"context"] = map[string]any{"id": "2", "type": []any{ContextCourse}}
	c[claimPrefix+"resource_link"] = map[string]any{"id": "2"}
	c[claimPrefix+"deployment_id"] = "1:2"
	c[claimPrefix+"custom"] = map[string]any{"role": "admin"}
	got, refusal := decodeClaims(mustJSON(t, c))
	if refusal != nil {
		t.Fatal(refusal)
	}
	reg := Registration{ID: "moodle", Issuer: testIssuer, ClientID: testClient, Deployments: []Deployment{{ID: "1:2", Root: true}}}
	l := got.launch(reg, "/", time.Now())
	if l.CustomTrusted || l.AtDeployment() || l.Canvas {
		t.Errorf("a platform that is not declared to be Canvas: trusted %t, at its deployment %t, Canvas %t", l.CustomTrusted, l.AtDeployment(), l.Canvas)
	}
	if role, _ := l.Custom.Text("role"); role != "admin" {
		t.Errorf("the parameter itself is %q", role)
	}
	reg.Canvas = true
	if l = got.launch(reg, "/", time.Now()); !l.CustomTrusted || !l.AtDeployment() || !l.Canvas {
		t.Errorf("Canvas: %+v", l)
	}
}

// TestRosterOfAPlatformThatFiltersBadly: Moodle forgets the role on its second
// page, lists somebody again there, and writes roles by their simple names.
func TestRosterOfAPlatformThatFiltersBadly(t *testing.T) {
	t.Parallel()
	s, reg := newServices(t)
	s.roster = func(w http.ResponseWriter, r *http.Request) {
		member := func(id string, roles ...string) map[string]any {
			return map[string]any{"user_id": id, "name": "P " + id, "roles": roles}
		}
		if r.URL.Query().Get("page") == "2" {
			w.Header().Set("Content-Type", mediaRoster)
			_, _ = w.Write(mustJSON(t, map[string]any{"members": []any{
				member("2", "Instructor"), member("3", "Learner"), member("4", RoleLearner), member("2", RoleInstructor), member("3", "Mentor"),
				member("5", RoleLearner, "urn:example#Instructor"), member("6"),
			}}))
			return
		}
		w.Header().Set("Link", fmt.Sprintf(`<%s?page=2>; rel="next"`, s.rosterURL()))
		w.Header().Set("Content-Type", mediaRoster)
		_, _ = w.Write(mustJSON(t, map[string]any{"members": []any{member("1", RoleInstructor), member("2", "Instructor"), member("4", "Instructor")}}))
	}
	names := &NamesRoles{Tokens: &ServiceTokens{Keys: toolKeys(t), Client: s.Client()}, Client: s.Client()}
	for role, want := range map[string]string{
		RoleInstructor: "1 2 4", "Instructor": "1 2 4", RoleLearner: "4 3 5", RoleMentor: "3", "": "1 2 4 3 5 6",
		RoleTeachingAssistant: "", "http://purl.imsglobal.org/vocab/lis/v2/membership#Wizard": "", "Wizard": "",
	} {
		got, err := names.Members(t.Context(), reg, s.rosterURL(), role)
		var ids []string
		for _, m := range got {
			ids = append(ids, m.UserID)
		}
		if err != nil || strings.Join(ids, " ") != want {
			t.Errorf("%q: %q, %v; want %q", role, strings.Join(ids, " "), err, want)
		}
	}
	all, err := names.Members(t.Context(), reg, s.rosterURL(), "")
	if err != nil || !slices.Equal(all[2].Roles, []string{RoleInstructor, RoleLearner}) || !all[3].HasRole(RoleMentor) || !all[3].HasRole(RoleLearner) {
		t.Errorf("roles of people who are listed twice: %+v, %v", all, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.accepted, func(q string) bool { return strings.Contains(q, "role=http%3A") }) {
		t.Errorf("the platform was not asked to filter: %q", s.accepted)
	}
}

// TestAssertions: whom an assertion addresses, and for which deployment.
func TestAssertions(t *testing.T) {
	t.Parallel()
	s, reg := newServices(t)
	tokens := &ServiceTokens{Keys: toolKeys(t), Client: s.Client()}
	ask := func(reg Registration) string {
		t.Helper()
		if _, err := tokens.Token(t.Context(), reg, "s"); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.deployment
	}
	reg.Deployments = []Deployment{{ID: "1"}}
	if got := ask(reg); got != "1" {
		t.Errorf("the only deployment: %q", got)
	}
	reg.Deployments = []Deployment{{ID: "1"}, {ID: "2", Root: true}}
	if got := ask(reg); got != "" {
		t.Errorf("one of several, but for whom? %q", got)
	}
	if got := ask(reg.At("2")); got != "2" || s.tokens.Load() != 3 {
		t.Errorf("the launch's deployment: %q, after %d requests", got, s.tokens.Load())
	}
	if got := reg.At("3"); len(got.Deployments) != 0 || len(reg.Deployments) != 2 {
		t.Errorf("a deployment that is not allow-listed: %+v of %+v", got.Deployments, reg.Deployments)
	}
	s.mu.Lock()
	s.audience = "https://auth.example.edu"
	s.mu.Unlock()
	reg.Audience = "https://auth.example.edu"
	if ask(reg); s.tokens.Load() != 4 {
		t.Error("a token for another audience was given out again")
	}
}

// TestARegistrationThatCanBeStored: what Discover and Register learn makes a
// whole Registration.
func TestARegistrationThatCanBeStored(t *testing.T) {
	t.Parallel()
	for family, want := range map[string]Registration{
		"canvas": {Canvas: true, PlatformGUID: testGUID},
		"moodle": {Audience: "sso.example.edu", PlatformGUID: testGUID},
	} {
		s, d := newRegistrar(t)
		s.config["https://purl.imsglobal.org/spec/lti-platform-configuration"].(map[string]any)["product_family_code"] = family
		cfg, err := d.Discover(t.Context(), s.configURL(), registrationToken)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Register(t.Context(), cfg, registrationToken, testProfile())
		if err != nil {
			t.Fatal(err)
		}
		want.ID, want.Issuer, want.ClientID = "mine", "https://canvas.example.edu", "10000000000007"
		want.AuthURL, want.TokenURL = "https://sso.example.edu/api/lti/authorize_redirect", "https://sso.example.edu/login/oauth2/token"
		want.KeySetURL, want.Deployments = "https://sso.example.edu/api/lti/security/jwks", []Deployment{{ID: testDeployment}}
		want.RosterHosts, want.FrameOrigins = []string{strings.TrimPrefix(s.URL, "https://")}, []string{s.URL}
		reg, err := cfg.Registration("mine", got)
		if err != nil || !reflect.DeepEqual(reg, want) || reg.Validate() != nil {
			t.Errorf("%s: %+v, %v; want %+v", family, reg, err, want)
		}
		if reg, err = cfg.Registration("mine", Registered{ClientID: "7"}); err != nil || reg.Validate() == nil || reg.ValidateWaiting() != nil {
			t.Errorf("%s, without a deployment: %+v, %v", family, reg, err)
		}
		if reg, err = cfg.Registration("mine", Registered{}); err == nil {
			t.Errorf("%s, without a client id: %+v", family, reg)
		}
	}
}

// TestHosts: one notation, whoever writes it.
func TestHosts(t *testing.T) {
	t.Parallel()
	reg := Registration{RosterHosts: []string{"lms.example.edu", "lms.example.edu:8443", "localhost:3000"}}
	for raw, want := range map[string]bool{
		"https://lms.example.edu/r": true, "https://LMS.example.edu:443/r": true, "https://lms.example.edu:8443/r": true, "http://localhost:3000/r": true,
		"https://lms.example.edu:444/r": false, "https://localhost/r": false, "https://lms.example.edu:80/r": false,
	} {
		if _, err := rosterURL(reg, raw); (err == nil) != want {
			t.Errorf("%s: %v", raw, err)
		}
	}
	var asked []string
	d := &DynamicRegistration{TrustHost: func(host string) bool { asked = append(asked, host); return true }}
	for _, raw := range []string{"https://LMS.example.edu:443/", "https://lms.example.edu:8443/", "http://[::1]:80/"} {
		if _, err := d.trusted("x", raw); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"lms.example.edu", "lms.example.edu:8443", "[::1]"}; !slices.Equal(asked, want) {
		t.Errorf("TrustHost was asked about %q, want %q", asked, want)
	}
}
