package operate

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

// Schedule adds the program's own recurring work to a runner's.
func (c *Commands) Schedule(r *jobs.Runner) {
	r.Handlers[jobUpkeep] = jobs.Work{Queue: jobs.Watching, Do: c.upkeep}
	r.Schedules = append(r.Schedules, jobs.Schedule{Kind: jobUpkeep, Every: time.Hour})
}

func (c *Commands) upkeep(ctx context.Context, _ jobs.Job) error {
	now := c.Now()
	rotated := c.ToolKeys.RotateOld(ctx)
	purged := c.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := toolkeys.Purge(tx, now); err != nil {
			return err
		}
		_, err := tx.PurgeInvites(now.Add(-inviteForget))
		return err
	})
	return errors.Join(rotated, purged, c.forgetForward(ctx))
}
