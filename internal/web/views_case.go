package web

import (
	"html/template"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// CasePage is one request, for every part its reader has in it.
type CasePage struct {
	frame
	Status  status
	Subject template.HTML // what, who, where
	Token   *card         // the token it became

	Own      *ownPanel
	Sponsor  *panel
	Reviewer *panel

	Keeps []fact // the token that exists and that it asks to keep

	Reach     []string
	ReachLead template.HTML
	ReachNote template.HTML
	Dates     []fact
	People    []fact
	Check     []fact
	Evidence  []fact // of the token that is to be renewed, for its sponsor

	Story   story
	Answers []fact
}

// NewCasePage is one request, for every part its reader has in it.
func NewCasePage(s Shell, c workflow.CasePage, in PanelInput) CasePage {
	r := c.Request
	v := viewerOf(c.Case)
	current := PageHome
	switch v {
	case asSponsor:
		current = PageSponsorships
	case asReviewer:
		current = PageQueue
	}
	h1 := s.T("case.h1", "Code", r.Code())
	if r.Code() == "" {
		h1 = s.T("case.h1_draft")
	}
	p := CasePage{frame: newFrame(s, current, h1, casePath(r, "")), Status: s.requestStatus(c.Case, v)}
	if c.Can[access.TurnDown] {
		p.Status = s.takeOverStatus(c.Case)
	}
	p.setErrors(in.Errors)
	p.Subject = p.subject(c.Case)
	if g := c.Grant; g != nil && (r.State == access.Fulfilled || g.State.Live()) {
		k := p.caseToken(c.Case, v)
		p.Token = &k
	}
	if c.Found != nil && c.Found.State != access.FoundAdopted {
		p.Keeps = p.foundFacts(*c.Found, "")
	}
	if c.Own {
		p.Own = p.ownPanel(c.Case)
	}
	if c.Sponsor {
		p.Sponsor = p.sponsorPanel(c, in)
		if !c.Reviewer && c.Can[access.Endorse] {
			p.Evidence = p.evidence(c.Evidence)
		}
	}
	if c.Reviewer {
		p.Reviewer = p.reviewerPanel(c, in)
		p.Check = p.check(c)
	}
	p.setReach(c)
	p.Dates, p.People = p.dates(c), p.people(c)
	p.Story = p.newStory(c.Story, p.nextSteps(c.Case))
	p.Answers = p.answers(c)
	return p
}

// subject is the line under the heading: “Attendance helper”, Maya Chen, BIO 201.
func (s Shell) subject(c workflow.Case) template.HTML {
	r := c.Request
	args := []any{"Title", s.title(c), "Name", s.name(c, r.Requester), "Part", word(s.affiliation(r.Affiliation)), "Course", r.Course.Code}
	switch {
	case r.Affiliation == "" || r.Affiliation == policy.None:
		return s.H("case.subject_short", args...)
	case r.Course.Code == "":
		return s.H("case.subject_no_course", args...)
	}
	return s.H("case.subject", args...)
}

// caseToken is the token of a request, on the request's page.
func (s Shell) caseToken(c workflow.Case, v viewer) card {
	st := s.grantStatus(c, v)
	if c.Can[access.TurnDown] {
		st = s.takeOverStatus(c)
	}
	g := c.Grant
	k := card{ID: "token-card", Title: s.title(c), Href: grantPath(g, ""), Badges: st.Badges(), Now: st.Now}
	if end := g.EndsAt(); !end.IsZero() && g.State.Live() {
		k.Facts = append(k.Facts, s.fact("fact.ends", s.dayTag(end)))
	}
	var as []action
	if c.Own && g.State == access.HandedOver {
		as = append(as, s.external(primary, "act.activate", s.settingsURL()), s.goTo(secondary, "act.steps", casePath(c.Request, "/collect")))
	}
	if c.Own && (g.State == access.Minting || g.State == access.Recovering || g.State == access.Replacing) {
		as = append(as, s.goTo(primary, "act.collect", casePath(c.Request, "/collect")))
	}
	as = append(as, s.renewing(c, secondary)...)
	as = append(as, s.sponsoring(c)...)
	if c.Can[access.Replace] {
		as = append(as, s.goTo(secondary, "act.replace", casePath(c.Request, "/replace")))
	}
	if c.Can[access.ReportLeak] {
		as = append(as, s.leakAction(c))
	}
	if c.Can[access.Revoke] {
		as = append(as, s.goTo(danger, "act.revoke", grantPath(g, "/revoke")))
	}
	k.Actions = described(k.ID, as...)
	return k
}

// check is what a reviewer looks at before deciding.
func (s Shell) check(c workflow.CasePage) []fact {
	a, r := c.Request.Answers, c.Request
	if r.State != access.InReview {
		return nil
	}
	var out []fact
	if rs := s.reach(c.Reach); len(rs) > 0 {
		var all template.HTML
		for i, w := range rs {
			if i > 0 {
				all += "<br>"
			}
			all += s.value(word(w), "")
		}
		out = append(out, s.fact("check.reach", all))
	}
	if q, ok := c.Policy.Question(policy.KeyMaker); ok {
		maker := s.value(word(optionWord(s, q, a.Text(q.Key))), "")
		if a.Company() {
			maker = s.H("check.maker_company", "Name", a.Text(policy.KeyMakerName))
		}
		out = append(out, s.fact("check.maker", maker))
	}
	if _, ok := c.Policy.Question(policy.KeyAI); ok {
		ai := s.H("check.ai_no")
		if a.AI() {
			ai = s.H("check.ai_yes", "Name", a.Text(policy.KeyAIService))
		}
		out = append(out, s.fact("check.ai", ai))
	}
	if slices.ContainsFunc(c.Policy.Questions, policy.Question.AsksForOthers) {
		id := "check.others_no"
		if a.Others(c.Policy.Questions) {
			id = "check.others_yes"
		}
		out = append(out, s.fact("check.others", s.H(id)))
	}
	endorsed := r.Endorsement()
	switch {
	case endorsed.Reason != "":
		out = append(out, s.fact("check.sponsor", s.H("check.sponsor_said", "Sponsor", s.name(c.Case, endorsed.Person), "Note", endorsed.Reason)))
	case endorsed.Said():
		out = append(out, s.fact("check.sponsor", s.H("check.sponsor_yes", "Sponsor", s.name(c.Case, endorsed.Person), "When", endorsed.At)))
	}
	out = append(out, s.evidence(c.Evidence)...)
	for _, i := range c.Leaks {
		id := "check.leak"
		if i.Owner == r.Sponsor {
			id = "check.leak_sponsor"
		}
		out = append(out, s.fact(id, s.lastLeak(i)))
	}
	out = append(out, s.fact("check.others_live", s.otherTokens(c.Others)),
		s.fact("check.policy", s.H("check.policy_version", "Policy", r.PolicyVersion, "Rules", r.RulesVersion)))
	return out
}

func (s Shell) otherTokens(gs []access.Grant) template.HTML {
	if len(gs) == 0 {
		return s.H("check.live_none")
	}
	out := s.H("check.live", "Count", len(gs))
	for _, g := range gs {
		out += template.HTML(`<br><a href="`+grantPath(&g, "")+`"><bdi>`+template.HTMLEscapeString(g.Title)+`</bdi></a>`) + //nolint:gosec // escaped, and our own id
			" " + s.H("check.live_ends", "End", day(g.EndsAt()))
	}
	return out
}

func (p *CasePage) setReach(c workflow.CasePage) {
	p.Reach = p.reach(c.Reach)
	requester := p.name(c.Case, c.Request.Requester)
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

func (s Shell) dates(c workflow.CasePage) []fact {
	r := c.Request
	var out []fact
	add := func(id string, t time.Time) {
		if !t.IsZero() {
			out = append(out, s.fact(id, s.dayTag(t)))
		}
	}
	add("fact.submitted", r.SubmittedAt)
	switch {
	case r.End.IsZero():
	case !r.Asked.IsZero() && r.End.Before(r.Asked):
		out = append(out, s.fact("fact.end", s.H("case.end_shortened", "End", day(r.End), "Asked", day(r.Asked))))
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

func (s Shell) people(c workflow.CasePage) []fact {
	r := c.Request
	var out []fact
	add := func(id string, p access.PersonID) {
		if p != "" {
			out = append(out, s.fact(id, s.value(s.name(c.Case, p), "")))
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
func stageFacts(s Shell, c workflow.Case) []fact {
	r, of := c.Request, c.Policy.Stages
	stage, ok := c.Policy.Stage(r.Stage)
	if !ok || len(of) == 1 && stage.Votes == 1 {
		return nil
	}
	id := "fact.stage_of"
	if stage.Name == "" {
		id = "fact.stage_votes"
	}
	return []fact{s.fact("fact.stage", s.H(id, "Stage", stage.Name, "Step", r.Stage, "Of", len(of), "Said", len(r.SaidYes()), "Votes", stage.Votes))}
}

// answers is the form as it was answered, by the questions of its own policy.
func (s Shell) answers(c workflow.CasePage) []fact {
	a := c.Request.Answers
	var out []fact
	typed := func(v string) template.HTML {
		return template.HTML(`<span class="td-typed" dir="auto">` + template.HTMLEscapeString(v) + `</span>`) //nolint:gosec // escaped
	}
	add := func(q policy.Question, v template.HTML) {
		if v != "" {
			out = append(out, fact{Term: questionWord(s, q), Value: v})
		}
	}
	for _, q := range c.Policy.Questions {
		values := a.All(q.Key)
		switch {
		case q.Kind.Own() || q.When != nil && !a.Has(q.When.Question, q.When.Answer):
		case q.Kind.Typed():
			if v := a.Text(q.Key); v != "" || q.Required {
				add(q, typed(v))
			}
		default:
			var all template.HTML
			for i, k := range values {
				if i > 0 {
					all += "<br>"
				}
				all += s.value(word(optionWord(s, q, k)), "")
			}
			add(q, all)
		}
	}
	for _, yes := range c.Request.Approvals() {
		if yes.Conditions != "" {
			out = append(out, s.fact("case.conditions", typed(s.said(yes.Conditions))))
		}
	}
	return out
}
