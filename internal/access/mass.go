package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// Mass is a mass revocation: a plan over the grants that a filter selects, and
// how far it has come.
type Mass struct {
	ID      string // mas_…
	Tenant  TenantID
	Version int
	State   MassState
	Filter  MassFilter // zero where the tokens were chosen one by one
	Reason  string
	By      string // per_…, or "operator:<os user>"

	PlannedAt time.Time
	StartedAt time.Time
	EndedAt   time.Time
	Tokens    int // planned
	People    int // whose tokens they are
	// Estimate is how long the deletions take at least, while nothing else is asked
	// of Canvas; Longest, while much is.
	Estimate time.Duration
}

// Longest is how long the deletions were expected to take while other tokens are
// watched and people work: these share what Canvas lets through, and have been
// seen to take as much as the deletions themselves.
func (m Mass) Longest() time.Duration { return 2 * m.Estimate }

// Picked reports whether its tokens were chosen one by one.
func (m Mass) Picked() bool { return m.Filter == MassFilter{} }

// MassItem is one token of a mass revocation.
type MassItem struct {
	Mass, Grant string
	State       MassItemState
	Trouble     string // what stands in the way of its deletion, a message key; empty when nothing does
	Tries       int    // deletions tried in vain
	NextTry     time.Time
	Proof       string // what Canvas said that proves it gone
	EndedAt     time.Time
}

// MassItemState is where one token of a mass revocation stands.
type MassItemState string

// The states of an item.
const (
	MassWaiting     MassItemState = "waiting"      // its grant is still as it was
	MassEnding      MassItemState = "ending"       // its grant is Revoking; it may still work
	MassGone        MassItemState = "gone"         // proven gone
	MassEndedBefore MassItemState = "ended_before" // somebody else ended its grant before its turn came
)

// MassTargets are the states of grants that a mass revocation ends: every live
// one that is not being ended already.
var MassTargets = []GrantState{Minting, Recovering, HandedOver, Active, Freezing, Frozen, Replacing}

// MassState is where a mass revocation stands.
type MassState string

// The states.
const (
	MassPlanned MassState = "planned"
	MassRunning MassState = "running"
	MassDone    MassState = "done" // every token of it is proven gone
)

// MassFilter selects live grants. Fields left zero do not select; the zero
// filter selects nothing unless All is set.
type MassFilter struct {
	Role         policy.Affiliation // role
	Course       string             // course: Canvas id
	Sponsor      string             // sponsor: Canvas user id
	Vendor       string             // vendor: part of the maker's name
	AI           string             // ai: yes or no
	IssuedBefore time.Time          // issued-before: a date; the token was made before that day begins, in UTC
	IdleDays     int                // idle-days: not used for so many days
	Owner        string             // owner: Canvas user id
	All          bool               // all=yes
}

// massKeys are the words of the filter's grammar (docs/decisions.md 31), in the order
// in which String writes them.
var massKeys = []string{"role", "course", "sponsor", "vendor", "ai", "issued-before", "idle-days", "owner", "all"}

// ParseMassFilter reads "key=value" pairs joined by commas. It refuses, with a
// plain sentence, an unknown key, a key given twice, a value that the key does
// not take, all=yes beside other keys, and a filter that selects nothing.
func ParseMassFilter(s string) (MassFilter, error) {
	var f MassFilter
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(s, ",") {
		key, v, ok := strings.Cut(pair, "=")
		key, v = strings.TrimSpace(key), strings.TrimSpace(v)
		if !ok || v == "" {
			return MassFilter{}, massError("%q is not key=value", pair)
		}
		if !slices.Contains(massKeys, key) {
			return MassFilter{}, massError("%q is no key of a filter; the keys are %s", key, strings.Join(massKeys, ", "))
		}
		if seen[key] {
			return MassFilter{}, massError("%q is given twice", key)
		}
		seen[key] = true
		if err := f.set(key, v); err != nil {
			return MassFilter{}, err
		}
	}
	if f.All && len(seen) > 1 {
		return MassFilter{}, massError("all=yes stands alone")
	}
	return f, nil
}

func (f *MassFilter) set(key, v string) error {
	number := func(most int) (int, error) {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > most {
			return 0, massError("%s takes a number from 1 to %d, not %q", key, most, v)
		}
		return n, nil
	}
	id := func(into *string) error {
		if len(v) > 19 || strings.Trim(v, "0123456789") != "" {
			return massError("%s takes a Canvas id (a number), not %q", key, v)
		}
		*into = v
		return nil
	}
	var err error
	switch key {
	case "role":
		if f.Role = policy.Affiliation(v); !slices.Contains(policy.Affiliations, f.Role) {
			return massError("role takes student, faculty or staff, not %q", v)
		}
	case "course":
		return id(&f.Course)
	case "sponsor":
		return id(&f.Sponsor)
	case "owner":
		return id(&f.Owner)
	case "vendor":
		if f.Vendor = v; len(v) > MaxShort {
			return massError("vendor is too long")
		}
	case "ai":
		if f.AI = v; !slices.Contains(AIUses, v) {
			return massError("ai takes yes or no, not %q", v)
		}
	case "issued-before":
		if f.IssuedBefore, err = time.Parse(time.DateOnly, v); err != nil {
			return massError("issued-before takes a date like 2026-11-30, not %q", v)
		}
	case "idle-days":
		f.IdleDays, err = number(3650)
		return err
	case "all":
		if f.All = v == "yes"; !f.All {
			return massError("all takes yes, not %q", v)
		}
	}
	return nil
}

// String writes the filter in the grammar that ParseMassFilter reads.
func (f MassFilter) String() string {
	var out []string
	put := func(key, v string) {
		if v != "" {
			out = append(out, key+"="+v)
		}
	}
	put("role", string(f.Role))
	put("course", f.Course)
	put("sponsor", f.Sponsor)
	put("vendor", f.Vendor)
	put("ai", f.AI)
	if !f.IssuedBefore.IsZero() {
		put("issued-before", f.IssuedBefore.Format(time.DateOnly))
	}
	if f.IdleDays > 0 {
		put("idle-days", strconv.Itoa(f.IdleDays))
	}
	put("owner", f.Owner)
	if f.All {
		put("all", "yes")
	}
	return strings.Join(out, ",")
}

// massFilterError is an ErrInvalid in words for an operator.
type massFilterError struct{ text string }

func massError(format string, args ...any) error {
	return &massFilterError{fmt.Sprintf(format, args...)}
}

func (e *massFilterError) Error() string { return e.text }

// Is makes it match ErrInvalid.
func (e *massFilterError) Is(target error) bool { return target == ErrInvalid }
