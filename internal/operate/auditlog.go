package operate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

const (
	auditPage    = 500
	auditLineMax = 16 << 20
)

// ExportAudit writes the audit log of one platform's school as JSON Lines,
// oldest first, and returns how many entries it wrote. platform may be empty
// where there is only one.
func (c *Commands) ExportAudit(ctx context.Context, platform string, w io.Writer) (int, error) {
	p, err := c.Platform(ctx, platform)
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	n, last := 0, int64(0)
	for {
		var page []store.AuditEntry
		err := c.Store.Read(ctx, func(tx *store.Tx) error {
			page, err = tx.AuditAfter(p.Tenant, last, auditPage)
			return err
		})
		if err != nil {
			return n, err
		}
		for _, e := range page {
			if err := enc.Encode(audit.Line{Event: e.Event, Detail: e.Detail}); err != nil {
				return n, fmt.Errorf("write: %w", err)
			}
			n, last = n+1, e.Event.Seq
		}
		if len(page) == 0 {
			if err := out.Flush(); err != nil {
				return n, fmt.Errorf("write: %w", err)
			}
			return n, nil
		}
	}
}

// Verified is what an export proved about one school's log.
type Verified struct {
	Tenant  string
	Entries int64
	Until   time.Time // of the last entry
	Head    string    // its hash, in hex: compare it with one noted elsewhere, since nobody can miss what was cut off the end
	Erased  int       // entries whose details were erased
}

// VerifyAudit reads an export and checks every chain in it and that the states
// it tells follow one another. It needs no database, and no more memory for a log of
// many objects: what it has to know of each lies in files of the folder for temporary
// ones then, while it runs. A *audit.BreakError says from where on nothing is proven.
func VerifyAudit(r io.Reader) ([]Verified, error) { return verifyAudit(r, replayBounds) }

func verifyAudit(r io.Reader, b bounds) ([]Verified, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), auditLineMax)
	v := verifier{logs: map[string]*log{}, states: newReplay(b)}
	defer v.states.close()
	for n := int64(1); lines.Scan(); n++ {
		if err := v.line(n, lines.Bytes()); err != nil {
			return nil, v.first(err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, v.first(fmt.Errorf("read: %w", err))
	}
	if err := v.states.finish(); err != nil {
		return nil, err
	}
	if len(v.logs) == 0 {
		return nil, errors.New("the export holds no entry")
	}
	var out []Verified
	for tenant, l := range v.logs {
		out = append(out, Verified{tenant, l.chain.Seq(), l.until, l.chain.Head(), l.erased})
	}
	slices.SortFunc(out, func(a, b Verified) int { return strings.Compare(a.Tenant, b.Tenant) })
	return out, nil
}

type verifier struct {
	logs    map[string]*log
	states  *replay
	written audit.Written
}

// log is what the entries of one tenant have told so far.
type log struct {
	number int
	chain  *audit.Chain
	until  time.Time
	erased int
}

func (v *verifier) log(tenant []byte) *log {
	l := v.logs[string(tenant)]
	if l == nil {
		l = &log{number: len(v.logs), chain: audit.NewChain(string(tenant))}
		v.logs[string(tenant)] = l
	}
	return l
}

// line judges line n of the export. Lines that are as an export writes them are read
// without building what they say; whatever is otherwise, or wrong, goes the general way,
// which alone refuses.
func (v *verifier) line(n int64, text []byte) error {
	if w := &v.written; w.Read(text) {
		if l := v.log(w.Tenant); l.chain.AddWritten(w) {
			l.until = w.At()
			if w.Erased() {
				l.erased++
			}
			return v.states.add(step{line: n, log: l.number, seq: w.Seq, object: w.Object, from: w.From, to: w.To, version: int64(w.Version)})
		}
	}
	var written audit.Line
	if err := json.Unmarshal(text, &written); err != nil {
		return fmt.Errorf("line %d is no entry of an audit export: %w", n, err)
	}
	e := written.Event
	l := v.log([]byte(e.Tenant))
	if err := l.chain.Add(e, written.Detail); err != nil {
		return err
	}
	l.until = e.At
	if written.Detail == nil && len(e.DetailSum) > 0 {
		l.erased++
	}
	return v.states.add(step{
		line: n, log: l.number, seq: e.Seq, object: []byte(e.Object), from: []byte(e.From), to: []byte(e.To), version: int64(e.Version),
	})
}

// first is what a reader meets first: a disorder of states is found at the end only,
// if their objects are many, and may lie before what stopped the reading.
func (v *verifier) first(stopped error) error {
	if err := v.states.finish(); err != nil {
		return err
	}
	return stopped
}
