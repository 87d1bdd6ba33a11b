package main

import (
	"context"
	"flag"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/operate"
)

func keysList(*flag.FlagSet) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		return withSchema(ctx, c, func(a *app.App) error {
			keys, err := a.Operate.Keys(ctx)
			if err != nil {
				return err
			}
			if len(keys) == 0 {
				return say(c.stdout, "There is no key yet: the first start makes one.")
			}
			for _, k := range keys {
				err := say(c.stdout, "%s  created %s  signs from %s  %s", k.ID, stampOf(k.CreatedAt), stampOf(k.SignsFrom), keyState(k, time.Now()))
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// keyState says what a key does now.
func keyState(k operate.KeyState, now time.Time) string {
	switch {
	case !k.RetiredAt.IsZero() && !k.RetiredAt.After(now):
		return "retired " + stampOf(k.RetiredAt)
	case k.Signs && k.RetiredAt.IsZero():
		return "signs"
	case k.Signs:
		return "signs, is published until " + stampOf(k.RetiredAt)
	case k.SignsFrom.After(now):
		return "is published, does not sign yet"
	}
	return "is published until " + stampOf(k.RetiredAt)
}

func keysRotate(f *flag.FlagSet) func(context.Context, *call) error {
	reason := f.String("reason", "", "`text` for the audit log")
	lost := f.Bool("lost", false, "the master key was lost: end the keys that the new one does not open, and sign with a new one at once")
	return func(ctx context.Context, c *call) error {
		if *reason == "" {
			return wrong("-reason is needed")
		}
		return withSchema(ctx, c, func(a *app.App) error {
			if *lost {
				k, err := a.Operate.ReplaceLostKeys(ctx, operate.Operator(), *reason)
				if err != nil {
					return err
				}
				return say(c.stdout, "The new key %s signs now. The keys that could not be opened have ended.", k.ID)
			}
			r, err := a.Operate.RotateKeys(ctx, operate.Operator(), *reason)
			if err != nil {
				return err
			}
			if !r.Made {
				return say(c.stdout, "A new key is on its way already: %s is published and signs from %s. Nothing was changed.", r.New.ID, stampOf(r.New.SignsFrom))
			}
			return say(c.stdout, "The new key %s is published now and signs from %s. The old key %s stays published until %s.",
				r.New.ID, stampOf(r.New.SignsFrom), r.Old.ID, stampOf(r.Old.RetiredAt))
		})
	}
}
