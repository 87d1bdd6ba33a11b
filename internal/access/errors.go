package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The four kinds of refusal. Everything the core refuses matches exactly one of
// them with errors.Is; whoever answers a person chooses words by kind.
var (
	// ErrNotFound: no such object, or not one this actor may know of.
	ErrNotFound = errors.New("not found")
	// ErrNotAllowed: the move exists, but not for this actor or not now.
	ErrNotAllowed = errors.New("not allowed")
	// ErrConflict: the lifecycle has no such move from the present state, or
	// somebody else was quicker.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: what was typed needs a correction.
	ErrInvalid = errors.New("invalid")
)

// ErrUnavailable is no refusal: what the program keeps cannot be reached just
// now. Whether the last change was kept may be unknown; in a minute the same may
// succeed, and doing it again is safe.
var ErrUnavailable = errors.New("database unavailable")

// Refusal is an ErrNotAllowed with the reason a person is told.
type Refusal struct{ Why Why }

// Why names the reason of a Refusal. Pages and audit rows use it as a key.
type Why string

// The closed list of reasons.
const (
	WhyNotYours        Why = "not_yours"        // another person's part
	WhySelf            Why = "self"             // requester deciding on their own request
	WhySponsorDecides  Why = "sponsor_decides"  // sponsor deciding on what they sponsor
	WhyStale           Why = "stale"            // launch older than Freshness
	WhyActing          Why = "acting"           // acting as somebody else
	WhyUnknownActing   Why = "unknown_acting"   // cannot tell whether somebody acts for this person
	WhyTestStudent     Why = "test_student"     // Canvas's test student
	WhyRole            Why = "role"             // affiliation none, or refused by policy
	WhyAccountRole     Why = "account_role"     // holds an account role in Canvas
	WhyQuotaOpen       Why = "quota_open"       // too many open requests
	WhyQuotaLive       Why = "quota_live"       // too many live tokens
	WhyDrafts          Why = "drafts"           // too many drafts
	WhyBegun           Why = "begun"            // MaxBegun requests begun in PaceWindow
	WhyBusy            Why = "busy"             // as many checks of Canvas as one person may cause
	WhyNotTeaching     Why = "not_teaching"     // sponsor does not teach the requester now
	WhyNotEnrolled     Why = "not_enrolled"     // requester left the course
	WhyNotReviewer     Why = "not_reviewer"     // Canvas does not confirm the reviewer's right
	WhyCanvas          Why = "canvas"           // Canvas could not be asked
	WhyIdentity        Why = "identity"         // Canvas does not confirm who this is
	WhyReplaceUsed     Why = "replace_used"     // the one replacement was used
	WhyReplaceLate     Why = "replace_late"     // its policy's window since it was shown is over
	WhyNoListing       Why = "no_listing"       // Canvas does not let us list tokens, so none is made
	WhyOver            Why = "over"             // the approved time has passed
	WhySponsorChanged  Why = "sponsor_changed"  // something the sponsor agreed to no longer holds
	WhyWrongDoor       Why = "wrong_door"       // opened from a place in Canvas that does not carry this right
	WhyTenantSuspended Why = "tenant_suspended" // this Canvas is switched off in the tool
	WhyOtherPerson     Why = "other_person"     // somebody else holds the claim
	WhySecondPerson    Why = "second_person"    // this takes two people, and this one has had their say
	WhyIncident        Why = "incident"         // a leak was reported and is not cleared yet
	WhyNotRenewable    Why = "not_renewable"    // too early, too late, or renewed already
	WhyRenewedEnded    Why = "renewed_ended"    // the token that a request renews was ended for cause
	WhyTotalLife       Why = "total_life"       // the longest life of a token and its renewals is used up
	WhyNoFreeze        Why = "no_freeze"        // this Canvas does not let the tool freeze
	WhyNeedsLaunch     Why = "needs_launch"     // done only by somebody in Canvas, by no key and no command
)

var whys = []Why{
	WhyNotYours, WhySelf, WhySponsorDecides, WhyStale, WhyActing, WhyUnknownActing, WhyTestStudent, WhyRole,
	WhyAccountRole, WhyQuotaOpen, WhyQuotaLive, WhyDrafts, WhyBegun, WhyBusy, WhyNotTeaching, WhyNotEnrolled,
	WhyNotReviewer, WhyCanvas, WhyIdentity, WhyReplaceUsed, WhyReplaceLate, WhyNoListing, WhyOver,
	WhySponsorChanged, WhyWrongDoor, WhyTenantSuspended, WhyOtherPerson, WhySecondPerson, WhyIncident,
	WhyNotRenewable, WhyRenewedEnded, WhyTotalLife, WhyNoFreeze, WhyNeedsLaunch,
}

// Whys returns every reason.
func Whys() []Why { return slices.Clone(whys) }

// Refuse makes a Refusal.
func Refuse(w Why) error { return &Refusal{Why: w} }

func (e *Refusal) Error() string { return "not allowed: " + string(e.Why) }

// Is makes every Refusal match ErrNotAllowed.
func (e *Refusal) Is(target error) bool { return target == ErrNotAllowed }

// WhyOf returns the reason in err, or "" if it carries none.
func WhyOf(err error) Why {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Why
	}
	return ""
}

// TransitionError reports a move that the lifecycle table does not contain,
// most often because somebody else was quicker.
type TransitionError struct {
	From   string
	Action Action
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("cannot %s what is %s", e.Action, e.From)
}

// Is makes every TransitionError match ErrConflict.
func (e *TransitionError) Is(target error) bool { return target == ErrConflict }

// FieldError is one thing to correct. Code is a message key of the page, Args
// its values; the sentence says what to do.
type FieldError struct {
	Field string
	Code  string
	Args  map[string]any
}

// FormError lists everything to correct in one form, in the form's order.
type FormError struct{ Fields []FieldError }

func (e *FormError) Error() string {
	codes := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		codes[i] = f.Field + ":" + f.Code
	}
	return "invalid: " + strings.Join(codes, ", ")
}

// Is makes every FormError match ErrInvalid.
func (e *FormError) Is(target error) bool { return target == ErrInvalid }

// Add appends one correction.
func (e *FormError) Add(field, code string, args map[string]any) {
	e.Fields = append(e.Fields, FieldError{Field: field, Code: code, Args: args})
}

// Err returns e, or nil when nothing needs a correction.
func (e *FormError) Err() error {
	if e == nil || len(e.Fields) == 0 {
		return nil
	}
	return e
}
