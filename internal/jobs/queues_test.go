package jobs_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// wait inserts a job of a kind for each tenant that is named.
func wait(t *testing.T, q jobs.Queue, kind string, at time.Time, tenants ...string) {
	t.Helper()
	for i, tenant := range tenants {
		if err := q.InsertJob(t.Context(), jobs.Insert{Kind: kind, Key: fmt.Sprint(kind, tenant, at, i), RunAt: at, Tenant: tenant}); err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever has a thousand jobs waiting, all older, keeps nobody else from a turn.
func TestTenantsTakeTurns(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := newClock().Now()
		for i := range 30 {
			wait(t, s, "letter", now.Add(time.Duration(i-100)*time.Minute), "ten_big")
		}
		wait(t, s, "digest", now.Add(-time.Minute), "ten_all", "ten_zoo", "") // "" is the installation
		wait(t, s, "letter", now, "ten_zoo")
		wait(t, s, "letter", now.Add(time.Hour), "ten_not")
		wait(t, s, "end", now.Add(-time.Hour), "ten_end")
		c := jobs.Claim{Owner: "one", Now: now, Lease: time.Minute, Limit: 1, Share: 9, Kinds: []string{"letter", "digest"}}
		var turns []string
		for range 8 {
			got, err := s.ClaimJobs(t.Context(), c)
			if err != nil || len(got) != 1 {
				t.Fatalf("%v, %v", got, err)
			}
			c.After = got[0].Tenant
			turns = append(turns, got[0].Kind+" "+got[0].Tenant)
		}
		want := []string{"digest ten_all", "letter ten_big", "digest ten_zoo", "digest ", "letter ten_big", "letter ten_zoo", "letter ten_big", "letter ten_big"}
		if !slices.Equal(turns, want) {
			t.Errorf("turns %q, want %q", turns, want)
		}

		// Several at once: who has fewest in hand first, and none more than its share.
		wait(t, s, "letter", now, "ten_all", "ten_zoo", "ten_zoo")
		c.Limit, c.Share, c.InHand = 9, 3, map[string]int{"ten_big": 1, "ten_zoo": 2}
		got, err := s.ClaimJobs(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		turns = nil
		for _, j := range got {
			turns = append(turns, j.Tenant)
		}
		if want := []string{"ten_all", "ten_big", "ten_zoo", "ten_big"}; !slices.Equal(turns, want) {
			t.Errorf("turns %q, want %q", turns, want)
		}

		// All kinds but some.
		c = jobs.Claim{Owner: "two", Now: now, Lease: time.Minute, Limit: 9, Kinds: []string{"letter"}, But: true}
		if got, err := s.ClaimJobs(t.Context(), c); err != nil || len(got) != 1 || got[0].Kind != "end" {
			t.Errorf("%v, %v", got, err)
		}
		// A lease that ended is a turn too, in its own queue only.
		c.Now = now.Add(time.Hour)
		if got, err := s.ClaimJobs(t.Context(), c); err != nil || len(got) != 4 || slices.ContainsFunc(got, func(j jobs.Job) bool { return j.Kind == "letter" }) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// Work that hangs keeps its own queue waiting, and no other; and of its own
// queue not the work of other tenants. Nothing of a kind that nobody knows is lost.
func TestAQueueThatHangs(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *store.Store) {
		began := time.Now()
		var mu sync.Mutex
		ran := map[string]time.Duration{}
		note := func(_ context.Context, j jobs.Job) error {
			mu.Lock()
			defer mu.Unlock()
			ran[j.Kind+" "+j.Tenant] = time.Since(began)
			return nil
		}
		hang := func(ctx context.Context, j jobs.Job) error {
			if j.Tenant == "ten_b" {
				return note(ctx, j)
			}
			<-ctx.Done()
			return ctx.Err()
		}
		r := &jobs.Runner{Queue: s, Handlers: map[string]jobs.Work{
			"letter": {Queue: jobs.Letters, Do: hang}, "end": {Queue: jobs.Ends, Do: note}, "look": {Queue: jobs.Watching, Do: note},
			"report": {Queue: jobs.Long, Do: hang}, "stray": {Queue: "a queue of another version", Do: note},
		}}
		for i := range 50 {
			at := began.Add(time.Duration(i-100) * time.Minute)
			wait(t, s, "letter", at, "ten_a")
			wait(t, s, "report", at, "ten_a")
		}
		stop := begin(t, r)
		time.Sleep(time.Second) // every worker that may hang does
		due := time.Now()
		wait(t, s, "end", due, "ten_a", "ten_b")
		wait(t, s, "look", due, "ten_a")
		wait(t, s, "letter", due, "ten_b")
		wait(t, s, "stray", due, "ten_c")
		wait(t, s, "unheard", due, "ten_c")
		r.Nudge()
		time.Sleep(time.Second)
		synctest.Wait()
		mu.Lock()
		want := map[string]time.Duration{"end ten_a": time.Second, "end ten_b": time.Second, "look ten_a": time.Second, "letter ten_b": time.Second, "stray ten_c": time.Second}
		if !maps.Equal(ran, want) {
			t.Errorf("ran %v, want %v", ran, want)
		}
		mu.Unlock()
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		got, err := s.ClaimJobs(t.Context(), jobs.Claim{Owner: "next", Now: time.Now().Add(time.Minute), Lease: time.Minute, Limit: 9, Kinds: []string{"unheard"}})
		if err != nil || len(got) != 1 || got[0].Attempt < 2 {
			t.Errorf("the job that nobody knows: %v, %v", got, err)
		}
	})
}
