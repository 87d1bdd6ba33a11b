package web

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	deskleaks "github.com/tokendesk/tokendesk/internal/desk/leaks"
	"github.com/tokendesk/tokendesk/internal/web/leaks"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/review"
	"github.com/tokendesk/tokendesk/internal/web/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// leakOf is a leak that Maya reported of a token in a state.
func leakOf(id string, st access.GrantState) deskleaks.Row {
	c := seenBy(galleryCase(access.Fulfilled, st), ui.AsReviewer)
	c.Grant.Cause, c.Grant.EndedBy, c.Grant.Sponsor, c.Grant.RevokingAt = access.ByLeak, maya, ana, days(-0.1)
	i := access.Incident{ID: id, Tenant: "ten_1", Version: 1, GrantID: c.Grant.ID, Owner: maya, ReportedBy: maya, How: access.LeakByOwner, OpenedAt: days(-0.1)}
	c.Leak = &i
	return deskleaks.Row{Incident: i, Case: c, Reporter: "Maya Chen"}
}

func cleared(r deskleaks.Row) deskleaks.Row {
	r.Incident.ClearedAt, r.Incident.ClearedBy, r.Clearer = days(-0.05), dana, "Dana Ortiz"
	r.Case.Leak = &r.Incident
	return r
}

func leakExhibits() []exhibit {
	gone, waits := leakOf("inc_1", access.Revoked), leakOf("inc_2", access.Revoking)
	pasted := leakOf("inc_3", access.Revoked)
	pasted.Incident.How, pasted.Incident.ReportedBy, pasted.Reporter = access.LeakByIntake, dana, "Dana Ortiz"
	unknown := deskleaks.Row{Incident: access.Incident{ID: "inc_4", Owner: maya, How: access.LeakByReviewer, OpenedAt: days(-1)}, Case: cases.Case{Names: galleryNames}}
	list := func(name string, in leaks.ListInput, shell func(*ui.Shell), want ...string) exhibit {
		return exhibit{name: "leaks-" + name, page: ui.PageLeaks, shell: shell, want: append(want, "Leaks", "Check a suspected token", "Suspected token"), never: []string{galleryToken},
			view: func(s ui.Shell) any { return leaks.NewListPage(s, in) }}
	}
	open := func(name string, in leaks.Input, want ...string) exhibit {
		return exhibit{name: "leak-" + name, page: leaks.PageLeak, shell: asDana, want: want, view: func(s ui.Shell) any { return leaks.NewPage(s, in) }}
	}
	done := func(name string, r deskleaks.Row, v ui.Viewer, in leaks.ReportedInput, shell func(*ui.Shell), want ...string) exhibit {
		in.Token = cases.TokenPage{Case: seenBy(r.Case, v)}
		return exhibit{name: "leak-reported-" + name, page: leaks.PageLeakReported, shell: shell, want: append(want, "Report a leak"), view: func(s ui.Shell) any { return leaks.NewReportedPage(s, in) }}
	}
	ask := func(name string, in confirmInput, shell func(*ui.Shell), want ...string) exhibit {
		return exhibit{name: "confirm-" + name, page: ui.PageConfirm, shell: shell, want: want, view: func(s ui.Shell) any { return confirmPage(s, in) }}
	}
	token := func(name string, c cases.Case, shell func(*ui.Shell), want ...string) exhibit {
		return exhibit{name: "token-" + name, page: tokens.PageToken, shell: shell, want: want, view: func(s ui.Shell) any { return tokens.NewPage(s, cases.TokenPage{Case: c, Story: galleryLife()}) }}
	}
	story := []cases.StoryStep{
		{At: days(-0.1), Actor: "Maya Chen", Action: audit.IncidentOpen, Why: cases.WhyEnded},
		{At: days(-0.1), Actor: "Maya Chen", Action: audit.GrantReportLeak}, {At: days(-0.09), Action: audit.GrantGone, To: "revoked"},
	}
	seen := []cases.StoryStep{{At: days(-0.08), Actor: "Maya Chen", Action: audit.IncidentSeen, Quote: galleryNote}}
	page := deskleaks.Page{Row: gone, Story: story, Seen: seen, Can: true, Terms: access.LeakTerms(gone.Incident, []string{"aud_1"}, access.Revoked)}
	waiting := deskleaks.Page{Row: waits, Story: story[1:2], Waits: true}
	self := deskleaks.Page{Row: gone, Story: story, Why: access.WhySelf}
	over := deskleaks.Page{Row: cleared(gone), Story: append(story, cases.StoryStep{At: days(-0.05), Actor: "Dana Ortiz", Action: audit.IncidentClear}), Seen: seen, Note: galleryReason}
	frozen := galleryCase(access.Fulfilled, access.Frozen, access.Revoke, access.ReportLeak)
	frozen.Grant.FrozenBy, frozen.Grant.FrozenAt, frozen.Grant.FreezeReason = dana, days(-0.1), galleryReason
	half := seenBy(galleryCase(access.Fulfilled, access.Frozen, access.Revoke, access.ReportLeak, access.Thaw), ui.AsReviewer)
	half.Grant.FrozenBy, half.Grant.FrozenAt, half.Grant.Votes, half.Grant.FreezeReason = dana, days(-0.1), access.Votes{{Stage: 1, Part: access.AsReviewer, Person: ana, Verdict: access.Yes, At: days(-0.1)}}, galleryReason
	freezing := seenBy(galleryCase(access.Fulfilled, access.Freezing, access.Revoke), ui.AsReviewer)
	active := seenBy(galleryCase(access.Fulfilled, access.Active, access.Revoke, access.ReportLeak, access.Freeze), ui.AsReviewer)
	stayed := active
	stayed.Grant = galleryGrant(access.Active)
	stayed.Grant.Trouble = "freeze.denied"
	ended := galleryCase(access.Fulfilled, access.Revoked, access.ReportLeak)
	open2 := func(s *ui.Shell) { asDana(s); s.Nav.Leaks = 2 }
	checked := galleryCasePage(seenBy(galleryCase(access.InReview, "", access.Approve, access.Deny), ui.AsReviewer))
	checked.Leaks = []access.Incident{gone.Incident, {ID: "inc_5", Owner: ana, OpenedAt: days(-20), ClearedAt: days(-19)}}
	return []exhibit{
		list("empty", leaks.ListInput{}, asDana, "No leak is open."),
		list("full", leaks.ListInput{List: deskleaks.List{Open: []deskleaks.Row{waits, pasted, unknown}, Opened: 3, Cleared: []deskleaks.Row{cleared(gone)}, Total: 26, From: 1, Next: "abc"}}, open2,
			"Open (3)", "Cleared (26)", "May still work", "pasted its value", "Leaks (2)"),
		list("many", leaks.ListInput{List: deskleaks.List{Cleared: []deskleaks.Row{cleared(gone)}, Total: cases.MostCounted + 1, From: 1, Next: "abc"}}, asDana, "Cleared (1,000+)", "of 1,000+"),
		list("unreadable", leaks.ListInput{Errors: &access.FormError{Fields: []access.FieldError{{Field: "suspect", Code: "suspect.not_token"}}}}, asDana, "Paste the whole value of the token"),
		list("not-ours", leaks.ListInput{}, func(s *ui.Shell) { asDana(s); s.Banner = &ui.Banner{Kind: ui.BannerInfo, ID: "leaks.not_ours"} }, "This is not one of ours.", "first five characters"),
		open("open", leaks.Input{Page: page}, "Clear this leak", "What was found and done", "Where it was seen", galleryNote, "Clear"),
		open("waits", leaks.Input{Page: waiting}, "You can clear it once Canvas has confirmed that the token is gone.", "Nobody has said where it was seen."),
		open("self", leaks.Input{Page: self}, "somebody else must clear this"),
		open("wrong", leaks.Input{Page: page, Errors: &access.FormError{Fields: []access.FieldError{{Field: "reason", Code: "reason.clear"}}}}, "Write what was found and done, in a sentence."),
		open("cleared", leaks.Input{Page: over}, "Cleared by Dana Ortiz", galleryReason),
		open("unknown", leaks.Input{Page: deskleaks.Page{Row: unknown, Can: true, Terms: access.LeakTerms(unknown.Incident, nil, "")}}, "Leak of a token"),
		done("gone", gone, ui.AsRequester, leaks.ReportedInput{}, asMaya, "Deleted in Canvas by", "You are not in trouble for reporting.", "Where was it seen?"),
		done("waits", waits, ui.AsRequester, leaks.ReportedInput{}, asMaya, "It may still work; we keep trying every few minutes and tell you."),
		done("ended", func() deskleaks.Row {
			r := leakOf("inc_6", access.Revoked)
			r.Case.Grant.Cause = access.ByOwner
			return r
		}(), ui.AsRequester, leaks.ReportedInput{}, asMaya, "The token had ended before"),
		done("told", gone, ui.AsSponsor, leaks.ReportedInput{Told: true}, asAna, "Nobody is in trouble for a report."),
		done("long", gone, ui.AsRequester, leaks.ReportedInput{Seen: galleryNote, Errors: &access.FormError{Fields: []access.FieldError{{Field: "seen", Code: "too_long", Args: map[string]any{"Max": 1000}}}}}, asMaya, "Shorten this to 1,000 characters."),
		ask("leak", confirmInput{Do: access.ReportLeak, Case: galleryCase(access.Fulfilled, access.Active)}, asMaya, "Report a leak", "We delete the token", "Keep token"),
		ask("leak-other", confirmInput{Do: access.ReportLeak, Case: active}, asDana, "Report a leak", "of Maya Chen first"),
		ask("leak-ended", confirmInput{Do: access.ReportLeak, Case: ended}, asMaya, "has ended and does not work"),
		ask("freeze", confirmInput{Do: access.Freeze, Case: active}, asDana, "Only two people together can thaw it.", "Keep as it is", "Reason"),
		ask("freeze-wrong", confirmInput{Do: access.Freeze, Case: active, Errors: &access.FormError{Fields: []access.FieldError{{Field: "reason", Code: "reason.freeze"}}}}, asDana, "Write why it is stopped, in a sentence."),
		ask("thaw", confirmInput{Do: access.Thaw, Case: func() cases.Case { c := half; g := *half.Grant; g.Votes = nil; c.Grant = &g; return c }()}, asDana, "A second person must agree"),
		ask("thaw-second", confirmInput{Do: access.Thaw, Case: half}, asDana, "yours is the second voice"),
		token("frozen-own", frozen, asMaya, "Frozen", "Your software gets errors now.", galleryReason, "Report a leak", "Revoke"),
		token("frozen-half", half, asDana, "agreed to thaw it", "Thaw"),
		token("freezing", freezing, asDana, "It may still work until Canvas confirms."),
		token("freezable", active, asDana, "Freeze", "Report a leak", "Revoke"),
		token("stayed-on", stayed, asDana, "Revoke it instead."),
		token("leaked", gone.Case, asDana, "Open the leak", "Until the security office clears the leak"),
		token("ended-own", ended, asMaya, "Report a leak"),
		homeOf("own-leak", cases.Home{Ended: []cases.Case{ended}}, func(s *ui.Shell) { asMaya(s); s.Nav.OwnLeak = true }, "A leak of your token was reported.", "Report a leak"),
		{name: "queue-leaks", page: ui.PageQueue, shell: open2, want: []string{"2 leaks are not cleared.", "Open Leaks"}, view: func(s ui.Shell) any { return review.NewPage(s, cases.Queue{}, cases.QueueFilter{}) }},
		{name: "case-review-leaks", page: requests.PageCase, shell: asDana, want: []string{"Last leak", "Last leak of the sponsor", "not cleared."}, view: func(s ui.Shell) any { return requests.NewCasePage(s, checked, requests.PanelInput{}) }},
	}
}
