package desk

import (
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
)

// NewObject and FormRequest name the saved text of a request that is no draft yet.
const (
	NewObject   = "new"
	FormRequest = "request"
)

// OpenStates are those of a request that somebody still waits on.
var OpenStates = slices.DeleteFunc(slices.Clone(access.RequestStates), func(s access.RequestState) bool { return !s.Open() })

// LiveStates are those of a grant that has not ended.
var LiveStates = slices.DeleteFunc(slices.Clone(access.GrantStates), func(s access.GrantState) bool { return !s.Live() })

// GrantID keeps what was typed into an address from reaching the database.
func GrantID(id string) bool { return len(id) <= 40 && len(id) > 4 && id[:4] == "grt_" }
