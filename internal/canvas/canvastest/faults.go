package canvastest

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// Fault is a misbehaviour ordered for requests to come. The parts combine: a
// fault may wait and then cut the line.
type Fault struct {
	// Route is a path pattern as registered or as Canvas writes it
	// ("/api/v1/users/:user_id/tokens"); a trailing "*" matches any rest.
	// Empty matches every route of both hosts.
	Route string `json:"route"`
	// Method is "POST" and so on; empty matches every method.
	Method string `json:"method"`
	// Skip lets this many matching requests pass untouched first.
	Skip int `json:"skip"`
	// Times is how many requests are hit; 0 means one, negative means all
	// until the fault is withdrawn.
	Times int `json:"times"`

	// Status answers with this status and Body instead of doing the work.
	Status      int    `json:"status"`
	Body        string `json:"body"`
	ContentType string `json:"content_type"`
	// Throttle answers as Canvas's rate limiter does, doing no work.
	Throttle bool `json:"throttle"`

	// Delay and Gate hold the request before its work, or its finished answer
	// if Late is set. The work is done even when the caller has gone, as a
	// real server does it. Withdrawing the fault lets held requests go on.
	Delay time.Duration   `json:"delay"`
	Gate  <-chan struct{} `json:"-"`
	Late  bool            `json:"late"`

	// DropBefore cuts the connection and does no work; DropAfter does the
	// work and cuts the connection without a byte of answer; CutBody does the
	// work and cuts it in the middle of the answer.
	//
	// Go's HTTP client silently repeats a GET whose reused connection died
	// without an answer; order Times 2 or CutBody where that matters.
	DropBefore bool `json:"drop_before"`
	DropAfter  bool `json:"drop_after"`
	CutBody    bool `json:"cut_body"`

	// Hit, when set, is called for each request that is hit, before anything
	// else is done with it. It must not call the Server.
	Hit func() `json:"-"`
}

// Request is one line of the request log. It never holds a query or a body,
// since those may carry a secret.
type Request struct {
	Seq       int       `json:"seq"`
	Time      time.Time `json:"time"` // by the stand-in's clock
	Method    string    `json:"method"`
	Host      string    `json:"host"`
	Route     string    `json:"route"` // the pattern, "" if none matched
	Path      string    `json:"path"`
	Status    int       `json:"status"` // 0 if the connection was cut
	UserAgent string    `json:"user_agent"`
	Caller    ID        `json:"caller"` // the signed-in user, 0 if none
	Faulted   bool      `json:"faulted"`
}

// armedFault is a fault with what is left of it.
type armedFault struct {
	Fault
	skip, left int
	withdrawn  chan struct{}
}

// traffic holds the faults and the request log.
type traffic struct {
	mu     sync.Mutex
	faults []*armedFault
	// holding are faults used up while a request still waits in them.
	holding []*armedFault
	log     []Request
	seq     int
	counts  map[string]int
}

// Fail orders a fault and returns a function that withdraws it. Faults are
// tried in the order they were ordered; the first that matches is used.
func (s *Server) Fail(f Fault) (withdraw func()) {
	armed := &armedFault{Fault: f, skip: f.Skip, left: f.Times, withdrawn: make(chan struct{})}
	armed.Route = canvasRoute(f.Route)
	if armed.left == 0 {
		armed.left = 1
	}
	s.traffic.mu.Lock()
	defer s.traffic.mu.Unlock()
	s.traffic.faults = append(s.traffic.faults, armed)
	return sync.OnceFunc(func() {
		s.traffic.mu.Lock()
		defer s.traffic.mu.Unlock()
		s.traffic.removeLocked(armed)
	})
}

// ClearFaults withdraws every fault and lets held requests go on.
func (s *Server) ClearFaults() {
	s.traffic.mu.Lock()
	defer s.traffic.mu.Unlock()
	for len(s.traffic.faults) > 0 {
		s.traffic.removeLocked(s.traffic.faults[0])
	}
	for len(s.traffic.holding) > 0 {
		s.traffic.removeLocked(s.traffic.holding[0])
	}
}

func (t *traffic) removeLocked(f *armedFault) {
	t.faults = without(t.faults, f)
	t.holding = without(t.holding, f)
	select {
	case <-f.withdrawn:
	default:
		close(f.withdrawn)
	}
}

func without(list []*armedFault, f *armedFault) []*armedFault {
	var kept []*armedFault
	for _, other := range list {
		if other != f {
			kept = append(kept, other)
		}
	}
	return kept
}

// take returns the fault that hits this request, or nil, and uses it up.
func (t *traffic) take(method, route string) *armedFault {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.faults {
		if !f.matches(method, route) {
			continue
		}
		if f.skip > 0 {
			f.skip--
			continue
		}
		if f.left > 0 {
			f.left--
			if f.left == 0 {
				t.faults = without(t.faults, f)
				t.holding = append(t.holding, f)
			}
		}
		if f.Hit != nil {
			f.Hit()
		}
		return f
	}
	return nil
}

func (f *Fault) matches(method, route string) bool {
	if f.Method != "" && !strings.EqualFold(f.Method, method) {
		return false
	}
	if prefix, ok := strings.CutSuffix(f.Route, "*"); ok {
		return strings.HasPrefix(canvasRoute(route), prefix)
	}
	return f.Route == "" || f.Route == canvasRoute(route)
}

// wait holds the request as the fault asks, until the fault is withdrawn.
func (f *armedFault) wait() {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-f.withdrawn:
		}
	}
	if f.Gate != nil {
		select {
		case <-f.Gate:
		case <-f.withdrawn:
		}
	}
}

// canvasRoute turns "/users/{user_id}" into Canvas's "/users/:user_id".
func canvasRoute(route string) string {
	parts := strings.Split(route, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, "{"); ok && strings.HasSuffix(name, "}") {
			parts[i] = ":" + strings.TrimSuffix(strings.TrimSuffix(name, "}"), "...")
		}
	}
	return strings.Join(parts, "/")
}

// Requests returns the log of finished requests, oldest first.
func (s *Server) Requests() []Request {
	s.traffic.mu.Lock()
	defer s.traffic.mu.Unlock()
	return append([]Request(nil), s.traffic.log...)
}

// ClearRequests empties the request log and the counters.
func (s *Server) ClearRequests() {
	s.traffic.mu.Lock()
	defer s.traffic.mu.Unlock()
	s.traffic.log, s.traffic.counts = nil, nil
}

// Count returns how many requests met the route, finished or not; the route is
// written as in Fault. Faulted ones count too.
func (s *Server) Count(method, route string) int {
	s.traffic.mu.Lock()
	defer s.traffic.mu.Unlock()
	return s.traffic.counts[strings.ToUpper(method)+" "+canvasRoute(route)]
}

func (t *traffic) begin(method, route string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[method+" "+canvasRoute(route)]++
	t.seq++
	return t.seq
}

// maxLog bounds the request log of a long-running demo.
const maxLog = 10_000

func (t *traffic) end(entry Request, f *armedFault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f != nil && f.left == 0 {
		t.holding = without(t.holding, f)
	}
	if len(t.log) >= maxLog {
		t.log = append([]Request(nil), t.log[maxLog/2:]...)
	}
	t.log = append(t.log, entry)
}

// abort cuts the connection without an answer.
func abort() { panic(http.ErrAbortHandler) }
