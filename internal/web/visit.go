package web

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
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// visit is one request: of a person with a live session, or, with signedIn
// false, of a page before or after one.
type visit struct {
	kit      *kit
	w        http.ResponseWriter
	r        *http.Request
	signedIn bool
	sess     Session
	newTab   string // Canvas's own address of the tool, for a full window
	handle   string
	forget   any // what the launch left in the platform's storage
	words    *text.Printer
	now      time.Time
	id       string          // {id} of the address
	pasted   map[string]bool // fields of the post that held a token's value
	nav      *workflow.Nav   // of the first page, which is chosen by it; else nil until the shell is made
	frames   []string        // origins around a page without a session; nil is all that are registered
}

// kept is what a session row holds.
type kept struct {
	Session Session `json:"session"`
	NewTab  string  `json:"new_tab,omitempty"`
}

// kit is what every visit is answered with.
type kit struct {
	work      *workflow.Service
	sessions  *session.Store
	catalogue *text.Catalogue
	pages     *Renderer
	log       *slog.Logger
	now       func() time.Time
	around    func(ctx context.Context) []string // origins that may frame a page without a session
}

// newKit makes a kit of its parts, all of them required.
func newKit(work *workflow.Service, sessions *session.Store, catalogue *text.Catalogue, pages *Renderer, log *slog.Logger, now func() time.Time,
	around func(ctx context.Context) []string) *kit {
	return &kit{work: work, sessions: sessions, catalogue: catalogue, pages: pages, log: log, now: now, around: around}
}

// handler answers a request of a live session. What it returns as an error is
// answered by the table in errors.go.
type handler func(v *visit) error

// signed runs h for a live session, and answers with "Open Tokendesk again"
// where there is none.
func (k *kit) signed(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := k.visitor(c.Writer, c.Request)
		err := v.enter()
		if err == nil {
			err = v.address(c.Params)
		}
		if err == nil {
			err = h(v)
		}
		if err != nil {
			v.fail(err)
		}
	}
}

// open runs h for whoever comes, without a session.
func (k *kit) open(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := k.visitor(c.Writer, c.Request)
		if err := h(v); err != nil {
			v.fail(err)
		}
	}
}

// quiet runs h for the page's script: what goes wrong changes nothing on the
// page around it, so that nothing typed and no secret is lost. Faults are
// logged as everywhere.
func (k *kit) quiet(h handler, failed func(v *visit, err error) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := k.visitor(c.Writer, c.Request)
		err := v.enter()
		if err == nil {
			err = v.address(c.Params)
		}
		if err == nil {
			err = h(v)
		}
		if err == nil {
			return
		}
		if t := traceOf(v.ctx()); judge(err).fault {
			t.logged = true
			k.log.ErrorContext(v.ctx(), "could not answer", "reference", t.reference, "route", t.route, "err", err)
		}
		if err := failed(v, err); err != nil {
			k.log.ErrorContext(v.ctx(), "could not answer the page's script", "err", err)
			c.Status(http.StatusInternalServerError)
		}
	}
}

// keepFailed says in the form's own line that the text could not be saved.
func keepFailed(v *visit, _ error) error {
	return v.fragment(PageKept, NewKept(v.bare(), time.Time{}))
}

// stopPolling is htmx's own status for "do not ask again".
const stopPolling = 286

// pollFailed leaves the page as it is; where the session is over, asking again
// is of no use.
func pollFailed(v *visit, err error) error {
	status := http.StatusNoContent
	if s := statusOf(err); s == http.StatusUnauthorized || s == http.StatusNotFound || s == http.StatusForbidden {
		status = stopPolling
		v.w.Header().Set("HX-Reswap", "none") // and what is shown stays
	}
	v.w.WriteHeader(status)
	return nil
}

// visitor is a request without a session so far.
func (k *kit) visitor(w http.ResponseWriter, r *http.Request) *visit {
	r = r.WithContext(workflow.Remembering(r.Context()))
	return &visit{kit: k, w: w, r: r, now: k.now(), words: k.catalogue.For(preferred(r), "")}
}

// enter finds the session of the request and notes its use.
func (v *visit) enter() error {
	if v.r.Method == http.MethodPost {
		var err error
		if v.pasted, err = readForm(v.r); err != nil {
			return err
		}
	}
	sess, err := v.kit.sessions.Get(v.r, session.Cookie)
	if err != nil {
		return err
	}
	rec, ok := session.Of(sess)
	if !ok {
		return session.ErrSignedOut
	}
	var k kept
	if err := json.Unmarshal(rec.Data, &k); err != nil {
		return fmt.Errorf("session of %s: %w", rec.Person, err)
	}
	if err := sess.Save(v.r, v.w); err != nil {
		return err
	}
	v.begin(k, session.Handle(sess).Reveal())
	// Whatever came through a real resource link may see its own home and
	// nothing else (docs/decisions.md 2).
	own := v.r.URL.Path == "/" || v.r.Method == http.MethodGet && (v.r.URL.Path == routeLaunch || v.r.URL.Path == routeProof)
	if v.sess.Door == access.DoorNone && !own {
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
func (v *visit) address(params gin.Params) error {
	for _, p := range params {
		if !idForm.MatchString(p.Value) {
			return access.ErrNotFound
		}
		if p.Key == "id" {
			v.id = p.Value
		}
	}
	return nil
}

// begin makes v a visit of the session.
func (v *visit) begin(k kept, handle string) {
	v.signedIn, v.sess, v.newTab, v.handle = true, k.Session, k.NewTab, handle
	v.sess.Via = access.ViaLaunch // only a launch makes a session
	v.words = v.kit.catalogue.For(k.Session.Locale, k.Session.TimeZone)
	traceOf(v.r.Context()).actor = string(k.Session.Person)
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// shell is what stands around the page, with a result banner if there is one.
// The page's own name marks its tab.
func (v *visit) shell(banner *Banner) Shell {
	sh := Shell{Now: v.now, P: v.words, Banner: banner}
	if !v.signedIn {
		return sh
	}
	sh.HasSession, sh.Session, sh.Handle, sh.NewTabURL, sh.Forget = true, v.sess, v.handle, v.newTab, v.forget
	if v.r.Header.Get("HX-Request") == "true" {
		// The frame has the school's colours since its first page. htmx swaps no
		// style, and its parsing of one would be reported against the policy.
		sh.Session.Brand = Brand{}
	}
	if v.nav != nil {
		sh.Nav = *v.nav
	} else {
		sh.Nav = v.kit.work.Nav(v.ctx(), v.sess.Caller)
	}
	// Where these could not be read, the catalogue has words for the offices.
	sh.Words = Words(sh.Nav.Words)
	return sh
}

// warn writes a line of the log about something that the page does not show.
func (v *visit) warn(msg string, args ...any) { v.kit.log.WarnContext(v.ctx(), msg, args...) }

// bare is a shell for a fragment: nothing is asked for it.
func (v *visit) bare() Shell {
	return Shell{Now: v.now, P: v.words, HasSession: v.signedIn, Session: v.sess, Handle: v.handle}
}

// fragment answers with a piece of a page, for the page's script.
func (v *visit) fragment(name string, view any) error {
	return v.page(http.StatusOK, name, view, "")
}

// page answers with a whole page, rendered before the first byte goes out.
func (v *visit) page(status int, name string, view any, nonce string) error {
	var b bytes.Buffer
	if err := v.kit.pages.Render(&b, name, view); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	around := v.sess.Frames
	if !v.signedIn {
		if around = v.frames; around == nil {
			around = v.kit.around(v.ctx())
		}
	}
	h := v.w.Header()
	h.Set("Content-Security-Policy", pagePolicy(nonce, around))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("Vary", session.Header+", Cookie")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(b.Bytes()) // a browser that left is nobody's fault
	return nil
}

// fail answers an error by the table of errors. Faults of ours are logged here,
// once, under the number that the page shows.
func (v *visit) fail(err error) {
	j := judge(err)
	t := traceOf(v.ctx())
	if j.status == statusGone && v.ctx().Err() == nil {
		// Something we called was cancelled while this browser still waits.
		j = verdict{http.StatusInternalServerError, ProblemTrouble, true}
	}
	if j.fault && !t.logged {
		t.logged = true
		v.kit.log.ErrorContext(v.ctx(), "could not answer", "reference", t.reference, "route", t.route, "err", err)
	}
	in := ProblemInput{Kind: j.kind, Why: access.WhyOf(err)}
	switch j.kind {
	case ProblemTrouble, ProblemDatabase:
		in.Reference = t.reference
		if v.r.Method == http.MethodPost && j.kind == ProblemDatabase {
			in.Echo = EchoOf(v.r.PostForm) // nothing else keeps it now
		}
		if v.signedIn && v.r.Method == http.MethodPost && !v.r.PostForm.Has(suspectField) {
			in.RetryAction, in.RetryFields = v.r.URL.Path, retryFields(v.r.PostForm)
		}
	case ProblemEnded, ProblemRequest, ProblemForbidden, ProblemCanvas, ProblemConflict, ProblemBusy:
		if v.r.Method == http.MethodPost {
			in.Echo = EchoOf(v.r.PostForm)
		}
	}
	sh := v.shell(nil)
	sh.Nonce = newNonce()
	if pageErr := v.page(j.status, PageProblem, NewProblemPage(sh, in), sh.Nonce); pageErr != nil {
		v.kit.log.ErrorContext(v.ctx(), "the page about an error failed", "reference", t.reference, "err", errors.Join(pageErr, err))
		http.Error(v.w, "Something went wrong on our side. Reference "+t.reference+".", http.StatusInternalServerError)
	}
}

// retryMax bounds the fields that a "Try again" form repeats, and the answers that
// a page about an error shows.
const retryMax = 100

// retryFields repeats a posted form, but for the session's handle, which the
// page's own form carries. A form with a token's value is not repeated at all.
func retryFields(posted url.Values) []RetryField {
	var out []RetryField
	for _, name := range sortedKeys(posted) {
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
