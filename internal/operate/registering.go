package operate

import (
	"github.com/tokendesk/tokendesk/lti"
)

// RegistrationAsk is a visit to the registration link: LTI dynamic registration
// begins with it. Nothing in it was checked.
type RegistrationAsk struct {
	Invite    string // the code in the link
	ConfigURL string // openid_configuration, from Canvas
	Token     string // registration_token, from Canvas; a secret
	Profile   lti.Profile
}

// Registered is a registration that succeeded.
type Registered struct {
	Name   string   // the operator's, for the school's Canvas
	Frames []string // origins that may frame the page
	Todo   []Todo   // what is still to do, in the order of doing it
}

// Todo is one thing that is still to do after a registration.
type Todo struct {
	Kind  TodoKind
	Value string // what it speaks of: the platform's name, or the placements
}

// TodoKind names a Todo.
type TodoKind string

// The things to do.
const (
	TodoEnable      TodoKind = "enable"      // review the app in Canvas and switch it on
	TodoPlacements  TodoKind = "placements"  // Value: the placements that Canvas did not take
	TodoScope       TodoKind = "scope"       // names and roles were not granted
	TodoPermissions TodoKind = "permissions" // required_permissions cannot be registered
	TodoInstall     TodoKind = "install"     // Canvas named no deployment; Value: the platform's name
	TodoRoot        TodoKind = "root"        // the first launch from the root account confirms the deployment
	TodoCredential  TodoKind = "credential"  // no admin credential is stored; Value: the platform's name
)

// TodoKinds is the closed list of them, in the order of doing.
var TodoKinds = []TodoKind{TodoEnable, TodoPlacements, TodoScope, TodoPermissions, TodoInstall, TodoRoot, TodoCredential}

// RegistrationRefusal is why nothing was registered, or why it is not known.
type RegistrationRefusal struct {
	Why    RegistrationWhy
	Frames []string // origins that may frame the page, of the invite; nil if there is none
	Cause  error    // for the log; no secret
}

func (e *RegistrationRefusal) Error() string {
	if e.Cause == nil {
		return "registration: " + string(e.Why)
	}
	return "registration: " + string(e.Why) + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *RegistrationRefusal) Unwrap() error { return e.Cause }

// RegistrationWhy is the reason of a RegistrationRefusal.
type RegistrationWhy string

// The closed list of reasons. With those before RegistrationUnclear the invite
// still works; with it and those after, it does not.
const (
	RegistrationDirect        RegistrationWhy = "direct"        // opened without Canvas
	RegistrationForeign       RegistrationWhy = "foreign"       // the configuration is another Canvas's than the invite names
	RegistrationNotCanvas     RegistrationWhy = "not_canvas"    // the platform says that it is no Canvas
	RegistrationConfiguration RegistrationWhy = "configuration" // it could not be read, or cannot be used
	RegistrationName          RegistrationWhy = "name"          // a platform of that name exists
	RegistrationKnown         RegistrationWhy = "known"         // this Canvas is registered by another name
	RegistrationRefused       RegistrationWhy = "refused"       // Canvas said no; nothing was registered
	RegistrationUnclear       RegistrationWhy = "unclear"       // Canvas may have registered the tool
	RegistrationUnsaved       RegistrationWhy = "unsaved"       // Canvas registered the tool, and it could not be stored here
	RegistrationNoInvite      RegistrationWhy = "no_invite"     // none, or one that does not exist
	RegistrationUsed          RegistrationWhy = "used"
	RegistrationExpired       RegistrationWhy = "expired"
)

// Setup is how far a platform's registration has come when somebody launches.
type Setup struct {
	// Root: the launch's deployment is the root account's.
	Root bool
	// Waits: the platform has no credential for Canvas's API, so that nobody can
	// be admitted.
	Waits  bool
	Frames []string // origins that may frame the page which says so
}
