package desktest

import (
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
)

// Tell has Dana tell the owners of found tokens, by their purposes.
func (r *Rig) Tell(purposes ...string) inventory.CampaignView {
	r.T.Helper()
	var ids []string
	for _, p := range purposes {
		ids = append(ids, r.The(p).ID)
	}
	c, err := r.Inventory.TellOwners(r.T.Context(), r.As("dana", access.DoorAccount), ids, r.Clock.Now().Add(BuiltIn.Windows.CampaignAnswer), "Ask me if in doubt.")
	if err != nil {
		r.T.Fatal(err)
	}
	r.Drain()
	return c
}

// Keeps is a person's request to keep a found token, sent.
func (r *Rig) Keeps(key, purpose string) access.Request {
	r.T.Helper()
	door := access.DoorCourse
	caller := r.As(key, door)
	d, err := r.Inventory.AskToKeep(r.T.Context(), caller, r.The(purpose).ID)
	if err != nil {
		r.T.Fatal(err)
	}
	a := r.Answers()
	if d.Answers.Text("end") != "" {
		a.Set("end", d.Answers.Text("end"))
	}
	req, err := r.Requests.Submit(r.T.Context(), caller, d.ID, a)
	if err != nil {
		r.T.Fatal(err)
	}
	return req
}
