package web

import (
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

// The people of the gallery.
const (
	maya  access.PersonID = "per_maya"
	ana   access.PersonID = "per_ana"
	dana  access.PersonID = "per_dana"
	layla access.PersonID = "per_layla" // a name written from right to left
	long  access.PersonID = "per_long"  // a name of 80 characters
)

var galleryNames = map[access.PersonID]string{
	maya: "Maya Chen", ana: "Ana Ruiz", dana: "Dana Ortiz", layla: "ليلى حداد",
	long: "Wolfeschlegelsteinhausenbergerdorff Bartholomew Montgomery Featherstonehaugh III",
}

const (
	galleryBuild  = "Attendance helper: reads my own calendar each morning and writes what is due into my notes."
	galleryReason = "The report in Canvas already shows this; a token would reach much more."
	galleryNote   = "I know the project, it is part of the course."
)

// galleryTexts is what people typed or Canvas told, which no catalogue has.
var galleryTexts = []string{"Security <office>", "Registrar",
	galleryBuild, "The company reported a breach.", "operator:root", "Acme", "acme", "Zenith", "Biology II", "Attendance helper", galleryReason, galleryNote, "BIO 201", "Northfield University", "Northfield", "Maya Chen", "Ana Ruiz", "grade export script", "Panda Planner nightly", "Tom Becker", "Service account of the library.", "BbCcD…", "next year",
	"Dana Ortiz", "ليلى حداد", galleryNames[long], "Denver", "Tokendesk", "canvas@northfield.test", "REQ-0142", "REQ-0009", "REQ-",
	"Ctrl+C", "Grade exporter for the whole department with a title that…", "https://",
	"Sorts my files", "Inkwell Labs", "https://inkwell.example/", "BrightMind", "Titles of my assignments", "Only for this term.",
	"Use the CSV export in the gradebook.", "1f4a9c2e", "7F3K", "2026-09", "1 Sep 2026", "4521~aB3…", "helper", "next friday",
	"Keep the token in a password manager or an encrypted configuration.", "Do not give it to anyone.", "Report at once if it may have leaked.",
	"4521~Zk3mT9QwErTyUiOpAsDfGhJkLzXcVbNm1234567890qwertyuiopASDFGHJKL", "Kim Teacher", "https://inkwell.example", "UTC",
}

func gallerySession() ui.Session {
	return ui.Session{
		Caller: access.Caller{
			Tenant: "ten_1", Via: access.ViaLaunch, Person: maya, CanvasUser: "11", Name: "Maya Chen", TimeZone: "America/Denver",
			Launch: access.Launch{LaunchedAt: days(-0.01), Door: access.DoorCourse, Course: access.Course{ID: "7", Name: "Biology II", Code: "BIO 201"}, Learner: true},
		},
		School: "Northfield University", Locale: "en", CanvasURL: "https://canvas.northfield.test",
		Frames: []string{"https://canvas.northfield.test"},
	}
}

func asAna(s *ui.Shell) {
	s.Session.Name, s.Session.Person, s.Session.Learner, s.Session.Teacher = "Ana Ruiz", ana, false, true
	s.Nav = cases.Nav{Affiliation: policy.Faculty, Sponsor: true, Waiting: 2}
}

func asDana(s *ui.Shell) {
	s.Session.Name, s.Session.Person, s.Session.Learner = "Dana Ortiz", dana, false
	s.Session.Door, s.Session.Course = access.DoorAccount, access.Course{}
	s.Nav = cases.Nav{Affiliation: policy.None, Reviewer: true, Queue: 4}
}

func asMaya(s *ui.Shell) { s.Nav = cases.Nav{Affiliation: policy.Student} }

func galleryAnswers() access.Answers {
	return access.Answers{
		"purpose": {"coursework"}, "build": {galleryBuild}, "maker": {"company"}, "maker_name": {"Inkwell Labs"}, "maker_link": {"https://inkwell.example/"},
		"ai": {"yes"}, "ai_service": {"BrightMind"}, "ai_data": {"Titles of my assignments"}, "data": {"own", "content"}, "storage": {"password_manager"},
		"end": {"2026-12-12"}, "sponsor": {"21"}, "accepted": {access.Accepted},
	}
}

// galleryRequest is a request in a state, with the times that the lifecycle would have
// set on its way there.
func galleryRequest(state access.RequestState) access.Request {
	r := access.Request{
		ID: "req_1", Tenant: "ten_1", Number: 142, Version: 3, State: state, Requester: maya, Affiliation: policy.Student,
		Course: access.Course{ID: "7", Name: "Biology II", Code: "BIO 201"}, Answers: galleryAnswers(), Sponsor: ana,
		PolicyVersion: 1, RulesVersion: "2026-09", Asked: days(30), End: days(21), EndCause: policy.CauseCourse,
		CreatedAt: days(-6), UpdatedAt: days(-0.2), SubmittedAt: days(-5), SponsorDue: days(9),
	}
	switch state {
	case access.Draft:
		r.Number, r.Sponsor, r.SubmittedAt, r.SponsorDue = 0, "", time.Time{}, time.Time{}
	case access.AwaitingSponsor:
	default:
		r.Votes = access.Votes{{Part: access.AsSponsor, Person: ana, Verdict: access.Yes, At: days(-3), Reason: galleryNote}}
		r.ReviewSince, r.ReviewDue = days(-3), days(4)
	}
	switch state {
	case access.InReview:
		r.Stage = 1
	case access.Approved, access.Collecting, access.Fulfilled, access.Rescinded:
		r.CollectBy = days(13)
		r.Votes = append(r.Votes, access.Vote{Stage: 1, Part: access.AsReviewer, Person: dana, Verdict: access.Yes, At: days(-1), Conditions: "Only for this term."})
	case access.Denied:
		r.Votes = append(r.Votes, access.Vote{Stage: 1, Part: access.AsReviewer, Person: dana, Verdict: access.No, At: days(-1), Reason: galleryReason, Alternative: "export"})
	case access.SponsorDeclined:
		r.Votes = access.Votes{{Part: access.AsSponsor, Person: ana, Verdict: access.No, At: days(-0.2), Reason: galleryReason}}
	}
	if state == access.Rescinded {
		r.EndedBy, r.Remark = dana, galleryReason
	}
	if state.Final() {
		r.ClosedAt = days(-0.2)
	}
	return r
}

func galleryGrant(state access.GrantState) *access.Grant {
	g := &access.Grant{
		ID: "grt_AAAAAAAAAAAAAAAAAAAAAAAAAA", Tenant: "ten_1", RequestID: "req_1", Version: 2, State: state, Owner: maya,
		Title: "Attendance helper", CanvasUser: "11", CanvasID: "900", Hint: "4521~aB3", Attempt: 1, Wanted: days(21), Expires: days(21),
		CreatedAt: days(-1), UpdatedAt: days(-0.001), ShownAt: days(-0.002), ActivateBy: days(7), CheckedAt: days(-0.002), Sponsor: ana, Since: days(-3),
	}
	switch state {
	case access.Active:
		g.ActivatedAt, g.LastUsedAt, g.ShownAt = days(-3), days(-1), days(-3)
	case access.Revoking:
		g.Cause, g.EndedBy, g.RevokingAt, g.Tries, g.NextTry = access.ByOwner, maya, days(-0.01), 1, days(0.01)
	case access.Revoked:
		g.Cause, g.EndedBy, g.RevokingAt, g.EndedAt = access.ByReviewer, dana, days(-0.1), days(-0.09)
	case access.Expired, access.Unclaimed:
		g.Cause, g.EndedAt = access.ByEnd, days(-0.5)
	case access.Void:
		g.Trouble, g.CanvasID, g.Hint = "mint.cap:90", "", ""
	}
	return g
}

func galleryCase(state access.RequestState, grant access.GrantState, can ...access.Action) cases.Case {
	c := cases.Case{Policy: policy.BuiltIn(), Request: galleryRequest(state), Names: galleryNames, Own: true, Can: map[access.Action]bool{}}
	if grant != "" {
		c.Grant = galleryGrant(grant)
	}
	for _, a := range can {
		c.Can[a] = true
	}
	return c
}

func seenBy(c cases.Case, v ui.Viewer) cases.Case {
	c.Own, c.Sponsor, c.Reviewer = v == ui.AsRequester, v == ui.AsSponsor, v == ui.AsReviewer
	return c
}

func numbered(c cases.Case, n int, build string) cases.Case {
	c.Request.ID, c.Request.Number = "req_"+strings.Repeat("i", n), n
	if build != "" {
		c.Request.Answers.Set("build", build)
	}
	if c.Grant != nil {
		g := *c.Grant
		g.ID = "grt_" + strings.Repeat("A", 26-n%9) + strings.Repeat("B", n%9)
		c.Grant = &g
	}
	return c
}

func galleryStory() []cases.StoryStep {
	return []cases.StoryStep{
		{At: days(-6), Actor: "Maya Chen", Action: audit.RequestCreate, To: "draft"},
		{At: days(-5), Actor: "Maya Chen", Action: audit.RequestSubmit, To: "awaiting_sponsor"},
		{At: days(-3), Actor: "Ana Ruiz", Action: audit.RequestEndorse, To: "in_review", Quote: galleryNote},
		{At: days(-1.2), Actor: "Dana Ortiz", Action: audit.RequestClaim, To: "in_review"},
	}
}

func galleryLife() []cases.StoryStep {
	return append(galleryStory(),
		cases.StoryStep{At: days(-1), Actor: "Dana Ortiz", Action: audit.RequestApprove, To: "approved"},
		cases.StoryStep{At: days(-0.9), Actor: "Maya Chen", Action: audit.GrantCreate, To: "minting"},
		cases.StoryStep{At: days(-0.8), Action: audit.GrantDoubt, To: "recovering"},
		cases.StoryStep{At: days(-0.7), Action: audit.GrantGiveUp, To: "void"},
		cases.StoryStep{At: days(-0.6), Actor: "Maya Chen", Action: audit.GrantMint, To: "minting"},
		cases.StoryStep{At: days(-0.5), Action: audit.GrantShown, To: "handed_over"},
		cases.StoryStep{At: days(-0.4), Action: audit.GrantSeenActive, To: "active"},
		cases.StoryStep{At: days(-0.3), Actor: "Dana Ortiz", Action: audit.GrantRevoke, To: "revoking", Quote: galleryReason},
		cases.StoryStep{At: days(-0.2), Action: audit.GrantGone, To: "revoked"})
}

func galleryForm() requests.Form {
	return requests.Form{
		Affiliation: policy.Student, Rule: policy.RuleSponsor, Course: access.Course{ID: "7", Name: "Biology II", Code: "BIO 201"},
		Teachers: []authority.Teacher{{CanvasUser: "21", Name: "Ana Ruiz"}, {CanvasUser: "22", Name: galleryNames[layla]},
			{CanvasUser: "23", Name: "Ana Ruiz", Supervisor: true}},
		Latest: days(21.3), Cause: policy.CauseCourse, CourseEnd: days(7), Rules: []string{
			"Keep the token in a password manager or an encrypted configuration.", "Do not give it to anyone.", "Report at once if it may have leaked.",
		},
		RulesVer: "2026-09", RulesDate: "1 Sep 2026", Reach: &authority.Reach{Student: 3, Assistant: 1, CheckedAt: days(-0.001)}, Policy: policy.BuiltIn(),
	}
}

func galleryCasePage(c cases.Case) cases.CasePage {
	p := cases.CasePage{Case: c, Story: galleryStory(), Latest: c.Request.End,
		Reach: &authority.Reach{Student: 3, Teaching: 0, CheckedAt: days(-0.002)}}
	return p
}

func galleryQueue(rows ...cases.Case) cases.Queue {
	return cases.Queue{Rows: rows, Waiting: 4, Overdue: 1, Total: 30, From: 1, Next: "abc", Target: 5}
}

var galleryQueueFilter = cases.QueueFilter{Affiliation: policy.Student, Search: "helper"}

// claimed gives a request in review a claim.
func claimed(r *access.Request, by access.PersonID, at time.Time) {
	r.Votes = append(slices.Clone(r.Votes), access.Vote{Round: r.Round, Stage: r.Stage, Part: access.AsReviewer, Person: by, Verdict: access.Claimed, At: at})
}
