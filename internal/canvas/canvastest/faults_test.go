package canvastest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const createRoute = "/api/v1/users/:user_id/tokens"

func TestFaults(t *testing.T) {
	t.Parallel()
	create := func(r *rig) (answer, error) {
		return r.as("dana").try("POST", tokensPath(r.w.User("maya")), "token[purpose]=p")
	}
	made := func(r *rig) int { return len(r.w.UsableTokens("maya")) }
	run(t, []behaviour{
		{1, "a status is answered and no work is done", func(r *rig) {
			r.s.Fail(Fault{Route: createRoute, Method: "POST", Status: 502, Body: "<h1>bad gateway</h1>", ContentType: "text/html"})
			a, err := create(r)
			r.must(err == nil && a.status == 502 && a.raw == "<h1>bad gateway</h1>", "%v %+v", err, a)
			r.must(a.header.Get("Content-Type") == "text/html" && made(r) == 0, "%v", a.header)
			a, err = create(r)
			r.must(err == nil && a.status == 200, "the fault was to hit once: %v %+v", err, a)
		}},
		{2, "a line cut before the work leaves no token", func(r *rig) {
			r.s.Fail(Fault{Route: createRoute, DropBefore: true})
			_, err := create(r)
			r.must(err != nil && made(r) == 0, "err %v, %d tokens", err, made(r))
		}},
		{3, "a line cut after the work leaves a token nobody saw", func(r *rig) {
			r.s.Fail(Fault{Route: createRoute, DropAfter: true})
			_, err := create(r)
			r.must(err != nil && made(r) == 1, "err %v, %d tokens", err, made(r))
			r.must(r.s.Count("POST", createRoute) == 1, "count %d", r.s.Count("POST", createRoute))
		}},
		{4, "a line cut in the body gives headers and half an answer", func(r *rig) {
			r.s.Fail(Fault{Route: createRoute, CutBody: true})
			a, err := create(r)
			r.must(err != nil && a.status == 200 && a.raw != "" && made(r) == 1, "err %v %+v", err, a)
		}},
		{5, "skip and times count matching requests only", func(r *rig) {
			r.s.Fail(Fault{Route: createRoute, Method: "POST", Status: 500, Skip: 1, Times: 2})
			r.as("dana").do("GET", "/api/v1/users/self", nil).want(200)
			for i, want := range []int{200, 500, 500, 200} {
				a, err := create(r)
				r.must(err == nil && a.status == want, "request %d: %v %d", i, err, a.status)
			}
		}},
		{6, "a fault without end lasts until it is withdrawn", func(r *rig) {
			withdraw := r.s.Fail(Fault{Route: "/api/v1/users/*", Status: 503, Times: -1})
			for range 3 {
				a, err := create(r)
				r.must(err == nil && a.status == 503, "%v %d", err, a.status)
			}
			withdraw()
			a, err := create(r)
			r.must(err == nil && a.status == 200, "%v %d", err, a.status)
		}},
		{7, "a throttled call does no work and says so in Canvas's words", func(r *rig) {
			r.s.Fail(Fault{Route: createRoute, Throttle: true})
			a, err := create(r)
			r.must(err == nil && made(r) == 0, "%v", err)
			a.want(403)
			r.must(a.raw == "403 Forbidden (Rate Limit Exceeded)\n" && strings.HasPrefix(a.header.Get("Content-Type"), "text/plain"), "%+v", a)
			r.must(a.header.Get("X-Rate-Limit-Remaining") == "-50.0" && a.header.Get("X-Request-Cost") == "", "%v", a.header)
		}},
		{8, "clearing the faults clears them all", func(r *rig) {
			r.s.Fail(Fault{Status: 500, Times: -1})
			r.s.Fail(Fault{DropBefore: true, Times: -1})
			r.s.ClearFaults()
			a, err := create(r)
			r.must(err == nil && a.status == 200, "%v %d", err, a.status)
		}},
	})
}

// A caller that gives up does not stop the server's work: the token appears
// after the caller has looked and found none.
func TestAHeldRequestIsWorkedAfterTheCallerLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gate := make(chan struct{})
	hit := make(chan struct{}, 1)
	r.s.Fail(Fault{Route: createRoute, Gate: gate, Hit: func() { hit <- struct{}{} }})
	maya := r.w.User("maya")
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	secret := r.as("dana").bearer
	go func() {
		req, err := http.NewRequestWithContext(ctx, "POST", r.s.InstitutionURL()+tokensPath(maya), strings.NewReader("token[purpose]=late"))
		if err != nil {
			gone <- err
			return
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", "Bearer "+secret)
		res, err := r.client.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		gone <- err
	}()
	<-hit
	leave()
	if err := <-gone; err == nil {
		t.Fatal("the caller got an answer")
	}
	r.must(len(r.w.UsableTokens("maya")) == 0, "worked before the gate opened")
	close(gate)
	eventually(t, func() bool { return len(r.w.UsableTokens("maya")) == 1 })
}

// eventually waits for something that another goroutine will do, and that tells
// nobody. The end is for a test that hangs, however loaded the machine is.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("it never happened")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestLateAnswerComesAfterTheWork(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gate := make(chan struct{})
	r.s.Fail(Fault{Route: createRoute, Gate: gate, Late: true})
	c, path := r.as("dana"), tokensPath(r.w.User("maya"))
	done := make(chan int, 1)
	go func() {
		a, _ := c.try("POST", path, "token[purpose]=p")
		done <- a.status
	}()
	eventually(t, func() bool { return len(r.w.UsableTokens("maya")) == 1 })
	select {
	case status := <-done:
		t.Fatalf("answered %d before the gate opened", status)
	default:
	}
	r.s.ClearFaults() // lets held answers go, as at the end of a test
	if status := <-done; status != 200 {
		t.Fatalf("status %d", status)
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.s.SetRequestCost(120)
	self := func(who string) answer { return r.as(who).do("GET", "/api/v1/users/self", nil) }
	for i, want := range []string{"480.0", "360.0", "240.0", "120.0"} {
		a := self("dana").want(200)
		if got := a.header.Get("X-Rate-Limit-Remaining"); got != want {
			t.Fatalf("call %d leaves %s, want %s", i, got, want)
		}
		if got := a.header.Get("X-Request-Cost"); got != "120.0" {
			t.Fatalf("cost %s", got)
		}
	}
	self("dana").want(200)
	a := self("dana").want(403)
	if a.raw != "403 Forbidden (Rate Limit Exceeded)\n" || a.header.Get("X-Request-Cost") != "" {
		t.Errorf("body %q, header %v", a.raw, a.header)
	}
	if got := a.header.Get("X-Rate-Limit-Remaining"); got != "-50.0" { // 600 and its own reserve
		t.Errorf("remaining %s", got)
	}
	self("priya").want(200) // another credential, another bucket
	r.w.UpdateFlags(func(f *Flags) { f.ThrottleStatus = 429 })
	self("dana").want(429)
	r.w.Clock.Advance(6 * time.Second) // 60 units drain away
	self("dana").want(200)
}

// Every call in flight holds fifty units, so the twelfth at once is refused
// although none has cost anything yet.
func TestThrottleReservesForCallsInFlight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gate := make(chan struct{})
	const route = "/api/v1/users/:id"
	r.s.Fail(Fault{Route: route, Gate: gate, Times: 11})
	c := r.as("dana")
	done := make(chan int, 11)
	for range 11 {
		go func() {
			a, _ := c.try("GET", "/api/v1/users/self", nil)
			done <- a.status
		}()
	}
	eventually(t, func() bool { return r.s.Count("GET", route) == 11 })
	eventually(t, func() bool {
		a, err := c.try("GET", "/api/v1/accounts/self", nil)
		return err == nil && a.status == 403
	})
	close(gate)
	for range 11 {
		if status := <-done; status != 200 {
			t.Errorf("status %d", status)
		}
	}
	c.do("GET", "/api/v1/accounts/self", nil).want(200)
}

func TestRequestLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.as("dana").do("GET", listPath("self")+"?access_token=secret-in-query", nil).want(200)
	r.s.Fail(Fault{DropAfter: true})
	_, err := r.as("dana").try("DELETE", tokensPath("self", "12345"), nil)
	r.must(err != nil, "the line was not cut")
	eventually(t, func() bool { return len(r.s.Requests()) == 2 })
	log := r.s.Requests()
	first, second := log[0], log[1]
	if first.Method != "GET" || first.Route != "/api/v1/users/:user_id/user_generated_tokens" || first.Status != 200 ||
		first.UserAgent != "canvastest/1" || first.Caller != r.w.User("dana").ID || first.Faulted {
		t.Errorf("first %+v", first)
	}
	if strings.Contains(first.Path, "secret") {
		t.Errorf("the query is in the log: %+v", first)
	}
	if second.Method != "DELETE" || second.Status != 0 || !second.Faulted || second.Seq != first.Seq+1 {
		t.Errorf("second %+v", second)
	}
	r.s.ClearRequests()
	r.must(len(r.s.Requests()) == 0 && r.s.Count("GET", "/api/v1/users/:user_id/user_generated_tokens") == 0, "not empty")
}

func TestServeAndHosts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.nobody().do("GET", r.s.SSOURL()+"/api/v1/users/self", nil)
	r.must(a.status == 404, "the REST calls answer on the SSO host: %d", a.status)
	r.must(a.header.Get(BannerHeader) == Banner, "no banner")
	r.must(r.s.Issuer() != r.s.InstitutionURL() && r.s.Issuer() != r.s.SSOURL(), "issuer %s", r.s.Issuer())

	ctx, stop := context.WithCancel(t.Context())
	s := New(Options{})
	r.must(s.InstitutionURL() == "", "an address before listening")
	l := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	res, err := getWhenUp(t, s.Client(), "http://"+l.Addr().String()+"/api/v1/users/self")
	r.must(err == nil, "%v", err)
	r.must(res.StatusCode == 401, "status %d", res.StatusCode)
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	r.must(s.InstitutionURL() == "http://"+l.Addr().String(), "%s", s.InstitutionURL())
	s.Client().CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Fatalf("Serve ended with %v", err)
	}
}
