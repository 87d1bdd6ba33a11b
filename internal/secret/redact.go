package secret

import "regexp"

// removed stands where Redact took something out.
const removed = "[removed]"

// tokenLike matches what could be the value of an access token: 64 letters and
// digits, on hosted Canvas behind "shard~", or a large piece of one.
var tokenLike = regexp.MustCompile(`([0-9]{1,20}~)?[A-Za-z0-9]{40,}`)

// Redact takes out of a text that somebody typed whatever could be a token's
// value: people who report a leak paste what leaked.
func Redact(s string) string { return tokenLike.ReplaceAllLiteralString(s, removed) }
