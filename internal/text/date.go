package text

import (
	"fmt"
	"strings"
	"time"
)

// How near a moment must be for a weekday, or for its time, to be of help.
const (
	weekdayWithin = 14 * 24 * time.Hour
	timeWithin    = 48 * time.Hour
)

// Stamp is a moment for a page's <time> element.
type Stamp struct {
	Text    string // for people, as When writes it
	Machine string // for the datetime attribute: RFC 3339 in UTC
	Full    string // date, time and zone, for where Text leaves something out
}

// Stamp writes a moment three ways. The zero time gives the zero Stamp.
func (p *Printer) Stamp(t, now time.Time) Stamp {
	if t.IsZero() {
		return Stamp{}
	}
	return Stamp{Text: p.When(t, now), Machine: t.UTC().Format(time.RFC3339), Full: p.DateTime(t)}
}

// Date writes the day with its year, as in lists: "12 Dec 2026".
func (p *Printer) Date(t time.Time) string {
	t = t.In(p.zone)
	return p.T("date.full", "Day", fmt.Sprint(t.Day()), "Month", p.month(t), "Year", fmt.Sprint(t.Year()))
}

// ShortDate writes the day without its year, for a subject line about a day
// that is near: "5 Dec".
func (p *Printer) ShortDate(t time.Time) string {
	t = t.In(p.zone)
	return p.T("date.short", "Day", fmt.Sprint(t.Day()), "Month", p.month(t))
}

// DateTime writes day, time and zone: "12 Dec 2026, 14:06 MST".
func (p *Printer) DateTime(t time.Time) string { return p.withTime(p.Date(t), t) }

// When writes a moment as exactly as a person needs it: with weekday, time and
// zone when it is less than 48 hours from now (before or after), with the
// weekday when less than 14 days, and otherwise as Date does.
func (p *Printer) When(t, now time.Time) string {
	switch away := t.Sub(now).Abs(); {
	case away < timeWithin:
		return p.withTime(p.weekday(t), t)
	case away < weekdayWithin:
		return p.weekday(t)
	default:
		return p.Date(t)
	}
}

func (p *Printer) weekday(t time.Time) string {
	t = t.In(p.zone)
	return p.T("date.weekday", "Weekday", p.T(fmt.Sprintf("date.day.d%d", t.Weekday())),
		"Day", fmt.Sprint(t.Day()), "Month", p.month(t))
}

func (p *Printer) withTime(date string, t time.Time) string {
	t = t.In(p.zone)
	clock := p.T("date.time", "Hour", t.Format("15"), "Minute", t.Format("04"))
	zone := t.Format("MST")
	if strings.HasPrefix(zone, "+") || strings.HasPrefix(zone, "-") {
		zone = "UTC" + zone // a zone without a name of its own
	}
	return p.T("date.with_time", "Date", date, "Time", clock, "Zone", zone)
}

func (p *Printer) month(t time.Time) string { return p.T(fmt.Sprintf("date.month.m%d", t.Month())) }
