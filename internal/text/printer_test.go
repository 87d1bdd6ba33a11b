package text

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestForChoosesTheLanguage(t *testing.T) {
	one := `x = "y"`
	c := mustNew(t, folder(map[string]string{
		"en/a.toml": one, "en-GB/a.toml": one, "es/a.toml": one, "pt-BR/a.toml": one, "da/a.toml": one, "ar/a.toml": one, "zh-Hant/a.toml": one,
	}))
	for name, tc := range map[string]struct{ locale, want string }{
		"an exact language":                        {"es", "es"},
		"an exact language with region":            {"pt-BR", "pt-BR"},
		"another case":                             {"PT-br", "pt-BR"},
		"an underscore":                            {"pt_BR", "pt-BR"},
		"a school variant falls to its language":   {"da-x-k12", "da"},
		"a region falls to its language":           {"es-ES", "es"},
		"Australian English falls to British":      {"en-AU", "en-GB"},
		"Canadian English falls to British":        {"en-CA", "en-GB"},
		"American English falls to English":        {"en-US", "en"},
		"Portuguese does not become Brazilian":     {"pt", "en"},
		"another Portuguese neither":               {"pt-PT", "en"},
		"a script stays":                           {"zh-Hant-TW", "zh-Hant"},
		"another script is another language":       {"zh-Hans", "en"},
		"a language that is not there":             {"ja", "en"},
		"nothing":                                  {"", "en"},
		"a claim that Canvas left unexpanded":      {"$Message.locale", "en"},
		"a text that is too long to be a language": {strings.Repeat("es-", 4000), "en"},
		"a path": {"../es", "en"},
	} {
		if got := c.For(tc.locale, "").Lang(); got != tc.want {
			t.Errorf("%s: For(%.20q) speaks %s, want %s", name, tc.locale, got, tc.want)
		}
	}
	for lang, dir := range map[string]string{"ar": "rtl", "es": "ltr", "en": "ltr"} {
		if got := c.For(lang, "").Dir(); got != dir {
			t.Errorf("%s is written %s, want %s", lang, got, dir)
		}
	}
}

func TestForChoosesTheZone(t *testing.T) {
	c := mustNew(t)
	for name, tc := range map[string]struct{ zone, want string }{
		"a zone by its name":           {"America/Denver", "America/Denver"},
		"nothing":                      {"", "UTC"},
		"the machine's zone":           {"Local", "UTC"},
		"a path":                       {"../../etc/passwd", "UTC"},
		"a name that is not a zone":    {"Mountain Time (US & Canada)", "UTC"},
		"a variable left as it stands": {"$Person.address.timezone", "UTC"},
	} {
		if got := c.For("en", tc.zone).Zone().String(); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestT(t *testing.T) {
	c := mustNew(t, folder(map[string]string{"en/a.toml": `
hello = "Hello {{.Name}}"
twice = "{{.Name}} and {{.Name}}"
[tokens]
one = "{{.Count}} token"
other = "{{.Count}} tokens"
`}))
	p := c.For("en", "America/Denver")
	type kind string
	for name, tc := range map[string]struct {
		id   string
		args []any
		want string
	}{
		"names and values":                  {"hello", []any{"Name", "Maya"}, "Hello Maya"},
		"a map":                             {"hello", []any{map[string]any{"Name": "Maya"}}, "Hello Maya"},
		"a value of a named string type":    {"hello", []any{"Name", kind("Maya")}, "Hello Maya"},
		"a value with a placeholder in it":  {"hello", []any{"Name", "{{.Count}}"}, "Hello {{.Count}}"},
		"a value with markup is left alone": {"hello", []any{"Name", "<b>"}, "Hello <b>"},
		"one placeholder used twice":        {"twice", []any{"Name", "a"}, "a and a"},
		"one":                               {"tokens", []any{"Count", 1}, "1 token"},
		"none":                              {"tokens", []any{"Count", 0}, "0 tokens"},
		"many":                              {"tokens", []any{"Count", int64(12345)}, "12,345 tokens"},
		"a count for a message without":     {"hello", []any{"Name", "Maya", "Count", 1}, "Hello Maya"},
		"an unsigned count":                 {"tokens", []any{"Count", uint(1)}, "1 token"},
	} {
		if got := p.T(tc.id, tc.args...); got != tc.want {
			t.Errorf("%s: T(%s, %v) = %q, want %q", name, tc.id, tc.args, got, tc.want)
		}
	}
	if missing := c.Missing(); len(missing) > 0 {
		t.Errorf("nothing was missing, but: %q", missing)
	}
}

func TestTNotesWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		id    string
		args  []any
		want  string
		noted string
	}{
		"an unknown id":             {"nowhere", nil, "nowhere", "no message nowhere"},
		"a value not given":         {"hello", nil, "Hello …", "message hello: nothing given for {{.Name}}"},
		"a name without a value":    {"hello", []any{"Name"}, "Hello …", "message hello: a name without a value in 1 arguments"},
		"a name that is no text":    {"hello", []any{5, "Maya"}, "Hello …", "message hello: the name of argument 1 is a int"},
		"a count that is no number": {"tokens", []any{"Count", "many"}, "many tokens", "message tokens in en"},
	} {
		c := mustNew(t, folder(map[string]string{"en/a.toml": "hello = \"Hello {{.Name}}\"\n[tokens]\none = \"{{.Count}} token\"\nother = \"{{.Count}} tokens\""}))
		if got := c.For("en", "").T(tc.id, tc.args...); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if !slices.ContainsFunc(c.Missing(), func(s string) bool { return strings.HasPrefix(s, tc.noted) }) {
			t.Errorf("%s: noted %q, want %q", name, c.Missing(), tc.noted)
		}
	}
}

func TestPartsCutsAtPlaceholders(t *testing.T) {
	c := mustNew(t, folder(map[string]string{"en/a.toml": `x = "With {{.Name}} since {{.Date}}."`}))
	got := c.For("en", "").Parts("x", "Name", "Ana", "Date", "18 Nov")
	want := []Part{{Text: "With "}, {Text: "Ana", Arg: "Name"}, {Text: " since "}, {Text: "18 Nov", Arg: "Date"}, {Text: "."}}
	if !slices.Equal(got, want) {
		t.Errorf("Parts = %q, want %q", got, want)
	}
}

func TestHas(t *testing.T) {
	p := mustNew(t).For("es", "")
	if !p.Has("date.full") || p.Has("date.fuller") {
		t.Errorf("Has: date.full %v, date.fuller %v", p.Has("date.full"), p.Has("date.fuller"))
	}
}

func TestMissingIsBounded(t *testing.T) {
	c := mustNew(t)
	p := c.For("en", "")
	for i := range 2 * missingMax {
		p.T("nowhere." + strings.Repeat("x", i))
	}
	if got := len(c.Missing()); got != missingMax {
		t.Errorf("%d notes are kept, want %d", got, missingMax)
	}
}

// Many people's pages are written at once, each in a language and zone of their
// own: what each reads is what it would be alone, and no note is lost.
func TestPrinterIsSafeForConcurrentUse(t *testing.T) {
	readers := []struct{ locale, zone string }{
		{"en", "America/Denver"}, {"en-XA", "Asia/Kolkata"}, {"ar-XB", "Europe/Berlin"}, {"xx", "America/Denver"},
		{"en", "Asia/Kolkata"}, {"en-XA", "America/Denver"}, {"ar-XB", ""}, {"xx", "Europe/Berlin"},
	}
	const rounds = 50
	write := func(c *Catalogue, reader, n int) string {
		p := c.For(readers[reader].locale, readers[reader].zone)
		return strings.Join([]string{
			p.When(time.Unix(int64(n)*1e6, 0), time.Unix(0, 0)), p.T(fmt.Sprintf("nowhere.%d_%d", reader, n), "Count", n),
			p.T("mail.waiting", "Count", n), p.Number(int64(n) * 1000),
		}, " | ")
	}
	var alone [8][rounds]string
	c := mustNew(t, WithPseudo())
	for i := range readers {
		for n := range rounds {
			alone[i][n] = write(c, i, n)
		}
	}
	notes := c.Missing()
	if len(notes) != len(readers)*rounds {
		t.Fatalf("%d notes were made of %d messages that do not exist", len(notes), len(readers)*rounds)
	}

	c = mustNew(t, WithPseudo())
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			for n := range rounds {
				if got := write(c, i, n); got != alone[i][n] {
					t.Errorf("beside others, reader %d reads %q, not %q", i, got, alone[i][n])
				}
				if !slices.Contains(c.Missing(), fmt.Sprintf("no message nowhere.%d_%d", i, n)) {
					t.Errorf("the note of reader %d's message %d is lost", i, n)
				}
			}
		})
	}
	wg.Wait()
	if got := c.Missing(); !slices.Equal(got, notes) {
		t.Errorf("%d notes were made by readers beside one another, %d by the same one after another", len(got), len(notes))
	}
}

func TestDates(t *testing.T) {
	c := mustNew(t)
	denver, utc := c.For("en", "America/Denver"), c.For("en", "")
	kolkata, caracas := c.For("en", "Asia/Kolkata"), c.For("en", "America/Caracas")
	now := time.Date(2026, 11, 27, 21, 6, 0, 0, time.UTC)
	for name, tc := range map[string]struct{ got, want string }{
		"a date":                                {denver.Date(now), "27 Nov 2026"},
		"a date is that of the person's zone":   {kolkata.Date(now), "28 Nov 2026"},
		"a short date":                          {denver.ShortDate(now), "27 Nov"},
		"a date with time":                      {denver.DateTime(now), "27 Nov 2026, 14:06 MST"},
		"a date with time in UTC":               {utc.DateTime(now), "27 Nov 2026, 21:06 UTC"},
		"a zone without a name":                 {caracas.DateTime(now), "27 Nov 2026, 17:06 UTC-04"},
		"now":                                   {denver.When(now, now), "Fri 27 Nov, 14:06 MST"},
		"just under 48 hours away":              {denver.When(now.Add(48*time.Hour-time.Second), now), "Sun 29 Nov, 14:05 MST"},
		"48 hours away":                         {denver.When(now.Add(48*time.Hour), now), "Sun 29 Nov"},
		"less than 48 hours ago":                {denver.When(now.Add(-47*time.Hour), now), "Wed 25 Nov, 15:06 MST"},
		"just under 14 days away":               {denver.When(now.Add(14*24*time.Hour-time.Second), now), "Fri 11 Dec"},
		"14 days away":                          {denver.When(now.Add(14*24*time.Hour), now), "11 Dec 2026"},
		"10 days ago":                           {denver.When(now.Add(-10*24*time.Hour), now), "Tue 17 Nov"},
		"summer time":                           {denver.DateTime(now.AddDate(0, 7, 0)), "27 Jun 2027, 15:06 MDT"},
		"a stamp for people":                    {denver.Stamp(now, now).Text, "Fri 27 Nov, 14:06 MST"},
		"a stamp for machines":                  {denver.Stamp(now, now).Machine, "2026-11-27T21:06:00Z"},
		"a stamp in full":                       {denver.Stamp(now, now.AddDate(-1, 0, 0)).Full, "27 Nov 2026, 14:06 MST"},
		"the stamp of no moment is empty":       {denver.Stamp(time.Time{}, now).Text + denver.Stamp(time.Time{}, now).Machine, ""},
		"a moment as a value":                   {denver.T("date.time", "Hour", now, "Minute", 1), "27 Nov 2026:1"},
		"a year is not grouped like a quantity": {utc.Date(time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)), "1 Jan 12026"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %q, want %q", name, tc.got, tc.want)
		}
	}
	if missing := c.Missing(); len(missing) > 0 {
		t.Errorf("date messages are missing: %q", missing)
	}
}
