package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// tokenFilter reads the filter of the Tokens page from an address or a form.
func (v *visit) tokenFilter(get func(name string) string) workflow.TokenFilter {
	f := workflow.TokenFilter{
		Status: access.GrantState(get("status")), Affiliation: policy.Affiliation(get("role")), AI: get("ai"), Course: get("course"),
		Sponsor: get("sponsor"), Vendor: get("vendor"), Search: get("q"), After: get("after"),
	}
	f.EndsBefore = readDate(get("ends_before"), v.sess.Locale, v.words).end(v.words.Zone())
	if n, err := strconv.Atoi(get("idle_days")); err == nil && n > 0 {
		f.IdleDays = n
	}
	return f
}

// posted reads one line of the post, cleaned as everything typed is.
func (v *visit) posted(name string) string {
	s, err := text.Clean(v.r.PostForm.Get(name), maxSearch)
	if err != nil {
		return ""
	}
	return s
}

// tokens is the list of all tokens.
func tokens(v *visit) error { return v.tokens(http.StatusOK, v.tokenFilter(v.query), nil) }

func (v *visit) tokens(status int, f workflow.TokenFilter, banner *Banner) error {
	l, err := v.kit.work.Tokens(v.ctx(), v.sess.Caller, f)
	if errors.Is(err, access.ErrInvalid) { // an address that was changed by hand
		f = workflow.TokenFilter{}
		l, err = v.kit.work.Tokens(v.ctx(), v.sess.Caller, f)
	}
	if err != nil {
		return err
	}
	return show(v, status, PageTokens, nil, func(sh Shell) TokensPage {
		if banner != nil {
			sh.Banner = banner
		}
		return NewTokensPage(sh, l, f)
	})
}

// exportTokens answers with every token that the filter selects, as a file.
func exportTokens(v *visit) error {
	f := v.tokenFilter(v.posted)
	sh := v.shell(nil)
	head := make([]string, 0, 16)
	for _, id := range []string{"csv.token", "csv.title", "csv.request", "csv.owner", "csv.owner_id", "csv.role", "csv.course", "csv.sponsor", "csv.status",
		"csv.made", "csv.ends", "csv.last_used", "csv.ended", "csv.vendor", "csv.ai", "csv.canvas_id"} {
		head = append(head, sh.T(id))
	}
	return v.download("tokens", head, func(row func(...string) error) error {
		return v.kit.work.ExportTokens(v.ctx(), v.sess.Caller, f, func(c workflow.Case) error {
			g, r := *c.Grant, c.Request
			sponsor := ""
			if g.Sponsor != "" {
				sponsor = c.Name(g.Sponsor)
			}
			course := r.Course.Code
			if course == "" {
				course = r.Course.Name
			}
			return row(g.ID, sh.title(c), r.Code(), c.Name(g.Owner), g.CanvasUser, sh.affiliation(r.Affiliation), course, sponsor,
				sh.T(grantStateKey(g.State)), stampCSV(g.ShownAt), stampCSV(g.EndsAt()), stampCSV(g.LastUsedAt), stampCSV(g.EndedAt),
				r.Answers.Text(policy.KeyMakerName), r.Answers.Text(policy.KeyAI), g.CanvasID)
		})
	})
}

// planMass makes a plan: of the tokens that were ticked, or of all that match.
func planMass(v *visit) error {
	choice := workflow.MassChoice{Filter: v.tokenFilter(v.posted)}
	if v.r.PostForm.Get("do") == "chosen" {
		choice.Filter = workflow.TokenFilter{}
		for _, id := range v.r.PostForm["grant"] {
			if id, err := text.Clean(id, maxID); err == nil && id != "" {
				choice.IDs = append(choice.IDs, id)
			}
		}
		if len(choice.IDs) == 0 {
			return v.tokens(http.StatusUnprocessableEntity, workflow.TokenFilter{}, &Banner{Kind: BannerWarn, ID: "mass.none_chosen"})
		}
	}
	m, err := v.kit.work.PlanMass(v.ctx(), v.sess.Caller, choice)
	var wrong *access.FormError
	switch why := access.WhyOf(err); {
	case err == nil:
		return v.mass(http.StatusOK, MassInput{Mass: m}, nil)
	case errors.As(err, &wrong):
		return v.tokens(statusOf(err), choice.Filter, &Banner{Kind: BannerWarn, ID: "mass.nothing_left"})
	case why == access.WhyActing || why == access.WhyUnknownActing:
		if v.tokens(statusOf(err), choice.Filter, RefusedBanner(v.shell(nil), why, nil)) == nil {
			return nil
		}
	}
	return err
}

func (v *visit) mass(status int, in MassInput, banner func(Shell) *Banner) error {
	return show(v, status, PageMass, nil, func(sh Shell) MassView {
		if banner != nil {
			sh.Banner = banner(sh)
		}
		return NewMassView(sh, in)
	})
}

// openMass is one mass revocation: a plan, its progress or its report.
func openMass(v *visit) error {
	m, err := v.kit.work.Mass(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	return v.mass(http.StatusOK, MassInput{Mass: m}, nil)
}

// startMass starts a plan with the number and the reason that were typed.
func startMass(v *visit) error {
	in := MassInput{Count: v.posted("count")}
	var tooLong *access.FormError
	in.Reason, tooLong = v.parting("reason")
	var err error
	if tooLong != nil {
		err = tooLong
	} else {
		in.Mass, err = v.kit.work.StartMass(v.ctx(), v.sess.Caller, v.id, in.Count, in.Reason, v.read(termsField))
	}
	if err == nil {
		return v.mass(http.StatusOK, in, func(Shell) *Banner { return &Banner{Kind: BannerInfo, ID: "mass.begun"} })
	}
	if !errors.As(err, &in.Errors) && access.WhyOf(err) == "" && !isTermsError(err) {
		return err
	}
	m, readErr := v.kit.work.Mass(v.ctx(), v.sess.Caller, v.id)
	if readErr != nil {
		return err
	}
	in.Mass = m
	return v.mass(statusOf(err), in, func(sh Shell) *Banner {
		if b := termsBanner(access.MassTerms(m.Mass).Check(v.read(termsField)), in.Reason != ""); b != nil && m.State == access.MassPlanned {
			return b
		}
		if why := access.WhyOf(err); why != "" {
			return RefusedBanner(sh, why, nil)
		}
		return nil
	})
}

// massStatus answers the poll of a running one.
func massStatus(v *visit) error {
	m, err := v.kit.work.Mass(v.ctx(), v.sess.Caller, v.id)
	if err != nil {
		return err
	}
	return v.fragment(PageMassStatus, NewMassEnd(v.bare(), m))
}

// masses is the list of mass revocations.
func masses(v *visit) error {
	all, err := v.kit.work.Masses(v.ctx(), v.sess.Caller)
	if err != nil {
		return err
	}
	return show(v, http.StatusOK, PageMasses, nil, func(sh Shell) MassesView { return NewMassesView(sh, all) })
}

// exportMass answers with every token of a mass revocation and its proof.
func exportMass(v *visit) error {
	sh := v.shell(nil)
	head := make([]string, 0, 12)
	for _, id := range []string{"csv.token", "csv.title", "csv.request", "csv.owner", "csv.owner_id", "csv.sponsor", "csv.canvas_id", "csv.outcome", "csv.ended", "csv.proof", "csv.tries"} {
		head = append(head, sh.T(id))
	}
	return v.download("mass-revocation", head, func(row func(...string) error) error {
		return v.kit.work.MassReport(v.ctx(), v.sess.Caller, v.id, func(r workflow.MassRow) error {
			return row(r.Grant.ID, r.Grant.Title, r.Code, r.Owner, r.Grant.CanvasUser, r.Sponsor, r.Grant.CanvasID,
				sh.T("mass.item_"+string(r.Item.State)), stampCSV(r.Item.EndedAt), r.Item.Proof, strconv.Itoa(r.Item.Tries))
		})
	})
}
