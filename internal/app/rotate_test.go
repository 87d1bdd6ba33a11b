package app

import (
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/web"
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

// replica is as much of a program as its keys and its upkeep need.
func replica(st *store.Store, c *handClock) *App {
	a := &App{Store: st, now: c.now, Log: slog.New(slog.DiscardHandler), runner: &jobs.Runner{Queue: st, Now: c.now, Handlers: map[string]jobs.Work{}}}
	a.keys = &toolKeys{store: st, box: secret.NewBox([32]byte{1}), now: c.now}
	a.scheduleUpkeep()
	return a
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

func published(t *testing.T, a *App) (ids []string) {
	t.Helper()
	all, err := a.keys.Published(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		ids = append(ids, k.ID)
	}
	return ids
}

func signs(t *testing.T, a *App) string {
	t.Helper()
	k, err := a.keys.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return k.ID
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
		replicas := []*App{replica(st, c), replica(st, c)}
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
				if r, err = replicas[0].RotateKeys(t.Context(), "operator:kim", "every now and then"); err != nil || !r.Made || r.Old.ID != first {
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
		replicas := make([]*App, 2)
		for i := range replicas {
			replicas[i] = replica(st, c)
		}
		// The first use of all at once.
		all := func(do func(a *App)) {
			var wait sync.WaitGroup
			for _, a := range replicas {
				wait.Go(func() { do(a) })
			}
			wait.Wait()
		}
		all(func(a *App) {
			if err := a.keys.refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
		first := signs(t, replicas[0])
		results := make(chan Rotation, len(replicas))
		all(func(a *App) {
			r, err := a.RotateKeys(t.Context(), "operator:kim", "drill")
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
			if r.New.ID != next || r.Old.ID != first || !r.New.SignsFrom.Equal(c.now().Add(keyWait)) || !r.Old.RetiredAt.Equal(c.now().Add(keyWait+keyKeep)) {
				t.Errorf("rotation %+v", r)
			}
		}
		if made != 1 {
			t.Errorf("%d replicas made a key", made)
		}
		// Once more while the new one waits: nothing happens.
		if r, err := replicas[1].RotateKeys(t.Context(), "operator:kim", "again"); err != nil || r.Made || r.New.ID != next || r.Old.ID != first {
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

// TestKeysRotateBySchedule runs the upkeep of two replicas for a year.
func TestKeysRotateBySchedule(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		tenants(t, st, "ten_a")
		c := newHandClock()
		replicas := []*App{replica(st, c), replica(st, c)}
		seen := map[string]bool{}
		drain := func() {
			t.Helper()
			for _, a := range replicas {
				if _, err := a.runner.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		drain() // without a key there is nothing to rotate
		if rows, err := replicas[0].keys.read(t.Context()); err != nil || len(rows) != 0 {
			t.Fatalf("the upkeep made a key: %d, %v", len(rows), err)
		}
		for range 61 { // a year and a day
			for _, a := range replicas {
				seen[signs(t, a)] = true
			}
			c.advance(6 * 24 * time.Hour)
			drain()
		}
		if len(seen) != 4 { // the first, and one whenever 90 days are over
			t.Errorf("%d keys signed in a year", len(seen))
		}
		rows, err := replicas[0].keys.read(t.Context())
		if err != nil || len(rows) != 1 && len(rows) != 2 {
			t.Errorf("%d keys are kept, %v", len(rows), err)
		}
		if got := published(t, replicas[1]); len(got) != 1 {
			t.Errorf("published: %v", got)
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

// The life of one key to the microsecond: it signs for 90 days, and half an hour
// more until its successor does; it is published for two hours after that, and
// kept for 30 days.
func TestTheLifeOfAKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		const day = 24 * time.Hour
		c := newHandClock()
		born := c.now()
		at := func(after time.Duration) *App { // a replica that starts then, so that it has read nothing before
			c.advance(born.Add(after).Sub(c.now()))
			return replica(st, c)
		}
		upkeep := func(a *App) (rows int) {
			t.Helper()
			if err := a.upkeep(t.Context(), jobs.Job{}); err != nil {
				t.Fatal(err)
			}
			all, err := a.keys.read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		first := signs(t, at(0))
		if n := upkeep(at(90*day - time.Microsecond)); n != 1 {
			t.Fatalf("%d keys before 90 days are over", n)
		}
		if n := upkeep(at(90 * day)); n != 2 {
			t.Fatalf("%d keys after 90 days", n)
		}
		rows, err := at(90 * day).keys.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next, _ := unended(rows)
		for _, want := range []struct {
			after     time.Duration
			signs     string
			published []string
		}{
			{90 * day, first, []string{first, next.ID}},
			{90*day + 30*time.Minute - time.Microsecond, first, []string{first, next.ID}},
			{90*day + 30*time.Minute, next.ID, []string{first, next.ID}},
			{90*day + 150*time.Minute - time.Microsecond, next.ID, []string{first, next.ID}},
			{90*day + 150*time.Minute, next.ID, []string{next.ID}},
		} {
			a := at(want.after)
			got := published(t, a)
			slices.Sort(got)
			slices.Sort(want.published)
			if key := signs(t, a); key != want.signs || !slices.Equal(got, want.published) {
				t.Errorf("after %v: %s signs, want %s; published %v, want %v", want.after, key, want.signs, got, want.published)
			}
		}
		ended := 90*day + 150*time.Minute
		if n := upkeep(at(ended + 30*day)); n != 2 {
			t.Errorf("%d keys 30 days after the first one ended", n)
		}
		if n := upkeep(at(ended + 30*day + time.Microsecond)); n != 1 {
			t.Errorf("%d keys later than that", n)
		}
	})
}

// A replica goes on with what it has read for a minute, and no longer.
func TestAReplicaReadsItsKeysEveryMinute(t *testing.T) {
	t.Parallel()
	st, c := storetest.Open(t), newHandClock()
	one, other := replica(st, c), replica(st, c)
	first := signs(t, one)
	r, err := other.RotateKeys(t.Context(), "operator:kim", "drill")
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

// An invite is made for a minute to fourteen days; when it has ended, its link
// says so for a week.
func TestTheLifeOfAnInvite(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	st, c := storetest.Open(t), newHandClock()
	a := replica(st, c)
	a.cfg.PublicURL = "http://localhost:1"
	spec := InviteSpec{Name: "Northfield", CanvasURLs: []string{"https://canvas.northfield.test"}, Actor: "operator:kim", Reason: "first term"}
	for valid, fine := range map[time.Duration]bool{
		0: false, time.Minute - 1: false, time.Minute: true, InviteLife: true, 14 * day: true, 14*day + 1: false,
	} {
		spec.Valid = valid
		if err := spec.Check(); (err == nil) != fine || err != nil && !errors.Is(err, ErrUsage) {
			t.Errorf("valid for %v: %v", valid, err)
		}
	}
	if InviteLife != day {
		t.Errorf("without a wish it is valid for %v", InviteLife)
	}
	spec.Valid = time.Minute
	made, err := a.Invite(t.Context(), spec)
	if err != nil || !made.ExpiresAt.Equal(c.now().Add(time.Minute)) {
		t.Fatalf("%v, %v", made.ExpiresAt, err)
	}
	link, err := url.Parse(made.Link)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		want  web.RegistrationWhy
	}{
		{time.Minute - time.Microsecond, ""}, {time.Microsecond, web.RegistrationExpired},
		{7 * day, web.RegistrationExpired}, {time.Microsecond, web.RegistrationNoInvite},
	} {
		c.advance(step.after)
		if err := a.upkeep(t.Context(), jobs.Job{}); err != nil {
			t.Fatal(err)
		}
		_, err := a.invited(t.Context(), link.Query().Get("invite"))
		var refused *web.RegistrationRefusal
		errors.As(err, &refused)
		if (err == nil) != (step.want == "") || refused != nil && refused.Why != step.want {
			t.Errorf("%v later: %v, want %q", step.after, err, step.want)
		}
	}
}
