package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/jobs"
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
func (s *Service) RemoveToken(ctx context.Context, caller access.Caller, id, reason string) (_ FoundPage, err error) {
	defer verbEnded(s.Observer, access.Remove, &err)
	err = s.removeToken(ctx, caller, id, Storable(reason))
	if err != nil {
		return FoundPage{}, s.noteRefusal(ctx, caller, id, access.Remove, err)
	}
	s.nudge()
	return s.FoundToken(ctx, caller, id)
}

func (s *Service) removeToken(ctx context.Context, caller access.Caller, id, reason string) error {
	f, err := s.far(ctx, caller.Tenant, caller.Platform)
	if err != nil {
		return err
	}
	who := s.viewer(ctx, f, caller)
	var t access.Found
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		t, err = s.foundFor(tx, caller, who, id)
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
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		if t, err = s.foundFor(tx, caller, who, id); err != nil {
			return err
		}
		t, err = s.beginRemove(tx, who, t, reason)
		return err
	})
	if err != nil {
		return err
	}
	quick, cancel := s.limit(context.WithoutCancel(ctx), revokeTime)
	defer cancel()
	if err := s.finishRemove(quick, f, t); err != nil {
		s.Log.WarnContext(ctx, "not proven gone yet; a job goes on", "found", t.ID, "err", err)
	}
	return nil
}

func (s *Service) beginRemove(tx *store.Tx, who access.Actor, t access.Found, reason string) (access.Found, error) {
	if t.Owner == who.Person {
		reason = "" // nobody has to say why they end their own
	}
	data, _ := json.Marshal(foundJob{t.ID}) // always marshals
	todo := enqueue(t.Tenant, jobRemove, t.ID, data, s.Now().Add(revokeTime+2*time.Second))
	return s.movedFound(tx, who, t, access.Remove, access.FoundMove{Reason: reason}, nil, todo)
}

// RemoveTokens deletes several found tokens. It is a mass action: the launch is
// fresh, Canvas confirms the reviewer now, and typed is their number.
func (s *Service) RemoveTokens(ctx context.Context, caller access.Caller, ids []string, reason, typed string) (_ []access.Found, err error) {
	defer verbEnded(s.Observer, access.Remove, &err)
	var out []access.Found
	reason = Storable(reason)
	_, who, err := s.decidingNow(ctx, caller)
	if err == nil {
		err = s.Store.InTx(ctx, func(tx *store.Tx) error {
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
					if t, err = s.beginRemove(tx, who, t, reason); err != nil {
						return err
					}
				}
				out = append(out, t)
			}
			return nil
		})
	}
	if err != nil {
		return nil, s.noteRefusal(ctx, caller, firstOf(ids), access.Remove, err)
	}
	s.nudge()
	return out, nil
}

// finishRemove deletes a found token in Canvas, reads it back, and only when it
// is proven gone stores the final word.
func (s *Service) finishRemove(ctx context.Context, f far, t access.Found) error {
	proof, err := s.removeInCanvas(ctx, f, t)
	if err != nil {
		again, cancel := s.limit(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(err, s.noteFound(again, t, func(t *access.Found) {
			t.Tries, t.Trouble, t.NextTry = t.Tries+1, troubleDown, s.Now().Add(endDelay(t.Tries+1))
		}))
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		cur, err := tx.Found(t.Tenant, t.ID)
		if err != nil || cur.State != access.FoundRemoving {
			return err // another worker proved it first
		}
		var todo []jobs.Insert
		if cur.EndedBy != cur.Owner {
			p, err := s.personOf(tx, cur.Tenant, cur.CanvasUser, cur.OwnerName)
			if err != nil {
				return err
			}
			cur.Owner = p.ID
			todo = append(todo, s.foundNotice(cur.Tenant, foundRef{Kind: noticeFoundRemoved, Found: []string{cur.ID}, To: p.ID, By: cur.EndedBy, Occasion: cur.ID + "/removed"}))
		}
		if cur, err = s.movedFound(tx, access.SystemActor, cur, access.Gone, access.FoundMove{}, map[string]string{"proof": proof}, todo...); err != nil {
			return err
		}
		return s.endWish(tx, cur)
	})
}

func (s *Service) removeInCanvas(ctx context.Context, f far, t access.Found) (string, error) {
	if _, err := f.DeleteToken(ctx, t.CanvasUser, t.CanvasID); s.heard(t.Tenant, err) != nil && !notFound(err) {
		return "", err
	}
	ev, err := f.Gone(ctx, f.root(), t.CanvasUser, t.CanvasID)
	if err != nil {
		return "", s.heard(t.Tenant, err)
	}
	if !ev.Gone {
		return "", errors.New(ev.Reason)
	}
	return ev.Reason, nil
}

// removeHandler deletes a found token until Canvas has proven it gone.
func (s *Service) removeHandler(ctx context.Context, j jobs.Job) error {
	t, f, err := s.jobFound(ctx, j)
	if err != nil || t.State != access.FoundRemoving {
		return err
	}
	if err := s.finishRemove(ctx, f, t); err != nil {
		s.Log.WarnContext(ctx, "a token is not proven gone", "found", t.ID, "tries", t.Tries+1, "err", err)
		return jobs.Later(endDelay(t.Tries + 1))
	}
	return nil
}

func (s *Service) jobFound(ctx context.Context, j jobs.Job) (access.Found, far, error) {
	ref, err := jobs.Decode[foundJob](j.Data)
	if err != nil {
		return access.Found{}, far{}, err
	}
	var t access.Found
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		var err error
		t, err = tx.Found(access.TenantID(j.Tenant), ref.Found)
		return err
	})
	if errors.Is(err, access.ErrNotFound) {
		return t, far{}, jobs.Permanent(err)
	}
	if err != nil {
		return t, far{}, err
	}
	f, err := s.far(ctx, t.Tenant, "")
	return t, f, err
}
