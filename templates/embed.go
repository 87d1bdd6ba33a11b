// Package templates holds the templates of pages (layouts, partials, pages)
// and of mails.
package templates

import "embed"

// Pages has the folders layouts, partials and pages.
//
//go:embed layouts partials pages
var Pages embed.FS
