package store

import (
	"context"
	"errors"
	"fmt"
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
	if len(x.Hash) != 32 {
		return nil, fmt.Errorf("create session: %w", errNoHash)
	}
	var differ []session.Record
	v, _ := ctx.Value(visitKey{}).(*visit)
	ahead := v != nil && v.ahead
	err := s.writePlain(ctx, "create session", func(c conn) error {
		differ = nil
		list := []said{
			{what: saveSession, args: x.values()},
			{what: selectDiffering, args: []any{r.Tenant, r.Person, r.Place, r.Rights, r.Hash}, row: func(row scanner) error {
				var o session.Record
				err := row.Scan(&o.Hash, &o.Rights)
				differ = append(differ, o)
				return err
			}},
		}
		if ahead {
			list = append(list, v.whom.tally(&v.tally))
		}
		return c.all(ctx, list)
	})
	if ahead {
		v.ahead, v.counted = false, err == nil
	}
	return differ, err
}

// FindSession implements session.Backend.
func (s *Store) FindSession(ctx context.Context, hash []byte, now time.Time) (session.Record, error) {
	var x Session
	err := s.readPlain(ctx, "find session", func(c conn) (err error) {
		if v, ok := ctx.Value(visitKey{}).(*visit); ok {
			x, err = findVisit(ctx, c, v, hash, now)
		} else {
			x, err = findSession(ctx, c, hash, now)
		}
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
