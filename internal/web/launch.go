package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web/register"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

// setUpLTI gives the launch protocol its pages and checks the result.
func (s *Server) setUpLTI() error {
	s.lti.PublicURL = s.publicURL
	s.lti.Target = func(path string) bool { return path == "/" || path == ui.RouteLaunch || targetForm.MatchString(path) }
	s.lti.Relaunch = s.relaunch
	s.lti.Pages = lti.Pages{
		StorePage: func(w http.ResponseWriter, r *http.Request, p lti.StorePage) {
			s.protocolPage(w, r, http.StatusOK, PageStore, func(sh ui.Shell) any { return newBrowserPage(sh, p) })
		},
		ProofPage: func(w http.ResponseWriter, r *http.Request, p lti.ProofPage) {
			s.protocolPage(w, r, http.StatusOK, PageProof, func(sh ui.Shell) any { return newBrowserPage(sh, p) })
		},
		Launched: s.launched,
		Refused: func(w http.ResponseWriter, r *http.Request, refusal *lti.Refusal) {
			s.protocolPage(w, r, refusal.Status(), PageLaunchFailed, func(sh ui.Shell) any { return NewLaunchFailedPage(sh, refusal) })
		},
	}
	if err := s.lti.Validate(); err != nil {
		return fmt.Errorf("web: %w", err)
	}
	return nil
}

// targetForm is the address of links in mails and messages.
var targetForm = regexp.MustCompile(`^/go/(REQ-[0-9]{1,9}|mas_[A-Z2-7]{26})$`)

// profile is what a Canvas is told about the tool; every custom field it needs
// is in CustomFields.
func (s *Server) profile() lti.Profile {
	return lti.Profile{
		Title:         "Tokendesk",
		Description:   "Request, sponsor, review and end Canvas API tokens",
		ToolID:        "tokendesk",
		PublicURL:     s.publicURL,
		LoginURL:      s.publicURL + routeLogin,
		RedirectURIs:  []string{s.publicURL + ui.RouteLaunch},
		TargetLinkURI: s.publicURL + ui.RouteLaunch,
		KeySetURL:     s.publicURL + routeKeys,
		Scopes:        []string{lti.ScopeNamesRoles},
		PrivacyLevel:  "public",
		CustomFields:  CustomFields(),
		Placements: []lti.Placement{
			{Name: lti.CourseNavigation, Visibility: lti.VisibleToMembers},
			// Only here may Canvas itself keep people out: whoever opens the tool
			// elsewhere has business of their own there.
			{Name: lti.AccountNavigation, Visibility: lti.VisibleToAdmins, RequiredPermissions: []string{"create_access_tokens"}, RootAccountOnly: true},
			{Name: lti.UserNavigation, Visibility: lti.VisibleToMembers},
		},
	}
}

// protocolPage is a page before any session exists.
func (s *Server) protocolPage(w http.ResponseWriter, r *http.Request, status int, name string, view func(ui.Shell) any) {
	v := s.kit.Visitor(w, r)
	if err := ui.Show(v, status, name, nil, view); err != nil {
		v.Fail(err)
	}
}

// launched makes a session of a verified launch and answers with the first page
// itself: a redirect could carry the handle only in its address.
func (s *Server) launched(w http.ResponseWriter, r *http.Request, l lti.Launch) {
	l = plainLaunch(l)
	v := s.kit.Visitor(w, r)
	if l.Locale != "" {
		v.Words = s.catalogue.For(l.Locale, "")
	}
	err := s.launch(v, l)
	var no *authority.NotAdmitted
	switch {
	case errors.As(err, &no):
		s.notAdmitted(v, l, no)
	case err != nil:
		v.Fail(err)
	}
}

// notAdmitted answers a verified launch that gives no session.
func (s *Server) notAdmitted(v *ui.Visit, l lti.Launch, no *authority.NotAdmitted) {
	t := ui.TraceOf(v.Ctx())
	s.log.LogAttrs(v.Ctx(), slog.LevelWarn, "launch not admitted", slog.String("reason", string(no.Reason)),
		slog.String("registration", l.Registration), slog.String("kid", l.KeyID), slog.String("reference", t.Reference))
	err := ui.Show(v, ui.StatusOf(no), PageLaunchFailed, nil, func(sh ui.Shell) LaunchFailedPage {
		sh.Words = ui.Words(s.desk.Cases.WordsOf(v.Ctx(), l.Registration))
		return NewNotAdmittedPage(sh, no.Reason, t.Reference, s.elsewhere(v.Ctx(), l))
	})
	if err != nil {
		v.Fail(err)
	}
}

func (s *Server) launch(v *ui.Visit, l lti.Launch) error {
	if answered, err := s.settle(v, &l); answered || err != nil {
		return err
	}
	admitted, err := s.desk.Authority.Admit(v.Ctx(), l)
	if err != nil {
		return err
	}
	k := ui.SessionRow{Session: NewSession(l, admitted)}
	k.NewTab = toolAddress(k.Session.CanvasURL, l)
	data, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	sess := s.sessions.Fresh(v.R)
	session.Begin(sess, session.Record{
		Tenant: string(admitted.Tenant), Person: string(admitted.Person), Platform: admitted.Platform,
		Place: admitted.Place(), Rights: admitted.Rights(), Data: data, LaunchedAt: admitted.LaunchedAt,
	})
	s.desk.Cases.ReadAhead(v.Ctx(), admitted.Caller)
	if err := sess.Save(v.R, v.W); err != nil {
		return err
	}
	for _, older := range session.Differing(sess) {
		if s.desk.Authority.Lost(v.Ctx(), admitted.Caller, older.Rights) {
			if err := s.sessions.Backend.EndSession(v.Ctx(), older.Hash); err != nil {
				return err
			}
		}
	}
	v.Begin(k, session.Handle(sess).Reveal())
	if l.Forget != nil {
		item := l.Forget.ForgetItem()
		v.Forget = &item
	}
	return s.first(v)
}

// settle looks, before anybody is admitted, how far the launch's platform is
// set up. It reports true where it has answered that nobody can be admitted yet.
func (s *Server) settle(v *ui.Visit, l *lti.Launch) (bool, error) {
	got, err := s.setup(v.Ctx(), *l)
	if err != nil {
		return false, err
	}
	l.RootDeployment = got.Root
	if !got.Waits {
		return false, nil
	}
	return true, register.ShowWaiting(v, got.Frames)
}

// SetupFunc tells how far the platform of a verified launch is set up, after
// taking the step that this launch is.
type SetupFunc func(ctx context.Context, l lti.Launch) (operate.Setup, error)

// first is the page that a launch opens: where its link led, or what waits
// behind its door.
func (s *Server) first(v *ui.Visit) error {
	if v.Session.Door == access.DoorNone {
		return s.subjects.home.Open(v)
	}
	if code, ok := strings.CutPrefix(v.Session.Target, "/go/"); ok {
		v.ID = code
		return s.goTo(v)
	}
	nav := s.desk.Cases.Nav(v.Ctx(), v.Session.Caller)
	v.Nav = &nav // the page has no verb behind it that could change this
	switch {
	case v.Session.Door == access.DoorAccount && nav.Reviewer:
		return s.subjects.review.Open(v)
	case v.Session.Door == access.DoorCourse && v.Session.Teacher && nav.Waiting > 0:
		return s.subjects.sponsorships.Open(v)
	}
	return s.subjects.home.Open(v)
}

// goTo is the address of links in mails and messages. It routes and means
// nothing else: whether its reader may see the request is decided as for every
// other page.
func (s *Server) goTo(v *ui.Visit) error {
	if strings.HasPrefix(v.ID, "mas_") {
		return s.subjects.massrevoke.Open(v)
	}
	return s.subjects.requests.Open(v)
}

// relaunch is Canvas's own page of the tool, for opening it outside the frame:
// of the place that a verified launch came from, or else of the person's own
// menu. It is made of what is registered, and of nothing that an unverified
// request says. Where not even the registration is known, it is the only
// Canvas's, if there is just one.
func (s *Server) relaunch(ctx context.Context, hint lti.RelaunchHint) string {
	reg := hint.Registration
	if reg.ID == "" {
		reg = s.around(ctx).Only
	}
	if len(reg.FrameOrigins) == 0 {
		return ""
	}
	if hint.Launch != nil {
		if place := toolAddress(reg.FrameOrigins[0], *hint.Launch); place != "" {
			return place
		}
	}
	return ownAddress(reg, hint.Deployment)
}

// elsewhere is where somebody whom Canvas does not confirm may be known: Canvas
// shows a merged user's older sub in the places where it was first seen, and the
// person's own menu is none of them.
func (s *Server) elsewhere(ctx context.Context, l lti.Launch) string {
	reg, err := s.lti.Registrations.Registration(ctx, l.Registration)
	if err != nil { // switched off, for instance
		return ""
	}
	return ownAddress(reg, l.DeploymentID)
}

// ownAddress opens the tool from the menu of whoever follows it: Canvas takes
// "self" for the person who is signed in (lib/api.rb, api_find_all). The tool is
// the named deployment's, which must be one of the registration's, or the root
// account's.
func ownAddress(reg lti.Registration, deployment string) string {
	at, known := reg.Deployment(deployment)
	if !known && len(reg.Deployments) > 0 {
		at = reg.Deployments[max(0, slices.IndexFunc(reg.Deployments, func(d lti.Deployment) bool { return d.Root }))]
	}
	tool, place, _ := strings.Cut(at.ID, ":") // both in Canvas, where else only one
	if len(reg.FrameOrigins) == 0 || place == "" || !access.CanvasID(tool) {
		return ""
	}
	return reg.FrameOrigins[0] + "/users/self/external_tools/" + tool + "?placement=user_navigation&display=borderless"
}

// returnPath is the way back that Canvas gives a launch from a course's or
// account's menu; it names the place that the tool was opened from.
var returnPath = regexp.MustCompile(`^/(courses|accounts)/([0-9]+)/external_content/`)

// toolAddress is the address in Canvas that opens the tool over the whole
// window: of the place the launch came from, or of the person's own menu. A
// deployment id begins with the id that Canvas's addresses have for the tool
// (app/models/context_external_tool.rb).
func toolAddress(canvas string, l lti.Launch) string {
	tool, _, ok := strings.Cut(l.DeploymentID, ":")
	if canvas == "" || !ok || !access.CanvasID(tool) {
		return ""
	}
	back, err := url.Parse(l.ReturnURL)
	if err != nil || back.Scheme+"://"+back.Host != canvas {
		return ""
	}
	m := returnPath.FindStringSubmatch(back.Path)
	user, told := l.Custom.Text(authority.CustomUser)
	switch {
	case m != nil && access.CanvasID(m[2]):
		return canvas + "/" + m[1] + "/" + m[2] + "/external_tools/" + tool + "?display=borderless"
	case m == nil && told && l.CustomTrusted && access.CanvasID(user): // the way back from the person's own menu names no place
		return canvas + "/users/" + user + "/external_tools/" + tool + "?placement=user_navigation&display=borderless"
	}
	return ""
}
