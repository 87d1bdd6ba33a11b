package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

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
	named  []string // the messages that the templates name
}

// NewRenderer parses every page. It fails on a template that cannot be parsed,
// a page without one, and a message that a template or a closed list of the
// program names and the catalogue lacks.
func NewRenderer(cat *text.Catalogue) (*Renderer, error) {
	r, err := builtIn()
	if err != nil {
		return nil, err
	}
	return r, r.say(cat)
}

// builtIn is what the program's own pages are rendered with. They cannot change,
// so a process reads them once.
var builtIn = sync.OnceValues(func() (*Renderer, error) { return parsePages(templates.Pages) })

func parsePages(files fs.FS) (*Renderer, error) {
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
		r.named = append(r.named, messagesOf(set.Templates())...)
	}
	slices.Sort(r.named)
	r.named = slices.Compact(r.named)
	return r, nil
}

// say checks that the catalogue has every message that the templates and the
// closed lists of the program name.
func (r *Renderer) say(cat *text.Catalogue) error {
	p := cat.For("en", "")
	var missing []string
	for _, id := range append(closedMessages(), r.named...) {
		if !p.Has(id) && !slices.Contains(missing, id) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("page templates: the catalogue has no message %s", strings.Join(missing, ", "))
	}
	return nil
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
