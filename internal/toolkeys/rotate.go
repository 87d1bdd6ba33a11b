package toolkeys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// The life of one of the tool's own keys. It is published, signs from wait
// later until its successor does, and is published for keep after that.
const (
	// wait is longer than everybody keeps a key set: ten minutes
	// (lti.KeySetHandler) after a replica that had read its keys just before
	// (keysAge). Canvas itself keeps none.
	wait = 30 * time.Minute
	// keep is longer than anything that was signed can be checked: an
	// assertion lives for five minutes, and a replica may sign with what it has
	// read for keysAge.
	keep = 2 * time.Hour
	// life is how long a key signs before the schedule replaces it.
	life = 90 * 24 * time.Hour
	// forgetAfter is how long a key that ended stays in the database.
	forgetAfter = 30 * 24 * time.Hour
)

// Rotation is what a rotation came to.
type Rotation struct {
	New State
	// Old is the key that New follows; it stays published until its RetiredAt.
	// It is zero where the tool had no key yet.
	Old State
	// Made is false where New was waiting to sign already, because somebody had
	// rotated shortly before. Then nothing was changed.
	Made bool
}

// Rotate publishes a new signing key for the tool, which signs after half
// an hour; by then everybody has it. The old key stays published until nothing
// that it signed can still be checked. It is recorded in every school's log.
// While a new key waits to sign, it is that key's rotation that is returned.
func (k *Keys) Rotate(ctx context.Context, actor, reason string) (Rotation, error) {
	r, err := k.rotate(ctx, actor, reason)
	if err == nil && r.Made {
		k.log.InfoContext(ctx, "the tool's signing key is rotated", "actor", actor, "key", r.New.ID, "signs_from", r.New.SignsFrom,
			"old_key", r.Old.ID, "old_key_ends", r.Old.RetiredAt)
	}
	return r, err
}

// RotateOld rotates if the newest key has signed for 90 days. It makes no first key.
func (k *Keys) RotateOld(ctx context.Context) error {
	rows, err := k.read(ctx)
	if err != nil {
		return err
	}
	newest, ok := unended(rows)
	if !ok || k.now().Sub(newest.SignsFrom) < life {
		return nil // the first start makes the first key
	}
	_, err = k.Rotate(ctx, access.SystemID, "it had signed for "+fmt.Sprint(int(life.Hours()/24))+" days")
	return err
}

func (k *Keys) rotate(ctx context.Context, actor, reason string) (Rotation, error) {
	if _, err := k.Current(ctx); err != nil { // makes the first one
		return Rotation{}, err
	}
	rows, err := k.read(ctx)
	if err != nil {
		return Rotation{}, err
	}
	old, ok := unended(rows)
	now := k.now()
	if !ok || old.SignsFrom.After(now) {
		return k.rotated(rows, false)
	}
	next, err := k.generate(now, now.Add(wait))
	if err != nil {
		return Rotation{}, err
	}
	err = k.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.ReplaceToolKey(old.ID, next.SignsFrom.Add(keep), next); err != nil {
			return err
		}
		told := audit.Event{At: now, Actor: actor, Action: audit.KeyRotate, Object: next.ID, Related: old.ID}
		return tellAll(tx, told, map[string]string{"reason": reason})
	})
	made := err == nil
	if err != nil && !errors.Is(err, access.ErrConflict) {
		return Rotation{}, fmt.Errorf("rotate the tool's keys: %w", err)
	}
	k.forget()
	if rows, err = k.read(ctx); err != nil {
		return Rotation{}, err
	}
	return k.rotated(rows, made)
}

// tellAll records what concerns the whole installation in every school's log.
func tellAll(tx *store.Tx, told audit.Event, detail map[string]string) error {
	tenants, err := tx.Tenants()
	if err != nil {
		return err
	}
	for _, t := range tenants {
		told.ID, told.Tenant = store.NewID("aud"), string(t.ID)
		if err := tx.Audit(told, audit.NewDetail(detail)); err != nil {
			return err
		}
	}
	return nil
}

// Purge removes, within tx, the keys that ended more than 30 days before now.
func Purge(tx *store.Tx, now time.Time) error {
	_, err := tx.PurgeToolKeys(now.Add(-forgetAfter))
	return err
}

// ErrNotLost refuses to replace keys as lost that can be opened.
var ErrNotLost = errors.New("this master key opens the tool's newest key; keys rotate without -lost leaves no gap")

// ReplaceLost ends the tool's keys that this master key does not open, because
// the one that sealed them is lost, and makes a new one that signs at once. Until
// everybody has it, platforms refuse what it signs. It is recorded in every
// school's log. It is ErrNotLost where the newest key can be opened: Rotate then
// leaves no gap.
func (k *Keys) ReplaceLost(ctx context.Context, actor, reason string) (State, error) {
	next, err := k.replaceLost(ctx, actor, reason)
	if err == nil {
		k.log.WarnContext(ctx, "the tool's signing keys were lost; there is a new one", "actor", actor, "key", next.ID)
	}
	return next, err
}

func (k *Keys) replaceLost(ctx context.Context, actor, reason string) (State, error) {
	rows, err := k.read(ctx)
	if err != nil {
		return State{}, err
	}
	now := k.now()
	lost := slices.DeleteFunc(rows, func(r store.ToolKey) bool {
		der, err := k.box.Open(r.Sealed, sealContext(r.ID))
		clear(der)
		return err == nil || (!r.RetiredAt.IsZero() && !r.RetiredAt.After(now))
	})
	newest, ok := unended(lost)
	if !ok {
		return State{}, ErrNotLost
	}
	next, err := k.generate(now, now)
	if err != nil {
		return State{}, err
	}
	err = k.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.ReplaceToolKey(newest.ID, now, next); err != nil {
			return err
		}
		for _, r := range lost {
			if r.ID == newest.ID {
				continue
			}
			r.RetiredAt = now
			if err := tx.SaveToolKey(r); err != nil {
				return err
			}
		}
		told := audit.Event{At: now, Actor: actor, Action: audit.KeyRotate, Object: next.ID, Related: newest.ID}
		return tellAll(tx, told, map[string]string{"reason": reason, "lost": "the master key that sealed the old ones"})
	})
	if err != nil {
		return State{}, fmt.Errorf("replace the tool's keys: %w", err)
	}
	k.forget()
	return stateOf(next), nil
}

// rotated tells of the newest key and the one before it.
func (k *Keys) rotated(rows []store.ToolKey, made bool) (Rotation, error) {
	next, ok := unended(rows)
	if !ok {
		return Rotation{}, errors.New("rotate the tool's keys: no key is without an end")
	}
	r := Rotation{New: stateOf(next), Made: made}
	for _, row := range rows {
		if row.ID != next.ID && row.RetiredAt.After(k.now()) && row.SignsFrom.After(r.Old.SignsFrom) {
			r.Old = stateOf(row)
		}
	}
	return r, nil
}

// unended is the newest key: the only one that has no end yet.
func unended(rows []store.ToolKey) (store.ToolKey, bool) {
	i := slices.IndexFunc(rows, func(r store.ToolKey) bool { return r.RetiredAt.IsZero() })
	if i < 0 {
		return store.ToolKey{}, false
	}
	return rows[i], true
}

// generate makes a key that is published now and signs from then on.
func (k *Keys) generate(now, signsFrom time.Time) (store.ToolKey, error) {
	key, err := lti.GenerateKey()
	if err != nil {
		return store.ToolKey{}, err
	}
	der, err := key.Bytes()
	if err != nil {
		return store.ToolKey{}, err
	}
	defer clear(der)
	return store.ToolKey{ID: key.ID, Sealed: k.box.Seal(der, sealContext(key.ID)), CreatedAt: now, PublishedAt: now, SignsFrom: signsFrom}, nil
}

// forget makes the next question read the keys anew.
func (k *Keys) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.readAt = time.Time{}
}
