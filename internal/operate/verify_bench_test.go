package operate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"syscall"
	"testing"
	"time"
)

var lastSum [sha256.Size]byte // read by nobody, so that it has to be made

// BenchmarkVerifyAudit verifies an export of 200,000 entries beside what nobody can
// do without, reading its lines and hashing what they hold once, and beside reading
// every line with encoding/json; and one of 150,000 objects with room for a few, whose
// states lie in files. entries/cpu-s are by the processor's time, which other work on
// the machine does not lengthen as it does the clock's.
func BenchmarkVerifyAudit(b *testing.B) {
	const entries = 200_000
	run := func(name string, objects int, do func(export []byte) error) {
		export, err := io.ReadAll(newMadeLog("ten_2XW5BKH7ZJ4MCGQ3VDR6YNPT1A", objects).reader(entries, nil))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(export)))
			before := processorTime(b)
			for b.Loop() {
				if err := do(export); err != nil {
					b.Fatal(err)
				}
			}
			all := float64(entries) * float64(b.N)
			b.ReportMetric(all/b.Elapsed().Seconds(), "entries/s")
			b.ReportMetric(all/(processorTime(b)-before).Seconds(), "entries/cpu-s")
		})
	}
	verify := func(m bounds) func([]byte) error {
		return func(export []byte) error {
			_, err := verifyAudit(bytes.NewReader(export), m)
			return err
		}
	}
	run("reading-and-hashing", 40_000, func(export []byte) error {
		lines := bufio.NewScanner(bytes.NewReader(export))
		lines.Buffer(make([]byte, 0, 64<<10), auditLineMax)
		for lines.Scan() {
			lastSum = sha256.Sum256(lines.Bytes())
		}
		return lines.Err()
	})
	run("in-general", 40_000, func(export []byte) error {
		_, err := inGeneral(string(export))
		return err
	})
	run("in-memory", 40_000, verify(replayBounds))
	run("in-files", 150_000, verify(bounds{1 << 20, 64, 16 << 10}))
}

func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
