package tokens

import (
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
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// watchedStates are those in which a token of ours exists in Canvas and has to
// be there as it was approved.
var watchedStates = []access.GrantState{access.HandedOver, access.Active, access.Freezing, access.Frozen}

// endSlack is how far Canvas's end may be from ours without meaning anything.
const endSlack = time.Minute

func watched(g access.Grant) bool { return g.CanvasID != "" && slices.Contains(watchedStates, g.State) }

// jobSetBack sets back an end that was moved in Canvas.
const jobSetBack = "grant.setback"

// What of a token was changed in Canvas, as the audit record names it.
const (
	alteredValue   = "value"
	alteredPurpose = "purpose"
	alteredFrozen  = "frozen" // anything of a token that is stopped
)

// CheckToken asks Canvas about a live token and does what follows from the answer:
// see compare. A token that Canvas does not show is ended as deleted in Canvas,
// but only with proof (docs/decisions.md 13).
func (wa *Watching) CheckToken(ctx context.Context, f desk.Canvas, g access.Grant) error {
	t, err := wa.show(ctx, f, g)
	if desk.NotFound(err) || (err == nil && t.State == canvas.StateDeleted) {
		return wa.vanished(ctx, f, g)
	}
	if wa.desk.TrackAnswer(g.Tenant, err) != nil {
		return err
	}
	return wa.compare(ctx, f, g, t, nil)
}

// show reads a live token. A Canvas of 2024 lets nobody read the tokens of
// others, but answers a change with the token: there the approved end is sent
// once more, which sets a later one back without its being seen. In every other
// Canvas a token that may not be read is not touched.
func (wa *Watching) show(ctx context.Context, f desk.Canvas, g access.Grant) (canvas.Token, error) {
	t, err := f.ShowToken(ctx, g.CanvasUser, g.CanvasID)
	if canvas.KindOf(err) != canvas.Denied || !g.CanvasEnd().After(wa.desk.Now()) {
		return t, err
	}
	if found, eraErr := f.Era(ctx); eraErr != nil || found.Lists {
		return t, err
	}
	t, err = f.UpdateToken(ctx, g.CanvasUser, g.CanvasID, canvas.TokenUpdate{ExpiresAt: g.CanvasEnd()})
	t.UpdatedAt = time.Time{} // this very change; it tells nothing of others
	return t, err
}

// vanished ends a token that is proven gone, as somebody else's deed.
func (wa *Watching) vanished(ctx context.Context, f desk.Canvas, g access.Grant) error {
	if _, err := wa.desk.ProveGone(ctx, f, g.CanvasUser, g.CanvasID); err != nil {
		return err
	}
	ended, err := wa.ending.beginEndFrom(ctx, g, access.GrantMove{Cause: access.ByCanvas}, nil)
	if err != nil {
		return quiet(err) // we may have deleted it ourselves meanwhile
	}
	return wa.ending.FinishEnd(ctx, f, ended)
}

// compare holds what Canvas shows of a live token against what is stored, and
// acts on each difference (docs/drift.md):
//
//   - another value or purpose, or any change of a frozen token: it is deleted;
//   - a later end: it is set back, by a job of its own;
//   - an earlier end: it is taken over;
//   - activated, used: noted.
//
// listed are the owner's tokens, where the caller has read them; nil reads them
// when they are needed. Whatever changed here since g was read, wins: then
// nothing is done, and the next look sees both.
func (wa *Watching) compare(ctx context.Context, f desk.Canvas, g access.Grant, t canvas.Token, listed []canvas.Token) error {
	if !canvas.SameID(t.UserID, g.CanvasUser) {
		// No proof of anything: neither that it is gone nor whose it is.
		return errors.New("the token is shown with another owner")
	}
	what, err := wa.altered(ctx, f, g, t, listed)
	if err != nil {
		return err
	}
	if what != "" {
		return wa.endAltered(ctx, f, g, what)
	}
	if g, err = wa.recordAnswer(ctx, g, t); err != nil {
		return quiet(err)
	}
	switch end := g.CanvasEnd(); {
	case endsLater(g, t):
		if !end.After(wa.desk.Now()) {
			return nil // it is over; the tick deletes it, whatever Canvas says
		}
		return wa.beginSetBack(ctx, g, t)
	case t.ExpiresAt.Before(end.Add(-endSlack)):
		return quiet(wa.drifted(ctx, g, access.GrantMove{Drift: access.DriftShortened, Expires: t.ExpiresAt, Changed: t.UpdatedAt}, end))
	case unexplained(g, t):
		return quiet(wa.drifted(ctx, g, access.GrantMove{Drift: access.DriftMaybe, Changed: t.UpdatedAt}, end))
	}
	return nil
}

// quiet takes a lost race for what it is: somebody stored something newer.
func quiet(err error) error {
	if errors.Is(err, access.ErrConflict) {
		return nil
	}
	return err
}

func endsLater(g access.Grant, t canvas.Token) bool {
	return t.ExpiresAt.IsZero() || t.ExpiresAt.After(g.CanvasEnd().Add(endSlack))
}

// altered names what makes a token another one than was approved, or "".
//
// A changed hint says that the value was changed, unless it says nothing: where
// it holds a "~", or another token of the owner has it too (docs/decisions.md 15). An
// active token that is pending again was regenerated by somebody else than its
// owner (tokens_controller.rb).
func (wa *Watching) altered(ctx context.Context, f desk.Canvas, g access.Grant, t canvas.Token, listed []canvas.Token) (string, error) {
	if id, n, ok := access.ParseMarker(t.Purpose); !ok || id != g.ID || n != g.Attempt {
		// An adopted token has its owner's purpose until the marker is written.
		if g.FoundID == "" || !g.MarkedAt.IsZero() || ok {
			return alteredPurpose, nil
		}
	}
	switch {
	case g.State == access.Freezing:
		return "", nil // its value is being changed by us
	case g.State == access.Frozen && (t.State != canvas.StatePending || endsLater(g, t) || t.ExpiresAt.Before(g.CanvasEnd().Add(-endSlack))):
		return alteredFrozen, nil
	case g.State == access.Active && t.State == canvas.StatePending:
		return alteredValue, nil
	}
	if t.Hint == "" || g.Hint == "" || t.Hint == g.Hint || strings.Contains(t.Hint+g.Hint, "~") {
		return "", nil
	}
	if listed == nil {
		var err error
		if listed, err = f.ListTokens(ctx, g.CanvasUser); wa.desk.TrackAnswer(g.Tenant, err) != nil {
			return "", err
		}
	}
	for _, other := range listed {
		if !canvas.SameID(other.ID, g.CanvasID) && (other.Hint == t.Hint || other.Hint == g.Hint) {
			return "", nil
		}
	}
	return alteredValue, nil
}

// usedLate is how much later than the use that Canvas tells its last one may be: it
// writes a use down only every ten minutes.
const usedLate = 10 * time.Minute

// unexplained reports whether Canvas says that a token was changed later than
// everything that is known to change it: its uses, its activation, writes of ours
// and what was told before. All these are times of Canvas's own clock. It is asked
// only where the hint says nothing of the value, as for every token of a hosted
// Canvas: there it is all that tells of a value which its owner made anew.
func unexplained(g access.Grant, t canvas.Token) bool {
	if g.State == access.Freezing || t.UpdatedAt.IsZero() || g.ChangeSeen.IsZero() || !strings.Contains(t.Hint+g.Hint, "~") {
		return false
	}
	return t.UpdatedAt.After(g.ChangeSeen.Add(time.Second)) && (t.LastUsedAt.IsZero() || t.UpdatedAt.After(t.LastUsedAt.Add(usedLate)))
}

// endAltered ends a token whose value or purpose is not what was approved.
func (wa *Watching) endAltered(ctx context.Context, f desk.Canvas, g access.Grant, what string) error {
	ended, err := wa.ending.beginEndFrom(ctx, g, access.GrantMove{Cause: access.ByAltered}, map[string]string{"changed": what})
	if err != nil {
		return quiet(err)
	}
	return wa.ending.FinishEnd(ctx, f, ended)
}

// recordAnswer stores that Canvas showed the token: that its owner activated it,
// and its last use. It returns the grant as it is then, or access.ErrConflict.
func (wa *Watching) recordAnswer(ctx context.Context, g access.Grant, t canvas.Token) (access.Grant, error) {
	now := wa.desk.Now()
	var after access.Grant
	err := wa.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := desk.GrantAsRead(tx, g)
		if err != nil {
			return err
		}
		step := notices.GrantStep{Before: before, After: before}
		if before.State == access.HandedOver && t.State == canvas.StateActive {
			if step, err = wa.notices.StepGrant(before, access.SeenActive, access.SystemActor, access.GrantMove{}); err != nil {
				return err
			}
		}
		after = step.After
		if before.ChangeSeen.IsZero() || after.State != before.State {
			after.ChangeSeen = t.UpdatedAt // its activation, or what was before anybody kept it
		}
		after.CheckedAt, after.LastUsedAt = now, t.LastUsedAt
		if id, _, ok := access.ParseMarker(t.Purpose); ok && id == g.ID && g.FoundID != "" && after.MarkedAt.IsZero() {
			after.MarkedAt = now
		}
		if after.Version != before.Version {
			step.After = after
			err = wa.notices.StoreGrant(tx, access.SystemActor, step, nil)
		} else {
			err = tx.RecordGrant(after)
		}
		if err != nil {
			return err
		}
		return wa.renewing.rotate(tx, after)
	})
	return after, err
}

// drifted stores what was found changed and tells its owner, and the reviewers
// where a limit was moved. approved is the end that held until now.
func (wa *Watching) drifted(ctx context.Context, g access.Grant, m access.GrantMove, approved time.Time) error {
	return wa.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := desk.GrantAsRead(tx, g)
		if err != nil {
			return err
		}
		step, err := wa.notices.StepGrant(before, access.Drifted, access.SystemActor, m)
		if err != nil {
			return err
		}
		d := audit.NewDetail(map[string]string{"drift": string(m.Drift), "approved": approved.UTC().Format(time.RFC3339),
			"ends": step.After.EndsAt().UTC().Format(time.RFC3339)})
		return wa.notices.StoreGrant(tx, access.SystemActor, step, d)
	})
}

// beginSetBack leaves a later end to a job: were it set back at once, a process
// that died behind the call would leave a change that nobody is told of. For
// one change of the token there is one job a day, so that a Canvas that does
// not move the end is asked again.
func (wa *Watching) beginSetBack(ctx context.Context, g access.Grant, t canvas.Token) error {
	now := wa.desk.Now()
	key := fmt.Sprintf("%s:%s:%d:%d:%s", jobSetBack, g.ID, g.Version, t.UpdatedAt.Unix(), now.UTC().Format(time.DateOnly))
	err := wa.desk.Store.InsertJob(ctx, desk.NewJob(g.Tenant, jobSetBack, key, desk.JobData(g), now))
	wa.desk.Wake()
	return err
}

// setBackHandler puts a token's end back to what was approved, and stores what
// came of it.
func (wa *Watching) setBackHandler(ctx context.Context, j jobs.Job) error {
	ctx = canvas.Paced(ctx)
	g, f, err := wa.jobGrant(ctx, j)
	if err != nil {
		return err
	}
	if !watched(g) || !g.CanvasEnd().After(wa.desk.Now()) || (g.Drift != "" && !g.DriftAt.Before(j.CreatedAt)) {
		return nil // it ended, or this was done before
	}
	kind, changed, err := wa.setBack(ctx, f, g, j.Claim > 1) // Claim counts the runs, Later among them
	switch {
	case err != nil:
		wa.desk.Log.WarnContext(ctx, "an end could not be set back yet", "grant", g.ID, "err", err)
		return jobs.Later(time.Minute)
	case kind == "", kind == access.DriftStuck && g.Drift == kind:
		return nil // nothing that is not told already
	}
	if err := wa.drifted(ctx, g, access.GrantMove{Drift: kind, Changed: changed}, g.CanvasEnd()); err != nil {
		return err // a conflict too: the next try decides by what is stored then
	}
	wa.desk.Wake()
	return nil
}

// setBack asks Canvas to take the approved end, and compares what it answers: it
// may ignore the change without a word. again says that an earlier try may have
// done it. It returns "" where there is nothing to set back any more, and when Canvas
// says that the token was last changed.
func (wa *Watching) setBack(ctx context.Context, f desk.Canvas, g access.Grant, again bool) (access.Drift, time.Time, error) {
	t, err := wa.show(ctx, f, g)
	if wa.desk.TrackAnswer(g.Tenant, err) != nil {
		return "", time.Time{}, err
	}
	if !endsLater(g, t) {
		if again {
			return access.DriftExtended, t.UpdatedAt, nil
		}
		return "", time.Time{}, nil
	}
	was := t.UpdatedAt
	t, err = f.UpdateToken(ctx, g.CanvasUser, g.CanvasID, canvas.TokenUpdate{ExpiresAt: g.CanvasEnd()})
	switch canvas.KindOf(err) {
	case canvas.Denied, canvas.Invalid, canvas.NotFound: // NotFound: it is there, but not ours to change
		return access.DriftStuck, was, nil
	}
	if wa.desk.TrackAnswer(g.Tenant, err) != nil {
		return "", time.Time{}, err // tried again; what an unclear answer did is seen then
	}
	if endsLater(g, t) {
		return access.DriftStuck, t.UpdatedAt, nil
	}
	return access.DriftExtended, t.UpdatedAt, nil
}
