package ui

import (
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
)

// manyTeachers is how many names a list shows before it gets a search field.
const manyTeachers = 8

// CourseName is a course as its people call it.
func (s Shell) CourseName(c access.Course) string {
	switch {
	case c.Code != "":
		return c.Code
	case c.Name != "":
		return c.Name
	}
	return s.T("words.your_course")
}

// TeacherChoice lists possible sponsors. A long list gets a search field; the
// chosen one always stays, on top.
func TeacherChoice(s Shell, label string, all []authority.Teacher, chosen, query string, course access.Course) Choice {
	c := Choice{ID: "f-sponsor", Name: "sponsor", Legend: s.T(label), Required: true, ErrorWord: s.T("words.error")}
	q := strings.ToLower(strings.TrimSpace(query))
	var top, rest []Option
	for _, t := range all {
		note := s.T("form.sponsor_teacher", "Course", s.CourseName(course))
		if t.Supervisor {
			note = s.T("form.sponsor_supervisor")
		}
		o := Option{ID: c.ID + "-" + t.CanvasUser, Value: t.CanvasUser, Label: t.Name, Note: note, Checked: t.CanvasUser == chosen && chosen != ""}
		switch {
		case o.Checked:
			top = append(top, o)
		case q == "" || strings.Contains(strings.ToLower(t.Name), q):
			rest = append(rest, o)
		}
	}
	c.Options = append(top, rest...)
	if len(c.Options) > 0 {
		c.Options[0].ID = c.ID
	}
	if len(all) > manyTeachers {
		c.Find = &finder{ID: "f-sponsor_q", Name: "sponsor_q", Label: s.T("form.sponsor_find"), Value: query,
			Count: s.T("form.sponsor_count", "Number", len(c.Options), "Count", len(all))}
	}
	return c
}
