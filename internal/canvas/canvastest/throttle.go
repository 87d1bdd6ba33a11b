package canvastest

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"net"
	"net/http"
	"sync"
	"time"
)

// Canvas's leaky bucket (app/middleware/request_throttle.rb): a call is refused
// while the level is at the high-water mark; every call in flight holds a
// reserve up front and gets it back.
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

func (b *bucket) drain(now time.Time) {
	if elapsed := now.Sub(b.at).Seconds(); elapsed > 0 {
		b.level = math.Max(0, b.level-elapsed*bucketDrain)
	}
	b.at = now
}

// throttle keeps a bucket per credential.
type throttle struct {
	mu      sync.Mutex
	cost    float64
	buckets map[string]*bucket
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
	b.drain(now)
	return b
}

// reserve takes the reserve and admits the call unless that fills the bucket
// to the mark; remaining is what a refused caller is told, after the reserve
// was given back.
func (t *throttle) reserve(key string, now time.Time) (remaining float64, admitted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bucketLocked(key, now)
	if b.level+bucketReserve >= bucketMark {
		return left(b), false
	}
	b.level += bucketReserve
	return left(b), true
}

// left is Canvas's X-Rate-Limit-Remaining: the mark less the level.
func left(b *bucket) float64 { return math.Round((bucketMark-b.level)*1e6) / 1e6 }

// settle gives the reserve back, charges the cost and returns it with what is
// left below the mark.
func (t *throttle) settle(key string, now time.Time) (cost, remaining float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bucketLocked(key, now)
	b.level = math.Min(bucketMaximum, math.Max(0, b.level-bucketReserve+t.cost))
	return t.cost, left(b)
}

// SetRequestCost changes what each API call costs; 600 units are the mark and
// 10 a second drain away.
func (s *Server) SetRequestCost(cost float64) {
	s.throttle.mu.Lock()
	defer s.throttle.mu.Unlock()
	s.throttle.cost = cost
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
	sum := sha256.Sum256([]byte(credential))
	return hex.EncodeToString(sum[:])
}
