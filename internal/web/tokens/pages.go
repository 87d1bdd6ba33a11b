// Package tokens is the tokens that the tool made: the reviewers' list, one
// token's life, and what its owner, its sponsor and its reviewers do with it.
package tokens

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// PageToken is the page of one token, by name.
const PageToken = "token"

// Elsewhere are the pages of other subjects that a move of a token ends at.
type Elsewhere struct {
	Sponsorships func(v *ui.Visit, banner *ui.Banner) error
	Request      func(v *ui.Visit, status int, id string, banner func(ui.Shell, cases.Case) *ui.Banner) error
	Form         func(v *ui.Visit, draft string, banner func(ui.Shell) *ui.Banner) error
}

// Pages are the pages of this subject.
type Pages struct {
	cases  *cases.Cases
	tokens *tokens.Tokens
	to     Elsewhere
}

// New makes the pages of this subject.
func New(c *cases.Cases, t *tokens.Tokens, to Elsewhere) *Pages {
	return &Pages{cases: c, tokens: t, to: to}
}

// Views implements ui.Room.
func (*Pages) Views() []ui.View {
	return []ui.View{{Page: ui.PageTokens, File: "tokens/tokens", Of: ListPage{},
		Tab: &ui.Tab{Label: "nav.tokens", Href: "/tokens", For: ui.ForReviewers}}, {Page: PageToken, File: "tokens/token", Of: Page{}}}
}

// Messages implements ui.Room.
func (*Pages) Messages() []string {
	out := []string{grantStateKey(cases.AnyEnded)}
	for _, st := range access.GrantStates {
		out = append(out, grantStateKey(st))
	}
	for _, do := range []access.Action{access.Revoke, access.Freeze, access.Thaw, Misuse} {
		out = append(out, ui.ActKey(do))
	}
	out = append(out, ui.ConfirmKeys("confirm.revoke", "confirm.revoke_other", "confirm.freeze", "confirm.thaw", "confirm.thaw_second", "confirm.misuse")...)
	return append(out, ui.ErrorKeys("sponsor.decided", "reason.misuse", "reason.revoke", "reason.freeze")...)
}

// Routes implements ui.Room.
//
//	GET  /tokens?status=&q=&ends_before=&after=
//	GET  /tokens/{id}/revoke                  confirm page; POST: field reason
//	GET  /tokens/{id}/freeze, thaw            confirm pages; POST to the same address, freeze with field reason
func (p *Pages) Routes(r *ui.Routes) {
	r.Get("/tokens", p.openList)
	r.Both("/tokens/export", p.openList, p.exportTokens) // reload after the post
	r.Get("/tokens/:id", p.Open)
	r.Both("/tokens/:id/revoke", p.asks(access.Revoke), p.revoke)
	r.Both("/tokens/:id/renew", p.Open, p.renew) // reload after the post
	for path, do := range map[string]access.Action{"/tokens/:id/end-sponsorship": access.EndSponsor, "/tokens/:id/misuse": Misuse} {
		r.Both(path, p.asks(do), p.leaveToken(do))
	}
	r.Both("/tokens/:id/sponsor", p.askSponsor, p.nameSponsor)
	r.Both("/tokens/:id/take-over", p.Open, p.takeOver)
	r.Both("/tokens/:id/turn-down", func(v *ui.Visit) error { return p.to.Sponsorships(v, nil) }, p.turnDown)
	r.Both("/tokens/:id/freeze", p.askFreeze, p.freeze)
	r.Both("/tokens/:id/thaw", p.asks(access.Thaw), p.thaw)
}
