package store

import (
	"fmt"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// InventoryState is where a reading of all tokens of a Canvas stands.
type InventoryState string

// The states.
const (
	InventoryRunning InventoryState = "running"
	InventoryDone    InventoryState = "done"   // the whole report was read, and every owner in question asked
	InventoryFailed  InventoryState = "failed" // nothing may be concluded from it
)

// Inventory is one reading of all tokens of a Canvas by its account report.
type Inventory struct {
	ID        string // inv_…
	Tenant    access.TenantID
	Version   int
	State     InventoryState
	ReportID  string // Canvas's run; empty until it was started
	AskedBy   string // per_…, or "system" for the nightly one
	StartedAt time.Time
	ReadAt    time.Time // the report was read to its end
	EndedAt   time.Time
	Tokens    int    // made by people, not deleted, not expired
	Ours      int    // of these, explained by a grant
	Others    int    // of these, not: their owners are asked
	Trouble   string // why it failed, a message key
}

type inventoryRow struct {
	ID        string `gorm:"primaryKey"`
	Tenant    string
	Version   int
	State     string
	ReportID  string
	AskedBy   string
	StartedAt moment
	ReadAt    moment
	EndedAt   moment
	Tokens    int
	Ours      int
	Others    int
	Trouble   string
}

func (inventoryRow) TableName() string { return "inventories" }

func rowOfInventory(i Inventory) inventoryRow {
	return inventoryRow{ID: i.ID, Tenant: string(i.Tenant), Version: i.Version, State: string(i.State), ReportID: i.ReportID, AskedBy: i.AskedBy,
		StartedAt: stamp(i.StartedAt), ReadAt: stamp(i.ReadAt), EndedAt: stamp(i.EndedAt), Tokens: i.Tokens, Ours: i.Ours, Others: i.Others, Trouble: i.Trouble}
}

func (r inventoryRow) inventory() Inventory {
	return Inventory{ID: r.ID, Tenant: access.TenantID(r.Tenant), Version: r.Version, State: InventoryState(r.State), ReportID: r.ReportID, AskedBy: r.AskedBy,
		StartedAt: r.StartedAt.time(), ReadAt: r.ReadAt.time(), EndedAt: r.EndedAt.time(), Tokens: r.Tokens, Ours: r.Ours, Others: r.Others, Trouble: r.Trouble}
}

// CreateInventory adds a running inventory at version 1, its event and jobs. A
// tenant with one that runs is access.ErrConflict.
func (tx *Tx) CreateInventory(i Inventory, told audit.Event, todo ...jobs.Insert) error {
	if err := tx.may("create inventory"); err != nil {
		return err
	}
	if i.Version != 1 || told.From != "" || i.State != InventoryRunning {
		return fmt.Errorf("create inventory %s: %w", i.ID, errFromNothing)
	}
	if err := checkMove(i.ID, string(i.State), i.Version, told); err != nil {
		return err
	}
	row := rowOfInventory(i)
	if err := tx.db.Create(&row).Error; err != nil {
		return tx.fail("create inventory", err)
	}
	return tx.follow(i.Tenant, told, nil, todo)
}

// EndInventory writes how a running inventory ended, guarded as MoveRequest.
func (tx *Tx) EndInventory(i Inventory, told audit.Event, d *audit.Detail, todo ...jobs.Insert) error {
	if err := tx.may("end inventory"); err != nil {
		return err
	}
	if err := checkMove(i.ID, string(i.State), i.Version, told); err != nil {
		return err
	}
	row := rowOfInventory(i)
	res := tx.db.Model(&inventoryRow{}).Where("tenant = ? AND id = ? AND version = ? AND state = ?", row.Tenant, row.ID, i.Version-1, told.From).
		Select("version", "state", "ended_at", "tokens", "ours", "others", "trouble").Updates(&row)
	if res.Error != nil {
		return tx.fail("end inventory", res.Error)
	}
	if res.RowsAffected != 1 {
		return tx.notMoved(&inventoryRow{}, row.Tenant, row.ID, i.Version, told.From)
	}
	return tx.follow(i.Tenant, told, d, todo)
}

// RecordInventory writes how far a running inventory is (ReportID, ReadAt and the
// counts), without an event. It is access.ErrConflict if it has ended.
func (tx *Tx) RecordInventory(i Inventory) error {
	if err := tx.may("note inventory"); err != nil {
		return err
	}
	row := rowOfInventory(i)
	res := tx.db.Model(&inventoryRow{}).Where("tenant = ? AND id = ? AND version = ? AND state = ?", row.Tenant, row.ID, row.Version, string(InventoryRunning)).
		Select("report_id", "read_at", "tokens", "ours", "others").Updates(&row)
	if res.Error != nil {
		return tx.fail("note inventory", res.Error)
	}
	if res.RowsAffected != 1 {
		return lost("note inventory " + i.ID)
	}
	return nil
}

// Inventory returns an inventory of the tenant, or access.ErrNotFound.
func (tx *Tx) Inventory(tenant access.TenantID, id string) (Inventory, error) {
	var row inventoryRow
	if err := tx.db.Where("tenant = ? AND id = ?", string(tenant), id).Take(&row).Error; err != nil {
		return Inventory{}, tx.fail("inventory", err)
	}
	return row.inventory(), nil
}

// LastInventory returns the tenant's inventory in that state that was started
// last, or access.ErrNotFound. FirstInventory returns the earliest one.
func (tx *Tx) LastInventory(tenant access.TenantID, in InventoryState) (Inventory, error) {
	return tx.oneInventory(tenant, in, "started_at DESC, id DESC")
}

// FirstInventory is the tenant's first inventory in that state: see LastInventory.
func (tx *Tx) FirstInventory(tenant access.TenantID, in InventoryState) (Inventory, error) {
	return tx.oneInventory(tenant, in, "started_at, id")
}

func (tx *Tx) oneInventory(tenant access.TenantID, in InventoryState, order string) (Inventory, error) {
	var row inventoryRow
	if err := tx.db.Where("tenant = ? AND state = ?", string(tenant), string(in)).Order(order).Take(&row).Error; err != nil {
		return Inventory{}, tx.fail("inventory", err)
	}
	return row.inventory(), nil
}

// JobsOf counts the jobs of a kind whose keys begin with prefix: those still to
// be done, and those set aside for a person.
func (tx *Tx) JobsOf(kind, prefix string) (open, parked int, err error) {
	var rows []struct {
		State string
		N     int
	}
	// A range instead of LIKE, so that the unique index on (kind, key) serves.
	err = tx.db.Model(&jobRow{}).Select("state, COUNT(*) AS n").
		Where("kind = ? AND key >= ? AND key < ?", kind, prefix, prefix+"\x7f").Group("state").Scan(&rows).Error
	if err != nil {
		return 0, 0, tx.fail("jobs of a kind", err)
	}
	for _, r := range rows {
		switch r.State {
		case jobDue, jobLeased:
			open += r.N
		case jobParked:
			parked += r.N
		}
	}
	return open, parked, nil
}
