package canvastest

import (
	"encoding/json"
	"net/http"
)

// patchSwitches changes the named switches of launches and leaves the others.
func (s *Server) patchSwitches(w http.ResponseWriter, r *http.Request) {
	next := s.Switches()
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&next); err != nil {
		refuseOrder(w, err)
		return
	}
	s.SetSwitches(func(now *Switches) { *now = next })
	w.WriteHeader(http.StatusNoContent)
}
