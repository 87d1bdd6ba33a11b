package tokens

import (
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// NewSponsorPage lets an owner name another sponsor for a token.
func NewSponsorPage(s ui.Shell, in SponsorInput) ui.SponsorPage {
	t := in.Token
	p := ui.SponsorPage{Frame: ui.NewFrame(s, ui.PageHome, s.T("choose.h1"), ui.GrantPath(t.Grant, "/sponsor")), Action: ui.GrantPath(t.Grant, "/sponsor")}
	p.SetErrors(in.Errors)
	p.Lead = s.H("choose.lead_token", "Title", s.CaseTitle(t.Case), "By", ui.Until(t.Grant.GapUntil))
	if len(in.Teachers) == 0 {
		p.None = s.T("form.sponsor_none")
	} else {
		c := ui.TeacherChoice(s, "form.sponsor", in.Teachers, in.Chosen, in.Query, t.Request.Course)
		c.Error, c.Hint = s.ErrorsOf(in.Errors)["sponsor"], s.H("form.sponsor_hint")
		if c.Find != nil {
			c.Find.Name = "q"
			c.Find.Button = s.Submit(ui.Secondary, "words.find", "do", "find")
		}
		p.Choice = &c
	}
	p.Do = s.Submit(ui.Primary, "choose.do", "do", "choose")
	p.Keep = s.GoTo(ui.Secondary, "choose.keep_token", ui.GrantPath(t.Grant, ""))
	return p
}
