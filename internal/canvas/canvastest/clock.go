package canvastest

import (
	"sync"
	"time"
)

// Clock is the stand-in's idea of now. It follows the real time plus whatever
// was added by Advance; a fixed clock moves by Advance only. The zero value
// follows the real time. It is safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	fixed  time.Time
	offset time.Duration
}

// NewClock returns a clock that follows the real time.
func NewClock() *Clock { return &Clock{} }

// NewFixedClock returns a clock that stands at t until Advance moves it.
func NewFixedClock(t time.Time) *Clock { return &Clock{fixed: t.UTC()} }

// Now returns the stand-in's time in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fixed.IsZero() {
		return c.fixed.Add(c.offset)
	}
	return time.Now().UTC().Add(c.offset)
}

// Advance moves the clock by d, backwards if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}
