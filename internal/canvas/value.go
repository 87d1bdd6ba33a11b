package canvas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Canvas ids are 64-bit, local or global (shard × 10^13 + local), and may be
// written "shard~local". They are opaque strings here; numbers above 2^53 would
// not survive a float.
var (
	idForm     = regexp.MustCompile(`^[0-9]{1,20}(~[0-9]{1,19})?$`)
	numberForm = regexp.MustCompile(`^[0-9]{1,20}$`)
)

var errValue = errors.New("unexpected value")

// id decodes an id that is a string, a number or null.
type id string

func (i *id) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	if bytes.Equal(raw, []byte("null")) {
		*i = ""
		return nil
	}
	if numberForm.Match(raw) {
		*i = id(raw)
		return nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil || s != "" && !idForm.MatchString(s) {
		return errValue
	}
	*i = id(s)
	return nil
}

// moment decodes an ISO-8601 time or null.
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(raw []byte) error {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil {
		return errValue
	}
	if s == nil || *s == "" {
		m.Time = time.Time{}
		return nil
	}
	t, err := time.Parse(time.RFC3339, *s)
	if err != nil {
		return errValue
	}
	m.Time = t.UTC()
	return nil
}

// truth decodes true, "true", false, "false" and null (false): Canvas's
// documents show permissions as strings, its code renders booleans.
type truth bool

func (b *truth) UnmarshalJSON(raw []byte) error {
	switch string(bytes.TrimSpace(raw)) {
	case `true`, `"true"`:
		*b = true
	case `false`, `"false"`, `null`:
		*b = false
	default:
		return errValue
	}
	return nil
}

// shardSpan is how many local ids a shard has (doc/api/object_ids.md).
const shardSpan = 10_000_000_000_000

// SameID reports whether two Canvas ids can name the same object. A local id
// matches the global one of any shard with the same local part: Canvas answers
// with local ids for its own shard whichever form it was asked with.
func SameID(a, b string) bool {
	shardA, localA, okA := splitID(a)
	shardB, localB, okB := splitID(b)
	return okA && okB && localA == localB && (shardA == shardB || shardA == 0 || shardB == 0)
}

func splitID(s string) (shard, local uint64, ok bool) {
	if !idForm.MatchString(s) {
		return 0, 0, false
	}
	if before, after, short := strings.Cut(s, "~"); short {
		shard, err1 := strconv.ParseUint(before, 10, 64)
		local, err2 := strconv.ParseUint(after, 10, 64)
		return shard, local, err1 == nil && err2 == nil && local < shardSpan && shard > 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n / shardSpan, n % shardSpan, err == nil
}

// self is what Canvas takes for the credential's own user, and for the root
// account.
const self = "self"

// segment returns an id for use in a path, or an error when it is none. what
// names it in the error; the value itself, which anybody may have sent, does
// not appear.
func segment(op, what, value string) (string, *Error) {
	if value == self || idForm.MatchString(value) {
		return value, nil
	}
	return "", invalid(op, fmt.Sprintf("the %s id is not a Canvas id", what))
}

// numericID is segment for ids that must be the object's own number: the short
// form is written out, because Canvas reads five characters as a token's hint.
func numericID(op, what, value string) (string, *Error) {
	shard, local, ok := splitID(value)
	if !ok {
		return "", invalid(op, fmt.Sprintf("the %s id is not a Canvas id", what))
	}
	if strings.Contains(value, "~") {
		return strconv.FormatUint(shard*shardSpan+local, 10), nil
	}
	return value, nil
}

// prefixed returns an id of another system for use in a path. Dots are escaped
// too: Rails reads the rest as a format.
func prefixed(prefix, value string) string {
	return prefix + ":" + strings.ReplaceAll(url.PathEscape(value), ".", "%2E")
}
