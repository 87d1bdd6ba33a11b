package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/operate"
)

// revoke plans, rehearses and runs a mass revocation. It works with no server
// running; one that runs goes on where this command was stopped.
func revoke(f *flag.FlagSet) func(context.Context, *call) error {
	filter := f.String("filter", "", "which tokens: `key=value,...` of role, course, sponsor, vendor, ai, issued-before, idle-days, owner, or all=yes")
	reason := f.String("reason", "", "`text` for the owners and the audit log")
	dry := f.Bool("dry-run", false, "plan and print, and end nothing")
	platform := f.String("platform", "", "`name` of the Canvas; needed when there are several")
	return func(ctx context.Context, c *call) error {
		switch {
		case *filter == "":
			return wrong("-filter is needed")
		case strings.TrimSpace(*reason) == "" && !*dry:
			return wrong("-reason is needed")
		}
		return withSchema(ctx, c, func(a *app.App) error {
			r, err := a.Operate.PlanRevocation(ctx, *platform, *filter, *dry)
			if err != nil {
				return err
			}
			if r.Running {
				if err := say(c.stdout, "A mass revocation with this filter is not finished: %d of %d are confirmed gone. Going on with %s.",
					r.Counts.Gone+r.Counts.EndedBefore, r.Counts.Total(), r.ID); err != nil {
					return err
				}
				return finish(ctx, c, r)
			}
			if err := printPlan(c.stdout, r); err != nil {
				return err
			}
			if *dry {
				return say(c.stdout, "Dry run: nothing was ended.")
			}
			if _, err := fmt.Fprintf(c.stdout, "Type %d to confirm: ", r.Tokens); err != nil {
				return err
			}
			typed, err := firstLine(c.stdin)
			if err != nil {
				return err
			}
			if err := say(c.stdout, ""); err != nil {
				return err
			}
			if err := r.Start(ctx, typed, strings.TrimSpace(*reason)); err != nil {
				return err
			}
			return finish(ctx, c, r)
		})
	}
}

// firstLine reads what was typed, or nothing at the end of the input.
func firstLine(in io.Reader) (string, error) {
	if in == nil {
		return "", nil
	}
	const most = 100
	line, err := bufio.NewReader(io.LimitReader(in, most)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimSpace(line), nil
}

func printPlan(w io.Writer, r *operate.Revocation) error {
	lines := []string{
		fmt.Sprintf("Plan %s for %s: %s", r.ID, r.Platform, r.Filter),
		fmt.Sprintf("%d tokens of %d people will stop. Deleting and proving them takes between %s and %s.", r.Tokens, r.People, r.Estimate, r.Longest()),
	}
	for _, g := range []struct {
		title string
		all   []operate.Group
	}{{"role", r.Roles}, {"course", r.Courses}, {"company", r.Vendors}} {
		var parts []string
		for _, x := range g.all {
			name := x.Word
			if name == "" {
				name = "none"
			}
			parts = append(parts, fmt.Sprintf("%s %d", name, x.Tokens))
		}
		if len(parts) > 0 {
			lines = append(lines, fmt.Sprintf("  by %s: %s", g.title, strings.Join(parts, ", ")))
		}
	}
	for _, l := range lines {
		if err := say(w, "%s", l); err != nil {
			return err
		}
	}
	return nil
}

// progressEvery is how often a line tells how far it has come.
const progressEvery = 10 * time.Second

// finish works on r until it is done and prints how far it has come, and what it
// came to.
func finish(ctx context.Context, c *call, r *operate.Revocation) error {
	var said time.Time
	before := -1
	err := r.Finish(ctx, func(p operate.Progress, trouble error) {
		done := p.Counts.Gone + p.Counts.EndedBefore
		if done == before && time.Since(said) < progressEvery {
			return
		}
		if time.Since(said) < time.Second && p.Counts.Left() > 0 {
			return
		}
		said, before = time.Now(), done
		line := fmt.Sprintf("%d of %d confirmed gone", done, p.Counts.Total())
		if p.Counts.Retrying > 0 {
			line += fmt.Sprintf(", %d retrying", p.Counts.Retrying)
		}
		if n := p.StillUsable(time.Now()); n > 0 {
			line += fmt.Sprintf(", %d still usable", n)
		}
		if trouble != nil {
			line += " (" + strings.Join(strings.Fields(trouble.Error()), " ") + ")"
		}
		_ = say(c.stdout, "%s", line)
	})
	if ctx.Err() != nil {
		return fmt.Errorf("stopped: %d of %d are confirmed gone; a running server goes on, or run the command again", r.Counts.Gone+r.Counts.EndedBefore, r.Counts.Total())
	}
	if err != nil {
		return err
	}
	return say(c.stdout, "Finished in %s (expected between %s and %s): %d confirmed gone, %d had ended before. Each proof is in the audit log and in the report %s.",
		r.EndedAt.Sub(r.StartedAt).Round(time.Second), r.Estimate, r.Longest(), r.Counts.Gone, r.Counts.EndedBefore, r.ID)
}
