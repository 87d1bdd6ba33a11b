package canvastest

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Canvas's leaky bucket (app/middleware/request_throttle.rb and
// increment_bucket.lua): every call first adds a reserve and is refused if that
// brings the level to the high-water mark; at its end the reserve is taken out
// again and the cost added. The bucket holds no more than the maximum.
const (
	bucketMark    = 600.0
	bucketMaximum = 800.0
	bucketDrain   = 10.0 // units a second
	bucketReserve = 50.0
)

type bucket struct {
	level float64
	at    time.Time
}

// add lets the bucket leak until now and then adds amount, as Canvas's script
// does it: only the result is kept within bounds, so after a long rest the
// first reserve leaks away with the rest.
func (b *bucket) add(amount float64, now time.Time) {
	if elapsed := now.Sub(b.at).Seconds(); elapsed > 0 && b.level > 0 {
		b.level -= elapsed * bucketDrain
	}
	b.level = math.Max(0, math.Min(bucketMaximum, b.level+amount))
	b.at = now
}

// throttle keeps a bucket per credential.
type throttle struct {
	mu      sync.Mutex
	cost    float64
	costs   map[string]float64 // by "GET /api/v1/users/:id"
	buckets map[string]*bucket
	refused int
}

func (t *throttle) bucketLocked(key string, now time.Time) *bucket {
	if t.buckets == nil {
		t.buckets = map[string]*bucket{}
	}
	b := t.buckets[key]
	if b == nil {
		b = &bucket{at: now}
		t.buckets[key] = b
	}
	return b
}

// reserve takes the reserve and admits the call unless that fills the bucket
// to the mark. remaining is what a refused caller is told: its reserve is still
// in the bucket when Canvas writes it, so it is below zero, or zero. A refused
// call costs nothing here.
func (t *throttle) reserve(key string, now time.Time) (remaining float64, admitted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bucketLocked(key, now)
	b.add(bucketReserve, now)
	if b.level < bucketMark {
		return left(b), true
	}
	remaining = left(b)
	b.add(-bucketReserve, now)
	t.refused++
	return remaining, false
}

// left is Canvas's X-Rate-Limit-Remaining: the mark less the level.
func left(b *bucket) float64 { return math.Round((bucketMark-b.level)*1e6) / 1e6 }

// settle gives the reserve back, charges the cost and returns it with what is
// left below the mark.
func (t *throttle) settle(key, call string, now time.Time) (cost, remaining float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cost, own := t.costs[call]
	if !own {
		cost = t.cost
	}
	b := t.bucketLocked(key, now)
	b.add(cost-bucketReserve, now)
	return cost, left(b)
}

// SetRequestCost changes what each API call costs; 600 units are the mark and
// 10 a second drain away.
func (s *Server) SetRequestCost(cost float64) {
	s.throttle.mu.Lock()
	defer s.throttle.mu.Unlock()
	s.throttle.cost = cost
}

// SetRouteCost changes what the calls of one route cost; the route is written
// as in Fault. It wins over SetRequestCost.
func (s *Server) SetRouteCost(method, route string, cost float64) {
	s.throttle.mu.Lock()
	defer s.throttle.mu.Unlock()
	if s.throttle.costs == nil {
		s.throttle.costs = map[string]float64{}
	}
	s.throttle.costs[strings.ToUpper(method)+" "+canvasRoute(route)] = cost
}

// Throttled returns how many calls the rate limiter refused, those refused by
// order of a Fault not among them.
func (s *Server) Throttled() int {
	s.throttle.mu.Lock()
	defer s.throttle.mu.Unlock()
	return s.throttle.refused
}

// RateLevel returns how full the bucket of the credential with this secret is.
func (s *Server) RateLevel(secret string) float64 {
	s.throttle.mu.Lock()
	defer s.throttle.mu.Unlock()
	now := s.world.Clock.Now()
	b := *s.throttle.bucketLocked(bucketOf("Bearer "+secret), now)
	b.add(0, now)
	return b.level
}

// credentialOf names the bucket of a request without keeping the credential.
func credentialOf(r *http.Request) string {
	credential := r.Header.Get("Authorization")
	if credential == "" {
		credential = r.URL.Query().Get("access_token")
	}
	if c, err := r.Cookie(sessionCookie); credential == "" && err == nil {
		credential = c.Value
	}
	if credential == "" {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		return "address " + host
	}
	return bucketOf(credential)
}

func bucketOf(credential string) string {
	sum := sha256.Sum256([]byte(credential))
	return hex.EncodeToString(sum[:])
}
