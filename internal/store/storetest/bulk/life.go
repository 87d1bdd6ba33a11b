package bulk

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// life is one request and the token that came of it.
type life struct {
	access.Request
	k       int
	decider access.PersonID // who approved or denied it; none if nobody did
	decided time.Time
	grant   access.GrantState // none if no token was made
	owner   int               // the requester's number; -1 for the school's student
	end     time.Time
}

func (f *filler) person(p int) access.PersonID { return access.PersonID(f.id("per", p)) }

// user is somebody's id in Canvas.
func (f *filler) user(p int) string {
	if p < 0 {
		return f.StudentUser
	}
	return decimal(5_000_000 + p)
}

func (f *filler) reviewer(k int) access.PersonID {
	return f.person(f.Size.People + pick("reviewer", k, reviewers))
}

// every reports whether k is one of about n that are spread over all ended ones.
func (f *filler) every(n, k, rest int) bool { return k%max(f.Size.Ended/n, 1) == rest }

// life is request k: those that ended come first, then those whose tokens live,
// then the open ones and the drafts.
func (f *filler) life(k int) life {
	l := life{k: k, Request: access.Request{ID: f.id("req", k), Tenant: f.Tenant, Number: f.first + 1 + k, PolicyVersion: f.policy, RulesVersion: "1"}}
	l.who(f)
	l.Course.ID, l.Course.Name, l.Course.Code = f.course(k)
	l.Answers = answersOf(k)
	switch j := k - f.Size.Ended; {
	case j < 0:
		l.ended(f)
	case j < f.Size.Live:
		l.live(f, j)
	default:
		l.open(f, j-f.Size.Live)
	}
	return l
}

func (l *life) who(f *filler) {
	k, j := l.k, l.k-f.Size.Ended
	teachers := f.Size.People / 20
	l.owner = teachers + pick("owner", k, f.Size.People-teachers)
	mine := f.Student != "" && (j < 0 && f.every(57, k, 0) || j >= waitingLive && j < waitingLive+3 ||
		j == f.Size.Live || j == f.Size.Live+InReview+AwaitingSponsor || j == f.Size.Live+openRequests-1)
	his := f.Teacher != "" && (j < 0 && f.every(400, k, 1%max(f.Size.Ended/400, 1)) || j >= waitingLive+3 && j < waitingLive+23 ||
		j >= f.Size.Live+InReview && j < f.Size.Live+InReview+5)
	n := pick("affiliation", k, 10)
	switch {
	case mine || his || n < 7:
		l.Affiliation = policy.Student
		l.Sponsor = f.person(pick("sponsor", k, teachers))
	case n < 9:
		l.Affiliation = policy.Faculty
	default:
		l.Affiliation = policy.Staff
	}
	if j >= f.Size.Live+InReview && j < f.Size.Live+InReview+AwaitingSponsor && l.Sponsor == "" {
		l.Affiliation, l.Sponsor = policy.Student, f.person(pick("sponsor", k, teachers))
	}
	l.Requester = f.person(l.owner)
	if mine {
		l.owner, l.Requester = -1, f.Student
	}
	if his {
		l.Sponsor = f.Teacher
	}
}

func answersOf(k int) access.Answers {
	a := access.Answers{policy.KeyPurpose: {"coursework"}, policy.KeyBuild: {builds[pick("build", k, len(builds))]}, policy.KeyMaker: {"self"},
		policy.KeyAI: {"no"}, policy.KeyData: {"own"}, policy.KeyStorage: {"password_manager"}, policy.KeyAccepted: {access.Accepted}}
	if pick("maker", k, 3) == 0 {
		a[policy.KeyMaker], a[policy.KeyMakerName] = []string{"vendor"}, []string{makers[pick("vendor", k, len(makers))]}
	}
	if pick("ai", k, 4) == 0 {
		a[policy.KeyAI], a[policy.KeyAIService] = []string{"yes"}, []string{"a model of our own"}
	}
	return a
}

// came sets when it was made and sent, and what its end was to be.
func (l *life) came(created time.Time, days int) {
	l.CreatedAt, l.SubmittedAt = created, created.Add(time.Hour)
	l.Asked = created.Add(day(float64(days)))
	l.End, l.EndCause = l.Asked, ""
}

// decide sets who decided, and when.
func (l *life) decide(f *filler, after float64) {
	l.decider, l.decided = f.reviewer(l.k), earlier(l.CreatedAt.Add(day(after)), f.Now.Add(-time.Hour))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (l *life) ended(f *filler) {
	years := day(5 * 365)
	l.came(f.Now.Add(-years).Add(time.Duration(float64(years-day(1))*float64(l.k)/float64(f.Size.Ended))), 14+pick("days", l.k, 160))
	l.Version, l.State = 5, access.Fulfilled
	over := earlier(l.CreatedAt.Add(day(3)), f.Now.Add(-30*time.Minute))
	switch pick("kind", l.k, 20) {
	case 0, 1, 2, 3, 4, 5, 6:
		l.grant = access.Expired
	case 7, 8, 9, 10:
		l.grant = access.Revoked
	case 11:
		l.grant = access.Unclaimed
	case 12, 13:
		l.State = access.Denied
	case 14:
		l.State = access.Withdrawn
	case 15, 16:
		l.State = access.Lapsed
	case 17:
		if l.State = access.Withdrawn; l.Sponsor != "" {
			l.State = access.SponsorDeclined
		}
	case 18:
		l.State, l.EndedBy, l.Remark = access.Rescinded, f.reviewer(l.k+1), "The course was cancelled."
	default:
		l.State, l.Version, l.Answers, l.SubmittedAt = access.Discarded, 2, nil, time.Time{}
		if pick("number", l.k, 2) == 0 {
			l.Number = 0
		}
	}
	if l.grant != "" || l.State == access.Denied || l.State == access.Rescinded {
		l.decide(f, 2.5)
	}
	l.UpdatedAt, l.ClosedAt = over, over
	if l.grant != "" {
		l.end = earlier(l.CreatedAt.Add(day(float64(14+pick("days", l.k, 160)))), f.Now.Add(-20*time.Minute))
	}
}

func (l *life) live(f *filler, j int) {
	l.Version, l.State, l.grant = 5, access.Fulfilled, access.Active
	// Every living token ends between tomorrow and half a year from now, and was
	// made within the last half year.
	left, age := 1+pick("left", l.k, 178), 4+pick("age", l.k, 166)
	l.came(f.Now.Add(-day(float64(age))), age+left)
	l.end = l.Asked
	switch {
	case j < Revoking:
		l.grant = access.Revoking
	case j < Revoking+Frozen:
		l.grant = access.Frozen
	case j < Revoking+Frozen+HandedOver:
		l.grant = access.HandedOver
		l.came(f.Now.Add(-day(3.6)), 60)
		l.end = l.Asked
	}
	l.decide(f, 2.5)
	l.UpdatedAt = l.CreatedAt.Add(day(3))
	l.ClosedAt = l.UpdatedAt
}

func (l *life) open(f *filler, j int) {
	l.Version = 2
	l.came(f.Now.Add(-day(0.2+float64(pick("waits", l.k, 70))/10)), 90)
	switch {
	case j < InReview:
		l.State, l.Stage, l.ReviewSince = access.InReview, 1, l.SubmittedAt
		l.ReviewDue = l.SubmittedAt.Add(day(5))
	case j < InReview+AwaitingSponsor:
		l.State, l.SponsorDue = access.AwaitingSponsor, l.SubmittedAt.Add(day(14))
	case j < InReview+AwaitingSponsor+Approved:
		l.State, l.Version, l.CollectBy = access.Approved, 3, f.Now.Add(day(7))
		l.decide(f, 0.1)
	default:
		l.State, l.Version, l.Number, l.SubmittedAt = access.Draft, 1, 0, time.Time{}
	}
	l.UpdatedAt = l.CreatedAt.Add(2 * time.Hour)
}

const requestColumns = `id tenant number version state open stage round requester affiliation course_id course_name course_code
	answers purpose maker ai search sponsor sponsor_lost policy_version rules_version asked ends_at end_cause created_at updated_at submitted_at
	sponsor_due review_since review_due collect_by closed_at ended_by remark refiled_from renews since adopts vendor returned_why`

func (l *life) row() []any {
	answers, _ := json.Marshal(l.Answers) // always marshals
	a, maker := l.Answers, l.Answers.Text(policy.KeyMakerName)
	search := strings.ToLower(strings.Join([]string{l.Code(), a.Text(policy.KeyBuild), maker, a.Text(policy.KeyAIService), l.Course.Name, l.Course.Code}, "\n"))
	return []any{l.ID, string(l.Tenant), l.Number, l.Version, string(l.State), l.State.Open(), l.Stage, l.Round, string(l.Requester), string(l.Affiliation),
		l.Course.ID, l.Course.Name, l.Course.Code, string(answers), a.Text(policy.KeyPurpose), a.Text(policy.KeyMaker), a.Text(policy.KeyAI), search,
		ref(l.Sponsor), "", l.PolicyVersion, l.RulesVersion, at(l.Asked), at(l.End), string(l.EndCause), at(l.CreatedAt), at(l.UpdatedAt), at(l.SubmittedAt),
		at(l.SponsorDue), at(l.ReviewSince), at(l.ReviewDue), at(l.CollectBy), at(l.ClosedAt), ref(l.EndedBy), l.Remark, nil, nil, nil, nil,
		strings.ToLower(maker), ""}
}

const grantColumns = `id tenant request_id version state open owner title canvas_user canvas_id hint digest attempt lease_until wanted expires
	created_at updated_at shown_at activate_by activated_at last_used_at checked_at replaced cause ended_by revoking_at trouble tries next_try ended_at
	sponsor sponsor_asked gap_until since sponsor_was gap_why frozen_at frozen_by round freeze_reason drift ends_why`

// token is the grant of a life that has one.
func (l *life) token(f *filler) access.Grant {
	g := access.NewGrant(f.id("grt", l.k), l.Request, f.user(l.owner), l.End, l.decided.Add(time.Hour))
	g.Version, g.State, g.Expires, g.ShownAt, g.LeaseUntil = 4, l.grant, l.end, g.CreatedAt, time.Time{}
	g.CanvasID, g.Hint, g.Digest = decimal(10_000_000+l.k), "1~"+f.id("hint", l.k)[5:8], []byte(f.id("digest", l.k))
	g.ActivateBy = g.ShownAt.Add(day(7))
	if l.grant != access.HandedOver && l.grant != access.Unclaimed {
		g.ActivatedAt, g.LastUsedAt = g.ShownAt.Add(time.Hour), earlier(g.ShownAt.Add(day(float64(1+pick("used", l.k, 60)))), f.Now.Add(-time.Hour))
	}
	g.UpdatedAt, g.CheckedAt = g.ShownAt.Add(time.Hour), f.Now.Add(-time.Duration(pick("checked", l.k, 60))*time.Minute)
	if l.grant.Final() {
		g.CheckedAt, g.EndedAt, g.UpdatedAt, g.RevokingAt = l.end, l.end, l.end, l.end.Add(-time.Minute)
		g.Cause = map[access.GrantState]access.Cause{access.Expired: access.ByEnd, access.Unclaimed: access.ByUnclaimed, access.Revoked: access.ByOwner}[l.grant]
		if l.grant == access.Revoked {
			g.EndedBy = l.Requester
		}
		return g
	}
	switch j := l.k - f.Size.Ended; {
	case l.grant == access.Revoking:
		g.Cause, g.EndedBy, g.RevokingAt, g.NextTry, g.Tries = access.ByOwner, l.Requester, f.Now.Add(-3*time.Hour), f.Now.Add(3*time.Hour), 9
	case l.grant == access.Frozen:
		g.FrozenAt, g.FrozenBy, g.FreezeReason = f.Now.Add(-day(1)), f.reviewer(l.k), "It was used from two countries at once."
	case l.grant == access.HandedOver:
	case j < waitingLive-Asked:
		g.Sponsor, g.SponsorWas, g.GapUntil, g.GapWhy = "", l.Sponsor, f.Now.Add(day(9)), access.GapEnded
	case j < waitingLive:
		g.Sponsor, g.SponsorAsked, g.GapUntil = "", f.Teacher, f.Now.Add(day(9))
		if g.SponsorAsked == "" {
			g.SponsorAsked = f.person(0)
		}
	}
	return g
}

func grantRow(g access.Grant) []any {
	return []any{g.ID, string(g.Tenant), g.RequestID, g.Version, string(g.State), g.State.Live(), string(g.Owner), g.Title, g.CanvasUser, g.CanvasID, g.Hint, g.Digest,
		g.Attempt, at(g.LeaseUntil), at(g.Wanted), at(g.Expires), at(g.CreatedAt), at(g.UpdatedAt), at(g.ShownAt), at(g.ActivateBy), at(g.ActivatedAt),
		at(g.LastUsedAt), at(g.CheckedAt), g.Replaced, string(g.Cause), ref(g.EndedBy), at(g.RevokingAt), g.Trouble, g.Tries, at(g.NextTry), at(g.EndedAt),
		ref(g.Sponsor), ref(g.SponsorAsked), at(g.GapUntil), at(g.Since), ref(g.SponsorWas), string(g.GapWhy), at(g.FrozenAt), ref(g.FrozenBy), g.Round, g.FreezeReason,
		string(g.Drift), string(g.EndsWhy)}
}
