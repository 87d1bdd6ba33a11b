package access

import "time"

// PersonID and TenantID are the tool's own ids ("per_…", "ten_…").
type (
	PersonID string
	TenantID string
)

// Freshness is how long after its launch a session may still decide.
const Freshness = 15 * time.Minute

// Actor is who asks for a move, as derived from a verified launch (or the
// system itself). The zero Actor may do nothing.
type Actor struct {
	Person PersonID
	// Reviewer: Canvas confirmed, by the launch and by its API, that this
	// person may decide for the tenant.
	Reviewer bool
	// System: a timer or job of the tool. It may only make moves marked AsSystem.
	System bool
	// LaunchedAt is when the tool received the launch behind this session.
	LaunchedAt time.Time
	// NoWrites, when not empty, is why this session may only look.
	NoWrites Why
}

// SystemActor is the tool itself.
var SystemActor = Actor{System: true}

// Fresh reports whether the launch is recent enough to decide at now. A launch
// from the future beyond a minute of clock skew is not fresh.
func (a Actor) Fresh(now time.Time) bool {
	age := now.Sub(a.LaunchedAt)
	return !a.LaunchedAt.IsZero() && age <= Freshness && age >= -time.Minute
}

// Part is the role in which somebody makes a move.
type Part string

// The parts of the two lifecycle tables.
const (
	AsRequester Part = "requester" // also the owner of the grant
	AsSponsor   Part = "sponsor"
	AsReviewer  Part = "reviewer"
	AsAsked     Part = "asked" // named by an owner to take over as sponsor
	AsSystem    Part = "system"
)

// Action is a move of a request or a grant.
type Action string
