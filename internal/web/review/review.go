package review

import (
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// Open is the review queue.
func (p *Pages) Open(v *ui.Visit) error {
	f := cases.QueueFilter{
		Status: access.RequestState(v.Query("status")), Affiliation: policy.Affiliation(v.Query("role")),
		Maker: v.Query("maker"), AI: v.Query("ai"), Search: v.Query("q"), After: v.Query("after"),
	}
	q, err := p.cases.Queue(v.Ctx(), v.Session.Caller, f)
	if errors.Is(err, access.ErrInvalid) { // an address that was changed by hand
		f = cases.QueueFilter{}
		q, err = p.cases.Queue(v.Ctx(), v.Session.Caller, f)
	}
	if err != nil {
		return err
	}
	return ui.Show(v, http.StatusOK, ui.PageQueue, nil, func(sh ui.Shell) Page { return NewPage(sh, q, f) })
}
