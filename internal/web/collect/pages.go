// Package collect is Collect your token: the page that makes a token and shows
// its value, once.
package collect

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// Pages of this subject, by name.
const (
	PageCollect       = "collect"
	PageCollectStatus = "collect_status" // fragment: the poll's answer
)

// Pages are the pages of this subject.
type Pages struct{ work *workflow.Service }

// New makes the pages of this subject.
func New(work *workflow.Service) *Pages { return &Pages{work: work} }

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
	r.Both("/requests/:id/collect", p.open, p.collecting(access.Collect, p.work.Collect))
	r.Both("/requests/:id/collect/check", p.open, p.collecting(access.Collect, p.work.CheckMint))
	r.Poll("/requests/:id/collect/status", p.status)
	r.Post("/requests/:id/replace", p.collecting(access.Replace, p.work.Replace)) // asked by the request's pages
}
