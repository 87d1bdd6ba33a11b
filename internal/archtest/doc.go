// Package archtest holds the module's import rules as data and checks them
// under plain go test: who may import whom, which third-party module belongs
// to which package, and what the production program must not link.
//
// The table is closed. A package that nobody entered, an import that the table
// does not allow and a row whose package is gone each fail the test. Test files
// are exempt. A new third-party module needs an ADR in docs/adr and a line here.
package archtest
