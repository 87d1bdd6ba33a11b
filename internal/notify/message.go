// Package notify tells people what happened: it composes one message from plain
// facts, in the person's language, and sends it in several ways, to the Canvas
// inbox and by mail.
//
// A message is for one person and one step. It never holds a token's value:
// facts have no place for one, and text that looks like one is taken out.
package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is what a message is about.
type Kind string

// The closed list of kinds.
const (
	AskedToSponsor   Kind = "asked_to_sponsor"
	SponsorReminder  Kind = "sponsor_reminder"
	SponsorSaidYes   Kind = "sponsor_said_yes"
	SponsorSaidNo    Kind = "sponsor_said_no"
	SponsorNeeded    Kind = "sponsor_needed"
	SponsorLeft      Kind = "sponsor_left"      // who had endorsed a request takes that back
	ReviewersWaiting Kind = "reviewers_waiting" // a digest, never one per request
	Approved         Kind = "approved"
	CollectReminder  Kind = "collect_reminder"
	Denied           Kind = "denied"
	Rescinded        Kind = "rescinded"
	Withdrawn        Kind = "withdrawn"
	Lapsed           Kind = "lapsed"
	ActivateReminder Kind = "activate_reminder"
	NeverActivated   Kind = "never_activated"
	SharedAgain      Kind = "shared_again" // the reveal was tried again, or the token replaced
	EndingSoon       Kind = "ending_soon"
	Expired          Kind = "expired"
	Revoked          Kind = "revoked"
	SponsorGone      Kind = "sponsor_gone"       // a live token has nobody who stands for it
	AskedToTakeOver  Kind = "asked_to_take_over" // the owner of a live token names another sponsor
	TookOver         Kind = "took_over"
	TurnedDown       Kind = "turned_down"
	Retiring         Kind = "retiring"     // the renewed token works; the old one stops soon
	CourseOver       Kind = "course_over"  // the course ended, and the token ends after it
	StillUsable      Kind = "still_usable" // a revocation that Canvas does not confirm
	Drifted          Kind = "drifted"      // somebody moved its end in Canvas
	Altered          Kind = "altered"      // somebody changed its value or purpose in Canvas, so it was deleted

	FoundTold    Kind = "found_told"    // tokens of theirs were made outside the tool
	KeepProposed Kind = "keep_proposed" // a request to keep one was begun for them
	Adopted      Kind = "adopted"       // one is kept
	FoundRemoved Kind = "found_removed" // one was deleted
	FoundOverdue Kind = "found_overdue" // owners did not answer in time
	AllowOver    Kind = "allow_over"    // an allow-list entry's review date has passed
	LeakReported Kind = "leak_reported" // the token is not proven gone yet
	LeakOfEnded  Kind = "leak_of_ended" // of a token that had ended before
	LeakDeleted  Kind = "leak_deleted"  // the leaked token is proven gone
	LeakCleared  Kind = "leak_cleared"  // its owner may collect again
	Frozen       Kind = "frozen"        // stopped by a reviewer
	Thawed       Kind = "thawed"        // its owner makes the successor
	MassRevoked  Kind = "mass_revoked"  // all of a person's tokens in a mass revocation are gone
	MassDone     Kind = "mass_done"     // the report of a mass revocation
)

// Audience is the part that a person has in what happened. The same fact reads
// differently to each.
type Audience string

// The parts.
const (
	AsRequester Audience = "requester" // also the owner of a token
	AsSponsor   Audience = "sponsor"
	AsReviewer  Audience = "reviewer"
)

// Recipient is the person that a message is for. Name, address, locale and zone
// come from Canvas.
type Recipient struct {
	CanvasUserID string
	Name         string
	Email        string // "" when Canvas gives none: then there is no mail
	Locale       string
	TimeZone     string
	As           Audience
}

// Words are a text by the tag of its language. English is always there.
type Words map[string]string

// in is the text in a language, in its first subtag, or in English.
func (w Words) in(lang string) string {
	first, _, _ := strings.Cut(lang, "-")
	for _, tag := range []string{lang, first} {
		if s, ok := w[tag]; ok {
			return s
		}
	}
	return w["en"]
}

// Facts is the plain data of one message. Which of it a message needs depends
// on its kind; Compose refuses when something is lacking.
type Facts struct {
	// Occasion names the step that is told, the same each time the step is
	// told again: "req_…/4". It makes the message's Key.
	Occasion string
	Now      time.Time

	Code, Title string // REQ-0142 and the words beside it
	Requester   string // names, as Canvas gives them
	Sponsor     string
	By          string   // who decided or acted; "" when a rule did
	ByOwner     bool     // the owner of the token acted
	Course      string   // BIO 201; "" for a sponsor who is a listed supervisor
	DataKinds   []string // which data the token will touch: choices of the form
	// DataWords are the words of those choices that a school added.
	DataWords map[string]Words
	// DataUntold: nobody had to say which data, and nobody did.
	DataUntold bool

	Reason      string // written by a person, quoted
	Alternative string // what to do instead, written by a person, quoted
	// ReasonRemoved and AlternativeRemoved: it was written and erased since. The
	// letter says so in its place.
	ReasonRemoved, AlternativeRemoved bool
	// AlternativeKind is the choice that was offered instead; "" or "other"
	// leaves it to Alternative.
	AlternativeKind string

	AnswerBy   time.Time
	ReviewBy   time.Time
	CollectBy  time.Time
	ActivateBy time.Time
	EndsAt     time.Time
	LastUsedAt time.Time // zero: not used yet
	At         time.Time // when it happened
	Days       int       // EndingSoon: days to the end

	Waiting, Overdue int          // ReviewersWaiting: how many
	Rows             []WaitingRow // and some of them

	Tokens, People int // MassRevoked, MassDone: how many tokens, of how many people
	Before         int // MassDone: tokens that had ended before their turn

	NotCollected bool // Lapsed: approved, but not collected
	Listed       bool // StillUsable: Canvas was read and still lists the token
	Replaced     bool // SharedAgain: the token was replaced
	// Case chooses the words of a kind that has several where no other fact
	// does: a drift, or what a token ended by.
	Case string
	Kept bool // the request asks to keep a token that exists

	// Link leads to Tokendesk in Canvas, SettingsLink to the person's settings
	// in Canvas. Neither may carry a session.
	Link, SettingsLink string

	Team    string // the school's name for the people who decide; "" = Canvas team
	Office  string // the school's name for its security office; "" = security office
	Contact string // whom to ask; "" = nobody is named
}

// WaitingRow is one request in a digest.
type WaitingRow struct {
	Code, Title string
	Days        int
	Overdue     bool
}

// Message is what is sent to one person, the same by every way.
type Message struct {
	// Key names step and person. It is the same each time the message is made,
	// so that a repeat is recognised.
	Key     string
	Kind    Kind
	To      Recipient
	Subject string
	Text    string
	HTML    string
	Link    string
	ICS     []byte // a calendar file, or nil
	// Resend tells a way that this message may have been sent before, so that
	// it looks first where it can.
	Resend bool
}

// Reference is a short name of the message that stands at its end. It is made
// from the Key.
func (m Message) Reference() string { return reference(m.Key) }

func reference(key string) string { return "n-" + digest(key)[:16] }

// digest is a fixed name for a key in places with little room and few letters.
func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// Way is one way to send messages.
type Way interface {
	// Name is a short word for it, such as "inbox" or "mail", for logs and audit.
	Name() string
	// Server names what the messages of a platform go to by this way. Those of
	// two platforms with the same name fare alike.
	Server(platform string) string
	// Send sends the message. It may have been sent although Send returns an
	// error; try again with Resend set. With Permanent(err) trying again is of
	// no use.
	Send(ctx context.Context, m Message) error
}

// ErrNoAddress is returned by a Way for a person that it cannot reach: no mail
// address, no Canvas id. It is permanent.
var ErrNoAddress = errors.New("the person has no address for this way")

// permanentError marks an error as permanent.
type permanentError struct{ err error }

func (e permanentError) Error() string { return e.err.Error() }
func (e permanentError) Unwrap() error { return e.err }

func permanent(format string, args ...any) error { return permanentError{fmt.Errorf(format, args...)} }

// Permanent reports whether sending the same message again cannot succeed: the
// person cannot be reached this way, or the far side refuses this message. An
// error of credentials, settings or network is not permanent: people mend those
// and the message goes out after.
func Permanent(err error) bool {
	_, ok := errors.AsType[permanentError](err)
	return ok
}
