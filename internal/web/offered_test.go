package web

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// offered is every address that a page leads or posts to.
func offered(t *testing.T, r *Renderer, page string, view any) string {
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

// The notices and the navigation of one office are shown to nobody else.
func TestFrameIsOfWhoeverReads(t *testing.T) {
	s := galleryShell(testCatalogue(t), "en", true)
	s.Session.Door, s.Session.NoWrites = access.DoorAccount, ""
	all := workflow.Nav{Waiting: 2, Queue: 3, Leaks: 4, Unmanaged: 5, SelfService: true}
	all.Credential.RefusedSince = galleryNow.Add(-time.Hour)
	for name, tc := range map[string]struct {
		sponsor, reviewer bool
		tabs, notices     string
	}{
		"somebody":           {false, false, "", ""},
		"a sponsor":          {true, false, "/ /sponsorships", "standing.sponsor_waiting"},
		"a reviewer":         {false, true, "/ /queue /tokens /leaks /unmanaged", "standing.leaks standing.credential_refused standing.self_service"},
		"a sponsor, reviews": {true, true, "/ /sponsorships /queue /tokens /leaks /unmanaged", "standing.leaks standing.credential_refused standing.self_service standing.sponsor_waiting"},
	} {
		s := s
		s.Nav, s.Current = all, PageHome
		s.Nav.Sponsor, s.Nav.Reviewer = tc.sponsor, tc.reviewer
		var tabs, notices []string
		for _, e := range s.tabs() {
			tabs = append(tabs, e.Href)
		}
		for _, b := range s.ownStanding("/") {
			notices = append(notices, b.ID)
		}
		if got := strings.Join(tabs, " "); got != tc.tabs {
			t.Errorf("%s has the entries %q, want %q", name, got, tc.tabs)
		}
		if got := strings.Join(notices, " "); got != tc.notices {
			t.Errorf("%s reads %q, want %q", name, got, tc.notices)
		}
	}
}

// What is the owner's to do is offered to the owner alone, and what is a
// reviewer's to reviewers.
func TestButtonsAreOfWhoeverMayPressThem(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	s := galleryShell(cat, "en", true)
	for v, name := range map[viewer]string{asRequester: "the owner", asSponsor: "the sponsor", asReviewer: "a reviewer"} {
		c := seenBy(galleryCase(access.Fulfilled, access.HandedOver), v)
		for page, view := range map[string]any{PageToken: NewTokenPage(s, workflow.TokenPage{Case: c}), PageCase: NewCasePage(s, galleryCasePage(c), PanelInput{})} {
			if got := strings.Contains(offered(t, r, page, view), "/profile/settings "); got != (v == asRequester) {
				t.Errorf("%s is led to Canvas's settings by the page %s: %v", name, page, got)
			}
		}
		leaked := seenBy(galleryCase(access.Fulfilled, access.Active), v)
		leaked.Leak = &access.Incident{ID: "inc_1", GrantID: leaked.Grant.ID, OpenedAt: galleryNow}
		if got := strings.Contains(offered(t, r, PageToken, NewTokenPage(s, workflow.TokenPage{Case: leaked})), "/leaks/inc_1 "); got != (v == asReviewer) {
			t.Errorf("%s is led to the leak: %v", name, got)
		}
	}
	for own, want := range map[bool]bool{true: true, false: false} {
		f := galleryFound(access.FoundTold)
		f.Own, f.Reviewer = own, !own
		if got := strings.Contains(offered(t, r, PageFound, NewFoundPage(s, workflow.FoundPage{FoundCase: f})), "/found/"+f.ID+"/keep "); got != want {
			t.Errorf("with own %v, Ask to keep is offered: %v", own, got)
		}
	}
	for stage, want := range map[workflow.CollectStage]bool{workflow.StageSecret: false, workflow.StageShown: true} {
		c := workflow.Collection{Case: galleryCase(access.Fulfilled, access.HandedOver, access.ReportLeak), Stage: stage}
		if got := strings.Contains(offered(t, r, PageCollect, NewCollectPage(s, c)), "/leak "); got != want {
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
	for _, v := range []viewer{asRequester, asSponsor, asReviewer} {
		for may := range offers {
			c := seenBy(galleryCase(access.Fulfilled, access.Active, may), v)
			addresses := offered(t, r, PageToken, NewTokenPage(s, workflow.TokenPage{Case: c}))
			for do, path := range offers {
				if got := strings.Contains(addresses, "/tokens/"+c.Grant.ID+path); got != (do == may) {
					t.Errorf("to viewer %v, who may %s, %s is offered: %v", v, may, do, got)
				}
			}
		}
	}
}
