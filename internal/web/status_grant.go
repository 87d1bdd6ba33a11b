package web

import (
	"html/template"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// endingSoon is how long before its end a token's badge says so.
const endingSoon = 14 * 24 * time.Hour

// staleCheck is how old Canvas's last answer about a token may be before a page
// says that it is not known any better.
const staleCheck = 24 * time.Hour

// grantStatus is the status of a token.
func (s Shell) grantStatus(c workflow.Case, v viewer) status {
	g := *c.Grant
	owner := s.name(c, g.Owner)
	own := v == asRequester
	switch g.State {
	case access.Minting:
		return status{Badge: s.badge("info", "creating"), Now: s.H("now.creating")}
	case access.Recovering:
		kind := "info"
		if !own {
			kind = "warn"
		}
		return status{Badge: s.badge(kind, "recovering"), Now: s.H("now.recovering")}
	case access.HandedOver:
		id := "now.handed_over_other"
		if own {
			id = "now.handed_over"
		}
		return s.flagged(status{Badge: s.badge("warn", "handed_over"), Now: s.H(id, "By", until(g.ActivateBy), "Requester", who(owner))}, c, own)
	case access.Active:
		return s.flagged(s.activeStatus(g), c, own)
	case access.Replacing:
		id := "now.replacing_other"
		if own {
			id = "now.replacing"
		}
		return status{Badge: s.badge("info", "replacing"), Now: s.H(id, "Requester", who(owner), "By", until(g.ActivateBy))}
	case access.Freezing:
		return status{Badge: s.badge("held", "freezing"), Now: s.H("now.freezing")}
	case access.Frozen:
		return s.frozenStatus(c, own)
	case access.Revoking:
		return s.revokingStatus(g, own)
	case access.Revoked:
		return s.revokedStatus(c)
	case access.Expired:
		return status{Badge: s.badge("quiet", "expired"), Now: s.ended("now.expired", c)}
	case access.Unclaimed:
		return status{Badge: s.badge("quiet", "unclaimed"), Now: s.ended("now.unclaimed", c)}
	case access.Void:
		return status{Badge: s.badge("quiet", "void"), Now: s.H("now.void")}
	}
	return status{Badge: s.badge("quiet", "unknown"), Now: s.H("now.unknown")}
}

// revokedStatus tells what ended by a decision from what ended in Canvas or gave
// way to its renewal: three different words.
func (s Shell) revokedStatus(c workflow.Case) status {
	key := "revoked"
	switch c.Grant.Cause {
	case access.ByCanvas, access.BySuperseded:
		key = string(c.Grant.Cause)
	}
	return status{Badge: s.badge("quiet", key), Now: s.ended("now."+key, c)}
}

func (s Shell) frozenStatus(c workflow.Case, own bool) status {
	g := *c.Grant
	id := "now.frozen_other"
	if own {
		id = "now.frozen"
	}
	now := s.H(id, "Name", who(s.name(c, g.FrozenBy)), "When", moment(g.FrozenAt), "Reason", g.FreezeReason)
	if one := g.FirstThaw(); one.Said() {
		now += " " + s.H("now.frozen_half", "Name", who(s.name(c, one.Person)))
	}
	return status{Badge: s.badge("held", "frozen"), Now: now}
}

func (s Shell) activeStatus(g access.Grant) status {
	end := g.EndsAt()
	used := s.lastUsed(g)
	switch {
	case end.IsZero():
		return status{Badge: s.badge("good", "active"), Now: s.H("now.active_no_end", "Used", used)}
	case !end.After(s.Now):
		return status{Badge: s.badge("warn", "ending"), Now: s.H("now.active_over", "End", until(end))}
	case s.within(end, endingSoon):
		n := s.daysUntil(end)
		b := s.badge("warn", "ends_in", "Count", n)
		if n == 0 {
			b = s.badge("warn", "ends_today")
		}
		return status{Badge: b, Now: s.H("now.active_ending", "End", until(end), "Used", used)}
	}
	return status{Badge: s.badge("good", "active"), Now: s.H("now.active", "End", day(end), "Used", used)}
}

// flagged adds to the status of a token that works what else holds for it: it
// gives way to its renewal, has no sponsor, or was changed in Canvas.
func (s Shell) flagged(st status, c workflow.Case, own bool) status {
	g := *c.Grant
	if g.State == access.Active && g.EndsWhyNow() == access.ByCourse {
		st.Now += " " + s.H("now.ends_with_course")
	}
	if !g.RetireAt.IsZero() {
		return status{Badge: s.badge("info", "retiring"), Now: s.H("now.retiring", "When", until(g.RetireAt))}
	}
	if r := c.Renewal; r != nil && r.State != access.Draft {
		st.Also = append(st.Also, s.badge("info", "renewal"))
		st.Now += " " + s.H("now.renewal_"+map[bool]string{true: "approved", false: "open"}[r.State == access.Approved])
	}
	if !g.GapUntil.IsZero() {
		st.Also = append(st.Also, st.Badge)
		st.Badge = s.badge("warn", "gap")
		since := g.GapUntil.Add(-c.Policy.Windows.SponsorGap)
		switch {
		case g.SponsorAsked != "":
			st.Now = s.H("now.gap_asked", "Name", who(s.name(c, g.SponsorAsked)), "By", until(g.GapUntil))
		case own:
			st.Now = s.H("now.gap", "Since", day(since), "By", until(g.GapUntil))
		default:
			st.Now = s.H("now.gap_other", "Since", day(since), "Requester", who(s.name(c, g.Owner)), "By", until(g.GapUntil))
		}
	}
	if g.Drift != "" && s.Now.Sub(g.DriftAt) < access.DriftShown {
		b := "drift"
		if g.Drift == access.DriftMaybe {
			b = "drift_maybe"
		}
		st.Also = append(st.Also, s.badge("warn", b))
		st.Now += " " + s.H("now.drift_"+string(g.Drift), "End", day(g.EndsAt()))
	}
	return st
}

// takeOverStatus is a token's status for who was asked to stand for it.
func (s Shell) takeOverStatus(c workflow.Case) status {
	return status{Badge: s.badge("warn", "your_answer"),
		Now: s.H("now.take_over", "Requester", who(s.name(c, c.Grant.Owner)), "By", until(c.Grant.GapUntil))}
}

// lastUsed is the last use as Canvas told it, and how old that answer is when
// it is old.
func (s Shell) lastUsed(g access.Grant) template.HTML {
	stale := !g.CheckedAt.IsZero() && s.Now.Sub(g.CheckedAt) > staleCheck
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

// lastUsedCell is the same for a table's column, without the words before it.
func (s Shell) lastUsedCell(g access.Grant) (value, small template.HTML) {
	switch {
	case !g.LastUsedAt.IsZero():
		value = s.whenTag(g.LastUsedAt, false)
	case g.CheckedAt.IsZero():
		value = s.H("used.cell_unknown")
	default:
		value = s.H("used.cell_never")
	}
	if !g.CheckedAt.IsZero() && s.Now.Sub(g.CheckedAt) > staleCheck && g.State.Live() {
		small = s.H("used.cell_stale", "Checked", g.CheckedAt)
	}
	return value, small
}

func (s Shell) revokingStatus(g access.Grant, own bool) status {
	if g.Cause == access.ByLeak && !g.Stuck(s.Now) {
		return status{Badge: s.badge("bad", "leak"), Now: s.H("now.leak")}
	}
	if !g.Stuck(s.Now) {
		return status{Badge: s.badge("warn", "revoking"), Now: s.H("now.revoking")}
	}
	b := s.badge("bad", "stuck")
	b.Filled = !own
	args := []any{"Count", max(g.Tries, 1), "Since", g.RevokingAt, "Next", g.NextTry, "Cause", word(s.trouble(g.Trouble))}
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
	return status{Badge: b, Now: now}
}

// ended says when the end was confirmed, and by what it came.
func (s Shell) ended(id string, c workflow.Case) template.HTML {
	g := *c.Grant
	out := s.H(id, "When", moment(g.EndedAt))
	if cause := s.cause(c); cause != "" {
		out += " " + cause
	}
	return out
}

func (s Shell) cause(c workflow.Case) template.HTML {
	switch g := *c.Grant; g.Cause {
	case access.ByOwner, access.BySponsor, access.ByReviewer:
		return s.H("cause."+string(g.Cause), "Name", who(s.name(c, g.EndedBy)))
	case access.ByMisuse:
		return s.H("cause.misuse", "Name", who(s.name(c, g.EndedBy)))
	case access.ByNoReplaced, access.ByFault, access.ByLeak, access.ByAltered, access.ByNoSponsor, access.ByOwnerLeft, access.ByCourse, access.ByMass, access.ByDuties:
		return s.H("cause." + string(g.Cause))
	}
	return ""
}
