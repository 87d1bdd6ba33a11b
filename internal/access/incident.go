package access

import (
	"time"
)

// Incident is a leak that was reported or recognised. While one of a person is
// open no token is made for them (WhyIncident).
type Incident struct {
	ID      string // inc_…
	Tenant  TenantID
	Version int
	GrantID string // the token; empty when only its owner is known
	Owner   PersonID
	// ReportedBy is who said so, and How in which part: owner, sponsor, reviewer,
	// or intake, for a value that was pasted and recognised.
	ReportedBy PersonID
	How        LeakReport
	OpenedAt   time.Time
	AfterEnd   bool      // the token had ended before: the incident alone was opened
	ClearedAt  time.Time // zero while open
	ClearedBy  PersonID
}

// LeakReport is how a leak came to be known.
type LeakReport string

// The ways.
const (
	LeakByOwner    LeakReport = "owner"
	LeakBySponsor  LeakReport = "sponsor"
	LeakByReviewer LeakReport = "reviewer"
	LeakByIntake   LeakReport = "intake"
)

// ClearIncident is the action that ends an incident.
const ClearIncident Action = "clear"

// Open reports whether the incident still stands.
func (i Incident) Open() bool { return i.ClearedAt.IsZero() }

// Clear ends an incident. It takes a reviewer with a fresh launch and a note on
// what was found, who is neither the owner nor the sponsor of the token: until
// the school gives roles of its own, reviewers speak for the security office
// (docs/decisions.md 7).
func (i Incident) Clear(who Actor, sponsor PersonID, note string, now time.Time) (Incident, error) {
	if err := who.writes(ClearIncident); err != nil {
		return Incident{}, err
	}
	switch {
	case who.System || !who.Reviewer || who.Person == "":
		return Incident{}, Refuse(WhyNotYours)
	case who.Person == i.Owner:
		return Incident{}, Refuse(WhySelf)
	case who.Person == sponsor:
		return Incident{}, Refuse(WhySponsorDecides)
	case !who.Fresh(now):
		return Incident{}, Refuse(WhyStale)
	case !i.Open():
		return Incident{}, &TransitionError{From: "cleared", Action: ClearIncident}
	}
	if note == "" {
		f := &FormError{}
		f.Add("reason", "reason.clear", nil)
		return Incident{}, f
	}
	i.ClearedAt, i.ClearedBy, i.Version = now, who.Person, i.Version+1
	return i, nil
}
