package cases

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// Nav is what the navigation of a caller shows.
type Nav struct {
	Affiliation policy.Affiliation // by Canvas's API; None when it refuses or could not be asked
	Sponsor     bool               // stands or stood for somebody
	Waiting     int                // sponsor: answers wanted
	Reviewer    bool               // by the launch gate; the API is asked at each decision
	Queue       int                // reviewer: requests in review
	Unmanaged   int                // reviewer: tokens that the tool did not make and nobody has decided on
	Leaks       int                // reviewer: incidents that are not cleared
	OwnLeak     bool               // a leak of the caller is not cleared: no token is made for them
	Trouble     Trouble
	// SelfService is a standing notice for reviewers: Canvas's own creation of
	// tokens by people is not known to be off.
	SelfService bool
	Words       SchoolWords
	// Credential is a standing notice for reviewers about the program's own
	// access to Canvas; zero is none.
	Credential CredentialTrouble
	// SelfMade is when somebody last made a token in Canvas by themselves, since
	// the first full check: self-service is not off. Zero when nobody did.
	SelfMade time.Time

	// front is what the home has to read, where the counts could be read.
	front *front
}

// front tells whether there are requests of the caller's, found tokens that wait for
// them, and something that they typed.
type front struct{ asked, told, kept bool }

// SchoolWords are the school's own names for who decides (docs/decisions.md 26).
type SchoolWords struct {
	CanvasTeam, SecurityOffice, Contact string
}

// CredentialTrouble says that the program's own access to Canvas is lost, or
// will be soon.
type CredentialTrouble struct {
	RefusedSince time.Time // Canvas does not accept it since
	EndsAt       time.Time // it ends within CredentialWarning
}

// CredentialWarning is how long before its end an access of the program's own
// is worth a warning.
const CredentialWarning = 30 * 24 * time.Hour

// Trouble is what a standing banner says; zero is none.
type Trouble struct {
	CanvasSince time.Time // Canvas has not answered since
	StillUsable int       // tokens whose deletion is unconfirmed for too long (own, or all for reviewers)
}

// Case is one request with everything a page about it needs.
type Case struct {
	Request access.Request
	// Policy is what the request is judged by: of its version, for a draft the
	// newest. It allows nothing where it cannot be read.
	Policy policy.Policy
	Grant  *access.Grant // nil while none exists
	Names  map[access.PersonID]string
	// Renewal is the renewal of the grant that is under way: a draft (shown to its
	// author alone) or an open request; nil when there is none.
	Renewal *access.Request
	// Found is the token that the request asks to keep, or that the grant adopted.
	Found *access.Found
	// Leak is the newest incident of the grant; nil when there is none.
	Leak *access.Incident
	// Own, Sponsor and Reviewer tell in which parts the caller sees it.
	Own, Sponsor, Reviewer bool
	// Can holds the moves whose buttons appear, of the request and of the grant.
	Can map[access.Action]bool
	// Why names what stands in the way of a reviewer who cannot decide (WhySelf,
	// WhySponsorDecides, WhySecondPerson, WhyOtherPerson), or "".
	Why access.Why
	// Unmoved tells of a move that found everything as it would have left it:
	// nothing changed, and nobody was told.
	Unmoved bool
}

// Terms are what a sponsor or reviewer of the request reads.
func (c Case) Terms() access.Terms { return access.RequestTerms(c.Request, c.Found) }

// OpenLeak is the incident of the case's grant that is not cleared, or nil.
func (c Case) OpenLeak() *access.Incident {
	if c.Leak == nil || c.Grant == nil || c.Leak.GrantID != c.Grant.ID || !c.Leak.Open() {
		return nil
	}
	return c.Leak
}

// LeakOpen reports whether a leak of the case's grant is not cleared.
func (c Case) LeakOpen() bool { return c.OpenLeak() != nil }

// Name returns a person's name in this case.
func (c Case) Name(p access.PersonID) string { return c.Names[p] }

// CasePage is one request opened.
type CasePage struct {
	Case
	Story []StoryStep
	// Reach is what the token reaches today; nil when Canvas was not asked or did
	// not answer.
	Reach *authority.Reach
	// Others are the requester's other live tokens (reviewers only).
	Others []access.Grant
	// Leaks are the last incident of the requester and of the sponsor, where
	// there is one (reviewers only).
	Leaks []access.Incident
	// Sponsors are for choosing another sponsor: without the one who is asked.
	Sponsors []authority.Teacher
	// Evidence is what is known of the token that this request renews; nil for any
	// other request.
	Evidence *Evidence
	// Latest is the last end a sponsor or reviewer may set.
	Latest time.Time
}

// Evidence is what sponsor and reviewer see of a token when its renewal is asked
// for.
type Evidence struct {
	Of access.Grant
	// IdleDays are whole days since its last use, or since its activation if it
	// was never used.
	IdleDays int
	// Until is the latest end that a token and its renewals may have together.
	Until time.Time
	// CourseEnd is when the course ends or ended by Canvas; CourseRead tells
	// whether Canvas was asked.
	CourseEnd  time.Time
	CourseRead bool
	// SponsorWhy is why who stands for the token now no longer could: "" when they
	// can, or nobody does, WhyCanvas when it is not known.
	SponsorWhy access.Why
}

// Home is the requester's home.
type Home struct {
	Refused  access.Why // role, account_role, …: no request button; "" when they may ask
	Drafts   []Case
	NeedsYou []Case      // most urgent first: answers, collection, activation
	Found    []FoundCase // tokens made outside the tool that wait for an answer, or go
	Progress []Case
	Tokens   []Case // live grants
	Ended    []Case // last 12 months
	Kept     bool   // typed text of a session that ended waits in the form
}

// Sponsorships is the sponsor's list: one page of each of its parts, the most urgent
// first, of the past what changed last. Who goes on in one part has the first page of
// the others.
type Sponsorships struct {
	Waiting, Standing, Past       []Case
	WaitingAt, StandingAt, PastAt Span
	After                         string // the place that was asked for
}

// Span is which rows of a list a page shows.
type Span struct {
	From  int // number of the first row
	Total int // on all pages; of the past it is not counted
	Next  string
}

// QueueFilter is the filter bar of the review queue.
type QueueFilter struct {
	Status      access.RequestState // "" = in review
	Affiliation policy.Affiliation
	Maker, AI   string
	Search      string
	After       string // cursor
}

// Queue is one page of the review queue.
type Queue struct {
	Rows           []Case
	Waiting        int
	Overdue        int
	Total          int // rows that match the filter
	From           int // number of the first row shown
	Next           string
	LastDecisionAt time.Time
	Target         int // business days, by the newest policy
}

// TokenFilter is the filter bar of Tokens.
type TokenFilter struct {
	Status      access.GrantState // "" = live; AnyEnded
	Affiliation policy.Affiliation
	AI          string
	Course      string // Canvas id
	Vendor      string // the company's whole name
	// Sponsor is as typed: part of a name, or a Canvas id.
	Sponsor    string
	IdleDays   int // not used for so many days; 0 = any
	Search     string
	EndsBefore time.Time
	After      string
}

// TokenList is one page of Tokens.
type TokenList struct {
	Rows  []Case
	Total int
	From  int
	Next  string
	// CheckedAt is the oldest check of a live token on this page.
	CheckedAt time.Time
	// Cap is what was learned of this Canvas's longest life.
	Cap LearnedCap
	// Targets are the tokens that match the filter and can be revoked together;
	// Masses is how many mass revocations there were.
	Targets, Masses int
	// Ended: some tokens have ended. It is told where the list is empty.
	Ended bool
	// Offers are the courses and companies to choose from.
	Offers Offers
}

// Offers are the courses and companies that live tokens have.
type Offers struct {
	Courses   []access.Course
	Companies []string
	// All: no live token has another one. Otherwise these are those of the newest.
	All bool
}

// AnyEnded is the filter for tokens that have ended, however they did.
const AnyEnded access.GrantState = "ended"

// TokenPage is one token opened.
type TokenPage struct {
	Case
	Story []StoryStep
}

// Lost is the access.ErrConflict when somebody else was quicker: where the request
// stands now and who brought it there, for the page to say.
type Lost struct {
	Now   access.Request
	Actor string
}

func (e *Lost) Error() string { return "somebody else was quicker" }

// Is makes a Lost match access.ErrConflict.
func (e *Lost) Is(target error) bool { return target == access.ErrConflict }
