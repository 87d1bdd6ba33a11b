package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

func invite(id string) store.Invite {
	return store.Invite{
		ID: id, Hash: hash(id), Platform: "plt_of_" + id, State: store.InviteOpen, Name: "North", CanvasURLs: []string{"https://north.test", "https://canvas.north.test"},
		Credential: []byte{1, 0, 2}, CredentialKind: "token", Actor: "operator:kim", Reason: "new school", CreatedAt: base, ExpiresAt: at(60),
	}
}

func inviteOf(t *testing.T, s *store.Store, id string) (i store.Invite) {
	t.Helper()
	err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
		i, err = tx.InviteByHash(hash(id))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestInvite(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		do := func(fn func(tx *store.Tx) error) error { return s.InTx(t.Context(), fn) }
		take := func(id string, now time.Time) error {
			return do(func(tx *store.Tx) error { return tx.TakeInvite(hash(id), now) })
		}
		in(t, s, func(tx *store.Tx) error { return tx.CreateInvite(invite("a")) })
		want := invite("a")
		rounded(reflect.ValueOf(&want).Elem())
		if got := inviteOf(t, s, "a"); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		for name, change := range map[string]func(*store.Invite){
			"no id": func(i *store.Invite) { i.ID = "" }, "no hash": func(i *store.Invite) { i.Hash = nil }, "no platform": func(i *store.Invite) { i.Platform = "" },
			"no name": func(i *store.Invite) { i.Name = "" }, "no address": func(i *store.Invite) { i.CanvasURLs = nil },
			"no beginning": func(i *store.Invite) { i.CreatedAt = time.Time{} }, "no end": func(i *store.Invite) { i.ExpiresAt = i.CreatedAt },
		} {
			bad := invite("bad")
			change(&bad)
			if do(func(tx *store.Tx) error { return tx.CreateInvite(bad) }) == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		for name, change := range map[string]func(*store.Invite){
			"a taken hash": func(i *store.Invite) { i.Hash = hash("a") }, "a taken id": func(i *store.Invite) { i.ID = "a" },
			"a taken platform": func(i *store.Invite) { i.Platform = "plt_of_a" },
		} {
			bad := invite("bad")
			change(&bad)
			if err := do(func(tx *store.Tx) error { return tx.CreateInvite(bad) }); !errors.Is(err, access.ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
		}

		back := func(tx *store.Tx) error { return tx.ReturnInvite(hash("a")) }
		spend := func(tx *store.Tx) error { return tx.SpendInvite(hash("a")) }
		for name, err := range map[string]error{
			"one that is not there": take("none", at(1)), "at its end": take("a", at(60)), "return of an open one": do(back), "end of an open one": do(spend),
		} {
			if !errors.Is(err, access.ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := take("a", at(59)); err != nil {
			t.Fatal(err)
		}
		if i := inviteOf(t, s, "a"); i.State != store.InviteTaken || !i.TakenAt.Equal(kept(at(59))) {
			t.Errorf("taken: %+v", i)
		}
		if err := take("a", at(59)); !errors.Is(err, access.ErrConflict) {
			t.Errorf("taken twice: %v", err)
		}
		if err := do(back); err != nil {
			t.Error(err)
		}
		if i := inviteOf(t, s, "a"); i.State != store.InviteOpen || !i.TakenAt.IsZero() || len(i.Credential) == 0 {
			t.Errorf("returned: %+v", i)
		}
		if err := errors.Join(take("a", at(2)), do(spend)); err != nil {
			t.Error(err)
		}
		if i := inviteOf(t, s, "a"); i.State != store.InviteSpent || i.Credential != nil {
			t.Errorf("spent: %+v", i)
		}
		for name, err := range map[string]error{"take": take("a", at(3)), "return": do(back), "spend": do(spend)} {
			if !errors.Is(err, access.ErrConflict) {
				t.Errorf("%s of a spent one: %v", name, err)
			}
		}

		late := invite("b")
		late.ExpiresAt = at(90)
		in(t, s, func(tx *store.Tx) error { return tx.CreateInvite(late) })
		in(t, s, func(tx *store.Tx) error {
			n, err := tx.PurgeInvites(at(61))
			if n != 1 {
				t.Errorf("purged %d", n)
			}
			if _, missing := tx.InviteByHash(hash("a")); !errors.Is(missing, access.ErrNotFound) {
				t.Errorf("purged: %v", missing)
			}
			return err
		})
		inviteOf(t, s, "b")
	})
}

func TestOneOfManyTakesAnInvite(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		in(t, s, func(tx *store.Tx) error { return tx.CreateInvite(invite("a")) })
		got := together(8, func(int) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.TakeInvite(hash("a"), at(1)) })
		})
		onlyOne(t, got)
	})
}

// together runs do n times at once.
func together(n int, do func(i int) error) []error {
	out, begin := make([]error, n), make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-begin
			out[i] = do(i)
		})
	}
	close(begin)
	all.Wait()
	return out
}

func onlyOne(t *testing.T, results []error) {
	t.Helper()
	won := 0
	for _, err := range results {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, access.ErrConflict):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d succeeded", won, len(results))
	}
}

func TestReplaceToolKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		key := func(id string) store.ToolKey {
			return store.ToolKey{ID: id, Sealed: []byte(id), CreatedAt: base, PublishedAt: base, SignsFrom: base}
		}
		replace := func(old string, end time.Time, next store.ToolKey) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.ReplaceToolKey(old, end, next) })
		}
		// Eight replicas make the first key at once.
		onlyOne(t, together(8, func(i int) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SaveToolKey(key(fmt.Sprint("first-", i))) })
		}))
		keys := func() (out []store.ToolKey) {
			t.Helper()
			in(t, s, func(tx *store.Tx) (err error) {
				out, err = tx.ToolKeys()
				return err
			})
			return out
		}
		first := keys()[0].ID
		// And replace it at once.
		onlyOne(t, together(8, func(i int) error { return replace(first, at(30), key(fmt.Sprint("second-", i))) }))
		all := keys()
		unended := 0
		for _, k := range all {
			switch {
			case k.RetiredAt.IsZero():
				unended++
			case k.ID != first || !k.RetiredAt.Equal(kept(at(30))):
				t.Errorf("%+v has an end", k)
			}
		}
		if len(all) != 2 || unended != 1 {
			t.Errorf("%d keys, %d without an end", len(all), unended)
		}
		ended := key("third")
		ended.RetiredAt = at(1)
		for name, err := range map[string]error{
			"no end": replace(first, time.Time{}, key("third")), "a new key that has one": replace(first, at(1), ended), "itself": replace(first, at(1), key(first)),
		} {
			if err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		for name, err := range map[string]error{
			"a key that has an end": replace(first, at(9), key("third")), "a key that is not there": replace("none", at(9), key("third")),
		} {
			if !errors.Is(err, access.ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		in(t, s, func(tx *store.Tx) error {
			n, err := tx.PurgeToolKeys(at(30))
			m, err2 := tx.PurgeToolKeys(at(31))
			if n != 0 || m != 1 {
				t.Errorf("purged %d, then %d", n, m)
			}
			return errors.Join(err, err2)
		})
		if all := keys(); len(all) != 1 || !all[0].RetiredAt.IsZero() {
			t.Errorf("left: %+v", all)
		}
	})
}

func TestDeployments(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		waiting := platform("plt_a", "north", "10000000000042")
		waiting.Registration.Deployments = nil
		other := platform("plt_b", "other", "10000000000042", lti.Deployment{ID: "3:root", Root: true})
		in(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.SavePlatform(waiting, operator(audit.PlatformAdd, waiting.ID), nil), tx.SavePlatform(other, operator(audit.PlatformAdd, other.ID), nil))
		})
		list := func() (out string) {
			t.Helper()
			in(t, s, func(tx *store.Tx) error {
				p, err := tx.Platform("plt_a")
				for _, d := range p.Registration.Deployments {
					out += d.ID
					if d.Root {
						out += "*"
					}
					out += " "
				}
				return err
			})
			return strings.TrimSpace(out)
		}
		e := operator(audit.PlatformChange, "plt_a")
		save := func(id string, root bool) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.SaveDeployment("plt_a", lti.Deployment{ID: id, Root: root}, e, nil)
			})
		}
		confirm := func(id string) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.ConfirmRoot("plt_a", id, e, nil) })
		}
		drop := func(id string) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.DropDeployment("plt_a", id, e, nil) })
		}
		must := func(want string, errs ...error) {
			t.Helper()
			if err := errors.Join(errs...); err != nil {
				t.Error(err)
			}
			if got := list(); got != want {
				t.Errorf("deployments %q, want %q", got, want)
			}
		}
		must("")
		if err := confirm("1:a"); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("confirmed what is not listed: %v", err)
		}
		must("1:a 2:b", save("1:a", false), save("2:b", false), save("1:a", false))
		onlyOne(t, together(6, func(i int) error { return confirm([]string{"1:a", "2:b"}[i%2]) }))
		must(map[bool]string{true: "1:a* 2:b", false: "1:a 2:b*"}[strings.HasPrefix(list(), "1:a*")])
		must("1:a 2:b*", save("2:b", true), save("2:b", false)) // without the mark it stays
		must("1:a 2:b 4:c*", save("4:c", true))
		must("2:b 4:c*", drop("1:a"))
		must("2:b 4:c* 5:d", save("5:d", false))
		before := verify(t, s, north)
		for name, tt := range map[string]struct {
			err  error
			want error
		}{
			"another platform's": {save("3:root", false), access.ErrConflict}, "no id": {save("", false), access.ErrInvalid},
			"an id that is none": {save("ü", true), access.ErrInvalid}, "dropped twice": {drop("1:a"), access.ErrNotFound},
			"another platform's, dropped": {drop("3:root"), access.ErrNotFound}, "a second root by confirmation": {confirm("2:b"), access.ErrConflict},
			"the root again": {confirm("4:c"), access.ErrConflict},
		} {
			if !errors.Is(tt.err, tt.want) {
				t.Errorf("%s: %v, want %v", name, tt.err, tt.want)
			}
		}
		must("2:b 4:c* 5:d")
		if after := verify(t, s, north); after != before {
			t.Errorf("what was refused left %d audit rows", after-before)
		}
		// A credential is stored beside all that, and changes nothing of it.
		in(t, s, func(tx *store.Tx) error { return tx.SaveCredential("plt_a", []byte{7, 0}, "oauth", e, nil) })
		in(t, s, func(tx *store.Tx) error {
			p, err := tx.Platform("plt_a")
			if string(p.Credential) != "\x07\x00" || p.CredentialKind != "oauth" || p.Name != "north" {
				t.Errorf("with a credential: %+v", p)
			}
			return err
		})
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SaveCredential("plt_none", []byte{7}, "oauth", e, nil) }); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("a credential of nobody: %v", err)
		}
		must("2:b 4:c* 5:d")
		must("5:d", drop("2:b"), drop("4:c"))
		must("", drop("5:d"))
		if reg, err := s.FindRegistration(t.Context(), "https://canvas.instructure.com", "10000000000042", "3:root"); err != nil || reg.ID != "plt_b" {
			t.Errorf("the platform beside it: %+v, %v", reg, err)
		}
	})
}

func TestRegistrationWritesNeedATransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := operator(audit.PlatformChange, "plt_a")
		for name, write := range map[string]func(tx *store.Tx) error{
			"CreateInvite":   func(tx *store.Tx) error { return tx.CreateInvite(invite("a")) },
			"TakeInvite":     func(tx *store.Tx) error { return tx.TakeInvite(hash("a"), base) },
			"ReturnInvite":   func(tx *store.Tx) error { return tx.ReturnInvite(hash("a")) },
			"SpendInvite":    func(tx *store.Tx) error { return tx.SpendInvite(hash("a")) },
			"PurgeInvites":   func(tx *store.Tx) error { _, err := tx.PurgeInvites(base); return err },
			"ReplaceToolKey": func(tx *store.Tx) error { return tx.ReplaceToolKey("a", base, store.ToolKey{ID: "b"}) },
			"PurgeToolKeys":  func(tx *store.Tx) error { _, err := tx.PurgeToolKeys(base); return err },
			"ConfirmRoot":    func(tx *store.Tx) error { return tx.ConfirmRoot("plt_a", "1", e, nil) },
			"SaveDeployment": func(tx *store.Tx) error { return tx.SaveDeployment("plt_a", lti.Deployment{ID: "1"}, e, nil) },
			"SaveCredential": func(tx *store.Tx) error { return tx.SaveCredential("plt_a", []byte{1}, "token", e, nil) },
			"DropDeployment": func(tx *store.Tx) error { return tx.DropDeployment("plt_a", "1", e, nil) },
		} {
			if err := s.Read(t.Context(), write); err == nil || !strings.Contains(err.Error(), "read-only transaction") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A database in which two replicas had made a first key each comes to have one
// without an end, and the program of before the migration still runs on it.
func TestMigrationOfToolKeys(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		if err := s.MigrateTo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		sealed, moment := "x'00'", "'2026-03-02 12:00:00+00:00'"
		if s.Postgres() {
			sealed = `'\x00'`
		}
		for _, id := range []string{"a", "c", "b"} {
			exec(t, s, fmt.Sprintf("INSERT INTO tool_keys (id, sealed, created_at, published_at, signs_from) VALUES ('%s', %s, %[3]s, %[3]s, %[3]s)", id, sealed, moment))
		}
		if err := s.Migrate(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		in(t, s, func(tx *store.Tx) error {
			keys, err := tx.ToolKeys()
			for _, k := range keys {
				if k.RetiredAt.IsZero() != (k.ID == "c") {
					t.Errorf("key %s ends %s", k.ID, k.RetiredAt)
				}
				if left := time.Until(k.RetiredAt); k.ID != "c" && (left < 23*time.Hour || left > 25*time.Hour) {
					t.Errorf("key %s ends in %s", k.ID, left)
				}
			}
			return err
		})
		if v, oldest, err := s.Schema(t.Context()); err != nil || v < 2 || oldest > store.ProgramVersion {
			t.Errorf("schema %d admits programs from %d on, %v", v, oldest, err)
		}
	})
}
