package home

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Page is My API tokens.
type Page struct {
	ui.Frame
	Ask      *ui.Action // "Request a token"; nil where the person may not ask
	Refused  string
	Drafts   []ui.Card
	NeedsYou []ui.Card
	Progress []ui.Card
	Tokens   []ui.Card
	ByOthers []ui.Card // what others ended, open
	Ended    []ui.Card // the rest, folded
	Empty    *ui.Empty
}

// NewPage is My API tokens.
func NewPage(s ui.Shell, h cases.Home) Page {
	p := Page{Frame: ui.NewFrame(s, ui.PageHome, s.T("home.h1"), "/")}
	for i, c := range h.NeedsYou {
		k := needsCard(s, c)
		if i > 0 {
			ui.Demote(k.Actions) // one primary in a section: the most urgent
		}
		p.NeedsYou = append(p.NeedsYou, k)
	}
	for _, c := range h.Found {
		look := ui.Primary
		if len(p.NeedsYou) > 0 {
			look = ui.Secondary
		}
		p.NeedsYou = append(p.NeedsYou, foundCard(s, c, look))
	}
	for _, c := range h.Drafts {
		p.Drafts = append(p.Drafts, draftCard(s, c, len(p.NeedsYou) == 0))
	}
	for _, c := range h.Progress {
		p.Progress = append(p.Progress, requestCard(s, c))
	}
	for _, c := range h.Tokens {
		p.Tokens = append(p.Tokens, tokenCard(s, c))
	}
	for _, c := range h.Ended {
		if endedByOthers(c) {
			p.ByOthers = append(p.ByOthers, endedCard(s, c))
		} else {
			p.Ended = append(p.Ended, endedCard(s, c))
		}
	}
	switch {
	case s.Session.Door == access.DoorNone:
		// It came through a resource link: the banner says to open the tool from
		// the menu, and nothing here leads on (docs/decisions.md 2).
		for _, cards := range [][]ui.Card{p.NeedsYou, p.Drafts, p.Progress, p.Tokens, p.ByOthers, p.Ended} {
			for i := range cards {
				cards[i].Href, cards[i].Actions = "", nil
			}
		}
		return p
	case h.Refused != "":
		p.Refused = s.T(ui.RefusedKey(h.Refused))
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
func endedByOthers(c cases.Case) bool {
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

// askAction is the way into the form. It is the page's primary only while no
// card below has something to do first.
func (p Page) askAction(h cases.Home) *ui.Action {
	look := ui.Primary
	if len(p.NeedsYou) > 0 || len(h.Drafts) > 0 {
		look = ui.Secondary
	}
	a := p.GoTo(look, "home.ask", "/requests/new")
	if h.Kept {
		a = p.GoTo(look, "home.ask_kept", "/requests/new")
	}
	return &a
}

func (p *Page) emptyHome() *ui.Empty {
	e := &ui.Empty{Icon: "key", Title: p.T("home.empty_title"), Text: p.T("home.empty_text")}
	if p.Ask != nil {
		e.Actions = []ui.Action{*p.Ask}
		p.Ask = nil
	}
	return e
}

func draftCard(s ui.Shell, c cases.Case, first bool) ui.Card {
	k := ui.BaseCard(s, c, ui.RequestStatus(s, c, ui.AsRequester))
	look := ui.Secondary
	if first {
		look = ui.Primary
	}
	k.Actions = ui.Described(k.ID, s.GoTo(look, "home.continue", k.Href))
	if c.Can[access.Discard] {
		k.Actions = append(k.Actions, ui.Described(k.ID, s.GoTo(ui.Linklike, "act.discard", ui.CasePath(c.Request, "/discard")))...)
	}
	k.Facts = []ui.Fact{s.Fact("fact.changed", s.WhenTag(c.Request.UpdatedAt, false))}
	return k
}

// needsCard is a card whose owner must do something, with that as its primary.
func needsCard(s ui.Shell, c cases.Case) ui.Card {
	if c.Grant != nil && c.Grant.State.Live() && c.Request.State != access.Approved {
		return needsTokenCard(s, c)
	}
	k := ui.BaseCard(s, c, ui.RequestStatus(s, c, ui.AsRequester))
	k.Steps, k.StepLine = stepsOf(s, c)
	var as []ui.Action
	switch {
	case c.Can[access.Collect]:
		as = append(as, s.GoTo(ui.Primary, "act.collect", ui.CasePath(c.Request, "/collect")))
	case c.Can[access.ChooseSponsor]:
		as = append(as, s.GoTo(ui.Primary, "act.choose_sponsor", ui.CasePath(c.Request, "/sponsor")))
	case c.Can[access.Refile]:
		as = append(as, s.PostTo(ui.Primary, "act.refile", ui.CasePath(c.Request, "/refile")))
	}
	if c.Can[access.Withdraw] {
		as = append(as, s.GoTo(ui.Secondary, "act.withdraw", ui.CasePath(c.Request, "/withdraw")))
	}
	k.Actions = ui.Described(k.ID, as...)
	return k
}

func needsTokenCard(s ui.Shell, c cases.Case) ui.Card {
	k := tokenCard(s, c)
	var first []ui.Action
	switch c.Grant.State {
	case access.HandedOver:
		first = ui.Activating(s, c)
	case access.Minting, access.Recovering, access.Replacing:
		first = append(first, s.GoTo(ui.Primary, "act.collect", ui.CasePath(c.Request, "/collect")))
	default:
		if len(k.Actions) > 0 && c.Can[access.NameNext] {
			k.Actions[0].Look = ui.Primary
		}
	}
	k.Actions = append(ui.Described(k.ID, first...), k.Actions...)
	return k
}

// requestCard is a request that somebody else has.
func requestCard(s ui.Shell, c cases.Case) ui.Card {
	k := ui.BaseCard(s, c, ui.RequestStatus(s, c, ui.AsRequester))
	k.Steps, k.StepLine = stepsOf(s, c)
	if c.Can[access.Withdraw] {
		k.Actions = ui.Described(k.ID, s.GoTo(ui.Secondary, "act.withdraw", ui.CasePath(c.Request, "/withdraw")))
	}
	return k
}

// tokenCard is a live token of the session's person.
func tokenCard(s ui.Shell, c cases.Case) ui.Card {
	k := ui.BaseCard(s, c, ui.GrantStatus(s, c, ui.AsRequester))
	g := c.Grant
	k.Href = ui.GrantPath(g, "")
	if end := g.EndsAt(); !end.IsZero() {
		k.Facts = append(k.Facts, s.Fact("fact.ends", s.DayTag(end)))
	}
	used, _ := ui.LastUsedCell(s, *g)
	k.Facts = append(k.Facts, s.Fact("fact.last_used", used))
	if name := ui.SponsorName(s, c); name != "" {
		k.Facts = append(k.Facts, s.Fact("fact.sponsor", name))
	}
	k.Facts = append(k.Facts, ui.HintFact(s, g.Hint)...)
	k.Actions = append(k.Actions, ui.Described(k.ID, ui.Renewing(s, c, ui.Secondary)...)...)
	if c.Can[access.Replace] {
		k.Actions = append(k.Actions, ui.Described(k.ID, s.GoTo(ui.Secondary, "act.replace", ui.CasePath(c.Request, "/replace")))...)
	}
	if c.Can[access.ReportLeak] {
		k.Actions = append(k.Actions, ui.Described(k.ID, ui.LeakAction(s, c))...)
	}
	if c.Can[access.Revoke] {
		k.Actions = append(k.Actions, ui.Described(k.ID, s.GoTo(ui.Danger, "act.revoke", ui.GrantPath(g, "/revoke")))...)
	}
	return k
}

func endedCard(s ui.Shell, c cases.Case) ui.Card {
	st := ui.RequestStatus(s, c, ui.AsRequester)
	k := ui.BaseCard(s, c, st)
	if c.Grant != nil && c.Request.State == access.Fulfilled {
		st = ui.GrantStatus(s, c, ui.AsRequester)
		k.Badges, k.Now, k.Href = st.Badges(), st.Now, ui.GrantPath(c.Grant, "")
	}
	if c.Can[access.ReportLeak] {
		k.Actions = append(k.Actions, ui.Described(k.ID, ui.LeakAction(s, c))...)
	}
	if c.Can[access.Refile] {
		k.Actions = append(k.Actions, ui.Described(k.ID, s.PostTo(ui.Secondary, "act.refile", ui.CasePath(c.Request, "/refile")))...)
	}
	return k
}

// stepsOf is the short story of an open request: who had it, has it, comes next.
func stepsOf(s ui.Shell, c cases.Case) ([]ui.Step, string) {
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
	var out []ui.Step
	state, icon, line := "done", "done", ""
	for i, n := range names {
		label := s.Team()
		if n != "team" {
			label = s.T("step." + n)
		}
		one := ui.Step{Label: label, Icon: icon, State: state, Said: s.T("step.is_" + state)}
		if n == at {
			one = ui.Step{Label: label, Icon: "ring", State: "now", Said: s.T("step.is_now"), Current: true}
			line = s.T("step.line", "Number", i+1, "Total", len(names), "Name", label)
			state, icon = "next", "hollow"
		}
		out = append(out, one)
	}
	return out, line
}

// foundCard is a person's own token at their home.
func foundCard(s ui.Shell, c cases.FoundCase, look string) ui.Card {
	st := ui.FoundStatus(s, c)
	k := ui.Card{ID: "c-" + c.ID, Title: ui.FoundPurpose(s, c.Found), Href: ui.FoundPath(c.Found, ""), Badges: st.Badges(), Now: s.H("found.lead") + " " + st.Now}
	k.Facts = ui.FoundFacts(s, c.Found, "")[1:]
	k.Actions = ui.Described(k.ID, ui.FoundActions(s, c, look)...)
	return k
}
