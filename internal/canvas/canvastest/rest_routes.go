package canvastest

import "net/http"

// routeREST mounts everything under /api/v1 and the activate route.
func (s *Server) routeREST() {
	s.routeTokens()
	s.routeUsers()
	s.routeCourses()
	s.routeAccounts()
	s.routeConversations()
	s.routeReports()
	// Whatever else is asked under the API does not exist; a wrong method is
	// no exception.
	s.institution.mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, _ *http.Request) {
		notFound().write(w, false)
	})
}
