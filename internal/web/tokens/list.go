package tokens

import (
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// openList is the list of all tokens.
func (p *Pages) openList(v *ui.Visit) error {
	return p.ShowList(v, http.StatusOK, v.TokenFilter(v.Query), nil)
}

// ShowList is the list with a filter that is set already, and a banner if there is one.
func (p *Pages) ShowList(v *ui.Visit, status int, f cases.TokenFilter, banner *ui.Banner) error {
	l, err := p.cases.Tokens(v.Ctx(), v.Session.Caller, f)
	if errors.Is(err, access.ErrInvalid) { // an address that was changed by hand
		f = cases.TokenFilter{}
		l, err = p.cases.Tokens(v.Ctx(), v.Session.Caller, f)
	}
	if err != nil {
		return err
	}
	return ui.Show(v, status, ui.PageTokens, nil, func(sh ui.Shell) ListPage {
		if banner != nil {
			sh.Banner = banner
		}
		return NewListPage(sh, l, f)
	})
}

// exportTokens answers with every token that the filter selects, as a file.
func (p *Pages) exportTokens(v *ui.Visit) error {
	f := v.TokenFilter(v.Posted)
	sh := v.Shell(nil)
	head := make([]string, 0, 16)
	for _, id := range []string{"csv.token", "csv.title", "csv.request", "csv.owner", "csv.owner_id", "csv.role", "csv.course", "csv.sponsor", "csv.status",
		"csv.made", "csv.ends", "csv.last_used", "csv.ended", "csv.vendor", "csv.ai", "csv.canvas_id"} {
		head = append(head, sh.T(id))
	}
	return v.Download("tokens", head, func(row func(...string) error) error {
		return p.cases.ExportTokens(v.Ctx(), v.Session.Caller, f, func(c cases.Case) error {
			g, r := *c.Grant, c.Request
			sponsor := ""
			if g.Sponsor != "" {
				sponsor = c.Name(g.Sponsor)
			}
			course := r.Course.Code
			if course == "" {
				course = r.Course.Name
			}
			return row(g.ID, sh.CaseTitle(c), r.Code(), c.Name(g.Owner), g.CanvasUser, sh.Affiliation(r.Affiliation), course, sponsor,
				sh.T(grantStateKey(g.State)), ui.StampCSV(g.ShownAt), ui.StampCSV(g.EndsAt()), ui.StampCSV(g.LastUsedAt), ui.StampCSV(g.EndedAt),
				r.Answers.Text(policy.KeyMakerName), r.Answers.Text(policy.KeyAI), g.CanvasID)
		})
	})
}
