package web

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/workflow"
)

// Addresses that pages link to (GET) and post to, besides the obvious ones:
//
//	GET  /requests/req_…                      go on with a draft
//	POST /requests                            do=submit | draft | find; hidden draft (see FormInput)
//	POST /requests/keep                       the same fields, by the script; answered with NewKept
//	GET  /requests/{id}/withdraw, rescind, replace, discard   confirm pages; POST to the same address does it
//	GET  /requests/{id}/sponsor               choose another sponsor; POST: field sponsor, do=choose, or do=find with q
//	GET  /requests/{id}/collect               POST creates; POST …/collect/check asks Canvas again
//	GET  /requests/{id}/collect/status        poll; answered with NewCollectStatus
//	POST /requests/{id}/refile                answered with the form of the new draft
//	GET  /queue?status=&role=&maker=&ai=&q=&after=
//	GET  /tokens?status=&q=&ends_before=&after=
//	GET  /tokens/{id}/revoke                  confirm page; POST: field reason
//	GET  /tokens/{id}/leak                    confirm page; POST; POST …/leak/seen: field seen
//	GET  /tokens/{id}/freeze, thaw            confirm pages; POST to the same address, freeze with field reason
//	GET  /leaks?after=, /leaks/{id}           POST /leaks/check: field suspect; POST /leaks/{id}/clear: field reason
//
// {id} is the code of a numbered request, else its id.

// The pages that Renderer.Render knows by name. Each goes with the view that
// the constructor of the same subject returns; any other view is an error.
const (
	PageHome          = "home"
	PageForm          = "form"
	PageCase          = "case"
	PageConfirm       = "confirm"
	PageSponsor       = "sponsor"
	PageCollect       = "collect"
	PageCollectStatus = "collect_status" // fragment: the poll's answer
	PageKept          = "kept"           // fragment: the autosave's answer
	PageSponsorships  = "sponsorships"
	PageQueue         = "queue"
	PageTokens        = "tokens"
	PageToken         = "token"
	PageLeaks         = "leaks"
	PageLeak          = "leak"
	PageLeakReported  = "leak_reported"
	PageUnmanaged     = "unmanaged"
	PageFound         = "found"
	PagePick          = "pick"
	PageProblem       = "problem"
	PageLaunchFailed  = "launch_failed"
	PageStore         = "lti_store"
	PageProof         = "lti_proof"
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
	Nav     workflow.Nav
	Current string // PageHome, PageSponsorships, PageQueue or PageTokens; "" marks none
	Banner  *Banner
	// Asks marks a page that asks before something is done: a leak of some other
	// token does not stand between the question and its answer.
	Asks bool
	// Standing are notices that stay; the shell adds those that Session.NoWrites
	// and Nav.Trouble ask for, so callers rarely set it.
	Standing []Banner
	Now      time.Time
	P        *text.Printer
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

// FormInput is what the request form shows.
type FormInput struct {
	// Form as workflow.Form answered it, with Answers replaced by what was just
	// posted when the form comes back.
	Form   workflow.Form
	Errors *access.FormError
	// SavedAt is when this draft was just saved; zero says nothing.
	SavedAt time.Time
	// SponsorQuery filters the list of teachers (field sponsor_q, button
	// do=find; POST /requests with it shows the form again, unchecked).
	SponsorQuery string
}

// PanelInput is what somebody typed into the sponsor's or reviewer's panel,
// for showing it again. The zero value is an empty panel.
type PanelInput struct {
	// Do is the action that was pressed; it decides the words of error sentences.
	Do access.Action
	// End is the date as typed; Reason, Conditions, Alternative and AltText are
	// the fields reason, conditions, alternative and alternative_text.
	End, Reason, Conditions, Alternative, AltText string
	Errors                                        *access.FormError
}

// ConfirmInput is a question before something that cannot be undone.
// Do is access.Withdraw, Rescind, Replace, Discard or Revoke. GET
// /requests/{id}/{withdraw,rescind,replace,discard} and GET /tokens/{id}/revoke
// show it, and it posts to the same address with the field reason.
type ConfirmInput struct {
	Do     access.Action
	Case   workflow.Case
	Reason string // as typed
	Errors *access.FormError
}

// SponsorInput is the page to choose another sponsor. It posts field sponsor
// (Canvas user id) to /requests/{id}/sponsor; button do=find with field q shows
// the list again, filtered.
type SponsorInput struct {
	Case   workflow.CasePage
	Chosen string
	Query  string
	Errors *access.FormError
}

// ProblemKind picks the words of a page that says what stands in the way.
type ProblemKind string

// The problem pages.
const (
	ProblemForbidden ProblemKind = "forbidden" // 403; Why names the reason
	ProblemNotFound  ProblemKind = "not_found" // 404
	ProblemEnded     ProblemKind = "ended"     // 401: no session, or it ended
	ProblemConflict  ProblemKind = "conflict"  // 409 where no better page can say it
	ProblemTrouble   ProblemKind = "trouble"   // 5xx: our fault
	ProblemCanvas    ProblemKind = "canvas"    // Canvas did not answer what this page needs
	ProblemDatabase  ProblemKind = "database"  // our database does not answer
	ProblemBusy      ProblemKind = "busy"      // 429
	ProblemRequest   ProblemKind = "request"   // 400 and 413: a form the tool cannot read
)

// Echo is one field of the just-posted form, shown as text so that nothing
// typed is lost. Label is a message key; Value is as typed.
type Echo struct{ LabelID, Value string }

// ProblemInput is what a problem page says.
type ProblemInput struct {
	Kind ProblemKind
	Why  access.Why
	// Reference is the short number of the log line, for ProblemTrouble and
	// ProblemDatabase.
	Reference string
	// Echo is only what was just posted (docs/decisions.md 24), see EchoOf.
	Echo []Echo
	// SavedAt, when set, says that the text was kept then; SavedTitle names it.
	SavedAt    time.Time
	SavedTitle string
	// RetryAction and RetryFields make a "Try again" form of the same POST; a
	// retry never carries a secret. Empty: no button.
	RetryAction string
	RetryFields []RetryField
	// NothingChanged is set only where that is known.
	NothingChanged bool
}

// RetryField is one hidden field of the "Try again" form.
type RetryField struct{ Name, Value string }

// TokenSponsorInput is the page on which an owner names another sponsor for a
// token.
type TokenSponsorInput struct {
	Token    workflow.TokenPage
	Teachers []workflow.Teacher
	Chosen   string
	Query    string
	Errors   *access.FormError
}
