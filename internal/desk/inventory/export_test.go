// This file opens to the tests of this room what they reach into.

package inventory

import (
	"context"

	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
)

const (
	FailedSilent        = failedSilent
	InventoryRuns       = inventoryRuns
	JobFoundNotice      = jobFoundNotice
	JobInventory        = jobInventory
	JobOwners           = jobOwners
	MatchBatch          = matchBatch
	OverdueFor          = overdueFor
	OwnerBatch          = ownerBatch
	RetryFailed         = retryFailed
	StoppedAdoptOver    = stoppedAdoptOver
	StoppedAdoptPending = stoppedAdoptPending
	StoppedAdoptQuota   = stoppedAdoptQuota
	TroubleLimit        = troubleLimit
)

var (
	AdoptedID     = adoptedID
	InventoryData = inventoryData
	PollReport    = pollReport
)

type (
	InventoryRef = inventoryRef
	Owner        = owner
)

func (iv *Inventory) InventoryHandler(ctx context.Context, a jobs.Job) error {
	return iv.inventoryHandler(ctx, a)
}

func (iv *Inventory) NightlyHandler(ctx context.Context, a jobs.Job) error {
	return iv.nightlyHandler(ctx, a)
}

func (iv *Inventory) OwnersHandler(ctx context.Context, a jobs.Job) error {
	return iv.ownersHandler(ctx, a)
}

func (iv *Inventory) TickFound(ctx context.Context, a store.Tenant) error {
	return iv.tickFound(ctx, a)
}
