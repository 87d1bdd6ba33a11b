package store

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// moment is how every time enters and leaves the database: UTC, because SQLite
// keeps times as text and compares them as text, and whole microseconds,
// because PostgreSQL keeps no more. The zero time is NULL.
type moment struct{ t time.Time }

// stamp is the only way a time enters the database.
func stamp(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	return moment{t.UTC().Truncate(time.Microsecond)}
}

// time returns the time as callers see it: UTC, zero for NULL.
func (m moment) time() time.Time { return m.t }

// Value implements driver.Valuer.
func (m moment) Value() (driver.Value, error) {
	if m.t.IsZero() {
		return nil, nil
	}
	return m.t, nil
}

// sqliteTime is the layout in which the SQLite driver writes times. The
// fraction has no trailing zeros; texts still sort as the times do, since '+'
// sorts before '.' and both before digits.
const sqliteTime = "2006-01-02 15:04:05.999999999-07:00"

// Scan implements sql.Scanner.
func (m *moment) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*m = moment{}
	case time.Time:
		*m = stamp(v)
	case string:
		t, err := time.Parse(sqliteTime, v)
		if err != nil {
			return fmt.Errorf("not a time: %q", v)
		}
		*m = stamp(t)
	default:
		return fmt.Errorf("not a time: %T", v)
	}
	return nil
}

// GormDataType keeps gorm from treating the column as a time of its own, which
// it would fill in by itself.
func (moment) GormDataType() string { return "moment" }

// farFuture stands for "no time" where a list is ordered by a time that some
// rows lack.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// orFarFuture is a time that is never NULL. An index serves it only as it stands, so
// that farFuture is no parameter.
func orFarFuture(sql string) string {
	return "COALESCE(" + sql + ", '" + farFuture.Format(sqliteTime) + "')"
}

// ref is an id of another row. The empty id is NULL.
type ref string

// Value implements driver.Valuer.
func (r ref) Value() (driver.Value, error) {
	if r == "" {
		return nil, nil
	}
	return string(r), nil
}

// Scan implements sql.Scanner.
func (r *ref) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*r = ""
	case string:
		*r = ref(v)
	case []byte:
		*r = ref(v)
	default:
		return fmt.Errorf("not an id: %T", v)
	}
	return nil
}

// GormDataType implements gorm's schema.GormDataTypeInterface.
func (ref) GormDataType() string { return "ref" }
