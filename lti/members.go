package lti

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// memberNames are the members of a JSON object that a decoder knows, each with
// those of the object it holds.
type memberNames map[string]memberNames

// misspelt reports whether name is none of the known ones, but encoding/json
// would take it for one: it ignores letter case. The known names are lower-case
// ASCII, so other lower-case ASCII is merely unknown.
func (known memberNames) misspelt(name []byte) bool {
	if lowerASCII(name) {
		return false
	}
	for k := range known {
		if strings.EqualFold(k, string(name)) {
			return true
		}
	}
	return false
}

func lowerASCII(name []byte) bool {
	for _, c := range name {
		if c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// unmarshal reads JSON of one object into v like encoding/json, but refuses what
// that reads in silence although two readers could read it differently: a
// member that comes twice in one object, at any depth (RFC 8259 §4 leaves open
// which one counts), a known member in another letter case, and text that is
// not UTF-8.
func unmarshal(data []byte, v any, known memberNames) *Refusal {
	if !utf8.Valid(data) {
		return refuse(ReasonClaims, errors.New("not UTF-8"))
	}
	if err := json.Unmarshal(data, v); err != nil {
		return refuse(ReasonClaims, typeError(err))
	}
	s := memberScan{data: data}
	s.space()
	if s.data[s.at] != '{' {
		return refuse(ReasonClaims, errors.New("not a JSON object"))
	}
	if !s.object(known) {
		return refuse(ReasonDuplicateName, nil)
	}
	return nil
}

// typeError keeps of a decoding error what tells no contents: the name of the
// member. The original quotes numbers.
func typeError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return errors.New("wrong type: " + wrong.Field)
	}
	return errors.New("not JSON of the expected shape")
}

// memberScan walks JSON that encoding/json has read, so it need not look out for
// the end of the data, and its depth is bounded.
type memberScan struct {
	data []byte
	at   int
}

// manyMembers is where comparing each name with each gets slower than a map.
const manyMembers = 24

// object walks the object at s.at, and reports false for a repeated or misspelt
// member in it or below.
func (s *memberScan) object(known memberNames) bool {
	var few [manyMembers][]byte
	seen := few[:0]
	var many map[string]bool
	s.at++ // {
	for {
		s.space()
		switch s.data[s.at] {
		case '}':
			s.at++
			return true
		case ',':
			s.at++
			s.space()
		}
		name := s.text()
		if len(known) > 0 && known.misspelt(name) {
			return false
		}
		if many == nil && len(seen) == manyMembers {
			many = make(map[string]bool, 2*manyMembers)
			for _, old := range seen {
				many[string(old)] = true
			}
		}
		if many != nil {
			if many[string(name)] {
				return false
			}
			many[string(name)] = true
		} else {
			for _, old := range seen {
				if bytes.Equal(old, name) {
					return false
				}
			}
			seen = append(seen, name)
		}
		s.space()
		s.at++ // :
		s.space()
		if !s.value(known[string(name)]) {
			return false
		}
	}
}

// value walks the value at s.at.
func (s *memberScan) value(known memberNames) bool {
	switch s.data[s.at] {
	case '{':
		return s.object(known)
	case '[':
		s.at++
		for {
			s.space()
			switch s.data[s.at] {
			case ']':
				s.at++
				return true
			case ',':
				s.at++
				s.space()
			}
			if !s.value(nil) {
				return false
			}
		}
	case '"':
		s.skipText()
	default:
		for strings.IndexByte(",]} \t\r\n", s.data[s.at]) < 0 {
			s.at++
		}
	}
	return true
}

func (s *memberScan) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// skipText moves over the string at s.at and reports whether it has escapes.
func (s *memberScan) skipText() (escaped bool) {
	s.at++
	for {
		switch s.data[s.at] {
		case '\\':
			escaped = true
			s.at += 2
		case '"':
			s.at++
			return escaped
		default:
			s.at++
		}
	}
}

// text returns the string at s.at as a reader sees it.
func (s *memberScan) text() []byte {
	from := s.at
	if !s.skipText() {
		return s.data[from+1 : s.at-1]
	}
	return unescape(s.data[from+1 : s.at-1])
}

// escapes are the characters that a backslash and one letter stand for.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape reads the inside of a valid JSON string as encoding/json does: half
// of a surrogate pair becomes U+FFFD.
func unescape(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return append(out, text...)
		}
		out = append(out, text[:i]...)
		if text[i+1] != 'u' {
			out = append(out, escapes[text[i+1]])
			text = text[i+2:]
			continue
		}
		r := hex4(text[i+2:])
		text = text[i+6:]
		if utf16.IsSurrogate(r) {
			pair := unicode.ReplacementChar
			if len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
				pair = utf16.DecodeRune(r, hex4(text[2:]))
			}
			if r = pair; r != unicode.ReplacementChar {
				text = text[6:]
			}
		}
		out = utf8.AppendRune(out, r)
	}
}

func hex4(digits []byte) rune {
	var b [2]byte
	_, _ = hex.Decode(b[:], digits[:4]) // they are hexadecimal
	return rune(b[0])<<8 | rune(b[1])
}
