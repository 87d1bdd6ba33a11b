// Package launchtest tests a launch from end to end: the real handler, the real
// store on both databases, the stand-in Canvas, and a browser with cookies in
// between. It has no code of its own. PostgreSQL takes part where
// TEST_DATABASE_URL names a server whose user may create databases.
//
// TestOldDatabase upgrades the database of an older program (testdata/old), and
// compares all its pages with what that program showed.
//
// Its benchmarks put a launch beside what nobody can do without, and beside a
// reference that does the same statements by hand; a test holds the reference to
// that. Times are processor times, so that other work on the machine blurs them
// less than times on the clock:
//
//	go test ./internal/launchtest -run '^$' -bench . -benchtime 500x
//
// With LAUNCHTEST_PROFILE naming a directory, each server of BenchmarkPostgres
// leaves a profile there, for go tool pprof.
package launchtest
