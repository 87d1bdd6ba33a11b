package web

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/desk/authority"
)

// While one visit reads the origins, nobody else waits for the database: who
// leaves has left, and where a list was read before, it is taken.
func TestAroundWaitsForNobody(t *testing.T) {
	var reads atomic.Int32
	began, answer := make(chan struct{}), make(chan authority.Around)
	f := &frames{read: func(ctx context.Context) authority.Around {
		reads.Add(1)
		began <- struct{}{}
		if ctx.Err() != nil {
			t.Error("the read ended with the visit that began it")
		}
		return <-answer
	}}
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	get := func(ctx context.Context, now time.Time) chan []string {
		out := make(chan []string, 1)
		go func() { out <- f.get(ctx, now).Frames }()
		return out
	}
	ctx, leave := context.WithCancel(t.Context())
	first := get(ctx, now)
	<-began
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if got := f.get(gone, now); got.Frames != nil { // answers, though nothing was read yet
		t.Errorf("a browser that left got %q", got.Frames)
	}
	leave()
	<-first
	second := get(t.Context(), now)
	answer <- authority.Around{Frames: []string{"https://a.example"}}
	if got := <-second; !slices.Equal(got, []string{"https://a.example"}) {
		t.Errorf("who waited got %q", got)
	}
	later := now.Add(2 * framesAge)
	third := get(t.Context(), later)
	<-began
	if got := f.get(t.Context(), later); !slices.Equal(got.Frames, []string{"https://a.example"}) { // the list of before, at once
		t.Errorf("meanwhile they are %q", got.Frames)
	}
	answer <- authority.Around{Frames: []string{"https://b.example"}}
	if got := <-third; !slices.Equal(got, []string{"https://b.example"}) {
		t.Errorf("anew they are %q", got)
	}
	if n := reads.Load(); n != 2 {
		t.Errorf("%d reads", n)
	}
}
