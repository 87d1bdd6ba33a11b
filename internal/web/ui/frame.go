package ui

import (
	"html/template"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// Frame is component 1, what every page has around its content. Every view
// embeds one, so templates reach the Shell's fields and methods through it.
type Frame struct {
	Shell
	H1    string
	Path  string // canonical address of the page, for the frame's history; "" keeps what is there
	Say   string // said politely after a swap: counts and results that have no focus
	Wait  bool   // the page carries a secret and must not be left by accident
	Notes []BannerView
	Wrong *summary

	Identity []string
}

// tab is one entry of the navigation.
type tab struct {
	Label, Href string
	Current     bool
}

// summary is the error summary: the same words as at the fields.
type summary struct {
	Items []summaryItem
	Leak  *Action // where a leak is reported, if a text held a token's value
}

type summaryItem struct{ Href, Text string }

// NewFrame starts a page: its heading, its address, and what the session asks
// to stand above it.
func NewFrame(s Shell, current, h1, path string) Frame {
	s.Current = current
	f := Frame{Shell: s, H1: h1, Path: path}
	f.Identity = s.identity()
	if s.Banner != nil {
		f.Notes = append(f.Notes, s.BannerView(*s.Banner, true))
	}
	if b := s.lastingBanner(path); b != nil {
		f.Notes = append(f.Notes, s.BannerView(*b, false))
	}
	return f
}

// Title is the document's title: the heading, marked when there is a problem.
func (f Frame) Title() string {
	if f.Wrong != nil {
		return f.T("title.error", "Title", f.H1)
	}
	return f.T("title.page", "Title", f.H1)
}

// FocusOn says where the keyboard goes when this page replaces another.
func (f Frame) FocusOn() Focus {
	switch {
	case f.Focus != FocusAuto:
		return f.Focus
	case f.Wrong != nil:
		return FocusErrors
	case f.Banner != nil:
		return FocusBanner
	}
	return FocusH1
}

// Parents are the origins that the script may tell to scroll.
func (f Frame) Parents() string { return strings.Join(f.Session.Frames, " ") }

// HelpLine is the last line of every page. Its contact is a link where it is an
// address.
func (f Frame) HelpLine() template.HTML {
	contact := f.Words.Contact
	var shown any = contact
	switch {
	case contact == "":
		return f.H("help.line_no_contact", "Team", Word(f.Team()))
	case strings.HasPrefix(contact, "https://"):
		shown = Link{Href: contact, Text: contact}
	case strings.Count(contact, "@") == 1 && !strings.ContainsAny(contact, " <>\"'?&"):
		shown = Link{Href: "mailto:" + contact, Text: contact}
	}
	return f.H("help.line", "Team", Word(f.Team()), "Contact", shown)
}

// SetErrors makes the summary from the corrections of a form, each a link to its
// field.
func (f *Frame) SetErrors(e *access.FormError) {
	if e == nil || len(e.Fields) == 0 {
		return
	}
	f.Wrong = &summary{}
	for _, x := range e.Fields {
		f.Wrong.Items = append(f.Wrong.Items, summaryItem{Href: "#f-" + x.Field, Text: f.errorText(x)})
		if x.Code == desk.HeldToken {
			// A reviewer can look for the token behind a value; everybody else's own
			// tokens are at home, each with its way to report.
			place := "/"
			if f.Nav.Reviewer {
				place = "/leaks"
			}
			leak := f.GoTo(Secondary, "act.report_leak", place)
			f.Wrong.Leak = &leak
		}
	}
}

// errorText is the sentence of one correction.
func (s Shell) errorText(e access.FieldError) string {
	args := map[string]any{}
	for k, v := range e.Args {
		args[k] = v
	}
	return s.T(errorKey(e.Code), args)
}

func errorKey(code string) string { return "error." + code }

// ErrorsOf returns the sentence for each field that has one; the first wins.
func (s Shell) ErrorsOf(e *access.FormError) map[string]string {
	out := map[string]string{}
	if e == nil {
		return out
	}
	for _, x := range e.Fields {
		if _, ok := out[x.Field]; !ok {
			out[x.Field] = s.errorText(x)
		}
	}
	return out
}

// identity answers "who am I here": name, part, place.
func (s Shell) identity() []string {
	if !s.HasSession {
		return nil
	}
	out := []string{s.Session.Name}
	switch {
	case s.Session.Door == access.DoorAccount && s.Nav.Reviewer:
		out = append(out, s.T("who.reviewer"))
	case s.Session.Door == access.DoorCourse && s.Session.Assistant:
		out = append(out, s.T("who.assistant"))
	case s.Session.Door == access.DoorCourse && s.Session.Teacher && s.Nav.Affiliation != policy.Student:
		out = append(out, s.T("who.teacher"))
	case s.Session.Door == access.DoorCourse && s.Session.Learner:
		out = append(out, s.T("who.learner"))
	case slices.Contains([]policy.Affiliation{policy.Student, policy.Faculty, policy.Staff}, s.Nav.Affiliation):
		out = append(out, s.Affiliation(s.Nav.Affiliation))
	}
	switch {
	case s.Session.Course.Code != "":
		out = append(out, s.Session.Course.Code)
	case s.Session.Course.Name != "":
		out = append(out, s.Session.Course.Name)
	case s.Session.Door == access.DoorAccount && s.Session.School != "":
		out = append(out, s.Session.School)
	}
	return slices.DeleteFunc(out, func(v string) bool { return v == "" })
}

// tabsOf are the entries of the navigation, as the rooms registered them; a single
// one is none.
func (r *Renderer) tabsOf(f Frame) []tab {
	if !f.HasSession || f.Session.Door == access.DoorNone { // a resource link's session has its home alone
		return nil
	}
	var all []tab
	for _, v := range r.tabs {
		t := v.Tab
		if t.For != nil && !t.For(f.Nav) {
			continue
		}
		n := 0
		if t.Count != nil {
			n = t.Count(f.Nav)
		}
		all = append(all, tab{Label: f.counted(t.Label, n), Href: t.Href, Current: f.Current == v.Page})
	}
	if len(all) < 2 {
		return nil
	}
	return all
}

// CurrentTab is the name of the entry that is open, for the folded menu.
func (f Frame) CurrentTab(tabs []tab) string {
	for _, t := range tabs {
		if t.Current {
			return t.Label
		}
	}
	return f.H1
}

// counted adds a number to a name where there is something to count.
func (s Shell) counted(id string, n int) string {
	if n <= 0 {
		return s.T(id)
	}
	return s.T("nav.counted", "Name", s.T(id), "Number", n)
}

// lastingBanner picks the one notice that stays above the page at path: a page never
// shows more than one.
func (s Shell) lastingBanner(path string) *Banner {
	for _, b := range slices.Concat(s.ownLasting(path), s.Lasting) {
		return &b
	}
	return nil
}

func (s Shell) ownLasting(path string) []Banner {
	if !s.HasSession {
		return nil
	}
	var out []Banner
	if why := s.Session.NoWrites; why != "" {
		out = append(out, Banner{Kind: BannerWarn, ID: noWritesKey(why), Args: map[string]any{"Name": s.Session.Name}})
	}
	t := s.Nav.Trouble
	if t.StillUsable > 0 {
		id, href := "standing.still_usable_own", "/"
		if s.Nav.Reviewer {
			id, href = "standing.still_usable_all", "/tokens?status="+string(access.Revoking)
		}
		b := Banner{Kind: BannerBad, ID: id, Args: map[string]any{"Count": t.StillUsable}}
		if s.Current != PageHome || s.Nav.Reviewer {
			b.Href, b.LinkID = href, "standing.still_usable_link"
		}
		out = append(out, b)
	}
	if s.Nav.Leaks > 0 && s.Nav.Reviewer && !s.Asks && !strings.HasPrefix(path, "/leaks") {
		out = append(out, Banner{Kind: BannerBad, ID: "standing.leaks", Args: map[string]any{"Count": s.Nav.Leaks}, Href: "/leaks", LinkID: "standing.leaks_link"})
	}
	if s.Nav.OwnLeak && !s.Asks && !strings.HasSuffix(path, "/leak") { // that page says it
		out = append(out, Banner{Kind: BannerWarn, ID: "standing.own_leak", Args: map[string]any{"Office": Word(s.Office())}})
	}
	if !t.CanvasSince.IsZero() {
		out = append(out, Banner{Kind: BannerWarn, ID: "standing.canvas_down", Args: map[string]any{"Since": t.CanvasSince}})
	}
	if c := s.Nav.Credential; s.Nav.Reviewer {
		switch {
		case !c.RefusedSince.IsZero():
			out = append(out, Banner{Kind: BannerBad, ID: "standing.credential_refused", Args: map[string]any{"Since": c.RefusedSince}})
		case !c.EndsAt.IsZero():
			out = append(out, Banner{Kind: BannerWarn, ID: "standing.credential_ends", Args: map[string]any{"By": Day(c.EndsAt)}})
		}
	}
	if list := path == "/" || strings.HasPrefix(path, "/queue") || path == "/tokens" || strings.HasPrefix(path, "/tokens?"); list && s.Nav.SelfService && s.Nav.Reviewer {
		out = append(out, s.selfService())
	}
	if s.Nav.Sponsor && s.Nav.Waiting > 0 && s.Current == PageHome {
		out = append(out, Banner{Kind: BannerWarn, ID: "standing.sponsor_waiting", Args: map[string]any{"Count": s.Nav.Waiting},
			Href: "/sponsorships", LinkID: "standing.sponsor_waiting_link"})
	}
	return out
}

// selfService says whether Canvas's own creation of tokens is off, as far as
// Canvas tells: a token that somebody made since says that it is not.
func (s Shell) selfService() Banner {
	if s.Nav.SelfMade.IsZero() {
		return Banner{Kind: BannerWarn, ID: "standing.self_service"}
	}
	return Banner{Kind: BannerWarn, ID: "standing.self_made", Args: map[string]any{"When": Day(s.Nav.SelfMade)},
		Href: UnmanagedPath, LinkID: "standing.self_made_link"}
}

// noWritesKey is the sentence for why a session may only look.
func noWritesKey(why access.Why) string {
	switch why {
	case access.WhyActing, access.WhyUnknownActing, access.WhyTestStudent, access.WhyWrongDoor:
		return "standing.look_" + string(why)
	}
	return "standing.look_only"
}

// BannerView is component 4, ready to print.
type BannerView struct {
	Kind, Icon string
	Prefix     string // said before the sentence, for who does not see the colour
	Body       template.HTML
	More       template.HTML // a second paragraph; the first is bold then
	Items      []string
	Quote      string
	Href, Link string
	Result     bool // focused on arrival
}

// BannerView makes a banner ready to print; result, for what was just done, which is
// focused.
func (s Shell) BannerView(b Banner, result bool) BannerView {
	v := BannerView{Kind: string(b.Kind), Icon: iconOf(string(b.Kind)), Prefix: s.T("banner.prefix_" + string(b.Kind)),
		Body: s.H(b.ID, b.Args), Quote: b.Text, Result: result}
	if more := b.ID + "_more"; s.P.Has(more) {
		v.More = s.H(more, b.Args)
	}
	for _, id := range b.ItemIDs {
		v.Items = append(v.Items, s.T(id))
	}
	v.Items = append(v.Items, b.Items...)
	if b.Href != "" {
		v.Href, v.Link = b.Href, s.T(b.LinkID)
	}
	return v
}

// Affiliation is what somebody is to the school, in words.
func (s Shell) Affiliation(a policy.Affiliation) string {
	switch a {
	case policy.Student, policy.Faculty, policy.Staff:
		return s.T("who." + string(a))
	}
	return s.T("who.none")
}

// Office is what the school calls its security office.
func (s Shell) Office() string {
	if s.Words.SecurityOffice != "" {
		return s.Words.SecurityOffice
	}
	return s.T("words.security_office")
}

// Team is what the school calls those who run Canvas.
func (s Shell) Team() string {
	if s.Words.CanvasTeam != "" {
		return s.Words.CanvasTeam
	}
	return s.T("words.canvas_team")
}
