package web

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/static"
)

// Every class that a template uses has a rule, and the other way round, so that
// neither side keeps what the other has lost.
func TestStyleSheetAndTemplatesAgree(t *testing.T) {
	sheet, err := static.FS.ReadFile("css/tokendesk.css")
	if err != nil {
		t.Fatal(err)
	}
	css := string(sheet)
	pages := map[string]bool{}
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	for _, e := range exhibits() {
		s := galleryShell(cat, "en", !e.noSession)
		if e.shell != nil {
			e.shell(&s)
		}
		var b strings.Builder
		if err := r.Render(&b, e.page, e.view(s)); err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`class="([^"]+)"`).FindAllStringSubmatch(b.String(), -1) {
			for _, c := range strings.Fields(m[1]) {
				pages[c] = true
			}
		}
	}
	// Classes that only the script makes, and the one kind that comes with
	// governance.
	for _, c := range []string{"td-working", "td-noted", "td-k-held"} {
		pages[c] = true
	}
	ruled := map[string]bool{"td-noted": true, "td-now": true}
	for _, m := range regexp.MustCompile(`\.(td-[a-z-]+)`).FindAllStringSubmatch(css, -1) {
		ruled[m[1]] = true
		if !pages[m[1]] {
			t.Errorf("the style sheet has a rule for .%s, which no page has", m[1])
		}
	}
	for c := range pages {
		if !ruled[c] {
			t.Errorf("pages have the class %s, for which there is no rule", c)
		}
	}
}
