package workflow

import (
	"context"

	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// termsOf is what a form about an object carries of what somebody reads there now.
func (r *rig) termsOf(id string) string {
	r.t.Helper()
	read, err := storetest.Terms(context.Background(), r.Store, r.tenant, id)
	if err != nil {
		r.t.Error(err)
	}
	return read
}

// termsOfEach is what the form about several found tokens carries.
func (r *rig) termsOfEach(ids []string) map[string]string {
	r.t.Helper()
	out := map[string]string{}
	for _, id := range ids {
		out[id] = r.termsOf(id)
	}
	return out
}
