package session

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/internal/secret"
)

// The three ways of a handle. The names are public (docs/interfaces.md).
const (
	Header = "X-Tool-Session"
	Field  = "tool_session"
	Cookie = "__Host-tool_session"
)

// handleLen is the length of rand.Text: 26 base32 characters, 130 bits.
const handleLen = 26

// cookieHandles is how many sessions one browser's cookie carries: a person may
// have the tool open in several tabs, and the demo's visitor as several people.
// The oldest one falls out and has to be opened again.
const cookieHandles = 6

func newHandle() string { return rand.Text() }

// hashOf is what is kept of a handle.
func hashOf(handle string) []byte {
	sum := sha256.Sum256([]byte(handle))
	return sum[:]
}

// wellFormed keeps everything that cannot be a handle away from the database.
func wellFormed(handle string) bool {
	if len(handle) != handleLen {
		return false
	}
	for _, c := range []byte(handle) {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// carried is what one request brought along.
type carried struct {
	shown  string   // by header or field
	cookie []string // newest first
}

// read collects the handles of a request. Two that differ, or one that is no
// handle, are refused: neither comes from our pages.
func read(r *http.Request) (carried, error) {
	var c carried
	var shown []string
	shown = append(shown, r.Header.Values(Header)...)
	if r.Method == http.MethodPost {
		// PostForm holds the body's fields only; a query string never counts.
		if err := r.ParseForm(); err != nil {
			return carried{}, err
		}
		shown = append(shown, r.PostForm[Field]...)
	}
	for _, h := range shown {
		switch {
		case h == "": // a page without a session sends an empty one
		case !wellFormed(h), c.shown != "" && h != c.shown:
			return carried{}, ErrHandle
		default:
			c.shown = h
		}
	}
	c.cookie = cookieHandlesOf(r)
	return c, nil
}

// cookieHandlesOf returns the handles of this browser's sessions, newest first.
func cookieHandlesOf(r *http.Request) []string {
	var all []string
	for _, k := range r.CookiesNamed(Cookie) {
		for h := range strings.SplitSeq(k.Value, ".") {
			if wellFormed(h) && len(all) < cookieHandles {
				all = append(all, h)
			}
		}
	}
	return all
}

// cookieWith puts a new handle in front of the browser's other ones.
func cookieWith(handle string, others []string) string {
	all := []string{handle}
	for _, h := range others {
		if len(all) < cookieHandles && !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	return strings.Join(all, ".")
}

// safe reports whether a method only reads (RFC 9110, 9.2.1).
func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// hide wraps a handle so that it cannot be printed by mistake.
func hide(handle string) secret.Text { return secret.New(handle) }
