package notices

import (
	"context"
	"time"

	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// LettersRest asks whether there is any use in writing a letter now. Where all
// that it needs rests, it says when to come back.
func (ns *Notices) LettersRest(f desk.Canvas) error {
	now := ns.desk.Now()
	if wait := ns.rests.Left(now, f.People()); wait > 0 {
		return jobs.Later(wait)
	}
	var soonest time.Duration
	for i, way := range ns.desk.Ways(f.Platform, f.Client) {
		wait := ns.rests.Left(now, f.Server(way))
		if i == 0 || wait < soonest {
			soonest = wait
		}
	}
	if soonest > 0 {
		return jobs.Later(soonest)
	}
	return nil
}

// unlessResting does what needs a server. If that rests, or turns out to be
// away, the error asks to come back.
func (ns *Notices) unlessResting(ctx context.Context, server string, do func() error) error {
	wait, tries := ns.rests.Enter(ns.desk.Now(), server)
	if wait > 0 {
		return jobs.Later(wait)
	}
	err := do()
	if wait = ns.rests.Leave(ns.desk.Now(), server, tries, err); wait > 0 {
		ns.desk.Log.WarnContext(ctx, "letters wait for a server that takes none", "server", server, "again_in", wait, "err", err)
		return jobs.Later(wait)
	}
	return err
}
