package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/lti"
)

var (
	_ lti.StateStore        = (*Store)(nil)
	_ lti.RegistrationStore = (*Store)(nil)
)

type nonceRow struct {
	RegistrationID string `gorm:"primaryKey"`
	Hash           string `gorm:"primaryKey"`
	ExpiresAt      moment
}

func (nonceRow) TableName() string { return "lti_nonces" }

var spendNonce = say(`INSERT INTO lti_nonces (registration_id, hash, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING hash`)

// SpendNonce implements lti.StateStore. A write of which nobody knows whether it
// happened counts as one that did: said again, it finds its own row.
func (s *Store) SpendNonce(ctx context.Context, n lti.Nonce) error {
	err := s.writePlain(ctx, "spend nonce", func(c conn) error {
		return c.one(ctx, spendNonce, []any{n.RegistrationID, n.Hash, stamp(n.ExpiresAt)}, new(string))
	})
	return orElse(err, lti.ErrNonceSpent)
}

// orElse is what a caller's interface calls a row that is not there.
func orElse(err, missing error) error {
	if errors.Is(err, access.ErrNotFound) {
		return missing
	}
	return err
}

type heldRow struct {
	Hash       string `gorm:"primaryKey"`
	BinderHash string
	Launch     string
	ExpiresAt  moment
}

func (heldRow) TableName() string { return "lti_held" }

// HoldLaunch implements lti.StateStore.
func (s *Store) HoldLaunch(ctx context.Context, h lti.Held) error {
	return s.statement(ctx, func(db *gorm.DB) error {
		return fail(ctx, "hold launch", db.Create(&heldRow{Hash: h.Hash, BinderHash: h.BinderHash, Launch: string(h.Launch),
			ExpiresAt: stamp(h.ExpiresAt)}).Error)
	})
}

// TakeHeld implements lti.StateStore.
func (s *Store) TakeHeld(ctx context.Context, hash string) (lti.Held, error) {
	var rows []heldRow
	err := s.statement(ctx, func(db *gorm.DB) error {
		rows = nil
		return fail(ctx, "take held launch", db.Raw("DELETE FROM lti_held WHERE hash = ? RETURNING *", hash).Scan(&rows).Error)
	})
	if err != nil {
		return lti.Held{}, err
	}
	if len(rows) == 0 {
		return lti.Held{}, lti.ErrHeldUnknown
	}
	r := rows[0]
	return lti.Held{Hash: r.Hash, BinderHash: r.BinderHash, Launch: []byte(r.Launch), ExpiresAt: r.ExpiresAt.time()}, nil
}

// PurgeStates implements lti.StateStore.
func (s *Store) PurgeStates(ctx context.Context, now time.Time) (int, error) {
	var n int64
	err := s.statement(ctx, func(db *gorm.DB) error {
		nonces := db.Where("expires_at < ?", stamp(now)).Delete(&nonceRow{})
		if nonces.Error != nil {
			return fail(ctx, "purge nonces", nonces.Error)
		}
		held := db.Where("expires_at < ?", stamp(now)).Delete(&heldRow{})
		n = nonces.RowsAffected + held.RowsAffected
		return fail(ctx, "purge held launches", held.Error)
	})
	return int(n), err
}
