package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/lti"
)

// prepared is a demo that runs until the test ends, without sample requests.
func prepared(t *testing.T) *demo {
	t.Helper()
	var said bytes.Buffer
	o := options{listen: "127.0.0.1:0", canvasListen: "127.0.0.1:0", empty: true, given: map[string]bool{}}
	d, err := newDemo(t.Context(), o, nil, &said, &output{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := d.start(ctx)
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
	if err := d.prepare(ctx, o); err != nil {
		t.Fatal(err)
	}
	return d
}

// The sample people come by what the stand-in sends for them: the tool would let
// them in with their own browsers just so.
func TestSampleLaunchesAreTheStandInsOwn(t *testing.T) {
	d := prepared(t)
	s := &seeder{canvas: d.canvas, from: d.from}
	w := d.canvas.World()
	where := placesOf(w, d.from.deployment.ToolID)
	for _, p := range []struct {
		key, place string
		at         spot
	}{
		{"luca", where.bio, bio},
		{"ana", where.bio, bio.teaching()},
		{"kofi", where.chem, chem},
		{"helen", where.chem, chem.teaching()},
		{"priya", where.root, office},
		{"grace", where.ownOf(w, "grace"), own},
	} {
		var claims []byte
		remove := d.canvas.OnLaunch(func(l *canvastest.SignedLaunch) { claims, _ = json.Marshal(l.Claims) })
		cookies, err := d.canvas.SignIn(p.key)
		if err != nil {
			t.Fatal(err)
		}
		b := newBrowser()
		b.setCookies(d.canvasURL, cookies)
		if err := b.open(t.Context(), d.canvasURL+p.place); err != nil {
			t.Fatal(err)
		}
		b.close()
		remove()
		var sent struct {
			Issuer     string      `json:"iss"`
			ClientID   string      `json:"aud"`
			Subject    string      `json:"sub"`
			Name       string      `json:"name"`
			Given      string      `json:"given_name"`
			Family     string      `json:"family_name"`
			Email      string      `json:"email"`
			Locale     string      `json:"locale"`
			Deployment string      `json:"https://purl.imsglobal.org/spec/lti/claim/deployment_id"`
			Context    lti.Context `json:"https://purl.imsglobal.org/spec/lti/claim/context"`
			Roles      []string    `json:"https://purl.imsglobal.org/spec/lti/claim/roles"`
			Custom     lti.Custom  `json:"https://purl.imsglobal.org/spec/lti/claim/custom"`
			Placement  string      `json:"https://www.instructure.com/placement"`
			Link       struct {
				ID string `json:"id"`
			} `json:"https://purl.imsglobal.org/spec/lti/claim/resource_link"`
			Platform struct {
				GUID string `json:"guid"`
				Name string `json:"name"`
			} `json:"https://purl.imsglobal.org/spec/lti/claim/tool_platform"`
			Roster struct {
				URL string `json:"context_memberships_url"`
			} `json:"https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"`
		}
		if err := json.Unmarshal(claims, &sent); err != nil {
			t.Fatalf("%s: %v in %s", p.key, err, claims)
		}
		l := s.launch(p.key, p.at)
		for what, pair := range map[string][2]any{
			"issuer": {l.Issuer, sent.Issuer}, "client": {l.ClientID, sent.ClientID}, "subject": {l.Subject, sent.Subject}, "name": {l.Name, sent.Name},
			"given name": {l.GivenName, sent.Given}, "family name": {l.FamilyName, sent.Family}, "mail": {l.Email, sent.Email}, "language": {l.Locale, sent.Locale},
			"deployment": {l.DeploymentID, sent.Deployment}, "placement": {l.Placement, sent.Placement}, "link": {l.ResourceLinkID, sent.Link.ID},
			"GUID": {l.PlatformGUID, sent.Platform.GUID}, "platform": {l.PlatformName, sent.Platform.Name}, "roster": {l.NamesRolesURL, sent.Roster.URL},
			"context": {l.Context.ID + l.Context.Title + l.Context.Label, sent.Context.ID + sent.Context.Title + sent.Context.Label},
			"course":  {l.Context.IsCourse(), sent.Context.IsCourse()},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s: %s %q, the stand-in sends %q", p.key, what, pair[0], pair[1])
			}
		}
		for _, role := range []string{lti.RoleLearner, lti.RoleInstructor, lti.RoleTeachingAssistant, lti.RoleInstitutionAdministrator, lti.RoleSystemSysAdmin} {
			if slices.Contains(l.Roles, role) != slices.Contains(sent.Roles, role) {
				t.Errorf("%s: roles %q, the stand-in sends %q", p.key, l.Roles, sent.Roles)
			}
		}
		for name, value := range l.Custom {
			got := sent.Custom.Value(name)
			if got.Kind == lti.CustomLiteral {
				got.Text = value.Text // Canvas takes what is between the brackets out of one
			}
			if got != value {
				t.Errorf("%s: %s is %+v, the stand-in sends %+v", p.key, name, value, got)
			}
		}
	}
}
