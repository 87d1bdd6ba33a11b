package notices

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// GrantStep is a move of a grant that the core has allowed and nobody has stored.
type GrantStep struct {
	Before, After access.Grant
	do            access.Action
	Effect        access.Effect
}

// StepGrant asks the core for a move of a grant.
func (ns *Notices) StepGrant(before access.Grant, do access.Action, who access.Actor, m access.GrantMove) (GrantStep, error) {
	after, effect, err := access.ApplyGrant(before, do, who, m, ns.desk.Now())
	return GrantStep{before, after, do, effect}, err
}

// MoveGrant asks the core for a move of a grant and stores it as StoreGrant does. It
// returns the grant as it is then.
func (ns *Notices) MoveGrant(tx *store.Tx, before access.Grant, do access.Action, who access.Actor, m access.GrantMove, d *audit.Detail) (access.Grant, error) {
	step, err := ns.StepGrant(before, do, who, m)
	if err != nil {
		return access.Grant{}, err
	}
	return step.After, ns.StoreGrant(tx, who, step, d)
}

// StoreGrant stores a move of a grant with its audit entry, what follows it by its
// table, and the jobs that come with this occasion alone.
func (ns *Notices) StoreGrant(tx *store.Tx, who access.Actor, step GrantStep, d *audit.Detail, also ...jobs.Insert) error {
	todo, err := ns.FollowGrant(tx, step)
	if err != nil {
		return err
	}
	return tx.MoveGrant(step.After, ns.desk.GrantEvent(who, step.Before, step.After, step.do), d, append(todo, also...)...)
}

// FollowGrant turns the effect of a grant's move into jobs.
func (ns *Notices) FollowGrant(tx *store.Tx, step GrantStep) ([]jobs.Insert, error) {
	before, after, now := step.Before, step.After, ns.desk.Now()
	job := func(kind, ending string, wait time.Duration) jobs.Insert {
		return desk.NewJob(after.Tenant, kind, desk.Occasion(kind, after)+ending, desk.JobData(after), now.Add(wait))
	}
	switch step.Effect {
	case access.NoEffect:
		return nil, nil
	case access.RecoverAttempt:
		return []jobs.Insert{desk.RecoverJob(after)}, nil
	case access.RecoverSoon:
		return []jobs.Insert{desk.NewJob(before.Tenant, desk.JobRecover, desk.Occasion(desk.JobRecover, before)+":doubt", desk.JobData(before), now.Add(20*time.Second))}, nil
	case access.SweepAttempt:
		return []jobs.Insert{job(desk.JobSweep, ":void", 10*time.Minute)}, nil
	case access.StopInCanvas: // another freeze of this attempt had a job of its own: the time tells them apart
		return []jobs.Insert{job(desk.JobFreeze, ":"+now.UTC().Format(time.RFC3339Nano), desk.RevokeTime+2*time.Second)}, nil
	case access.EndInCanvas:
		return []jobs.Insert{job(desk.JobEnd, "", desk.RevokeTime+2*time.Second)}, nil
	case access.EndLeaked:
		return []jobs.Insert{job(desk.JobEnd, ":leak", desk.RevokeTime+leakPause)}, nil
	}
	r, err := tx.Request(after.Tenant, after.RequestID)
	if err != nil {
		return nil, err
	}
	tell := func(kind notify.Kind, to ...access.PersonID) (out []jobs.Insert) {
		for _, p := range CompactIDs(to...) {
			out = append(out, ns.NoticeJob(kind, r, &after, p, ""))
		}
		return out
	}
	switch step.Effect {
	case access.FollowToken:
		return append([]jobs.Insert{desk.WatchJob(after, now.Add(desk.WatchSoon)), job(desk.JobSweep, ":1", 2*time.Minute), job(desk.JobSweep, ":2", 12*time.Minute)},
			tell(notify.ActivateReminder, after.Owner)...), nil
	case access.ClearLost:
		return append(tell(notify.SharedAgain, after.Owner), job(desk.JobClear, "", time.Minute)), nil
	case access.ClearThawed:
		return append(tell(notify.Thawed, after.Owner), job(desk.JobClear, ":thaw", time.Minute)), nil
	case access.TellFrozen:
		return tell(notify.Frozen, after.Owner, after.Sponsor), nil
	case access.TellDrifted:
		switch after.Drift {
		case access.DriftMaybe: // a page may say *perhaps*; a message would only frighten
			return nil, nil
		case access.DriftExtended, access.DriftStuck:
			return tell(notify.Drifted, after.Owner, ToReviewers), nil
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
		return append(ns.endNotices(r, &after), job(desk.JobSweep, ":gone", 3*time.Minute)), nil
	}
	return nil, &UnknownEffect{step.Effect}
}

// UnknownEffect is a mistake of the program: the table names what nobody does.
type UnknownEffect struct{ effect access.Effect }

func (e *UnknownEffect) Error() string { return "nothing follows the effect " + string(e.effect) }
