package audit_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
)

var base = time.Date(2026, 3, 2, 14, 5, 6, 123456789, time.FixedZone("north", 2*3600))

// line is an entry as an export writes it.
type line = audit.Line

// sample is a chain of four events, one of them without details.
func sample() []line {
	events := []audit.Event{
		{ID: "aud_1", Tenant: "ten_a", At: base, Actor: "per_ana", Action: audit.RequestCreate, Object: "req_a", To: "draft", Version: 1},
		{ID: "aud_2", Tenant: "ten_a", At: base.Add(time.Minute), Actor: "per_ana", Action: audit.RequestSubmit, Object: "req_a", From: "draft", To: "in_review", Version: 2},
		{ID: "aud_3", Tenant: "ten_a", At: base.Add(time.Hour), Actor: "system", Action: audit.Refused, Object: "req_a"},
		{ID: "aud_4", Tenant: "ten_a", At: base.Add(2 * time.Hour), Actor: "per_ana", Action: audit.GrantCreate, Object: "grt_a", To: "minting", Version: 1, Related: "req_a"},
	}
	details := []*audit.Detail{
		audit.NewDetail(map[string]string{"name": "Ana Åberg", "course": "CS 1"}), nil,
		audit.NewDetail(map[string]string{"why": "stale"}), audit.NewDetail(map[string]string{"title": "A <bot>"}),
	}
	out := make([]line, len(events))
	prev := audit.Genesis("ten_a")
	for i, e := range events {
		out[i] = line{Event: audit.Seal(e, int64(i+1), prev, details[i]), Detail: details[i]}
		prev = out[i].Event.Hash
	}
	return out
}

func check(lines []line) error {
	c := audit.NewChain("ten_a")
	for _, l := range lines {
		if err := c.Add(l.Event, l.Detail); err != nil {
			return err
		}
	}
	return nil
}

func TestChain(t *testing.T) {
	t.Parallel()
	lines := sample()
	c := audit.NewChain("ten_a")
	for i, l := range lines {
		if err := c.Add(l.Event, l.Detail); err != nil {
			t.Fatal(err)
		}
		if c.Seq() != int64(i+1) || c.Head() != fmt.Sprintf("%x", l.Event.Hash) {
			t.Errorf("after %d: %d, %s", i+1, c.Seq(), c.Head())
		}
	}
	if e := lines[0].Event; !e.At.Equal(base.Truncate(time.Microsecond)) || e.At.Location() != time.UTC {
		t.Errorf("the time was sealed as %v", e.At)
	}
	if len(lines[1].Event.DetailSum) != 0 {
		t.Error("no details have a digest")
	}
}

// Whatever byte of an export is changed, and to whatever, the chain breaks, the
// line cannot be read, or it says the same as before.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	lines := sample()
	for i := range lines {
		text, err := json.Marshal(lines[i])
		if err != nil {
			t.Fatal(err)
		}
		for at := range text {
			for _, to := range []byte{'0', '1', '9', 'a', 'A', '/', '"', ' ', text[at] ^ 1, text[at] ^ 0x20, text[at] ^ 0x80} {
				if to == text[at] {
					continue
				}
				changed := bytes.Clone(text)
				changed[at] = to
				var got line
				if json.Unmarshal(changed, &got) != nil {
					continue
				}
				// An export without its details is one whose details were erased;
				// a misspelt "detail" is the same.
				if reflect.DeepEqual(got.Event, lines[i].Event) && (got.Detail == nil || reflect.DeepEqual(got.Detail, lines[i].Detail)) {
					continue
				}
				forged := append([]line(nil), lines...)
				forged[i] = got
				var b *audit.BreakError
				if err := check(forged); !errors.As(err, &b) {
					t.Errorf("line %d, byte %d, %q: %v\n%s", i+1, at, to, err, changed)
				}
			}
		}
	}
}

// An entry that was sealed years ago verifies: what its hash and its digest are made
// of never changes.
func TestAHashIsWhatItWas(t *testing.T) {
	t.Parallel()
	d := &audit.Detail{Salt: []byte("0123456789abcdef"), Data: map[string]string{"reason": "<lost> é", "a": ""}}
	e := audit.Seal(audit.Event{
		ID: "aud_1", Tenant: "ten_a", At: time.Date(2026, 3, 2, 14, 5, 6, 789_000, time.UTC), Actor: "system",
		Action: audit.RequestSubmit, Object: "req_a", From: "draft", To: "in_review", Version: 2, Related: "grt_a",
	}, 7, audit.Genesis("ten_a"), d)
	if got, want := hex.EncodeToString(e.DetailSum), "873b9505d1446599a97a2434aaaaa080f32a1715d916f9b63b0e0ad1a083e512"; got != want {
		t.Errorf("the digest of the details is %s, was %s", got, want)
	}
	if got, want := hex.EncodeToString(e.Hash), "419198803263b5bd84550f6df1152947c38505a762c490eea771f0a206546360"; got != want {
		t.Errorf("the hash is %s, was %s", got, want)
	}
}

func TestChainBreaks(t *testing.T) {
	t.Parallel()
	const (
		contents = "its contents do not match its hash"
		details  = "its details do not match their digest"
		link     = "it does not continue the entry before it"
	)
	tests := map[string]struct {
		forge func([]line) []line
		seq   int64
		what  string
	}{
		"an entry is missing":           {func(l []line) []line { return append(l[:1:1], l[2:]...) }, 2, "entry 3 follows entry 1"},
		"two entries are swapped":       {func(l []line) []line { l[1], l[2] = l[2], l[1]; return l }, 2, "entry 3 follows entry 1"},
		"an entry comes twice":          {func(l []line) []line { return append(l[:2:2], l[1:]...) }, 3, "entry 2 follows entry 2"},
		"the beginning is cut":          {func(l []line) []line { return l[1:] }, 1, "entry 2 follows entry 0"},
		"another tenant's entry":        {func(l []line) []line { l[0].Event.Tenant = "ten_b"; return l }, 1, "an entry of another tenant"},
		"the actor was changed":         {func(l []line) []line { l[2].Event.Actor = "per_eve"; return l }, 3, contents},
		"the object was changed":        {func(l []line) []line { l[2].Event.Object = "req_b"; return l }, 3, contents},
		"the relation was changed":      {func(l []line) []line { l[3].Event.Related = ""; return l }, 4, contents},
		"text moved to the next field":  {func(l []line) []line { e := &l[1].Event; e.From, e.To = e.From+"a", e.To[1:]; return l }, 2, contents},
		"the version was changed":       {func(l []line) []line { l[1].Event.Version = 3; return l }, 2, contents},
		"the time was changed":          {func(l []line) []line { l[1].Event.At = l[1].Event.At.Add(time.Microsecond); return l }, 2, contents},
		"the time was changed a little": {func(l []line) []line { l[1].Event.At = l[1].Event.At.Add(time.Nanosecond); return l }, 2, "a time finer than the chain covers"},
		"an action that nobody knows":   {func(l []line) []line { l[1].Event.Action = "request.sneak"; return l }, 2, "an unknown action"},
		"details were changed":          {func(l []line) []line { l[0].Detail.Data["name"] = "Eve"; return l }, 1, details},
		"a detail was added":            {func(l []line) []line { l[0].Detail.Data["more"] = "x"; return l }, 1, details},
		"the salt was changed":          {func(l []line) []line { l[0].Detail.Salt[0] ^= 1; return l }, 1, details},
		"details where there were none": {func(l []line) []line { l[1].Detail = audit.NewDetail(map[string]string{"a": "b"}); return l }, 2, details},
		"details of another entry":      {func(l []line) []line { l[0].Detail = l[2].Detail; return l }, 1, details},
		"the digest went with them":     {func(l []line) []line { l[0].Detail, l[0].Event.DetailSum = nil, nil; return l }, 1, contents},
		"a whole chain from elsewhere": {func(l []line) []line {
			e := l[0].Event
			l[0].Event = audit.Seal(e, 1, audit.Genesis("ten_b"), l[0].Detail)
			return l
		}, 1, link},
		"an entry sealed anew, the rest kept": {func(l []line) []line {
			e := l[1].Event
			e.Actor = "per_eve"
			l[1].Event = audit.Seal(e, 2, l[0].Event.Hash, nil)
			return l
		}, 3, link},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := check(tt.forge(sample()))
			want := &audit.BreakError{Tenant: "ten_a", Seq: tt.seq, What: tt.what}
			if !reflect.DeepEqual(err, error(want)) || !strings.Contains(err.Error(), "ten_a") {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
}

func TestErasedDetailsVerify(t *testing.T) {
	t.Parallel()
	lines := sample()
	for i := range lines {
		lines[i].Detail = nil
	}
	if err := check(lines); err != nil {
		t.Error(err)
	}
}

func TestDetail(t *testing.T) {
	t.Parallel()
	if audit.NewDetail(nil) != nil || audit.NewDetail(map[string]string{}) != nil {
		t.Error("nothing to tell has details")
	}
	data := map[string]string{"name": "Ana"}
	a, b := audit.NewDetail(data), audit.NewDetail(data)
	if bytes.Equal(a.Sum(), b.Sum()) || len(a.Salt) < 16 {
		t.Error("the digest of a name can be guessed")
	}
	before := a.Sum()
	data["name"] = "Eve"
	if !bytes.Equal(a.Sum(), before) {
		t.Error("details change with the map they were made from")
	}
	var none *audit.Detail
	if none.Sum() != nil {
		t.Error("no details have a digest")
	}
}

// Details verify after a round trip through JSON, whatever their text.
func FuzzDetailSurvivesJSON(f *testing.F) {
	for _, s := range []string{"", "Ana", "\xff", "a\x00b", "\u2028<&>", "\xed\xa0\x80", "\ufffd"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, k, v string) {
		d := audit.NewDetail(map[string]string{k: v})
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back audit.Detail
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back.Sum(), d.Sum()) {
			t.Errorf("%q: %q does not verify after JSON", k, v)
		}
	})
}

func TestReplay(t *testing.T) {
	t.Parallel()
	var events []audit.Event
	for _, l := range sample() {
		events = append(events, l.Event)
	}
	got, err := audit.Replay(events)
	want := map[string]audit.Place{"req_a": {State: "in_review", Version: 2}, "grt_a": {State: "minting", Version: 1}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	step := func(from, to string, version int) audit.Event {
		return audit.Event{Object: "req_a", From: from, To: to, Version: version}
	}
	for name, events := range map[string][]audit.Event{
		"a first version that is not 1": {step("", "draft", 2)},
		"a beginning from somewhere":    {step("draft", "denied", 1)},
		"a version left out":            {step("", "draft", 1), step("draft", "denied", 3)},
		"a version twice":               {step("", "draft", 1), step("draft", "denied", 1)},
		"a state that it was not in":    {step("", "draft", 1), step("approved", "denied", 2)},
	} {
		if _, err := audit.Replay(events); !errors.Is(err, audit.ErrUnordered) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	for a, want := range map[audit.Action]bool{audit.RequestApprove: true, audit.NoticeFailed: true, "": false, "request.Approve": false} {
		if a.Known() != want {
			t.Errorf("Known(%q) = %v", a, a.Known())
		}
	}
}
