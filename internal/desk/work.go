package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// work is what the rooms have registered: each its own, when it is made.
type work struct {
	handlers  map[string]jobs.Work
	schedules []jobs.Schedule
	minutes   []func(ctx context.Context, t store.Tenant) error
	purges    []func(tx *store.Tx, now time.Time) error
	actions   []audit.Action
}

// Handle registers the jobs of a room that wait in one queue, by kind. What removes
// access, or settles an attempt to make a token, belongs into jobs.Ends, where it
// waits behind nothing else. A kind belongs to one room: a second handler for it is
// a mistake in the program, and panics.
func (d *Desk) Handle(queue jobs.QueueName, kinds map[string]jobs.Handler) {
	if d.work.handlers == nil {
		d.work.handlers = map[string]jobs.Work{}
	}
	for kind, do := range kinds {
		if _, taken := d.work.handlers[kind]; taken {
			panic("two rooms handle " + kind)
		}
		d.work.handlers[kind] = jobs.Work{Queue: queue, Do: do}
	}
}

// Repeat registers a recurring job of a room.
func (d *Desk) Repeat(s jobs.Schedule) { d.work.schedules = append(d.work.schedules, s) }

// EveryMinute registers what time brings in a room: lapses, ends, reminders. It is
// done for every tenant, the room above before the room below it, so that nobody is
// reminded of what just ended. Each change is a transaction of its own; one that
// fails does not hold up the others.
func (d *Desk) EveryMinute(do func(ctx context.Context, t store.Tenant) error) {
	d.work.minutes = append(d.work.minutes, do)
}

// Purge registers what a room keeps no longer. It is done once an hour.
func (d *Desk) Purge(do func(tx *store.Tx, now time.Time) error) {
	d.work.purges = append(d.work.purges, do)
}

// Records registers the audit actions that are about a room's subject. Rooms above
// may write them too. The list of all is the log's own (audit.Actions), because who
// verifies it has no rooms. An action that is not on that list, or belongs to another
// room, is a mistake in the program, and panics.
func (d *Desk) Records(actions ...audit.Action) {
	for _, a := range actions {
		if !a.Known() || slices.Contains(d.Actions(), a) {
			panic("no room's own: " + a)
		}
		d.work.actions = append(d.work.actions, a)
	}
}

// Actions are the audit actions of all rooms, with those of the kernel.
func (d *Desk) Actions() []audit.Action {
	return append([]audit.Action{audit.Refused}, d.work.actions...)
}

// Handlers are the jobs of all rooms by kind, with those of the kernel.
func (d *Desk) Handlers() map[string]jobs.Work {
	all := map[string]jobs.Work{
		JobTick:  {Queue: jobs.Ends, Do: d.tickHandler}, // it begins the ends that are due
		JobPurge: {Queue: jobs.Long, Do: d.purgeHandler},
	}
	for kind, w := range d.work.handlers {
		if _, taken := all[kind]; taken {
			panic(fmt.Sprintf("a room handles the kernel's %s", kind))
		}
		all[kind] = w
	}
	return all
}

// Schedules are the recurring jobs of all rooms, with those of the kernel.
func (d *Desk) Schedules() []jobs.Schedule {
	return append([]jobs.Schedule{{Kind: JobTick, Every: time.Minute}, {Kind: JobPurge, Every: time.Hour}}, d.work.schedules...)
}

func (d *Desk) tickHandler(ctx context.Context, _ jobs.Job) error {
	tenants, err := d.Tenants(ctx)
	if err != nil {
		return err
	}
	var all error
	for _, t := range tenants {
		for _, do := range slices.Backward(d.work.minutes) {
			all = errors.Join(all, do(ctx, t))
		}
	}
	d.Wake()
	return all
}

// jobLife is how long the record of a finished job lives.
const jobLife = 30 * 24 * time.Hour

func (d *Desk) purgeHandler(ctx context.Context, _ jobs.Job) error {
	now := d.Now()
	err := d.Store.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.PurgeSessions(now); err != nil {
			return err
		}
		if _, err := tx.PurgePaces(now); err != nil {
			return err
		}
		for _, do := range d.work.purges {
			if err := do(tx, now); err != nil {
				return err
			}
		}
		return nil
	})
	_, stateErr := d.Store.PurgeStates(ctx, now)
	_, jobErr := d.Store.PurgeJobs(ctx, now.Add(-jobLife))
	return errors.Join(err, stateErr, jobErr)
}
