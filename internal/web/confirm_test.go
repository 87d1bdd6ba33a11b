package web

import (
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// A leak of one token does not stand inside the question about another.
func TestALeakStandsInNoOtherQuestion(t *testing.T) {
	t.Parallel()
	s := galleryShell(testCatalogue(t), "en", true)
	s.Nav.OwnLeak, s.Nav.Reviewer, s.Nav.Leaks = true, true, 1
	c := galleryCase(access.Fulfilled, access.Active, access.Revoke)
	if len(NewHomePage(s, workflow.Home{}).Notes) == 0 {
		t.Fatal("home does not say it")
	}
	found := workflow.FoundPage{FoundCase: galleryFound(access.FoundNew)}
	for name, notes := range map[string][]bannerView{
		"revoke":   NewConfirmPage(s, ConfirmInput{Do: access.Revoke, Case: c}).Notes,
		"withdraw": NewConfirmPage(s, ConfirmInput{Do: access.Withdraw, Case: galleryCase(access.InReview, "")}).Notes,
		"remove":   NewRemovePage(s, found, "", nil).Notes,
		"pick":     NewPickPage(s, PickInput{Do: access.Remove, Rows: []workflow.FoundCase{found.FoundCase}}).Notes,
		"mass":     NewMassView(s, MassInput{Mass: galleryMass(access.MassPlanned, workflow.MassCounts{Waiting: 12})}).Notes,
	} {
		for _, b := range notes {
			t.Errorf("%s: %s", name, b.Body)
		}
	}
}
