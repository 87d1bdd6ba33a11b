// Package docs_test keeps the pages of this folder true: what they repeat of
// the program is read from its source and compared. TOKENDESK_UPDATE_DOCS=1
// rewrites the generated parts instead of comparing them.
package docs_test

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = ".."

// generated compares the part of page between the markers of name with want,
// or rewrites it.
func generated(t *testing.T, page, name, want string) {
	t.Helper()
	src, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->"
	before, rest, ok := strings.Cut(string(src), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no generated part %q", page, name)
	}
	if have == want {
		return
	}
	if os.Getenv("TOKENDESK_UPDATE_DOCS") == "" {
		t.Errorf("%s no longer tells the truth about %s; run TOKENDESK_UPDATE_DOCS=1 go test ./docs and read what changed", page, name)
		return
	}
	if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	pages := []string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(p) == ".md" {
			pages = append(pages, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	followed := 0
	for _, page := range pages {
		src, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range link.FindAllStringSubmatch(string(src), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if u.Scheme != "" || u.Path == "" {
				continue
			}
			followed++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), u.Path)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
	if followed < 20 {
		t.Errorf("only %d links lead from page to page", followed)
	}
}

var (
	goTest = regexp.MustCompile("`((?:internal|lti|cmd|docs|\\.ci)[a-z/-]*)\\.(Test\\w+)`")
	// The title of a browser test may follow its file.
	browser = regexp.MustCompile("`(e2e/[a-z-]+\\.spec\\.mjs)`(?:\\s+\\*([^*]+)\\*)?")
)

// What the pages say is tried must be tried.
func TestNamedTestsExist(t *testing.T) {
	for name, least := range map[string]int{"security.md": 40, "drift.md": 1} {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := namedTests(t, string(page)); n < least {
			t.Errorf("%s names %d tests", name, n)
		}
	}
}

// namedTests checks that every test that a text names exists, and counts them. It
// says of one that is not there in which packages a test of that name is.
func namedTests(t *testing.T, page string) int {
	t.Helper()
	named := goTest.FindAllStringSubmatch(page, -1)
	for _, m := range named {
		files, err := filepath.Glob(filepath.Join(root, m[1], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(src), "\nfunc "+m[2]+"(")
		}
		if !found {
			t.Errorf("there is no %s in %s; packages that have one: %q", m[2], m[1], packagesWith(t, m[2]))
		}
	}
	specs := browser.FindAllStringSubmatch(page, -1)
	for _, m := range specs {
		src, err := os.ReadFile(filepath.Join(root, m[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		if title := strings.Join(strings.Fields(m[2]), " "); title != "" && !strings.Contains(string(src), "test('"+title+"'") {
			t.Errorf("there is no test %q in %s", title, m[1])
		}
	}
	return len(named) + len(specs)
}

// packagesWith are the folders that have a test of that name.
func packagesWith(t *testing.T, test string) (in []string) {
	t.Helper()
	texts(t, func(file, text string) {
		if strings.HasSuffix(file, "_test.go") && strings.Contains(text, "\nfunc "+test+"(") {
			in = append(in, path.Dir(file))
		}
	})
	return in
}

// Every row of the table of drifts, faults and losses names its test.
func TestEveryDriftNamesItsTest(t *testing.T) {
	page, err := os.ReadFile("drift.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|-") || strings.HasPrefix(line, "| what ") {
			continue
		}
		rows++
		if len(cells) != 6 {
			t.Errorf("a row has %d cells: %s", len(cells), line)
			continue
		}
		if last := cells[5]; !goTest.MatchString(last) && !browser.MatchString(last) {
			t.Errorf("a row names no test: %s", line)
		}
	}
	if rows < 30 {
		t.Errorf("drift.md has %d rows", rows)
	}
}
