package canvastest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// Clock is the stand-in's idea of now. It follows the real time plus whatever
// was added by Advance; a fixed clock moves by Advance only. The zero value
// follows the real time. It is safe for concurrent use.
type Clock struct {
	mu       sync.Mutex
	fixed    time.Time
	offset   time.Duration
	sleepers []*sleeper
	changed  chan struct{} // closed when somebody falls asleep; nil if nobody asks
}

// sleeper is somebody who sleeps on a fixed clock.
type sleeper struct {
	until time.Time
	wake  chan struct{}
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

// Advance moves the clock by d, backwards if d is negative, and wakes those
// whose time has come.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	c.sleepers = slices.DeleteFunc(c.sleepers, func(s *sleeper) bool {
		due := !c.fixed.Add(c.offset).Before(s.until)
		if due {
			close(s.wake)
		}
		return due
	})
}

// Sleep waits until a fixed clock was moved d further, however long that takes;
// it returns the error of ctx if that ends sooner. On a clock that follows the
// real time it waits in real time.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	s := &sleeper{until: c.fixed.Add(c.offset + d), wake: make(chan struct{})}
	switch {
	case c.fixed.IsZero():
		timer := time.AfterFunc(d, func() { close(s.wake) })
		defer timer.Stop()
	case d <= 0:
		close(s.wake)
	default:
		c.sleepers = append(c.sleepers, s)
		if c.changed != nil {
			close(c.changed)
			c.changed = nil
		}
	}
	c.mu.Unlock()
	select {
	case <-s.wake:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sleepers = slices.DeleteFunc(c.sleepers, func(other *sleeper) bool { return other == s })
	return ctx.Err()
}

// AwaitSleepers waits until n sleep on a fixed clock. Minutes without them are a
// test that hangs.
func (c *Clock) AwaitSleepers(t testing.TB, n int) {
	t.Helper()
	hung := time.NewTimer(2 * time.Minute)
	defer hung.Stop()
	for {
		c.mu.Lock()
		if len(c.sleepers) >= n {
			c.mu.Unlock()
			return
		}
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-hung.C:
			t.Errorf("%d sleepers never came", n)
			return
		}
	}
}
