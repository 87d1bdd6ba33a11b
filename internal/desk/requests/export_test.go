package requests

// What tests of this room reach into.

import (
	"context"
	"github.com/tokendesk/tokendesk/internal/store"
)

const (
	MaxKept  = maxKept
	TwinLife = twinLife
)

func (rq *Requests) TickRequests(a0 context.Context, a1 store.Tenant) error {
	return rq.tickRequests(a0, a1)
}
