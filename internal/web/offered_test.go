package web

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	deskinventory "github.com/tokendesk/tokendesk/internal/desk/inventory"
	desktokens "github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/web/collect"
	"github.com/tokendesk/tokendesk/internal/web/inventory"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// offered is every address that a page leads or posts to.
func offered(t *testing.T, r *ui.Renderer, page string, view any) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Render(&b, page, view); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	walk(doc, func(n *html.Node) {
		for _, k := range []string{"href", "action", "formaction"} {
			if v := attr(n, k); v != "" {
				out = append(out, v)
			}
		}
	})
	return strings.Join(out, " ") + " "
}

// What is the owner's to do is offered to the owner alone, and what is a
// reviewer's to reviewers.
func TestButtonsAreOfWhoeverMayPressThem(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	s := galleryShell(cat, "en", true)
	for v, name := range map[ui.Viewer]string{ui.AsRequester: "the owner", ui.AsSponsor: "the sponsor", ui.AsReviewer: "a reviewer"} {
		c := seenBy(galleryCase(access.Fulfilled, access.HandedOver), v)
		for page, view := range map[string]any{tokens.PageToken: tokens.NewPage(s, cases.TokenPage{Case: c}), requests.PageCase: requests.NewCasePage(s, galleryCasePage(c), requests.PanelInput{})} {
			if got := strings.Contains(offered(t, r, page, view), "/profile/settings "); got != (v == ui.AsRequester) {
				t.Errorf("%s is led to Canvas's settings by the page %s: %v", name, page, got)
			}
		}
		leaked := seenBy(galleryCase(access.Fulfilled, access.Active), v)
		leaked.Leak = &access.Incident{ID: "inc_1", GrantID: leaked.Grant.ID, OpenedAt: galleryNow}
		if got := strings.Contains(offered(t, r, tokens.PageToken, tokens.NewPage(s, cases.TokenPage{Case: leaked})), "/leaks/inc_1 "); got != (v == ui.AsReviewer) {
			t.Errorf("%s is led to the leak: %v", name, got)
		}
	}
	for own, want := range map[bool]bool{true: true, false: false} {
		f := galleryFound(access.FoundTold)
		f.Own, f.Reviewer = own, !own
		if got := strings.Contains(offered(t, r, inventory.PageFound, inventory.NewPage(s, deskinventory.FoundPage{FoundCase: f})), "/found/"+f.ID+"/keep "); got != want {
			t.Errorf("with own %v, Ask to keep is offered: %v", own, got)
		}
	}
	for stage, want := range map[desktokens.CollectStage]bool{desktokens.StageSecret: false, desktokens.StageShown: true} {
		c := desktokens.Collection{Case: galleryCase(access.Fulfilled, access.HandedOver, access.ReportLeak), Stage: stage}
		if got := strings.Contains(offered(t, r, collect.PageCollect, collect.NewPage(s, c)), "/leak "); got != want {
			t.Errorf("at %s the report of a leak is offered: %v", stage, got)
		}
	}
}

// A token's page offers just what whoever reads it may do to the token.
func TestATokensPageOffersWhatMayBeDone(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	s := galleryShell(cat, "en", true)
	offers := map[access.Action]string{
		access.Revoke: "/revoke ", access.Freeze: "/freeze ", access.Thaw: "/thaw ", access.EndSponsor: "/end-sponsorship ",
		access.Renew: "/renew ", access.NameNext: "/sponsor ", access.ReportLeak: "/leak ",
	}
	for _, v := range []ui.Viewer{ui.AsRequester, ui.AsSponsor, ui.AsReviewer} {
		for may := range offers {
			c := seenBy(galleryCase(access.Fulfilled, access.Active, may), v)
			addresses := offered(t, r, tokens.PageToken, tokens.NewPage(s, cases.TokenPage{Case: c}))
			for do, path := range offers {
				if got := strings.Contains(addresses, "/tokens/"+c.Grant.ID+path); got != (do == may) {
					t.Errorf("to viewer %v, who may %s, %s is offered: %v", v, may, do, got)
				}
			}
		}
	}
}
