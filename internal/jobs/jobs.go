// Package jobs runs work that must happen after a change was committed: at
// least once, on any replica, without a leader. It knows no database; the
// store implements Queue on a table beside the data, so that a job is inserted
// in the transaction of the change it follows.
//
// A handler may be run more than once for one job and must be safe to repeat.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Insert is a job to be done.
type Insert struct {
	Kind string // names the Handler
	// Key names the occasion. Of all inserts with one kind and key, ever, one
	// job results; the key stays taken after the job is done.
	Key    string
	Data   []byte    // JSON for the handler; may be nil
	RunAt  time.Time // not before; zero means at once, where the insert follows a change that has a time
	Tenant string    // whom it concerns; empty for work of the whole installation
}

// Job is a job that was claimed: until the lease ends it belongs to Owner alone.
type Job struct {
	ID        string // job_…
	Kind      string
	Key       string
	Tenant    string
	Data      []byte
	Attempt   int // 1 at the first try, plus one for each failure (not for Later)
	CreatedAt time.Time

	// Owner and Claim guard the settlement: whoever claims the job next raises
	// Claim, and the late one can no longer settle it.
	Owner string
	Claim int
}

// Handler does one job. Nil means done. Permanent parks the job for a person,
// Later runs it again without counting a failure, every other error and every
// panic is a failure: it is run again after Backoff. The context ends before
// the job's lease does.
type Handler func(ctx context.Context, j Job) error

// Work is how jobs of one kind are done, and the queue they wait in.
type Work struct {
	Queue QueueName
	Do    Handler
}

// QueueName names one of the queues. Each has workers of its own in every
// Runner, so that work which hangs keeps only its own kind waiting.
type QueueName string

// The queues, in the order in which a Runner looks at them.
const (
	Ends     QueueName = "ends"     // removes access, or settles an attempt to make a token
	Watching QueueName = "watching" // looks at what exists, and does what time brings
	Letters  QueueName = "letters"  // tells people
	Long     QueueName = "long"     // work of many minutes; and every kind that names no queue, or is not known
)

var queues = []QueueName{Ends, Watching, Letters, Long}

// ErrLost: the job is no longer this claim's to settle, because its lease ran
// out and another replica took it over, or because it was settled before.
var ErrLost = errors.New("the job belongs to somebody else by now")

// Queue is where jobs are kept. The methods that settle a job return ErrLost
// unless the job is leased to j.Owner by claim j.Claim.
type Queue interface {
	// InsertJob adds a job, or does nothing if its kind and key were used before.
	InsertJob(ctx context.Context, i Insert) error
	// ClaimJobs leases jobs that are due, or whose lease has ended, as c says. No
	// job goes to two claimers.
	ClaimJobs(ctx context.Context, c Claim) ([]Job, error)
	// LastJob returns the greatest key below the given one of a job of a kind, ""
	// if there is none. It tells of jobs that are done until they are purged.
	LastJob(ctx context.Context, kind, below string) (key string, err error)
	// FinishJob marks the job done.
	FinishJob(ctx context.Context, j Job, now time.Time) error
	// RetryJob makes the job due again at at. A failure raises Attempt; trouble
	// is kept for a person to read.
	RetryJob(ctx context.Context, j Job, at time.Time, failure bool, trouble string) error
	// ParkJob sets the job aside until a person looks.
	ParkJob(ctx context.Context, j Job, now time.Time, trouble string) error
	// CountJobs counts the jobs that are not done, by kind.
	CountJobs(ctx context.Context, now time.Time) ([]Count, error)
	// PurgeJobs deletes jobs that were done before the given time.
	PurgeJobs(ctx context.Context, before time.Time) (int, error)
}

// Claim is which jobs a runner asks for, and how many.
type Claim struct {
	Owner string
	Now   time.Time     // due are jobs not later than this, and those whose lease ended before
	Lease time.Duration // they are Owner's until Now + Lease
	Limit int
	// Kinds are the kinds asked for; with But, all kinds except these.
	Kinds []string
	But   bool
	// Share is the most jobs that one tenant may have in hand. With it, tenants
	// take turns, each with its oldest job: those with the fewest in hand first,
	// and of these the one that follows After in the order of ids. 0: the oldest
	// jobs, whoever's they are.
	Share  int
	After  string
	InHand map[string]int // jobs of these kinds that Owner runs now, by tenant
}

// PermanentError is a failure that trying again cannot mend.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap returns the failure itself.
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent makes a handler's failure park the job for a person. Permanent(nil)
// is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &PermanentError{Err: err}
}

// Decode reads a job's data. What a newer or older program wrote beside it is left
// out. Data that is no T parks the job: it will not become one.
func Decode[T any](data []byte) (T, error) {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return v, Permanent(err)
	}
	return v, nil
}

// LaterError asks for another run.
type LaterError struct{ After time.Duration }

func (e *LaterError) Error() string { return fmt.Sprintf("again in %s", e.After) }

// minLater keeps a handler that always asks for another run from spinning.
const minLater = time.Second

// Later runs the job again after d, at least a second, without counting a
// failure.
func Later(d time.Duration) error { return &LaterError{After: max(d, minLater)} }

// MaxBackoff is the longest pause between two tries.
const MaxBackoff = time.Hour

// Backoff is the pause after the given failed attempt: attempt⁴ seconds, at
// most MaxBackoff.
func Backoff(attempt int) time.Duration {
	if attempt < 1 {
		attempt = 1
	}
	if attempt >= 8 { // 8⁴ s is beyond an hour
		return MaxBackoff
	}
	return min(time.Duration(attempt*attempt*attempt*attempt)*time.Second, MaxBackoff)
}

// Schedule is work that recurs: in every slot of Every, counted from the zero
// time in UTC, one job of the kind runs, whatever the number of replicas. Slots
// that passed while nothing ran are left out; with MakeUp the next job stands for
// them too, so that what each slot owes is done, late and in one run.
type Schedule struct {
	Kind   string
	Every  time.Duration
	MakeUp bool
}

// Slots are the slots that a job of a Schedule stands for, by when they begin.
// They are its data, as JSON.
type Slots struct {
	First time.Time `json:"first"` // Last, unless slots were missed
	Last  time.Time `json:"last"`
}

// at returns the insert of the slot that now lies in.
func (s Schedule) at(now time.Time) Insert {
	slot := now.UTC().Truncate(s.Every)
	return Insert{Kind: s.Kind, Key: s.Kind + "@" + slot.Format(time.RFC3339), RunAt: slot}
}

// standsFor gives i the slots from the one behind the last job of the schedule,
// which had the key last, or "" if there is none.
func (s Schedule) standsFor(i Insert, last string) Insert {
	slots := Slots{First: i.RunAt, Last: i.RunAt}
	if at, err := time.Parse(s.Kind+"@"+time.RFC3339, last); err == nil && s.MakeUp {
		slots.First = at.Add(s.Every)
	}
	i.Data, _ = json.Marshal(slots) // always marshals
	return i
}
