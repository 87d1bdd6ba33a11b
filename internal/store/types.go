package store

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/lti"
)

// Tenant is one institution: one Canvas account with its own people, numbers,
// policy and audit chain.
type Tenant struct {
	ID             access.TenantID // ten_…
	Name           string
	PlatformGUID   string // tool_platform.guid, remembered at first use; empty until then
	CanvasAccount  string // Canvas id of the root account
	School         School
	LearnedCapDays int // longest life Canvas was seen to allow, in days; 0 while nothing was learned
	// PolicyVersion is the newest version of its policy. PublishPolicy alone writes it.
	PolicyVersion int
	Version       int
	CreatedAt     time.Time
}

// School holds the institution's own words and lists.
type School struct {
	CanvasTeam     string   `json:"canvas_team"`
	SecurityOffice string   `json:"security_office"`
	Contact        string   `json:"contact"`
	TimeZone       string   `json:"time_zone"` // IANA name
	RulesVersion   string   `json:"rules_version"`
	RulesDate      string   `json:"rules_date"`
	Rules          []string `json:"rules"` // the token rules, one sentence each

	// Lists of Canvas user ids.
	StaffList   []string `json:"staff_list"`
	Supervisors []string `json:"supervisors"`
	Exempt      []string `json:"exempt"`

	// NonAcademicAccounts are Canvas account ids whose courses count for nothing.
	NonAcademicAccounts []string `json:"non_academic_accounts"`
	// AcceptNoListing: the operator accepts minting where Canvas denies listing tokens.
	AcceptNoListing bool `json:"accept_no_listing"`
	// APIAdminOnly: the API alone may say who is an admin, because this Canvas
	// leaves the launch's permission list unexpanded.
	APIAdminOnly bool `json:"api_admin_only"`
}

// Platform is one registration of the tool in one Canvas, and the credential
// for that Canvas's API. Its ID is the Registration's.
type Platform struct {
	ID     string // plt_…
	Tenant access.TenantID
	Name   string // the operator's name for it; unique
	// Registration: what a launch is checked against. The store keeps its own
	// record of ID and, per tenant, of PlatformGUID.
	Registration lti.Registration
	CanvasURLs   []string // origins; the first is the REST API's
	AllowPrivate bool     // private network addresses are admitted
	Disabled     bool
	// Credential is the sealed credential for the API; never the plain one.
	Credential     []byte
	CredentialKind string
	CreatedAt      time.Time
}

// Person is a human being at one tenant.
type Person struct {
	ID         access.PersonID // per_…
	Tenant     access.TenantID
	CanvasUser string // Canvas user id, once it was proven by API; empty until then
	Name       string
	ShortName  string
	Locale     string
	TimeZone   string
	Email      string
	// MergedInto is the person this one was found to be; empty for most.
	MergedInto access.PersonID
	SeenAt     time.Time
	CreatedAt  time.Time
}

// Session is one browser session. The handle itself is never stored.
type Session struct {
	Hash       []byte // SHA-256 of the handle
	Tenant     access.TenantID
	Person     access.PersonID
	Platform   string // Platform.ID
	Place      string // where it was opened: see session.Record
	Rights     string // what its launch gave there
	Data       []byte // JSON
	CreatedAt  time.Time
	LaunchedAt time.Time
	SeenAt     time.Time
	IdleUntil  time.Time
	EndsAt     time.Time
	CookieSeen bool // the partitioned cookie came back at least once
}

// SavedText is what a person typed in a form and has not sent: one for each
// person, object and form.
type SavedText struct {
	Tenant    access.TenantID
	Person    access.PersonID
	Object    string // req_…, or "new"
	Form      string
	Data      []byte // JSON
	UpdatedAt time.Time
}

// ToolKey is one of the tool's own LTI signing keys.
type ToolKey struct {
	ID          string // the kid
	Sealed      []byte // wrapped private key
	CreatedAt   time.Time
	PublishedAt time.Time // since then in the tool's key set
	SignsFrom   time.Time
	RetiredAt   time.Time // zero while in use
}

// AuditEntry is an event with its details. Detail is nil where there were none
// (DetailSum is empty) or where they were erased (it is not).
type AuditEntry struct {
	Event  audit.Event
	Detail *audit.Detail
}
