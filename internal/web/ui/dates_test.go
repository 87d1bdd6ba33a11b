package ui

import (
	"testing"
	"time"
)

func TestTimesAreWrittenForThePerson(t *testing.T) {
	s := testShell(t)
	soon := time.Date(2026, 11, 22, 6, 59, 59, 0, time.UTC) // 23:59 in Denver
	for name, c := range map[string]struct{ got, want string }{
		"soon":       {string(s.WhenTag(soon, false)), `<time datetime="2026-11-22T06:59:59Z" title="21 Nov 2026, 23:59 MST">Sat 21 Nov, 23:59 MST</time>`},
		"bold":       {string(s.WhenTag(soon, true)), `<strong><time datetime="2026-11-22T06:59:59Z" title="21 Nov 2026, 23:59 MST">Sat 21 Nov, 23:59 MST</time></strong>`},
		"a date":     {string(s.DayTag(soon)), `<time datetime="2026-11-22T06:59:59Z" title="21 Nov 2026, 23:59 MST">21 Nov 2026</time>`},
		"a moment":   {string(s.MomentTag(soon)), `<time datetime="2026-11-22T06:59:59Z">21 Nov 2026, 23:59 MST</time>`},
		"now":        {s.age(s.Now), "just now"},
		"ahead":      {s.age(s.Now.Add(time.Hour)), "just now"},
		"a minute":   {s.age(s.Now.Add(-time.Minute)), "1 minute ago"},
		"minutes":    {s.age(s.Now.Add(-59 * time.Minute)), "59 minutes ago"},
		"hours":      {s.age(s.Now.Add(-47 * time.Hour)), "47 hours ago"},
		"days":       {s.age(s.Now.Add(-49 * time.Hour)), "2 days ago"},
		"the clock":  {s.Clock(soon), "23:59"},
		"the zone":   {s.ZoneName(), "Denver time"},
		"an input":   {s.IsoDate(soon), "2026-11-21"},
		"no date":    {s.IsoDate(time.Time{}), ""},
		"an ago tag": {string(s.AgoTag(s.Now.Add(-time.Minute))), `<time datetime="2026-11-21T21:04:00Z" title="21 Nov 2026, 14:04 MST">Sat 21 Nov, 14:04 MST</time> (1 minute ago)`},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, not %s", name, c.got, c.want)
		}
	}
	if n := s.DaysUntil(soon); n != 0 {
		t.Errorf("tonight is %d days away", n)
	}
	if n := s.DaysUntil(soon.Add(time.Second)); n != 1 {
		t.Errorf("midnight is %d days away", n)
	}
	for zone, want := range map[string]string{"": "UTC", "America/Argentina/Buenos_Aires": "Buenos Aires time", "nowhere": "UTC"} {
		s.P = printer(t, "en", zone)
		if got := s.ZoneName(); got != want {
			t.Errorf("%q is called %s", zone, got)
		}
	}
}
