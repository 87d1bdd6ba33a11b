package web

import (
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	deskinventory "github.com/tokendesk/tokendesk/internal/desk/inventory"
	deskmassrevoke "github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/home"
	"github.com/tokendesk/tokendesk/internal/web/inventory"
	"github.com/tokendesk/tokendesk/internal/web/leaks"
	"github.com/tokendesk/tokendesk/internal/web/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// confirmInput is a question before a move of a request or a token, as its room asks it,
// and what is wrong with the answer.
type confirmInput struct {
	Do     access.Action
	Case   cases.Case
	Reason string
	Errors *access.FormError
}

func confirmPage(s ui.Shell, in confirmInput) ui.ConfirmPage {
	var q ui.Confirmation
	switch in.Do {
	case access.Withdraw, access.Rescind, access.Discard, access.Replace:
		q = requests.Confirmation(s, in.Do, in.Case, in.Reason)
	case access.ReportLeak:
		q = leaks.Confirmation(s, in.Case)
	default:
		q = tokens.Confirmation(s, in.Do, in.Case, in.Reason)
	}
	return ui.NewConfirmPage(s, q, in.Errors)
}

// A leak of one token does not stand inside the question about another.
func TestALeakStandsInNoOtherQuestion(t *testing.T) {
	t.Parallel()
	s := galleryShell(testCatalogue(t), "en", true)
	s.Nav.OwnLeak, s.Nav.Reviewer, s.Nav.Leaks = true, true, 1
	c := galleryCase(access.Fulfilled, access.Active, access.Revoke)
	if len(home.NewPage(s, cases.Home{}).Notes) == 0 {
		t.Fatal("home does not say it")
	}
	found := deskinventory.FoundPage{FoundCase: galleryFound(access.FoundNew)}
	for name, notes := range map[string][]ui.BannerView{
		"revoke":   confirmPage(s, confirmInput{Do: access.Revoke, Case: c}).Notes,
		"withdraw": confirmPage(s, confirmInput{Do: access.Withdraw, Case: galleryCase(access.InReview, "")}).Notes,
		"remove":   ui.NewConfirmPage(s, inventory.Confirmation(s, found, ""), nil).Notes,
		"pick":     inventory.NewPickPage(s, inventory.PickInput{Do: access.Remove, Rows: []cases.FoundCase{found.FoundCase}}).Notes,
		"mass":     massrevoke.NewPage(s, massrevoke.Input{Mass: galleryMass(access.MassPlanned, deskmassrevoke.MassCounts{Waiting: 12})}).Notes,
	} {
		for _, b := range notes {
			t.Errorf("%s: %s", name, b.Body)
		}
	}
}
