//go:build !race

package scaletest_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/scaletest"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/store/storetest/bulk"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// measureVar lists the sizes to measure, such as "1000,1000000,1000000/100": as many
// requests, behind the stroke with as many live tokens as a school of that size. Without
// it everything is done once, in the smallest school, so that it keeps working.
// keepVar names an empty PostgreSQL database to be filled and left, instead of one
// that is dropped in the end.
const (
	measureVar = "TOKENDESK_MEASURE"
	keepVar    = "TOKENDESK_MEASURE_KEEP"
)

// measured are the pages whose time is taken.
var measured = []string{
	"/queue", "/queue?status=denied", "/queue?status=denied&after={queueNext}", "/queue?q=statistics", "/queue?status=fulfilled&q=%CF%80%CE%B1%CF%80%CE%B1%CE%B4",
	"/queue?status=fulfilled&q=zzzz", "/queue?status=fulfilled&q=ma", "/requests/{open}", "/requests/{ended}",
	"/tokens", "/tokens?after={tokensNext}", "/tokens?status=ended", "/tokens?course={course}", "/tokens?vendor=acme", "/tokens?q=%CF%80%CE%B1%CF%80%CE%B1%CE%B4", "/tokens?q=zzzz",
	"/tokens?q=ma", "/tokens/{live}", "/leaks", "/unmanaged", "/unmanaged?q=notewise", "/revocations", "/sponsorships", "/",
}

// TestMeasure prints what the pages and the timers cost, as rows of a table: for
// each the median and the 99th percentile, how often it was done, and the
// processor time of one in this process and in PostgreSQL's.
func TestMeasure(t *testing.T) {
	sizes, rounds, limit := "1000", 1, time.Second
	if v := os.Getenv(measureVar); v != "" {
		sizes, rounds, limit = v, 300, 10*time.Second
	}
	for _, text := range strings.Split(sizes, ",") {
		n, live := number(t, text)
		t.Run(strings.ReplaceAll(text, "/", "-"), func(t *testing.T) {
			measure := func(t *testing.T, db string) {
				size := bulk.Of(n)
				if live > 0 {
					size.Ended, size.Live = n-live, live
				}
				start := time.Now()
				s := scaletest.Open(t, webtest.NewOn(t, db), size)
				t.Logf("%s: filled in %.0f s", t.Name(), time.Since(start).Seconds())
				m := meter{t: t, s: s, rounds: rounds, limit: limit, pg: watch(t, db)}
				m.all()
			}
			if keep := os.Getenv(keepVar); keep != "" {
				measure(t, keep)
				return
			}
			storetest.EachURL(t, measure)
		})
	}
}

func number(t *testing.T, text string) (n, live int) {
	t.Helper()
	first, second, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(first)
	if err == nil && second != "" {
		live, err = strconv.Atoi(second)
	}
	if err != nil {
		t.Fatalf("%s: %v", measureVar, err)
	}
	return n, live
}

type meter struct {
	t      *testing.T
	s      *scaletest.School
	rounds int
	limit  time.Duration
	pg     func() time.Duration
}

func (m meter) all() {
	dana := m.s.Handles["dana"]
	for _, path := range measured {
		i := slices.IndexFunc(scaletest.Pages, func(p scaletest.Page) bool { return p.Path == path })
		for _, p := range scaletest.Pages[i:] {
			if p.Path == path {
				m.page(p.Who+" "+path, m.s.Handles[p.Who], m.s.Path(p))
			}
		}
	}
	m.together("eight at once: /queue", m.s.Reviewers, "/queue")

	work := m.s.Rig.App.Desk.Handlers()
	tick := func() error { return work[desk.JobTick].Do(m.t.Context(), jobs.Job{}) }
	if err := tick(); err != nil { // the first one sends the reminders of the day
		m.t.Error(err)
	}
	m.times("the tick", m.rounds, tick)
	slot := 0
	m.times("survey: the people of one batch", m.rounds, func() error {
		slot++
		_, err := m.s.Rig.App.Rooms.Eligibility.Concerned(m.t.Context(), m.s.Tenant, desk.EligibilityRef{Slot: slot % 48})
		return err
	})
	post := func(path string, fields url.Values) func() error {
		return func() error {
			if status, body := m.s.Post(m.t.Context(), dana, path, fields); status != 200 {
				return fmt.Errorf("%s is answered %d: %s", path, status, webtest.Text(body))
			}
			return nil
		}
	}
	_, body := m.s.Post(m.t.Context(), dana, "/tokens/export", url.Values{})
	rows := strings.Count(body, "\n") - 1
	m.times(fmt.Sprintf("export of all live tokens, %d rows", rows), min(m.rounds, 5), post("/tokens/export", url.Values{}))
	m.times("plan of a mass revocation of all live tokens", min(m.rounds, 5), post("/revocations", url.Values{"do": {"matching"}}))
}

func (m meter) page(name, handle, path string) {
	m.t.Helper()
	m.times(name, m.rounds, func() error {
		if status, body := m.s.Get(m.t.Context(), handle, path); status != 200 {
			return fmt.Errorf("%s is answered %d: %s", path, status, webtest.Text(body))
		}
		return nil
	})
}

// times does something as often as is wanted, but no longer than the limit.
func (m meter) times(name string, rounds int, do func() error) {
	m.t.Helper()
	if rounds > 1 { // once before, so that what is read once is in memory
		if err := do(); err != nil {
			m.t.Errorf("%s: %v", name, err)
			return
		}
	}
	var took []time.Duration
	own, pg, start := processor(), m.pg(), time.Now()
	for range rounds {
		from := time.Now()
		if err := do(); err != nil {
			m.t.Errorf("%s: %v", name, err)
			return
		}
		took = append(took, time.Since(from))
		if time.Since(start) > m.limit {
			break
		}
	}
	m.report(name, took, processor()-own, m.pg()-pg)
}

// together has everybody open a page at once, again and again.
func (m meter) together(name string, handles []string, path string) {
	m.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	var took []time.Duration
	own, pg, start := processor(), m.pg(), time.Now()
	for _, handle := range handles {
		all.Go(func() {
			for n := range max(m.rounds/len(handles)*2, 1) {
				if n >= 2 && time.Since(start) > m.limit {
					return
				}
				from := time.Now()
				status, _ := m.s.Get(m.t.Context(), handle, path)
				d := time.Since(from)
				mu.Lock()
				if took = append(took, d); status != 200 {
					m.t.Errorf("%s is answered %d", path, status)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	m.report(name, took, processor()-own, m.pg()-pg)
}

func (m meter) report(name string, took []time.Duration, own, pg time.Duration) {
	m.t.Helper()
	slices.Sort(took)
	at := func(p float64) float64 { return ms(took[min(int(p*float64(len(took))), len(took)-1)]) }
	m.t.Logf("| %s | %.1f | %.1f | %d | %.1f | %.1f |", name, at(0.5), at(0.99), len(took), ms(own)/float64(len(took)), ms(pg)/float64(len(took)))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// processor is the processor time of this process.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// watch returns the processor time of the PostgreSQL processes that serve a
// database, in steps of 10 ms; nothing for SQLite, whose time is ours.
func watch(t *testing.T, db string) func() time.Duration {
	t.Helper()
	if strings.HasPrefix(db, "sqlite:") {
		return func() time.Duration { return 0 }
	}
	c, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	was := map[int]time.Duration{} // a process that has ended keeps what it had
	return func() (sum time.Duration) {
		rows, err := c.Query(t.Context(), "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if err != nil {
			t.Fatal(err)
		}
		pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range pids {
			stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
			if err != nil {
				continue
			}
			_, rest, _ := strings.Cut(string(stat), ") ")
			if f := strings.Fields(rest); len(f) > 12 {
				user, _ := strconv.Atoi(f[11])
				system, _ := strconv.Atoi(f[12])
				was[pid] = time.Duration(user+system) * 10 * time.Millisecond
			}
		}
		for _, d := range was {
			sum += d
		}
		return sum
	}
}
