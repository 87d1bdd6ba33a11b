//go:build !race

package scaletest_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store/storetest/lite"
)

// stepsOfRow is how many steps of SQLite's machine a row may take: it tells no rows,
// but one that is passed over takes three or more.
const stepsOfRow = 15

type litePlanner struct {
	t  *testing.T
	db *lite.DB
	// partial are the indexes over some of the rows of their table: those that are
	// open. To walk one is no reading of the table.
	partial []string
}

func newLitePlanner(t *testing.T, file string) *litePlanner {
	t.Helper()
	db, err := lite.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	p := &litePlanner{t: t, db: db}
	p.run("PRAGMA busy_timeout = 10000", nil, nil)
	p.run("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'", nil, func(column func(i int) string) {
		p.partial = append(p.partial, column(0))
	})
	return p
}

// run runs a statement to its end and returns how many steps it took.
func (p *litePlanner) run(statement string, args []any, row func(column func(i int) string)) int {
	p.t.Helper()
	steps, err := p.db.Each(statement, args, row)
	if err != nil {
		p.t.Fatal(err)
	}
	return steps
}

var scan = regexp.MustCompile(`^SCAN (\w+)(?:.* USING (?:COVERING )?INDEX (\w+))?`)

func (p *litePlanner) wrong(statement string, args []any, most int) string {
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(statement)), " ")
	if !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}, word) {
		return ""
	}
	var wrong []string
	var plan strings.Builder
	p.run("EXPLAIN QUERY PLAN "+statement, args, func(column func(i int) string) {
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
	if steps > most*stepsOfRow {
		wrong = append(wrong, fmt.Sprintf("it takes %d steps", steps))
	}
	if len(wrong) == 0 {
		return ""
	}
	return strings.Join(wrong, "; ") + "\n" + plan.String()
}
