package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file holds every live grant of a tenant against Canvas once a night: by
// the account report that the inventory reads, or, where there is none, owner
// by owner. Either only says whom to ask. What is done about a difference is
// decided by the owner's token list and by the token itself; that a report lacks
// a token ends nothing.

// jobReconcile asks Canvas for all tokens of one owner and compares ours.
const jobReconcile = "owner.look"

const (
	lookBatch = 500
	// reconcileRetry and reconcileLife are for a Canvas that does not answer: after a day
	// the next night's look takes over.
	reconcileRetry = 5 * time.Minute
	reconcileLife  = 24 * time.Hour
)

// Reconciliation is one reading of the report, held against the grants that were
// live when it began. Its memory grows with those, not with the report.
type Reconciliation struct {
	tenant access.TenantID
	grants map[string][]access.Grant // not seen as they are stored, by owner's Canvas id
	Seen   int                       // grants that a row agrees with
}

// NewReconciliation reads the live grants of a tenant. It belongs before the
// report is started: a token made after that is in neither.
func (wa *Watching) NewReconciliation(ctx context.Context, tenant access.TenantID) (*Reconciliation, error) {
	rec := &Reconciliation{tenant: tenant, grants: map[string][]access.Grant{}}
	err := wa.eachWatched(ctx, tenant, func(g access.Grant) {
		rec.grants[g.CanvasUser] = append(rec.grants[g.CanvasUser], g)
	})
	return rec, err
}

// eachWatched hands over every grant whose token exists in Canvas.
func (wa *Watching) eachWatched(ctx context.Context, tenant access.TenantID, each func(access.Grant)) error {
	q := store.GrantQuery{Tenant: tenant, States: watchedStates, Limit: store.MaxLimit}
	for {
		var gs []access.Grant
		err := wa.desk.Store.Read(ctx, func(tx *store.Tx) error {
			var err error
			gs, err = tx.Grants(q)
			return err
		})
		if err != nil {
			return err
		}
		for _, g := range gs {
			if watched(g) {
				each(g)
			}
		}
		if len(gs) < store.MaxLimit {
			return nil
		}
		q.After = q.Next(gs[len(gs)-1])
	}
}

// Each takes one row of the report, as ReadTokenReport hands them over. Rows of
// applications' tokens are passed over.
func (rec *Reconciliation) Each(row canvas.ReportRow) error {
	if !row.Manual {
		return nil
	}
	of := rec.grants[row.UserID]
	for i, g := range of {
		if !agrees(g, row) {
			continue
		}
		// One row speaks for one token.
		rec.Seen++
		if of = append(of[:i], of[i+1:]...); len(of) > 0 {
			rec.grants[row.UserID] = of
		} else {
			delete(rec.grants, row.UserID)
		}
		break
	}
	return nil
}

// agrees reports whether a row can be of g's token just as it is stored. Files
// without a status are of old servers, whose end is another one than the
// token's own: their end says nothing.
func agrees(g access.Grant, row canvas.ReportRow) bool {
	if !row.SameHint(g.Hint) {
		return false
	}
	if row.Status == "" {
		return true
	}
	state := canvas.StateActive
	if g.State == access.HandedOver || g.State == access.Frozen {
		state = canvas.StatePending
	}
	return row.Status == state && !row.ExpiresAt.IsZero() && row.ExpiresAt.Sub(g.CanvasEnd()).Abs() <= endSlack
}

// FinishReconciliation queues a look at every owner of whom the report did not
// show all grants as they are stored, and returns how many those are. It
// belongs behind the whole report: nothing follows from a part of it. occasion
// names the reading; done again for the same one, it queues nothing twice.
func (wa *Watching) FinishReconciliation(ctx context.Context, rec *Reconciliation, occasion string) (int, error) {
	owners := make([]string, 0, len(rec.grants))
	for user := range rec.grants {
		owners = append(owners, user)
	}
	return len(owners), wa.queueLooks(ctx, rec.tenant, occasion, owners)
}

// ReconcileAll queues a look at every owner of a live grant: the night's check
// where Canvas gives no report.
func (wa *Watching) ReconcileAll(ctx context.Context, tenant access.TenantID, occasion string) (int, error) {
	seen := map[string]bool{}
	var owners []string
	err := wa.eachWatched(ctx, tenant, func(g access.Grant) {
		if !seen[g.CanvasUser] {
			seen[g.CanvasUser] = true
			owners = append(owners, g.CanvasUser)
		}
	})
	if err != nil {
		return 0, err
	}
	return len(owners), wa.queueLooks(ctx, tenant, occasion, owners)
}

type reconcileRef struct {
	User string `json:"user"` // the owner's Canvas id
}

func (wa *Watching) queueLooks(ctx context.Context, tenant access.TenantID, occasion string, owners []string) error {
	now := wa.desk.Now()
	for len(owners) > 0 {
		some := owners[:min(lookBatch, len(owners))]
		owners = owners[len(some):]
		err := wa.desk.Store.InTx(ctx, func(tx *store.Tx) error {
			for _, user := range some {
				data, _ := json.Marshal(reconcileRef{user}) // always marshals
				if err := tx.InsertJob(desk.NewJob(tenant, jobReconcile, fmt.Sprintf("%s:%s:%s", jobReconcile, occasion, user), data, now)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	wa.desk.Wake()
	return nil
}

// reconcileHandler compares all live tokens of one owner with Canvas, by one list. It
// also deletes what carries the marker of a grant of this owner and is not its
// token. Where this Canvas lists nothing, the tokens are asked for one by one.
func (wa *Watching) reconcileHandler(ctx context.Context, j jobs.Job) error {
	ref, err := jobs.Decode[reconcileRef](j.Data)
	if err != nil {
		return err
	}
	f, err := wa.desk.CanvasOf(ctx, access.TenantID(j.Tenant), "")
	if err != nil {
		return err
	}
	if wa.desk.Resting(f.Tenant.ID) {
		return jobs.Later(desk.RestFor)
	}
	if err := wa.reconcileOwner(canvas.Paced(ctx), f, ref.User); err != nil {
		wa.desk.Log.WarnContext(ctx, "an owner's tokens could not all be looked up", "err", err)
		if canvas.KindOf(err) != canvas.Denied && wa.desk.Now().Sub(j.CreatedAt) < reconcileLife {
			return jobs.Later(reconcileRetry)
		}
	}
	return nil
}

func (wa *Watching) reconcileOwner(ctx context.Context, f desk.Canvas, user string) error {
	var gs []access.Grant
	err := wa.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		gs, err = tx.Grants(store.GrantQuery{Tenant: f.Tenant.ID, CanvasUser: user, States: watchedStates, Limit: store.MaxLimit})
		return err
	})
	if err != nil || len(gs) == 0 {
		return err
	}
	list, err := f.ListTokens(ctx, user)
	kind := canvas.KindOf(wa.desk.TrackAnswer(f.Tenant.ID, err))
	if err != nil && kind != canvas.NotFound && kind != canvas.Denied {
		return err
	}
	byID := make(map[string]canvas.Token, len(list))
	for _, t := range list {
		byID[t.ID] = t
	}
	var all error
	for _, g := range gs {
		if !watched(g) {
			continue
		}
		if t, listed := byID[g.CanvasID]; listed && t.State != canvas.StateDeleted {
			err = wa.compare(ctx, f, g, t, list)
		} else {
			// Not listed, or under another form of its id: it is asked for
			// itself, and ended only with proof.
			err = wa.CheckToken(ctx, f, g)
		}
		all = errors.Join(all, err)
	}
	return errors.Join(all, wa.sweepListed(ctx, f, user, list))
}

// sweepListed deletes strays among an owner's tokens: those that carry the
// marker of a grant of this owner and are not its token. A marker that this
// database does not know is no business of this file (docs/decisions.md 16).
func (wa *Watching) sweepListed(ctx context.Context, f desk.Canvas, user string, list []canvas.Token) error {
	var all error
	swept := map[string]bool{}
	for _, t := range list {
		id, _, ok := access.ParseMarker(t.Purpose)
		if !ok || swept[id] || t.State == canvas.StateDeleted {
			continue
		}
		var g access.Grant
		err := wa.desk.Store.Read(ctx, func(tx *store.Tx) error {
			var err error
			g, err = tx.Grant(f.Tenant.ID, id)
			return err
		})
		switch {
		case errors.Is(err, access.ErrNotFound):
		case err != nil:
			return err
		case g.CanvasUser == user && (g.State.Final() || !canvas.SameID(g.CanvasID, t.ID)):
			swept[id] = true
			all = errors.Join(all, wa.collecting.sweep(ctx, f, g))
		}
	}
	return all
}
