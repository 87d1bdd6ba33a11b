package web

import (
	"html/template"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// ownPanel is what the requester can do.
type ownPanel struct {
	Actions []action
}

// panel is where a sponsor or reviewer answers.
type panel struct {
	Title   string
	Blocked string   // why there are no buttons
	Confirm []string // what a sponsor confirms
	Not     template.HTML
	Held    template.HTML
	Claim   *action
	Action  string // address of the form; its buttons have their own
	Handle  string
	Terms   string // what the form decides on
	Fields  []field
	Deny    *choice
	Buttons []action
	Other   []action // beside a panel without a form
}

func (s Shell) ownPanel(c workflow.Case) *ownPanel {
	r := c.Request
	var as []action
	look := primary
	add := func(do access.Action, a action) {
		if c.Can[do] {
			as = append(as, a)
			look = secondary
		}
	}
	add(access.Collect, s.goTo(look, "act.collect", casePath(r, "/collect")))
	if r.Sponsor == "" || r.State != access.AwaitingSponsor {
		add(access.ChooseSponsor, s.goTo(look, "act.choose_sponsor", casePath(r, "/sponsor")))
	} else {
		add(access.ChooseSponsor, s.goTo(secondary, "act.choose_sponsor", casePath(r, "/sponsor")))
	}
	add(access.Refile, s.postTo(look, "act.refile", casePath(r, "/refile")))
	if r.State == access.Draft {
		add(access.Submit, s.goTo(look, "home.continue", casePath(r, "")))
		add(access.Discard, s.goTo(secondary, "act.discard", casePath(r, "/discard")))
	}
	add(access.Withdraw, s.goTo(secondary, "act.withdraw", casePath(r, "/withdraw")))
	if len(as) == 0 {
		return nil
	}
	return &ownPanel{Actions: as}
}

func (s Shell) sponsorPanel(c workflow.CasePage, in PanelInput) *panel {
	r := c.Request
	requester := s.name(c.Case, r.Requester)
	if c.Can[access.TakeOver] || c.Can[access.TurnDown] {
		return s.askedPanel(c)
	}
	if !c.Can[access.Endorse] && !c.Can[access.Decline] {
		if !leavesRequest(c.Case) {
			return nil
		}
		return &panel{Title: s.T("sponsor.title_after"), Other: []action{s.goTo(secondary, "act.end_sponsorship", casePath(r, "/end-sponsorship"))}}
	}
	p := &panel{Title: s.T("sponsor.title"), Action: casePath(r, "/endorse"), Handle: s.Handle, Terms: c.Terms().Digest()}
	p.Confirm = s.attests(c.Case)
	p.Not = s.H("sponsor.not_responsible", "Not", who(s.T("sponsor.not")))
	errs := s.errorsOf(in.Errors)
	end := s.endField(in.End, r, errs, "sponsor.end")
	reason := s.panelArea("reason", "sponsor.reason", in.Reason, errs)
	reason.Hint = s.H("sponsor.reason_hint", "Requester", requester)
	p.Fields = []field{end, reason}
	if c.Can[access.Endorse] {
		p.Buttons = append(p.Buttons, s.submitTo(primary, "act.endorse", casePath(r, "/endorse")))
	}
	if c.Can[access.Decline] {
		p.Buttons = append(p.Buttons, s.submitTo(danger, "act.decline", casePath(r, "/decline")))
	}
	return p
}

// endField shortens an end: from tomorrow up to the end as it stands.
func (s Shell) endField(typed string, r access.Request, errs map[string]string, label string) field {
	f := field{ID: "f-end", Name: "end", Type: "date", Label: s.T(label), Value: typed, Error: errs["end"], ErrorWord: s.T("words.error"), NoAutofill: true}
	f.Hint = s.H("case.end_hint", "End", day(r.End))
	f.Min, f.Most = s.isoDate(s.Now), s.isoDate(r.End)
	if _, err := time.Parse(time.DateOnly, typed); err != nil && typed != "" {
		f.Type = "text" // a date field cannot hold what is no date
	}
	return f
}

func (s Shell) panelArea(name, label, typed string, errs map[string]string) field {
	return field{ID: "f-" + name, Name: name, Label: s.T(label), Value: typed, Rows: 3, Max: access.MaxNote,
		Error: errs[name], ErrorWord: s.T("words.error")}
}

func (s Shell) reviewerPanel(c workflow.CasePage, in PanelInput) *panel {
	r := c.Request
	if c.Why != "" {
		if r.State.Final() {
			return nil
		}
		return &panel{Title: s.T("review.title"), Blocked: s.T(blockedKey(c.Why), "Name", s.name(c.Case, r.Claim().Person))}
	}
	if c.Can[access.Rescind] && !c.Can[access.Approve] {
		return &panel{Title: s.T("review.title_after"), Other: []action{s.goTo(danger, "act.rescind", casePath(r, "/rescind"))}}
	}
	if !c.Can[access.Approve] && !c.Can[access.Deny] {
		return nil
	}
	p := &panel{Title: s.T("review.title"), Action: casePath(r, "/approve"), Handle: s.Handle, Terms: c.Terms().Digest()}
	claim := r.Claim()
	if claim.Person == "" && c.Can[access.Claim] {
		a := s.postTo(secondary, "act.claim", casePath(r, "/claim"))
		p.Claim, p.Held = &a, s.H("review.free")
	} else if claim.Person != "" {
		p.Held = s.H("review.yours", "Since", claim.At)
	}
	errs := s.errorsOf(in.Errors)
	end := s.endField(in.End, r, errs, "review.end")
	conditions := s.panelArea("conditions", "review.conditions", in.Conditions, errs)
	conditions.Rows = 2
	reason := s.panelArea("reason", "review.reason", in.Reason, errs)
	who := "review.reason_hint"
	if r.Sponsor == "" {
		who = "review.reason_hint_alone"
	}
	reason.Hint = s.H(who, "Requester", s.name(c.Case, r.Requester))
	p.Fields = []field{end, conditions, reason}
	if c.Can[access.Deny] {
		alt := choice{ID: "f-alternative", Name: "alternative", Legend: s.T("review.alternative"), Hint: s.H("review.alternative_hint"),
			Error: errs["alternative"], ErrorWord: s.T("words.error")}
		for i, k := range access.Alternatives {
			o := option{ID: alt.ID + "-" + k, Value: k, Label: s.choiceWord("alternative", k), Checked: in.Alternative == k}
			if i == 0 {
				o.ID = alt.ID
			}
			if k == "other" {
				t := s.panelArea("alternative_text", "review.alternative_text", in.AltText, errs)
				t.Rows = 2
				o.Fields = []field{t}
			}
			alt.Options = append(alt.Options, o)
		}
		p.Deny = &alt
	}
	if c.Can[access.Approve] {
		p.Buttons = append(p.Buttons, s.submitTo(primary, "act.approve", casePath(r, "/approve")))
	}
	if c.Can[access.Deny] {
		p.Buttons = append(p.Buttons, s.submitTo(danger, "act.deny", casePath(r, "/deny")))
	}
	if claim.Person != "" && c.Can[access.Release] {
		p.Buttons = append(p.Buttons, s.submitTo(linklike, "act.release", casePath(r, "/release")))
	}
	return p
}

// blockedKey says why a reviewer has no buttons here.
func blockedKey(why access.Why) string {
	switch why {
	case access.WhySelf, access.WhySponsorDecides, access.WhyOtherPerson, access.WhySecondPerson:
		return "review.blocked_" + string(why)
	}
	return "review.blocked"
}
