// Package access is the pure core of Tokendesk: what a request for a Canvas API
// token is, what a grant (the life of one Canvas token) is, who may move either
// from one state to the next, and what must follow.
//
// Nothing here does I/O, reads a clock or knows a database row. Every function
// takes the current time as an argument and returns values. What the two
// lifecycle tables do not contain is forbidden.
package access
