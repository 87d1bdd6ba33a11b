package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const decisionsPage = "decisions.md"

var decisionHead = regexp.MustCompile(`(?m)^### (\d+)\. \S.*\n`)

// decisions are the texts of the page's decisions by their numbers, which rise.
func decisions(t *testing.T) map[int]string {
	t.Helper()
	src, err := os.ReadFile(decisionsPage)
	if err != nil {
		t.Fatal(err)
	}
	page, out, last := string(src), map[int]string{}, 0
	for _, m := range decisionHead.FindAllStringSubmatchIndex(page, -1) {
		n, err := strconv.Atoi(page[m[2]:m[3]])
		if err != nil || n <= last {
			t.Errorf("decision %s follows decision %d", page[m[2]:m[3]], last)
		}
		body, _, _ := strings.Cut(page[m[1]:], "\n#")
		out[n], last = body, n
	}
	if len(out) < 45 {
		t.Errorf("%s has %d decisions", decisionsPage, len(out))
	}
	return out
}

// Each decision says something and ends with the tests that hold it.
func TestEveryDecisionNamesItsTests(t *testing.T) {
	for n, text := range decisions(t) {
		says, tests, ok := strings.Cut(text, "\n\nTests: ")
		if !ok || len(strings.TrimSpace(says)) < 80 {
			t.Errorf("decision %d does not end with its tests", n)
			continue
		}
		named := namedTests(t, tests)
		if named == 0 {
			t.Errorf("decision %d names no test", n)
		}
		if quoted := strings.Count(tests, "`") / 2; quoted != named {
			t.Errorf("decision %d names %d tests, of which %d can be looked for", n, quoted, named)
		}
	}
}

var (
	decisionCite = regexp.MustCompile(`docs/decisions\.md((?:,? (?:and )?\d+\b)*)`)
	number       = regexp.MustCompile(`\d+`)
)

// A comment that cites a decision cites one that there is.
func TestCitedDecisionsExist(t *testing.T) {
	known := decisions(t)
	cited := 0
	texts(t, func(file, text string) {
		if filepath.Ext(file) == ".md" {
			return // pages link to each other
		}
		for _, m := range decisionCite.FindAllStringSubmatch(text, -1) {
			ns := number.FindAllString(m[1], -1)
			if len(ns) == 0 {
				t.Errorf("%s cites %s without a number on the same line", file, m[0])
			}
			for _, s := range ns {
				cited++
				if n, err := strconv.Atoi(s); err != nil || known[n] == "" {
					t.Errorf("%s cites decision %s, which is not in docs/%s", file, s, decisionsPage)
				}
			}
		}
	})
	t.Logf("%d citations", cited)
}

// outside are ways to cite pages that are not in this repository, or the numbered
// requirements and invariants of such pages.
var outside = regexp.MustCompile(`\b(?:DECISIONS|DESIGN|EXPERIENCE|INTERFACES|REFERENCE|ISSUE)\b|\bproduct(?:\.md)? ?(?:§|[FPR]\d)|` +
	`\b[FIPR]\d{1,2}\b`)

// A reader has this repository, specifications and Canvas's source, and nothing
// else: no comment, page or message sends them elsewhere.
func TestNoPageOutsideIsCited(t *testing.T) {
	texts(t, func(file, text string) {
		n := 0
		for line := range strings.Lines(text) {
			n++
			if m := outside.FindString(line); m != "" {
				t.Errorf("%s:%d cites %q, which a reader does not have: cite docs/decisions.md, a specification or Canvas's source, or say the reason", file, n, m)
			}
		}
	})
}

// texts calls f with every text of the repository that people write, but for the
// tests of this folder, which name what they refuse.
func texts(t *testing.T, f func(file, text string)) {
	t.Helper()
	written := []string{".go", ".sql", ".mjs", ".js", ".html", ".css", ".txt", ".md", ".json", ".toml", ".yml", ".yaml", ".sh", ""}
	read := 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "node_modules", "results"}, d.Name()):
			return filepath.SkipDir
		case !d.Type().IsRegular(), !slices.Contains(written, filepath.Ext(p)), strings.Contains(p, ".min."),
			slices.Contains([]string{"package-lock.json", "LICENSE"}, d.Name()), filepath.Dir(p) == filepath.Join(root, "docs") && strings.HasSuffix(p, "_test.go"):
			return nil
		}
		src, err := os.ReadFile(p)
		if err == nil {
			read++
			f(strings.TrimPrefix(filepath.ToSlash(p), root+"/"), string(src))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 300 {
		t.Errorf("only %d files were read", read)
	}
}
