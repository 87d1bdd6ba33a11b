package web

import (
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/workflow"
	"github.com/tokendesk/tokendesk/lti"
)

// ProblemPage says what stands in the way, and what to do.
type ProblemPage struct {
	frame
	Lines []template.HTML
	Echo  []echoView
	Lead  string // above the echo
	Link  *action
	Tab   *action
	Retry *retry
}

// echoView is one field of what was just posted, as text.
type echoView struct{ ID, Label, Value string }

// retry is the same post again.
type retry struct {
	Action, Handle string
	Fields         []RetryField
	Button         action
}

// NewProblemPage says what stands in the way and what to do.
func NewProblemPage(s Shell, in ProblemInput) ProblemPage {
	key := "problem." + string(in.Kind)
	p := ProblemPage{frame: newFrame(s, "", s.T(key+".h1"), "")}
	switch in.Kind {
	case ProblemForbidden:
		p.Lines = append(p.Lines, s.H(refusedKey(in.Why), "School", s.school()))
		if s.HasSession {
			p.Lines = append(p.Lines, p.signedInAs())
		}
	case ProblemTrouble, ProblemDatabase:
		p.Lines = append(p.Lines, s.H(key+".text", "Reference", code(in.Reference)))
		if in.NothingChanged {
			p.Lines = append(p.Lines, s.H(key+".nothing_changed"))
		}
	default:
		p.Lines = append(p.Lines, s.H(key+".text"))
	}
	if !in.SavedAt.IsZero() {
		id := "problem.saved"
		if in.SavedTitle == "" {
			id = "problem.saved_untitled"
		}
		p.Lines = append(p.Lines, s.H(id, "Title", in.SavedTitle, "When", in.SavedAt))
	}
	for i, e := range in.Echo {
		p.Echo = append(p.Echo, echoView{ID: "e-" + strconv.Itoa(i+1), Label: s.T(e.LabelID), Value: e.Value})
	}
	if len(p.Echo) > 0 {
		p.Lead = s.T("problem.echo")
	}
	if s.HasSession && in.Kind != ProblemEnded {
		a := s.goTo(linklike, "problem.home", "/")
		p.Link = &a
	}
	if s.NewTabURL != "" && in.Kind == ProblemEnded {
		a := s.external(secondary, "words.new_tab", s.NewTabURL)
		p.Tab = &a
	}
	if in.RetryAction != "" {
		p.Retry = &retry{Action: in.RetryAction, Handle: s.Handle, Fields: in.RetryFields, Button: s.submit(primary, "problem.retry", "", "")}
	}
	return p
}

// signedInAs tells a person which of their names and doors was refused.
func (f frame) signedInAs() template.HTML {
	who := f.Identity
	if len(who) > 1 {
		return f.H("problem.signed_in_as", "Name", who[0], "Part", word(who[1]), "School", f.school())
	}
	return f.H("problem.signed_in", "Name", f.Session.Name)
}

func (s Shell) school() string {
	if s.Session.School != "" {
		return s.Session.School
	}
	return s.T("words.your_school")
}

// refusedKey is the sentence for a refusal.
func refusedKey(why access.Why) string {
	if !slices.Contains(whys, why) {
		return "refused.general"
	}
	return "refused." + string(why)
}

// whys are the refusals that have words of their own.
var whys = []access.Why{
	access.WhyNotYours, access.WhySelf, access.WhySponsorDecides, access.WhyStale, access.WhyActing, access.WhyUnknownActing,
	access.WhyTestStudent, access.WhyRole, access.WhyAccountRole, access.WhyQuotaOpen, access.WhyQuotaLive, access.WhyNotTeaching,
	access.WhyNotEnrolled, access.WhyNotReviewer, access.WhyCanvas, access.WhyIdentity, access.WhyReplaceUsed, access.WhyReplaceLate,
	access.WhyNoListing, access.WhyOver, access.WhySponsorChanged, access.WhyWrongDoor, access.WhyTenantSuspended, access.WhyOtherPerson,
	access.WhySecondPerson, access.WhyIncident, access.WhyNotRenewable, access.WhyRenewedEnded, access.WhyTotalLife, access.WhyNoFreeze, access.WhyNeedsLaunch,
	access.WhyDrafts, access.WhyBegun, access.WhyBusy,
}

// echoFields are the fields whose text a person typed, in the form's order.
var echoFields = []struct{ name, label string }{
	{"build", "form.build"}, {"maker_name", "form.maker_name"}, {"maker_link", "form.maker_link"},
	{"ai_service", "form.ai_service"}, {"ai_data", "form.ai_data"},
	{"message", "pick.tell_owner.text"}, {"conditions", "review.conditions"}, {"reason", "sponsor.reason"}, {"alternative_text", "review.alternative_text"},
}

// EchoOf lists the known, non-empty fields of a posted form for a problem page,
// in the form's order. Fields that are not text a person typed are left out.
func EchoOf(posted map[string][]string) []Echo {
	var out []Echo
	for _, f := range echoFields {
		if v := posted[f.name]; len(v) > 0 && v[0] != "" {
			out = append(out, Echo{LabelID: f.label, Value: v[0]})
		}
	}
	if _, isRequest := posted["draft"]; !isRequest {
		return out
	}
	// Without a session nobody knows what the school asks besides, nor in which
	// words: what was answered stands under its own.
	for _, name := range sortedKeys(posted) {
		if policy.IsBuiltIn(name) || policy.IsReserved(name) || len(out) == retryMax {
			continue
		}
		if v := posted[name]; len(v) > 0 && v[0] != "" {
			out = append(out, Echo{LabelID: "problem.echo_answer", Value: strings.Join(v, "\n")})
		}
	}
	return out
}

// LaunchFailedPage says why a launch did not open the tool.
type LaunchFailedPage struct {
	frame
	Cause, Step string
	Reference   template.HTML
	Tab         *action
}

// NewLaunchFailedPage says why a launch did not open the tool: one cause, one
// step, and r.RelaunchURL as a link where there is one. The shell has no session.
func NewLaunchFailedPage(s Shell, r *lti.Refusal) LaunchFailedPage {
	key := launchKey(r.Code)
	p := LaunchFailedPage{frame: newFrame(s, "", s.T("launch.h1"), ""), Cause: s.T(key + ".cause"), Step: s.T(key + ".step")}
	if r.Reference != "" {
		p.Reference = s.H("launch.reference", "Reference", code(r.Reference))
	}
	p.newTab(r.RelaunchURL)
	return p
}

func (p *LaunchFailedPage) newTab(url string) {
	if url != "" {
		a := p.external(secondary, "words.new_tab", url)
		p.Tab = &a
	}
}

// NewNotAdmittedPage says why a verified launch gives no session; tab is where
// to open the tool anew, if that is known. The shell has no session, but the
// school's words.
//
// newNotAdmitted is the page for a launch that verified and gives no session.
func NewNotAdmittedPage(s Shell, r workflow.AdmitReason, reference, tab string) LaunchFailedPage {
	key := admitKey(r)
	p := LaunchFailedPage{frame: newFrame(s, "", s.T("launch.h1"), ""), Cause: s.T(key + ".cause"), Step: s.T(key+".step", "Team", s.team()),
		Reference: s.H("launch.reference", "Reference", code(reference))}
	if r != workflow.AdmitNotCanvas { // only Canvas has such a page
		p.newTab(tab)
	}
	return p
}

func admitKey(r workflow.AdmitReason) string {
	switch r {
	case workflow.AdmitOff:
		return "launch.off"
	case workflow.AdmitUnconfirmed, workflow.AdmitOther:
		return "launch.unconfirmed"
	case workflow.AdmitSilent:
		return "launch.unasked"
	case workflow.AdmitNotCanvas:
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
	frame
	Data any // lti.StorePage or lti.ProofPage, written as JSON
	Text string
}

// newBrowserPage carries the data of the two pages that run lti.BrowserScript
// before a session exists. They show nothing of the launch.
func newBrowserPage(s Shell, data any) BrowserPage {
	s.HasSession = false
	return BrowserPage{frame: newFrame(s, "", s.T("opening.h1"), ""), Data: data, Text: s.T("opening.text")}
}

// RefusedBanner says why a move was refused, for showing above the same page
// with the text kept. With c, the sentence names the people of that case.
func RefusedBanner(s Shell, why access.Why, c *workflow.Case) *Banner {
	b := &Banner{Kind: BannerWarn, ID: refusedKey(why), Args: map[string]any{"School": s.school()}}
	if c == nil {
		return b
	}
	switch why {
	case access.WhyNotTeaching, access.WhyNotEnrolled:
		b.ID += "_of"
		b.Args["Requester"] = s.name(*c, c.Request.Requester)
		b.Args["Course"] = s.courseName(c.Request.Course)
	case access.WhyOtherPerson:
		b.ID += "_of"
		b.Args["Name"] = s.name(*c, c.Request.Claim().Person)
	}
	return b
}
