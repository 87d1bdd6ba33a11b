package ui

import (
	"html/template"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// endingSoon is how long before its end a token's badge says so.
const endingSoon = 14 * 24 * time.Hour

// StaleCheck is how old Canvas's last answer about a token may be before a page
// says that it is not known any better.
const StaleCheck = 24 * time.Hour

// GrantStatus is the status of a token.
func GrantStatus(s Shell, c cases.Case, v Viewer) Status {
	g := *c.Grant
	owner := s.PersonName(c, g.Owner)
	own := v == AsRequester
	switch g.State {
	case access.Minting:
		return Status{Badge: s.Badge("info", "creating"), Now: s.H("now.creating")}
	case access.Recovering:
		kind := "info"
		if !own {
			kind = "warn"
		}
		return Status{Badge: s.Badge(kind, "recovering"), Now: s.H("now.recovering")}
	case access.HandedOver:
		id := "now.handed_over_other"
		if own {
			id = "now.handed_over"
		}
		return flaggedStatus(s, Status{Badge: s.Badge("warn", "handed_over"), Now: s.H(id, "By", Until(g.ActivateBy), "Requester", Who(owner))}, c, own)
	case access.Active:
		return flaggedStatus(s, activeStatus(s, g), c, own)
	case access.Replacing:
		id := "now.replacing_other"
		if own {
			id = "now.replacing"
		}
		return Status{Badge: s.Badge("info", "replacing"), Now: s.H(id, "Requester", Who(owner), "By", Until(g.ActivateBy))}
	case access.Freezing:
		return Status{Badge: s.Badge("held", "freezing"), Now: s.H("now.freezing")}
	case access.Frozen:
		return frozenStatus(s, c, own)
	case access.Revoking:
		return revokingStatus(s, g, own)
	case access.Revoked:
		return revokedStatus(s, c)
	case access.Expired:
		return Status{Badge: s.Badge("quiet", "expired"), Now: endedWords(s, "now.expired", c)}
	case access.Unclaimed:
		return Status{Badge: s.Badge("quiet", "unclaimed"), Now: endedWords(s, "now.unclaimed", c)}
	case access.Void:
		return Status{Badge: s.Badge("quiet", "void"), Now: s.H("now.void")}
	}
	return Status{Badge: s.Badge("quiet", "unknown"), Now: s.H("now.unknown")}
}

// revokedStatus tells what ended by a decision from what ended in Canvas or gave
// way to its renewal: three different words.
func revokedStatus(s Shell, c cases.Case) Status {
	key := "revoked"
	switch c.Grant.Cause {
	case access.ByCanvas, access.BySuperseded:
		key = string(c.Grant.Cause)
	}
	return Status{Badge: s.Badge("quiet", key), Now: endedWords(s, "now."+key, c)}
}

func frozenStatus(s Shell, c cases.Case, own bool) Status {
	g := *c.Grant
	id := "now.frozen_other"
	if own {
		id = "now.frozen"
	}
	now := s.H(id, "Name", Who(s.PersonName(c, g.FrozenBy)), "When", Moment(g.FrozenAt), "Reason", g.FreezeReason)
	if one := g.FirstThaw(); one.Said() {
		now += " " + s.H("now.frozen_half", "Name", Who(s.PersonName(c, one.Person)))
	}
	return Status{Badge: s.Badge("held", "frozen"), Now: now}
}

func activeStatus(s Shell, g access.Grant) Status {
	end := g.EndsAt()
	used := lastUsedWords(s, g)
	switch {
	case end.IsZero():
		return Status{Badge: s.Badge("good", "active"), Now: s.H("now.active_no_end", "Used", used)}
	case !end.After(s.Now):
		return Status{Badge: s.Badge("warn", "ending"), Now: s.H("now.active_over", "End", Until(end))}
	case within(s, end, endingSoon):
		n := s.DaysUntil(end)
		b := s.Badge("warn", "ends_in", "Count", n)
		if n == 0 {
			b = s.Badge("warn", "ends_today")
		}
		return Status{Badge: b, Now: s.H("now.active_ending", "End", Until(end), "Used", used)}
	}
	return Status{Badge: s.Badge("good", "active"), Now: s.H("now.active", "End", Day(end), "Used", used)}
}

// flaggedStatus adds to the status of a token that works what else holds for it: it
// gives way to its renewal, has no sponsor, or was changed in Canvas.
func flaggedStatus(s Shell, st Status, c cases.Case, own bool) Status {
	g := *c.Grant
	if g.State == access.Active && g.EndsWhyNow() == access.ByCourse {
		st.Now += " " + s.H("now.ends_with_course")
	}
	if !g.RetireAt.IsZero() {
		return Status{Badge: s.Badge("info", "retiring"), Now: s.H("now.retiring", "When", Until(g.RetireAt))}
	}
	if r := c.Renewal; r != nil && r.State != access.Draft {
		st.Also = append(st.Also, s.Badge("info", "renewal"))
		st.Now += " " + s.H("now.renewal_"+map[bool]string{true: "approved", false: "open"}[r.State == access.Approved])
	}
	if !g.GapUntil.IsZero() {
		st.Also = append(st.Also, st.Badge)
		st.Badge = s.Badge("warn", "gap")
		since := g.GapUntil.Add(-c.Policy.Windows.SponsorGap)
		switch {
		case g.SponsorAsked != "":
			st.Now = s.H("now.gap_asked", "Name", Who(s.PersonName(c, g.SponsorAsked)), "By", Until(g.GapUntil))
		case own:
			st.Now = s.H("now.gap", "Since", Day(since), "By", Until(g.GapUntil))
		default:
			st.Now = s.H("now.gap_other", "Since", Day(since), "Requester", Who(s.PersonName(c, g.Owner)), "By", Until(g.GapUntil))
		}
	}
	if g.Drift != "" && s.Now.Sub(g.DriftAt) < access.DriftShown {
		b := "drift"
		if g.Drift == access.DriftMaybe {
			b = "drift_maybe"
		}
		st.Also = append(st.Also, s.Badge("warn", b))
		st.Now += " " + s.H("now.drift_"+string(g.Drift), "End", Day(g.EndsAt()))
	}
	return st
}

// TakeOverStatus is a token's status for who was asked to stand for it.
func TakeOverStatus(s Shell, c cases.Case) Status {
	return Status{Badge: s.Badge("warn", "your_answer"),
		Now: s.H("now.take_over", "Requester", Who(s.PersonName(c, c.Grant.Owner)), "By", Until(c.Grant.GapUntil))}
}

// lastUsedWords is the last use as Canvas told it, and how old that answer is when
// it is old.
func lastUsedWords(s Shell, g access.Grant) template.HTML {
	stale := !g.CheckedAt.IsZero() && s.Now.Sub(g.CheckedAt) > StaleCheck
	switch {
	case g.CheckedAt.IsZero() && g.LastUsedAt.IsZero():
		return s.H("used.unknown")
	case g.LastUsedAt.IsZero() && stale:
		return s.H("used.never_stale", "Checked", g.CheckedAt)
	case g.LastUsedAt.IsZero():
		return s.H("used.never")
	case stale:
		return s.H("used.at_stale", "When", g.LastUsedAt, "Checked", g.CheckedAt)
	}
	return s.H("used.at", "When", g.LastUsedAt)
}

// LastUsedCell is the same for a table's column, without the words before it.
func LastUsedCell(s Shell, g access.Grant) (value, small template.HTML) {
	switch {
	case !g.LastUsedAt.IsZero():
		value = s.WhenTag(g.LastUsedAt, false)
	case g.CheckedAt.IsZero():
		value = s.H("used.cell_unknown")
	default:
		value = s.H("used.cell_never")
	}
	if !g.CheckedAt.IsZero() && s.Now.Sub(g.CheckedAt) > StaleCheck && g.State.Live() {
		small = s.H("used.cell_stale", "Checked", g.CheckedAt)
	}
	return value, small
}

func revokingStatus(s Shell, g access.Grant, own bool) Status {
	if g.Cause == access.ByLeak && !g.Stuck(s.Now) {
		return Status{Badge: s.Badge("bad", "leak"), Now: s.H("now.leak")}
	}
	if !g.Stuck(s.Now) {
		return Status{Badge: s.Badge("warn", "revoking"), Now: s.H("now.revoking")}
	}
	b := s.Badge("bad", "stuck")
	b.Filled = !own
	args := []any{"Count", max(g.Tries, 1), "Since", g.RevokingAt, "Next", g.NextTry, "Cause", Word(TroubleWords(s, g.Trouble))}
	id := "now.stuck"
	if g.Trouble == "" {
		id = "now.stuck_no_cause"
	}
	now := s.H(id, args...)
	if g.NextTry.After(s.Now) {
		now += " " + s.H("now.stuck_next", args...)
	}
	if own {
		now += " " + s.H("now.stuck_self")
	}
	return Status{Badge: b, Now: now}
}

// endedWords says when the end was confirmed, and by what it came.
func endedWords(s Shell, id string, c cases.Case) template.HTML {
	g := *c.Grant
	out := s.H(id, "When", Moment(g.EndedAt))
	if cause := causeWords(s, c); cause != "" {
		out += " " + cause
	}
	return out
}

// causeWords says why a token was revoked, where its status does not.
func causeWords(s Shell, c cases.Case) template.HTML {
	g := *c.Grant
	if g.Cause.End() != access.Revoked || !slices.Contains(access.Causes(), g.Cause) || g.Cause == access.ByCanvas || g.Cause == access.BySuperseded {
		return ""
	}
	return s.H("cause."+string(g.Cause), "Name", Who(s.PersonName(c, g.EndedBy)))
}
