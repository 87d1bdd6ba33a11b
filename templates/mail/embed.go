// Package mail holds the layout of messages to people: letter.txt for the
// Canvas inbox and the text part of a mail, letter.html for its HTML part. The
// words come from the message catalogue.
package mail

import "embed"

// Files has letter.txt and letter.html.
//
//go:embed letter.txt letter.html
var Files embed.FS
