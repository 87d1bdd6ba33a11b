package store

import (
	"encoding/json"
	"fmt"
	"time"
)

// InviteState is where an invite stands.
type InviteState string

// The states of an invite. It is taken while a registration is under way, and
// goes back to open only if that certainly registered nothing.
const (
	InviteOpen  InviteState = "open"
	InviteTaken InviteState = "taken"
	InviteSpent InviteState = "spent"
)

// Invite is a one-time link for LTI Dynamic Registration.
type Invite struct {
	ID       string // inv_…
	Hash     []byte // SHA-256 of the code in the link, which is not stored
	Platform string // the id that its Platform will have, for which Credential is sealed
	State    InviteState

	// What the platform will be.
	Name           string
	CanvasURLs     []string
	Credential     []byte // sealed; nil when none was given. Gone once the invite is spent
	CredentialKind string

	Actor, Reason string // who invited, and why
	CreatedAt     time.Time
	ExpiresAt     time.Time
	TakenAt       time.Time // zero while open
}

type inviteRow struct {
	Hash           []byte `gorm:"primaryKey"`
	ID             string
	Platform       string
	State          string
	Name           string
	CanvasURLs     string `gorm:"column:canvas_urls"`
	Credential     []byte
	CredentialKind string
	Actor          string
	Reason         string
	CreatedAt      moment
	ExpiresAt      moment
	TakenAt        moment
}

func (inviteRow) TableName() string { return "invites" }

// CreateInvite adds an open invite. A hash or id that exists is
// access.ErrConflict.
func (tx *Tx) CreateInvite(i Invite) error {
	if err := tx.may("create invite"); err != nil {
		return err
	}
	if i.ID == "" || len(i.Hash) == 0 || i.Platform == "" || i.Name == "" || len(i.CanvasURLs) == 0 || i.CreatedAt.IsZero() || !i.ExpiresAt.After(i.CreatedAt) {
		return fmt.Errorf("create invite %q: it needs id, hash, platform, name, addresses and an end after its beginning", i.ID)
	}
	urls, err := json.Marshal(i.CanvasURLs)
	if err != nil {
		return fmt.Errorf("create invite %s: %w", i.ID, err)
	}
	return tx.fail("create invite", tx.db.Create(&inviteRow{Hash: i.Hash, ID: i.ID, Platform: i.Platform, State: string(InviteOpen), Name: i.Name,
		CanvasURLs: string(urls), Credential: i.Credential, CredentialKind: i.CredentialKind, Actor: i.Actor, Reason: i.Reason,
		CreatedAt: stamp(i.CreatedAt), ExpiresAt: stamp(i.ExpiresAt)}).Error)
}

// InviteByHash returns an invite in whatever state, or access.ErrNotFound.
func (tx *Tx) InviteByHash(hash []byte) (Invite, error) {
	var r inviteRow
	if err := tx.db.Where("hash = ?", hash).Take(&r).Error; err != nil {
		return Invite{}, tx.fail("invite", err)
	}
	i := Invite{ID: r.ID, Hash: r.Hash, Platform: r.Platform, State: InviteState(r.State), Name: r.Name, Credential: r.Credential,
		CredentialKind: r.CredentialKind, Actor: r.Actor, Reason: r.Reason,
		CreatedAt: r.CreatedAt.time(), ExpiresAt: r.ExpiresAt.time(), TakenAt: r.TakenAt.time()}
	if err := json.Unmarshal([]byte(r.CanvasURLs), &i.CanvasURLs); err != nil {
		return Invite{}, fmt.Errorf("invite %s: %w", r.ID, err)
	}
	return i, nil
}

// TakeInvite takes an open invite that has not ended by now. Of several callers
// one succeeds; the others get access.ErrConflict.
func (tx *Tx) TakeInvite(hash []byte, now time.Time) error {
	return tx.moveInvite("take invite", InviteOpen, map[string]any{"state": string(InviteTaken), "taken_at": stamp(now)},
		"hash = ? AND expires_at > ?", hash, stamp(now))
}

// ReturnInvite opens a taken invite again. It is for the one who took it, once
// it is certain that nothing was registered.
func (tx *Tx) ReturnInvite(hash []byte) error {
	return tx.moveInvite("return invite", InviteTaken, map[string]any{"state": string(InviteOpen), "taken_at": moment{}}, "hash = ?", hash)
}

// SpendInvite ends a taken invite and forgets its credential.
func (tx *Tx) SpendInvite(hash []byte) error {
	return tx.moveInvite("spend invite", InviteTaken, map[string]any{"state": string(InviteSpent), "credential": nil}, "hash = ?", hash)
}

func (tx *Tx) moveInvite(op string, from InviteState, to map[string]any, where string, args ...any) error {
	if err := tx.may(op); err != nil {
		return err
	}
	res := tx.db.Model(&inviteRow{}).Where("state = ?", string(from)).Where(where, args...).Updates(to)
	if res.Error != nil {
		return tx.fail(op, res.Error)
	}
	if res.RowsAffected != 1 {
		return lost(op)
	}
	return nil
}

// PurgeInvites deletes the invites that ended before the given time.
func (tx *Tx) PurgeInvites(before time.Time) (int, error) {
	if err := tx.may("purge invites"); err != nil {
		return 0, err
	}
	res := tx.db.Where("expires_at < ?", stamp(before)).Delete(&inviteRow{})
	return int(res.RowsAffected), tx.fail("purge invites", res.Error)
}
