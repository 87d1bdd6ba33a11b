package canvastest

import "net/http"

// serveForwarder is the hidden frame named post_message_forwarding on the SSO
// host: it relays messages between a tool and the institution's page
// (public/javascripts/lti_post_message_forwarding.js). The page that frames it
// keeps the data, in its own localStorage; all tools share one bucket there.
func (s *Server) serveForwarder(w http.ResponseWriter, _ *http.Request) {
	parent := s.InstitutionURL()
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; script-src 'self'; frame-ancestors "+parent)
	render(w, http.StatusOK, "forwarder", struct{ Note, Parent string }{Banner, parent})
}
