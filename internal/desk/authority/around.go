package authority

import (
	"context"
	"slices"

	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// Around is what is known of the Canvases that are not switched off, for pages
// that belong to no session yet.
type Around struct {
	Frames []string // their origins
	// Only is the registration, where there is just one.
	Only lti.Registration
}

// Around reads the platforms.
func (au *Authority) Around(ctx context.Context) Around {
	var a Around
	var live []store.Platform
	err := au.desk.Store.Read(ctx, func(tx *store.Tx) error {
		ps, err := tx.Platforms()
		live = slices.DeleteFunc(ps, func(p store.Platform) bool { return p.Disabled })
		return err
	})
	if err != nil {
		au.desk.Log.ErrorContext(ctx, "the platforms' origins could not be read", "err", err)
	}
	for _, p := range live {
		a.Frames = append(a.Frames, p.CanvasURLs...)
	}
	if len(live) == 1 {
		a.Only = live[0].Registration
	}
	slices.Sort(a.Frames)
	a.Frames = slices.Compact(a.Frames)
	return a
}
