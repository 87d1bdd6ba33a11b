package text_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/tokendesk/tokendesk/internal/text"
)

func TestClean(t *testing.T) {
	for name, tc := range map[string]struct{ in, line, lines string }{
		"plain words stay":                    {"Attendance helper", "Attendance helper", "Attendance helper"},
		"space around goes":                   {"  a b \n", "a b", "a b"},
		"line breaks of every kind":           {"a\r\nb\rc\nd\u2028e\u0085f", "a b c d e f", "a\nb\nc\nd\ne\nf"},
		"a tab is a space":                    {"a\tb", "a b", "a b"},
		"control characters go":               {"a\x00b\x1b[31mc\x7f", "ab[31mc", "ab[31mc"},
		"an override goes":                    {"invoice\u202Efdp.exe", "invoicefdp.exe", "invoicefdp.exe"},
		"isolates and embeddings go":          {"\u2066a\u2069\u202Ab\u202C", "ab", "ab"},
		"zero-width spaces go":                {"pass\u200Bword\uFEFF\u2060", "password", "password"},
		"tags go":                             {"hi\U000E0069\U000E0067", "hi", "hi"},
		"joiners of Persian and emoji stay":   {"می\u200cخواهم 👩\u200d💻", "می\u200cخواهم 👩\u200d💻", "می\u200cخواهم 👩\u200d💻"},
		"direction marks stay":                {"א\u200f!", "א\u200f!", "א\u200f!"},
		"composed letters":                    {"Ame\u0301lie", "Amélie", "Amélie"},
		"composed after a removal in between": {"e\u200B\u0301", "é", "é"},
		"broken UTF-8 is marked":              {"a\xffb", "a\uFFFDb", "a\uFFFDb"},
	} {
		if got, err := text.Clean(tc.in, 100); got != tc.line || err != nil {
			t.Errorf("%s: Clean = %q, %v; want %q", name, got, err, tc.line)
		}
		if got, err := text.CleanLines(tc.in, 100); got != tc.lines || err != nil {
			t.Errorf("%s: CleanLines = %q, %v; want %q", name, got, err, tc.lines)
		}
	}
}

func TestCleanKeepsWhatIsTooLong(t *testing.T) {
	long := strings.Repeat("é", 11)
	got, err := text.Clean(long, 10)
	if !errors.Is(err, text.ErrTooLong) || got != long {
		t.Errorf("Clean = %q, %v; the text must come back whole", got, err)
	}
	if _, err := text.Clean(long, 11); err != nil {
		t.Errorf("the limit counts bytes, not characters: %v", err)
	}
	if _, err := text.Clean("  "+strings.Repeat("e\u0301", 10)+"  ", 10); err != nil {
		t.Errorf("the limit counts what was there before cleaning: %v", err)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\r\nb", "e\u200B\u0301", "\xff\xfe", "\u1100\u200b\u1161", " \u0085 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, clean := range []func(string, int) (string, error){text.Clean, text.CleanLines} {
			once, _ := clean(s, 100)
			if twice, _ := clean(once, 100); twice != once {
				t.Fatalf("cleaning twice: %q, then %q", once, twice)
			}
			if !utf8.ValidString(once) || !norm.NFC.IsNormalString(once) {
				t.Fatalf("%q is not valid normal form C", once)
			}
			if strings.ContainsAny(once, "\x00\r\t\x1b\u202e\u2066\u2028") {
				t.Fatalf("%q still holds what must not be there", once)
			}
		}
		if line, _ := text.Clean(s, 100); strings.Contains(line, "\n") {
			t.Fatalf("%q has several lines", line)
		}
	})
}
