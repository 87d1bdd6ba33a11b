package store

import (
	"encoding/json"
	"fmt"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/policy"
)

type tenantRow struct {
	ID             string `gorm:"primaryKey"`
	Name           string
	PlatformGUID   string `gorm:"column:platform_guid"`
	CanvasAccount  string
	School         string
	LearnedCapDays int
	PolicyVersion  int
	LastNumber     int
	Version        int
	CreatedAt      moment
}

func (tenantRow) TableName() string { return "tenants" }

func (r tenantRow) tenant() (Tenant, error) {
	t := Tenant{ID: access.TenantID(r.ID), Name: r.Name, PlatformGUID: r.PlatformGUID, CanvasAccount: r.CanvasAccount,
		LearnedCapDays: r.LearnedCapDays, PolicyVersion: r.PolicyVersion, Version: r.Version, CreatedAt: r.CreatedAt.time()}
	if err := json.Unmarshal([]byte(r.School), &t.School); err != nil {
		return Tenant{}, fmt.Errorf("tenant %s: school: %w", r.ID, err)
	}
	return t, nil
}

// CreateTenant adds a tenant, at version 1, begins its audit chain and publishes
// the first version of its policy: the one that every school starts with.
func (tx *Tx) CreateTenant(t Tenant) error {
	if err := tx.may("create tenant"); err != nil {
		return err
	}
	if t.ID == "" || t.Version != 1 || t.CreatedAt.IsZero() {
		return fmt.Errorf("create tenant %q: it needs an id, version 1 and its time", t.ID)
	}
	school, err := json.Marshal(t.School)
	if err != nil {
		return fmt.Errorf("create tenant %s: %w", t.ID, err)
	}
	err = tx.db.Create(&tenantRow{ID: string(t.ID), Name: t.Name, PlatformGUID: t.PlatformGUID, CanvasAccount: t.CanvasAccount,
		School: string(school), LearnedCapDays: t.LearnedCapDays, Version: 1, CreatedAt: stamp(t.CreatedAt)}).Error
	if err != nil {
		return tx.fail("create tenant", err)
	}
	if err := tx.db.Create(&headRow{Tenant: string(t.ID), Hash: audit.Genesis(string(t.ID))}).Error; err != nil {
		return tx.fail("create tenant", err)
	}
	return tx.PublishPolicy(Published{Tenant: t.ID, Policy: policy.BuiltIn(), At: t.CreatedAt, By: access.SystemID})
}

// Tenant returns a tenant, or access.ErrNotFound.
func (tx *Tx) Tenant(id access.TenantID) (Tenant, error) {
	var r tenantRow
	if err := tx.db.Where("id = ?", string(id)).Take(&r).Error; err != nil {
		return Tenant{}, tx.fail("tenant", err)
	}
	return r.tenant()
}

// lockTenant makes those who do one thing for a tenant at a time wait for each
// other. Tenant does not lock: every press reads it.
func (tx *Tx) lockTenant(id access.TenantID) error {
	var r tenantRow
	return tx.fail("lock tenant", tx.locked().Select("id").Where("id = ?", string(id)).Take(&r).Error)
}

// Tenants returns all tenants, oldest first.
func (tx *Tx) Tenants() ([]Tenant, error) {
	var rows []tenantRow
	if err := tx.db.Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, tx.fail("tenants", err)
	}
	return convert(rows, tenantRow.tenant)
}

// SaveTenant writes every field of t but ID, PolicyVersion and CreatedAt, if the stored
// version is t.Version-1; otherwise access.ErrConflict.
func (tx *Tx) SaveTenant(t Tenant, told audit.Event, d *audit.Detail) error {
	if err := tx.may("save tenant"); err != nil {
		return err
	}
	school, err := json.Marshal(t.School)
	if err != nil {
		return fmt.Errorf("save tenant %s: %w", t.ID, err)
	}
	res := tx.db.Model(&tenantRow{}).Where("id = ? AND version = ?", string(t.ID), t.Version-1).
		Updates(map[string]any{"name": t.Name, "platform_guid": t.PlatformGUID, "canvas_account": t.CanvasAccount,
			"school": string(school), "learned_cap_days": t.LearnedCapDays, "version": t.Version})
	if res.Error != nil {
		return tx.fail("save tenant", res.Error)
	}
	if res.RowsAffected != 1 {
		if _, err := tx.Tenant(t.ID); err != nil {
			return err
		}
		return lost("save tenant " + string(t.ID))
	}
	return tx.tell(t.ID, told, d)
}

// NextNumber takes the tenant's next display number. A number is never given
// twice; a transaction that fails may leave a gap.
func (tx *Tx) NextNumber(tenant access.TenantID) (int, error) {
	if err := tx.may("next number"); err != nil {
		return 0, err
	}
	var n int
	res := tx.db.Raw("UPDATE tenants SET last_number = last_number + 1 WHERE id = ? RETURNING last_number", string(tenant)).Scan(&n)
	if res.Error != nil {
		return 0, tx.fail("next number", res.Error)
	}
	if n == 0 {
		return 0, missing("next number of " + string(tenant))
	}
	return n, nil
}

// convert turns rows into values.
func convert[R, V any](rows []R, one func(R) (V, error)) ([]V, error) {
	out := make([]V, 0, len(rows))
	for _, r := range rows {
		v, err := one(r)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
