package collect

import (
	"html/template"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// pollFor is how long an open collect page asks by itself.
const pollFor = 15 * time.Minute

// Page is Collect your token, in every stage. The value is never copied
// out of its secret.Text: the template of the secret box reveals it.
type Page struct {
	ui.Frame
	tokens.Collection
	Subtitle template.HTML
	Create   *ui.Action // plain POST: its answer may carry the value
	NotNow   ui.Action
	Before   []string
	Steps    []template.HTML
	Activate ui.Action
	Status   Status
	Lost     *ui.Action
	LostNote string
	Shown    template.HTML
	Last     template.HTML // why the last try ended
	Back     ui.Action
	More     template.HTML
	Leak     *ui.Action // once it was shown
}

// Status is the waiting line, and the fragment that replaces it.
type Status struct {
	ui.Frame
	Kind, Icon string
	Text       template.HTML
	Poll       string // address to ask again by itself; "" stops
	Again      *ui.Action
	Go         *ui.Action
	Stage      tokens.CollectStage
}

// NewPage is Collect your token, in every stage. The page of StageSecret
// carries the value once: it must go out with no-store, uncompressed, as the
// answer of a plain POST.
func NewPage(s ui.Shell, c tokens.Collection) Page {
	r := c.Request
	p := Page{Frame: ui.NewFrame(s, ui.PageHome, s.T("collect.h1"), ui.CasePath(r, "/collect")), Collection: c}
	title := s.CaseTitle(c.Case)
	p.Subtitle = s.H("collect.for", "Title", title, "Code", ui.Code(r.Code()))
	p.Back = s.GoTo(ui.Linklike, "collect.back", "/")
	p.NotNow = s.GoTo(ui.Secondary, "collect.not_now", "/")
	p.Activate = s.External(ui.Secondary, "act.activate", ui.SettingsURL(s))
	marker := ""
	if c.Grant != nil {
		marker = c.Grant.Marker()
	}
	p.Steps = []template.HTML{
		s.H("collect.step_open"),
		s.H("collect.step_find", "Name", title, "Marker", ui.Code(marker)),
		s.H("collect.step_press"),
	}
	switch c.Stage {
	case tokens.StageReady, tokens.StageReplacing:
		p.ready(c, title)
	case tokens.StageSecret:
		p.Wait, p.Focus = true, ui.FocusKeep
	case tokens.StageShown:
		p.Shown = s.H("collect.shown_at", "When", ui.Moment(c.Grant.ShownAt))
	case tokens.StageOver:
		p.More = p.over(c)
	case tokens.StageCreating, tokens.StageRecovering, tokens.StageActive:
	}
	if c.CanReplace {
		a := s.GoTo(ui.Secondary, "act.replace", ui.CasePath(r, "/replace"))
		p.Lost, p.LostNote = &a, s.T("collect.lost_note")
	} else if c.Stage == tokens.StageShown && c.ReplaceWhy != "" {
		p.LostNote = s.T(lostKey(c.ReplaceWhy))
	}
	if c.Can[access.ReportLeak] && c.Stage != tokens.StageSecret {
		a := ui.LeakAction(s, c.Case)
		p.Leak = &a
	}
	p.Status = NewStatus(s, c)
	return p
}

// ready is the page with the button.
func (p *Page) ready(c tokens.Collection, title string) {
	id := "collect.about"
	if c.Stage == tokens.StageReplacing {
		id = "collect.about_again"
	}
	p.More = p.H(id, "Title", title, "End", ui.Day(c.Ends))
	p.Before = []string{p.T("collect.before_once"), p.T("collect.before_power"), p.T("collect.before_ready")}
	if c.Trouble != "" {
		p.Last = p.H("collect.last_try", "Cause", ui.Word(ui.TroubleWords(p.Shell, c.Trouble)))
	}
	a := p.PostTo(ui.Primary, "collect.create", ui.CasePath(c.Request, "/collect"))
	a.Plain = true
	p.Create = &a
}

// over says why there is nothing to collect.
func (p *Page) over(c tokens.Collection) template.HTML {
	if c.Grant != nil && c.Request.State == access.Fulfilled {
		return ui.GrantStatus(p.Shell, c.Case, ui.AsRequester).Now
	}
	return ui.RequestStatus(p.Shell, c.Case, ui.AsRequester).Now
}

// lostKey says why a lost token cannot be replaced from here.
func lostKey(why access.Why) string {
	switch why {
	case access.WhyReplaceUsed, access.WhyReplaceLate:
		return "collect.no_" + string(why)
	}
	return "collect.no_replace"
}

// NewStatus is the fragment that GET /requests/{id}/collect/status
// answers. It never carries a value.
func NewStatus(s ui.Shell, c tokens.Collection) Status {
	st := Status{Frame: ui.Frame{Shell: s}, Stage: c.Stage, Kind: "info", Icon: "ring"}
	again := s.GoTo(ui.Secondary, "collect.check_again", ui.CasePath(c.Request, "/collect/status"))
	var since time.Time
	switch c.Stage {
	case tokens.StageSecret, tokens.StageShown:
		st.Text = s.H("collect.wait_active")
		since = c.Grant.ShownAt
	case tokens.StageActive:
		st.Kind, st.Icon = "good", "check"
		st.Text = s.H("collect.active", "When", c.Grant.ActivatedAt)
		st.Say = s.T("collect.active_said")
		return st
	case tokens.StageCreating:
		st.Text = s.H("collect.creating")
		since = c.Grant.UpdatedAt
	case tokens.StageRecovering:
		st.Text = s.H("collect.recovering")
		again = s.PostTo(ui.Secondary, "collect.check_again", ui.CasePath(c.Request, "/collect/check"))
		since = c.Grant.UpdatedAt
	case tokens.StageReplacing, tokens.StageReady:
		st.Text = s.H("collect.may_create")
		a := s.GoTo(ui.Primary, "collect.go_on", ui.CasePath(c.Request, "/collect"))
		st.Go, st.Say = &a, s.T("collect.may_create")
		return st
	case tokens.StageOver:
		a := s.GoTo(ui.Secondary, "collect.go_on", ui.CasePath(c.Request, ""))
		st.Kind, st.Icon, st.Text, st.Go = "quiet", "dash", s.H("collect.over"), &a
		return st
	}
	if s.Now.Sub(since) < pollFor {
		st.Poll = ui.CasePath(c.Request, "/collect/status")
	}
	if st.Poll == "" || c.Stage == tokens.StageRecovering {
		st.Again = &again
	}
	return st
}
