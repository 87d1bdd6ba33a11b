package canvastest

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// ID is a Canvas id: 64 bits, and for a person of another shard larger than a
// JavaScript number can hold.
type ID int64

// String returns the id in decimal digits.
func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// Enrollment types as Canvas names them in its REST answers.
const (
	StudentEnrollment     = "StudentEnrollment"
	TeacherEnrollment     = "TeacherEnrollment"
	TaEnrollment          = "TaEnrollment"
	DesignerEnrollment    = "DesignerEnrollment"
	ObserverEnrollment    = "ObserverEnrollment"
	StudentViewEnrollment = "StudentViewEnrollment"
)

// AccountMembership is the base type of every account (admin) role.
const AccountMembership = "AccountMembership"

// States used in the model, in Canvas's spelling.
const (
	StateActive    = "active"
	StateInvited   = "invited"
	StateInactive  = "inactive"
	StateCompleted = "completed"
	StateRejected  = "rejected"
	StateDeleted   = "deleted"
	StatePending   = "pending"
	StateSuspended = "suspended"
	StateAvailable = "available"
)

// Account is an account of Canvas: the root account (the institution), a
// sub-account below it, or the vendor's Site Admin account.
type Account struct {
	Key       string
	ID        ID
	ParentID  ID // 0 for the root and for Site Admin
	Name      string
	SISID     string
	UUID      string
	ContextID string // 40 hex digits, the LTI context id
	GUID      string // tool_platform.guid; root account only
	SiteAdmin bool
	State     string
}

// Role is an account role or a course role, built in or custom.
type Role struct {
	Key         string
	ID          ID
	AccountID   ID
	Name        string // "AccountAdmin"; custom roles carry their label
	Label       string // "Account Admin"
	BaseType    string // AccountMembership or an enrollment type
	BuiltIn     bool
	State       string // "built_in", "active" or "inactive"
	Permissions map[string]bool
}

// Admin is one row of an account's admins: a user holding a role there.
type Admin struct {
	ID        ID
	AccountID ID
	UserID    ID
	RoleID    ID
	State     string // "active" or "deleted"
}

// PastIdentity is an older identity of a merged user, kept by Canvas per
// context: a launch in ContextID still shows the old LTI id.
type PastIdentity struct {
	ContextID string // 40 hex digits of a course or account
	LTIID     string
	LTI11ID   string
	UUID      string
}

// User is a person known to Canvas.
type User struct {
	Key          string
	ID           ID
	Name         string
	SortableName string
	ShortName    string
	GivenName    string
	FamilyName   string
	Pronouns     string // optional
	Email        string
	Locale       string
	TimeZone     string // IANA name
	UUID         string
	LTIID        string // UUIDv4, the LTI 1.3 sub
	LTI11ID      string // 40 hex digits, the LTI 1.1 opaque id
	State        string // "registered" or "deleted"
	MergedInto   ID
	Past         []PastIdentity
	Observes     []ID
	TestStudent  bool
	// SecretShard, if not 0, is put before a "~" at the start of every token
	// made for this user, as hosted Canvas does.
	SecretShard int
	CreatedAt   time.Time
}

// Login (Canvas: pseudonym) is a way to sign in. A user without an active one
// cannot sign in, and the user's tokens do not authenticate.
type Login struct {
	ID            ID
	UserID        ID
	AccountID     ID
	UniqueID      string
	SISID         string // optional
	IntegrationID string // optional
	Provider      string // authentication provider, "canvas" or "saml"
	State         string // "active", "suspended" or "deleted"
}

// Term is an enrollment term; zero times mean "none".
type Term struct {
	Key   string
	ID    ID
	Name  string
	SISID string
	Start time.Time
	End   time.Time
}

// Course is a course; zero times mean "none".
type Course struct {
	Key                   string
	ID                    ID
	AccountID             ID
	TermID                ID
	Name                  string
	Code                  string
	SISID                 string
	UUID                  string
	ContextID             string // 40 hex digits, the LTI context id
	Start                 time.Time
	End                   time.Time
	RestrictToCourseDates bool   // restrict_enrollments_to_course_dates
	State                 string // unpublished, available, completed, deleted
	Public                bool   // readable without signing in
}

// Section is a section of a course.
type Section struct {
	ID       ID
	CourseID ID
	Name     string
	SISID    string
}

// Enrollment ties a user to a section of a course. RoleID names the role the
// person holds; Type is that role's base type.
type Enrollment struct {
	ID        ID
	UserID    ID
	CourseID  ID
	SectionID ID
	Type      string
	RoleID    ID
	State     string // active, invited, inactive, completed, rejected, deleted
	Observed  ID     // associated_user_id of an ObserverEnrollment
	CreatedAt time.Time
	UpdatedAt time.Time
}

// World is everything this Canvas knows. One mutex guards all of it; exported
// methods lock it and return copies, methods whose name ends in Locked need it
// held.
type World struct {
	// Clock is this Canvas's time. It has its own lock.
	Clock *Clock

	mu            sync.Mutex
	era           Era
	flags         Flags
	shard         int
	nextID        map[string]ID
	accounts      table[Account]
	roles         table[Role]
	admins        table[Admin]
	users         table[User]
	logins        table[Login]
	terms         table[Term]
	courses       table[Course]
	sections      table[Section]
	enrollments   table[Enrollment]
	tokens        table[Token]
	conversations table[conversation]
	reports       table[report]
	reportFails   bool
	reportStream  func(io.Writer) error
	oauth         table[oauthGrant]
	notices       []Notice
	tokenMAC      []byte // keys the digest that stands for a token's secret
	serviceToken  string
}

// idStarts keeps ids of each kind apart and far from small integers, so that
// a client that guesses, adds or confuses ids is found out.
var idStarts = map[string]ID{
	"account": 1_000_417, "role": 30_211, "admin": 5_520_911, "user": 48_210_733,
	"login": 61_004_207, "term": 20_931, "course": 7_318_824, "section": 9_105_330,
	"enrollment": 310_884_117, "conversation": 88_400_219, "message": 192_007_450,
	"report": 640_113, "file": 55_019_004, "batch": 71_344, "tool": 214_866,
}

// NewWorld returns a Canvas with a Site Admin account, the built-in roles and
// nothing else. A nil clock follows the real time.
func NewWorld(clock *Clock) *World {
	if clock == nil {
		clock = NewClock()
	}
	w := &World{
		Clock:    clock,
		era:      EraCurrent,
		flags:    DefaultFlags(EraCurrent),
		shard:    17,
		nextID:   map[string]ID{},
		tokenMAC: randomBytes(32),
	}
	for kind, start := range idStarts {
		w.nextID[kind] = start
	}
	// Token ids follow the time so that a kept database of an earlier run
	// never meets the same id with another token behind it.
	w.nextID["token"] = ID(clock.Now().UnixMilli())
	return w
}

func (w *World) newIDLocked(kind string) ID {
	id := w.nextID[kind]
	if id == 0 {
		panic("canvastest: no id sequence for " + kind)
	}
	w.nextID[kind] = id + 37
	return id
}

// User returns the user with this key ("maya"). It panics for an unknown key,
// which is a mistake in the calling test.
func (w *World) User(key string) User {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *must(w.userByKeyLocked(key), "user", key)
}

// Account returns the account with this key ("root"); it panics like User.
func (w *World) Account(key string) Account {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *must(w.accountByKeyLocked(key), "account", key)
}

// Course returns the course with this key ("bio201"); it panics like User.
func (w *World) Course(key string) Course {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *must(w.courseByKeyLocked(key), "course", key)
}

// Term returns the term with this key ("current"); it panics like User.
func (w *World) Term(key string) Term {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *must(w.terms.find(func(t *Term) bool { return t.Key == key }), "term", key)
}

// Role returns the role with this key ("account-admin"); it panics like User.
func (w *World) Role(key string) Role {
	w.mu.Lock()
	defer w.mu.Unlock()
	return copyRole(must(w.roleByKeyLocked(key), "role", key))
}

// UserByID returns the user with this id, or false.
func (w *World) UserByID(id ID) (User, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u := w.users.get(id); u != nil {
		return *u, true
	}
	return User{}, false
}

// Users returns every user, deleted and merged ones too, in order of creation.
func (w *World) Users() []User {
	w.mu.Lock()
	defer w.mu.Unlock()
	return values(&w.users)
}

// Courses returns every course in order of creation.
func (w *World) Courses() []Course {
	w.mu.Lock()
	defer w.mu.Unlock()
	return values(&w.courses)
}

// Accounts returns every account in order of creation.
func (w *World) Accounts() []Account {
	w.mu.Lock()
	defer w.mu.Unlock()
	return values(&w.accounts)
}

func values[T any](t *table[T]) []T {
	rows := make([]T, 0, len(t.order))
	for row := range t.all {
		rows = append(rows, *row)
	}
	return rows
}

func must[T any](row *T, kind, key string) *T {
	if row == nil {
		panic(fmt.Sprintf("canvastest: no %s with key %q", kind, key))
	}
	return row
}

func (w *World) userByKeyLocked(key string) *User {
	return w.users.find(func(u *User) bool { return u.Key == key })
}

func (w *World) accountByKeyLocked(key string) *Account {
	return w.accounts.find(func(a *Account) bool { return a.Key == key })
}

func (w *World) courseByKeyLocked(key string) *Course {
	return w.courses.find(func(c *Course) bool { return c.Key == key })
}

func (w *World) roleByKeyLocked(key string) *Role {
	return w.roles.find(func(r *Role) bool { return r.Key == key })
}

func copyRole(r *Role) Role {
	c := *r
	c.Permissions = make(map[string]bool, len(r.Permissions))
	for name, on := range r.Permissions {
		c.Permissions[name] = on
	}
	return c
}
