package canvastest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// buffered keeps an answer back until the faults have had their say.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
	stream func(io.Writer) error // what follows body, too long to be kept
}

func (b *buffered) Header() http.Header { return b.header }

func (b *buffered) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

func (b *buffered) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

func (b *buffered) send(w http.ResponseWriter, cut bool) {
	for name, values := range b.header {
		w.Header()[name] = values
	}
	if b.status == 0 {
		b.status = http.StatusOK
	}
	if !cut {
		w.WriteHeader(b.status)
		_, _ = w.Write(b.body.Bytes())
		if b.stream != nil && b.stream(w) != nil {
			abort()
		}
		return
	}
	if b.stream != nil {
		w.WriteHeader(b.status)
		_ = b.stream(&short{w: w, left: cutStream})
		abort()
	}
	w.Header().Set("Content-Length", strconv.Itoa(b.body.Len()+1))
	w.WriteHeader(b.status)
	_, _ = w.Write(b.body.Bytes()[:b.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	abort()
}

// cutStream is where a streamed answer is cut by order.
const cutStream = 64 << 10

// short writes until its measure is full, and then fails.
type short struct {
	w    io.Writer
	left int
}

func (s *short) Write(p []byte) (int, error) {
	n := min(len(p), s.left)
	s.left -= n
	if _, err := s.w.Write(p[:n]); err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

type callerKey struct{}

// noteCaller puts the signed-in user into the request log.
func noteCaller(r *http.Request, user ID) {
	if slot, ok := r.Context().Value(callerKey{}).(*ID); ok {
		*slot = user
	}
}

// observe answers one request on one host: faults, the gates that Canvas has
// in front of its routes, the route itself, and the log.
func (s *Server) observe(rt *router, w http.ResponseWriter, r *http.Request) {
	var caller ID
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, &caller))
	route := rt.route(r)
	fault := s.traffic.take(r.Method, route)
	entry := Request{
		Seq: s.traffic.begin(r.Method, route), Time: s.world.Clock.Now(), Method: r.Method, Host: r.Host,
		Route: canvasRoute(route), Path: r.URL.Path, UserAgent: r.UserAgent(), Faulted: fault != nil,
	}
	defer func() {
		entry.Caller = caller
		s.traffic.end(entry, fault)
	}()

	if fault != nil && fault.DropBefore {
		fault.wait()
		abort()
	}
	answer := &buffered{header: http.Header{}}
	if strings.HasPrefix(r.URL.Path, "/api/") && rt == s.institution {
		s.gatedAPI(rt, answer, r, fault)
	} else {
		s.work(rt, answer, r, fault)
	}
	if fault != nil {
		if fault.Late {
			fault.wait()
		}
		if fault.DropAfter {
			abort()
		}
	}
	if fault == nil || !fault.CutBody {
		entry.Status = max(answer.status, http.StatusOK)
	}
	answer.send(w, fault != nil && fault.CutBody)
}

// work meets the route, or answers as the fault says.
func (s *Server) work(rt *router, w *buffered, r *http.Request, fault *armedFault) {
	if fault != nil {
		if !fault.Late {
			fault.wait()
		}
		if fault.Status != 0 {
			w.header.Set("Content-Type", orElse(fault.ContentType, "application/json; charset=utf-8"))
			w.WriteHeader(fault.Status)
			_, _ = w.Write([]byte(fault.Body))
			return
		}
	}
	rt.mux.ServeHTTP(w, r)
}

// gatedAPI puts the User-Agent rule and the rate limiter before an API call.
func (s *Server) gatedAPI(rt *router, w *buffered, r *http.Request, fault *armedFault) {
	flags := s.world.Flags()
	if flags.RequireUserAgent && strings.TrimSpace(r.UserAgent()) == "" {
		noUserAgent().write(w, false)
		return
	}
	key := credentialOf(r)
	if fault != nil && fault.Throttle {
		throttled(flags.ThrottleStatus, -bucketReserve).write(w, false) // as of a bucket that was full
		return
	}
	if remaining, admitted := s.throttle.reserve(key, s.world.Clock.Now()); !admitted {
		throttled(flags.ThrottleStatus, remaining).write(w, false)
		return
	}
	s.work(rt, w, r, fault)
	cost, remaining := s.throttle.settle(key, r.Method+" "+canvasRoute(rt.route(r)), s.world.Clock.Now())
	w.header.Set("X-Request-Cost", rubyFloat(cost))
	w.header.Set("X-Rate-Limit-Remaining", rubyFloat(remaining))
}
