// Package lite is SQLite by its own interface, for tests that need more of it than
// database/sql gives: a statement that is prepared once for many rows, and how many
// steps the machine inside took.
package lite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// DB is one connection, for one goroutine.
type DB struct {
	tls *libc.TLS
	db  uintptr
}

// Open opens a database file that is there.
func Open(file string) (*DB, error) {
	d := &DB{tls: libc.NewTLS()}
	to := libc.Xcalloc(d.tls, 1, 8)
	defer libc.Xfree(d.tls, to)
	name := []byte(file + "\x00")
	rc := sqlite3.Xsqlite3_open_v2(d.tls, at(name), to, sqlite3.SQLITE_OPEN_READWRITE, 0)
	runtime.KeepAlive(name)
	if d.db = pointer(to); rc != sqlite3.SQLITE_OK {
		return nil, errors.Join(fmt.Errorf("open %s: %w", file, d.fault()), d.Close())
	}
	return d, nil
}

// Close closes the connection, whose statements are closed before.
func (d *DB) Close() error {
	rc := sqlite3.Xsqlite3_close_v2(d.tls, d.db)
	d.tls.Close()
	if rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("close: SQLite's error %d", rc)
	}
	return nil
}

func (d *DB) fault() error { return errors.New(libc.GoString(sqlite3.Xsqlite3_errmsg(d.tls, d.db))) }

// Exec runs a statement once.
func (d *DB) Exec(statement string, args ...any) error {
	_, err := d.Each(statement, args, nil)
	return err
}

// Each runs a statement once, as Stmt.Each does.
func (d *DB) Each(statement string, args []any, row func(column func(i int) string)) (steps int, err error) {
	st, err := d.Prepare(statement)
	if err != nil {
		return 0, err
	}
	defer st.Close()
	return st.Each(args, row)
}

// Stmt is a prepared statement.
type Stmt struct {
	d    *DB
	stmt uintptr
	sql  string
}

// Prepare prepares a statement.
func (d *DB) Prepare(statement string) (*Stmt, error) {
	to := libc.Xcalloc(d.tls, 1, 8)
	defer libc.Xfree(d.tls, to)
	text := []byte(statement + "\x00")
	rc := sqlite3.Xsqlite3_prepare_v2(d.tls, d.db, at(text), -1, to, 0)
	runtime.KeepAlive(text)
	if rc != sqlite3.SQLITE_OK {
		return nil, fmt.Errorf("%w: %s", d.fault(), statement)
	}
	return &Stmt{d, pointer(to), statement}, nil
}

// Close lets the statement go.
func (s *Stmt) Close() { sqlite3.Xsqlite3_finalize(s.d.tls, s.stmt) } //nolint:misspell // SQLite's own name

// Each runs the statement with values, as the driver of the program writes them,
// gives each row to row, if there is one, and returns how many steps SQLite's
// machine took. A column is given as text.
func (s *Stmt) Each(args []any, row func(column func(i int) string)) (steps int, err error) {
	tls := s.d.tls
	held := make([][]byte, len(args)) // SQLite reads it where it lies
	defer runtime.KeepAlive(&held)
	defer sqlite3.Xsqlite3_reset(tls, s.stmt)
	for i, a := range args {
		n := int32(i + 1)
		var rc int32
		if t, ok := a.(time.Time); ok {
			a = t.Format("2006-01-02 15:04:05.999999999-07:00")
		}
		switch v := a.(type) {
		case nil:
			rc = sqlite3.Xsqlite3_bind_null(tls, s.stmt, n)
		case bool:
			number := int64(0)
			if v {
				number = 1
			}
			rc = sqlite3.Xsqlite3_bind_int64(tls, s.stmt, n, number)
		case int:
			rc = sqlite3.Xsqlite3_bind_int64(tls, s.stmt, n, int64(v))
		case int64:
			rc = sqlite3.Xsqlite3_bind_int64(tls, s.stmt, n, v)
		case string:
			held[i] = []byte(v + "\x00")
			rc = sqlite3.Xsqlite3_bind_text(tls, s.stmt, n, at(held[i]), int32(len(v)), 0) //nolint:gosec // a cell of a row
		case []byte:
			held[i] = append(v[:len(v):len(v)], 0)
			rc = sqlite3.Xsqlite3_bind_blob(tls, s.stmt, n, at(held[i]), int32(len(v)), 0) //nolint:gosec // a cell of a row
		default:
			return 0, fmt.Errorf("a value of type %T: %s", a, s.sql)
		}
		if rc != sqlite3.SQLITE_OK {
			return 0, fmt.Errorf("value %d: %w: %s", n, s.d.fault(), s.sql)
		}
	}
	sqlite3.Xsqlite3_stmt_status(tls, s.stmt, sqlite3.SQLITE_STMTSTATUS_VM_STEP, 1)
	for {
		switch sqlite3.Xsqlite3_step(tls, s.stmt) {
		case sqlite3.SQLITE_ROW:
			if row != nil {
				row(func(i int) string {
					return libc.GoString(sqlite3.Xsqlite3_column_text(tls, s.stmt, int32(i))) //nolint:gosec // a handful
				})
			}
		case sqlite3.SQLITE_DONE:
			return int(sqlite3.Xsqlite3_stmt_status(tls, s.stmt, sqlite3.SQLITE_STMTSTATUS_VM_STEP, 0)), nil
		default:
			return 0, fmt.Errorf("%w: %s", s.d.fault(), s.sql)
		}
	}
}

// at is where bytes lie. SQLite is translated to Go, and what lies in Go's memory
// stays where it is for as long as something holds it.
func at(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) } //nolint:gosec // see above

// pointer is what stands at a place of SQLite's memory.
func pointer(place uintptr) uintptr {
	return uintptr(binary.NativeEndian.Uint64(libc.GoBytes(place, 8)))
}
