package store

import (
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
)

// PlatformOfCanvas returns the platform that is registered for a Canvas: the
// issuer of its tokens, and the origin of its API, which answers for one root
// account. Of several, made before they were refused, it is the one whose
// tenant has the place (see TakeCanvas), or the oldest; disabled ones count.
// Where there is none, it is access.ErrNotFound.
func (tx *Tx) PlatformOfCanvas(issuer, origin string) (Platform, error) {
	const op = "platform of Canvas"
	same, err := tx.platforms(op, "platforms.issuer = ?", issuer)
	if err != nil {
		return Platform{}, err
	}
	var owner []string
	err = tx.db.Model(&tenantRow{}).Where("canvas_issuer = ? AND canvas_origin = ?", issuer, origin).Pluck("id", &owner).Error
	if err != nil {
		return Platform{}, tx.fail(op, err)
	}
	var found *Platform
	for i, p := range same {
		if len(p.CanvasURLs) == 0 || p.CanvasURLs[0] != origin {
			continue
		}
		if len(owner) == 1 && string(p.Tenant) == owner[0] {
			return p, nil
		}
		if found == nil {
			found = &same[i]
		}
	}
	if found == nil {
		return Platform{}, missing(op)
	}
	return *found, nil
}

// TakeCanvas makes a Canvas the tenant's, in place of the one it may have had.
// Where another tenant is registered for it, it is access.ErrConflict; of
// several at once one succeeds. Whoever registers a platform takes its Canvas in
// the same transaction.
func (tx *Tx) TakeCanvas(tenant access.TenantID, issuer, origin string) error {
	const op = "take Canvas"
	if err := tx.may(op); err != nil {
		return err
	}
	switch p, err := tx.PlatformOfCanvas(issuer, origin); {
	case err == nil && p.Tenant != tenant:
		return lost(op)
	case err != nil && !errors.Is(err, access.ErrNotFound):
		return err
	}
	res := tx.db.Model(&tenantRow{}).Where("id = ?", string(tenant)).Updates(map[string]any{"canvas_issuer": issuer, "canvas_origin": origin})
	switch {
	case res.Error != nil:
		return tx.fail(op, res.Error)
	case res.RowsAffected != 1:
		return missing(op)
	}
	return nil
}
