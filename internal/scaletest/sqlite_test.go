//go:build !race

package scaletest_test

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// mostSteps is how many steps of SQLite's machine a statement may take: it tells no
// rows, but a row that is passed takes three or more. A page of rows is far below it.
const mostSteps = 60_000

// litePlanner is a connection to a SQLite file that counts, which the driver's
// cannot.
type litePlanner struct {
	t   *testing.T
	tls *libc.TLS
	db  uintptr
	// partial are the indexes over some of the rows of their table: those that are
	// open. To walk one is no reading of the table.
	partial []string
}

func newLitePlanner(t *testing.T, file string) *litePlanner {
	t.Helper()
	p := &litePlanner{t: t, tls: libc.NewTLS()}
	name, to := p.text("file:"+file), p.memory(8)
	if rc := sqlite3.Xsqlite3_open_v2(p.tls, name, to, sqlite3.SQLITE_OPEN_READWRITE|sqlite3.SQLITE_OPEN_URI, 0); rc != sqlite3.SQLITE_OK {
		t.Fatalf("open %s: %d", file, rc)
	}
	p.db = pointer(to)
	p.free(name, to)
	t.Cleanup(func() {
		sqlite3.Xsqlite3_close_v2(p.tls, p.db)
		p.tls.Close()
	})
	p.run("PRAGMA busy_timeout = 10000", nil, nil)
	p.run("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'", nil, func(column func(int32) string) {
		p.partial = append(p.partial, column(0))
	})
	return p
}

var scan = regexp.MustCompile(`^SCAN (\w+)(?:.* USING (?:COVERING )?INDEX (\w+))?`)

func (p *litePlanner) wrong(statement string, args []any) string {
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(statement)), " ")
	if !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}, word) {
		return ""
	}
	var wrong []string
	var plan strings.Builder
	p.run("EXPLAIN QUERY PLAN "+statement, args, func(column func(int32) string) {
		step := column(3)
		fmt.Fprintln(&plan, "   ", step)
		m := scan.FindStringSubmatch(step)
		if m != nil && slices.Contains(guarded, tableOf(statement, m[1])) && !slices.Contains(p.partial, m[2]) {
			wrong = append(wrong, "it reads all of "+m[1])
		}
	})
	steps := 0
	if word != "INSERT" { // a row cannot be added twice
		p.run("BEGIN IMMEDIATE", nil, nil)
		steps = p.run(statement, args, nil)
		p.run("ROLLBACK", nil, nil)
	}
	if steps > mostSteps {
		wrong = append(wrong, fmt.Sprintf("it takes %d steps", steps))
	}
	if len(wrong) == 0 {
		return ""
	}
	return strings.Join(wrong, "; ") + "\n" + plan.String()
}

// run runs a statement to its end and returns how many steps it took.
func (p *litePlanner) run(statement string, args []any, row func(column func(int32) string)) int {
	p.t.Helper()
	q, to := p.text(statement), p.memory(8)
	rc := sqlite3.Xsqlite3_prepare_v2(p.tls, p.db, q, -1, to, 0)
	stmt := pointer(to)
	p.free(q, to)
	if rc != sqlite3.SQLITE_OK {
		p.t.Fatalf("%s\n%s", p.trouble(), statement)
	}
	defer sqlite3.Xsqlite3_finalize(p.tls, stmt)
	var held []uintptr
	defer func() { p.free(held...) }()
	for i, a := range args {
		n := int32(i + 1) //nolint:gosec // a handful
		switch v := a.(type) {
		case nil:
			rc = sqlite3.Xsqlite3_bind_null(p.tls, stmt, n)
		case bool:
			rc = sqlite3.Xsqlite3_bind_int64(p.tls, stmt, n, map[bool]int64{true: 1}[v])
		case int64:
			rc = sqlite3.Xsqlite3_bind_int64(p.tls, stmt, n, v)
		case time.Time:
			held = append(held, p.text(v.Format("2006-01-02 15:04:05.999999999-07:00")))
			rc = sqlite3.Xsqlite3_bind_text(p.tls, stmt, n, held[len(held)-1], -1, 0)
		case string:
			held = append(held, p.text(v))
			rc = sqlite3.Xsqlite3_bind_text(p.tls, stmt, n, held[len(held)-1], -1, 0)
		case []byte:
			held = append(held, p.text(string(v)))
			rc = sqlite3.Xsqlite3_bind_blob(p.tls, stmt, n, held[len(held)-1], int32(len(v)), 0) //nolint:gosec // short
		default:
			p.t.Fatalf("a value of type %T", a)
		}
		if rc != sqlite3.SQLITE_OK {
			p.t.Fatalf("%s: value %d", p.trouble(), n)
		}
	}
	for {
		switch rc := sqlite3.Xsqlite3_step(p.tls, stmt); rc {
		case sqlite3.SQLITE_ROW:
			if row != nil {
				row(func(i int32) string { return libc.GoString(sqlite3.Xsqlite3_column_text(p.tls, stmt, i)) })
			}
		case sqlite3.SQLITE_DONE:
			return int(sqlite3.Xsqlite3_stmt_status(p.tls, stmt, sqlite3.SQLITE_STMTSTATUS_VM_STEP, 0))
		default:
			p.t.Errorf("%s\n%s", p.trouble(), statement)
			return 0
		}
	}
}

func (p *litePlanner) trouble() string {
	return libc.GoString(sqlite3.Xsqlite3_errmsg(p.tls, p.db))
}

func (p *litePlanner) text(s string) uintptr {
	c, err := libc.CString(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *litePlanner) memory(n int) uintptr {
	m := libc.Xcalloc(p.tls, 1, libc.Tsize_t(n)) //nolint:gosec // a handful
	if m == 0 {
		p.t.Fatal("no memory")
	}
	return m
}

func (p *litePlanner) free(all ...uintptr) {
	for _, m := range all {
		libc.Xfree(p.tls, m)
	}
}

// pointer is what stands at a place of SQLite's memory.
func pointer(at uintptr) uintptr { return uintptr(binary.NativeEndian.Uint64(libc.GoBytes(at, 8))) }
