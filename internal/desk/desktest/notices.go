package desktest

import (
	"slices"
	"strings"
)

// Subjects lists what came to a person's Canvas inbox, oldest first.
func (r *Rig) Subjects(key string) (out []string) {
	for _, m := range r.W.Inbox(key) {
		out = append(out, m.Subject)
	}
	return out
}

// Has reports whether one of a list contains part.
func Has(list []string, part string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, part) })
}
