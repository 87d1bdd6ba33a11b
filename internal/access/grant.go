package access

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// GrantState is where the life of one Canvas token stands.
type GrantState string

// The states of a grant.
const (
	Minting    GrantState = "minting"     // the intent is committed; Canvas is being asked
	Recovering GrantState = "recovering"  // Canvas did not answer clearly; it is checked before another try
	HandedOver GrantState = "handed_over" // shown once; pending in Canvas
	Active     GrantState = "active"      // activated by its owner
	Replacing  GrantState = "replacing"   // lost by its owner: the old one goes first, then the owner makes its successor
	Revoking   GrantState = "revoking"    // Canvas is asked to delete it; it may still work
	Revoked    GrantState = "revoked"
	Expired    GrantState = "expired"
	Unclaimed  GrantState = "unclaimed" // never activated
	Void       GrantState = "void"      // nothing was ever handed over
)

// GrantStates lists every state, in the order of a grant's life.
var GrantStates = []GrantState{Minting, Recovering, HandedOver, Active, Replacing, Revoking, Revoked, Expired, Unclaimed, Void}

// Final reports whether no move leaves s.
func (s GrantState) Final() bool {
	return s == Revoked || s == Expired || s == Unclaimed || s == Void
}

// Live reports whether a token of this grant may exist in Canvas.
func (s GrantState) Live() bool { return !s.Final() }

// Cause is why a grant ends. It decides the final word: an end that was reached
// is expired, one never activated is unclaimed, everything else is revoked.
type Cause string

// The causes of an end.
const (
	ByOwner      Cause = "owner"
	BySponsor    Cause = "sponsor"
	ByReviewer   Cause = "reviewer"
	ByEnd        Cause = "end"          // its time is over
	ByUnclaimed  Cause = "unclaimed"    // not activated within ActivateWindow
	ByCanvas     Cause = "in_canvas"    // deleted there by somebody
	ByNoReplaced Cause = "not_replaced" // reported lost, its successor never made
	ByFault      Cause = "fault"        // Canvas made something other than what was asked
)

// Grant is the life of one token. It never holds the token's value.
type Grant struct {
	ID        string // grt_…
	Tenant    TenantID
	RequestID string
	Version   int
	State     GrantState
	Owner     PersonID
	Title     string

	CanvasUser string // the owner's Canvas id, proven by API at mint
	CanvasID   string // the token's id in Canvas; the only thing a token of ours is known by
	Hint       string // first characters Canvas shows; confirms only, never identifies
	Digest     []byte // keyed hash of the value, for leak intake; nothing else of the value is kept

	// Attempt counts the tries to make a token. The marker carries it, so that a
	// stray of an earlier try is told from the token of this one.
	Attempt    int
	LeaseUntil time.Time // until then the running attempt belongs to one request of one process

	Wanted  time.Time // end that Canvas was asked for
	Expires time.Time // end that Canvas answered; what is shown

	CreatedAt   time.Time
	UpdatedAt   time.Time
	ShownAt     time.Time // when the value went to its owner's page
	ActivateBy  time.Time
	ActivatedAt time.Time
	LastUsedAt  time.Time
	CheckedAt   time.Time // last time Canvas was asked about it
	Replaced    int       // how often it was replaced without a new review
	Cause       Cause     // set when its end began
	EndedBy     PersonID
	RevokingAt  time.Time
	Trouble     string // last trouble with Canvas, a message key; empty when none
	Tries       int    // deletions tried
	NextTry     time.Time
	EndedAt     time.Time // confirmed in Canvas
}

// Windows of a grant's life.
const (
	ActivateWindow = 7 * 24 * time.Hour // from hand-over to activation
	ReplaceWindow  = 24 * time.Hour     // from hand-over to "I lost it" without a new review
	ReplaceLimit   = 1                  // how often, without a new review
	StuckAfter     = time.Hour          // a deletion unconfirmed for so long is "still usable"
	MintLease      = 90 * time.Second   // outlives the deadline of the calls it covers
	MaxAttempts    = 5                  // tries of one grant before a person must look
)

// Marker is what stands at the end of the token's purpose in Canvas, and tells
// our tokens and their attempts apart.
func (g Grant) Marker() string { return fmt.Sprintf("[%s/%d]", g.ID, g.Attempt) }

var marker = regexp.MustCompile(`\[(grt_[A-Z2-7]{26})/([1-9][0-9]{0,5})\]$`)

// ParseMarker reads a marker at the end of a purpose.
func ParseMarker(purpose string) (grantID string, attempt int, ok bool) {
	m := marker.FindStringSubmatch(purpose)
	if m == nil {
		return "", 0, false
	}
	n, err := strconv.Atoi(m[2])
	return m[1], n, err == nil
}

// maxPurpose is Canvas's limit for a token's purpose, in characters
// (app/models/access_token.rb).
const maxPurpose = 255

// Purpose is what the token is called in Canvas: its title, then the marker.
func (g Grant) Purpose() string {
	room := maxPurpose - len(g.Marker()) - 1
	t := []rune(g.Title)
	if len(t) > room {
		t = t[:room]
	}
	return string(t) + " " + g.Marker()
}

// Stuck reports whether the deletion has been unconfirmed for too long at now.
func (g Grant) Stuck(now time.Time) bool {
	return g.State == Revoking && !g.RevokingAt.IsZero() && now.Sub(g.RevokingAt) >= StuckAfter
}

// EndsAt is when the token stops: what Canvas answered, or what was wanted.
func (g Grant) EndsAt() time.Time {
	if !g.Expires.IsZero() {
		return g.Expires
	}
	return g.Wanted
}

// The moves of a grant.
const (
	Mint       Action = "mint" // start, or try again, with the next attempt
	Doubt      Action = "doubt"
	Shown      Action = "shown" // the value is handed over
	GiveUp     Action = "give_up"
	SeenActive Action = "seen_active"
	Replace    Action = "replace"
	StepBack   Action = "step_back" // an attempt to make the successor ended with nothing
	Revoke     Action = "revoke"
	Gone       Action = "gone"
)

// grantRule is one row of the grant's lifecycle.
type grantRule struct {
	From  GrantState
	Do    Action
	As    Part
	To    GrantState
	Fresh bool
}

// grantLifecycle is the whole life of a grant. What is not here is forbidden.
// Gone leads to the final word that the cause decides.
var grantLifecycle = []grantRule{
	{Minting, Shown, AsSystem, HandedOver, false},
	{Minting, Doubt, AsSystem, Recovering, false},
	{Minting, GiveUp, AsSystem, Void, false},
	{Minting, StepBack, AsSystem, Replacing, false},
	{Recovering, Mint, AsRequester, Minting, true},
	{Recovering, GiveUp, AsSystem, Void, false},
	{Recovering, StepBack, AsSystem, Replacing, false},

	{HandedOver, SeenActive, AsSystem, Active, false},
	{HandedOver, Replace, AsRequester, Replacing, true},
	{Active, Replace, AsRequester, Replacing, true},
	{Replacing, Mint, AsRequester, Minting, true},

	{Minting, Revoke, AsRequester, Revoking, false},
	{Minting, Revoke, AsSponsor, Revoking, false},
	{Minting, Revoke, AsReviewer, Revoking, false},
	{Minting, Revoke, AsSystem, Revoking, false},
	{Recovering, Revoke, AsRequester, Revoking, false},
	{Recovering, Revoke, AsSponsor, Revoking, false},
	{Recovering, Revoke, AsReviewer, Revoking, false},
	{Recovering, Revoke, AsSystem, Revoking, false},
	{HandedOver, Revoke, AsRequester, Revoking, false},
	{HandedOver, Revoke, AsSponsor, Revoking, false},
	{HandedOver, Revoke, AsReviewer, Revoking, false},
	{HandedOver, Revoke, AsSystem, Revoking, false},
	{Active, Revoke, AsRequester, Revoking, false},
	{Active, Revoke, AsSponsor, Revoking, false},
	{Active, Revoke, AsReviewer, Revoking, false},
	{Active, Revoke, AsSystem, Revoking, false},
	{Replacing, Revoke, AsRequester, Revoking, false},
	{Replacing, Revoke, AsSponsor, Revoking, false},
	{Replacing, Revoke, AsReviewer, Revoking, false},
	{Replacing, Revoke, AsSystem, Revoking, false},

	{Revoking, Gone, AsSystem, Revoked, false},
	{Revoking, Gone, AsSystem, Expired, false},
	{Revoking, Gone, AsSystem, Unclaimed, false},
}

// Standing is what towards a grant somebody is, besides its owner.
type Standing struct {
	Sponsor bool // sponsors the request behind it
}

// GrantMove is what a move of a grant carries.
type GrantMove struct {
	Cause    Cause
	CanvasID string
	Hint     string
	Digest   []byte
	Expires  time.Time
	Wanted   time.Time // Mint: end to ask for
	Reason   string
}

// End returns the final word for a cause.
func (c Cause) End() GrantState {
	switch c {
	case ByEnd:
		return Expired
	case ByUnclaimed:
		return Unclaimed
	}
	return Revoked
}

// NewGrant is the intent to make a token for an approved request: attempt 1,
// leased until now + MintLease. It is committed before Canvas is asked.
func NewGrant(id string, r Request, canvasUser string, end, now time.Time) Grant {
	return Grant{ID: id, Tenant: r.Tenant, RequestID: r.ID, Version: 1, State: Minting, Owner: r.Requester, Title: r.Title(),
		CanvasUser: canvasUser, Attempt: 1, LeaseUntil: now.Add(MintLease), Wanted: end, CreatedAt: now, UpdatedAt: now}
}

// CanGrant reports whether who could make the move now, for showing its button.
func CanGrant(g Grant, do Action, who Actor, st Standing, now time.Time) bool {
	if _, err := findGrant(g, do, who, st, ""); err != nil {
		return false
	}
	return do != Replace || replaceable(g, now) == nil
}

func findGrant(g Grant, do Action, who Actor, st Standing, to GrantState) (grantRule, error) {
	var ps []Part
	switch {
	case who.System:
		ps = []Part{AsSystem}
	case who.Person != "":
		if who.Person == g.Owner {
			ps = append(ps, AsRequester)
		}
		if st.Sponsor {
			ps = append(ps, AsSponsor)
		}
		if who.Reviewer {
			ps = append(ps, AsReviewer)
		}
	}
	known := false
	for _, row := range grantLifecycle {
		if row.From != g.State || row.Do != do || (to != "" && row.To != to) {
			continue
		}
		known = true
		if slices.Contains(ps, row.As) {
			return row, nil
		}
	}
	if known {
		return grantRule{}, Refuse(WhyNotYours)
	}
	return grantRule{}, &TransitionError{From: string(g.State), Action: do}
}

func replaceable(g Grant, now time.Time) error {
	switch {
	case g.Replaced >= ReplaceLimit:
		return Refuse(WhyReplaceUsed)
	case now.Sub(g.ShownAt) > ReplaceWindow:
		return Refuse(WhyReplaceLate)
	}
	return nil
}

// ApplyGrant moves g. It refuses as Apply does. Mint is refused while another
// attempt is leased, and after MaxAttempts.
func ApplyGrant(g Grant, do Action, who Actor, st Standing, m GrantMove, now time.Time) (Grant, error) {
	if !who.System && who.NoWrites != "" {
		return Grant{}, Refuse(who.NoWrites)
	}
	var to GrantState
	if do == Gone {
		to = g.Cause.End()
	}
	row, err := findGrant(g, do, who, st, to)
	if err != nil {
		return Grant{}, err
	}
	if row.Fresh && !who.Fresh(now) {
		return Grant{}, Refuse(WhyStale)
	}
	switch do {
	case Mint:
		if g.LeaseUntil.After(now) || g.Attempt >= MaxAttempts {
			return Grant{}, &TransitionError{From: string(g.State), Action: do}
		}
		g.Attempt, g.LeaseUntil, g.Wanted = g.Attempt+1, now.Add(MintLease), m.Wanted
		g.CanvasID, g.Hint, g.Digest, g.Expires = "", "", nil, time.Time{}
		g.Trouble = ""
	case Doubt:
		g.Trouble = m.Reason
	case Shown:
		g.CanvasID, g.Hint, g.Digest, g.Expires = m.CanvasID, m.Hint, m.Digest, m.Expires
		g.ShownAt, g.ActivateBy, g.CheckedAt = now, now.Add(ActivateWindow), now
		g.ActivatedAt, g.LeaseUntil, g.Trouble = time.Time{}, time.Time{}, ""
	case GiveUp, StepBack:
		g.LeaseUntil, g.Trouble = time.Time{}, m.Reason
	case SeenActive:
		g.ActivatedAt = now
	case Replace:
		if err := replaceable(g, now); err != nil {
			return Grant{}, err
		}
		g.Replaced++
		g.LeaseUntil, g.ActivateBy = time.Time{}, now.Add(ActivateWindow)
	case Revoke:
		g.Cause, g.EndedBy, g.RevokingAt, g.NextTry = m.Cause, who.Person, now, now
		g.Tries, g.Trouble = 0, ""
	case Gone:
		g.EndedAt, g.Trouble = now, ""
	}
	g.State, g.Version, g.UpdatedAt = row.To, g.Version+1, now
	return g, nil
}
