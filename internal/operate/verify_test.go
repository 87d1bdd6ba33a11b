package operate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
)

// madeLog is the export of a log, line by line: entries that take objects in turn
// from state to state, every fifth without a state, and most with details.
type madeLog struct {
	tenant      string
	objects, at int
	seq         int64
	prev        []byte
	buf         bytes.Buffer
}

var madeStates = []string{"draft", "awaiting_sponsor", "in_review", "approved", "collected", "ended"}

func newMadeLog(tenant string, objects int) *madeLog {
	return &madeLog{tenant: tenant, objects: objects, prev: audit.Genesis(tenant)}
}

// next is the next line with its end, valid until the one after it.
func (m *madeLog) next() []byte {
	n := m.seq + 1
	e := audit.Event{Actor: fmt.Sprintf("per_%026d", n%997), Action: audit.RequestApprove, Object: fmt.Sprintf("req_%026d", m.at%m.objects)}
	var d *audit.Detail
	switch n % 5 {
	case 0:
		e.Action = audit.Refused
		d = audit.NewDetail(map[string]string{"why": "own_request", "action": "approve"})
	case 1, 2, 3:
		d = audit.NewDetail(map[string]string{"reason": "Zoë’s course needs it until the term ends.", "code": fmt.Sprintf("REQ-%04d", m.at)})
	}
	if n%5 > 0 {
		e.Version = m.at/m.objects + 1
		e.To = madeStates[(e.Version-1)%len(madeStates)]
		if e.Version > 1 {
			e.From = madeStates[(e.Version-2)%len(madeStates)]
		}
		e.Related = fmt.Sprintf("grt_%026d", m.at%m.objects)
		m.at++
	}
	return m.seal(e, d)
}

// seal is an entry that continues the log, as a line.
func (m *madeLog) seal(e audit.Event, d *audit.Detail) []byte {
	m.seq++
	e.ID, e.Tenant = fmt.Sprintf("aud_%026d", m.seq), m.tenant
	e.At = time.Date(2026, 3, 2, 14, 5, 6, 0, time.UTC).Add(time.Duration(m.seq) * 1_234_567 * time.Microsecond)
	e = audit.Seal(e, m.seq, m.prev, d)
	m.prev = e.Hash
	m.buf.Reset()
	if err := json.NewEncoder(&m.buf).Encode(audit.Line{Event: e, Detail: d}); err != nil {
		panic(err)
	}
	return m.buf.Bytes()
}

// reader gives n lines and calls each after every line.
func (m *madeLog) reader(n int, each func(line int)) io.Reader {
	return &madeReader{m: m, lines: n, each: each}
}

type madeReader struct {
	m         *madeLog
	at, lines int
	each      func(int)
	line      []byte
}

func (r *madeReader) Read(p []byte) (int, error) {
	if len(r.line) == 0 {
		if r.at == r.lines {
			return 0, io.EOF
		}
		r.at, r.line = r.at+1, r.m.next()
		if r.each != nil {
			r.each(r.at)
		}
	}
	n := copy(p, r.line)
	r.line = r.line[n:]
	return n, nil
}

// inGeneral is what VerifyAudit promises, said plainly: encoding/json for each line and
// every object in memory.
func inGeneral(export string) ([]Verified, error) {
	chains, at, all := map[string]*audit.Chain{}, map[[2]string]audit.Place{}, map[string]*Verified{}
	for n, text := 1, export; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		var l audit.Line
		if err := json.Unmarshal([]byte(strings.TrimSuffix(line, "\r")), &l); err != nil {
			return nil, fmt.Errorf("line %d is no entry of an audit export: %w", n, err)
		}
		e := l.Event
		if chains[e.Tenant] == nil {
			chains[e.Tenant], all[e.Tenant] = audit.NewChain(e.Tenant), &Verified{Tenant: e.Tenant}
		}
		if err := chains[e.Tenant].Add(e, l.Detail); err != nil {
			return nil, err
		}
		v := all[e.Tenant]
		v.Entries, v.Until, v.Head = chains[e.Tenant].Seq(), e.At, chains[e.Tenant].Head()
		if l.Detail == nil && len(e.DetailSum) > 0 {
			v.Erased++
		}
		if e.To == "" || e.Version == 0 {
			continue
		}
		object := [2]string{e.Tenant, e.Object}
		was, known := at[object]
		if (known && (was.Version+1 != e.Version || was.State != e.From)) || (!known && (e.Version != 1 || e.From != "")) {
			return nil, fmt.Errorf("%s at entry %d: %w", e.Object, e.Seq, audit.ErrUnordered)
		}
		at[object] = audit.Place{State: e.To, Version: e.Version}
	}
	if len(all) == 0 {
		return nil, errors.New("the export holds no entry")
	}
	var out []Verified
	for _, v := range all {
		out = append(out, *v)
	}
	if len(out) > 1 && out[0].Tenant > out[1].Tenant {
		out[0], out[1] = out[1], out[0]
	}
	return out, nil
}

// agree compares VerifyAudit with what it promises, with room for all objects, for a
// few, and for one.
func agree(t *testing.T, what, export string) error {
	t.Helper()
	want, wantErr := inGeneral(export)
	for _, b := range []bounds{replayBounds, {1000, 2, 1000}, {0, 3, 1 << 20}} {
		got, err := verifyAudit(strings.NewReader(export), b)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || !reflect.DeepEqual(got, want) || errors.Is(err, audit.ErrUnordered) != errors.Is(wantErr, audit.ErrUnordered) {
			t.Fatalf("%s with %+v: %v, %v\nwant %v, %v\n%s", what, b, got, err, want, wantErr, export)
		}
	}
	return wantErr
}

// made are the lines of two logs that were written by turns.
func made(lines int) (out []string) {
	logs := []*madeLog{newMadeLog("ten_a", 7), newMadeLog("ten_b", 3)}
	for i := range lines {
		out = append(out, string(logs[min(1, i%3)].next()))
	}
	return out
}

// Exports that somebody changed: the judgement is the promised one, word for word.
func TestAChangedExportIsJudgedInGeneral(t *testing.T) {
	lines := made(40)
	if err := agree(t, "whole", strings.Join(lines, "")); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	swaps := [][2]string{
		{`"seq":`, `"seq":0`},
		{`"seq":`, `"seq":-`},
		{`,"id"`, `.0,"id"`},
		{`,"id"`, `e0,"id"`},
		{`,"id"`, `99999999999999999999,"id"`},
		{`"event"`, `"Event"`},
		{`"event":{`, `"event":{"more":[1,{"a":null}],`},
		{`"event":{`, `"event":{"seq":1,`},
		{`"event":{`, `"event": {`},
		{`{"event"`, ` {"event"`},
		{`{"event"`, "\ufeff{\"event\""},
		{`"tenant":"ten_a"`, `"tenant":"ten_b"`},
		{`"tenant":"ten_`, `"tenant":"\u0074en_`},
		{`"tenant":"ten_`, `"Tenant":"ten_`},
		{`Z","actor"`, `+00:00","actor"`},
		{`Z","actor"`, `0Z","actor"`},
		{`Z","actor"`, `001Z","actor"`},
		{`"object":"req`, `"object":"r\u0065q`},
		{`"version":`, `"version":1`},
		{`,"version":`, `,"version":1,"version":`},
		{`"related":"grt`, `"related":"g` + "\xff" + `rt`},
		{`"detail_sum"`, `"DETAIL_SUM"`},
		{`"detail":`, `"detial":`},
		{`"detail":{`, `"detail":null,"detail":{`},
		{`"salt":"`, `"salt":"A`},
		{`"reason":"Zo`, `"reason":"\u005ao`},
		{`"reason":"Zo`, `"reason":"Zoo`},
		{`"data":{`, `"data":{"a":"b",`},
		{`"data":{`, `"data":null,"x":{`},
		{"}}\n", "}}x\n"},
		{"}}\n", "}} \r\n"},
		{"}}\n", "}}\r\n"},
		{"}}\n", "}}\n\n"},
		{"}\n", "\n"},
		{"=\",\"prev\"", "\",\"prev\""},
		{`"hash":"`, `"hash":"\u0041`},
	}
	refused, taken := 0, 0
	for i := range 350 {
		changed := append([]string{}, lines...)
		at := rng.IntN(len(changed))
		var what string
		switch line := changed[at]; i % 7 {
		case 0:
			s := swaps[rng.IntN(len(swaps))]
			what = s[1]
			changed[at] = strings.Replace(line, s[0], s[1], 1)
		case 1:
			what, changed[at] = "a line is gone", ""
		case 2:
			what, changed[at] = "a line twice", line+line
		case 3:
			other := rng.IntN(len(changed))
			what, changed[at], changed[other] = "two lines exchanged", changed[other], line
		case 4:
			what = "details erased"
			if before, _, ok := strings.Cut(line, `,"detail":`); ok {
				changed[at] = before + "}\n"
			}
		default:
			what = "a byte"
			b := []byte(line)
			b[rng.IntN(len(b))] = "019aA/\"\\{}[],: \t\r\n\x00\x80é"[rng.IntN(21)]
			changed[at] = string(b)
		}
		if err := agree(t, what, strings.Join(changed, "")); err != nil {
			refused++
		} else {
			taken++
		}
	}
	for _, s := range swaps {
		for at := range 12 {
			changed := append([]string{}, lines...)
			changed[at] = strings.Replace(changed[at], s[0], s[1], 1)
			if agree(t, s[1], strings.Join(changed, "")) != nil {
				refused++
			} else {
				taken++
			}
		}
	}
	if refused < 250 || taken < 50 {
		t.Errorf("%d were refused and %d taken: too few of one", refused, taken)
	}
}

// Logs that were sealed with states that no lifecycle can have produced, of more
// objects than there is room for. What is wrong first is said, also if it lies in a
// file and the chain breaks after it.
func TestDisorderAmongManyObjects(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for i := range 80 {
		logs := []*madeLog{newMadeLog("ten_a", 1), newMadeLog("ten_b", 1)}
		at := map[string]audit.Place{}
		var lines []string
		wrong := rng.IntN(4)
		for n := range 120 {
			which := rng.IntN(2)
			object := fmt.Sprintf("req_%d", rng.IntN(40))
			was := at[logs[which].tenant+object]
			e := audit.Event{Action: audit.RequestApprove, Actor: "system", Object: object, From: was.State, To: madeStates[rng.IntN(len(madeStates))], Version: was.Version + 1}
			if wrong > 0 && n > 60 && rng.IntN(10) == 0 {
				wrong--
				switch rng.IntN(4) {
				case 0:
					e.Version++
				case 1:
					e.Version = max(1, e.Version-1)
				case 2:
					e.From += "x"
				case 3:
					e.Version, e.From = 1, ""
				}
			}
			at[logs[which].tenant+object] = audit.Place{State: e.To, Version: e.Version}
			lines = append(lines, string(logs[which].seal(e, nil)))
		}
		switch i % 4 {
		case 1: // the chain breaks, somewhere or at the end
			n := 50 + rng.IntN(70)
			lines[n] = strings.Replace(lines[n], `"actor":"system"`, `"actor":"per_eve"`, 1)
		case 2:
			lines = append(lines, "no entry\n")
		case 3:
			lines = append(lines, strings.Repeat("x", 100)+"\n")
		}
		if agree(t, "states", strings.Join(lines, "")) != nil {
			refused++
		}
	}
	if refused < 50 || refused == 80 {
		t.Errorf("%d of 80 were refused", refused)
	}
}

// Every line of an export is read as it stands: the general way makes dozens of
// values of each.
func TestAnExportIsReadAsItStands(t *testing.T) {
	const entries = 2000
	export, err := io.ReadAll(newMadeLog("ten_a", 10).reader(entries, nil))
	if err != nil {
		t.Fatal(err)
	}
	made := testing.AllocsPerRun(3, func() {
		if _, err := verifyAudit(bytes.NewReader(export), replayBounds); err != nil {
			t.Fatal(err)
		}
	})
	if made > entries/10 {
		t.Errorf("%.0f values were made for %d entries", made, entries)
	}
}

// A place in a log of many objects needs a line of a file and no memory. Not parallel:
// it measures the heap of the process.
func TestALogOfManyObjectsNeedsNoMoreMemory(t *testing.T) {
	const bound = 5 << 20 // the places of all take 10 MB and more
	entries := 100_000
	most, before := uint64(0), uint64(0)
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before = live()
	m := newMadeLog("ten_a", entries)
	read := m.reader(entries, func(line int) {
		if line%(entries/10) == 0 {
			if now := live(); now > before {
				most = max(most, now-before)
			}
		}
	})
	got, err := verifyAudit(read, bounds{256 << 10, 64, 16 << 10})
	if err != nil || len(got) != 1 || got[0].Entries != int64(entries) {
		t.Fatalf("%v, %v", got, err)
	}
	if most > bound {
		t.Errorf("%d KB of heap on the way, more than %d", most>>10, bound>>10)
	}
}

// However many objects there are, few are in memory at once, at the end too.
func TestFewObjectsAreInMemoryAtOnce(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	for _, objects := range []int64{100, 10_000, 40_000} {
		r := newReplay(bounds{100 * 150, 64, 1000})
		for version := int64(1); version <= 2; version++ {
			for o := range objects {
				s := step{line: version*objects + o, seq: 1, object: fmt.Appendf(nil, "req_%026d", o), to: []byte("draft"), version: version}
				if version > 1 {
					s.from = s.to
				}
				if err := r.add(s); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.finish(); err != nil {
			t.Fatal(err)
		}
		if r.most > 120 || objects > 1000 && r.parts[0].file == nil {
			t.Errorf("of %d objects %d were in memory at once, with files: %v", objects, r.most, r.parts != nil)
		}
		r.close()
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("files are left: %v, %v", left, err)
		}
	}
}

// Without a folder for temporary files a log of many objects is verified in memory.
func TestNoFolderForTemporaryFiles(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/nothing")
	got, err := verifyAudit(newMadeLog("ten_a", 500).reader(1000, nil), bounds{1000, 4, 1000})
	if err != nil || got[0].Entries != 1000 {
		t.Errorf("%v, %v", got, err)
	}
}

// Where the folder for temporary files is full, that is what is said: what the last
// write left of a step is not read as if it were one, whatever bytes it has.
func TestAFullFolderForTemporaryFiles(t *testing.T) {
	s := step{line: 1, seq: 1, object: []byte("aÿÿ!ÿÿ!ÿÿ!"), to: []byte("draft"), version: 1}
	whole := part{buffer: 1000}
	if err := whole.write(s.line, s.seq, s.version, s.object, s.from, s.to); err != nil {
		t.Fatal(err)
	}
	name := t.TempDir() + "/full"
	for cut := range whole.last {
		if err := os.WriteFile(name, whole.last[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(name) // takes no more
		if err != nil {
			t.Fatal(err)
		}
		full := &part{buffer: 1, file: file}
		r := newReplay(replayBounds)
		r.parts = []*part{full}
		refused := full.write(s.line, s.seq, s.version, s.object, s.from, s.to)
		err = r.finish()
		r.close()
		if refused == nil || err == nil || err.Error() != refused.Error() {
			t.Errorf("cut at %d: %v, and at the end %v", cut, refused, err)
		}
	}
}
