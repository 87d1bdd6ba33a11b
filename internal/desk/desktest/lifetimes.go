package desktest

import (
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

// Moment is the least time that a database tells apart.
const Moment = time.Microsecond

// TimeActs does what this minute brings, without the jobs that follow.
func (r *Rig) TimeActs() {
	r.T.Helper()
	r.Must(r.Desk.Handlers()[desk.JobTick].Do(r.T.Context(), jobs.Job{}))
}

// Claimed is a request in review that Dana has claimed.
func (r *Rig) Claimed() string {
	r.T.Helper()
	q := r.Submitted()
	r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	return r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Claim, access.Move{}).Request.ID
}

// Sorted is a sorted copy.
func Sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }
