package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/tokendesk/tokendesk/lti"
)

// trace is what is known of one request while it is served: what its log line
// says, and the number that a person can quote.
type trace struct {
	reference string
	route     string // pattern, never the address: that may hold an id or a query
	actor     string // per_…
	client    string
	logged    bool // a fault was logged with this reference
}

// Observer is told of each answer, and of nothing that is in it. It is called by
// many requests at once, and they wait for it.
type Observer interface {
	// Answered has the pattern of a route ("/requests/:id"), or "none" for any other
	// address, and the status, which is 0 where nothing was answered.
	Answered(route string, status int, took time.Duration)
}

type traceKey struct{}

// traceOf returns the request's trace; a request from elsewhere has an empty one.
func traceOf(ctx context.Context) *trace {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{}
}

// answer notes status and size of what is written.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(b)
	a.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush implements http.Flusher, which gin's writer expects.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// observe gives each request its trace, writes one line about it, and turns a
// panic into the page that any other fault of ours gets. The line holds the
// route's pattern and neither address, header nor body.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.now()
		t := &trace{reference: lti.NewReference(), route: "none", client: remoteHost(r.RemoteAddr)}
		r = r.WithContext(context.WithValue(r.Context(), traceKey{}, t))
		a := &answer{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				s.recovered(a, r, p)
			}
			took := s.now().Sub(start)
			s.logAnswer(r, t, a, took)
			if s.observer != nil {
				s.observer.Answered(t.route, a.status, took)
			}
		}()
		next.ServeHTTP(a, r)
	})
}

func (s *Server) recovered(a *answer, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // net/http's own way to cut a connection
	}
	t := traceOf(r.Context())
	t.logged = true
	s.log.ErrorContext(r.Context(), "panic while answering", "reference", t.reference, "route", t.route,
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if a.status != 0 {
		// Half a page is out: cut it, so that nobody takes it for a whole one.
		panic(http.ErrAbortHandler)
	}
	s.kit.visitor(a, r).fail(errors.New("panic"))
}

func (s *Server) logAnswer(r *http.Request, t *trace, a *answer, took time.Duration) {
	level := slog.LevelInfo
	if t.route == routeHealth || t.route == routeReady || t.route == routeStatic {
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("route", t.route), slog.Int("status", a.status),
		slog.Int("bytes", a.bytes), slog.Duration("took", took), slog.String("client", t.client), slog.String("reference", t.reference),
	}
	if t.actor != "" {
		attrs = append(attrs, slog.String("actor", t.actor))
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}
