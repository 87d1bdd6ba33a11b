package tokens

import (
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Misuse is not a move of its own: a token is revoked, for this cause.
const Misuse access.Action = "misuse"

// Confirmation is the question before a move of a token; reason is as typed.
func Confirmation(s ui.Shell, do access.Action, c cases.Case, reason string) ui.Confirmation {
	if do == access.EndSponsor {
		return ui.ConfirmLeaving(s, c, reason)
	}
	q := ui.ConfirmCase(s, do, c, ui.PageTokens)
	q.Danger, q.Post, q.Keep = true, ui.GrantPath(c.Grant, "/"+string(do)), ui.Way{Words: "confirm.keep_token", To: ui.GrantPath(c.Grant, "")}
	switch do {
	case access.Revoke:
		if !c.Own {
			q.Key += "_other"
			q.Reason = s.ReasonTo(c, reason, false)
		}
	case Misuse:
		q.List = ui.ListOf(c, ui.PageQueue)
		q.Reason = s.ReasonTo(c, reason, true)
	case access.Freeze:
		q.Keep.Words, q.Reason = "confirm.keep_as_is", s.ReasonTo(c, reason, true)
	case access.Thaw:
		if c.Grant.FirstThaw().Said() {
			q.Key += "_second"
		}
		terms := access.ThawTerms(*c.Grant)
		q.Danger, q.Keep.Words, q.Facts, q.Terms = false, "confirm.keep_as_is", frozenFacts(s, c), &terms
	}
	return q
}

// frozenFacts are what two people agree about when they thaw a token.
func frozenFacts(s ui.Shell, c cases.Case) []ui.Fact {
	g := c.Grant
	out := []ui.Fact{
		s.Fact("fact.frozen_by", s.H("fact.frozen_by_value", "Name", ui.Who(s.PersonName(c, g.FrozenBy)), "When", ui.Moment(g.FrozenAt))),
		s.Fact("fact.frozen_why", s.Value(g.FreezeReason, "")),
		s.Fact("fact.ends", s.DayTag(g.EndsAt())),
	}
	if one := g.FirstThaw(); one.Said() {
		out = append(out, s.Fact("fact.thawed_by", s.Value(s.PersonName(c, one.Person), "")))
	}
	return out
}

// asks is the page with the question before a move of a token.
func (p *Pages) asks(do access.Action) ui.Handler {
	return func(v *ui.Visit) error { return p.ask(v, do, "", nil) }
}

func (p *Pages) ask(v *ui.Visit, do access.Action, reason string, refused error) error {
	t, err := p.cases.Token(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	return confirm(v, do, t, reason, refused)
}

// confirm asks about a token that was read already. Where there is nothing to ask,
// its page says how it stands.
func confirm(v *ui.Visit, do access.Action, t cases.TokenPage, reason string, refused error) error {
	can := do
	if do == Misuse {
		can = access.EndSponsor
	}
	if !t.Can[can] {
		return Show(v, http.StatusOK, t, nil)
	}
	return v.Confirm(refused, &t.Case, func(sh ui.Shell) ui.Confirmation { return Confirmation(sh, do, t.Case, reason) })
}
