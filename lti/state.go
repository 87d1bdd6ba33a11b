package lti

import (
	"context"
	"errors"
	"time"
)

// Lifetimes of what waits in the StateStore. Canvas's own login hint lives five
// minutes, so a state must live longer than that.
const (
	stateTTL = 10 * time.Minute
	heldTTL  = 5 * time.Minute
)

// State is one login that waits for its launch. It holds digests only: neither
// the state, nor the nonce, nor what binds the browser can be read from it.
// Digests are 43 characters of URL-safe base64.
type State struct {
	Hash           string // of the state parameter; unique
	NonceHash      string
	BinderHash     string
	RegistrationID string
	DeploymentID   string // as the login request named it; may be empty
	TargetLinkURI  string // as the login request named it; the token must repeat it
	StorageTarget  string // lti_storage_target; empty where the platform offers no storage
	CreatedAt      time.Time
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

// StateStore keeps states and held launches in a database that all replicas
// share. Every method is safe for concurrent use.
type StateStore interface {
	// SaveState stores s. Logins need no authentication, so the number of rows
	// must be bounded: with limit or more unexpired states of the same
	// registration stored, it refuses with ErrTooManyStates. The count may be
	// approximate.
	SaveState(ctx context.Context, s State, limit int) error
	// State reads a state without spending it. It returns ErrStateUnknown for one
	// that is not there, and may return ErrStateSpent for one that it remembers
	// as spent. Expired ones may be returned: the caller looks at ExpiresAt.
	State(ctx context.Context, hash string) (State, error)
	// SpendState removes a state, or marks it spent, by ONE guarded statement
	// (such as DELETE … RETURNING), and returns it. Of any number of simultaneous
	// calls, on any replica, exactly one succeeds; the others get ErrStateSpent.
	SpendState(ctx context.Context, hash string) (State, error)
	// HoldLaunch stores h.
	HoldLaunch(ctx context.Context, h Held) error
	// TakeHeld removes a held launch and returns it, by ONE guarded statement, as
	// SpendState does. It returns ErrHeldUnknown for one that is not there.
	TakeHeld(ctx context.Context, hash string) (Held, error)
	// PurgeStates deletes every state and held launch that expired before now
	// and returns how many. The caller runs it every few minutes.
	PurgeStates(ctx context.Context, now time.Time) (int, error)
}

// Errors of a StateStore.
var (
	ErrStateUnknown  = errors.New("lti: unknown state")
	ErrStateSpent    = errors.New("lti: state already spent")
	ErrHeldUnknown   = errors.New("lti: unknown held launch")
	ErrTooManyStates = errors.New("lti: too many logins are waiting")
)
