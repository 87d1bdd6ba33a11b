package inventory

// What tests of this room reach into.

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

func (iv *Inventory) InventoryHandler(a0 context.Context, a1 jobs.Job) error {
	return iv.inventoryHandler(a0, a1)
}

func (iv *Inventory) NightlyHandler(a0 context.Context, a1 jobs.Job) error {
	return iv.nightlyHandler(a0, a1)
}

func (iv *Inventory) OwnersHandler(a0 context.Context, a1 jobs.Job) error {
	return iv.ownersHandler(a0, a1)
}

func (iv *Inventory) TickFound(a0 context.Context, a1 store.Tenant) error {
	return iv.tickFound(a0, a1)
}
