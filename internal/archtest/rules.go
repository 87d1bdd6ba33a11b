package archtest

import "slices"

// Module is the path of the module that the rules speak about.
const Module = "github.com/tokendesk/tokendesk"

// Third-party modules by the name that the table uses.
const (
	jwx      = "github.com/lestrrat-go/jwx/v3"
	gin      = "github.com/gin-gonic/gin"
	gorm     = "gorm.io"
	goose    = "github.com/pressly/goose/v3"
	pgx      = "github.com/jackc/pgx/v5"
	sqlite   = "github.com/glebarez/sqlite"
	gosqlite = "github.com/glebarez/go-sqlite" // the driver below it
	modernc  = "modernc.org/sqlite"
	sessions = "github.com/gorilla/sessions"
	i18n     = "github.com/nicksnyder/go-i18n/v2"
	toml     = "github.com/pelletier/go-toml/v2"
	xtext    = "golang.org/x/text"
	xsync    = "golang.org/x/sync"
	gomail   = "github.com/wneessen/go-mail"
	lru      = "github.com/hashicorp/golang-lru/v2"
	xhtml    = "golang.org/x/net/html"
	prom     = "github.com/prometheus/client_golang"
	brotli   = "github.com/andybalholm/brotli"
)

// The rooms of the desk (internal/desk), from the bottom up.
const (
	authority   = "internal/desk/authority"
	notices     = "internal/desk/notices"
	cases       = "internal/desk/cases"
	requests    = "internal/desk/requests"
	tokens      = "internal/desk/tokens"
	governance  = "internal/desk/governance"
	leaks       = "internal/desk/leaks"
	inventory   = "internal/desk/inventory"
	eligibility = "internal/desk/eligibility"
	massrevoke  = "internal/desk/massrevoke"
)

var (
	deskRooms = []string{authority, notices, cases, requests, tokens, governance, leaks, inventory, eligibility, massrevoke}
	// kernel is what the kernel and every room may use.
	kernel = []string{
		"internal/access", "internal/audit", "internal/canvas", "internal/jobs", "internal/notify", "internal/policy",
		"internal/secret", "internal/store", "internal/text",
	}
)

// room is what a room may use: what the kernel does, the kernel, and the named
// rooms below it.
func room(below ...string) []string { return slices.Concat(kernel, []string{"internal/desk"}, below) }

// Rule says what one package may import besides the standard library.
type Rule struct {
	// Own lists packages of this module, relative to its root.
	Own []string
	// Third lists third-party modules or prefixes of their paths.
	Third []string
	// NoStd lists parts of the standard library that are refused; a path refuses
	// everything below it too, except what MayStd names.
	NoStd  []string
	MayStd []string
	// Pure packages read no clock and wait for nothing: time comes as an argument.
	Pure bool
	// TestsOnly packages are imported by test files and by the packages in For.
	TestsOnly bool
	For       []string
	// Planned packages have their place and no line yet: whoever writes the first
	// takes the mark away.
	Planned bool
	// Tests is code of tests outside test files, as free as those are. Such a
	// package is TestsOnly.
	Tests bool
}

// webRoom is what the pages of one subject may import: never another subject's,
// whose pages they are handed by web.
var webRoom = Rule{Own: slices.Concat(deskRooms, []string{
	"internal/access", "internal/audit", "internal/policy", "internal/text", "internal/web/ui", "internal/desk",
})}

// operators is what the packages of those who operate the program may import.
var operators = Rule{Own: slices.Concat(kernel, []string{
	"internal/config", "internal/credential", "internal/egress", "internal/toolkeys", "internal/desk", "internal/desk/rooms",
	authority, notices, cases, requests, tokens, leaks, inventory, eligibility, massrevoke, "lti", "lti/loopback",
})}

func planned(r Rule) Rule {
	r.Planned = true
	return r
}

// Table is every package of the module. Keys are paths relative to its root.
var Table = map[string]Rule{
	"internal/policy": {Pure: true, NoStd: []string{"context", "net", "database/sql", "log", "log/slog", "os", "io/fs"}},
	"internal/access": {
		Own:    []string{"internal/policy"},
		Pure:   true,
		NoStd:  []string{"context", "net", "database/sql", "log", "log/slog", "os", "io/fs"},
		MayStd: []string{"net/url"},
	},
	"internal/audit":    {Pure: true, NoStd: []string{"context", "net", "database/sql", "log", "log/slog", "os"}},
	"internal/secret":   {},
	"internal/jobs":     {},
	"internal/archtest": {},

	"lti":             {Own: []string{"lti/loopback"}, Third: []string{jwx, xsync}},
	"lti/loopback":    {},
	"lti/memstore":    {Own: []string{"lti"}},
	"lti/sqlstore":    {Own: []string{"lti"}},
	"internal/canvas": {Own: []string{"internal/secret", "lti/loopback"}},
	"internal/canvas/canvastest": {
		Own: []string{"internal/canvas", "lti", "lti/loopback"}, Third: []string{jwx},
		TestsOnly: true, For: []string{"cmd/demo", "cmd/canvas-standin", "internal/web/webtest"},
	},
	"internal/config": {Own: []string{"internal/secret", "lti/loopback"}},
	"internal/egress": {Own: []string{"internal/secret", "lti/loopback"}},
	"internal/text":   {Third: []string{i18n, toml, xtext}},
	"internal/notify": {
		Own:   []string{"internal/canvas", "internal/secret", "internal/text", "lti/loopback", "templates/mail"},
		Third: []string{gomail},
	},
	"internal/metrics": {Own: []string{"internal/access", "internal/canvas", "internal/jobs", "lti"}, Third: []string{prom}},
	"internal/session": {Own: []string{"internal/secret"}, Third: []string{sessions}},
	"internal/store": {
		Own: []string{
			"internal/access", "internal/audit", "internal/jobs", "internal/policy", "internal/secret", "internal/session", "lti",
			"migrations",
		},
		Third: []string{gorm, goose, pgx, sqlite, gosqlite, modernc},
	},
	"internal/credential": {
		Own: []string{
			"internal/access", "internal/audit", "internal/canvas", "internal/egress", "internal/jobs", "internal/notify",
			"internal/secret", "internal/store",
		},
	},
	"internal/doctor":     operators,
	"internal/operate":    operators,
	"internal/toolkeys":   {Own: []string{"internal/access", "internal/audit", "internal/secret", "internal/store", "lti"}},
	"internal/launchtest": {TestsOnly: true}, // tests and benchmarks only
	"internal/store/storetest": {
		Own: []string{"internal/access", "internal/audit", "internal/store", "migrations"}, Third: []string{pgx, sqlite}, TestsOnly: true,
		For: []string{"internal/web/webtest"},
	},
	"internal/store/storetest/bulk": {TestsOnly: true, Tests: true},
	"internal/store/storetest/lite": {TestsOnly: true, Tests: true},
	"internal/scaletest":            {TestsOnly: true, Tests: true},
	// The kernel of the desk, and its rooms from the bottom up: each may use those
	// below it and none above.
	"internal/desk":             {Own: slices.Concat(kernel, []string{"lti"}), Third: []string{lru}},
	"internal/desk/authority":   {Own: room("lti")},
	"internal/desk/notices":     {Own: room(authority)},
	"internal/desk/cases":       {Own: room(authority, notices)},
	"internal/desk/requests":    {Own: room(authority, notices, cases)},
	"internal/desk/tokens":      {Own: room(authority, notices, cases, requests)},
	"internal/desk/governance":  {Own: room(authority, notices, cases, requests, tokens), Planned: true},
	"internal/desk/leaks":       {Own: room(authority, notices, cases, requests, tokens, governance)},
	"internal/desk/inventory":   {Own: room(authority, notices, cases, requests, tokens, governance, leaks)},
	"internal/desk/eligibility": {Own: room(authority, notices, cases, requests, tokens, governance, leaks, inventory)},
	"internal/desk/massrevoke":  {Own: room(authority, notices, cases, requests, tokens, governance, leaks, inventory, eligibility)},
	// rooms stacks them, for those who make a program of them.
	"internal/desk/rooms":    {Own: slices.Concat([]string{"internal/desk"}, deskRooms)},
	"internal/desk/desktest": {TestsOnly: true, Tests: true},
	"internal/web/ui": {
		Own: []string{
			"internal/access", "internal/audit", "internal/policy", "internal/session", "internal/text", "internal/desk", authority, cases, "static",
		},
		Third: []string{gin},
	},
	"internal/web/policy":       planned(webRoom),
	"internal/web/people":       planned(webRoom),
	"internal/web/audit":        planned(webRoom),
	"internal/web/overview":     planned(webRoom),
	"internal/web/home":         webRoom,
	"internal/web/requests":     webRoom,
	"internal/web/collect":      webRoom,
	"internal/web/sponsorships": webRoom,
	"internal/web/review":       webRoom,
	"internal/web/tokens":       webRoom,
	"internal/web/leaks":        webRoom,
	"internal/web/inventory":    webRoom,
	"internal/web/massrevoke":   webRoom,
	"internal/web/register":     {Own: []string{"internal/operate", "internal/web/ui", "lti/loopback"}},
	"internal/web": {
		Own: []string{
			"internal/access", "internal/desk", "internal/desk/rooms", authority, cases, "internal/operate", "internal/session", "internal/text", "lti", "templates",
			"internal/web/ui", "internal/web/home", "internal/web/requests", "internal/web/collect", "internal/web/sponsorships",
			"internal/web/review", "internal/web/tokens", "internal/web/leaks", "internal/web/inventory", "internal/web/massrevoke",
			"internal/web/register",
		},
		Third: []string{gin},
	},
	"internal/web/webtest": { // the program over real HTTP, for the tests of web and its rooms
		Own: []string{
			"internal/access", "internal/app", "internal/audit", "internal/canvas/canvastest", "internal/config", "internal/operate", "internal/policy", "internal/secret",
			"internal/session", "internal/store", "internal/store/storetest",
		},
		Third:     []string{xhtml},
		TestsOnly: true,
	},
	"internal/app": {
		Own: []string{
			"internal/canvas", "internal/config", "internal/credential", "internal/doctor", "internal/egress", "internal/jobs",
			"internal/metrics", "internal/notify", "internal/operate", "internal/secret", "internal/session", "internal/store", "internal/text",
			"internal/toolkeys", "internal/web", "internal/desk", "internal/desk/rooms", "lti",
		},
		Third: []string{xsync},
	},

	"internal/api":     {Own: slices.Concat(deskRooms, []string{"internal/access", "internal/audit", "internal/policy"}), Planned: true},
	"internal/webhook": {Own: []string{"internal/access", "internal/audit", "internal/egress", "internal/jobs", "internal/secret", "internal/store"}, Planned: true},

	"static":         {},
	"templates":      {},
	"templates/mail": {},
	"migrations":     {},

	// Makes the compressed forms that are checked in; no program has it.
	"static/compress": {Own: []string{"lti"}, Third: []string{brotli}},

	"cmd/tokendesk": {Own: []string{"internal/app", "internal/config", "internal/doctor", "internal/operate"}},
	"cmd/demo": {
		Own: []string{"internal/access", "internal/app", "internal/canvas/canvastest", "internal/config", "internal/operate", "internal/desk/rooms", authority, "lti"},
	},
	"cmd/canvas-standin": {Own: []string{"internal/app", "internal/config", "internal/doctor", "internal/operate", "internal/canvas/canvastest"}},
}

// NotLinked is what no production program may contain, directly or through
// others: the stand-in, the test databases, and the machinery of tests.
var NotLinked = map[string][]string{
	"cmd/tokendesk": {
		"internal/canvas/canvastest", "internal/store/storetest", "internal/archtest", "testing", "net/http/httptest",
	},
}

// Reserved are names with the files that may use them, tests apart. What a school
// starts with is no rule of the program: whoever judges asks the store for the
// policy of the school.
var Reserved = map[string][]string{"internal/policy.BuiltIn": {"internal/store/tenant.go"}}

// Evidence are the files that may read the details of the audit log: they keep it,
// export it, and tell its story. The details may be erased, so no rule, state,
// letter or recipient may come from them.
var Evidence = []string{"internal/store/auditlog.go", "internal/desk/cases/story.go", "internal/operate/auditlog.go"}

// Refused are package names that say nothing about what is inside.
var Refused = []string{"utils", "util", "common", "helpers", "helper", "models", "dto", "misc", "shared", "base"}

// MaxLines is the longest a Go file may be.
const MaxLines = 600

// Size is how large a package and a type may become outside tests. Tests do not
// count: nobody should save on them.
type Size struct {
	Lines    int            // of a package, all its files together
	Methods  int            // that one type declares
	Packages map[string]int // packages whose subject is larger by nature, with their own bound
	Apart    []string       // packages and types ("internal/store.Tx") that are not counted
	// Shrinking are the packages and types that are too large today, with how large.
	// Whoever takes something out lowers the number; nobody raises one. A name that
	// has come below the bound for all leaves the list.
	Shrinking map[string]int
}

// Sizes are the bounds of this module.
var Sizes = Size{
	Lines: 4000, Methods: 60,
	Packages: map[string]int{"internal/store": 9000, "internal/web/ui": 6000, "lti": 6000},
	Apart: []string{
		"internal/canvas/canvastest", // the stand-in is as large as what it stands in for
		"internal/store.Tx",          // one file for each table
	},
}
