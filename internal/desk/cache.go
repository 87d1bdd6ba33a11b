package desk

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// CacheLife is how long an answer of Canvas may be shown (never decided on)
// without asking again (docs/decisions.md 4).
const CacheLife = 5 * time.Minute

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

// CacheSize is how many answers are kept.
const CacheSize = 10_000

func (c *cache) kept() *lru.Cache[string, cached] {
	c.once.Do(func() { c.lru, _ = lru.New[string, cached](CacheSize) }) // it refuses sizes below 1 only
	return c.lru
}

// Remember returns the answer kept under key if it is younger than CacheLife, else
// asks and keeps what it learns. Errors are not kept.
func Remember[T any](d *Desk, key string, ask func() (T, error)) (T, error) {
	if v, ok := Recall[T](d, key); ok {
		return v, nil
	}
	at := d.Now()
	v, err := ask()
	if err == nil {
		d.cache.kept().Add(key, cached{v: v, at: at})
	}
	return v, err
}

// Recall returns the answer kept under key, if there is one that Remember would
// still give.
func Recall[T any](d *Desk, key string) (v T, ok bool) {
	got, ok := d.cache.kept().Get(key)
	now := d.Now()
	if !ok || now.Sub(got.at) >= CacheLife || now.Before(got.at) {
		return v, false
	}
	v, ok = got.v.(T)
	return v, ok
}

// Forget drops what is kept under the keys, or everything without any.
func (d *Desk) Forget(keys ...string) {
	for _, key := range keys {
		d.cache.kept().Remove(key)
	}
	if len(keys) == 0 {
		d.cache.kept().Purge()
	}
}
