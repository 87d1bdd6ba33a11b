package canvas_test

import (
	"context"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// What Canvas says is left to a caller that it refuses is below zero: it is taken
// for what it is, and bulk work waits the longer.
func TestLessThanNothingIsLeft(t *testing.T) {
	t.Parallel()
	bucket(t, 120, func(ctx context.Context, s *canvastest.Server, replica func() *canvas.Client) {
		other, bulk := replica(), replica()
		for range 5 {
			if _, err := other.User(ctx, "self"); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if _, err := bulk.User(canvas.Paced(ctx), "self"); err != nil { // refused once
			t.Fatal(err)
		}
		if n := s.Throttled(); n != 1 {
			t.Errorf("%d calls were throttled", n)
		}
		// From 650 down to what bulk work leaves to others, at 10 units a second, less
		// what drained while the five calls took half a second.
		if took := time.Since(began); took < 29500*time.Millisecond {
			t.Errorf("bulk work came back after %s", took)
		}
	})
}
