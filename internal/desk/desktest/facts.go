package desktest

import (
	"net/http"
	"strings"
	"sync/atomic"
)

// Meanwhile lets something happen once, while the tool waits for Canvas's answer
// to a call whose path holds part.
func (r *Rig) Meanwhile(method, part string, happen func()) {
	var once atomic.Bool
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		if req.Method == method && strings.Contains(req.URL.Path, part) && once.CompareAndSwap(false, true) {
			happen()
		}
		return send(req)
	}
	r.Line.Store(&line)
}
