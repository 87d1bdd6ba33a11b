package desk

import (
	"context"
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// massQuiet is how long a mass revocation may have done nothing and still count as
// at work.
const massQuiet = time.Hour

// MassAtWork reports whether a grant is left to a mass revocation that somebody
// works on.
func (d *Desk) MassAtWork(ctx context.Context, g access.Grant) (bool, error) {
	if g.Cause != access.ByMass {
		return false, nil
	}
	return d.InMass(ctx, g)
}

// InMass reports whether a mass revocation that somebody works on will end a
// token. Watching it meanwhile would only take calls from the revocation.
func (d *Desk) InMass(ctx context.Context, g access.Grant) (bool, error) {
	err := d.Store.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.RunningMassOf(g.Tenant, g.ID, d.Now().Add(-massQuiet))
		return err
	})
	if errors.Is(err, access.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
