package store

import (
	"crypto/hmac"
	"fmt"

	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

type incidentRow struct {
	ID         string `gorm:"primaryKey"`
	Tenant     string
	Version    int
	GrantID    ref
	Owner      string
	ReportedBy ref
	How        string
	OpenedAt   moment
	AfterEnd   bool
	ClearedAt  moment
	ClearedBy  ref
}

func (incidentRow) TableName() string { return "incidents" }

func rowOfIncident(i access.Incident) incidentRow {
	return incidentRow{ID: i.ID, Tenant: string(i.Tenant), Version: i.Version, GrantID: ref(i.GrantID), Owner: string(i.Owner),
		ReportedBy: ref(i.ReportedBy), How: string(i.How), OpenedAt: stamp(i.OpenedAt), AfterEnd: i.AfterEnd, ClearedAt: stamp(i.ClearedAt), ClearedBy: ref(i.ClearedBy)}
}

func (r incidentRow) incident() access.Incident {
	return access.Incident{ID: r.ID, Tenant: access.TenantID(r.Tenant), Version: r.Version, GrantID: string(r.GrantID), Owner: access.PersonID(r.Owner),
		ReportedBy: access.PersonID(r.ReportedBy), How: access.LeakReport(r.How), OpenedAt: r.OpenedAt.time(), AfterEnd: r.AfterEnd, ClearedAt: r.ClearedAt.time(),
		ClearedBy: access.PersonID(r.ClearedBy)}
}

// The states of an incident, as its events tell of them.
const (
	IncidentOpened  = "open"
	IncidentCleared = "cleared"
)

func incidentState(i access.Incident) string {
	if i.Open() {
		return IncidentOpened
	}
	return IncidentCleared
}

// CreateIncident adds an open incident at version 1, its event, which comes from
// no state, and jobs. A grant whose incident is open gets no second one: that is
// access.ErrConflict. Who opens one takes LockPerson for its owner first, as
// whoever makes a token does.
func (tx *Tx) CreateIncident(i access.Incident, told audit.Event, d *audit.Detail, todo ...jobs.Insert) error {
	if err := tx.may("create incident"); err != nil {
		return err
	}
	if i.Version != 1 || told.From != "" || !i.Open() {
		return fmt.Errorf("create incident %s: %w", i.ID, errFromNothing)
	}
	if err := checkMove(i.ID, incidentState(i), i.Version, told); err != nil {
		return err
	}
	row := rowOfIncident(i)
	if err := tx.db.Create(&row).Error; err != nil {
		return tx.fail("create incident", err)
	}
	return tx.follow(i.Tenant, told, d, todo)
}

// SaveIncident writes how an incident was cleared, its event, and jobs. It is
// access.ErrConflict if somebody else cleared it first.
func (tx *Tx) SaveIncident(i access.Incident, told audit.Event, d *audit.Detail, todo ...jobs.Insert) error {
	if err := tx.may("save incident"); err != nil {
		return err
	}
	if err := checkMove(i.ID, incidentState(i), i.Version, told); err != nil {
		return err
	}
	row := rowOfIncident(i)
	res := tx.db.Model(&incidentRow{}).Where("tenant = ? AND id = ? AND version = ? AND cleared_at IS NULL", row.Tenant, row.ID, i.Version-1).
		Select("version", "cleared_at", "cleared_by").Updates(&row)
	if res.Error != nil {
		return tx.fail("save incident", res.Error)
	}
	if res.RowsAffected != 1 {
		if _, err := tx.Incident(i.Tenant, i.ID); err != nil {
			return err
		}
		return lost("save incident " + i.ID)
	}
	return tx.follow(i.Tenant, told, d, todo)
}

// Incident returns an incident of the tenant, locked inside InTx, or
// access.ErrNotFound.
func (tx *Tx) Incident(tenant access.TenantID, id string) (access.Incident, error) {
	return tx.oneIncident("tenant = ? AND id = ?", string(tenant), id)
}

// IncidentOfGrant returns the newest incident of a grant, as Incident does.
func (tx *Tx) IncidentOfGrant(tenant access.TenantID, grantID string) (access.Incident, error) {
	return tx.oneIncident("tenant = ? AND grant_id = ?", string(tenant), grantID)
}

// IncidentsOfGrants returns the newest incident of each of the given grants that
// has one, by the grant's id.
func (tx *Tx) IncidentsOfGrants(tenant access.TenantID, grantIDs []string) (map[string]access.Incident, error) {
	out := map[string]access.Incident{}
	err := eachPart(grantIDs, func(part []string) error {
		var rows []incidentRow
		if err := tx.db.Where("tenant = ? AND grant_id IN ?", string(tenant), part).Order("opened_at, id").Find(&rows).Error; err != nil {
			return tx.fail("incidents of grants", err)
		}
		for _, r := range rows {
			out[string(r.GrantID)] = r.incident()
		}
		return nil
	})
	return out, err
}

func (tx *Tx) oneIncident(where string, args ...any) (access.Incident, error) {
	var row incidentRow
	if err := tx.locked().Where(where, args...).Order("opened_at DESC, id DESC").Take(&row).Error; err != nil {
		return access.Incident{}, tx.fail("incident", err)
	}
	return row.incident(), nil
}

// OpenIncidents returns how many incidents of a person are open; of everybody
// at the tenant when owner is empty. Inside LockPerson of that person the answer
// holds until the transaction ends.
func (tx *Tx) OpenIncidents(tenant access.TenantID, owner access.PersonID) (int, error) {
	return tx.CountIncidents(IncidentQuery{Tenant: tenant, Owner: owner, State: IncidentOpened})
}

// IncidentQuery selects incidents of one tenant, opened last first. Fields left
// zero do not select.
type IncidentQuery struct {
	Tenant access.TenantID // required
	Owner  access.PersonID
	State  string // IncidentOpened or IncidentCleared
	After  Cursor
	Limit  int // 0 means DefaultLimit; at most MaxLimit
}

var incidentOrders = map[Order]ordering{Newest: {"i", "opened_at", true}}

// Next is the place behind i, the last row of a page of q.
func (q IncidentQuery) Next(i access.Incident) Cursor { return cursor("i", i.OpenedAt, i.ID) }

// Incidents returns one page of the incidents that q selects.
func (tx *Tx) Incidents(q IncidentQuery) ([]access.Incident, error) {
	db, err := tx.selectIncidents(q)
	if err != nil {
		return nil, err
	}
	if db, err = page(db, Newest, incidentOrders, q.After, q.Limit); err != nil {
		return nil, err
	}
	var rows []incidentRow
	if err := db.Find(&rows).Error; err != nil {
		return nil, tx.fail("incidents", err)
	}
	out := make([]access.Incident, len(rows))
	for i, r := range rows {
		out[i] = r.incident()
	}
	return out, nil
}

// CountIncidents returns how many incidents q selects, on all pages.
func (tx *Tx) CountIncidents(q IncidentQuery) (int, error) {
	db, err := tx.selectIncidents(q)
	if err != nil {
		return 0, err
	}
	var n int64
	if err := db.Count(&n).Error; err != nil {
		return 0, tx.fail("count incidents", err)
	}
	return int(n), nil
}

// CountIncidentsTo is CountIncidents that stops counting behind most: the result is at
// most one more.
func (tx *Tx) CountIncidentsTo(q IncidentQuery, most int) (int, error) {
	db, err := tx.selectIncidents(q)
	if err != nil {
		return 0, err
	}
	return tx.countTo("count incidents", db.Order("opened_at"), most) // whose index is that of the list
}

func (tx *Tx) selectIncidents(q IncidentQuery) (*gorm.DB, error) {
	if q.Tenant == "" {
		return nil, fmt.Errorf("incidents: %w", errNoTenant)
	}
	db := tx.db.Model(&incidentRow{}).Where("tenant = ?", string(q.Tenant))
	db = equal(db, "owner", string(q.Owner))
	switch q.State {
	case "":
	case IncidentOpened:
		db = db.Where("cleared_at IS NULL")
	case IncidentCleared:
		db = db.Where("cleared_at IS NOT NULL")
	default:
		return nil, fmt.Errorf("incidents: no state %q", q.State)
	}
	return db, nil
}

// GrantByDigest returns the newest grant of the tenant whose token's value has
// one of the given keyed hashes, or access.ErrNotFound. The rows come by index;
// what they hold is compared in constant time.
func (tx *Tx) GrantByDigest(tenant access.TenantID, digests [][]byte) (access.Grant, error) {
	var rows []grantRow
	err := tx.db.Where("tenant = ? AND digest IN ?", string(tenant), digests).Order("created_at DESC, id DESC").Limit(len(digests) + 1).Find(&rows).Error
	if err != nil {
		return access.Grant{}, tx.fail("grant by digest", err)
	}
	for _, r := range rows {
		for _, d := range digests {
			if len(d) > 0 && hmac.Equal(r.Digest, d) {
				one, err := tx.grants([]grantRow{r})
				if err != nil {
					return access.Grant{}, err
				}
				return one[0], nil
			}
		}
	}
	return access.Grant{}, missing("grant by digest")
}
