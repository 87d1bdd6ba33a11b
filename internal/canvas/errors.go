package canvas

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kind says what an error means for the caller.
type Kind string

// The closed list of kinds.
const (
	// NotFound: Canvas does not know the object, or hides it from us. By
	// itself it proves nothing; see Client.Gone.
	NotFound Kind = "not found"
	// Unauthenticated: Canvas does not accept our credential at all, or there
	// is none to send.
	Unauthenticated Kind = "not signed in"
	// Denied: the credential is good and may not do this.
	Denied Kind = "denied"
	// Throttled: refused for its rate, nothing was done.
	Throttled Kind = "throttled"
	// Invalid: the request itself was refused, by Canvas or before it was
	// sent. Sending it again gives the same answer.
	Invalid Kind = "refused"
	// Server: Canvas failed, or its answer could not be read.
	Server Kind = "failed"
	// Unreachable: no answer, and for a write proof that it was never sent.
	Unreachable Kind = "unreachable"
	// Unclear: a write that Canvas may or may not have done. Only a look at
	// Canvas can tell. Reads are never Unclear.
	Unclear Kind = "unclear"
	// Held: the caller's own gate did not let it go; nothing was sent, and it
	// tells nothing about Canvas. The gate's error is behind it.
	Held Kind = "held back"
)

// Kinds returns every Kind.
func Kinds() []Kind {
	return []Kind{NotFound, Unauthenticated, Denied, Throttled, Invalid, Server, Unreachable, Unclear, Held}
}

// Reason narrows a Kind down where somebody must do something about it.
type Reason string

// The reasons that Canvas names.
const (
	ReasonScopes            Reason = "scopes"             // Denied: the developer key or token lacks an API scope
	ReasonActAs             Reason = "act as"             // Denied: no such user to act as, or not for us
	ReasonUserAgent         Reason = "user agent"         // Invalid: Canvas wants another User-Agent
	ReasonCredentialExpired Reason = "credential expired" //nolint:gosec // Unauthenticated; a word about credentials, not one
	ReasonNotCanvas         Reason = "not Canvas"         // Server or Unclear: a page or a redirect, where Canvas's API answers with data
	ReasonCredentialRevoked Reason = "credential revoked" //nolint:gosec // Unauthenticated; a word about credentials, not one
)

// Error is every error of this package. Its text never holds the credential, a
// token's value or a whole answer of Canvas; Detail is what Canvas said,
// shortened and without control characters.
type Error struct {
	Op     string // what was tried, "create token"
	Status int    // HTTP status, 0 when there was no answer
	Kind   Kind
	Reason Reason // "" when Canvas named none that we know
	Detail []string

	mergedInto string // what Canvas told of a user who was merged
	// unauthorized: Canvas's own words for "signed in, and may not do this".
	unauthorized bool
	cause        error
}

// Error says what was tried, what it came to and what Canvas said.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("canvas: " + e.Op + ": " + string(e.Kind))
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if len(e.Detail) > 0 {
		b.WriteString(": " + strings.Join(e.Detail, "; "))
	}
	return b.String()
}

// Unwrap returns the network or context error behind e, if there is one.
func (e *Error) Unwrap() error { return e.cause }

// Temporary reports whether the same call may succeed later without anybody
// changing anything. An Unclear write is not temporary: look first.
func (e *Error) Temporary() bool {
	return slices.Contains([]Kind{Throttled, Server, Unreachable}, e.Kind)
}

// KindOf returns the kind of an error of this package, or "" for any other.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

var daysLimit = regexp.MustCompile(`(?i)\b(\d{1,5})\s+days?\b`)

// CapFrom reads the longest life, in days, out of a refusal of a longer one:
// Canvas says "Expiration date cannot be more than 120 days in the future"
// (tokens_controller.rb). ok is false for every other error.
func CapFrom(err error) (maxDays int, ok bool) {
	e, isOurs := errors.AsType[*Error](err)
	if !isOurs || e.Kind != Invalid || e.Status == 0 {
		return 0, false
	}
	for _, d := range e.Detail {
		lower := strings.ToLower(d)
		if !strings.Contains(lower, "expir") {
			continue
		}
		if !strings.Contains(lower, "more than") && !strings.Contains(lower, "exceed") && !strings.Contains(lower, "within") && !strings.Contains(lower, "max") {
			continue
		}
		m := daysLimit.FindStringSubmatch(d)
		if m == nil {
			continue
		}
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 {
			return n, true
		}
	}
	return 0, false
}

// invalid is a refusal before anything was sent.
func invalid(op, detail string) *Error {
	return &Error{Op: op, Kind: Invalid, Detail: []string{detail}}
}

// HasReason reports whether err is an error of this package with this reason.
func HasReason(err error, r Reason) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Reason == r
}
