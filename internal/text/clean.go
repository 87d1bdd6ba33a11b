package text

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrTooLong is returned by Clean and CleanLines for a text above its limit.
var ErrTooLong = errors.New("text is too long")

// Clean makes one line of what a person typed: valid UTF-8 in normal form C,
// without control characters and without the invisible characters that change
// how a line is read (bidirectional overrides and isolates, zero-width spaces).
// Line breaks and tabs become spaces; space around the text goes.
//
// With more than limit characters (code points) it returns ErrTooLong together
// with the whole cleaned text, so that a form can show it again.
func Clean(s string, limit int) (string, error) { return clean(s, limit, ' ') }

// CleanLines is Clean for a text of several lines: every kind of line break
// becomes a line feed.
func CleanLines(s string, limit int) (string, error) { return clean(s, limit, '\n') }

// Line is Clean for a text of any length, such as a name that another program
// gives.
func Line(s string) string {
	s, _ = clean(s, 0, ' ') // whatever its length
	return s
}

// Lines is CleanLines for a text of any length.
func Lines(s string) string {
	s, _ = clean(s, 0, '\n') // whatever its length
	return s
}

var oneBreak = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func clean(s string, limit int, lineBreak rune) (string, error) {
	s = strings.ToValidUTF8(s, string(unicode.ReplacementChar))
	s = oneBreak.Replace(s)
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\u0085' || r == '\u2028' || r == '\u2029':
			return lineBreak
		case r == '\t':
			return ' '
		case unicode.IsControl(r) || Misleading(r):
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(norm.NFC.String(s))
	if utf8.RuneCountInString(s) > limit {
		return s, ErrTooLong
	}
	return s, nil
}

// Misleading reports characters that nobody sees and that change what others
// read: bidirectional embeddings, overrides and isolates (Unicode UAX 9, "Trojan
// Source"), zero-width space, word joiner and byte order mark, deprecated
// format characters, interlinear marks, and tags. The marks and joiners that
// languages and emoji need (LRM, RLM, ALM, ZWJ, ZWNJ) stay.
func Misleading(r rune) bool {
	switch {
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069,
		r == 0x200B, r == 0x2060, r == 0xFEFF,
		r >= 0x206A && r <= 0x206F, r >= 0xFFF9 && r <= 0xFFFB,
		r >= 0xE0000 && r <= 0xE007F:
		return true
	}
	return false
}
