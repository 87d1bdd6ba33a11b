package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // also on machines that have no zone files
)

var t0 = time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC) // a Monday

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
		got, cause := BuiltIn().LatestEnd(tt.a, tt.course, tt.learned, tt.since, t0)
		if got.Sub(t0) != tt.want || cause != tt.cause {
			t.Errorf("%s: %v (%s), want %v (%s)", name, got.Sub(t0), cause, tt.want, tt.cause)
		}
	}
	for name, r := range map[string]Role{
		"no rule": {MaxLife: day, MaxTotal: day}, "a rule that nobody knows": {"perhaps", day, day}, "refused": {RuleRefuse, day, day},
		"no life": {RuleOpen, 0, day}, "a life before it begins": {RuleOpen, -day, day}, "no total life": {RuleOpen, day, 0},
	} {
		p := Policy{Roles: map[Affiliation]Role{Student: r}}
		if got := p.For(Student); got != (Role{Rule: RuleRefuse}) {
			t.Errorf("%s: %+v for students", name, got)
		}
	}
	if r := (Policy{}).For(Student); r != (Role{Rule: RuleRefuse}) {
		t.Errorf("an empty policy says %+v to students", r)
	}
	if r := (Role{RuleSponsor, day, 2 * day}); (Policy{Roles: map[Affiliation]Role{Student: r}}).For(Student) != r {
		t.Errorf("a policy that a school has does not hold")
	}
}

// random is a valid policy of any kind.
func random(r *rand.Rand, version int) Policy {
	p := Policy{Version: version, Roles: map[Affiliation]Role{}}
	for _, a := range Affiliations {
		x := Role{Rule: []SponsorRule{RuleRefuse, RuleSponsor, RuleOpen}[r.IntN(3)]}
		if x.Rule != RuleRefuse {
			pick(r, x.spans(), nil)
			x.MaxTotal = max(x.MaxLife, x.MaxTotal)
		}
		p.Roles[a] = x
	}
	pick(r, p.Windows.spans(), p.Windows.numbers())
	pick(r, nil, p.Quotas.numbers())
	p.Questions = randomQuestions(r)
	for i := range 1 + r.IntN(mostStages) {
		p.Stages = append(p.Stages, Stage{Name: fmt.Sprint("Office ", i+1), By: Reviewers, Votes: 1 + r.IntN(mostVotes)})
	}
	for i := range weekdays {
		if r.IntN(2) == 0 || (i == 6 && len(p.Calendar.WorkDays) == 0) {
			p.Calendar.WorkDays = append(p.Calendar.WorkDays, weekday(i))
		}
	}
	for d := range r.IntN(60) {
		if r.IntN(4) == 0 {
			p.Calendar.Holidays = append(p.Calendar.Holidays, Date(t0.AddDate(0, 0, d).Format(time.DateOnly)))
		}
	}
	return p
}

func pick(r *rand.Rand, ss []span, ns []number) {
	for _, s := range ss {
		*s.at = s.least + time.Duration(r.Int64N(int64((s.most-s.least)/hour)+1))*hour
	}
	for _, n := range ns {
		*n.at = n.least + r.IntN(n.most-n.least+1)
	}
}

// A token is made by limits of which none is looser than either policy's, and by
// the procedure of the one that its request was sent under.
func TestStricter(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 9))
	for range 2000 {
		own, today := random(r, 1+r.IntN(5)), random(r, 6)
		s := Stricter(own, today)
		for _, a := range append([]Affiliation{None, "king"}, Affiliations...) {
			course, learned, since := time.Time{}, r.IntN(3)*60, time.Time{}
			if r.IntN(2) == 0 {
				course = t0.Add(time.Duration(r.IntN(400)-100) * day)
			}
			if r.IntN(2) == 0 {
				since = t0.Add(-time.Duration(r.IntN(400)) * day)
			}
			end := func(p Policy) time.Time { e, _ := p.LatestEnd(a, course, learned, since, t0); return e }
			got, refused := end(s), own.For(a).Rule == RuleRefuse || today.For(a).Rule == RuleRefuse
			if got.After(end(own)) || got.After(end(today)) {
				t.Fatalf("%s: until %v, by the one until %v, by the other until %v", a, got, end(own), end(today))
			}
			if !refused && !got.Equal(end(own)) && !got.Equal(end(today)) {
				t.Fatalf("%s: until %v, which neither says: %v, %v", a, got, end(own), end(today))
			}
			if refused != (s.For(a).Rule == RuleRefuse) {
				t.Fatalf("%s: %s by %s and %s", a, s.For(a).Rule, own.For(a).Rule, today.For(a).Rule)
			}
			if !refused && s.For(a).Rule != own.For(a).Rule {
				t.Fatalf("%s: the procedure changed to %s", a, s.For(a).Rule)
			}
			// The limits are the same whichever is whose.
			if o := Stricter(today, own).For(a); o.MaxLife != s.For(a).MaxLife || o.MaxTotal != s.For(a).MaxTotal {
				t.Fatalf("%s: %+v one way, %+v the other", a, s.For(a), o)
			}
		}
		if s.Quotas.Open > own.Quotas.Open || s.Quotas.Open > today.Quotas.Open || s.Quotas.Live > own.Quotas.Live || s.Quotas.Live > today.Quotas.Live {
			t.Fatalf("quotas %+v of %+v and %+v", s.Quotas, own.Quotas, today.Quotas)
		}
		w := own.Windows
		w.Grace = s.Windows.Grace
		if s.Version != own.Version || s.Windows != w || !slices.EqualFunc(s.Questions, own.Questions, Question.equal) {
			t.Fatalf("the procedure is not the request's own: %+v", s)
		}
		if !Stricter(own, own).Equal(own) {
			t.Fatalf("with itself it is another: %+v, %+v", own, Stricter(own, own))
		}
		if !Stricter(s, today).Equal(s) {
			t.Fatalf("made stricter twice it is another: %+v, %+v", s, Stricter(s, today))
		}
	}
	if s := Stricter(BuiltIn(), Policy{}); s.For(Student).Rule != RuleRefuse || s.Quotas != (Quotas{}) {
		t.Errorf("where nothing is allowed today: %+v", s)
	}
	before := BuiltIn()
	for range 10 {
		if Stricter(before, random(r, 2)); !before.Equal(BuiltIn()) {
			t.Fatal("what it was made of changed")
		}
	}
}

// weekdaysAfter and weekdaysBetween are the rule that business days followed
// before a school could have its own.
func weekdaysAfter(from time.Time, n int, loc *time.Location) time.Time {
	t := from.In(loc)
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if wd := t.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n--
		}
	}
	return t
}

func weekdaysBetween(from, to time.Time, loc *time.Location) int {
	a, b := from.In(loc), to.In(loc)
	n := 1
	for d := a.AddDate(0, 0, 1); !d.After(b); d = d.AddDate(0, 0, 1) {
		if wd := d.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n++
		}
	}
	return n
}

func TestBusinessDays(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 2))
	cal := BuiltIn().Calendar
	for _, name := range []string{"UTC", "America/Denver", "Australia/Lord_Howe", "Pacific/Apia"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 3000 {
			from := t0.Add(time.Duration(r.IntN(600*24*60)-300*24*60) * time.Minute)
			n := r.IntN(30) - 2
			if got, want := cal.After(from, n, loc), weekdaysAfter(from, n, loc); !got.Equal(want) {
				t.Fatalf("%s: %d business days after %v: %v, it was %v", name, n, from, got, want)
			}
			to := from.Add(time.Duration(r.IntN(60*24*60)-5*24*60) * time.Minute)
			if got, want := cal.Between(from, to, loc), weekdaysBetween(from, to, loc); got != want {
				t.Fatalf("%s: from %v to %v: %d, it was %d", name, from, to, got, want)
			}
		}
	}
	own := Calendar{WorkDays: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Sunday}, Holidays: []Date{"2026-11-25", "2026-11-26"}}
	if got := own.After(t0, 3, time.UTC); !got.Equal(t0.AddDate(0, 0, 7)) { // Tuesday, Sunday, Monday
		t.Errorf("three days by a calendar with holidays: %v", got)
	}
	if got := own.Between(t0, t0.AddDate(0, 0, 7), time.UTC); got != 4 {
		t.Errorf("a week by a calendar with holidays has %d days", got)
	}
	if got := (Calendar{}).After(t0, 6, time.UTC); !got.Equal(t0.AddDate(0, 0, 6)) {
		t.Errorf("without a calendar: %v", got)
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
	cal := BuiltIn().Calendar
	fri := time.Date(2026, 11, 27, 16, 0, 0, 0, denver)
	if got := cal.After(fri, 5, denver); got.Weekday() != time.Friday || got.Day() != 4 {
		t.Errorf("five business days after a Friday: %v", got)
	}
	if got := cal.Between(fri, fri.AddDate(0, 0, 3), denver); got != 2 {
		t.Errorf("Monday is business day %d since Friday", got)
	}
}
