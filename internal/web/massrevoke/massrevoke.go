package massrevoke

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// planMass makes a plan: of the tokens that were ticked, or of all that match.
func (p *Pages) planMass(v *ui.Visit) error {
	choice := massrevoke.Choice{Filter: v.TokenFilter(v.Posted)}
	if v.R.PostForm.Get("do") == "chosen" {
		choice.Filter = cases.TokenFilter{}
		for _, id := range v.R.PostForm["grant"] {
			if id, err := text.Clean(id, ui.MaxID); err == nil && id != "" {
				choice.IDs = append(choice.IDs, id)
			}
		}
		if len(choice.IDs) == 0 {
			return p.showTokens(v, http.StatusUnprocessableEntity, cases.TokenFilter{}, &ui.Banner{Kind: ui.BannerWarn, ID: "mass.none_chosen"})
		}
	}
	m, err := p.massrevoke.Plan(v.Ctx(), v.Session.Caller, choice)
	var wrong *access.FormError
	switch why := access.WhyOf(err); {
	case err == nil:
		return show(v, http.StatusOK, Input{Mass: m}, nil)
	case errors.As(err, &wrong):
		return p.showTokens(v, ui.StatusOf(err), choice.Filter, &ui.Banner{Kind: ui.BannerWarn, ID: "mass.nothing_left"})
	case why == access.WhyActing || why == access.WhyUnknownActing:
		return ui.Instead(p.showTokens(v, ui.StatusOf(err), choice.Filter, ui.RefusedBanner(v.Bare(), why, nil)), err)
	}
	return err
}

func show(v *ui.Visit, status int, in Input, banner func(ui.Shell) *ui.Banner) error {
	return ui.Show(v, status, PageMass, nil, func(sh ui.Shell) Page {
		if banner != nil {
			sh.Banner = banner(sh)
		}
		return NewPage(sh, in)
	})
}

// Open is one mass revocation: a plan, its progress or its report.
func (p *Pages) Open(v *ui.Visit) error {
	m, err := p.massrevoke.Open(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	return show(v, http.StatusOK, Input{Mass: m}, nil)
}

// startMass starts a plan with the number and the reason that were typed.
func (p *Pages) startMass(v *ui.Visit) error {
	in := Input{Count: v.Posted("count")}
	var tooLong *access.FormError
	in.Reason, tooLong = v.Parting("reason")
	var err error
	if tooLong != nil {
		err = tooLong
	} else {
		in.Mass, err = p.massrevoke.Start(v.Ctx(), v.Session.Caller, v.ID, in.Count, in.Reason, v.TermsRead(ui.TermsField))
	}
	if err == nil {
		return show(v, http.StatusOK, in, func(ui.Shell) *ui.Banner { return &ui.Banner{Kind: ui.BannerInfo, ID: "mass.begun"} })
	}
	if !errors.As(err, &in.Errors) && access.WhyOf(err) == "" && !ui.IsTermsError(err) {
		return err
	}
	m, readErr := p.massrevoke.Open(v.Ctx(), v.Session.Caller, v.ID)
	if readErr != nil {
		return err
	}
	in.Mass = m
	return show(v, ui.StatusOf(err), in, func(sh ui.Shell) *ui.Banner {
		if b := ui.TermsBanner(access.MassTerms(m.Mass).Check(v.TermsRead(ui.TermsField)), in.Reason != ""); b != nil && m.State == access.MassPlanned {
			return b
		}
		if why := access.WhyOf(err); why != "" {
			return ui.RefusedBanner(sh, why, nil)
		}
		return nil
	})
}

// massStatus answers the poll of a running one.
func (p *Pages) massStatus(v *ui.Visit) error {
	m, err := p.massrevoke.Open(v.Ctx(), v.Session.Caller, v.ID)
	if err != nil {
		return err
	}
	return v.Fragment(PageMassStatus, NewEnd(v.Bare(), m))
}

// openList is the list of mass revocations.
func (p *Pages) openList(v *ui.Visit) error {
	all, err := p.massrevoke.List(v.Ctx(), v.Session.Caller)
	if err != nil {
		return err
	}
	return ui.Show(v, http.StatusOK, PageMasses, nil, func(sh ui.Shell) ListPage { return NewListPage(sh, all) })
}

// exportMass answers with every token of a mass revocation and its proof.
func (p *Pages) exportMass(v *ui.Visit) error {
	sh := v.Shell(nil)
	head := make([]string, 0, 12)
	for _, id := range []string{"csv.token", "csv.title", "csv.request", "csv.owner", "csv.owner_id", "csv.sponsor", "csv.canvas_id", "csv.outcome", "csv.ended", "csv.proof", "csv.tries"} {
		head = append(head, sh.T(id))
	}
	return v.Download("mass-revocation", head, func(row func(...string) error) error {
		return p.massrevoke.Report(v.Ctx(), v.Session.Caller, v.ID, func(r massrevoke.Row) error {
			return row(r.Grant.ID, r.Grant.Title, r.Code, r.Owner, r.Grant.CanvasUser, r.Sponsor, r.Grant.CanvasID,
				sh.T("mass.item_"+string(r.Item.State)), ui.StampCSV(r.Item.EndedAt), r.Item.Proof, strconv.Itoa(r.Item.Tries))
		})
	})
}
