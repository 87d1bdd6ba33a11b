// Package inventory is the tokens that the tool did not make: the list, one of
// them, and what is done with several.
package inventory

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Pages of this subject, by name; the list is ui.PageUnmanaged.
const (
	PageFound = "found"
	PagePick  = "pick"
)

// Elsewhere are the pages of other subjects that lead on from here.
type Elsewhere struct {
	Request func(v *ui.Visit, status int, id string, banner func(ui.Shell, cases.Case) *ui.Banner) error
	Form    func(v *ui.Visit, draft string, banner func(ui.Shell) *ui.Banner) error
}

// Pages are the pages of this subject.
type Pages struct {
	inventory *inventory.Inventory
	to        Elsewhere
}

// New makes the pages of this subject.
func New(i *inventory.Inventory, to Elsewhere) *Pages { return &Pages{inventory: i, to: to} }

// Views implements ui.Room.
func (*Pages) Views() []ui.View {
	return []ui.View{
		{Page: ui.PageUnmanaged, File: "inventory/unmanaged", Of: ListPage{},
			Tab: &ui.Tab{Label: "nav.unmanaged", Href: ui.UnmanagedPath, For: ui.ForReviewers, Count: func(n cases.Nav) int { return n.Unmanaged }}}, {Page: PageFound, File: "inventory/found", Of: Page{}},
		{Page: PagePick, File: "inventory/pick", Of: PickPage{}},
	}
}

// Messages implements ui.Room.
func (*Pages) Messages() []string {
	out := []string{"filter.found_open", "filter.found_no_answer"}
	add := func(ids ...string) { out = append(out, ids...) }
	for _, st := range access.FoundStates {
		add("filter.found_" + string(st))
	}
	for _, t := range []string{"denied", "no_listing", "report", "file", "canvas"} {
		add("standing.inventory."+t, "standing.inventory."+t+"_first")
	}
	for _, do := range []access.Action{access.TellOwner, access.Adopt, access.Allow, access.Remove} {
		add(ui.ActKey(do), "pick."+string(do)+".h1", "pick."+string(do)+".what", "pick."+string(do)+".text", "pick."+string(do)+".text_hint")
		if pickDate[do] != "" {
			add("pick."+string(do)+".date", "pick."+string(do)+".date_hint")
		}
	}
	add(ui.ConfirmKeys("confirm.remove", "confirm.remove_other")...)
	return append(out, ui.ErrorKeys("reason.allow", "reason.remove", "review_at.range", "due_at.past", "pick.missing", "number.wrong")...)
}

// Routes implements ui.Room.
func (p *Pages) Routes(r *ui.Routes) {
	r.Get(ui.UnmanagedPath, p.openList)
	r.Both(ui.UnmanagedPath+"/check", p.openList, p.checkNow) // reload after the post, here and below
	r.Both(ui.UnmanagedPath+"/pick", p.openList, p.pickTokens)
	for do, path := range pickAddress {
		r.Both(path, p.openList, p.pickDo(do))
	}
	r.Get("/found/:id", p.open)
	r.Both("/found/:id/keep", p.open, p.keepFound)
	r.Both("/found/:id/remove", p.askRemove, p.removeFound)
	r.Both("/found/:id/disallow", p.open, p.disallow)
}
