// This file opens to the tests of this room what they reach into.

package massrevoke

import (
	"context"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

const (
	AssumedLatency = assumedLatency
	JobMass        = jobMass
	JobMassNotice  = jobMassNotice
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

func (w *massWork) Begin(ctx context.Context) (did bool, err error) { return w.begin(ctx) }

func (w *massWork) End(ctx context.Context, a time.Time) (did bool, err error) { return w.end(ctx, a) }

func (w massRate) Estimate(a int, b int) time.Duration { return w.estimate(a, b) }

func (w *massWork) Finish(ctx context.Context, a store.MassCounts) error { return w.finish(ctx, a) }

func (w *massWork) Group(ctx context.Context, a []store.MassWork) error { return w.group(ctx, a) }

func (w *massWork) Lease(ctx context.Context) error { return w.lease(ctx) }

func (mr *MassRevoke) MassHandler(ctx context.Context, a jobs.Job) error {
	return mr.massHandler(ctx, a)
}

func (mr *MassRevoke) BeginRun(ctx context.Context, a desk.Canvas, b access.Mass, c string, d string, e time.Duration) error {
	return mr.beginRun(ctx, a, b, c, d, e)
}

func (mr *MassRevoke) MassEvent(a access.Mass, b access.Mass, c string, d audit.Action) audit.Event {
	return mr.massEvent(a, b, c, d)
}

func (mr *MassRevoke) Work(ctx context.Context, a access.TenantID, b string, c time.Duration) (done bool, wait time.Duration, err error) {
	return mr.work(ctx, a, b, c)
}
