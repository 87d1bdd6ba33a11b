package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"reflect"
	"strings"

	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/templates"
)

// views says which view each page is rendered with. A page that is not here
// does not exist, and one without a template stops the start.
var views = map[string]any{
	PageHome: HomePage{}, PageForm: FormPage{}, PageCase: CasePage{}, PageConfirm: ConfirmPage{}, PageSponsor: SponsorPage{},
	PageCollect: CollectPage{}, PageCollectStatus: CollectStatus{}, PageKept: Kept{}, PageSponsorships: SponsorshipsPage{},
	PageQueue: QueuePage{}, PageTokens: TokensPage{}, PageToken: TokenPage{},
	PageLeaks: LeaksPage{}, PageLeak: LeakPage{}, PageLeakReported: LeakReportedPage{}, PageProblem: ProblemPage{},
	PageLaunchFailed: LaunchFailedPage{}, PageStore: BrowserPage{}, PageProof: BrowserPage{},
	PageRegister: RegisterPage{}, PageMass: MassView{}, PageMasses: MassesView{}, PageMassStatus: MassStatus{}, PageUnmanaged: UnmanagedPage{}, PageFound: FoundPage{}, PagePick: PickPage{},
}

// templateOf is the file of a page where it is not named like the page.
var templateOf = map[string]string{PageStore: "opening", PageProof: "opening"}

// Names of the templates that a page's file may define: content stands in the
// layout, a fragment goes out alone.
const (
	layoutTemplate   = "document"
	fragmentTemplate = "fragment"
)

// Renderer turns views into pages. It is safe for concurrent use.
type Renderer struct {
	pages  map[string]*template.Template
	assets *Assets
}

// NewRenderer parses every page. It fails on a template that cannot be parsed,
// a page without one, and a message that a template or a closed list of the
// program names and the catalogue lacks.
func NewRenderer(cat *text.Catalogue) (*Renderer, error) {
	return newRenderer(cat, templates.Pages)
}

func newRenderer(cat *text.Catalogue, files fs.FS) (*Renderer, error) {
	assets, err := NewAssets()
	if err != nil {
		return nil, err
	}
	r := &Renderer{pages: map[string]*template.Template{}, assets: assets}
	base, err := template.New(layoutTemplate).Option("missingkey=error").Funcs(r.functions()).
		ParseFS(files, "layouts/*.html", "partials/*.html")
	if err != nil {
		return nil, fmt.Errorf("page templates: %w", err)
	}
	p := cat.For("en", "")
	var missing []string
	for name := range views {
		file := name
		if other, ok := templateOf[name]; ok {
			file = other
		}
		set, err := template.Must(base.Clone()).ParseFS(files, path.Join("pages", file+".html"))
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
		r.pages[name] = set
		missing = append(missing, missingMessages(set, p)...)
	}
	for _, id := range closedMessages() {
		if !p.Has(id) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("page templates: the catalogue has no message %s", strings.Join(missing, ", "))
	}
	return r, nil
}

func (r *Renderer) functions() template.FuncMap {
	return template.FuncMap{
		"icon":  icon,
		"asset": r.assets.URL,
		"brand": brandCSS,
	}
}

// Render writes a page's HTML. It renders to memory first, so on an error
// nothing is written. The view must be the one that belongs to the page.
func (r *Renderer) Render(w io.Writer, page string, view any) error {
	set, ok := r.pages[page]
	if !ok {
		return fmt.Errorf("no page %q", page)
	}
	if got, want := reflect.TypeOf(view), reflect.TypeOf(views[page]); got != want {
		return fmt.Errorf("page %s is made from %s, not from %s", page, want, got)
	}
	name := layoutTemplate
	if set.Lookup(fragmentTemplate) != nil {
		name = fragmentTemplate
	}
	var b bytes.Buffer
	if err := set.ExecuteTemplate(&b, name, view); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Assets serves the files that the pages load, at StaticPath.
func (r *Renderer) Assets() *Assets { return r.assets }
