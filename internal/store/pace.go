package store

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
)

// Pace is something that one person caused, which counts until a time. Of a
// tenant, a person, a kind and what it is about there is one.
type Pace struct {
	Tenant access.TenantID
	Person access.PersonID
	Kind   string
	About  string
	Until  time.Time
}

type paceRow struct {
	Tenant string `gorm:"primaryKey"`
	Person string `gorm:"primaryKey"`
	Kind   string `gorm:"primaryKey"`
	About  string `gorm:"primaryKey"`
	Until  moment
}

func (paceRow) TableName() string { return "paces" }

// RecordPace notes p and reports whether it is the first of its kind: of all who
// note the same at once, on any replica, one is. While it counts, noting it
// again changes nothing; one that is over at now is begun anew.
func (tx *Tx) RecordPace(p Pace, now time.Time) (first bool, err error) {
	if err := tx.may("note pace"); err != nil {
		return false, err
	}
	res := tx.db.Exec(`INSERT INTO paces (tenant, person, kind, about, until) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (tenant, person, kind, about) DO UPDATE SET until = excluded.until WHERE paces.until <= ?`,
		string(p.Tenant), string(p.Person), p.Kind, p.About, stamp(p.Until), stamp(now))
	return res.RowsAffected == 1, tx.fail("note pace", res.Error)
}

// PaceUntil returns until when p counts, or zero where it does not at now.
func (tx *Tx) PaceUntil(p Pace, now time.Time) (time.Time, error) {
	var rows []paceRow
	err := tx.db.Where("tenant = ? AND person = ? AND kind = ? AND about = ? AND until > ?",
		string(p.Tenant), string(p.Person), p.Kind, p.About, stamp(now)).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return time.Time{}, tx.fail("pace", err)
	}
	return rows[0].Until.time(), nil
}

// CountPaces returns how many of a kind count for a person at now. Who goes on
// to note one more must hold the person's lock.
func (tx *Tx) CountPaces(tenant access.TenantID, person access.PersonID, kind string, now time.Time) (int, error) {
	var n int64
	err := tx.db.Model(&paceRow{}).Where("tenant = ? AND person = ? AND kind = ? AND until > ?",
		string(tenant), string(person), kind, stamp(now)).Count(&n).Error
	return int(n), tx.fail("count paces", err)
}

// DropPace forgets p. Nothing noted is no error.
func (tx *Tx) DropPace(p Pace) error {
	if err := tx.may("drop pace"); err != nil {
		return err
	}
	return tx.fail("drop pace", tx.db.Where("tenant = ? AND person = ? AND kind = ? AND about = ?",
		string(p.Tenant), string(p.Person), p.Kind, p.About).Delete(&paceRow{}).Error)
}

// PurgePaces deletes what counted until the given time at most, and returns how
// many.
func (tx *Tx) PurgePaces(until time.Time) (int, error) {
	if err := tx.may("purge paces"); err != nil {
		return 0, err
	}
	res := tx.db.Where("until <= ?", stamp(until)).Delete(&paceRow{})
	return int(res.RowsAffected), tx.fail("purge paces", res.Error)
}
