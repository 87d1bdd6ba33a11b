package ui

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// ResultBanner is what a page says after a move that went through: what was done,
// who has it now, and until when. Nil for a move that needs none.
func ResultBanner(s Shell, do access.Action, c cases.Case) *Banner {
	r := c.Request
	args := map[string]any{
		"Sponsor": Who(s.PersonName(c, r.Sponsor)), "Requester": Who(s.PersonName(c, r.Requester)), "Team": Word(s.Team()),
		"SponsorBy": r.SponsorDue, "ReviewBy": r.ReviewDue, "CollectBy": r.CollectBy, "End": Day(r.End), "Code": Code(r.Code()),
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
		if do == access.EndSponsor && LeavesRequest(c) {
			return good("end_sponsorship_request")
		}
		if c.Grant == nil {
			return nil
		}
		args["By"], args["Sponsor"] = Until(c.Grant.GapUntil), Who(s.PersonName(c, c.Grant.SponsorAsked))
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
		args["When"] = Moment(c.Grant.EndedAt)
		return good("revoked")
	}
	return nil
}

// freezeBanner says what Canvas was found to say of a freeze, and no more.
func freezeBanner(c cases.Case, args map[string]any) *Banner {
	if c.Grant == nil {
		return nil
	}
	switch c.Grant.State {
	case access.Frozen:
		args["When"] = Moment(c.Grant.FrozenAt)
		return &Banner{Kind: BannerGood, ID: "result.freeze", Args: args}
	case access.Freezing:
		return &Banner{Kind: BannerWarn, ID: "result.freezing", Args: args}
	case access.Active:
		return &Banner{Kind: BannerBad, ID: "result.freeze_denied", Args: args}
	}
	return &Banner{Kind: BannerInfo, ID: "result.freeze_gone", Args: args}
}
