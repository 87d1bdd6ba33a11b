package requests

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// AskedAlready is what a page says where the sponsor named is the one who is
// asked: that nothing was sent.
func AskedAlready(s ui.Shell, c cases.Case) *ui.Banner {
	return &ui.Banner{Kind: ui.BannerInfo, ID: "result.asked_already",
		Args: map[string]any{"Sponsor": ui.Who(s.PersonName(c, c.Request.Sponsor)), "SponsorBy": c.Request.SponsorDue}}
}

// LostBanner tells, after a lost race, what somebody quicker did. What was typed
// stands below it.
func LostBanner(s ui.Shell, l *cases.Lost, typed string) *ui.Banner {
	id := "lost.changed"
	switch l.Now.State {
	case access.Approved, access.Denied, access.Withdrawn, access.Rescinded, access.SponsorDeclined, access.Lapsed:
		id = "lost." + string(l.Now.State)
	case access.InReview:
		if l.Now.Claim().Person != "" {
			id = "lost.claimed"
		}
	}
	var by any = ui.Who(l.Actor)
	if l.Actor == "" {
		by = ui.Word(s.T("words.somebody"))
	}
	b := &ui.Banner{Kind: ui.BannerWarn, ID: id, Args: map[string]any{"Actor": by, "When": ui.Moment(l.Now.UpdatedAt)}}
	if typed != "" {
		b.ID += "_kept"
		b.Text = typed
	}
	return b
}
