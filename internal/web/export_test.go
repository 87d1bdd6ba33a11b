package web

import (
	"net/http"
	"time"
)

// Routes lists every address of the server as "METHOD /path/:id", for tests
// that go through all of them.
func (s *Server) Routes() []string {
	var out []string
	for _, r := range s.engine.Routes() {
		out = append(out, r.Method+" "+r.Path)
	}
	return out
}

// LimitLogins makes the server count anew, for a list of n waiting logins.
func (s *Server) LimitLogins(n int) { s.crowd = newCrowd(n) }

// Crowd is the count of logins that wait, for a test of its own.
type Crowd struct{ c *crowd }

// NewCrowd is a count for a list of n.
func NewCrowd(n int) Crowd { return Crowd{newCrowd(n)} }

// Begin is a login from an address.
func (c Crowd) Begin(address string, now time.Time) bool { return c.c.begin(address, now) }

// Done is a launch that got in.
func (c Crowd) Done(address string, now time.Time) { c.c.done(address, now) }

// Admits reports whether an address may begin a login now.
func (s *Server) Admits(address string) bool { return s.crowd.begin(address, s.now()) }

// Fail answers a request of nobody's with the page about an error.
func (s *Server) Fail(w http.ResponseWriter, r *http.Request, err error) {
	s.visitor(w, r).fail(err)
}
