package store

import (
	"fmt"
	"time"
)

// At most one tool key has no end (the index tool_keys_one_unended). It is the
// newest: the one that signs, or the one that is about to.

// ReplaceToolKey gives the tool key named old its end, and adds next, which has
// none yet. Of several that would replace the same key one succeeds; the others
// get access.ErrConflict.
func (tx *Tx) ReplaceToolKey(old string, end time.Time, next ToolKey) error {
	if err := tx.may("replace tool key"); err != nil {
		return err
	}
	if end.IsZero() || !next.RetiredAt.IsZero() || next.ID == old {
		return fmt.Errorf("replace tool key %s: the old key needs an end and the new one must have none", old)
	}
	res := tx.db.Model(&toolKeyRow{}).Where("id = ? AND retired_at IS NULL", old).
		Updates(map[string]any{"retired_at": stamp(end)})
	if res.Error != nil {
		return tx.fail("replace tool key", res.Error)
	}
	if res.RowsAffected != 1 {
		return lost("replace tool key " + old)
	}
	return tx.SaveToolKey(next)
}

// PurgeToolKeys deletes the keys that ended before the given time.
func (tx *Tx) PurgeToolKeys(before time.Time) (int, error) {
	if err := tx.may("purge tool keys"); err != nil {
		return 0, err
	}
	res := tx.db.Where("retired_at < ?", stamp(before)).Delete(&toolKeyRow{})
	return int(res.RowsAffected), tx.fail("purge tool keys", res.Error)
}
