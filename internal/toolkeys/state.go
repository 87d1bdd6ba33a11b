package toolkeys

import (
	"context"
	"time"

	"github.com/tokendesk/tokendesk/internal/store"
)

// State is one of the tool's own signing keys, without the key.
type State struct {
	ID                              string
	CreatedAt, SignsFrom, RetiredAt time.Time
	Signs                           bool // it signs now
}

// States returns the tool's own signing keys, oldest first, also those that have
// ended and are not purged yet. It makes none. Where this master key does not open
// one that is published, it is an error.
func (k *Keys) States(ctx context.Context) ([]State, error) {
	rows, err := k.read(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	current, err := k.Current(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]State, len(rows))
	for i, r := range rows {
		out[i] = State{r.ID, r.CreatedAt, r.SignsFrom, r.RetiredAt, r.ID == current.ID}
	}
	return out, nil
}

func stateOf(r store.ToolKey) State {
	return State{ID: r.ID, CreatedAt: r.CreatedAt, SignsFrom: r.SignsFrom, RetiredAt: r.RetiredAt}
}
