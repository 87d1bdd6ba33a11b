package access

import (
	"time"
)

// What one person may cause that costs others: messages, rows that stay, and
// questions to Canvas, whose rate limit is everybody's. Nothing that removes
// access is bounded.
const (
	// PaceWindow is the time in which MaxNamed and MaxBegun count, and in which
	// the same message to the same person says nothing new.
	PaceWindow = 24 * time.Hour
	MaxNamed   = 6  // different people asked to sponsor
	MaxBegun   = 40 // requests begun, thrown away or not

	// A check is what one press needs to know of Canvas, however many calls.
	CheckWindow     = time.Minute
	MaxChecks       = 10 // in CheckWindow
	MaxChecksAtOnce = 4

	// RefusalWindow is the time in which the same refused page is recorded once.
	RefusalWindow = time.Hour
)
