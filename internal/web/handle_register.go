package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/tokendesk/tokendesk/lti"
)

const routeRegister = "/lti/register"

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

var todoKinds = []TodoKind{TodoEnable, TodoPlacements, TodoScope, TodoPermissions, TodoInstall, TodoRoot, TodoCredential}

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

// registrationStatus is the status of each reason.
var registrationStatus = map[RegistrationWhy]int{
	RegistrationDirect: http.StatusBadRequest, RegistrationForeign: http.StatusForbidden,
	RegistrationNotCanvas: http.StatusForbidden, RegistrationConfiguration: http.StatusBadGateway,
	RegistrationName: http.StatusConflict, RegistrationKnown: http.StatusConflict, RegistrationRefused: http.StatusBadGateway, RegistrationUnclear: http.StatusBadGateway,
	RegistrationUnsaved: http.StatusInternalServerError, RegistrationNoInvite: http.StatusNotFound,
	RegistrationUsed: http.StatusGone, RegistrationExpired: http.StatusGone,
}

// Setup is how far a platform's registration has come when somebody launches.
type Setup struct {
	// Root: the launch's deployment is the root account's.
	Root bool
	// Waits: the platform has no credential for Canvas's API, so that nobody can
	// be admitted.
	Waits  bool
	Frames []string // origins that may frame the page which says so
}

// register answers the registration link. Canvas shows it in a frame of an
// admin's page, and waits until that page's button tells it to close.
func (s *Server) register(c *gin.Context) {
	v := s.visitor(c.Writer, c.Request)
	ask, err := registrationAsk(c.Request.URL.RawQuery)
	var done Registered
	if err == nil {
		ask.Profile = s.profile()
		done, err = s.registerTool(v.ctx(), ask)
	}
	var refusal *RegistrationRefusal
	switch {
	case err == nil:
		err = v.registration(http.StatusOK, done.Frames, func(sh Shell) any { return NewRegisteredPage(sh, done) })
	case errors.As(err, &refusal):
		t := traceOf(v.ctx())
		s.log.WarnContext(v.ctx(), "registration refused", "reference", t.reference, "why", refusal.Why, "cause", refusal.Cause)
		frames := refusal.Frames
		if frames == nil {
			frames = framing(ask.ConfigURL)
		}
		err = v.registration(registrationStatus[refusal.Why], frames, func(sh Shell) any { return NewNotRegisteredPage(sh, refusal.Why, t.reference) })
	}
	if err != nil {
		v.fail(err)
	}
}

// registrationAsk reads the link's query. A name that comes twice could be read
// two ways.
func registrationAsk(raw string) (RegistrationAsk, error) {
	var ask RegistrationAsk
	q, err := url.ParseQuery(raw)
	if err != nil {
		return ask, &RegistrationRefusal{Why: RegistrationDirect, Cause: errors.New("the query cannot be read")}
	}
	for name, to := range map[string]*string{"invite": &ask.Invite, "openid_configuration": &ask.ConfigURL, "registration_token": &ask.Token} {
		switch len(q[name]) {
		case 0:
		case 1:
			*to = q.Get(name)
		default:
			return RegistrationAsk{}, &RegistrationRefusal{Why: RegistrationDirect, Cause: errors.New(name + " comes twice")}
		}
	}
	return ask, nil
}

// framing lets the Canvas that opened a link show why it does not work, where
// no invite says which Canvas that is. The page holds no session and nothing to
// press that acts here.
func framing(configURL string) []string {
	u, err := url.Parse(configURL)
	if err != nil || u.User != nil || u.Host == "" || (u.Scheme != "https" && !lti.Loopback(u.Hostname())) {
		return nil // those that are registered
	}
	return []string{u.Scheme + "://" + u.Host}
}

// registration answers with a page about a registration, inside Canvas's frame.
func (v *visit) registration(status int, frames []string, view func(Shell) any) error {
	v.frames = frames
	sh := v.shell(nil)
	sh.Session.Frames = v.frames // whom the page's script may tell to close
	sh.Nonce = newNonce()
	return v.page(status, PageRegister, view(sh), sh.Nonce)
}

// settle looks, before anybody is admitted, how far the launch's platform is
// set up. It reports true where it has answered that nobody can be admitted yet.
func (v *visit) settle(l *lti.Launch) (bool, error) {
	got, err := v.s.setup(v.ctx(), *l)
	if err != nil {
		return false, err
	}
	l.RootDeployment = got.Root
	if !got.Waits {
		return false, nil
	}
	return true, v.registration(http.StatusServiceUnavailable, got.Frames, func(sh Shell) any { return NewWaitingPage(sh) })
}

// RegisterFunc registers the tool with the Canvas that an invite names. What it
// refuses is a *RegistrationRefusal.
type RegisterFunc func(ctx context.Context, ask RegistrationAsk) (Registered, error)

// SetupFunc tells how far the platform of a verified launch is set up, after
// taking the step that this launch is.
type SetupFunc func(ctx context.Context, l lti.Launch) (Setup, error)
