package workflow

import (
	"context"
	"time"

	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
)

// Names of what rests.
func (f far) people() string               { return "canvas/" + f.platform.ID }
func (f far) server(way notify.Way) string { return way.Server(f.platform.ID) }

// lettersRest asks whether there is any use in writing a letter now. Where all
// that it needs rests, it says when to come back.
func (s *Service) lettersRest(f far) error {
	now := s.Now()
	if wait := s.rests.Left(now, f.people()); wait > 0 {
		return jobs.Later(wait)
	}
	var soonest time.Duration
	for i, way := range s.Ways(f.platform, f.Client) {
		wait := s.rests.Left(now, f.server(way))
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
func (s *Service) unlessResting(ctx context.Context, server string, do func() error) error {
	wait, tries := s.rests.Enter(s.Now(), server)
	if wait > 0 {
		return jobs.Later(wait)
	}
	err := do()
	if wait = s.rests.Leave(s.Now(), server, tries, err); wait > 0 {
		s.Log.WarnContext(ctx, "letters wait for a server that takes none", "server", server, "again_in", wait, "err", err)
		return jobs.Later(wait)
	}
	return err
}
