package web

import (
	"errors"
	"fmt"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	deskrequests "github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/web/collect"
	"github.com/tokendesk/tokendesk/internal/web/home"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

const galleryToken = "4521~Zk3mT9QwErTyUiOpAsDfGhJkLzXcVbNm1234567890qwertyuiopASDFGHJKL"

// exhibits is every page in every state.
func exhibits() []exhibit {
	var out []exhibit
	for _, part := range [][]exhibit{homeExhibits(), formExhibits(), caseExhibits(), confirmExhibits(), collectExhibits(),
		listExhibits(), massExhibits(), tokenExhibits(), renewalExhibits(), leakExhibits(), foundExhibits(), problemExhibits(), registerExhibits()} {
		out = append(out, part...)
	}
	return out
}

func homeOf(name string, h cases.Home, shell func(*ui.Shell), want ...string) exhibit {
	return exhibit{name: "home-" + name, page: ui.PageHome, shell: shell, want: append(want, "My API tokens"),
		view: func(s ui.Shell) any { return home.NewPage(s, h) }}
}

func homeExhibits() []exhibit {
	full := cases.Home{
		NeedsYou: []cases.Case{
			numbered(galleryCase(access.Fulfilled, access.HandedOver, access.Revoke, access.Replace), 3, "Sorts my files"),
			galleryCase(access.Approved, "", access.Collect, access.Withdraw),
		},
		Drafts: []cases.Case{numbered(galleryCase(access.Draft, "", access.Submit, access.Discard), 0, "")},
		Progress: []cases.Case{
			numbered(galleryCase(access.AwaitingSponsor, "", access.Withdraw, access.ChooseSponsor), 9, ""),
			numbered(galleryCase(access.InReview, "", access.Withdraw), 10, "Grade exporter for the whole department with a title that is as long as titles get and then some"),
		},
		Tokens: []cases.Case{
			numbered(galleryCase(access.Fulfilled, access.Active, access.Revoke), 5, ""),
			numbered(galleryCase(access.Fulfilled, access.Revoking), 6, ""),
		},
		Ended: []cases.Case{
			numbered(galleryCase(access.Denied, "", access.Refile), 1, ""), numbered(galleryCase(access.Lapsed, "", access.Refile), 2, ""),
			numbered(galleryCase(access.Fulfilled, access.Revoked), 4, ""),
		},
	}
	full.Drafts[0].Request.Number = 0
	lost := galleryCase(access.AwaitingSponsor, "", access.ChooseSponsor, access.Withdraw)
	lost.Request.Sponsor, lost.Request.SponsorLost = "", "Ana Ruiz"
	waiting := cases.Home{Progress: []cases.Case{galleryCase(access.AwaitingSponsor, "", access.Withdraw)}}
	return []exhibit{
		homeOf("empty", cases.Home{}, asMaya, "You have no API tokens.", "Request a token"),
		homeOf("kept", cases.Home{Kept: true}, asMaya, "Continue your draft"),
		homeOf("full", full, asMaya, "Needs you", "In progress", "Collect token", "Withdraw", "Revoke", "Activate in Canvas"),
		homeOf("waiting", waiting, asMaya, "With Ana Ruiz since", "Answer due by"),
		homeOf("sponsor-lost", cases.Home{NeedsYou: []cases.Case{lost}}, asMaya, "Sponsor needed", "Choose a sponsor"),
		homeOf("sponsor", cases.Home{}, asAna, "2 requests need your answer"),
		homeOf("role-refused", cases.Home{Refused: access.WhyRole}, asMaya, "Your role cannot have tokens here."),
		homeOf("account-role", cases.Home{Refused: access.WhyAccountRole}, asDana, "People with an admin role"),
		homeOf("acting", full, func(s *ui.Shell) { asMaya(s); s.Session.NoWrites = access.WhyActing }, "You are acting as Maya Chen."),
		homeOf("unknown-acting", waiting, func(s *ui.Shell) { asMaya(s); s.Session.NoWrites = access.WhyUnknownActing }, "Canvas does not tell"),
		homeOf("test-student", cases.Home{Refused: access.WhyTestStudent}, func(s *ui.Shell) { asMaya(s); s.Session.NoWrites = access.WhyTestStudent }, "The test student cannot have tokens."),
		homeOf("wrong-door", cases.Home{}, func(s *ui.Shell) {
			asMaya(s)
			s.Session.NoWrites, s.Session.Door = access.WhyWrongDoor, access.DoorNone
		}, "open it from the Canvas menu"),
		homeOf("canvas-down", full, func(s *ui.Shell) { asMaya(s); s.Nav.Trouble.CanvasSince = days(-0.05) }, "Canvas is not answering our questions"),
		homeOf("still-usable", full, func(s *ui.Shell) { asMaya(s); s.Nav.Trouble.StillUsable = 1 }, "1 token of yours may still work"),
		homeOf("self-service", cases.Home{}, func(s *ui.Shell) { asDana(s); s.Nav.SelfService = true }, "by themselves"),
		homeOf("credential-refused", cases.Home{}, func(s *ui.Shell) { asDana(s); s.Nav.Credential.RefusedSince = days(-0.05) }, "no longer accepts Tokendesk's own access"),
		homeOf("credential-ends", cases.Home{}, func(s *ui.Shell) { asDana(s); s.Nav.Credential.EndsAt = days(9) }, "own access to Canvas ends on"),
		homeOf("result", waiting, func(s *ui.Shell) {
			asMaya(s)
			s.Banner = ui.ResultBanner(*s, access.Withdraw, waiting.Progress[0])
		}, "Withdrawn."),
		homeOf("high-contrast", full, func(s *ui.Shell) { asMaya(s); s.Session.HighContrast, s.Session.Dyslexic = true, true }, "Needs you"),
		homeOf("branded", full, func(s *ui.Shell) {
			asMaya(s)
			s.Session.Brand = ui.Brand{Primary: "#8C1D40", Link: "#FFC627", Button: "#FFC627", ButtonText: "#FFFFFF"}
		}, "Needs you"),
	}
}

func formOf(name string, in requests.FormInput, shell func(*ui.Shell), want ...string) exhibit {
	return exhibit{name: "form-" + name, page: requests.PageForm, shell: shell, want: append(want, "Request an API token"),
		view: func(s ui.Shell) any { return requests.NewFormPage(s, in) }}
}

func formExhibits() []exhibit {
	labels := []string{"Purpose", "What will you build or use?", "Who made the software?", "Does it send data to an AI service?",
		"Which data will it touch?", "Where will the token be stored?", "End date", "Faculty sponsor",
		"I have read and accept the token rules", "Save draft", "Submit request", "What happens"}
	filled := galleryForm()
	filled.Answers = galleryAnswers()
	draft := filled
	draft.Draft = galleryRequest(access.Draft)
	kept := filled
	kept.KeptAt = days(-0.1)
	wrong := galleryForm()
	wrong.Answers.Set("end", "next friday")
	wrong.Answers.Set("build", "helper")
	var errs *access.FormError
	_, err := access.CheckForm(policy.BuiltIn(), access.DraftForm{Answers: wrong.Answers, Affiliation: policy.Student, Now: galleryNow, Latest: wrong.Latest, Location: galleryNow.Location()})
	errors.As(err, &errs)
	many := galleryForm()
	many.Answers.Set("sponsor", "12")
	many.Teachers = nil
	for i := range 41 {
		many.Teachers = append(many.Teachers, authority.Teacher{CanvasUser: fmt.Sprint(i), Name: "Kim Teacher"})
	}
	none := galleryForm()
	none.Teachers = nil
	unread := none
	unread.TeachersErr = true
	staff := galleryForm()
	staff.Rule, staff.Affiliation, staff.Course, staff.Cause = policy.RuleOpen, policy.Staff, access.Course{}, policy.CauseRole
	capped := staff
	capped.Cause, capped.Reach = policy.CauseCanvas, nil
	late := filled
	late.Answers.Set("end", "2027-02-01")
	return []exhibit{
		formOf("new", requests.FormInput{Form: galleryForm()}, asMaya, labels...),
		formOf("filled", requests.FormInput{Form: filled}, asMaya, "Which service?", "Ends 12 Dec 2026, 23:59 Denver time"),
		formOf("saved", requests.FormInput{Form: draft, SavedAt: galleryNow}, asMaya, "Draft saved 14:05"),
		formOf("draft", requests.FormInput{Form: draft}, asMaya, "Draft from"),
		formOf("kept", requests.FormInput{Form: kept}, func(s *ui.Shell) { asMaya(s); s.Session.LaunchedAt = galleryNow }, "kept from before you opened Tokendesk this time"),
		formOf("kept-now", requests.FormInput{Form: kept}, func(s *ui.Shell) { asMaya(s); s.Session.LaunchedAt = days(-0.2) }, "They are kept, and are not sent."),
		formOf("errors", requests.FormInput{Form: wrong, Errors: errs}, asMaya, "There is a problem", "Choose a purpose.",
			"Describe what you will build or use, in at least 30 characters.", "Choose a sponsor who teaches you now.", "Tick the box to accept the token rules."),
		formOf("too-late", requests.FormInput{Form: late, Errors: &access.FormError{Fields: []access.FieldError{
			{Field: "end", Code: "end.too_late", Args: map[string]any{"Latest": days(21)}}, {Field: "storage", Code: "storage.chat"},
			{Field: "maker_link", Code: "maker_link.https"}, {Field: "end", Code: "end.ambiguous", Args: map[string]any{"First": days(1), "Second": days(2)}},
		}}}, asMaya, "Choose an end date on or before 12 Dec 2026.", "Choose a safer place. A token in a chat or a public repository can be copied by anyone."),
		formOf("many-teachers", requests.FormInput{Form: many, SponsorQuery: "kim"}, asMaya, "41 of 41 teachers", "Find"),
		formOf("no-teacher", requests.FormInput{Form: none, Errors: &access.FormError{Fields: []access.FieldError{{Field: "sponsor", Code: "sponsor.missing"}}}}, asMaya, "Canvas lists no teacher for you in this course."),
		formOf("teachers-unread", requests.FormInput{Form: unread}, asMaya, "we cannot list your teachers now"),
		formOf("staff", requests.FormInput{Form: staff}, func(s *ui.Shell) { s.Nav.Affiliation = policy.Staff; s.Session.Learner = false }, "Latest you can choose"),
		formOf("capped", requests.FormInput{Form: capped}, asMaya, "the most that this Canvas allows"),
		formOf("quota", requests.FormInput{Form: withQuota(filled)}, asMaya, "You have 2 live tokens, the most allowed. End one first."),
		{name: "kept-fragment", page: requests.PageSaved, view: func(s ui.Shell) any { return requests.NewSavedLine(s, galleryNow) }, want: []string{"Draft saved 14:05"}},
		{name: "kept-failed", page: requests.PageSaved, view: func(s ui.Shell) any { return requests.NewSavedLine(s, time0) }, want: []string{"could not be saved"}},
	}
}

func withQuota(f deskrequests.Form) deskrequests.Form {
	f.Quota = access.WhyQuotaLive
	return f
}

func one(name string, c cases.Case, in requests.PanelInput, shell func(*ui.Shell), want ...string) exhibit {
	return exhibit{name: "case-" + name, page: requests.PageCase, shell: shell, want: append(want, "Request "+c.Request.Code()),
		view: func(s ui.Shell) any { return requests.NewCasePage(s, galleryCasePage(c), in) }}
}

func caseExhibits() []exhibit {
	var out []exhibit
	// Every state of a request, for everybody who may see it.
	for _, st := range access.RequestStates {
		for v, who := range map[ui.Viewer]func(*ui.Shell){ui.AsRequester: asMaya, ui.AsSponsor: asAna, ui.AsReviewer: asDana} {
			if st == access.Draft && v != ui.AsRequester {
				continue
			}
			c := seenBy(galleryCase(st, ""), v)
			out = append(out, one(fmt.Sprintf("%s-%d", st, v), c, requests.PanelInput{}, who))
		}
	}
	for _, st := range access.GrantStates {
		r := access.Fulfilled
		switch st {
		case access.Minting, access.Recovering:
			r = access.Collecting
		case access.Void:
			r = access.Approved
		}
		out = append(out, one("token-"+string(st), galleryCase(r, st, access.Revoke, access.Replace), requests.PanelInput{}, asMaya))
	}
	lost := galleryCase(access.AwaitingSponsor, "", access.ChooseSponsor, access.Withdraw)
	lost.Request.Sponsor, lost.Request.SponsorLost = "", "Ana Ruiz"
	sponsor := seenBy(galleryCase(access.AwaitingSponsor, "", access.Endorse, access.Decline), ui.AsSponsor)
	free := seenBy(galleryCase(access.InReview, "", access.Claim, access.Approve, access.Deny), ui.AsReviewer)
	mine := seenBy(galleryCase(access.InReview, "", access.Release, access.Approve, access.Deny), ui.AsReviewer)
	claimed(&mine.Request, dana, days(-0.1))
	late := free
	late.Request.ReviewDue = days(-2.5)
	late.Request.Answers.Set("data", "grades")
	other := seenBy(galleryCase(access.InReview, ""), ui.AsReviewer)
	other.Why = access.WhyOtherPerson
	claimed(&other.Request, ana, days(-0.1))
	self := seenBy(galleryCase(access.InReview, ""), ui.AsReviewer)
	self.Why = access.WhySelf
	said := seenBy(galleryCase(access.InReview, ""), ui.AsReviewer)
	said.Policy.Stages = []policy.Stage{{Name: "Canvas team", By: policy.Reviewers, Votes: 1}, {Name: "Security <office>", By: policy.Reviewers, Votes: 2}, {Name: "Registrar", By: policy.Reviewers, Votes: 1}}
	said.Why, said.Request.Stage = access.WhySecondPerson, 2
	for stage, by := range []access.PersonID{dana, layla} {
		said.Request.Votes = append(said.Request.Votes, access.Vote{Stage: stage + 1, Part: access.AsReviewer, Person: by, Verdict: access.Yes, At: days(-1), Conditions: "Only for this term."})
	}
	deny := requests.PanelInput{Do: access.Deny, Conditions: "Only for this term.", Alternative: "other", Errors: &access.FormError{Fields: []access.FieldError{
		{Field: "reason", Code: "reason.deny"}, {Field: "alternative_text", Code: "alternative.text"}, {Field: "end", Code: "end.only_shorter", Args: map[string]any{"End": days(21)}}}}}
	decline := requests.PanelInput{Do: access.Decline, End: "2026-12-01", Errors: &access.FormError{Fields: []access.FieldError{{Field: "reason", Code: "reason.decline"}}}}
	withOthers := galleryCasePage(mine)
	withOthers.Others = []access.Grant{*galleryGrant(access.Active)}
	withOthers.Reach = nil
	return append(out,
		one("own-waiting", galleryCase(access.AwaitingSponsor, "", access.Withdraw, access.ChooseSponsor), requests.PanelInput{}, asMaya, "Withdraw", "Waiting for Ana Ruiz to answer"),
		one("own-submitted", galleryCase(access.AwaitingSponsor, "", access.Withdraw), requests.PanelInput{}, func(s *ui.Shell) {
			asMaya(s)
			s.Banner = ui.ResultBanner(*s, access.Submit, galleryCase(access.AwaitingSponsor, ""))
		}, "Sent to Ana Ruiz. You do not need to do anything now."),
		one("own-approved", galleryCase(access.Approved, "", access.Collect, access.Withdraw), requests.PanelInput{}, asMaya, "Collect token"),
		one("own-sponsor-lost", lost, requests.PanelInput{}, asMaya, "Choose a sponsor"),
		one("own-refile", galleryCase(access.SponsorDeclined, "", access.Refile), requests.PanelInput{}, asMaya, "Start again", "You can ask another teacher."),
		one("sponsor-panel", sponsor, requests.PanelInput{}, asAna, "What you confirm", "Endorse", "Decline", "I teach Maya Chen in BIO 201 now.", "Shorten the end date"),
		one("sponsor-errors", sponsor, decline, asAna, "Tell the student why, in a sentence."),
		one("sponsor-not-teaching", sponsor, requests.PanelInput{Do: access.Endorse, Reason: galleryNote}, func(s *ui.Shell) {
			asAna(s)
			s.Banner = ui.RefusedBanner(*s, access.WhyNotTeaching, &sponsor)
		}, "Canvas does not list you as a teacher of Maya Chen"),
		one("sponsor-after", seenBy(galleryCase(access.Approved, "", access.EndSponsor), ui.AsSponsor), requests.PanelInput{}, asAna, "End sponsorship"),
		one("review-free", free, requests.PanelInput{}, asDana, "Claim", "Approve", "Deny", "Check before you decide", "What can they do instead?"),
		one("review-mine", mine, requests.PanelInput{}, asDana, "Release", "Approve"),
		one("review-said", said, requests.PanelInput{}, func(s *ui.Shell) {
			asDana(s)
			s.Banner = ui.ResultBanner(*s, access.Approve, said)
		}, "You said yes already. This takes somebody else.", "Security <office>, step 2 of 3. 1 of 2 said yes.", "Waiting for the Security <office> to decide", "Said yes", "Registrar decides", "Only for this term.", "Your yes is recorded."),
		one("review-late", late, requests.PanelInput{}, asDana, "Overdue by 1 day"),
		one("review-errors", mine, deny, asDana, "Tell the requester why, in a sentence."),
		one("review-other", other, requests.PanelInput{}, asDana, "has claimed it and is on it"),
		one("review-self", self, requests.PanelInput{}, asDana, "somebody else must decide it"),
		one("review-stale", mine, requests.PanelInput{Do: access.Approve, Reason: galleryReason}, func(s *ui.Shell) {
			asDana(s)
			s.Banner = ui.RefusedBanner(*s, access.WhyStale, &mine)
		}, "To decide, open Tokendesk again from the Canvas menu."),
		one("review-lost", seenBy(galleryCase(access.Approved, "", access.Rescind), ui.AsReviewer), requests.PanelInput{}, func(s *ui.Shell) {
			asDana(s)
			s.Banner = requests.LostBanner(*s, &cases.Lost{Now: galleryRequest(access.Approved), Actor: "Dana Ortiz"}, galleryReason)
		}, "Your text is kept below."),
		one("review-changed", mine, requests.PanelInput{Do: access.Approve, Conditions: galleryReason}, func(s *ui.Shell) {
			asDana(s)
			s.Banner = ui.TermsBanner(&access.TermsError{Changed: []access.TermsPart{access.TermsSponsor, access.TermsEnd}}, true)
		}, "This changed after you opened it", "The end date"),
		exhibit{name: "case-review-others", page: requests.PageCase, shell: asDana, want: []string{"1 token:", "Canvas did not tell us the courses"},
			view: func(s ui.Shell) any { return requests.NewCasePage(s, withOthers, requests.PanelInput{}) }},
		exhibit{name: "case-long-story", page: requests.PageCase, shell: asMaya, want: []string{"Show", "earlier events"},
			view: func(s ui.Shell) any {
				p := galleryCasePage(galleryCase(access.Fulfilled, access.Revoked))
				p.Story = galleryLife()
				return requests.NewCasePage(s, p, requests.PanelInput{})
			}},
		one("rtl-name", func() cases.Case {
			c := galleryCase(access.AwaitingSponsor, "", access.Withdraw)
			c.Request.Sponsor, c.Request.Requester = layla, long
			return c
		}(), requests.PanelInput{}, asMaya, "ليلى حداد"),
	)
}

func confirmExhibits() []exhibit {
	ask := func(name string, in confirmInput, shell func(*ui.Shell), want ...string) exhibit {
		return exhibit{name: "confirm-" + name, page: ui.PageConfirm, shell: shell, want: want, view: func(s ui.Shell) any { return confirmPage(s, in) }}
	}
	own := galleryCase(access.Fulfilled, access.Active)
	theirs := seenBy(own, ui.AsReviewer)
	missing := &access.FormError{Fields: []access.FieldError{{Field: "reason", Code: "reason.revoke"}}}
	choose := galleryCasePage(galleryCase(access.AwaitingSponsor, "", access.ChooseSponsor))
	choose.Sponsors = galleryForm().Teachers
	many := choose
	many.Sponsors = nil
	for i := range 12 {
		many.Sponsors = append(many.Sponsors, authority.Teacher{CanvasUser: fmt.Sprint(i), Name: "Kim Teacher"})
	}
	none := choose
	none.Sponsors = nil
	lost := none
	lost.Request.Sponsor = ""
	return []exhibit{
		ask("withdraw", confirmInput{Do: access.Withdraw, Case: galleryCase(access.InReview, "")}, asMaya, "Withdraw request REQ-0142?", "Keep request", "Withdraw"),
		ask("discard", confirmInput{Do: access.Discard, Case: galleryCase(access.Draft, "")}, asMaya, "Discard this draft?", "Keep draft"),
		ask("replace", confirmInput{Do: access.Replace, Case: own}, asMaya, "Replace", "Keep token"),
		ask("revoke", confirmInput{Do: access.Revoke, Case: own}, asMaya, "Revoke “Attendance helper”?", "Keep token", "Software using it stops."),
		ask("revoke-other", confirmInput{Do: access.Revoke, Case: theirs, Reason: galleryReason, Errors: missing}, asDana, "Reason", "Tell the owner why, in a sentence."),
		ask("rescind", confirmInput{Do: access.Rescind, Case: seenBy(galleryCase(access.Approved, ""), ui.AsReviewer)}, asDana, "Take back the approval of REQ-0142?", "Keep approval"),
		{name: "choose-sponsor", page: ui.PageSponsor, shell: asMaya, want: []string{"Choose a sponsor", "Faculty sponsor", "Ask this sponsor", "is asked now, until"},
			view: func(s ui.Shell) any {
				return ui.NewSponsorPage(s, requests.SponsorChoice(s, choose), ui.SponsorInput{Chosen: "22", Errors: &access.FormError{Fields: []access.FieldError{{Field: "sponsor", Code: "sponsor.self"}}}})
			}},
		{name: "choose-sponsor-many", page: ui.PageSponsor, shell: asMaya, want: []string{"12 of 12 teachers"}, view: func(s ui.Shell) any {
			return ui.NewSponsorPage(s, requests.SponsorChoice(s, many), ui.SponsorInput{Query: "kim"})
		}},
		{name: "choose-sponsor-none", page: ui.PageSponsor, shell: asMaya, want: []string{"Canvas lists no other teacher"}, view: func(s ui.Shell) any { return ui.NewSponsorPage(s, requests.SponsorChoice(s, none), ui.SponsorInput{}) }},
		{name: "choose-sponsor-lost-none", page: ui.PageSponsor, shell: asMaya, want: []string{"Canvas lists no teacher", "We ask the new sponsor at once."}, view: func(s ui.Shell) any { return ui.NewSponsorPage(s, requests.SponsorChoice(s, lost), ui.SponsorInput{}) }},
	}
}

func collectExhibits() []exhibit {
	at := func(name string, c tokens.Collection, want ...string) exhibit {
		return exhibit{name: "collect-" + name, page: collect.PageCollect, shell: asMaya, want: append(want, "Collect your token"),
			view: func(s ui.Shell) any { return collect.NewPage(s, c) }}
	}
	status := func(name string, c tokens.Collection, want ...string) exhibit {
		return exhibit{name: "status-" + name, page: collect.PageCollectStatus, want: want, view: func(s ui.Shell) any { return collect.NewStatus(s, c) }}
	}
	of := func(stage tokens.CollectStage, r access.RequestState, g access.GrantState) tokens.Collection {
		return tokens.Collection{Case: galleryCase(r, g), Stage: stage, Ends: days(21)}
	}
	ready := of(tokens.StageReady, access.Approved, "")
	again := ready
	again.Trouble = "mint.cap:90"
	shown := of(tokens.StageShown, access.Fulfilled, access.HandedOver)
	shown.CanReplace = true
	leakable := of(tokens.StageShown, access.Fulfilled, access.HandedOver)
	leakable.Can[access.ReportLeak], leakable.CanReplace = true, true
	secretPage := shown
	secretPage.Stage, secretPage.Value = tokens.StageSecret, secret.New(galleryToken)
	late := of(tokens.StageShown, access.Fulfilled, access.HandedOver)
	late.ReplaceWhy, late.Grant.ShownAt = access.WhyReplaceLate, days(-2)
	used := of(tokens.StageShown, access.Fulfilled, access.HandedOver)
	used.ReplaceWhy = access.WhyReplaceUsed
	creating := of(tokens.StageCreating, access.Collecting, access.Minting)
	recovering := of(tokens.StageRecovering, access.Collecting, access.Recovering)
	active := of(tokens.StageActive, access.Fulfilled, access.Active)
	active.CanReplace = true
	over := of(tokens.StageOver, access.Fulfilled, access.Revoked)
	overWithdrawn := of(tokens.StageOver, access.Withdrawn, "")
	replacing := of(tokens.StageReplacing, access.Fulfilled, access.Replacing)
	out := []exhibit{
		at("ready", ready, "Create my token", "Not now", "You see it once. We do not keep it.", "Nobody else may be looking at your screen."),
		at("ready-again", again, "Canvas refused: the end date is later than your school allows (90 days). We noted that."),
		at("secret", secretPage, "Copy it now. Canvas never shows it again.", "Copy", "Activate in Canvas", "Waiting for Canvas to say it is active…", "I lost it"),
		at("shown-leak", leakable, "Report a leak"),
		at("shown", shown, "It cannot be shown again.", "I lost it", "Activate in Canvas"),
		at("shown-late", late, "It was shown more than 24 hours ago.", "Check again"),
		at("shown-used", used, "You replaced it once already."),
		at("creating", creating, "pressing again is safe"),
		at("recovering", recovering, "Canvas did not answer clearly.", "Check again"),
		at("active", active, "Active since", "You are done."),
		at("replacing", replacing, "Create my token"),
		at("over", over, "Confirmed in Canvas"),
		at("over-withdrawn", overWithdrawn, "You withdrew it"),
		status("waiting", shown, "Waiting for Canvas to say it is active…"),
		status("active", active, "Active since"),
		status("recovering", recovering, "Check again"),
		status("ready", ready, "You can create your token now.", "Go on"),
		status("over", over, "nothing to collect"),
	}
	for i := range out {
		if out[i].name != "collect-secret" {
			out[i].never = append(out[i].never, galleryToken)
		}
	}
	return out
}

func problemExhibits() []exhibit {
	var out []exhibit
	add := func(name string, in ui.ProblemInput, session bool, want ...string) {
		out = append(out, exhibit{name: "problem-" + name, page: ui.PageProblem, noSession: !session, shell: asMaya, want: want,
			view: func(s ui.Shell) any { return ui.NewProblemPage(s, in) }})
	}
	for _, w := range access.Whys() {
		add("forbidden-"+string(w), ui.ProblemInput{Kind: ui.ProblemForbidden, Why: w}, true, "You cannot open this page", "You are signed in as Maya Chen")
	}
	add("forbidden", ui.ProblemInput{Kind: ui.ProblemForbidden}, true, "You cannot do this.")
	echo := ui.EchoOf(map[string][]string{"build": {galleryBuild}, "reason": {galleryReason}, "purpose": {"coursework"}, "tool_session": {galleryHandle}})
	add("not-found", ui.ProblemInput{Kind: ui.ProblemNotFound}, true, "We cannot find that", "It may have ended, or it is not yours.", "My API tokens")
	add("not-found-signed-out", ui.ProblemInput{Kind: ui.ProblemNotFound}, false, "We cannot find that")
	add("ended", ui.ProblemInput{Kind: ui.ProblemEnded}, false, "Open Tokendesk again")
	add("ended-echo", ui.ProblemInput{Kind: ui.ProblemEnded, Echo: echo}, false, "What you had just typed", galleryBuild)
	add("ended-saved", ui.ProblemInput{Kind: ui.ProblemEnded, SavedAt: days(-0.01), SavedTitle: "Attendance helper"}, true, "Your text is saved: Attendance helper", "Open in a new tab")
	add("ended-saved-untitled", ui.ProblemInput{Kind: ui.ProblemEnded, SavedAt: days(-0.01)}, false, "Your text is saved")
	add("conflict", ui.ProblemInput{Kind: ui.ProblemConflict, Echo: echo}, true, "This changed in the meantime")
	add("trouble", ui.ProblemInput{Kind: ui.ProblemTrouble, Reference: "7F3K", RetryAction: "/requests", RetryFields: []ui.RetryField{{Name: "do", Value: "submit"}, {Name: "build", Value: galleryBuild}}, NothingChanged: true}, true,
		"Something went wrong on our side", "7F3K", "Try again", "Nothing was changed.")
	add("trouble-get", ui.ProblemInput{Kind: ui.ProblemTrouble, Reference: "7F3K"}, true, "Something went wrong on our side")
	add("database", ui.ProblemInput{Kind: ui.ProblemDatabase, Reference: "7F3K", Echo: echo}, true, "Tokendesk cannot reach its records", "Try again in a minute", "7F3K", galleryBuild)
	add("canvas", ui.ProblemInput{Kind: ui.ProblemCanvas}, true, "Canvas is not answering")
	add("busy", ui.ProblemInput{Kind: ui.ProblemBusy}, true, "Too many requests at once")
	add("request", ui.ProblemInput{Kind: ui.ProblemRequest}, true, "We could not read that form")
	for _, r := range lti.Reasons() {
		refusal := &lti.Refusal{Code: r, Reference: "1f4a9c2e"}
		want := []string{"Canvas could not open Tokendesk", "1f4a9c2e"}
		if r == lti.ReasonAnonymous {
			want = append(want, "you are not signed in")
		}
		if r == lti.ReasonNotBound {
			refusal.CanRetryInNewTab, refusal.RelaunchURL = true, "https://canvas.northfield.test/courses/7/external_tools/3"
		}
		out = append(out, exhibit{name: "launch-" + string(r), page: PageLaunchFailed, noSession: true, want: want,
			view: func(s ui.Shell) any { return NewLaunchFailedPage(s, refusal) }})
	}
	for _, r := range authority.AdmitReasons {
		want := []string{"Canvas could not open Tokendesk", "1F4A-9C2E", "Open in a new tab"}
		if r == authority.AdmitNotCanvas {
			want[2] = "This address does not answer as Canvas."
		}
		out = append(out, exhibit{name: "launch-admit-" + string(r), page: PageLaunchFailed, noSession: true, want: want,
			view: func(s ui.Shell) any {
				return NewNotAdmittedPage(s, r, "1F4A-9C2E", "https://canvas.northfield.test/users/self/external_tools/3")
			}})
	}
	item := lti.StorageItem{Frame: "post_message_forwarding", Origin: "https://sso.canvaslms.test", Key: "k", MessageID: "m", Wait: 1500}
	return append(out,
		exhibit{name: "lti-store", page: PageStore, noSession: true, want: []string{"Opening Tokendesk"},
			view: func(s ui.Shell) any {
				return newBrowserPage(s, lti.StorePage{Step: "store", StorageItem: item, Next: "https://sso.canvaslms.test/"})
			}},
		exhibit{name: "lti-proof", page: PageProof, noSession: true, want: []string{"Opening Tokendesk"},
			view: func(s ui.Shell) any {
				return newBrowserPage(s, lti.ProofPage{Step: "proof", StorageItem: item, Post: "/lti/proof"})
			}},
		exhibit{name: "home-forget", page: ui.PageHome, shell: func(s *ui.Shell) { asMaya(s); f := item.ForgetItem(); s.Forget = &f },
			view: func(s ui.Shell) any { return home.NewPage(s, cases.Home{}) }},
	)
}
