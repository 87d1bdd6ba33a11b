package store

import (
	"fmt"

	"gorm.io/gorm/clause"

	"github.com/tokendesk/tokendesk/internal/access"
)

type noticeRow struct {
	Key    string `gorm:"primaryKey"`
	Way    string `gorm:"primaryKey"`
	Tenant string
	Detail string
	SentAt moment
}

func (noticeRow) TableName() string { return "notices" }

// NoticeSent reports whether the notice with that key went out that way.
func (tx *Tx) NoticeSent(key, way string) (bool, error) {
	var n int64
	if err := tx.db.Model(&noticeRow{}).Where("key = ? AND way = ?", key, way).Count(&n).Error; err != nil {
		return false, tx.fail("notice", err)
	}
	return n > 0, nil
}

// NoticesOf returns the keys of the notices that went out about an object: those
// that begin with its id and a slash.
func (tx *Tx) NoticesOf(tenant access.TenantID, object string) ([]string, error) {
	var out []string
	err := tx.db.Model(&noticeRow{}).Where("tenant = ? AND key >= ? AND key < ?", string(tenant), object+"/", object+"0"). // 0 comes after /
																Order("key").Pluck("key", &out).Error
	return out, tx.fail("notices of object", err)
}

// MarkNotice records that a notice went out. Detail is for finding it again
// (a message id), never its text. Marking twice changes nothing.
func (tx *Tx) MarkNotice(tenant access.TenantID, key, way, detail string) error {
	if err := tx.may("mark notice"); err != nil {
		return err
	}
	if key == "" || way == "" {
		return fmt.Errorf("mark notice: it needs a key and a way")
	}
	return tx.fail("mark notice", tx.db.Clauses(clause.OnConflict{DoNothing: true}).
		Create(&noticeRow{Key: key, Way: way, Tenant: string(tenant), Detail: short(detail), SentAt: stamp(tx.s.now())}).Error)
}

type toolKeyRow struct {
	ID          string `gorm:"primaryKey"`
	Sealed      []byte
	CreatedAt   moment
	PublishedAt moment
	SignsFrom   moment
	RetiredAt   moment
}

func (toolKeyRow) TableName() string { return "tool_keys" }

// ToolKeys returns the tool's signing keys, oldest first, retired ones too.
func (tx *Tx) ToolKeys() ([]ToolKey, error) {
	var rows []toolKeyRow
	if err := tx.locked().Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, tx.fail("tool keys", err)
	}
	out := make([]ToolKey, len(rows))
	for i, r := range rows {
		out[i] = ToolKey{ID: r.ID, Sealed: r.Sealed, CreatedAt: r.CreatedAt.time(), PublishedAt: r.PublishedAt.time(),
			SignsFrom: r.SignsFrom.time(), RetiredAt: r.RetiredAt.time()}
	}
	return out, nil
}

// SaveToolKey adds a signing key or, if its ID is known, writes every field but
// CreatedAt.
func (tx *Tx) SaveToolKey(k ToolKey) error {
	if err := tx.may("save tool key"); err != nil {
		return err
	}
	if k.ID == "" || len(k.Sealed) == 0 {
		return fmt.Errorf("save tool key %q: it needs an id and its sealed key", k.ID)
	}
	return tx.fail("save tool key", tx.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "id"}},
		DoUpdates: clause.AssignmentColumns([]string{"sealed", "published_at", "signs_from", "retired_at"}),
	}).Create(&toolKeyRow{ID: k.ID, Sealed: k.Sealed, CreatedAt: stamp(k.CreatedAt), PublishedAt: stamp(k.PublishedAt),
		SignsFrom: stamp(k.SignsFrom), RetiredAt: stamp(k.RetiredAt)}).Error)
}
