package web

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/tokendesk/tokendesk/internal/web/collect"
	"github.com/tokendesk/tokendesk/internal/web/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/requests"
)

// Every page tells who has scripts off that it needs them, and lets the script keep
// no page for going back: a page may hold what only its reader may see, once.
func TestPagesNeedScriptAndKeepNoHistory(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	seen := map[string]bool{requests.PageSaved: true, collect.PageCollectStatus: true, massrevoke.PageMassStatus: true} // parts of pages
	for _, e := range exhibits() {
		if seen[e.page] {
			continue
		}
		seen[e.page] = true
		var b bytes.Buffer
		if err := r.Render(&b, e.page, e.view(galleryShell(cat, "en", !e.noSession))); err != nil {
			t.Fatal(err)
		}
		doc, err := html.Parse(&b)
		if err != nil {
			t.Fatal(err)
		}
		keeps, says, without := -1, "", ""
		walk(doc, func(n *html.Node) {
			switch {
			case n.DataAtom == atom.Meta && attr(n, "name") == "htmx-config":
				var config struct {
					HistoryCacheSize *int `json:"historyCacheSize"`
				}
				if err := json.Unmarshal([]byte(attr(n, "content")), &config); err == nil && config.HistoryCacheSize != nil {
					keeps = *config.HistoryCacheSize
				}
			case n.DataAtom == atom.Noscript && n.FirstChild != nil:
				says = n.FirstChild.Data // as text: who parses this could run scripts
			case n.DataAtom == atom.Body:
				without = attr(n, "hx-history")
			}
		})
		if keeps != 0 || without != "false" {
			t.Errorf("%s: the script keeps %d pages, hx-history is %q", e.name, keeps, without)
		}
		if !strings.Contains(says, cat.For("en", "UTC").T("words.noscript")) {
			t.Errorf("%s: without scripts it says %q", e.name, says)
		}
	}
	if len(seen) != len(r.Pages()) {
		t.Errorf("%d of %d pages were looked at", len(seen), len(r.Pages()))
	}
}
