package massrevoke

// What tests of this room reach into.

import (
	"context"
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"time"
)

const (
	AssumedLatency = assumedLatency
	MassAhead      = massAhead
	MassAway       = massAway
	MassBatch      = massBatch
	MassBusy       = massBusy
	MassDeniedWait = massDeniedWait
	MassNet        = massNet
	MassNetSpread  = massNetSpread
	MassOwned      = massOwned
	OperatorHead   = operatorHead
)

var (
	MassDetail = massDetail
	Planned    = planned
)

type (
	MassRate    = massRate
	MassRef     = massRef
	MassTelling = massTelling
	MassWork    = massWork
)

func (x *massWork) Begin(a0 context.Context) (did bool, err error) { return x.begin(a0) }

func (x *massWork) End(a0 context.Context, a1 time.Time) (did bool, err error) { return x.end(a0, a1) }

func (x massRate) Estimate(a0 int, a1 int) time.Duration { return x.estimate(a0, a1) }

func (x *massWork) Finish(a0 context.Context, a1 store.MassCounts) error { return x.finish(a0, a1) }

func (x *massWork) Group(a0 context.Context, a1 []store.MassWork) error { return x.group(a0, a1) }

func (x *massWork) Lease(a0 context.Context) error { return x.lease(a0) }

func (mr *MassRevoke) MassHandler(a0 context.Context, a1 jobs.Job) error {
	return mr.massHandler(a0, a1)
}

func (mr *MassRevoke) BeginRun(a0 context.Context, a1 desk.Canvas, a2 access.Mass, a3 string, a4 string, a5 time.Duration) error {
	return mr.beginRun(a0, a1, a2, a3, a4, a5)
}

func (mr *MassRevoke) MassEvent(a0 access.Mass, a1 access.Mass, a2 string, a3 audit.Action) audit.Event {
	return mr.massEvent(a0, a1, a2, a3)
}

func (mr *MassRevoke) Work(a0 context.Context, a1 access.TenantID, a2 string, a3 time.Duration) (done bool, wait time.Duration, err error) {
	return mr.work(a0, a1, a2, a3)
}
