package inventory

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// NewRemovePage asks before a token that the tool did not make is deleted.
func NewRemovePage(s ui.Shell, c inventory.FoundPage, reason string, wrong *access.FormError) ui.ConfirmPage {
	f := c.Found
	id, current := "confirm.remove", ui.PageHome
	if !c.Own {
		id, current = "confirm.remove_other", ui.PageUnmanaged
	}
	args := []any{"Title", ui.FoundPurpose(s, f), "Owner", ui.FoundOwner(s, c.FoundCase)}
	s.Asks = true
	p := ui.ConfirmPage{Frame: ui.NewFrame(s, current, s.T(id+".h1", args...), ui.FoundPath(f, "/remove")), Action: ui.FoundPath(f, "/remove")}
	p.SetErrors(wrong)
	p.What = []template.HTML{s.H(id+".what", args...), s.H(id+".stays", args...)}
	p.Keep = s.GoTo(ui.Secondary, "confirm.keep_token", ui.FoundPath(f, ""))
	p.Do = s.Submit(ui.DangerFill, "act.remove_one", "", "")
	if !c.Own {
		r := s.PanelArea("reason", "confirm.reason", reason, s.ErrorsOf(wrong))
		r.Hint, r.Required = s.H("confirm.reason_hint", "Requester", ui.FoundOwner(s, c.FoundCase)), true
		p.Reason = &r
	}
	return p
}
