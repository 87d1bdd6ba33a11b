package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/tokendesk/tokendesk/internal/access"
)

// CredentialState is what replicas share about the credential for a platform's
// API. It holds for one stored credential; for another one it begins anew.
type CredentialState struct {
	Access      []byte    // sealed access token; nil: none
	AccessUntil time.Time // until when it may be used
	Refresh     []byte    // sealed refresh token that Canvas gave in place of the stored one; nil: none
	LeasedUntil time.Time // while a replica asks Canvas for an access token
	RefusedAt   time.Time // since when Canvas does not accept the credential; zero: it does, or nobody asked
	EndsAt      time.Time // when an admin's token ends; zero: never, or not known
	CheckedAt   time.Time // when it was last looked after; zero: never
}

type credentialRow struct {
	Platform    string `gorm:"primaryKey"`
	About       []byte
	AccessToken []byte
	AccessUntil moment
	Refresh     []byte
	LeaseOwner  string
	LeasedUntil moment
	RefusedAt   moment
	EndsAt      moment
	CheckedAt   moment
}

func (credentialRow) TableName() string { return "credential_states" }

// about is the digest by which a row knows the platform's stored credential.
func about(p Platform) []byte {
	sum := sha256.Sum256(p.Credential)
	return sum[:]
}

// CredentialState returns what is shared about the platform's stored
// credential; it is zero where nothing is.
func (tx *Tx) CredentialState(p Platform) (CredentialState, error) {
	var r credentialRow
	err := tx.fail("credential state", tx.db.Where("platform = ? AND about = ?", p.ID, about(p)).Take(&r).Error)
	if errors.Is(err, access.ErrNotFound) {
		return CredentialState{}, nil
	}
	return CredentialState{
		Access: r.AccessToken, AccessUntil: r.AccessUntil.time(), Refresh: r.Refresh, LeasedUntil: r.LeasedUntil.time(),
		RefusedAt: r.RefusedAt.time(), EndsAt: r.EndsAt.time(), CheckedAt: r.CheckedAt.time(),
	}, err
}

// LeaseCredential makes it owner's turn to ask Canvas for an access token, until
// the given time, and returns what is shared just then. Of several that ask at
// once one gets the turn; the others, and everybody until it ends or is
// settled, get access.ErrConflict.
func (tx *Tx) LeaseCredential(p Platform, owner string, now, until time.Time) (CredentialState, error) {
	const op = "lease credential"
	if err := tx.may(op); err != nil {
		return CredentialState{}, err
	}
	if err := tx.credentialRow(op, p); err != nil {
		return CredentialState{}, err
	}
	res := tx.db.Model(&credentialRow{}).Where("platform = ? AND about = ? AND (leased_until IS NULL OR leased_until <= ?)", p.ID, about(p), stamp(now)).
		Updates(map[string]any{"lease_owner": owner, "leased_until": stamp(until)})
	if res.Error != nil {
		return CredentialState{}, tx.fail(op, res.Error)
	}
	if res.RowsAffected != 1 {
		return CredentialState{}, lost(op + " of " + p.ID)
	}
	return tx.CredentialState(p)
}

// credentialRow makes sure that there is a row about the platform's stored
// credential.
func (tx *Tx) credentialRow(op string, p Platform) error {
	if p.ID == "" || len(p.Credential) == 0 {
		return fmt.Errorf("%s: platform %q has no credential", op, p.ID)
	}
	empty := credentialRow{Platform: p.ID, About: about(p)}
	if err := tx.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&empty).Error; err != nil {
		return tx.fail(op, err)
	}
	anew := map[string]any{
		"about": about(p), "access_token": nil, "access_until": nil, "refresh": nil, "lease_owner": "", "leased_until": nil,
		"refused_at": nil, "ends_at": nil, "checked_at": nil,
	}
	return tx.fail(op, tx.db.Model(&credentialRow{}).Where("platform = ? AND about <> ?", p.ID, about(p)).Updates(anew).Error)
}

// SettleCredential ends owner's turn and writes Access, AccessUntil, Refresh and
// RefusedAt. It is access.ErrConflict where the turn has passed to somebody
// else, or another credential was stored.
func (tx *Tx) SettleCredential(p Platform, owner string, c CredentialState) error {
	const op = "settle credential"
	if err := tx.may(op); err != nil {
		return err
	}
	res := tx.db.Model(&credentialRow{}).Where("platform = ? AND about = ? AND lease_owner = ?", p.ID, about(p), owner).
		Updates(map[string]any{
			"access_token": c.Access, "access_until": stamp(c.AccessUntil), "refresh": c.Refresh, "refused_at": stamp(c.RefusedAt),
			"lease_owner": "", "leased_until": nil,
		})
	if res.Error != nil {
		return tx.fail(op, res.Error)
	}
	if res.RowsAffected != 1 {
		return lost(op + " of " + p.ID)
	}
	return nil
}

// RecordCredential writes how the credential stands: RefusedAt, EndsAt and
// CheckedAt, and drops the access token where it is refused.
func (tx *Tx) RecordCredential(p Platform, c CredentialState) error {
	const op = "note credential"
	if err := tx.may(op); err != nil {
		return err
	}
	if err := tx.credentialRow(op, p); err != nil {
		return err
	}
	fields := map[string]any{"refused_at": stamp(c.RefusedAt), "ends_at": stamp(c.EndsAt), "checked_at": stamp(c.CheckedAt)}
	if !c.RefusedAt.IsZero() {
		fields["access_token"], fields["access_until"] = nil, nil
	}
	return tx.fail(op, tx.db.Model(&credentialRow{}).Where("platform = ? AND about = ?", p.ID, about(p)).Updates(fields).Error)
}

// DropAccess takes the shared access token away if it is still this one.
func (tx *Tx) DropAccess(p Platform, sealed []byte) error {
	const op = "drop access token"
	if err := tx.may(op); err != nil {
		return err
	}
	return tx.fail(op, tx.db.Model(&credentialRow{}).Where("platform = ? AND about = ? AND access_token = ?", p.ID, about(p), sealed).
		Updates(map[string]any{"access_token": nil, "access_until": nil}).Error)
}
