package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/glebarez/sqlite"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
)

// The migration after which a request in review says so, in whatever stage. It is
// no SQL file, because the events that tell of it have their place in the chain.
const (
	votesMigration    = 14
	inReviewMigration = 15
	inReviewProgram   = 7
	wasInReview       = "awaiting_review" // until then
)

// toInReview renames the state of every request in review, each with its event:
// whoever replays the log arrives at the rows, before and after.
func (s *Store) toInReview(ctx context.Context, in *sql.Tx) error {
	var dialect gorm.Dialector = &sqlite.Dialector{Conn: in}
	if s.path == "" {
		dialect = postgres.New(postgres.Config{Conn: in})
	}
	db, err := gorm.Open(dialect, &gorm.Config{Logger: logger.Discard, SkipDefaultTransaction: true, DisableAutomaticPing: true})
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	tx := &Tx{ctx: ctx, s: s, db: db.WithContext(ctx), write: true}
	var rows []struct {
		ID, Tenant string
		Version    int
	}
	if err := tx.db.Table("requests").Select("id", "tenant", "version").Where("state = ?", wasInReview).Order("tenant, id").Find(&rows).Error; err != nil {
		return tx.fail("requests in review", err)
	}
	for i, r := range rows {
		told := audit.Event{Tenant: r.Tenant, At: s.now(), Actor: access.SystemID, Action: audit.RequestMigrate, Object: r.ID,
			From: wasInReview, To: string(access.InReview), Version: r.Version + 1}
		res := tx.db.Table("requests").Where("id = ? AND version = ? AND state = ?", r.ID, r.Version, wasInReview).
			Updates(map[string]any{"state": string(access.InReview), "version": r.Version + 1})
		if res.Error != nil {
			return tx.fail("rename a state", res.Error)
		}
		if res.RowsAffected != 1 {
			return errors.New("a request changed while its state was renamed: an older program works on this database; stop it, then run \"tokendesk migrate\" again")
		}
		if err := tx.tell(access.TenantID(r.Tenant), told, nil); err != nil {
			return err
		}
		if i%DefaultLimit == 0 { // both engines bound the values of one statement
			if err := tx.writeAudit(); err != nil {
				return err
			}
		}
	}
	if err := tx.writeAudit(); err != nil {
		return err
	}
	return tx.fail("migrate", tx.db.Exec("INSERT INTO schema_programs (version, min_program) VALUES (?, ?)", inReviewMigration, inReviewProgram).Error)
}
