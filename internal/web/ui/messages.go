package ui

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// messages are the messages whose ids the kit makes from closed lists: every
// member must have its words. Those of one subject are its room's to list.
func messages() []string {
	var out []string
	add := func(ids ...string) { out = append(out, ids...) }
	for _, k := range []BannerKind{BannerInfo, BannerGood, BannerWarn, BannerBad} {
		add("banner.prefix_" + string(k))
	}
	for _, k := range access.Alternatives {
		add(ChoiceKey("alternative", k))
	}
	for _, w := range access.Whys() {
		add(RefusedKey(w))
	}
	add("refused.general")
	for _, p := range access.TermsParts {
		add(termsKey(p))
	}
	for _, w := range []access.Why{access.WhyActing, access.WhyUnknownActing, access.WhyTestStudent, access.WhyWrongDoor, ""} {
		add(noWritesKey(w))
	}
	for _, k := range []ProblemKind{ProblemNotFound, ProblemEnded, ProblemConflict, ProblemTrouble, ProblemDatabase, ProblemCanvas, ProblemBusy, ProblemRequest} {
		add("problem."+string(k)+".h1", "problem."+string(k)+".text")
	}
	for _, a := range storyActions {
		for _, to := range access.GrantStates {
			if id := storyKey(cases.StoryStep{Action: a, To: string(to)}); id != "" {
				add(id)
			}
		}
	}
	add("story.incident_open")
	add(adoptStories...)
	for _, key := range troubles {
		add(troubleKey(key))
	}
	for _, c := range access.Causes() {
		if c.End() == access.Revoked { // the other final words say why
			add("cause." + string(c))
		}
	}
	for _, do := range []access.Action{access.Withdraw, access.Endorse, access.Decline, access.Claim, access.Release, access.Approve,
		access.Deny, access.Rescind, access.Discard, access.Refile, access.Replace, access.EndSponsor, access.NameNext, access.TakeOver} {
		add("result." + string(do))
	}
	add("result.end_sponsorship_request")
	add(ActKey(access.EndSponsor))
	add(ConfirmKeys("confirm.end_sponsorship", "confirm.end_sponsorship_request")...)
	for _, key := range []string{"revoked", "in_canvas", "superseded"} {
		add("status."+key, "now."+key)
	}
	add("now.renewal_open", "now.renewal_approved", "now.ends_with_course", "status.drift_maybe")
	for _, d := range []access.Drift{access.DriftExtended, access.DriftStuck, access.DriftShortened, access.DriftMaybe} {
		add("now.drift_" + string(d))
	}
	add("now.found_unproven", "now.no_answer", "status.no_answer", "now.asked_to_keep", "status.asked_to_keep")
	for _, st := range access.FoundStates {
		add("now.found_"+string(st), "status.found_"+string(st))
	}
	for _, k := range access.AIUses {
		add("filter.ai_" + k)
	}
	return append(out, ErrorKeys(errorCodes...)...)
}

// ErrorKeys are the messages of corrections that a form may ask for.
func ErrorKeys(codes ...string) []string {
	out := make([]string, 0, len(codes))
	for _, code := range codes {
		out = append(out, errorKey(code))
	}
	return out
}

// storyActions are the actions that a story may tell of.
var storyActions = []audit.Action{
	audit.RequestSubmit, audit.RequestDiscard, audit.RequestWithdraw, audit.RequestEndorse, audit.RequestDecline,
	audit.RequestChooseSponsor, audit.RequestLoseSponsor, audit.RequestClaim, audit.RequestRelease, audit.RequestApprove,
	audit.RequestDeny, audit.RequestRescind, audit.RequestEndSponsor, audit.RequestLapse, audit.RequestReturn, audit.RequestMintFailed,
	audit.RequestHandOver, audit.RequestRefile, audit.GrantCreate, audit.GrantMint, audit.GrantDoubt, audit.GrantShown,
	audit.GrantGiveUp, audit.GrantStepBack, audit.GrantSeenActive, audit.GrantReplace, audit.GrantRevoke, audit.GrantGone,
	audit.GrantShownAgain, audit.GrantStray, audit.RequestAdopt,
	audit.GrantReportLeak, audit.GrantFreeze, audit.GrantFroze, audit.GrantStayOn, audit.GrantThaw, audit.GrantDrifted, audit.GrantFollow,
	audit.FoundDiscover, audit.FoundTellOwner, audit.FoundAskToKeep, audit.FoundAdopt, audit.FoundAllow, audit.FoundDisallow, audit.FoundReopen,
	audit.FoundRemove, audit.FoundGone, audit.FoundVanish,
	audit.GrantRetire, audit.GrantMoveEnd, audit.GrantLoseSponsor, audit.GrantEndSponsor, audit.GrantNameSponsor, audit.GrantTakeOver, audit.GrantTurnDown,
	audit.IncidentClear,
}

// errorCodes are the corrections that forms of several subjects ask for.
var errorCodes = []string{"token"}

// troubles are what the desk records on a grant whose last call of Canvas
// did not give a token, or did not prove one gone.
var troubles = []string{
	"mint.cap", "mint.cap_days", "mint.refused", "mint.denied", "mint.no_listing", "mint.canvas_down", "mint.unclear",
	"mint.odd_answer", "mint.nothing_made", "freeze.denied",
}
