package store

import (
	"errors"
	"maps"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tokendesk/tokendesk/internal/access"
)

// QuoteKind says with which move of an object a person's words came.
type QuoteKind string

// The kinds. Of an object there is one of each: the last that was written.
const (
	QuoteEnd         QuoteKind = "end"         // grant: why it ends
	QuoteSponsorship QuoteKind = "sponsorship" // grant: why its sponsor left
	QuoteRemoval     QuoteKind = "removal"     // found token: why it is removed
	QuoteNote        QuoteKind = "note"        // incident: what was found
)

type quoteRow struct {
	Tenant string    `gorm:"primaryKey"`
	Object string    `gorm:"primaryKey"`
	Kind   QuoteKind `gorm:"primaryKey"`
	Words  string
}

func (quoteRow) TableName() string { return "quotes" }

// KeepQuote keeps what a person wrote with a move of an object, in place of what
// was kept of this kind before; no words leave nothing. It belongs into the
// transaction of the move. Nothing may depend on the words but where they are
// shown: they can be erased.
func (tx *Tx) KeepQuote(tenant access.TenantID, object string, kind QuoteKind, words string) error {
	if err := tx.may("keep quote"); err != nil {
		return err
	}
	q := quoteRow{Tenant: string(tenant), Object: object, Kind: kind, Words: words}
	if words == "" {
		return tx.fail("keep quote", tx.db.Delete(&q).Error)
	}
	return tx.fail("keep quote", tx.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&q).Error)
}

// Quote returns what a person wrote with a move of an object: "" where nothing
// was, access.Erased where it was erased.
func (tx *Tx) Quote(tenant access.TenantID, object string, kind QuoteKind) (string, error) {
	var q quoteRow
	err := tx.db.Where("tenant = ? AND object = ? AND kind = ?", string(tenant), object, kind).Take(&q).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", nil
	}
	return q.Words, tx.fail("quote", err)
}

// quoted are the columns that hold people's words, by table. The object's id
// stands in the first column named.
var quoted = map[string][]string{
	"quotes":           {"object", "words"},
	"requests":         {"id", "remark"},
	"votes":            {"object", "reason", "alt_text", "conditions"},
	"grants":           {"id", "freeze_reason"},
	"mass_revocations": {"id", "reason"},
	"campaigns":        {"id", "message"},
}

// eraseQuotes erases the words of the objects of the given events.
func (tx *Tx) eraseQuotes(tenant access.TenantID, eventIDs []string) error {
	var objects []string
	if err := tx.db.Model(&eventRow{}).Where("tenant = ? AND id IN ?", string(tenant), eventIDs).Distinct().Pluck("object", &objects).Error; err != nil {
		return tx.fail("objects of events", err)
	}
	slices.Sort(objects)
	for _, table := range slices.Sorted(maps.Keys(quoted)) {
		for _, column := range quoted[table][1:] {
			err := tx.db.Table(table).Where("tenant = ? AND "+quoted[table][0]+" IN ? AND "+column+" <> ''", string(tenant), objects).
				Update(column, access.Erased).Error
			if err != nil {
				return tx.fail("erase quotes", err)
			}
		}
	}
	return nil
}
