package ui

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/text"
)

// Pages by name: those that belong to no subject, and those that the navigation
// leads to. Each goes with the view that its room registers; any other is an error.
const (
	PageHome         = "home"
	PageConfirm      = "confirm"
	PageSponsor      = "sponsor"
	PageSponsorships = "sponsorships"
	PageQueue        = "queue"
	PageTokens       = "tokens"
	PageLeaks        = "leaks"
	PageUnmanaged    = "unmanaged"
	PageProblem      = "problem"
)

// BannerKind is how a banner looks and what its hidden prefix says.
type BannerKind string

// The kinds of banner.
const (
	BannerInfo BannerKind = "info"
	BannerGood BannerKind = "good"
	BannerWarn BannerKind = "warn"
	BannerBad  BannerKind = "bad"
)

// Banner is one message above a page: the result of a post, or a standing
// notice. ID is a message key of the catalogue and Args its values; times in
// Args are printed in the person's zone, strings are isolated and escaped.
type Banner struct {
	Kind BannerKind
	ID   string
	Args map[string]any
	// Text, when not empty, stands under the sentence in quotes, exactly as
	// somebody typed it (text kept after a lost race).
	Text string
	// ItemIDs are message keys of a list under the sentence.
	ItemIDs []string
	// Items are more of that list, ready to read.
	Items []string
	// Href and LinkID add one link; both or neither.
	Href, LinkID string
}

// Focus says where the keyboard goes when a page arrives.
type Focus string

// The places focus goes to. The zero Focus picks by content: error summary,
// else result banner, else h1.
const (
	FocusAuto   Focus = ""
	FocusH1     Focus = "h1"
	FocusBanner Focus = "result"
	FocusErrors Focus = "errors"
	FocusSave   Focus = "save-draft" // a draft was saved: on the button, where the answer stands
	FocusKeep   Focus = "keep"       // filter or sort: focus stays on the control
)

// Shell is what every page has around its content.
type Shell struct {
	// Session is read for name, course, door, locale, zone, contrast and brand;
	// HasSession is false on pages before or after one (launch failed, session
	// ended), where only its Locale and TimeZone may be set.
	Session    Session
	HasSession bool
	// Handle goes to <meta name="tool-session"> and the hidden field
	// tool_session of every POST form. It is never put into a URL.
	Handle  string
	Nav     cases.Nav
	Current string // the page that the navigation marks; "" marks none
	Banner  *Banner
	// Asks marks a page that asks before something is done: a leak of some other
	// token does not stand between the question and its answer.
	Asks bool
	// Lasting are banners that stay; the shell adds those that Session.NoWrites
	// and Nav.Trouble ask for, so callers rarely set it.
	Lasting []Banner
	Now     time.Time
	P       *text.Printer
	// Nonce is the CSP nonce of the one <style> that carries the brand.
	Nonce string
	// NewTabURL, when not empty, is the Canvas address that opens the tool in a
	// full window; the help line links to it.
	NewTabURL string
	Focus     Focus
	// Forget, on the first page after a launch that used the platform's storage,
	// is what lti.BrowserScript deletes there.
	Forget any
	// Words are the school's own names for its offices; empty ones are said by
	// the catalogue's.
	Words Words
}

// Words are the school's own names for its offices (docs/decisions.md 26).
type Words struct {
	CanvasTeam, SecurityOffice, Contact string
}
