package access

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// SponsorRule says how people of one affiliation may ask.
type SponsorRule string

// The three rules.
const (
	RuleRefuse  SponsorRule = "refuse"
	RuleSponsor SponsorRule = "sponsor"
	RuleOpen    SponsorRule = "open"
)

// RolePolicy is what holds for one affiliation.
type RolePolicy struct {
	Rule    SponsorRule
	MaxLife time.Duration
	// MaxTotal is the longest life of a token together with all its renewals.
	MaxTotal time.Duration
}

// Policy is what the school allows. A missing affiliation is refused.
type Policy struct {
	Version int
	Roles   map[Affiliation]RolePolicy
	MaxOpen int           // open requests per person
	MaxLive int           // live tokens per person
	Grace   time.Duration // after the course's end, for students
}

const day = 24 * time.Hour

// BuiltIn is the policy until a school publishes its own: students need a
// sponsor and get at most 119 days (one below Canvas's 120-day student rule,
// app/controllers/tokens_controller.rb), faculty and staff 180 days. With renewals a
// student's token lives at most one year, the others' two.
var BuiltIn = Policy{
	Version: 1,
	Roles: map[Affiliation]RolePolicy{
		Student: {RuleSponsor, 119 * day, 365 * day},
		Faculty: {RuleOpen, 180 * day, 730 * day},
		Staff:   {RuleOpen, 180 * day, 730 * day},
	},
	MaxOpen: 3, MaxLive: 2, Grace: 14 * day,
}

// For returns what holds for an affiliation; unknown ones are refused.
func (p Policy) For(a Affiliation) RolePolicy {
	r, ok := p.Roles[a]
	if !ok || r.MaxLife <= 0 || r.MaxTotal <= 0 || (r.Rule != RuleOpen && r.Rule != RuleSponsor) {
		return RolePolicy{Rule: RuleRefuse}
	}
	return r
}

// EndCause says what limits an end.
type EndCause string

// The causes.
const (
	CauseRole   EndCause = "role"   // the longest life for the role
	CauseCourse EndCause = "course" // the course's end and the grace after it
	CauseCanvas EndCause = "canvas" // what Canvas was seen to allow
	CauseTotal  EndCause = "total"  // the longest life of a token with its renewals
)

// LatestEnd is the latest moment a token of this affiliation may end: the
// shortest of the role's longest life, for students the course's end plus
// grace, and one day below the life that Canvas was learned to allow.
// courseEnd may be zero (no end), learnedDays 0 (nothing learned). For a renewal
// since is when the first token of its chain was made, and bounds the total;
// otherwise it is zero.
func (p Policy) LatestEnd(a Affiliation, courseEnd time.Time, learnedDays int, since, now time.Time) (time.Time, EndCause) {
	end, cause := now.Add(p.For(a).MaxLife), CauseRole
	if a == Student && !courseEnd.IsZero() {
		if c := courseEnd.Add(p.Grace); c.Before(end) {
			end, cause = c, CauseCourse
		}
	}
	if learnedDays > 0 {
		if c := now.Add(time.Duration(learnedDays-1) * day); c.Before(end) {
			end, cause = c, CauseCanvas
		}
	}
	if !since.IsZero() {
		if c := since.Add(p.For(a).MaxTotal); c.Before(end) {
			end, cause = c, CauseTotal
		}
	}
	return end, cause
}

// LastDate is the last calendar date, in loc, whose end (23:59:59) is not after
// limit. EndOfDate turns a chosen date into the moment it ends.
func LastDate(limit time.Time, loc *time.Location) time.Time {
	l := limit.In(loc)
	d := time.Date(l.Year(), l.Month(), l.Day(), 0, 0, 0, 0, loc)
	if EndOfDate(d).After(limit) {
		d = d.AddDate(0, 0, -1)
	}
	return d
}

// EndOfDate is the last second of d's calendar date in d's location.
func EndOfDate(d time.Time) time.Time {
	return time.Date(d.Year(), d.Month(), d.Day(), 23, 59, 59, 0, d.Location())
}

// Limits of what people type, in characters.
const (
	MinBuild = 30
	MaxBuild = 2000
	MaxShort = 200
	MaxLink  = 500
	MaxNote  = 1000
)

// DraftForm is a form as submitted, with what the tool knows about its author.
type DraftForm struct {
	Answers     Answers
	Affiliation Affiliation
	Now         time.Time
	Location    *time.Location
	Latest      time.Time // LatestEnd for this person now
	LatestCause EndCause
	// SponsorOK: the sponsor named by Answers.SponsorKey teaches the requester
	// now (or is a listed supervisor), established by Canvas's API.
	SponsorOK      bool
	SponsorSelf    bool
	SponsorUnknown bool // Canvas could not be asked
}

// Check judges a form under p and returns the moment its token would end. A
// *FormError names each field to correct, in the form's order.
func (p Policy) Check(d DraftForm) (time.Time, error) {
	var f FormError
	a := d.Answers
	choice(&f, "purpose", a.Purpose, Purposes)
	switch n := utf8.RuneCountInString(a.Build); {
	case n < MinBuild:
		f.Add("build", "build.short", map[string]any{"Min": MinBuild})
	case n > MaxBuild:
		f.Add("build", "build.long", map[string]any{"Max": MaxBuild})
	}
	choice(&f, "maker", a.Maker, Makers)
	if a.Maker == "company" {
		if a.MakerName == "" {
			f.Add("maker_name", "maker_name.missing", nil)
		}
		if a.MakerLink != "" && !httpsLink(a.MakerLink) {
			f.Add("maker_link", "maker_link.https", nil)
		}
	}
	tooLong(&f, "maker_name", a.MakerName, MaxShort)
	tooLong(&f, "maker_link", a.MakerLink, MaxLink)
	choice(&f, "ai", a.AI, AIUses)
	if a.AI == "yes" {
		if a.AIService == "" {
			f.Add("ai_service", "ai_service.missing", nil)
		}
		if a.AIData == "" {
			f.Add("ai_data", "ai_data.missing", nil)
		}
	}
	tooLong(&f, "ai_service", a.AIService, MaxShort)
	tooLong(&f, "ai_data", a.AIData, MaxNote)
	switch {
	case len(a.Data) == 0:
		f.Add("data", "data.missing", nil)
	default:
		for _, k := range a.Data {
			if !contains(DataKind, k) {
				f.Add("data", "data.missing", nil)
				break
			}
		}
	}
	switch {
	case !contains(Storages, a.Storage):
		f.Add("storage", "storage.missing", nil)
	case contains(BadStorages, a.Storage):
		f.Add("storage", "storage."+a.Storage, nil)
	}
	end := p.checkEnd(&f, d)
	if p.For(d.Affiliation).Rule == RuleSponsor {
		switch {
		case a.SponsorKey == "":
			f.Add("sponsor", "sponsor.missing", nil)
		case d.SponsorSelf:
			f.Add("sponsor", "sponsor.self", nil)
		case d.SponsorUnknown:
			f.Add("sponsor", "sponsor.unknown", nil)
		case !d.SponsorOK:
			f.Add("sponsor", "sponsor.not_teaching", nil)
		}
	}
	if !a.Accepted {
		f.Add("accepted", "accepted.missing", nil)
	}
	return end, f.Err()
}

func (p Policy) checkEnd(f *FormError, d DraftForm) time.Time {
	a := d.Answers
	if a.EndDate == "" {
		if a.EndTyped != "" {
			f.Add("end", "end.unreadable", nil)
		} else {
			f.Add("end", "end.missing", nil)
		}
		return time.Time{}
	}
	date, err := time.ParseInLocation("2006-01-02", a.EndDate, d.Location)
	if err != nil {
		f.Add("end", "end.unreadable", nil)
		return time.Time{}
	}
	end, last := EndOfDate(date), LastDate(d.Latest, d.Location)
	switch {
	case !last.After(d.Now) && EndOfDate(last).Before(d.Now):
		f.Add("end", "end.none_left", nil)
	case !end.After(d.Now):
		f.Add("end", "end.past", nil)
	case end.After(EndOfDate(last)):
		f.Add("end", "end.too_late", map[string]any{"Latest": last})
	default:
		return end
	}
	return time.Time{}
}

func choice(f *FormError, field, v string, of []string) {
	if !contains(of, v) {
		f.Add(field, field+".missing", nil)
	}
}

func tooLong(f *FormError, field, v string, most int) {
	if utf8.RuneCountInString(v) > most {
		f.Add(field, "too_long", map[string]any{"Max": strconv.Itoa(most)})
	}
}
