package canvastest

import "time"

const (
	claimPrefix    = "https://purl.imsglobal.org/spec/lti/claim/"
	placementClaim = "https://www.instructure.com/placement"
	namesClaim     = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
	gradesClaim    = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
)

// launchLifetime is exp - iat (lib/lti/messages/jwt_message.rb).
const launchLifetime = 3600

// launchMessage is what one launch says besides its scene.
type launchMessage struct {
	placement string // "" is null in the claim
	settings  Placement
	link      *ResourceLink
	target    string
	returnURL string
}

// claims is the id_token's body as Canvas builds it when it renders the login
// form: everything but the nonce.
func (sc *scene) claims(issuer string, m launchMessage, now time.Time) map[string]any {
	c := map[string]any{
		"iss": issuer, "aud": sc.config.ClientID, "azp": sc.config.ClientID,
		"iat": now.Unix(), "exp": now.Unix() + launchLifetime,
		"locale":                            sc.locale(),
		claimPrefix + "message_type":        "LtiResourceLinkRequest",
		claimPrefix + "version":             "1.3.0",
		claimPrefix + "deployment_id":       sc.w.deploymentIDLocked(&sc.tool),
		claimPrefix + "target_link_uri":     m.target,
		claimPrefix + "roles":               sc.roles(),
		claimPrefix + "context":             sc.contextClaim(),
		claimPrefix + "resource_link":       sc.linkClaim(m.link),
		claimPrefix + "tool_platform":       sc.platformClaim(),
		claimPrefix + "custom":              sc.customClaim(m),
		claimPrefix + "launch_presentation": map[string]any{"document_target": "iframe", "return_url": m.returnURL, "locale": sc.locale()},
		placementClaim:                      orNull(m.placement),
	}
	sc.identityClaims(c, m)
	sc.serviceClaims(c)
	if sc.switches.Noise {
		addNoise(c)
	}
	return c
}

func (sc *scene) locale() string {
	if sc.user == nil {
		return "en"
	}
	return sc.user.Locale
}

// identityClaims adds who the user is, as far as the tool's privacy level lets
// it know (doc/lti/16_privacy_level.md). Custom variables are not bound by it.
func (sc *scene) identityClaims(c map[string]any, m launchMessage) {
	level := sc.config.PrivacyLevel
	if level == PrivacyNameOnly || level == PrivacyPublic {
		c[claimPrefix+"lis"] = map[string]any{
			"person_sourcedid":          sc.orLiteral("Person.sourcedId"),
			"course_offering_sourcedid": sc.orLiteral("CourseSection.sourcedId"),
		}
	}
	if sc.user == nil {
		c[claimPrefix+"lti11_legacy_user_id"] = ""
		return
	}
	who := sc.user.identityIn(sc.contextID())
	c["sub"] = who.lti
	c[claimPrefix+"lti11_legacy_user_id"] = who.lti11
	lti1p1 := map[string]any{"user_id": who.lti11}
	if m.link != nil {
		lti1p1["resource_link_id"] = opaqueID("link", m.link.UUID)
	}
	c[claimPrefix+"lti1p1"] = lti1p1
	if level == PrivacyEmailOnly || level == PrivacyPublic {
		c["email"] = sc.user.Email
	}
	if level == PrivacyNameOnly || level == PrivacyPublic {
		c["name"], c["given_name"], c["family_name"] = sc.user.Name, sc.user.GivenName, sc.user.FamilyName
	}
	if level == PrivacyPublic {
		c["picture"] = sc.avatar()
		if observed := sc.observees(); sc.course != nil && len(observed) > 0 {
			c[claimPrefix+"role_scope_mentor"] = observed
		}
	}
}

func (sc *scene) avatar() string { return sc.institution + "/images/messages/avatar-50.svg" }

// observees are the LTI ids of those whom the user observes in the course.
func (sc *scene) observees() []string {
	if sc.course == nil || sc.user == nil {
		return nil
	}
	var ids []string
	for _, e := range sc.w.currentEnrollmentsLocked(sc.user.ID, sc.course.ID) {
		if e.Type == ObserverEnrollment && e.Observed != 0 {
			ids = append(ids, sc.w.users.get(e.Observed).identityIn(sc.contextID()).lti)
		}
	}
	return ids
}

func (sc *scene) contextClaim() map[string]any {
	if sc.course != nil {
		return map[string]any{
			"id": sc.course.ContextID, "title": sc.course.Name, "label": sc.course.Code,
			"type": []string{"http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering"},
		}
	}
	return map[string]any{"id": sc.account.ContextID, "title": sc.account.Name, "type": []string{"Account"}}
}

// linkClaim repeats the context for navigation placements; only a stored link
// has an id of its own.
func (sc *scene) linkClaim(link *ResourceLink) map[string]any {
	if link != nil {
		return map[string]any{"id": link.UUID, "title": link.Title, "description": nil}
	}
	context := sc.contextClaim()
	return map[string]any{"id": context["id"], "title": context["title"], "description": nil}
}

func (sc *scene) platformClaim() map[string]any {
	return map[string]any{
		"guid": sc.root.GUID, "name": sc.root.Name, "version": "cloud", "product_family_code": "canvas",
	}
}

// customClaim expands the tool's custom fields. A placement's override the
// tool's, those of the installer override both, and the parameters of a stored
// link override all (lib/lti/messages/resource_link_request.rb).
func (sc *scene) customClaim(m launchMessage) map[string]any {
	custom := map[string]any{}
	layers := []map[string]string{sc.config.CustomFields, m.settings.CustomFields, sc.tool.custom}
	if m.link != nil {
		layers = append(layers, m.link.Custom)
	}
	for _, layer := range layers {
		for name, value := range layer {
			custom[name] = sc.expand(value)
		}
	}
	return custom
}

// serviceClaims adds the services that the tool has the scope for. Rosters and
// grades exist in courses only.
func (sc *scene) serviceClaims(c map[string]any) {
	has := func(scopes ...string) []string {
		var found []string
		for _, want := range scopes {
			for _, scope := range sc.config.Scopes {
				if scope == want {
					found = append(found, scope)
				}
			}
		}
		return found
	}
	if sc.course != nil {
		base := sc.institution + "/api/lti/courses/" + sc.course.ID.String()
		if len(has(ScopeNamesAndRoles)) > 0 {
			c[namesClaim] = map[string]any{
				"context_memberships_url": base + "/names_and_roles", "service_versions": []string{"2.0"},
			}
		}
		if scopes := has(ScopeLineItem, ScopeResult, ScopeScore); len(scopes) > 0 {
			c[gradesClaim] = map[string]any{"scope": scopes, "lineitems": base + "/line_items"}
		}
	}
	if scopes := has(ScopeNotices); len(scopes) > 0 {
		c[claimPrefix+"platformnotificationservice"] = map[string]any{
			"service_versions": []string{"1.0"}, "scope": scopes,
			"platform_notification_service_url": sc.institution + "/api/lti/notice-handlers/" + sc.tool.id.String(),
			"notice_types_supported":            []string{"LtiHelloWorldNotice", "LtiContextCopyNotice"},
		}
	}
}

// addNoise adds what older builds serialised by accident.
func addNoise(c map[string]any) {
	for _, claim := range []string{"context", "lis", "tool_platform", "resource_link", "launch_presentation"} {
		if nested, ok := c[claimPrefix+claim].(map[string]any); ok {
			nested["validation_context"] = nil
			nested["errors"] = map[string]any{"errors": map[string]any{}}
		}
	}
	if lti1p1, ok := c[claimPrefix+"lti1p1"].(map[string]any); ok {
		lti1p1["validation_context"], lti1p1["errors"] = nil, []any{}
	}
}

// returnURL is where the tool may send the browser when it is done.
func (sc *scene) returnURL() string {
	if sc.at.kind == "user" {
		return sc.institution + "/profile"
	}
	return sc.institution + sc.at.path() + "/external_content/success/external_tool_redirect"
}
