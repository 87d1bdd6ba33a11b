package lti

import (
	"slices"
	"strings"
	"time"
)

// Launch is a verified LtiResourceLinkRequest. Everything in it was signed by
// the platform, which does not make it true: users choose the placement and the
// target, teachers can set the custom parameters of a resource link, and names
// and titles are anybody's text. It survives a round trip through JSON.
type Launch struct {
	Registration   string `json:"registration"` // Registration.ID
	Issuer         string `json:"issuer"`
	ClientID       string `json:"client_id"`
	DeploymentID   string `json:"deployment_id"`
	RootDeployment bool   `json:"root_deployment,omitempty"` // Deployment.Root
	Canvas         bool   `json:"canvas,omitempty"`          // Registration.Canvas

	Subject    string   `json:"sub"` // unique within the issuer only
	Name       string   `json:"name,omitempty"`
	GivenName  string   `json:"given_name,omitempty"`
	FamilyName string   `json:"family_name,omitempty"`
	Email      string   `json:"email,omitempty"`
	Locale     string   `json:"locale,omitempty"`
	Roles      []string `json:"roles"` // as sent; unknown and short names are kept and mean nothing

	Context        Context `json:"context"`
	ResourceLinkID string  `json:"resource_link_id"`

	// TargetLinkURI equals the login request's and lies under Tool.PublicURL;
	// TargetPath is its path there, admitted by Tool.Target. Use both for routing
	// only: any user can choose them.
	TargetLinkURI string `json:"target_link_uri"`
	TargetPath    string `json:"target_path"`

	PlatformGUID string `json:"platform_guid,omitempty"`
	PlatformName string `json:"platform_name,omitempty"`

	Custom Custom `json:"custom,omitempty"`
	// CustomTrusted says that no real resource link took part, so nobody but the
	// tool's installer wrote the custom parameters. Otherwise they must carry no
	// privilege: whoever may create resource links in a course overrides every one
	// of them. Canvas shows it by resource_link.id == context.id, both of them long
	// random ids; elsewhere both may be small numbers that are equal by chance, so
	// without Registration.Canvas it is false.
	CustomTrusted bool `json:"custom_trusted,omitempty"`

	Placement     string `json:"placement,omitempty"` // chosen by whoever opens the link; no authorisation
	ReturnURL     string `json:"return_url,omitempty"`
	NamesRolesURL string `json:"names_roles_url,omitempty"` // empty outside courses and groups
	KeyID         string `json:"key_id"`                    // of the key that signed, for the log

	IssuedAt   time.Time `json:"issued_at"`   // when the platform began the launch
	ReceivedAt time.Time `json:"received_at"` // when HandleLaunch got it

	// Forget is what a launch leaves in the platform's storage, so that the first
	// page can clear it (see BrowserScript). It is nil where nothing is left.
	Forget *StorageItem `json:"-"`
}

// Context is the course, account or group of a launch. Its zero value means
// that the launch named none.
type Context struct {
	ID    string   `json:"id,omitempty"`
	Title string   `json:"title,omitempty"`
	Label string   `json:"label,omitempty"` // the course code
	Type  []string `json:"type,omitempty"`
}

// Context types, LIS vocabulary version 2, and Canvas's for an account.
const (
	ContextCourse  = "http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering"
	ContextSection = "http://purl.imsglobal.org/vocab/lis/v2/course#CourseSection"
	ContextGroup   = "http://purl.imsglobal.org/vocab/lis/v2/course#Group"
	ContextAccount = "Account" // Canvas's own bare word
)

// IsCourse reports whether the context is a course: an offering, or a section as
// other platforms than Canvas say, by its URI or by the simple name that LTI
// core still allows (appendix A.1).
func (c Context) IsCourse() bool {
	return slices.ContainsFunc(c.Type, func(t string) bool {
		return t == ContextCourse || t == ContextSection || t == "CourseOffering" || t == "CourseSection"
	})
}

// IsAccount reports whether the context is an account, root or not, and nothing
// else besides.
func (c Context) IsAccount() bool { return len(c.Type) == 1 && c.Type[0] == ContextAccount }

// Role URNs, LIS vocabulary version 2. Membership roles concern the context of
// the launch; institution roles concern the whole root account and say nothing
// about a course.
const (
	RoleLearner           = "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"
	RoleInstructor        = "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"
	RoleTeachingAssistant = "http://purl.imsglobal.org/vocab/lis/v2/membership/Instructor#TeachingAssistant"
	RoleContentDeveloper  = "http://purl.imsglobal.org/vocab/lis/v2/membership#ContentDeveloper"
	RoleMentor            = "http://purl.imsglobal.org/vocab/lis/v2/membership#Mentor"

	RoleInstitutionStudent       = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Student"
	RoleInstitutionInstructor    = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor"
	RoleInstitutionAdministrator = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator"

	RoleSystemUser     = "http://purl.imsglobal.org/vocab/lis/v2/system/person#User"
	RoleSystemSysAdmin = "http://purl.imsglobal.org/vocab/lis/v2/system/person#SysAdmin"
	RoleSystemNone     = "http://purl.imsglobal.org/vocab/lis/v2/system/person#None"
	RoleTestUser       = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
)

// HasRole reports whether the launch carries any of the given role URNs,
// compared exactly, but for Canvas's lower-case spelling of the teaching
// assistant's sub-role. Simple names such as Instructor never match here: a
// launch decides who somebody is, a roster (NamesRoles) only lists.
func (l *Launch) HasRole(urns ...string) bool { return hasRole(l.Roles, urns) }

func hasRole(have, want []string) bool {
	for _, role := range have {
		if slices.Contains(want, canonicalRole(role)) {
			return true
		}
	}
	return false
}

// contextRole returns the URI of a context role that is written by its simple
// name, and anything else as it is. LTI core (appendix A.2.3) knows these eight.
func contextRole(role string) string {
	switch role {
	case "Administrator", "ContentDeveloper", "Instructor", "Learner", "Mentor", "Manager", "Member", "Officer":
		return "http://purl.imsglobal.org/vocab/lis/v2/membership#" + role
	}
	return role
}

// canonicalRole corrects a misspelling of Canvas's LTI 1.1 role map, which other
// code paths of Canvas may show.
func canonicalRole(role string) string {
	const typo = "http://purl.imsglobal.org/vocab/lis/v2/membership/instructor#"
	if rest, ok := strings.CutPrefix(role, typo); ok {
		return "http://purl.imsglobal.org/vocab/lis/v2/membership/Instructor#" + rest
	}
	return role
}

// IsCourse reports whether the launch's context is a course.
func (l *Launch) IsCourse() bool { return l.Context.IsCourse() }

// IsAccount reports whether the launch's context is an account.
func (l *Launch) IsAccount() bool { return l.Context.IsAccount() }

// AtDeployment reports whether the launch's context is the very account or
// course in which this deployment is installed. Canvas writes a deployment id
// as the tool's id, a colon, and the opaque id of that place; of other
// platforms it cannot be told, and this is false.
func (l *Launch) AtDeployment() bool {
	if !l.Canvas {
		return false
	}
	_, place, ok := strings.Cut(l.DeploymentID, ":")
	return ok && place != "" && place == l.Context.ID
}
