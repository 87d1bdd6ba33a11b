// Package secret keeps values that must not be seen: Text masks itself
// wherever a program prints, logs or encodes it, and Box seals bytes for
// storage with a key of the operator's.
package secret

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// mask is what every printed, logged or encoded Text shows, whatever it holds.
const mask = "[secret]"

// Text is a string that shows itself only through Reveal. Every other way out
// (fmt with any verb, slog, encoding/json, encoding/xml, templates) shows a
// fixed mask, so neither the value nor its length can slip into a log, an
// error or an answer. It cannot be decoded from text or JSON and cannot be
// handed to a database. The zero Text holds nothing.
//
// Text has no meaningful ==: compare what Reveal returns, in constant time
// where the other side can guess.
type Text struct {
	// A pointer and not a string: fmt cannot call methods of a value in
	// somebody's unexported field, and then prints what it finds. It does not
	// follow a pointer below the top level.
	v *string
}

// New wraps v. New("") is the zero Text.
func New(v string) Text {
	if v == "" {
		return Text{}
	}
	return Text{v: &v}
}

// Reveal returns the value. It is the only way to it: whoever reads the code
// finds every use by searching for this name.
func (t Text) Reveal() string {
	if t.v == nil {
		return ""
	}
	return *t.v
}

// IsZero reports whether t holds nothing.
func (t Text) IsZero() bool { return t.v == nil }

// String returns the mask.
func (t Text) String() string { return mask }

// GoString returns the mask.
func (t Text) GoString() string { return mask }

// Format writes the mask for every verb and flag.
func (t Text) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, mask) }

// LogValue returns the mask.
func (t Text) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalText returns the mask.
func (t Text) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON returns the mask as a JSON string.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

var (
	errDecode = errors.New("secret: a secret is made with New, not decoded")
	errStore  = errors.New("secret: a secret cannot be stored; seal it with a Box")
)

// UnmarshalText refuses: a decoder that fills secrets would keep copies of
// them where nothing masks them.
func (t *Text) UnmarshalText([]byte) error { return errDecode }

// UnmarshalJSON refuses, as UnmarshalText does.
func (t *Text) UnmarshalJSON([]byte) error { return errDecode }

// Value refuses: it keeps a Text out of every SQL statement.
func (t Text) Value() (driver.Value, error) { return nil, errStore }
