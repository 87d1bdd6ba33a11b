package web

import (
	"fmt"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/review"
	"github.com/tokendesk/tokendesk/internal/web/sponsorships"
	"github.com/tokendesk/tokendesk/internal/web/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

func listExhibits() []exhibit {
	sponsored := func(st access.RequestState, g access.GrantState, n int, can ...access.Action) cases.Case {
		return numbered(seenBy(galleryCase(st, g, can...), ui.AsSponsor), n, "")
	}
	reviewed := func(st access.RequestState, g access.GrantState, n int, can ...access.Action) cases.Case {
		return numbered(seenBy(galleryCase(st, g, can...), ui.AsReviewer), n, "")
	}
	late := reviewed(access.InReview, "", 7)
	late.Request.ReviewDue, late.Request.Requester = days(-2.5), long
	late.Request.Answers.Set("ai", "no")
	late.Request.Answers.Set("maker", "self")
	held := reviewed(access.InReview, "", 8)
	held.Request.Requester, held.Request.Sponsor = layla, ""
	claimed(&held.Request, dana, days(-1))
	held.Request.Answers.Set("data", "grades")
	rows := []cases.Case{late, held, reviewed(access.InReview, "", 9)}
	stuck := reviewed(access.Fulfilled, access.Revoking, 5)
	stuck.Grant.RevokingAt, stuck.Grant.Tries, stuck.Grant.Trouble = days(-0.2), 6, "mint.canvas_down"
	ending := reviewed(access.Fulfilled, access.Active, 6, access.Revoke)
	ending.Grant.Expires, ending.Grant.CheckedAt = days(6.9), days(-3)
	unchecked := reviewed(access.Fulfilled, access.Active, 7, access.Revoke)
	unchecked.Grant.CheckedAt, unchecked.Grant.LastUsedAt, unchecked.Request.Sponsor = time0, time0, ""
	all := []cases.Case{reviewed(access.Fulfilled, access.Active, 4, access.Revoke), stuck, ending, unchecked}
	return []exhibit{
		{name: "sponsorships-empty", page: ui.PageSponsorships, shell: asAna, want: []string{"Sponsorships", "Nobody has asked you to sponsor a token."},
			view: func(s ui.Shell) any { return sponsorships.NewPage(s, cases.Sponsorships{}) }},
		{name: "sponsorships-full", page: ui.PageSponsorships, shell: asAna, want: []string{"Waiting for you (2)", "You stand for (3)", "Your answer", "Past (2)"},
			view: func(s ui.Shell) any {
				return sponsorships.NewPage(s, cases.Sponsorships{
					Waiting:   []cases.Case{sponsored(access.AwaitingSponsor, "", 1, access.Endorse, access.Decline), sponsored(access.AwaitingSponsor, "", 2, access.Endorse)},
					Standing:  []cases.Case{sponsored(access.Fulfilled, access.Active, 3, access.Revoke), sponsored(access.InReview, "", 4), sponsored(access.Fulfilled, access.Revoking, 5)},
					WaitingAt: cases.Span{From: 1, Total: 2}, StandingAt: cases.Span{From: 1, Total: 3},
					Past: []cases.Case{sponsored(access.Denied, "", 6), sponsored(access.Fulfilled, access.Revoked, 7)},
				})
			}},
		{name: "sponsorships-past", page: ui.PageSponsorships, shell: asAna, want: []string{"Nobody waits for your answer.", "You stand for nobody now."},
			view: func(s ui.Shell) any {
				return sponsorships.NewPage(s, cases.Sponsorships{Past: []cases.Case{sponsored(access.Withdrawn, "", 1)}})
			}},
		{name: "sponsorships-paged", page: ui.PageSponsorships, shell: asAna, want: []string{"Waiting for you (30)", "You stand for (61)", "Showing 1–1 of 30Next", "Showing 26–26 of 61First pageNext", "Showing 1–1Next"}, never: []string{"Past ("},
			view: func(s ui.Shell) any {
				return sponsorships.NewPage(s, cases.Sponsorships{
					Waiting: []cases.Case{sponsored(access.AwaitingSponsor, "", 1, access.Endorse)}, WaitingAt: cases.Span{From: 1, Total: 30, Next: "25~w1.req_a"},
					Standing: []cases.Case{sponsored(access.Fulfilled, access.Active, 3, access.Revoke)}, StandingAt: cases.Span{From: 26, Total: 61, Next: "50~s1.grt_a"},
					Past: []cases.Case{sponsored(access.Denied, "", 6)}, PastAt: cases.Span{From: 1, Next: "25~p1.req_b"}, After: "25~s0.grt_0",
				})
			}},
		{name: "queue-full", page: ui.PageQueue, shell: asDana, want: []string{"Review queue", "4 waiting", "1 overdue", "target 5 working days", "Overdue by 1 day", "Data of others", "Day 3 of 5", "Showing 1–3 of 30", "Next"},
			view: func(s ui.Shell) any {
				return review.NewPage(s, cases.Queue{Rows: rows, Waiting: 4, Overdue: 1, Total: 30, From: 1, Next: "abc", Target: 5}, cases.QueueFilter{})
			}},
		{name: "queue-filtered", page: ui.PageQueue, shell: asDana, want: []string{"Remove filter: Approved, not collected", "First page"},
			view: func(s ui.Shell) any {
				return review.NewPage(s, cases.Queue{Rows: []cases.Case{reviewed(access.Approved, "", 9)}, Waiting: 4, Total: 26, From: 26},
					cases.QueueFilter{Status: access.Approved, Affiliation: policy.Student, Maker: "company", AI: "yes", Search: "helper", After: "x"})
			}},
		{name: "queue-empty", page: ui.PageQueue, shell: asDana, want: []string{"Nothing is waiting.", "Last decision:"},
			view: func(s ui.Shell) any {
				return review.NewPage(s, cases.Queue{LastDecisionAt: days(-1)}, cases.QueueFilter{})
			}},
		{name: "queue-no-match", page: ui.PageQueue, shell: asDana, want: []string{"Nothing matches.", "Clear filters"},
			view: func(s ui.Shell) any {
				return review.NewPage(s, cases.Queue{Waiting: 4}, cases.QueueFilter{Search: "helper"})
			}},
		{name: "tokens-full", page: ui.PageTokens, shell: asDana, want: []string{"Tokens", "Still usable", "Ends in 7 days", "Active", "not checked since", "Revoke", "Canvas checked", "Select Attendance helper, Maya Chen", "With the chosen tokens:", "Revoke all matching", "Mass revocations", "Export"},
			view: func(s ui.Shell) any {
				return tokens.NewListPage(s, cases.TokenList{Rows: all, Total: 4, Targets: 3, Masses: 1, From: 1, CheckedAt: days(-0.002), Cap: cases.LearnedCap{Days: 90, At: days(-6)}}, cases.TokenFilter{})
			}},
		{name: "tokens-filtered", page: ui.PageTokens, shell: asDana, want: []string{"Ends before 20 Dec 2026", "Remove filter: Revoked", "Remove filter: Company: Acme", "Remove filter: Unused for 90 days or more", "CSV, 1 row"},
			view: func(s ui.Shell) any {
				return tokens.NewListPage(s, cases.TokenList{Rows: []cases.Case{reviewed(access.Fulfilled, access.Revoked, 4)}, Total: 1, From: 1},
					cases.TokenFilter{Status: access.Revoked, EndsBefore: days(29), Search: "helper", Affiliation: policy.Student, AI: "yes",
						Course: "BIO 201", Sponsor: "Ana Ruiz", Vendor: "Acme", IdleDays: 90})
			}},
		{name: "tokens-many", page: ui.PageTokens, shell: asDana, want: []string{"1,000+ tokens", "CSV, 1,000+ rows", "of 1,000+", "1,000+ tokens that can be revoked", "Course (Canvas id)", "BIO 201 · Biology II"},
			view: func(s ui.Shell) any {
				return tokens.NewListPage(s, cases.TokenList{Rows: all, Total: cases.MostCounted + 1, Targets: cases.MostCounted + 1, From: 1,
					Offers: cases.Offers{Courses: []access.Course{{ID: "42", Code: "BIO 201", Name: "Biology II"}}, Companies: []string{"Acme"}}}, cases.TokenFilter{})
			}},
		{name: "tokens-offers", page: ui.PageTokens, shell: asDana, want: []string{"Course Any BIO 201 · Biology II Biology II Company Any Acme Zenith", "Remove filter: Course: BIO 201 · Biology II"},
			view: func(s ui.Shell) any {
				return tokens.NewListPage(s, cases.TokenList{Rows: all, Total: cases.MostCounted, From: 1, Offers: cases.Offers{All: true, Companies: []string{"Acme", "Zenith"},
					Courses: []access.Course{{ID: "42", Code: "BIO 201", Name: "Biology II"}, {ID: "43", Name: "Biology II"}}}}, cases.TokenFilter{Course: "42", Vendor: "acme"})
			}},
		{name: "queue-many", page: ui.PageQueue, shell: asDana, want: []string{"1,000+ requests", "1,000+ waiting", "1,000+ overdue"},
			view: func(s ui.Shell) any {
				return review.NewPage(s, cases.Queue{Total: cases.MostCounted + 1, Waiting: cases.MostCounted + 1, Overdue: cases.MostCounted + 1}, cases.QueueFilter{})
			}},
		{name: "tokens-empty", page: ui.PageTokens, shell: asDana, want: []string{"No tokens yet."},
			view: func(s ui.Shell) any { return tokens.NewListPage(s, cases.TokenList{}, cases.TokenFilter{}) }},
		{name: "tokens-none-live", page: ui.PageTokens, shell: asDana, want: []string{"No live token.", "Show ended ones"},
			view: func(s ui.Shell) any {
				return tokens.NewListPage(s, cases.TokenList{Ended: true}, cases.TokenFilter{})
			}},
		{name: "tokens-no-match", page: ui.PageTokens, shell: asDana, want: []string{"Nothing matches."},
			view: func(s ui.Shell) any {
				return tokens.NewListPage(s, cases.TokenList{}, cases.TokenFilter{Search: "helper"})
			}},
	}
}

func tokenExhibits() []exhibit {
	var out []exhibit
	add := func(name string, c cases.Case, shell func(*ui.Shell), want ...string) {
		out = append(out, exhibit{name: "token-" + name, page: tokens.PageToken, shell: shell, want: append(want, "Token “Attendance helper”"),
			view: func(s ui.Shell) any {
				return tokens.NewPage(s, cases.TokenPage{Case: c, Story: galleryLife()})
			}})
	}
	for _, st := range access.GrantStates {
		for v, shell := range map[ui.Viewer]func(*ui.Shell){ui.AsRequester: asMaya, ui.AsSponsor: asAna, ui.AsReviewer: asDana} {
			add(fmt.Sprintf("%s-%d", st, v), seenBy(galleryCase(access.Fulfilled, st, access.Revoke), v), shell)
		}
	}
	stuck := galleryCase(access.Fulfilled, access.Revoking)
	stuck.Grant.RevokingAt, stuck.Grant.Tries, stuck.Grant.Trouble = days(-0.2), 6, "mint.canvas_down"
	add("stuck", stuck, asMaya, "Still usable", "It may still work. We asked Canvas 6 times since", "delete it yourself in your Canvas settings")
	silent := galleryCase(access.Fulfilled, access.Revoking)
	silent.Grant.RevokingAt, silent.Grant.NextTry = days(-0.2), days(-0.1)
	add("stuck-no-cause", silent, asMaya, "Still usable")
	today := galleryCase(access.Fulfilled, access.Active, access.Revoke, access.Replace)
	today.Grant.Expires = days(0.3)
	add("ends-today", today, asMaya, "Ends today", "I lost it")
	over := galleryCase(access.Fulfilled, access.Active)
	over.Grant.Expires = days(-0.1)
	add("over", over, asMaya, "Its time was over")
	for _, cause := range []access.Cause{access.ByOwner, access.BySponsor, access.ByCanvas, access.ByNoReplaced, access.ByFault, access.ByAltered, access.BySuperseded} {
		c := galleryCase(access.Fulfilled, access.Revoked)
		c.Grant.Cause, c.Grant.EndedBy = cause, maya
		add("ended-"+string(cause), c, asMaya, "Confirmed in Canvas.")
	}
	for drift, says := range map[access.Drift]string{access.DriftExtended: "We set it back.", access.DriftStuck: "It is deleted on 12 Dec 2026 all the same.",
		access.DriftShortened: "It ends earlier now."} {
		c := galleryCase(access.Fulfilled, access.Active, access.Revoke)
		c.Grant.Drift, c.Grant.DriftAt = drift, days(-1)
		add("drift-"+string(drift), c, asMaya, "Active", "Changed outside", says)
	}
	revoked := galleryCase(access.Fulfilled, access.Revoked)
	add("result-revoked", revoked, func(s *ui.Shell) { asMaya(s); s.Banner = ui.ResultBanner(*s, access.Revoke, revoked) }, "Revoked. Confirmed in Canvas on")
	revoking := galleryCase(access.Fulfilled, access.Revoking)
	add("result-revoking", revoking, func(s *ui.Shell) { asMaya(s); s.Banner = ui.ResultBanner(*s, access.Revoke, revoking) }, "It may still work until Canvas confirms.")
	return out
}
