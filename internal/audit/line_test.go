package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// told is a chain of entries as an export writes them, without the ends of lines.
func told(t testing.TB) (lines [][]byte) {
	t.Helper()
	at := time.Date(2026, 3, 2, 14, 5, 6, 0, time.UTC)
	prev := Genesis("ten_a")
	for i, e := range []struct {
		Event
		detail map[string]string
	}{
		{Event{ID: "aud_1", At: at.Add(123456 * time.Microsecond), Actor: "per_ana", Action: RequestCreate, Object: "req_a", To: "draft", Version: 1}, map[string]string{"name": "Ana Åberg", "course": "CS 1"}},
		{Event{ID: "aud_2", At: at.Add(time.Minute), Actor: "per_ana", Action: RequestSubmit, Object: "req_a", From: "draft", To: "in_review", Version: 2}, nil},
		{Event{ID: "aud_3", At: at.Add(time.Hour + 500*time.Millisecond), Actor: "system", Action: Refused, Object: "req_a"}, map[string]string{"why": "a \"quoted\" <b>\n\t\r\b\f\\ \x00\x1f\x7f & \u2028 \ufffd 🦉", "": "empty", "z": ""}},
		{Event{ID: "aud_4", At: at.Add(2 * time.Hour), Actor: "operator:zoë", Action: GrantCreate, Object: "grt_a", To: "minting", Version: 1, Related: "req_a"}, nil},
		{Event{ID: "aud_5", At: time.Date(2028, 2, 29, 23, 59, 59, 1000, time.UTC), Actor: "operator:o'brien", Action: GrantMint, Object: "grt_a", From: "minting", To: "active", Version: 2}, map[string]string{"a": "1"}},
	} {
		e.Tenant = "ten_a"
		d := NewDetail(e.detail)
		sealed := Seal(e.Event, int64(i+1), prev, d)
		prev = sealed.Hash
		text, err := json.Marshal(Line{sealed, d})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, text)
	}
	return lines
}

// agree judges a line by both ways, each from where chain stands, and fails if the
// quick one takes what the general one refuses, or takes it for something else.
func agree(t *testing.T, chain Chain, text []byte) (quick bool) {
	t.Helper()
	slow, fast := chain, chain
	var w Written
	if !w.Read(text) || !fast.AddWritten(&w) {
		if fast.seq != chain.seq || !bytes.Equal(fast.prev, chain.prev) {
			t.Errorf("a line that was not taken moves the chain: %s", text)
		}
		return false
	}
	var l Line
	if err := json.Unmarshal(text, &l); err != nil {
		t.Errorf("%s: %v", text, err)
		return true
	}
	if err := slow.Add(l.Event, l.Detail); err != nil || slow.Head() != fast.Head() || slow.Seq() != fast.Seq() {
		t.Errorf("%s: %v, heads %s and %s", text, err, slow.Head(), fast.Head())
	}
	same(t, &w, text)
	return true
}

// same fails if a line that was read says something else to encoding/json.
func same(t *testing.T, w *Written, text []byte) {
	t.Helper()
	var l Line
	if err := json.Unmarshal(text, &l); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	e := l.Event
	for name, pair := range map[string][2]string{
		"id": {string(w.id), e.ID}, "tenant": {string(w.Tenant), e.Tenant}, "actor": {string(w.actor), e.Actor}, "action": {string(w.action), string(e.Action)},
		"object": {string(w.Object), e.Object}, "from": {string(w.From), e.From}, "to": {string(w.To), e.To}, "related": {string(w.related), e.Related},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q and %q in %s", name, pair[0], pair[1], text)
		}
	}
	if w.Seq != e.Seq || w.Version != e.Version || w.At() != e.At || w.detailed != (l.Detail != nil) || w.Erased() != (l.Detail == nil && len(e.DetailSum) > 0) {
		t.Errorf("%d, %d, %v, %v in %s", w.Seq, w.Version, w.At(), w.detailed, text)
	}
	for name, pair := range map[string][2][]byte{"detail_sum": {w.detailSum, e.DetailSum}, "prev": {w.prev, e.Prev}, "hash": {w.hash, e.Hash}} {
		if got, err := base64.StdEncoding.AppendDecode(nil, pair[0]); err != nil || !bytes.Equal(got, pair[1]) {
			t.Errorf("%s is %x and %x (%v) in %s", name, got, pair[1], err, text)
		}
	}
	if sum := w.digest(e.Prev, e.DetailSum); !bytes.Equal(sum[:], e.sum()) {
		t.Errorf("another hash of %s", text)
	}
	if l.Detail != nil {
		salt, err := base64.StdEncoding.AppendDecode(nil, w.salt)
		data, err2 := json.Marshal(l.Detail.Data)
		if err != nil || err2 != nil || !bytes.Equal(salt, l.Detail.Salt) || !bytes.Equal(data, w.data) {
			t.Errorf("details %q and %q, salts %x and %x in %s", w.data, data, salt, l.Detail.Salt, text)
		}
	}
}

// An export needs no general reading; without its details neither.
func TestWhatAnExportWritesIsReadAsWritten(t *testing.T) {
	t.Parallel()
	whole, erased := *NewChain("ten_a"), *NewChain("ten_a")
	for _, text := range told(t) {
		if !agree(t, whole, text) {
			t.Errorf("the general way is needed for %s", text)
		}
		bare := text
		if at := bytes.Index(text, []byte(`,"detail":`)); at > 0 {
			bare = append(bytes.Clone(text[:at]), '}')
		}
		if !agree(t, erased, bare) {
			t.Errorf("the general way is needed for %s", bare)
		}
		var w Written
		if !w.Read(text) || !whole.AddWritten(&w) || !w.Read(bare) || !erased.AddWritten(&w) {
			t.Fatalf("%s is not taken", text)
		}
	}
	if whole.Seq() != 5 || whole.Head() != erased.Head() {
		t.Errorf("%d entries, %s and %s", whole.Seq(), whole.Head(), erased.Head())
	}
}

// Whatever byte is changed, left out or put in: what is taken as written is what the
// general way takes.
func TestWhatIsTakenAsWrittenIsTakenInGeneral(t *testing.T) {
	t.Parallel()
	chain := *NewChain("ten_a")
	taken := 0
	for _, text := range told(t) {
		for at := range text {
			for _, to := range []string{"", "0", "1", "9", "a", "A", "/", `"`, `\`, "{", "}", ",", ":", " ", "\t", "\r", "\x00", "\x80", "é", "\u2028", `\u0041`, string(text[at] ^ 1), string(text[at] ^ 0x20)} {
				for _, rest := range [][]byte{text[at:], text[at+1:]} {
					changed := append(append(bytes.Clone(text[:at]), to...), rest...)
					if agree(t, chain, changed) && !bytes.Equal(changed, text) {
						taken++
					}
				}
			}
		}
		var w Written
		if !w.Read(text) || !chain.AddWritten(&w) {
			t.Fatalf("%s is not taken", text)
		}
	}
	if taken > 0 {
		t.Errorf("%d other lines were taken as written", taken)
	}
}

// Whoever seals a chain anew may write what encoding/json reads and would write
// otherwise. The digest of the details is of what it would write, for both ways.
func TestDetailsInAnotherFormThanTheirDigest(t *testing.T) {
	t.Parallel()
	salt := []byte("0123456789abcdef")
	for _, data := range []string{
		`{}`, `{"a":"1"}`, `{"a":"1","b":"2"}`, `{"":""}`, `{"a":"\u0000"}`, "{\"a\":\"\x7f\"}", `{"a":"\u001f"}`, `{"a":"\u003c\u003e\u0026"}`,
		`{"a":"\u2028\u2029"}`, `{"a":"\"\\\b\f\n\r\t"}`, `{"a":"�"}`, `{"a":"🦉"}`, `{"é":"1"}`, `{"a":"1","é":"2"}`, `{"\u003c":"1"}`,
		`{"b":"1","a":"2"}`, `{"a":"1","a":"1"}`, `{"a":"1","a":"2"}`, `{"a":"\u0041"}`, `{"a":"<"}`, `{"a":"&"}`, `{"a":"\u003C"}`, `{"a":"\/"}`,
		`{"a":"\ud800"}`, `{"a":"\ufffd"}`, `{"a":"\u00e9"}`, "{\"a\":\"\u2028\"}", `{ "a":"1"}`, `{"a": "1"}`, `{"a":"1" }`, `{"a":"1",}`, `{"a":1}`, `{"a":null}`,
		`{"a":"\u000a"}`, `{"a":"\u0008"}`, `{"a":"\u000c"}`, `{"a":"\u007f"}`, `{"a":"\u0022"}`, `{"a":"\u005c"}`, `{"a":"\u002f"}`, "{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\x01\"}", `{"a":"\x"}`, `{"a":"\u00g0"}`,
		`{"a"}`, `{"a":}`, `{,}`, `[]`, `null`, `"a"`, `{"a":{"b":"c"}}`, `{"\ufffd":"1"}`, `{"\u0041":"1"}`, `{"b":"1","\u0061":"2"}`,
	} {
		var parsed map[string]string
		var canonical []byte
		if json.Unmarshal([]byte(data), &parsed) == nil {
			canonical, _ = json.Marshal(parsed)
		}
		for _, covered := range [][]byte{[]byte(data), canonical} {
			sum := sha256.Sum256(putBytes(putBytes(nil, salt), covered))
			e := Event{Seq: 1, ID: "aud_1", Tenant: "ten_a", At: time.Unix(1772460306, 0).UTC(), Actor: "system", Action: Refused, Object: "req_a", DetailSum: sum[:], Prev: Genesis("ten_a")}
			e.Hash = e.sum()
			event, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			text := `{"event":` + string(event) + `,"detail":{"salt":"` + base64.StdEncoding.EncodeToString(salt) + `","data":` + data + `}}`
			quick := agree(t, *NewChain("ten_a"), []byte(text))
			var l Line
			judged := json.Unmarshal([]byte(text), &l) == nil && NewChain("ten_a").Add(l.Event, l.Detail) == nil
			// A key with an escape, and what is no object, is left to the general way.
			if want := judged && data == string(canonical) && data != "null" && !strings.HasPrefix(data, `{"\`); quick != want {
				t.Errorf("details %s with the digest of %s: taken as written %v, in general %v", data, covered, quick, judged)
			}
		}
	}
}

// Whoever seals a chain anew has every hash right: what the chain asks besides is
// asked of a line as it is written, too.
func TestSealedAsWrittenAndWrong(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 14, 5, 6, 0, time.UTC)
	right := Event{ID: "aud_1", Tenant: "ten_a", At: at, Actor: "system", Action: RequestCreate, Object: "req_a", To: "draft", Version: 1}
	seal := func(seq int64, prev []byte, change func(*Event)) []byte {
		e := right
		change(&e)
		text, err := json.Marshal(Line{Event: Seal(e, seq, prev, nil)})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if !agree(t, *NewChain("ten_a"), seal(1, Genesis("ten_a"), func(*Event) {})) {
		t.Fatal("the right one is not taken")
	}
	finer := bytes.Replace(seal(1, Genesis("ten_a"), func(*Event) {}), []byte("06Z"), []byte("06.0000001Z"), 1)
	for name, text := range map[string][]byte{
		"another number":      seal(2, Genesis("ten_a"), func(*Event) {}),
		"an unknown action":   seal(1, Genesis("ten_a"), func(e *Event) { e.Action = "request.sneak" }),
		"no action":           seal(1, Genesis("ten_a"), func(e *Event) { e.Action = "" }),
		"another's beginning": seal(1, Genesis("ten_b"), func(*Event) {}),
		"another's entry":     seal(1, Genesis("ten_a"), func(e *Event) { e.Tenant = "ten_b" }),
		"a finer time":        finer,
	} {
		if agree(t, *NewChain("ten_a"), text) {
			t.Errorf("%s is taken", name)
		}
	}
}

// Times that the general way reads, and ones that nobody may take.
func TestMoment(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"1970-01-01T00:00:00Z", "2026-03-02T14:05:06Z", "2026-03-02T14:05:06.1Z", "2026-03-02T14:05:06.123456Z", "2028-02-29T23:59:59.999999Z", "9999-12-31T23:59:59Z",
	} {
		want, err := time.Parse(time.RFC3339Nano, s)
		if got, ok := moment([]byte(s)); err != nil || !ok || got != want.UnixMicro() {
			t.Errorf("%s: %d, %v; %v", s, got, ok, want)
		}
	}
	for _, s := range []string{
		"", "Z", "1969-12-31T23:59:59Z", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z", "2026-03-02T14:05:06.100000Z", "2026-03-02T14:05:06.0Z", "2026-01-01T00:00:00.1234567Z", "2026-01-01T00:00:00.12a456Z", "2026-01-01T00:00:00,5Z",
		"2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01t00:00:00z", "02026-01-01T00:00:00Z", "2026-1-01T00:00:00Z",
	} {
		if got, ok := moment([]byte(s)); ok {
			t.Errorf("%s is read as %d", s, got)
		}
	}
}

// FuzzWritten: whatever line is read as written says the same to encoding/json.
func FuzzWritten(f *testing.F) {
	for _, text := range told(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var w Written
		if w.Read(text) {
			// What is no base64 is refused by both, but by the quick way later.
			for _, b := range [][]byte{w.detailSum, w.prev, w.hash, w.salt} {
				if _, err := base64.StdEncoding.AppendDecode(nil, b); err != nil {
					return
				}
			}
			same(t, &w, text)
		}
	})
}
