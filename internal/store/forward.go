package store

import (
	"net/netip"
	"slices"
	"time"

	"gorm.io/gorm/clause"
)

// Forward is a header that tells of another client address, from a peer whose
// word for it is not taken.
type Forward struct {
	Peer   string // the address that connected
	Header string // the header's name
	SeenAt time.Time
}

// forwardKeep is how long a header that was not believed is told of after it was
// last seen. The server notes one once an hour while they come.
const forwardKeep = 24 * time.Hour

// Stands reports whether a noted forward is still to be told of: the address is
// not among those that are believed by now, and was seen within a day.
func (f Forward) Stands(trusted []netip.Prefix, now time.Time) bool {
	at, err := netip.ParseAddr(f.Peer)
	named := err == nil && slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(at) })
	return !named && now.Sub(f.SeenAt) < forwardKeep
}

type forwardRow struct {
	ID     int `gorm:"primaryKey"`
	Peer   string
	Header string
	SeenAt moment
}

func (forwardRow) TableName() string { return "untrusted_forwards" }

// RecordForward keeps the newest Forward, in the one row that there is for it.
func (tx *Tx) RecordForward(f Forward) error {
	if err := tx.may("note forward"); err != nil {
		return err
	}
	return tx.fail("note forward", tx.db.Clauses(clause.OnConflict{UpdateAll: true}).
		Create(&forwardRow{ID: 1, Peer: f.Peer, Header: f.Header, SeenAt: stamp(f.SeenAt)}).Error)
}

// Forward returns the newest one that was noted, and whether there is one.
func (tx *Tx) Forward() (Forward, bool, error) {
	var rows []forwardRow
	if err := tx.db.Find(&rows).Error; err != nil || len(rows) == 0 {
		return Forward{}, false, tx.fail("forward", err)
	}
	return Forward{Peer: rows[0].Peer, Header: rows[0].Header, SeenAt: rows[0].SeenAt.time()}, true, nil
}

// ForgetForward removes it.
func (tx *Tx) ForgetForward() error {
	if err := tx.may("forget forward"); err != nil {
		return err
	}
	return tx.fail("forget forward", tx.db.Where("id = 1").Delete(&forwardRow{}).Error)
}
