package app

import (
	"context"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/toolkeys"
)

// jobUpkeep is what the installation as a whole asks for, whatever its schools
// do: a signing key that is due, and the end of what is kept no longer or no longer true.
const jobUpkeep = "upkeep"

// inviteForget is how long an invite that ended is kept, so that its link can
// still say what became of it.
const inviteForget = 7 * 24 * time.Hour

// scheduleUpkeep adds the program's own recurring work to the runner.
func (a *App) scheduleUpkeep() {
	a.runner.Handlers[jobUpkeep] = jobs.Work{Queue: jobs.Watching, Do: a.upkeep}
	a.runner.Schedules = append(a.runner.Schedules, jobs.Schedule{Kind: jobUpkeep, Every: time.Hour})
}

func (a *App) upkeep(ctx context.Context, _ jobs.Job) error {
	now := a.now()
	rotated := a.keys.RotateOld(ctx)
	purged := a.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := toolkeys.Purge(tx, now); err != nil {
			return err
		}
		_, err := tx.PurgeInvites(now.Add(-inviteForget))
		return err
	})
	return errors.Join(rotated, purged, a.forgetForward(ctx))
}
