package ui

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
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

// SponsorChoice is what a room asks where another sponsor is chosen, for a request or
// for its token. It is shown at the address to which it posts: field sponsor (Canvas
// user id); q filters the list, of an address or with do=find.
type SponsorChoice struct {
	Lead     template.HTML
	Post     string // an address
	Course   access.Course
	Teachers []authority.Teacher
	None     string // words in their place where there are none
	Keep     Way    // the way back, without another one
}

// ChooseSponsor shows a choice of a sponsor, and above it why the one who was chosen is
// refused: nil where it is asked for the first time. c is the case that it is about.
func (v *Visit) ChooseSponsor(refused error, chosen string, c *cases.Case, choice func(Shell) SponsorChoice) error {
	status := http.StatusOK
	if refused != nil {
		status = StatusOf(refused)
	}
	in := SponsorInput{Chosen: chosen, Query: cmp.Or(v.Query("q"), v.Posted("q"))}
	errors.As(refused, &in.Errors)
	return Show(v, status, PageSponsor, nil, func(sh Shell) SponsorPage {
		if why := access.WhyOf(refused); why != "" {
			sh.Banner = RefusedBanner(sh, why, c)
		}
		return NewSponsorPage(sh, choice(sh), in)
	})
}

// FindsSponsor reports whether a post of that page looks for somebody and names nobody.
func (v *Visit) FindsSponsor() bool { return v.R.PostForm.Get("do") == "find" }

// SponsorInput is what was chosen and looked for on the page, and what is wrong with it.
type SponsorInput struct {
	Chosen, Query string
	Errors        *access.FormError
}

// SponsorPage is the page to choose another sponsor.
type SponsorPage struct {
	Frame
	Lead   template.HTML
	Action string
	Choice *Choice
	None   string
	Do     Action
	Keep   Action
}

// NewSponsorPage is the page to choose another sponsor.
func NewSponsorPage(s Shell, q SponsorChoice, in SponsorInput) SponsorPage {
	p := SponsorPage{Frame: NewFrame(s, PageHome, s.T("choose.h1"), q.Post), Action: q.Post, Lead: q.Lead}
	p.SetErrors(in.Errors)
	if len(q.Teachers) == 0 {
		p.None = s.T(q.None)
	} else {
		c := TeacherChoice(s, "form.sponsor", q.Teachers, in.Chosen, in.Query, q.Course)
		c.Error, c.Hint = s.ErrorsOf(in.Errors)["sponsor"], s.H("form.sponsor_hint")
		if c.Find != nil {
			c.Find.Name = "q"
			c.Find.Button = s.Submit(Secondary, "words.find", "do", "find")
		}
		p.Choice = &c
	}
	p.Do = s.Submit(Primary, "choose.do", "do", "choose")
	p.Keep = s.GoTo(Secondary, q.Keep.Words, q.Keep.To)
	return p
}
