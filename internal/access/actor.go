package access

import (
	"slices"
	"time"
)

// PersonID and TenantID are the tool's own ids ("per_…", "ten_…").
type (
	PersonID string
	TenantID string
)

// Freshness is how long after its launch a session may still decide.
const Freshness = 15 * time.Minute

// Actor is a Caller as the lifecycle tables know them, with what was proven of
// their rights. The zero Actor may do nothing.
type Actor struct {
	Person PersonID
	// Reviewer: Canvas confirmed, by the launch and by its API, that this
	// person may decide for the tenant.
	Reviewer bool
	// System: a timer or job of the tool. It may only make moves marked AsSystem.
	System bool
	// Operator is the account of whoever runs a command; they are no person of the
	// school and hold no part in a request or token of one.
	Operator string
	// RemovesOnly: they came by a way that only takes access away.
	RemovesOnly bool
	// LaunchedAt is when the tool received the launch they came by.
	LaunchedAt time.Time
	// NoWrites, when not empty, is why they may only look.
	NoWrites Why
}

// SystemActor is the tool itself.
var SystemActor = Actor{System: true}

// The names of those in the audit log who are no person of the school.
const (
	SystemID       = "system"
	OperatorPrefix = "operator:"
)

// ID is the actor's name in the audit log.
func (a Actor) ID() string {
	switch {
	case a.System:
		return SystemID
	case a.Operator != "":
		return OperatorPrefix + a.Operator
	}
	return string(a.Person)
}

// parts are those of whoever is no person of the school, and true: whatever the
// object, they hold no other.
func (a Actor) parts() ([]Part, bool) {
	switch {
	case a.System:
		return []Part{AsSystem}, true
	case a.Operator != "":
		return []Part{AsReviewer}, true
	}
	return nil, a.Person == ""
}

// removals are the moves that take access away and give none.
var removals = []Action{Revoke, Freeze, ReportLeak, Remove, Rescind}

// writes refuses an actor who may only look, and, by a way that only takes access
// away, every other move.
func (a Actor) writes(do Action) error {
	switch {
	case a.System:
		return nil
	case a.NoWrites != "":
		return Refuse(a.NoWrites)
	case a.RemovesOnly && !slices.Contains(removals, do):
		return Refuse(WhyNeedsLaunch)
	}
	return nil
}

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
