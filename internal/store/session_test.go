package store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

func hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func session1(handle string, p access.PersonID) store.Session {
	return store.Session{Hash: hash(handle), Tenant: north, Person: p, Platform: "plt_a", Place: "course 7", Rights: "learner", Data: []byte(`{"a":1}`),
		CreatedAt: base, LaunchedAt: base, SeenAt: base, IdleUntil: at(30), EndsAt: at(480)}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		var x store.Session
		n := 0
		fill(reflect.ValueOf(&x).Elem(), &n)
		x.Hash, x.Tenant, x.Person, x.Data = hash("full"), north, ana, []byte(`{"a":"é"}`)
		x.IdleUntil, x.EndsAt = at(30), at(480)
		find := func(handle string, now time.Time) (got store.Session, err error) {
			err = s.Read(t.Context(), func(tx *store.Tx) (err error) {
				got, err = tx.SessionByHash(hash(handle), now)
				return err
			})
			return got, err
		}
		in(t, s, func(tx *store.Tx) error { return tx.SaveSession(x) })
		want := x
		rounded(reflect.ValueOf(&want).Elem())
		if got, err := find("full", base); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
		x.Data, x.CookieSeen = []byte("{}"), false
		in(t, s, func(tx *store.Tx) error { return tx.SaveSession(x) })
		if got, err := find("full", base); err != nil || string(got.Data) != "{}" || got.CookieSeen {
			t.Errorf("saved again: %+v, %v", got, err)
		}

		in(t, s, func(tx *store.Tx) error { return tx.SaveSession(session1("s", ana)) })
		for name, tt := range map[string]struct {
			handle string
			now    time.Time
			there  bool
		}{
			"in use":                         {"s", at(29), true},
			"at the idle limit":              {"s", at(30), false},
			"after it":                       {"s", at(31), false},
			"a handle that nobody was given": {"x", at(1), false},
		} {
			if _, err := find(tt.handle, tt.now); (err == nil) != tt.there || (err != nil && !errors.Is(err, access.ErrNotFound)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		touch := func(handle string, seen, idle time.Time, cookie bool) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.TouchSession(hash(handle), seen, idle, cookie) })
		}
		if err := errors.Join(touch("s", at(29), at(59), true), touch("s", at(470), at(500), false)); err != nil {
			t.Fatal(err)
		}
		got, err := find("s", at(479))
		if err != nil || !got.CookieSeen || !got.SeenAt.Equal(kept(at(470))) || !got.IdleUntil.Equal(kept(at(480))) {
			t.Errorf("touched: %+v, %v; want the cookie remembered and the idle limit cut at the end", got, err)
		}
		if _, err := find("s", at(480)); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("at its absolute end: %v", err)
		}
		if err := touch("x", base, at(1), false); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("touching what is not there: %v", err)
		}
		x = session1("c", ben)
		x.IdleUntil, x.EndsAt = at(60), at(40)
		in(t, s, func(tx *store.Tx) error { return tx.SaveSession(x) })
		if _, err := find("c", at(39)); err != nil {
			t.Errorf("before its end: %v", err)
		}
		if _, err := find("c", at(40)); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("at its end, idle or not: %v", err)
		}
		in(t, s, func(tx *store.Tx) error { return tx.EndSession(hash("c")) })
		in(t, s, func(tx *store.Tx) error { return tx.SaveSession(session1("b", ben)) })
		in(t, s, func(tx *store.Tx) error { return errors.Join(tx.EndSession(hash("s")), tx.EndSession(hash("s"))) })
		live := ""
		for _, h := range []string{"full", "s", "b"} {
			if _, err := find(h, at(1)); err == nil {
				live += h + " "
			}
		}
		if live != "full b " {
			t.Errorf("one ended; live: %s", live)
		}
		in(t, s, func(tx *store.Tx) error { return tx.EndSession(hash("full")) })
		x = session1("c", ben)
		x.IdleUntil, x.EndsAt = at(60), at(28)
		in(t, s, func(tx *store.Tx) error { return tx.SaveSession(x) })
		for now, want := range map[time.Time]int{at(27): 0, at(28): 1, at(29): 1, at(30): 2} {
			err := s.InTx(t.Context(), func(tx *store.Tx) error {
				n, err := tx.PurgeSessions(now)
				if n != want {
					t.Errorf("purged %d at %v, want %d", n, now, want)
				}
				return errors.Join(err, errors.New("undo"))
			})
			if err == nil {
				t.Error("not undone")
			}
		}
		for name, x := range map[string]store.Session{
			"no hash":                 {Tenant: north, CreatedAt: base, IdleUntil: at(1), EndsAt: at(1)},
			"the handle itself":       {Hash: []byte("handle"), Tenant: north, CreatedAt: base, IdleUntil: at(1), EndsAt: at(1)},
			"another tenant's person": func() store.Session { x := session1("v", zoe); return x }(),
		} {
			if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SaveSession(x) }); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
	})
}

func TestSessionBackend(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		var b session.Backend = s
		record := func(handle, place, rights string, p access.PersonID) session.Record {
			return session.Record{Hash: hash(handle), Tenant: string(north), Person: string(p), Platform: "plt_a", Place: place, Rights: rights,
				Data: []byte("{}"), CreatedAt: base, LaunchedAt: base, SeenAt: base, IdleUntil: at(30), EndsAt: at(480)}
		}
		var full session.Record
		n := 0
		fill(reflect.ValueOf(&full).Elem(), &n)
		full.Hash, full.Tenant, full.Person, full.Data = hash("full"), string(north), string(ana), []byte(`{"a":"é"}`)
		full.IdleUntil, full.EndsAt = at(30), at(480)
		if _, err := b.CreateSession(t.Context(), full); err != nil {
			t.Fatal(err)
		}
		want := full
		rounded(reflect.ValueOf(&want).Elem())
		if got, err := b.FindSession(t.Context(), full.Hash, base); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
		for _, r := range []session.Record{
			record("learner", "course 7", "learner", ana), record("elsewhere", "course 8", "learner", ana),
			record("ben", "course 7", "teacher", ben), record("tab", "course 7", "learner", ana),
		} {
			if differ, err := b.CreateSession(t.Context(), r); err != nil || len(differ) > 0 {
				t.Fatalf("%d differ, %v", len(differ), err)
			}
		}
		live := func() (out string) {
			for _, h := range []string{"learner", "tab", "elsewhere", "ben", "new"} {
				if _, err := b.FindSession(t.Context(), hash(h), at(1)); err == nil {
					out += h + " "
				} else if !errors.Is(err, session.ErrNone) {
					t.Error(err)
				}
			}
			return out
		}
		if got := live(); got != "learner tab elsewhere ben " {
			t.Errorf("live: %s", got)
		}
		differ, err := b.CreateSession(t.Context(), record("new", "course 7", "teacher", ana))
		if err != nil || len(differ) != 2 || differ[0].Rights != "learner" || differ[1].Rights != "learner" {
			t.Fatalf("%+v, %v", differ, err)
		}
		for _, o := range differ {
			if err := b.EndSession(t.Context(), o.Hash); err != nil {
				t.Fatal(err)
			}
		}
		if got := live(); got != "elsewhere ben new " {
			t.Errorf("without those that differ, live: %s", got)
		}
		if err := b.TouchSession(t.Context(), hash("new"), at(5), at(9999), true); err != nil {
			t.Error(err)
		}
		if got, err := b.FindSession(t.Context(), hash("new"), at(479)); err != nil || !got.CookieSeen || !got.IdleUntil.Equal(kept(at(480))) {
			t.Errorf("touched: %+v, %v", got, err)
		}
		if err := b.TouchSession(t.Context(), hash("none"), at(5), at(6), true); !errors.Is(err, session.ErrNone) {
			t.Errorf("touching none: %v", err)
		}
		if err := errors.Join(b.EndSession(t.Context(), hash("new")), b.EndSession(t.Context(), hash("new"))); err != nil {
			t.Error(err)
		}
		if got := live(); got != "elsewhere ben " {
			t.Errorf("after its end, live: %s", got)
		}
	})
}

func TestKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		k := func(p access.PersonID, object, form, text string, minute int) store.SavedText {
			return store.SavedText{Tenant: north, Person: p, Object: object, Form: form, Data: []byte(text), UpdatedAt: at(minute)}
		}
		in(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.SaveText(k(ana, "new", "request", `{"a":1}`, 1)), tx.SaveText(k(ana, "new", "request", `{"a":2}`, 2)),
				tx.SaveText(k(ana, "req_a", "decline", `{}`, 3)), tx.SaveText(k(ben, "new", "request", `{}`, 4)))
		})
		list := func(tenant access.TenantID, p access.PersonID) (out string) {
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				ks, err := tx.TextsOf(tenant, p)
				for _, k := range ks {
					out += fmt.Sprintf("%s/%s=%s ", k.Object, k.Form, k.Data)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			return out
		}
		if got := list(north, ana); got != `req_a/decline={} new/request={"a":2} ` {
			t.Errorf("kept: %s", got)
		}
		if got := list(south, ana); got != "" {
			t.Errorf("another tenant reads %s", got)
		}
		in(t, s, func(tx *store.Tx) error {
			got, err := tx.TextFor(north, ana, "new", "request")
			want := k(ana, "new", "request", `{"a":2}`, 2)
			want.UpdatedAt = kept(want.UpdatedAt)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v", got)
			}
			if _, err := tx.TextFor(north, ben, "req_a", "decline"); !errors.Is(err, access.ErrNotFound) {
				t.Errorf("somebody else's: %v", err)
			}
			return errors.Join(err, tx.DropText(north, ben, "new", "other"), tx.DropText(south, ana, "new", "request"))
		})
		in(t, s, func(tx *store.Tx) error {
			n, err := tx.PurgeTexts(at(3))
			if n != 1 {
				t.Errorf("purged %d", n)
			}
			return err
		})
		if got := list(north, ana) + list(north, ben); got != "req_a/decline={} new/request={} " {
			t.Errorf("left: %s", got)
		}
		in(t, s, func(tx *store.Tx) error { return tx.DropText(north, ana, "req_a", "decline") })
		if got := list(north, ana); got != "" {
			t.Errorf("dropped, left: %s", got)
		}
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SaveText(k(zoe, "new", "request", "{}", 1)) }); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("another tenant's person: %v", err)
		}
	})
}

func TestNotices(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		in(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.MarkNotice(north, "approved:req_a:2:per_ana", "mail", "<id@x>"), tx.MarkNotice(north, "approved:req_a:2:per_ana", "mail", "again"))
		})
		in(t, s, func(tx *store.Tx) error {
			for _, tt := range []struct {
				key, way string
				want     bool
			}{{"approved:req_a:2:per_ana", "mail", true}, {"approved:req_a:2:per_ana", "inbox", false}, {"approved:req_a:3:per_ana", "mail", false}} {
				if sent, err := tx.NoticeSent(tt.key, tt.way); err != nil || sent != tt.want {
					t.Errorf("%s by %s: %v, %v", tt.key, tt.way, sent, err)
				}
			}
			return nil
		})
		for name, mark := range map[string]func(tx *store.Tx) error{
			"no key": func(tx *store.Tx) error { return tx.MarkNotice(north, "", "mail", "") }, "no way": func(tx *store.Tx) error { return tx.MarkNotice(north, "k", "", "") },
			"no tenant": func(tx *store.Tx) error { return tx.MarkNotice("ten_none", "k", "mail", "") },
		} {
			if s.InTx(t.Context(), mark) == nil {
				t.Errorf("%s: accepted", name)
			}
		}
	})
}

func TestToolKeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var k store.ToolKey
		n := 0
		fill(reflect.ValueOf(&k).Elem(), &n)
		k.ID = "kid-1"
		later := store.ToolKey{ID: "kid-2", Sealed: []byte{1}, CreatedAt: k.CreatedAt.Add(time.Hour), PublishedAt: at(1)}
		in(t, s, func(tx *store.Tx) error { return errors.Join(tx.SaveToolKey(later), tx.SaveToolKey(k)) })
		later.RetiredAt, later.PublishedAt, later.SignsFrom = at(9), at(2), at(3)
		in(t, s, func(tx *store.Tx) error { return tx.SaveToolKey(later) })
		in(t, s, func(tx *store.Tx) error {
			got, err := tx.ToolKeys()
			want := []store.ToolKey{k, later}
			for i := range want {
				rounded(reflect.ValueOf(&want[i]).Elem())
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			return err
		})
		for name, k := range map[string]store.ToolKey{"no id": {Sealed: []byte{1}, CreatedAt: base}, "nothing sealed": {ID: "k", CreatedAt: base}} {
			if s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SaveToolKey(k) }) == nil {
				t.Errorf("%s: accepted", name)
			}
		}
	})
}

// free waits until no transaction holds a person's row (on SQLite: the right to
// write).
func free(t *testing.T, s *store.Store, p access.PersonID) {
	t.Helper()
	for t.Context().Err() == nil {
		tx, err := s.Raw().BeginTx(t.Context(), nil)
		if err != nil {
			continue // SQLite: busy
		}
		_, err = tx.ExecContext(t.Context(), fmt.Sprintf("UPDATE people SET name = name WHERE id = '%s'", p))
		if err := errors.Join(err, tx.Rollback()); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("the test's time is over")
}

// TestEndedTransactionSaysNothingMore: when the context ends, the transaction is
// rolled back under the function that runs in it. What that function still says
// must not happen outside of it.
func TestEndedTransactionSaysNothingMore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		x := session1("late", ana)
		err := s.InTx(ctx, func(tx *store.Tx) error {
			if err := tx.LockPerson(north, ana); err != nil {
				return err
			}
			cancel()
			late := func(when string) {
				if err := tx.SaveSession(x); err == nil {
					t.Errorf("a statement was said after the context's end, %s", when)
				}
			}
			late("perhaps before the rollback")
			free(t, s, ana)
			late("after the rollback")
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("InTx = %v", err)
		}
		if n := counts(t, s, "sessions"); n[0] != 0 {
			t.Errorf("%d sessions are left", n[0])
		}
		// database/sql gives the connection back by a goroutine of its own.
		for end := time.Now().Add(time.Minute); s.InUse() != 0; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%d connections are still in use", s.InUse())
			}
		}
		if !s.Postgres() {
			return
		}
		if err := s.AfterTheEnd(t.Context()); err == nil || !strings.Contains(err.Error(), "over") {
			t.Errorf("a statement after the end: %v", err)
		}
	})
}
