package canvas_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// bucket runs fn with a stand-in and a way to make clients of it, in virtual
// time. Each call takes a tenth of a second and costs cost units.
func bucket(t *testing.T, cost float64, fn func(ctx context.Context, s *canvastest.Server, replica func() *canvas.Client)) {
	t.Helper()
	var s *canvastest.Server
	inBubble(t, func() http.Handler {
		s = canvastest.New(canvastest.Options{InstitutionURL: "http://canvas.localhost", RequestCost: cost})
		s.Fail(canvastest.Fault{Route: "/api/v1/users/:id", Delay: 100 * time.Millisecond, Times: -1})
		return s.Handler()
	}, func(ctx context.Context, transport *http.Transport) {
		fn(ctx, s, func() *canvas.Client {
			return canvas.New(canvas.Config{
				BaseURL: "http://canvas.localhost", HTTP: &http.Client{Transport: transport}, Timeout: time.Hour,
				Credential: func(context.Context) (secret.Text, error) { return secret.New(s.World().ServiceToken()), nil },
			})
		})
		s.ClearFaults()
	})
}

func TestPacedWorkIsNeverThrottledAndLosesNoTime(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cost     float64
		replicas int
		workers  int
		calls    int
	}{{5, 1, 1, 400}, {5, 1, 8, 400}, {5, 3, 4, 600}, {40, 2, 2, 100}, {0.02, 1, 4, 400}} {
		t.Run(fmt.Sprintf("%v units, %d replicas of %d", tc.cost, tc.replicas, tc.workers), func(t *testing.T) {
			t.Parallel()
			bucket(t, tc.cost, func(ctx context.Context, s *canvastest.Server, replica func() *canvas.Client) {
				began := time.Now()
				var wg sync.WaitGroup
				for range tc.replicas {
					c := replica()
					for range tc.workers {
						wg.Go(func() {
							for range tc.calls / tc.replicas / tc.workers {
								if _, err := c.User(canvas.Paced(ctx), "self"); err != nil {
									t.Error(err)
								}
							}
						})
					}
				}
				wg.Wait()
				took := time.Since(began)
				floor := max(time.Duration((float64(tc.calls)*tc.cost-600)/10*float64(time.Second)),
					time.Duration(tc.calls/tc.replicas/tc.workers)*100*time.Millisecond)
				if n := s.Throttled(); n != 0 {
					t.Errorf("%d calls were throttled", n)
				}
				if took > floor*5/4+time.Minute {
					t.Errorf("%d calls took %v, the bucket's floor is %v", tc.calls, took, floor)
				}
				t.Logf("%d calls in %v, floor %v", tc.calls, took, floor)
			})
		})
	}
}

// Where somebody else empties the bucket, paced work waits and does not storm.
func TestPacedWorkBacksOffWhereOthersSpend(t *testing.T) {
	t.Parallel()
	for _, status := range []int{403, 429} {
		bucket(t, 120, func(ctx context.Context, s *canvastest.Server, replica func() *canvas.Client) {
			s.World().UpdateFlags(func(f *canvastest.Flags) { f.ThrottleStatus = status })
			other, bulk := replica(), replica()
			for range 5 {
				if _, err := other.User(ctx, "self"); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			var wg sync.WaitGroup
			for range 6 {
				wg.Go(func() {
					if _, err := bulk.User(canvas.Paced(ctx), "self"); err != nil {
						t.Errorf("%d: %v", status, err)
					}
				})
			}
			wg.Wait()
			// What it had asked before it heard of the throttle may be refused, once.
			if n := s.Throttled(); n > 3 {
				t.Errorf("%d: %d calls were throttled", status, n)
			}
			if rate := bulk.Rate(); rate.Throttled != s.Throttled() || rate.LastCost != 120 || rate.Spent != 6*120 || rate.Calls != 6+rate.Throttled {
				t.Errorf("%d: %+v", status, rate)
			}
			t.Logf("%d: %v, %d throttled", status, time.Since(began), s.Throttled())
		})
	}
}

func TestPaceKeepsRoomForPeople(t *testing.T) {
	t.Parallel()
	bucket(t, 100, func(ctx context.Context, s *canvastest.Server, replica func() *canvas.Client) {
		c := replica()
		for range 3 {
			if _, err := c.User(canvas.Paced(ctx), "self"); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error)
		for range 3 { // the bulk work goes on, and three people come at once
			go func() { _, err := c.User(ctx, "self"); done <- err }()
			go func() { _, err := c.User(canvas.Paced(ctx), "self"); done <- err }()
		}
		for range 6 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if s.Throttled() != 0 {
			t.Errorf("%d calls were throttled", s.Throttled())
		}
	})
}

func TestPaceWaitsByTheClockItIsGiven(t *testing.T) {
	t.Parallel()
	s := always(t, reply{header: map[string]string{"X-Rate-Limit-Remaining": "100.0", "X-Request-Cost": "1.5"}, body: `{"id":"42"}`})
	at, slept := now, time.Duration(0)
	c := canvas.New(canvas.Config{
		BaseURL: s.URL, Credential: good, Now: func() time.Time { return at },
		Sleep: func(_ context.Context, d time.Duration) bool {
			at, slept = at.Add(d), slept+d
			return true
		},
	})
	if got := c.Rate(); got.Remaining != 600 || got.Calls != 0 {
		t.Errorf("before any call: %+v", got)
	}
	if _, err := c.User(t.Context(), "42"); err != nil || slept != 0 {
		t.Fatalf("slept %v, %v", slept, err)
	}
	if err := c.Pace(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The level is 500; it has to be 350 before 50 more are held.
	if slept < 15*time.Second || slept > 19*time.Second {
		t.Errorf("waited %v, want 15 s and up to a quarter more", slept)
	}
	if got := c.Rate(); got.Remaining != 100 || got.LastCost != 1.5 || got.Calls != 1 {
		t.Errorf("%+v", got)
	}
}

func TestPaceEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h := reply{header: map[string]string{"X-Rate-Limit-Remaining": "0.0"}, body: `{"id":"42"}`}
	virtual(t, h, func(ctx context.Context, c *canvas.Client) {
		if _, err := c.User(ctx, "42"); err != nil {
			t.Fatal(err)
		}
		soon, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		wantKind(t, "deadline", c.Pace(soon), canvas.Unreachable)
		_, err := c.CreateToken(canvas.Paced(soon), "42", "p", time.Now().AddDate(0, 0, 9))
		wantKind(t, "a write that waited in vain is known not to be sent", err, canvas.Unreachable)
		ended, end := context.WithCancel(ctx)
		time.AfterFunc(time.Second, end)
		wantKind(t, "cancelled", c.Pace(ended), canvas.Unreachable)
	})
}

// After a throttled answer one call at a time goes through, until one works.
func TestAfterAThrottleOneCallAtATimeGoesThrough(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{
		"POST /api/v1/users/42/tokens": reply{status: 429, body: "429 Too Many Requests (Rate Limit Exceeded)\n"},
		"GET /api/v1/users/42":         reply{header: map[string]string{"X-Rate-Limit-Remaining": "600.0", "X-Request-Cost": "0.1"}, body: `{"id":"42"}`},
	})
	at, slept := now, time.Duration(0)
	c := canvas.New(canvas.Config{
		BaseURL: s.URL, Credential: good, Now: func() time.Time { return at },
		Sleep: func(_ context.Context, d time.Duration) bool {
			at, slept = at.Add(d), slept+d
			return true
		},
	})
	twice := func() time.Duration {
		t.Helper()
		before := slept
		for range 2 {
			if err := c.Pace(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return slept - before
	}
	if waited := twice(); waited != 0 {
		t.Errorf("before any throttle two calls at once wait %v", waited)
	}
	_, err := c.CreateToken(t.Context(), "42", "p", end)
	wantKind(t, "the throttled call", err, canvas.Throttled)
	at = at.Add(10 * time.Minute) // the bucket is empty again
	if waited := twice(); waited < 4*time.Second {
		t.Errorf("the second call waits %v for the first", waited)
	}
	for range 2 {
		if _, err := c.User(t.Context(), "42"); err != nil {
			t.Fatal(err)
		}
	}
	if waited := twice(); waited != 0 {
		t.Errorf("after a call that worked two at once wait %v", waited)
	}
}
