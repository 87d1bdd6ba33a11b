package web

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/workflow"
)

// Limits of a request's body. A launch carries a signed token with the school's
// brand inside; everything else is a form.
const (
	maxBody       = 64 << 10
	maxLaunchBody = 512 << 10
)

// defend sets the headers of every answer and the limit of every body. Pages
// replace the policy by their own (see pagePolicy).
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

// pagePolicy is the policy of a page: our own files and nothing else, one
// nonced style for the school's colours, and only the given origins around it.
// There is no X-Frame-Options: it knows no list, and a browser that has both
// obeys the policy.
func pagePolicy(nonce string, frames []string) string {
	style := "'self'"
	if nonce != "" {
		style += " 'nonce-" + nonce + "'"
	}
	around := "'none'"
	if ok := framable(frames); len(ok) > 0 {
		around = strings.Join(ok, " ")
	}
	return "default-src 'none'; script-src 'self'; style-src " + style + "; font-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors " + around
}

// originForm is a web origin as a header may hold it. What is registered was
// checked already; a header is no place to rely on that.
var originForm = regexp.MustCompile(`^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^https?://\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?$`)

func framable(origins []string) []string {
	var out []string
	for _, o := range origins {
		if originForm.MatchString(o) && !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

func newNonce() string { return rand.Text() }

// framesAge is how long the list of all registered origins is kept: a page
// without a session should not cost a query each.
const framesAge = 30 * time.Second

// frames keeps the origins that may frame a page without a session.
type frames struct {
	mu  sync.Mutex
	at  time.Time
	all workflow.Around
}

func (s *Server) around(ctx context.Context) workflow.Around {
	s.frames.mu.Lock()
	defer s.frames.mu.Unlock()
	if now := s.now(); s.frames.at.IsZero() || now.Sub(s.frames.at) > framesAge || now.Before(s.frames.at) {
		s.frames.all, s.frames.at = s.work.Around(ctx), now
	}
	return s.frames.all
}

// remoteHost is the address without its port.
func remoteHost(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}
