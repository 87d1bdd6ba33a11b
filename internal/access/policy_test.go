package access

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // also on machines that have no zone files
)

func enrolled(types ...string) (es []Enrollment) {
	for _, typ := range types {
		es = append(es, Enrollment{CourseID: "201", UserID: "1", Type: typ, Academic: true})
	}
	return es
}

func TestAffiliationOf(t *testing.T) {
	t.Parallel()
	sandbox := Enrollment{CourseID: "9", Type: "TeacherEnrollment"}
	tests := map[string]struct {
		es            []Enrollment
		staff, exempt bool
		want          Affiliation
	}{
		"a student":                                    {es: enrolled("StudentEnrollment"), want: Student},
		"a TA is a student":                            {es: enrolled("TaEnrollment"), want: Student},
		"a teacher":                                    {es: enrolled("TeacherEnrollment"), want: Faculty},
		"a teacher who studies is a student":           {es: enrolled("TeacherEnrollment", "StudentEnrollment"), want: Student},
		"a teacher who assists is a student":           {es: enrolled("TeacherEnrollment", "TaEnrollment"), want: Student},
		"an exempt teacher who studies is faculty":     {es: enrolled("TeacherEnrollment", "StudentEnrollment"), exempt: true, want: Faculty},
		"an exempt student stays a student":            {es: enrolled("StudentEnrollment"), exempt: true, want: Student},
		"a designer is staff":                          {es: enrolled("DesignerEnrollment"), want: Staff},
		"the staff list makes staff":                   {staff: true, want: Staff},
		"the staff list does not lift the rule":        {es: enrolled("StudentEnrollment"), staff: true, want: Student},
		"an observer is nobody":                        {es: enrolled("ObserverEnrollment"), want: None},
		"the test student is nobody":                   {es: enrolled("StudentViewEnrollment"), want: None},
		"nobody":                                       {want: None},
		"teaching a sandbox makes nobody faculty":      {es: []Enrollment{sandbox}, want: None},
		"a student who teaches a sandbox is a student": {es: append(enrolled("StudentEnrollment"), sandbox), want: Student},
		"an unknown type counts for nothing":           {es: enrolled("KingEnrollment"), want: None},
	}
	for name, tt := range tests {
		if got := AffiliationOf(tt.es, tt.staff, tt.exempt); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestMaySponsor(t *testing.T) {
	t.Parallel()
	in := func(course, typ string, academic bool) []Enrollment {
		return []Enrollment{{CourseID: course, Type: typ, Academic: academic}}
	}
	teacher, student := in("201", "TeacherEnrollment", true), in("201", "StudentEnrollment", true)
	tests := map[string]struct {
		sponsor, requester []Enrollment
		self               bool
		course             string
		why                Why
	}{
		"teaches the student":                {teacher, student, false, "201", ""},
		"teaches with a TA section beside":   {append(in("201", "TaEnrollment", true), teacher...), student, false, "201", ""},
		"teaches another course":             {in("110", "TeacherEnrollment", true), student, false, "201", WhyNotTeaching},
		"is a TA there":                      {in("201", "TaEnrollment", true), student, false, "201", WhyNotTeaching},
		"teaches here, studies elsewhere":    {append(in("500", "StudentEnrollment", true), teacher...), student, false, "201", WhyNotTeaching},
		"teaches a sandbox with the student": {in("9", "TeacherEnrollment", false), in("9", "StudentEnrollment", false), false, "9", WhyNotTeaching},
		"the student left the course":        {teacher, nil, false, "201", WhyNotEnrolled},
		"the student assists there":          {teacher, in("201", "TaEnrollment", true), false, "201", WhyNotEnrolled},
		"is the requester":                   {teacher, student, true, "201", WhySelf},
		"no course":                          {teacher, student, false, "", WhyNotTeaching},
	}
	for name, tt := range tests {
		other := "2"
		if tt.self {
			other = "1"
		}
		if got := WhyOf(MaySponsor(tt.sponsor, tt.requester, "1", other, tt.course)); got != tt.why {
			t.Errorf("%s: %q, want %q", name, got, tt.why)
		}
	}
}

func TestLatestEnd(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		a       Affiliation
		course  time.Time
		learned int
		want    time.Duration
		cause   EndCause
		since   time.Time
	}{
		"a renewal of a token that is new":         {a: Student, want: 119 * day, cause: CauseRole, since: t0.Add(-30 * day)},
		"a renewal near the total life":            {a: Student, want: 65 * day, cause: CauseTotal, since: t0.Add(-300 * day)},
		"a renewal beyond the total life":          {a: Faculty, want: -10 * day, cause: CauseTotal, since: t0.Add(-740 * day)},
		"a student without a course's end":         {a: Student, course: time.Time{}, learned: 0, want: 119 * day, cause: CauseRole},
		"a student's course ends first":            {a: Student, course: t0.Add(10 * day), learned: 0, want: 24 * day, cause: CauseCourse},
		"a student's course ends later":            {a: Student, course: t0.Add(300 * day), learned: 0, want: 119 * day, cause: CauseRole},
		"what Canvas allows is shorter":            {a: Student, course: time.Time{}, learned: 90, want: 89 * day, cause: CauseCanvas},
		"the course is shorter than Canvas allows": {a: Student, course: t0.Add(10 * day), learned: 90, want: 24 * day, cause: CauseCourse},
		"faculty are not bound by a course":        {a: Faculty, course: t0.Add(10 * day), learned: 0, want: 180 * day, cause: CauseRole},
		"faculty are bound by Canvas":              {a: Faculty, course: time.Time{}, learned: 120, want: 119 * day, cause: CauseCanvas},
		"nobody gets anything":                     {a: None, course: time.Time{}, learned: 0, want: 0, cause: CauseRole},
	}
	for name, tt := range tests {
		got, cause := BuiltIn.LatestEnd(tt.a, tt.course, tt.learned, tt.since, t0)
		if got.Sub(t0) != tt.want || cause != tt.cause {
			t.Errorf("%s: %v (%s), want %v (%s)", name, got.Sub(t0), cause, tt.want, tt.cause)
		}
	}
	for name, r := range map[string]RolePolicy{
		"no rule": {MaxLife: day, MaxTotal: day}, "a rule that nobody knows": {"perhaps", day, day}, "refused": {RuleRefuse, day, day},
		"no life": {RuleOpen, 0, day}, "a life before it begins": {RuleOpen, -day, day}, "no total life": {RuleOpen, day, 0},
	} {
		p := Policy{Roles: map[Affiliation]RolePolicy{Student: r}}
		if got := p.For(Student); got != (RolePolicy{Rule: RuleRefuse}) {
			t.Errorf("%s: %+v for students", name, got)
		}
	}
	if r := (Policy{}).For(Student); r != (RolePolicy{Rule: RuleRefuse}) {
		t.Errorf("an empty policy says %+v to students", r)
	}
	if r := (RolePolicy{RuleSponsor, day, 2 * day}); (Policy{Roles: map[Affiliation]RolePolicy{Student: r}}).For(Student) != r {
		t.Errorf("a policy that a school has does not hold")
	}
}

func good() Answers {
	return Answers{Purpose: "coursework", Build: strings.Repeat("Attendance helper ", 3), Maker: "self", AI: "no", Data: []string{"own"},
		Storage: "password_manager", EndDate: "2026-12-12", SponsorKey: "2", Accepted: true}
}

func check(a Answers, change ...func(*DraftForm)) (time.Time, error) {
	d := DraftForm{Answers: a, Affiliation: Student, Now: t0, Location: time.UTC, Latest: time.Date(2026, 12, 20, 12, 0, 0, 0, time.UTC), SponsorOK: true}
	for _, c := range change {
		c(&d)
	}
	return BuiltIn.Check(d)
}

func TestCheckAcceptsAGoodForm(t *testing.T) {
	t.Parallel()
	end, err := check(good())
	if err != nil || !end.Equal(time.Date(2026, 12, 12, 23, 59, 59, 0, time.UTC)) {
		t.Fatalf("%v, %v", end, err)
	}
	for name, most := range map[string]func(*Answers){
		"the shortest description": func(a *Answers) { a.Build = strings.Repeat("é", 30) },
		"the longest description":  func(a *Answers) { a.Build = strings.Repeat("é", 2000) },
		"a company": func(a *Answers) {
			a.Maker, a.MakerName, a.MakerLink = "company", strings.Repeat("é", 200), "https://x.test/"+strings.Repeat("x", 485)
		},
		"a company without a link": func(a *Answers) { a.Maker, a.MakerName = "company", "x" },
		"AI": func(a *Answers) {
			a.AI, a.AIService, a.AIData = "yes", strings.Repeat("é", 200), strings.Repeat("é", 1000)
		},
		"all data":     func(a *Answers) { a.Data = slices.Clone(DataKind) },
		"the last day": func(a *Answers) { a.EndDate = "2026-12-19" },
		"today":        func(a *Answers) { a.EndDate = "2026-11-23" },
	} {
		a := good()
		most(&a)
		if _, err := check(a); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	faculty := good()
	faculty.SponsorKey = ""
	if _, err := check(faculty, func(d *DraftForm) { d.Affiliation, d.SponsorOK = Faculty, false }); err != nil {
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
		"an unknown purpose":              {change: func(a *Answers) { a.Purpose = "mischief" }, code: "purpose.missing"},
		"a short description":             {change: func(a *Answers) { a.Build = "short" }, code: "build.short", args: map[string]any{"Min": 30}},
		"a huge description":              {change: func(a *Answers) { a.Build = strings.Repeat("x", MaxBuild+1) }, code: "build.long", args: map[string]any{"Max": 2000}},
		"one character too few":           {change: func(a *Answers) { a.Build = strings.Repeat("é", 29) }, code: "build.short", args: map[string]any{"Min": 30}},
		"nothing chosen for who made it":  {change: func(a *Answers) { a.Maker = "" }, code: "maker.missing"},
		"nothing chosen for AI":           {change: func(a *Answers) { a.AI = "" }, code: "ai.missing"},
		"nothing chosen for storage":      {change: func(a *Answers) { a.Storage = "shoebox" }, code: "storage.missing"},
		"a long name":                     {change: func(a *Answers) { a.MakerName = strings.Repeat("é", 201) }, field: "maker_name", code: "too_long", args: map[string]any{"Max": "200"}},
		"a long link":                     {change: func(a *Answers) { a.MakerLink = "https://x.test/" + strings.Repeat("x", 486) }, field: "maker_link", code: "too_long", args: map[string]any{"Max": "500"}},
		"a long service":                  {change: func(a *Answers) { a.AIService = strings.Repeat("é", 201) }, field: "ai_service", code: "too_long", args: map[string]any{"Max": "200"}},
		"a long tale of data":             {change: func(a *Answers) { a.AIData = strings.Repeat("é", 1001) }, field: "ai_data", code: "too_long", args: map[string]any{"Max": "1000"}},
		"a link with a password":          {change: func(a *Answers) { a.Maker, a.MakerName, a.MakerLink = "company", "x", "https://a:b@x.test" }, code: "maker_link.https"},
		"a link to nowhere":               {change: func(a *Answers) { a.Maker, a.MakerName, a.MakerLink = "company", "x", "https:///path" }, code: "maker_link.https"},
		"a link with markup":              {change: func(a *Answers) { a.Maker, a.MakerName, a.MakerLink = "company", "x", "https://x.test/<b>" }, code: "maker_link.https"},
		"a company without a name":        {change: func(a *Answers) { a.Maker = "company" }, code: "maker_name.missing"},
		"a link that is not https":        {change: func(a *Answers) { a.Maker, a.MakerName, a.MakerLink = "company", "x", "http://x.test" }, code: "maker_link.https"},
		"a link with a script":            {change: func(a *Answers) { a.Maker, a.MakerName, a.MakerLink = "company", "x", "javascript:alert(1)" }, code: "maker_link.https"},
		"AI without the service":          {change: func(a *Answers) { a.AI, a.AIData = "yes", "names" }, code: "ai_service.missing"},
		"AI without the data":             {change: func(a *Answers) { a.AI, a.AIService = "yes", "x" }, code: "ai_data.missing"},
		"no data named":                   {change: func(a *Answers) { a.Data = nil }, code: "data.missing"},
		"unknown data":                    {change: func(a *Answers) { a.Data = []string{"own", "bank"} }, code: "data.missing"},
		"a repository":                    {change: func(a *Answers) { a.Storage = "repository" }, code: "storage.repository"},
		"a chat":                          {change: func(a *Answers) { a.Storage = "chat" }, code: "storage.chat"},
		"a shared document":               {change: func(a *Answers) { a.Storage = "document" }, code: "storage.document"},
		"no end":                          {change: func(a *Answers) { a.EndDate = "" }, code: "end.missing"},
		"an end that is no date":          {change: func(a *Answers) { a.EndDate, a.EndTyped = "", "soonish" }, code: "end.unreadable"},
		"an impossible date":              {change: func(a *Answers) { a.EndDate = "2026-02-31" }, code: "end.unreadable"},
		"yesterday":                       {change: func(a *Answers) { a.EndDate = "2026-11-22" }, code: "end.past"},
		"a day too late":                  {change: func(a *Answers) { a.EndDate = "2026-12-20" }, code: "end.too_late", args: map[string]any{"Latest": time.Date(2026, 12, 19, 0, 0, 0, 0, time.UTC)}},
		"a course long over":              {d: func(d *DraftForm) { d.Latest = t0.Add(-30 * day) }, code: "end.none_left"},
		"no sponsor":                      {change: func(a *Answers) { a.SponsorKey = "" }, code: "sponsor.missing"},
		"oneself":                         {d: func(d *DraftForm) { d.SponsorOK, d.SponsorSelf = false, true }, code: "sponsor.self"},
		"a teacher of another course":     {d: func(d *DraftForm) { d.SponsorOK = false }, code: "sponsor.not_teaching"},
		"a sponsor Canvas cannot confirm": {d: func(d *DraftForm) { d.SponsorOK, d.SponsorUnknown = false, true }, code: "sponsor.unknown"},
		"rules not accepted":              {change: func(a *Answers) { a.Accepted = false }, code: "accepted.missing"},
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

func TestDates(t *testing.T) {
	t.Parallel()
	denver, err := time.LoadLocation("America/Denver")
	if err != nil {
		t.Fatal(err)
	}
	limit := time.Date(2026, 12, 13, 6, 59, 59, 0, time.UTC) // the last second of 12 December in Denver
	if got := LastDate(limit, denver).Format(time.DateOnly); got != "2026-12-12" {
		t.Errorf("last date %s", got)
	}
	if got := LastDate(limit.Add(-time.Second), denver).Format(time.DateOnly); got != "2026-12-11" {
		t.Errorf("a second less: last date %s", got)
	}
	// The clocks go back on 1 November 2026: that day has 25 hours.
	d := time.Date(2026, 11, 1, 0, 0, 0, 0, denver)
	if got := EndOfDate(d).Sub(d); got != 25*time.Hour-time.Second {
		t.Errorf("the day lasts %v", got)
	}
	fri := time.Date(2026, 11, 27, 16, 0, 0, 0, denver)
	if got := BusinessDaysAfter(fri, 5, denver); got.Weekday() != time.Friday || got.Day() != 4 {
		t.Errorf("five business days after a Friday: %v", got)
	}
	if got := BusinessDaysBetween(fri, fri.AddDate(0, 0, 3), denver); got != 2 {
		t.Errorf("Monday is business day %d since Friday", got)
	}
}
