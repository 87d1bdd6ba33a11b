package store

import (
	"context"
	"reflect"
	"strconv"
	"strings"
	"sync"

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

// on is the statement in the words of the store's engine.
func (p plain) on(s *Store) string {
	if s.path != "" {
		return p.lite
	}
	return p.pg
}

// scanner is one row: *sql.Row or *sql.Rows.
type scanner interface{ Scan(to ...any) error }

// conn is the transaction's connection.
func (tx *Tx) conn() gorm.ConnPool { return tx.db.Statement.ConnPool }

// look runs one plain statement that reads, outside a transaction: one
// statement sees one state of the database.
func (s *Store) look(ctx context.Context, op string, do func(c gorm.ConnPool) error) error {
	return s.again(ctx, func() error { return fail(ctx, op, do(s.sql)) })
}

// change runs one plain statement that writes, outside a transaction.
func (s *Store) change(ctx context.Context, op string, do func(c gorm.ConnPool) error) error {
	return s.again(ctx, func() error {
		release, err := s.admit(ctx)
		if err != nil {
			return err
		}
		defer release()
		return fail(ctx, op, do(s.sql))
	})
}

// each reads every row that a plain statement selects.
func (s *Store) each(ctx context.Context, c gorm.ConnPool, p plain, one func(scanner) error, args ...any) error {
	rows, err := c.QueryContext(ctx, p.on(s), args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := one(rows); err != nil {
			return err
		}
	}
	return rows.Err()
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
