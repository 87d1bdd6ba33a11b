package web

import (
	"sync"

	"github.com/tokendesk/tokendesk/internal/desk/rooms"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/collect"
	"github.com/tokendesk/tokendesk/internal/web/home"
	"github.com/tokendesk/tokendesk/internal/web/inventory"
	"github.com/tokendesk/tokendesk/internal/web/leaks"
	"github.com/tokendesk/tokendesk/internal/web/massrevoke"
	"github.com/tokendesk/tokendesk/internal/web/register"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/review"
	"github.com/tokendesk/tokendesk/internal/web/sponsorships"
	"github.com/tokendesk/tokendesk/internal/web/tokens"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
	"github.com/tokendesk/tokendesk/templates"
)

// subjects are the subjects, each with its own pages, messages and addresses. Those
// with a name are what a launch opens.
type subjects struct {
	home         *home.Pages
	sponsorships *sponsorships.Pages
	review       *review.Pages
	requests     *requests.Pages
	massrevoke   *massrevoke.Pages
	all          []ui.Room
}

// newSubjects is the list of all rooms. A page that ends at another subject's is
// handed that page here: rooms do not know one another.
func newSubjects(d *rooms.Rooms, registers register.Func) *subjects {
	r := &subjects{home: home.New(d.Cases), sponsorships: sponsorships.New(d.Cases), review: review.New(d.Cases)}
	r.requests = requests.New(d.Cases, d.Requests, r.home.Show, r.sponsorships.Show)
	owned := tokens.New(d.Cases, d.Tokens, tokens.Elsewhere{Sponsorships: r.sponsorships.Show, Request: r.requests.Show, Form: r.requests.ShowForm})
	r.massrevoke = massrevoke.New(d.MassRevoke, owned.ShowList)
	r.all = []ui.Room{
		r.home, r.requests, collect.New(d.Tokens), r.sponsorships, r.review, owned, leaks.New(d.Cases, d.Leaks, tokens.Show, owned.Open),
		inventory.New(d.Inventory, inventory.Elsewhere{Request: r.requests.Show, Form: r.requests.ShowForm}), r.massrevoke, register.New(registers), launching{},
	}
	return r
}

// builtIn is what the program's own pages are rendered with. They cannot change,
// so a process reads them once.
var builtIn = sync.OnceValues(func() (*ui.Renderer, error) {
	return ui.NewRenderer(templates.Pages, lti.BrowserScript, newSubjects(&rooms.Rooms{}, nil).all...)
})

// NewRenderer parses every page. It fails on a template that cannot be parsed,
// a page without one, and a message that a template or a closed list of the
// program names and the catalogue lacks.
func NewRenderer(cat *text.Catalogue) (*ui.Renderer, error) {
	r, err := builtIn()
	if err != nil {
		return nil, err
	}
	return r, r.Check(cat)
}
