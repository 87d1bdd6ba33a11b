package workflow

import (
	"context"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// ReportLeak ends a token that leaked and opens its incident, in one
// transaction; then Canvas is asked as Revoke asks. Owner, sponsor and reviewers
// may, at any age of their launch, and give no reason: what is to be known is
// asked afterwards (TellSeen). Until the incident is cleared no token is made
// for the owner.
//
// A token that has ended is not touched; the incident alone is opened. A second
// report of one token returns how it stands.
func (s *Service) ReportLeak(ctx context.Context, caller access.Caller, grantID string) (_ TokenPage, err error) {
	defer verbEnded(s.Observer, access.ReportLeak, &err)
	p, err := s.reportLeak(ctx, caller, grantID)
	if err != nil {
		return TokenPage{}, s.noteRefusal(ctx, caller, grantID, access.ReportLeak, err)
	}
	s.nudge()
	return p, nil
}

func (s *Service) reportLeak(ctx context.Context, caller access.Caller, grantID string) (TokenPage, error) {
	f, who, c, err := s.caseToChange(ctx, caller, caller.MayRemove(), grantID)
	if err != nil {
		return TokenPage{}, err
	}
	how := access.LeakByReviewer
	switch {
	case c.Own:
		how = access.LeakByOwner
	case c.Grant.Sponsor != "" && c.Grant.Sponsor == who.Person:
		how = access.LeakBySponsor
	}
	if c.openLeak() == nil && !mayReport(c, who) {
		if c.Grant.State == access.Void {
			return TokenPage{}, &access.TransitionError{From: string(access.Void), Action: access.ReportLeak}
		}
		return TokenPage{}, access.Refuse(access.WhyNotYours)
	}
	if err := s.endLeaked(ctx, f, who, *c.Grant, how); err != nil {
		return TokenPage{}, err
	}
	return s.token(ctx, who, caller.Tenant, grantID)
}

// mayReport reports whether who may say of the case's token that it leaked: its
// owner, who stands for it, and reviewers, on ended tokens too. Where nothing
// was ever handed over nothing can have leaked.
func mayReport(c Case, who access.Actor) bool {
	g := c.Grant
	return g != nil && g.State != access.Void && who.Person != "" && (c.Own || g.Sponsor == who.Person || who.Reviewer)
}

// endLeaked opens the incident of a token and begins its end in one
// transaction, then asks Canvas at once. What Canvas has not proven in time a
// job goes on with.
func (s *Service) endLeaked(ctx context.Context, f far, who access.Actor, g access.Grant, how access.LeakReport) error {
	g, err := s.beginLeak(ctx, who, g, how)
	if err != nil || g.State != access.Revoking {
		return err
	}
	s.step("leak committed")
	quick, cancel := s.limit(context.WithoutCancel(ctx), revokeTime)
	defer cancel()
	if err := s.finishEnd(quick, f, g); err != nil {
		s.Log.WarnContext(ctx, "a leaked token is not proven gone yet; a job goes on", "grant", g.ID, "err", err)
	}
	return nil
}

// beginLeak stores that a token leaked: the incident, unless one of this token
// is open, and the end, unless it has begun for this cause. It returns the grant
// as it stands then.
func (s *Service) beginLeak(ctx context.Context, who access.Actor, g access.Grant, how access.LeakReport) (access.Grant, error) {
	var out access.Grant
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(g.Tenant, g.ID)
		if err != nil {
			return err
		}
		out = before
		r, err := tx.Request(g.Tenant, g.RequestID)
		if err != nil {
			return err
		}
		if err := tx.LockPerson(g.Tenant, g.Owner); err != nil {
			return err
		}
		if err := s.openIncident(tx, who, before, r, how); err != nil {
			return err
		}
		if before.State.Final() || (before.State == access.Revoking && before.Cause == access.ByLeak) {
			return nil
		}
		step, err := s.stepGrant(before, access.ReportLeak, who, access.GrantMove{})
		if err != nil {
			return err
		}
		out = step.after
		return s.moveGrant(tx, who, step, audit.NewDetail(map[string]string{"cause": string(access.ByLeak), "how": string(how)}))
	})
	return out, err
}

// openIncident opens the incident of a token, with what tells of it. Where one
// is open already it does nothing.
func (s *Service) openIncident(tx *store.Tx, who access.Actor, g access.Grant, r access.Request, how access.LeakReport) error {
	last, err := tx.IncidentOfGrant(g.Tenant, g.ID)
	if err == nil && last.Open() {
		return nil
	}
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		return err
	}
	i := access.Incident{ID: store.NewID("inc"), Tenant: g.Tenant, Version: 1, GrantID: g.ID, Owner: g.Owner, ReportedBy: who.Person, How: how, OpenedAt: s.Now(),
		AfterEnd: g.State.Final()}
	e := s.event(g.Tenant, who.ID(), audit.IncidentOpen, i.ID)
	e.To, e.Version, e.Related = store.IncidentOpened, i.Version, g.ID
	d, kind := map[string]string{"how": string(how)}, notify.LeakReported
	if i.AfterEnd {
		d["ended"], kind = "yes", notify.LeakOfEnded // the incident is all there is to tell
	}
	return tx.CreateIncident(i, e, audit.NewDetail(d), s.leakNotices(kind, r, &g, i.ID)...)
}

// leakPause is added to the wait for Canvas's first answer, before anybody is
// told: most tokens are gone by then, and one message says so.
const leakPause = 2 * time.Second

// leakNotices tell owner, sponsor and reviewers of a leak.
func (s *Service) leakNotices(kind notify.Kind, r access.Request, g *access.Grant, occasion string) []jobs.Insert {
	var out []jobs.Insert
	for _, to := range []access.PersonID{g.Owner, g.Sponsor, toReviewers} {
		if to == "" {
			continue
		}
		j := s.noticeJob(kind, r, g, to, occasion)
		if kind == notify.LeakReported {
			j.RunAt = s.Now().Add(revokeTime + leakPause)
		}
		out = append(out, j)
	}
	return out
}

// TellSeen notes where a leaked token was seen, in the reporter's words. It may
// be erased; nothing depends on it. What looks like a token in it is taken out.
func (s *Service) TellSeen(ctx context.Context, caller access.Caller, grantID, seen string) (_ TokenPage, err error) {
	defer verbEnded(s.Observer, access.VerbTellSeen, &err)
	_, who, c, err := s.caseToChange(ctx, caller, caller.MayWrite(), grantID)
	i := c.openLeak()
	switch {
	case err != nil:
	case i == nil:
		err = &access.TransitionError{From: store.IncidentCleared, Action: access.ReportLeak}
	case !mayReport(c, who):
		err = access.Refuse(access.WhyNotYours)
	}
	if err != nil {
		return TokenPage{}, s.noteRefusal(ctx, caller, grantID, access.ReportLeak, err)
	}
	if seen != "" {
		e := s.event(caller.Tenant, who.ID(), audit.IncidentSeen, i.ID)
		e.Related = grantID
		d := audit.NewDetail(map[string]string{"seen": Storable(seen)})
		if err := s.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, d) }); err != nil {
			return TokenPage{}, err
		}
	}
	return s.token(ctx, who, caller.Tenant, grantID)
}
