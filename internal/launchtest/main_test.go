package launchtest

import (
	"flag"
	"os"
	"strconv"
	"testing"
)

// TestMain lets more tests run at once than there are processors: some of them
// wait for the real clock.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f != nil && f.Value.String() == f.DefValue {
		if n, err := strconv.Atoi(f.DefValue); err == nil && n < 6 {
			_ = f.Value.Set("6")
		}
	}
	os.Exit(m.Run())
}
