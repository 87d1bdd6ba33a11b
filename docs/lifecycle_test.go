package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// source is the package internal/access as it is written.
type source struct {
	t     *testing.T
	files []*ast.File
	words map[string]string // constant → its text
}

func readAccess(t *testing.T) *source {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "internal/access/*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("the core was not found: %v", err)
	}
	s := &source{t: t, words: map[string]string{}}
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, f)
	}
	s.each(token.CONST, func(v *ast.ValueSpec) {
		for i, name := range v.Names {
			if i < len(v.Values) {
				if lit, ok := v.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					s.words[name.Name], _ = strconv.Unquote(lit.Value)
				}
			}
		}
	})
	return s
}

func (s *source) each(tok token.Token, do func(*ast.ValueSpec)) {
	for _, f := range s.files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != tok {
				continue
			}
			for _, spec := range g.Specs {
				do(spec.(*ast.ValueSpec))
			}
		}
	}
}

// row is one row of a lifecycle table.
type row struct {
	from, do, as, to string
	fresh            bool
	effect           string
}

// rows reads the slice literal that is the variable of this name.
func (s *source) rows(name string) []row {
	s.t.Helper()
	var list []row
	s.each(token.VAR, func(v *ast.ValueSpec) {
		if v.Names[0].Name != name {
			return
		}
		for _, e := range v.Values[0].(*ast.CompositeLit).Elts {
			var cells []string
			for _, c := range e.(*ast.CompositeLit).Elts {
				id, ok := c.(*ast.Ident)
				if !ok {
					s.t.Fatalf("%s: a cell is not a name", name)
				}
				if word, known := s.words[id.Name]; known {
					cells = append(cells, word)
				} else {
					cells = append(cells, id.Name)
				}
			}
			r := row{from: cells[0], do: cells[1], as: cells[2], to: cells[3], fresh: cells[4] == "true"}
			if len(cells) > 5 {
				r.effect = cells[5]
			}
			list = append(list, r)
		}
	})
	if len(list) == 0 {
		s.t.Fatalf("the table %s was not found", name)
	}
	return list
}

// diagram draws one arrow for each pair of states and move, naming everybody
// who may make it.
func diagram(list []row) string {
	type arrow struct{ from, to, do string }
	var order []arrow
	who := map[arrow][]string{}
	for _, r := range list {
		a := arrow{r.from, r.to, r.do}
		if who[a] == nil {
			order = append(order, a)
		}
		who[a] = append(who[a], r.as)
	}
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	fmt.Fprintf(&b, "  [*] --> %s\n", list[0].from)
	for _, a := range order {
		fmt.Fprintf(&b, "  %s --> %s: %s (%s)\n", a.from, a.to, a.do, strings.Join(who[a], ", "))
	}
	var ends []string
	for _, a := range order {
		if !slices.ContainsFunc(order, func(o arrow) bool { return o.from == a.to }) && !slices.Contains(ends, a.to) {
			ends = append(ends, a.to)
		}
	}
	for _, e := range ends {
		fmt.Fprintf(&b, "  %s --> [*]\n", e)
	}
	b.WriteString("```\n\n| from | move | by | to | fresh launch | then |\n|---|---|---|---|---|---|\n")
	for _, r := range list {
		fresh := ""
		if r.fresh {
			fresh = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.from, r.do, r.as, r.to, fresh, strings.ReplaceAll(r.effect, "_", " "))
	}
	return b.String()
}

func TestLifecyclePage(t *testing.T) {
	s := readAccess(t)
	generated(t, "lifecycle.md", "request", diagram(s.rows("lifecycle")))
	generated(t, "lifecycle.md", "grant", diagram(s.rows("grantLifecycle")))
	generated(t, "lifecycle.md", "found", diagram(s.rows("foundLifecycle")))
}

// The table of waiting times is written by hand; its numbers are the program's.
func TestWaitingTimes(t *testing.T) {
	page, err := os.ReadFile("lifecycle.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(page), "\n## Waiting times\n")
	if !ok {
		t.Fatal("docs/lifecycle.md has no waiting times")
	}
	said := map[string]string{}
	for line := range strings.Lines(part) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 3 && !strings.HasPrefix(line, "| what") {
			said[strings.TrimPrefix(cells[0], "| ")] = cells[1]
		}
	}
	days := func(d time.Duration) string { return fmt.Sprintf("%d days", d/(24*time.Hour)) }
	hours := func(d time.Duration) string { return fmt.Sprintf("%d hours", d/time.Hour) }
	if access.ReplaceLimit != 1 || access.StuckAfter != time.Hour {
		t.Error("docs/lifecycle.md says once, and 1 hour, in words of its own")
	}
	windows := policy.BuiltIn().Windows
	if want := map[string]string{
		"an untouched draft": days(windows.Draft), "the sponsor's answer": days(windows.SponsorAnswer),
		"review target": fmt.Sprintf("%d working days", windows.ReviewDays), "a claim": hours(windows.Claim),
		"collecting an approved token": days(windows.Collect), "activating a token in Canvas": days(windows.Activation),
		"*I lost it* without a new review": hours(windows.Replacement) + " from when it was shown, once", "an unconfirmed deletion": "1 hour",
	}; !maps.Equal(said, want) {
		t.Errorf("docs/lifecycle.md says %v, the program %v", said, want)
	}
	if access.Freshness != 15*time.Minute {
		t.Error("pages and messages speak of 15 minutes")
	}
}
