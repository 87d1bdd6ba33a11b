package ui

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// Addresses of the launch that begin a session and show its first page again.
const (
	RouteLaunch = "/lti/launch"
	RouteProof  = "/lti/proof"
)

// Room is the pages of one subject. What it does not register does not exist.
type Room interface {
	// Views are its pages.
	Views() []View
	// Messages are the messages whose ids it makes from closed lists; those that
	// templates name are found there.
	Messages() []string
	// Routes registers its addresses.
	Routes(r *Routes)
}

// View is one page: by the name that Show and Fragment take, the template that
// it is made with, and the type of what fills it.
type View struct {
	Page string
	File string // below templates/, without .html
	Of   any    // a zero value
	Tab  *Tab   // its entry in the navigation, or nil; they stand in the rooms' order
}

// Tab is an entry of the navigation. It leads; what may be opened the page's own verb
// says.
type Tab struct {
	Label string // a message
	Href  string
	For   func(cases.Nav) bool // who has it; nil is everybody
	Count func(cases.Nav) int  // what waits there; nil is nothing that is counted
}

// ForReviewers is the For of a reviewers' page.
func ForReviewers(n cases.Nav) bool { return n.Reviewer }

// Routes is where a room registers its addresses. Each answers a live session,
// and "Open Tokendesk again" where there is none, but for those of Open.
type Routes struct {
	kit *Kit
	to  gin.IRoutes
}

// NewRoutes are the routes of an engine, answered with the kit.
func NewRoutes(k *Kit, to gin.IRoutes) *Routes { return &Routes{kit: k, to: to} }

// Get registers a page.
func (r *Routes) Get(path string, h Handler) { r.to.GET(path, r.kit.signed(h)) }

// Post registers a form's address.
func (r *Routes) Post(path string, h Handler) { r.to.POST(path, r.kit.signed(h)) }

// Both registers a page that asks and the form that it sends to its own address.
func (r *Routes) Both(path string, ask, do Handler) {
	r.Get(path, ask)
	r.Post(path, do)
}

// Poll registers what a page's script asks for again and again. What goes wrong
// leaves the page as it is.
func (r *Routes) Poll(path string, h Handler) {
	r.to.GET(path, r.kit.quiet(h, pollFailed))
}

// Save registers what a page's script posts while somebody types; failed answers
// in the place of h where that could not.
func (r *Routes) Save(path string, h Handler, failed func(v *Visit, err error) error) {
	r.to.POST(path, r.kit.quiet(h, failed))
}

// Open registers a page for whoever comes, without a session.
func (r *Routes) Open(path string, h Handler) {
	r.to.Handle(http.MethodGet, path, r.kit.open(h))
}
