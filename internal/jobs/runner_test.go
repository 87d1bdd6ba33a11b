package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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
	js, err := q.ClaimJobs(t.Context(), jobs.Claim{Owner: owner, Now: now, Lease: time.Minute, Limit: limit, But: true})
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
		r := &jobs.Runner{Queue: s, Now: c.Now, Handlers: map[string]jobs.Work{"work": {Do: func(_ context.Context, j jobs.Job) error {
			attempts = append(attempts, j.Attempt)
			return outcome()
		}}}}
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
	r := &jobs.Runner{Queue: s, Now: c.Now, Handlers: map[string]jobs.Work{"work": {Do: func(_ context.Context, j jobs.Job) error { return wrong[j.Key] }}}}
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
	r = &jobs.Runner{Queue: s, Now: c.Now, Handlers: map[string]jobs.Work{"work": {Do: func(context.Context, jobs.Job) error { ran++; return nil }}}}
	if n, err := drain(t, r); n != 1 || ran != 1 || err != nil {
		t.Fatalf("Drain = %d, %v", n, err)
	}
}

func TestDrainRunsWhatJobsInsert(t *testing.T) {
	t.Parallel()
	s, c := storetest.Open(t), newClock()
	r := &jobs.Runner{Queue: s, Now: c.Now, Handlers: map[string]jobs.Work{"work": {Do: func(ctx context.Context, j jobs.Job) error {
		if len(j.Key) < 5 {
			return s.InsertJob(ctx, jobs.Insert{Kind: "work", Key: j.Key + "x", RunAt: c.Now()})
		}
		return nil
	}}}}
	insert(t, s, c.Now(), "x")
	if n, err := drain(t, r); n != 5 || err != nil {
		t.Errorf("Drain = %d, %v; want 5", n, err)
	}
}

func TestLaterDoesNotSpin(t *testing.T) {
	t.Parallel()
	s, c := storetest.Open(t), newClock()
	r := &jobs.Runner{Queue: s, Now: c.Now, Handlers: map[string]jobs.Work{"work": {Do: func(context.Context, jobs.Job) error { return jobs.Later(0) }}}}
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
				Handlers: map[string]jobs.Work{"sweep": {Do: func(_ context.Context, j jobs.Job) error { ran[j.Key]++; return nil }}}}
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

// With MakeUp one job stands for the slots that passed while nothing ran,
// whichever replica is first.
func TestScheduleMakesUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newClock()
		var ran []string
		replica := func() *jobs.Runner {
			return &jobs.Runner{Queue: s, Now: c.Now, Schedules: []jobs.Schedule{{Kind: "round", Every: 10 * time.Minute, MakeUp: true}},
				Handlers: map[string]jobs.Work{"round": {Do: func(_ context.Context, j jobs.Job) error {
					slots, err := jobs.Decode[jobs.Slots](j.Data)
					if err != nil {
						return err
					}
					ran = append(ran, slots.First.Format("15:04")+"-"+slots.Last.Format("15:04"))
					return nil
				}}}}
		}
		a, b := replica(), replica()
		for _, d := range []time.Duration{0, 10 * time.Minute, 3 * time.Hour, 5 * time.Minute, 5 * time.Minute} {
			c.Advance(d)
			for _, r := range []*jobs.Runner{b, a, replica()} {
				if _, err := drain(t, r); err != nil {
					t.Fatal(err)
				}
			}
		}
		if want := []string{"09:00-09:00", "09:10-09:10", "09:20-12:10", "12:20-12:20"}; !slices.Equal(ran, want) {
			t.Errorf("ran %q, want %q", ran, want)
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
			r := &jobs.Runner{Queue: replicas[i%2], Handlers: map[string]jobs.Work{"work": {Do: handler}}, Workers: 2, Poll: 20 * time.Millisecond, Lease: time.Hour}
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
