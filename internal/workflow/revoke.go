package workflow

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// revokeTime is how long a press of Revoke waits for Canvas's proof before a
// job goes on alone.
const revokeTime = 8 * time.Second

// Revoke ends a token: its owner, the sponsor of its request, and reviewers may,
// at any age of their launch. Sponsors and reviewers give a reason. Canvas is
// asked at once; until it has proven the token gone, the answer says that it
// may still work, and a job goes on.
//
// A reviewer whose right Canvas cannot confirm just now may still revoke, by
// the launch's gate: removing never waits (docs/decisions.md 6).
func (s *Service) Revoke(ctx context.Context, caller access.Caller, grantID, reason string) (_ TokenPage, err error) {
	defer verbEnded(s.Observer, access.Revoke, &err)
	p, err := s.revoke(ctx, caller, grantID, Storable(reason))
	if err != nil {
		return TokenPage{}, s.noteRefusal(ctx, caller, grantID, access.Revoke, err)
	}
	s.nudge()
	return p, nil
}

func (s *Service) revoke(ctx context.Context, caller access.Caller, grantID, reason string) (TokenPage, error) {
	f, who, c, err := s.caseToChange(ctx, caller, caller.MayRemove(), grantID)
	if err != nil {
		return TokenPage{}, err
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
			return TokenPage{}, form
		}
		if err := s.endNow(ctx, f, who, g, m); err != nil {
			return TokenPage{}, err
		}
	}
	return s.token(ctx, who, caller.Tenant, grantID)
}

// beginEnd stores that a grant is to end, with the job that ends it.
func (s *Service) beginEnd(ctx context.Context, who access.Actor, g access.Grant, m access.GrantMove) (access.Grant, error) {
	var out access.Grant
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(g.Tenant, g.ID)
		if err != nil {
			return err
		}
		out, err = s.startEnd(tx, who, before, m, nil)
		return err
	})
	return out, err
}

// beginEndFrom is beginEnd by the system, for what was concluded from exactly
// the version given: it is access.ErrConflict where the grant has moved on. d
// goes into the audit record.
func (s *Service) beginEndFrom(ctx context.Context, g access.Grant, m access.GrantMove, d map[string]string) (access.Grant, error) {
	var out access.Grant
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(g.Tenant, g.ID)
		if err != nil {
			return err
		}
		if before.Version != g.Version {
			return access.ErrConflict
		}
		out, err = s.startEnd(tx, access.SystemActor, before, m, maps.Clone(d))
		return err
	})
	return out, err
}

func (s *Service) startEnd(tx *store.Tx, who access.Actor, before access.Grant, m access.GrantMove, d map[string]string) (access.Grant, error) {
	step, err := s.stepGrant(before, access.Revoke, who, m)
	out := step.after
	if err != nil {
		return out, err
	}
	if d == nil {
		d = map[string]string{}
	}
	d["cause"] = string(m.Cause)
	if m.Reason != "" {
		d["quote"] = m.Reason
	}
	if m.Reason != "" {
		if err := tx.KeepQuote(out.Tenant, out.ID, store.QuoteEnd, m.Reason); err != nil {
			return out, err
		}
	}
	return out, s.moveGrant(tx, who, step, audit.NewDetail(d))
}

// finishEnd deletes a grant's token in Canvas, reads it back, and only when it
// is proven gone (docs/decisions.md 13) stores the final word. An error leaves the
// grant in Revoking with what stood in the way noted on it.
func (s *Service) finishEnd(ctx context.Context, f far, g access.Grant) error {
	proof, err := s.endInCanvas(ctx, f, g)
	if err != nil {
		return errors.Join(err, s.noteTry(ctx, g))
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		before, err := tx.Grant(g.Tenant, g.ID)
		if err != nil {
			return err
		}
		if before.State != access.Revoking {
			return nil // another worker proved it first
		}
		step, err := s.stepGrant(before, access.Gone, access.SystemActor, access.GrantMove{})
		if err != nil {
			return err
		}
		if err := s.moveGrant(tx, access.SystemActor, step, audit.NewDetail(map[string]string{"proof": proof})); err != nil {
			return err
		}
		r, err := tx.Request(g.Tenant, g.RequestID)
		if err != nil {
			return err
		}
		if r.State == access.Collecting {
			return s.move(tx, access.SystemActor, r, access.MintFailed, access.Move{})
		}
		return nil
	})
}

// endInCanvas deletes and proves. It returns the proof in words.
func (s *Service) endInCanvas(ctx context.Context, f far, g access.Grant) (string, error) {
	proof := "Canvas lists no token of this grant"
	if g.CanvasID != "" {
		if _, err := f.DeleteToken(ctx, g.CanvasUser, g.CanvasID); s.heard(g.Tenant, err) != nil && !notFound(err) {
			return "", err
		}
		ev, err := f.Gone(ctx, f.root(), g.CanvasUser, g.CanvasID)
		if !ev.Gone && (err == nil || canvas.KindOf(err) == canvas.Denied) {
			ev, err = s.goneUnread(ctx, f, g, ev, err)
		}
		if err != nil {
			return "", s.heard(g.Tenant, err)
		}
		if !ev.Gone {
			return "", errors.New(ev.Reason)
		}
		proof = ev.Reason
		g.CanvasID = ""
		// Strays of earlier attempts go too, but cannot hold up the proof.
		if err := s.deleteMarked(ctx, f, g, g.Attempt); err != nil {
			s.Log.WarnContext(ctx, "strays were not looked for; the sweep job will", "grant", g.ID, "err", err)
		}
		return proof, nil
	}
	return proof, s.deleteMarked(ctx, f, g, g.Attempt)
}

// goneUnread is the proof that a Canvas of 2024 can give, which lets nobody read
// or list the tokens of others: the credential may delete, the owner is found,
// and asked to delete the token once more Canvas says that it is deleted, or
// does not find it. There a missing right is another answer than a missing token
// (tokens_spec.rb of 2024). In every other Canvas it changes nothing about what
// Gone has found.
func (s *Service) goneUnread(ctx context.Context, f far, g access.Grant, ev canvas.GoneEvidence, unread error) (canvas.GoneEvidence, error) {
	if found, err := f.Era(ctx); err != nil || found.Lists || !found.Held[canvas.PermissionDeleteTokens] {
		return ev, unread
	}
	if _, err := f.User(ctx, g.CanvasUser); err != nil {
		return ev, err
	}
	if _, err := f.DeleteToken(ctx, g.CanvasUser, g.CanvasID); err != nil && !notFound(err) {
		return ev, err
	}
	return canvas.GoneEvidence{Gone: true, State: canvas.StateDeleted, At: s.Now(),
		Reason: "Canvas has the token no more to delete; it lets nobody read the tokens of others"}, nil
}

// noteTry notes on the grant that a deletion was not proven, for its pages.
func (s *Service) noteTry(ctx context.Context, g access.Grant) error {
	ctx, cancel := s.limit(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := s.Store.InTx(ctx, func(tx *store.Tx) error {
		now, err := tx.Grant(g.Tenant, g.ID)
		if err != nil || now.State != access.Revoking {
			return err
		}
		now.Tries++
		now.Trouble = troubleDown
		now.NextTry = s.Now().Add(endDelay(now.Tries))
		return tx.NoteGrant(now)
	})
	if errors.Is(err, access.ErrConflict) {
		return nil // somebody moved it on; what they stored is newer
	}
	return err
}

// endDelay is how long to wait before a deletion is tried again: quickly at
// first, then at most every 5 minutes, for ever.
func endDelay(tries int) time.Duration {
	d := 5 * time.Second
	for range min(tries, 10) {
		d *= 2
	}
	return min(d, 5*time.Minute)
}

// endJob is the handler that ends a grant, until Canvas has proven it. Thousands
// can end with one term: it keeps clear of Canvas's rate limit.
func (s *Service) endJob(ctx context.Context, j jobs.Job) error {
	ctx = canvas.Paced(ctx)
	g, f, err := s.jobGrant(ctx, j)
	if err != nil || g.State != access.Revoking {
		return err
	}
	if busy, err := s.massAtWork(ctx, g); err != nil || busy {
		return errors.Join(err, jobs.Later(time.Hour))
	}
	if err := s.finishEnd(ctx, f, g); err != nil {
		s.Log.WarnContext(ctx, "a token is not proven gone", "grant", g.ID, "tries", g.Tries+1, "err", err)
		if g.Stuck(s.Now()) {
			s.tellStuck(ctx, g)
		}
		return jobs.Later(endDelay(g.Tries + 1))
	}
	return nil
}
