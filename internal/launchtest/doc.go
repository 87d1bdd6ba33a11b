// Package launchtest tests a launch from end to end: the real handler, the real
// store on both databases, the stand-in Canvas, and a browser with cookies in
// between. It has no code of its own; its benchmarks compare a launch with a
// reference that does the same statements by hand.
//
//	go test ./internal/launchtest
//	go test ./internal/launchtest -run '^$' -bench . -benchtime 2000x
//
// PostgreSQL takes part where TEST_DATABASE_URL names a server.
package launchtest
