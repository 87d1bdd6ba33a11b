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

// clock is a clock that moves when told to.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micros.Store(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) Now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

func insert(t *testing.T, q jobs.Queue, at time.Time, keys ...string) {
	t.Helper()
	for _, k := range keys {
		if err := q.InsertJob(t.Context(), jobs.Insert{Kind: "work", Key: k, RunAt: at, Data: []byte(`{"n":1}`), Tenant: "ten_a"}); err != nil {
			t.Fatal(err)
		}
	}
}

func claim(t *testing.T, q jobs.Queue, owner string, now time.Time, limit int) []jobs.Job {
	t.Helper()
	js, err := q.ClaimJobs(t.Context(), owner, now, time.Minute, limit)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func drain(t *testing.T, r *jobs.Runner) (int, error) {
	t.Helper()
	return r.Drain(t.Context())
}

func TestClaim(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		now := c.Now()
		insert(t, s, now.Add(time.Microsecond), "later")
		insert(t, s, now, "b", "b")
		insert(t, s, now.Add(-time.Second), "a")
		insert(t, s, now.Add(-time.Millisecond), "c")
		got := claim(t, s, "one", now, 2)
		if len(got) != 2 || got[0].Key != "a" || got[1].Key != "c" {
			t.Fatalf("claimed %+v, want the two oldest that are due", got)
		}
		j := got[0]
		if j.Kind != "work" || j.Tenant != "ten_a" || string(j.Data) != `{"n":1}` || j.Attempt != 1 || j.Owner != "one" ||
			!strings.HasPrefix(j.ID, "job_") || !j.CreatedAt.Equal(now.Add(-time.Second)) {
			t.Errorf("the job is %+v", j)
		}
		if got := claim(t, s, "two", now, 9); len(got) != 1 || got[0].Key != "b" {
			t.Errorf("the second claimer got %+v, want b once", got)
		}
		if got := claim(t, s, "two", now.Add(time.Microsecond), 9); len(got) != 1 || got[0].Key != "later" {
			t.Errorf("a microsecond later: %+v", got)
		}
	})
}

func TestKeyStaysTakenWhenDone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		insert(t, s, c.Now(), "occasion")
		j := claim(t, s, "one", c.Now(), 1)[0]
		if err := s.FinishJob(t.Context(), j, c.Now()); err != nil {
			t.Fatal(err)
		}
		insert(t, s, c.Now(), "occasion")
		if got := claim(t, s, "one", c.Now(), 1); len(got) != 0 {
			t.Errorf("the occasion came twice: %+v", got)
		}
		if err := s.InsertJob(t.Context(), jobs.Insert{Kind: "other", Key: "occasion", RunAt: c.Now()}); err != nil {
			t.Fatal(err)
		}
		if got := claim(t, s, "one", c.Now(), 1); len(got) != 1 || got[0].Kind != "other" || got[0].Data != nil {
			t.Errorf("the same key of another kind: %+v", got)
		}
		// Only what was done before the given time is purged; then the key is free.
		if n, err := s.PurgeJobs(t.Context(), c.Now()); n != 0 || err != nil {
			t.Errorf("purged %d, %v", n, err)
		}
		if n, err := s.PurgeJobs(t.Context(), c.Now().Add(time.Second)); n != 1 || err != nil {
			t.Errorf("purged %d, %v; want the one that is done", n, err)
		}
	})
}

func TestInsertRefuses(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	now := newClock().Now()
	for name, i := range map[string]jobs.Insert{
		"no kind": {Key: "k", RunAt: now},
		"no key":  {Kind: "k", RunAt: now},
		"no time": {Kind: "k", Key: "k"},
	} {
		if err := s.InsertJob(t.Context(), i); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		insert(t, s, c.Now(), "k")
		first := claim(t, s, "dead", c.Now(), 1)[0]
		c.Advance(time.Minute)
		if got := claim(t, s, "heir", c.Now(), 1); len(got) != 0 {
			t.Fatalf("taken over at the lease's last moment: %+v", got)
		}
		c.Advance(time.Microsecond)
		got := claim(t, s, "heir", c.Now(), 1)
		if len(got) != 1 || got[0].Attempt != 2 {
			t.Fatalf("taken over as %+v, want its second attempt", got)
		}
		settle := map[string]func(j jobs.Job) error{
			"finish": func(j jobs.Job) error { return s.FinishJob(t.Context(), j, c.Now()) },
			"retry":  func(j jobs.Job) error { return s.RetryJob(t.Context(), j, c.Now(), true, "x") },
			"park":   func(j jobs.Job) error { return s.ParkJob(t.Context(), j, c.Now(), "x") },
		}
		stranger := got[0]
		stranger.Owner = "stranger"
		for name, do := range settle {
			if err := do(first); !errors.Is(err, jobs.ErrLost) {
				t.Errorf("late %s: %v, want ErrLost", name, err)
			}
			if err := do(stranger); !errors.Is(err, jobs.ErrLost) {
				t.Errorf("%s by a stranger: %v, want ErrLost", name, err)
			}
		}
		if err := s.FinishJob(t.Context(), got[0], c.Now()); err != nil {
			t.Errorf("the heir could not finish: %v", err)
		}
		for name, do := range settle {
			if err := do(got[0]); !errors.Is(err, jobs.ErrLost) {
				t.Errorf("%s of a settled job: %v, want ErrLost", name, err)
			}
		}
	})
}

// The same runner claims the job again after its own lease ended: the first
// claim is late all the same.
func TestLateClaimOfOneOwner(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		insert(t, s, c.Now(), "k")
		first := claim(t, s, "one", c.Now(), 1)[0]
		c.Advance(time.Hour)
		second := claim(t, s, "one", c.Now(), 1)[0]
		if err := s.FinishJob(t.Context(), first, c.Now()); !errors.Is(err, jobs.ErrLost) {
			t.Errorf("the first claim settled the second's job: %v", err)
		}
		if err := s.FinishJob(t.Context(), second, c.Now()); err != nil {
			t.Error(err)
		}
	})
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		var attempts []int
		var outcome func() error
		r := &jobs.Runner{Queue: s, Now: c.Now, Handlers: map[string]jobs.Handler{"work": func(_ context.Context, j jobs.Job) error {
			attempts = append(attempts, j.Attempt)
			return outcome()
		}}}
		boom := errors.New("boom")
		insert(t, s, c.Now(), "k")
		kept := func(want string) { // for a person to read
			t.Helper()
			storetest.Dump(t, s, func(table, column, cell string) {
				if table == "jobs" && column == "trouble" && cell != want {
					t.Errorf("its trouble is kept as %q, want %q", cell, want)
				}
			})
		}

		outcome = func() error { return boom }
		if n, err := drain(t, r); n != 1 || !errors.Is(err, boom) {
			t.Fatalf("Drain = %d, %v", n, err)
		}
		kept("boom")
		c.Advance(time.Second - time.Microsecond)
		if n, err := drain(t, r); n != 0 || err != nil {
			t.Fatalf("run again before its pause was over: %d, %v", n, err)
		}
		c.Advance(time.Microsecond)
		outcome = func() error { panic("boom") }
		if n, err := drain(t, r); n != 1 || err == nil || !strings.Contains(err.Error(), "boom") {
			t.Fatalf("a panic: %d, %v", n, err)
		}
		kept("panic: boom")
		c.Advance(16 * time.Second)
		outcome = func() error { return fmt.Errorf("not yet: %w", jobs.Later(time.Minute)) }
		if n, err := drain(t, r); n != 1 || err != nil {
			t.Fatalf("Later: %d, %v", n, err)
		}
		kept("")
		c.Advance(time.Minute)
		outcome = func() error { return fmt.Errorf("hopeless: %w", jobs.Permanent(boom)) }
		if n, err := drain(t, r); n != 1 || !errors.Is(err, boom) {
			t.Fatalf("Permanent: %d, %v", n, err)
		}
		kept("hopeless: boom")
		c.Advance(365 * 24 * time.Hour)
		if n, err := drain(t, r); n != 0 || err != nil {
			t.Fatalf("a parked job ran: %d, %v", n, err)
		}
		if n, err := s.PurgeJobs(t.Context(), c.Now()); n != 0 || err != nil {
			t.Errorf("a parked job was purged: %d, %v", n, err)
		}
		if want := []int{1, 2, 3, 3}; fmt.Sprint(attempts) != fmt.Sprint(want) {
			t.Errorf("attempts %v, want %v: Later counts none", attempts, want)
		}
	})
}

// Drain reports every failure with the job it is of.
func TestDrainTellsEveryFailure(t *testing.T) {
	t.Parallel()
	s, c := storetest.Open(t), newClock()
	insert(t, s, c.Now(), "a", "b", "c")
	wrong := map[string]error{"a": errors.New("first"), "c": errors.New("second")}
	r := &jobs.Runner{Queue: s, Now: c.Now, Handlers: map[string]jobs.Handler{"work": func(_ context.Context, j jobs.Job) error { return wrong[j.Key] }}}
	n, err := drain(t, r)
	if n != 3 || !errors.Is(err, wrong["a"]) || !errors.Is(err, wrong["c"]) || !strings.Contains(err.Error(), "work a: first") || !strings.Contains(err.Error(), "work c: second") {
		t.Errorf("Drain = %d, %v", n, err)
	}
}

func TestUnknownKindWaits(t *testing.T) {
	t.Parallel()
	s, c := storetest.Open(t), newClock()
	insert(t, s, c.Now(), "k")
	r := &jobs.Runner{Queue: s, Now: c.Now}
	if n, err := drain(t, r); n != 1 || err == nil || !strings.Contains(err.Error(), `"work"`) {
		t.Fatalf("Drain = %d, %v", n, err)
	}
	// A replica that knows the kind does it.
	c.Advance(time.Second)
	ran := 0
	r = &jobs.Runner{Queue: s, Now: c.Now, Handlers: map[string]jobs.Handler{"work": func(context.Context, jobs.Job) error { ran++; return nil }}}
	if n, err := drain(t, r); n != 1 || ran != 1 || err != nil {
		t.Fatalf("Drain = %d, %v", n, err)
	}
}

func TestDrainRunsWhatJobsInsert(t *testing.T) {
	t.Parallel()
	s, c := storetest.Open(t), newClock()
	r := &jobs.Runner{Queue: s, Now: c.Now, Handlers: map[string]jobs.Handler{"work": func(ctx context.Context, j jobs.Job) error {
		if len(j.Key) < 5 {
			return s.InsertJob(ctx, jobs.Insert{Kind: "work", Key: j.Key + "x", RunAt: c.Now()})
		}
		return nil
	}}}
	insert(t, s, c.Now(), "x")
	if n, err := drain(t, r); n != 5 || err != nil {
		t.Errorf("Drain = %d, %v; want 5", n, err)
	}
}

func TestLaterDoesNotSpin(t *testing.T) {
	t.Parallel()
	s, c := storetest.Open(t), newClock()
	r := &jobs.Runner{Queue: s, Now: c.Now, Handlers: map[string]jobs.Handler{"work": func(context.Context, jobs.Job) error { return jobs.Later(0) }}}
	insert(t, s, c.Now(), "k")
	if n, err := drain(t, r); n != 1 || err != nil {
		t.Errorf("Drain = %d, %v; want one run", n, err)
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		ran := map[string]int{}
		replica := func() *jobs.Runner {
			return &jobs.Runner{Queue: s, Now: c.Now, Schedules: []jobs.Schedule{{Kind: "sweep", Every: 10 * time.Minute}},
				Handlers: map[string]jobs.Handler{"sweep": func(_ context.Context, j jobs.Job) error { ran[j.Key]++; return nil }}}
		}
		a, b := replica(), replica()
		for range 3 {
			for _, r := range []*jobs.Runner{a, b, a} {
				if _, err := drain(t, r); err != nil {
					t.Fatal(err)
				}
			}
			c.Advance(4 * time.Minute)
		}
		c.Advance(time.Hour) // slots that nobody saw are not made up for
		if _, err := drain(t, b); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"sweep@2026-03-02T09:00:00Z": 1, "sweep@2026-03-02T10:10:00Z": 1}
		if fmt.Sprint(ran) != fmt.Sprint(want) {
			t.Errorf("ran %v, want %v", ran, want)
		}
	})
}

// Six runners on two replicas; every job is inserted twice.
func TestEveryJobRunsOnce(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		const runners, total = 6, 300
		replicas := []*store.Store{openStore(t, url), openStore(t, url)}
		var mu sync.Mutex
		ran := map[string]int{}
		all := make(chan struct{})
		handler := func(_ context.Context, j jobs.Job) error {
			mu.Lock()
			defer mu.Unlock()
			ran[j.Key]++
			if len(ran) == total {
				select {
				case <-all:
				default:
					close(all)
				}
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var done sync.WaitGroup
		var rs []*jobs.Runner
		for i := range runners {
			r := &jobs.Runner{Queue: replicas[i%2], Handlers: map[string]jobs.Handler{"work": handler}, Workers: 2, Poll: 20 * time.Millisecond, Lease: time.Hour}
			rs = append(rs, r)
			done.Go(func() {
				if err := r.Run(ctx); err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		}
		for i := range 2 {
			done.Go(func() {
				for n := range total {
					if err := replicas[i].InsertJob(t.Context(), jobs.Insert{Kind: "work", Key: fmt.Sprint(n), RunAt: time.Now()}); err != nil {
						t.Errorf("insert: %v", err)
					}
				}
			})
		}
		select {
		case <-all:
		case <-time.After(5 * time.Minute): // hung, however loaded the machine
			t.Error("not all jobs ran")
		}
		cancel()
		done.Wait()
		for k, n := range ran {
			if n != 1 {
				t.Errorf("job %s ran %d times", k, n)
			}
		}
		if n, err := rs[0].Drain(t.Context()); n != 0 || err != nil || len(ran) != total {
			t.Errorf("%d jobs ran, %d were left (%v)", len(ran), n, err)
		}
	})
}

func openStore(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

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
					Handlers: map[string]jobs.Handler{"work": handler, "sweep": handler}}
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
		r := &jobs.Runner{Queue: s, Poll: time.Hour, Handlers: map[string]jobs.Handler{"work": func(_ context.Context, j jobs.Job) error {
			ran <- j.Key
			return nil
		}}}
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
					insert(t, s, began, fmt.Sprint(i))
				}
				var atOnce, most atomic.Int32
				done := make(chan struct{}, total)
				r := &jobs.Runner{Queue: s, Poll: time.Hour, Workers: workers, Handlers: map[string]jobs.Handler{"work": func(context.Context, jobs.Job) error {
					if n := atOnce.Add(1); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(time.Second)
					atOnce.Add(-1)
					done <- struct{}{}
					return nil
				}}}
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
				r := &jobs.Runner{Queue: s, Workers: 2, Grace: tc.grace, Handlers: map[string]jobs.Handler{"work": func(ctx context.Context, j jobs.Job) error {
					if j.Key == "patient" {
						time.Sleep(time.Second + tc.want - time.Millisecond) // the stop comes after a second
						return ctx.Err()                                     // nil: it had its grace
					}
					<-ctx.Done()
					cut <- time.Since(stopped)
					return ctx.Err()
				}}}
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
				r := &jobs.Runner{Queue: s, Lease: tc.lease, Handlers: map[string]jobs.Handler{"work": func(ctx context.Context, _ jobs.Job) error {
					whole := tc.want * 5 / 4
					if got := claim(t, s, "heir", began.Add(whole), 1); len(got) != 0 {
						t.Errorf("the lease ends within %v", whole)
					}
					<-ctx.Done()
					return ctx.Err()
				}}}
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
		r := &jobs.Runner{Queue: s, Handlers: map[string]jobs.Handler{"work": func(context.Context, jobs.Job) error {
			if got := claim(t, s, "heir", began.Add(2*time.Minute+time.Microsecond), 1); len(got) != 1 {
				t.Error("after two minutes nobody takes over")
			}
			return nil
		}}}
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
		r := &jobs.Runner{Queue: s, Poll: time.Minute, Handlers: map[string]jobs.Handler{"work": func(_ context.Context, j jobs.Job) error {
			ran = append(ran, j.Key)
			return nil
		}}}
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

func TestBackoff(t *testing.T) {
	t.Parallel()
	for attempt, want := range map[int]time.Duration{-1: time.Second, 0: time.Second, 1: time.Second, 2: 16 * time.Second, 3: 81 * time.Second,
		7: 2401 * time.Second, 8: time.Hour, 9: time.Hour, 1 << 40: time.Hour} {
		if got := jobs.Backoff(attempt); got != want {
			t.Errorf("Backoff(%d) = %v, want %v", attempt, got, want)
		}
	}
	if jobs.Permanent(nil) != nil {
		t.Error("Permanent(nil) is an error")
	}
}
