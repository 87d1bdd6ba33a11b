package tokens

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Reasons for which an attempt ended with nothing, as message keys of pages.
const (
	troubleCap       = "mint.cap" // the end was later than Canvas allows; what was learned is used next time
	troubleRefused   = "mint.refused"
	troubleDenied    = "mint.denied"
	troubleNoListing = "mint.no_listing"
	TroubleDown      = "mint.canvas_down"
	TroubleUnclear   = "mint.unclear"
	troubleOdd       = "mint.odd_answer"
	troubleNothing   = "mint.nothing_made" // checked: nothing was made
)

// errNotHandedOver: the attempt ended, its state is stored, the page tells it.
var errNotHandedOver = errors.New("not handed over")

// LeakPurpose separates the keyed hash of token values from other uses of the
// master key.
const LeakPurpose = "token value"

// mint is one attempt to make g's token. The intent (g, in Minting with a
// lease) is committed. It returns the value, which exists nowhere else, only
// after the grant was stored as handed over.
func (co *Collecting) mint(ctx context.Context, f desk.Canvas, g access.Grant) (secret.Text, error) {
	// Before: whatever an earlier attempt left goes first.
	if err := co.deleteMarked(ctx, f, g, g.Attempt); err != nil {
		switch none := f.NoListing(ctx, err); {
		case none && f.Tenant.School.AcceptNoListing:
		case none:
			return co.ended(ctx, g, g.Attempt == 1, troubleNoListing, err)
		default:
			return co.ended(ctx, g, g.Attempt == 1, TroubleDown, err)
		}
	}
	co.desk.Step("listed before")
	t, err := f.CreateToken(ctx, g.CanvasUser, g.Purpose(), g.Wanted)
	co.desk.Step("canvas answered")
	if t.ID != "" && !canvas.SameID(t.UserID, g.CanvasUser) {
		co.watching.misplaced(ctx, f, g, t)
	}
	if co.desk.TrackAnswer(g.Tenant, err) != nil {
		return co.refused(ctx, f, g, err)
	}
	if err := co.asWanted(g, t); err != nil {
		co.remove(ctx, f, g, t.ID)
		return co.ended(ctx, g, false, troubleOdd, err)
	}
	handed, err := co.handOver(ctx, g, t)
	if err != nil {
		// Another process took the attempt over, or the database is away: this
		// value was never shown, so its token goes. Should that fail too, the
		// recover job finds it by its marker.
		co.remove(ctx, f, g, t.ID)
		if access.WhyOf(err) == access.WhyIncident {
			return co.ended(ctx, g, false, TroubleUnclear, err)
		}
		return secret.Text{}, fmt.Errorf("store the hand-over: %w", err)
	}
	co.desk.Step("hand-over committed")
	// After: no other token may carry our marker.
	if err := co.sweep(ctx, f, handed); err != nil {
		co.desk.Log.WarnContext(ctx, "not listed after minting; the sweep job will", "grant", g.ID, "err", err)
	}
	return t.Value, nil
}

// asWanted checks what Canvas made against what was asked.
func (co *Collecting) asWanted(g access.Grant, t canvas.Token) error {
	now := co.desk.Now()
	switch {
	case t.ID == "" || t.Value.IsZero():
		return errors.New("the answer holds no token")
	case !canvas.SameID(t.UserID, g.CanvasUser):
		return errors.New("the token is another person's")
	case t.State != canvas.StatePending && t.State != canvas.StateActive:
		return fmt.Errorf("the token is %q", t.State)
	case t.ExpiresAt.IsZero():
		return errors.New("the token never ends")
	case t.ExpiresAt.After(g.Wanted.Add(time.Minute)):
		return errors.New("the token ends later than asked")
	case !t.ExpiresAt.After(now):
		return errors.New("the token has ended already")
	}
	if id, n, ok := access.ParseMarker(t.Purpose); !ok || id != g.ID || n != g.Attempt {
		return errors.New("the token does not carry its marker")
	}
	return nil
}

// handOver stores that g's token exists and goes to its owner's page, with the
// jobs that watch it.
func (co *Collecting) handOver(ctx context.Context, g access.Grant, t canvas.Token) (access.Grant, error) {
	var out access.Grant
	err := co.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := desk.GrantAsRead(tx, g)
		if err != nil {
			return err
		}
		r, err := tx.Request(g.Tenant, g.RequestID)
		if err != nil {
			return err
		}
		pol, err := desk.PolicyOf(tx, r)
		if err != nil {
			return err
		}
		m := access.GrantMove{Policy: pol, CanvasID: t.ID, Hint: t.Hint, Expires: t.ExpiresAt,
			Digest: co.digest(t.Value), Changed: t.UpdatedAt}
		step, err := co.notices.StepGrant(before, access.Shown, access.SystemActor, m)
		if err != nil {
			return err
		}
		out = step.After
		// A leak may have been reported while Canvas was asked.
		if err := tx.LockPerson(g.Tenant, g.Owner); err != nil {
			return err
		}
		if err := desk.RefuseOpenLeak(tx, g.Tenant, g.Owner); err != nil {
			return err
		}
		d := audit.NewDetail(map[string]string{"canvas_token": t.ID, "expires": t.ExpiresAt.UTC().Format(time.RFC3339)})
		if err := co.notices.StoreGrant(tx, access.SystemActor, step, d); err != nil {
			return err
		}
		if r.State == access.Collecting {
			return co.requests.Move(tx, access.SystemActor, r, access.HandOver, access.Move{})
		}
		return nil
	})
	return out, err
}

// refused sorts a failed create: a refusal ends the attempt with nothing made,
// an unclear answer leaves it to be checked.
func (co *Collecting) refused(ctx context.Context, f desk.Canvas, g access.Grant, err error) (secret.Text, error) {
	var ce *canvas.Error
	if !errors.As(err, &ce) {
		return co.ended(ctx, g, false, TroubleUnclear, err)
	}
	if days, ok := canvas.CapFrom(err); ok {
		if lerr := co.learnCap(ctx, f, days); lerr != nil {
			co.desk.Log.ErrorContext(ctx, "Canvas's limit could not be stored", "days", days, "err", lerr)
		}
		return co.ended(ctx, g, true, troubleCap+":"+strconv.Itoa(days), err)
	}
	switch ce.Kind {
	case canvas.Denied, canvas.Unauthenticated:
		return co.ended(ctx, g, true, troubleDenied, err)
	case canvas.Invalid, canvas.NotFound:
		return co.ended(ctx, g, true, troubleRefused, err)
	case canvas.Throttled, canvas.Unreachable: // refused for its rate, or never sent
		return co.ended(ctx, g, true, TroubleDown, err)
	}
	return co.ended(ctx, g, false, TroubleUnclear, err)
}

// ended stores that the attempt is over. With nothing (sure) made the request
// is open for collection again, or the replacement for another try; otherwise
// the grant waits to be checked.
func (co *Collecting) ended(ctx context.Context, g access.Grant, sure bool, trouble string, cause error) (secret.Text, error) {
	// The caller's deadline may be what ended it: storing that gets time of its own.
	ctx, cancel := co.desk.WithLimit(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var err error
	if sure && g.Attempt == 1 {
		err = co.giveUp(ctx, g, trouble, 0)
	} else if sure { // only what is being replaced comes to a second attempt
		err = co.Settle(ctx, g, access.StepBack, trouble)
	} else {
		err = co.Settle(ctx, g, access.Doubt, trouble)
	}
	co.desk.Wake()
	return secret.Text{}, errors.Join(errNotHandedOver, cause, err)
}

// Settle moves g by the system from exactly the version given.
func (co *Collecting) Settle(ctx context.Context, g access.Grant, do access.Action, trouble string) error {
	return co.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := desk.GrantAsRead(tx, g)
		if err != nil {
			return err
		}
		d := audit.NewDetail(map[string]string{"trouble": trouble})
		_, err = co.notices.MoveGrant(tx, before, do, access.SystemActor, access.GrantMove{Reason: trouble}, d)
		return err
	})
}

// giveUp voids a grant that was never handed over and opens its request for
// collection again, the window extended by the outage.
func (co *Collecting) giveUp(ctx context.Context, g access.Grant, trouble string, outage time.Duration) error {
	return co.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := desk.GrantAsRead(tx, g)
		if err != nil {
			return err
		}
		d := audit.NewDetail(map[string]string{"trouble": trouble})
		if _, err := co.notices.MoveGrant(tx, before, access.GiveUp, access.SystemActor, access.GrantMove{Reason: trouble}, d); err != nil {
			return err
		}
		r, err := tx.Request(g.Tenant, g.RequestID)
		if err != nil || r.State != access.Collecting {
			return err
		}
		return co.requests.Move(tx, access.SystemActor, r, access.MintFailed, access.Move{Extend: outage})
	})
}

// RecoverAttempt settles an attempt whose outcome is not known: it finds by the
// marker what Canvas may have made, deletes it, proves that nothing is left and
// opens the way for another try. A running attempt (leased) is left alone.
func (co *Collecting) RecoverAttempt(ctx context.Context, f desk.Canvas, g access.Grant) error {
	err := co.desk.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		g, err = tx.Grant(g.Tenant, g.ID)
		return err
	})
	if err != nil {
		return err
	}
	if g.State == access.Minting {
		if g.LeaseUntil.After(co.desk.Now()) {
			return access.ErrConflict
		}
		if err := co.Settle(ctx, g, access.Doubt, TroubleUnclear); err != nil {
			return err
		}
		g.Version, g.State = g.Version+1, access.Recovering
	}
	if g.State != access.Recovering {
		return nil
	}
	if err := co.deleteMarked(ctx, f, g, g.Attempt); err != nil {
		return err
	}
	co.desk.Step("recovered")
	if g.Attempt > 1 { // only what is being replaced, or was thawed, comes to a second attempt
		return co.Settle(ctx, g, access.StepBack, troubleNothing)
	}
	return co.giveUp(ctx, g, troubleNothing, co.desk.Now().Sub(g.CreatedAt))
}

// deleteMarked deletes every token of g's owner that carries g's marker with an
// attempt up to the given one, except the token g is known by, and reads the
// list again to prove it. It returns an error unless none is left.
func (co *Collecting) deleteMarked(ctx context.Context, f desk.Canvas, g access.Grant, upTo int) error {
	for range 3 {
		found, err := co.marked(ctx, f, g, upTo)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		for _, t := range found {
			if _, err := f.DeleteToken(ctx, g.CanvasUser, t.ID); err != nil && !desk.NotFound(err) {
				return co.desk.TrackAnswer(g.Tenant, err)
			}
			e := co.desk.Event(g.Tenant, access.SystemID, audit.GrantStray, g.ID)
			e.Related = g.RequestID
			d := audit.NewDetail(map[string]string{"canvas_token": t.ID})
			if err := co.desk.Store.InTx(ctx, func(tx *store.Tx) error { return tx.Audit(e, d) }); err != nil {
				return err
			}
		}
	}
	return errors.New("a token with this grant's marker is still listed by Canvas")
}

// marked lists the owner's tokens that carry g's marker with an attempt up to
// upTo and are not the one g is known by.
func (co *Collecting) marked(ctx context.Context, f desk.Canvas, g access.Grant, upTo int) ([]canvas.Token, error) {
	list, err := f.ListTokens(ctx, g.CanvasUser)
	if co.desk.TrackAnswer(g.Tenant, err) != nil {
		return nil, err
	}
	var out []canvas.Token
	for _, t := range list {
		id, n, ok := access.ParseMarker(t.Purpose)
		if ok && id == g.ID && n <= upTo && t.State != canvas.StateDeleted && (g.CanvasID == "" || t.ID != g.CanvasID) {
			out = append(out, t)
		}
	}
	return out, nil
}

// sweep deletes strays of a grant: tokens with its marker that are not its
// token, of attempts that are over.
func (co *Collecting) sweep(ctx context.Context, f desk.Canvas, g access.Grant) error {
	upTo := g.Attempt
	if g.State == access.Minting {
		upTo-- // the running attempt's token is not a stray
	}
	if g.State.Final() {
		g.CanvasID = ""
	}
	return co.deleteMarked(ctx, f, g, upTo)
}

// remove deletes a token that was never shown, as well as it can now.
func (co *Collecting) remove(ctx context.Context, f desk.Canvas, g access.Grant, tokenID string) {
	ctx, cancel := co.desk.WithLimit(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	if tokenID == "" {
		return
	}
	if _, err := f.DeleteToken(ctx, g.CanvasUser, tokenID); err != nil && !desk.NotFound(err) {
		co.desk.Log.ErrorContext(ctx, "a token that was not shown could not be deleted; the recover job will", "grant", g.ID, "err", err)
	}
}

// clear proves that a grant being replaced has no token in Canvas any more.
func (co *Collecting) clear(ctx context.Context, f desk.Canvas, g access.Grant) error {
	if g.CanvasID != "" {
		if _, err := f.DeleteToken(ctx, g.CanvasUser, g.CanvasID); co.desk.TrackAnswer(g.Tenant, err) != nil && !desk.NotFound(err) {
			return err
		}
		if _, err := co.desk.ProveGone(ctx, f, g.CanvasUser, g.CanvasID); err != nil {
			return err
		}
	}
	old := g
	old.CanvasID = ""
	return co.deleteMarked(ctx, f, old, old.Attempt)
}
