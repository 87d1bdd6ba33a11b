package web

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// HomePage is My API tokens.
type HomePage struct {
	frame
	Ask      *action // "Request a token"; nil where the person may not ask
	Refused  string
	Drafts   []card
	NeedsYou []card
	Progress []card
	Tokens   []card
	ByOthers []card // what others ended, open
	Ended    []card // the rest, folded
	Empty    *empty
}

// NewHomePage is My API tokens.
func NewHomePage(s Shell, h workflow.Home) HomePage {
	p := HomePage{frame: newFrame(s, PageHome, s.T("home.h1"), "/")}
	for i, c := range h.NeedsYou {
		k := s.needsCard(c)
		if i > 0 {
			demote(k.Actions) // one primary in a section: the most urgent
		}
		p.NeedsYou = append(p.NeedsYou, k)
	}
	for _, c := range h.Found {
		look := primary
		if len(p.NeedsYou) > 0 {
			look = secondary
		}
		p.NeedsYou = append(p.NeedsYou, s.foundCard(c, look))
	}
	for _, c := range h.Drafts {
		p.Drafts = append(p.Drafts, s.draftCard(c, len(p.NeedsYou) == 0))
	}
	for _, c := range h.Progress {
		p.Progress = append(p.Progress, s.requestCard(c))
	}
	for _, c := range h.Tokens {
		p.Tokens = append(p.Tokens, s.tokenCard(c))
	}
	for _, c := range h.Ended {
		if endedByOthers(c) {
			p.ByOthers = append(p.ByOthers, s.endedCard(c))
		} else {
			p.Ended = append(p.Ended, s.endedCard(c))
		}
	}
	switch {
	case s.Session.Door == access.DoorNone:
		// It came through a resource link: the banner says to open the tool from
		// the menu, and nothing here leads on (docs/decisions.md 2).
		for _, cards := range [][]card{p.NeedsYou, p.Drafts, p.Progress, p.Tokens, p.ByOthers, p.Ended} {
			for i := range cards {
				cards[i].Href, cards[i].Actions = "", nil
			}
		}
		return p
	case h.Refused != "":
		p.Refused = s.T(refusedKey(h.Refused))
	default:
		p.Ask = p.askAction(h)
	}
	if len(p.Drafts)+len(p.NeedsYou)+len(p.Progress)+len(p.Tokens) == 0 && (p.Ask != nil || len(h.Ended) == 0) {
		p.Empty = p.emptyHome()
	}
	return p
}

// endedByOthers reports whether an ended request or token was ended against its
// owner's plan: refused, taken back, or revoked by somebody else or a rule.
func endedByOthers(c workflow.Case) bool {
	switch c.Request.State {
	case access.Denied, access.SponsorDeclined, access.Rescinded:
		return true
	}
	g := c.Grant
	if g == nil || g.State != access.Revoked || g.EndedBy == g.Owner {
		return false
	}
	switch g.Cause {
	case access.ByOwner, access.BySuperseded, access.ByNoReplaced, access.ByEnd, access.ByCanvas:
		return false // their own doing, or nobody knows whose
	}
	return true
}

func demote(as []action) {
	for i := range as {
		if as[i].Look == primary {
			as[i].Look = secondary
		}
	}
}

// askAction is the way into the form. It is the page's primary only while no
// card below has something to do first.
func (p HomePage) askAction(h workflow.Home) *action {
	look := primary
	if len(p.NeedsYou) > 0 || len(h.Drafts) > 0 {
		look = secondary
	}
	a := p.goTo(look, "home.ask", "/requests/new")
	if h.Kept {
		a = p.goTo(look, "home.ask_kept", "/requests/new")
	}
	return &a
}

func (p *HomePage) emptyHome() *empty {
	e := &empty{Icon: "key", Title: p.T("home.empty_title"), Text: p.T("home.empty_text")}
	if p.Ask != nil {
		e.Actions = []action{*p.Ask}
		p.Ask = nil
	}
	return e
}

// baseCard is what every card of a request has.
func (s Shell) baseCard(c workflow.Case, st status) card {
	id := "c-" + c.Request.ID
	return card{ID: id, Title: s.title(c), Code: c.Request.Code(), Href: casePath(c.Request, ""), Badges: st.Badges(), Now: st.Now}
}

func (s Shell) draftCard(c workflow.Case, first bool) card {
	k := s.baseCard(c, s.requestStatus(c, asRequester))
	look := secondary
	if first {
		look = primary
	}
	k.Actions = described(k.ID, s.goTo(look, "home.continue", k.Href))
	if c.Can[access.Discard] {
		k.Actions = append(k.Actions, described(k.ID, s.goTo(linklike, "act.discard", casePath(c.Request, "/discard")))...)
	}
	k.Facts = []fact{s.fact("fact.changed", s.whenTag(c.Request.UpdatedAt, false))}
	return k
}

// needsCard is a card whose owner must do something, with that as its primary.
func (s Shell) needsCard(c workflow.Case) card {
	if c.Grant != nil && c.Grant.State.Live() && c.Request.State != access.Approved {
		return s.needsTokenCard(c)
	}
	k := s.baseCard(c, s.requestStatus(c, asRequester))
	k.Steps, k.StepLine = s.steps(c)
	var as []action
	switch {
	case c.Can[access.Collect]:
		as = append(as, s.goTo(primary, "act.collect", casePath(c.Request, "/collect")))
	case c.Can[access.ChooseSponsor]:
		as = append(as, s.goTo(primary, "act.choose_sponsor", casePath(c.Request, "/sponsor")))
	case c.Can[access.Refile]:
		as = append(as, s.postTo(primary, "act.refile", casePath(c.Request, "/refile")))
	}
	if c.Can[access.Withdraw] {
		as = append(as, s.goTo(secondary, "act.withdraw", casePath(c.Request, "/withdraw")))
	}
	k.Actions = described(k.ID, as...)
	return k
}

func (s Shell) needsTokenCard(c workflow.Case) card {
	k := s.tokenCard(c)
	var first []action
	switch c.Grant.State {
	case access.HandedOver:
		first = append(first, s.external(primary, "act.activate", s.settingsURL()), s.goTo(secondary, "act.steps", casePath(c.Request, "/collect")))
	case access.Minting, access.Recovering, access.Replacing:
		first = append(first, s.goTo(primary, "act.collect", casePath(c.Request, "/collect")))
	default:
		if len(k.Actions) > 0 && c.Can[access.NameNext] {
			k.Actions[0].Look = primary
		}
	}
	k.Actions = append(described(k.ID, first...), k.Actions...)
	return k
}

// requestCard is a request that somebody else has.
func (s Shell) requestCard(c workflow.Case) card {
	k := s.baseCard(c, s.requestStatus(c, asRequester))
	k.Steps, k.StepLine = s.steps(c)
	if c.Can[access.Withdraw] {
		k.Actions = described(k.ID, s.goTo(secondary, "act.withdraw", casePath(c.Request, "/withdraw")))
	}
	return k
}

// tokenCard is a live token of the session's person.
func (s Shell) tokenCard(c workflow.Case) card {
	k := s.baseCard(c, s.grantStatus(c, asRequester))
	g := c.Grant
	k.Href = grantPath(g, "")
	if end := g.EndsAt(); !end.IsZero() {
		k.Facts = append(k.Facts, s.fact("fact.ends", s.dayTag(end)))
	}
	used, _ := s.lastUsedCell(*g)
	k.Facts = append(k.Facts, s.fact("fact.last_used", used))
	if name := s.sponsorName(c); name != "" {
		k.Facts = append(k.Facts, s.fact("fact.sponsor", name))
	}
	if g.Hint != "" {
		k.Facts = append(k.Facts, s.fact("fact.hint", s.value(code(g.Hint+"…"), "")))
	}
	k.Actions = append(k.Actions, described(k.ID, s.renewing(c, secondary)...)...)
	if c.Can[access.Replace] {
		k.Actions = append(k.Actions, described(k.ID, s.goTo(secondary, "act.replace", casePath(c.Request, "/replace")))...)
	}
	if c.Can[access.ReportLeak] {
		k.Actions = append(k.Actions, described(k.ID, s.leakAction(c))...)
	}
	if c.Can[access.Revoke] {
		k.Actions = append(k.Actions, described(k.ID, s.goTo(danger, "act.revoke", grantPath(g, "/revoke")))...)
	}
	return k
}

func (s Shell) endedCard(c workflow.Case) card {
	st := s.requestStatus(c, asRequester)
	k := s.baseCard(c, st)
	if c.Grant != nil && c.Request.State == access.Fulfilled {
		st = s.grantStatus(c, asRequester)
		k.Badges, k.Now, k.Href = st.Badges(), st.Now, grantPath(c.Grant, "")
	}
	if c.Can[access.ReportLeak] {
		k.Actions = append(k.Actions, described(k.ID, s.leakAction(c))...)
	}
	if c.Can[access.Refile] {
		k.Actions = append(k.Actions, described(k.ID, s.postTo(secondary, "act.refile", casePath(c.Request, "/refile")))...)
	}
	return k
}

// leakAction leads to the page that asks before a leak is reported.
func (s Shell) leakAction(c workflow.Case) action {
	return s.goTo(secondary, "act.report_leak", grantPath(c.Grant, "/leak"))
}

// settingsURL is where Canvas shows people their own tokens.
func (s Shell) settingsURL() string { return s.Session.CanvasURL + "/profile/settings" }

// steps is the short story of an open request: who had it, has it, comes next.
func (s Shell) steps(c workflow.Case) ([]step, string) {
	r := c.Request
	names := []string{"you"}
	if r.Sponsor != "" || r.State == access.AwaitingSponsor || r.Endorsement().Said() {
		names = append(names, "sponsor")
	}
	names = append(names, "team", "collect")
	if r.Adopts != "" {
		names[len(names)-1] = "adopt" // nothing is collected
	}
	at := map[access.RequestState]string{
		access.Draft: "you", access.AwaitingSponsor: "sponsor", access.InReview: "team",
		access.Approved: "collect", access.Collecting: "collect",
	}[r.State]
	if at == "" {
		return nil, ""
	}
	if at == "collect" && r.Adopts != "" {
		at = "adopt"
	}
	var out []step
	state, icon, line := "done", "done", ""
	for i, n := range names {
		label := s.team()
		if n != "team" {
			label = s.T("step." + n)
		}
		one := step{Label: label, Icon: icon, State: state, Said: s.T("step.is_" + state)}
		if n == at {
			one = step{Label: label, Icon: "ring", State: "now", Said: s.T("step.is_now"), Current: true}
			line = s.T("step.line", "Number", i+1, "Total", len(names), "Name", label)
			state, icon = "next", "hollow"
		}
		out = append(out, one)
	}
	return out, line
}
