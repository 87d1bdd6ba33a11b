package docs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/text"
)

func TestFormPage(t *testing.T) {
	catalogue, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	p := catalogue.For("en", "UTC")
	var b strings.Builder
	list := func(label, name string, keys []string) {
		fmt.Fprintf(&b, "## %s\n\n| stored as | words |\n|---|---|\n", p.T(label))
		for _, k := range keys {
			fmt.Fprintf(&b, "| `%s` | %s |\n", k, p.T("choice."+name+"_"+k))
		}
		b.WriteString("\n")
	}
	for _, q := range policy.BuiltIn().Questions {
		if !q.Kind.Chosen() {
			continue
		}
		keys := make([]string, len(q.Options))
		for i, o := range q.Options {
			keys[i] = o.Key
		}
		list("form."+q.Key, q.Key, keys)
	}
	list("review.alternative", "alternative", access.Alternatives)
	generated(t, "form.md", "choices", b.String())
}
