package tokens

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Revoke ends a token: its owner, the sponsor of its request, and reviewers may,
// at any age of their launch. Sponsors and reviewers give a reason. Canvas is
// asked at once; until it has proven the token gone, the answer says that it
// may still work, and a job goes on.
//
// A reviewer whose right Canvas cannot confirm just now may still revoke, by
// the launch's gate: removing never waits (docs/decisions.md 6).
func (en *Ending) Revoke(ctx context.Context, caller access.Caller, grantID, reason string) (cases.TokenPage, error) {
	return desk.Verb(ctx, en.desk, caller, desk.Guard{Do: access.Revoke, Object: grantID}, func(ctx context.Context) (cases.TokenPage, error) {
		return en.revoke(ctx, caller, grantID, desk.Storable(reason))
	})
}

func (en *Ending) revoke(ctx context.Context, caller access.Caller, grantID, reason string) (cases.TokenPage, error) {
	f, who, c, err := en.cases.CaseToChange(ctx, caller, caller.MayRemove(), grantID)
	if err != nil {
		return cases.TokenPage{}, err
	}
	if g := *c.Grant; g.State != access.Revoking && !g.State.Final() {
		m := access.GrantMove{Cause: access.ByOwner, Reason: reason}
		switch {
		case c.Own:
		case g.Sponsor != "" && g.Sponsor == who.Person:
			m.Cause = access.BySponsor
		default:
			m.Cause = access.ByReviewer
		}
		if m.Cause != access.ByOwner && reason == "" {
			form := &access.FormError{}
			form.Add("reason", "reason.revoke", nil)
			return cases.TokenPage{}, form
		}
		if err := en.endNow(ctx, f, who, g, m); err != nil {
			return cases.TokenPage{}, err
		}
	}
	return en.cases.TokenPage(ctx, who, caller.Tenant, grantID)
}

// endNow begins a grant's end and waits a while for Canvas's proof. That somebody
// else began it first is no error.
func (en *Ending) endNow(ctx context.Context, f desk.Canvas, who access.Actor, g access.Grant, m access.GrantMove) error {
	g, err := en.BeginEnd(ctx, who, g, m)
	if errors.Is(err, access.ErrConflict) {
		return nil
	}
	if err != nil {
		return err
	}
	quick, cancel := en.desk.WithLimit(context.WithoutCancel(ctx), desk.RevokeTime)
	defer cancel()
	if err := en.FinishEnd(quick, f, g); err != nil {
		en.desk.Log.WarnContext(ctx, "not proven gone yet; a job goes on", "grant", g.ID, "err", err)
	}
	return nil
}

// BeginEnd stores that a grant is to end, with the job that ends it.
func (en *Ending) BeginEnd(ctx context.Context, who access.Actor, g access.Grant, m access.GrantMove) (access.Grant, error) {
	var out access.Grant
	err := en.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(g.Tenant, g.ID)
		if err != nil {
			return err
		}
		out, err = en.StartEnd(tx, who, before, m, nil)
		return err
	})
	return out, err
}

// beginEndFrom is BeginEnd by the system, for what was concluded from exactly
// the version given: it is access.ErrConflict where the grant has moved on. d
// goes into the audit record.
func (en *Ending) beginEndFrom(ctx context.Context, g access.Grant, m access.GrantMove, d map[string]string) (access.Grant, error) {
	var out access.Grant
	err := en.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := desk.GrantAsRead(tx, g)
		if err != nil {
			return err
		}
		out, err = en.StartEnd(tx, access.SystemActor, before, m, maps.Clone(d))
		return err
	})
	return out, err
}

// StartEnd stores that a grant is to end, with the job that proves it.
func (en *Ending) StartEnd(tx *store.Tx, who access.Actor, before access.Grant, m access.GrantMove, d map[string]string) (access.Grant, error) {
	step, err := en.notices.StepGrant(before, access.Revoke, who, m)
	out := step.After
	if err != nil {
		return out, err
	}
	if d == nil {
		d = map[string]string{}
	}
	d["cause"] = string(m.Cause)
	if m.Reason != "" {
		d["quote"] = m.Reason
		if err := tx.KeepQuote(out.Tenant, out.ID, store.QuoteEnd, m.Reason); err != nil {
			return out, err
		}
	}
	return out, en.notices.StoreGrant(tx, who, step, audit.NewDetail(d))
}

// FinishEnd deletes a grant's token in Canvas, reads it back, and only when it
// is proven gone (docs/decisions.md 13) stores the final word. An error leaves the
// grant in Revoking with what stood in the way noted on it.
func (en *Ending) FinishEnd(ctx context.Context, f desk.Canvas, g access.Grant) error {
	proof, err := en.endInCanvas(ctx, f, g)
	if err != nil {
		return errors.Join(err, en.recordTry(ctx, g))
	}
	return en.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(g.Tenant, g.ID)
		if err != nil {
			return err
		}
		if before.State != access.Revoking {
			return nil // another worker proved it first
		}
		d := audit.NewDetail(map[string]string{"proof": proof})
		if _, err := en.notices.MoveGrant(tx, before, access.Gone, access.SystemActor, access.GrantMove{}, d); err != nil {
			return err
		}
		r, err := tx.Request(g.Tenant, g.RequestID)
		if err != nil {
			return err
		}
		if r.State == access.Collecting {
			return en.requests.Move(tx, access.SystemActor, r, access.MintFailed, access.Move{})
		}
		return nil
	})
}

// endInCanvas deletes and proves. It returns the proof in words.
func (en *Ending) endInCanvas(ctx context.Context, f desk.Canvas, g access.Grant) (string, error) {
	proof := "Canvas lists no token of this grant"
	if g.CanvasID != "" {
		if _, err := f.DeleteToken(ctx, g.CanvasUser, g.CanvasID); en.desk.TrackAnswer(g.Tenant, err) != nil && !desk.NotFound(err) {
			return "", err
		}
		ev, err := f.Gone(ctx, f.Root(), g.CanvasUser, g.CanvasID)
		if !ev.Gone && (err == nil || canvas.KindOf(err) == canvas.Denied) {
			ev, err = en.goneUnread(ctx, f, g, ev, err)
		}
		if err != nil {
			return "", en.desk.TrackAnswer(g.Tenant, err)
		}
		if !ev.Gone {
			return "", errors.New(ev.Reason)
		}
		proof = ev.Reason
		g.CanvasID = ""
		// Strays of earlier attempts go too, but cannot hold up the proof.
		if err := en.collecting.deleteMarked(ctx, f, g, g.Attempt); err != nil {
			en.desk.Log.WarnContext(ctx, "strays were not looked for; the sweep job will", "grant", g.ID, "err", err)
		}
		return proof, nil
	}
	return proof, en.collecting.deleteMarked(ctx, f, g, g.Attempt)
}

// goneUnread is the proof that a Canvas of 2024 can give, which lets nobody read
// or list the tokens of others: the credential may delete, the owner is found,
// and asked to delete the token once more Canvas says that it is deleted, or
// does not find it. There a missing right is another answer than a missing token
// (tokens_spec.rb of 2024). In every other Canvas it changes nothing about what
// Gone has found.
func (en *Ending) goneUnread(ctx context.Context, f desk.Canvas, g access.Grant, ev canvas.GoneEvidence, unread error) (canvas.GoneEvidence, error) {
	if found, err := f.Era(ctx); err != nil || found.Lists || !found.Held[canvas.PermissionDeleteTokens] {
		return ev, unread
	}
	if _, err := f.User(ctx, g.CanvasUser); err != nil {
		return ev, err
	}
	if _, err := f.DeleteToken(ctx, g.CanvasUser, g.CanvasID); err != nil && !desk.NotFound(err) {
		return ev, err
	}
	return canvas.GoneEvidence{Gone: true, State: canvas.StateDeleted, At: en.desk.Now(),
		Reason: "Canvas has the token no more to delete; it lets nobody read the tokens of others"}, nil
}

// recordTry notes on the grant that a deletion was not proven, for its pages.
func (en *Ending) recordTry(ctx context.Context, g access.Grant) error {
	ctx, cancel := en.desk.WithLimit(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := en.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		now, err := tx.Grant(g.Tenant, g.ID)
		if err != nil || now.State != access.Revoking {
			return err
		}
		now.Tries++
		now.Trouble = TroubleDown
		now.NextTry = en.desk.Now().Add(EndDelay(now.Tries))
		return tx.RecordGrant(now)
	})
	if errors.Is(err, access.ErrConflict) {
		return nil // somebody moved it on; what they stored is newer
	}
	return err
}

// EndDelay is how long to wait before a deletion is tried again: quickly at
// first, then at most every 5 minutes, for ever.
func EndDelay(tries int) time.Duration {
	d := 5 * time.Second
	for range min(tries, 10) {
		d *= 2
	}
	return min(d, 5*time.Minute)
}

// endJob is the handler that ends a grant, until Canvas has proven it. Thousands
// can end with one term: it keeps clear of Canvas's rate limit.
func (en *Ending) endJob(ctx context.Context, j jobs.Job) error {
	ctx = canvas.Paced(ctx)
	g, f, err := en.jobGrant(ctx, j)
	if err != nil || g.State != access.Revoking {
		return err
	}
	if busy, err := en.desk.MassAtWork(ctx, g); err != nil || busy {
		return errors.Join(err, jobs.Later(time.Hour))
	}
	if err := en.FinishEnd(ctx, f, g); err != nil {
		en.desk.Log.WarnContext(ctx, "a token is not proven gone", "grant", g.ID, "tries", g.Tries+1, "err", err)
		if g.Stuck(en.desk.Now()) {
			en.notices.TellStuck(ctx, g)
		}
		return jobs.Later(EndDelay(g.Tries + 1))
	}
	return nil
}
