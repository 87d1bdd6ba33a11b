package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// listener counts what an Observer is told.
type listener struct {
	mu    sync.Mutex
	heard map[string]int
}

func (l *listener) JobEnded(kind string, result jobs.Result, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard[fmt.Sprint(kind, " ", result, " ", took)]++
}

// Each run of a job is told once, with how it ended and how long it took, and what
// is not done is counted by queue.
func TestObserverAndBacklogs(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		told := &listener{heard: map[string]int{}}
		r := &jobs.Runner{Queue: s, Owner: "one", Now: c.Now, Observer: told, Handlers: map[string]jobs.Work{
			"good":    {Queue: jobs.Ends, Do: func(context.Context, jobs.Job) error { c.Advance(time.Millisecond); return nil }},
			"patient": {Queue: jobs.Letters, Do: func(context.Context, jobs.Job) error { return jobs.Later(time.Hour) }},
			"bad":     {Queue: jobs.Letters, Do: func(context.Context, jobs.Job) error { return errors.New("of ten_a") }},
			"panicky": {Queue: jobs.Watching, Do: func(context.Context, jobs.Job) error { panic("of ten_a") }},
			"hard":    {Queue: jobs.Watching, Do: func(context.Context, jobs.Job) error { return jobs.Permanent(errors.New("of ten_a")) }},
			"robbed": {Queue: jobs.Long, Do: func(_ context.Context, j jobs.Job) error { // somebody else settles it meanwhile
				return s.FinishJob(t.Context(), j, c.Now())
			}},
		}}
		for kind := range r.Handlers {
			wait(t, s, kind, c.Now(), "ten_a")
		}
		wait(t, s, "of another version", c.Now(), "ten_a", "ten_b")
		if _, err := r.Drain(t.Context()); err == nil {
			t.Error("no failure was reported")
		}
		want := map[string]int{"good done 1ms": 1, "patient again 0s": 1, "bad failed 0s": 1, "panicky failed 0s": 1, "hard parked 0s": 1,
			"robbed unsettled 0s": 1, "unknown failed 0s": 2}
		if !maps.Equal(told.heard, want) {
			t.Errorf("told %v, want %v", told.heard, want)
		}

		now := c.Now()
		wait(t, s, "good", now.Add(-time.Minute), "ten_a", "ten_b")
		wait(t, s, "good", now.Add(-3*time.Minute), "ten_a", "ten_b")
		wait(t, s, "patient", now, "ten_a")
		wait(t, s, "patient", now.Add(time.Microsecond), "ten_b") // its time has not come
		wait(t, s, "of another version", now.Add(-time.Second), "ten_a")
		if got := claim(t, s, "two", now, 1); len(got) != 1 || got[0].Kind != "good" {
			t.Fatalf("claimed %v", got)
		}
		all, err := r.Backlogs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range all {
			got = append(got, fmt.Sprint(b.Queue, ": due ", b.Due, ", running ", b.Running, ", parked ", b.Parked, ", oldest ", b.Age))
		}
		if want := []string{"ends: due 3, running 1, parked 0, oldest 3m0s", "watching: due 0, running 0, parked 1, oldest 0s",
			"letters: due 1, running 0, parked 0, oldest 0s", "long: due 1, running 0, parked 0, oldest 1s"}; !slices.Equal(got, want) {
			t.Errorf("backlogs\n%q, want\n%q", got, want)
		}
	})
}
