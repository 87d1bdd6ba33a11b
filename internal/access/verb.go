package access

import (
	"errors"
	"slices"
)

// The verbs that are no move of a lifecycle table. The others have the name of
// their move.
const (
	VerbAdmit        Action = "admit" // a launch that verified
	VerbSaveDraft    Action = "save_draft"
	VerbCheckMint    Action = "check_mint"
	VerbProposeKeep  Action = "propose_keep"
	VerbCheckLeak    Action = "check_leak"
	VerbTellSeen     Action = "tell_seen"
	VerbCheckNow     Action = "check_now"
	VerbPlanMass     Action = "plan_mass"
	VerbStartMass    Action = "start_mass"
	VerbReportMisuse Action = "report_misuse"
)

var verbs = []Action{
	VerbAdmit,
	VerbSaveDraft, Submit, Discard, Refile, ChooseSponsor, Renew,
	Withdraw, Endorse, Decline, Claim, Release, Approve, Deny, Rescind,
	Collect, VerbCheckMint, Replace,
	Revoke, Freeze, Thaw, EndSponsor, VerbReportMisuse, NameNext, TakeOver, TurnDown,
	ReportLeak, VerbCheckLeak, VerbTellSeen, ClearIncident,
	VerbCheckNow, TellOwner, AskToKeep, VerbProposeKeep, Allow, Disallow, Remove,
	VerbPlanMass, VerbStartMass,
}

// Verbs returns the name of every verb.
func Verbs() []Action { return slices.Clone(verbs) }

// Outcome is how a verb ended.
type Outcome string

// The outcomes.
const (
	VerbDone        Outcome = "done"
	VerbRefused     Outcome = "refused"     // ErrNotAllowed
	VerbConflict    Outcome = "conflict"    // ErrConflict
	VerbInvalid     Outcome = "invalid"     // ErrInvalid: the form needs a correction
	VerbNotFound    Outcome = "not_found"   // ErrNotFound
	VerbUnavailable Outcome = "unavailable" // ErrUnavailable
	VerbFailed      Outcome = "failed"      // anything else
)

// Outcomes returns every Outcome.
func Outcomes() []Outcome {
	return []Outcome{VerbDone, VerbRefused, VerbConflict, VerbInvalid, VerbNotFound, VerbUnavailable, VerbFailed}
}

// OutcomeOf returns how a verb ended that returned err, and of a refusal why.
func OutcomeOf(err error) (Outcome, Why) {
	switch {
	case err == nil:
		return VerbDone, ""
	case errors.Is(err, ErrUnavailable):
		return VerbUnavailable, ""
	case errors.Is(err, ErrNotAllowed):
		return VerbRefused, WhyOf(err)
	case errors.Is(err, ErrConflict):
		return VerbConflict, ""
	case errors.Is(err, ErrInvalid):
		return VerbInvalid, ""
	case errors.Is(err, ErrNotFound):
		return VerbNotFound, ""
	}
	return VerbFailed, ""
}
