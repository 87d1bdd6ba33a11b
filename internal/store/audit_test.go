package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// counts returns how many rows the tables have.
func counts(tb testing.TB, s *store.Store, tables ...string) []int {
	tb.Helper()
	out := make([]int, len(tables))
	for i, name := range tables {
		if err := s.Raw().QueryRowContext(tb.Context(), "SELECT COUNT(*) FROM "+name).Scan(&out[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

func exec(tb testing.TB, s *store.Store, statement string) {
	tb.Helper()
	if err := s.Exec(tb.Context(), statement); err != nil {
		tb.Fatal(err)
	}
}

// Eight reviewers approve one request at the same moment: one wins.
func TestEightApprovalsAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := waiting("req_a", 1)
		create(t, s, r)
		moved := approve(r)
		errs := make([]error, 8)
		var ready, done sync.WaitGroup
		ready.Add(len(errs))
		for i := range errs {
			done.Go(func() {
				ready.Done()
				ready.Wait()
				errs[i] = s.InTx(t.Context(), func(tx *store.Tx) error {
					return tx.MoveRequest(moved, approved(r), audit.NewDetail(map[string]string{"reason": "fine"}),
						jobs.Insert{Kind: "tell", Key: "tell:" + r.ID + ":2"})
				})
			})
		}
		done.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, access.ErrConflict):
				t.Errorf("a loser got %v, want ErrConflict", err)
			}
		}
		if won != 1 {
			t.Errorf("%d approvals won", won)
		}
		if got, want := fmt.Sprint(counts(t, s, "audit_events", "audit_details", "jobs")), "[4 1 1]"; got != want {
			t.Errorf("events, details and jobs: %s, want %s", got, want)
		}
		verify(t, s, north)
	})
}

// The same, as a verb does it: read, ask, write. Whoever reads second
// sees what the first has done.
func TestReadThenMoveAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := waiting("req_a", 1)
		create(t, s, r)
		var mu sync.Mutex
		seen := map[access.RequestState]int{}
		var done sync.WaitGroup
		for range 8 {
			done.Go(func() {
				var saw access.RequestState
				err := s.InTx(t.Context(), func(tx *store.Tx) error {
					now, err := tx.Request(north, r.ID)
					if err != nil {
						return err
					}
					if saw = now.State; saw == access.InReview {
						return tx.MoveRequest(approve(now), approved(now), nil)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				seen[saw]++
			})
		}
		done.Wait()
		if seen[access.InReview] != 1 || seen[access.Approved] != 7 {
			t.Errorf("the eight saw %v", seen)
		}
		verify(t, s, north)
	})
}

// Eight writers with fifty changes each leave one chain without a gap.
func TestChainUnderConcurrency(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const writers, each = 8, 50
		seed(t, s)
		var done sync.WaitGroup
		for w := range writers {
			done.Go(func() {
				for n := range each {
					tenant := north
					if n%5 == 4 {
						tenant = south
					}
					err := s.InTx(t.Context(), func(tx *store.Tx) error {
						e := told(audit.Refused, fmt.Sprintf("req_%d_%d", w, n), "", "", 0)
						e.Tenant = string(tenant)
						return tx.Audit(e, audit.NewDetail(map[string]string{"why": "self"}))
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		done.Wait()
		if a, b := verify(t, s, north), verify(t, s, south); a != writers*each*4/5 || b != writers*each/5 {
			t.Errorf("chains of %d and %d entries", a, b)
		}
	})
}

// Whoever appends to two chains does so in the order of the tenants' ids, however
// they were told of, so that no two transactions ever wait for each other.
func TestOppositeOrders(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		tell := func(tx *store.Tx, order ...access.TenantID) error {
			for _, tenant := range order {
				e := told(audit.Refused, "req_a", "", "", 0)
				e.Tenant = string(tenant)
				if err := tx.Audit(e, nil); err != nil {
					return err
				}
			}
			return nil
		}
		// The heads of the chains in the order in which they were written.
		exec(t, s, "CREATE TABLE written (n INTEGER, tenant TEXT)")
		note := "INSERT INTO written SELECT COUNT(*), NEW.tenant FROM written;"
		if s.Postgres() {
			exec(t, s, "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+note+" RETURN NEW; END $$")
			exec(t, s, "CREATE TRIGGER note AFTER UPDATE ON audit_heads FOR EACH ROW EXECUTE FUNCTION note()")
		} else {
			exec(t, s, "CREATE TRIGGER note AFTER UPDATE ON audit_heads BEGIN "+note+" END")
		}
		in(t, s, func(tx *store.Tx) error { return tell(tx, south, north, south) })
		in(t, s, func(tx *store.Tx) error { return tell(tx, north, south) })
		if got, want := lastColumn(t, s, "SELECT tenant FROM written ORDER BY n"), []string{"ten_north", "ten_south", "ten_north", "ten_south"}; !slices.Equal(got, want) {
			t.Errorf("the heads were written in the order %v, want %v", got, want)
		}
		exec(t, s, "DROP TRIGGER note"+map[bool]string{true: " ON audit_heads"}[s.Postgres()])

		var done sync.WaitGroup
		for _, order := range [][]access.TenantID{{north, south}, {south, north}} {
			done.Go(func() {
				for range 30 {
					if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tell(tx, order...) }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		done.Wait()
		if a, b := verify(t, s, north), verify(t, s, south); a != 62 || b != 63 {
			t.Errorf("chains of %d and %d entries", a, b)
		}
	})
}

// Whatever fails, the state, the jobs and the log change together or not at all.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	raise := func(s *store.Store, table string) []string {
		if s.Postgres() {
			return []string{"CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'boom'; END $$",
				"CREATE TRIGGER boom BEFORE INSERT OR UPDATE ON " + table + " FOR EACH ROW EXECUTE FUNCTION boom()"}
		}
		return []string{"CREATE TRIGGER boom_i BEFORE INSERT ON " + table + " BEGIN SELECT RAISE(ABORT, 'boom'); END",
			"CREATE TRIGGER boom_u BEFORE UPDATE ON " + table + " BEGIN SELECT RAISE(ABORT, 'boom'); END"}
	}
	faults := map[string]func(s *store.Store) []string{
		"the audit log refuses":       func(s *store.Store) []string { return raise(s, "audit_events") },
		"the details cannot be kept":  func(s *store.Store) []string { return raise(s, "audit_details") },
		"the chain's head is stuck":   func(s *store.Store) []string { return raise(s, "audit_heads") },
		"the chain's head is missing": func(*store.Store) []string { return []string{"DELETE FROM audit_heads"} },
		"the details are gone":        func(*store.Store) []string { return []string{"DROP TABLE audit_details"} },
		"the queue refuses":           func(s *store.Store) []string { return raise(s, "jobs") },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				seed(t, s)
				r := waiting("req_a", 1)
				create(t, s, r)
				moved := approve(r)
				detail := audit.NewDetail(map[string]string{"reason": "fine"})
				work := jobs.Insert{Kind: "tell", Key: "k"}
				writes := map[string]func(tx *store.Tx) error{
					"move request": func(tx *store.Tx) error { return tx.MoveRequest(moved, approved(r), detail, work) },
					"create request": func(tx *store.Tx) error {
						n := draft("req_b")
						return tx.CreateRequest(n, told(audit.RequestCreate, n.ID, "", "draft", 1), detail, work)
					},
					"create grant": func(tx *store.Tx) error {
						g := grant("grt_a", r)
						return tx.CreateGrant(g, minted(g), detail, work)
					},
				}
				for _, statement := range fault(s) {
					exec(t, s, statement)
				}
				tables := []string{"requests", "grants", "audit_events", "jobs"}
				before := fmt.Sprint(counts(t, s, tables...))
				for what, write := range writes {
					if err := s.InTx(t.Context(), write); err == nil {
						t.Errorf("%s: no error", what)
					}
				}
				if after := fmt.Sprint(counts(t, s, tables...)); after != before {
					t.Errorf("rows of %v: %s, were %s", tables, after, before)
				}
				var state string
				var version int
				if err := s.Raw().QueryRowContext(t.Context(), "SELECT state, version FROM requests WHERE id = 'req_a'").Scan(&state, &version); err != nil {
					t.Fatal(err)
				}
				if state != string(access.InReview) || version != 1 {
					t.Errorf("the request is %s at version %d", state, version)
				}
			})
		})
	}
}

// An error after everything was written undoes everything, the log included.
func TestLateErrorUndoesAll(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		late := errors.New("late")
		run := func(end func() error) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error {
				r := draft("req_a")
				if err := tx.CreateRequest(r, told(audit.RequestCreate, r.ID, "", "draft", 1), nil, jobs.Insert{Kind: "k", Key: "k"}); err != nil {
					return err
				}
				if got, err := tx.AuditOf(north, r.ID); err != nil || len(got) != 1 { // written by now
					t.Errorf("the transaction does not see its own event: %v, %v", got, err)
				}
				return end()
			})
		}
		if err := run(func() error { return late }); !errors.Is(err, late) {
			t.Errorf("InTx = %v", err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			run(func() error { panic("in the middle") })
		}()
		if got, want := fmt.Sprint(counts(t, s, "requests", "audit_events", "jobs")), "[0 2 0]"; got != want {
			t.Errorf("rows left: %s", got)
		}
		if n := s.InUse(); n != 0 {
			t.Errorf("%d connections are still in use", n)
		}
		if err := run(func() error { return nil }); err != nil {
			t.Error(err)
		}
		verify(t, s, north)
	})
}

func TestLogIsAppendOnly(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		in(t, s, func(tx *store.Tx) error {
			e := told(audit.Refused, "req_a", "", "", 0)
			e.Tenant = string(north)
			return tx.Audit(e, audit.NewDetail(map[string]string{"why": "self"}))
		})
		statements := []string{"UPDATE audit_events SET actor = 'per_x'", "DELETE FROM audit_events", "UPDATE audit_details SET data = '{}'"}
		if s.Postgres() {
			statements = append(statements, "TRUNCATE audit_events CASCADE")
		}
		for _, statement := range statements {
			if err := s.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		if n := verify(t, s, north); n != 1 {
			t.Errorf("%d entries", n)
		}
	})
}

func TestAuditReading(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := waiting("req_a", 1)
		create(t, s, r, waiting("req_b", 2))
		in(t, s, func(tx *store.Tx) error {
			if err := tx.MoveRequest(approve(r), approved(r), audit.NewDetail(map[string]string{"reason": "Ænigma <b>\u2028"})); err != nil {
				return err
			}
			g := grant("grt_a", r)
			e := minted(g)
			e.Related = r.ID
			return tx.CreateGrant(g, e, nil)
		})
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			got, err := tx.AuditOf(north, r.ID)
			if err != nil {
				return err
			}
			var story []string
			for _, e := range got {
				story = append(story, fmt.Sprintf("%d %s %s", e.Event.Seq, e.Event.Action, e.Event.Object))
			}
			if want := "[2 request.create req_a 4 request.approve req_a 5 grant.create grt_a]"; fmt.Sprint(story) != want {
				t.Errorf("the story is %v, want %s", story, want)
			}
			e := got[1]
			if e.Event.From != "in_review" || e.Event.To != "approved" || e.Event.Version != 2 || e.Event.Actor != string(ana) ||
				!e.Event.At.Equal(kept(at(2))) || !strings.HasPrefix(e.Event.ID, "aud_") || e.Event.Tenant != string(north) {
				t.Errorf("the event is %+v", e.Event)
			}
			if e.Detail == nil || e.Detail.Data["reason"] != "Ænigma <b>\u2028" {
				t.Errorf("its details are %+v", e.Detail)
			}
			for what, object := range map[string]string{"nothing": "", "another's": "req_none"} {
				if got, err := tx.AuditOf(north, object); err != nil || len(got) != 0 {
					t.Errorf("story of %s: %v, %v", what, got, err)
				}
			}
			if got, err := tx.AuditOf(south, r.ID); err != nil || len(got) != 0 {
				t.Errorf("another tenant reads %v, %v", got, err)
			}
			page, err := tx.AuditAfter(north, 1, 2)
			if err != nil || len(page) != 2 || page[0].Event.Seq != 2 || page[1].Event.Seq != 3 {
				t.Errorf("two after the first: %+v, %v", page, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestEraseDetails(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		in(t, s, func(tx *store.Tx) error {
			for i := range 3 {
				e := told(audit.Refused, fmt.Sprintf("req_%d", i), "", "", 0)
				e.Tenant = string(north)
				if err := tx.Audit(e, audit.NewDetail(map[string]string{"name": fmt.Sprint("Ana ", i)})); err != nil {
					return err
				}
			}
			return nil
		})
		entries := log(t, s, north)
		victim := entries[2].Event.ID
		erase := func(tenant access.TenantID, ids ...string) {
			in(t, s, func(tx *store.Tx) error { return tx.EraseDetails(tenant, ids) })
		}
		erase(south, victim)
		if e := log(t, s, north)[2]; e.Detail == nil {
			t.Fatal("another tenant erased the details")
		}
		erase(north, victim, "aud_none")
		after := log(t, s, north)
		if after[2].Detail != nil || len(after[2].Event.DetailSum) == 0 {
			t.Errorf("after erasing: %+v", after[2])
		}
		if after[1].Detail == nil || after[3].Detail == nil {
			t.Error("other details went too")
		}
		if n := verify(t, s, north); n != 3 {
			t.Errorf("the chain verifies %d entries", n)
		}
		// What was altered behind the store's back is found.
		if !s.Postgres() {
			exec(t, s, "DROP TRIGGER audit_details_unchanged")
		} else {
			exec(t, s, "ALTER TABLE audit_details DISABLE TRIGGER ALL")
		}
		exec(t, s, `UPDATE audit_details SET data = '{"name":"Eve"}'`)
		c := audit.NewChain(string(north))
		for i, e := range log(t, s, north)[:2] {
			if err := c.Add(e.Event, e.Detail); (err == nil) != (i == 0) { // the first entry has none
				t.Errorf("altered details verify: entry %d, %v", i, err)
			}
		}
	})
}

// Replaying the log gives what the rows say.
func TestReplayGivesTheRows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		a, b := waiting("req_a", 1), waiting("req_b", 2)
		create(t, s, a, b, draft("req_d"))
		in(t, s, func(tx *store.Tx) error {
			if err := tx.MoveRequest(approve(a), approved(a), nil); err != nil {
				return err
			}
			g := grant("grt_a", a)
			if err := tx.CreateGrant(g, minted(g), nil); err != nil {
				return err
			}
			g.State, g.Version = access.HandedOver, 2
			if err := tx.MoveGrant(g, told(audit.GrantShown, g.ID, "minting", "handed_over", 2), nil); err != nil {
				return err
			}
			refused := told(audit.Refused, b.ID, "", "", 0)
			refused.Tenant = string(north)
			return tx.Audit(refused, nil)
		})
		var events []audit.Event
		for _, e := range log(t, s, north) {
			events = append(events, e.Event)
		}
		places, err := audit.Replay(events)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.Raw().QueryContext(t.Context(), `SELECT id, state, version FROM requests UNION ALL SELECT id, state, version FROM grants`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		n := 0
		for rows.Next() {
			var id string
			var p audit.Place
			if err := rows.Scan(&id, &p.State, &p.Version); err != nil {
				t.Fatal(err)
			}
			n++
			if places[id] != p {
				t.Errorf("%s: the row says %+v, the log %+v", id, p, places[id])
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if n != len(places) || n != 4 {
			t.Errorf("%d rows, %d objects in the log", n, len(places))
		}
	})
}

func TestAuditRefuses(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	seed(t, s)
	const needs = "it needs an actor, an object and a time"
	tests := map[string]struct {
		e    func(*audit.Event)
		d    *audit.Detail
		says string
	}{
		"no tenant":                     {func(e *audit.Event) { e.Tenant = "" }, nil, "of another tenant than it happened in"},
		"an unknown tenant":             {func(e *audit.Event) { e.Tenant = "ten_west" }, nil, access.ErrNotFound.Error()},
		"an unknown action":             {func(e *audit.Event) { e.Action = "anything" }, nil, "an unknown action"},
		"no object":                     {func(e *audit.Event) { e.Object = "" }, nil, needs},
		"no actor":                      {func(e *audit.Event) { e.Actor = "" }, nil, needs},
		"no time":                       {func(e *audit.Event) { e.At = time.Time{} }, nil, needs},
		"text that is not UTF-8":        {func(e *audit.Event) { e.Actor = "\xff" }, nil, "text that is not valid UTF-8"},
		"text with a NUL":               {func(e *audit.Event) { e.Related = "a\x00" }, nil, "text that is not valid UTF-8"},
		"details without salt":          {func(*audit.Event) {}, &audit.Detail{Data: map[string]string{"a": "b"}}, "details without a salt"},
		"details with a short salt":     {func(*audit.Event) {}, &audit.Detail{Salt: make([]byte, 15), Data: map[string]string{"a": "b"}}, "details without a salt"},
		"details that are not UTF-8":    {func(*audit.Event) {}, &audit.Detail{Salt: make([]byte, 16), Data: map[string]string{"a": "\xff"}}, "details that are not valid UTF-8"},
		"names of details that are not": {func(*audit.Event) {}, &audit.Detail{Salt: make([]byte, 16), Data: map[string]string{"\xff": "a"}}, "details that are not valid UTF-8"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := told(audit.Refused, "req_a", "", "", 0)
			e.Tenant = string(north)
			tt.e(&e)
			if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.Audit(e, tt.d) }); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want: %s", err, tt.says)
			}
		})
	}
	if n := verify(t, s, north); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// Whatever has a state is made, and moves, with the event that tells just that:
// its own object, the state it goes to, and its version.
func TestAMoveIsToldAsItIs(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	seed(t, s)
	request, grant, token, incident := draft("req_a"), access.Grant{ID: "grt_a", Tenant: north, Version: 1, State: access.Minting}, found("fnd_a", "1"), leak("inc_a", "")
	inventory := store.Inventory{ID: "inv_a", Tenant: north, Version: 1, State: store.InventoryRunning}
	plan, _ := massPlan("mas_a")
	for name, tt := range map[string]struct {
		object, state string
		do            func(tx *store.Tx, e audit.Event) error
	}{
		"CreateRequest": {request.ID, string(request.State), func(tx *store.Tx, e audit.Event) error { return tx.CreateRequest(request, e, nil) }},
		"MoveRequest":   {request.ID, string(request.State), func(tx *store.Tx, e audit.Event) error { return tx.MoveRequest(request, e, nil) }},
		"CreateGrant":   {grant.ID, string(grant.State), func(tx *store.Tx, e audit.Event) error { return tx.CreateGrant(grant, e, nil) }},
		"MoveGrant":     {grant.ID, string(grant.State), func(tx *store.Tx, e audit.Event) error { return tx.MoveGrant(grant, e, nil) }},
		"CreateFound":   {token.ID, string(token.State), func(tx *store.Tx, e audit.Event) error { return tx.CreateFound(token, e, nil) }},
		"MoveFound":     {token.ID, string(token.State), func(tx *store.Tx, e audit.Event) error { return tx.MoveFound(token, e, nil) }},
		"CreateIncident": {incident.ID, "open", func(tx *store.Tx, e audit.Event) error {
			return tx.CreateIncident(incident, e, nil)
		}},
		"SaveIncident": {incident.ID, "open", func(tx *store.Tx, e audit.Event) error { return tx.SaveIncident(incident, e, nil) }},
		"CreateInventory": {inventory.ID, string(inventory.State), func(tx *store.Tx, e audit.Event) error {
			return tx.CreateInventory(inventory, e)
		}},
		"EndInventory": {inventory.ID, string(inventory.State), func(tx *store.Tx, e audit.Event) error { return tx.EndInventory(inventory, e, nil) }},
		"PlanMass": {plan.ID, string(plan.State), func(tx *store.Tx, e audit.Event) error {
			_, err := tx.PlanMass(plan, store.MassQuery(north, plan.Filter, at(10)), e, nil)
			return err
		}},
		"SaveMass": {plan.ID, string(plan.State), func(tx *store.Tx, e audit.Event) error { return tx.SaveMass(plan, e, nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			right := told(audit.RequestCreate, tt.object, "", tt.state, 1)
			for what, change := range map[string]func(e *audit.Event){
				"names the object": func(e *audit.Event) { e.Object = "req_z" },
				"tells of \"x\"":   func(e *audit.Event) { e.To = "x" },
				"at version 7; it": func(e *audit.Event) { e.Version = 7 },
			} {
				e := right
				change(&e)
				if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tt.do(tx, e) }); !refused(err, what) {
					t.Errorf("%v, want %q", err, what)
				}
			}
		})
	}
}
