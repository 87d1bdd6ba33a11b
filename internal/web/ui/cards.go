package ui

import (
	"html/template"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// Subject is the line under the heading: “Attendance helper”, Maya Chen, BIO 201.
func Subject(s Shell, c cases.Case) template.HTML {
	r := c.Request
	args := []any{"Title", s.CaseTitle(c), "Name", s.PersonName(c, r.Requester), "Part", Word(s.Affiliation(r.Affiliation)), "Course", r.Course.Code}
	switch {
	case r.Affiliation == "" || r.Affiliation == policy.None:
		return s.H("case.subject_short", args...)
	case r.Course.Code == "":
		return s.H("case.subject_no_course", args...)
	}
	return s.H("case.subject", args...)
}

// Demote makes the primary one of several buttons an ordinary one.
func Demote(as []Action) {
	for i := range as {
		if as[i].Look == Primary {
			as[i].Look = Secondary
		}
	}
}

// BaseCard is what every card of a request has.
func BaseCard(s Shell, c cases.Case, st Status) Card {
	id := "c-" + c.Request.ID
	return Card{ID: id, Title: s.CaseTitle(c), Code: c.Request.Code(), Href: CasePath(c.Request, ""), Badges: st.Badges(), Now: st.Now}
}

// LeakAction leads to the page that asks before a leak is reported.
func LeakAction(s Shell, c cases.Case) Action {
	return s.GoTo(Secondary, "act.report_leak", GrantPath(c.Grant, "/leak"))
}

// SettingsURL is where Canvas shows people their own tokens.
func SettingsURL(s Shell) string { return s.Session.CanvasURL + "/profile/settings" }

// Activating is what a token's owner does once it was shown: switches it on in Canvas.
func Activating(s Shell, c cases.Case) []Action {
	return []Action{s.External(Primary, "act.activate", SettingsURL(s)), s.GoTo(Secondary, "act.steps", CasePath(c.Request, "/collect"))}
}

// HintFact is the characters of a token that Canvas goes on showing, if it shows any.
func HintFact(s Shell, hint string) []Fact {
	if hint == "" {
		return nil
	}
	return []Fact{s.Fact("fact.hint", s.Value(Code(hint+"…"), ""))}
}

// Renewing is what a token's owner can do about its end and its sponsor. first is
// the look of the most urgent of them.
func Renewing(s Shell, c cases.Case, first string) []Action {
	g := c.Grant
	var as []Action
	if c.Can[access.NameNext] {
		as = append(as, s.GoTo(first, "act.choose_sponsor", GrantPath(g, "/sponsor")))
		first = Secondary
	}
	switch {
	case c.Can[access.Renew] && c.Renewal != nil:
		as = append(as, s.GoTo(first, "act.renew_continue", CasePath(*c.Renewal, "")))
	case c.Can[access.Renew]:
		as = append(as, s.PostTo(first, "act.renew", GrantPath(g, "/renew")))
	case c.Renewal != nil:
		as = append(as, s.GoTo(Secondary, "act.renew_open", CasePath(*c.Renewal, "")))
	}
	return as
}

// Sponsoring is what a token's sponsor can do.
func Sponsoring(s Shell, c cases.Case) []Action {
	if !c.Can[access.EndSponsor] {
		return nil
	}
	return []Action{s.GoTo(Secondary, "act.end_sponsorship", GrantPath(c.Grant, "/end-sponsorship"))}
}

// LeavesRequest reports whether ending a sponsorship is about the request: no
// collection of its token has begun.
func LeavesRequest(c cases.Case) bool {
	return c.Can[access.EndSponsor] && (c.Request.State == access.InReview || c.Request.State == access.Approved)
}

// SponsorName is who stands for a token now.
func SponsorName(s Shell, c cases.Case) template.HTML {
	switch {
	case c.Grant.Sponsor != "":
		return s.Value(s.PersonName(c, c.Grant.Sponsor), "")
	case !c.Grant.GapUntil.IsZero():
		return s.H("col.sponsor_gone")
	}
	return ""
}
