package desk

import (
	"cmp"
	"context"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Guard is how a verb is kept: what stands around its own work.
type Guard struct {
	Do      access.Action // what observers are told of
	Object  string        // what it is about, as the caller named it
	Refused access.Action // what a recorded refusal names; empty for Do
	Asks    bool          // it asks Canvas as Asking does, and may refuse with WhyBusy
}

// Verb does what a caller asked for. A refusal is recorded (RecordRefusal) and an
// error comes with no value. What succeeded may have committed jobs, so this process
// looks for them at once. The observer hears how it ended when all that is done, also
// of a panic, which goes on.
func Verb[T any](ctx context.Context, d *Desk, caller access.Caller, g Guard, run func(ctx context.Context) (T, error)) (_ T, err error) {
	defer VerbEnded(d.Observer, g.Do, &err)
	if g.Asks {
		var done func()
		ctx, done = d.Asking(ctx, caller)
		defer done()
	}
	out, err := run(ctx)
	if err != nil {
		var none T
		return none, d.RecordRefusal(ctx, caller, g.Object, cmp.Or(g.Refused, g.Do), err)
	}
	d.Wake()
	return out, nil
}

// GrantAsRead reads a grant again, in the transaction that moves it by what was
// concluded from g. It is access.ErrConflict where the grant has moved on since.
func GrantAsRead(tx *store.Tx, g access.Grant) (access.Grant, error) {
	now, err := tx.Grant(g.Tenant, g.ID)
	return asRead(now, now.Version == g.Version, err)
}

// RequestAsRead is GrantAsRead of a request.
func RequestAsRead(tx *store.Tx, r access.Request) (access.Request, error) {
	now, err := tx.Request(r.Tenant, r.ID)
	return asRead(now, now.Version == r.Version, err)
}

// FoundAsRead is GrantAsRead of a found token.
func FoundAsRead(tx *store.Tx, f access.Found) (access.Found, error) {
	now, err := tx.Found(f.Tenant, f.ID)
	return asRead(now, now.Version == f.Version, err)
}

func asRead[T any](now T, same bool, err error) (T, error) {
	if err == nil && !same {
		err = access.ErrConflict
	}
	return now, err
}
