package lti

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// KeySets fetches and keeps the key sets of platforms. Its zero value is usable;
// it must not be copied after first use.
//
// A set is kept as long as its Cache-Control says, within bounds, and then
// fetched anew by the next launch. While the platform cannot be reached, the
// last good set goes on being used. A kid that a set does not have causes one
// fetch, but no more than one in MinInterval for each set, whatever callers
// send: a caller within that interval waits for its end, so that a launch
// signed by a brand-new key does not fail because somebody else was guessing.
// After three such fetches that brought nothing new it is no more than one a
// minute, and nobody waits for its end, until the set has changed: so somebody
// who goes on guessing does not make us ask the platform all the time.
// Simultaneous callers share one fetch.
type KeySets struct {
	// Client makes the calls; a plain http.Client if nil. Which addresses may be
	// reached is for its transport to decide. Its redirect policy is replaced:
	// redirects to another host are never followed.
	Client *http.Client
	// MaxAge caps what the platform's Cache-Control asks for (Canvas: ten days);
	// 24 hours if zero.
	MaxAge time.Duration
	// MinInterval is the shortest time between two fetches of one set; five
	// seconds if zero.
	MinInterval time.Duration
	// StaleFor is how long after its expiry a set is used if it cannot be
	// fetched; seven days if zero.
	StaleFor time.Duration

	Log *slog.Logger // failed fetches; slog.Default() if nil

	// Now is the clock, and Sleep waits by it or returns the error of ctx; the
	// real time if nil. Where one is given, both are.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error

	mu   sync.Mutex
	sets map[string]*keySet
}

// Errors of KeySets.Key.
var (
	ErrKeyUnknown        = errors.New("lti: the platform's key set has no such usable key")
	ErrKeyAmbiguous      = errors.New("lti: the platform's key set has several keys of that id")
	ErrKeySetUnavailable = errors.New("lti: the platform's key set cannot be had")
)

// Bounds of one fetch, of the lifetime of a set, of the callers who wait for a
// fetch that MinInterval puts off, and of fetches that unknown kids cause: after
// maxVain that brought nothing new, one in vainInterval.
const (
	fetchTimeout = 5 * time.Second
	minFresh     = time.Minute
	defaultFresh = time.Hour
	maxWaiting   = 64
	maxVain      = 3
	vainInterval = time.Minute
)

// keySet is the state of one URL. mu guards everything.
type keySet struct {
	mu      sync.Mutex
	keys    keyMap        // nil until a fetch succeeds
	expires time.Time     // of keys
	tried   time.Time     // when the last fetch began; zero before the first
	failed  error         // of the last fetch
	flight  chan struct{} // closed when the fetch under way has ended; nil if none is
	waiting int
	vain    int // fetches for unknown kids since the set last changed
}

// next is when a set may be fetched again, for a kid that it has or has not.
func (s *keySet) next(interval time.Duration, found bool) time.Time {
	if !found && s.keys != nil && s.vain >= maxVain {
		interval = max(interval, vainInterval)
	}
	return s.tried.Add(interval)
}

// Key returns the public key with that kid in the set at url. It returns
// ErrKeyUnknown, ErrKeyAmbiguous or ErrKeySetUnavailable (wrapped), or the
// error of ctx.
func (k *KeySets) Key(ctx context.Context, url, kid string) (*rsa.PublicKey, error) {
	set := k.set(url)
	arrived := k.now()
	for asked := false; ; {
		set.mu.Lock()
		now := k.now()
		key, found := set.keys[kid]
		usable := found && now.Before(set.expires.Add(k.staleFor()))
		// A fetch that began after our arrival is as good as one of our own.
		asked = asked || set.flight == nil && set.tried.After(arrived)
		switch {
		case found && now.Before(set.expires), usable && asked:
			set.mu.Unlock()
			return key.usable()
		case asked:
			err := set.failed
			set.mu.Unlock()
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrKeySetUnavailable, err)
			}
			return nil, ErrKeyUnknown
		}

		flight := set.flight
		next := set.next(k.minInterval(), found)
		if flight == nil && !now.Before(next) {
			if !found {
				set.vain++ // until it turns out to bring something
			}
			flight = k.begin(ctx, set, url, now)
		}
		switch {
		case usable && (set.failed != nil || flight == nil):
			// The platform is down: nobody need wait to learn that again.
			set.mu.Unlock()
			return key.usable()
		case flight != nil:
			set.mu.Unlock()
			select {
			case <-flight:
				asked = true
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		case set.keys == nil, set.waiting >= maxWaiting, next.Sub(now) > k.minInterval():
			set.mu.Unlock()
			asked = true
		default:
			set.waiting++
			set.mu.Unlock()
			err := k.sleep(ctx, next.Sub(now))
			set.mu.Lock()
			set.waiting--
			set.mu.Unlock()
			if err != nil {
				return nil, err
			}
		}
	}
}

func (k *KeySets) set(url string) *keySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	set, ok := k.sets[url]
	if !ok {
		if k.sets == nil {
			k.sets = make(map[string]*keySet)
		}
		set = &keySet{}
		k.sets[url] = set
	}
	return set
}

// begin starts a fetch, which outlives the caller who caused it. set.mu is held.
func (k *KeySets) begin(ctx context.Context, set *keySet, url string, now time.Time) chan struct{} {
	flight := make(chan struct{})
	set.flight, set.tried = flight, now
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		keys, fresh, err := k.fetch(ctx, url)
		set.mu.Lock()
		defer set.mu.Unlock()
		set.failed = err
		if err == nil {
			if !maps.EqualFunc(set.keys, keys, setKey.same) {
				set.vain = 0
			}
			set.keys, set.expires = keys, k.now().Add(fresh)
		} else {
			k.log().Warn("lti key set not fetched", "url", url, "error", err.Error())
		}
		set.flight = nil
		close(flight)
	}()
	return flight
}

// fetch gets a set and says how long it may be kept.
func (k *KeySets) fetch(ctx context.Context, url string) (keyMap, time.Duration, error) {
	if _, err := endpoint(url); err != nil {
		return nil, 0, fmt.Errorf("key set URL: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, errors.New("key set URL is not a URL")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	got, err := call(k.Client, req, true)
	if err != nil {
		return nil, 0, err
	}
	if got.status != http.StatusOK {
		return nil, 0, fmt.Errorf("status %d", got.status)
	}
	keys, err := parseKeySet(got.body)
	if err != nil {
		return nil, 0, err
	}
	return keys, min(max(maxAge(got.header), minFresh), k.maxAge()), nil
}

// maxAge reads how long an answer may be kept (RFC 9111 §5.2.2).
func maxAge(h http.Header) time.Duration {
	age, _ := strconv.Atoi(h.Get("Age"))
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			seconds, err := strconv.Atoi(strings.Trim(value, `"`))
			if err != nil {
				return 0
			}
			// A huge number must not overflow a Duration.
			return time.Duration(min(seconds, 1<<30)-max(0, min(age, 1<<30))) * time.Second
		}
	}
	return defaultFresh
}

func (k *KeySets) log() *slog.Logger {
	if k.Log != nil {
		return k.Log
	}
	return slog.Default()
}

func (k *KeySets) maxAge() time.Duration      { return positive(k.MaxAge, 24*time.Hour) }
func (k *KeySets) minInterval() time.Duration { return positive(k.MinInterval, 5*time.Second) }
func (k *KeySets) staleFor() time.Duration    { return positive(k.StaleFor, 7*24*time.Hour) }

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

func (k *KeySets) now() time.Time {
	if k.Now != nil {
		return k.Now()
	}
	return time.Now()
}

func (k *KeySets) sleep(ctx context.Context, d time.Duration) error {
	if k.Sleep != nil {
		return k.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
