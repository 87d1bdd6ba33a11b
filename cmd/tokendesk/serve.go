package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/doctor"
)

func serve(f *flag.FlagSet) func(context.Context, *call) error {
	only := f.String("only", "", "`part` to run: web or worker; both if left out")
	return func(ctx context.Context, c *call) error {
		part := app.Part(*only)
		if part != app.Both && part != app.Web && part != app.Worker {
			return wrong("-only is web or worker")
		}
		log := app.NewLog(c.cfg, c.stderr)
		a, err := app.New(ctx, c.cfg, app.Options{Log: log})
		if err != nil {
			return err
		}
		log.InfoContext(ctx, "starting", "config", c.cfg, "only", *only)
		err = errors.Join(a.Run(ctx, part), a.Close())
		log.InfoContext(context.WithoutCancel(ctx), "stopped")
		return err
	}
}

// quiet is the log of commands that answer on standard output.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// with opens what a command needs, runs it, and closes it.
func with(ctx context.Context, c *call, do func(a *app.App) error) error {
	a, err := app.Open(ctx, c.cfg, app.Options{Log: quiet()})
	if err != nil {
		return err
	}
	return errors.Join(do(a), a.Close())
}

// withSchema is with for commands that read or write data.
func withSchema(ctx context.Context, c *call, do func(a *app.App) error) error {
	return with(ctx, c, func(a *app.App) error {
		if err := a.Usable(ctx); err != nil {
			return err
		}
		return do(a)
	})
}

func migrate(*flag.FlagSet) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		return with(ctx, c, func(a *app.App) error {
			if err := a.Migrate(ctx); err != nil {
				return err
			}
			if err := say(c.stdout, "The database has this version's schema."); err != nil {
				return err
			}
			search, err := a.Store.Search(ctx)
			if err != nil || search.Advice() == "" {
				return err
			}
			return say(c.stdout, "%s", search.Advice())
		})
	}
}

func checkUp(f *flag.FlagSet) func(context.Context, *call) error {
	platform := f.String("platform", "", "`name` of the only platform to check")
	return func(ctx context.Context, c *call) error {
		fine := app.Doctor(ctx, c.cfg, app.Options{Log: quiet()}, *platform, func(k doctor.Check) {
			_, _ = fmt.Fprintf(c.stdout, "%-5s %s: %s\n", k.Outcome, k.What, k.Found)
		})
		if !fine {
			return errSaid
		}
		return nil
	}
}

func say(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(w, format+"\n", args...)
	return err
}
