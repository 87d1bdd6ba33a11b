package workflow

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// grantStep is a move of a grant that the core has allowed and nobody has stored.
type grantStep struct {
	before, after access.Grant
	do            access.Action
	effect        access.Effect
}

// stepGrant asks the core for a move of a grant.
func (s *Service) stepGrant(before access.Grant, do access.Action, who access.Actor, m access.GrantMove) (grantStep, error) {
	after, effect, err := access.ApplyGrant(before, do, who, m, s.Now())
	return grantStep{before, after, do, effect}, err
}

// moveGrant stores a move of a grant with its audit entry, what follows it by its
// table, and the jobs that come with this occasion alone.
func (s *Service) moveGrant(tx *store.Tx, who access.Actor, step grantStep, d *audit.Detail, also ...jobs.Insert) error {
	todo, err := s.followGrant(tx, step)
	if err != nil {
		return err
	}
	return tx.MoveGrant(step.after, s.tellGrant(who, step.before, step.after, step.do), d, append(todo, also...)...)
}

// followGrant turns the effect of a grant's move into jobs.
func (s *Service) followGrant(tx *store.Tx, step grantStep) ([]jobs.Insert, error) {
	before, after, now := step.before, step.after, s.Now()
	job := func(kind, ending string, wait time.Duration) jobs.Insert {
		return enqueue(after.Tenant, kind, occasion(kind, after)+ending, jobData(after), now.Add(wait))
	}
	switch step.effect {
	case access.NoEffect:
		return nil, nil
	case access.RecoverAttempt:
		return []jobs.Insert{recoverJob(after)}, nil
	case access.RecoverSoon:
		return []jobs.Insert{enqueue(before.Tenant, jobRecover, occasion(jobRecover, before)+":doubt", jobData(before), now.Add(20*time.Second))}, nil
	case access.SweepAttempt:
		return []jobs.Insert{job(jobSweep, ":void", 10*time.Minute)}, nil
	case access.StopInCanvas: // another freeze of this attempt had a job of its own: the time tells them apart
		return []jobs.Insert{job(jobFreeze, ":"+now.UTC().Format(time.RFC3339Nano), revokeTime+2*time.Second)}, nil
	case access.EndInCanvas:
		return []jobs.Insert{job(jobEnd, "", revokeTime+2*time.Second)}, nil
	case access.EndLeaked:
		return []jobs.Insert{job(jobEnd, ":leak", revokeTime+leakPause)}, nil
	}
	r, err := tx.Request(after.Tenant, after.RequestID)
	if err != nil {
		return nil, err
	}
	tell := func(kind notify.Kind, to ...access.PersonID) (out []jobs.Insert) {
		for _, p := range compactIDs(to...) {
			out = append(out, s.noticeJob(kind, r, &after, p, ""))
		}
		return out
	}
	switch step.effect {
	case access.FollowToken:
		return append([]jobs.Insert{watchJob(after, now.Add(watchSoon)), job(jobSweep, ":1", 2*time.Minute), job(jobSweep, ":2", 12*time.Minute)},
			tell(noticeActivate, after.Owner)...), nil
	case access.ClearLost:
		return append(tell(noticeSharedAgain, after.Owner), job(jobClear, "", time.Minute)), nil
	case access.ClearThawed:
		return append(tell(notify.Thawed, after.Owner), job(jobClear, ":thaw", time.Minute)), nil
	case access.TellFrozen:
		return tell(notify.Frozen, after.Owner, after.Sponsor), nil
	case access.TellDrifted:
		switch after.Drift {
		case access.DriftMaybe: // a page may say *perhaps*; a message would only frighten
			return nil, nil
		case access.DriftExtended, access.DriftStuck:
			return tell(notify.Drifted, after.Owner, toReviewers), nil
		}
		return tell(notify.Drifted, after.Owner), nil
	case access.TellEndMoved:
		if !after.EndsAt().Before(before.EndsAt().Add(-24 * time.Hour)) {
			return nil, nil // they know about that day
		}
		return tell(notify.CourseOver, after.Owner, before.Sponsor), nil
	case access.TellGap:
		return tell(notify.SponsorGone, after.Owner), nil
	case access.TellAsked:
		return tell(notify.AskedToTakeOver, after.SponsorAsked), nil
	case access.TellTookOver:
		return tell(notify.TookOver, after.Owner), nil
	case access.TellTurnedDown:
		return tell(notify.TurnedDown, after.Owner), nil
	case access.TellRetiring:
		if !before.RetireAt.IsZero() || !after.RetireAt.After(now) {
			return nil, nil
		}
		return tell(notify.Retiring, after.Owner), nil
	case access.TellEnded:
		return append(s.endNotices(r, &after), job(jobSweep, ":gone", 3*time.Minute)), nil
	}
	return nil, &unknownEffect{step.effect}
}

// unknownEffect is a mistake of the program: the table names what nobody does.
type unknownEffect struct{ effect access.Effect }

func (e *unknownEffect) Error() string { return "nothing follows the effect " + string(e.effect) }
