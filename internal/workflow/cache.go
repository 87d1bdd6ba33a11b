package workflow

import (
	"sync"
	"time"
)

// cacheLife is how long an answer of Canvas may be shown (never decided on)
// without asking again (docs/decisions.md 4).
const cacheLife = 5 * time.Minute

// cache keeps answers of Canvas for pages. It is bounded: when full it starts anew.
type cache struct {
	mu sync.Mutex
	m  map[string]cached
}

type cached struct {
	v  any
	at time.Time
}

const cacheSize = 10_000

// remember returns the answer kept under key if it is younger than cacheLife
// at now, else asks and keeps what it learns. Errors are not kept.
func remember[T any](c *cache, key string, now time.Time, ask func() (T, error)) (T, error) {
	if v, ok := recall[T](c, key, now); ok {
		return v, nil
	}
	v, err := ask()
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= cacheSize {
		c.m = map[string]cached{}
	}
	c.m[key] = cached{v: v, at: now}
	return v, nil
}

// recall returns the answer kept under key, if there is one that remember would
// still give at now.
func recall[T any](c *cache, key string, now time.Time) (v T, ok bool) {
	c.mu.Lock()
	got, ok := c.m[key]
	c.mu.Unlock()
	if !ok || now.Sub(got.at) >= cacheLife || now.Before(got.at) {
		return v, false
	}
	v, ok = got.v.(T)
	return v, ok
}

// forget drops what is kept under key.
func (c *cache) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, key)
}
