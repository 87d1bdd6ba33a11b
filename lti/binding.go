package lti

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
)

// What ties a login to one browser is a chain of digests, each the hash of the
// one before, so that the last digest checks them all and none yields another
// that is worth more:
//
//	cookie  random, in an HttpOnly cookie of our origin
//	own     in our origin's sessionStorage, which only our pages can write
//	shared  in the platform's storage, which every tool may be able to write
//	hash    in the sealed state, and in Held.BinderHash
type binding struct {
	cookie, own, shared, hash string
}

func newBinding() binding {
	b := binding{cookie: random()}
	b.own = digest("lti own", b.cookie)
	b.shared = digest("lti shared", b.own)
	b.hash = digest("lti binder", b.shared)
	return b
}

// cookieHolds reports whether value is the cookie of the binding with that hash.
func cookieHolds(value, hash string) bool { return ownHolds(digest("lti own", value), hash) }

// ownHolds does so for what our own storage gave.
func ownHolds(value, hash string) bool { return sharedHolds(digest("lti shared", value), hash) }

// sharedHolds does so for what the platform's storage gave.
func sharedHolds(value, hash string) bool {
	return equal(digest("lti binder", value), hash)
}

func nonceHash(nonce string) string  { return digest("lti used nonce", nonce) }
func heldHash(handle string) string  { return digest("lti held", handle) }
func storageKey(state string) string { return "lti_" + digest("lti storage key", state)[:24] }

const cookiePrefix = "__Host-lti_"

// cookieName gives each login a cookie of its own, so that two tabs can launch
// at once. It is hexadecimal: cookie names are not case-sensitive everywhere.
func cookieName(state string) string {
	sum := sha256.Sum256([]byte("lti cookie\x00" + state))
	return cookiePrefix + hex.EncodeToString(sum[:8])
}

// maxCookies bounds what abandoned logins leave in one browser.
const maxCookies = 16

func setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // SameSite=None is what a frame needs
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode, Partitioned: true,
	})
}

// dropOldCookies ends the cookies of earlier logins when there are too many.
func dropOldCookies(w http.ResponseWriter, r *http.Request) {
	var old []string
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, cookiePrefix) {
			old = append(old, c.Name)
		}
	}
	if len(old) < maxCookies {
		return
	}
	for _, name := range old {
		setCookie(w, name, "", -1)
	}
}

// storageTarget returns the announced frame name if it is one that a browser
// may be told to look up, else "": then only the cookie is left.
func storageTarget(announced string) string {
	if !frameName.MatchString(announced) {
		return ""
	}
	return announced
}

var frameName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// random returns 256 random bits as 43 URL-safe characters.
func random() string {
	var b [32]byte
	rand.Read(b[:])
	return base64url(b[:])
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// digest is SHA-256 over a label, which keeps the uses apart, and the value.
func digest(label, value string) string {
	h := sha256.New()
	h.Write([]byte(label))
	h.Write([]byte{0})
	h.Write([]byte(value))
	var sum [sha256.Size]byte
	return base64url(h.Sum(sum[:0]))
}

func equal(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
