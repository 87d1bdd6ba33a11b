package access

import (
	"slices"
	"strings"
	"time"
)

// Via is how somebody reaches the desk.
type Via string

// The ways.
const (
	ViaLaunch   Via = "launch"   // a launch from Canvas
	ViaKey      Via = "key"      // an API key
	ViaOperator Via = "operator" // a command on the machine that runs the program
	ViaSystem   Via = "system"   // a timer or job of the program itself
)

// Door is the place in Canvas a launch came from. It decides which pages exist
// for it (docs/decisions.md 7), never what its person may do there.
type Door string

// The doors.
const (
	DoorCourse  Door = "course"
	DoorAccount Door = "account"
	DoorUser    Door = "user"
	// DoorNone: a launch through a real resource link, or one whose place is not
	// known. It may only read its own home page.
	DoorNone Door = "none"
)

// Scope is what an API key may do at most, whatever its issuer may.
type Scope string

// ScopeRemove lets a key take access away. No scope lets one give it: a decision
// needs a launch of now (docs/decisions.md 48).
const ScopeRemove Scope = "remove"

// Caller is who asks for something and how they came. Every verb takes one, and
// the same verb serves a page, a key, a command and a timer. The zero Caller may
// do nothing.
//
// What it says of rights is a first gate; Canvas is asked before one is used.
type Caller struct {
	Tenant TenantID `json:"tenant"`
	// Platform is the Canvas of the tenant that they came from; empty is the
	// tenant's first that is in use.
	Platform string `json:"platform"`
	// Via is set by whoever lets the caller in, and never read from what was stored.
	Via Via `json:"-"`

	Person     PersonID `json:"person"`      // who launched, or issued the key
	CanvasUser string   `json:"canvas_user"` // theirs, proven by API
	Name       string   `json:"name"`
	TimeZone   string   `json:"time_zone"` // in which they read and type dates
	// NoWrites, when not empty, is why they may only look.
	NoWrites Why `json:"no_writes,omitempty"`

	Launch           // zero unless Via is ViaLaunch
	Scopes   []Scope `json:"-"` // of the key; none unless Via is ViaKey
	Operator string  `json:"-"` // account on the machine; empty unless Via is ViaOperator
}

// Launch is what one launch established.
type Launch struct {
	LaunchedAt time.Time `json:"launched_at"` // when the tool received it
	Sub        string    `json:"sub"`
	Door       Door      `json:"door"`
	Course     Course    `json:"course"`
	Context    string    `json:"context,omitempty"` // LTI id of the course or account
	Learner    bool      `json:"learner"`           // membership role in Course
	Teacher    bool      `json:"teacher"`           // membership role in Course
	// Assistant: a TA in Course. Canvas launches them as teachers too.
	Assistant bool `json:"assistant,omitempty"`
	// RosterURL is where Canvas lists the people of Course; empty where the
	// launch gave none, or one of another host.
	RosterURL string `json:"roster_url,omitempty"`
	RootGate  bool   `json:"root_gate"` // the launch rules for admin pages hold
	// AccountRole: the launch names an administrator or site admin somewhere in
	// this Canvas. It only ever restricts.
	AccountRole bool `json:"account_role,omitempty"`
}

// SystemCaller is the program itself in a tenant.
func SystemCaller(tenant TenantID) Caller { return Caller{Tenant: tenant, Via: ViaSystem} }

// OperatorCaller is whoever runs a command, by the name of their account on the
// machine. They act on the tenant's first Canvas that is in use.
func OperatorCaller(tenant TenantID, account string) Caller {
	return Caller{Tenant: tenant, Via: ViaOperator, Operator: account}
}

// Actor is the caller as the lifecycle tables know them, before any right is read
// from Canvas.
func (c Caller) Actor() Actor {
	switch c.Via {
	case ViaLaunch:
		return Actor{Person: c.Person, LaunchedAt: c.LaunchedAt, NoWrites: c.NoWrites}
	case ViaKey:
		return Actor{Person: c.Person, NoWrites: WhyOf(c.MayRemove()), RemovesOnly: true}
	case ViaOperator:
		return Actor{Operator: c.Operator, RemovesOnly: true}
	case ViaSystem:
		return SystemActor
	}
	return Actor{NoWrites: WhyNotYours}
}

// ID is the caller's name in the audit log.
func (c Caller) ID() string { return c.Actor().ID() }

// MayWrite refuses a caller who may only look, and every way that may only take
// access away.
func (c Caller) MayWrite() error {
	switch {
	case c.Via != ViaLaunch && c.Via != ViaSystem:
		return Refuse(WhyNeedsLaunch)
	case c.NoWrites != "":
		return Refuse(c.NoWrites)
	}
	return nil
}

// MayRemove is MayWrite for taking access away, which a key with ScopeRemove and
// an operator may too.
func (c Caller) MayRemove() error {
	switch {
	case c.NoWrites != "":
		return Refuse(c.NoWrites)
	case c.Via == ViaKey && slices.Contains(c.Scopes, ScopeRemove), c.Via == ViaOperator:
		return nil
	}
	return c.MayWrite()
}

// Present refuses a launch of more than Freshness ago. Whoever runs a command is
// there now.
func (c Caller) Present(now time.Time) error {
	if c.Via == ViaOperator || c.Actor().Fresh(now) {
		return nil
	}
	return Refuse(WhyStale)
}

// Place is where a launch came from, told apart from others that stand beside it:
// a professor may have two courses open, an admin the root account, a sub-account,
// and a page of somebody they act as.
func (c Caller) Place() string {
	place := string(c.Door) + ":" + c.Context
	if c.NoWrites == WhyActing {
		place += ":acting"
	}
	return place
}

// The rights that a launch gives, as first gates.
const (
	RightLearner = "learner"
	RightTeacher = "teacher"
	RightRoot    = "root"
)

// Rights are what the launch gave, in one word each.
func (l Launch) Rights() string {
	var out []string
	for _, r := range []struct {
		name string
		has  bool
	}{{RightLearner, l.Learner}, {RightTeacher, l.Teacher}, {RightRoot, l.RootGate}} {
		if r.has {
			out = append(out, r.name)
		}
	}
	return strings.Join(out, " ")
}
