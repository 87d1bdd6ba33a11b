package access

import (
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// FoundState is where a token stands that Canvas has and the tool did not make.
type FoundState string

// The states of a found token.
const (
	FoundNew      FoundState = "found"
	FoundTold     FoundState = "told"     // its owner was told, and by when to answer
	FoundAllowing FoundState = "allowing" // one person wants it on the allow-list
	FoundAllowed  FoundState = "allowed"  // on the allow-list until its review date
	FoundRemoving FoundState = "removing" // Canvas is asked to delete it; it may still work
	FoundAdopted  FoundState = "adopted"  // a grant keeps it now
	FoundRemoved  FoundState = "removed"
	FoundGone     FoundState = "gone" // Canvas has it no longer; somebody else ended it
)

// FoundStates lists every state, in the order of a found token's life.
var FoundStates = []FoundState{FoundNew, FoundTold, FoundAllowing, FoundAllowed, FoundRemoving, FoundAdopted, FoundRemoved, FoundGone}

// Known reports whether s is a state at all.
func (s FoundState) Known() bool { return slices.Contains(FoundStates, s) }

// Final reports whether no move leaves s.
func (s FoundState) Final() bool { return s == FoundAdopted || s == FoundRemoved || s == FoundGone }

// Found is a token in Canvas that no grant of this database is known by. It is
// known by its Canvas id, read from its owner's token list; a report's hint only
// leads there (docs/decisions.md 15). Nothing deletes it but a person's decision.
type Found struct {
	ID      string // fnd_…
	Tenant  TenantID
	Version int
	State   FoundState

	CanvasUser  string
	CanvasID    string
	Owner       PersonID // empty while the owner has not opened the tool
	OwnerName   string
	AccountRole bool   // the owner holds an account role
	Hint        string // confirms only
	Purpose     string // as written in Canvas
	// Marker is the grant that the purpose names, when it carries a marker of
	// the tool's that this database does not know (a restored backup, a copy).
	Marker     string
	MadeAt     time.Time // in Canvas; zero where Canvas does not tell
	Expires    time.Time // zero: never
	LastUsedAt time.Time

	FoundAt   time.Time
	SeenAt    time.Time // the last inventory that saw it
	UpdatedAt time.Time

	Campaign string // the campaign in which its owner was told
	ToldAt   time.Time
	DueAt    time.Time // the owner's answer is due

	RequestID string // the request that asks to keep it
	GrantID   string // the grant that adopted it

	Round    int       // of the votes that count for its allow-list entry
	Votes    Votes     // while it is to be allowed, or is
	ReviewAt time.Time // the entry's

	EndedBy    PersonID
	RemovingAt time.Time
	Tries      int
	NextTry    time.Time
	Trouble    string
	EndedAt    time.Time
}

// NeverEnds reports whether the token has no end in Canvas.
func (f Found) NeverEnds() bool { return f.Expires.IsZero() }

// The moves of a found token.
const (
	TellOwner Action = "tell_owner"
	AskToKeep Action = "ask_to_keep" // a request to keep it was begun
	Allow     Action = "allow"       // two people, one after the other
	Disallow  Action = "disallow"    // off the allow-list, or the first voice taken back
	Reopen    Action = "reopen"      // the allow-list entry's review date has passed
	Remove    Action = "remove"
	Vanish    Action = "vanish" // Canvas has it no longer
)

// foundRule is one row of a found token's lifecycle. AsRequester is its owner.
type foundRule struct {
	From  FoundState
	Do    Action
	As    Part
	To    FoundState
	Fresh bool
}

// foundLifecycle is the whole life of a found token. What is not here is forbidden.
var foundLifecycle = []foundRule{
	{FoundNew, TellOwner, AsReviewer, FoundTold, true},
	{FoundTold, TellOwner, AsReviewer, FoundTold, true},

	{FoundNew, AskToKeep, AsRequester, FoundNew, false},
	{FoundNew, AskToKeep, AsReviewer, FoundNew, true},
	{FoundTold, AskToKeep, AsRequester, FoundTold, false},
	{FoundTold, AskToKeep, AsReviewer, FoundTold, true},
	{FoundNew, Adopt, AsSystem, FoundAdopted, false},
	{FoundTold, Adopt, AsSystem, FoundAdopted, false},

	{FoundNew, Allow, AsReviewer, FoundAllowing, true},
	{FoundTold, Allow, AsReviewer, FoundAllowing, true},
	{FoundAllowing, Allow, AsReviewer, FoundAllowed, true},
	{FoundAllowing, Disallow, AsReviewer, FoundNew, false},
	{FoundAllowed, Disallow, AsReviewer, FoundNew, false},
	{FoundAllowed, Reopen, AsSystem, FoundNew, false},

	{FoundNew, Remove, AsRequester, FoundRemoving, false},
	{FoundNew, Remove, AsReviewer, FoundRemoving, false},
	{FoundTold, Remove, AsRequester, FoundRemoving, false},
	{FoundTold, Remove, AsReviewer, FoundRemoving, false},
	{FoundAllowing, Remove, AsRequester, FoundRemoving, false},
	{FoundAllowing, Remove, AsReviewer, FoundRemoving, false},
	{FoundAllowed, Remove, AsReviewer, FoundRemoving, false},
	{FoundRemoving, Gone, AsSystem, FoundRemoved, false},

	{FoundNew, Vanish, AsSystem, FoundGone, false},
	{FoundTold, Vanish, AsSystem, FoundGone, false},
	{FoundAllowing, Vanish, AsSystem, FoundGone, false},
	{FoundAllowed, Vanish, AsSystem, FoundGone, false},
}

// FoundMove is what a move of a found token carries.
type FoundMove struct {
	Policy    policy.Policy // the school's newest; for Allow
	Campaign  string
	DueAt     time.Time // TellOwner
	RequestID string    // AskToKeep
	GrantID   string    // Adopt
	ReviewAt  time.Time // Allow
	Reason    string    // Allow, Remove by a reviewer
}

// CanFound reports whether who could make the move now, for showing its button.
func CanFound(f Found, do Action, who Actor) bool {
	row, err := findFound(f, do, who)
	return err == nil && (row.Do != Allow || checkAllow(f, who) == nil)
}

func findFound(f Found, do Action, who Actor) (foundRule, error) {
	ps, only := who.parts()
	if !only && who.Person == f.Owner {
		ps = append(ps, AsRequester)
	}
	if !only && who.Reviewer {
		ps = append(ps, AsReviewer)
	}
	known := false
	for _, row := range foundLifecycle {
		if row.From != f.State || row.Do != do {
			continue
		}
		known = true
		if slices.Contains(ps, row.As) {
			return row, nil
		}
	}
	if known {
		return foundRule{}, Refuse(WhyNotYours)
	}
	return foundRule{}, &TransitionError{From: string(f.State), Action: do}
}

// checkAllow keeps the owner from allowing their own token, and the first voice
// from being the second one too.
func checkAllow(f Found, who Actor) error {
	switch {
	case who.Person == f.Owner:
		return Refuse(WhySelf)
	case f.Votes.spoke(f.Round, who.Person):
		return Refuse(WhySecondPerson)
	}
	return nil
}

// ApplyFound moves f. It refuses as Apply does: Allow to its owner (WhySelf) and
// a second time to the same person (WhySecondPerson), and without a reason and
// a review date within the policy's window; Remove by a reviewer without a reason.
func ApplyFound(f Found, do Action, who Actor, m FoundMove, now time.Time) (Found, error) {
	if err := who.writes(do); err != nil {
		return Found{}, err
	}
	row, err := findFound(f, do, who)
	if err != nil {
		return Found{}, err
	}
	if row.Fresh && !who.Fresh(now) {
		return Found{}, Refuse(WhyStale)
	}
	var form FormError
	switch {
	case do == Allow:
		if err := checkAllow(f, who); err != nil {
			return Found{}, err
		}
		if f.State == FoundAllowing {
			break // the second one agrees to what the first one wrote
		}
		if m.Reason == "" {
			form.Add("reason", "reason.allow", nil)
		}
		if m.Policy.Version == 0 {
			return Found{}, errNoPolicy
		}
		if last := now.Add(m.Policy.Windows.AllowList); !m.ReviewAt.After(now) || m.ReviewAt.After(last) {
			form.Add("review_at", "review_at.range", map[string]any{"Latest": last})
		}
	case do == Remove && row.As == AsReviewer && m.Reason == "":
		form.Add("reason", "reason.remove", nil)
	case do == TellOwner && !m.DueAt.After(now):
		form.Add("due_at", "due_at.past", nil)
	}
	if err := form.Err(); err != nil {
		return Found{}, err
	}
	f = changeFound(f, row, who, m, now)
	f.State, f.Version, f.UpdatedAt = row.To, f.Version+1, now
	return f, nil
}

func changeFound(f Found, row foundRule, who Actor, m FoundMove, now time.Time) Found {
	switch row.Do {
	case TellOwner:
		f.Campaign, f.ToldAt, f.DueAt = m.Campaign, now, m.DueAt
	case AskToKeep:
		f.RequestID = m.RequestID
	case Adopt:
		f.GrantID, f.EndedAt = m.GrantID, now
	case Allow:
		v := Vote{Round: f.Round, Stage: 1, Part: row.As, Person: who.Person, Verdict: Yes, At: now}
		if row.To == FoundAllowing {
			v.Reason, v.End, f.ReviewAt = m.Reason, m.ReviewAt, m.ReviewAt
		}
		f.Votes = f.Votes.with(v)
	case Disallow, Reopen:
		f.Round, f.Votes, f.ReviewAt = f.Round+1, nil, time.Time{}
	case Remove:
		f.EndedBy, f.RemovingAt, f.NextTry, f.Tries, f.Trouble = who.Person, now, now, 0, ""
	case Gone, Vanish:
		f.EndedAt, f.Trouble = now, ""
	}
	return f
}
