package workflow

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/text"
)

// Faults, deaths, double presses and a second replica, at random. After each
// run: at most one token of the grant in Canvas, strays gone within 15 minutes,
// the audit log whole, and the owner able to finish. The long form makes some
// thousand runs.
func TestCollectAtRandom(t *testing.T) {
	t.Parallel()
	runs := 40
	if os.Getenv("TOKENDESK_LONG") != "" {
		runs = 3000
	}
	for i := range runs {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			randomRun(newRig(t, sqlite(t)), rand.New(rand.NewPCG(uint64(i), 42)))
		})
	}
}

func randomRun(r *rig, rng *rand.Rand) {
	t := r.t
	cat, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	first, runner := r.Service, r.runner
	other := r.service(r.Store, cat)
	r.Service, r.runner = first, runner
	req := r.approved()
	tokenRoute := createRoute + "/:id"
	faults := []canvastest.Fault{
		{Route: createRoute, Method: http.MethodPost, DropAfter: true},
		{Route: createRoute, Method: http.MethodPost, DropBefore: true},
		{Route: createRoute, Method: http.MethodPost, CutBody: true},
		{Route: createRoute, Method: http.MethodPost, Status: 500},
		{Route: createRoute, Method: http.MethodPost, Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`},
		{Route: createRoute, Method: http.MethodPost, Status: 400, Body: `[{"message":"token[purpose] is missing"}]`},
		{Route: createRoute, Method: http.MethodPost, Throttle: true},
		{Route: "/api/v1/users/:user_id/user_generated_tokens", CutBody: true, Times: 2},
		{Route: "/api/v1/users/:user_id/user_generated_tokens", Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`},
		{Route: tokenRoute, Method: http.MethodDelete, Status: 500},
		{Route: tokenRoute, Method: http.MethodDelete, DropAfter: true},
		{Route: "/api/v1/users/:user_id/enrollments", Status: 503},
	}
	steps := []string{"intent committed", "listed before", "canvas answered", "hand-over committed", "recovered"}
	launch := func() Session { return r.as("maya", DoorCourse) }
	for range 2 + rng.IntN(5) {
		for range rng.IntN(3) {
			f := faults[rng.IntN(len(faults))]
			f.Skip = rng.IntN(2)
			r.cv.Fail(f)
		}
		switch rng.IntN(5) {
		case 0: // one press
			_, _ = first.Collect(t.Context(), launch(), req.Code())
		case 1: // presses at once, on two replicas
			var wg sync.WaitGroup
			sess := launch()
			for i := range 4 {
				s := first
				if i%2 == 1 {
					s = other
				}
				wg.Go(func() { _, _ = s.Collect(t.Context(), sess, req.Code()) })
			}
			wg.Wait()
		case 2: // the process dies in the middle
			r.die(steps[rng.IntN(len(steps))], func() { _, _ = r.Collect(t.Context(), launch(), req.Code()) })
		case 3:
			_, _ = first.Replace(t.Context(), launch(), req.Code())
		case 4:
			_, _ = other.CheckMint(t.Context(), launch(), req.Code())
		}
		if n := r.usable("maya"); n != 0 {
			t.Fatalf("%d usable tokens though nobody activated one", n)
		}
		r.clock.Advance(time.Duration(rng.IntN(200)) * time.Second)
		_, _ = r.runner.Drain(t.Context())
		r.cv.ClearFaults()
	}
	r.cv.ClearFaults()
	// Canvas is well again: within 15 minutes all is settled.
	for range 15 {
		r.tick(time.Minute)
	}
	if n := r.inCanvas("maya"); n > 1 {
		t.Fatalf("%d tokens in Canvas after 15 quiet minutes", n)
	}
	r.proven()
	sess := launch()
	page, err := r.CollectPage(t.Context(), sess, req.Code())
	if err != nil {
		t.Fatal(err)
	}
	switch page.Stage {
	case StageShown:
		if page.CanReplace {
			if page, err = r.Replace(t.Context(), sess, req.Code()); err != nil || page.Stage != StageReplacing {
				t.Fatalf("replace: %s, %v", page.Stage, err)
			}
		}
	case StageReady, StageReplacing:
	default:
		t.Fatalf("after 15 quiet minutes the page says %s (%s)", page.Stage, page.Trouble)
	}
	if page.Stage != StageShown {
		if page, err = r.Collect(t.Context(), sess, req.Code()); err != nil || page.Stage != StageSecret {
			if page.Grant == nil || page.Grant.Attempt < access.MaxAttempts {
				t.Fatalf("the owner cannot finish: %s (%s), %v", page.Stage, page.Trouble, err)
			}
		}
	}
	for range 15 {
		r.tick(time.Minute)
	}
	if n := r.inCanvas("maya"); n > 1 {
		t.Fatalf("%d tokens in Canvas", n)
	}
	r.proven()
}
