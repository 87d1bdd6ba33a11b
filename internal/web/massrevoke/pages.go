// Package massrevoke is the revocation of many tokens at once: plan, start,
// progress, report.
package massrevoke

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Pages of this subject, by name.
const (
	PageMass       = "mass"        // a plan to confirm, its progress, its report
	PageMasses     = "masses"      // the list
	PageMassStatus = "mass_status" // fragment: the poll's answer
)

// ShowTokens shows the list of tokens, with a banner if there is one.
type ShowTokens func(v *ui.Visit, status int, f cases.TokenFilter, banner *ui.Banner) error

// Pages are the pages of this subject.
type Pages struct {
	massrevoke *massrevoke.MassRevoke
	showTokens ShowTokens
}

// New makes the pages of this subject. tokens is the list that a plan is made from.
func New(m *massrevoke.MassRevoke, tokens ShowTokens) *Pages {
	return &Pages{massrevoke: m, showTokens: tokens}
}

// Views implements ui.Room.
func (*Pages) Views() []ui.View {
	return []ui.View{
		{Page: PageMass, File: "massrevoke/mass", Of: Page{}}, {Page: PageMasses, File: "massrevoke/masses", Of: ListPage{}},
		{Page: PageMassStatus, File: "massrevoke/mass_status", Of: Status{}},
	}
}

// Messages implements ui.Room.
func (*Pages) Messages() []string {
	var out []string
	for _, st := range []access.MassItemState{access.MassWaiting, access.MassEnding, access.MassGone, access.MassEndedBefore} {
		out = append(out, "mass.item_"+string(st))
	}
	return append(out, ui.ErrorKeys("mass.count", "mass.changed", "mass.nothing")...)
}

// Routes implements ui.Room.
func (p *Pages) Routes(r *ui.Routes) {
	r.Both(ui.MassesPath, p.openList, p.planMass)
	r.Both(ui.MassesPath+"/:id", p.Open, p.startMass)
	r.Poll(ui.MassesPath+"/:id/status", p.massStatus)
	r.Both(ui.MassesPath+"/:id/export", p.Open, p.exportMass) // reload after the post
}
