package canvastest

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLoginFormCarriesWhatCanvasSends(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	maya := r.inBrowser("maya", "canvas")
	login := r.login(maya, r.inCourse("bio201"))
	if login.action != r.tool.URL+"/lti/login" {
		t.Errorf("posts to %s", login.action)
	}
	want := map[string]string{
		"iss": DefaultIssuer, "login_hint": r.w.User("maya").LTI11ID, "client_id": "10000000000002",
		"lti_deployment_id": r.at.ID, "target_link_uri": r.tool.URL + "/lti/launch", "canvas_environment": "prod",
		"canvas_region": "not_configured", "lti_storage_target": "post_message_forwarding",
	}
	for name, value := range want {
		if got := login.values.Get(name); got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	if login.values.Has("deployment_id") {
		t.Error("both deployment parameters without the switch")
	}
	if hint := login.values.Get("lti_message_hint"); len(hint) < 300 || strings.Count(hint, ".") != 2 {
		t.Errorf("hint %q", hint)
	}

	for sentence, c := range map[string]struct {
		change    func(*Switches)
		has, lack []string
	}{
		"the older deployment parameter": {func(s *Switches) { s.LoginDeployment = SendDeploymentID }, []string{"deployment_id"}, []string{"lti_deployment_id"}},
		"both deployment parameters":     {func(s *Switches) { s.LoginDeployment = SendBoth }, []string{"deployment_id", "lti_deployment_id"}, nil},
		"no deployment parameter":        {func(s *Switches) { s.LoginDeployment = SendNone }, nil, []string{"deployment_id", "lti_deployment_id"}},
		"no storage target":              {func(s *Switches) { s.NoStorageTarget = true }, nil, []string{"lti_storage_target"}},
	} {
		r.s.SetSwitches(func(s *Switches) { *s = Switches{}; c.change(s) })
		login := r.login(maya, r.inCourse("bio201"))
		for _, name := range c.has {
			if !login.values.Has(name) {
				t.Errorf("%s: %s is missing", sentence, name)
			}
		}
		for _, name := range c.lack {
			if login.values.Has(name) {
				t.Errorf("%s: %s is there", sentence, name)
			}
		}
	}
	r.s.SetSwitches(func(s *Switches) { *s = Switches{StorageTarget: "_parent"} })
	if got := r.login(maya, r.inCourse("bio201")).values.Get("lti_storage_target"); got != "_parent" {
		t.Errorf("storage target %q", got)
	}
	r.s.SetSwitches(func(s *Switches) { *s = Switches{Mobile: true} })
	page := maya.do("GET", r.inCourse("bio201"), nil).want(200).raw
	if strings.Contains(page, "iframe") || formIn(t, page, "").values.Has("lti_storage_target") {
		t.Error("a mobile launch is framed or has a storage target")
	}
}

func TestCourseLaunchHasEveryClaim(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	l := r.launch(r.inBrowser("maya", "canvas"), r.inCourse("bio201"))
	maya, course, root := r.w.User("maya"), r.w.Course("bio201"), r.w.Account("root")
	if l.header["typ"] != "JWT" || l.header["alg"] != "RS256" || l.header["kid"] != r.s.SigningKeyID() {
		t.Errorf("header %v", l.header)
	}
	canvas := r.s.InstitutionURL()
	want := map[string]any{
		"iss": DefaultIssuer, "aud": r.at.ClientID, "azp": r.at.ClientID, "sub": maya.LTIID,
		"iat": float64(testDay.Unix()), "exp": float64(testDay.Unix() + 3600), "nonce": "nonce-of-the-tool",
		"email": maya.Email, "name": "Maya Chen", "given_name": "Maya", "family_name": "Chen", "locale": "en",
		"picture":                       canvas + "/images/messages/avatar-50.svg",
		claimPrefix + "deployment_id":   r.at.ToolID.String() + ":" + root.ContextID,
		claimPrefix + "message_type":    "LtiResourceLinkRequest",
		claimPrefix + "version":         "1.3.0",
		claimPrefix + "target_link_uri": r.tool.URL + "/lti/launch",
		claimPrefix + "lis":             map[string]any{"person_sourcedid": "S1048821", "course_offering_sourcedid": "BIO-201"},
		claimPrefix + "roles": []any{
			institutionRole + "#Student", membershipRole + "#Learner", systemRole + "#User",
		},
		claimPrefix + "context": map[string]any{
			"id": course.ContextID, "title": "Cell Biology", "label": "BIO 201",
			"type": []any{"http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering"},
		},
		claimPrefix + "resource_link": map[string]any{"id": course.ContextID, "title": "Cell Biology", "description": nil},
		claimPrefix + "tool_platform": map[string]any{
			"guid": root.GUID, "name": root.Name, "version": "cloud", "product_family_code": "canvas",
		},
		claimPrefix + "launch_presentation": map[string]any{
			"document_target": "iframe", "locale": "en",
			"return_url": canvas + "/courses/" + course.ID.String() + "/external_content/success/external_tool_redirect",
		},
		claimPrefix + "custom":               map[string]any{},
		claimPrefix + "lti11_legacy_user_id": maya.LTI11ID,
		claimPrefix + "lti1p1":               map[string]any{"user_id": maya.LTI11ID},
		placementClaim:                       CourseNavigation,
		namesClaim: map[string]any{
			"context_memberships_url": canvas + "/api/lti/courses/" + course.ID.String() + "/names_and_roles",
			"service_versions":        []any{"2.0"},
		},
	}
	for name, value := range want {
		if !reflect.DeepEqual(l.claims[name], value) {
			t.Errorf("%s = %#v, want %#v", name, l.claims[name], value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.claims)) {
		if _, expected := want[name]; !expected {
			t.Errorf("claim %s was not expected", name)
		}
	}
	if l.form.action != r.tool.URL+"/lti/launch" || l.form.values.Get("state") != r.state {
		t.Errorf("posted to %s with %v", l.form.action, l.form.values)
	}
	for _, name := range []string{"utf8", "authenticity_token", "lti_storage_target"} {
		if l.form.values.Get(name) == "" {
			t.Errorf("the post has no %s", name)
		}
	}
}

func TestAccountAndUserLaunchesSpeakOfAnAccount(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	dana := r.inBrowser("dana", "canvas")
	for path, c := range map[string]struct{ account, placement, returns string }{
		r.inAccount("root"):    {"root", AccountNavigation, "/accounts/" + r.w.Account("root").ID.String() + "/external_content/success/external_tool_redirect"},
		r.inAccount("biology"): {"biology", AccountNavigation, "/accounts/" + r.w.Account("biology").ID.String() + "/external_content/success/external_tool_redirect"},
		r.inSettings("dana"):   {"root", UserNavigation, "/profile"},
	} {
		l := r.launch(dana, path)
		account := r.w.Account(c.account)
		if want := map[string]any{"id": account.ContextID, "title": account.Name, "type": []any{"Account"}}; !reflect.DeepEqual(l.object("context"), want) {
			t.Errorf("%s: context %v, want %v", path, l.object("context"), want)
		}
		if l.object("resource_link")["id"] != account.ContextID {
			t.Errorf("%s: the resource link is not the context", path)
		}
		if l.claims[placementClaim] != c.placement || l.object("launch_presentation")["return_url"] != r.s.InstitutionURL()+c.returns {
			t.Errorf("%s: placement %v, presentation %v", path, l.claims[placementClaim], l.object("launch_presentation"))
		}
		if _, found := l.claims[namesClaim]; found {
			t.Errorf("%s: there is no roster of an account", path)
		}
	}
	// The suffix of the root deployment is the context id of a root launch.
	if !strings.HasSuffix(r.at.ID, ":"+r.w.Account("root").ContextID) {
		t.Errorf("deployment %s", r.at.ID)
	}
}

func TestBodyIsFrozenWhenTheLoginFormIsRendered(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) { tool.CustomFields = map[string]string{"root": "$Canvas.user.isRootAccountAdmin"} })
	dana := r.inBrowser("dana", "canvas")
	login := r.login(dana, r.inAccount("root"))
	r.w.RemoveAdmin("dana", "root")
	r.w.Clock.Advance(4 * time.Minute)
	l := r.open(formIn(t, r.authorize(dana, r.authParamsFor(login)).want(200).raw, ""))
	if l.custom("root") != "true" || l.claims["iat"] != float64(testDay.Unix()) {
		t.Errorf("custom %v, iat %v", l.object("custom"), l.claims["iat"])
	}
}

func TestPrivacyLevelBindsClaimsAndNotVariables(t *testing.T) {
	t.Parallel()
	for level, want := range map[string][]string{
		PrivacyAnonymous: nil,
		PrivacyEmailOnly: {"email"},
		PrivacyNameOnly:  {"family_name", "given_name", claimPrefix + "lis", "name"},
		PrivacyPublic:    {"email", "family_name", "given_name", claimPrefix + "lis", "name", "picture"},
	} {
		r := newLaunchRig(t, func(tool *Tool) {
			tool.PrivacyLevel = level
			tool.CustomFields = map[string]string{"mail": "$Person.email.primary"}
		})
		l := r.launch(r.inBrowser("maya", "canvas"), r.inCourse("bio201"))
		var got []string
		for _, name := range []string{"email", "family_name", "given_name", claimPrefix + "lis", "name", "picture"} {
			if _, found := l.claims[name]; found {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s shows %v, want %v", level, got, want)
		}
		if l.custom("mail") != "maya@northfield.example" {
			t.Errorf("%s: a variable is bound by the privacy level", level)
		}
	}
}

func TestNoiseIsWhereOlderBuildsPutIt(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	r.s.SetSwitches(func(s *Switches) { s.Noise = true })
	l := r.launch(r.inBrowser("maya", "canvas"), r.inCourse("bio201"))
	for _, claim := range []string{"context", "lis", "tool_platform", "resource_link"} {
		object := l.object(claim)
		if v, found := object["validation_context"]; !found || v != nil || object["errors"] == nil {
			t.Errorf("%s is not noisy: %v", claim, object)
		}
	}
}

func TestWhoMayLaunchWhere(t *testing.T) {
	t.Parallel()
	const gated = "manage_account_settings"
	for sentence, c := range map[string]struct {
		user   string
		path   func(*launchRig) string
		change func(*Tool)
		status int
	}{
		"a student starts an account launch by its address": {"maya", func(r *launchRig) string { return r.inAccount("root") }, nil, 200},
		"admins-only visibility alone hides, it does not stop": {
			"maya", func(r *launchRig) string { return r.inAccount("root") },
			func(t *Tool) { t.Placements[1].Visibility = "admins" }, 200,
		},
		"required permissions stop a student": {
			"maya", func(r *launchRig) string { return r.inAccount("root") },
			func(t *Tool) { t.Placements[1].RequiredPermissions = gated }, 401,
		},
		"required permissions let an admin in": {
			"dana", func(r *launchRig) string { return r.inAccount("root") },
			func(t *Tool) { t.Placements[1].RequiredPermissions = gated }, 200,
		},
		"all of several permissions are needed": {
			"lena", func(r *launchRig) string { return r.inAccount("root") },
			func(t *Tool) { t.Placements[1].RequiredPermissions = "read_roster," + gated }, 401,
		},
		"with required permissions, visibility binds as well": {
			"maya", func(r *launchRig) string { return r.inCourse("bio201") },
			func(t *Tool) {
				t.Placements[0].RequiredPermissions, t.Placements[0].Visibility = "read_roster", "admins"
			}, 401,
		},
		"another placement of the tool may be named in the address": {
			"maya", func(r *launchRig) string { return r.inCourse("bio201") + "?placement=account_navigation" }, nil, 200,
		},
		"a placement that the tool lacks is refused": {
			"maya", func(r *launchRig) string { return r.inCourse("bio201") + "?placement=global_navigation" }, nil, 404,
		},
		"a launch_url on the tool's host is honoured": {
			"maya", func(r *launchRig) string {
				return r.inCourse("bio201") + "?launch_url=" + url.QueryEscape(r.tool.URL+"/admin")
			}, nil, 200,
		},
		"a launch_url elsewhere is refused": {
			"maya", func(r *launchRig) string { return r.inCourse("bio201") + "?launch_url=https://evil.example/" }, nil, 404,
		},
		"a course that one may not read":        {"kofi", func(r *launchRig) string { return r.inCourse("bio201") }, nil, 401},
		"somebody else's settings":              {"maya", func(r *launchRig) string { return r.inSettings("ana") }, nil, 401},
		"one's own settings":                    {"maya", func(r *launchRig) string { return r.inSettings("maya") }, nil, 200},
		"an unknown tool":                       {"maya", func(r *launchRig) string { return strings.TrimSuffix(r.inCourse("bio201"), r.at.ToolID.String()) + "1" }, nil, 404},
		"nobody signed in is sent to sign in":   {"", func(r *launchRig) string { return r.inCourse("bio201") }, nil, 302},
		"an unknown resource link is refused":   {"maya", func(r *launchRig) string { return r.inCourse("bio201") + "?resource_link_lookup_uuid=x" }, nil, 404},
		"an admin without enrolment may launch": {"dana", func(r *launchRig) string { return r.inCourse("bio201") }, nil, 200},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			r := newLaunchRig(t, c.change)
			r.browserOf(c.user).do("GET", c.path(r), nil).want(c.status)
		})
	}
}

func TestPlacementAndTargetAreWhatTheAddressSays(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	path := r.inCourse("bio201") + "?placement=account_navigation&launch_url=" + url.QueryEscape(r.tool.URL+"/admin")
	l := r.launch(r.inBrowser("maya", "canvas"), path)
	if l.claims[placementClaim] != AccountNavigation || l.claim("target_link_uri") != r.tool.URL+"/admin" {
		t.Errorf("placement %v, target %v", l.claims[placementClaim], l.claim("target_link_uri"))
	}
}

func TestTeacherForgesCustomThroughAStoredLink(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) {
		tool.CustomFields = map[string]string{"is_root_admin": "$Canvas.user.isRootAccountAdmin"}
	})
	path := "/api/v1/courses/" + r.w.Course("bio201").ID.String() + "/lti_resource_links"
	order := map[string]any{
		"url": r.tool.URL + "/lti/launch", "title": "Homework", "custom": map[string]any{"is_root_admin": "true"},
	}
	r.as("maya").do("POST", path, order).want(403)
	made := decode[struct {
		UUID string `json:"lookup_uuid"`
	}](r.as("ana").do("POST", path, order).want(200))

	for _, where := range []string{
		r.inCourse("bio201") + "?resource_link_lookup_uuid=" + made.UUID,
		"/courses/" + r.w.Course("bio201").ID.String() + "/external_tools/retrieve?resource_link_lookup_uuid=" + made.UUID,
	} {
		l := r.launch(r.inBrowser("maya", "canvas"), where)
		if l.custom("is_root_admin") != "true" {
			t.Errorf("custom %v", l.object("custom"))
		}
		link := l.object("resource_link")
		if link["id"] != made.UUID || link["title"] != "Homework" || link["id"] == l.object("context")["id"] {
			t.Errorf("resource link %v", link)
		}
		if placement, found := l.claims[placementClaim]; !found || placement != nil {
			t.Errorf("placement %v", placement)
		}
	}
	plain := r.launch(r.inBrowser("maya", "canvas"), r.inCourse("bio201"))
	if plain.custom("is_root_admin") != "false" {
		t.Errorf("without the link: %v", plain.object("custom"))
	}
	// A link of one course does not work in another.
	r.inBrowser("maya", "canvas").do("GET", r.inCourse("stat510")+"?resource_link_lookup_uuid="+made.UUID, nil).want(404)
}

func TestSecondDeploymentHasItsOwnIDAndCustomFields(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) { tool.CustomFields = map[string]string{"level": "tool"} })
	second, err := r.s.DeployToAccount(r.at.ClientID, "sciences", map[string]string{"level": "sub-account"})
	if err != nil {
		t.Fatal(err)
	}
	third, err := r.s.DeployToCourse(r.at.ClientID, "bio201", map[string]string{"level": "course"})
	if err != nil {
		t.Fatal(err)
	}
	r.must(strings.HasSuffix(second.ID, ":"+r.w.Account("sciences").ContextID), "the sub-account's suffix")
	r.must(strings.HasSuffix(third.ID, ":"+r.w.Course("bio201").ContextID), "the course's suffix")
	r.must(len(r.s.Deployments(r.at.ClientID)) == 3, "three deployments")
	l := r.launch(r.inBrowser("pavel", "canvas"), strings.Replace(r.inAccount("biology"), r.at.ToolID.String(), second.ToolID.String(), 1))
	if l.claim("deployment_id") != second.ID || l.custom("level") != "sub-account" || l.claims["aud"] != r.at.ClientID {
		t.Errorf("claims %v", l.claims)
	}
	// It is not to be had outside its place.
	r.inBrowser("dana", "canvas").do("GET", strings.Replace(r.inAccount("root"), r.at.ToolID.String(), second.ToolID.String(), 1), nil).want(404)
	r.s.RemoveDeployment(third.ToolID)
	r.inBrowser("maya", "canvas").do("GET", strings.Replace(r.inCourse("bio201"), r.at.ToolID.String(), third.ToolID.String(), 1), nil).want(404)
}
