package ui

import (
	"html/template"
	"net/url"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// UnmanagedPath is the address of the list of tokens that the tool did not make.
const UnmanagedPath = "/unmanaged"

// FoundPath is the address of one of them, or of rest below it.
func FoundPath(f access.Found, rest string) string { return "/found/" + url.PathEscape(f.ID) + rest }

// FoundUsedAt says when it was last used, or that it never was.
func FoundUsedAt(s Shell, t time.Time) template.HTML {
	if t.IsZero() {
		return s.H("used.cell_never")
	}
	return s.WhenTag(t, false)
}

// FoundPurpose is what Canvas calls it.
func FoundPurpose(s Shell, f access.Found) string {
	if f.Purpose == "" {
		return s.T("words.untitled")
	}
	return f.Purpose
}

// FoundOwner is the name of whose it is.
func FoundOwner(s Shell, c cases.FoundCase) string {
	switch {
	case c.OwnerName != "":
		return c.OwnerName
	case c.Names[c.Owner] != "":
		return c.Names[c.Owner]
	}
	return s.T("words.somebody")
}

// FoundRole says that its owner has a role in an account, or nothing.
func FoundRole(s Shell, f access.Found) template.HTML {
	if f.AccountRole {
		return s.H("unmanaged.admin_owned")
	}
	return ""
}

// FoundStatus is the status of a token that the tool did not make.
func FoundStatus(s Shell, c cases.FoundCase) Status {
	f := c.Found
	name := func(p access.PersonID) Who {
		if n := c.Names[p]; n != "" {
			return Who(n)
		}
		return Who(s.T("words.somebody"))
	}
	one, two := f.Allowing()
	args := []any{"Owner", Who(FoundOwner(s, c)), "Found", f.FoundAt, "Told", f.ToldAt, "By", Until(f.DueAt), "Review", Day(f.ReviewAt), "Reason", one.Reason,
		"First", name(one.Person), "Second", name(two.Person), "Name", name(f.EndedBy), "When", Moment(f.EndedAt), "Count", max(f.Tries, 1), "Since", f.RemovingAt, "Next", f.NextTry}
	st := Status{Badge: s.Badge(foundKinds[f.State], "found_"+string(f.State)), Now: s.H("now.found_"+string(f.State), args...)}
	switch f.State {
	case access.FoundTold:
		switch {
		case c.Asked:
		case f.DueAt.Before(s.Now):
			st = Status{Badge: s.Badge("warn", "no_answer"), Now: s.H("now.no_answer", args...)}
		case c.Own:
			st = Status{Badge: s.Badge("warn", "your_answer"), Now: s.H("now.found_told_own", args...)}
		}
	case access.FoundRemoving:
		if f.Tries > 0 && f.NextTry.After(s.Now) {
			st.Now += " " + s.H("now.stuck_next", args...)
		}
	}
	if f.Trouble == "found.unproven" {
		st.Now += " " + s.H("now.found_unproven", "Seen", f.SeenAt)
	}
	if c.Asked && (f.State == access.FoundNew || f.State == access.FoundTold) {
		st.Also = append(st.Also, s.Badge("info", "asked_to_keep"))
		st.Now = s.H("now.asked_to_keep", append(args, "Code", Code(c.Request.Code()))...)
	}
	return st
}

// foundKinds are the looks of the badges.
var foundKinds = map[access.FoundState]string{
	access.FoundNew: "info", access.FoundTold: "info", access.FoundAllowing: "held", access.FoundAllowed: "held", access.FoundRemoving: "warn",
	access.FoundAdopted: "good", access.FoundRemoved: "quiet", access.FoundGone: "quiet",
}

// FoundFacts are what is known of a token that the tool did not make.
func FoundFacts(s Shell, f access.Found, owner string) []Fact {
	out := []Fact{s.Fact("fact.purpose", s.Value(FoundPurpose(s, f), ""))}
	if owner != "" {
		v := s.Value(owner, "")
		if role := FoundRole(s, f); role != "" {
			v += ", " + role
		}
		out = append(out, s.Fact("fact.owner", v))
	}
	ends := s.H("unmanaged.never_ends")
	if !f.NeverEnds() {
		ends = s.DayTag(f.Expires)
	}
	out = append(out, s.Fact("fact.ends", ends), s.Fact("fact.last_used", FoundUsedAt(s, f.LastUsedAt)))
	if !f.MadeAt.IsZero() {
		out = append(out, s.Fact("fact.made", s.DayTag(f.MadeAt)))
	}
	return append(out, HintFact(s, f.Hint)...)
}

// FoundActions are what its owner can do with a token; a reviewer removes it
// here too.
func FoundActions(s Shell, c cases.FoundCase, look string) []Action {
	var as []Action
	if c.Own && c.Can[access.AskToKeep] {
		id := "act.ask_to_keep"
		if c.Request != nil && c.Request.State == access.Draft {
			id = "home.continue"
		}
		as = append(as, s.PostTo(look, id, FoundPath(c.Found, "/keep")))
	}
	if c.Can[access.Remove] {
		as = append(as, s.GoTo(Danger, "act.remove_one", FoundPath(c.Found, "/remove")))
	}
	return as
}
