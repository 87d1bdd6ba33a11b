package workflow

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// FoundCase is one token that the tool did not make, as a person sees it.
type FoundCase struct {
	access.Found
	Names map[access.PersonID]string
	// Own: it is the caller's token. Reviewer: they decide about it.
	Own, Reviewer bool
	Request       *access.Request // the last one that asks to keep it; another's draft is not shown
	Asked         bool            // that request is open
	Can           map[access.Action]bool
	Policy        policy.Policy // the newest, where Picked answers
}

// FoundPage is one found token opened.
type FoundPage struct {
	FoundCase
	Story []StoryStep
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
	Rows  []FoundCase
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
