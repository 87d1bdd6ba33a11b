package operate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"testing"
)

var lastSum [sha256.Size]byte // read by nobody, so that it has to be made

// BenchmarkVerifyAudit verifies an export of 200,000 entries beside what nobody can
// do without, reading its lines and hashing what they hold once, and beside a log of
// so many objects that their states lie in files.
func BenchmarkVerifyAudit(b *testing.B) {
	const entries = 200_000
	run := func(name string, objects int, do func(export []byte) error) {
		export, err := io.ReadAll(newMadeLog("ten_2XW5BKH7ZJ4MCGQ3VDR6YNPT1A", objects).reader(entries, nil))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(export)))
			for b.Loop() {
				if err := do(export); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(entries)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
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
	run("in-memory", 40_000, verify(replayBounds))
	run("in-files", 100_000, verify(bounds{1 << 20, 64, 16 << 10}))
}
