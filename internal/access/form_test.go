package access

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

const day = 24 * time.Hour

func good() Answers {
	return Answers{"purpose": {"coursework"}, "build": {strings.Repeat("Attendance helper ", 3)}, "maker": {"self"}, "ai": {"no"}, "data": {"own"},
		"storage": {"password_manager"}, "end": {"2026-12-12"}, "sponsor": {"2"}, "accepted": {Accepted}}
}

func check(a Answers, change ...func(*DraftForm)) (time.Time, error) {
	d := DraftForm{Answers: a, Affiliation: policy.Student, Now: t0, Location: time.UTC, Latest: time.Date(2026, 12, 20, 12, 0, 0, 0, time.UTC), SponsorOK: true}
	for _, c := range change {
		c(&d)
	}
	return CheckForm(policy.BuiltIn(), d)
}

func TestCheckAcceptsAGoodForm(t *testing.T) {
	t.Parallel()
	end, err := check(good())
	if err != nil || !end.Equal(time.Date(2026, 12, 12, 23, 59, 59, 0, time.UTC)) {
		t.Fatalf("%v, %v", end, err)
	}
	for name, most := range map[string]func(*Answers){
		"the shortest description": func(a *Answers) { a.Set("build", strings.Repeat("é", 30)) },
		"the longest description":  func(a *Answers) { a.Set("build", strings.Repeat("é", 2000)) },
		"a company": func(a *Answers) {
			a.Set("maker", "company")
			a.Set("maker_name", strings.Repeat("é", 200))
			a.Set("maker_link", "https://x.test/"+strings.Repeat("x", 485))
		},
		"a company without a link": func(a *Answers) { a.Set("maker", "company"); a.Set("maker_name", "x") },
		"AI": func(a *Answers) {
			a.Set("ai", "yes")
			a.Set("ai_service", strings.Repeat("é", 200))
			a.Set("ai_data", strings.Repeat("é", 1000))
		},
		"all data":     func(a *Answers) { a.Set("data", "own", "content", "people", "grades", "messages") },
		"the last day": func(a *Answers) { a.Set("end", "2026-12-19") },
		"today":        func(a *Answers) { a.Set("end", "2026-11-23") },
	} {
		a := good()
		most(&a)
		if _, err := check(a); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	faculty := good()
	faculty.Set("sponsor")
	if _, err := check(faculty, func(d *DraftForm) { d.Affiliation, d.SponsorOK = policy.Faculty, false }); err != nil {
		t.Errorf("faculty need no sponsor: %v", err)
	}
}

func TestCheckNamesEveryField(t *testing.T) {
	t.Parallel()
	_, err := check(Answers{})
	var f *FormError
	if !errors.As(err, &f) {
		t.Fatal(err)
	}
	var fields []string
	for _, e := range f.Fields {
		fields = append(fields, e.Field)
	}
	want := []string{"purpose", "build", "maker", "ai", "data", "storage", "end", "sponsor", "accepted"}
	if !slices.Equal(fields, want) {
		t.Errorf("an empty form names %v, want %v", fields, want)
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*Answers)
		d      func(*DraftForm)
		field  string // where it is not the beginning of the code
		code   string
		args   map[string]any
	}{
		"an unknown purpose":             {change: func(a *Answers) { a.Set("purpose", "mischief") }, code: "purpose.missing"},
		"a short description":            {change: func(a *Answers) { a.Set("build", "short") }, code: "build.short", args: map[string]any{"Min": 30}},
		"a huge description":             {change: func(a *Answers) { a.Set("build", strings.Repeat("x", 2001)) }, code: "build.long", args: map[string]any{"Max": 2000}},
		"one character too few":          {change: func(a *Answers) { a.Set("build", strings.Repeat("é", 29)) }, code: "build.short", args: map[string]any{"Min": 30}},
		"nothing chosen for who made it": {change: func(a *Answers) { a.Set("maker", "") }, code: "maker.missing"},
		"nothing chosen for AI":          {change: func(a *Answers) { a.Set("ai", "") }, code: "ai.missing"},
		"nothing chosen for storage":     {change: func(a *Answers) { a.Set("storage", "shoebox") }, code: "storage.missing"},
		"a long name":                    {change: func(a *Answers) { a.Set("maker", "company"); a.Set("maker_name", strings.Repeat("é", 201)) }, field: "maker_name", code: "too_long", args: map[string]any{"Max": "200"}},
		"a long link": {change: func(a *Answers) {
			a.Set("maker", "company")
			a.Set("maker_name", "x")
			a.Set("maker_link", "https://x.test/"+strings.Repeat("x", 486))
		}, field: "maker_link", code: "too_long", args: map[string]any{"Max": "500"}},
		"a long service": {change: func(a *Answers) {
			a.Set("ai", "yes")
			a.Set("ai_data", "x")
			a.Set("ai_service", strings.Repeat("é", 201))
		}, field: "ai_service", code: "too_long", args: map[string]any{"Max": "200"}},
		"a long tale of data": {change: func(a *Answers) {
			a.Set("ai", "yes")
			a.Set("ai_service", "x")
			a.Set("ai_data", strings.Repeat("é", 1001))
		}, field: "ai_data", code: "too_long", args: map[string]any{"Max": "1000"}},
		"a link with a password": {change: func(a *Answers) {
			a.Set("maker", "company")
			a.Set("maker_name", "x")
			a.Set("maker_link", "https://a:b@x.test")
		}, code: "maker_link.https"},
		"a link to nowhere": {change: func(a *Answers) {
			a.Set("maker", "company")
			a.Set("maker_name", "x")
			a.Set("maker_link", "https:///path")
		}, code: "maker_link.https"},
		"a link with markup": {change: func(a *Answers) {
			a.Set("maker", "company")
			a.Set("maker_name", "x")
			a.Set("maker_link", "https://x.test/<b>")
		}, code: "maker_link.https"},
		"a company without a name": {change: func(a *Answers) { a.Set("maker", "company") }, code: "maker_name.missing"},
		"a link that is not https": {change: func(a *Answers) {
			a.Set("maker", "company")
			a.Set("maker_name", "x")
			a.Set("maker_link", "http://x.test")
		}, code: "maker_link.https"},
		"a link with a script": {change: func(a *Answers) {
			a.Set("maker", "company")
			a.Set("maker_name", "x")
			a.Set("maker_link", "javascript:alert(1)")
		}, code: "maker_link.https"},
		"AI without the service":          {change: func(a *Answers) { a.Set("ai", "yes"); a.Set("ai_data", "names") }, code: "ai_service.missing"},
		"AI without the data":             {change: func(a *Answers) { a.Set("ai", "yes"); a.Set("ai_service", "x") }, code: "ai_data.missing"},
		"no data named":                   {change: func(a *Answers) { a.Set("data") }, code: "data.missing"},
		"unknown data":                    {change: func(a *Answers) { a.Set("data", "own", "bank") }, code: "data.missing"},
		"a repository":                    {change: func(a *Answers) { a.Set("storage", "repository") }, code: "storage.repository"},
		"a chat":                          {change: func(a *Answers) { a.Set("storage", "chat") }, code: "storage.chat"},
		"a shared document":               {change: func(a *Answers) { a.Set("storage", "document") }, code: "storage.document"},
		"no end":                          {change: func(a *Answers) { a.Set("end", "") }, code: "end.missing"},
		"an end that is no date":          {change: func(a *Answers) { a.Set("end", "soonish") }, code: "end.unreadable"},
		"an impossible date":              {change: func(a *Answers) { a.Set("end", "2026-02-31") }, code: "end.unreadable"},
		"yesterday":                       {change: func(a *Answers) { a.Set("end", "2026-11-22") }, code: "end.past"},
		"a day too late":                  {change: func(a *Answers) { a.Set("end", "2026-12-20") }, code: "end.too_late", args: map[string]any{"Latest": time.Date(2026, 12, 19, 0, 0, 0, 0, time.UTC)}},
		"a course long over":              {d: func(d *DraftForm) { d.Latest = t0.Add(-30 * day) }, code: "end.none_left"},
		"no sponsor":                      {change: func(a *Answers) { a.Set("sponsor", "") }, code: "sponsor.missing"},
		"oneself":                         {d: func(d *DraftForm) { d.SponsorOK, d.SponsorSelf = false, true }, code: "sponsor.self"},
		"a teacher of another course":     {d: func(d *DraftForm) { d.SponsorOK = false }, code: "sponsor.not_teaching"},
		"a sponsor Canvas cannot confirm": {d: func(d *DraftForm) { d.SponsorOK, d.SponsorUnknown = false, true }, code: "sponsor.unknown"},
		"rules not accepted":              {change: func(a *Answers) { a.Set("accepted") }, code: "accepted.missing"},
	}
	for name, tt := range tests {
		a := good()
		if tt.change != nil {
			tt.change(&a)
		}
		var ds []func(*DraftForm)
		if tt.d != nil {
			ds = append(ds, tt.d)
		}
		if !slices.Contains(FormCodes, tt.code) {
			t.Errorf("%s: %s is no code of the form", name, tt.code)
		}
		if tt.field == "" {
			tt.field, _, _ = strings.Cut(tt.code, ".")
		}
		end, err := check(a, ds...)
		if want := correct(tt.field, tt.code, tt.args); !reflect.DeepEqual(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if (tt.field == "end") != end.IsZero() {
			t.Errorf("%s: the end is %v", name, end)
		}
	}
}
