package collect

import (
	"context"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// collectVerb is a verb of the desk whose answer is the collect page.
type collectVerb func(ctx context.Context, caller access.Caller, id string) (tokens.Collection, error)

// open shows where the collection stands. It never holds a value.
func (p *Pages) open(v *ui.Visit) error {
	c, err := p.tokens.CollectPage(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	return show(v, http.StatusOK, c, nil)
}

// collecting answers a press on the collect page: Create my token, Check again,
// or I lost it. The answer of the first is the one page that ever holds a
// value: it is rendered once, sent once, and neither logged nor kept.
func (p *Pages) collecting(do access.Action, verb collectVerb) ui.Handler {
	return func(v *ui.Visit) error {
		c, err := verb(v.Ctx(), v.Session.Caller, v.ID)
		why := access.WhyOf(err)
		switch {
		case err == nil:
			return show(v, http.StatusOK, c, func(sh ui.Shell) *ui.Banner {
				if do != access.Replace {
					return nil
				}
				return ui.ResultBanner(sh, do, c.Case)
			})
		case why == "":
			return err
		}
		c, again := p.tokens.CollectPage(v.Ctx(), v.Session.Caller, v.ID)
		if again != nil {
			return err
		}
		return show(v, ui.StatusOf(err), c, func(sh ui.Shell) *ui.Banner { return ui.RefusedBanner(sh, why, &c.Case) })
	}
}

func show(v *ui.Visit, status int, c tokens.Collection, banner func(ui.Shell) *ui.Banner) error {
	return ui.Show(v, status, PageCollect, nil, func(sh ui.Shell) Page {
		if banner != nil {
			sh.Banner = banner(sh)
		}
		return NewPage(sh, c)
	})
}

// status answers the poll of an open collect page.
func (p *Pages) status(v *ui.Visit) error {
	c, err := p.tokens.CollectPage(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	return v.Fragment(PageCollectStatus, NewStatus(v.Bare(), c))
}
