package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// jobRemove deletes a found token in Canvas and proves it.
const jobRemove = "found.remove"

type foundJob struct {
	Found string `json:"found"`
}

// RemoveToken deletes one found token: its owner may, and a reviewer with a
// reason, at any age of their launch. Canvas is asked at once; until it has
// proven the token gone (docs/decisions.md 13) it may still work, and a job goes on.
func (iv *Inventory) RemoveToken(ctx context.Context, caller access.Caller, id, reason string) (FoundPage, error) {
	return desk.Verb(ctx, iv.desk, caller, desk.Guard{Do: access.Remove, Object: id}, func(ctx context.Context) (FoundPage, error) {
		if err := iv.removeToken(ctx, caller, id, desk.Storable(reason)); err != nil {
			return FoundPage{}, err
		}
		return iv.FoundToken(ctx, caller, id)
	})
}

func (iv *Inventory) removeToken(ctx context.Context, caller access.Caller, id, reason string) error {
	f, err := iv.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return err
	}
	who := iv.authority.Viewer(ctx, f, caller)
	var t access.Found
	err = iv.desk.Store.Read(ctx, func(tx *store.Tx) error {
		t, err = iv.cases.FoundFor(tx, caller, who, id)
		return err
	})
	if err != nil {
		return err
	}
	if err := caller.MayRemove(); err != nil {
		return err
	}
	if t.State == access.FoundRemoving || t.State.Final() {
		return nil // it is ending or has ended: the page says so
	}
	err = iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		if t, err = iv.cases.FoundFor(tx, caller, who, id); err != nil {
			return err
		}
		t, err = iv.beginRemove(tx, who, t, reason)
		return err
	})
	if err != nil {
		return err
	}
	quick, cancel := iv.desk.WithLimit(context.WithoutCancel(ctx), desk.RevokeTime)
	defer cancel()
	if err := iv.finishRemove(quick, f, t); err != nil {
		iv.desk.Log.WarnContext(ctx, "not proven gone yet; a job goes on", "found", t.ID, "err", err)
	}
	return nil
}

func (iv *Inventory) beginRemove(tx *store.Tx, who access.Actor, t access.Found, reason string) (access.Found, error) {
	if t.Owner == who.Person {
		reason = "" // nobody has to say why they end their own
	}
	data, _ := json.Marshal(foundJob{t.ID}) // always marshals
	todo := desk.NewJob(t.Tenant, jobRemove, t.ID, data, iv.desk.Now().Add(desk.RevokeTime+2*time.Second))
	return iv.movedFound(tx, who, t, access.Remove, access.FoundMove{Reason: reason}, nil, todo)
}

// RemoveTokens deletes several found tokens. It is a mass action: the launch is
// fresh, Canvas confirms the reviewer now, and typed is their number.
func (iv *Inventory) RemoveTokens(ctx context.Context, caller access.Caller, ids []string, reason, typed string) ([]access.Found, error) {
	return desk.Verb(ctx, iv.desk, caller, desk.Guard{Do: access.Remove, Object: firstOf(ids)}, func(ctx context.Context) (out []access.Found, err error) {
		reason := desk.Storable(reason)
		_, who, err := iv.decidingNow(ctx, caller)
		if err != nil {
			return nil, err
		}
		err = iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
			fs, err := pickedForMove(tx, caller, ids)
			if err != nil {
				return err
			}
			form := &access.FormError{}
			if reason == "" {
				form.Add("reason", "reason.remove", nil)
			}
			if !typedNumber(typed, len(fs)) {
				form.Add("number", "number.wrong", map[string]any{"Number": len(fs)})
			}
			if err := form.Err(); err != nil {
				return err
			}
			out = nil
			for _, t := range fs {
				if t.State != access.FoundRemoving {
					if t, err = iv.beginRemove(tx, who, t, reason); err != nil {
						return err
					}
				}
				out = append(out, t)
			}
			return nil
		})
		return out, err
	})
}

// finishRemove deletes a found token in Canvas, reads it back, and only when it
// is proven gone stores the final word.
func (iv *Inventory) finishRemove(ctx context.Context, f desk.Canvas, t access.Found) error {
	proof, err := iv.removeInCanvas(ctx, f, t)
	if err != nil {
		again, cancel := iv.desk.WithLimit(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(err, iv.recordFound(again, t, func(t *access.Found) {
			t.Tries, t.Trouble, t.NextTry = t.Tries+1, tokens.TroubleDown, iv.desk.Now().Add(tokens.EndDelay(t.Tries+1))
		}))
	}
	return iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		cur, err := tx.Found(t.Tenant, t.ID)
		if err != nil || cur.State != access.FoundRemoving {
			return err // another worker proved it first
		}
		var todo []jobs.Insert
		if cur.EndedBy != cur.Owner {
			p, err := iv.authority.PersonOf(tx, cur.Tenant, cur.CanvasUser, cur.OwnerName)
			if err != nil {
				return err
			}
			cur.Owner = p.ID
			todo = append(todo, iv.foundNotice(cur.Tenant, FoundRef{Kind: notify.FoundRemoved, Found: []string{cur.ID}, To: p.ID, By: cur.EndedBy, Occasion: cur.ID + "/removed"}))
		}
		if cur, err = iv.movedFound(tx, access.SystemActor, cur, access.Gone, access.FoundMove{}, map[string]string{"proof": proof}, todo...); err != nil {
			return err
		}
		return iv.endWish(tx, cur)
	})
}

func (iv *Inventory) removeInCanvas(ctx context.Context, f desk.Canvas, t access.Found) (string, error) {
	if _, err := f.DeleteToken(ctx, t.CanvasUser, t.CanvasID); iv.desk.TrackAnswer(t.Tenant, err) != nil && !desk.NotFound(err) {
		return "", err
	}
	return iv.desk.ProveGone(ctx, f, t.CanvasUser, t.CanvasID)
}

// removeHandler deletes a found token until Canvas has proven it gone.
func (iv *Inventory) removeHandler(ctx context.Context, j jobs.Job) error {
	t, f, err := iv.jobFound(ctx, j)
	if err != nil || t.State != access.FoundRemoving {
		return err
	}
	if err := iv.finishRemove(ctx, f, t); err != nil {
		iv.desk.Log.WarnContext(ctx, "a token is not proven gone", "found", t.ID, "tries", t.Tries+1, "err", err)
		return jobs.Later(tokens.EndDelay(t.Tries + 1))
	}
	return nil
}

func (iv *Inventory) jobFound(ctx context.Context, j jobs.Job) (access.Found, desk.Canvas, error) {
	_, t, err := desk.JobAbout(ctx, iv.desk, j, func(tx *store.Tx, ref foundJob) (access.Found, error) {
		return tx.Found(access.TenantID(j.Tenant), ref.Found)
	})
	if err != nil {
		return t, desk.Canvas{}, err
	}
	f, err := iv.desk.CanvasOf(ctx, t.Tenant, "")
	return t, f, err
}
