package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// The kinds of jobs.
const (
	jobRecover = "grant.recover" // settle an attempt whose process may have died
	jobClear   = "grant.clear"   // delete a token that is being replaced
	jobSweep   = "grant.sweep"   // delete strays
	jobWatch   = "grant.watch"   // ask Canvas about a token
	jobSetBack = "grant.setback" // set back an end that was moved in Canvas
	jobEnd     = "grant.end"     // delete a token and prove it
	jobNotice  = "notice"
	jobDigest  = "notice.reviewers"
	jobTick    = "tick"     // what time brings: lapses, ends, reminders
	jobPurge   = "purge"    // what is kept no longer
	jobMass    = "mass.run" // end the tokens of a mass revocation

	jobMassNotice = "mass.notice"
)

type grantRef struct {
	Grant   string `json:"grant"`
	Attempt int    `json:"attempt"`
}

func jobData(g access.Grant) []byte {
	b, _ := json.Marshal(grantRef{g.ID, g.Attempt}) // always marshals
	return b
}

// occasion is the unique key of a job about a grant's present attempt.
func occasion(kind string, g access.Grant) string {
	return fmt.Sprintf("%s:%s:%d:%s", kind, g.ID, g.Attempt, g.State)
}

// recoverJob settles g's attempt when its lease is over, should its process die.
func recoverJob(g access.Grant) jobs.Insert {
	return enqueue(g.Tenant, jobRecover, occasion(jobRecover, g), jobData(g), g.LeaseUntil.Add(time.Second))
}

// Handlers are the jobs this package knows, by kind, each with its queue. What
// removes access, or settles an attempt to make a token, waits behind nothing
// else.
func (s *Service) Handlers() map[string]jobs.Work {
	all := map[string]jobs.Work{}
	for queue, kinds := range map[jobs.QueueName]map[string]jobs.Handler{
		jobs.Ends: {
			jobRecover: s.recoverHandler, jobClear: s.clearHandler, jobSweep: s.sweepHandler, jobStray: s.strayHandler, jobEnd: s.endJob, jobFreeze: s.freezeHandler,
			jobMass: s.massHandler, jobRemove: s.removeHandler, jobTick: s.tickHandler, // the tick begins the ends that are due
		},
		jobs.Watching: {
			jobWatch: s.watchHandler, jobLook: s.lookHandler, jobSetBack: s.setBackHandler, jobAdopt: s.adoptHandler,
			jobGround: s.groundHandler, jobSurvey: s.surveyHandler, jobOwner: s.ownerHandler,
		},
		jobs.Letters: {jobNotice: s.noticeHandler, jobDigest: s.digestHandler, jobFoundNotice: s.foundNoticeHandler, jobMassNotice: s.massNoticeHandler},
		jobs.Long: {jobNightly: s.nightlyHandler, jobInventory: s.inventoryHandler, jobOwners: s.ownersHandler, jobPurge: s.purgeHandler,
			jobAccounts: s.accountsHandler, jobRoles: s.rolesHandler},
	} {
		for kind, do := range kinds {
			all[kind] = jobs.Work{Queue: queue, Do: do}
		}
	}
	return all
}

// Schedules are the recurring jobs.
func (s *Service) Schedules() []jobs.Schedule {
	return []jobs.Schedule{{Kind: jobTick, Every: time.Minute}, {Kind: jobPurge, Every: time.Hour}, {Kind: jobNightly, Every: time.Hour},
		{Kind: jobAccounts, Every: time.Hour}, {Kind: jobGround, Every: groundSlot, MakeUp: true}}
}

// jobGrant reads the grant a job is about, and its Canvas.
func (s *Service) jobGrant(ctx context.Context, j jobs.Job) (access.Grant, far, error) {
	ref, err := jobs.Decode[grantRef](j.Data)
	if err != nil {
		return access.Grant{}, far{}, err
	}
	var g access.Grant
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		g, err = tx.Grant(access.TenantID(j.Tenant), ref.Grant)
		return err
	})
	if errors.Is(err, access.ErrNotFound) {
		return g, far{}, jobs.Permanent(err)
	}
	if err != nil {
		return g, far{}, err
	}
	f, err := s.far(ctx, g.Tenant, "")
	return g, f, err
}

func (s *Service) recoverHandler(ctx context.Context, j jobs.Job) error {
	g, f, err := s.jobGrant(ctx, j)
	if err != nil {
		return err
	}
	if g.State != access.Minting && g.State != access.Recovering {
		return nil
	}
	if wait := g.LeaseUntil.Sub(s.Now()); g.State == access.Minting && wait > 0 {
		return jobs.Later(wait + time.Second)
	}
	if err := s.recover(ctx, f, g); err != nil {
		s.Log.WarnContext(ctx, "an attempt is not settled yet", "grant", g.ID, "err", err)
		return jobs.Later(time.Minute)
	}
	return nil
}

func (s *Service) clearHandler(ctx context.Context, j jobs.Job) error {
	g, f, err := s.jobGrant(ctx, j)
	if err != nil || g.State != access.Replacing {
		return err
	}
	if err := s.clear(ctx, f, g); err != nil {
		s.Log.WarnContext(ctx, "a lost token is not gone yet", "grant", g.ID, "err", err)
		return jobs.Later(time.Minute)
	}
	return nil
}

func (s *Service) sweepHandler(ctx context.Context, j jobs.Job) error {
	ctx = canvas.Paced(ctx)
	g, f, err := s.jobGrant(ctx, j)
	if err != nil {
		return err
	}
	if s.resting(g.Tenant) {
		return jobs.Later(restFor)
	}
	if err := s.sweep(ctx, f, g); err != nil {
		s.Log.WarnContext(ctx, "strays could not be looked for", "grant", g.ID, "err", err)
		return jobs.Later(2 * time.Minute)
	}
	return nil
}

// How often Canvas is asked about a live token: every minute while its owner
// sets it up, every hour then.
const (
	watchClosely = 15 * time.Minute // since it was shown
	watchSoon    = time.Minute
	watchLater   = time.Hour
	watchAgain   = 10 * time.Minute // when Canvas did not answer
)

// watchJob is the watch over g's present token, from the given time on. Every
// live token needs one; it ends by itself.
func watchJob(g access.Grant, at time.Time) jobs.Insert {
	return enqueue(g.Tenant, jobWatch, occasion(jobWatch, g), jobData(g), at)
}

// watchHandler asks Canvas about a live token, until it is none any more or a
// successor has a watch of its own.
func (s *Service) watchHandler(ctx context.Context, j jobs.Job) error {
	g, f, err := s.jobGrant(ctx, j)
	if err != nil {
		return err
	}
	ref, err := jobs.Decode[grantRef](j.Data)
	if err != nil {
		return err
	}
	if ref.Attempt != g.Attempt || !watched(g) {
		return nil
	}
	if busy, err := s.inMass(ctx, g); err != nil || busy {
		if err != nil {
			return err
		}
		return jobs.Later(watchAgain)
	}
	next, again := watchLater, watchAgain
	if !g.ShownAt.IsZero() && s.Now().Sub(g.ShownAt) < watchClosely {
		next, again = watchSoon, watchSoon
	} else {
		ctx = canvas.Paced(ctx)
		if s.resting(g.Tenant) {
			return jobs.Later(restFor)
		}
	}
	if err := s.observe(ctx, f, g); err != nil {
		s.Log.WarnContext(ctx, "a token could not be looked up", "grant", g.ID, "err", err)
		next = again
	}
	return jobs.Later(next)
}

// tickHandler does what time brings, for every tenant. Each change is a
// transaction of its own; one that fails does not hold up the others.
func (s *Service) tickHandler(ctx context.Context, _ jobs.Job) error {
	tenants, err := s.tenants(ctx)
	if err != nil {
		return err
	}
	var all error
	for _, t := range tenants {
		all = errors.Join(all, s.tickRequests(ctx, t), s.tickGrants(ctx, t), s.tickFound(ctx, t), s.remind(ctx, t))
	}
	s.nudge()
	return all
}

const tickBatch = 500

// dueRequests are requests whose time is over, and the move that this makes. keep
// leaves out those of which more has to be asked than the database can tell.
type dueRequests struct {
	state   access.RequestState
	field   store.DueField
	before  time.Time
	do      access.Action
	version int // of the policy they are judged by; 0 for any
	keep    func(access.Request) bool
}

func (s *Service) tickRequests(ctx context.Context, t store.Tenant) error {
	now := s.Now()
	all := []dueRequests{
		{state: access.AwaitingSponsor, field: store.DueSponsor, before: now, do: access.Lapse},
		{state: access.Approved, field: store.DueCollect, before: now, do: access.Lapse},
	}
	// What follows needs the policies. One that cannot be read holds up nothing else.
	policyErr := s.Store.Read(ctx, func(tx *store.Tx) error {
		newest, err := tx.NewestPolicy(t.ID)
		if err != nil {
			return err
		}
		all = append(all[:2], dueRequests{state: access.Draft, field: store.DueUpdate, before: now.Add(-newest.Windows.Draft), do: access.Discard})
		versions, err := tx.PolicyVersions(t.ID, access.InReview)
		if err != nil {
			return err
		}
		for _, v := range versions {
			p, err := tx.Policy(t.ID, v)
			if err != nil {
				return err
			}
			all = append(all, dueRequests{state: access.InReview, field: store.DueClaim, before: now.Add(-p.Windows.Claim), do: access.Release, version: v,
				keep: func(r access.Request) bool { return p.Calendar.Between(r.Claim().At, now, zone(t)) < 3 }}) // one whole business day has not passed
		}
		return nil
	})
	for _, due := range all {
		if err := s.tickDue(ctx, t, due); err != nil {
			return errors.Join(err, policyErr)
		}
	}
	return policyErr
}

func (s *Service) tickDue(ctx context.Context, t store.Tenant, due dueRequests) error {
	var rs []access.Request
	err := s.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		rs, err = tx.Requests(store.RequestQuery{Tenant: t.ID, States: []access.RequestState{due.state}, DueField: due.field, DueBefore: due.before,
			PolicyVersion: due.version, Limit: tickBatch})
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range rs {
		if due.keep != nil && due.keep(r) {
			continue
		}
		err := s.Store.InTx(ctx, func(tx *store.Tx) error {
			cur, err := tx.Request(t.ID, r.ID)
			if err != nil || cur.Version != r.Version {
				return err
			}
			if due.do == access.Discard {
				cur.Answers = nil
			}
			return s.move(tx, access.SystemActor, cur, due.do, access.Move{})
		})
		if err != nil && !errors.Is(err, access.ErrConflict) {
			return err
		}
	}
	return nil
}

// standingStates are those of a token that was handed over and is not ending.
var standingStates = []access.GrantState{access.HandedOver, access.Active, access.Freezing, access.Frozen, access.Replacing}

// tickGrants begins the end of grants whose time is over, that were never
// activated, whose successor was never made or has taken over, or for whom
// nobody stood in time. It waits for no answer of Canvas: the job behind each
// end goes on until it is proven.
func (s *Service) tickGrants(ctx context.Context, t store.Tenant) error {
	now := s.Now()
	q := func(q store.GrantQuery, states ...access.GrantState) store.GrantQuery {
		q.Tenant, q.States, q.Limit = t.ID, states, tickBatch
		return q
	}
	for _, due := range []struct {
		q     store.GrantQuery
		cause access.Cause
	}{
		{q(store.GrantQuery{RetireBefore: now}, standingStates...), access.BySuperseded},
		{q(store.GrantQuery{CanvasEndBefore: now}, standingStates...), access.ByEnd},
		{q(store.GrantQuery{ActivateBefore: now}, access.HandedOver), access.ByUnclaimed},
		{q(store.GrantQuery{ActivateBefore: now}, access.Replacing), access.ByNoReplaced},
		{q(store.GrantQuery{GapBefore: now}, standingStates...), access.ByNoSponsor},
	} {
		// All of them: thousands can end with one term, in one minute.
		for {
			n, err := s.endDue(ctx, due.q, due.cause)
			if err != nil {
				return err
			}
			if n < tickBatch {
				break
			}
		}
	}
	return nil
}

// endDue begins the end of the first grants of q, and returns how many it moved.
func (s *Service) endDue(ctx context.Context, q store.GrantQuery, cause access.Cause) (int, error) {
	var gs []access.Grant
	err := s.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		gs, err = tx.Grants(q)
		return err
	})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, g := range gs {
		if cause == access.ByUnclaimed && s.mayBeActive(g) {
			continue
		}
		switch _, err := s.beginEndFrom(ctx, g, access.GrantMove{Cause: cause}, nil); {
		case err == nil:
			n++
		case !errors.Is(err, access.ErrConflict):
			return n, err
		}
	}
	return n, nil
}

// mayBeActive reports whether a token that was not activated in time may have
// been after all: Canvas has not been asked since. Within an hour the watch
// does, or Canvas is not answering and the time is over all the same.
func (s *Service) mayBeActive(g access.Grant) bool {
	return g.CheckedAt.Before(g.ActivateBy) && s.Now().Sub(g.ActivateBy) < watchLater+5*time.Minute
}

// Kept text and the record of finished jobs live so long.
const (
	keptLife = 7 * 24 * time.Hour
	jobLife  = 30 * 24 * time.Hour
)

func (s *Service) purgeHandler(ctx context.Context, _ jobs.Job) error {
	now := s.Now()
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.PurgeSessions(now); err != nil {
			return err
		}
		if _, err := tx.PurgeMassPlans(now.Add(-massPlanLife)); err != nil {
			return err
		}
		if _, err := tx.PurgePaces(now); err != nil {
			return err
		}
		_, err := tx.PurgeKept(now.Add(-keptLife))
		return err
	})
	_, stateErr := s.Store.PurgeStates(ctx, now)
	_, jobErr := s.Store.PurgeJobs(ctx, now.Add(-jobLife))
	return errors.Join(err, stateErr, jobErr)
}
