// Package toolkeys keeps the tool's own LTI signing keys: sealed in the database,
// published by every replica alike, and replaced without a moment in which
// something that was signed is unknown.
package toolkeys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// keysAge is how long a process goes on with the keys it has read. It is far
// below the ten minutes for which others may keep our key set, so a new key is
// published by every replica before anybody signs with it.
const keysAge = time.Minute

// Keys are the tool's own LTI signing keys, sealed in the database. The first
// replica that needs one makes it. They implement lti.SigningKeys. Several may
// use them at once.
type Keys struct {
	store *store.Store
	box   *secret.Box
	now   func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	readAt  time.Time
	current lti.SigningKey
	public  []lti.PublicKey
}

// New returns the keys that st holds and box opens. It reads nothing yet.
func New(st *store.Store, box *secret.Box, now func() time.Time, log *slog.Logger) *Keys {
	return &Keys{store: st, box: box, now: now, log: log}
}

// sealContext says what sealed bytes are, so that they open nowhere else.
func sealContext(id string) string { return "tool-key/" + id }

// Current returns the key that signs now.
func (k *Keys) Current(ctx context.Context) (lti.SigningKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return lti.SigningKey{}, err
	}
	return k.current, nil
}

// Published returns every key that is not retired.
func (k *Keys) Published(ctx context.Context) ([]lti.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	return k.public, nil
}

func (k *Keys) refresh(ctx context.Context) error {
	now := k.now()
	if age := now.Sub(k.readAt); !k.readAt.IsZero() && age >= 0 && age < keysAge {
		return nil
	}
	rows, err := k.read(ctx)
	if err == nil && len(rows) == 0 {
		if err = k.make(ctx, now); err == nil {
			rows, err = k.read(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("tool keys: %w", err)
	}
	var current store.ToolKey
	var signs lti.SigningKey
	var public []lti.PublicKey
	for _, row := range rows {
		if !row.RetiredAt.IsZero() && !row.RetiredAt.After(now) {
			continue
		}
		der, err := k.box.Open(row.Sealed, sealContext(row.ID))
		if err != nil {
			return fmt.Errorf("tool key %s: %w", row.ID, err)
		}
		key, err := lti.ParseSigningKey(der)
		clear(der)
		if err != nil {
			return fmt.Errorf("tool key %s: %w", row.ID, err)
		}
		public = append(public, key.Public())
		if current.ID == "" || signsRather(row, current, now) {
			current, signs = row, key
		}
	}
	if current.ID == "" {
		return fmt.Errorf("tool keys: all of %d have ended", len(rows))
	}
	k.current, k.public, k.readAt = signs, public, now
	return nil
}

// signsRather reports whether a is to sign at now, and not b: the newest that
// has begun. While none has, because this clock is behind the one by which the
// first key was made, it is the first to begin.
func signsRather(a, b store.ToolKey, now time.Time) bool {
	begunA, begunB := !a.SignsFrom.After(now), !b.SignsFrom.After(now)
	switch {
	case begunA != begunB:
		return begunA
	case begunA:
		return a.SignsFrom.After(b.SignsFrom)
	}
	return a.SignsFrom.Before(b.SignsFrom)
}

func (k *Keys) read(ctx context.Context) (rows []store.ToolKey, err error) {
	err = k.store.Read(ctx, func(tx *store.Tx) error {
		rows, err = tx.ToolKeys()
		return err
	})
	return rows, err
}

// make creates the first key. It signs at once: nobody has our key set yet. Of
// several replicas that would make it one succeeds.
func (k *Keys) make(ctx context.Context, now time.Time) error {
	row, err := k.generate(now, now)
	if err != nil {
		return err
	}
	err = k.store.InTx(ctx, func(tx *store.Tx) error {
		have, err := tx.ToolKeys()
		if err != nil || len(have) > 0 {
			return err // somebody was quicker
		}
		return tx.SaveToolKey(row)
	})
	if errors.Is(err, access.ErrConflict) {
		return nil // somebody was quicker
	}
	return err
}
