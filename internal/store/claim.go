package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/internal/jobs"
)

// ready is what a claimer may choose from: the first due job of a kind of a
// tenant, or one whose lease has ended.
type ready struct {
	Kind, Tenant string
	RunAt        moment
	Late         string // the id of a job whose lease has ended
}

// schools are the kinds of jobs that wait, each with the tenants of which some do,
// found by going from kind to kind and from tenant to tenant in the index: what it
// costs grows with those, and not with the jobs that wait.
const schools = `
WITH RECURSIVE kinds(kind) AS (
    SELECT (SELECT kind FROM jobs WHERE state = 'due' ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (SELECT j.kind FROM jobs j WHERE j.state = 'due' AND j.kind > kinds.kind ORDER BY j.kind LIMIT 1)
    FROM kinds WHERE kinds.kind IS NOT NULL
), schools(kind, tenant) AS (
    SELECT kind, (SELECT j.tenant FROM jobs j WHERE j.state = 'due' AND j.kind = kinds.kind ORDER BY j.tenant LIMIT 1)
    FROM kinds WHERE kind %[1]s
    UNION ALL
    SELECT kind, (SELECT j.tenant FROM jobs j WHERE j.state = 'due' AND j.kind = schools.kind AND j.tenant > schools.tenant ORDER BY j.tenant LIMIT 1)
    FROM schools WHERE schools.tenant IS NOT NULL
)`

// claimable finds what is ready.
//
//nolint:misspell // SQL spells so
const claimable = schools + `, firsts AS MATERIALIZED (
    SELECT kind, tenant, (SELECT j.run_at FROM jobs j WHERE j.state = 'due' AND j.kind = schools.kind AND j.tenant = schools.tenant ORDER BY j.run_at LIMIT 1) AS run_at
    FROM schools WHERE tenant IS NOT NULL
)
SELECT kind, tenant, run_at, '' AS late FROM firsts WHERE run_at <= @now
UNION ALL
SELECT kind, tenant, leased_until, id FROM jobs WHERE state = 'leased' AND leased_until < @now AND kind %[1]s`

// ClaimJobs implements jobs.Queue. A job that is taken over because its lease
// ended counts a failure: whoever had it is gone, perhaps because of it.
func (s *Store) ClaimJobs(ctx context.Context, c jobs.Claim) ([]jobs.Job, error) {
	kinds := "IN @kinds"
	if c.But {
		kinds = "NOT IN @kinds"
	}
	// No kind is empty; a list must not be, in SQL.
	args := map[string]any{"now": stamp(c.Now), "kinds": append([]string{""}, c.Kinds...)}
	var waiting []ready
	err := s.again(ctx, func() error {
		waiting = nil // a read: it waits for no writer
		return fail(ctx, "look for jobs", s.db.WithContext(ctx).Raw(fmt.Sprintf(claimable, kinds), args).Scan(&waiting).Error)
	})
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	var out []jobs.Job
	err = s.InTx(ctx, func(tx *Tx) error {
		out = nil
		t := turns{Claim: c, ready: slices.Clone(waiting), in: map[string]int{}}
		for len(out) < c.Limit {
			w, ok := t.next()
			if !ok {
				return nil
			}
			row, err := tx.claim(w, c)
			if err != nil {
				return err
			}
			if row == nil { // another claimer has it, or has had it
				t.none(w)
				continue
			}
			t.took(w, *row)
			out = append(out, row.job())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (r jobRow) job() jobs.Job {
	j := jobs.Job{ID: r.ID, Kind: r.Kind, Key: r.Key, Tenant: r.Tenant, Attempt: r.Failures + 1, CreatedAt: r.CreatedAt.time(), Owner: r.LeasedBy, Claim: r.Claims}
	if r.Data != "" {
		j.Data = []byte(r.Data)
	}
	return j
}

// claim leases the job that w stands for, or the next of its kind and tenant
// that nobody else is leasing; nil if there is none.
func (tx *Tx) claim(w ready, c jobs.Claim) (*jobRow, error) {
	which := `state = 'due' AND kind = @kind AND tenant = @tenant AND run_at <= @now ORDER BY run_at, id LIMIT 1`
	if w.Late != "" {
		which = `id = @late AND state = 'leased' AND leased_until < @now`
	}
	var rows []jobRow
	err := tx.db.Raw(`
WITH claimed AS (SELECT id FROM jobs WHERE `+which+` `+tx.s.skipLocked()+`)
UPDATE jobs SET
    failures = failures + CASE WHEN state = 'leased' THEN 1 ELSE 0 END,
    state = 'leased', leased_by = @owner, leased_until = @until, claims = claims + 1
WHERE id IN (SELECT id FROM claimed)
RETURNING *`,
		map[string]any{"now": stamp(c.Now), "kind": w.Kind, "tenant": w.Tenant, "late": w.Late, "owner": c.Owner, "until": stamp(c.Now.Add(c.Lease))}).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, tx.fail("claim a job", err)
	}
	return &rows[0], nil
}

// turns chooses whose job is next.
type turns struct {
	jobs.Claim
	ready []ready
	in    map[string]int // claimed here, by tenant
}

func (t *turns) next() (ready, bool) {
	open := slices.DeleteFunc(slices.Clone(t.ready), func(w ready) bool { return t.Share > 0 && t.hands(w) >= t.Share })
	if len(open) == 0 {
		return ready{}, false
	}
	return slices.MinFunc(open, func(a, b ready) int {
		if t.Share == 0 {
			return cmp.Or(a.RunAt.t.Compare(b.RunAt.t), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Tenant, b.Tenant))
		}
		return cmp.Or(
			cmp.Compare(t.hands(a), t.hands(b)),
			cmp.Compare(t.lap(a), t.lap(b)),
			strings.Compare(a.Tenant, b.Tenant),
			a.RunAt.t.Compare(b.RunAt.t),
			strings.Compare(a.Kind, b.Kind),
		)
	}), true
}

// hands counts the jobs in hand of w's tenant.
func (t *turns) hands(w ready) int { return t.InHand[w.Tenant] + t.in[w.Tenant] }

// lap is 0 for tenants whose turn comes before the order begins anew.
func (t *turns) lap(w ready) int {
	if w.Tenant > t.After {
		return 0
	}
	return 1
}

// none takes w out: there is nothing left to claim of it.
func (t *turns) none(w ready) {
	t.ready = slices.DeleteFunc(t.ready, func(o ready) bool { return o == w })
}

// took notes that w was claimed. What follows it is due no earlier.
func (t *turns) took(w ready, row jobRow) {
	t.in[w.Tenant]++
	if w.Late != "" {
		t.none(w)
		return
	}
	for i := range t.ready {
		if t.ready[i] == w {
			t.ready[i].RunAt = row.RunAt
		}
	}
}
