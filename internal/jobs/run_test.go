package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// inBubble runs a test with a store of its own on virtual time: a pause passes
// when everybody waits, however loaded the machine is.
func inBubble(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, storetest.Open(t)) })
}

// begin runs r in the background and returns what stops it and reports how Run
// ended.
func begin(t *testing.T, r *jobs.Runner) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// Nobody has nudged the runner when it starts: it looks at once, for what is due
// and for what the schedules ask, and then as often as Poll says.
func TestRunWithoutANudge(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ poll, want time.Duration }{
		"as often as it is told":    {40 * time.Second, 40 * time.Second},
		"every five seconds if not": {0, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, s *store.Store) {
				began := time.Now()
				insert(t, s, began, "due")
				insert(t, s, began.Add(time.Microsecond), "later")
				var mu sync.Mutex
				ran := map[string]time.Duration{}
				handler := func(_ context.Context, j jobs.Job) error {
					mu.Lock()
					defer mu.Unlock()
					key, _, _ := strings.Cut(j.Key, "@")
					ran[key] = time.Since(began)
					return nil
				}
				r := &jobs.Runner{Queue: s, Poll: tc.poll, Schedules: []jobs.Schedule{{Kind: "sweep", Every: 24 * time.Hour}},
					Handlers: map[string]jobs.Work{"work": {Do: handler}, "sweep": {Do: handler}}}
				stop := begin(t, r)
				time.Sleep(tc.want - time.Millisecond)
				mu.Lock()
				if want := map[string]time.Duration{"due": 0, "sweep": 0}; !maps.Equal(ran, want) {
					t.Errorf("before the next look %v ran, want %v", ran, want)
				}
				mu.Unlock()
				time.Sleep(time.Millisecond)
				synctest.Wait()
				if err := stop(); err != nil {
					t.Errorf("Run = %v", err)
				}
				if got, ok := ran["later"]; !ok || got != tc.want {
					t.Errorf("the next look was after %v (%v), want %v", got, ok, tc.want)
				}
			})
		})
	}
}

func TestNudge(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *store.Store) {
		began := time.Now()
		ran := make(chan string, 1)
		r := &jobs.Runner{Queue: s, Poll: time.Hour, Handlers: map[string]jobs.Work{"work": {Do: func(_ context.Context, j jobs.Job) error {
			ran <- j.Key
			return nil
		}}}}
		r.Nudge() // before Run: kept
		stop := begin(t, r)
		for _, k := range []string{"first", "second"} {
			synctest.Wait() // it waits for its next look
			insert(t, s, time.Now(), k)
			r.Nudge()
			if got := <-ran; got != k {
				t.Errorf("ran %s, want %s", got, k)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the nudge was heard after %v", waited)
		}
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// A worker that becomes free takes what waits, without a nudge and without the
// next look of the poll.
func TestAFreeWorkerTakesTheNext(t *testing.T) {
	t.Parallel()
	for workers, want := range map[int]int{2: 2, 0: 4} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, s *store.Store) {
				began := time.Now()
				total := 2*want + 1
				for i := range total {
					i := jobs.Insert{Kind: "work", Key: fmt.Sprint(i), RunAt: began, Tenant: fmt.Sprintf("ten_%d", i%2)}
					if err := s.InsertJob(t.Context(), i); err != nil {
						t.Fatal(err)
					}
				}
				var atOnce, most atomic.Int32
				done := make(chan struct{}, total)
				r := &jobs.Runner{Queue: s, Poll: time.Hour, Workers: workers, Handlers: map[string]jobs.Work{"work": {Do: func(context.Context, jobs.Job) error {
					if n := atOnce.Add(1); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(time.Second)
					atOnce.Add(-1)
					done <- struct{}{}
					return nil
				}}}}
				stop := begin(t, r)
				for range total {
					<-done
				}
				if took := time.Since(began); took != 3*time.Second || int(most.Load()) != want {
					t.Errorf("%d jobs of a second took %v, %d at once; want 3s with %d workers", total, took, most.Load(), want)
				}
				if err := stop(); err != nil {
					t.Errorf("Run = %v", err)
				}
			})
		})
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ grace, want time.Duration }{
		"the grace that is set": {time.Minute, time.Minute},
		"ten seconds if not":    {0, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, s *store.Store) {
				insert(t, s, time.Now(), "patient", "stubborn")
				var stopped time.Time
				cut := make(chan time.Duration, 1)
				r := &jobs.Runner{Queue: s, Workers: 3, Grace: tc.grace, Handlers: map[string]jobs.Work{"work": {Do: func(ctx context.Context, j jobs.Job) error {
					if j.Key == "patient" {
						time.Sleep(time.Second + tc.want - time.Millisecond) // the stop comes after a second
						return ctx.Err()                                     // nil: it had its grace
					}
					<-ctx.Done()
					cut <- time.Since(stopped)
					return ctx.Err()
				}}}}
				stop := begin(t, r)
				time.Sleep(time.Second)
				stopped = time.Now()
				insert(t, s, stopped, "new")
				if err := stop(); err != nil {
					t.Errorf("Run = %v", err)
				}
				if got := <-cut; got != tc.want {
					t.Errorf("the grace was %v, want %v", got, tc.want)
				}
				got := claim(t, s, "next", time.Now(), 9)
				left := map[string]int{}
				for _, j := range got {
					left[j.Key] = j.Attempt
				}
				if want := map[string]int{"new": 1, "stubborn": 1}; !maps.Equal(left, want) {
					t.Errorf("left for the next start: %v, want %v: the stubborn one without a failure", left, want)
				}
			})
		})
	}
}

// A handler that does not look at its context meets the end of its lease; one
// that does ends before.
func TestDeadlineIsBeforeTheLease(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ lease, want time.Duration }{
		"the lease that is set": {time.Minute, 48 * time.Second},
		"two minutes if not":    {0, 96 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, s *store.Store) {
				began := time.Now()
				insert(t, s, began, "k")
				r := &jobs.Runner{Queue: s, Lease: tc.lease, Handlers: map[string]jobs.Work{"work": {Do: func(ctx context.Context, _ jobs.Job) error {
					whole := tc.want * 5 / 4
					if got := claim(t, s, "heir", began.Add(whole), 1); len(got) != 0 {
						t.Errorf("the lease ends within %v", whole)
					}
					<-ctx.Done()
					return ctx.Err()
				}}}}
				if n, err := drain(t, r); n != 1 || !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("Drain = %d, %v", n, err)
				}
				if took := time.Since(began); took != tc.want {
					t.Errorf("the job's time ended after %v, want %v", took, tc.want)
				}
				// It is a failure, and no stop of the program: it counts, and waits a second.
				if got := claim(t, s, "heir", time.Now().Add(time.Second-time.Microsecond), 1); len(got) != 0 {
					t.Errorf("it runs again at once: %+v", got)
				}
				if got := claim(t, s, "heir", time.Now().Add(time.Second), 1); len(got) != 1 || got[0].Attempt != 2 {
					t.Errorf("it runs again as %+v, want its second attempt", got)
				}
			})
		})
	}
}

// The lease itself, to the microsecond, by which another replica takes over.
func TestALeaseOfTwoMinutes(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *store.Store) {
		began := time.Now()
		insert(t, s, began, "k")
		r := &jobs.Runner{Queue: s, Handlers: map[string]jobs.Work{"work": {Do: func(context.Context, jobs.Job) error {
			if got := claim(t, s, "heir", began.Add(2*time.Minute+time.Microsecond), 1); len(got) != 1 {
				t.Error("after two minutes nobody takes over")
			}
			return nil
		}}}}
		if n, err := drain(t, r); n != 1 || err != nil {
			t.Fatalf("Drain = %d, %v", n, err)
		}
	})
}

// What was done is kept for thirty days, so that its key stays taken; Run deletes
// it when it starts, and then every hour.
func TestRunForgetsWhatWasDone(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *store.Store) {
		for _, key := range []string{"first", "second"} {
			insert(t, s, time.Now(), key)
			if err := s.FinishJob(t.Context(), claim(t, s, "one", time.Now(), 1)[0], time.Now()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // the second is done a second later
		}
		time.Sleep(30*24*time.Hour - time.Second)
		var ran []string
		r := &jobs.Runner{Queue: s, Poll: time.Minute, Handlers: map[string]jobs.Work{"work": {Do: func(_ context.Context, j jobs.Job) error {
			ran = append(ran, j.Key)
			return nil
		}}}}
		stop := begin(t, r)
		again := func(after time.Duration, want ...string) {
			t.Helper()
			time.Sleep(after)
			r.Nudge() // a look that forgets, if it is time to
			synctest.Wait()
			insert(t, s, time.Now(), "first", "second")
			r.Nudge()
			synctest.Wait()
			if !slices.Equal(ran, want) {
				t.Errorf("ran again: %v, want %v", ran, want)
			}
		}
		again(0, "first")
		again(time.Hour-time.Second, "first")
		again(2*time.Second, "first", "second")
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
