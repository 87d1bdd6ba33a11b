package web

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// forwardHeaders are written by proxies to say for whom they ask. Those of the
// first two that a trusted proxy sends are believed; the third tells of a proxy
// all the same.
var forwardHeaders = []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded"}

// How often an untrusted forward is told again, and how long telling may take.
const (
	forwardAgain = time.Hour
	forwardTime  = 5 * time.Second
)

// forwards watches for a proxy that nobody named. Everybody behind it looks like
// its one address, in the log and wherever addresses are told apart.
type forwards struct {
	trusted []netip.Prefix

	mu     sync.Mutex
	warned bool
	told   time.Time
}

func newForwards(trusted []string) (*forwards, error) {
	f := &forwards{}
	for _, raw := range trusted {
		p, err := netip.ParsePrefix(raw)
		if err != nil {
			return nil, fmt.Errorf("web: trusted proxies: %w", err)
		}
		f.trusted = append(f.trusted, p)
	}
	return f, nil
}

// untrusted returns who forwards without being trusted to, and by what header.
func (f *forwards) untrusted(r *http.Request) (peer netip.Addr, header string, is bool) {
	for _, name := range forwardHeaders {
		if r.Header.Get(name) == "" {
			continue
		}
		at, err := netip.ParseAddr(remoteHost(r.RemoteAddr))
		if err != nil {
			return netip.Addr{}, "", false
		}
		at = at.Unmap()
		for _, p := range f.trusted {
			if p.Contains(at) {
				return netip.Addr{}, "", false
			}
		}
		return at, name, true
	}
	return netip.Addr{}, "", false
}

// due reports whether this one is to be logged, which is once, and to be recorded
// for doctor, which is once in forwardAgain.
func (f *forwards) due(now time.Time) (logIt, recordIt bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	logIt, recordIt = !f.warned, f.told.IsZero() || now.Sub(f.told) >= forwardAgain
	f.warned = true
	if recordIt {
		f.told = now
	}
	return logIt, recordIt
}

// watchForwards warns of a forwarded header that is not believed.
func (s *Server) watchForwards(r *http.Request) {
	peer, header, is := s.forwards.untrusted(r)
	if !is {
		return
	}
	logIt, recordIt := s.forwards.due(s.now())
	if logIt {
		s.log.WarnContext(r.Context(), "a forwarded header is not believed", "header", header, "peer", peer.String(),
			"setting", "TOKENDESK_TRUSTED_PROXIES",
			"what_to_do", "if a proxy of yours has this address, name its network in the setting: until then everybody behind it looks like one address; if not, whoever came wrote the header, and nothing is to be done")
	}
	if recordIt && s.recordForward != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), forwardTime)
		defer cancel()
		if err := s.recordForward(ctx, peer, header); err != nil {
			s.log.WarnContext(r.Context(), "a forwarded header is not noted for doctor", "err", err)
		}
	}
}
