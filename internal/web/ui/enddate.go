package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/text"
)

// The codes of what can be wrong with a date as such; what is wrong with its
// value is the core's to say.
const (
	CodeUnreadable = "end.unreadable"
	CodeAmbiguous  = "end.ambiguous"
)

// TypedDate is what somebody wrote where a date was asked for.
type TypedDate struct {
	// Day is the date at midnight UTC; zero when it was empty or cannot be told.
	Day time.Time
	// Other is the second reading of a date that has two ("3/4/2026").
	Other time.Time
	Typed string
}

// Iso is the date as the core takes it, or "".
func (d TypedDate) Iso() string {
	if d.Day.IsZero() || !d.Other.IsZero() {
		return ""
	}
	return d.Day.Format(time.DateOnly)
}

// End is the last second of the date in a zone, or zero.
func (d TypedDate) End(zone *time.Location) time.Time {
	if d.Iso() == "" {
		return time.Time{}
	}
	return policy.EndOfDate(midnight(d.Day, zone))
}

func midnight(d time.Time, zone *time.Location) time.Time {
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, zone)
}

// Problem is what to correct, if anything was typed that cannot be told.
func (d TypedDate) Problem(field string, zone *time.Location) (access.FieldError, bool) {
	switch {
	case d.Typed == "" || d.Iso() != "":
		return access.FieldError{}, false
	case !d.Other.IsZero():
		return access.FieldError{Field: field, Code: CodeAmbiguous, Args: map[string]any{
			"First": midnight(d.Day, zone), "Second": midnight(d.Other, zone),
		}}, true
	}
	return access.FieldError{Field: field, Code: CodeUnreadable}, true
}

// readDate reads a date as a browser's date field sends it (2026-12-12) or as
// people write it: 12 Dec 2026, Dec 12, 2026, 12/12/2026. Numbers are read in
// the order of the locale where that is known; where it is not, and both orders
// give a date, both readings are returned so that the page can ask.
func readDate(typed, locale string, p *text.Printer) TypedDate {
	d := TypedDate{Typed: typed}
	parts := strings.FieldsFunc(typed, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("/.-,", r) })
	if len(parts) != 3 || len(typed) > 40 {
		return d
	}
	if m, ok := monthName(parts[1], p); ok { // 12 Dec 2026
		d.Day = calendar(parts[2], m, parts[0])
		return d
	}
	if m, ok := monthName(parts[0], p); ok { // Dec 12, 2026
		d.Day = calendar(parts[2], m, parts[1])
		return d
	}
	if len(parts[0]) == 4 { // 2026-12-12
		d.Day = calendar(parts[0], number(parts[1]), parts[2])
		return d
	}
	dayFirst, monthFirst := calendar(parts[2], number(parts[1]), parts[0]), calendar(parts[2], number(parts[0]), parts[1])
	switch order := dateOrder(locale); {
	case dayFirst.IsZero(), dayFirst.Equal(monthFirst):
		d.Day = monthFirst
	case monthFirst.IsZero(), order == orderDay:
		d.Day = dayFirst
	case order == orderMonth:
		d.Day = monthFirst
	default:
		d.Day, d.Other = dayFirst, monthFirst
	}
	return d
}

// calendar is a date at midnight UTC, or zero where there is no such one.
func calendar(year string, month int, dayOfMonth string) time.Time {
	y, d := number(year), number(dayOfMonth)
	if len(year) != 4 || y < 1 || month < 1 || month > 12 || d < 1 {
		return time.Time{}
	}
	t := time.Date(y, time.Month(month), d, 0, 0, 0, 0, time.UTC)
	if t.Day() != d {
		return time.Time{}
	}
	return t
}

// number reads a short number of plain digits; everything else is -1.
func number(s string) int {
	if len(s) > 4 || strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) >= 0 {
		return -1
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// monthName finds a month by its English name, or the first letters of it from
// three on, or by its name in the person's language.
func monthName(s string, p *text.Printer) (int, bool) {
	s = strings.ToLower(s)
	for m := time.January; m <= time.December; m++ {
		if len(s) >= 3 && strings.HasPrefix(strings.ToLower(m.String()), s) {
			return int(m), true
		}
		local := strings.ToLower(strings.TrimSuffix(p.T(fmt.Sprintf("date.month.m%d", m)), "."))
		if local != "" && s == local {
			return int(m), true
		}
	}
	return 0, false
}

type order int

const (
	orderUnknown order = iota
	orderDay
	orderMonth
)

// dateOrder is the order of numbers in a date that ends in the year. Canvas's
// plain "en" says nothing about the country, Canada writes both, and languages
// that put the year first have no habit here: for them a date with two readings
// is asked about.
func dateOrder(locale string) order {
	tag := strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
	switch tag {
	case "en-us":
		return orderMonth
	case "", "en", "en-ca", "fr-ca":
		return orderUnknown
	}
	lang, _, _ := strings.Cut(tag, "-")
	switch lang {
	case "ja", "ko", "zh", "hu":
		return orderUnknown
	}
	return orderDay
}
