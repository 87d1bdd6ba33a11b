package launchtest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// page is what an address answered.
type page struct {
	t      testing.TB
	path   string
	status int
	header http.Header
	body   string
}

func (p *page) nodes() *html.Node {
	p.t.Helper()
	doc, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		p.t.Fatal(err)
	}
	return doc
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// form returns where a form goes and what it sends: the one with that id, or
// whose address ends so; the first for "".
func (p *page) form(which string) (action string, fields url.Values) {
	p.t.Helper()
	for n := range p.nodes().Descendants() {
		if n.Data != "form" || which != "" && attr(n, "id") != which && !strings.HasSuffix(attr(n, "action"), which) {
			continue
		}
		fields = url.Values{}
		for in := range n.Descendants() {
			if in.Data == "input" && attr(in, "name") != "" {
				fields.Add(attr(in, "name"), attr(in, "value"))
			}
		}
		return attr(n, "action"), fields
	}
	p.t.Fatalf("%s has no form %q:\n%s", p.path, which, p.text())
	return "", nil
}

// data is the JSON in the element with the id, or "".
func (p *page) data(id string) string {
	for n := range p.nodes().Descendants() {
		if attr(n, "id") == id && n.FirstChild != nil {
			return n.FirstChild.Data
		}
	}
	return ""
}

func (p *page) meta(name string) string {
	for n := range p.nodes().Descendants() {
		if n.Data == "meta" && attr(n, "name") == name {
			return attr(n, "content")
		}
	}
	return ""
}

// handle is the session's, or "" on a page without one.
func (p *page) handle() string { return p.meta("tool-session") }

func (p *page) h1() string {
	for n := range p.nodes().Descendants() {
		if n.Type == html.ElementNode && n.Data == "h1" {
			return words(n)
		}
	}
	return ""
}

// text is what a person reads.
func (p *page) text() string { return words(p.nodes()) }

func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" && d.Parent.Data != "noscript" {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// link is the address of the link with this text, or "".
func (p *page) link(text string) string {
	for n := range p.nodes().Descendants() {
		if n.Data == "a" && strings.HasPrefix(words(n), text) {
			return attr(n, "href")
		}
	}
	return ""
}

// tabs are the entries of the tool's navigation.
func (p *page) tabs() string {
	for n := range p.nodes().Descendants() {
		if n.Data != "ul" || attr(n, "class") != "td-tabs" {
			continue
		}
		var all []string
		for a := range n.Descendants() {
			if a.Data == "a" {
				all = append(all, words(a))
			}
		}
		return strings.Join(all, ", ")
	}
	return ""
}

// is fails unless the page has the status and the heading.
func (p *page) is(status int, h1 string) *page {
	p.t.Helper()
	if p.status != status || p.h1() != h1 {
		p.t.Errorf("%s answers %d %q, want %d %q:\n%s", p.path, p.status, p.h1(), status, h1, p.text())
	}
	return p
}

// says fails unless a person can read the words.
func (p *page) says(words string) *page {
	p.t.Helper()
	if !strings.Contains(p.text(), words) {
		p.t.Errorf("%s does not say %q:\n%s", p.path, words, p.text())
	}
	return p
}
