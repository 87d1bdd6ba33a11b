package launchtest

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// TestMain lets more tests run at once than there are processors: some of them
// wait for the real clock. As a benchmark's server process it serves instead.
func TestMain(m *testing.M) {
	if os.Getenv(envServe) != "" {
		if err := serve(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f != nil && f.Value.String() == f.DefValue {
		if n, err := strconv.Atoi(f.DefValue); err == nil && n < 6 {
			_ = f.Value.Set("6")
		}
	}
	os.Exit(m.Run())
}
