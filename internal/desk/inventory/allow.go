package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/store"
)

// deciding checks a press that only a reviewer whom Canvas confirms now may
// make, with a launch of the last minutes.
func (iv *Inventory) deciding(ctx context.Context, caller access.Caller) (desk.Canvas, access.Actor, error) {
	ctx, done := iv.desk.Asking(ctx, caller)
	defer done()
	return iv.decidingNow(ctx, caller)
}

// decidingNow is deciding for what takes access away: it waits for no pace.
func (iv *Inventory) decidingNow(ctx context.Context, caller access.Caller) (desk.Canvas, access.Actor, error) {
	if err := caller.MayWrite(); err != nil {
		return desk.Canvas{}, access.Actor{}, err
	}
	f, err := iv.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return desk.Canvas{}, access.Actor{}, err
	}
	if !caller.Actor().Fresh(iv.desk.Now()) && caller.Door == access.DoorAccount && caller.RootGate {
		return desk.Canvas{}, access.Actor{}, access.Refuse(access.WhyStale)
	}
	who, err := iv.authority.Decider(ctx, f, caller)
	return f, who, err
}

// pickedForMove reads the tokens of a press, locked. One that the tenant does
// not have refuses the whole press.
func pickedForMove(tx *store.Tx, caller access.Caller, ids []string) ([]access.Found, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > MaxPicked {
		return nil, access.ErrInvalid
	}
	if len(ids) == 0 {
		f := &access.FormError{}
		f.Add("pick", "pick.missing", nil)
		return nil, f
	}
	out := make([]access.Found, 0, len(ids))
	for _, id := range ids {
		f, err := tx.Found(caller.Tenant, id)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		out = append(out, cases.WithOwner(f, caller))
	}
	return out, nil
}

// AllowTokens puts found tokens on the allow-list, or agrees to what somebody
// else proposed: it takes two reviewers. The first gives the reason and a
// review date within the window of the newest policy; the second agrees to both.
//
// read has, for each id, the digest of the access.FoundTerms that the person
// read. One that changed since refuses the whole press (*access.TermsError).
func (iv *Inventory) AllowTokens(ctx context.Context, caller access.Caller, ids []string, read map[string]string, reason string, review time.Time) ([]access.Found, error) {
	return desk.Verb(ctx, iv.desk, caller, desk.Guard{Do: access.Allow, Object: firstOf(ids)}, func(ctx context.Context) (out []access.Found, err error) {
		_, who, err := iv.deciding(ctx, caller)
		if err == nil {
			err = desk.WithoutTokens(desk.TypedText{Field: "reason", Text: reason})
		}
		if err != nil {
			return nil, err
		}
		err = iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
			fs, err := pickedForMove(tx, caller, ids)
			if err != nil {
				return err
			}
			pol, err := tx.NewestPolicy(caller.Tenant)
			if err != nil {
				return err
			}
			out = nil
			for _, f := range fs {
				if _, two := f.Allowing(); f.State == access.FoundAllowed && two.Person == who.Person {
					out = append(out, f) // pressed twice
					continue
				}
				m := access.FoundMove{Policy: pol, Reason: reason, ReviewAt: review}
				if f.State == access.FoundAllowing {
					m = access.FoundMove{}
				}
				after, err := iv.movedFound(tx, who, f, access.Allow, m, nil)
				if err == nil {
					err = access.FoundTerms(f).Check(read[f.ID])
				}
				if err != nil {
					return err
				}
				out = append(out, after)
			}
			return nil
		})
		return out, err
	})
}

// Disallow takes a token off the allow-list, or a proposal back.
func (iv *Inventory) Disallow(ctx context.Context, caller access.Caller, id string) error {
	_, err := desk.Verb(ctx, iv.desk, caller, desk.Guard{Do: access.Disallow, Object: id}, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, iv.disallow(ctx, caller, id)
	})
	return err
}

func (iv *Inventory) disallow(ctx context.Context, caller access.Caller, id string) error {
	if err := caller.MayWrite(); err != nil {
		return err
	}
	f, err := iv.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return err
	}
	who := iv.authority.Viewer(ctx, f, caller)
	return iv.desk.Store.InTx(ctx, func(tx *store.Tx) error {
		t, err := iv.cases.FoundFor(tx, caller, who, id)
		if err != nil {
			return err
		}
		if t.State == access.FoundNew {
			return nil // pressed twice
		}
		_, err = iv.movedFound(tx, who, t, access.Disallow, access.FoundMove{}, nil)
		return err
	})
}

func firstOf(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}
