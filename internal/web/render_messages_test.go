package web

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// sourceOf is the Go source of a neighbouring package and of those below it, without
// their tests.
func sourceOf(t *testing.T, pkg string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
	below, belowErr := filepath.Glob(filepath.Join("..", pkg, "*", "*.go"))
	if files = append(files, below...); err != nil || belowErr != nil || len(files) == 0 {
		t.Fatalf("no source of %s: %v, %v", pkg, err, belowErr)
	}
	var b strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		s, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(s)
	}
	return b.String()
}

// The lists of keys that other packages use must be whole: a key without words
// would show itself to a person.
func TestKeysOfOtherPackagesHaveWords(t *testing.T) {
	said := testRenderer(t, testCatalogue(t)).Messages()
	for _, pkg := range []string{"access", "desk"} {
		for _, m := range regexp.MustCompile(`\.Add\("\w+", "([a-z_.]+)"`).FindAllStringSubmatch(sourceOf(t, pkg), -1) {
			if !strings.HasSuffix(m[1], ".") && !slices.Contains(said, "error."+m[1]) {
				t.Errorf("%s asks for the correction %s, which has no words", pkg, m[1])
			}
		}
	}
	for _, q := range policy.BuiltIn().Questions {
		for _, o := range q.Options {
			if o.Refused && !slices.Contains(said, "error."+q.Key+"."+o.Key) {
				t.Errorf("there are no words for %s %s", q.Key, o.Key)
			}
		}
	}
	found := regexp.MustCompile(`\b[tT]rouble[A-Z]\w*\s*=\s*"([a-z_.]+)"`).FindAllStringSubmatch(sourceOf(t, "desk"), -1)
	if len(found) < 5 {
		t.Fatalf("only %d troubles were found in the desk", len(found))
	}
	for _, m := range found {
		if !slices.Contains(said, "trouble."+m[1]) {
			t.Errorf("the desk notes %s, which has no words", m[1])
		}
	}
	own := regexp.MustCompile(`\b(?:failed|[sS]topped)[A-Z]\w*\s*=\s*"(inventory|adopt|found)\.([a-z_]+)"`).FindAllStringSubmatch(sourceOf(t, "desk"), -1)
	if len(own) != 10 {
		t.Errorf("%d reasons for what stops an inventory or an adoption were found", len(own))
	}
	for _, m := range own {
		id := map[string]string{"inventory": "standing.inventory.", "adopt": "story.request_return_adopt_", "found": "now.found_"}[m[1]] + m[2]
		if !slices.Contains(said, id) {
			t.Errorf("the desk notes %s.%s, which has no words", m[1], m[2])
		}
	}
	for _, m := range regexp.MustCompile(`Why\w+\s+Why = "(\w+)"`).FindAllStringSubmatch(sourceOf(t, "access"), -1) {
		if id := "refused." + m[1]; ui.RefusedKey(access.Why(m[1])) != id || !slices.Contains(said, id) {
			t.Errorf("the refusal %s has no words", m[1])
		}
	}
}
