package access

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// GrantState is where the life of one Canvas token stands.
type GrantState string

// The states of a grant.
const (
	Minting    GrantState = "minting"     // the intent is committed; Canvas is being asked
	Recovering GrantState = "recovering"  // Canvas did not answer clearly; it is checked before another try
	HandedOver GrantState = "handed_over" // shown once; pending in Canvas
	Active     GrantState = "active"      // activated by its owner
	Freezing   GrantState = "freezing"    // Canvas is asked to change its value, which nobody sees; it may still work
	Frozen     GrantState = "frozen"      // stopped: its value was changed in Canvas and thrown away
	Replacing  GrantState = "replacing"   // lost by its owner, or thawed: the old one goes first, then the owner makes its successor
	Revoking   GrantState = "revoking"    // Canvas is asked to delete it; it may still work
	Revoked    GrantState = "revoked"
	Expired    GrantState = "expired"
	Unclaimed  GrantState = "unclaimed" // never activated
	Void       GrantState = "void"      // nothing was ever handed over
)

// GrantStates lists every state, in the order of a grant's life.
var GrantStates = []GrantState{Minting, Recovering, HandedOver, Active, Freezing, Frozen, Replacing,
	Revoking, Revoked, Expired, Unclaimed, Void}

// Known reports whether s is a state at all.
func (s GrantState) Known() bool { return slices.Contains(GrantStates, s) }

// Final reports whether no move leaves s.
func (s GrantState) Final() bool {
	return s == Revoked || s == Expired || s == Unclaimed || s == Void
}

// Live reports whether a token of this grant may exist in Canvas.
func (s GrantState) Live() bool { return !s.Final() }

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
	Expires time.Time // end that Canvas answered
	// EndsBy is when it ends for EndsWhy, if that comes before Canvas's own end;
	// zero where nothing ends it sooner. EndsAt has both.
	EndsBy  time.Time
	EndsWhy Cause

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

	// Sponsor stands for this token now: at first who endorsed its request.
	// Empty where none is needed, or where the last one was lost (GapUntil is set).
	Sponsor      PersonID
	SponsorAsked PersonID  // named by the owner to take over; has not answered
	GapUntil     time.Time // without a sponsor until then, after that it ends
	// SponsorWas stood for it last, before the gap, and GapWhy is why that ended.
	// Empty where a token that was without a sponsor before these were kept has no
	// record of it.
	SponsorWas PersonID
	GapWhy     GapCause
	TurnedDown PersonID // who was asked last in this gap and said no

	Since     time.Time // when the first token of this chain of renewals was made; bounds the total life
	Renews    string    // the grant this one takes over from
	Successor string    // the grant that takes over from this one
	RetireAt  time.Time // it ends then, because its successor works

	FrozenAt time.Time
	FrozenBy PersonID
	Round    int   // how often it was frozen: of the votes that count for its thaw
	Votes    Votes // while it is frozen
	// FreezeReason is what who froze it wrote, until it goes on.
	FreezeReason string

	Drift   Drift // the last thing somebody changed in Canvas
	DriftAt time.Time
	// ChangeSeen is the time of the token's last change, by Canvas's clock, of
	// which the tool knows what it was: a write of ours, the activation, or one
	// that was told already.
	ChangeSeen time.Time
	FoundID    string // the found token this grant adopted; empty for tokens the tool made
	// MarkedAt is when an adopted token was first seen to carry the marker in
	// Canvas: before that a missing one is no sign of a change.
	MarkedAt time.Time
}

// Drift is what was found changed in Canvas, besides what ends a grant.
type Drift string

// The drifts.
const (
	DriftExtended  Drift = "extended"  // the end was moved later; it was set back
	DriftStuck     Drift = "stuck"     // the end was moved later, and Canvas does not set it back
	DriftShortened Drift = "shortened" // the end was moved earlier; the earlier one holds
	DriftMaybe     Drift = "maybe"     // something may have been changed; Canvas does not tell what
)

// GapCause is why a token has no sponsor.
type GapCause string

// The causes of a gap.
const (
	GapEnded   GapCause = "ended"        // who stood for it ended that
	GapLost    GapCause = "lost"         // who stood for it no longer may
	GapUnknown GapCause = "not_recorded" // from before it was kept, and the record is gone
)

// What holds for every grant, whatever a school's policy.
const (
	ReplaceLimit = 1                   // how often "I lost it" works without a new review
	StuckAfter   = time.Hour           // a deletion unconfirmed for so long is "still usable"
	MintLease    = 90 * time.Second    // outlives the deadline of the calls it covers
	MaxAttempts  = 5                   // tries of one grant before a person must look
	DriftShown   = 14 * 24 * time.Hour // how long pages tell of a drift
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

// CanvasEnd is when the token stops in Canvas by itself: what Canvas answered, or
// what was wanted. It is for who compares with Canvas or writes to it; everybody
// else asks EndsAt.
func (g Grant) CanvasEnd() time.Time {
	if !g.Expires.IsZero() {
		return g.Expires
	}
	return g.Wanted
}

// EndsAt is when the token stops: in Canvas by itself, or sooner by EndsBy. It is
// never later than CanvasEnd.
func (g Grant) EndsAt() time.Time {
	if g.EndsWhyNow() != ByEnd {
		return g.EndsBy
	}
	return g.CanvasEnd()
}

// EndsWhyNow is what makes the end that EndsAt tells: EndsWhy, or ByEnd where
// Canvas's own end comes first.
func (g Grant) EndsWhyNow() Cause {
	if end := g.CanvasEnd(); !g.EndsBy.IsZero() && (end.IsZero() || g.EndsBy.Before(end)) {
		return g.EndsWhy
	}
	return ByEnd
}

// NewGrant is the intent to make a token for an approved request: attempt 1,
// leased until now + MintLease. It is committed before Canvas is asked.
func NewGrant(id string, r Request, canvasUser string, end, now time.Time) Grant {
	return Grant{ID: id, Tenant: r.Tenant, RequestID: r.ID, Version: 1, State: Minting, Owner: r.Requester, Title: r.Title(),
		CanvasUser: canvasUser, Attempt: 1, LeaseUntil: now.Add(MintLease), Wanted: end, CreatedAt: now, UpdatedAt: now,
		Sponsor: r.Sponsor, Renews: r.Renews, Since: first(r.Since, now)}
}

func first(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}

// AdoptedGrant is the grant of a token that somebody made without the tool and
// whose request was approved. It is active at once: its value was known before.
func AdoptedGrant(id string, r Request, f Found, end, now time.Time) Grant {
	return Grant{ID: id, Tenant: r.Tenant, RequestID: r.ID, Version: 1, State: Active, Owner: r.Requester, Title: r.Title(),
		CanvasUser: f.CanvasUser, CanvasID: f.CanvasID, Hint: f.Hint, Attempt: 1, Wanted: end, Expires: end, CreatedAt: now, UpdatedAt: now,
		ActivatedAt: now, LastUsedAt: f.LastUsedAt, CheckedAt: now, Sponsor: r.Sponsor, Since: first(f.MadeAt, now), FoundID: f.ID}
}

// Renewable reports whether a renewal of g may be asked for at now: it is active
// within the renewal window of its end, and nothing has taken over from it yet.
// w are the windows of the policy of its request.
func (g Grant) Renewable(w policy.Windows, now time.Time) bool {
	return g.State == Active && g.RetireAt.IsZero() && g.EndsAt().After(now) && g.EndsAt().Sub(now) <= w.Renewal
}
