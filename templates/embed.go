// Package templates holds the templates of pages (layouts, partials, and a
// folder for each subject) and of mails.
package templates

import "embed"

// Pages has the folders layouts and partials, one for each subject, and ui with
// the pages that belong to none.
//
//go:embed */*.html
var Pages embed.FS
