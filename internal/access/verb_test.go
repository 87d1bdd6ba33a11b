package access_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
)

// The lists have every constant that is declared, once.
func TestListsAreWhole(t *testing.T) {
	t.Parallel()
	check := func(file, typeName string, listed []string) {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var declared []string
		for _, m := range regexp.MustCompile(`(?m)^\t\w+ +`+typeName+` += "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
			declared = append(declared, m[1])
		}
		if len(declared) < 5 {
			t.Fatalf("%s: only %q were found", file, declared)
		}
		for _, d := range declared {
			if !slices.Contains(listed, d) {
				t.Errorf("%s %q is on no list", typeName, d)
			}
		}
		slices.Sort(listed)
		if n := len(listed); len(slices.Compact(listed)) != n {
			t.Errorf("%s: one is listed twice: %q", typeName, listed)
		}
	}
	check("errors.go", "Why", texts(access.Whys()))
	check("cause.go", "Cause", texts(access.Causes()))
	check("verb.go", "Action", texts(access.Verbs()))
	check("verb.go", "Outcome", texts(access.Outcomes()))
}

func texts[T ~string](vs []T) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = string(v)
	}
	return out
}
