package desktest

import (
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
)

// Gapped is Maya's token after Ana ended her sponsorship.
func (r *Rig) Gapped() (access.Grant, string) {
	r.T.Helper()
	g, value := r.Active()
	if _, err := r.Tokens.EndSponsorship(r.T.Context(), r.As("ana", access.DoorCourse), g.ID, ""); err != nil {
		r.T.Fatal(err)
	}
	return r.Grant(g.ID), value
}

// Helen becomes a second teacher of Maya's course.
func (r *Rig) Helen() access.Caller {
	r.T.Helper()
	r.W.Enroll("helen", "bio201", "TeacherEnrollment")
	s := r.As("helen", access.DoorCourse)
	return s
}

// Asked is Maya's token without a sponsor, and Helen asked to take over.
func (r *Rig) Asked() (access.Grant, access.Caller) {
	r.T.Helper()
	g, _ := r.Gapped()
	helen := r.Helen()
	if _, err := r.Tokens.NameSponsor(r.T.Context(), r.As("maya", access.DoorCourse), g.ID, r.W.User("helen").ID.String()); err != nil {
		r.T.Fatal(err)
	}
	return r.Grant(g.ID), helen
}

// Inbox counts the messages to a person whose subject contains part.
func (r *Rig) Inbox(key, part string) int {
	n := 0
	for _, m := range r.W.Inbox(r.W.User(key).Key) {
		if strings.Contains(m.Subject+m.Body, part) {
			n++
		}
	}
	return n
}
