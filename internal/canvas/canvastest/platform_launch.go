package canvastest

import (
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// storageTarget is the frame that relays platform storage on a current Canvas
// (lib/lti/platform_storage.rb).
const storageTarget = "post_message_forwarding"

// pendingLaunch is a launch between the login form and the authorization
// endpoint: its body is frozen here and read once.
type pendingLaunch struct {
	claims   map[string]any
	clientID string
	storage  string // lti_storage_target, or ""
	expires  time.Time
}

// toolLaunch is a launch ready to be rendered: the login form and how the page
// around it looks.
type toolLaunch struct {
	tool      Tool
	toolID    ID
	name      string // the link's text
	placement string
	display   string
	newWindow bool
	action    string
	fields    []formField
	storage   string
}

// formField is one hidden input; a slice of them keeps their order.
type formField struct{ Name, Value string }

// Reasons for which a launch page is not shown.
var (
	errUnauthorized = errors.New("not authorized")
	errNoTool       = errors.New("no such tool here")
	errNoSettings   = errors.New("no valid settings for this link")
)

// launchAsk is what the address of a launch page asks for.
type launchAsk struct {
	at        place
	toolID    ID     // 0 with retrieve
	retrieve  string // find the tool by this address
	placement string
	launchURL string
	link      string // lookup uuid
	display   string
}

// readLaunchAsk reads a launch page's address. The placement and launch_url
// are whatever the person in front of the browser typed.
func readLaunchAsk(r *http.Request, at place, toolID ID) launchAsk {
	q := r.URL.Query()
	ask := launchAsk{
		at: at, toolID: toolID, placement: orElse(q.Get("placement"), q.Get("launch_type")),
		launchURL: q.Get("launch_url"), link: orElse(q.Get("resource_link_lookup_uuid"), q.Get("resource_link_id")),
		display: q.Get("display"),
	}
	if toolID == 0 {
		ask.retrieve = q.Get("url")
		ask.launchURL = ask.retrieve
	}
	return ask
}

// startLaunchLocked checks a launch as ExternalToolsController does, freezes
// its body and returns the login form. It needs both locks. user is 0 for a
// visitor who is not signed in.
func (s *Server) startLaunchLocked(ask launchAsk, user, signedIn ID) (*toolLaunch, error) {
	p := &s.platform
	deployed, key, err := s.findToolLocked(ask)
	if err != nil {
		return nil, err
	}
	sc, err := s.sceneLocked(*deployed, key.tool, ask.at, user, signedIn)
	if err != nil {
		return nil, err
	}
	if !sc.mayEnter() {
		return nil, errUnauthorized
	}
	m, err := s.launchMessageLocked(sc, ask)
	if err != nil {
		return nil, err
	}
	if m.settings.RequiredPermissions != "" && (!sc.holdsAll(m.settings.RequiredPermissions) || !sc.sees(m.settings)) {
		return nil, errUnauthorized
	}
	now := s.world.Clock.Now()
	pending := &pendingLaunch{
		claims: sc.claims(s.issuer, m, now), clientID: key.tool.ClientID, expires: now.Add(launchLife),
	}
	if !p.switches.Mobile && !p.switches.NoStorageTarget {
		pending.storage = orElse(p.switches.StorageTarget, storageTarget)
	}
	verifier := hex.EncodeToString(randomBytes(64))
	for old, l := range p.launches {
		if !now.Before(l.expires) {
			delete(p.launches, old)
		}
	}
	p.launches[verifier] = pending
	launch := &toolLaunch{
		tool: key.tool, toolID: deployed.id, placement: m.placement,
		name:    orElse(m.settings.Text, key.tool.Name),
		display: orElse(ask.display, orElse(m.settings.DisplayType, "full_width_in_context")),
		action:  key.tool.LoginURL, storage: pending.storage,
	}
	launch.newWindow = m.settings.NewWindow && ask.display == ""
	launch.fields = s.loginFields(sc, m, verifier, pending, now)
	return launch, nil
}

// findToolLocked finds the deployment: it must be installed at the place or in
// an account above it.
func (s *Server) findToolLocked(ask launchAsk) (*deployedTool, *developerKey, error) {
	p := &s.platform
	if link := p.links[ask.link]; ask.toolID == 0 && link != nil {
		ask.toolID, ask.retrieve = link.ToolID, orElse(ask.retrieve, link.TargetURI)
	}
	for t := range p.tools.all {
		key := p.developers[t.clientID]
		byID := ask.toolID != 0 && t.id == ask.toolID
		byURL := ask.toolID == 0 && ask.retrieve != "" && key.tool.matchesDomain(ask.retrieve)
		if !t.deleted && (byID || byURL) && s.availableLocked(t, ask.at) {
			return t, key, nil
		}
	}
	return nil, nil, errNoTool
}

func (s *Server) availableLocked(t *deployedTool, at place) bool {
	w := s.world
	account := at.id
	switch at.kind {
	case "course":
		if t.place == at {
			return true
		}
		course := w.courses.get(at.id)
		if course == nil {
			return false
		}
		account = course.AccountID
	case "user":
		account = w.rootLocked().ID
	}
	return t.place.kind == "account" && slices.ContainsFunc(w.chainLocked(account), func(a *Account) bool {
		return a.ID == t.place.id
	})
}

// mayEnter is require_access_to_context: in an account anybody signed in, in a
// course whoever may read it, in a person's settings that person only.
func (sc *scene) mayEnter() bool {
	switch sc.at.kind {
	case "course":
		return sc.w.mayReadCourseLocked(sc.user, sc.course)
	case "account":
		return sc.user != nil
	}
	return sc.user != nil && sc.user.ID == sc.at.id
}

func (w *World) mayReadCourseLocked(u *User, c *Course) bool {
	if c.Public && c.State != StateUnpublished {
		return true
	}
	if u == nil {
		return false
	}
	if w.grantedLocked(u.ID, c.AccountID, PermReadCourses) {
		return true
	}
	return w.enrollments.find(func(e *Enrollment) bool {
		if e.UserID != u.ID || e.CourseID != c.ID || e.State != StateActive && e.State != StateCompleted {
			return false
		}
		learner := e.Type == StudentEnrollment || e.Type == ObserverEnrollment
		return !learner || c.State != StateUnpublished
	}) != nil
}

// StateUnpublished is a course that its students do not see yet.
const StateUnpublished = "unpublished"

// launchMessageLocked settles placement, link and target of a launch.
func (s *Server) launchMessageLocked(sc *scene, ask launchAsk) (launchMessage, error) {
	m := launchMessage{placement: ask.placement, target: sc.config.TargetLinkURI, returnURL: sc.returnURL()}
	if ask.link != "" {
		link := s.platform.links[ask.link]
		if link == nil || sc.course == nil || link.Course != sc.course.ID {
			return m, errNoSettings
		}
		m.link = link
	}
	if m.placement == "" && m.link == nil {
		m.placement = map[string]string{
			"course": CourseNavigation, "account": AccountNavigation, "user": UserNavigation,
		}[ask.at.kind]
	}
	if m.placement != "" {
		settings, found := sc.config.placement(m.placement)
		if !found {
			return m, errNoSettings
		}
		m.settings = settings
		m.target = orElse(settings.TargetLinkURI, m.target)
	}
	if m.link != nil {
		m.target = orElse(m.link.TargetURI, m.target)
	}
	if ask.launchURL != "" {
		if !sc.config.matchesDomain(ask.launchURL) {
			return m, errNoSettings
		}
		m.target = ask.launchURL
	}
	return m, nil
}

// holdsAll says whether every permission of a comma-separated list is granted.
func (sc *scene) holdsAll(list string) bool {
	if sc.user == nil {
		return false
	}
	for name := range strings.SplitSeq(list, ",") {
		if !sc.heldHereLocked(strings.TrimSpace(name)) {
			return false
		}
	}
	return true
}

// sees is a placement's visibility for the scene's user.
func (sc *scene) sees(p Placement) bool {
	switch p.Visibility {
	case "", "public":
		return true
	case "members":
		if sc.user == nil {
			return false
		}
		return sc.course == nil || len(sc.w.currentEnrollmentsLocked(sc.user.ID, sc.course.ID)) > 0 || sc.administers()
	}
	if sc.user == nil {
		return false
	}
	if sc.course != nil && slices.ContainsFunc(sc.w.currentEnrollmentsLocked(sc.user.ID, sc.course.ID), func(e *Enrollment) bool {
		return e.Type == TeacherEnrollment || e.Type == TaEnrollment || e.Type == DesignerEnrollment
	}) {
		return true
	}
	return sc.administers()
}

// administers says whether the user holds an admin row at the launch account
// or above it; in a person's own settings, anywhere.
func (sc *scene) administers() bool {
	if sc.w.siteAdminLocked(sc.user.ID) {
		return true
	}
	if sc.at.kind == "user" {
		return len(sc.w.adminRowsLocked(sc.user.ID)) > 0
	}
	return len(sc.adminRowsUpwards()) > 0
}

// loginFields are the parameters of the third-party initiated login
// (app/models/lti/lti_advantage_adapter.rb).
func (s *Server) loginFields(sc *scene, m launchMessage, verifier string, pending *pendingLaunch, now time.Time) []formField {
	canvas, err := url.Parse(sc.institution)
	if err != nil {
		canvas = &url.URL{}
	}
	contextType := map[string]string{"course": "Course", "account": "Account", "user": "User"}[sc.at.kind]
	hint := map[string]any{
		"verifier": verifier, "canvas_domain": canvas.Host, "context_type": contextType,
		"context_id": s.world.globalLocked(sc.at.id).String(), "canvas_locale": sc.locale(),
		"include_storage_target": pending.storage != "", "exp": now.Add(launchLife).Unix(),
	}
	fields := []formField{
		{"iss", s.issuer},
		{"login_hint", loginHint(sc.user)},
		{"client_id", sc.config.ClientID},
	}
	deployment := s.world.deploymentIDLocked(&sc.tool)
	switch sc.switches.LoginDeployment {
	case SendNone:
	case SendDeploymentID:
		fields = append(fields, formField{"deployment_id", deployment})
	case SendBoth:
		fields = append(fields, formField{"deployment_id", deployment}, formField{"lti_deployment_id", deployment})
	default:
		fields = append(fields, formField{"lti_deployment_id", deployment})
	}
	fields = append(fields,
		formField{"target_link_uri", m.target},
		formField{"lti_message_hint", signHS256(s.platform.secrets.hint, hint)},
		formField{"canvas_environment", "prod"},
		formField{"canvas_region", "not_configured"},
	)
	if pending.storage != "" {
		fields = append(fields, formField{"lti_storage_target", pending.storage})
	}
	return fields
}

func loginHint(u *User) string {
	if u == nil {
		return publicVisitor
	}
	return u.LTI11ID
}
