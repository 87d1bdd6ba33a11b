package desktest

import (
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Person is somebody of the tool's, by the key of their account in Canvas.
func (r *Rig) Person(key string) store.Person {
	r.T.Helper()
	var p store.Person
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		var err error
		p, err = tx.PersonByCanvas(r.Tenant, r.W.User(key).ID.String())
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return p
}

// Followed follows a merge of somebody, as a look at them does it.
func (r *Rig) Followed(p store.Person, into string) error {
	r.T.Helper()
	f, err := r.Desk.CanvasOf(r.T.Context(), r.Tenant, "")
	if err != nil {
		r.T.Fatal(err)
	}
	return r.Eligibility.FollowPerson(r.T.Context(), f, p, r.W.User(into).ID.String())
}

// Details are what is told of each event of an action.
func (r *Rig) Details(do string) (out []map[string]string) {
	r.T.Helper()
	for _, e := range r.Events(audit.Action(do)) {
		d := map[string]string{}
		if e.Detail != nil {
			d = e.Detail.Data
		}
		out = append(out, d)
	}
	return out
}
