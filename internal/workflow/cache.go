package workflow

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// cacheLife is how long an answer of Canvas may be shown (never decided on)
// without asking again (docs/decisions.md 4).
const cacheLife = 5 * time.Minute

// cache keeps answers of Canvas for pages. It is bounded: when full it drops what
// was used longest ago. The zero value is empty.
type cache struct {
	once sync.Once
	lru  *lru.Cache[string, cached]
}

type cached struct {
	v  any
	at time.Time
}

const cacheSize = 10_000

func (c *cache) kept() *lru.Cache[string, cached] {
	c.once.Do(func() { c.lru, _ = lru.New[string, cached](cacheSize) }) // it refuses sizes below 1 only
	return c.lru
}

// remember returns the answer kept under key if it is younger than cacheLife
// at now, else asks and keeps what it learns. Errors are not kept.
func remember[T any](c *cache, key string, now time.Time, ask func() (T, error)) (T, error) {
	if v, ok := recall[T](c, key, now); ok {
		return v, nil
	}
	v, err := ask()
	if err == nil {
		c.kept().Add(key, cached{v: v, at: now})
	}
	return v, err
}

// recall returns the answer kept under key, if there is one that remember would
// still give at now.
func recall[T any](c *cache, key string, now time.Time) (v T, ok bool) {
	got, ok := c.kept().Get(key)
	if !ok || now.Sub(got.at) >= cacheLife || now.Before(got.at) {
		return v, false
	}
	v, ok = got.v.(T)
	return v, ok
}

// forget drops what is kept under key.
func (c *cache) forget(key string) { c.kept().Remove(key) }
