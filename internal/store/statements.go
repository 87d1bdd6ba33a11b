package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// observer tells Options.Statement of every statement that goes to PostgreSQL,
// whichever way it takes.
type observer func(statement string, args []any)

// TraceQueryStart implements pgx.QueryTracer.
func (o observer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	o(q.SQL, q.Args)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (observer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// observed is a SQLite driver's connector whose connections tell of their
// statements.
type observed struct {
	driver driver.Driver
	dsn    string
	of     observer
}

// observedSQLite is db, which was opened by dsn and not used yet, with an observer.
func observedSQLite(db *sql.DB, dsn string, of observer) (*sql.DB, error) {
	d := db.Driver()
	return sql.OpenDB(observed{d, dsn, of}), db.Close()
}

// Connect implements driver.Connector.
func (o observed) Connect(context.Context) (driver.Conn, error) {
	c, err := o.driver.Open(o.dsn)
	if err != nil {
		return nil, err
	}
	lite, ok := c.(liteDriverConn)
	if !ok {
		return nil, fmt.Errorf("a connection of another driver: %T", c)
	}
	return observedConn{lite, o.of}, nil
}

// Driver implements driver.Connector.
func (o observed) Driver() driver.Driver { return o.driver }

// liteDriverConn is what a connection of the SQLite driver can do.
type liteDriverConn interface {
	driver.Conn
	driver.Pinger
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

type observedConn struct {
	liteDriverConn
	of observer
}

func (c observedConn) tell(q string, args []driver.NamedValue) {
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a.Value
	}
	c.of(q, values)
}

// ExecContext implements driver.ExecerContext.
func (c observedConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	c.tell(q, args)
	return c.liteDriverConn.ExecContext(ctx, q, args)
}

// QueryContext implements driver.QueryerContext.
func (c observedConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	c.tell(q, args)
	return c.liteDriverConn.QueryContext(ctx, q, args)
}
