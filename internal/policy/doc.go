// Package policy is what one school allows, as a value: who may ask for a token
// and for how long, how long people have for each step, how much one person may
// have, what the request form asks, and which days are working days.
//
// A Policy is a document with a version. Versions are published and never
// change: a request is judged by the version it was sent under. Nothing here
// does I/O or reads a clock.
package policy
