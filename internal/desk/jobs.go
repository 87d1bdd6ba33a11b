package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// The kinds of jobs that more than one room knows of, and the kernel's own. Those of
// one room are in it.
const (
	JobRecover = "grant.recover" // settle an attempt whose process may have died
	JobClear   = "grant.clear"   // delete a token that is being replaced
	JobSweep   = "grant.sweep"   // delete strays
	JobWatch   = "grant.watch"   // ask Canvas about a token
	JobFreeze  = "grant.freeze"  // settle a freeze whose outcome is not known
	JobEnd     = "grant.end"     // delete a token and prove it
	JobOwner   = "ground.owner"  // look at one person: at once, or to confirm what a survey saw
	JobNotice  = "notice"
	JobTick    = "tick"  // what time brings: lapses, ends, reminders
	JobPurge   = "purge" // what is kept no longer
)

// NewJob is a job in the transaction's tenant.
func NewJob(tenant access.TenantID, kind, key string, data []byte, at time.Time) jobs.Insert {
	return jobs.Insert{Kind: kind, Key: key, Data: data, RunAt: at, Tenant: string(tenant)}
}

// JobAbout decodes what a job says and reads what it is about, in a transaction of its
// own. What is not there parks the job: no other try finds it.
func JobAbout[Ref, T any](ctx context.Context, d *Desk, j jobs.Job, read func(tx *store.Tx, ref Ref) (T, error)) (ref Ref, about T, err error) {
	if ref, err = jobs.Decode[Ref](j.Data); err != nil {
		return ref, about, err
	}
	err = d.Store.Read(ctx, func(tx *store.Tx) error {
		about, err = read(tx, ref)
		return err
	})
	if errors.Is(err, access.ErrNotFound) {
		err = jobs.Permanent(err)
	}
	return ref, about, err
}

// GrantRef is the data of a job about an attempt of a grant.
type GrantRef struct {
	Grant   string `json:"grant"`
	Attempt int    `json:"attempt"`
}

// JobData is the data of a job about g's present attempt.
func JobData(g access.Grant) []byte {
	b, _ := json.Marshal(GrantRef{g.ID, g.Attempt}) // always marshals
	return b
}

// Occasion is the unique key of a job about a grant's present attempt.
func Occasion(kind string, g access.Grant) string {
	return fmt.Sprintf("%s:%s:%d:%s", kind, g.ID, g.Attempt, g.State)
}

// RecoverJob settles g's attempt when its lease is over, should its process die.
func RecoverJob(g access.Grant) jobs.Insert {
	return NewJob(g.Tenant, JobRecover, Occasion(JobRecover, g), JobData(g), g.LeaseUntil.Add(time.Second))
}

// WatchSoon is how often Canvas is asked about a token while its owner sets it up.
const WatchSoon = time.Minute

// WatchJob is the watch over g's present token, from the given time on. Every
// live token needs one; it ends by itself.
func WatchJob(g access.Grant, at time.Time) jobs.Insert {
	return NewJob(g.Tenant, JobWatch, Occasion(JobWatch, g), JobData(g), at)
}

// RevokeTime is how long a press of Revoke waits for Canvas's proof before a
// job goes on alone.
const RevokeTime = 8 * time.Second

// TickBatch is how many rows one look at what is due reads.
const TickBatch = 500

// UsableStates are those of a token that was handed over and is not ending.
var UsableStates = []access.GrantState{access.HandedOver, access.Active, access.Freezing, access.Frozen, access.Replacing}

// DecidedUpon are the states of requests that stand on what Canvas says.
var DecidedUpon = []access.RequestState{access.AwaitingSponsor, access.InReview, access.Approved}

// Finding is one thing that no longer holds.
type Finding struct {
	Object string `json:"object"` // grt_… or req_…
	What   string `json:"what"`   // a cause of an end, or a word of the room that looks
	// Of is the sponsor who was lost.
	Of access.PersonID `json:"of,omitempty"`
}

// EligibilityRef is the data of a job that looks at what people's tokens rest on.
type EligibilityRef struct {
	Slot int `json:"slot,omitempty"`
	// Missed slots before it are looked at too.
	Missed int `json:"missed,omitempty"`
	// Until is when a survey that Canvas interrupted leaves it to the next round.
	Until time.Time       `json:"until,omitzero"`
	After access.PersonID `json:"after,omitempty"` // survey: continue behind this person
	Owner access.PersonID `json:"owner,omitempty"`
	Seen  []Finding       `json:"seen,omitempty"` // owner: what the first look saw
}

// EligibilityJob is such a job.
func EligibilityJob(t access.TenantID, kind, key string, ref EligibilityRef, at time.Time) jobs.Insert {
	data, _ := json.Marshal(ref) // always marshals
	return NewJob(t, kind, kind+":"+string(t)+":"+key, data, at)
}

// CheckRequester looks at the requester's tokens soon, because somebody decided about r.
func (d *Desk) CheckRequester(r access.Request) jobs.Insert {
	return EligibilityJob(r.Tenant, JobOwner, fmt.Sprintf("%s:v%d", r.ID, r.Version), EligibilityRef{Owner: r.Requester}, d.Now().Add(time.Second))
}
