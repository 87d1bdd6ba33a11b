package store

import (
	"errors"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// Cursor is a place in a list, opaque text that may travel in a URL. It is
// valid for the query it came from; a forged or stale one is access.ErrInvalid
// or an empty page, never an error of the database.
type Cursor string

// Order is the order of a list. Ties are broken by id.
type Order string

// The orders.
const (
	Newest    Order = ""           // created last, first
	Updated   Order = "updated"    // changed last, first
	ReviewDue Order = "review_due" // requests: review target soonest, first; none last
	Ends      Order = "ends"       // grants: end soonest, first
	Due       Order = "due"        // grants: by the time that the query compares with, longest over, first; without places
)

// DueField names a time of a request that a query compares with.
type DueField string

// The times that can be due.
const (
	DueSponsor DueField = "sponsor_due"
	DueReview  DueField = "review_due"
	DueCollect DueField = "collect_by"
	DueClaim   DueField = "claimed_at"
	DueUpdate  DueField = "updated_at"
	DueEnd     DueField = "end"
)

// RequestQuery selects requests of one tenant. Fields left zero do not select.
type RequestQuery struct {
	Tenant      access.TenantID // required
	Requester   access.PersonID
	Sponsor     access.PersonID // named now
	States      []access.RequestState
	Affiliation policy.Affiliation
	Course      string // Canvas id
	Purpose     string
	Maker       string
	AI          string
	Renews      string // the grant whose renewal it asks for
	Adopts      string // the found token it asks to keep
	// PolicyVersion is the version that they are judged by.
	PolicyVersion int
	// Sponsored: true selects requests with a sponsor named now, false those without.
	Sponsored *bool
	// Search finds text, without regard to case, in the description, the maker,
	// the course, the code, and the names of requester and sponsor. Of less than
	// three characters, and of any length in a database without trigrams
	// (Store.Search), it finds a request by its number and people by how their name
	// begins.
	Search string
	// Many says that Search finds more than a page or two, as CountRequestsTo has told.
	// It changes how rows are found, never which.
	Many bool
	// DueField and DueBefore select requests whose time is set and before that.
	DueField  DueField
	DueBefore time.Time

	Order Order
	After Cursor // continue behind this place
	Limit int    // 0 means DefaultLimit; at most MaxLimit
}

// GrantQuery selects grants of one tenant. Fields left zero do not select.
type GrantQuery struct {
	Tenant     access.TenantID // required
	Owner      access.PersonID
	Sponsor    access.PersonID // stands for the token now, or was asked to take over
	Asked      access.PersonID // was asked to take over
	CanvasUser string
	// CanvasUsers selects the grants of any of these; at most MaxLimit.
	CanvasUsers []string
	RequestID   string
	States      []access.GrantState
	IDs         []string // at most MaxLimit; none at all, but not nil, selects nothing
	ItemOf      string   // the mass revocation that it is an item of
	Course      string   // Canvas id, of the request behind the grant
	Renews      string   // the grant it takes over from
	// Of the request behind the grant.
	Affiliation policy.Affiliation
	AI          string
	Company     string // the maker's whole name, without regard to case
	Vendor      string // part of the maker's name, without regard to case
	// SponsorCanvas is the Canvas user id of who stands for the token now.
	SponsorCanvas string
	// SponsorText finds what somebody typed: a Canvas id, or text as Search does, in
	// the sponsor's name.
	SponsorText string
	// IssuedBefore and UnusedSince select tokens that were made before that, and
	// that were neither used nor made since then.
	IssuedBefore, UnusedSince time.Time
	// Search finds text as RequestQuery.Search does, in the request, and in the
	// owner's name.
	Search string
	Many   bool // as that of RequestQuery
	// Each selects grants whose time is set and before that. EndsBefore looks at
	// access.Grant.EndsAt, CanvasEndBefore at CanvasEnd.
	EndsBefore, CanvasEndBefore, ActivateBefore, LeaseBefore, NextTryBefore, CheckedBefore, GapBefore, RetireBefore, RevokingBefore time.Time

	Order Order
	After Cursor
	Limit int
}

var errNoTenant = errors.New("a query needs a tenant")

// Limits of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)
