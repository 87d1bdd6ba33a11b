package workflow

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

// A report of a million rows is read in memory that does not grow with it. The
// short form has 50,000.
func TestMillionRows(t *testing.T) {
	rows := 50_000
	if os.Getenv("TOKENDESK_LONG") != "" {
		rows = 1_000_000
	}
	r := newRig(t, sqlite(t))
	mine, _ := r.collected()
	r.activate("maya", mine.Grant.CanvasID)
	r.made("maya", "my own script")
	maya := r.w.User("maya").ID.String()
	r.cv.StreamNextReport(func(w io.Writer) error {
		if _, err := io.WriteString(w, "user id,user name,token hint,expiration,last used,dev key id,dev key name,status,creation\n"); err != nil {
			return err
		}
		for n := range rows {
			// Most are applications' or over, as in a real school; of the rest one owner is ours.
			user, key, status := fmt.Sprint(900_000_000+n), "Panda Planner", "active"
			switch n % 100 {
			case 0:
				user, key = maya, "User-Generated"
			case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
				key, status = "User-Generated", "expired"
			}
			if _, err := fmt.Fprintf(w, "%s,Person %d,Ab%03d,2027-01-01T00:00:00Z,never,170000000000016,%s,%s,2026-01-01T00:00:00Z\n", user, n, n%1000, key, status); err != nil {
				return err
			}
		}
		return nil
	})
	if err := r.CheckNow(t.Context(), r.as("dana", DoorAccount)); err != nil {
		t.Fatal(err)
	}
	// Garbage is counted too: it is collected here as it is in the program.
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	peak, stop := watchHeap()
	began := time.Now()
	r.settledInventory()
	took := time.Since(began)
	most := peak(stop)
	l := r.unmanaged(FoundFilter{})
	if l.Trouble != "" || l.Tokens != rows/100 {
		t.Fatalf("%+v", l)
	}
	if got := purposes(l); !slices.Equal(got, []string{"my own script"}) {
		t.Errorf("found %q", got)
	}
	grown := int64(most) - int64(before.HeapAlloc)
	t.Logf("%d rows in %s (%.0f rows/s), heap grew by at most %d KB", rows, took.Round(time.Millisecond), float64(rows)/took.Seconds(), grown>>10)
	if grown > 48<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
}

// watchHeap samples the heap until stop is closed.
func watchHeap() (peak func(chan struct{}) uint64, stop chan struct{}) {
	stop = make(chan struct{})
	most := make(chan uint64)
	go func() {
		var top uint64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				top = max(top, m.HeapAlloc)
			case <-stop:
				most <- top
				return
			}
		}
	}()
	return func(stop chan struct{}) uint64 { close(stop); return <-most }, stop
}
