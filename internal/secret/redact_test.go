package secret

import (
	"regexp"
	"strings"
	"testing"
)

func TestRedactTakesTokensOutOfText(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("aB3dE6gH", 8)
	lower, upper := strings.Repeat("0123456789abcdef", 4), strings.Repeat("0123456789ABCDEF", 4)
	for in, want := range map[string]string{
		"It was in a chat: " + value + ".":           "It was in a chat: [removed].",
		"1234~" + value:                              "[removed]",
		"1234~" + value[:40]:                         "[removed]",
		`"1234~` + value + `"`:                       `"[removed]"`,
		"https://a.edu/?access_token=7~" + value:     "https://a.edu/?access_token=[removed]",
		"https://a.edu/?access_token=" + value + "#": "https://a.edu/?access_token=[removed]#",
		"key_" + value + "_old":                      "key_[removed]_old",
		"ключ" + value + "é":                         "ключ[removed]é",
		`"token\n` + value + `"`:                     `"token\[removed]"`,
		value + " " + value:                          "[removed] [removed]",
		value + "~" + value:                          "[removed]~[removed]",
		value + "7~" + value:                         "[removed]",
		value + "aaa1234~" + value:                   "[removed]",
		"x12~" + value:                               "x[removed]",
		"1" + strings.Repeat("2", 20) + "~" + value:  "1[removed]",

		"Commit " + lower[:40]:                   "Commit " + lower[:40],
		"sha256:" + lower:                        "sha256:" + lower,
		"sha256:" + upper:                        "sha256:" + upper,
		"sha512:" + lower + lower:                "sha512:" + lower + lower,
		value[:63]:                               value[:63],
		value + value[:7]:                        value + value[:7],
		value + value:                            value + value,
		"1234~" + value[:39]:                     "1234~" + value[:39],
		"~" + value[:44]:                         "~" + value[:44],
		"a~" + value[:44]:                        "a~" + value[:44],
		"[grt_ABCDEFGHIJKLMNOPQRSTUVWXYZ/1]":     "[grt_ABCDEFGHIJKLMNOPQRSTUVWXYZ/1]",
		"in github.com/north/attendance, line 4": "in github.com/north/attendance, line 4",
		"":                                       "",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
		if HasToken(in) != (in != want) {
			t.Errorf("HasToken(%q) = %t", in, HasToken(in))
		}
	}
	if got := Replace("a "+value+" b", "(entfernt)"); got != "a (entfernt) b" {
		t.Error(got)
	}
}

// The rule said once more, by other means.
var (
	sharded = regexp.MustCompile(`[0-9]{1,20}~[A-Za-z0-9]{40,}`)
	runs    = regexp.MustCompile(`[A-Za-z0-9]+`)
)

func looksLike(s string) bool {
	if sharded.MatchString(s) {
		return true
	}
	for _, run := range runs.FindAllString(s, -1) {
		if len(run) >= 64 && len(run) <= 70 && strings.ContainsAny(run, "0123456789") && strings.ToLower(run) != run && strings.ToUpper(run) != run {
			return true
		}
	}
	return false
}

// FuzzRedact holds it to four promises: it finds what the rule says and nothing
// else, leaves nothing of it, changes nothing the second time, and keeps the rest.
func FuzzRedact(f *testing.F) {
	value := strings.Repeat("aB3dE6gH", 8)
	for _, s := range []string{
		"", value, "7~" + value, value + "7~" + value, "12~" + value[:40] + "~" + value, value[:63], value + value[:6], value + value[:7],
		"7~" + value + "8~" + value + "~" + value, "a\x00" + value + "\xff", "[removed]" + value + "[removed]", "7~[removed]",
		strings.Repeat("0123456789abcdef", 4), "7~" + strings.Repeat("0123456789abcdef", 3), value + "aaa1234~" + value, "٣~" + value[:40],
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Redact(s)
		if HasToken(s) != looksLike(s) || (once != s) != looksLike(s) {
			t.Errorf("%q: HasToken %t, Redact %q, the rule %t", s, HasToken(s), once, looksLike(s))
		}
		if looksLike(once) || HasToken(once) {
			t.Errorf("%q: left in %q", s, once)
		}
		if twice := Redact(once); twice != once {
			t.Errorf("%q: %q, then %q", s, once, twice)
		}
		var kept strings.Builder
		at := 0
		for from, to := range tokens(s) {
			if from < at || !looksLike(s[from:to]) {
				t.Errorf("%q: %q is taken out", s, s[from:to])
			}
			kept.WriteString(s[at:from] + removed)
			at = to
		}
		if kept.WriteString(s[at:]); kept.String() != once {
			t.Errorf("%q: %q is not all else of it", s, once)
		}
	})
}
