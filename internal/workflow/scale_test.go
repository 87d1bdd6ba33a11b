package workflow

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// inCanvasOf is a grant's token in Canvas, whoever's it is.
func (r *rig) inCanvasOf(g access.Grant) canvastest.Token {
	r.t.Helper()
	id, err := strconv.ParseInt(g.CanvasID, 10, 64)
	if err != nil {
		r.t.Fatal(err)
	}
	t, _ := r.w.TokenByID(canvastest.ID(id))
	return t
}

// One night's check of many grants, against the stand-in's real bucket in
// virtual time: by the report with all as it was, by the report with two in a
// hundred changed, and owner by owner. Every change is dealt with, nothing else
// is touched, and Canvas never refuses a call for its rate. The long form has
// ten thousand grants; the figures are in its log.
func TestReconcileMany(t *testing.T) {
	t.Parallel()
	n := 300
	if os.Getenv("TOKENDESK_LONG") != "" {
		n = 10_000
	}
	r := newRig(t, sqlite(t))
	gs := r.crowd(n)
	owners := map[string]bool{}
	for _, g := range gs {
		owners[g.CanvasUser] = true
	}
	const cost = 1.0 // units a call, well above what Canvas reports of simple ones
	line := r.inVirtualTime(cost, 50*time.Millisecond)
	f, err := r.far(t.Context(), r.tenant, "")
	if err != nil {
		t.Fatal(err)
	}
	measured := func(what string, do func() int) (looks int, calls int64) {
		t.Helper()
		from, virtual, real := line.calls.Load(), r.clock.Now(), time.Now()
		looks = do()
		calls = line.calls.Load() - from
		took := r.clock.Now().Sub(virtual)
		floor := time.Duration(float64(calls) * cost / 10 * float64(time.Second))
		t.Logf("%d grants of %d owners, %s: %d owners looked at, %d calls, %s of virtual time (the bucket drains that in %s), %s of real time",
			n, len(owners), what, looks, calls, took.Round(time.Second), floor.Round(time.Second), time.Since(real).Round(time.Millisecond))
		if took > floor+floor/2+time.Minute {
			t.Errorf("%s took %s, the bucket's floor is %s", what, took, floor)
		}
		return looks, calls
	}
	if looks, calls := measured("by the report, all as it was", r.night); looks != 0 || calls > 10 {
		t.Errorf("%d owners looked at, %d calls", looks, calls)
	}

	// Two in a hundred changed, in four ways.
	var changed []access.Grant
	for i := 0; i < n; i += 50 {
		g := gs[i]
		change := []func(*canvastest.Token){
			func(tok *canvastest.Token) { tok.ExpiresAt = time.Time{} },
			func(tok *canvastest.Token) { tok.ExpiresAt = tok.ExpiresAt.AddDate(0, -1, 0) },
			func(tok *canvastest.Token) { tok.State = canvastest.StatePending },
			func(tok *canvastest.Token) { tok.State = canvastest.StateDeleted },
		}[len(changed)%4]
		r.w.UpdateToken(r.inCanvasOf(g).ID, change)
		changed = append(changed, g)
	}
	if looks, _ := measured("by the report, two in a hundred changed", r.night); looks == 0 || looks > len(changed) {
		t.Errorf("%d owners looked at for %d changes", looks, len(changed))
	}
	for i, g := range changed {
		now := r.grant(g.ID)
		ok := []bool{now.Drift == access.DriftExtended, now.Drift == access.DriftShortened, now.Cause == access.ByAltered, now.Cause == access.ByCanvas}[i%4]
		if !ok {
			t.Errorf("change %d: %s by %q, drift %q", i%4, now.State, now.Cause, now.Drift)
		}
	}
	for i, g := range gs {
		if now := r.grant(g.ID); i%50 != 0 && now.Version != g.Version {
			t.Fatalf("grant %d, which nobody changed, is %s by %q", i, now.State, now.Cause)
		}
	}
	if looks, _ := measured("by the report, the night after", r.night); looks != 0 {
		t.Errorf("%d owners looked at the night after", looks)
	}

	r.clock.Advance(time.Hour)
	r.drain() // what follows from the ends of that night
	if looks, calls := measured("owner by owner", func() int {
		looks, err := r.lookAtAll(t.Context(), r.tenant, "no report")
		if err != nil {
			t.Fatal(err)
		}
		r.drain()
		return looks
	}); looks > len(owners) || calls > int64(len(owners)+10) {
		t.Errorf("%d owners looked at, %d calls", looks, calls)
	}
	if refused := r.cv.Throttled(); refused != 0 || f.Rate().Throttled != 0 {
		t.Errorf("Canvas refused %d calls for their rate", refused)
	}
}

// From the press of Revoke to the deletion in Canvas, with Canvas well and four
// people at once (5 s for 95 of 100, 60 s for 99). The long form makes 500.
func TestRevokeIsQuick(t *testing.T) {
	t.Parallel()
	n := 40
	if os.Getenv("TOKENDESK_LONG") != "" {
		n = 500
	}
	r := newRig(t, sqlite(t))
	gs := r.crowd(n)
	dana := r.as("dana", access.DoorAccount)
	r.inVirtualTime(1, assumedLatency)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < n/2; i += 4 {
				if _, err := r.Revoke(t.Context(), dana, gs[i].ID, "breach"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	// The time that counts is Canvas's: that of the calls of one press, each after
	// the other. Those at once would count each other's on the one clock.
	var took []time.Duration
	for _, g := range gs[n/2:] {
		from := r.clock.Now()
		if _, err := r.Revoke(t.Context(), dana, g.ID, "breach"); err != nil {
			t.Error(err)
		}
		took = append(took, r.clock.Now().Sub(from))
	}
	for _, g := range gs {
		if now := r.grant(g.ID); now.State != access.Revoked || r.inCanvasOf(g).State != canvastest.StateDeleted {
			t.Fatalf("%s (%s), in Canvas %s", now.State, now.Trouble, r.inCanvasOf(g).State)
		}
	}
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[min(len(took)-1, len(took)*percent/100)] }
	t.Logf("%d revocations: p50 %s, p95 %s, p99 %s, longest %s", n, at(50), at(95), at(99), took[len(took)-1])
	if at(95) > 5*time.Second || at(99) > time.Minute {
		t.Errorf("p95 %s, p99 %s", at(95), at(99))
	}
}
