package web

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/collect"
	"github.com/tokendesk/tokendesk/internal/web/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// galleryDir, when set, is where the pages of the gallery are written, with
// their assets, to be looked at.
const galleryDir = "TOKENDESK_GALLERY_DIR"

func testCatalogue(t testing.TB) *text.Catalogue {
	t.Helper()
	cat, err := text.New(text.WithPseudo())
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func testRenderer(t testing.TB, cat *text.Catalogue) *ui.Renderer {
	t.Helper()
	r, err := NewRenderer(cat)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// exhibit is one page in one state.
type exhibit struct {
	name string // page and state, as a file name
	page string
	view func(s ui.Shell) any
	// session is false for pages before or after one.
	noSession bool
	shell     func(*ui.Shell)
	want      []string // words that must stand on it, in English
	never     []string
}

// TestEveryPageInEveryState renders the gallery in English and the two pseudo
// languages, and holds every page against the rules that need no browser.
func TestEveryPageInEveryState(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	dir := os.Getenv(galleryDir)
	if dir != "" {
		writeAssets(t, r, dir)
	}
	seen := map[string]bool{}
	for _, e := range exhibits() {
		if seen[e.name] {
			t.Fatalf("two exhibits are called %s", e.name)
		}
		seen[e.name] = true
		for _, locale := range []string{"en", "en-XA", "ar-XB"} {
			t.Run(e.name+"/"+locale, func(t *testing.T) {
				s := galleryShell(cat, locale, !e.noSession)
				if e.shell != nil {
					e.shell(&s)
				}
				var b bytes.Buffer
				if err := r.Render(&b, e.page, e.view(s)); err != nil {
					t.Fatal(err)
				}
				page := b.String()
				fragment := e.page == requests.PageSaved || e.page == collect.PageCollectStatus || e.page == massrevoke.PageMassStatus
				checkPage(t, page, locale, fragment)
				if locale == "en" {
					checkWords(t, page, e)
				}
				if dir != "" {
					if fragment {
						page = "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>-</title><link rel=stylesheet href=" + styleURL(t, r) + "><main><h1>-</h1>" + page
					}
					write(t, filepath.Join(dir, e.name+"."+locale+".html"), []byte(strings.ReplaceAll(page, `"/static/`, `"static/`)))
				}
			})
		}
	}
	if m := cat.Missing(); len(m) > 0 {
		t.Errorf("the pages asked for words that the catalogue does not have: %s", strings.Join(m, "; "))
	}
	for _, name := range r.Pages() {
		if !slices.ContainsFunc(exhibits(), func(e exhibit) bool { return e.page == name }) {
			t.Errorf("the gallery has no %s", name)
		}
	}
}

func writeAssets(t *testing.T, r *ui.Renderer, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "static"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, address := range r.Assets().URLs() {
		w := httptest.NewRecorder()
		r.Assets().ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
		write(t, filepath.Join(dir, "static", strings.TrimPrefix(address, ui.StaticPath)), w.Body.Bytes())
	}
}

func styleURL(t *testing.T, r *ui.Renderer) string {
	t.Helper()
	address, err := r.Assets().URL("style")
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

const maxPage = 60 << 10

// checkPage holds a page against what must hold for all of them.
func checkPage(t *testing.T, page, locale string, fragment bool) {
	t.Helper()
	if len(page) > maxPage {
		t.Errorf("the page has %d bytes", len(page))
	}
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	if !fragment {
		checkDocument(t, doc, locale)
	}
	ids := map[string]int{}
	labels := map[string]bool{}
	walk(doc, func(n *html.Node) {
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
		if n.DataAtom == atom.Label {
			labels[attr(n, "for")] = true
		}
	})
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%d elements have the id %s", n, id)
		}
	}
	walk(doc, func(n *html.Node) { checkElement(t, n, ids, labels) })
	checkPagers(t, doc)
	if locale == "en-XA" {
		checkTranslated(t, doc)
	}
}

// checkPagers: where a page has several, who hears one of them, or one link of it,
// hears of which list.
func checkPagers(t *testing.T, doc *html.Node) {
	t.Helper()
	var pagers []*html.Node
	walk(doc, func(n *html.Node) {
		if attr(n, "class") == "td-pager" {
			pagers = append(pagers, n)
		}
	})
	if len(pagers) < 2 {
		return
	}
	named := map[string]bool{}
	for _, pager := range pagers {
		label := attr(pager, "aria-label")
		if label == "" || named[label] {
			t.Errorf("two pagers are called %q", label)
		}
		named[label] = true
		walk(pager, func(n *html.Node) {
			if n.DataAtom != atom.A {
				return
			}
			by := textOf(n) + " " + attr(n, "aria-describedby")
			if attr(n, "aria-describedby") == "" || named[by] {
				t.Errorf("%q of the pager %q is described as another one is, or not", textOf(n), label)
			}
			named[by] = true
		})
	}
}

func checkDocument(t *testing.T, doc *html.Node, locale string) {
	t.Helper()
	h1, mains := 0, 0
	title := ""
	last := 1
	walk(doc, func(n *html.Node) {
		switch n.DataAtom {
		case atom.Html:
			if attr(n, "lang") != locale {
				t.Errorf("lang is %q", attr(n, "lang"))
			}
			dir := "ltr"
			if locale == "ar-XB" {
				dir = "rtl"
			}
			if attr(n, "dir") != dir {
				t.Errorf("dir is %q", attr(n, "dir"))
			}
		case atom.H1:
			h1++
			last = 1
		case atom.H2, atom.H3:
			level := int(n.Data[1] - '0')
			if level > last+1 {
				t.Errorf("a heading of level %d follows level %d: %s", level, last, textOf(n))
			}
			last = level
		case atom.Main:
			mains++
		case atom.Title:
			title = textOf(n)
		}
		for _, id := range []string{"say", "say-now"} {
			if attr(n, "id") == id && n.FirstChild != nil {
				t.Errorf("the live region %s is not empty in the first byte", id)
			}
		}
	})
	if h1 != 1 || mains != 1 {
		t.Errorf("the page has %d h1 and %d main", h1, mains)
	}
	if !strings.Contains(title, "·") {
		t.Errorf("title is %q", title)
	}
}

// checkElement holds one element against the rules for all elements.
func checkElement(t *testing.T, n *html.Node, ids map[string]int, labels map[string]bool) {
	t.Helper()
	for _, a := range n.Attr {
		switch {
		case a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on"):
			t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
		case a.Key == "aria-describedby" || a.Key == "aria-labelledby":
			for _, id := range strings.Fields(a.Val) {
				if ids[id] == 0 {
					t.Errorf("<%s %s=%q> names nothing", n.Data, a.Key, a.Val)
				}
			}
		case (a.Key == "href" || a.Key == "action" || a.Key == "formaction") && strings.Contains(a.Val, galleryHandle):
			t.Errorf("the session's handle stands in an address: %s", a.Val)
		case a.Key == "href" && strings.HasPrefix(a.Val, "#") && ids[a.Val[1:]] == 0:
			t.Errorf("a link leads to %s, which is not there", a.Val)
		}
	}
	switch n.DataAtom {
	case atom.Input, atom.Textarea, atom.Select:
		inLabel := n.Parent != nil && n.Parent.DataAtom == atom.Label
		if attr(n, "type") != "hidden" && !inLabel && !labels[attr(n, "id")] {
			t.Errorf("<%s name=%s> has no label", n.Data, attr(n, "name"))
		}
	case atom.Button:
		if strings.TrimSpace(textOf(n)) == "" && attr(n, "hidden") == "" {
			t.Errorf("a button has no name")
		}
	case atom.A:
		if strings.TrimSpace(textOf(n)) == "" {
			t.Errorf("a link to %s has no name", attr(n, "href"))
		}
		if attr(n, "target") == "_blank" && !strings.Contains(attr(n, "rel"), "noopener") {
			t.Errorf("a link to %s opens a tab that can reach back", attr(n, "href"))
		}
	case atom.Form:
		checkForm(t, n)
	case atom.Script:
		if attr(n, "src") == "" && attr(n, "type") != "application/json" {
			t.Error("a script stands in the page")
		}
	case atom.Svg:
		if n.FirstChild == nil {
			t.Error("an icon without a drawing")
		}
	case atom.Th, atom.Td, atom.Tr, atom.Table:
		if attr(n, "role") == "" && attr(n, "scope") != "col" {
			t.Errorf("<%s> loses its role as a card", n.Data)
		}
	}
}

// deciding are the addresses of forms that decide, agree or confirm: they carry
// what their page shows.
var deciding = regexp.MustCompile(`^/(?:requests/[^/]+/(?:endorse|decline|approve|deny)|tokens/[^/]+/(?:thaw|take-over)|leaks/[^/]+/clear|revocations/[^/]+|unmanaged/allow)$`)

func checkForm(t *testing.T, form *html.Node) {
	t.Helper()
	handles, terms, decides := 0, 0, ""
	walk(form, func(n *html.Node) {
		name := attr(n, "name")
		switch {
		case n.DataAtom == atom.Input && name == "tool_session":
			handles++
		case n.DataAtom == atom.Input && (name == ui.TermsField || strings.HasPrefix(name, ui.TermsField+"_")) && attr(n, "value") != "":
			terms++
		}
		for _, address := range []string{attr(n, "action"), attr(n, "formaction")} {
			if deciding.MatchString(address) {
				decides = address
			}
		}
	})
	if decides != "" && terms == 0 {
		t.Errorf("the form to %s does not carry what its page shows", decides)
	}
	post := strings.EqualFold(attr(form, "method"), "post")
	if post && handles != 1 {
		t.Errorf("the form to %s has %d session fields", attr(form, "action"), handles)
	}
	if !post && handles != 0 {
		t.Errorf("the form to %s would put the session into an address", attr(form, "action"))
	}
}

// checkTranslated finds words that do not come from the catalogue: the pseudo
// language writes none of these letters without an accent.
func checkTranslated(t *testing.T, doc *html.Node) {
	t.Helper()
	const plain = "aceilnorstuyz"
	look := func(where, s string) {
		for _, own := range galleryTexts {
			s = strings.ReplaceAll(s, own, "")
		}
		if i := strings.IndexAny(s, plain); i >= 0 {
			t.Errorf("%s is not from the catalogue: %q", where, s)
		}
	}
	walk(doc, func(n *html.Node) {
		for _, k := range []string{"aria-label", "title", "placeholder", "alt", "data-label", "data-say", "data-done", "data-hand"} {
			if v := attr(n, k); v != "" && v != "-" {
				look(k, v)
			}
		}
		if n.Type != html.TextNode || n.Parent == nil || slices.Contains([]atom.Atom{atom.Script, atom.Style, atom.Noscript}, n.Parent.DataAtom) {
			return
		}
		if slices.Contains([]string{"td-code", "td-typed", "td-quote"}, attr(n.Parent, "class")) {
			return
		}
		look("a text", n.Data)
	})
}

func checkWords(t *testing.T, page string, e exhibit) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Join(strings.Fields(textOf(doc)), " ")
	for _, w := range e.want {
		if !strings.Contains(body, w) {
			t.Errorf("%q does not stand on the page:\n%s", w, body)
		}
	}
	for _, w := range e.never {
		if strings.Contains(body, w) {
			t.Errorf("%q must not stand on the page", w)
		}
	}
}

func walk(n *html.Node, f func(*html.Node)) {
	f(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, f)
	}
}

// attr returns an attribute, "" when it is missing, "-" when it is empty or
// asked for as a mere presence.
func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			if a.Val == "" {
				return "-"
			}
			return a.Val
		}
	}
	return ""
}

// inline are the elements that do not part words.
var inline = []atom.Atom{atom.Span, atom.Bdi, atom.Strong, atom.Time, atom.A}

// textOf is what a reader of the page gets, without scripts and styles.
func textOf(n *html.Node) string {
	var b strings.Builder
	walk(n, func(n *html.Node) {
		switch {
		case n.Type == html.ElementNode && !slices.Contains(inline, n.DataAtom):
			b.WriteString(" ")
		case n.Type == html.TextNode && n.Parent != nil && !slices.Contains([]atom.Atom{atom.Script, atom.Style, atom.Noscript}, n.Parent.DataAtom):
			b.WriteString(n.Data)
		}
	})
	return b.String()
}

var time0 time.Time

var galleryNow = time.Date(2026, 11, 21, 21, 5, 0, 0, time.UTC)

const galleryHandle = "HANDLEHANDLEHANDLEHANDLE"

func days(n float64) time.Time { return galleryNow.Add(time.Duration(n * 24 * float64(time.Hour))) }

func galleryShell(cat *text.Catalogue, locale string, session bool) ui.Shell {
	s := ui.Shell{Now: galleryNow, P: cat.For(locale, "America/Denver"), Nonce: "nonce"}
	if !session {
		return s
	}
	s.HasSession, s.Handle = true, galleryHandle
	s.Session = gallerySession()
	s.NewTabURL = "https://canvas.northfield.test/courses/7/external_tools/3?display=borderless"
	s.Words = ui.Words{CanvasTeam: "", SecurityOffice: "", Contact: "canvas@northfield.test"}
	return s
}
