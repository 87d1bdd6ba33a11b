package ui

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// What the audit log knows of a request, a token or a found one, and the story
// tells, has words.
func TestEveryStoryHasWords(t *testing.T) {
	files, err := filepath.Glob("../../audit/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of audit: %v", err)
	}
	actions := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\w+\s+Action = "((?:request|grant|found)\.\w+)"`).FindAllStringSubmatch(string(source), -1) {
			actions++
			if a := audit.Action(m[1]); !slices.Contains(storyActions, a) && storyKey(cases.StoryStep{Action: a}) != "" {
				t.Errorf("the story has no words for %s", a)
			}
		}
	}
	if actions < 30 {
		t.Errorf("only %d actions were found", actions)
	}
}
