package inventory_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
)

// A report of a million rows is read in memory that does not grow with it. The
// short form has 50,000.
func TestMillionRows(t *testing.T) {
	rows := 50_000
	if os.Getenv("TOKENDESK_LONG") != "" {
		rows = 1_000_000
	}
	r := desktest.NewRig(t, desktest.Sqlite(t))
	mine, _ := r.Collected()
	r.Activate("maya", mine.Grant.CanvasID)
	r.Made("maya", "my own script")
	maya := r.W.User("maya").ID.String()
	r.Cv.StreamNextReport(func(w io.Writer) error {
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
	if err := r.Inventory.CheckNow(t.Context(), r.As("dana", access.DoorAccount)); err != nil {
		t.Fatal(err)
	}
	kept := keptWhileReading(r)
	r.SettledInventory()
	l := r.Unmanaged(inventory.FoundFilter{})
	if l.Trouble != "" || l.Tokens != rows/100 {
		t.Fatalf("%+v", l)
	}
	if got := purposes(l); !slices.Equal(got, []string{"my own script"}) {
		t.Errorf("found %q", got)
	}
	marks := kept()
	if len(marks) < 10 {
		t.Fatalf("measured %d times", len(marks))
	}
	grown := slices.Max(marks) - marks[0]
	t.Logf("%d rows, %d marks: %d KB are kept at first, at most %d KB more later", rows, len(marks), marks[0]>>10, grown>>10)
	if grown > 4<<20 {
		t.Errorf("what is kept grew by %d KB", grown>>10)
	}
}

// keptWhileReading measures what is kept in memory, garbage apart, at every half
// megabyte of a file that is read from Canvas.
func keptWhileReading(r *desktest.Rig) func() []int64 {
	var marks []int64
	line := func(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		resp, err := send(req)
		if err == nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") {
			resp.Body = &marked{ReadCloser: resp.Body, every: 1 << 19, mark: func() {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				marks = append(marks, int64(m.HeapAlloc))
			}}
		}
		return resp, err
	}
	r.Line.Store(&line)
	return func() []int64 { return marks }
}

// marked is a body of which every so many bytes are told.
type marked struct {
	io.ReadCloser
	every, read int
	mark        func()
}

func (m *marked) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	if m.read += n; m.read >= m.every {
		m.read -= m.every
		m.mark()
	}
	return n, err
}
