package session

import (
	"context"
	"errors"
	"time"
)

// ErrNone is what a Backend returns for a session that is not there: never
// made, ended, or over at the time asked about.
var ErrNone = errors.New("session: no such session")

// Record is one session as it is kept. The handle itself is never kept.
type Record struct {
	Hash     []byte // SHA-256 of the handle
	Tenant   string
	Person   string
	Platform string
	// Place is where the session was opened: the door, and the course or account.
	// Rights is what its launch gave there.
	Place  string
	Rights string
	Data   []byte // JSON, the caller's

	CreatedAt  time.Time
	LaunchedAt time.Time // when the launch behind it was received
	SeenAt     time.Time
	IdleUntil  time.Time
	EndsAt     time.Time // absolute; never moves
	CookieSeen bool      // the cookie has come back once, and must come from then on
}

// Backend keeps sessions where every replica finds them. The store implements
// it; a session whose IdleUntil or EndsAt is not after now does not exist.
type Backend interface {
	// CreateSession keeps r and returns every other session with r's Tenant,
	// Person and Place whose Rights differ from r's, their Hash and Rights only.
	CreateSession(ctx context.Context, r Record) ([]Record, error)
	// FindSession returns the session with that hash, or ErrNone.
	FindSession(ctx context.Context, hash []byte, now time.Time) (Record, error)
	// TouchSession notes a use. It never takes cookieSeen back and never moves
	// idleUntil beyond EndsAt. A session that is gone is ErrNone.
	TouchSession(ctx context.Context, hash []byte, seenAt, idleUntil time.Time, cookieSeen bool) error
	// EndSession ends one session; ending what is gone is no error.
	EndSession(ctx context.Context, hash []byte) error
}
