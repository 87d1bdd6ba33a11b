package web

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

var (
	tabList = regexp.MustCompile(`(?s)<ul class="td-tabs">(.*?)</ul>`)
	tabLink = regexp.MustCompile(`<a href="([^"]*)"( aria-current="page")?>([^<]*)</a>`)
)

// The navigation of one office is shown to nobody else, in the order of the rooms.
func TestNavigationIsOfWhoeverReads(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	for name, tc := range map[string]struct {
		sponsor, reviewer bool
		door              access.Door
		tabs              string
	}{
		"somebody":           {false, false, access.DoorAccount, ""},
		"a sponsor":          {true, false, access.DoorAccount, "/ /sponsorships*(2)"},
		"a reviewer":         {false, true, access.DoorAccount, "/ /queue(3) /tokens /leaks(4) /unmanaged(5)"},
		"a sponsor, reviews": {true, true, access.DoorAccount, "/ /sponsorships*(2) /queue(3) /tokens /leaks(4) /unmanaged(5)"},
		"from a link":        {true, true, access.DoorNone, ""},
	} {
		s := galleryShell(cat, "en", true)
		s.Session.Door, s.Nav = tc.door, cases.Nav{Waiting: 2, Queue: 3, Leaks: 4, Unmanaged: 5, Sponsor: tc.sponsor, Reviewer: tc.reviewer}
		var b bytes.Buffer
		p := ui.NewProblemPage(s, ui.ProblemInput{Kind: ui.ProblemNotFound})
		p.Current = ui.PageSponsorships
		if err := r.Render(&b, ui.PageProblem, p); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range tabLink.FindAllStringSubmatch(tabList.FindString(b.String()), -1) {
			word := m[1]
			if m[2] != "" {
				word += "*"
			}
			if _, n, counted := strings.Cut(m[3], "("); counted {
				word += "(" + n
			}
			got = append(got, word)
		}
		if list := strings.Join(got, " "); list != tc.tabs {
			t.Errorf("%s has the entries %q, want %q", name, list, tc.tabs)
		}
	}
}
