package web

import (
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	deskinventory "github.com/tokendesk/tokendesk/internal/desk/inventory"
	deskmassrevoke "github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/home"
	"github.com/tokendesk/tokendesk/internal/web/inventory"
	"github.com/tokendesk/tokendesk/internal/web/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

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
		"revoke":   ui.NewConfirmPage(s, ui.ConfirmInput{Do: access.Revoke, Case: c}).Notes,
		"withdraw": ui.NewConfirmPage(s, ui.ConfirmInput{Do: access.Withdraw, Case: galleryCase(access.InReview, "")}).Notes,
		"remove":   inventory.NewRemovePage(s, found, "", nil).Notes,
		"pick":     inventory.NewPickPage(s, inventory.PickInput{Do: access.Remove, Rows: []cases.FoundCase{found.FoundCase}}).Notes,
		"mass":     massrevoke.NewPage(s, massrevoke.Input{Mass: galleryMass(access.MassPlanned, deskmassrevoke.MassCounts{Waiting: 12})}).Notes,
	} {
		for _, b := range notes {
			t.Errorf("%s: %s", name, b.Body)
		}
	}
}
