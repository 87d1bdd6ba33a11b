package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
	"unicode/utf8"
)

// Line is one entry of an export: an event, and its details unless they were
// erased or there were none. An export is JSON Lines of these.
type Line struct {
	Event  Event   `json:"event"`
	Detail *Detail `json:"detail,omitempty"`
}

// Written is a line of an export that is byte for byte as this program writes it,
// with its fields where they stand in the line. It spares a verifier the general
// JSON of a Line, which is most of its work, and says the same.
type Written struct {
	Tenant, Object, From, To []byte // in the line that was read
	Seq                      int64
	Version                  int

	at                         int64 // microseconds since 1970
	id, actor, action, related []byte
	detailSum, prev, hash      []byte // in base64
	detailed                   bool
	salt, data                 []byte // in base64; as JSON
	sum                        []byte // of all fields: the room is used again
	text                       [sumText]byte
}

// sumText is the length of a SHA-256 in base64.
const sumText = 44

// Read takes a line, without its end, and reports whether it is in the exact form
// that an export has: false says nothing but that encoding/json has to read it.
// What it takes means what encoding/json finds in it, and its details are in the one
// form that their digest is made of. line may not change while w is used.
func (w *Written) Read(line []byte) bool {
	c := cursor{rest: line}
	var seq, version, at []byte
	w.From, w.To, w.related, w.detailSum, w.salt, w.data, w.detailed, w.Version = nil, nil, nil, nil, nil, nil, false, 0
	if !c.literal(`{"event":{"seq":`) || !c.number(&seq) ||
		!c.literal(`,"id":`) || !c.text(&w.id) ||
		!c.literal(`,"tenant":`) || !c.text(&w.Tenant) ||
		!c.literal(`,"at":`) || !c.text(&at) ||
		!c.literal(`,"actor":`) || !c.text(&w.actor) ||
		!c.literal(`,"action":`) || !c.text(&w.action) ||
		!c.literal(`,"object":`) || !c.text(&w.Object) ||
		c.literal(`,"from":`) && !c.text(&w.From) ||
		c.literal(`,"to":`) && !c.text(&w.To) ||
		c.literal(`,"version":`) && (!c.number(&version) || len(version) > 9) || // fits into any int
		c.literal(`,"related":`) && !c.text(&w.related) ||
		c.literal(`,"detail_sum":`) && !c.text(&w.detailSum) ||
		!c.literal(`,"prev":`) || !c.text(&w.prev) ||
		!c.literal(`,"hash":`) || !c.text(&w.hash) ||
		!c.literal(`}`) {
		return false
	}
	if c.literal(`,"detail":{"salt":`) {
		w.detailed = true
		if !c.text(&w.salt) || !c.literal(`,"data":`) || !c.data(&w.data) || !c.literal(`}`) {
			return false
		}
	}
	if string(c.rest) != "}" {
		return false
	}
	w.Seq, w.Version = integer(seq), int(integer(version))
	var ok bool
	w.at, ok = moment(at)
	return ok
}

// At is the time of the event, in UTC.
func (w *Written) At() time.Time { return time.UnixMicro(w.at).UTC() }

// Erased reports whether there were details that are gone.
func (w *Written) Erased() bool { return !w.detailed && len(w.detailSum) > 0 }

// AddWritten is Add for a line as it is written. False says nothing but that Add has
// to judge the line; the chain is as it was then.
func (c *Chain) AddWritten(w *Written) bool {
	if string(w.Tenant) != c.tenant || w.Seq != c.seq+1 || !Action(w.action).Known() || len(w.hash) != sumText {
		return false
	}
	base64.StdEncoding.Encode(w.text[:], c.prev)
	if len(c.prev) != sha256.Size || !bytes.Equal(w.prev, w.text[:]) {
		return false
	}
	var digest [sha256.Size]byte
	detailSum := digest[:0]
	switch {
	case w.detailed:
		var ok bool
		if w.sum, ok = putText(w.sum[:0], w.salt); !ok {
			return false
		}
		digest = sha256.Sum256(putBytes(w.sum, w.data))
		base64.StdEncoding.Encode(w.text[:], digest[:])
		if !bytes.Equal(w.detailSum, w.text[:]) {
			return false
		}
		detailSum = digest[:]
	case len(w.detailSum) == sumText:
		var decoded [sumText / 4 * 3]byte
		n, err := exact.Decode(decoded[:], w.detailSum)
		if err != nil || n != sha256.Size {
			return false
		}
		copy(digest[:], decoded[:n])
		detailSum = digest[:]
	case len(w.detailSum) > 0:
		return false
	}
	hash := w.digest(c.prev, detailSum)
	base64.StdEncoding.Encode(w.text[:], hash[:])
	if !bytes.Equal(w.hash, w.text[:]) {
		return false
	}
	c.seq++
	c.own = hash
	c.prev = c.own[:]
	return true
}

// digest is the hash of the event, as Event.sum makes it.
func (w *Written) digest(prev, detailSum []byte) [sha256.Size]byte {
	w.sum = putEvent(w.sum[:0], prev, w.Seq, [...][]byte{w.id, w.Tenant, w.actor, w.action, w.Object, w.From, w.To, w.related}, w.at, int64(w.Version), detailSum)
	return sha256.Sum256(w.sum)
}

// putText is putBytes of a field that is in base64.
func putText(to, text []byte) ([]byte, bool) {
	at := len(to)
	to = putNumber(to, 0)
	to, err := exact.AppendDecode(to, text)
	binary.BigEndian.PutUint64(to[at:], uint64(len(to)-at-8)) //nolint:gosec // a length
	return to, err == nil
}

// exact takes only what encoding/json writes; its reader overlooks the last bits.
var exact = base64.StdEncoding.Strict()

// cursor reads a line from its beginning.
type cursor struct{ rest []byte }

func (c *cursor) literal(s string) bool {
	if len(c.rest) < len(s) || string(c.rest[:len(s)]) != s {
		return false
	}
	c.rest = c.rest[len(s):]
	return true
}

// number takes a positive integer that fits into 63 bits.
func (c *cursor) number(to *[]byte) bool {
	n := 0
	for n < len(c.rest) && c.rest[n] >= '0' && c.rest[n] <= '9' {
		n++
	}
	if n == 0 || n > 18 || c.rest[0] == '0' {
		return false
	}
	*to, c.rest = c.rest[:n], c.rest[n:]
	return true
}

func integer(digits []byte) (n int64) {
	for _, d := range digits {
		n = 10*n + int64(d-'0')
	}
	return n
}

// text takes a string that stands for itself: valid UTF-8 without escapes.
func (c *cursor) text(to *[]byte) bool {
	if len(c.rest) == 0 || c.rest[0] != '"' {
		return false
	}
	end := bytes.IndexByte(c.rest[1:], '"') + 1
	if end == 0 {
		return false
	}
	s := c.rest[1:end]
	for i, b := range s {
		if b < ' ' || b == '\\' {
			return false
		}
		if b >= utf8.RuneSelf {
			if !utf8.Valid(s[i:]) || bytes.IndexByte(s[i:], '\\') >= 0 || bytes.ContainsFunc(s[i:], func(r rune) bool { return r < ' ' }) {
				return false
			}
			break
		}
	}
	*to, c.rest = s, c.rest[end+1:]
	return true
}

// data takes an object of strings that encoding/json, having read it, would write
// with the same bytes: keys in order, none twice, nothing escaped otherwise.
func (c *cursor) data(to *[]byte) bool {
	all := c.rest
	if !c.literal(`{`) {
		return false
	}
	if !c.literal(`}`) {
		var last []byte
		for first := true; ; first = false {
			var key []byte
			// A key without escapes is ordered as it stands.
			if at := c.rest; !c.canonical() || !c.literal(`:`) {
				return false
			} else if key = at[1 : len(at)-len(c.rest)-2]; bytes.IndexByte(key, '\\') >= 0 {
				return false
			}
			if !first && bytes.Compare(last, key) >= 0 {
				return false
			}
			last = key
			if !c.canonical() {
				return false
			}
			if c.literal(`}`) {
				break
			}
			if !c.literal(`,`) {
				return false
			}
		}
	}
	*to = all[:len(all)-len(c.rest)]
	return true
}

// plain are the bytes that encoding/json writes as they are, of those below 0x80.
var plain = func() (is [utf8.RuneSelf]bool) {
	for b := range is {
		is[b] = b >= ' ' && b != '"' && b != '\\' && b != '<' && b != '>' && b != '&'
	}
	return is
}()

// canonical passes a string in the one form in which encoding/json writes it.
func (c *cursor) canonical() bool {
	s := c.rest
	if len(s) == 0 || s[0] != '"' {
		return false
	}
	for i := 1; i < len(s); {
		switch b := s[i]; {
		case b == '"':
			c.rest = s[i+1:]
			return true
		case b == '\\':
			n := escape(s[i:])
			if n == 0 {
				return false
			}
			i += n
		case b >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n == 1 || r == '\u2028' || r == '\u2029' {
				return false
			}
			i += n
		case !plain[b]:
			return false
		default:
			i++
		}
	}
	return false
}

// escape is the length of an escape that encoding/json writes, at the beginning of
// s, or 0.
func escape(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		return 2
	}
	if len(s) < 6 || s[1] != 'u' {
		return 0
	}
	switch hex := string(s[2:6]); hex {
	case "003c", "003e", "0026", "2028", "2029":
		return 6
	case "0008", "0009", "000a", "000c", "000d": // these have shorter ones
		return 0
	default:
		if hex[:2] != "00" || hex[2] != '0' && hex[2] != '1' || !(hex[3] >= '0' && hex[3] <= '9' || hex[3] >= 'a' && hex[3] <= 'f') {
			return 0
		}
		return 6
	}
}

// moment reads a time as time.Time writes one of UTC in whole microseconds, from 1970
// on.
func moment(s []byte) (int64, bool) {
	const form = "0000-00-00T00:00:00"
	if len(s) < len(form)+1 || s[len(s)-1] != 'Z' {
		return 0, false
	}
	for i := range len(form) {
		if form[i] == '0' && (s[i] < '0' || s[i] > '9') || form[i] != '0' && s[i] != form[i] {
			return 0, false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	date := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if date.Day() != day { // there is no such day
		return 0, false
	}
	micro := int64(0)
	if fraction := s[len(form) : len(s)-1]; len(fraction) > 0 {
		if fraction[0] != '.' || len(fraction) < 2 || len(fraction) > 7 || fraction[len(fraction)-1] == '0' {
			return 0, false
		}
		for i := 1; i < 7; i++ {
			micro *= 10
			if i < len(fraction) {
				if fraction[i] < '0' || fraction[i] > '9' {
					return 0, false
				}
				micro += int64(fraction[i] - '0')
			}
		}
	}
	return date.Unix()*1e6 + micro, true
}
