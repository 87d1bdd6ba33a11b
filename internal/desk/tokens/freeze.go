package tokens

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Canvas has no way to suspend a token. What it has: when somebody other than
// its owner regenerates one, the old value dies at once and the token is pending
// again (app/controllers/tokens_controller.rb). The new value comes back once,
// in the answer to that call; it is dropped there, so nobody holds a value that
// works, and even an owner who activates the token in Canvas gains nothing.

// Freeze stops a token that works, for a reason, until two reviewers thaw it.
// Reviewers may, at any age of their launch; as with Revoke, a Canvas that
// cannot confirm a reviewer just now is no obstacle. The intent is committed
// before Canvas is called; what is unclear then a job settles. Where this Canvas
// does not let the tool, the token stays on and its page says so.
func (en *Ending) Freeze(ctx context.Context, caller access.Caller, grantID, reason string) (cases.TokenPage, error) {
	return desk.Verb(ctx, en.desk, caller, desk.Guard{Do: access.Freeze, Object: grantID}, func(ctx context.Context) (cases.TokenPage, error) {
		return en.freeze(ctx, caller, grantID, reason)
	})
}

func (en *Ending) freeze(ctx context.Context, caller access.Caller, grantID, reason string) (cases.TokenPage, error) {
	f, who, c, err := en.cases.CaseToChange(ctx, caller, caller.MayRemove(), grantID)
	if err != nil {
		return cases.TokenPage{}, err
	}
	if st := c.Grant.State; (st == access.Freezing || st == access.Frozen) && who.Reviewer {
		return en.cases.TokenPage(ctx, who, caller.Tenant, grantID) // pressed twice, or by two
	}
	if reason = desk.Storable(reason); reason == "" && c.Can[access.Freeze] {
		form := &access.FormError{}
		form.Add("reason", "reason.freeze", nil)
		return cases.TokenPage{}, form
	}
	var g access.Grant
	err = en.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(caller.Tenant, grantID)
		if err != nil {
			return err
		}
		d := audit.NewDetail(map[string]string{"quote": reason})
		g, err = en.notices.MoveGrant(tx, before, access.Freeze, who, access.GrantMove{Reason: reason}, d)
		return err
	})
	if err != nil {
		return cases.TokenPage{}, err
	}
	en.desk.Step("freeze committed")
	quick, cancel := en.desk.WithLimit(context.WithoutCancel(ctx), desk.RevokeTime)
	defer cancel()
	if err := en.finishFreeze(quick, f, g); err != nil {
		en.desk.Log.WarnContext(ctx, "a token is not proven frozen yet; a job goes on", "grant", g.ID, "err", err)
	}
	return en.cases.TokenPage(ctx, who, caller.Tenant, grantID)
}

// changed reports whether Canvas shows that a token's value was replaced by
// somebody other than its owner: it waits for activation, and begins with other
// characters than the one that was known. A hint with the shard in it begins
// alike for every token and is no evidence against (docs/decisions.md 15).
func changed(g access.Grant, t canvas.Token) bool {
	return t.State == canvas.StatePending && (t.Hint != g.Hint || strings.Contains(t.Hint, "~"))
}

// finishFreeze makes Canvas change the value, unless an earlier try whose answer
// was lost has done so, and reads back. It moves the grant to Frozen with proof,
// back to Active where Canvas does not let the tool, to its end where Canvas has
// proven it gone; otherwise it returns an error and leaves it in Freezing.
func (en *Ending) finishFreeze(ctx context.Context, f desk.Canvas, g access.Grant) error {
	err := en.freezeInCanvas(ctx, f, g)
	if err == nil {
		return nil
	}
	return errors.Join(err, en.recordFreezeTry(ctx, g))
}

func (en *Ending) freezeInCanvas(ctx context.Context, f desk.Canvas, g access.Grant) error {
	t, err := f.ShowToken(ctx, g.CanvasUser, g.CanvasID)
	switch {
	case desk.NotFound(err) || (err == nil && t.State == canvas.StateDeleted):
		return en.frozenGone(ctx, f, g)
	case en.desk.TrackAnswer(g.Tenant, err) != nil:
		return err
	case changed(g, t):
		return en.froze(ctx, g, t)
	}
	// The answer holds the new value. Nothing of it but the hint goes on.
	_, err = f.RegenerateToken(ctx, g.CanvasUser, g.CanvasID, g.CanvasEnd())
	en.desk.Step("freeze: canvas answered")
	var ce *canvas.Error
	if errors.As(en.desk.TrackAnswer(g.Tenant, err), &ce) {
		switch ce.Kind {
		case canvas.Denied, canvas.NotFound, canvas.Invalid:
			// NotFound for a token that was just shown is how later Canvases say
			// that the credential may not change it.
			return en.settleFreeze(ctx, g, access.StayOn, access.GrantMove{Reason: troubleNoFreeze})
		}
		return err
	}
	if err != nil {
		return err
	}
	if t, err = f.ShowToken(ctx, g.CanvasUser, g.CanvasID); en.desk.TrackAnswer(g.Tenant, err) != nil {
		return err
	}
	en.desk.Step("freeze: read back")
	if !changed(g, t) {
		return errors.New("Canvas does not show a changed value") //nolint:staticcheck // Canvas is a name
	}
	return en.froze(ctx, g, t)
}

// troubleNoFreeze: this Canvas does not let the tool change a token's value.
const troubleNoFreeze = "freeze.denied"

func (en *Ending) froze(ctx context.Context, g access.Grant, t canvas.Token) error {
	return en.settleFreeze(ctx, g, access.Froze, access.GrantMove{Hint: t.Hint, Changed: t.UpdatedAt})
}

// settleFreeze moves g out of Freezing, unless somebody has.
func (en *Ending) settleFreeze(ctx context.Context, g access.Grant, do access.Action, m access.GrantMove) error {
	return en.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(g.Tenant, g.ID)
		if err != nil || before.State != access.Freezing {
			return err
		}
		d := map[string]string{}
		if m.Reason != "" {
			d["trouble"] = m.Reason
		}
		_, err = en.notices.MoveGrant(tx, before, do, access.SystemActor, m, audit.NewDetail(d))
		return err
	})
}

// frozenGone ends a grant whose token somebody deleted in Canvas while it was to
// be frozen.
func (en *Ending) frozenGone(ctx context.Context, f desk.Canvas, g access.Grant) error {
	if _, err := en.desk.ProveGone(ctx, f, g.CanvasUser, g.CanvasID); err != nil {
		return err
	}
	ended, err := en.BeginEnd(ctx, access.SystemActor, g, access.GrantMove{Cause: access.ByCanvas})
	if err != nil {
		if errors.Is(err, access.ErrConflict) {
			return nil
		}
		return err
	}
	return en.FinishEnd(ctx, f, ended)
}

// recordFreezeTry writes onto a grant that its freeze is not proven yet.
func (en *Ending) recordFreezeTry(ctx context.Context, g access.Grant) error {
	ctx, cancel := en.desk.WithLimit(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := en.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		now, err := tx.Grant(g.Tenant, g.ID)
		if err != nil || now.State != access.Freezing {
			return err
		}
		now.Tries++
		now.Trouble = TroubleDown
		return tx.RecordGrant(now)
	})
	if errors.Is(err, access.ErrConflict) {
		return nil // somebody moved it on; what they stored is newer
	}
	return err
}

// freezeHandler settles a freeze until Canvas has proven it, one way or the other.
func (en *Ending) freezeHandler(ctx context.Context, j jobs.Job) error {
	g, f, err := en.jobGrant(ctx, j)
	if err != nil || g.State != access.Freezing {
		return err
	}
	if err := en.finishFreeze(ctx, f, g); err != nil {
		en.desk.Log.WarnContext(ctx, "a token is not proven frozen", "grant", g.ID, "tries", g.Tries+1, "err", err)
		return jobs.Later(EndDelay(g.Tries + 1))
	}
	return nil
}

// mayFreeze reports whether the credential holds the right that a freeze takes.
// What cannot be read is taken for yes: the press tells.
func (en *Ending) mayFreeze(ctx context.Context, f desk.Canvas) bool {
	held, err := desk.Remember(en.desk, string(f.Tenant.ID)+" may freeze", func() (map[string]bool, error) {
		return f.Permissions(ctx, f.Root(), authority.PermCreate)
	})
	return err != nil || held[authority.PermCreate]
}

// AskFreeze is the token before it is frozen. It refuses with WhyNoFreeze where
// this Canvas is known not to let the tool.
func (en *Ending) AskFreeze(ctx context.Context, caller access.Caller, grantID string) (cases.TokenPage, error) {
	p, err := en.cases.Token(ctx, caller, grantID)
	if err != nil || !p.Can[access.Freeze] {
		return p, err
	}
	f, err := en.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return cases.TokenPage{}, err
	}
	if !en.mayFreeze(ctx, f) {
		return p, access.Refuse(access.WhyNoFreeze)
	}
	return p, nil
}

// Thaw is one of two agreements that a frozen token may go on. Each takes a
// reviewer whom Canvas confirms now, with a fresh launch, who is neither the
// owner nor the sponsor; the second another person than the first. Then the
// frozen token is deleted and its owner makes the successor.
//
// read is the digest of the access.ThawTerms that the person read: who was the
// first voice on one page is not made the second by another's press
// (*access.TermsError).
//
// While a leak of the owner is open nothing is thawed (WhyIncident).
func (en *Ending) Thaw(ctx context.Context, caller access.Caller, grantID, read string) (cases.TokenPage, error) {
	guard := desk.Guard{Do: access.Thaw, Object: grantID, Asks: true}
	return desk.Verb(ctx, en.desk, caller, guard, func(ctx context.Context) (cases.TokenPage, error) {
		return en.thaw(ctx, caller, grantID, read)
	})
}

func (en *Ending) thaw(ctx context.Context, caller access.Caller, grantID, read string) (cases.TokenPage, error) {
	f, who, c, err := en.cases.CaseToChange(ctx, caller, caller.MayWrite(), grantID)
	if err != nil {
		return cases.TokenPage{}, err
	}
	// The core first: what it refuses is answered without asking Canvas.
	if _, _, err := access.ApplyGrant(*c.Grant, access.Thaw, who, access.GrantMove{Policy: c.Policy}, en.desk.Now()); err != nil {
		return cases.TokenPage{}, err
	}
	if err := access.ThawTerms(*c.Grant).Check(read); err != nil {
		return cases.TokenPage{}, err
	}
	if who, err = en.authority.Decider(ctx, f, caller); err != nil {
		return cases.TokenPage{}, err
	}
	var g access.Grant
	err = en.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(caller.Tenant, grantID)
		if err != nil {
			return err
		}
		r, err := tx.Request(caller.Tenant, before.RequestID)
		if err != nil {
			return err
		}
		if who.Person == r.Endorsement().Person {
			return access.Refuse(access.WhySponsorDecides)
		}
		if err := tx.LockPerson(caller.Tenant, before.Owner); err != nil {
			return err
		}
		if err := desk.RefuseOpenLeak(tx, caller.Tenant, before.Owner); err != nil {
			return err
		}
		pol, err := desk.PolicyOf(tx, r)
		if err != nil {
			return err
		}
		step, err := en.notices.StepGrant(before, access.Thaw, who, access.GrantMove{Policy: pol})
		if err != nil {
			return err
		}
		g = step.After
		if err := access.ThawTerms(before).Check(read); err != nil {
			return err
		}
		return en.notices.StoreGrant(tx, who, step, nil)
	})
	if err != nil {
		return cases.TokenPage{}, err
	}
	if g.State == access.Replacing {
		quick, cancel := en.desk.WithLimit(context.WithoutCancel(ctx), desk.RevokeTime)
		defer cancel()
		if err := en.collecting.clear(quick, f, g); err != nil {
			en.desk.Log.WarnContext(ctx, "the frozen token is not gone yet; a job goes on", "grant", g.ID, "err", err)
		}
	}
	return en.cases.TokenPage(ctx, who, caller.Tenant, grantID)
}
