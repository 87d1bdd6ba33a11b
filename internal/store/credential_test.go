package store_test

import (
	"bytes"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

func TestOneTurnAtATimeToAskForAnAccessToken(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		p := firstPlatform(t, s)
		now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
		run := func(do func(tx *store.Tx) error) error { return s.InTx(t.Context(), do) }
		lease := func(owner string, at time.Time) error {
			return run(func(tx *store.Tx) error {
				_, err := tx.LeaseCredential(p, owner, at, at.Add(15*time.Second))
				return err
			})
		}
		state := func(p store.Platform) (c store.CredentialState) {
			t.Helper()
			if err := s.Read(t.Context(), func(tx *store.Tx) (err error) { c, err = tx.CredentialState(p); return err }); err != nil {
				t.Fatal(err)
			}
			return c
		}
		if got := state(p); !got.CheckedAt.IsZero() || got.Access != nil {
			t.Errorf("before anything: %+v", got)
		}
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				switch err := lease(store.NewID("xch"), now); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, access.ErrConflict):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d have the turn", won.Load())
		}
		if err := lease("a", now.Add(14*time.Second)); !errors.Is(err, access.ErrConflict) {
			t.Errorf("before the turn ended: %v", err)
		}
		later := now.Add(15 * time.Second)
		if err := lease("a", later); err != nil {
			t.Errorf("after it ended: %v", err)
		}
		given := store.CredentialState{Access: []byte("sealed a"), AccessUntil: later.Add(time.Hour), Refresh: []byte("sealed r")}
		settle := func(owner string) error {
			return run(func(tx *store.Tx) error { return tx.SettleCredential(p, owner, given) })
		}
		if err := settle("b"); !errors.Is(err, access.ErrConflict) {
			t.Errorf("settled by somebody else: %v", err)
		}
		if err := settle("a"); err != nil {
			t.Error(err)
		}
		if err := settle("a"); !errors.Is(err, access.ErrConflict) {
			t.Errorf("settled twice: %v", err)
		}
		got := state(p)
		if !bytes.Equal(got.Access, given.Access) || !bytes.Equal(got.Refresh, given.Refresh) || !got.AccessUntil.Equal(given.AccessUntil) || !got.LeasedUntil.IsZero() {
			t.Errorf("shared: %+v", got)
		}
		if err := run(func(tx *store.Tx) error { return tx.DropAccess(p, []byte("another")) }); err != nil || state(p).Access == nil {
			t.Errorf("another access token was dropped: %v", err)
		}
		if err := run(func(tx *store.Tx) error { return tx.DropAccess(p, given.Access) }); err != nil || state(p).Access != nil || state(p).Refresh == nil {
			t.Errorf("dropped: %+v, %v", state(p), err)
		}
		noted := store.CredentialState{RefusedAt: now, EndsAt: now.AddDate(0, 0, 3), CheckedAt: later}
		if err := run(func(tx *store.Tx) error { return tx.RecordCredential(p, noted) }); err != nil {
			t.Error(err)
		}
		if got := state(p); !got.RefusedAt.Equal(now) || !got.EndsAt.Equal(noted.EndsAt) || !got.CheckedAt.Equal(later) || got.Refresh == nil {
			t.Errorf("noted: %+v", got)
		}

		// What is refused takes the shared access token with it, and nothing else does.
		again := store.CredentialState{Access: []byte("sealed a2"), AccessUntil: later.Add(time.Hour), Refresh: []byte("sealed r2")}
		if err := lease("d", later.Add(time.Minute)); err != nil {
			t.Error(err)
		}
		if err := run(func(tx *store.Tx) error { return tx.SettleCredential(p, "d", again) }); err != nil {
			t.Error(err)
		}
		for _, refused := range []time.Time{{}, now} {
			if err := run(func(tx *store.Tx) error {
				return tx.RecordCredential(p, store.CredentialState{RefusedAt: refused, CheckedAt: later})
			}); err != nil {
				t.Error(err)
			}
			want := again
			want.RefusedAt, want.CheckedAt = refused, later
			if !refused.IsZero() {
				want.Access, want.AccessUntil = nil, time.Time{}
			}
			if got := state(p); !reflect.DeepEqual(got, want) {
				t.Errorf("noted %v: %+v, want %+v", refused, got, want)
			}
		}
		if err := run(func(tx *store.Tx) error { return tx.RecordCredential(p, noted) }); err != nil {
			t.Error(err)
		}

		// Another credential begins anew, and the old one's rows say nothing of it.
		other := p
		other.Credential = []byte("another, sealed")
		if got := state(other); !got.RefusedAt.IsZero() || got.Refresh != nil {
			t.Errorf("of another credential: %+v", got)
		}
		if err := run(func(tx *store.Tx) error {
			_, err := tx.LeaseCredential(other, "c", later, later.Add(time.Minute))
			return err
		}); err != nil {
			t.Error(err)
		}
		if got := state(other); !got.RefusedAt.IsZero() || got.Refresh != nil || got.LeasedUntil.IsZero() {
			t.Errorf("another credential: %+v", got)
		}
		if got := state(p); !got.RefusedAt.IsZero() {
			t.Errorf("the old one: %+v", got)
		}
	})
}

func TestCredentialStatesRefuse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		p := firstPlatform(t, s)
		now := base
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			_, lease := tx.LeaseCredential(p, "a", now, now)
			for _, err := range []error{lease, tx.SettleCredential(p, "a", store.CredentialState{}), tx.RecordCredential(p, store.CredentialState{}), tx.DropAccess(p, nil)} {
				if err == nil {
					t.Error("a read-only transaction wrote")
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		p.Credential = nil
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.RecordCredential(p, store.CredentialState{}) }); err == nil {
			t.Error("a platform without a credential has a state")
		}
		p.ID, p.Credential = "plt_unknown", []byte("x")
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.RecordCredential(p, store.CredentialState{}) }); err == nil {
			t.Error("an unknown platform has a state")
		}
	})
}

func firstPlatform(t *testing.T, s *store.Store) store.Platform {
	t.Helper()
	p := platform("plt_a", "north", "10000000000042", lti.Deployment{ID: "1:a"})
	p.Credential, p.CredentialKind = []byte("sealed"), "oauth"
	in(t, s, func(tx *store.Tx) error { return tx.SavePlatform(p, operator(audit.PlatformAdd, p.ID), nil) })
	return p
}
