package ui

import (
	"crypto/rand"
	"regexp"
	"slices"
	"strings"
)

// pagePolicy is the policy of a page: our own files and nothing else, one
// nonced style for the school's colours, and only the given origins around it.
// There is no X-Frame-Options: it knows no list, and a browser that has both
// obeys the policy.
func pagePolicy(nonce string, frames []string) string {
	style := "'self'"
	if nonce != "" {
		style += " 'nonce-" + nonce + "'"
	}
	around := "'none'"
	if ok := framable(frames); len(ok) > 0 {
		around = strings.Join(ok, " ")
	}
	return "default-src 'none'; script-src 'self'; style-src " + style + "; font-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors " + around
}

// originForm is a web origin as a header may hold it. What is registered was
// checked already; a header is no place to rely on that.
var originForm = regexp.MustCompile(`^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^https?://\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?$`)

func framable(origins []string) []string {
	var out []string
	for _, o := range origins {
		if originForm.MatchString(o) && !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// newNonce is what marks the one style of a page.
func newNonce() string { return rand.Text() }
