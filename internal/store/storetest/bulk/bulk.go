// Package bulk fills a migrated database with the rows of a school that has used
// the tool for years: for tests of what a page costs, and for measuring it. The
// rows are the same in every run.
//
// They are such as the program reads back, each of them; they are not such as it
// would have written one after the other. An ended request has three entries in
// the audit log, in the order of the requests, where a real one has up to a
// dozen; the chain verifies, but replaying it does not arrive at the rows.
package bulk

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
)

// Size is how much of everything a tenant has. What waits for somebody (open
// requests and drafts, found tokens of which nothing became yet, open incidents,
// tokens that are stopped or being ended) is as much in every size.
type Size struct {
	Ended  int // requests whose life is over, the tokens of most of them ended
	Live   int // requests whose token lives
	People int
}

// Of is a school of about n requests: a tenth of them have a live token, and
// there is a person for five.
func Of(n int) Size { return Size{Ended: n - n/10, Live: n / 10, People: max(n/5, 200)} }

// Open work, the same in every size.
const (
	InReview        = 40
	AwaitingSponsor = 20
	Approved        = 30
	Drafts          = 50
	OpenFound       = 300
	// Of the live tokens: those that wait for something.
	Revoking    = 4
	Frozen      = 8
	HandedOver  = 20
	Gaps        = 10
	Asked       = 5
	waitingLive = Revoking + Frozen + HandedOver + Gaps + Asked

	openRequests = InReview + AwaitingSponsor + Approved + Drafts
	reviewers    = 8
)

// School is one tenant to fill.
type School struct {
	Tenant access.TenantID
	Size   Size
	Now    time.Time
	// Student has made some 60 of the ended requests, 3 of the live tokens, an open
	// request, an approved one and a draft; Teacher stood for
	// 400 of the ended ones, or as many as there are, stands for 20 tokens, and is
	// asked about 5 requests. Both exist already. Empty ones have no part.
	Student, Teacher access.PersonID
	// StudentUser is the student's id in Canvas.
	StudentUser string
}

// Fill adds the rows of the schools to a migrated database, whose tenants exist
// and in which nothing else happens meanwhile, and has it count them.
func Fill(ctx context.Context, databaseURL string, schools ...School) (err error) {
	w, err := open(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer func() {
		if e := w.close(ctx); err == nil {
			err = e
		}
	}()
	for _, s := range schools {
		if s.Size.Live < waitingLive || s.Size.Ended < 100 || s.Size.People < 200 {
			return fmt.Errorf("bulk: a school of %+v is too small for its open work", s.Size)
		}
		f := filler{School: s}
		if f.first, f.policy, f.seq, f.head, err = w.start(ctx, s.Tenant); err != nil {
			return err
		}
		for _, t := range f.tables() {
			if err := w.load(ctx, t); err != nil {
				return fmt.Errorf("bulk: %s: %w", t.name, err)
			}
		}
		if err := w.settle(ctx, s.Tenant, f.first+f.all(), f.seq, f.head); err != nil {
			return err
		}
	}
	return w.count(ctx)
}

// table is rows for one table. Its columns are named, so that one which a later
// migration adds gets its default.
type table struct {
	name    string
	columns []string
	rows    iter.Seq[[]any]
}

func tableOf(name, columns string, rows iter.Seq[[]any]) table {
	return table{name, strings.Fields(columns), rows}
}

// filler makes the rows of one school. A row follows from its number alone, so
// that tables that refer to one another are made one after the other and never
// held in memory.
type filler struct {
	School
	first  int // the tenant's last number before
	policy int
	seq    int // of the audit log
	head   []byte
}

func (f *filler) all() int { return f.Size.Ended + f.Size.Live + openRequests }

// mix spreads a number over all 64 bits (splitmix64).
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

func of(seed string, n int) uint64 {
	h := uint64(len(seed))
	for _, c := range []byte(seed) {
		h = mix(h ^ uint64(c))
	}
	return mix(h + uint64(n)) //nolint:gosec // the bits are what counts
}

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

// id is the id of row n of a kind, as spread as a random one.
func (f *filler) id(kind string, n int) string {
	var b [24]byte
	for i := range 3 {
		binary.BigEndian.PutUint64(b[8*i:], of(kind+string(f.Tenant), 3*n+i))
	}
	return kind + "_" + letters.EncodeToString(b[:])[:26]
}

// pick is a number below n that row k has, by what it is for.
func pick(what string, k, n int) int { return int(of(what, k) % uint64(n)) } //nolint:gosec // below n

func day(n float64) time.Duration { return time.Duration(n * float64(24*time.Hour)) }

// at is a time as both databases keep it.
func at(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Truncate(time.Microsecond)
}

// ref is an id of another row; none is NULL.
func ref[S ~string](id S) any {
	if id == "" {
		return nil
	}
	return string(id)
}
