package web

import (
	"html/template"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// pollFor is how long an open collect page asks by itself.
const pollFor = 15 * time.Minute

// CollectPage is Collect your token, in every stage. The value is never copied
// out of its secret.Text: the template of the secret box reveals it.
type CollectPage struct {
	frame
	workflow.Collection
	Subtitle template.HTML
	Create   *action // plain POST: its answer may carry the value
	NotNow   action
	Before   []string
	Steps    []template.HTML
	Activate action
	Status   CollectStatus
	Lost     *action
	LostNote string
	Shown    template.HTML
	Last     template.HTML // why the last try ended
	Back     action
	More     template.HTML
	Leak     *action // once it was shown
}

// CollectStatus is the waiting line, and the fragment that replaces it.
type CollectStatus struct {
	frame
	Kind, Icon string
	Text       template.HTML
	Poll       string // address to ask again by itself; "" stops
	Again      *action
	Go         *action
	Stage      workflow.CollectStage
}

// NewCollectPage is Collect your token, in every stage. The page of StageSecret
// carries the value once: it must go out with no-store, uncompressed, as the
// answer of a plain POST.
func NewCollectPage(s Shell, c workflow.Collection) CollectPage {
	r := c.Request
	p := CollectPage{frame: newFrame(s, PageHome, s.T("collect.h1"), casePath(r, "/collect")), Collection: c}
	title := s.title(c.Case)
	p.Subtitle = s.H("collect.for", "Title", title, "Code", code(r.Code()))
	p.Back = s.goTo(linklike, "collect.back", "/")
	p.NotNow = s.goTo(secondary, "collect.not_now", "/")
	p.Activate = s.external(secondary, "act.activate", s.settingsURL())
	marker := ""
	if c.Grant != nil {
		marker = c.Grant.Marker()
	}
	p.Steps = []template.HTML{
		s.H("collect.step_open"),
		s.H("collect.step_find", "Name", title, "Marker", code(marker)),
		s.H("collect.step_press"),
	}
	switch c.Stage {
	case workflow.StageReady, workflow.StageReplacing:
		p.ready(c, title)
	case workflow.StageSecret:
		p.Wait, p.Focus = true, FocusKeep
	case workflow.StageShown:
		p.Shown = s.H("collect.shown_at", "When", moment(c.Grant.ShownAt))
	case workflow.StageOver:
		p.More = p.over(c)
	case workflow.StageCreating, workflow.StageRecovering, workflow.StageActive:
	}
	if c.CanReplace {
		a := s.goTo(secondary, "act.replace", casePath(r, "/replace"))
		p.Lost, p.LostNote = &a, s.T("collect.lost_note")
	} else if c.Stage == workflow.StageShown && c.ReplaceWhy != "" {
		p.LostNote = s.T(lostKey(c.ReplaceWhy))
	}
	if c.Can[access.ReportLeak] && c.Stage != workflow.StageSecret {
		a := s.leakAction(c.Case)
		p.Leak = &a
	}
	p.Status = NewCollectStatus(s, c)
	return p
}

// ready is the page with the button.
func (p *CollectPage) ready(c workflow.Collection, title string) {
	id := "collect.about"
	if c.Stage == workflow.StageReplacing {
		id = "collect.about_again"
	}
	p.More = p.H(id, "Title", title, "End", day(c.Ends))
	p.Before = []string{p.T("collect.before_once"), p.T("collect.before_power"), p.T("collect.before_ready")}
	if c.Trouble != "" {
		p.Last = p.H("collect.last_try", "Cause", word(p.trouble(c.Trouble)))
	}
	a := p.postTo(primary, "collect.create", casePath(c.Request, "/collect"))
	a.Plain = true
	p.Create = &a
}

// over says why there is nothing to collect.
func (p *CollectPage) over(c workflow.Collection) template.HTML {
	if c.Grant != nil && c.Request.State == access.Fulfilled {
		return p.grantStatus(c.Case, asRequester).Now
	}
	return p.requestStatus(c.Case, asRequester).Now
}

// lostKey says why a lost token cannot be replaced from here.
func lostKey(why access.Why) string {
	switch why {
	case access.WhyReplaceUsed, access.WhyReplaceLate:
		return "collect.no_" + string(why)
	}
	return "collect.no_replace"
}

// NewCollectStatus is the fragment that GET /requests/{id}/collect/status
// answers. It never carries a value.
func NewCollectStatus(s Shell, c workflow.Collection) CollectStatus {
	st := CollectStatus{frame: frame{Shell: s}, Stage: c.Stage, Kind: "info", Icon: "ring"}
	again := s.goTo(secondary, "collect.check_again", casePath(c.Request, "/collect/status"))
	var since time.Time
	switch c.Stage {
	case workflow.StageSecret, workflow.StageShown:
		st.Text = s.H("collect.wait_active")
		since = c.Grant.ShownAt
	case workflow.StageActive:
		st.Kind, st.Icon = "good", "check"
		st.Text = s.H("collect.active", "When", c.Grant.ActivatedAt)
		st.Say = s.T("collect.active_said")
		return st
	case workflow.StageCreating:
		st.Text = s.H("collect.creating")
		since = c.Grant.UpdatedAt
	case workflow.StageRecovering:
		st.Text = s.H("collect.recovering")
		again = s.postTo(secondary, "collect.check_again", casePath(c.Request, "/collect/check"))
		since = c.Grant.UpdatedAt
	case workflow.StageReplacing, workflow.StageReady:
		st.Text = s.H("collect.may_create")
		a := s.goTo(primary, "collect.go_on", casePath(c.Request, "/collect"))
		st.Go, st.Say = &a, s.T("collect.may_create")
		return st
	case workflow.StageOver:
		a := s.goTo(secondary, "collect.go_on", casePath(c.Request, ""))
		st.Kind, st.Icon, st.Text, st.Go = "quiet", "dash", s.H("collect.over"), &a
		return st
	}
	if s.Now.Sub(since) < pollFor {
		st.Poll = casePath(c.Request, "/collect/status")
	}
	if st.Poll == "" || c.Stage == workflow.StageRecovering {
		st.Again = &again
	}
	return st
}
