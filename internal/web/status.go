package web

import (
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// status is what a page says about where something stands: the badge, and the
// sentence that names who has it and what comes when. A sentence
// says only what the record holds.
type status struct {
	Badge badge
	Also  []badge // flags beside the state
	Now   template.HTML
}

// Badges are all badges, the state first.
func (st status) Badges() []badge { return append([]badge{st.Badge}, st.Also...) }

// viewer is for whom a sentence is worded.
type viewer int

const (
	asRequester viewer = iota
	asSponsor
	asReviewer
)

// viewerOf is the part in which the session's person sees a case: one's own
// first, then what one decides.
func viewerOf(c workflow.Case) viewer {
	switch {
	case c.Own:
		return asRequester
	case c.Sponsor:
		return asSponsor
	}
	return asReviewer
}

func (s Shell) badge(kind, id string, args ...any) badge {
	return badge{Kind: kind, Icon: iconOf(kind), Word: s.T("status."+id, args...)}
}

// requestStatus is the status of a request.
func (s Shell) requestStatus(c workflow.Case, v viewer) status {
	r := c.Request
	requester := s.name(c, r.Requester)
	switch r.State {
	case access.Draft:
		return status{Badge: s.badge("quiet", "draft"), Now: s.H("now.draft")}
	case access.Discarded:
		return status{Badge: s.badge("quiet", "discarded"), Now: s.H("now.discarded")}
	case access.AwaitingSponsor:
		return s.awaitingSponsor(c, v)
	case access.InReview:
		return s.awaitingReview(c, v)
	case access.Approved:
		return s.approved(c, v)
	case access.Collecting:
		if c.Grant != nil && c.Grant.State == access.Recovering {
			kind := "info"
			if v != asRequester {
				kind = "warn"
			}
			return status{Badge: s.badge(kind, "recovering"), Now: s.H("now.recovering")}
		}
		return status{Badge: s.badge("info", "creating"), Now: s.H("now.creating")}
	case access.Fulfilled:
		if r.Adopts != "" {
			return status{Badge: s.badge("good", "kept"), Now: s.H("now.kept")}
		}
		return status{Badge: s.badge("good", "fulfilled"), Now: s.H("now.fulfilled")}
	case access.SponsorDeclined:
		id := "now.sponsor_declined_other"
		if v == asRequester {
			id = "now.sponsor_declined"
		}
		return status{Badge: s.badge("bad", "sponsor_declined"),
			Now: s.H(id, "Sponsor", who(s.name(c, r.Sponsor)), "Reason", r.Reason())}
	case access.Denied:
		return status{Badge: s.badge("bad", "denied"),
			Now: s.H("now.denied", "Decider", who(s.name(c, r.Refusal().Person)), "Reason", r.Reason()) + " " + s.alternative(r, v, requester)}
	case access.Withdrawn:
		id := "now.withdrawn_other"
		if v == asRequester {
			id = "now.withdrawn"
		}
		return status{Badge: s.badge("quiet", "withdrawn"), Now: s.H(id, "Requester", who(requester), "When", r.ClosedAt)}
	case access.Lapsed:
		return status{Badge: s.badge("quiet", "lapsed"), Now: s.lapsed(c, v)}
	case access.Rescinded:
		id := "now.rescinded_other"
		if v == asRequester {
			id = "now.rescinded"
		}
		return status{Badge: s.badge("bad", "rescinded"),
			Now: s.H(id, "Decider", who(s.name(c, r.EndedBy)), "Requester", requester, "Reason", r.Reason())}
	}
	return status{Badge: s.badge("quiet", "unknown"), Now: s.H("now.unknown")}
}

func (s Shell) alternative(r access.Request, v viewer, requester string) template.HTML {
	id := "now.instead_other"
	if v == asRequester {
		id = "now.instead"
	}
	no := r.Refusal()
	var what any = word(s.choiceWord("alternative", no.Alternative))
	switch {
	case no.AltText != "":
		what = no.AltText
	case no.Alternative == "":
		return ""
	}
	return s.H(id, "What", what, "Requester", requester)
}

func (s Shell) awaitingSponsor(c workflow.Case, v viewer) status {
	r := c.Request
	requester := s.name(c, r.Requester)
	if r.Sponsor == "" {
		st := status{Badge: s.badge("warn", "sponsor_needed")}
		by := until(r.SponsorDue)
		switch {
		case r.SponsorLost == "" && v == asRequester:
			st.Now = s.H("now.sponsor_needed", "By", by)
		case r.SponsorLost == "":
			st.Now = s.H("now.sponsor_needed_other", "Requester", who(requester), "By", by)
		case v == asRequester:
			st.Now = s.H("now.sponsor_lost", "Sponsor", r.SponsorLost, "By", by)
		default:
			st.Now = s.H("now.sponsor_lost_other", "Sponsor", r.SponsorLost, "Requester", who(requester), "By", by)
		}
		return st
	}
	if v == asSponsor && (c.Can[access.Endorse] || c.Can[access.Decline]) {
		return status{Badge: s.badge("warn", "your_answer"), Now: s.H("now.your_answer", "Requester", who(requester), "By", until(r.SponsorDue))}
	}
	// A sponsor has the request from the moment they are named, and the time to
	// answer runs from there.
	since := r.SponsorDue.Add(-c.Policy.Windows.SponsorAnswer)
	return status{Badge: s.badge("info", "with_sponsor"),
		Now: s.H("now.with_sponsor", "Sponsor", who(s.name(c, r.Sponsor)), "Since", since, "By", until(r.SponsorDue))}
}

// reviewing is who decides in review: its stage by name, else the Canvas team.
func reviewing(s Shell, c workflow.Case) any {
	if stage, ok := c.Policy.Stage(c.Request.Stage); ok && stage.Name != "" {
		return stage.Name
	}
	return word(s.team())
}

func (s Shell) awaitingReview(c workflow.Case, v viewer) status {
	r := c.Request
	st, claim := status{Badge: s.badge("info", "in_review")}, r.Claim()
	late := s.Now.After(r.ReviewDue) && !r.ReviewDue.IsZero()
	args := []any{"Team", reviewing(s, c), "By", until(r.ReviewDue), "Reviewer", who(s.name(c, claim.Person)), "Since", claim.At}
	if v == asReviewer {
		age, over := s.reviewAge(c)
		if over {
			st.Also = append(st.Also, badge{Kind: "bad", Icon: "triangle", Word: age})
		}
		id := "now.review_free"
		if claim.Person != "" {
			id = "now.review_held"
		}
		st.Now = s.H(id, append(args, "Age", word(age))...)
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

// reviewAge is how far a review is in its target, in business days of the
// person's zone: "Day 2 of 5", or once the target is over "Overdue by 1 day"
// and true.
func (s Shell) reviewAge(c workflow.Case) (string, bool) {
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

func (s Shell) approved(c workflow.Case, v viewer) status {
	r := c.Request
	args := []any{"End", day(r.End), "By", until(r.CollectBy), "Requester", who(s.name(c, r.Requester))}
	if r.Adopts != "" {
		return status{Badge: s.badge("good", "approved_keep"), Now: s.H("now.approved_keep", args...)}
	}
	if g := c.Grant; g != nil && g.State == access.Void && g.Trouble != "" {
		st := status{Badge: s.badge("warn", "not_created")}
		if v == asRequester {
			st.Now = s.H("now.not_created", append(args, "Cause", word(s.trouble(g.Trouble)))...)
		} else {
			st.Now = s.H("now.not_created_other", append(args, "Cause", word(s.trouble(g.Trouble)))...)
		}
		return st
	}
	if v == asRequester {
		return status{Badge: s.badge("good", "approved"), Now: s.H("now.approved", args...)}
	}
	return status{Badge: s.badge("info", "approved_other"), Now: s.H("now.approved_other", args...)}
}

// lapsed tells whose time ran out: the collection's, if it had been approved,
// else the sponsor's answer.
func (s Shell) lapsed(c workflow.Case, v viewer) template.HTML {
	r := c.Request
	if r.Adopts != "" && (c.Found == nil || c.Found.State.Final() || !r.CollectBy.IsZero() || !r.ReviewSince.IsZero()) {
		return s.H("now.lapsed_keep")
	}
	id, by := "now.lapsed_sponsor", r.SponsorDue
	if !r.CollectBy.IsZero() {
		id, by = "now.lapsed_collect", r.CollectBy
	}
	if v != asRequester {
		id += "_other"
	}
	return s.H(id, "By", by, "Requester", who(s.name(c, r.Requester)))
}

// trouble is a trouble with Canvas in plain words. Keys are the workflow's, a
// number may follow behind a colon; one without words of its own gets general
// ones, never the key.
func (s Shell) trouble(key string) string {
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
func (s Shell) within(t time.Time, d time.Duration) bool {
	return t.After(s.Now) && t.Sub(s.Now) <= d
}
