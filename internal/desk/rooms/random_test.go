package rooms_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	rand "math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/text"
)

// mishaps are what can go wrong between the tool and Canvas while a token is
// made, deleted or looked for, by name. Each hits one call.
var mishaps = map[string]canvastest.Fault{
	"create: done, then the line is cut":       {Route: desktest.CreateRoute, Method: http.MethodPost, DropAfter: true},
	"create: the line is cut before":           {Route: desktest.CreateRoute, Method: http.MethodPost, DropBefore: true},
	"create: done, and the answer is cut":      {Route: desktest.CreateRoute, Method: http.MethodPost, CutBody: true},
	"create: 500":                              {Route: desktest.CreateRoute, Method: http.MethodPost, Status: 500},
	"create: 502 with a page":                  {Route: desktest.CreateRoute, Method: http.MethodPost, Status: 502, Body: "<html>", ContentType: "text/html"},
	"create: 200 with nothing":                 {Route: desktest.CreateRoute, Method: http.MethodPost, Status: 200, Body: "{}"},
	"create: refused, no right":                {Route: desktest.CreateRoute, Method: http.MethodPost, Status: 403, Body: desktest.Denied},
	"create: refused, no right, in 2025":       {Route: desktest.CreateRoute, Method: http.MethodPost, Status: 401, Body: desktest.Denied},
	"create: refused, purpose":                 {Route: desktest.CreateRoute, Method: http.MethodPost, Status: 400, Body: `[{"message":"token[purpose] is missing"}]`},
	"create: refused, too long a life":         {Route: desktest.CreateRoute, Method: http.MethodPost, Status: 400, Body: `[{"message":"Expiration date cannot be more than 120 days in the future"}]`},
	"create: refused, an end without a number": {Route: desktest.CreateRoute, Method: http.MethodPost, Status: 400, Body: `[{"message":"Invalid expiration date format"}]`},
	"create: refused, no such user":            {Route: desktest.CreateRoute, Method: http.MethodPost, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`},
	"create: throttled":                        {Route: desktest.CreateRoute, Method: http.MethodPost, Throttle: true},
	"list: the answer is cut":                  {Route: desktest.ListRoute, CutBody: true, Times: 2},
	"list: refused":                            {Route: desktest.ListRoute, Status: 403, Body: desktest.Denied},
	"list: 503":                                {Route: desktest.ListRoute, Status: 503},
	"delete: 500":                              {Route: desktest.OneTokenRoute, Method: http.MethodDelete, Status: 500},
	"delete: done, then the line is cut":       {Route: desktest.OneTokenRoute, Method: http.MethodDelete, DropAfter: true},
	"delete: refused":                          {Route: desktest.OneTokenRoute, Method: http.MethodDelete, Status: 403, Body: desktest.Denied},
	"delete: throttled":                        {Route: desktest.OneTokenRoute, Method: http.MethodDelete, Throttle: true},
	"show: 404 of what is there":               {Route: desktest.OneTokenRoute, Method: http.MethodGet, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`},
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
	*desktest.Rig
	rng      *rand.Rand
	happened *ledger
	replicas [2]*desktest.Program
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
	r := &randomRun{Rig: desktest.NewRig(t, desktest.Sqlite(t)), rng: rand.New(rand.NewPCG(seed, 42)), happened: happened}
	st := r.Desk.Store
	r.replicas[1] = r.Replica(st, cat)
	r.Program = r.Replica(st, cat)
	r.replicas[0] = r.Program
	r.code = r.Approved().Code()
	line := r.lineFaults
	r.Line.Store(&line)
	return r
}

// lineFaults plays what only the network can do.
func (r *randomRun) lineFaults(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	what := r.late.Load()
	if what == nil || req.Method != http.MethodPost || desktest.CanvasPath(req) != "tokens" || !r.late.CompareAndSwap(what, nil) {
		return send(req)
	}
	r.happened.note(*what)
	switch *what {
	case elsewhere:
		resp, err := send(r.ToAnother(req))
		return r.heardOf(resp, err)
	case lateAfter:
		if resp, err := send(req); err == nil {
			_ = resp.Body.Close()
		}
	}
	return nil, desktest.TimedOut
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

// order lets something go wrong soon.
func (r *randomRun) order(what string, skip int) {
	if f, ok := mishaps[what]; ok {
		f.Skip, f.Hit = skip, func() { r.happened.note(what) }
		r.Cv.Fail(f)
		return
	}
	r.late.Store(&what)
}

func (r *randomRun) launch() access.Caller { return r.As("maya", access.DoorCourse) }

func (r *randomRun) press(s *desktest.Program, caller access.Caller) {
	c, err := s.Tokens.Collect(r.T.Context(), caller, r.code)
	if err == nil && c.Stage == tokens.StageSecret {
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
	if r.Die(step, func() { r.press(r.Program, caller) }) {
		r.happened.note(diesAt + step)
		if step == "canvas answered" && r.heard.Load() > before {
			r.unheard.Add(1) // it was heard of by a process that is dead
		}
	}
}

// switchOn activates the token that was handed over, as its owner.
func (r *randomRun) switchOn() {
	c, err := r.Tokens.CollectPage(r.T.Context(), r.launch(), r.code)
	if err != nil || c.Grant == nil || c.Grant.CanvasID == "" {
		return
	}
	for _, tok := range r.W.Tokens("maya") {
		if tok.ID.String() == c.Grant.CanvasID && tok.State == canvastest.StatePending {
			if err := r.Cv.ActivateAs("maya", tok.ID); err != nil {
				r.T.Fatal(err)
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
		r.press(r.Program, r.launch())
		r.death("recovered")
	case what == diesAt+"misplaced":
		r.order(elsewhere, 0)
		r.death("misplaced")
	case len(what) > len(diesAt) && what[:len(diesAt)] == diesAt:
		r.death(what[len(diesAt):])
	case mishaps[what].Route == desktest.OneTokenRoute:
		r.press(r.Program, r.launch())
		r.order(what, 0)
		_, _ = r.Tokens.Replace(r.T.Context(), r.launch(), r.code)
	default:
		r.order(what, 0)
		r.press(r.Program, r.launch())
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
		_, _ = s.Tokens.Replace(r.T.Context(), r.launch(), r.code)
	case 5:
		_, _ = s.Tokens.CheckMint(r.T.Context(), r.launch(), r.code)
	case 6:
		r.switchOn()
	}
}

// oneUsable checks the promise at this moment.
func (r *randomRun) oneUsable() {
	n := 0
	for _, value := range r.shown {
		if r.W.Authenticates(value) {
			n++
		}
	}
	if active := r.Usable("maya"); n > 1 || active > 1 {
		r.T.Fatalf("%d of the values shown work, %d tokens are active", n, active)
	}
}

// settled lets 15 minutes pass in which Canvas is well.
func (r *randomRun) settled() {
	r.Cv.ClearFaults()
	r.late.Store(nil)
	for range 15 {
		r.Tick(time.Minute)
	}
	r.oneUsable()
	if n, m := r.InCanvas("maya"), r.InCanvas("luca"); n > 1 || m > int(r.unheard.Load()) {
		r.T.Fatalf("after 15 quiet minutes %d tokens of the owner and %d of another person", n, m)
	}
	r.Proven()
}

func (r *randomRun) run(opening string) {
	t := r.T
	r.open(opening)
	for range 2 + r.rng.IntN(5) {
		r.oneUsable()
		r.Clock.Advance(time.Duration(r.rng.IntN(200)) * time.Second)
		_, _ = r.Runner.Drain(t.Context())
		r.oneUsable()
		r.Cv.ClearFaults()
		r.step()
	}
	r.settled()

	caller := r.launch()
	page, err := r.Tokens.CollectPage(t.Context(), caller, r.code)
	if err != nil {
		t.Fatal(err)
	}
	switch page.Stage {
	case tokens.StageShown, tokens.StageActive:
		if page.CanReplace {
			if page, err = r.Tokens.Replace(t.Context(), caller, r.code); err != nil || page.Stage != tokens.StageReplacing {
				t.Fatalf("replace: %s, %v", page.Stage, err)
			}
		}
	case tokens.StageReady, tokens.StageReplacing:
	default:
		t.Fatalf("after 15 quiet minutes the page says %s (%s)", page.Stage, page.Trouble)
	}
	if page.Stage == tokens.StageReady || page.Stage == tokens.StageReplacing {
		if page, err = r.Tokens.Collect(t.Context(), caller, r.code); err != nil || page.Stage != tokens.StageSecret {
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
		r.Searched(value)
	}
}
