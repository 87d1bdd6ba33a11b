// Package static holds the files that browsers load: one style sheet, two
// scripts (htmx, and the tool's own) and the two weights of Lato, with the
// licences of what others made.
package static

import "embed"

// FS has the folders css, js and fonts.
//
//go:embed css js fonts
var FS embed.FS
