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

type stateRow struct {
	Hash           string `gorm:"primaryKey"`
	NonceHash      string
	BinderHash     string
	RegistrationID string
	DeploymentID   string
	TargetLinkURI  string `gorm:"column:target_link_uri"`
	StorageTarget  string
	CreatedAt      moment
	ExpiresAt      moment
}

func (stateRow) TableName() string { return "lti_states" }

func (r stateRow) state() lti.State {
	return lti.State{Hash: r.Hash, NonceHash: r.NonceHash, BinderHash: r.BinderHash, RegistrationID: r.RegistrationID,
		DeploymentID: r.DeploymentID, TargetLinkURI: r.TargetLinkURI, StorageTarget: r.StorageTarget,
		CreatedAt: r.CreatedAt.time(), ExpiresAt: r.ExpiresAt.time()}
}

// SaveState implements lti.StateStore. The limit holds for each registration,
// so that a flood of logins for one platform leaves the others alone. Unexpired
// are the states that live beyond the new one's CreatedAt.
func (s *Store) SaveState(ctx context.Context, x lti.State, limit int) error {
	return s.statement(ctx, func(db *gorm.DB) error {
		res := db.Exec(`
INSERT INTO lti_states (hash, nonce_hash, binder_hash, registration_id, deployment_id, target_link_uri, storage_target, created_at, expires_at)
SELECT @hash, @nonce, @binder, @registration, @deployment, @target, @storage, `+s.asTime("@created")+`, `+s.asTime("@expires")+`
WHERE (SELECT COUNT(*) FROM (
    SELECT 1 FROM lti_states WHERE registration_id = @registration AND expires_at > @created LIMIT @limit
) AS waiting) < @limit`,
			map[string]any{"hash": x.Hash, "nonce": x.NonceHash, "binder": x.BinderHash, "registration": x.RegistrationID,
				"deployment": x.DeploymentID, "target": x.TargetLinkURI, "storage": x.StorageTarget,
				"created": stamp(x.CreatedAt), "expires": stamp(x.ExpiresAt), "limit": limit})
		switch {
		case res.Error != nil:
			return fail(ctx, "save state", res.Error)
		case res.RowsAffected != 1:
			return lti.ErrTooManyStates
		}
		return nil
	})
}

const stateColumns = "hash, nonce_hash, binder_hash, registration_id, deployment_id, target_link_uri, storage_target, created_at, expires_at"

func (r *stateRow) read(ctx context.Context, c conn, p plain, hash string) error {
	return c.one(ctx, p, []any{hash}, &r.Hash, &r.NonceHash, &r.BinderHash, &r.RegistrationID, &r.DeploymentID, &r.TargetLinkURI,
		&r.StorageTarget, &r.CreatedAt, &r.ExpiresAt)
}

var (
	selectState = say("SELECT " + stateColumns + " FROM lti_states WHERE hash = ?")
	spendState  = say("DELETE FROM lti_states WHERE hash = ? RETURNING " + stateColumns)
)

// State implements lti.StateStore.
func (s *Store) State(ctx context.Context, hash string) (lti.State, error) {
	var r stateRow
	err := s.look(ctx, "state", func(c conn) error {
		return r.read(ctx, c, selectState, hash)
	})
	return r.state(), orElse(err, lti.ErrStateUnknown)
}

// SpendState implements lti.StateStore.
func (s *Store) SpendState(ctx context.Context, hash string) (lti.State, error) {
	var r stateRow
	err := s.change(ctx, "spend state", func(c conn) error {
		return r.read(ctx, c, spendState, hash)
	})
	return r.state(), orElse(err, lti.ErrStateSpent)
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
		states := db.Where("expires_at < ?", stamp(now)).Delete(&stateRow{})
		if states.Error != nil {
			return fail(ctx, "purge states", states.Error)
		}
		held := db.Where("expires_at < ?", stamp(now)).Delete(&heldRow{})
		n = states.RowsAffected + held.RowsAffected
		return fail(ctx, "purge held launches", held.Error)
	})
	return int(n), err
}
