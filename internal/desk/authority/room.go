// Package authority tells who somebody is and what they may, by their launch and by
// Canvas now: admission, the roster of a course, the enrolments, roles and rights
// that decisions rest on.
package authority

import (
	"context"
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Authority answers who somebody is and what they may.
type Authority struct {
	desk *desk.Desk
	// followMerge moves what belongs to a person whose Canvas account was merged
	// into another. It belongs to a room above (OnMerge).
	followMerge func(ctx context.Context, f desk.Canvas, p store.Person, into string) error
}

// New makes the room and registers its jobs.
func New(d *desk.Desk) *Authority {
	au := &Authority{desk: d}
	d.Records(audit.PersonLink)
	d.Handle(jobs.Long, map[string]jobs.Handler{JobAccounts: au.accountsHandler, JobRoles: au.rolesHandler})
	d.Repeat(jobs.Schedule{Kind: JobAccounts, Every: time.Hour})
	return au
}

// OnMerge has a launch that meets a merged account follow the merge first.
func (au *Authority) OnMerge(follow func(ctx context.Context, f desk.Canvas, p store.Person, into string) error) {
	au.followMerge = follow
}
