// Package static holds the files that browsers load: one style sheet, the scripts
// (htmx, and the tool's own), each with its compressed forms beside it, and two
// weights of a cut of Lato, with the licences of what others made.
//
// After a change of a style sheet or a script: go run ./static/compress. The fonts
// are made by subset.py, which says how.
package static

import "embed"

// FS has the folders css, js and fonts. js/lti.js is there in its compressed forms
// only: what they are of comes with the lti package.
//
//go:embed css js fonts
var FS embed.FS
