package store

import (
	"time"

	"gorm.io/gorm/clause"

	"github.com/tokendesk/tokendesk/internal/access"
)

type savedTextRow struct {
	Tenant    string `gorm:"primaryKey"`
	Person    string `gorm:"primaryKey"`
	Object    string `gorm:"primaryKey"`
	Form      string `gorm:"primaryKey"`
	Data      string
	UpdatedAt moment
}

func (savedTextRow) TableName() string { return "kept" }

func (r savedTextRow) text() SavedText {
	return SavedText{Tenant: access.TenantID(r.Tenant), Person: access.PersonID(r.Person), Object: r.Object, Form: r.Form,
		Data: []byte(r.Data), UpdatedAt: r.UpdatedAt.time()}
}

// SaveText stores what a person typed, in place of what was kept for the same
// person, object and form.
func (tx *Tx) SaveText(k SavedText) error {
	if err := tx.may("keep"); err != nil {
		return err
	}
	return tx.fail("keep", tx.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "tenant"}, {Name: "person"}, {Name: "object"}, {Name: "form"}},
		DoUpdates: clause.AssignmentColumns([]string{"data", "updated_at"}),
	}).Create(&savedTextRow{Tenant: string(k.Tenant), Person: string(k.Person), Object: k.Object, Form: k.Form, Data: string(k.Data),
		UpdatedAt: stamp(k.UpdatedAt)}).Error)
}

// TextFor returns what is kept, or access.ErrNotFound.
func (tx *Tx) TextFor(tenant access.TenantID, person access.PersonID, object, form string) (SavedText, error) {
	var r savedTextRow
	err := tx.db.Where("tenant = ? AND person = ? AND object = ? AND form = ?", string(tenant), string(person), object, form).Take(&r).Error
	if err != nil {
		return SavedText{}, tx.fail("kept", err)
	}
	return r.text(), nil
}

// TextsOf returns everything that is kept for a person, newest first.
func (tx *Tx) TextsOf(tenant access.TenantID, person access.PersonID) ([]SavedText, error) {
	var out []SavedText
	err := tx.plain.each(tx.ctx, selectKept, []any{string(tenant), string(person), MaxLimit}, func(row scanner) error {
		var r savedTextRow
		err := row.Scan(&r.Tenant, &r.Person, &r.Object, &r.Form, &r.Data, &r.UpdatedAt)
		out = append(out, r.text())
		return err
	})
	return out, tx.fail("kept", err)
}

var selectKept = say(`SELECT tenant, person, object, form, data, updated_at FROM kept WHERE tenant = ? AND person = ?
	ORDER BY updated_at DESC, object, form LIMIT ?`)

// DropText deletes what is kept. Nothing kept is no error.
func (tx *Tx) DropText(tenant access.TenantID, person access.PersonID, object, form string) error {
	if err := tx.may("drop kept"); err != nil {
		return err
	}
	return tx.fail("drop kept", tx.db.Where("tenant = ? AND person = ? AND object = ? AND form = ?",
		string(tenant), string(person), object, form).Delete(&savedTextRow{}).Error)
}

// PurgeTexts deletes what was kept before the given time, and returns how many.
func (tx *Tx) PurgeTexts(before time.Time) (int, error) {
	if err := tx.may("purge kept"); err != nil {
		return 0, err
	}
	res := tx.db.Where("updated_at < ?", stamp(before)).Delete(&savedTextRow{})
	return int(res.RowsAffected), tx.fail("purge kept", res.Error)
}
