package web

import (
	"net/http"
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

// Fail answers a request of nobody's with the page about an error.
func (s *Server) Fail(w http.ResponseWriter, r *http.Request, err error) {
	s.kit.Visitor(w, r).Fail(err)
}
