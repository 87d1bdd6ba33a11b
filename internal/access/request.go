package access

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tokendesk/tokendesk/internal/policy"
)

// RequestState is where a request stands. Final states never change.
type RequestState string

// The states of a request.
const (
	Draft           RequestState = "draft"
	Discarded       RequestState = "discarded"
	AwaitingSponsor RequestState = "awaiting_sponsor"
	InReview        RequestState = "in_review"
	Approved        RequestState = "approved"
	Collecting      RequestState = "collecting"
	Fulfilled       RequestState = "fulfilled"
	SponsorDeclined RequestState = "sponsor_declined"
	Denied          RequestState = "denied"
	Withdrawn       RequestState = "withdrawn"
	Lapsed          RequestState = "lapsed"
	Rescinded       RequestState = "rescinded"
)

// RequestStates lists every state, in the order of a request's life.
var RequestStates = []RequestState{Draft, AwaitingSponsor, InReview, Approved, Collecting, Fulfilled,
	SponsorDeclined, Denied, Withdrawn, Lapsed, Rescinded, Discarded}

// Known reports whether s is a state at all.
func (s RequestState) Known() bool { return slices.Contains(RequestStates, s) }

// Final reports whether no move leaves s.
func (s RequestState) Final() bool {
	switch s {
	case Fulfilled, SponsorDeclined, Denied, Withdrawn, Lapsed, Rescinded, Discarded:
		return true
	}
	return false
}

// Open reports whether s counts towards the quota of open requests.
func (s RequestState) Open() bool { return !s.Final() && s != Draft }

// Request is one person's wish for one token, and the decision about it.
type Request struct {
	ID      string // req_…
	Tenant  TenantID
	Number  int // per tenant; Code shows it. 0 while a draft
	Version int
	State   RequestState

	Requester   PersonID
	Affiliation policy.Affiliation // as computed at submit
	Course      Course             // the course of the launch; zero for people without one
	Answers     Answers
	Sponsor     PersonID // the sponsor named now; empty when none is needed or the last one was lost
	SponsorLost string   // name of the sponsor who no longer qualifies, while another is sought

	// Stage is the stage of its policy's review that it stands in, from 1; 0 where
	// it stands in none.
	Stage int
	Round int   // of the votes that count; the next one where a decision begins anew
	Votes Votes // of all rounds

	PolicyVersion int
	RulesVersion  string // version of the rules text that was accepted

	Asked    time.Time       // end that was asked for
	End      time.Time       // end as it stands: asked, then shortened by sponsor or reviewer
	EndCause policy.EndCause // what limits a later date

	CreatedAt   time.Time
	UpdatedAt   time.Time
	SubmittedAt time.Time
	SponsorDue  time.Time // the sponsor's answer is due
	ReviewSince time.Time // this stage of the review began
	ReviewDue   time.Time // its target
	CollectBy   time.Time
	ClosedAt    time.Time
	EndedBy     PersonID // who took an approval back
	Remark      string   // what was written when it was taken back or sent back
	RefiledFrom string   // request this one starts again from

	Renews string    // the grant whose renewal this asks for
	Since  time.Time // for a renewal: when the first token of the chain was made
	Adopts string    // the found token this asks to keep
	// ReturnedWhy is what stood in the way of keeping that token when the request
	// was last sent back, a code; empty where something else sent it back.
	ReturnedWhy string
}

// AsSubmitted reports whether r still waits where its submission left it: with
// the sponsor that it named, or in the review that began with it. A claim moves
// nothing. w are the windows of its policy.
func (r Request) AsSubmitted(w policy.Windows) bool {
	switch r.State {
	case AwaitingSponsor:
		return r.Sponsor != "" && r.SponsorDue.Equal(r.SubmittedAt.Add(w.SponsorAnswer))
	case InReview:
		return r.Stage == 1 && !r.Endorsement().Said() && r.ReviewSince.Equal(r.SubmittedAt)
	}
	return false
}

// Code is the number people see, "REQ-0142". A draft has none.
func (r Request) Code() string {
	if r.Number == 0 {
		return ""
	}
	return fmt.Sprintf("REQ-%04d", r.Number)
}

// Title is a short name for the request: the beginning of what its author said
// they would build, cut at a word.
func (r Request) Title() string { return TitleOf(r.Answers.Text(policy.KeyBuild)) }

// TitleOf shortens a description to its first sentence or line, at most 60 runes.
func TitleOf(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		s = s[:i]
	}
	for _, stop := range []string{". ", "; ", ": "} {
		if i := strings.Index(s, stop); i >= 12 {
			s = s[:i]
		}
	}
	s = strings.TrimRight(strings.TrimSpace(s), ".;:")
	r := []rune(s)
	if len(r) <= 60 {
		return s
	}
	r = r[:60]
	if i := lastSpace(r); i > 30 {
		r = r[:i]
	}
	return strings.TrimRightFunc(string(r), unicode.IsPunct) + "…"
}

func lastSpace(r []rune) int {
	for i := len(r) - 1; i >= 0; i-- {
		if unicode.IsSpace(r[i]) {
			return i
		}
	}
	return -1
}

// Course is the Canvas course a request belongs to.
type Course struct {
	ID   string // Canvas id
	Name string
	Code string
}

// Alternatives are what a denial can offer instead: keys, whose English words are
// published in docs/form.md.
var Alternatives = []string{"export", "lti", "sandbox", "consultation", "other"}
