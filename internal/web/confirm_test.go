package web

import (
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/web/home"
	"github.com/tokendesk/tokendesk/internal/web/inventory"
	"github.com/tokendesk/tokendesk/internal/web/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// A leak of one token does not stand inside the question about another.
func TestALeakStandsInNoOtherQuestion(t *testing.T) {
	t.Parallel()
	s := galleryShell(testCatalogue(t), "en", true)
	s.Nav.OwnLeak, s.Nav.Reviewer, s.Nav.Leaks = true, true, 1
	c := galleryCase(access.Fulfilled, access.Active, access.Revoke)
	if len(home.NewPage(s, workflow.Home{}).Notes) == 0 {
		t.Fatal("home does not say it")
	}
	found := workflow.FoundPage{FoundCase: galleryFound(access.FoundNew)}
	for name, notes := range map[string][]ui.BannerView{
		"revoke":   ui.NewConfirmPage(s, ui.ConfirmInput{Do: access.Revoke, Case: c}).Notes,
		"withdraw": ui.NewConfirmPage(s, ui.ConfirmInput{Do: access.Withdraw, Case: galleryCase(access.InReview, "")}).Notes,
		"remove":   inventory.NewRemovePage(s, found, "", nil).Notes,
		"pick":     inventory.NewPickPage(s, inventory.PickInput{Do: access.Remove, Rows: []workflow.FoundCase{found.FoundCase}}).Notes,
		"mass":     massrevoke.NewPage(s, massrevoke.Input{Mass: galleryMass(access.MassPlanned, workflow.MassCounts{Waiting: 12})}).Notes,
	} {
		for _, b := range notes {
			t.Errorf("%s: %s", name, b.Body)
		}
	}
}
