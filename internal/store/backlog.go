package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/jobs"
)

// notDone counts what is due school by school: what it costs grows with what is
// due, and not with the jobs whose time has not come, of which each live token has
// one.
const notDone = schools + `
SELECT kind, 'due' AS state,
    (SELECT COUNT(*) FROM jobs j WHERE j.state = 'due' AND j.kind = schools.kind AND j.tenant = schools.tenant AND j.run_at <= @now) AS n,
    (SELECT j.run_at FROM jobs j WHERE j.state = 'due' AND j.kind = schools.kind AND j.tenant = schools.tenant ORDER BY j.run_at LIMIT 1) AS oldest
FROM schools WHERE tenant IS NOT NULL
UNION ALL
SELECT kind, 'leased', COUNT(*), NULL FROM jobs WHERE state = 'leased' GROUP BY kind
UNION ALL
SELECT kind, 'parked', COUNT(*), NULL FROM jobs WHERE state = 'parked' GROUP BY kind`

// CountJobs implements jobs.Queue.
func (s *Store) CountJobs(ctx context.Context, now time.Time) ([]jobs.Count, error) {
	var rows []struct {
		Kind, State string
		N           int
		Oldest      moment
	}
	err := s.again(ctx, func() error {
		rows = nil
		return fail(ctx, "count jobs", s.db.WithContext(ctx).Raw(fmt.Sprintf(notDone, "<> ''"), map[string]any{"now": stamp(now)}).Scan(&rows).Error)
	})
	if err != nil {
		return nil, err
	}
	var out []jobs.Count
	for _, r := range rows {
		i := slices.IndexFunc(out, func(c jobs.Count) bool { return c.Kind == r.Kind })
		if i < 0 {
			i = len(out)
			out = append(out, jobs.Count{Kind: r.Kind})
		}
		c := &out[i]
		switch r.State {
		case jobLeased:
			c.Running = r.N
		case jobParked:
			c.Parked = r.N
		case jobDue:
			c.Due += r.N
			if at := r.Oldest.time(); r.N > 0 && (c.Oldest.IsZero() || at.Before(c.Oldest)) {
				c.Oldest = at
			}
		}
	}
	return out, nil
}
