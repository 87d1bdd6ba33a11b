package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
)

type sessionRow struct {
	Hash       []byte `gorm:"primaryKey"`
	Tenant     string
	Person     ref
	Platform   string
	Place      string
	Rights     string
	Data       string
	CreatedAt  moment
	LaunchedAt moment
	SeenAt     moment
	IdleUntil  moment
	EndsAt     moment
	CookieSeen bool
}

func (sessionRow) TableName() string { return "sessions" }

const sessionColumns = "hash, tenant, person, platform, place, rights, data, created_at, launched_at, seen_at, idle_until, ends_at, cookie_seen"

var (
	selectSession = say("SELECT " + sessionColumns + " FROM sessions WHERE hash = ? AND idle_until > ? AND ends_at > ?")
	saveSession   = say("INSERT INTO sessions (" + sessionColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (hash) DO UPDATE SET data = excluded.data, launched_at = excluded.launched_at, seen_at = excluded.seen_at,
		idle_until = excluded.idle_until, ends_at = excluded.ends_at, cookie_seen = excluded.cookie_seen`)
	selectDiffering = say("SELECT hash, rights FROM sessions WHERE tenant = ? AND person = ? AND place = ? AND rights <> ? AND hash <> ?")
)

var errNoHash = errors.New("a session is known by the SHA-256 of its handle")

// SaveSession adds a session or, if its hash is known, writes its data and
// times.
func (tx *Tx) SaveSession(x Session) error {
	if err := tx.may("save session"); err != nil {
		return err
	}
	if len(x.Hash) != 32 {
		return fmt.Errorf("save session: %w", errNoHash)
	}
	return tx.fail("save session", tx.plain.exec(tx.ctx, saveSession, x.values()...))
}

// values are what sessionColumns take.
func (x Session) values() []any {
	return []any{x.Hash, string(x.Tenant), ref(x.Person), x.Platform, x.Place, x.Rights, string(x.Data), stamp(x.CreatedAt),
		stamp(x.LaunchedAt), stamp(x.SeenAt), stamp(x.IdleUntil), stamp(x.EndsAt), x.CookieSeen}
}

// SessionByHash returns a session that is neither idle for too long nor over at
// now; otherwise access.ErrNotFound.
func (tx *Tx) SessionByHash(hash []byte, now time.Time) (Session, error) {
	x, err := findSession(tx.ctx, tx.plain, hash, now)
	return x, tx.fail("session", err)
}

func findSession(ctx context.Context, c conn, hash []byte, now time.Time) (Session, error) {
	var r sessionRow
	if err := c.one(ctx, selectSession, []any{hash, stamp(now), stamp(now)}, r.in()...); err != nil {
		return Session{}, err
	}
	return r.session(), nil
}

// in are the places that sessionColumns are scanned into.
func (r *sessionRow) in() []any {
	return []any{&r.Hash, &r.Tenant, &r.Person, &r.Platform, &r.Place, &r.Rights, &r.Data, &r.CreatedAt, &r.LaunchedAt, &r.SeenAt,
		&r.IdleUntil, &r.EndsAt, &r.CookieSeen}
}

func (r *sessionRow) session() Session {
	return Session{Hash: r.Hash, Tenant: access.TenantID(r.Tenant), Person: access.PersonID(r.Person), Platform: r.Platform,
		Place: r.Place, Rights: r.Rights, Data: []byte(r.Data), CreatedAt: r.CreatedAt.time(), LaunchedAt: r.LaunchedAt.time(),
		SeenAt: r.SeenAt.time(), IdleUntil: r.IdleUntil.time(), EndsAt: r.EndsAt.time(), CookieSeen: r.CookieSeen}
}

// TouchSession records that a session was used. That its cookie was seen is
// never taken back, and idleUntil is cut at the session's end. A session that
// is gone is access.ErrNotFound.
func (tx *Tx) TouchSession(hash []byte, seenAt, idleUntil time.Time, cookieSeen bool) error {
	if err := tx.may("touch session"); err != nil {
		return err
	}
	return tx.fail("touch session", touchSession(tx.db, hash, seenAt, idleUntil, cookieSeen))
}

func touchSession(db *gorm.DB, hash []byte, seenAt, idleUntil time.Time, cookieSeen bool) error {
	to := map[string]any{"seen_at": stamp(seenAt),
		"idle_until": gorm.Expr("CASE WHEN ends_at < ? THEN ends_at ELSE ? END", stamp(idleUntil), stamp(idleUntil))}
	if cookieSeen {
		to["cookie_seen"] = true
	}
	res := db.Model(&sessionRow{}).Where("hash = ?", hash).Updates(to)
	if res.Error == nil && res.RowsAffected != 1 {
		return gorm.ErrRecordNotFound
	}
	return res.Error
}

// EndSession ends a session. One that is gone already is no error.
func (tx *Tx) EndSession(hash []byte) error {
	if err := tx.may("end session"); err != nil {
		return err
	}
	return tx.fail("end session", tx.db.Where("hash = ?", hash).Delete(&sessionRow{}).Error)
}

// PurgeSessions deletes the sessions that ended before now, and returns how many.
func (tx *Tx) PurgeSessions(now time.Time) (int, error) {
	if err := tx.may("purge sessions"); err != nil {
		return 0, err
	}
	res := tx.db.Where("idle_until <= ? OR ends_at <= ?", stamp(now), stamp(now)).Delete(&sessionRow{})
	return int(res.RowsAffected), tx.fail("purge sessions", res.Error)
}
