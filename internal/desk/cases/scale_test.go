package cases_test

import (
	"os"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
)

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
	r := desktest.NewRig(t, desktest.Sqlite(t))
	gs := r.ManyGrants(n)
	owners := map[string]bool{}
	for _, g := range gs {
		owners[g.CanvasUser] = true
	}
	const cost = 1.0 // units a call, well above what Canvas reports of simple ones
	line := r.InVirtualTime(cost, 50*time.Millisecond)
	f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
	if err != nil {
		t.Fatal(err)
	}
	measured := func(what string, do func() int) (looks int, calls int64) {
		t.Helper()
		from, virtual, real := line.Calls.Load(), r.Clock.Now(), time.Now()
		looks = do()
		calls = line.Calls.Load() - from
		took := r.Clock.Now().Sub(virtual)
		floor := time.Duration(float64(calls) * cost / 10 * float64(time.Second))
		t.Logf("%d grants of %d owners, %s: %d owners looked at, %d calls, %s of virtual time (the bucket drains that in %s), %s of real time",
			n, len(owners), what, looks, calls, took.Round(time.Second), floor.Round(time.Second), time.Since(real).Round(time.Millisecond))
		if took > floor+floor/2+time.Minute {
			t.Errorf("%s took %s, the bucket's floor is %s", what, took, floor)
		}
		return looks, calls
	}
	if looks, calls := measured("by the report, all as it was", r.Night); looks != 0 || calls > 10 {
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
		r.W.UpdateToken(r.InCanvasOf(g).ID, change)
		changed = append(changed, g)
	}
	if looks, _ := measured("by the report, two in a hundred changed", r.Night); looks == 0 || looks > len(changed) {
		t.Errorf("%d owners looked at for %d changes", looks, len(changed))
	}
	for i, g := range changed {
		now := r.Grant(g.ID)
		ok := []bool{now.Drift == access.DriftExtended, now.Drift == access.DriftShortened, now.Cause == access.ByAltered, now.Cause == access.ByCanvas}[i%4]
		if !ok {
			t.Errorf("change %d: %s by %q, drift %q", i%4, now.State, now.Cause, now.Drift)
		}
	}
	for i, g := range gs {
		if now := r.Grant(g.ID); i%50 != 0 && now.Version != g.Version {
			t.Fatalf("grant %d, which nobody changed, is %s by %q", i, now.State, now.Cause)
		}
	}
	if looks, _ := measured("by the report, the night after", r.Night); looks != 0 {
		t.Errorf("%d owners looked at the night after", looks)
	}

	r.Clock.Advance(time.Hour)
	r.Drain() // what follows from the ends of that night
	if looks, calls := measured("owner by owner", func() int {
		looks, err := r.Tokens.ReconcileAll(t.Context(), r.Tenant, "no report")
		if err != nil {
			t.Fatal(err)
		}
		r.Drain()
		return looks
	}); looks > len(owners) || calls > int64(len(owners)+10) {
		t.Errorf("%d owners looked at, %d calls", looks, calls)
	}
	if refused := r.Cv.Throttled(); refused != 0 || f.Rate().Throttled != 0 {
		t.Errorf("Canvas refused %d calls for their rate", refused)
	}
}
