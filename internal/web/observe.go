package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

// Observer is told of each answer, and of nothing that is in it. It is called by
// many requests at once, and they wait for it.
type Observer interface {
	// Answered has the pattern of a route ("/requests/:id"), or "none" for any other
	// address, and the status, which is 0 where nothing was answered.
	Answered(route string, status int, took time.Duration)
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
		t := &ui.Trace{Reference: lti.NewReference(), Route: "none", Client: remoteHost(r.RemoteAddr)}
		r = r.WithContext(ui.Traced(r.Context(), t))
		a := &answer{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				s.recovered(a, r, p)
			}
			took := s.now().Sub(start)
			s.logAnswer(r, t, a, took)
			if s.observer != nil {
				s.observer.Answered(t.Route, a.status, took)
			}
		}()
		next.ServeHTTP(a, r)
	})
}

func (s *Server) recovered(a *answer, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // net/http's own way to cut a connection
	}
	t := ui.TraceOf(r.Context())
	t.Logged = true
	s.log.ErrorContext(r.Context(), "panic while answering", "reference", t.Reference, "route", t.Route,
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if a.status != 0 {
		// Half a page is out: cut it, so that nobody takes it for a whole one.
		panic(http.ErrAbortHandler)
	}
	s.kit.Visitor(a, r).Fail(errors.New("panic"))
}

func (s *Server) logAnswer(r *http.Request, t *ui.Trace, a *answer, took time.Duration) {
	level := slog.LevelInfo
	if t.Route == routeHealth || t.Route == routeReady || t.Route == routeStatic {
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("route", t.Route), slog.Int("status", a.status),
		slog.Int("bytes", a.bytes), slog.Duration("took", took), slog.String("client", t.Client), slog.String("reference", t.Reference),
	}
	if t.Actor != "" {
		attrs = append(attrs, slog.String("actor", t.Actor))
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}
