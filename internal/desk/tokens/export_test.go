// This file opens to the tests of this room what they reach into.

package tokens

import (
	"context"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

const (
	JobReconcile     = jobReconcile
	JobSetBack       = jobSetBack
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

func (ts *Tokens) BeginEndFrom(ctx context.Context, a access.Grant, b access.GrantMove, c map[string]string) (access.Grant, error) {
	return ts.beginEndFrom(ctx, a, b, c)
}

func (ts *Tokens) Compare(ctx context.Context, a desk.Canvas, b access.Grant, c canvas.Token, d []canvas.Token) error {
	return ts.compare(ctx, a, b, c, d)
}

func (ts *Tokens) ReconcileHandler(ctx context.Context, a jobs.Job) error {
	return ts.reconcileHandler(ctx, a)
}

func (ts *Tokens) RecordFreezeTry(ctx context.Context, a access.Grant) error {
	return ts.recordFreezeTry(ctx, a)
}

func (ts *Tokens) RecordTry(ctx context.Context, a access.Grant) error { return ts.recordTry(ctx, a) }

func (ts *Tokens) SetBack(ctx context.Context, a desk.Canvas, b access.Grant, c bool) (access.Drift, time.Time, error) {
	return ts.setBack(ctx, a, b, c)
}

func (ts *Tokens) Sweep(ctx context.Context, a desk.Canvas, b access.Grant) error {
	return ts.sweep(ctx, a, b)
}

func (ts *Tokens) TickGrants(ctx context.Context, a store.Tenant) error { return ts.tickGrants(ctx, a) }
