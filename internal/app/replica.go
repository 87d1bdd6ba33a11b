package app

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/tokendesk/tokendesk/internal/store"
)

// present says on the database that this program runs, until ctx ends: whoever
// migrates asks for it. A database that cannot be reached does not stop the
// program, and is told again soon.
func (a *App) present(ctx context.Context) error {
	id := rand.Text()
	beat := time.NewTicker(store.Beat)
	defer beat.Stop()
	for {
		if err := a.Store.Here(ctx, id); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "the database was not told that this program runs", "err", err)
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.Beat)
			defer cancel()
			if err := a.Store.Left(last, id); err != nil {
				a.Log.WarnContext(last, "the database was not told that this program ends", "err", err)
			}
			return nil
		}
	}
}
