//go:build !race

package scaletest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

type pgPlanner struct {
	t *testing.T
	c *pgx.Conn
	// open are the indexes of what is open, and of nothing else. PostgreSQL may lay one
	// over another index, or not, as its figures of the day say.
	open []string
}

func newPgPlanner(t *testing.T, db string) pgPlanner {
	t.Helper()
	c, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	rows, err := c.Query(t.Context(), "SELECT indexrelid::regclass::text FROM pg_index WHERE pg_get_expr(indpred, indrelid) = 'open'")
	if err != nil {
		t.Fatal(err)
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || !slices.Contains(open, "grants_one_live") {
		t.Fatalf("the indexes of what is open are %v, %v", open, err)
	}
	// Pages that somebody wrote to are no longer known to be visible to all, and so an
	// index that has all that is asked costs more than it did: after a busy week no
	// plan may rest on it.
	if _, err := c.Exec(t.Context(), "UPDATE pg_class SET relallvisible = 0"); err != nil {
		t.Fatalf("forget which rows all see, as the server's superuser: %v", err)
	}
	return pgPlanner{t, c, open}
}

// node is one step of a plan as EXPLAIN tells it.
type node struct {
	Type    string  `json:"Node Type"`
	Table   string  `json:"Relation Name"`
	Index   string  `json:"Index Name"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Recheck float64 `json:"Rows Removed by Index Recheck"`
	Plans   []node  `json:"Plans"`
	depth   int
}

func (p pgPlanner) wrong(statement string, args []any, most int) string {
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(statement)), " ")
	if !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}, word) {
		return ""
	}
	// What it would write is taken back.
	tx, err := p.c.Begin(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(p.t.Context()) }()
	how := "ANALYZE, TIMING OFF, " //nolint:misspell // SQL's own word
	if word == "INSERT" {          // a row cannot be added twice
		how = ""
	}
	of := p.explain(tx, how, statement, args)
	if slices.ContainsFunc(of, func(n node) bool { return n.Type == "Seq Scan" && slices.Contains(small, n.Table) }) {
		if _, err := tx.Exec(p.t.Context(), "SET LOCAL enable_seqscan = off"); err != nil {
			p.t.Fatal(err)
		}
		of = p.explain(tx, how, statement, args)
	}
	var wrong []string
	total := 0.0
	for _, n := range of {
		if !strings.Contains(n.Type, "Scan") || n.Loops == 0 && how != "" {
			continue
		}
		read := (n.Rows + n.Removed + n.Recheck) * n.Loops
		if n.Type == "Bitmap Index Scan" && slices.Contains(p.open, n.Index) {
			read /= 10 // entries that come in lists, without their rows, and of what lives alone
		}
		total += read
		if n.Type == "Seq Scan" && slices.Contains(guarded, n.Table) {
			wrong = append(wrong, "it reads all of "+n.Table)
		} else if read > float64(most) {
			wrong = append(wrong, fmt.Sprintf("it reads %.0f rows of %s%s", read, n.Table, n.Index))
		}
	}
	if len(wrong) == 0 && total > float64(most) {
		wrong = append(wrong, fmt.Sprintf("it reads %.0f rows", total))
	}
	if len(wrong) == 0 {
		return ""
	}
	return strings.Join(wrong, "; ") + "\n" + steps(of)
}

// steps are the steps of a plan, a line each.
func steps(all []node) string {
	var b strings.Builder
	for _, n := range all {
		fmt.Fprintf(&b, "%*s%s %s %s: %.0f rows, %.0f times, %.0f passed over\n", 4+2*n.depth, "", n.Type, n.Table, n.Index, n.Rows, n.Loops, n.Removed+n.Recheck)
	}
	return b.String()
}

// explain returns the steps of a plan, with those below them.
func (p pgPlanner) explain(tx pgx.Tx, how, statement string, args []any) (all []node) {
	p.t.Helper()
	var plan []byte
	if err := tx.QueryRow(p.t.Context(), "EXPLAIN ("+how+"FORMAT JSON) "+statement, args...).Scan(&plan); err != nil {
		p.t.Fatalf("it cannot be explained: %v\n%s", err, statement)
	}
	var top []struct{ Plan node }
	if err := json.Unmarshal(plan, &top); err != nil {
		p.t.Fatal(err)
	}
	var walk func(n node)
	walk = func(n node) {
		all = append(all, n)
		for _, below := range n.Plans {
			below.depth = n.depth + 1
			walk(below)
		}
	}
	walk(top[0].Plan)
	return all
}
