// Package notices tells people what happened: who is told what, when, and how often.
// It is one place for requests and for grants.
package notices

import (
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
)

// JobDigest tells the reviewers what waits.
const JobDigest = "notice.reviewers"

// Notices is who is told what, when.
type Notices struct {
	desk  *desk.Desk
	rests notify.Rests // servers that take no letters now
}

// New makes the room and registers its jobs.
func New(d *desk.Desk) *Notices {
	ns := &Notices{desk: d}
	d.Records(audit.NoticeFailed)
	d.Handle(jobs.Letters, map[string]jobs.Handler{desk.JobNotice: ns.noticeHandler, JobDigest: ns.digestHandler})
	d.EveryMinute(ns.Remind)
	return ns
}
