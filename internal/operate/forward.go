package operate

import (
	"context"
	"net/netip"

	"github.com/tokendesk/tokendesk/internal/store"
)

// RecordForward keeps for doctor, which is another process, that somebody forwards
// without being trusted to.
func (c *Commands) RecordForward(ctx context.Context, peer netip.Addr, header string) error {
	return c.Store.InTx(ctx, func(tx *store.Tx) error {
		return tx.RecordForward(store.Forward{Peer: peer.String(), Header: header, SeenAt: c.Now()})
	})
}

// forgetForward removes the note when it is no longer true.
func (c *Commands) forgetForward(ctx context.Context) error {
	return c.Store.InTx(ctx, func(tx *store.Tx) error {
		f, ok, err := tx.Forward()
		if err != nil || !ok || f.Stands(c.TrustedProxies, c.Now()) {
			return err
		}
		return tx.ForgetForward()
	})
}
