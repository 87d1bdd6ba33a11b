package tokens

// What tests of this room reach into.

import (
	"context"
	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"time"
)

const (
	JobReconcile     = jobReconcile
	JobStray         = jobStray
	ReconcileLife    = reconcileLife
	ReconcileRetry   = reconcileRetry
	PollEvery        = pollEvery
	TroubleCap       = troubleCap
	TroubleDenied    = troubleDenied
	TroubleNoFreeze  = troubleNoFreeze
	TroubleNoListing = troubleNoListing
	TroubleOdd       = troubleOdd
	TroubleRefused   = troubleRefused
	WatchAgain       = watchAgain
	WatchClosely     = watchClosely
	WatchLater       = watchLater
)

type (
	ReconcileRef = reconcileRef
	StrayRef     = strayRef
)

func (ts *Tokens) BeginEndFrom(a0 context.Context, a1 access.Grant, a2 access.GrantMove, a3 map[string]string) (access.Grant, error) {
	return ts.beginEndFrom(a0, a1, a2, a3)
}

func (ts *Tokens) Compare(a0 context.Context, a1 desk.Canvas, a2 access.Grant, a3 canvas.Token, a4 []canvas.Token) error {
	return ts.compare(a0, a1, a2, a3, a4)
}

func (ts *Tokens) ReconcileHandler(a0 context.Context, a1 jobs.Job) error {
	return ts.reconcileHandler(a0, a1)
}

func (ts *Tokens) RecordFreezeTry(a0 context.Context, a1 access.Grant) error {
	return ts.recordFreezeTry(a0, a1)
}

func (ts *Tokens) RecordTry(a0 context.Context, a1 access.Grant) error { return ts.recordTry(a0, a1) }

func (ts *Tokens) SetBack(a0 context.Context, a1 desk.Canvas, a2 access.Grant, a3 bool) (access.Drift, time.Time, error) {
	return ts.setBack(a0, a1, a2, a3)
}

func (ts *Tokens) Sweep(a0 context.Context, a1 desk.Canvas, a2 access.Grant) error {
	return ts.sweep(a0, a1, a2)
}

func (ts *Tokens) TickGrants(a0 context.Context, a1 store.Tenant) error { return ts.tickGrants(a0, a1) }
