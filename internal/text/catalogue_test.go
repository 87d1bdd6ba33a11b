package text

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func mustNew(t *testing.T, opts ...Option) *Catalogue {
	t.Helper()
	c, err := New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// folder makes a file system of message files: path below locales → content.
func folder(files map[string]string) Option {
	fsys := fstest.MapFS{}
	for name, content := range files {
		fsys["locales/"+name] = &fstest.MapFile{Data: []byte(content)}
	}
	return withFiles(fsys)
}

func TestBuiltInCatalogueIsComplete(t *testing.T) {
	c := mustNew(t, WithPseudo())
	if missing := c.Missing(); len(missing) > 0 {
		t.Errorf("messages are missing: %q", missing)
	}
	if len(c.IDs()) == 0 {
		t.Fatal("the catalogue is empty")
	}
	if got := c.Languages(); !slices.Contains(got, "en") || !slices.Contains(got, "en-XA") || !slices.Contains(got, "ar-XB") {
		t.Errorf("languages: %q", got)
	}
	if got := mustNew(t).Languages(); slices.Contains(got, "en-XA") {
		t.Errorf("pseudo-languages are there without being asked for: %q", got)
	}
}

// TestEnglishKeepsTheVoice reads every English message for words that the
// product does not use with people.
func TestEnglishKeepsTheVoice(t *testing.T) {
	banned := map[string]*regexp.Regexp{
		"a banned word":      regexp.MustCompile(`(?i)\b(please|sorry|oops|successfully|invalid|simply|tenant|masquerad\w*|principal|PAT)\b`),
		"an exclamation":     regexp.MustCompile(`!`),
		"a contraction":      regexp.MustCompile(`(?i)\b\w+(n't|n’t|'re|’re|'ll|’ll|'ve|’ve)\b|\b(it|that|what|there)['’]s\b`),
		"a plural in braces": regexp.MustCompile(`\(s\)`),
		"an empty phrase":    regexp.MustCompile(`(?i)an error occurred|are you sure|click here|contact your administrator`),
	}
	for id, m := range mustNew(t).tongues[source].messages {
		for _, form := range forms(m) {
			for what, pattern := range banned {
				if found := pattern.FindString(*form); found != "" {
					t.Errorf("%s has %s (%q): %s", id, what, found, *form)
				}
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	const good = "a.toml"
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no English":                         {map[string]string{"es/a.toml": `x = "y"`}, "locales/en"},
		"a file that is not TOML":            {map[string]string{"en/a.toml": `x = `}, "en/a.toml"},
		"one id in two files":                {map[string]string{"en/a.toml": `x = "y"`, "en/b.toml": `x = "z"`}, "x stands twice"},
		"markup":                             {map[string]string{"en/a.toml": `x = "a <b>bold</b> word"`}, "markup"},
		"a template action":                  {map[string]string{"en/a.toml": `x = "{{if .A}}b{{end}}"`}, "not of the form"},
		"a function call":                    {map[string]string{"en/a.toml": `x = "{{printf \"%s\" .A}}"`}, "not of the form"},
		"a half placeholder":                 {map[string]string{"en/a.toml": `x = "{{.A"`}, "not of the form"},
		"other delimiters":                   {map[string]string{"en/a.toml": "[x]\nother = \"[[.A]]\"\nleftDelim = \"[[\"\nrightDelim = \"]]\""}, "delimiters"},
		"no general plural form":             {map[string]string{"en/a.toml": "[x]\none = \"1 token\""}, "other"},
		"white space at the end":             {map[string]string{"en/a.toml": `x = "y "`}, "white space"},
		"an id with a space":                 {map[string]string{"en/a.toml": `"a b" = "y"`}, "id with other characters"},
		"a folder that is no language":       {map[string]string{"en/" + good: `x = "y"`, "not a language/a.toml": `x = "y"`}, "named for a language"},
		"a message that English does not":    {map[string]string{"en/" + good: `x = "y"`, "es/a.toml": `z = "y"`}, "does not stand in the English"},
		"a placeholder English does not use": {map[string]string{"en/" + good: `x = "y"`, "es/a.toml": `x = "{{.A}}"`}, "{{.A}}"},
	} {
		_, err := New(folder(tc.files))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: err = %v, want it to say %q", name, err, tc.want)
		}
	}
}

func TestMissingTellsWhatALanguageLacks(t *testing.T) {
	c := mustNew(t, folder(map[string]string{
		"en/a.toml": "one_only = \"only here\"\nboth = \"both\"", "es/a.toml": `both = "ambos"`,
	}))
	if got, want := c.Missing(), []string{"es: one_only"}; !slices.Equal(got, want) {
		t.Errorf("Missing = %q, want %q", got, want)
	}
	es := c.For("es", "")
	if got := es.T("one_only"); got != "only here" {
		t.Errorf("a missing message is %q, want the English one", got)
	}
	if got := es.T("both"); got != "ambos" {
		t.Errorf("a present message is %q", got)
	}
}

func TestPseudoLanguages(t *testing.T) {
	c := mustNew(t, WithPseudo(), folder(map[string]string{
		"en/a.toml": "x = \"See https://example.edu/a?b=c and ask {{.Name}} for the answers\"\n[n]\none = \"{{.Count}} token\"\nother = \"{{.Count}} tokens\"",
	}))
	long := c.For("en-XA", "")
	got := long.T("x", "Name", "Ana Ruiz")
	if !strings.Contains(got, "https://example.edu/a?b=c ") || !strings.Contains(got, "Ana Ruiz") {
		t.Errorf("en-XA changed an address or a value: %s", got)
	}
	if strings.Contains(got, "answers") || !strings.HasPrefix(got, "[") || !strings.HasSuffix(got, "]") {
		t.Errorf("en-XA left English as it was: %s", got)
	}
	english := c.For("en", "").T("n", "Count", 2)
	if got := long.T("n", "Count", 2); len([]rune(got)) <= len([]rune(english)) {
		t.Errorf("en-XA is not longer than English: %q", got)
	}
	mirrored := c.For("ar-XB", "")
	if mirrored.Dir() != "rtl" || mirrored.Lang() != "ar-XB" {
		t.Errorf("ar-XB is %s, %s", mirrored.Lang(), mirrored.Dir())
	}
	got = mirrored.T("x", "Name", "Ana Ruiz")
	if !strings.Contains(got, "https://example.edu/a?b=c ") || !strings.Contains(got, "Ana Ruiz") || !strings.Contains(got, "\u202eanswers\u202c") {
		t.Errorf("ar-XB: %q", got)
	}
	for _, n := range []int{0, 1, 2, 3, 11, 100} { // one for each Arabic plural form
		if got := mirrored.T("n", "Count", n); !strings.Contains(got, "token") {
			t.Errorf("ar-XB has no form for %d: %q", n, got)
		}
	}
	if missing := c.Missing(); len(missing) > 0 {
		t.Errorf("pseudo-languages miss messages: %q", missing)
	}
}
