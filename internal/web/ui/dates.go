package ui

import (
	"html/template"
	"strings"
	"time"
)

// Day is a moment of which the date with its year matters; a plain time.Time
// is written as exactly as a person needs it (text.Printer.When).
type Day time.Time

// Moment is a point in time written in full: date, time and zone.
type Moment time.Time

// Ago is a moment whose age matters: "3 minutes ago" beside the moment itself.
type Ago time.Time

// timeTag is the <time> element for t with the given words.
func timeTag(t time.Time, words, full string, bold bool) template.HTML {
	var b strings.Builder
	if bold {
		b.WriteString(`<strong>`)
	}
	b.WriteString(`<time datetime="` + t.UTC().Format(time.RFC3339) + `"`)
	if full != "" && full != words {
		b.WriteString(` title="` + template.HTMLEscapeString(full) + `"`)
	}
	b.WriteString(`>` + template.HTMLEscapeString(words) + `</time>`)
	if bold {
		b.WriteString(`</strong>`)
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped or ours
}

// WhenTag is a date as near as the reader needs it; the whole of it is its title.
func (s Shell) WhenTag(t time.Time, bold bool) template.HTML {
	st := s.P.Stamp(t, s.Now)
	return timeTag(t, st.Text, st.Full, bold)
}

// DayTag is a date without its hour.
func (s Shell) DayTag(t time.Time) template.HTML {
	return timeTag(t, s.P.Date(t), s.P.DateTime(t), false)
}

// MomentTag is a date with its hour and zone.
func (s Shell) MomentTag(t time.Time) template.HTML {
	full := s.P.DateTime(t)
	return timeTag(t, full, full, false)
}

// AgoTag is a date and how long ago it was.
func (s Shell) AgoTag(t time.Time) template.HTML {
	return s.H("ago.beside", "When", t, "Ago", Word(s.age(t)))
}

// age says how long ago t was, in the largest whole unit.
func (s Shell) age(t time.Time) string {
	switch d := s.Now.Sub(t); {
	case d < time.Minute:
		return s.T("ago.now")
	case d < time.Hour:
		return s.T("ago.minutes", "Count", int(d/time.Minute))
	case d < 48*time.Hour:
		return s.T("ago.hours", "Count", int(d/time.Hour))
	default:
		return s.T("ago.days", "Count", int(d/(24*time.Hour)))
	}
}

// Clock is the time of day with its zone, for "Draft saved 14:05".
func (s Shell) Clock(t time.Time) string {
	t = t.In(s.P.Zone())
	return s.T("date.time", "Hour", t.Format("15"), "Minute", t.Format("04"))
}

// ZoneName names the person's zone the way a person would: "Denver time".
func (s Shell) ZoneName() string {
	name := s.P.Zone().String()
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return s.T("when.zone_of", "City", strings.ReplaceAll(name[i+1:], "_", " "))
	}
	return name
}

// IsoDate is t's date in the person's zone, as date inputs want it.
func (s Shell) IsoDate(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(s.P.Zone()).Format(time.DateOnly)
}

// DaysUntil counts the calendar days from now to t in the person's zone.
func (s Shell) DaysUntil(t time.Time) int {
	date := func(t time.Time) time.Time {
		t = t.In(s.P.Zone())
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	}
	return int(date(t).Sub(date(s.Now)) / (24 * time.Hour))
}
