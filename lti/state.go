package lti

import (
	"context"
	"errors"
	"time"
)

// Lifetimes of what a login and a launch leave. Canvas's own login hint lives five
// minutes, so a state must live longer than that.
const (
	stateTTL = 10 * time.Minute
	heldTTL  = 5 * time.Minute
	// nonceKeep is how much longer than its state a used nonce is remembered: the
	// replica that purges may be ahead of the one that still accepts the state.
	nonceKeep = 10 * time.Minute
)

// Nonce is the nonce of a launch that was let through, as a digest of 43
// characters of URL-safe base64, from which the nonce cannot be read.
type Nonce struct {
	RegistrationID string
	Hash           string // unique within the registration
	ExpiresAt      time.Time
}

// Held is a launch that is verified and spent, but whose browser has yet to
// prove itself through the platform's storage. Launch is a Launch as JSON and
// contains personal data: TakeHeld deletes it, PurgeStates what nobody took.
type Held struct {
	Hash       string // of the handle that the browser has; unique
	BinderHash string
	Launch     []byte
	ExpiresAt  time.Time
}

// StateStore keeps what makes a launch work once, in a database that all replicas
// share. Only launches that the platform signed write to it: a login stores
// nothing. Every method is safe for concurrent use. The packages memstore and
// sqlstore have one each.
type StateStore interface {
	// SpendNonce stores n by ONE statement that a unique index guards (such as
	// INSERT … ON CONFLICT DO NOTHING). Of any number of simultaneous calls with
	// the same nonce, on any replica, exactly one succeeds; the others, and all
	// later ones until n.ExpiresAt, get ErrNonceSpent.
	SpendNonce(ctx context.Context, n Nonce) error
	// HoldLaunch stores h.
	HoldLaunch(ctx context.Context, h Held) error
	// TakeHeld removes a held launch and returns it, by ONE guarded statement
	// (such as DELETE … RETURNING). It returns ErrHeldUnknown for one that is not
	// there. An expired one may be returned: the caller looks at ExpiresAt.
	TakeHeld(ctx context.Context, hash string) (Held, error)
	// PurgeStates deletes every nonce and held launch that expired before now
	// and returns how many. The caller runs it every few minutes.
	PurgeStates(ctx context.Context, now time.Time) (int, error)
}

// Errors of a StateStore.
var (
	ErrNonceSpent  = errors.New("lti: nonce already used")
	ErrHeldUnknown = errors.New("lti: unknown held launch")
)
