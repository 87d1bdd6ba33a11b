// Package archtest holds the module's import rules as data and checks them
// under plain go test: who may import whom, which third-party module belongs
// to which package, what the production program must not link, and how large a
// package, a type and a file may become.
//
// The table is closed. A package that nobody entered, an import that the table
// does not allow and a row whose package is gone each fail the test, and so does an
// exception from the bounds that nothing needs any more. Test files are exempt, but
// for the length of each. A new third-party module needs an ADR in docs/adr and a
// line here.
package archtest
