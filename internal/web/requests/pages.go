// Package requests is one request: its form, its page, and what its requester,
// its sponsor and its reviewers do there.
package requests

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Pages of this subject, by name.
const (
	PageForm  = "form"
	PageCase  = "case"
	PageSaved = "kept" // fragment: the autosave's answer
)

// List shows a list that somebody goes back to, with what was done above it.
type List func(v *ui.Visit, banner *ui.Banner) error

// Pages are the pages of this subject.
type Pages struct {
	cases                      *cases.Cases
	requests                   *requests.Requests
	showHome, showSponsorships List
}

// New makes the pages of this subject. home and sponsorships are shown to who has
// no part in a request any more.
func New(c *cases.Cases, r *requests.Requests, home, sponsorships List) *Pages {
	return &Pages{cases: c, requests: r, showHome: home, showSponsorships: sponsorships}
}

// Views implements ui.Room.
func (*Pages) Views() []ui.View {
	return []ui.View{
		{Page: PageForm, File: "requests/form", Of: FormPage{}}, {Page: PageCase, File: "requests/case", Of: CasePage{}},
		{Page: PageSaved, File: "requests/kept", Of: SavedLine{}},
	}
}

// Messages implements ui.Room.
func (*Pages) Messages() []string {
	var out []string
	add := func(ids ...string) { out = append(out, ids...) }
	for _, section := range policy.Sections {
		add("form.section_" + string(section))
	}
	for _, q := range policy.BuiltInQuestions() {
		add("form." + q.Key)
		for _, o := range q.Options {
			add(ui.ChoiceKey(q.Key, o.Key))
		}
	}
	for _, w := range []access.Why{access.WhySelf, access.WhySponsorDecides, access.WhyOtherPerson, access.WhySecondPerson, ""} {
		add(blockedKey(w))
	}
	for _, cause := range []policy.EndCause{policy.CauseRole, policy.CauseCourse, policy.CauseCanvas, policy.CauseTotal} {
		add("form.end_hint_"+string(cause), "form.latest_"+string(cause))
	}
	for _, do := range []access.Action{access.Withdraw, access.Rescind, access.Discard, access.Replace} {
		add(ui.ActKey(do))
	}
	add(ui.ConfirmKeys("confirm.withdraw", "confirm.rescind", "confirm.rescind_keep", "confirm.discard", "confirm.replace")...)
	add(ui.ErrorKeys(access.FormCodes...)...)
	return append(out, ui.ErrorKeys("sponsor.too_many", "end.ambiguous", "end.only_shorter", "reason.decline", "reason.deny", "reason.rescind",
		"alternative.missing", "alternative.text")...)
}

// Routes implements ui.Room. {id} is the code of a numbered request, else its id.
//
//	GET  /requests/req_…                      go on with a draft
//	POST /requests                            do=submit | draft | find; hidden draft (see FormInput)
//	POST /requests/keep                       the same fields, by the script; answered with NewSavedLine
//	GET  /requests/{id}/withdraw, rescind, replace, discard   confirm pages; POST to the same address does it
//	GET  /requests/{id}/sponsor               choose another sponsor; POST: field sponsor, do=choose, or do=find with q
//	POST /requests/{id}/refile                answered with the form of the new draft
func (p *Pages) Routes(r *ui.Routes) {
	r.Get("/requests/new", p.openForm)
	r.Get("/requests", func(v *ui.Visit) error { return p.showHome(v, nil) }) // reload after a form was sent by the browser itself
	r.Post("/requests", p.postRequest)
	r.Save("/requests/keep", p.saveTyped, saveFailed)
	r.Get("/requests/:id", p.Open)

	for _, do := range []access.Action{access.Withdraw, access.Rescind} {
		r.Both("/requests/:id/"+string(do), p.asks(do), p.move(do))
	}
	for _, do := range []access.Action{access.Endorse, access.Decline, access.Claim, access.Release, access.Approve, access.Deny} {
		r.Both("/requests/:id/"+string(do), p.Open, p.move(do)) // reload after the post
	}
	r.Both("/requests/:id/end-sponsorship", p.asks(access.EndSponsor), p.leaveRequest)
	r.Both("/requests/:id/discard", p.asks(access.Discard), p.discard)
	r.Both("/requests/:id/refile", p.Open, p.refile) // reload after the post
	r.Both("/requests/:id/sponsor", p.askSponsor, p.postSponsor)
	r.Get("/requests/:id/replace", p.asks(access.Replace)) // which collect does
}
