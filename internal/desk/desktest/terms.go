package desktest

import (
	"context"
	"errors"
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// TermsOf is what a form about an object carries of what somebody reads there now.
func (r *Rig) TermsOf(id string) string {
	r.T.Helper()
	read, err := storetest.Terms(context.Background(), r.Desk.Store, r.Tenant, id)
	if err != nil {
		r.T.Error(err)
	}
	return read
}

// TermsOfEach is what the form about several found tokens carries.
func (r *Rig) TermsOfEach(ids []string) map[string]string {
	r.T.Helper()
	out := map[string]string{}
	for _, id := range ids {
		out[id] = r.TermsOf(id)
	}
	return out
}

// Reread fails unless err says that exactly these parts are not what was read.
func (r *Rig) Reread(what string, err error, parts ...access.TermsPart) {
	r.T.Helper()
	var e *access.TermsError
	if !errors.As(err, &e) || !slices.Equal(e.Changed, parts) {
		r.T.Errorf("%s: %v, want a conflict about %v", what, err, parts)
	}
}
