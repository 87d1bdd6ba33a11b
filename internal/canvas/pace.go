package canvas

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Canvas's leaky bucket, one for each credential (request_throttle.rb): it
// refuses while the level is at the mark, drains all the time, and every call
// in flight holds a reserve up front, which it gets back for its real cost.
const (
	rateMark    = 600.0 // units
	rateDrain   = 10.0  // units a second
	rateReserve = 50.0  // units a call in flight
	// rateBulk is the level up to which paced calls go. Above it is room for
	// three calls at once that a person waits for, on any replica.
	rateBulk = 400.0
	// rateAtOnce is how many calls one replica has in flight for bulk work.
	// Their reserves are seen by others only in the answers, so that replicas
	// which begin together must not fill the bucket with them.
	rateAtOnce = 3
)

// What paced calls can count on, for estimates: so many units drain from the
// bucket each second, and so many fit into an empty one before they wait.
const (
	Drain     = rateDrain
	BulkBurst = rateBulk - rateReserve
)

const (
	paceLeast = 50 * time.Millisecond
	// grantLife is how long a Pace that no call followed counts as a call.
	grantLife = 5 * time.Second
)

// Rate is what a Client knows of its credential's bucket in Canvas.
type Rate struct {
	Remaining float64 // units that Canvas said were left, last; 600 when it said nothing yet
	LastCost  float64 // units of the last call that told
	Spent     float64 // units of all calls so far
	Calls     int     // answers so far, throttled ones among them
	Throttled int     // answers that refused a call for its rate
}

// rate follows the bucket by the headers of the answers. What other replicas
// and programs spend on the same credential is in them too. It keeps no bucket of
// its own, which is what golang.org/x/time/rate would do.
type rate struct {
	now func() time.Time

	mu       sync.Mutex
	of       [sha256.Size]byte // the credential; another one has another bucket
	level    float64
	at       time.Time
	inFlight int
	granted  []time.Time // for calls that have not begun
	slow     bool        // throttled: one call at a time, until one goes through
	total    Rate
}

type pacedKey struct{}

// Paced returns a context for bulk work: every call made with it, each page of
// a list too, first waits as Pace does.
func Paced(ctx context.Context) context.Context { return context.WithValue(ctx, pacedKey{}, true) }

type gateKey struct{}

// Gated returns a context whose calls ask gate before anything is sent, each
// page of a list and each try too. What gate returns as an error is the call's,
// of kind Held.
func Gated(ctx context.Context, gate func(ctx context.Context) error) context.Context {
	return context.WithValue(ctx, gateKey{}, gate)
}

// gated asks the gate of ctx, if there is one.
func gated(ctx context.Context, op string) *Error {
	gate, ok := ctx.Value(gateKey{}).(func(context.Context) error)
	if !ok {
		return nil
	}
	if err := gate(ctx); err != nil {
		return &Error{Op: op, Kind: Held, Detail: []string{"not sent"}, cause: err}
	}
	return nil
}

// Pace waits until one more call keeps well clear of Canvas's rate limit, with
// room left for calls that people wait for. Bulk work calls it before each call,
// or uses a context of Paced, which cannot be forgotten. After a throttled
// answer one call at a time goes through, with jitter, until one works.
//
// It returns an error of kind Unreachable when ctx ends first; then nothing was
// sent.
func (c *Client) Pace(ctx context.Context) error {
	if e := c.pace(ctx, "wait for Canvas's rate limit"); e != nil {
		return e
	}
	return nil
}

// Rate returns what is known of the bucket.
func (c *Client) Rate() Rate {
	c.rate.mu.Lock()
	defer c.rate.mu.Unlock()
	return c.rate.total
}

func (c *Client) pace(ctx context.Context, op string) *Error {
	for {
		wait := c.rate.grant()
		if wait <= 0 {
			return nil
		}
		if !c.sleep(ctx, wait) {
			err := context.Cause(ctx)
			if err == nil {
				err = context.DeadlineExceeded // it would end during the wait
			}
			return &Error{Op: op, Kind: Unreachable, Detail: []string{"not sent: " + describe(err)}, cause: err}
		}
	}
}

// grant admits one paced call, or returns how long to wait before the next
// question.
func (r *rate) grant() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.granted = slices.DeleteFunc(r.granted, func(at time.Time) bool { return now.Sub(at) >= grantLife })
	ours := r.inFlight + len(r.granted)
	over := r.drained(now) + float64(ours+1)*rateReserve - rateBulk
	switch {
	case over > 0:
		return max(paceLeast, jittered(time.Duration(over/rateDrain*float64(time.Second))))
	case r.slow && ours > 0:
		return jittered(time.Second)
	case ours >= rateAtOnce:
		return paceLeast
	}
	r.granted = append(r.granted, now)
	return 0
}

// jittered lengthens d by up to a quarter, so that replicas do not come back
// together.
func jittered(d time.Duration) time.Duration {
	return d + rand.N(d/4+1) //nolint:gosec // jitter needs no secrecy
}

func (r *rate) drained(now time.Time) float64 {
	return max(0, r.level-max(0, now.Sub(r.at).Seconds())*rateDrain)
}

// begin notes that a call is sent.
func (r *rate) begin(credential string) {
	sum := sha256.Sum256([]byte(credential))
	r.mu.Lock()
	defer r.mu.Unlock()
	if sum != r.of {
		r.of, r.level, r.slow = sum, 0, false
	}
	if len(r.granted) > 0 {
		r.granted = r.granted[1:]
	}
	r.inFlight++
}

// end notes what the answer says; header is nil when there was none.
func (r *rate) end(header http.Header, kind Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight--
	if header == nil {
		return
	}
	r.total.Calls++
	left, err := strconv.ParseFloat(header.Get("X-Rate-Limit-Remaining"), 64)
	told := err == nil
	if kind == Throttled {
		r.total.Throttled++
		r.slow, left, told = true, min(left, 0), true
	}
	if cost, err := strconv.ParseFloat(header.Get("X-Request-Cost"), 64); err == nil && cost >= 0 {
		r.total.LastCost = cost
		r.total.Spent += cost
		r.slow = r.slow && kind == Throttled
	}
	if told && left == left { // not NaN
		r.level, r.at, r.total.Remaining = max(0, rateMark-left), r.now(), left
	}
}
