package store

import (
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/tokendesk/tokendesk/internal/access"
)

// AccountRole is a role that somebody holds in an account, by Canvas's ids.
type AccountRole struct{ CanvasUser, Role string }

// AccountReads tells how far the roles below a Canvas's root account are known.
type AccountReads struct {
	Listed   time.Time // when the list of accounts was read; zero: never
	Accounts int       // on that list
	Oldest   time.Time // the oldest of all that was read; zero while something never was
}

type accountReadRow struct {
	Tenant  string `gorm:"primaryKey"`
	Account string `gorm:"primaryKey"` // "" is the list of the accounts themselves
	ReadAt  moment
}

func (accountReadRow) TableName() string { return "account_reads" }

type accountRoleRow struct {
	Tenant     string `gorm:"primaryKey"`
	Account    string `gorm:"primaryKey"`
	CanvasUser string `gorm:"primaryKey"`
	Role       string `gorm:"primaryKey"`
}

func (accountRoleRow) TableName() string { return "account_roles" }

// SetAccounts stores which accounts lie below the root, read at the given time.
// What was read of accounts that are no more goes; those that are new were never
// read.
func (tx *Tx) SetAccounts(tenant access.TenantID, ids []string, at time.Time) error {
	if err := tx.may("set accounts"); err != nil {
		return err
	}
	rows := []accountReadRow{{Tenant: string(tenant), ReadAt: stamp(at)}}
	listed := map[string]bool{"": true}
	for _, id := range ids {
		if id == "" {
			return fmt.Errorf("set accounts: one without an id")
		}
		if !listed[id] {
			listed[id] = true
			rows = append(rows, accountReadRow{Tenant: string(tenant), Account: id})
		}
	}
	var known []string
	if err := tx.db.Model(&accountReadRow{}).Where("tenant = ?", string(tenant)).Pluck("account", &known).Error; err != nil {
		return tx.fail("set accounts", err)
	}
	for _, id := range known {
		if listed[id] {
			continue
		}
		if err := tx.db.Where("tenant = ? AND account = ?", string(tenant), id).Delete(&accountReadRow{}).Error; err != nil {
			return tx.fail("set accounts", err)
		}
	}
	if err := tx.db.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(rows, MaxLimit/4).Error; err != nil {
		return tx.fail("set accounts", err)
	}
	return tx.fail("set accounts", tx.db.Model(&accountReadRow{}).Where("tenant = ? AND account = ''", string(tenant)).
		Update("read_at", stamp(at)).Error)
}

// AccountsToRead returns accounts whose roles were never read or last before the
// given time, those that wait longest first.
func (tx *Tx) AccountsToRead(tenant access.TenantID, before time.Time, limit int) ([]string, error) {
	var out []string
	err := tx.db.Model(&accountReadRow{}).Where("tenant = ? AND account <> '' AND (read_at IS NULL OR read_at < ?)", string(tenant), stamp(before)).
		Order("read_at IS NOT NULL, read_at, account").Limit(min(limit, MaxLimit)).Pluck("account", &out).Error
	return out, tx.fail("accounts to read", err)
}

// SetAccountRoles stores who holds a role in an account, in place of what was
// known of it. An account that is not on the list any more is
// access.ErrNotFound.
func (tx *Tx) SetAccountRoles(tenant access.TenantID, account string, roles []AccountRole, at time.Time) error {
	if err := tx.may("set account roles"); err != nil {
		return err
	}
	res := tx.db.Model(&accountReadRow{}).Where("tenant = ? AND account = ? AND account <> ''", string(tenant), account).Update("read_at", stamp(at))
	switch {
	case res.Error != nil:
		return tx.fail("set account roles", res.Error)
	case res.RowsAffected != 1:
		return missing("account " + account)
	}
	if err := tx.db.Where("tenant = ? AND account = ?", string(tenant), account).Delete(&accountRoleRow{}).Error; err != nil || len(roles) == 0 {
		return tx.fail("set account roles", err)
	}
	rows := make([]accountRoleRow, len(roles))
	for i, r := range roles {
		rows[i] = accountRoleRow{Tenant: string(tenant), Account: account, CanvasUser: r.CanvasUser, Role: r.Role}
	}
	return tx.fail("set account roles", tx.db.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(rows, MaxLimit/4).Error)
}

// AccountReads tells how far the roles of a tenant's accounts are known.
func (tx *Tx) AccountReads(tenant access.TenantID) (AccountReads, error) {
	var rows []accountReadRow
	if err := tx.db.Where("tenant = ?", string(tenant)).Find(&rows).Error; err != nil {
		return AccountReads{}, tx.fail("account reads", err)
	}
	var out AccountReads
	for i, r := range rows {
		at := r.ReadAt.time()
		if i == 0 || at.Before(out.Oldest) { // never is before everything
			out.Oldest = at
		}
		if r.Account == "" {
			out.Listed = at
		} else {
			out.Accounts++
		}
	}
	if out.Listed.IsZero() {
		out.Oldest = time.Time{}
	}
	return out, nil
}

// AccountRoleHolders returns the Canvas ids of everybody with a role below the
// root account; with a user, only theirs, if they hold one.
func (tx *Tx) AccountRoleHolders(tenant access.TenantID, user ...string) ([]string, error) {
	db := tx.db.Model(&accountRoleRow{}).Where("tenant = ?", string(tenant))
	if len(user) > 0 {
		db = db.Where("canvas_user IN ?", user)
	}
	var out []string
	err := db.Distinct("canvas_user").Order("canvas_user").Pluck("canvas_user", &out).Error
	return out, tx.fail("holders of account roles", err)
}
