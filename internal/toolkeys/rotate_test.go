package toolkeys

import (
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// handClock is a clock that only the test moves.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *handClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// replica is the keys as one process of several has them.
func replica(st *store.Store, c *handClock) *Keys {
	return New(st, secret.NewBox([32]byte{1}), c.now, slog.New(slog.DiscardHandler))
}

func newHandClock() *handClock {
	return &handClock{at: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
}

func tenants(t *testing.T, st *store.Store, ids ...access.TenantID) {
	t.Helper()
	err := st.InTx(t.Context(), func(tx *store.Tx) error {
		for _, id := range ids {
			if err := tx.CreateTenant(store.Tenant{ID: id, Name: string(id), Version: 1, CreatedAt: newHandClock().at}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func published(t *testing.T, k *Keys) (ids []string) {
	t.Helper()
	all, err := k.Published(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range all {
		ids = append(ids, key.ID)
	}
	return ids
}

func signs(t *testing.T, k *Keys) string {
	t.Helper()
	key, err := k.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return key.ID
}

// TestRotationLeavesNoGap lets two replicas sign every half minute while one of
// them rotates, and a platform check with key sets of any age that it may have
// kept: nothing that was signed is ever unknown, for as long as it can be checked.
func TestRotationLeavesNoGap(t *testing.T) {
	t.Parallel()
	const (
		step     = 30 * time.Second
		keepSet  = 10 * time.Minute // what lti.KeySetHandler allows
		lifetime = 5 * time.Minute  // of an assertion
	)
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		c := newHandClock()
		replicas := []*Keys{replica(st, c), replica(st, c)}
		type set struct {
			at   time.Time
			keys []string
		}
		type signed struct {
			at  time.Time
			key string
		}
		var sets []set
		var made []signed
		signers := map[string]bool{}
		first := signs(t, replicas[0])
		var r Rotation
		for n := range 400 { // 200 minutes
			if n == 20 {
				var err error
				if r, err = replicas[0].Rotate(t.Context(), "operator:kim", "every now and then"); err != nil || !r.Made || r.Old.ID != first {
					t.Fatalf("rotation %+v, %v", r, err)
				}
			}
			now := c.now()
			for i, a := range replicas {
				if (n+i)%3 == 0 { // they read their keys at different times
					sets = append(sets, set{now, published(t, a)})
				}
				key := signs(t, a)
				signers[key] = true
				made = append(made, signed{now, key})
			}
			for _, m := range made {
				if now.Sub(m.at) > lifetime {
					continue
				}
				for _, s := range sets {
					if now.Sub(s.at) <= keepSet && !slices.Contains(s.keys, m.key) {
						t.Fatalf("minute %v: what was signed with %s at %s is unknown to a key set of %s", now.Sub(newHandClock().at).Minutes(), m.key, m.at, s.at)
					}
				}
			}
			made = slices.DeleteFunc(made, func(m signed) bool { return now.Sub(m.at) > lifetime })
			sets = slices.DeleteFunc(sets, func(s set) bool { return now.Sub(s.at) > keepSet })
			c.advance(step)
		}
		for _, a := range replicas {
			if got := published(t, a); len(got) != 1 || got[0] != r.New.ID || signs(t, a) != r.New.ID {
				t.Errorf("in the end %v is published and %s signs", got, signs(t, a))
			}
		}
		if len(signers) != 2 {
			t.Errorf("%d keys signed", len(signers))
		}
	})
}

func TestRotatingReplicasMakeOneKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		tenants(t, st, "ten_a", "ten_b")
		c := newHandClock()
		replicas := make([]*Keys, 2)
		for i := range replicas {
			replicas[i] = replica(st, c)
		}
		// The first use of all at once.
		all := func(do func(k *Keys)) {
			var group sync.WaitGroup
			for _, a := range replicas {
				group.Go(func() { do(a) })
			}
			group.Wait()
		}
		all(func(k *Keys) {
			if err := k.refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
		first := signs(t, replicas[0])
		results := make(chan Rotation, len(replicas))
		all(func(k *Keys) {
			r, err := k.Rotate(t.Context(), "operator:kim", "drill")
			if err != nil {
				t.Error(err)
			}
			results <- r
		})
		close(results)
		made := 0
		var next string
		for r := range results {
			if r.Made {
				made++
			}
			if next == "" {
				next = r.New.ID
			}
			if r.New.ID != next || r.Old.ID != first || !r.New.SignsFrom.Equal(c.now().Add(wait)) || !r.Old.RetiredAt.Equal(c.now().Add(wait+keep)) {
				t.Errorf("rotation %+v", r)
			}
		}
		if made != 1 {
			t.Errorf("%d replicas made a key", made)
		}
		// Once more while the new one waits: nothing happens.
		if r, err := replicas[1].Rotate(t.Context(), "operator:kim", "again"); err != nil || r.Made || r.New.ID != next || r.Old.ID != first {
			t.Errorf("a second rotation: %+v, %v", r, err)
		}
		for _, tenant := range []access.TenantID{"ten_a", "ten_b"} {
			err := st.Read(t.Context(), func(tx *store.Tx) error {
				log, err := tx.AuditOf(tenant, next)
				if len(log) != 1 {
					t.Errorf("%d audit rows in %s", len(log), tenant)
					return err
				}
				e := log[0]
				if e.Event.Action != audit.KeyRotate || e.Event.Actor != "operator:kim" || e.Event.Related != first || e.Detail.Data["reason"] != "drill" {
					t.Errorf("audit %+v %+v", e.Event, e.Detail)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// A replica whose clock is behind that of the one who made the first key signs
// with it all the same.
func TestClockBehindTheFirstKey(t *testing.T) {
	t.Parallel()
	st := storetest.Open(t)
	ahead, behind := newHandClock(), newHandClock()
	ahead.advance(5 * time.Second)
	first := signs(t, replica(st, ahead))
	if got := signs(t, replica(st, behind)); got != first {
		t.Errorf("%s signs, want %s", got, first)
	}
}

// A replica goes on with what it has read for a minute, and no longer.
func TestAReplicaReadsItsKeysEveryMinute(t *testing.T) {
	t.Parallel()
	st, c := storetest.Open(t), newHandClock()
	one, other := replica(st, c), replica(st, c)
	first := signs(t, one)
	r, err := other.Rotate(t.Context(), "operator:kim", "drill")
	if err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute - time.Microsecond)
	if got := published(t, one); !slices.Equal(got, []string{first}) {
		t.Errorf("within a minute: %v", got)
	}
	c.advance(time.Microsecond)
	if got := published(t, one); len(got) != 2 || !slices.Contains(got, r.New.ID) {
		t.Errorf("after a minute: %v", got)
	}
}
