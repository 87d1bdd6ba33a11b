package web

import (
	"html/template"
	"reflect"
	"slices"
	"text/template/parse"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/workflow"
	"github.com/tokendesk/tokendesk/lti"
)

// messagesOf lists the messages that templates name.
func messagesOf(templates []*template.Template) []string {
	var out []string
	for _, t := range templates {
		if t.Tree != nil && t.Tree.Root != nil {
			out = append(out, messagesIn(reflect.ValueOf(t.Tree.Root))...)
		}
	}
	return out
}

// messagesIn walks a parsed template for calls of T and H with a literal id.
func messagesIn(v reflect.Value) []string {
	var out []string
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if c, ok := v.Interface().(*parse.CommandNode); ok {
			out = append(out, messageOf(c)...)
		}
		return append(out, messagesIn(v.Elem())...)
	case reflect.Slice:
		for i := range v.Len() {
			out = append(out, messagesIn(v.Index(i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				out = append(out, messagesIn(v.Field(i))...)
			}
		}
	}
	return out
}

func messageOf(c *parse.CommandNode) []string {
	if len(c.Args) < 2 {
		return nil
	}
	var path []string
	switch f := c.Args[0].(type) {
	case *parse.FieldNode:
		path = f.Ident
	case *parse.VariableNode:
		path = f.Ident
	}
	s, ok := c.Args[1].(*parse.StringNode)
	if len(path) == 0 || !ok || (path[len(path)-1] != "T" && path[len(path)-1] != "H") {
		return nil
	}
	return []string{s.Text}
}

// closedMessages are the messages whose ids are made from the closed lists of
// the program: every member must have its words.
func closedMessages() []string {
	var out []string
	add := func(ids ...string) { out = append(out, ids...) }
	for _, k := range []BannerKind{BannerInfo, BannerGood, BannerWarn, BannerBad} {
		add("banner.prefix_" + string(k))
	}
	for _, section := range policy.Sections {
		add("form.section_" + string(section))
	}
	for _, q := range policy.BuiltInQuestions() {
		add("form." + q.Key)
		for _, o := range q.Options {
			add(choiceKey(q.Key, o.Key))
		}
	}
	for _, k := range access.Alternatives {
		add(choiceKey("alternative", k))
	}
	for _, w := range whys {
		add(refusedKey(w))
	}
	add("refused.general")
	for _, p := range access.TermsParts {
		add(termsKey(p))
	}
	for _, w := range []access.Why{access.WhyActing, access.WhyUnknownActing, access.WhyTestStudent, access.WhyWrongDoor, ""} {
		add(noWritesKey(w))
	}
	for _, w := range []access.Why{access.WhySelf, access.WhySponsorDecides, access.WhyOtherPerson, access.WhySecondPerson, ""} {
		add(blockedKey(w))
	}
	for _, w := range []access.Why{access.WhyReplaceUsed, access.WhyReplaceLate, ""} {
		add(lostKey(w))
	}
	for _, r := range lti.Reasons() {
		add(launchKey(r)+".cause", launchKey(r)+".step")
	}
	for _, r := range workflow.AdmitReasons {
		add(admitKey(r)+".cause", admitKey(r)+".step")
	}
	for _, k := range []ProblemKind{ProblemNotFound, ProblemEnded, ProblemConflict, ProblemTrouble, ProblemDatabase, ProblemCanvas, ProblemBusy, ProblemRequest} {
		add("problem."+string(k)+".h1", "problem."+string(k)+".text")
	}
	for _, st := range queueStatuses {
		add(stateKey(st))
	}
	add(grantStateKey(workflow.AnyEnded))
	for _, st := range access.GrantStates {
		add(grantStateKey(st))
	}
	for _, a := range storyActions {
		for _, to := range access.GrantStates {
			if id := storyKey(workflow.StoryStep{Action: a, To: string(to)}); id != "" {
				add(id)
			}
		}
	}
	for _, code := range errorCodes {
		add(errorKey(code))
	}
	for _, st := range []access.MassItemState{access.MassWaiting, access.MassEnding, access.MassGone, access.MassEndedBefore} {
		add("mass.item_" + string(st))
	}
	add(registrationMessages()...)
	for _, key := range troubles {
		add(troubleKey(key))
	}
	for _, c := range []access.Cause{access.ByOwner, access.BySponsor, access.ByReviewer, access.ByCanvas, access.ByNoReplaced, access.ByFault,
		access.ByLeak, access.ByMisuse, access.ByAltered, access.BySuperseded, access.ByNoSponsor, access.ByOwnerLeft, access.ByCourse, access.ByMass, access.ByDuties} {
		add("cause." + string(c))
	}
	for _, do := range []access.Action{access.Withdraw, access.Endorse, access.Decline, access.Claim, access.Release, access.Approve,
		access.Deny, access.Rescind, access.Discard, access.Refile, access.Replace, access.EndSponsor, access.NameNext, access.TakeOver} {
		add("result." + string(do))
	}
	add("result.end_sponsorship_request")
	for _, do := range []string{"withdraw", "rescind", "discard", "replace", "revoke", "revoke_other", "end_sponsorship", "end_sponsorship_request", "misuse", "report_leak", "report_leak_other", "freeze", "thaw", "thaw_second"} {
		add("confirm."+do+".h1", "confirm."+do+".what", "confirm."+do+".stays")
	}
	for _, do := range []access.Action{access.Withdraw, access.Rescind, access.Discard, access.Replace, access.Revoke, access.EndSponsor, misuse, access.ReportLeak, access.Freeze, access.Thaw} {
		add(actKey(do))
	}
	add("story.incident_open")
	for _, how := range []access.LeakReport{access.LeakByOwner, access.LeakBySponsor, access.LeakByReviewer, access.LeakByIntake} {
		add("leak.how_" + string(how))
	}
	for _, why := range []access.Why{access.WhySelf, access.WhySponsorDecides, ""} {
		add(clearBlockedKey(why))
	}
	for _, key := range []string{"revoked", "in_canvas", "superseded"} {
		add("status."+key, "now."+key)
	}
	add("now.renewal_open", "now.renewal_approved", "now.ends_with_course", "status.drift_maybe")
	for _, d := range []access.Drift{access.DriftExtended, access.DriftStuck, access.DriftShortened, access.DriftMaybe} {
		add("now.drift_" + string(d))
	}
	for _, cause := range []policy.EndCause{policy.CauseRole, policy.CauseCourse, policy.CauseCanvas, policy.CauseTotal} {
		add("form.end_hint_"+string(cause), "form.latest_"+string(cause))
	}
	for _, state := range []string{"done", "now", "next"} {
		add("step.is_" + state)
	}
	for _, k := range access.AIUses {
		add("filter.ai_" + k)
	}
	add(foundMessages()...)
	slices.Sort(out)
	return slices.Compact(out)
}

// foundMessages are those of the pages about tokens that the tool did not make.
func foundMessages() []string {
	out := append([]string{"now.found_unproven", "now.no_answer", "status.no_answer", "now.asked_to_keep", "status.asked_to_keep", "filter.found_open", "filter.found_no_answer"}, adoptStories...)
	for _, st := range access.FoundStates {
		out = append(out, "now.found_"+string(st), "status.found_"+string(st), "filter.found_"+string(st))
	}
	for _, t := range []string{"denied", "no_listing", "report", "file", "canvas"} {
		out = append(out, "standing.inventory."+t, "standing.inventory."+t+"_first")
	}
	for _, do := range []access.Action{access.TellOwner, access.Adopt, access.Allow, access.Remove} {
		out = append(out, actKey(do), "pick."+string(do)+".h1", "pick."+string(do)+".what", "pick."+string(do)+".text", "pick."+string(do)+".text_hint")
		if pickDate[do] != "" {
			out = append(out, "pick."+string(do)+".date", "pick."+string(do)+".date_hint")
		}
	}
	for _, id := range []string{"confirm.remove", "confirm.remove_other", "confirm.rescind_keep"} {
		out = append(out, id+".h1", id+".what", id+".stays")
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

// errorCodes are the corrections that the core, the forms and the workflow ask for.
var errorCodes = append(slices.Clone(access.FormCodes),
	"sponsor.too_many", "end.ambiguous", "end.only_shorter", "sponsor.decided", "reason.misuse",
	"reason.decline", "reason.deny", "reason.rescind", "reason.revoke", "reason.allow", "reason.remove", "reason.clear", "reason.freeze",
	"suspect.not_token", "token",
	"review_at.range", "due_at.past", "pick.missing", "number.wrong", "alternative.missing", "alternative.text", "mass.count", "mass.changed", "mass.nothing")

// troubles are what the workflow notes on a grant whose last call of Canvas
// did not give a token, or did not prove one gone.
var troubles = []string{
	"mint.cap", "mint.cap_days", "mint.refused", "mint.denied", "mint.no_listing", "mint.canvas_down", "mint.unclear",
	"mint.odd_answer", "mint.nothing_made", "freeze.denied",
}
