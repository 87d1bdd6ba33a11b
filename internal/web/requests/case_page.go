package requests

import (
	"html/template"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// CasePage is one request, for every part its reader has in it.
type CasePage struct {
	ui.Frame
	Status  ui.Status
	Subject template.HTML // what, who, where
	Token   *ui.Card      // the token it became

	Own      *ownPanel
	Sponsor  *panel
	Reviewer *panel

	Keeps []ui.Fact // the token that exists and that it asks to keep

	Reach     []string
	ReachLead template.HTML
	ReachNote template.HTML
	Dates     []ui.Fact
	People    []ui.Fact
	Check     []ui.Fact
	Evidence  []ui.Fact // of the token that is to be renewed, for its sponsor

	Story   ui.Story
	Answers []ui.Fact
}

// NewCasePage is one request, for every part its reader has in it.
func NewCasePage(s ui.Shell, c cases.CasePage, in PanelInput) CasePage {
	r := c.Request
	v := ui.ViewerOf(c.Case)
	current := ui.PageHome
	switch v {
	case ui.AsSponsor:
		current = ui.PageSponsorships
	case ui.AsReviewer:
		current = ui.PageQueue
	}
	h1 := s.T("case.h1", "Code", r.Code())
	if r.Code() == "" {
		h1 = s.T("case.h1_draft")
	}
	p := CasePage{Frame: ui.NewFrame(s, current, h1, ui.CasePath(r, "")), Status: ui.RequestStatus(s, c.Case, v)}
	if c.Can[access.TurnDown] {
		p.Status = ui.TakeOverStatus(s, c.Case)
	}
	p.SetErrors(in.Errors)
	p.Subject = ui.Subject(p.Shell, c.Case)
	if g := c.Grant; g != nil && (r.State == access.Fulfilled || g.State.Live()) {
		k := caseToken(p.Shell, c.Case, v)
		p.Token = &k
	}
	if c.Found != nil && c.Found.State != access.FoundAdopted {
		p.Keeps = ui.FoundFacts(p.Shell, *c.Found, "")
	}
	if c.Own {
		p.Own = newOwnPanel(p.Shell, c.Case)
	}
	if c.Sponsor {
		p.Sponsor = sponsorPanel(p.Shell, c, in)
		if !c.Reviewer && c.Can[access.Endorse] {
			p.Evidence = evidenceFacts(p.Shell, c.Evidence)
		}
	}
	if c.Reviewer {
		p.Reviewer = reviewerPanel(p.Shell, c, in)
		p.Check = checkFacts(p.Shell, c)
	}
	p.setReach(c)
	p.Dates, p.People = dateFacts(p.Shell, c), peopleFacts(p.Shell, c)
	p.Story = ui.NewStory(p.Shell, c.Story, ui.NextSteps(p.Shell, c.Case))
	p.Answers = answerFacts(p.Shell, c)
	return p
}

// caseToken is the token of a request, on the request's page.
func caseToken(s ui.Shell, c cases.Case, v ui.Viewer) ui.Card {
	st := ui.GrantStatus(s, c, v)
	if c.Can[access.TurnDown] {
		st = ui.TakeOverStatus(s, c)
	}
	g := c.Grant
	k := ui.Card{ID: "token-card", Title: s.CaseTitle(c), Href: ui.GrantPath(g, ""), Badges: st.Badges(), Now: st.Now}
	if end := g.EndsAt(); !end.IsZero() && g.State.Live() {
		k.Facts = append(k.Facts, s.Fact("fact.ends", s.DayTag(end)))
	}
	var as []ui.Action
	if c.Own && g.State == access.HandedOver {
		as = append(as, ui.Activating(s, c)...)
	}
	if c.Own && (g.State == access.Minting || g.State == access.Recovering || g.State == access.Replacing) {
		as = append(as, s.GoTo(ui.Primary, "act.collect", ui.CasePath(c.Request, "/collect")))
	}
	as = append(as, ui.Renewing(s, c, ui.Secondary)...)
	as = append(as, ui.Sponsoring(s, c)...)
	if c.Can[access.Replace] {
		as = append(as, s.GoTo(ui.Secondary, "act.replace", ui.CasePath(c.Request, "/replace")))
	}
	if c.Can[access.ReportLeak] {
		as = append(as, ui.LeakAction(s, c))
	}
	if c.Can[access.Revoke] {
		as = append(as, s.GoTo(ui.Danger, "act.revoke", ui.GrantPath(g, "/revoke")))
	}
	k.Actions = ui.Described(k.ID, as...)
	return k
}

// checkFacts is what a reviewer looks at before deciding.
func checkFacts(s ui.Shell, c cases.CasePage) []ui.Fact {
	a, r := c.Request.Answers, c.Request
	if r.State != access.InReview {
		return nil
	}
	var out []ui.Fact
	if rs := reachWords(s, c.Reach); len(rs) > 0 {
		out = append(out, s.Fact("check.reach", wordLines(s, rs)))
	}
	if q, ok := c.Policy.Question(policy.KeyMaker); ok {
		maker := s.Value(ui.Word(optionWord(s, q, a.Text(q.Key))), "")
		if a.Company() {
			maker = s.H("check.maker_company", "Name", a.Text(policy.KeyMakerName))
		}
		out = append(out, s.Fact("check.maker", maker))
	}
	if _, ok := c.Policy.Question(policy.KeyAI); ok {
		ai := s.H("check.ai_no")
		if a.AI() {
			ai = s.H("check.ai_yes", "Name", a.Text(policy.KeyAIService))
		}
		out = append(out, s.Fact("check.ai", ai))
	}
	if slices.ContainsFunc(c.Policy.Questions, policy.Question.AsksForOthers) {
		id := "check.others_no"
		if a.Others(c.Policy.Questions) {
			id = "check.others_yes"
		}
		out = append(out, s.Fact("check.others", s.H(id)))
	}
	endorsed := r.Endorsement()
	switch {
	case endorsed.Reason != "":
		out = append(out, s.Fact("check.sponsor", s.H("check.sponsor_said", "Sponsor", s.PersonName(c.Case, endorsed.Person), "Note", endorsed.Reason)))
	case endorsed.Said():
		out = append(out, s.Fact("check.sponsor", s.H("check.sponsor_yes", "Sponsor", s.PersonName(c.Case, endorsed.Person), "When", endorsed.At)))
	}
	out = append(out, evidenceFacts(s, c.Evidence)...)
	for _, i := range c.Leaks {
		id := "check.leak"
		if i.Owner == r.Sponsor {
			id = "check.leak_sponsor"
		}
		out = append(out, s.Fact(id, lastLeak(s, i)))
	}
	out = append(out, s.Fact("check.others_live", otherTokens(s, c.Others)),
		s.Fact("check.policy", s.H("check.policy_version", "Policy", r.PolicyVersion, "Rules", r.RulesVersion)))
	return out
}

func otherTokens(s ui.Shell, gs []access.Grant) template.HTML {
	if len(gs) == 0 {
		return s.H("check.live_none")
	}
	out := s.H("check.live", "Count", len(gs))
	for _, g := range gs {
		out += template.HTML(`<br><a href="`+ui.GrantPath(&g, "")+`"><bdi>`+template.HTMLEscapeString(g.Title)+`</bdi></a>`) + //nolint:gosec // escaped, and our own id
			" " + s.H("check.live_ends", "End", ui.Day(g.EndsAt()))
	}
	return out
}

func (p *CasePage) setReach(c cases.CasePage) {
	p.Reach = reachWords(p.Shell, c.Reach)
	requester := p.PersonName(c.Case, c.Request.Requester)
	id := "reach.lead_other"
	if c.Own {
		id = "reach.lead"
	}
	p.ReachLead = p.H(id, "Requester", requester)
	if c.Reach == nil {
		p.ReachNote = p.H("reach.unread")
		return
	}
	p.ReachNote = p.H("reach.note", "Checked", c.Reach.CheckedAt)
}

func dateFacts(s ui.Shell, c cases.CasePage) []ui.Fact {
	r := c.Request
	var out []ui.Fact
	add := func(id string, t time.Time) {
		if !t.IsZero() {
			out = append(out, s.Fact(id, s.DayTag(t)))
		}
	}
	add("fact.submitted", r.SubmittedAt)
	switch {
	case r.End.IsZero():
	case !r.Asked.IsZero() && r.End.Before(r.Asked):
		out = append(out, s.Fact("fact.end", s.H("case.end_shortened", "End", ui.Day(r.End), "Asked", ui.Day(r.Asked))))
	default:
		add("fact.end", r.End)
	}
	switch r.State {
	case access.AwaitingSponsor:
		add("fact.sponsor_due", r.SponsorDue)
	case access.InReview:
		add("fact.review_due", r.ReviewDue)
	case access.Approved:
		add("fact.collect_by", r.CollectBy)
	}
	_, decided := r.Decider()
	add("fact.decided", decided)
	add("fact.closed", r.ClosedAt)
	return out
}

func peopleFacts(s ui.Shell, c cases.CasePage) []ui.Fact {
	r := c.Request
	var out []ui.Fact
	add := func(id string, p access.PersonID) {
		if p != "" {
			out = append(out, s.Fact(id, s.Value(s.PersonName(c.Case, p), "")))
		}
	}
	add("fact.requester", r.Requester)
	switch {
	case r.Sponsor != "":
		add("fact.sponsor", r.Sponsor)
	default:
		add("fact.sponsor", r.Endorsement().Person)
	}
	if by, _ := r.Decider(); by != "" {
		add("fact.decided_by", by)
	} else {
		add("fact.held_by", r.Claim().Person)
	}
	if r.State == access.InReview {
		for _, yes := range r.Approvals() {
			add("fact.said_yes", yes.Person)
		}
		out = append(out, stageFacts(s, c.Case)...)
	}
	return out
}

// stageFacts say where a review stands that takes more than one person's yes.
func stageFacts(s ui.Shell, c cases.Case) []ui.Fact {
	r, of := c.Request, c.Policy.Stages
	stage, ok := c.Policy.Stage(r.Stage)
	if !ok || len(of) == 1 && stage.Votes == 1 {
		return nil
	}
	id := "fact.stage_of"
	if stage.Name == "" {
		id = "fact.stage_votes"
	}
	return []ui.Fact{s.Fact("fact.stage", s.H(id, "Stage", stage.Name, "Step", r.Stage, "Of", len(of), "Said", len(r.SaidYes()), "Votes", stage.Votes))}
}

// answerFacts is the form as it was answered, by the questions of its own policy.
func answerFacts(s ui.Shell, c cases.CasePage) []ui.Fact {
	a := c.Request.Answers
	var out []ui.Fact
	typed := func(v string) template.HTML {
		return template.HTML(`<span class="td-typed" dir="auto">` + template.HTMLEscapeString(v) + `</span>`) //nolint:gosec // escaped
	}
	add := func(q policy.Question, v template.HTML) {
		if v != "" {
			out = append(out, ui.Fact{Term: questionWord(s, q), Value: v})
		}
	}
	for _, q := range c.Policy.Questions {
		switch {
		case q.Kind.Own() || q.When != nil && !a.Has(q.When.Question, q.When.Answer):
		case q.Kind.Typed():
			if v := a.Text(q.Key); v != "" || q.Required {
				add(q, typed(v))
			}
		default:
			var words []string
			for _, k := range a.All(q.Key) {
				words = append(words, optionWord(s, q, k))
			}
			add(q, wordLines(s, words))
		}
	}
	for _, yes := range c.Request.Approvals() {
		if yes.Conditions != "" {
			out = append(out, s.Fact("case.conditions", typed(s.Said(yes.Conditions))))
		}
	}
	return out
}

// wordLines are words of the catalogue or of a question, a line each.
func wordLines(s ui.Shell, words []string) template.HTML {
	var all template.HTML
	for i, w := range words {
		if i > 0 {
			all += "<br>"
		}
		all += s.Value(ui.Word(w), "")
	}
	return all
}

// lastLeak is a leak in one line, for who decides on another request.
func lastLeak(s ui.Shell, i access.Incident) template.HTML {
	id := "check.leak_open"
	if !i.Open() {
		id = "check.leak_cleared"
	}
	return template.HTML(`<a href="`+ui.LeakPath(i, "")+`">`) + s.H(id, "When", ui.Day(i.OpenedAt), "Cleared", ui.Day(i.ClearedAt)) + "</a>" //nolint:gosec // our own id
}
