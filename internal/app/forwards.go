package app

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/store"
)

// forwardKeep is how long a forwarded header that was not believed is told of
// after it was last seen. The server notes one once an hour while they come.
const forwardKeep = 24 * time.Hour

// noteForward keeps for doctor, which is another process, that somebody forwards
// without being trusted to.
func (a *App) noteForward(ctx context.Context, peer netip.Addr, header string) error {
	return a.Store.InTx(ctx, func(tx *store.Tx) error {
		return tx.NoteForward(store.Forward{Peer: peer.String(), Header: header, SeenAt: a.now()})
	})
}

// forwardStands reports whether a noted forward is still to be told of: the
// address has not been named since, and was seen of late.
func forwardStands(cfg config.Config, f store.Forward, now time.Time) bool {
	at, err := netip.ParseAddr(f.Peer)
	trusted := err == nil && slices.ContainsFunc(cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(at) })
	return !trusted && now.Sub(f.SeenAt) < forwardKeep
}

// forgetForward removes the note when it is no longer true.
func (a *App) forgetForward(ctx context.Context) error {
	return a.Store.InTx(ctx, func(tx *store.Tx) error {
		f, ok, err := tx.Forward()
		if err != nil || !ok || forwardStands(a.cfg, f, a.now()) {
			return err
		}
		return tx.ForgetForward()
	})
}

// forwards tells of a proxy that nobody named.
func (d *doctor) forwards(ctx context.Context, a *App) {
	const what = "trusted proxies"
	var f store.Forward
	var ok bool
	err := a.Store.Read(ctx, func(tx *store.Tx) (err error) {
		f, ok, err = tx.Forward()
		return err
	})
	switch {
	case err != nil:
		d.say(what, err, "")
	case ok && forwardStands(a.cfg, f, a.now()):
		d.note(what, fmt.Sprintf("%s came with %s, which is not believed: it is not in TOKENDESK_TRUSTED_PROXIES (last noted %s). "+
			"If it is your proxy, name its network there: until then everybody behind it looks like one address. If not, nothing is to be done",
			f.Peer, f.Header, f.SeenAt.UTC().Format(time.RFC3339)))
	default:
		d.say(what, nil, "no forwarded header came from elsewhere")
	}
}
