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

// auditLine is one line of an export: an event, and its details unless they
// were erased or there were none.
type auditLine struct {
	Event  audit.Event   `json:"event"`
	Detail *audit.Detail `json:"detail,omitempty"`
}

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
			if err := enc.Encode(auditLine{e.Event, e.Detail}); err != nil {
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
// it tells follow one another. It needs no database. A *audit.BreakError says
// from where on nothing is proven.
func VerifyAudit(r io.Reader) ([]Verified, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, auditLineMax)
	chains, states := map[string]*audit.Chain{}, map[string]*progress{}
	for n := 1; lines.Scan(); n++ {
		var l auditLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d is no entry of an audit export: %w", n, err)
		}
		tenant := l.Event.Tenant
		if chains[tenant] == nil {
			chains[tenant], states[tenant] = audit.NewChain(tenant), &progress{at: map[string]audit.Place{}}
		}
		if err := chains[tenant].Add(l.Event, l.Detail); err != nil {
			return nil, err
		}
		if err := states[tenant].add(l); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if len(chains) == 0 {
		return nil, errors.New("the export holds no entry")
	}
	var out []Verified
	for tenant, c := range chains {
		out = append(out, Verified{tenant, c.Seq(), states[tenant].until, c.Head(), states[tenant].erased})
	}
	slices.SortFunc(out, func(a, b Verified) int { return strings.Compare(a.Tenant, b.Tenant) })
	return out, nil
}

// progress is what the entries of one log have told so far.
type progress struct {
	at     map[string]audit.Place
	until  time.Time
	erased int
}

func (p *progress) add(l auditLine) error {
	p.until = l.Event.At
	if l.Detail == nil && len(l.Event.DetailSum) > 0 {
		p.erased++
	}
	e := l.Event
	if e.To == "" || e.Version == 0 {
		return nil
	}
	// As audit.Replay judges a log in memory; an export need not fit into it.
	was, known := p.at[e.Object]
	if (known && (was.Version+1 != e.Version || was.State != e.From)) || (!known && (e.Version != 1 || e.From != "")) {
		return fmt.Errorf("%s at entry %d: %w", e.Object, e.Seq, audit.ErrUnordered)
	}
	p.at[e.Object] = audit.Place{State: e.To, Version: e.Version}
	return nil
}
