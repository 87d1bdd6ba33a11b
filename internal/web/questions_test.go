package web

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// No question of a school can have the name of a field that the tool uses itself:
// every name on every page is a built-in question's, or reserved.
func TestFieldNamesAreReserved(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	names := map[string]string{session.Field: "the session", ui.SuspectField: "the report of a leak", ui.TermsField: "what was read"}
	control := regexp.MustCompile(`<(?:input|textarea|select|button)\b[^>]*\bname="([^"]*)"`)
	for _, e := range exhibits() {
		s := galleryShell(cat, "en", !e.noSession)
		if e.shell != nil {
			e.shell(&s)
		}
		var b bytes.Buffer
		if err := r.Render(&b, e.page, e.view(s)); err != nil {
			t.Fatal(err)
		}
		for _, m := range control.FindAllStringSubmatch(b.String(), -1) {
			names[m[1]] = e.name
		}
	}
	if len(names) < 30 {
		t.Fatalf("only %d names were found", len(names))
	}
	for name, where := range names {
		if !policy.IsBuiltIn(name) && !policy.IsReserved(name) {
			t.Errorf("%s: %s is not reserved", where, name)
		}
	}
	for _, name := range policy.Reserved {
		if policy.IsBuiltIn(name) {
			t.Errorf("%s is a question's", name)
		}
	}
}
