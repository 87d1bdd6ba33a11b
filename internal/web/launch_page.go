package web

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

// The pages before there is a session, by name.
const (
	PageLaunchFailed = "launch_failed"
	PageStore        = "lti_store"
	PageProof        = "lti_proof"
)

// LaunchFailedPage says why a launch did not open the tool.
type LaunchFailedPage struct {
	ui.Frame
	Cause, Step string
	Reference   template.HTML
	Tab         *ui.Action
}

// NewLaunchFailedPage says why a launch did not open the tool: one cause, one
// step, and r.RelaunchURL as a link where there is one. The shell has no session.
func NewLaunchFailedPage(s ui.Shell, r *lti.Refusal) LaunchFailedPage {
	key := launchKey(r.Code)
	p := LaunchFailedPage{Frame: ui.NewFrame(s, "", s.T("launch.h1"), ""), Cause: s.T(key + ".cause"), Step: s.T(key + ".step")}
	if r.Reference != "" {
		p.Reference = s.H("launch.reference", "Reference", ui.Code(r.Reference))
	}
	p.newTab(r.RelaunchURL)
	return p
}

func (p *LaunchFailedPage) newTab(url string) {
	if url != "" {
		a := p.External(ui.Secondary, "words.new_tab", url)
		p.Tab = &a
	}
}

// NewNotAdmittedPage says why a verified launch gives no session; tab is where
// to open the tool anew, if that is known. The shell has no session, but the
// school's words.
func NewNotAdmittedPage(s ui.Shell, r authority.AdmitReason, reference, tab string) LaunchFailedPage {
	key := admitKey(r)
	p := LaunchFailedPage{Frame: ui.NewFrame(s, "", s.T("launch.h1"), ""), Cause: s.T(key + ".cause"), Step: s.T(key+".step", "Team", s.Team()),
		Reference: s.H("launch.reference", "Reference", ui.Code(reference))}
	if r != authority.AdmitNotCanvas { // only Canvas has such a page
		p.newTab(tab)
	}
	return p
}

func admitKey(r authority.AdmitReason) string {
	switch r {
	case authority.AdmitOff:
		return "launch.off"
	case authority.AdmitUnconfirmed, authority.AdmitOther:
		return "launch.unconfirmed"
	case authority.AdmitSilent:
		return "launch.unasked"
	case authority.AdmitNotCanvas:
		return "launch.not_canvas"
	}
	return "launch.setup"
}

// launchKey groups the reasons by what a person can do about them.
func launchKey(r lti.Reason) string {
	switch r {
	case lti.ReasonNotBound, lti.ReasonOtherBrowser, lti.ReasonStorageSilent, lti.ReasonCrossOrigin:
		return "launch.browser"
	case lti.ReasonStateUnknown, lti.ReasonStateExpired, lti.ReasonStateSpent, lti.ReasonHeldUnknown, lti.ReasonExpired,
		lti.ReasonNonce, lti.ReasonPlatformConsumed, lti.ReasonMethod:
		return "launch.used"
	case lti.ReasonIssuedAt, lti.ReasonNotBefore:
		return "launch.clock"
	case lti.ReasonRegistration, lti.ReasonDeployment, lti.ReasonPlatformGUID, lti.ReasonPlatformClient, lti.ReasonTarget:
		return "launch.setup"
	case lti.ReasonKeySet:
		return "launch.keys"
	case lti.ReasonPlatformLogin, lti.ReasonAnonymous:
		return "launch.signed_out"
	case lti.ReasonInternal:
		return "launch.ours"
	}
	return "launch.refused"
}

// BrowserPage runs lti.BrowserScript, and shows that something goes on.
type BrowserPage struct {
	ui.Frame
	Data any // lti.StorePage or lti.ProofPage, written as JSON
	Text string
}

// newBrowserPage carries the data of the two pages that run lti.BrowserScript
// before a session exists. They show nothing of the launch.
func newBrowserPage(s ui.Shell, data any) BrowserPage {
	s.HasSession = false
	return BrowserPage{Frame: ui.NewFrame(s, "", s.T("opening.h1"), ""), Data: data, Text: s.T("opening.text")}
}

// launching are the pages before there is a session. They have no addresses of
// their own: the launch answers with them.
type launching struct{}

// Views implements ui.Room.
func (launching) Views() []ui.View {
	return []ui.View{
		{Page: PageLaunchFailed, File: "launch/launch_failed", Of: LaunchFailedPage{}},
		{Page: PageStore, File: "launch/opening", Of: BrowserPage{}}, {Page: PageProof, File: "launch/opening", Of: BrowserPage{}},
	}
}

// Messages implements ui.Room.
func (launching) Messages() []string {
	var out []string
	for _, r := range lti.Reasons() {
		out = append(out, launchKey(r)+".cause", launchKey(r)+".step")
	}
	for _, r := range authority.AdmitReasons {
		out = append(out, admitKey(r)+".cause", admitKey(r)+".step")
	}
	return out
}

// Routes implements ui.Room.
func (launching) Routes(*ui.Routes) {}
