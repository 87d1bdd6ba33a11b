package web

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// AskedAlready is what a page says where the sponsor named is the one who is
// asked: that nothing was sent.
func AskedAlready(s Shell, c workflow.Case) *Banner {
	return &Banner{Kind: BannerInfo, ID: "result.asked_already",
		Args: map[string]any{"Sponsor": who(s.name(c, c.Request.Sponsor)), "SponsorBy": c.Request.SponsorDue}}
}

// ResultBanner is the banner after a move: what happened and what comes next.
// Nil for a move that needs none.
//
// resultBanner is what a page says after a move that went through: what was
// done, who has it now, and until when.
func ResultBanner(s Shell, do access.Action, c workflow.Case) *Banner {
	r := c.Request
	args := map[string]any{
		"Sponsor": who(s.name(c, r.Sponsor)), "Requester": who(s.name(c, r.Requester)), "Team": word(s.team()),
		"SponsorBy": r.SponsorDue, "ReviewBy": r.ReviewDue, "CollectBy": r.CollectBy, "End": day(r.End), "Code": code(r.Code()),
	}
	good := func(id string) *Banner { return &Banner{Kind: BannerGood, ID: "result." + id, Args: args} }
	switch do {
	case access.Submit:
		if r.State == access.InReview {
			return good("submit_review")
		}
		return good("submit")
	case access.ChooseSponsor:
		return good("submit")
	case access.Deny, access.Decline, access.Withdraw, access.Endorse, access.Approve, access.Rescind, access.Claim,
		access.Release, access.Discard, access.Refile:
		id := string(do)
		switch {
		case do == access.Deny && r.Sponsor == "":
			id = "deny_alone"
		case do == access.Approve && r.State == access.InReview:
			id = "approve_stage"
		case do == access.Approve && r.Adopts != "":
			id = "approve_keep"
		}
		return good(id)
	case access.Renew:
		return &Banner{Kind: BannerInfo, ID: "result.renew", Args: args}
	case access.EndSponsor, access.NameNext, access.TakeOver:
		if do == access.EndSponsor && leavesRequest(c) {
			return good("end_sponsorship_request")
		}
		if c.Grant == nil {
			return nil
		}
		args["By"], args["Sponsor"] = until(c.Grant.GapUntil), who(s.name(c, c.Grant.SponsorAsked))
		return good(string(do))
	case access.TurnDown:
		return good("turn_down")
	case access.Replace:
		return &Banner{Kind: BannerInfo, ID: "result.replace", Args: args}
	case access.Freeze:
		return freezeBanner(c, args)
	case access.Thaw:
		if c.Grant != nil && c.Grant.State == access.Frozen {
			return &Banner{Kind: BannerInfo, ID: "result.thaw_first", Args: args}
		}
		return good("thaw")
	case access.Revoke:
		if c.Grant == nil || !c.Grant.State.Final() {
			return &Banner{Kind: BannerWarn, ID: "result.revoking", Args: args}
		}
		args["When"] = moment(c.Grant.EndedAt)
		return good("revoked")
	}
	return nil
}

// freezeBanner says what Canvas was found to say of a freeze, and no more.
func freezeBanner(c workflow.Case, args map[string]any) *Banner {
	if c.Grant == nil {
		return nil
	}
	switch c.Grant.State {
	case access.Frozen:
		args["When"] = moment(c.Grant.FrozenAt)
		return &Banner{Kind: BannerGood, ID: "result.freeze", Args: args}
	case access.Freezing:
		return &Banner{Kind: BannerWarn, ID: "result.freezing", Args: args}
	case access.Active:
		return &Banner{Kind: BannerBad, ID: "result.freeze_denied", Args: args}
	}
	return &Banner{Kind: BannerInfo, ID: "result.freeze_gone", Args: args}
}

// LostBanner is the banner after a lost race; typed is the text to keep.
//
// lostBanner tells what somebody quicker did. The typed text stands below it.
func LostBanner(s Shell, l *workflow.Lost, typed string) *Banner {
	id := "lost.changed"
	switch l.Now.State {
	case access.Approved, access.Denied, access.Withdrawn, access.Rescinded, access.SponsorDeclined, access.Lapsed:
		id = "lost." + string(l.Now.State)
	case access.InReview:
		if l.Now.Claim().Person != "" {
			id = "lost.claimed"
		}
	}
	var by any = who(l.Actor)
	if l.Actor == "" {
		by = word(s.T("words.somebody"))
	}
	b := &Banner{Kind: BannerWarn, ID: id, Args: map[string]any{"Actor": by, "When": moment(l.Now.UpdatedAt)}}
	if typed != "" {
		b.ID += "_kept"
		b.Text = typed
	}
	return b
}
