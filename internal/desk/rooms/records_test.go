package rooms_test

import (
	"slices"
	"testing"

	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
)

// outside are the audit actions that are no room's: of commands, of the tool's own
// keys, of a policy's versions and of migrations.
var outside = []audit.Action{audit.PlatformAdd, audit.PlatformChange, audit.KeyRotate, audit.PolicyPublish, audit.RequestMigrate}

// Every action of the audit log belongs to one room, or to nobody here.
func TestEveryActionHasARoom(t *testing.T) {
	t.Parallel()
	d := &desk.Desk{}
	rooms.New(d)
	all := append(d.Actions(), outside...)
	for _, a := range audit.Actions() {
		if n := len(slices.DeleteFunc(slices.Clone(all), func(b audit.Action) bool { return a != b })); n != 1 {
			t.Errorf("%s stands on %d lists", a, n)
		}
	}
	if len(all) != len(audit.Actions()) {
		t.Errorf("%d actions on lists, %d in the log", len(all), len(audit.Actions()))
	}
}

// A room that another room's action is given to does not come up.
func TestNoRoomTakesAnothersAction(t *testing.T) {
	t.Parallel()
	for _, a := range []audit.Action{audit.MassPlan, audit.Refused, "mass.sing"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was registered", a)
				}
			}()
			d := &desk.Desk{}
			rooms.New(d)
			d.Records(a)
		}()
	}
}
