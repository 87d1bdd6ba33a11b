package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

func TestNewID(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^req_[A-Z2-7]{26}$`)
	a, b := store.NewID("req"), store.NewID("req")
	if !shape.MatchString(a) || a == b {
		t.Errorf("ids %s and %s", a, b)
	}
	g := access.Grant{ID: store.NewID("grt"), Attempt: 3, Title: "t"}
	if id, n, ok := access.ParseMarker(g.Purpose()); !ok || id != g.ID || n != 3 {
		t.Errorf("the marker of %s reads %s, %d, %v", g.ID, id, n, ok)
	}
}

// A read-only transaction sees one state, and cannot write by any method.
func TestRead(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			count := func() int {
				n, err := tx.CountRequests(store.RequestQuery{Tenant: north})
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			before := count()
			create(t, s, draft("req_meanwhile"))
			if after := count(); after != before {
				t.Errorf("one read saw %d, then %d requests", before, after)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r, g := waiting("req_a", 1), grant("grt_a", waiting("req_a", 1))
		e := told(audit.Refused, "req_a", "", "", 0)
		e.Tenant = string(north)
		writes := map[string]func(tx *store.Tx) error{
			"CreateTenant": func(tx *store.Tx) error {
				return tx.CreateTenant(store.Tenant{ID: "ten_x", Version: 1, CreatedAt: base})
			},
			"SaveTenant": func(tx *store.Tx) error { return tx.SaveTenant(store.Tenant{ID: north, Version: 2}, e, nil) },
			"SavePlatform": func(tx *store.Tx) error {
				return tx.SavePlatform(platform("plt_a", "a", "1", lti.Deployment{ID: "1"}), e, nil)
			},
			"SavePerson": func(tx *store.Tx) error {
				return tx.SavePerson(store.Person{ID: "per_x", Tenant: north, CreatedAt: base})
			},
			"LinkSub":    func(tx *store.Tx) error { return tx.LinkSub(north, "s", ana, e, nil) },
			"LockPerson": func(tx *store.Tx) error { return tx.LockPerson(north, ana) },
			"CreateRequest": func(tx *store.Tx) error {
				return tx.CreateRequest(r, told(audit.RequestCreate, r.ID, "", string(r.State), 1), nil)
			},
			"NextNumber":    func(tx *store.Tx) error { _, err := tx.NextNumber(north); return err },
			"MoveRequest":   func(tx *store.Tx) error { return tx.MoveRequest(approve(r), approved(r), nil) },
			"SaveDraft":     func(tx *store.Tx) error { return tx.SaveDraft(draft("req_meanwhile")) },
			"CreateGrant":   func(tx *store.Tx) error { return tx.CreateGrant(g, minted(g), nil) },
			"MoveGrant":     func(tx *store.Tx) error { return tx.MoveGrant(g, minted(g), nil) },
			"NoteGrant":     func(tx *store.Tx) error { return tx.RecordGrant(g) },
			"Audit":         func(tx *store.Tx) error { return tx.Audit(e, nil) },
			"EraseDetails":  func(tx *store.Tx) error { return tx.EraseDetails(north, []string{"aud_x"}) },
			"KeepQuote":     func(tx *store.Tx) error { return tx.KeepQuote(north, "req_a", store.QuoteEnd, "x") },
			"SaveSession":   func(tx *store.Tx) error { return tx.SaveSession(session1("s", ana)) },
			"TouchSession":  func(tx *store.Tx) error { return tx.TouchSession(hash("s"), base, base, true) },
			"EndSession":    func(tx *store.Tx) error { return tx.EndSession(hash("s")) },
			"PurgeSessions": func(tx *store.Tx) error { _, err := tx.PurgeSessions(base); return err },
			"Keep": func(tx *store.Tx) error {
				return tx.SaveText(store.SavedText{Tenant: north, Person: ana, UpdatedAt: base})
			},
			"DropKept":   func(tx *store.Tx) error { return tx.DropText(north, ana, "", "") },
			"PurgeKept":  func(tx *store.Tx) error { _, err := tx.PurgeTexts(base); return err },
			"MarkNotice": func(tx *store.Tx) error { return tx.MarkNotice(north, "k", "w", "") },
			"SaveToolKey": func(tx *store.Tx) error {
				return tx.SaveToolKey(store.ToolKey{ID: "k", Sealed: []byte{1}, CreatedAt: base})
			},
			"InsertJob": func(tx *store.Tx) error { return tx.InsertJob(jobs.Insert{Kind: "k", Key: "k", RunAt: base}) },
		}
		for name, write := range writes {
			err := s.Read(t.Context(), write)
			if err == nil || !strings.Contains(err.Error(), "read-only transaction") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A failed statement ends the transaction on both engines, even if its error is
// dropped: what came before does not stay, nor what comes after, whether there
// is something to tell or not.
func TestDroppedErrorStillFails(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		write := func(tx *store.Tx) error {
			return tx.SavePerson(store.Person{ID: "per_new", Tenant: north, CreatedAt: base})
		}
		tell := func(tx *store.Tx) error {
			e := told(audit.Refused, "req_a", "", "", 0)
			e.Tenant = string(north)
			return tx.Audit(e, nil)
		}
		broken := func(tx *store.Tx) error { // its error is what is dropped
			if err := tx.SavePerson(store.Person{ID: "per_twin", Tenant: north, CanvasUser: "100", CreatedAt: base}); !errors.Is(err, access.ErrConflict) {
				t.Errorf("a twin: %v", err)
			}
			return nil
		}
		read := func(tx *store.Tx) error {
			if got, err := tx.AuditOf(north, "req_a"); err == nil {
				t.Errorf("what cannot stay was read: %v", got)
			}
			return nil
		}
		for name, steps := range map[string][]func(tx *store.Tx) error{
			"nothing is told":        {write, broken},
			"an entry before it":     {write, tell, broken},
			"an entry after it":      {write, broken, tell},
			"an entry read after it": {write, tell, broken, read},
		} {
			err := s.InTx(t.Context(), func(tx *store.Tx) error {
				for _, step := range steps {
					if err := step(tx); err != nil {
						return err
					}
				}
				return nil
			})
			if !errors.Is(err, access.ErrConflict) {
				t.Errorf("%s: InTx = %v", name, err)
			}
		}
		if n := verify(t, s, north); n != 0 {
			t.Errorf("%d entries are left in the log", n)
		}
		// What merely was not there is no failure.
		in(t, s, func(tx *store.Tx) error {
			if _, err := tx.Person(north, "per_new"); !errors.Is(err, access.ErrNotFound) {
				t.Errorf("what came before stayed: %v", err)
			}
			return write(tx)
		})
	})
}

// No error that leaves the store can be told for one of gorm or a driver.
func TestNothingOfTheDriverEscapes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		errs := map[string]error{
			"missing": s.InTx(t.Context(), func(tx *store.Tx) error { _, err := tx.Request(north, "req_x"); return err }),
			"unique": s.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.SavePerson(store.Person{ID: "per_twin", Tenant: north, CanvasUser: "100", CreatedAt: base})
			}),
			"foreign key": s.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.SavePerson(store.Person{ID: "per_x", Tenant: "ten_x", CreatedAt: base})
			}),
			"check": s.InTx(t.Context(), func(tx *store.Tx) error {
				r := draft("req_c")
				r.State = "odd"
				return tx.CreateRequest(r, told(audit.RequestCreate, r.ID, "", "odd", 1), nil)
			}),
			"over":      s.Read(over, func(tx *store.Tx) error { _, err := tx.Tenants(); return err }),
			"over, job": s.InsertJob(over, jobs.Insert{Kind: "k", Key: "k", RunAt: base}),
		}
		for name, err := range errs {
			var pg *pgconn.PgError
			var lite *gosqlite.Error
			switch {
			case err == nil:
				t.Errorf("%s: no error", name)
			case errors.As(err, &pg), errors.As(err, &lite), errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, sql.ErrNoRows):
				t.Errorf("%s: %#v", name, err)
			}
		}
		for _, name := range []string{"over", "over, job"} {
			if !errors.Is(errs[name], context.Canceled) {
				t.Errorf("%s: %v", name, errs[name])
			}
		}
	})
}

// Two transactions that take two rows in opposite order: PostgreSQL ends one
// for a deadlock, and it is run again. How many lose is the database's affair,
// one at least, and in the first round only: who runs again does so when the
// other has ended its first run. SQLite lets one of them write at a time.
func TestDeadlockRunsAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		runs, ended := make([]int, 2), []chan struct{}{make(chan struct{}), make(chan struct{})}
		var both, done sync.WaitGroup
		both.Add(2)
		for i, order := range [][]access.PersonID{{ana, ben}, {ben, ana}} {
			done.Go(func() {
				err := s.InTx(t.Context(), func(tx *store.Tx) error {
					runs[i]++
					mine := order
					switch {
					case runs[i] == 1:
						defer close(ended[i])
					case s.Postgres():
						<-ended[1-i]
						mine = []access.PersonID{ana, ben} // both in one order: nobody loses now
					}
					if err := tx.LockPerson(north, mine[0]); err != nil {
						return err
					}
					if s.Postgres() && runs[i] == 1 {
						both.Done()
						both.Wait()
					}
					return tx.LockPerson(north, mine[1])
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		if n := runs[0] + runs[1]; s.Postgres() && n < 3 || !s.Postgres() && n != 2 {
			t.Errorf("ran %v times", runs)
		}
	})
}

// A writer of another process makes this one wait, not fail. Readers do not wait.
func TestSQLiteBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Open(t)
		seed(t, s)
		other, err := s.Raw().BeginTx(t.Context(), nil) // begins immediate: has the write lock
		if err != nil {
			t.Fatal(err)
		}
		result := make(chan error, 1)
		go func() {
			result <- s.InTx(t.Context(), func(tx *store.Tx) error { _, err := tx.NextNumber(north); return err })
		}()
		synctest.Wait() // it was refused once, and pauses
		if err := s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Tenants(); return err }); err != nil {
			t.Error(err)
		}
		select {
		case err := <-result:
			t.Errorf("the writer did not wait: %v", err)
		default:
		}
		if err := other.Rollback(); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil {
			t.Errorf("the waiting writer: %v", err)
		}
	})
}

// A database that cannot be reached is told from a fault of ours, by every way to it.
func TestADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		if s.Postgres() { // an admin ends the connection, as a server does that shuts down
			err := s.InTx(t.Context(), func(tx *store.Tx) error {
				if _, err := tx.Tenants(); err != nil {
					return err
				}
				exec(t, s, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'")
				_, err := tx.Tenants()
				return err
			})
			if !errors.Is(err, access.ErrUnavailable) {
				t.Errorf("a connection that was ended: %v", err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"read":      s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Tenants(); return err }),
			"write":     s.InTx(t.Context(), func(tx *store.Tx) error { _, err := tx.NextNumber(north); return err }),
			"statement": s.InsertJob(t.Context(), jobs.Insert{Kind: "k", Key: "k", RunAt: base}),
			"ready":     s.Ready(t.Context()),
		} {
			if !errors.Is(err, access.ErrUnavailable) || !strings.HasPrefix(err.Error(), "database unavailable: ") {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := s.Registration(t.Context(), "plt_a")
		if !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("a plain statement: %v", err)
		}
	})
	// Nobody listens there.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), "postgres://nobody@"+addr+"/none?sslmode=disable", store.Options{}); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("nobody listens: %v", err)
	}
}

// fn is run again only for trouble that another run can mend.
func TestInTxDoesNotRepeatRealErrors(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	seed(t, s)
	for name, fail := range map[string]error{"an error of fn": errors.New("mine"), "a conflict": fmt.Errorf("x: %w", access.ErrConflict), "a refusal": access.Refuse(access.WhySelf)} {
		runs := 0
		err := s.InTx(t.Context(), func(*store.Tx) error { runs++; return fail })
		if runs != 1 || !errors.Is(err, fail) {
			t.Errorf("%s: %d runs, %v", name, runs, err)
		}
	}
}

// Times are compared by the databases as Go compares them, whatever their zone
// and fraction.
func TestTimesSort(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		random := rand.New(rand.NewPCG(1, 2)) // a fixed sequence
		zones := []*time.Location{time.UTC, time.FixedZone("east", 5*3600+1800), time.FixedZone("west", -9*3600)}
		times := make([]time.Time, 60)
		in(t, s, func(tx *store.Tx) error {
			for i := range times {
				micros := []int64{0, 1, 10, 100_000, 120_000, 999_999}[random.IntN(6)]
				times[i] = time.Unix(1_790_000_000+random.Int64N(3), micros*1000).In(zones[random.IntN(3)])
				k := store.SavedText{Tenant: north, Person: ana, Object: fmt.Sprint(i), Form: "f", Data: []byte("{}"), UpdatedAt: times[i]}
				if err := tx.SaveText(k); err != nil {
					return err
				}
			}
			return nil
		})
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			all, err := tx.TextsOf(north, ana)
			for i := 1; i < len(all); i++ {
				if all[i].UpdatedAt.After(all[i-1].UpdatedAt) {
					t.Errorf("%v came behind %v", all[i].UpdatedAt, all[i-1].UpdatedAt)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range times {
			want := 0
			for _, x := range times {
				if x.Before(limit) {
					want++
				}
			}
			err := s.InTx(t.Context(), func(tx *store.Tx) error {
				if n, err := tx.PurgeTexts(limit); n != want || err != nil {
					t.Errorf("before %v: %d, %v; want %d", limit, n, err, want)
				}
				return errors.New("undo")
			})
			if err == nil {
				t.Fatal("not undone")
			}
		}
	})
}
