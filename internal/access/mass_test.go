package access

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

func TestParseMassFilter(t *testing.T) {
	t.Parallel()
	good := map[string]MassFilter{
		"role=student,idle-days=90":          {Role: policy.Student, IdleDays: 90},
		"all=yes":                            {All: true},
		" course = 42 , ai = yes":            {Course: "42", AI: "yes"},
		"vendor=Acme = Sons":                 {Vendor: "Acme = Sons"},
		"issued-before=2026-11-30":           {IssuedBefore: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)},
		"sponsor=7,owner=8":                  {Sponsor: "7", Owner: "8"},
		"idle-days=3650":                     {IdleDays: 3650},
		"owner=1234567890123456789":          {Owner: "1234567890123456789"},
		"vendor=" + strings.Repeat("x", 200): {Vendor: strings.Repeat("x", 200)},
	}
	for text, want := range good {
		got, err := ParseMassFilter(text)
		if err != nil || got != want {
			t.Errorf("ParseMassFilter(%q) = %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := ParseMassFilter(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q, which reads %+v, %v", text, got.String(), again, err)
		}
	}
	bad := map[string]string{
		"":                                   `"" is not key=value`,
		",":                                  `"" is not key=value`,
		"all":                                `"all" is not key=value`,
		"all=":                               `"all=" is not key=value`,
		"all=no":                             `all takes yes, not "no"`,
		"all=yes,role=student":               `all=yes stands alone`,
		"role=admin":                         `role takes student, faculty or staff, not "admin"`,
		"role=student,role=staff":            `"role" is given twice`,
		"course=BIO":                         `course takes a Canvas id (a number), not "BIO"`,
		"course=-1":                          `course takes a Canvas id (a number), not "-1"`,
		"owner=x":                            `owner takes a Canvas id (a number), not "x"`,
		"idle-days=0":                        `idle-days takes a number from 1 to 3650, not "0"`,
		"idle-days=x":                        `idle-days takes a number from 1 to 3650, not "x"`,
		"idle-days=3651":                     `idle-days takes a number from 1 to 3650, not "3651"`,
		"issued-before=yesterday":            `issued-before takes a date like 2026-11-30, not "yesterday"`,
		"ai=maybe":                           `ai takes yes or no, not "maybe"`,
		"colour=red":                         `"colour" is no key of a filter; the keys are role, course, sponsor, vendor, ai, issued-before, idle-days, owner, all`,
		"role=student,":                      `"" is not key=value`,
		"sponsor=12345678901234567890":       `sponsor takes a Canvas id (a number), not "12345678901234567890"`,
		"vendor=" + strings.Repeat("x", 201): `vendor is too long`,
	}
	for text, want := range bad {
		if got, err := ParseMassFilter(text); !errors.Is(err, ErrInvalid) || err.Error() != want || got != (MassFilter{}) {
			t.Errorf("ParseMassFilter(%q) = %+v, %v; want %s", text, got, err, want)
		}
	}
}

func FuzzParseMassFilter(f *testing.F) {
	f.Add("role=student,idle-days=90")
	f.Add("all=yes")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseMassFilter(s)
		if err != nil {
			return
		}
		if got == (MassFilter{}) {
			t.Fatalf("%q selects nothing and is no refusal", s)
		}
		if again, err := ParseMassFilter(got.String()); err != nil || again != got {
			t.Fatalf("%q is written as %q, which reads %+v, %v", s, got.String(), again, err)
		}
	})
}
