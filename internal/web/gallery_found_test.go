package web

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	deskinventory "github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/inventory"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

func galleryAllow(by access.PersonID) access.Vote {
	return access.Vote{Stage: 1, Part: access.AsReviewer, Person: by, Verdict: access.Yes, At: days(-1), Reason: "Service account of the library.", End: days(180)}
}

// galleryFound is a token that the tool did not make, in a state, with what its
// lifecycle would have set on its way there.
func galleryFound(st access.FoundState, change ...func(*cases.FoundCase)) cases.FoundCase {
	c := cases.FoundCase{Policy: policy.BuiltIn(), Found: access.Found{ID: "fnd_" + string(st), Tenant: "ten_1", Version: 2, State: st, CanvasUser: "44", CanvasID: "901", OwnerName: "Tom Becker",
		Hint: "BbCcD", Purpose: "grade export script", MadeAt: days(-90), Expires: days(40), LastUsedAt: days(-2), FoundAt: days(-3), SeenAt: days(-0.3), UpdatedAt: days(-1)},
		Names: galleryNames, Can: map[access.Action]bool{}}
	switch st {
	case access.FoundTold:
		c.ToldAt, c.DueAt = days(-2), days(28)
	case access.FoundAllowing:
		c.ReviewAt, c.Votes = days(180), access.Votes{galleryAllow(ana)}
	case access.FoundAllowed:
		c.ReviewAt, c.Votes = days(180), access.Votes{galleryAllow(ana), {Stage: 1, Part: access.AsReviewer, Person: dana, Verdict: access.Yes, At: days(-0.5)}}
	case access.FoundRemoving:
		c.EndedBy, c.RemovingAt, c.Tries, c.NextTry = dana, days(-0.1), 3, days(0.01)
	case access.FoundRemoved, access.FoundGone, access.FoundAdopted:
		c.EndedBy, c.EndedAt = dana, days(-0.5)
	}
	for _, do := range []access.Action{access.TellOwner, access.AskToKeep, access.Allow, access.Remove, access.Disallow} {
		c.Can[do] = access.CanFound(c.Found, do, access.Actor{Person: dana, Reviewer: true})
	}
	c.Reviewer = true
	for _, f := range change {
		f(&c)
	}
	return c
}

func ownFound(c *cases.FoundCase) {
	c.Own, c.Reviewer, c.Owner = true, false, maya
	for do := range c.Can {
		c.Can[do] = access.CanFound(c.Found, do, access.Actor{Person: maya})
	}
}

func foundExhibits() []exhibit {
	never := func(c *cases.FoundCase) {
		c.ID, c.Expires, c.AccountRole, c.Purpose, c.LastUsedAt = "fnd_never", time0, true, "Panda Planner nightly", time0
	}
	asked := func(c *cases.FoundCase) {
		r := galleryRequest(access.InReview)
		c.ID, c.Request, c.Asked = "fnd_asked", &r, true
	}
	late := func(c *cases.FoundCase) { c.ID, c.DueAt = "fnd_late", days(-1) }
	list := deskinventory.Unmanaged{Total: 31, From: 1, Next: "25~x", CheckedAt: days(-0.3), Tokens: 18402, Ours: 128,
		Rows:      []cases.FoundCase{galleryFound(access.FoundNew, never), galleryFound(access.FoundTold), galleryFound(access.FoundTold, asked), galleryFound(access.FoundTold, late), galleryFound(access.FoundAllowing), galleryFound(access.FoundRemoving)},
		Campaigns: []deskinventory.CampaignView{{ID: "cam_1", StartedAt: days(-2), StartedBy: "Dana Ortiz", DueAt: days(28), People: 9, Told: 12, Asked: 2, Adopted: 3, Removed: 4, Silent: 3}}}
	page := func(name string, l deskinventory.Unmanaged, f deskinventory.FoundFilter, want ...string) exhibit {
		return exhibit{name: "unmanaged-" + name, page: ui.PageUnmanaged, shell: asDana, want: append(want, "Unmanaged tokens", "Check now"),
			view: func(s ui.Shell) any { return inventory.NewListPage(s, l, f) }}
	}
	with := func(change func(*deskinventory.Unmanaged)) deskinventory.Unmanaged {
		l := list
		l.Campaigns = append([]deskinventory.CampaignView{}, l.Campaigns...)
		change(&l)
		return l
	}
	out := []exhibit{
		page("full", list, deskinventory.FoundFilter{}, "Notify owners", "Adopt", "Allow-list", "Remove", "Never ends", "Canvas admin", "Select “Panda Planner nightly”, Tom Becker",
			"Asked to keep", "No answer", "Second person needed", "Last full check", "18,402 tokens in Canvas.", "Days left", "Showing 1–6 of 31"),
		page("filtered", list, deskinventory.FoundFilter{Status: deskinventory.NoAnswer, NeverEnds: true, Admins: true, Search: "helper", After: "x"}, "Remove filter: No answer", "Remove filter: Never ends", "Remove filter: Canvas admins"),
		page("empty", deskinventory.Unmanaged{CheckedAt: days(-0.3), Tokens: 128, Ours: 128}, deskinventory.FoundFilter{}, "Every token in Canvas was requested here."),
		page("unchecked", deskinventory.Unmanaged{}, deskinventory.FoundFilter{}, "No full check yet.", "Nobody has looked yet."),
		page("no-match", deskinventory.Unmanaged{CheckedAt: days(-0.3)}, deskinventory.FoundFilter{Search: "helper"}, "Nothing matches."),
		page("running", with(func(l *deskinventory.Unmanaged) { l.RunningSince = days(-0.001) }), deskinventory.FoundFilter{}, "A full check runs"),
		page("stale", with(func(l *deskinventory.Unmanaged) { l.CheckedAt = days(-3) }), deskinventory.FoundFilter{}, "Newer tokens are not listed yet."),
		page("over", with(func(l *deskinventory.Unmanaged) { l.Campaigns[0].DueAt = days(-2) }), deskinventory.FoundFilter{}),
	}
	for _, why := range []string{"denied", "no_listing", "report", "file", "canvas"} {
		out = append(out, page("failed-"+why, with(func(l *deskinventory.Unmanaged) { l.FailedAt, l.Trouble = days(-0.1), "inventory."+why }), deskinventory.FoundFilter{}, "is from"),
			page("failed-first-"+why, deskinventory.Unmanaged{FailedAt: days(-0.1), Trouble: "inventory." + why}, deskinventory.FoundFilter{}, "No full check yet."))
	}
	one := func(name string, c cases.FoundCase, shell func(*ui.Shell), want ...string) {
		story := []cases.StoryStep{{At: days(-3), Action: audit.FoundDiscover, To: "found"}, {At: days(-2), Actor: "Dana Ortiz", Action: audit.FoundTellOwner, To: "told"}}
		out = append(out, exhibit{name: "found-" + name, page: inventory.PageFound, shell: shell, want: append(want, "Unmanaged token “"),
			view: func(s ui.Shell) any { return inventory.NewPage(s, deskinventory.FoundPage{FoundCase: c, Story: story}) }})
	}
	for _, st := range access.FoundStates {
		one(string(st), galleryFound(st), asDana)
		one(string(st)+"-own", galleryFound(st, ownFound), asMaya)
	}
	one("told-own-words", galleryFound(access.FoundTold, ownFound), asMaya, "Your answer", "Ask to keep it", "Remove it", "Your school asks whether you still need it.")
	one("marker", galleryFound(access.FoundNew, func(c *cases.FoundCase) { c.Marker = "grt_X" }), asDana, "It may come from a backup or from a copy of Canvas.")
	one("unproven", galleryFound(access.FoundNew, func(c *cases.FoundCase) { c.Trouble = "found.unproven" }), asDana, "does not prove that it is gone")
	rows := []cases.FoundCase{galleryFound(access.FoundNew, never), galleryFound(access.FoundTold), galleryFound(access.FoundGone)}
	for do, want := range map[access.Action]string{access.TellOwner: "What owners read", access.Adopt: "1 request is begun", access.Allow: "It takes two people.", access.Remove: "Type 2 to confirm"} {
		wrong := &access.FormError{}
		wrong.Add("pick", "pick.missing", nil)
		if do == access.Remove {
			wrong.Add("number", "number.wrong", map[string]any{"Number": 2})
		}
		asks := apart(rows)
		if do == access.Adopt {
			asks[0].Can[access.AskToKeep] = false // an admin's
		}
		out = append(out,
			exhibit{name: "pick-" + string(do), page: inventory.PagePick, shell: asDana, want: []string{want, "left out"}, view: func(s ui.Shell) any { return inventory.NewPickPage(s, inventory.PickInput{Do: do, Rows: asks}) }},
			exhibit{name: "pick-" + string(do) + "-wrong", page: inventory.PagePick, shell: asDana, want: []string{"There is a problem", "Tick at least one token."},
				view: func(s ui.Shell) any {
					return inventory.NewPickPage(s, inventory.PickInput{Do: do, Rows: asks, Chosen: map[string]bool{}, Date: "next year", Text: galleryReason, Number: "7", Errors: wrong})
				}})
	}
	second := []cases.FoundCase{galleryFound(access.FoundAllowing)}
	wish := galleryCase(access.Approved, "")
	wish.Request.Adopts = "fnd_1"
	f := galleryFound(access.FoundTold).Found
	wish.Found = &f
	draft := galleryForm()
	draft.Keeps = &f
	gone := wish
	gone.Request.State, gone.Request.ClosedAt = access.Lapsed, days(-0.1)
	return append(out,
		exhibit{name: "pick-allow-second", page: inventory.PagePick, shell: asDana, want: []string{"Ana Ruiz wants it on the allow-list", "Allow-list"}, never: []string{"Review date"},
			view: func(s ui.Shell) any {
				return inventory.NewPickPage(s, inventory.PickInput{Do: access.Allow, Rows: second})
			}},
		exhibit{name: "pick-stale", page: inventory.PagePick, shell: asDana, want: []string{"open Tokendesk again from the Canvas menu"},
			view: func(s ui.Shell) any {
				return inventory.NewPickPage(s, inventory.PickInput{Do: access.TellOwner, Rows: rows, Refused: access.WhyStale})
			}},
		exhibit{name: "confirm-remove", page: ui.PageConfirm, shell: asMaya, want: []string{"Remove “grade export script”?", "Keep token", "Remove it"},
			view: func(s ui.Shell) any {
				return ui.NewConfirmPage(s, inventory.Confirmation(s, deskinventory.FoundPage{FoundCase: galleryFound(access.FoundTold, ownFound)}, ""), nil)
			}},
		exhibit{name: "confirm-remove-other", page: ui.PageConfirm, shell: asDana, want: []string{"Tom Becker is told why."},
			view: func(s ui.Shell) any {
				return ui.NewConfirmPage(s, inventory.Confirmation(s, deskinventory.FoundPage{FoundCase: galleryFound(access.FoundNew)}, ""), nil)
			}},
		exhibit{name: "case-keeps-approved", page: requests.PageCase, shell: asMaya, want: []string{"Keeps a token that exists", "Nothing is to be collected"}, never: []string{"Collect token", "Ready to collect"},
			view: func(s ui.Shell) any { return requests.NewCasePage(s, galleryCasePage(wish), requests.PanelInput{}) }},
		exhibit{name: "case-keeps-lapsed", page: requests.PageCase, shell: asMaya, want: []string{"could not be kept"},
			view: func(s ui.Shell) any { return requests.NewCasePage(s, galleryCasePage(gone), requests.PanelInput{}) }},
		exhibit{name: "form-keeps", page: requests.PageForm, shell: asMaya, want: []string{"Keeps a token that exists", "nothing is to be collected"},
			view: func(s ui.Shell) any { return requests.NewFormPage(s, requests.FormInput{Form: draft}) }},
		homeOf("found", cases.Home{Found: []cases.FoundCase{galleryFound(access.FoundTold, ownFound), galleryFound(access.FoundRemoving, ownFound)}, Progress: []cases.Case{wish}}, asMaya,
			"Needs you", "A token made outside Tokendesk.", "Answer by", "Ask to keep it", "Remove it", "Approved"),
		homeOf("self-made", cases.Home{}, func(s *ui.Shell) { asDana(s); s.Nav.SelfService, s.Nav.SelfMade, s.Nav.Unmanaged = true, days(-2), 3 },
			"People can still make tokens in Canvas by themselves. One was made on 19 Nov 2026.", "Unmanaged tokens (3)"),
	)
}

// apart copies cases so that each exhibit has buttons of its own.
func apart(cs []cases.FoundCase) []cases.FoundCase {
	out := make([]cases.FoundCase, len(cs))
	for i, c := range cs {
		can := map[access.Action]bool{}
		for do, yes := range c.Can {
			can[do] = yes
		}
		c.Can = can
		out[i] = c
	}
	return out
}
