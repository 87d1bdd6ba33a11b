package canvastest

import (
	"errors"
	"net/http"
	"strings"
)

// toolView is the page around a tool's frame.
type toolView struct {
	Name      string
	Form      postForm
	Target    string // "tool_content", "_self" or "_blank"
	NewWindow bool
	ToolID    ID
	Placement string
	Base      string // launch address of this tool in this place
	Origin    string // of the tool
	Context   frameView
}

// frameView is what lti.getPageSettings answers.
type frameView struct{ Locale, Zone, Brand string }

// storageView tells the page how to relay platform storage.
type storageView struct {
	Frame string // address of the forwarder, "" for none
	Mute  bool   // announce storage and never answer
}

// toolPage mounts the launch of a tool at one kind of place. In courses it is
// open to visitors of a public one.
func (s *Server) toolPage(kind string) func(*visit) {
	return func(v *visit) {
		if v.signedIn {
			if target := v.r.URL.Query().Get("become_user_id"); target != "" {
				http.Redirect(v.w, v.r, "/users/"+target+"/masquerade", http.StatusFound)
				return
			}
		}
		s.launch(v, kind)
	}
}

func (s *Server) launch(v *visit, kind string) {
	view := pageView{Frame: true}
	var launch *toolLaunch
	var err error
	switches := s.Switches()
	unlock := s.lockBoth()
	at, found := s.placeLocked(kind, v)
	if found {
		var signedInAs ID
		if v.signedIn {
			signedInAs = v.real.ID
		}
		ask := readLaunchAsk(v.r, at, s.world.parseIDLocked(v.r.PathValue("tool")))
		launch, err = s.startLaunchLocked(ask, v.userID(), signedInAs)
	}
	unlock()
	switch {
	case !found || errors.Is(err, errNoTool) || errors.Is(err, errNoContext):
		v.notFound()
		return
	case errors.Is(err, errUnauthorized) && !v.signedIn:
		v.toLogin()
		return
	case errors.Is(err, errUnauthorized):
		v.unauthorized()
		return
	case err != nil:
		v.refuse(http.StatusNotFound, "This link did not work",
			"Couldn't find valid settings for this link. Ask whoever gave it to you for a new one.")
		return
	}
	form := postForm{Action: launch.action, Fields: launch.fields}
	if switches.Mobile || launch.display == "borderless" {
		s.renderBare(v.w, v.r, http.StatusOK, "post_to_tool", form)
		return
	}
	body := toolView{
		Name: launch.name, Form: form, Target: "tool_content", NewWindow: launch.newWindow, ToolID: launch.toolID,
		Placement: launch.placement, Base: at.path() + "/external_tools/" + launch.toolID.String(), Origin: originOf(launch.tool.TargetLinkURI),
	}
	if launch.newWindow {
		body.Target = "_blank"
	}
	view.Title, view.Crumbs, view.Body = launch.name, []linkView{{Text: launch.name}}, &body
	if launch.storage != "" {
		view.Storage = &storageView{Frame: s.SSOURL() + "/post_message_forwarding", Mute: switches.StorageNeverAnswers}
	}
	v.show(http.StatusOK, "tool", view, func(view *pageView) {
		s.placeFrameLocked(view, v, at, launch.toolID)
		if strings.HasPrefix(launch.display, "full_width") && launch.display != "full_width_in_context" {
			view.Menu = nil
		}
		body.Context = frameView{Locale: "en", Brand: s.InstitutionURL() + newTheme(s.platform.brand, view.Look.HighContrast).path()}
		if v.user != nil {
			body.Context.Locale, body.Context.Zone = v.user.Locale, v.user.TimeZone
		}
	})
}

// placeLocked reads the place of the path. "self" is the root account or the
// current user.
func (s *Server) placeLocked(kind string, v *visit) (place, bool) {
	raw := v.r.PathValue("id")
	w := s.world
	switch kind {
	case "course":
		if c := w.findCourseLocked(raw); c != nil {
			return place{kind, c.ID}, true
		}
	case "account":
		if a := w.findAccountLocked(raw); a != nil {
			return place{kind, a.ID}, true
		}
	default:
		if u := w.findUserLocked(raw, v.user); u != nil {
			return place{kind, u.ID}, true
		}
	}
	return place{}, false
}

// placeFrameLocked adds crumbs and menu of wherever a tool is launched.
func (s *Server) placeFrameLocked(view *pageView, v *visit, at place, tool ID) {
	switch at.kind {
	case "course":
		s.courseFrameLocked(view, v, *s.world.courses.get(at.id), "-", tool)
	case "account":
		s.accountFrameLocked(view, v, *s.world.accounts.get(at.id), "-", tool)
	default:
		s.profileFrameLocked(view, v, "-", tool)
	}
}

// showReturn is where a tool sends the browser back to.
func (s *Server) showReturn(kind string) func(*visit) {
	return func(v *visit) {
		s.world.mu.Lock()
		at, found := s.placeLocked(kind, v)
		s.world.mu.Unlock()
		if !found {
			v.notFound()
			return
		}
		http.Redirect(v.w, v.r, at.path(), http.StatusFound)
	}
}

func originOf(raw string) string {
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		return ""
	}
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}
