package inventory

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/desk/cases"
)

// FoundPage is one found token opened.
type FoundPage struct {
	cases.FoundCase
	Story []cases.StoryStep
}

// FoundFilter is the filter bar of Unmanaged tokens.
type FoundFilter struct {
	Status    string // an access.FoundState, or NoAnswer; "" = what waits for a decision
	Search    string
	NeverEnds bool
	Admins    bool
	After     string
}

// Unmanaged is one page of the tokens that the tool did not make.
type Unmanaged struct {
	Rows  []cases.FoundCase
	Total int
	From  int
	Next  string

	CheckedAt    time.Time // the last full check began; zero before the first
	Tokens, Ours int       // what it counted
	RunningSince time.Time // a check runs
	FailedAt     time.Time // a later check failed, because of Trouble
	Trouble      string    // a message key

	Campaigns []CampaignView
}

// CampaignView is one campaign and what became of it.
type CampaignView struct {
	ID        string
	StartedAt time.Time
	StartedBy string // name
	DueAt     time.Time
	People    int
	Told, Asked, Adopted, Allowed,
	Removed, Gone, Silent int
}
