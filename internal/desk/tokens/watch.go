package tokens

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// jobGrant reads the grant a job is about, and its Canvas.
func (rm *room) jobGrant(ctx context.Context, j jobs.Job) (access.Grant, desk.Canvas, error) {
	_, g, err := desk.JobAbout(ctx, rm.desk, j, func(tx *store.Tx, ref desk.GrantRef) (access.Grant, error) {
		return tx.Grant(access.TenantID(j.Tenant), ref.Grant)
	})
	if err != nil {
		return g, desk.Canvas{}, err
	}
	f, err := rm.desk.CanvasOf(ctx, g.Tenant, "")
	return g, f, err
}

func (wa *Watching) recoverHandler(ctx context.Context, j jobs.Job) error {
	g, f, err := wa.jobGrant(ctx, j)
	if err != nil {
		return err
	}
	if g.State != access.Minting && g.State != access.Recovering {
		return nil
	}
	if wait := g.LeaseUntil.Sub(wa.desk.Now()); g.State == access.Minting && wait > 0 {
		return jobs.Later(wait + time.Second)
	}
	if err := wa.collecting.RecoverAttempt(ctx, f, g); err != nil {
		wa.desk.Log.WarnContext(ctx, "an attempt is not settled yet", "grant", g.ID, "err", err)
		return jobs.Later(time.Minute)
	}
	return nil
}

func (wa *Watching) clearHandler(ctx context.Context, j jobs.Job) error {
	g, f, err := wa.jobGrant(ctx, j)
	if err != nil || g.State != access.Replacing {
		return err
	}
	if err := wa.collecting.clear(ctx, f, g); err != nil {
		wa.desk.Log.WarnContext(ctx, "a lost token is not gone yet", "grant", g.ID, "err", err)
		return jobs.Later(time.Minute)
	}
	return nil
}

func (wa *Watching) sweepHandler(ctx context.Context, j jobs.Job) error {
	ctx = canvas.Paced(ctx)
	g, f, err := wa.jobGrant(ctx, j)
	if err != nil {
		return err
	}
	if wa.desk.Resting(g.Tenant) {
		return jobs.Later(desk.RestFor)
	}
	if err := wa.collecting.sweep(ctx, f, g); err != nil {
		wa.desk.Log.WarnContext(ctx, "strays could not be looked for", "grant", g.ID, "err", err)
		return jobs.Later(2 * time.Minute)
	}
	return nil
}

// How often Canvas is asked about a live token: every minute while its owner sets
// it up (desk.WatchSoon), every hour then.
const (
	watchClosely = 15 * time.Minute // since it was shown
	watchLater   = time.Hour
	watchAgain   = 10 * time.Minute // when Canvas did not answer
)

// watchHandler asks Canvas about a live token, until it is none any more or a
// successor has a watch of its own.
func (wa *Watching) watchHandler(ctx context.Context, j jobs.Job) error {
	g, f, err := wa.jobGrant(ctx, j)
	if err != nil {
		return err
	}
	ref, err := jobs.Decode[desk.GrantRef](j.Data)
	if err != nil {
		return err
	}
	if ref.Attempt != g.Attempt || !watched(g) {
		return nil
	}
	if busy, err := wa.desk.InMass(ctx, g); err != nil || busy {
		if err != nil {
			return err
		}
		return jobs.Later(watchAgain)
	}
	next, again := watchLater, watchAgain
	if !g.ShownAt.IsZero() && wa.desk.Now().Sub(g.ShownAt) < watchClosely {
		next, again = desk.WatchSoon, desk.WatchSoon
	} else {
		ctx = canvas.Paced(ctx)
		if wa.desk.Resting(g.Tenant) {
			return jobs.Later(desk.RestFor)
		}
	}
	if err := wa.CheckToken(ctx, f, g); err != nil {
		wa.desk.Log.WarnContext(ctx, "a token could not be looked up", "grant", g.ID, "err", err)
		next = again
	}
	return jobs.Later(next)
}

// endBatch is how many tokens are read at a time whose end is over. PostgreSQL does
// not know that hardly any is, and would not go by the time if many were wanted.
const endBatch = 50

// tickGrants begins the end of grants whose time is over, that were never
// activated, whose successor was never made or has taken over, or for whom
// nobody stood in time. It waits for no answer of Canvas: the job behind each
// end goes on until it is proven.
func (wa *Watching) tickGrants(ctx context.Context, t store.Tenant) error {
	now := wa.desk.Now()
	q := func(q store.GrantQuery, states ...access.GrantState) store.GrantQuery {
		q.Tenant, q.States, q.Order, q.Limit = t.ID, states, store.Due, cmp.Or(q.Limit, desk.TickBatch)
		return q
	}
	for _, due := range []struct {
		q     store.GrantQuery
		cause access.Cause
	}{
		{q(store.GrantQuery{RetireBefore: now}, desk.UsableStates...), access.BySuperseded},
		{q(store.GrantQuery{CanvasEndBefore: now, Limit: endBatch}, desk.UsableStates...), access.ByEnd},
		{q(store.GrantQuery{ActivateBefore: now}, access.HandedOver), access.ByUnclaimed},
		{q(store.GrantQuery{ActivateBefore: now}, access.Replacing), access.ByNoReplaced},
		{q(store.GrantQuery{GapBefore: now}, desk.UsableStates...), access.ByNoSponsor},
	} {
		// All of them: thousands can end with one term, in one minute.
		for {
			more, err := wa.endDue(ctx, due.q, due.cause)
			if err != nil {
				return err
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// endDue begins the end of the first grants of q, and reports whether there may be
// more: it moved some, and has not seen the last.
func (wa *Watching) endDue(ctx context.Context, q store.GrantQuery, cause access.Cause) (more bool, err error) {
	var gs []access.Grant
	err = wa.desk.Store.Read(ctx, func(tx *store.Tx) error {
		gs, err = tx.Grants(q)
		return err
	})
	if err != nil {
		return false, err
	}
	n := 0
	for _, g := range gs {
		if cause == access.ByUnclaimed && wa.mayBeActive(g) {
			continue
		}
		switch _, err := wa.ending.beginEndFrom(ctx, g, access.GrantMove{Cause: cause}, nil); {
		case err == nil:
			n++
		case !errors.Is(err, access.ErrConflict):
			return false, err
		}
	}
	return n > 0 && len(gs) == q.Limit, nil
}

// mayBeActive reports whether a token that was not activated in time may have
// been after all: Canvas has not been asked since. Within an hour the watch
// does, or Canvas is not answering and the time is over all the same.
func (wa *Watching) mayBeActive(g access.Grant) bool {
	return g.CheckedAt.Before(g.ActivateBy) && wa.desk.Now().Sub(g.ActivateBy) < watchLater+5*time.Minute
}
