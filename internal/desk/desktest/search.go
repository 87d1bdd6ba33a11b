package desktest

import (
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

// Sqlite is a fresh store on SQLite, for tests to which the engine makes no difference.
func Sqlite(t *testing.T) *store.Store {
	t.Helper()
	return storetest.Open(t)
}

// ActingBy has a launch be of somebody who acts as another person, by that id.
func ActingBy(id string) func(*lti.Launch) {
	return func(l *lti.Launch) {
		l.Custom[authority.CustomActing] = lti.CustomValue{Kind: lti.CustomText, Text: id}
	}
}

// Searched looks for a value in every table and every log line. Longer pieces
// of it count too.
func (r *Rig) Searched(value string) {
	r.T.Helper()
	if len(value) < 20 {
		r.T.Fatalf("%q is no token value", value)
	}
	piece := value[len(value)-20:]
	if strings.Contains(r.Logs.String(), piece) {
		r.T.Error("the value is in a log line")
	}
	storetest.Dump(r.T, r.Desk.Store, func(table, column, cell string) {
		if strings.Contains(cell, piece) {
			r.T.Errorf("the value is in %s.%s", table, column)
		}
	})
}
