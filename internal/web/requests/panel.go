package requests

import (
	"html/template"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// ownPanel is what the requester can do.
type ownPanel struct {
	Actions []ui.Action
}

// panel is where a sponsor or reviewer answers.
type panel struct {
	Title   string
	Blocked string   // why there are no buttons
	Confirm []string // what a sponsor confirms
	Not     template.HTML
	Held    template.HTML
	Claim   *ui.Action
	Action  string // address of the form; its buttons have their own
	Handle  string
	Terms   string // what the form decides on
	Fields  []ui.Field
	Deny    *ui.Choice
	Buttons []ui.Action
	Other   []ui.Action // beside a panel without a form
}

func newOwnPanel(s ui.Shell, c cases.Case) *ownPanel {
	r := c.Request
	var as []ui.Action
	look := ui.Primary
	add := func(do access.Action, a ui.Action) {
		if c.Can[do] {
			as = append(as, a)
			look = ui.Secondary
		}
	}
	add(access.Collect, s.GoTo(look, "act.collect", ui.CasePath(r, "/collect")))
	if r.Sponsor == "" || r.State != access.AwaitingSponsor {
		add(access.ChooseSponsor, s.GoTo(look, "act.choose_sponsor", ui.CasePath(r, "/sponsor")))
	} else {
		add(access.ChooseSponsor, s.GoTo(ui.Secondary, "act.choose_sponsor", ui.CasePath(r, "/sponsor")))
	}
	add(access.Refile, s.PostTo(look, "act.refile", ui.CasePath(r, "/refile")))
	if r.State == access.Draft {
		add(access.Submit, s.GoTo(look, "home.continue", ui.CasePath(r, "")))
		add(access.Discard, s.GoTo(ui.Secondary, "act.discard", ui.CasePath(r, "/discard")))
	}
	add(access.Withdraw, s.GoTo(ui.Secondary, "act.withdraw", ui.CasePath(r, "/withdraw")))
	if len(as) == 0 {
		return nil
	}
	return &ownPanel{Actions: as}
}

func sponsorPanel(s ui.Shell, c cases.CasePage, in PanelInput) *panel {
	r := c.Request
	requester := s.PersonName(c.Case, r.Requester)
	if c.Can[access.TakeOver] || c.Can[access.TurnDown] {
		return askedPanel(s, c)
	}
	if !c.Can[access.Endorse] && !c.Can[access.Decline] {
		if !ui.LeavesRequest(c.Case) {
			return nil
		}
		return &panel{Title: s.T("sponsor.title_after"), Other: []ui.Action{s.GoTo(ui.Secondary, "act.end_sponsorship", ui.CasePath(r, "/end-sponsorship"))}}
	}
	p := &panel{Title: s.T("sponsor.title"), Action: ui.CasePath(r, "/endorse"), Handle: s.Handle, Terms: c.Terms().Digest()}
	p.Confirm = attests(s, c.Case)
	p.Not = s.H("sponsor.not_responsible", "Not", ui.Who(s.T("sponsor.not")))
	errs := s.ErrorsOf(in.Errors)
	end := endField(s, in.End, r, errs, "sponsor.end")
	reason := s.PanelArea("reason", "sponsor.reason", in.Reason, errs)
	reason.Hint = s.H("sponsor.reason_hint", "Requester", requester)
	p.Fields = []ui.Field{end, reason}
	if c.Can[access.Endorse] {
		p.Buttons = append(p.Buttons, s.SubmitTo(ui.Primary, "act.endorse", ui.CasePath(r, "/endorse")))
	}
	if c.Can[access.Decline] {
		p.Buttons = append(p.Buttons, s.SubmitTo(ui.Danger, "act.decline", ui.CasePath(r, "/decline")))
	}
	return p
}

// endField shortens an end: from tomorrow up to the end as it stands.
func endField(s ui.Shell, typed string, r access.Request, errs map[string]string, label string) ui.Field {
	f := ui.Field{ID: "f-end", Name: "end", Type: "date", Label: s.T(label), Value: typed, Error: errs["end"], ErrorWord: s.T("words.error"), NoAutofill: true}
	f.Hint = s.H("case.end_hint", "End", ui.Day(r.End))
	f.Min, f.Most = s.IsoDate(s.Now), s.IsoDate(r.End)
	if _, err := time.Parse(time.DateOnly, typed); err != nil && typed != "" {
		f.Type = "text" // a date field cannot hold what is no date
	}
	return f
}

func reviewerPanel(s ui.Shell, c cases.CasePage, in PanelInput) *panel {
	r := c.Request
	if c.Why != "" {
		if r.State.Final() {
			return nil
		}
		return &panel{Title: s.T("review.title"), Blocked: s.T(blockedKey(c.Why), "Name", s.PersonName(c.Case, r.Claim().Person))}
	}
	if c.Can[access.Rescind] && !c.Can[access.Approve] {
		return &panel{Title: s.T("review.title_after"), Other: []ui.Action{s.GoTo(ui.Danger, "act.rescind", ui.CasePath(r, "/rescind"))}}
	}
	if !c.Can[access.Approve] && !c.Can[access.Deny] {
		return nil
	}
	p := &panel{Title: s.T("review.title"), Action: ui.CasePath(r, "/approve"), Handle: s.Handle, Terms: c.Terms().Digest()}
	claim := r.Claim()
	if claim.Person == "" && c.Can[access.Claim] {
		a := s.PostTo(ui.Secondary, "act.claim", ui.CasePath(r, "/claim"))
		p.Claim, p.Held = &a, s.H("review.free")
	} else if claim.Person != "" {
		p.Held = s.H("review.yours", "Since", claim.At)
	}
	errs := s.ErrorsOf(in.Errors)
	end := endField(s, in.End, r, errs, "review.end")
	conditions := s.PanelArea("conditions", "review.conditions", in.Conditions, errs)
	conditions.Rows = 2
	reason := s.PanelArea("reason", "review.reason", in.Reason, errs)
	who := "review.reason_hint"
	if r.Sponsor == "" {
		who = "review.reason_hint_alone"
	}
	reason.Hint = s.H(who, "Requester", s.PersonName(c.Case, r.Requester))
	p.Fields = []ui.Field{end, conditions, reason}
	if c.Can[access.Deny] {
		alt := ui.Choice{ID: "f-alternative", Name: "alternative", Legend: s.T("review.alternative"), Hint: s.H("review.alternative_hint"),
			Error: errs["alternative"], ErrorWord: s.T("words.error")}
		for i, k := range access.Alternatives {
			o := ui.Option{ID: alt.ID + "-" + k, Value: k, Label: s.ChoiceWord("alternative", k), Checked: in.Alternative == k}
			if i == 0 {
				o.ID = alt.ID
			}
			if k == "other" {
				t := s.PanelArea("alternative_text", "review.alternative_text", in.AltText, errs)
				t.Rows = 2
				o.Fields = []ui.Field{t}
			}
			alt.Options = append(alt.Options, o)
		}
		p.Deny = &alt
	}
	if c.Can[access.Approve] {
		p.Buttons = append(p.Buttons, s.SubmitTo(ui.Primary, "act.approve", ui.CasePath(r, "/approve")))
	}
	if c.Can[access.Deny] {
		p.Buttons = append(p.Buttons, s.SubmitTo(ui.Danger, "act.deny", ui.CasePath(r, "/deny")))
	}
	if claim.Person != "" && c.Can[access.Release] {
		p.Buttons = append(p.Buttons, s.SubmitTo(ui.Linklike, "act.release", ui.CasePath(r, "/release")))
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
