// Package scaletest is the whole program on the rows of a school that has used it
// for years: a test of what each page asks the database, and the tool with which
// docs/measured.md is measured.
package scaletest

// Page is one address of the tool as somebody opens it.
type Page struct {
	Route string // "GET /tokens/:id", as the server registers it
	Who   string // dana, an admin; maya, a student; ana, who teaches
	// Path is the address. {open} and the like are what a School has under that name.
	Path string
	// Most is how many statements it may take, whatever the number of rows.
	Most int
	// Rows is how many rows one of them may touch; 0 is as many as FewRows.
	Rows int
}

// How many rows a statement may touch, those that it throws away included, in a school
// of 100,000 requests with 10,000 live tokens and 20,000 people.
const (
	// FewRows is above a page and all that waits, and below what lives and what has ended.
	FewRows = 3000
	// foundRows: of a word that many have, each kind of what is found is read up to the
	// 1,001 that are counted, beside the people who are called so.
	foundRows = 6500
	// textRows: for tokens, all requests that have a word are read, ended ones too, until
	// 1,001 tokens are counted.
	textRows = 25_000
	// endedRows: the same of tokens that have ended, which are soon counted; the index of
	// trigrams gives all that have the word before the first is read.
	endedRows = 12_000
	// askedRows: each token is asked for what its request has, in the order of the list,
	// until 1,001 are counted: so many live ones at most, and of those that have ended as
	// many as it takes.
	askedRows = 20_000
	// TickRows: PostgreSQL, as its sample of the day says, sorts what ends within 30 days
	// instead of taking the first of it by the index.
	TickRows = 6000
	// PlanRows: the plan of a mass revocation reads all that it will end, and what its
	// company ever had.
	PlanRows = 25_000
)

// Pages has a line, or several, for each page. A route of the server without one
// fails a test.
var Pages = []Page{
	{Route: "GET /", Who: "maya", Path: "/", Most: 20},
	{Route: "GET /", Who: "ana", Path: "/", Most: 20},
	{Route: "GET /", Who: "dana", Path: "/", Most: 25},
	{Route: "GET /lti/launch", Who: "dana", Path: "/lti/launch", Most: 25},
	{Route: "GET /lti/proof", Who: "maya", Path: "/lti/proof", Most: 20},
	{Route: "GET /go/:id", Who: "maya", Path: "/go/{mine}", Most: 25},
	{Route: "GET /requests", Who: "maya", Path: "/requests", Most: 20},
	{Route: "GET /requests/new", Who: "maya", Path: "/requests/new", Most: 25},
	{Route: "GET /requests/new", Who: "maya", Path: "/requests/new?draft={draft}", Most: 25},
	{Route: "GET /requests/new", Who: "ana", Path: "/requests/new", Most: 25},

	{Route: "GET /requests/:id", Who: "dana", Path: "/requests/{open}", Most: 40},
	{Route: "GET /requests/:id", Who: "dana", Path: "/requests/{ended}", Most: 40},
	{Route: "GET /requests/:id", Who: "maya", Path: "/requests/{mine}", Most: 40},
	{Route: "GET /requests/:id", Who: "ana", Path: "/requests/{asked}", Most: 40},
	{Route: "GET /requests/:id/withdraw", Who: "maya", Path: "/requests/{mine}/withdraw", Most: 40},
	{Route: "GET /requests/:id/rescind", Who: "dana", Path: "/requests/{approved}/rescind", Most: 40},
	{Route: "GET /requests/:id/endorse", Who: "ana", Path: "/requests/{asked}/endorse", Most: 40},
	{Route: "GET /requests/:id/decline", Who: "ana", Path: "/requests/{asked}/decline", Most: 40},
	{Route: "GET /requests/:id/claim", Who: "dana", Path: "/requests/{open}/claim", Most: 40},
	{Route: "GET /requests/:id/release", Who: "dana", Path: "/requests/{open}/release", Most: 40},
	{Route: "GET /requests/:id/approve", Who: "dana", Path: "/requests/{open}/approve", Most: 40},
	{Route: "GET /requests/:id/deny", Who: "dana", Path: "/requests/{open}/deny", Most: 40},
	{Route: "GET /requests/:id/end-sponsorship", Who: "ana", Path: "/requests/{asked}/end-sponsorship", Most: 40},
	{Route: "GET /requests/:id/discard", Who: "maya", Path: "/requests/{draft}/discard", Most: 40},
	{Route: "GET /requests/:id/refile", Who: "maya", Path: "/requests/{mineEnded}/refile", Most: 40},
	{Route: "GET /requests/:id/sponsor", Who: "maya", Path: "/requests/{mine}/sponsor", Most: 40},
	{Route: "GET /requests/:id/replace", Who: "maya", Path: "/requests/{mineEnded}/replace", Most: 40},
	{Route: "GET /requests/:id/collect", Who: "maya", Path: "/requests/{mineApproved}/collect", Most: 40},
	{Route: "GET /requests/:id/collect/check", Who: "maya", Path: "/requests/{mineApproved}/collect/check", Most: 40},
	{Route: "GET /requests/:id/collect/status", Who: "maya", Path: "/requests/{mineApproved}/collect/status", Most: 40},

	{Route: "GET /sponsorships", Who: "ana", Path: "/sponsorships", Most: 30},
	{Route: "GET /sponsorships", Who: "ana", Path: "/sponsorships?after={standingNext}", Most: 30},

	{Route: "GET /queue", Who: "dana", Path: "/queue", Most: 30},
	{Route: "GET /queue", Who: "dana", Path: "/queue?role=student&ai=yes&maker=vendor", Most: 30},
	{Route: "GET /queue", Who: "dana", Path: "/queue?status=in_review", Most: 30},
	{Route: "GET /queue", Who: "dana", Path: "/queue?status=awaiting_sponsor", Most: 30},
	{Route: "GET /queue", Who: "dana", Path: "/queue?status=approved", Most: 30},
	{Route: "GET /queue", Who: "dana", Path: "/queue?status=fulfilled", Most: 30},
	{Route: "GET /queue", Who: "dana", Path: "/queue?status=denied", Most: 30},
	{Route: "GET /queue", Who: "dana", Path: "/queue?status=denied&after={queueNext}", Most: 30},
	{Route: "GET /queue", Who: "dana", Path: "/queue?status=fulfilled&q=%CF%80%CE%B1%CF%80%CE%B1%CE%B4", Most: 30, Rows: foundRows},
	{Route: "GET /queue", Who: "dana", Path: "/queue?q=statistics", Most: 30},
	{Route: "GET /queue", Who: "dana", Path: "/queue?status=fulfilled&q=zzzz", Most: 30},
	{Route: "GET /queue", Who: "dana", Path: "/queue?status=fulfilled&q=ma", Most: 30, Rows: foundRows},
	{Route: "GET /queue", Who: "dana", Path: "/queue?status=fulfilled&q={endedCode}", Most: 30},

	{Route: "GET /tokens", Who: "dana", Path: "/tokens", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?after={tokensNext}", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?status=active", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?status=frozen", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?status=revoking", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?status=handed_over", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?status=ended", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?status=revoked&role=faculty", Most: 30, Rows: askedRows},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?role=student&ai=yes", Most: 30, Rows: askedRows},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?vendor=acme", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?course={course}", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?sponsor=garc", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?idle_days=60", Most: 30, Rows: askedRows},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?ends_before=2026-12-01", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?q=%CF%80%CE%B1%CF%80%CE%B1%CE%B4", Most: 30, Rows: foundRows},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?status=ended&q=acme", Most: 30, Rows: endedRows},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?q=acme", Most: 30, Rows: textRows},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?q=zzzz", Most: 30},
	{Route: "GET /tokens", Who: "dana", Path: "/tokens?q=ma", Most: 30, Rows: foundRows},
	{Route: "GET /tokens/export", Who: "dana", Path: "/tokens/export", Most: 30},
	{Route: "GET /tokens/:id", Who: "dana", Path: "/tokens/{live}", Most: 40},
	{Route: "GET /tokens/:id", Who: "maya", Path: "/tokens/{mineLive}", Most: 40},
	{Route: "GET /tokens/:id", Who: "ana", Path: "/tokens/{hers}", Most: 40},
	{Route: "GET /tokens/:id/revoke", Who: "dana", Path: "/tokens/{live}/revoke", Most: 40},
	{Route: "GET /tokens/:id/renew", Who: "maya", Path: "/tokens/{mineLive}/renew", Most: 40},
	{Route: "GET /tokens/:id/end-sponsorship", Who: "ana", Path: "/tokens/{hers}/end-sponsorship", Most: 40},
	{Route: "GET /tokens/:id/misuse", Who: "ana", Path: "/tokens/{hers}/misuse", Most: 40},
	{Route: "GET /tokens/:id/sponsor", Who: "maya", Path: "/tokens/{mineLive}/sponsor", Most: 40},
	{Route: "GET /tokens/:id/take-over", Who: "ana", Path: "/tokens/{hers}/take-over", Most: 40},
	{Route: "GET /tokens/:id/turn-down", Who: "ana", Path: "/tokens/{hers}/turn-down", Most: 40},
	{Route: "GET /tokens/:id/freeze", Who: "dana", Path: "/tokens/{live}/freeze", Most: 40},
	{Route: "GET /tokens/:id/thaw", Who: "dana", Path: "/tokens/{frozen}/thaw", Most: 40},
	{Route: "GET /tokens/:id/leak", Who: "dana", Path: "/tokens/{live}/leak", Most: 40},
	{Route: "GET /tokens/:id/leak/seen", Who: "dana", Path: "/tokens/{live}/leak/seen", Most: 40},

	{Route: "GET /leaks", Who: "dana", Path: "/leaks", Most: 30},
	{Route: "GET /leaks/check", Who: "dana", Path: "/leaks/check", Most: 30},
	{Route: "GET /leaks/:id", Who: "dana", Path: "/leaks/{leak}", Most: 40},
	{Route: "GET /leaks/:id/clear", Who: "dana", Path: "/leaks/{leak}/clear", Most: 40},

	{Route: "GET /unmanaged", Who: "dana", Path: "/unmanaged", Most: 30},
	{Route: "GET /unmanaged", Who: "dana", Path: "/unmanaged?after={foundNext}", Most: 30},
	{Route: "GET /unmanaged", Who: "dana", Path: "/unmanaged?status=removed", Most: 30},
	{Route: "GET /unmanaged", Who: "dana", Path: "/unmanaged?status=ended", Most: 30},
	{Route: "GET /unmanaged", Who: "dana", Path: "/unmanaged?ends=never&who=admins", Most: 30},
	{Route: "GET /unmanaged", Who: "dana", Path: "/unmanaged?q=notewise", Most: 30},
	{Route: "GET /unmanaged", Who: "dana", Path: "/unmanaged?q=zzzz", Most: 30},
	{Route: "GET /unmanaged", Who: "dana", Path: "/unmanaged?q=no", Most: 30},
	{Route: "GET /unmanaged/check", Who: "dana", Path: "/unmanaged/check", Most: 30},
	{Route: "GET /unmanaged/pick", Who: "dana", Path: "/unmanaged/pick", Most: 30},
	{Route: "GET /unmanaged/tell", Who: "dana", Path: "/unmanaged/tell", Most: 30},
	{Route: "GET /unmanaged/adopt", Who: "dana", Path: "/unmanaged/adopt", Most: 30},
	{Route: "GET /unmanaged/allow", Who: "dana", Path: "/unmanaged/allow", Most: 30},
	{Route: "GET /unmanaged/remove", Who: "dana", Path: "/unmanaged/remove", Most: 30},
	{Route: "GET /found/:id", Who: "dana", Path: "/found/{found}", Most: 40},
	{Route: "GET /found/:id/keep", Who: "dana", Path: "/found/{found}/keep", Most: 40},
	{Route: "GET /found/:id/remove", Who: "dana", Path: "/found/{found}/remove", Most: 40},
	{Route: "GET /found/:id/disallow", Who: "dana", Path: "/found/{found}/disallow", Most: 40},

	{Route: "GET /revocations", Who: "dana", Path: "/revocations", Most: 30},
	{Route: "GET /revocations/:id", Who: "dana", Path: "/revocations/{mass}", Most: 40},
	{Route: "GET /revocations/:id/status", Who: "dana", Path: "/revocations/{mass}/status", Most: 40},
	{Route: "GET /revocations/:id/export", Who: "dana", Path: "/revocations/{mass}/export", Most: 40},
}

// NoRows are the addresses that read no rows of requests, tokens or people: those
// of the launch's machinery, of health and of files.
var NoRows = []string{
	"GET /lti/login", "GET /lti/jwks.json", "GET /lti/config.json", "GET /lti/register", "GET /healthz", "GET /readyz", "GET /static/*file",
}
