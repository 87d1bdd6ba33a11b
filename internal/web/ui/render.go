package ui

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/internal/text"
)

// Names of the templates that a page's file may define: content stands in the
// layout, a fragment goes out alone.
const (
	layoutTemplate   = "document"
	fragmentTemplate = "fragment"
)

// Renderer turns views into pages. It is safe for concurrent use.
type Renderer struct {
	pages  map[string]page
	assets *Assets
	tabs   []View   // those with one
	named  []string // the messages that templates name and rooms make from closed lists
}

// page is a parsed template and what fills it.
type page struct {
	set  *template.Template
	view reflect.Type
}

// NewRenderer parses the pages of the rooms and those that belong to no subject.
// launch is as for NewAssets. It fails on a template that cannot be parsed, a page
// without one, and one that two rooms call their own.
func NewRenderer(files fs.FS, launch string, rooms ...Room) (*Renderer, error) {
	assets, err := NewAssets(launch)
	if err != nil {
		return nil, err
	}
	r := &Renderer{pages: map[string]page{}, assets: assets, named: messages()}
	base, err := template.New(layoutTemplate).Option("missingkey=error").Funcs(r.functions()).
		ParseFS(files, "layouts/*.html", "partials/*.html")
	if err != nil {
		return nil, fmt.Errorf("page templates: %w", err)
	}
	all := slices.Clone(views)
	for _, room := range rooms {
		all = append(all, room.Views()...)
		r.named = append(r.named, room.Messages()...)
	}
	for _, v := range all {
		if _, twice := r.pages[v.Page]; twice {
			return nil, fmt.Errorf("two pages are called %s", v.Page)
		}
		set, err := template.Must(base.Clone()).ParseFS(files, v.File+".html")
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", v.Page, err)
		}
		r.pages[v.Page] = page{set, reflect.TypeOf(v.Of)}
		if v.Tab != nil {
			r.tabs, r.named = append(r.tabs, v), append(r.named, v.Tab.Label)
		}
		r.named = append(r.named, messagesOf(set.Templates())...)
	}
	slices.Sort(r.named)
	r.named = slices.Compact(r.named)
	return r, nil
}

// Check fails unless the catalogue has every message that the pages can say by
// name.
func (r *Renderer) Check(cat *text.Catalogue) error {
	p := cat.For("en", "")
	var missing []string
	for _, id := range r.named {
		if !p.Has(id) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("page templates: the catalogue has no message %s", strings.Join(missing, ", "))
	}
	return nil
}

// Pages are the names of all pages, sorted.
func (r *Renderer) Pages() []string { return slices.Sorted(maps.Keys(r.pages)) }

// Messages are the ids of the messages that templates name and rooms make from
// closed lists, sorted.
func (r *Renderer) Messages() []string { return slices.Clone(r.named) }

func (r *Renderer) functions() template.FuncMap {
	return template.FuncMap{
		"icon":  icon,
		"tabs":  r.tabsOf,
		"asset": r.assets.URL,
		"brand": brandCSS,
	}
}

// Render writes a page's HTML. It renders to memory first, so on an error
// nothing is written. The view must be the one that belongs to the page.
func (r *Renderer) Render(w io.Writer, page string, view any) error {
	p, ok := r.pages[page]
	if !ok {
		return fmt.Errorf("no page %q", page)
	}
	if got := reflect.TypeOf(view); got != p.view {
		return fmt.Errorf("page %s is made from %s, not from %s", page, p.view, got)
	}
	name := layoutTemplate
	if p.set.Lookup(fragmentTemplate) != nil {
		name = fragmentTemplate
	}
	var b bytes.Buffer
	b.Grow(pageRoom)
	if err := p.set.ExecuteTemplate(&b, name, view); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// pageRoom is what most pages need in memory, in bytes: a larger one takes more.
const pageRoom = 8 << 10

// Assets serves the files that the pages load, at StaticPath.
func (r *Renderer) Assets() *Assets { return r.assets }

// views are the pages that belong to no subject.
var views = []View{
	{Page: PageConfirm, File: "ui/confirm", Of: ConfirmPage{}},
	{Page: PageProblem, File: "ui/problem", Of: ProblemPage{}},
	{Page: PageSponsor, File: "ui/sponsor", Of: SponsorPage{}},
}
