package workflow

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/text"
)

const (
	oneTokenRoute = createRoute + "/:id"
	listRoute     = "/api/v1/users/:user_id/user_generated_tokens"
	denied        = `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`
)

// mishaps are what can go wrong between the tool and Canvas while a token is
// made, deleted or looked for, by name. Each hits one call.
var mishaps = map[string]canvastest.Fault{
	"create: done, then the line is cut":       {Route: createRoute, Method: http.MethodPost, DropAfter: true},
	"create: the line is cut before":           {Route: createRoute, Method: http.MethodPost, DropBefore: true},
	"create: done, and the answer is cut":      {Route: createRoute, Method: http.MethodPost, CutBody: true},
	"create: 500":                              {Route: createRoute, Method: http.MethodPost, Status: 500},
	"create: 502 with a page":                  {Route: createRoute, Method: http.MethodPost, Status: 502, Body: "<html>", ContentType: "text/html"},
	"create: 200 with nothing":                 {Route: createRoute, Method: http.MethodPost, Status: 200, Body: "{}"},
	"create: refused, no right":                {Route: createRoute, Method: http.MethodPost, Status: 403, Body: denied},
	"create: refused, no right, in 2025":       {Route: createRoute, Method: http.MethodPost, Status: 401, Body: denied},
	"create: refused, purpose":                 {Route: createRoute, Method: http.MethodPost, Status: 400, Body: `[{"message":"token[purpose] is missing"}]`},
	"create: refused, too long a life":         {Route: createRoute, Method: http.MethodPost, Status: 400, Body: `[{"message":"Expiration date cannot be more than 120 days in the future"}]`},
	"create: refused, an end without a number": {Route: createRoute, Method: http.MethodPost, Status: 400, Body: `[{"message":"Invalid expiration date format"}]`},
	"create: refused, no such user":            {Route: createRoute, Method: http.MethodPost, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`},
	"create: throttled":                        {Route: createRoute, Method: http.MethodPost, Throttle: true},
	"list: the answer is cut":                  {Route: listRoute, CutBody: true, Times: 2},
	"list: refused":                            {Route: listRoute, Status: 403, Body: denied},
	"list: 503":                                {Route: listRoute, Status: 503},
	"delete: 500":                              {Route: oneTokenRoute, Method: http.MethodDelete, Status: 500},
	"delete: done, then the line is cut":       {Route: oneTokenRoute, Method: http.MethodDelete, DropAfter: true},
	"delete: refused":                          {Route: oneTokenRoute, Method: http.MethodDelete, Status: 403, Body: denied},
	"delete: throttled":                        {Route: oneTokenRoute, Method: http.MethodDelete, Throttle: true},
	"show: 404 of what is there":               {Route: oneTokenRoute, Method: http.MethodGet, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`},
	"facts: 503":                               {Route: "/api/v1/users/:user_id/enrollments", Status: 503},
}

// Mishaps of the line itself, and of our own process, which have names too.
const (
	lateBefore = "create: a time-out before the work"
	lateAfter  = "create: a time-out after the work"
	elsewhere  = "create: made for another person"
	atOnce     = "two presses at once, on two replicas"
	diesAt     = "the process dies at: "
)

// mintSteps are the steps of Collect at which a process can die.
var mintSteps = []string{"intent committed", "listed before", "canvas answered", "misplaced", "hand-over committed", "recovered"}

// ledger counts what really happened, over all runs.
type ledger struct {
	mu sync.Mutex
	of map[string]int
}

func (l *ledger) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[what]++
}

// Faults, deaths, double presses and a second replica, at random. After each
// step: of all values ever shown at most one works. After each run: at most one
// token of the grant in Canvas, strays gone within 15 minutes, the audit log
// whole, and the owner able to finish. Every mishap must have happened in the
// runs together. The long form makes some thousand.
func TestCollectAtRandom(t *testing.T) {
	t.Parallel()
	openings := slices.Sorted(maps.Keys(mishaps))
	openings = append(openings, lateBefore, lateAfter, elsewhere, atOnce)
	for _, step := range mintSteps {
		openings = append(openings, diesAt+step)
	}
	runs := len(openings) + 10
	if os.Getenv("TOKENDESK_LONG") != "" {
		runs = 3000
	}
	happened := &ledger{of: map[string]int{}}
	t.Run("runs", func(t *testing.T) {
		for i := range runs {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				newRandom(t, uint64(i), happened).run(openings[i%len(openings)])
			})
		}
	})
	for _, what := range openings {
		t.Logf("%5d × %s", happened.of[what], what)
		if happened.of[what] == 0 {
			t.Errorf("it never happened in %d runs: %s", runs, what)
		}
	}
}

// randomRun is one run: Maya's one request, two replicas, and what goes wrong.
type randomRun struct {
	*rig
	rng      *rand.Rand
	happened *ledger
	replicas [2]*Service
	code     string
	late     atomic.Pointer[string] // what the line does with the next create
	heard    atomic.Int32           // answers to tokens made for another person
	unheard  atomic.Int32           // such tokens whose answer was lost too
	shownMu  sync.Mutex
	shown    []string // every value that a page ever showed
}

func newRandom(t *testing.T, seed uint64, happened *ledger) *randomRun {
	t.Helper()
	cat, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	r := &randomRun{rig: newRig(t, sqlite(t)), rng: rand.New(rand.NewPCG(seed, 42)), happened: happened}
	st := r.Store
	r.replicas[1] = r.service(st, cat)
	r.Service = r.service(st, cat)
	r.replicas[0] = r.Service
	r.code = r.approved().Code()
	line := r.lineFaults
	r.line.Store(&line)
	return r
}

// lineFaults plays what only the network can do.
func (r *randomRun) lineFaults(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	what := r.late.Load()
	if what == nil || req.Method != http.MethodPost || canvasPath(req) != "tokens" || !r.late.CompareAndSwap(what, nil) {
		return send(req)
	}
	r.happened.note(*what)
	switch *what {
	case elsewhere:
		resp, err := send(r.toAnother(req))
		return r.heardOf(resp, err)
	case lateAfter:
		if resp, err := send(req); err == nil {
			_ = resp.Body.Close()
		}
	}
	return nil, timedOut
}

// heardOf notes when the answer to a token made for another person is lost too.
// Then nobody here can know of that token: the next inventory lists it.
func (r *randomRun) heardOf(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		r.unheard.Add(1)
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		r.unheard.Add(1)
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	r.heard.Add(1)
	return resp, nil
}

// canvasPath is the last part of a call's path.
func canvasPath(req *http.Request) string {
	parts := []byte(req.URL.Path)
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i] == '/' {
			return string(parts[i+1:])
		}
	}
	return ""
}

// order lets something go wrong soon.
func (r *randomRun) order(what string, skip int) {
	if f, ok := mishaps[what]; ok {
		f.Skip, f.Hit = skip, func() { r.happened.note(what) }
		r.cv.Fail(f)
		return
	}
	r.late.Store(&what)
}

func (r *randomRun) launch() access.Caller { return r.as("maya", access.DoorCourse) }

func (r *randomRun) press(s *Service, caller access.Caller) {
	c, err := s.Collect(r.t.Context(), caller, r.code)
	if err == nil && c.Stage == StageSecret {
		r.shownMu.Lock()
		r.shown = append(r.shown, c.Value.Reveal())
		r.shownMu.Unlock()
	}
}

func (r *randomRun) presses() {
	var wg sync.WaitGroup
	caller := r.launch()
	for i := range 4 {
		wg.Go(func() { r.press(r.replicas[i%2], caller) })
	}
	wg.Wait()
	r.happened.note(atOnce)
}

func (r *randomRun) death(step string) {
	caller := r.launch()
	before := r.heard.Load()
	if r.die(step, func() { r.press(r.Service, caller) }) {
		r.happened.note(diesAt + step)
		if step == "canvas answered" && r.heard.Load() > before {
			r.unheard.Add(1) // it was heard of by a process that is dead
		}
	}
}

// switchOn activates the token that was handed over, as its owner.
func (r *randomRun) switchOn() {
	c, err := r.CollectPage(r.t.Context(), r.launch(), r.code)
	if err != nil || c.Grant == nil || c.Grant.CanvasID == "" {
		return
	}
	for _, tok := range r.w.Tokens("maya") {
		if tok.ID.String() == c.Grant.CanvasID && tok.State == canvastest.StatePending {
			if err := r.cv.ActivateAs("maya", tok.ID); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

// open brings one mishap about for certain.
func (r *randomRun) open(what string) {
	switch {
	case what == atOnce:
		r.presses()
	case what == diesAt+"recovered":
		r.order("create: done, then the line is cut", 0)
		r.press(r.Service, r.launch())
		r.death("recovered")
	case what == diesAt+"misplaced":
		r.order(elsewhere, 0)
		r.death("misplaced")
	case len(what) > len(diesAt) && what[:len(diesAt)] == diesAt:
		r.death(what[len(diesAt):])
	case mishaps[what].Route == oneTokenRoute:
		r.press(r.Service, r.launch())
		r.order(what, 0)
		_, _ = r.Replace(r.t.Context(), r.launch(), r.code)
	default:
		r.order(what, 0)
		r.press(r.Service, r.launch())
	}
}

// step does one thing at random, with up to two mishaps on the way.
func (r *randomRun) step() {
	all := slices.Sorted(maps.Keys(mishaps))
	all = append(all, lateBefore, lateAfter, elsewhere)
	for range r.rng.IntN(3) {
		r.order(all[r.rng.IntN(len(all))], r.rng.IntN(2))
	}
	s := r.replicas[r.rng.IntN(2)]
	switch r.rng.IntN(7) {
	case 0, 1:
		r.press(s, r.launch())
	case 2:
		r.presses()
	case 3:
		r.death(mintSteps[r.rng.IntN(len(mintSteps))])
	case 4:
		_, _ = s.Replace(r.t.Context(), r.launch(), r.code)
	case 5:
		_, _ = s.CheckMint(r.t.Context(), r.launch(), r.code)
	case 6:
		r.switchOn()
	}
}

// oneUsable checks the promise at this moment.
func (r *randomRun) oneUsable() {
	n := 0
	for _, value := range r.shown {
		if r.w.Authenticates(value) {
			n++
		}
	}
	if active := r.usable("maya"); n > 1 || active > 1 {
		r.t.Fatalf("%d of the values shown work, %d tokens are active", n, active)
	}
}

// settle lets 15 minutes pass in which Canvas is well.
func (r *randomRun) settled() {
	r.cv.ClearFaults()
	r.late.Store(nil)
	for range 15 {
		r.tick(time.Minute)
	}
	r.oneUsable()
	if n, m := r.inCanvas("maya"), r.inCanvas("luca"); n > 1 || m > int(r.unheard.Load()) {
		r.t.Fatalf("after 15 quiet minutes %d tokens of the owner and %d of another person", n, m)
	}
	r.proven()
}

func (r *randomRun) run(opening string) {
	t := r.t
	r.open(opening)
	for range 2 + r.rng.IntN(5) {
		r.oneUsable()
		r.clock.Advance(time.Duration(r.rng.IntN(200)) * time.Second)
		_, _ = r.runner.Drain(t.Context())
		r.oneUsable()
		r.cv.ClearFaults()
		r.step()
	}
	r.settled()

	caller := r.launch()
	page, err := r.CollectPage(t.Context(), caller, r.code)
	if err != nil {
		t.Fatal(err)
	}
	switch page.Stage {
	case StageShown, StageActive:
		if page.CanReplace {
			if page, err = r.Replace(t.Context(), caller, r.code); err != nil || page.Stage != StageReplacing {
				t.Fatalf("replace: %s, %v", page.Stage, err)
			}
		}
	case StageReady, StageReplacing:
	default:
		t.Fatalf("after 15 quiet minutes the page says %s (%s)", page.Stage, page.Trouble)
	}
	if page.Stage == StageReady || page.Stage == StageReplacing {
		if page, err = r.Collect(t.Context(), caller, r.code); err != nil || page.Stage != StageSecret {
			if page.Grant == nil || page.Grant.Attempt < access.MaxAttempts {
				t.Fatalf("the owner cannot finish: %s (%s), %v", page.Stage, page.Trouble, err)
			}
		} else {
			r.shown = append(r.shown, page.Value.Reveal())
			r.switchOn()
		}
	}
	r.settled()
	for _, value := range r.shown {
		r.searched(value)
	}
}
