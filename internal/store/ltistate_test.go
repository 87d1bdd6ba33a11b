package store_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

func TestANonceIsSpentOnce(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		replicas := []*store.Store{s}
		if s.Postgres() { // SQLite is for one process
			replicas = append(replicas, openURL(t, url))
		}
		n := lti.Nonce{RegistrationID: "plt_a", Hash: "n", ExpiresAt: at(10)}
		// Sixteen browsers post one launch: one spends its nonce.
		errs := make([]error, 16)
		var done sync.WaitGroup
		for i := range errs {
			done.Go(func() { errs[i] = replicas[i%len(replicas)].SpendNonce(t.Context(), n) })
		}
		done.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, lti.ErrNonceSpent) {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d spent the nonce", won)
		}
		// It is that registration's, and no other's.
		n.RegistrationID = "plt_b"
		if err := s.SpendNonce(t.Context(), n); err != nil {
			t.Error(err)
		}
		// Who cannot write is not told that it is spent, and not that it is not.
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		n.Hash = "other"
		if err := s.SpendNonce(gone, n); err == nil || errors.Is(err, lti.ErrNonceSpent) {
			t.Errorf("without a database: %v", err)
		}
		if got := counts(t, s, "lti_nonces"); got[0] != 2 {
			t.Errorf("%d rows", got[0])
		}
		if n, err := s.PurgeStates(t.Context(), at(10)); n != 0 || err != nil {
			t.Errorf("at the moment of expiry: purged %d, %v", n, err)
		}
		if n, err := s.PurgeStates(t.Context(), at(11)); n != 2 || err != nil {
			t.Errorf("purged %d, %v", n, err)
		}
	})
}

func TestHeldLaunch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := lti.Held{Hash: "h", BinderHash: "b", Launch: []byte(`{"sub":"é"}`), ExpiresAt: at(5)}
		if err := s.HoldLaunch(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		won := 0
		var done sync.WaitGroup
		for range 8 {
			done.Go(func() {
				got, err := s.TakeHeld(t.Context(), "h")
				mu.Lock()
				defer mu.Unlock()
				want := h
				want.ExpiresAt = kept(h.ExpiresAt)
				switch {
				case err == nil && reflect.DeepEqual(got, want):
					won++
				case !errors.Is(err, lti.ErrHeldUnknown):
					t.Errorf("took %+v, %v", got, err)
				}
			})
		}
		done.Wait()
		if won != 1 {
			t.Errorf("%d took it", won)
		}
		if err := s.HoldLaunch(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if n, err := s.PurgeStates(t.Context(), at(6)); n != 1 || err != nil {
			t.Errorf("purged %d, %v", n, err)
		}
		if _, err := s.TakeHeld(t.Context(), "h"); !errors.Is(err, lti.ErrHeldUnknown) {
			t.Errorf("a purged launch: %v", err)
		}
	})
}
