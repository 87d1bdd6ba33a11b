package ui

import (
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/text"
)

var catalogue = sync.OnceValues(func() (*text.Catalogue, error) { return text.New() })

func printer(t testing.TB, locale, zone string) *text.Printer {
	t.Helper()
	c, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c.For(locale, zone)
}

func TestReadDate(t *testing.T) {
	p := printer(t, "en", "")
	for name, tc := range map[string]struct{ typed, locale, day, other string }{
		"as a date field sends it":                      {"2026-12-05", "de", "2026-12-05", ""},
		"the year first with slashes":                   {"2026/12/05", "en", "2026-12-05", ""},
		"day, short month, year":                        {"12 Dec 2026", "en", "2026-12-12", ""},
		"day, whole month, year":                        {"3 april 2026", "en", "2026-04-03", ""},
		"American words":                                {"Dec 5, 2026", "en", "2026-12-05", ""},
		"words with hyphens":                            {"5-Dec-2026", "en", "2026-12-05", ""},
		"the same number twice":                         {"12/12/2026", "en", "2026-12-12", ""},
		"only one order gives a date":                   {"25/12/2026", "en-US", "2026-12-25", ""},
		"only the other order gives a date":             {"12/25/2026", "en-GB", "2026-12-25", ""},
		"the order of the United States":                {"3/4/2026", "en-US", "2026-03-04", ""},
		"the order of Britain":                          {"3/4/2026", "en-GB", "2026-04-03", ""},
		"the order of Germany":                          {"3.4.2026", "de", "2026-04-03", ""},
		"two readings, and the language does not tell":  {"3/4/2026", "en", "2026-04-03", "2026-03-04"},
		"two readings in Canada":                        {"3/4/2026", "en-CA", "2026-04-03", "2026-03-04"},
		"a leap day":                                    {"29/2/2028", "en", "2028-02-29", ""},
		"no leap day that year":                         {"29/2/2027", "en", "", ""},
		"the 31st of a short month":                     {"2026-11-31", "en", "", ""},
		"a year of two digits":                          {"12/12/26", "en", "", ""},
		"no year":                                       {"12 Dec", "en", "", ""},
		"words":                                         {"end of term", "en", "", ""},
		"a number that is too large":                    {"2026-99999999999999999999-01", "en", "", ""},
		"signs":                                         {"+2026-+1-+1", "en", "", ""},
		"nothing":                                       {"", "en", "", ""},
		"two letters of a month are not enough to tell": {"1 ju 2026", "en", "", ""},
	} {
		d := readDate(tc.typed, tc.locale, p)
		got, other := "", ""
		if !d.Day.IsZero() {
			got = d.Day.Format(time.DateOnly)
		}
		if !d.Other.IsZero() {
			other = d.Other.Format(time.DateOnly)
		}
		if got != tc.day || other != tc.other || d.Typed != tc.typed {
			t.Errorf("%s: readDate(%q, %q) = %q, %q; want %q, %q", name, tc.typed, tc.locale, got, other, tc.day, tc.other)
		}
		_, wrong := d.Problem("end", time.UTC)
		if want := tc.typed != "" && (tc.day == "" || tc.other != ""); wrong != want {
			t.Errorf("%s: to be corrected is %v, want %v", name, wrong, want)
		}
		if wrong && d.Iso() != "" {
			t.Errorf("%s: a date that has to be corrected is used", name)
		}
	}
}

func TestTypedDateEndsInThePersonsZone(t *testing.T) {
	denver, err := time.LoadLocation("America/Denver")
	if err != nil {
		t.Fatal(err)
	}
	got := readDate("2026-12-12", "en", printer(t, "en", "")).End(denver)
	if want := time.Date(2026, 12, 13, 6, 59, 59, 0, time.UTC); !got.Equal(want) {
		t.Errorf("end = %v, want %v", got, want)
	}
	if !(TypedDate{}).End(denver).IsZero() {
		t.Error("no date has an end")
	}
}

func FuzzReadDate(f *testing.F) {
	for _, s := range []string{"2026-12-12", "12 Dec 2026", "3/4/2026", "", "0000-00-00", "1.1.0001", "٣/٤/٢٠٢٦"} {
		f.Add(s, "en")
	}
	p := printer(f, "en", "")
	f.Fuzz(func(t *testing.T, s, locale string) {
		d := readDate(s, locale, p)
		if d.Typed != s {
			t.Fatalf("what was typed is lost: %q", d.Typed)
		}
		if iso := d.Iso(); iso != "" {
			again := readDate(iso, locale, p)
			if !again.Day.Equal(d.Day) || !again.Other.IsZero() {
				t.Fatalf("%q is %q, which is read as %v", s, iso, again)
			}
		}
	})
}
