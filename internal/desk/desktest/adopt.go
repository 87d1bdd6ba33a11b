package desktest

import "github.com/tokendesk/tokendesk/internal/access"

// ApprovedKeep brings a request to keep a token to its approval, and runs the job.
func (r *Rig) ApprovedKeep(req access.Request) access.Request {
	r.T.Helper()
	if req.State == access.AwaitingSponsor {
		r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
	}
	r.Act(r.As("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
	r.Drain()
	return r.Request(req.ID)
}
