package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// plain is a statement that a launch says, and so every visit begins with: it
// goes to the database as it stands, past gorm's builder and its scanning by
// reflection, which cost more than the rest of a launch (docs/speed.md).
// Parameters are written ?.
type plain struct{ lite, pg string }

// say makes a plain statement.
func say(q string) plain {
	q = strings.Join(strings.Fields(q), " ")
	var b strings.Builder
	n := 0
	for _, c := range q {
		if c != '?' {
			b.WriteRune(c)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return plain{lite: q, pg: b.String()}
}

// scanner is one row.
type scanner interface{ Scan(to ...any) error }

// conn says plain statements.
type conn interface {
	// one reads the row that p selects, or returns an error that is sql.ErrNoRows.
	one(ctx context.Context, p plain, args []any, to ...any) error
	// each reads every row that p selects.
	each(ctx context.Context, p plain, args []any, row func(scanner) error) error
	exec(ctx context.Context, p plain, args ...any) error
	// all says several statements, in their order, until one fails. PostgreSQL is
	// sent them at once and, outside a transaction, does all of them or none.
	all(ctx context.Context, list []said) error
}

// said is one statement of several.
type said struct {
	what plain
	args []any
	row  func(scanner) error // nil where none is read
}

// liteConn is SQLite, through database/sql.
type liteConn struct{ gorm.ConnPool }

func (c liteConn) one(ctx context.Context, p plain, args []any, to ...any) error {
	return c.QueryRowContext(ctx, p.lite, args...).Scan(to...)
}

func (c liteConn) each(ctx context.Context, p plain, args []any, row func(scanner) error) error {
	rows, err := c.QueryContext(ctx, p.lite, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (c liteConn) exec(ctx context.Context, p plain, args ...any) error {
	_, err := c.ExecContext(ctx, p.lite, args...)
	return err
}

func (c liteConn) all(ctx context.Context, list []said) error {
	for _, one := range list {
		var err error
		if one.row == nil {
			err = c.exec(ctx, one.what, one.args...)
		} else {
			err = c.each(ctx, one.what, one.args, one.row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pgConn is PostgreSQL past database/sql, which converts by reflection and
// watches each statement from a goroutine of its own: the pool, or one
// connection of it.
type pgConn struct {
	db interface {
		Query(ctx context.Context, q string, args ...any) (pgx.Rows, error)
		QueryRow(ctx context.Context, q string, args ...any) pgx.Row
		Exec(ctx context.Context, q string, args ...any) (pgconn.CommandTag, error)
		SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	}
}

func (c pgConn) one(ctx context.Context, p plain, args []any, to ...any) error {
	return c.db.QueryRow(ctx, p.pg, args...).Scan(to...)
}

func (c pgConn) each(ctx context.Context, p plain, args []any, row func(scanner) error) error {
	rows, err := c.db.Query(ctx, p.pg, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (c pgConn) exec(ctx context.Context, p plain, args ...any) error {
	_, err := c.db.Exec(ctx, p.pg, args...)
	return err
}

func (c pgConn) all(ctx context.Context, list []said) error {
	var b pgx.Batch
	for _, one := range list {
		q := b.Queue(one.what.pg, one.args...)
		if one.row == nil {
			continue
		}
		q.Query(func(rows pgx.Rows) error {
			for rows.Next() {
				if err := one.row(rows); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	}
	return c.db.SendBatch(ctx, &b).Close()
}

// txConn is a transaction of database/sql on PostgreSQL: its plain statements
// go past database/sql too, over the same connection.
type txConn struct{ c *sql.Conn }

var errTxOver = errors.New("the transaction is over")

func (c txConn) do(f func(pgConn) error) error {
	return c.c.Raw(func(driver any) error {
		std, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection of another driver: %T", driver)
		}
		pg := std.Conn()
		// database/sql rolls back by itself when the context ends. What comes after
		// that must not happen outside the transaction.
		if pg.PgConn().TxStatus() == 'I' {
			return errTxOver
		}
		return f(pgConn{pg})
	})
}

func (c txConn) one(ctx context.Context, p plain, args []any, to ...any) error {
	return c.do(func(pg pgConn) error { return pg.one(ctx, p, args, to...) })
}

func (c txConn) each(ctx context.Context, p plain, args []any, row func(scanner) error) error {
	return c.do(func(pg pgConn) error { return pg.each(ctx, p, args, row) })
}

func (c txConn) exec(ctx context.Context, p plain, args ...any) error {
	return c.do(func(pg pgConn) error { return pg.exec(ctx, p, args...) })
}

func (c txConn) all(ctx context.Context, list []said) error {
	return c.do(func(pg pgConn) error { return pg.all(ctx, list) })
}

// plain says plain statements outside a transaction.
func (s *Store) plain() conn {
	if s.pool != nil {
		return pgConn{s.pool}
	}
	return liteConn{s.sql}
}

// readPlain runs one plain statement that reads, outside a transaction: one
// statement sees one state of the database.
func (s *Store) readPlain(ctx context.Context, op string, do func(c conn) error) error {
	return s.again(ctx, func() error { return fail(ctx, op, do(s.plain())) })
}

// writePlain runs one plain statement that writes, outside a transaction.
func (s *Store) writePlain(ctx context.Context, op string, do func(c conn) error) error {
	return s.again(ctx, func() error {
		release, err := s.admit(ctx)
		if err != nil {
			return err
		}
		defer release()
		return fail(ctx, op, do(s.plain()))
	})
}

// columns are the columns of a table, as gorm knows them from its row's type.
type columns struct {
	list string
	at   [][]int // where each is in the struct
}

func columnsOf(row any) columns {
	s, err := schema.Parse(row, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		panic(err) // a row type that gorm cannot read: every test finds it
	}
	var c columns
	for _, name := range s.DBNames {
		c.at = append(c.at, s.FieldsByDBName[name].StructField.Index)
	}
	c.list = strings.Join(s.DBNames, ", ")
	return c
}

// in are the places of a row that the columns are scanned into.
func (c columns) in(row any) []any {
	v := reflect.ValueOf(row).Elem()
	to := make([]any, len(c.at))
	for i, at := range c.at {
		to[i] = v.FieldByIndex(at).Addr().Interface()
	}
	return to
}
