package access

import "regexp"

var canvasID = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

// CanvasID reports whether text is an object's number as Canvas writes it in
// launches, addresses and its API: plain decimal digits, no zero before them, and
// no more than an id of 64 bits has. Canvas reads other forms too (a shard before
// a tilde, "self", zeros), but an id is compared as text and becomes part of an
// address, so there is one form for each object.
func CanvasID(text string) bool { return canvasID.MatchString(text) }
