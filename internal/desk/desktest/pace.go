package desktest

import "github.com/tokendesk/tokendesk/internal/access"

// Unhurried lets the minute pass in which a person's checks of Canvas count.
func (r *Rig) Unhurried() { r.Clock.Advance(access.CheckWindow) }
