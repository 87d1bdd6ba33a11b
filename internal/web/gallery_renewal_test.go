package web

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/sponsorships"
	"github.com/tokendesk/tokendesk/internal/web/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// renewalExhibits are the pages of renewals and of sponsors who change.
func renewalExhibits() []exhibit {
	renewable := galleryCase(access.Fulfilled, access.Active, access.Renew, access.Revoke)
	renewable.Grant.Expires = days(6)
	drafted := renewable
	draft := galleryRequest(access.Draft)
	drafted.Renewal = &draft
	renewing := galleryCase(access.Fulfilled, access.Active, access.Revoke)
	open := galleryRequest(access.InReview)
	open.ID, open.Number, open.Renews = "req_2", 9, renewing.Grant.ID
	renewing.Renewal = &open
	retiring := galleryCase(access.Fulfilled, access.Active, access.Revoke)
	retiring.Grant.RetireAt, retiring.Grant.Successor = days(2.5), "grt_2"
	gap := galleryCase(access.Fulfilled, access.Active, access.NameNext, access.Revoke)
	gap.Grant.Sponsor, gap.Grant.GapUntil = "", days(9)
	waiting := gap
	waiting.Grant = galleryGrant(access.Active)
	waiting.Grant.Sponsor, waiting.Grant.SponsorAsked, waiting.Grant.GapUntil = "", layla, days(9)
	asked := seenBy(waiting, ui.AsSponsor)
	asked.Can = map[access.Action]bool{access.TakeOver: true, access.TurnDown: true}
	stands := seenBy(galleryCase(access.Fulfilled, access.Active, access.EndSponsor, access.Revoke), ui.AsSponsor)
	misused := &access.FormError{Fields: []access.FieldError{{Field: "reason", Code: "reason.misuse"}}}

	form := galleryForm()
	form.Answers = galleryAnswers()
	form.Answers.Set("end")
	form.Answers.Set("accepted")
	form.Draft = galleryRequest(access.Draft)
	form.Draft.Renews = "grt_1"
	wrong := &access.FormError{Fields: []access.FieldError{{Field: "end", Code: "end.missing"}}}

	evidence := func(c cases.Case, change func(*cases.Evidence)) cases.CasePage {
		c.Request.Renews = "grt_1"
		p := galleryCasePage(c)
		p.Evidence = &cases.Evidence{Of: *galleryGrant(access.Active), IdleDays: 1, Until: days(300), CourseRead: true, CourseEnd: days(7)}
		change(p.Evidence)
		return p
	}
	token := func(name string, c cases.Case, shell func(*ui.Shell), want ...string) exhibit {
		return exhibit{name: "token-" + name, page: tokens.PageToken, shell: shell, want: want,
			view: func(s ui.Shell) any { return tokens.NewPage(s, cases.TokenPage{Case: c, Story: galleryLife()}) }}
	}
	page := func(name string, p cases.CasePage, shell func(*ui.Shell), want ...string) exhibit {
		return exhibit{name: "case-" + name, page: requests.PageCase, shell: shell, want: want, view: func(s ui.Shell) any { return requests.NewCasePage(s, p, requests.PanelInput{}) }}
	}
	ask := func(name string, in confirmInput, want ...string) exhibit {
		return exhibit{name: "confirm-" + name, page: ui.PageConfirm, shell: asAna, want: want, view: func(s ui.Shell) any { return confirmPage(s, in) }}
	}
	choose := func(name string, teachers []authority.Teacher, want ...string) exhibit {
		return exhibit{name: "choose-" + name, page: ui.PageSponsor, shell: asMaya, want: want, view: func(s ui.Shell) any {
			return ui.NewSponsorPage(s, tokens.SponsorChoice(s, gap, teachers), ui.SponsorInput{})
		}}
	}
	review := seenBy(galleryCase(access.InReview, "", access.Claim, access.Approve, access.Deny), ui.AsReviewer)
	endorse := seenBy(galleryCase(access.AwaitingSponsor, "", access.Endorse, access.Decline), ui.AsSponsor)
	return []exhibit{
		homeOf("renewable", cases.Home{Tokens: []cases.Case{numbered(renewable, 5, "")}}, asMaya, "Renew", "Ends in 6 days"),
		homeOf("renewing", cases.Home{Tokens: []cases.Case{numbered(renewing, 5, "")}}, asMaya, "Renewal", "Keeps working while the renewal is in review.", "Open the renewal"),
		homeOf("gap", cases.Home{NeedsYou: []cases.Case{numbered(gap, 5, "")}}, asMaya, "Sponsor needed", "Choose a sponsor"),
		homeOf("retiring", cases.Home{Tokens: []cases.Case{numbered(retiring, 5, "")}}, asMaya, "Being replaced", "This one stops on"),
		token("renewable", renewable, asMaya, "Renew"),
		token("renewal-drafted", drafted, asMaya, "Renew"),
		token("renewing", renewing, asMaya, "Open the renewal"),
		token("retiring", retiring, asMaya, "Being replaced"),
		token("gap", gap, asMaya, "Choose a sponsor", "None now"),
		token("gap-asked", waiting, asMaya, "was asked to take over"),
		token("stands", stands, asAna, "End sponsorship"),
		page("asked", galleryCasePage(asked), asAna, "What you confirm", "Take over", "Turn down", "asks you to take over as sponsor"),
		page("evidence", evidence(review, func(*cases.Evidence) {}), asDana, "1 day without use", "Still teaches", "at most until"),
		page("evidence-worst", evidence(review, func(e *cases.Evidence) {
			e.Of.LastUsedAt, e.IdleDays, e.CourseEnd, e.SponsorWhy = days(-99).AddDate(-9, 0, 0), 40, days(-3), access.WhyNotTeaching
		}), asDana, "40 days without use", "Ended on", "No longer teaches"),
		page("evidence-unread", evidence(review, func(e *cases.Evidence) { e.CourseRead, e.SponsorWhy = false, access.WhyCanvas }), asDana, "Canvas did not tell"),
		page("evidence-sponsor", evidence(endorse, func(e *cases.Evidence) { e.Of.Sponsor, e.Of.GapUntil = "", days(3) }), asAna, "The token so far", "It has no sponsor now"),
		ask("end-sponsorship-request", confirmInput{Do: access.EndSponsor, Case: seenBy(galleryCase(access.Approved, "", access.EndSponsor), ui.AsSponsor)},
			"goes back to Maya Chen", "End sponsorship", "Keep sponsorship"),
		ask("end-sponsorship", confirmInput{Do: access.EndSponsor, Case: stands}, "keeps working for 14 days so", "Report misuse", "Keep sponsorship"),
		ask("misuse", confirmInput{Do: tokens.Misuse, Case: stands, Errors: misused}, "Report misuse of", "Write what happened"),
		choose("token", galleryForm().Teachers, "Ask this sponsor", "Without one by"),
		choose("token-none", nil, "Canvas lists no teacher"),
		formOf("renewal", requests.FormInput{Form: form}, asMaya, "Your answers from last time", "End date"),
		formOf("renewal-errors", requests.FormInput{Form: form, Errors: wrong}, asMaya, "Choose an end date."),
		{name: "sponsorships-asked", page: ui.PageSponsorships, shell: asAna, want: []string{"Waiting for you (1)", "asks you to take over as sponsor"},
			view: func(s ui.Shell) any {
				return sponsorships.NewPage(s, cases.Sponsorships{Waiting: []cases.Case{asked}, Standing: []cases.Case{stands}, WaitingAt: cases.Span{From: 1, Total: 1}, StandingAt: cases.Span{From: 1, Total: 1}})
			}},
	}
}
