package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/session"
)

var _ session.Backend = (*Store)(nil)

// CreateSession implements session.Backend.
func (s *Store) CreateSession(ctx context.Context, r session.Record) ([]session.Record, error) {
	x := Session{Hash: r.Hash, Tenant: access.TenantID(r.Tenant), Person: access.PersonID(r.Person), Platform: r.Platform,
		Place: r.Place, Rights: r.Rights, Data: r.Data, CreatedAt: r.CreatedAt, LaunchedAt: r.LaunchedAt, SeenAt: r.SeenAt,
		IdleUntil: r.IdleUntil, EndsAt: r.EndsAt, CookieSeen: r.CookieSeen}
	var differ []session.Record
	err := s.InTx(ctx, func(tx *Tx) error {
		differ = nil
		err := tx.plain.each(ctx, selectDiffering, []any{r.Tenant, r.Person, r.Place, r.Rights, r.Hash}, func(row scanner) error {
			var o session.Record
			differ = append(differ, o)
			return row.Scan(&differ[len(differ)-1].Hash, &differ[len(differ)-1].Rights)
		})
		if err != nil {
			return tx.fail("sessions with other rights", err)
		}
		return tx.SaveSession(x)
	})
	return differ, err
}

// FindSession implements session.Backend.
func (s *Store) FindSession(ctx context.Context, hash []byte, now time.Time) (session.Record, error) {
	var x Session
	err := s.readPlain(ctx, "find session", func(c conn) (err error) {
		x, err = findSession(ctx, c, hash, now)
		return err
	})
	if err != nil {
		return session.Record{}, none(err)
	}
	return session.Record{Hash: x.Hash, Tenant: string(x.Tenant), Person: string(x.Person), Platform: x.Platform, Place: x.Place,
		Rights: x.Rights, Data: x.Data, CreatedAt: x.CreatedAt, LaunchedAt: x.LaunchedAt, SeenAt: x.SeenAt, IdleUntil: x.IdleUntil,
		EndsAt: x.EndsAt, CookieSeen: x.CookieSeen}, nil
}

// TouchSession implements session.Backend.
func (s *Store) TouchSession(ctx context.Context, hash []byte, seenAt, idleUntil time.Time, cookieSeen bool) error {
	return none(s.statement(ctx, func(db *gorm.DB) error {
		return fail(ctx, "touch session", touchSession(db, hash, seenAt, idleUntil, cookieSeen))
	}))
}

// EndSession implements session.Backend.
func (s *Store) EndSession(ctx context.Context, hash []byte) error {
	return s.statement(ctx, func(db *gorm.DB) error {
		return fail(ctx, "end session", db.Where("hash = ?", hash).Delete(&sessionRow{}).Error)
	})
}

// none is session.ErrNone for a session that is not there.
func none(err error) error {
	if errors.Is(err, access.ErrNotFound) {
		return session.ErrNone
	}
	return err
}
