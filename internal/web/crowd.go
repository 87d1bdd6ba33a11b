package web

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/lti"
)

// How many logins may wait for their launch. A login needs no right: whoever
// knows the issuer and the client id can begin one, and the list of those that
// wait is bounded (lti.Tool.MaxPending). One address must not fill it.
const (
	loginsWaiting = 20_000           // of one registration, in the database
	addressShare  = 10               // one address may have a tenth of them
	loginLife     = 10 * time.Minute // after which a login no longer waits (lti)
	crowdSize     = 50_000           // addresses that are counted one by one
)

// crowd counts, for each client address, the logins that this process began and
// that no launch has completed. Whole campuses come from one address, but they
// complete what they begin, so the count follows those who wait and not those
// who come. What is never completed is forgotten at the rate at which the
// database forgets it.
type crowd struct {
	share float64
	mu    sync.Mutex
	of    map[netip.Addr]*waiting
	// rest counts everybody together whose address cannot be told, or came when
	// the table was full.
	rest  waiting
	swept time.Time
}

// waiting is a number that sinks by share in loginLife.
type waiting struct {
	n  float64
	at time.Time
}

func (w *waiting) sink(share float64, now time.Time) {
	if past := now.Sub(w.at); past > 0 {
		w.n = max(0, w.n-share*past.Seconds()/loginLife.Seconds())
	}
	w.at = now
}

func newCrowd(limit int) *crowd {
	return &crowd{share: float64(max(1, limit/addressShare)), of: map[netip.Addr]*waiting{}}
}

// begin counts one more login of an address, or reports false where it has its
// share already.
func (c *crowd) begin(address string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.find(address, now)
	w.sink(c.share, now)
	if w.n+1 > c.share {
		return false
	}
	w.n++
	return true
}

// done takes back what begin counted, for a login whose launch got in.
func (c *crowd) done(address string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := network(address)
	w := c.of[a]
	if !ok || w == nil {
		w = &c.rest
	}
	w.sink(c.share, now)
	w.n = max(0, w.n-1)
}

func (c *crowd) find(address string, now time.Time) *waiting {
	a, ok := network(address)
	if !ok {
		return &c.rest
	}
	if w := c.of[a]; w != nil {
		return w
	}
	if len(c.of) >= crowdSize && now.Sub(c.swept) > time.Second {
		c.swept = now
		for known, w := range c.of {
			if w.sink(c.share, now); w.n == 0 {
				delete(c.of, known)
			}
		}
	}
	if len(c.of) >= crowdSize {
		return &c.rest
	}
	w := &waiting{at: now}
	c.of[a] = w
	return w
}

// network is what one subscriber has: an IPv4 address, or 64 bits of IPv6.
func network(address string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Addr{}, false
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a, true
	}
	p, err := a.Prefix(64)
	return p.Addr(), err == nil
}

// admitLogin is lti.Tool.Admit. The address is the one that trusted proxies tell.
func (s *Server) admitLogin(r *http.Request, _ lti.Registration) bool {
	return s.crowd.begin(traceOf(r.Context()).client, s.now())
}
