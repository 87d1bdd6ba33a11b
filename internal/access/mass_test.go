package access

import (
	"errors"
	"testing"
	"time"
)

func TestParseMassFilter(t *testing.T) {
	t.Parallel()
	good := map[string]MassFilter{
		"role=student,idle-days=90": {Role: Student, IdleDays: 90},
		"all=yes":                   {All: true},
		" course = 42 , ai = yes":   {Course: "42", AI: "yes"},
		"vendor=Acme = Sons":        {Vendor: "Acme = Sons"},
		"issued-before=2026-11-30":  {IssuedBefore: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)},
		"sponsor=7,owner=8":         {Sponsor: "7", Owner: "8"},
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
	for _, bad := range []string{"", ",", "all", "all=", "all=no", "all=yes,role=student", "role=admin", "role=student,role=staff", "course=BIO", "course=-1",
		"idle-days=0", "idle-days=x", "idle-days=99999", "issued-before=yesterday", "ai=maybe", "colour=red", "role=student,", "sponsor=12345678901234567890"} {
		if got, err := ParseMassFilter(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("ParseMassFilter(%q) = %+v, %v; want a refusal", bad, got, err)
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
