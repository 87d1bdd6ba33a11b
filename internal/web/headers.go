package web

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/desk/authority"
)

// Limits of a request's body. A launch carries a signed token with the school's
// brand inside; everything else is a form.
const (
	maxBody       = 64 << 10
	maxLaunchBody = 512 << 10
)

// defend sets the headers of every answer and the limit of every body. Pages
// replace the policy by their own (see ui).
func (s *Server) defend(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "same-origin") // not no-referrer: that makes the Origin of our own posts null
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "clipboard-write=(self), camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
		if s.https {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		limit := int64(maxBody)
		if strings.HasPrefix(r.URL.Path, "/lti/") {
			limit = maxLaunchBody
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}

// framesAge is how long the list of all registered origins is kept: a page
// without a session should not cost a query each.
const framesAge = 30 * time.Second

// frames keeps the origins that may frame a page without a session. One visit
// reads them anew; meanwhile others take those of before, and where there are
// none, wait for that visit as long as their own browser does.
type frames struct {
	read func(ctx context.Context) authority.Around

	mu      sync.Mutex // never held while the database is read
	at      time.Time
	all     authority.Around
	reading chan struct{} // closed when the read is done; nil while there is none
}

func (s *Server) around(ctx context.Context) authority.Around { return s.frames.get(ctx, s.now()) }

func (f *frames) get(ctx context.Context, now time.Time) authority.Around {
	f.mu.Lock()
	all, known := f.all, !f.at.IsZero()
	if known && now.Sub(f.at) <= framesAge && !now.Before(f.at) {
		f.mu.Unlock()
		return all
	}
	wait, first := f.reading, f.reading == nil
	if first {
		wait = make(chan struct{})
		f.reading = wait
		// Not the visit's own context: a browser that leaves must not leave an
		// empty list to everybody.
		go f.renew(context.WithoutCancel(ctx), now, wait)
	}
	f.mu.Unlock()
	if known && !first {
		return all
	}
	select {
	case <-wait:
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}

func (f *frames) renew(ctx context.Context, now time.Time, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, framesAge)
	defer cancel()
	all := f.read(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.at, f.reading = all, now, nil
	close(done)
}

// remoteHost is the address without its port.
func remoteHost(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}
