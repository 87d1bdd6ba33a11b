package notices

// What tests of this room reach into.

import (
	"context"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

var (
	ReachedDay = reachedDay
)

type (
	UnknownEffect = unknownEffect
)

func (ns *Notices) NoticeHandler(a0 context.Context, a1 jobs.Job) error {
	return ns.noticeHandler(a0, a1)
}

func (ns *Notices) Remind(a0 context.Context, a1 store.Tenant) error { return ns.remind(a0, a1) }

func (ns *Notices) Reviewers(a0 context.Context, a1 desk.Canvas) ([]store.Person, error) {
	return ns.reviewers(a0, a1)
}
