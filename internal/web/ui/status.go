package ui

import (
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// Status is what a page says about where something stands: the badge, and the
// sentence that names who has it and what comes when. A sentence
// says only what the record holds.
type Status struct {
	Badge Badge
	Also  []Badge // flags beside the state
	Now   template.HTML
}

// Badges are all badges, the state first.
func (st Status) Badges() []Badge { return append([]Badge{st.Badge}, st.Also...) }

// Viewer is for whom a sentence is worded.
type Viewer int

// The viewers.
const (
	AsRequester Viewer = iota
	AsSponsor
	AsReviewer
)

// ViewerOf is the part in which the session's person sees a case: one's own
// first, then what one decides.
func ViewerOf(c cases.Case) Viewer {
	switch {
	case c.Own:
		return AsRequester
	case c.Sponsor:
		return AsSponsor
	}
	return AsReviewer
}

// Badge is a badge whose word is a message of the status.
func (s Shell) Badge(kind, id string, args ...any) Badge {
	return Badge{Kind: kind, Icon: iconOf(kind), Word: s.T("status."+id, args...)}
}

// RequestStatus is the status of a request.
func RequestStatus(s Shell, c cases.Case, v Viewer) Status {
	r := c.Request
	requester := s.PersonName(c, r.Requester)
	switch r.State {
	case access.Draft:
		return Status{Badge: s.Badge("quiet", "draft"), Now: s.H("now.draft")}
	case access.Discarded:
		return Status{Badge: s.Badge("quiet", "discarded"), Now: s.H("now.discarded")}
	case access.AwaitingSponsor:
		return awaitingSponsorStatus(s, c, v)
	case access.InReview:
		return inReviewStatus(s, c, v)
	case access.Approved:
		return approvedStatus(s, c, v)
	case access.Collecting:
		if c.Grant != nil && c.Grant.State == access.Recovering {
			kind := "info"
			if v != AsRequester {
				kind = "warn"
			}
			return Status{Badge: s.Badge(kind, "recovering"), Now: s.H("now.recovering")}
		}
		return Status{Badge: s.Badge("info", "creating"), Now: s.H("now.creating")}
	case access.Fulfilled:
		if r.Adopts != "" {
			return Status{Badge: s.Badge("good", "kept"), Now: s.H("now.kept")}
		}
		return Status{Badge: s.Badge("good", "fulfilled"), Now: s.H("now.fulfilled")}
	case access.SponsorDeclined:
		id := "now.sponsor_declined_other"
		if v == AsRequester {
			id = "now.sponsor_declined"
		}
		return Status{Badge: s.Badge("bad", "sponsor_declined"),
			Now: s.H(id, "Sponsor", Who(s.PersonName(c, r.Sponsor)), "Reason", r.Reason())}
	case access.Denied:
		return Status{Badge: s.Badge("bad", "denied"),
			Now: s.H("now.denied", "Decider", Who(s.PersonName(c, r.Refusal().Person)), "Reason", r.Reason()) + " " + alternativeWords(s, r, v, requester)}
	case access.Withdrawn:
		id := "now.withdrawn_other"
		if v == AsRequester {
			id = "now.withdrawn"
		}
		return Status{Badge: s.Badge("quiet", "withdrawn"), Now: s.H(id, "Requester", Who(requester), "When", r.ClosedAt)}
	case access.Lapsed:
		return Status{Badge: s.Badge("quiet", "lapsed"), Now: lapsedWords(s, c, v)}
	case access.Rescinded:
		id := "now.rescinded_other"
		if v == AsRequester {
			id = "now.rescinded"
		}
		return Status{Badge: s.Badge("bad", "rescinded"),
			Now: s.H(id, "Decider", Who(s.PersonName(c, r.EndedBy)), "Requester", requester, "Reason", r.Reason())}
	}
	return Status{Badge: s.Badge("quiet", "unknown"), Now: s.H("now.unknown")}
}

func alternativeWords(s Shell, r access.Request, v Viewer, requester string) template.HTML {
	id := "now.instead_other"
	if v == AsRequester {
		id = "now.instead"
	}
	no := r.Refusal()
	var what any = Word(s.ChoiceWord("alternative", no.Alternative))
	switch {
	case no.AltText != "":
		what = no.AltText
	case no.Alternative == "":
		return ""
	}
	return s.H(id, "What", what, "Requester", requester)
}

func awaitingSponsorStatus(s Shell, c cases.Case, v Viewer) Status {
	r := c.Request
	requester := s.PersonName(c, r.Requester)
	if r.Sponsor == "" {
		st := Status{Badge: s.Badge("warn", "sponsor_needed")}
		by := Until(r.SponsorDue)
		switch {
		case r.SponsorLost == "" && v == AsRequester:
			st.Now = s.H("now.sponsor_needed", "By", by)
		case r.SponsorLost == "":
			st.Now = s.H("now.sponsor_needed_other", "Requester", Who(requester), "By", by)
		case v == AsRequester:
			st.Now = s.H("now.sponsor_lost", "Sponsor", r.SponsorLost, "By", by)
		default:
			st.Now = s.H("now.sponsor_lost_other", "Sponsor", r.SponsorLost, "Requester", Who(requester), "By", by)
		}
		return st
	}
	if v == AsSponsor && (c.Can[access.Endorse] || c.Can[access.Decline]) {
		return Status{Badge: s.Badge("warn", "your_answer"), Now: s.H("now.your_answer", "Requester", Who(requester), "By", Until(r.SponsorDue))}
	}
	// A sponsor has the request from the moment they are named, and the time to
	// answer runs from there.
	since := r.SponsorDue.Add(-c.Policy.Windows.SponsorAnswer)
	return Status{Badge: s.Badge("info", "with_sponsor"),
		Now: s.H("now.with_sponsor", "Sponsor", Who(s.PersonName(c, r.Sponsor)), "Since", since, "By", Until(r.SponsorDue))}
}

// reviewing is who decides in review: its stage by name, else the Canvas team.
func reviewing(s Shell, c cases.Case) any {
	if stage, ok := c.Policy.Stage(c.Request.Stage); ok && stage.Name != "" {
		return stage.Name
	}
	return Word(s.Team())
}

func inReviewStatus(s Shell, c cases.Case, v Viewer) Status {
	r := c.Request
	st, claim := Status{Badge: s.Badge("info", "in_review")}, r.Claim()
	late := s.Now.After(r.ReviewDue) && !r.ReviewDue.IsZero()
	args := []any{"Team", reviewing(s, c), "By", Until(r.ReviewDue), "Reviewer", Who(s.PersonName(c, claim.Person)), "Since", claim.At}
	if v == AsReviewer {
		age, over := ReviewAge(s, c)
		if over {
			st.Also = append(st.Also, Badge{Kind: "bad", Icon: "triangle", Word: age})
		}
		id := "now.review_free"
		if claim.Person != "" {
			id = "now.review_held"
		}
		st.Now = s.H(id, append(args, "Age", Word(age))...)
		return st
	}
	id := "now.in_review"
	if claim.Person != "" {
		id = "now.looked_at"
	}
	if late {
		id += "_late"
	}
	st.Now = s.H(id, args...)
	return st
}

// ReviewAge is how far a review is in its target, in business days of the
// person's zone: "Day 2 of 5", or once the target is over "Overdue by 1 day"
// and true.
func ReviewAge(s Shell, c cases.Case) (string, bool) {
	r, zone, days, target := c.Request, s.P.Zone(), c.Policy.Calendar, c.Policy.Windows.ReviewDays
	if s.Now.After(r.ReviewDue) {
		over := days.Between(r.ReviewDue, s.Now, zone) - 1
		if over < 1 {
			return s.T("review.overdue"), true
		}
		return s.T("review.overdue_days", "Count", over), true
	}
	day := min(days.Between(r.ReviewSince, s.Now, zone), target)
	return s.T("review.day", "Day", day, "Target", target), false
}

func approvedStatus(s Shell, c cases.Case, v Viewer) Status {
	r := c.Request
	args := []any{"End", Day(r.End), "By", Until(r.CollectBy), "Requester", Who(s.PersonName(c, r.Requester))}
	if r.Adopts != "" {
		return Status{Badge: s.Badge("good", "approved_keep"), Now: s.H("now.approved_keep", args...)}
	}
	if g := c.Grant; g != nil && g.State == access.Void && g.Trouble != "" {
		st := Status{Badge: s.Badge("warn", "not_created")}
		if v == AsRequester {
			st.Now = s.H("now.not_created", append(args, "Cause", Word(TroubleWords(s, g.Trouble)))...)
		} else {
			st.Now = s.H("now.not_created_other", append(args, "Cause", Word(TroubleWords(s, g.Trouble)))...)
		}
		return st
	}
	if v == AsRequester {
		return Status{Badge: s.Badge("good", "approved"), Now: s.H("now.approved", args...)}
	}
	return Status{Badge: s.Badge("info", "approved_other"), Now: s.H("now.approved_other", args...)}
}

// lapsedWords tells whose time ran out: the collection's, if it had been approved,
// else the sponsor's answer.
func lapsedWords(s Shell, c cases.Case, v Viewer) template.HTML {
	r := c.Request
	if r.Adopts != "" && (c.Found == nil || c.Found.State.Final() || !r.CollectBy.IsZero() || !r.ReviewSince.IsZero()) {
		return s.H("now.lapsed_keep")
	}
	id, by := "now.lapsed_sponsor", r.SponsorDue
	if !r.CollectBy.IsZero() {
		id, by = "now.lapsed_collect", r.CollectBy
	}
	if v != AsRequester {
		id += "_other"
	}
	return s.H(id, "By", by, "Requester", Who(s.PersonName(c, r.Requester)))
}

// TroubleWords is a trouble with Canvas in plain words. Keys are the desk's, a
// number may follow behind a colon; one without words of its own gets general
// ones, never the key.
func TroubleWords(s Shell, key string) string {
	key, number, _ := strings.Cut(key, ":")
	days, err := strconv.Atoi(number)
	switch id := troubleKey(key); {
	case key == "mint.cap" && err == nil:
		return s.T("trouble.mint.cap_days", "Count", days)
	case s.P.Has(id):
		return s.T(id)
	}
	return s.T("trouble.mint.unclear")
}

func troubleKey(key string) string { return "trouble." + key }

// within reports whether t lies at most d ahead of now.
func within(s Shell, t time.Time, d time.Duration) bool {
	return t.After(s.Now) && t.Sub(s.Now) <= d
}
