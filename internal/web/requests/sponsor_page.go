package requests

import (
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// NewSponsorPage lets a requester name another sponsor.
func NewSponsorPage(s ui.Shell, in SponsorInput) ui.SponsorPage {
	r := in.Case.Request
	p := ui.SponsorPage{Frame: ui.NewFrame(s, ui.PageHome, s.T("choose.h1"), ui.CasePath(r, "/sponsor")), Action: ui.CasePath(r, "/sponsor")}
	p.SetErrors(in.Errors)
	p.Lead = s.H("choose.lead", "Code", ui.Code(r.Code()), "Title", s.CaseTitle(in.Case.Case))
	if r.Sponsor != "" {
		p.Lead = s.H("choose.lead_asked", "Code", ui.Code(r.Code()), "Title", s.CaseTitle(in.Case.Case), "Sponsor", ui.Who(s.PersonName(in.Case.Case, r.Sponsor)), "By", r.SponsorDue)
	}
	switch {
	case len(in.Case.Sponsors) == 0 && r.Sponsor != "":
		p.None = s.T("choose.none_other")
	case len(in.Case.Sponsors) == 0:
		p.None = s.T("form.sponsor_none")
	default:
		c := ui.TeacherChoice(s, "form.sponsor", in.Case.Sponsors, in.Chosen, in.Query, r.Course)
		c.Error, c.Hint = s.ErrorsOf(in.Errors)["sponsor"], s.H("form.sponsor_hint")
		if c.Find != nil {
			c.Find.Name = "q"
			c.Find.Button = s.Submit(ui.Secondary, "words.find", "do", "find")
		}
		p.Choice = &c
	}
	p.Do = s.Submit(ui.Primary, "choose.do", "do", "choose")
	p.Keep = s.GoTo(ui.Secondary, "choose.keep", ui.CasePath(r, ""))
	return p
}
