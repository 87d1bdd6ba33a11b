package docs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/text"
)

func TestFormPage(t *testing.T) {
	catalogue, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	p := catalogue.For("en", "UTC")
	var b strings.Builder
	for _, q := range []struct {
		label, name string
		keys        []string
	}{
		{"form.purpose", "purpose", access.Purposes},
		{"form.maker", "maker", access.Makers},
		{"form.ai", "ai", access.AIUses},
		{"form.data", "data", access.DataKind},
		{"form.storage", "storage", access.Storages},
		{"review.alternative", "alternative", access.Alternatives},
	} {
		fmt.Fprintf(&b, "## %s\n\n| stored as | words |\n|---|---|\n", p.T(q.label))
		for _, k := range q.keys {
			fmt.Fprintf(&b, "| `%s` | %s |\n", k, p.T("choice."+q.name+"_"+k))
		}
		b.WriteString("\n")
	}
	generated(t, "form.md", "choices", b.String())
}
