// Package sqlstore keeps in a database what package lti needs stored:
// registrations, used nonces and held launches, in three tables whose names begin
// with lti_. It speaks database/sql to PostgreSQL 12 or SQLite 3.35, or newer, and
// brings no driver.
package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/lti"
)

// Dialect is whose SQL a database speaks.
type Dialect int

// The dialects.
const (
	SQLite Dialect = iota
	PostgreSQL
)

// Store is an lti.RegistrationStore and lti.StateStore. Make one with New. It is
// safe for concurrent use, and replicas may share one database. Errors of the
// database are returned as they are, with what was tried.
type Store struct {
	db      *sql.DB
	dialect Dialect
}

var (
	_ lti.RegistrationStore = (*Store)(nil)
	_ lti.StateStore        = (*Store)(nil)
)

// New returns a Store on db, which stays the caller's to close. It connects to
// nothing.
func New(db *sql.DB, dialect Dialect) *Store { return &Store{db, dialect} }

// schema makes the tables. Times are whole microseconds since 1970, which both
// databases compare alike.
const schema = `
CREATE TABLE IF NOT EXISTS lti_registrations (
    id        TEXT PRIMARY KEY,
    issuer    TEXT NOT NULL,
    client_id TEXT NOT NULL,
    value     TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS lti_registrations_issuer ON lti_registrations (issuer, client_id);
CREATE TABLE IF NOT EXISTS lti_nonces (
    registration_id TEXT NOT NULL,
    hash            TEXT NOT NULL,
    expires_at      BIGINT NOT NULL,
    PRIMARY KEY (registration_id, hash)
);
CREATE INDEX IF NOT EXISTS lti_nonces_expires_at ON lti_nonces (expires_at);
CREATE TABLE IF NOT EXISTS lti_held (
    hash        TEXT PRIMARY KEY,
    binder_hash TEXT NOT NULL,
    launch      TEXT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS lti_held_expires_at ON lti_held (expires_at)`

// CreateTables makes the tables that are not there yet, one statement each. Of
// replicas that start together, one does it first: on PostgreSQL another may then
// fail, and try again.
func (s *Store) CreateTables(ctx context.Context) error {
	for statement := range strings.SplitSeq(schema, ";") {
		if err := s.exec(ctx, "create tables", statement); err != nil {
			return err
		}
	}
	return nil
}

// Put adds a registration, or replaces the one with its ID. It refuses, with the
// error of its ValidateWaiting, one that could not be used.
func (s *Store) Put(ctx context.Context, r lti.Registration) error {
	if err := r.ValidateWaiting(); err != nil {
		return err
	}
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("lti sqlstore: put registration: %w", err)
	}
	return s.exec(ctx, "put registration", `INSERT INTO lti_registrations (id, issuer, client_id, value) VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET issuer = excluded.issuer, client_id = excluded.client_id, value = excluded.value`,
		r.ID, r.Issuer, r.ClientID, string(value))
}

// Remove takes a registration away; one that is not there is no error.
func (s *Store) Remove(ctx context.Context, id string) error {
	return s.exec(ctx, "remove registration", "DELETE FROM lti_registrations WHERE id = ?", id)
}

// FindRegistration implements lti.RegistrationStore.
func (s *Store) FindRegistration(ctx context.Context, issuer, clientID, deploymentID string) (lti.Registration, error) {
	all, err := s.registrations(ctx, "issuer = ? AND (client_id = ? OR ? = '')", issuer, clientID, clientID)
	if err != nil {
		return lti.Registration{}, err
	}
	return lti.OnlyRegistration(all, deploymentID)
}

// Registration implements lti.RegistrationStore.
func (s *Store) Registration(ctx context.Context, id string) (lti.Registration, error) {
	all, err := s.registrations(ctx, "id = ?", id)
	if err != nil {
		return lti.Registration{}, err
	}
	return lti.OnlyRegistration(all, "")
}

func (s *Store) registrations(ctx context.Context, where string, args ...any) (all []lti.Registration, err error) {
	rows, err := s.db.QueryContext(ctx, s.say("SELECT value FROM lti_registrations WHERE "+where), args...)
	if err != nil {
		return nil, failed("find registration", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, failed("find registration", err)
		}
		var r lti.Registration
		if err := json.Unmarshal([]byte(value), &r); err != nil {
			return nil, failed("read registration", err)
		}
		all = append(all, r)
	}
	return all, failed("find registration", rows.Err())
}

// SpendNonce implements lti.StateStore.
func (s *Store) SpendNonce(ctx context.Context, n lti.Nonce) error {
	res, err := s.db.ExecContext(ctx, s.say("INSERT INTO lti_nonces (registration_id, hash, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),
		n.RegistrationID, n.Hash, n.ExpiresAt.UnixMicro())
	if err != nil {
		return failed("spend nonce", err)
	}
	written, err := res.RowsAffected()
	switch {
	case err != nil:
		return failed("spend nonce", err)
	case written != 1:
		return lti.ErrNonceSpent
	}
	return nil
}

// HoldLaunch implements lti.StateStore.
func (s *Store) HoldLaunch(ctx context.Context, h lti.Held) error {
	return s.exec(ctx, "hold launch", "INSERT INTO lti_held (hash, binder_hash, launch, expires_at) VALUES (?, ?, ?, ?)",
		h.Hash, h.BinderHash, string(h.Launch), h.ExpiresAt.UnixMicro())
}

// TakeHeld implements lti.StateStore.
func (s *Store) TakeHeld(ctx context.Context, hash string) (lti.Held, error) {
	h := lti.Held{Hash: hash}
	var launch string
	var expires int64
	err := s.db.QueryRowContext(ctx, s.say("DELETE FROM lti_held WHERE hash = ? RETURNING binder_hash, launch, expires_at"), hash).
		Scan(&h.BinderHash, &launch, &expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return lti.Held{}, lti.ErrHeldUnknown
	case err != nil:
		return lti.Held{}, failed("take held launch", err)
	}
	h.Launch, h.ExpiresAt = []byte(launch), time.UnixMicro(expires).UTC()
	return h, nil
}

// PurgeStates implements lti.StateStore.
func (s *Store) PurgeStates(ctx context.Context, now time.Time) (int, error) {
	purged := 0
	for _, table := range []string{"lti_nonces", "lti_held"} {
		res, err := s.db.ExecContext(ctx, s.say("DELETE FROM "+table+" WHERE expires_at < ?"), now.UnixMicro())
		if err != nil {
			return purged, failed("purge", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return purged, failed("purge", err)
		}
		purged += int(n)
	}
	return purged, nil
}

func (s *Store) exec(ctx context.Context, what, statement string, args ...any) error {
	_, err := s.db.ExecContext(ctx, s.say(statement), args...)
	return failed(what, err)
}

func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("lti sqlstore: %s: %w", what, err)
}

// say writes the parameters of a statement, which are ?, as the dialect does.
func (s *Store) say(statement string) string {
	if s.dialect != PostgreSQL {
		return statement
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(statement, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}
