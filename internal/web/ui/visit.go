package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/text"
)

// Visit is one request: of a person with a live session, or, with signedIn
// false, of a page before or after one.
type Visit struct {
	W       http.ResponseWriter
	R       *http.Request
	ID      string // {id} of the address
	Session Session
	Words   *text.Printer
	// Nav is set where the first page was chosen by it; else it is read when the
	// shell is made.
	Nav *cases.Nav
	// Frames are the origins around a page without a session; nil is all that are
	// registered.
	Frames []string
	Forget any // what the launch left in the platform's storage

	kit      *Kit
	now      time.Time
	signedIn bool
	handle   string
	newTab   string          // Canvas's own address of the tool, for a full window
	pasted   map[string]bool // fields of the post that held a token's value
}

// SessionRow is what a session row holds.
type SessionRow struct {
	Session Session `json:"session"`
	NewTab  string  `json:"new_tab,omitempty"`
}

// Kit is what every visit is answered with.
type Kit struct {
	cases     *cases.Cases
	sessions  *session.Store
	catalogue *text.Catalogue
	pages     *Renderer
	log       *slog.Logger
	now       func() time.Time
	around    func(ctx context.Context) []string // origins that may frame a page without a session
}

// NewKit makes a kit of its parts, all of them required.
func NewKit(c *cases.Cases, sessions *session.Store, catalogue *text.Catalogue, pages *Renderer, log *slog.Logger, now func() time.Time,
	around func(ctx context.Context) []string) *Kit {
	return &Kit{cases: c, sessions: sessions, catalogue: catalogue, pages: pages, log: log, now: now, around: around}
}

// Handler answers a request of a live session. What it returns as an error is
// answered by the table in errors.go.
type Handler func(v *Visit) error

// signed runs h for a live session, and answers with "Open Tokendesk again"
// where there is none.
func (k *Kit) signed(h Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		of := desk.Remembering
		if c.Request.Method == http.MethodGet {
			of = desk.Reading
		}
		v := k.visitor(c.Writer, c.Request, of)
		if err := v.run(h, c.Params); err != nil {
			v.Fail(err)
		}
	}
}

// run lets the visit in and answers it by h.
func (v *Visit) run(h Handler, params gin.Params) error {
	if err := v.enter(); err != nil {
		return err
	}
	if err := v.address(params); err != nil {
		return err
	}
	return h(v)
}

// open runs h for whoever comes, without a session.
func (k *Kit) open(h Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := k.Visitor(c.Writer, c.Request)
		if err := h(v); err != nil {
			v.Fail(err)
		}
	}
}

// quiet runs h for the page's script: what goes wrong changes nothing on the
// page around it, so that nothing typed and no secret is lost. Faults are
// logged as everywhere.
func (k *Kit) quiet(h Handler, failed func(v *Visit, err error) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := k.Visitor(c.Writer, c.Request)
		err := v.run(h, c.Params)
		if err == nil {
			return
		}
		if judge(err).fault {
			v.logFault(err)
		}
		if err := failed(v, err); err != nil {
			k.log.ErrorContext(v.Ctx(), "could not answer the page's script", "err", err)
			c.Status(http.StatusInternalServerError)
		}
	}
}

// stopPolling is htmx's own status for "do not ask again".
const stopPolling = 286

// pollFailed leaves the page as it is; where the session is over, asking again
// is of no use.
func pollFailed(v *Visit, err error) error {
	status := http.StatusNoContent
	if s := StatusOf(err); s == http.StatusUnauthorized || s == http.StatusNotFound || s == http.StatusForbidden {
		status = stopPolling
		v.W.Header().Set("HX-Reswap", "none") // and what is shown stays
	}
	v.W.WriteHeader(status)
	return nil
}

// Visitor is a request without a session so far.
func (k *Kit) Visitor(w http.ResponseWriter, r *http.Request) *Visit {
	return k.visitor(w, r, desk.Remembering)
}

func (k *Kit) visitor(w http.ResponseWriter, r *http.Request, of func(context.Context) context.Context) *Visit {
	r = r.WithContext(of(r.Context()))
	return &Visit{kit: k, W: w, R: r, now: k.now(), Words: k.catalogue.For(preferred(r), "")}
}

// enter finds the session of the request and notes its use.
func (v *Visit) enter() error {
	if v.R.Method == http.MethodPost {
		var err error
		if v.pasted, err = ReadForm(v.R); err != nil {
			return err
		}
	}
	sess, err := v.kit.sessions.Get(v.R, session.Cookie)
	if err != nil {
		return err
	}
	rec, ok := session.Of(sess)
	if !ok {
		return session.ErrSignedOut
	}
	var k SessionRow
	if err := json.Unmarshal(rec.Data, &k); err != nil {
		return fmt.Errorf("session of %s: %w", rec.Person, err)
	}
	if err := sess.Save(v.R, v.W); err != nil {
		return err
	}
	v.Begin(k, session.Handle(sess).Reveal())
	if err := v.kit.cases.CheckVisit(v.Ctx(), v.Session.Caller); err != nil {
		return err
	}
	// Whatever came through a real resource link may see its own home and
	// nothing else (docs/decisions.md 2).
	own := v.R.URL.Path == "/" || v.R.Method == http.MethodGet && (v.R.URL.Path == RouteLaunch || v.R.URL.Path == RouteProof)
	if v.Session.Door == access.DoorNone && !own {
		return access.Refuse(access.WhyWrongDoor)
	}
	return nil
}

// idForm is the exact form of what stands in addresses: the number of a request
// as people know it, or an id that the store made.
var idForm = regexp.MustCompile(`^(REQ-[0-9]{1,9}|(req|grt|mas|inc|fnd)_[A-Z2-7]{26})$`)

// address reads the parameters of the address. Every page with a session passes
// here, so that nothing but ids reaches a handler, and a database: what is none
// is not found, like an id that nobody has.
func (v *Visit) address(params gin.Params) error {
	for _, p := range params {
		if !idForm.MatchString(p.Value) {
			return access.ErrNotFound
		}
		if p.Key == "id" {
			v.ID = p.Value
		}
	}
	return nil
}

// Begin makes v a visit of the session.
func (v *Visit) Begin(k SessionRow, handle string) {
	v.signedIn, v.Session, v.newTab, v.handle = true, k.Session, k.NewTab, handle
	v.Session.Via = access.ViaLaunch // only a launch makes a session
	v.Words = v.kit.catalogue.For(k.Session.Locale, k.Session.TimeZone)
	TraceOf(v.R.Context()).Actor = string(k.Session.Person)
}

// Ctx is the request's context.
func (v *Visit) Ctx() context.Context { return v.R.Context() }

// Shell is what stands around the page, with a result banner if there is one.
// The page's own name marks its tab.
func (v *Visit) Shell(banner *Banner) Shell {
	sh := Shell{Now: v.now, P: v.Words, Banner: banner}
	if !v.signedIn {
		return sh
	}
	sh.HasSession, sh.Session, sh.Handle, sh.NewTabURL, sh.Forget = true, v.Session, v.handle, v.newTab, v.Forget
	if v.R.Header.Get("HX-Request") == "true" {
		// The frame has the school's colours since its first page. htmx swaps no
		// style, and its parsing of one would be reported against the policy.
		sh.Session.Brand = Brand{}
	}
	if v.Nav != nil {
		sh.Nav = *v.Nav
	} else {
		sh.Nav = v.kit.cases.Nav(v.Ctx(), v.Session.Caller)
	}
	// Where these could not be read, the catalogue has words for the offices.
	sh.Words = Words(sh.Nav.Words)
	return sh
}

// Log is where lines about this visit go that its page does not show.
func (v *Visit) Log() *slog.Logger { return v.kit.log }

// Bare is a shell for a fragment: nothing is asked for it.
func (v *Visit) Bare() Shell {
	return Shell{Now: v.now, P: v.Words, HasSession: v.signedIn, Session: v.Session, Handle: v.handle}
}

// Fragment answers with a piece of a page, for the page's script.
func (v *Visit) Fragment(name string, view any) error {
	return v.page(http.StatusOK, name, view, "")
}

// page answers with a whole page, rendered before the first byte goes out.
func (v *Visit) page(status int, name string, view any, nonce string) error {
	var b bytes.Buffer
	b.Grow(pageRoom)
	if err := v.kit.pages.Render(&b, name, view); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	around := v.Session.Frames
	if !v.signedIn {
		if around = v.Frames; around == nil {
			around = v.kit.around(v.Ctx())
		}
	}
	h := v.W.Header()
	h.Set("Content-Security-Policy", pagePolicy(nonce, around))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("Vary", session.Header+", Cookie")
	v.W.WriteHeader(status)
	_, _ = v.W.Write(b.Bytes()) // a browser that left is nobody's fault
	return nil
}

// Show answers with a page under a fresh nonce.
func Show[V any](v *Visit, status int, name string, banner *Banner, build func(Shell) V) error {
	sh := v.Shell(banner)
	sh.Nonce = newNonce()
	return v.page(status, name, build(sh), sh.Nonce)
}

// Fail answers an error by the table of errors. Faults of ours are logged here,
// once, under the number that the page shows.
func (v *Visit) Fail(err error) {
	j := judge(err)
	t := TraceOf(v.Ctx())
	if j.status == statusGone && v.Ctx().Err() == nil {
		// Something we called was cancelled while this browser still waits.
		j = verdict{http.StatusInternalServerError, ProblemTrouble, true}
	}
	if j.fault {
		v.logFault(err)
	}
	in := ProblemInput{Kind: j.kind, Why: access.WhyOf(err)}
	switch j.kind {
	case ProblemTrouble, ProblemDatabase:
		in.Reference = t.Reference
		if v.R.Method == http.MethodPost && j.kind == ProblemDatabase {
			in.Echo = EchoOf(v.R.PostForm) // nothing else keeps it now
		}
		if v.signedIn && v.R.Method == http.MethodPost && !v.R.PostForm.Has(SuspectField) {
			in.RetryAction, in.RetryFields = v.R.URL.Path, retryFields(v.R.PostForm)
		}
	case ProblemEnded, ProblemRequest, ProblemForbidden, ProblemCanvas, ProblemConflict, ProblemBusy:
		if v.R.Method == http.MethodPost {
			in.Echo = EchoOf(v.R.PostForm)
		}
	}
	if pageErr := Show(v, j.status, PageProblem, nil, func(sh Shell) ProblemPage { return NewProblemPage(sh, in) }); pageErr != nil {
		v.kit.log.ErrorContext(v.Ctx(), "the page about an error failed", "reference", t.Reference, "err", errors.Join(pageErr, err))
		http.Error(v.W, "Something went wrong on our side. Reference "+t.Reference+".", http.StatusInternalServerError)
	}
}

// logFault writes the one line about a fault of ours.
func (v *Visit) logFault(err error) {
	if t := TraceOf(v.Ctx()); !t.Logged {
		t.Logged = true
		v.kit.log.ErrorContext(v.Ctx(), "could not answer", "reference", t.Reference, "route", t.Route, "err", err)
	}
}

// retryMax bounds the fields that a "Try again" form repeats, and the answers that
// a page about an error shows.
const retryMax = 100

// retryFields repeats a posted form, but for the session's handle, which the
// page's own form carries. A form with a token's value is not repeated at all.
func retryFields(posted url.Values) []RetryField {
	var out []RetryField
	for _, name := range SortedKeys(posted) {
		for _, value := range posted[name] {
			if name != session.Field && len(out) < retryMax {
				out = append(out, RetryField{Name: name, Value: value})
			}
		}
	}
	return out
}

// preferred is the first language a browser asks for: all that is known of a
// person before a launch.
func preferred(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	tag, _, _ := strings.Cut(first, ";")
	return strings.TrimSpace(tag)
}
