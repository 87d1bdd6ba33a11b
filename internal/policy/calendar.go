package policy

import (
	"slices"
	"time"
)

// Calendar says which days are business days.
type Calendar struct {
	WorkDays []time.Weekday // in the order of the week from Monday, at least one
	Holidays []Date         // days off besides, in order
}

// Date is a day of a calendar, written 2026-12-25.
type Date string

// BusinessDay reports whether people work on t's date in t's location. The zero
// Calendar has no day off: a target is never put off for ever.
func (c Calendar) BusinessDay(t time.Time) bool {
	if len(c.WorkDays) > 0 && !slices.Contains(c.WorkDays, t.Weekday()) {
		return false
	}
	_, off := slices.BinarySearch(c.Holidays, Date(t.Format(time.DateOnly)))
	return !off
}

// After returns the moment n business days after from, at the same time of day
// in loc.
func (c Calendar) After(from time.Time, n int, loc *time.Location) time.Time {
	t := from.In(loc)
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if c.BusinessDay(t) {
			n--
		}
	}
	return t
}

// Between counts business days begun since from: 1 on the first day.
func (c Calendar) Between(from, to time.Time, loc *time.Location) int {
	a, b := from.In(loc), to.In(loc)
	n := 1
	for d := a.AddDate(0, 0, 1); !d.After(b); d = d.AddDate(0, 0, 1) {
		if c.BusinessDay(d) {
			n++
		}
	}
	return n
}

// LastDate is the last calendar date, in loc, whose end (23:59:59) is not after
// limit. EndOfDate turns a chosen date into the moment it ends.
func LastDate(limit time.Time, loc *time.Location) time.Time {
	l := limit.In(loc)
	d := time.Date(l.Year(), l.Month(), l.Day(), 0, 0, 0, 0, loc)
	if EndOfDate(d).After(limit) {
		d = d.AddDate(0, 0, -1)
	}
	return d
}

// EndOfDate is the last second of d's calendar date in d's location.
func EndOfDate(d time.Time) time.Time {
	return time.Date(d.Year(), d.Month(), d.Day(), 23, 59, 59, 0, d.Location())
}
