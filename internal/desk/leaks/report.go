package leaks

import (
	"context"
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Report ends a token that leaked and opens its incident, in one
// transaction; then Canvas is asked as Revoke asks. Owner, sponsor and reviewers
// may, at any age of their launch, and give no reason: what is to be known is
// asked afterwards (TellSeen). Until the incident is cleared no token is made
// for the owner.
//
// A token that has ended is not touched; the incident alone is opened. A second
// report of one token returns how it stands.
func (ls *Leaks) Report(ctx context.Context, caller access.Caller, grantID string) (cases.TokenPage, error) {
	return desk.Verb(ctx, ls.desk, caller, desk.Guard{Do: access.ReportLeak, Object: grantID}, func(ctx context.Context) (cases.TokenPage, error) {
		return ls.reportLeak(ctx, caller, grantID)
	})
}

func (ls *Leaks) reportLeak(ctx context.Context, caller access.Caller, grantID string) (cases.TokenPage, error) {
	f, who, c, err := ls.cases.CaseToChange(ctx, caller, caller.MayRemove(), grantID)
	if err != nil {
		return cases.TokenPage{}, err
	}
	how := access.LeakByReviewer
	switch {
	case c.Own:
		how = access.LeakByOwner
	case c.Grant.Sponsor != "" && c.Grant.Sponsor == who.Person:
		how = access.LeakBySponsor
	}
	if c.OpenLeak() == nil && !cases.MayReport(c, who) {
		if c.Grant.State == access.Void {
			return cases.TokenPage{}, &access.TransitionError{From: string(access.Void), Action: access.ReportLeak}
		}
		return cases.TokenPage{}, access.Refuse(access.WhyNotYours)
	}
	if err := ls.endLeaked(ctx, f, who, *c.Grant, how); err != nil {
		return cases.TokenPage{}, err
	}
	return ls.cases.TokenPage(ctx, who, caller.Tenant, grantID)
}

// endLeaked opens the incident of a token and begins its end in one
// transaction, then asks Canvas at once. What Canvas has not proven in time a
// job goes on with.
func (ls *Leaks) endLeaked(ctx context.Context, f desk.Canvas, who access.Actor, g access.Grant, how access.LeakReport) error {
	g, err := ls.beginLeak(ctx, who, g, how)
	if err != nil || g.State != access.Revoking {
		return err
	}
	ls.desk.Step("leak committed")
	quick, cancel := ls.desk.WithLimit(context.WithoutCancel(ctx), desk.RevokeTime)
	defer cancel()
	if err := ls.tokens.FinishEnd(quick, f, g); err != nil {
		ls.desk.Log.WarnContext(ctx, "a leaked token is not proven gone yet; a job goes on", "grant", g.ID, "err", err)
	}
	return nil
}

// beginLeak stores that a token leaked: the incident, unless one of this token
// is open, and the end, unless it has begun for this cause. It returns the grant
// as it stands then.
func (ls *Leaks) beginLeak(ctx context.Context, who access.Actor, g access.Grant, how access.LeakReport) (access.Grant, error) {
	var out access.Grant
	err := ls.desk.Store.InTx(ctx, func(tx *store.Tx) error {
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
		if err := ls.openIncident(tx, who, before, r, how); err != nil {
			return err
		}
		if before.State.Final() || (before.State == access.Revoking && before.Cause == access.ByLeak) {
			return nil
		}
		d := audit.NewDetail(map[string]string{"cause": string(access.ByLeak), "how": string(how)})
		out, err = ls.notices.MoveGrant(tx, before, access.ReportLeak, who, access.GrantMove{}, d)
		return err
	})
	return out, err
}

// openIncident opens the incident of a token, with what tells of it. Where one
// is open already it does nothing.
func (ls *Leaks) openIncident(tx *store.Tx, who access.Actor, g access.Grant, r access.Request, how access.LeakReport) error {
	last, err := tx.IncidentOfGrant(g.Tenant, g.ID)
	if err == nil && last.Open() {
		return nil
	}
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		return err
	}
	i := access.Incident{ID: store.NewID("inc"), Tenant: g.Tenant, Version: 1, GrantID: g.ID, Owner: g.Owner, ReportedBy: who.Person, How: how, OpenedAt: ls.desk.Now(),
		AfterEnd: g.State.Final()}
	e := ls.desk.Event(g.Tenant, who.ID(), audit.IncidentOpen, i.ID)
	e.To, e.Version, e.Related = store.IncidentOpened, i.Version, g.ID
	d, kind := map[string]string{"how": string(how)}, notify.LeakReported
	if i.AfterEnd {
		d["ended"], kind = "yes", notify.LeakOfEnded // the incident is all there is to tell
	}
	return tx.CreateIncident(i, e, audit.NewDetail(d), ls.notices.LeakNotices(kind, r, &g, i.ID)...)
}

// TellSeen notes where a leaked token was seen, in the reporter's words. It may
// be erased; nothing depends on it. What looks like a token in it is taken out.
func (ls *Leaks) TellSeen(ctx context.Context, caller access.Caller, grantID, seen string) (cases.TokenPage, error) {
	guard := desk.Guard{Do: access.VerbTellSeen, Object: grantID, Refused: access.ReportLeak}
	return desk.Verb(ctx, ls.desk, caller, guard, func(ctx context.Context) (cases.TokenPage, error) {
		return ls.tellSeen(ctx, caller, grantID, seen)
	})
}

func (ls *Leaks) tellSeen(ctx context.Context, caller access.Caller, grantID, seen string) (cases.TokenPage, error) {
	_, who, c, err := ls.cases.CaseToChange(ctx, caller, caller.MayWrite(), grantID)
	i := c.OpenLeak()
	switch {
	case err != nil:
	case i == nil:
		err = &access.TransitionError{From: store.IncidentCleared, Action: access.ReportLeak}
	case !cases.MayReport(c, who):
		err = access.Refuse(access.WhyNotYours)
	}
	if err != nil {
		return cases.TokenPage{}, err
	}
	if seen != "" {
		e := ls.desk.Event(caller.Tenant, who.ID(), audit.IncidentSeen, i.ID)
		e.Related = grantID
		d := audit.NewDetail(map[string]string{"seen": desk.Storable(seen)})
		if err := ls.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, d) }); err != nil {
			return cases.TokenPage{}, err
		}
	}
	return ls.cases.TokenPage(ctx, who, caller.Tenant, grantID)
}
