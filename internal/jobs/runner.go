package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Runner claims jobs from a Queue and runs their handlers. Any number of
// runners, in any number of processes, may share a queue. The fields must not
// change once a method was called.
type Runner struct {
	Queue    Queue
	Handlers map[string]Work // by kind; a job of another kind fails and waits
	// Owner names this runner in the leases it takes; it must be unlike every
	// other runner's. Empty: a random one.
	Owner string
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: nothing is logged
	// Workers is how many jobs of each queue run at once; 0 means 4. Of several,
	// one is left to other tenants when all others are one tenant's.
	Workers int
	// Poll is how often the queue is looked at where no Nudge comes; 0 means 5 s.
	Poll time.Duration
	// Lease is how long a claimed job is this runner's; 0 means 2 minutes. A
	// handler's context ends after four fifths of it.
	Lease time.Duration
	// Grace is how long running handlers may go on after Run's context has ended;
	// 0 means 10 s.
	Grace     time.Duration
	Schedules []Schedule
	Observer  Observer // nil: nobody listens

	once  sync.Once
	wake  chan struct{}
	owner string

	mu     sync.Mutex
	slots  map[string]string // the key inserted last, by the kind of a schedule
	pools  map[QueueName]*pool
	failed bool // the queue could not be looked at, last
}

// pool is the workers of one queue. Its fields are guarded by the runner's mu.
type pool struct {
	look   bool           // something may be due
	busy   int            // workers at work
	inHand map[string]int // their jobs, by tenant
	after  string         // the tenant whose turn was last
}

// Defaults of a Runner, and how long done jobs are kept, whose keys stay taken
// for as long.
const (
	defaultWorkers = 4
	defaultPoll    = 5 * time.Second
	defaultLease   = 2 * time.Minute
	defaultGrace   = 10 * time.Second

	KeepDone   = 30 * 24 * time.Hour
	purgeEvery = time.Hour
	settleTime = 10 * time.Second
)

func (r *Runner) start() {
	r.once.Do(func() {
		r.wake = make(chan struct{}, 1)
		r.slots, r.pools = map[string]string{}, map[QueueName]*pool{}
		for _, q := range queues {
			r.pools[q] = &pool{inHand: map[string]int{}}
		}
		r.owner = r.Owner
		if r.owner == "" {
			r.owner = rand.Text()
		}
	})
}

// Nudge says that a job was committed in this process: Run looks now instead of
// at its next poll. It never blocks, and may be called at any time.
func (r *Runner) Nudge() { r.ask(queues...) }

// ask makes Run look at these queues.
func (r *Runner) ask(qs ...QueueName) {
	r.start()
	r.mu.Lock()
	for _, q := range qs {
		r.pools[q].look = true
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run runs jobs until ctx ends, then waits for the handlers that are running:
// after Grace their contexts end too, and their jobs go back to the queue
// without a failure. It returns nil. Trouble with the queue is logged, and Run
// goes on.
func (r *Runner) Run(ctx context.Context) error {
	r.start()
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var running sync.WaitGroup
	r.ask(queues...)
	var purged time.Time
	for ctx.Err() == nil {
		err := r.schedule(ctx) // before the purge, which forgets what ran last
		if now := r.now(); err == nil && now.Sub(purged) >= purgeEvery {
			purged = now
			r.purge(ctx, now)
		}
		for _, q := range queues {
			var claimed []Job
			if err == nil {
				claimed, err = r.claimDue(ctx, q)
			}
			for _, j := range claimed {
				running.Go(func() {
					_ = r.do(work, j) // logged and kept with the job
					r.settled(q, j)
				})
			}
		}
		r.tell(ctx, err)
		r.pause(ctx)
	}
	r.finish(&running, stop)
	return nil
}

// tell logs trouble with the queue when it begins, and its end.
func (r *Runner) tell(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil || (err != nil) == r.failed:
	case err != nil:
		r.log().ErrorContext(ctx, "background work waits for the queue", "error", err)
		r.failed = true
	default:
		r.log().InfoContext(ctx, "background work goes on")
		r.failed = false
	}
}

// claimDue claims what is due in a queue, up to its free workers, if it was asked to.
func (r *Runner) claimDue(ctx context.Context, q QueueName) ([]Job, error) {
	r.mu.Lock()
	p := r.pools[q]
	c := Claim{Owner: r.owner, Now: r.now(), Lease: r.lease(), Limit: r.workers() - p.busy, After: p.after, InHand: maps.Clone(p.inHand), Share: max(r.workers()-1, 1)}
	asked := p.look
	p.look = false
	r.mu.Unlock()
	if !asked || c.Limit <= 0 {
		return nil, nil // a worker that becomes free asks again
	}
	c.Kinds, c.But = r.kinds(q)
	claimed, err := r.Queue.ClaimJobs(ctx, c)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range claimed {
		p.busy++
		p.inHand[j.Tenant]++
		p.after = j.Tenant
	}
	return claimed, err
}

// settled gives the worker of a job back to its queue.
func (r *Runner) settled(q QueueName, j Job) {
	r.mu.Lock()
	p := r.pools[q]
	p.busy--
	if p.inHand[j.Tenant]--; p.inHand[j.Tenant] == 0 {
		delete(p.inHand, j.Tenant)
	}
	r.mu.Unlock()
	r.ask(q) // there may be more, and now there is room
}

// kinds are those that wait in a queue. The last queue takes every kind that no
// other does: one that another version of the program inserted is not lost.
func (r *Runner) kinds(q QueueName) (kinds []string, but bool) {
	but = q == Long
	for kind, w := range r.Handlers {
		_, known := r.pools[w.Queue]
		if other := w.Queue == Long || !known; !other && (but || w.Queue == q) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds, but
}

func (r *Runner) pause(ctx context.Context) {
	t := time.NewTimer(r.poll())
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-t.C:
		r.ask(queues...)
	}
}

func (r *Runner) purge(ctx context.Context, now time.Time) {
	if _, err := r.Queue.PurgeJobs(ctx, now.Add(-KeepDone)); err != nil && ctx.Err() == nil {
		r.log().ErrorContext(ctx, "done jobs could not be purged", "error", err)
	}
}

var errStopping = errors.New("the program is stopping")

func (r *Runner) finish(running *sync.WaitGroup, stop context.CancelCauseFunc) {
	t := time.AfterFunc(r.grace(), func() { stop(errStopping) })
	defer t.Stop()
	running.Wait()
}

// Drain runs everything that is due, of all queues, one job after the other, until nothing is,
// and returns how many runs that took. What their handlers reported, other than
// Later, is joined in the error; those jobs are settled all the same. It is for
// tests and for programs that want no background.
func (r *Runner) Drain(ctx context.Context) (int, error) {
	r.start()
	n := 0
	var failures error
	for {
		if err := r.schedule(ctx); err != nil {
			return n, errors.Join(failures, err)
		}
		claimed, err := r.Queue.ClaimJobs(ctx, Claim{Owner: r.owner, Now: r.now(), Lease: r.lease(), Limit: r.workers(), But: true})
		if err != nil || len(claimed) == 0 {
			return n, errors.Join(failures, err)
		}
		for _, j := range claimed {
			n++
			var later *LaterError
			if err := r.do(ctx, j); err != nil && !errors.As(err, &later) {
				failures = errors.Join(failures, fmt.Errorf("%s %s: %w", j.Kind, j.Key, err))
			}
		}
	}
}

// schedule inserts the job of each schedule's present slot.
func (r *Runner) schedule(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.Schedules {
		i := s.at(r.now())
		if r.slots[s.Kind] == i.Key {
			continue
		}
		last := ""
		if s.MakeUp {
			var err error
			if last, err = r.Queue.LastJob(ctx, s.Kind, i.Key); err != nil {
				return fmt.Errorf("schedule %s: %w", i.Key, err)
			}
		}
		if err := r.Queue.InsertJob(ctx, s.standsFor(i, last)); err != nil {
			return fmt.Errorf("schedule %s: %w", i.Key, err)
		}
		r.slots[s.Kind] = i.Key
	}
	return nil
}

// do runs one job and settles it. It returns what the handler reported.
func (r *Runner) do(ctx context.Context, j Job) error {
	limited, cancel := context.WithTimeout(ctx, r.lease()*4/5)
	defer cancel()
	log := r.log().With("job", j.ID, "kind", j.Kind, "key", j.Key, "attempt", j.Attempt)
	began := r.now()
	err := r.handle(limited, j, log)
	took := r.now().Sub(began)
	result, e := r.settle(ctx, j, err, log)
	if e != nil {
		log.ErrorContext(ctx, "job could not be settled", "error", e)
		result = Unsettled
	}
	r.observe(j, result, took)
	return err
}

// handle calls the handler; a panic is a failure.
func (r *Runner) handle(ctx context.Context, j Job, log *slog.Logger) (err error) {
	h := r.Handlers[j.Kind].Do
	if h == nil {
		return fmt.Errorf("no handler for jobs of kind %q", j.Kind)
	}
	defer func() {
		if p := recover(); p != nil {
			log.ErrorContext(ctx, "job panicked", "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return h(ctx, j)
}

// settle tells the queue how a run of a job ended. It has its own time: a job
// whose context has ended must be settled too.
func (r *Runner) settle(ctx context.Context, j Job, err error, log *slog.Logger) (Result, error) {
	stopping := errors.Is(context.Cause(ctx), errStopping)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	now := r.now()
	var later *LaterError
	var permanent *PermanentError
	switch {
	case err == nil:
		return Done, r.Queue.FinishJob(ctx, j, now)
	case errors.As(err, &permanent):
		log.ErrorContext(ctx, "job needs a person", "error", err)
		return Parked, r.Queue.ParkJob(ctx, j, now, err.Error())
	case errors.As(err, &later):
		return Again, r.Queue.RetryJob(ctx, j, now.Add(later.After), false, "")
	case stopping:
		log.InfoContext(ctx, "job goes back to the queue", "error", err)
		return Stopped, r.Queue.RetryJob(ctx, j, now, false, errStopping.Error())
	}
	wait := Backoff(j.Attempt)
	log.WarnContext(ctx, "job failed", "error", err, "again_in", wait)
	return Failed, r.Queue.RetryJob(ctx, j, now.Add(wait), true, err.Error())
}

func (r *Runner) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

func (r *Runner) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

func (r *Runner) workers() int         { return or(r.Workers, defaultWorkers) }
func (r *Runner) poll() time.Duration  { return or(r.Poll, defaultPoll) }
func (r *Runner) lease() time.Duration { return or(r.Lease, defaultLease) }
func (r *Runner) grace() time.Duration { return or(r.Grace, defaultGrace) }

func or[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}
