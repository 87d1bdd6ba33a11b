package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// This file takes in what an inventory finds, by the list of each owner, and
// notices what is not there any more.

// unended are the states of a found token whose life here is not over;
// vanishing those from which it can be found gone.
var (
	unended   = slices.DeleteFunc(slices.Clone(access.FoundStates), access.FoundState.Final)
	vanishing = []access.FoundState{access.FoundNew, access.FoundTold, access.FoundAllowing, access.FoundAllowed}
)

const (
	// vanishBatch is how many tokens that were not seen one run looks after.
	vanishBatch = 50
	// unprovenRest is how long a token that is neither seen nor proven gone rests.
	unprovenRest = 20 * time.Hour
)

// whole reports whether a hint is all that Canvas shows of a value. Behind a
// shard's prefix less than five characters are left, and the report cuts it.
func whole(hint string) bool { return len(hint) == 5 && !strings.Contains(hint, "~") }

// ownersHandler asks some owners for their tokens, once their report was read
// to its end. If it was not, nothing happens.
func (iv *Inventory) ownersHandler(ctx context.Context, j jobs.Job) error {
	i, ref, f, err := iv.jobInventory(ctx, j)
	if access.WhyOf(err) == access.WhyTenantSuspended || (err == nil && i.State != store.InventoryRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	if i.ReadAt.IsZero() {
		return jobs.Later(2 * time.Second)
	}
	ctx = canvas.Paced(ctx)
	roles, err := iv.authority.AccountRoles(ctx, f)
	var own map[string]bool
	if err == nil {
		own, err = iv.credentials(ctx, f)
	}
	for _, o := range ref.Owners {
		if err != nil {
			break
		}
		err = iv.takeIn(ctx, f, i, o, roles[o.User], own)
	}
	switch {
	case errors.Is(err, errNoList):
		return iv.failInventory(ctx, i, failedList, err)
	case err != nil:
		iv.desk.Log.WarnContext(ctx, "owners could not be asked for their tokens", "inventory", i.ID, "err", err)
		return jobs.Later(time.Minute)
	}
	return nil
}

// credentials are the ids of the tokens that can be the tool's own credential.
func (iv *Inventory) credentials(ctx context.Context, f desk.Canvas) (map[string]bool, error) {
	return desk.Remember(iv.desk, f.Platform.ID+" credential", func() (map[string]bool, error) {
		own, err := f.OwnTokens(ctx)
		if canvas.KindOf(err) == canvas.NotFound || canvas.KindOf(err) == canvas.Denied {
			return nil, errNoList
		}
		out := map[string]bool{}
		for _, t := range own {
			out[t.ID] = true
		}
		return out, iv.desk.TrackAnswer(f.Tenant.ID, err)
	})
}

// errNoList: this Canvas, or this credential, does not list the tokens of others.
var errNoList = errors.New("the list of this owner's tokens is not to be had")

// takeIn reads one owner's tokens and stores those that the tool does not know.
func (iv *Inventory) takeIn(ctx context.Context, f desk.Canvas, i store.Inventory, o owner, role bool, own map[string]bool) error {
	list, err := f.ListTokens(ctx, o.User)
	switch canvas.KindOf(iv.desk.TrackAnswer(i.Tenant, err)) {
	case canvas.NotFound:
		// A deleted person, whose tokens Canvas refuses; or no such list at all.
		st, serr := f.UserStanding(ctx, o.User)
		switch {
		case serr != nil:
			return serr
		case st.Found:
			return errNoList
		}
		return nil
	case canvas.Denied:
		return errNoList
	}
	if err != nil {
		return err
	}
	// The tool's own credential is no unmanaged token, and nobody shall delete it
	// from here.
	list = slices.DeleteFunc(list, func(t canvas.Token) bool { return own[t.ID] })
	now := iv.desk.Now()
	err = iv.desk.Store.InTx(ctx, func(tx *store.Tx) error { return iv.takeInList(tx, i, o, role, list, now) })
	if errors.Is(err, access.ErrConflict) {
		// Somebody moved one of them at this moment; what is there now is as good.
		err = iv.desk.Store.InTx(ctx, func(tx *store.Tx) error { return iv.takeInList(tx, i, o, role, list, now) })
	}
	return err
}

func (iv *Inventory) takeInList(tx *store.Tx, i store.Inventory, o owner, role bool, list []canvas.Token, now time.Time) error {
	grants, err := tx.Grants(store.GrantQuery{Tenant: i.Tenant, CanvasUser: o.User, Limit: store.MaxLimit})
	if err != nil {
		return err
	}
	known, err := tx.FoundTokens(store.FoundQuery{Tenant: i.Tenant, CanvasUsers: []string{o.User}, States: unended, Limit: store.MaxLimit})
	if err != nil {
		return err
	}
	var person access.PersonID
	switch p, err := tx.PersonByCanvas(i.Tenant, o.User); {
	case err == nil:
		person = p.ID
	case !errors.Is(err, access.ErrNotFound):
		return err
	}
	for _, t := range list {
		if !canvas.SameID(t.UserID, o.User) || t.State == canvas.StateDeleted || (!t.ExpiresAt.IsZero() && !t.ExpiresAt.After(now)) {
			continue
		}
		g, ours, stray := belongs(t, grants)
		if ours {
			continue
		}
		if stray {
			if err := tx.InsertJob(desk.NewJob(i.Tenant, desk.JobSweep, desk.Occasion(desk.JobSweep, g)+":"+i.ID, desk.JobData(g), now)); err != nil {
				return err
			}
			continue
		}
		at := slices.IndexFunc(known, func(f access.Found) bool { return canvas.SameID(f.CanvasID, t.ID) })
		f := access.Found{ID: store.NewID("fnd"), Tenant: i.Tenant, Version: 1, State: access.FoundNew, CanvasUser: o.User, CanvasID: t.ID,
			FoundAt: now, UpdatedAt: now}
		if at >= 0 {
			f = known[at]
		}
		if f.Owner == "" {
			f.Owner = person
		}
		f.OwnerName, f.AccountRole = o.Name, role
		f.SeenAt, f.Trouble, f.NextTry = now, keepWhile(f, f.Trouble), keepWhile(f, f.NextTry)
		f = observed(f, t)
		if at >= 0 {
			err = tx.RecordFound(f)
		} else {
			e := iv.desk.Event(i.Tenant, access.SystemID, audit.FoundDiscover, f.ID)
			e.To, e.Version, e.Related = string(f.State), f.Version, i.ID
			err = tx.CreateFound(f, e, audit.NewDetail(map[string]string{"canvas_token": t.ID, "canvas_user": o.User, "name": f.OwnerName, "purpose": f.Purpose}))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keepWhile keeps what stands in the way of a deletion; what was noted of a
// token that had not been seen is over once it is.
func keepWhile[T any](f access.Found, v T) T {
	var none T
	if f.State == access.FoundRemoving {
		return v
	}
	return none
}

// observed is f with what Canvas says of it now.
func observed(f access.Found, t canvas.Token) access.Found {
	f.Hint, f.Purpose, f.Marker = t.Hint, t.Purpose, ""
	if id, _, ok := access.ParseMarker(t.Purpose); ok {
		f.Marker = id
	}
	f.MadeAt, f.Expires, f.LastUsedAt = t.CreatedAt, t.ExpiresAt, t.LastUsedAt
	return f
}

// belongs tells a token of ours from a stray of ours and from neither. Ours is
// what a live grant is known by. A stray carries the marker of a grant of the
// same owner, with an attempt that this database has seen: the sweep deletes
// it. Any other marker is one that this database does not know (docs/decisions.md 16).
func belongs(t canvas.Token, grants []access.Grant) (g access.Grant, ours, stray bool) {
	for _, g := range grants {
		if g.State.Live() && g.CanvasID != "" && canvas.SameID(g.CanvasID, t.ID) {
			return g, true, false
		}
	}
	id, n, marked := access.ParseMarker(t.Purpose)
	if !marked {
		return access.Grant{}, false, false
	}
	for _, g := range grants {
		if g.ID == id && n <= g.Attempt {
			return g, false, true
		}
	}
	return access.Grant{}, false, false
}

// checkMissing asks Canvas about a found token that a complete inventory has not
// seen. Only what Canvas proves gone, or whose time is over, is closed.
func (iv *Inventory) checkMissing(ctx context.Context, f desk.Canvas, t access.Found) error {
	now := iv.desk.Now()
	shown, err := f.ShowToken(ctx, t.CanvasUser, t.CanvasID)
	proof := ""
	switch {
	case err == nil && shown.State != canvas.StateDeleted && (shown.ExpiresAt.IsZero() || shown.ExpiresAt.After(now)):
		return iv.recordFound(ctx, t, func(t *access.Found) { *t = observed(*t, shown); t.SeenAt = now })
	case err == nil && shown.State != canvas.StateDeleted:
		proof = "its end has passed in Canvas"
	default:
		ev, err := f.Gone(ctx, f.Root(), t.CanvasUser, t.CanvasID)
		if canvas.KindOf(iv.desk.TrackAnswer(t.Tenant, err)) != "" && canvas.KindOf(err) != canvas.Denied {
			return err
		}
		if !ev.Gone {
			iv.desk.Log.InfoContext(ctx, "a token was not seen, and is not proven gone", "found", t.ID, "reason", ev.Reason)
			return iv.recordFound(ctx, t, func(t *access.Found) { t.Trouble, t.NextTry = stoppedProof, now.Add(unprovenRest) })
		}
		proof = ev.Reason
	}
	err = iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		cur, err := desk.FoundAsRead(tx, t)
		if err != nil {
			return err
		}
		if cur, err = iv.movedFound(tx, access.SystemActor, cur, access.Vanish, access.FoundMove{}, map[string]string{"proof": proof}); err != nil {
			return err
		}
		return iv.endWish(tx, cur)
	})
	if errors.Is(err, access.ErrConflict) {
		return nil
	}
	return err
}

// stoppedProof: not seen, and not proven gone.
const stoppedProof = "found.unproven"

// recordFound writes an observation, unless somebody has moved the token since.
func (iv *Inventory) recordFound(ctx context.Context, t access.Found, change func(*access.Found)) error {
	err := iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		cur, err := desk.FoundAsRead(tx, t)
		if err != nil {
			return err
		}
		change(&cur)
		return tx.RecordFound(cur)
	})
	if errors.Is(err, access.ErrConflict) {
		return nil
	}
	return err
}

// movedFound moves a found token and stores it with its audit row and jobs.
func (iv *Inventory) movedFound(tx *store.Tx, who access.Actor, f access.Found, do access.Action, m access.FoundMove, d map[string]string, todo ...jobs.Insert) (access.Found, error) {
	after, err := access.ApplyFound(f, do, who, m, iv.desk.Now())
	if err != nil {
		return access.Found{}, err
	}
	if d == nil {
		d = map[string]string{}
	}
	if m.Reason != "" {
		d["quote"] = m.Reason
	}
	if do == access.Remove {
		if err := tx.KeepQuote(after.Tenant, after.ID, store.QuoteRemoval, m.Reason); err != nil {
			return access.Found{}, err
		}
	}
	e := iv.desk.Event(after.Tenant, who.ID(), audit.Action("found."+string(do)), after.ID)
	e.From, e.To, e.Version = string(f.State), string(after.State), after.Version
	e.Related = cmp.Or(m.RequestID, m.GrantID, m.Campaign)
	return after, tx.MoveFound(after, e, audit.NewDetail(d), todo...)
}

// endWish ends an open request to keep a token that is no longer there.
func (iv *Inventory) endWish(tx *store.Tx, f access.Found) error {
	if f.RequestID == "" {
		return nil
	}
	r, err := tx.Request(f.Tenant, f.RequestID)
	switch {
	case err != nil:
		return err
	case r.State.Final():
		return nil
	case r.State == access.Draft:
		r.Answers = nil
		return iv.requests.Move(tx, access.SystemActor, r, access.Discard, access.Move{})
	}
	return iv.requests.Move(tx, access.SystemActor, r, access.Lapse, access.Move{})
}

// tickFound does what time brings to found tokens: an allow-list entry's review
// date, and the deadline of a campaign.
func (iv *Inventory) tickFound(ctx context.Context, t store.Tenant) error {
	now := iv.desk.Now()
	var over []access.Found
	var late []store.Campaign
	err := iv.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if over, err = tx.FoundTokens(store.FoundQuery{Tenant: t.ID, States: []access.FoundState{access.FoundAllowed}, ReviewBefore: now, Limit: desk.TickBatch}); err != nil {
			return err
		}
		late, err = iv.overdue(tx, t.ID)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range over {
		err := iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
			cur, err := desk.FoundAsRead(tx, f)
			if err != nil {
				return err
			}
			_, err = iv.movedFound(tx, access.SystemActor, cur, access.Reopen, access.FoundMove{}, nil,
				iv.foundNotice(cur.Tenant, FoundRef{Kind: notify.AllowOver, Found: []string{cur.ID}, Occasion: fmt.Sprintf("%s/v%d", cur.ID, cur.Version)}))
			return err
		})
		if err != nil && !errors.Is(err, access.ErrConflict) {
			return err
		}
	}
	for _, c := range late {
		j := iv.foundNotice(t.ID, FoundRef{Kind: notify.FoundOverdue, Campaign: c.ID, Occasion: c.ID + "/due"})
		if err := iv.desk.Store.InsertJob(ctx, j); err != nil {
			return err
		}
	}
	return nil
}
