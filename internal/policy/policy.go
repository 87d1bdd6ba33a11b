package policy

import (
	"slices"
	"time"
)

// Affiliation is a person's standing at the school as computed from their
// enrolments.
type Affiliation string

// The affiliations, strictest first. None may never ask.
const (
	Student Affiliation = "student"
	Faculty Affiliation = "faculty"
	Staff   Affiliation = "staff"
	None    Affiliation = "none"
)

// Affiliations are those that a policy says something about, in its order.
var Affiliations = []Affiliation{Student, Faculty, Staff}

// SponsorRule says how people of one affiliation may ask.
type SponsorRule string

// The three rules.
const (
	RuleRefuse  SponsorRule = "refuse"
	RuleSponsor SponsorRule = "sponsor"
	RuleOpen    SponsorRule = "open"
)

// Role is what holds for one affiliation.
type Role struct {
	Rule SponsorRule
	// MaxLife is the longest life of one token.
	MaxLife time.Duration
	// MaxTotal is the longest life of a token together with all its renewals.
	MaxTotal time.Duration
}

// Policy is what a school allows. A missing affiliation is refused; the zero
// Policy allows nothing. It is shared once it was read: nobody changes its map
// or lists.
type Policy struct {
	Version   int
	Roles     map[Affiliation]Role
	Windows   Windows
	Quotas    Quotas
	Questions []Question // of the request form, in its order
	Stages    []Stage    // of the review, in their order
	Calendar  Calendar
}

// Windows are the times that people have. All are whole hours.
type Windows struct {
	Draft         time.Duration // an untouched draft
	SponsorAnswer time.Duration // the sponsor's answer, and finding another one before a decision
	ReviewDays    int           // the target of a review, in business days
	Claim         time.Duration // a claim on a request, and never less than one whole business day
	Collect       time.Duration // from approval to collection
	Activation    time.Duration // from hand-over to activation in Canvas
	Replacement   time.Duration // from hand-over to "I lost it" without a new review
	SponsorGap    time.Duration // a live token without a sponsor
	Renewal       time.Duration // before its end a token can be renewed
	Overlap       time.Duration // a renewed token works on so long, or until its successor is used
	Grace         time.Duration // after the course's end; may be none

	CampaignAnswer time.Duration // the owner of a found token, unless the campaign says otherwise
	AllowList      time.Duration // the latest review date of an allow-list entry
}

// Quotas are how much one person may have at once.
type Quotas struct {
	Open int // open requests
	Live int // live tokens
}

// MostOpen bounds Quotas.Open in every policy.
const MostOpen = 50

const day = 24 * time.Hour

// BuiltIn is the policy that a new school starts with: students need a sponsor
// and get at most 119 days (one below Canvas's 120-day student rule,
// app/controllers/tokens_controller.rb), faculty and staff 180 days. With
// renewals a student's token lives at most one year, the others' two. Whoever
// judges anything asks the store for the policy of the school instead.
func BuiltIn() Policy {
	return Policy{
		Version: 1,
		Roles: map[Affiliation]Role{
			Student: {RuleSponsor, 119 * day, 365 * day},
			Faculty: {RuleOpen, 180 * day, 730 * day},
			Staff:   {RuleOpen, 180 * day, 730 * day},
		},
		Windows: Windows{
			Draft: 30 * day, SponsorAnswer: 14 * day, ReviewDays: 5, Claim: day, Collect: 14 * day, Activation: 7 * day, Replacement: day,
			SponsorGap: 14 * day, Renewal: 30 * day, Overlap: 3 * day, Grace: 14 * day, CampaignAnswer: 30 * day, AllowList: 365 * day,
		},
		Quotas:    Quotas{Open: 3, Live: 2},
		Questions: firstQuestions(),
		Stages:    []Stage{{By: Reviewers, Votes: 1}},
		Calendar:  Calendar{WorkDays: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}},
	}
}

// For returns what holds for an affiliation; unknown ones are refused.
func (p Policy) For(a Affiliation) Role {
	r, ok := p.Roles[a]
	if !ok || r.MaxLife <= 0 || r.MaxTotal <= 0 || (r.Rule != RuleOpen && r.Rule != RuleSponsor) {
		return Role{Rule: RuleRefuse}
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
		if c := courseEnd.Add(p.Windows.Grace); c.Before(end) {
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

// Stricter is the policy by which a token is made for a request that was sent
// under own, while the school's newest is today: the procedure of own (who needs
// a sponsor, who decides, windows, questions, calendar), and of each limit (who may
// hold a token, its life, the total with renewals, the grace after a course, the
// quotas) the stricter one. Its version is own's.
func Stricter(own, today Policy) Policy {
	out := own
	out.Roles = make(map[Affiliation]Role, len(own.Roles))
	for a := range own.Roles {
		x, y := own.For(a), today.For(a)
		if x.Rule == RuleRefuse || y.Rule == RuleRefuse {
			continue // what is missing is refused
		}
		out.Roles[a] = Role{Rule: x.Rule, MaxLife: min(x.MaxLife, y.MaxLife), MaxTotal: min(x.MaxTotal, y.MaxTotal)}
	}
	out.Windows.Grace = min(own.Windows.Grace, today.Windows.Grace)
	out.Quotas = Quotas{Open: min(own.Quotas.Open, today.Quotas.Open), Live: min(own.Quotas.Live, today.Quotas.Live)}
	return out
}

// Equal reports whether two policies say the same, whatever their versions.
func (p Policy) Equal(q Policy) bool {
	for _, a := range Affiliations {
		if p.For(a) != q.For(a) {
			return false
		}
	}
	return p.Windows == q.Windows && p.Quotas == q.Quotas && slices.EqualFunc(p.Questions, q.Questions, Question.equal) &&
		slices.Equal(p.Stages, q.Stages) && slices.Equal(p.Calendar.WorkDays, q.Calendar.WorkDays) &&
		slices.Equal(p.Calendar.Holidays, q.Calendar.Holidays)
}
