package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

func state(hash, registration string, minute int) lti.State {
	return lti.State{Hash: hash, NonceHash: "n", BinderHash: "b", RegistrationID: registration, TargetLinkURI: "https://tool.test/", CreatedAt: at(minute), ExpiresAt: at(minute + 10)}
}

func TestStates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var x lti.State
		n := 0
		fill(reflect.ValueOf(&x).Elem(), &n)
		if err := s.SaveState(t.Context(), x, 1); err != nil {
			t.Fatal(err)
		}
		want := x
		rounded(reflect.ValueOf(&want).Elem())
		if got, err := s.State(t.Context(), x.Hash); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
		if err := s.SaveState(t.Context(), x, 9); err == nil {
			t.Error("one state was saved twice")
		}
		// Sixteen browsers post one launch: one spends its state.
		errs := make([]error, 16)
		var done sync.WaitGroup
		for i := range errs {
			done.Go(func() {
				var got lti.State
				if got, errs[i] = s.SpendState(t.Context(), x.Hash); errs[i] == nil && !reflect.DeepEqual(got, want) {
					t.Errorf("spent %+v", got)
				}
			})
		}
		done.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, lti.ErrStateSpent) {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d spent the state", won)
		}
		if _, err := s.State(t.Context(), x.Hash); !errors.Is(err, lti.ErrStateUnknown) {
			t.Errorf("a spent state: %v", err)
		}
	})
}

func TestWaitingStatesAreBounded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const limit = 3
		for i := range limit {
			if err := s.SaveState(t.Context(), state(fmt.Sprint("a", i), "plt_a", 0), limit); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SaveState(t.Context(), state("a3", "plt_a", 9), limit); !errors.Is(err, lti.ErrTooManyStates) {
			t.Errorf("beyond the limit: %v", err)
		}
		if err := s.SaveState(t.Context(), state("b0", "plt_b", 9), limit); err != nil {
			t.Errorf("another platform suffers: %v", err)
		}
		if _, err := s.SpendState(t.Context(), "a0"); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveState(t.Context(), state("a4", "plt_a", 1), limit); err != nil {
			t.Errorf("there is room again: %v", err)
		}
		// What has expired takes no room, purged or not.
		if err := s.SaveState(t.Context(), state("a5", "plt_a", 10), limit); err != nil {
			t.Errorf("the others have expired: %v", err)
		}
		if n, err := s.PurgeStates(t.Context(), at(10)); n != 0 || err != nil {
			t.Errorf("at the moment of expiry: purged %d, %v", n, err)
		}
		if n, err := s.PurgeStates(t.Context(), at(11)); n != 2 || err != nil {
			t.Errorf("purged %d, %v; want the two that expired", n, err)
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
