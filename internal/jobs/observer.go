package jobs

import (
	"context"
	"slices"
	"time"
)

// Result is how one run of a job ended.
type Result string

// The results.
const (
	Done      Result = "done"
	Again     Result = "again"     // its handler asked for another run later
	Failed    Result = "failed"    // it is run again after Backoff
	Parked    Result = "parked"    // it waits for a person
	Stopped   Result = "stopped"   // the program stops; it went back to the queue
	Unsettled Result = "unsettled" // the queue was not told: the lease was lost, or it could not be reached
)

// Results returns every Result.
func Results() []Result { return []Result{Done, Again, Failed, Parked, Stopped, Unsettled} }

// UnknownKind stands for every kind that the Runner has no handler of.
const UnknownKind = "unknown"

// Observer is told how each run of a job ended. It is told nothing else: neither
// keys nor tenants nor errors. It is called by many workers at once, and they wait
// for it.
type Observer interface {
	// JobEnded has a kind of the Runner's handlers, or UnknownKind.
	JobEnded(kind string, result Result, took time.Duration)
}

func (r *Runner) observe(j Job, result Result, took time.Duration) {
	if r.Observer == nil {
		return
	}
	kind := j.Kind
	if _, known := r.Handlers[kind]; !known {
		kind = UnknownKind
	}
	r.Observer.JobEnded(kind, result, took)
}

// Count is how many jobs of a kind are not done.
type Count struct {
	Kind    string
	Due     int       // their time has come, and nobody has claimed them
	Oldest  time.Time // when the first of those became due; zero if there is none
	Running int       // leased to somebody
	Parked  int
}

// Backlog is what waits in one queue. Kind is empty.
type Backlog struct {
	Queue QueueName
	Count
	Age time.Duration // of the oldest that is due; 0 if none is
}

// Backlogs counts what is not done, for every queue, of all programs that share
// it.
func (r *Runner) Backlogs(ctx context.Context) ([]Backlog, error) {
	r.start() // which Run does elsewhere, where this process serves pages only
	now := r.now()
	counts, err := r.Queue.CountJobs(ctx, now)
	if err != nil {
		return nil, err
	}
	all := make([]Backlog, len(queues))
	for i, q := range queues {
		all[i].Queue = q
		kinds, but := r.kinds(q)
		for _, c := range counts {
			if slices.Contains(kinds, c.Kind) == but {
				continue
			}
			all[i].add(c)
		}
		if oldest := all[i].Oldest; !oldest.IsZero() {
			all[i].Age = max(0, now.Sub(oldest))
		}
	}
	return all, nil
}

func (b *Backlog) add(c Count) {
	b.Due, b.Running, b.Parked = b.Due+c.Due, b.Running+c.Running, b.Parked+c.Parked
	if b.Oldest.IsZero() || !c.Oldest.IsZero() && c.Oldest.Before(b.Oldest) {
		b.Oldest = c.Oldest
	}
}
