package main

import (
	"context"
	"flag"
	"io"
	"os"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/operate"
)

func auditExport(f *flag.FlagSet) func(context.Context, *call) error {
	platform := f.String("platform", "", "`name` of the Canvas; needed when there are several")
	out := f.String("o", "-", "`file` to write, which must not exist; - is standard output")
	return func(ctx context.Context, c *call) error {
		return withSchema(ctx, c, func(a *app.App) error {
			if *out == "-" {
				_, err := a.Operate.ExportAudit(ctx, *platform, c.stdout)
				return err
			}
			// The log holds names and reasons: nobody else on this machine reads it.
			f, err := os.OpenFile(*out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			n, err := a.Operate.ExportAudit(ctx, *platform, f)
			if closeErr := f.Close(); err == nil {
				err = closeErr
			}
			if err != nil {
				_ = os.Remove(*out)
				return err
			}
			return say(c.stdout, "Wrote %d entries to %s.", n, *out)
		})
	}
}

func auditVerify(*flag.FlagSet) func(context.Context, *call) error {
	return func(_ context.Context, c *call) error {
		var in io.Reader
		switch {
		case len(c.args) > 1:
			return wrong("name one file, or none for standard input")
		case len(c.args) == 0 || c.args[0] == "-":
			in = c.stdin
		default:
			f, err := os.Open(c.args[0])
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			in = f
		}
		all, err := operate.VerifyAudit(in)
		if err != nil {
			return err
		}
		for _, v := range all {
			err := say(c.stdout, "Verified %d entries of %s to %s. No gap. %d with details erased. Head %s",
				v.Entries, v.Tenant, stampOf(v.Until), v.Erased, v.Head)
			if err != nil {
				return err
			}
		}
		return nil
	}
}
