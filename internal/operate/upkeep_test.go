package operate

import (
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/toolkeys"
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
type replica struct {
	*Commands
	runner *jobs.Runner
}

func newReplica(st *store.Store, c *handClock) *replica {
	box, log := secret.NewBox([32]byte{1}), slog.New(slog.DiscardHandler)
	r := &replica{
		Commands: &Commands{Store: st, Box: box, ToolKeys: toolkeys.New(st, box, c.now, log), Now: c.now, Log: log},
		runner:   &jobs.Runner{Queue: st, Now: c.now, Handlers: map[string]jobs.Work{}},
	}
	r.Schedule(r.runner)
	return r
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

func published(t *testing.T, a *replica) (ids []string) {
	t.Helper()
	all, err := a.ToolKeys.Published(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		ids = append(ids, k.ID)
	}
	return ids
}

func signs(t *testing.T, a *replica) string {
	t.Helper()
	k, err := a.ToolKeys.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return k.ID
}

// keyRows are the tool's keys as the database has them.
func keyRows(t *testing.T, st *store.Store) (rows []store.ToolKey) {
	t.Helper()
	err := st.Read(t.Context(), func(tx *store.Tx) (err error) {
		rows, err = tx.ToolKeys()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestKeysRotateBySchedule runs the upkeep of two replicas for a year.
func TestKeysRotateBySchedule(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		tenants(t, st, "ten_a")
		c := newHandClock()
		replicas := []*replica{newReplica(st, c), newReplica(st, c)}
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
		if rows := keyRows(t, st); len(rows) != 0 {
			t.Fatalf("the upkeep made a key: %d", len(rows))
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
		if rows := keyRows(t, st); len(rows) != 1 && len(rows) != 2 {
			t.Errorf("%d keys are kept", len(rows))
		}
		if got := published(t, replicas[1]); len(got) != 1 {
			t.Errorf("published: %v", got)
		}
	})
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
		at := func(after time.Duration) *replica { // a replica that starts then, so that it has read nothing before
			c.advance(born.Add(after).Sub(c.now()))
			return newReplica(st, c)
		}
		upkeep := func(a *replica) (rows int) {
			t.Helper()
			if err := a.upkeep(t.Context(), jobs.Job{}); err != nil {
				t.Fatal(err)
			}
			return len(keyRows(t, st))
		}
		first := signs(t, at(0))
		if n := upkeep(at(90*day - time.Microsecond)); n != 1 {
			t.Fatalf("%d keys before 90 days are over", n)
		}
		if n := upkeep(at(90 * day)); n != 2 {
			t.Fatalf("%d keys after 90 days", n)
		}
		rows := keyRows(t, st)
		next := rows[slices.IndexFunc(rows, func(r store.ToolKey) bool { return r.RetiredAt.IsZero() })]
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

// An invite is made for a minute to fourteen days; when it has ended, its link
// says so for a week.
func TestTheLifeOfAnInvite(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	st, c := storetest.Open(t), newHandClock()
	a := newReplica(st, c)
	a.PublicURL = "http://localhost:1"
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
		want  RegistrationWhy
	}{
		{time.Minute - time.Microsecond, ""}, {time.Microsecond, RegistrationExpired},
		{7 * day, RegistrationExpired}, {time.Microsecond, RegistrationNoInvite},
	} {
		c.advance(step.after)
		if err := a.upkeep(t.Context(), jobs.Job{}); err != nil {
			t.Fatal(err)
		}
		_, err := a.invited(t.Context(), link.Query().Get("invite"))
		var refused *RegistrationRefusal
		errors.As(err, &refused)
		if (err == nil) != (step.want == "") || refused != nil && refused.Why != step.want {
			t.Errorf("%v later: %v, want %q", step.after, err, step.want)
		}
	}
}
