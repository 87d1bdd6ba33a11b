package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/tokendesk/tokendesk/internal/store"
)

// forwards tells of a proxy that nobody named.
func (d *doctor) forwards(ctx context.Context, in *Program) {
	const what = "trusted proxies"
	var f store.Forward
	var ok bool
	err := in.Store.Read(ctx, func(tx *store.Tx) (err error) {
		f, ok, err = tx.Forward()
		return err
	})
	switch {
	case err != nil:
		d.say(what, err, "")
	case ok && f.Stands(d.cfg.TrustedProxies, in.Now()):
		d.note(what, fmt.Sprintf("%s came with %s, which is not believed: it is not in TOKENDESK_TRUSTED_PROXIES (last noted %s). "+
			"If it is your proxy, name its network there: until then everybody behind it looks like one address. If not, nothing is to be done",
			f.Peer, f.Header, f.SeenAt.UTC().Format(time.RFC3339)))
	default:
		d.say(what, nil, "no forwarded header came from elsewhere")
	}
}
