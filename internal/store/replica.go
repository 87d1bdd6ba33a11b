package store

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm/clause"

	"github.com/tokendesk/tokendesk/migrations"
)

// Beat is how often a running program says that it runs; one that has said nothing
// for ReplicaGone is taken for ended.
const (
	Beat        = 15 * time.Second
	ReplicaGone = time.Minute
)

type replicaRow struct {
	ID      string `gorm:"primaryKey"`
	Program int
	SeenAt  moment
}

func (replicaRow) TableName() string { return "replicas" }

// Here says that the program with this id, which is of ProgramVersion, runs on the
// database now, and forgets those that said so last more than an hour ago.
func (s *Store) Here(ctx context.Context, id string) error {
	return s.InTx(ctx, func(tx *Tx) error {
		row := replicaRow{ID: id, Program: ProgramVersion, SeenAt: stamp(s.now())}
		if err := tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
			return tx.fail("here", err)
		}
		return tx.fail("here", tx.db.Where("seen_at < ?", stamp(s.now().Add(-time.Hour))).Delete(&replicaRow{}).Error)
	})
}

// Left says that the program with this id has ended.
func (s *Store) Left(ctx context.Context, id string) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.fail("left", tx.db.Delete(&replicaRow{ID: id}).Error) })
}

// OlderError says that a program works on the database which may not run on what
// Migrate would make of it.
type OlderError struct {
	Needs int       // the oldest program that may
	Seen  time.Time // when the older one was last seen; in the future where its work is promised until then
}

func (e *OlderError) Error() string {
	return fmt.Sprintf("an older program works on this database (last seen %s) and would go wrong on the new schema, which needs a program of version %d: "+
		"stop every older program, wait a minute, then run \"tokendesk migrate\" again", e.Seen.UTC().Format("15:04:05"), e.Needs)
}

var (
	seenReplica = say("SELECT MAX(seen_at) FROM replicas WHERE program < ? AND seen_at > ?")
	// Programs of before leave no word but in their work: every quarter of a minute
	// one of them settles a job, and what it works on is leased.
	seenWork = say(`SELECT MAX(at) FROM (SELECT MAX(settled_at) AS at FROM jobs WHERE settled_at > ?
		UNION ALL SELECT MAX(leased_until) FROM jobs WHERE state = 'leased' AND leased_until > ?) AS work`)
)

// refuseOlder returns an *OlderError while a program works here that may not run
// on the schema behind the migrations to come.
func (s *Store) refuseOlder(ctx context.Context, p *goose.Provider, version int) error {
	needs, err := needed(p, version)
	if err != nil || version == 0 || needs == 0 {
		return err
	}
	query, args := seenReplica, []any{needs, stamp(s.now().Add(-ReplicaGone))}
	if version < votesMigration {
		query, args = seenWork, []any{stamp(s.now().Add(-ReplicaGone)), stamp(s.now())}
	}
	var seen moment
	err = s.readPlain(ctx, "look for older programs", func(c conn) error { return c.one(ctx, query, args, &seen) })
	if err != nil {
		return err
	}
	if at := seen.time(); !at.IsZero() {
		return &OlderError{Needs: needs, Seen: at}
	}
	return nil
}

var minProgram = regexp.MustCompile(`INSERT INTO schema_programs \(version, min_program\) VALUES \((\d+), (\d+)\)`)

// needed is the oldest program that may run behind the migrations after version,
// as their files say.
func needed(p *goose.Provider, version int) (int, error) {
	most := 0
	for _, m := range p.ListSources() {
		if m.Version <= int64(version) {
			continue
		}
		if m.Type == goose.TypeGo {
			most = max(most, inReviewProgram)
			continue
		}
		// The two folders say the same.
		text, err := fs.ReadFile(migrations.FS, path.Join("postgres", path.Base(m.Path)))
		if err != nil {
			return 0, fmt.Errorf("migrations: %w", err)
		}
		found := minProgram.FindSubmatch(text)
		if found == nil {
			return 0, fmt.Errorf("migration %s does not say which program it needs", m.Path)
		}
		n, err := strconv.Atoi(string(found[2]))
		if err != nil {
			return 0, fmt.Errorf("migration %s: %w", m.Path, err)
		}
		most = max(most, n)
	}
	return most, nil
}
