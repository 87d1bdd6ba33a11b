package tokens

import (
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// SponsorChoice is what an owner is asked who names another sponsor for a token.
func SponsorChoice(s ui.Shell, c cases.Case, teachers []authority.Teacher) ui.SponsorChoice {
	return ui.SponsorChoice{Post: ui.GrantPath(c.Grant, "/sponsor"), Course: c.Request.Course, Teachers: teachers, None: "form.sponsor_none",
		Lead: s.H("choose.lead_token", "Title", s.CaseTitle(c), "By", ui.Until(c.Grant.GapUntil)), Keep: ui.Way{Words: "choose.keep_token", To: ui.GrantPath(c.Grant, "")}}
}
