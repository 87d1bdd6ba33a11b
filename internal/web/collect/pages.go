// Package collect is Collect your token: the page that makes a token and shows
// its value, once.
package collect

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Pages of this subject, by name.
const (
	PageCollect       = "collect"
	PageCollectStatus = "collect_status" // fragment: the poll's answer
)

// Pages are the pages of this subject.
type Pages struct {
	tokens *tokens.Tokens
}

// New makes the pages of this subject.
func New(t *tokens.Tokens) *Pages { return &Pages{tokens: t} }

// Views implements ui.Room.
func (*Pages) Views() []ui.View {
	return []ui.View{{Page: PageCollect, File: "collect/collect", Of: Page{}}, {Page: PageCollectStatus, File: "collect/collect_status", Of: Status{}}}
}

// Messages implements ui.Room.
func (*Pages) Messages() []string {
	var out []string
	for _, w := range []access.Why{access.WhyReplaceUsed, access.WhyReplaceLate, ""} {
		out = append(out, lostKey(w))
	}
	return out
}

// Routes implements ui.Room.
//
//	GET  /requests/{id}/collect               POST creates; POST …/collect/check asks Canvas again
//	GET  /requests/{id}/collect/status        poll; answered with NewStatus
func (p *Pages) Routes(r *ui.Routes) {
	r.Both("/requests/:id/collect", p.open, p.collecting(access.Collect, p.tokens.Collect))
	r.Both("/requests/:id/collect/check", p.open, p.collecting(access.Collect, p.tokens.CheckMint))
	r.Poll("/requests/:id/collect/status", p.status)
	r.Post("/requests/:id/replace", p.collecting(access.Replace, p.tokens.Replace)) // asked by the request's pages
}
