package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tokendesk/tokendesk/internal/jobs"
)

type jobRow struct {
	ID          string `gorm:"primaryKey"`
	Kind        string
	Key         string
	Tenant      string
	Data        string
	State       string
	RunAt       moment
	Failures    int
	Claims      int
	LeasedBy    string
	LeasedUntil moment
	Trouble     string
	CreatedAt   moment
	SettledAt   moment
}

func (jobRow) TableName() string { return "jobs" }

// States of a job. They are the queue's own affair.
const (
	jobDue    = "due"
	jobLeased = "leased"
	jobDone   = "done"
	jobParked = "parked"
)

var _ jobs.Queue = (*Store)(nil)

// InsertJob adds a job in this transaction, as jobs.Queue promises. It needs a
// RunAt; jobs given to a move may leave it out.
func (tx *Tx) InsertJob(i jobs.Insert) error {
	if err := tx.may("insert job"); err != nil {
		return err
	}
	return tx.insertJob(i, i.RunAt)
}

// NewJobs returns those of the jobs that InsertJob would add: the others are there, or
// were and are done.
func (tx *Tx) NewJobs(all []jobs.Insert) ([]jobs.Insert, error) {
	type name struct{ kind, key string }
	known := map[name]bool{}
	keys := map[string][]string{}
	for _, i := range all {
		keys[i.Kind] = append(keys[i.Kind], i.Key)
	}
	for kind, of := range keys {
		for part := range slices.Chunk(of, MaxLimit) {
			var found []string
			if err := tx.db.Model(&jobRow{}).Where("kind = ? AND key IN ?", kind, part).Pluck("key", &found).Error; err != nil {
				return nil, tx.fail("new jobs", err)
			}
			for _, key := range found {
				known[name{kind, key}] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(i jobs.Insert) bool { return known[name{i.Kind, i.Key}] }), nil
}

func (tx *Tx) insertJob(i jobs.Insert, now time.Time) error {
	return tx.fail("insert job", insertJob(tx.db, i, now))
}

func insertJob(db *gorm.DB, i jobs.Insert, now time.Time) error {
	if i.Kind == "" || i.Key == "" || i.RunAt.IsZero() {
		return fmt.Errorf("job %s %s: it needs a kind, a key and a time", i.Kind, i.Key)
	}
	return db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "kind"}, {Name: "key"}}, DoNothing: true}).
		Create(&jobRow{ID: NewID("job"), Kind: i.Kind, Key: i.Key, Tenant: i.Tenant, Data: string(i.Data), State: jobDue,
			RunAt: stamp(i.RunAt), CreatedAt: stamp(now)}).Error
}

// InsertJob implements jobs.Queue.
func (s *Store) InsertJob(ctx context.Context, i jobs.Insert) error {
	return s.statement(ctx, func(db *gorm.DB) error { return fail(ctx, "insert job", insertJob(db, i, i.RunAt)) })
}

// LastJob implements jobs.Queue.
func (s *Store) LastJob(ctx context.Context, kind, below string) (string, error) {
	var keys []string
	err := s.again(ctx, func() error {
		keys = nil
		return fail(ctx, "last job", s.db.WithContext(ctx).Raw("SELECT key FROM jobs WHERE kind = ? AND key < ? ORDER BY key DESC LIMIT 1", kind, below).Scan(&keys).Error)
	})
	if err != nil || len(keys) == 0 {
		return "", err
	}
	return keys[0], nil
}

// FinishJob implements jobs.Queue.
func (s *Store) FinishJob(ctx context.Context, j jobs.Job, now time.Time) error {
	return s.settle(ctx, "finish job", j, map[string]any{"state": jobDone, "settled_at": stamp(now), "trouble": ""})
}

// RetryJob implements jobs.Queue.
func (s *Store) RetryJob(ctx context.Context, j jobs.Job, at time.Time, failure bool, trouble string) error {
	to := map[string]any{"state": jobDue, "run_at": stamp(at), "trouble": short(trouble)}
	if failure {
		to["failures"] = gorm.Expr("failures + 1")
	}
	return s.settle(ctx, "retry job", j, to)
}

// ParkJob implements jobs.Queue.
func (s *Store) ParkJob(ctx context.Context, j jobs.Job, now time.Time, trouble string) error {
	return s.settle(ctx, "park job", j, map[string]any{"state": jobParked, "settled_at": stamp(now), "trouble": short(trouble),
		"failures": gorm.Expr("failures + 1")})
}

func (s *Store) settle(ctx context.Context, op string, j jobs.Job, to map[string]any) error {
	to["leased_by"], to["leased_until"] = "", moment{}
	return s.statement(ctx, func(db *gorm.DB) error {
		res := db.Model(&jobRow{}).Where("id = ? AND state = 'leased' AND leased_by = ? AND claims = ?", j.ID, j.Owner, j.Claim).Updates(to)
		switch {
		case res.Error != nil:
			return fail(ctx, op, res.Error)
		case res.RowsAffected != 1:
			return fmt.Errorf("%s %s: %w", op, j.ID, jobs.ErrLost)
		}
		return nil
	})
}

// PurgeJobs implements jobs.Queue. Parked jobs stay.
func (s *Store) PurgeJobs(ctx context.Context, before time.Time) (int, error) {
	var n int64
	err := s.statement(ctx, func(db *gorm.DB) error {
		res := db.Where("state = ? AND settled_at < ?", jobDone, stamp(before)).Delete(&jobRow{})
		n = res.RowsAffected
		return fail(ctx, "purge jobs", res.Error)
	})
	return int(n), err
}

const maxTrouble = 500

// short makes a text of somebody else's fit to be kept.
func short(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
	if utf8.RuneCountInString(s) <= maxTrouble {
		return s
	}
	return string([]rune(s)[:maxTrouble]) + "…"
}
