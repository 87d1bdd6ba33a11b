package requests

import (
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// SponsorChoice is what a requester is asked who names another sponsor.
func SponsorChoice(s ui.Shell, c cases.CasePage) ui.SponsorChoice {
	r := c.Request
	q := ui.SponsorChoice{Post: ui.CasePath(r, "/sponsor"), Course: r.Course, Teachers: c.Sponsors, None: "form.sponsor_none",
		Lead: s.H("choose.lead", "Code", ui.Code(r.Code()), "Title", s.CaseTitle(c.Case)), Keep: ui.Way{Words: "choose.keep", To: ui.CasePath(r, "")}}
	if r.Sponsor != "" {
		q.Lead = s.H("choose.lead_asked", "Code", ui.Code(r.Code()), "Title", s.CaseTitle(c.Case), "Sponsor", ui.Who(s.PersonName(c.Case, r.Sponsor)), "By", r.SponsorDue)
		q.None = "choose.none_other"
	}
	return q
}
