// Package leaks is tokens that leaked: the report, the reviewers' list, one leak.
package leaks

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/leaks"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Pages of this subject, by name; the list is ui.PageLeaks.
const (
	PageLeak         = "leak"
	PageLeakReported = "leak_reported"
)

// ShowToken shows a token's page, with a banner if there is one.
type ShowToken func(v *ui.Visit, status int, t cases.TokenPage, banner func(ui.Shell) *ui.Banner) error

// Pages are the pages of this subject.
type Pages struct {
	cases     *cases.Cases
	leaks     *leaks.Leaks
	showToken ShowToken
	openToken ui.Handler
}

// New makes the pages of this subject. show and open are a token's page, read
// already or to be read.
func New(c *cases.Cases, l *leaks.Leaks, show ShowToken, open ui.Handler) *Pages {
	return &Pages{cases: c, leaks: l, showToken: show, openToken: open}
}

// Views implements ui.Room.
func (*Pages) Views() []ui.View {
	return []ui.View{
		{Page: ui.PageLeaks, File: "leaks/leaks", Of: ListPage{},
			Tab: &ui.Tab{Label: "nav.leaks", Href: "/leaks", For: ui.ForReviewers, Count: func(n cases.Nav) int { return n.Leaks }}}, {Page: PageLeak, File: "leaks/leak", Of: Page{}},
		{Page: PageLeakReported, File: "leaks/leak_reported", Of: ReportedPage{}},
	}
}

// Messages implements ui.Room.
func (*Pages) Messages() []string {
	var out []string
	for _, how := range []access.LeakReport{access.LeakByOwner, access.LeakBySponsor, access.LeakByReviewer, access.LeakByIntake} {
		out = append(out, "leak.how_"+string(how))
	}
	for _, why := range []access.Why{access.WhySelf, access.WhySponsorDecides, ""} {
		out = append(out, clearBlockedKey(why))
	}
	out = append(out, ui.ActKey(access.ReportLeak))
	out = append(out, ui.ConfirmKeys("confirm.report_leak", "confirm.report_leak_other")...)
	return append(out, ui.ErrorKeys("suspect.not_token", "reason.clear")...)
}

// Routes implements ui.Room.
//
//	GET  /tokens/{id}/leak                    confirm page; POST; POST …/leak/seen: field seen
//	GET  /leaks?after=, /leaks/{id}           POST /leaks/check: field suspect; POST /leaks/{id}/clear: field reason
func (p *Pages) Routes(r *ui.Routes) {
	r.Both("/tokens/:id/leak", p.askLeak, p.reportLeak)
	r.Both("/tokens/:id/leak/seen", p.askLeak, p.leakSeen)
	r.Get("/leaks", p.openList)
	r.Both("/leaks/check", p.openList, p.checkLeak) // reload after the post
	r.Get("/leaks/:id", p.open)
	r.Both("/leaks/:id/clear", p.open, p.clearLeak)
}
