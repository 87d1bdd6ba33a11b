package ui

import (
	"net/url"

	"github.com/tokendesk/tokendesk/internal/access"
)

// SuspectField is the one form field that holds a token's value. No page, log,
// saved text or retry repeats it.
const SuspectField = "suspect"

// LeakPath is the address of a leak, or of rest below it.
func LeakPath(i access.Incident, rest string) string { return "/leaks/" + url.PathEscape(i.ID) + rest }
