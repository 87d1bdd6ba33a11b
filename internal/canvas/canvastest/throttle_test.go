package canvastest

import (
	"math"
	"testing"
	"time"
)

// The bucket, step by step, against figures worked out by hand from Canvas's
// script.
func TestBucket(t *testing.T) {
	t.Parallel()
	type step struct {
		after time.Duration
		add   float64
		level float64
	}
	for name, steps := range map[string][]step{
		"a call": {{0, 50, 50}, {0, 0.5 - 50, 0.5}},
		"a call of three seconds: what it reserved leaks": {{0, 50, 50}, {3 * time.Second, 7 - 50, 0}},
		"two calls at once":                  {{0, 50, 50}, {0, 50, 100}, {time.Second, 20 - 50, 60}, {time.Second, 20 - 50, 20}},
		"it drains ten units a second":       {{0, 300, 300}, {12 * time.Second, 0, 180}, {18 * time.Second, 0, 0}},
		"it holds no more than the maximum":  {{0, 790, 790}, {0, 50, 800}, {0, -50, 750}},
		"it never owes":                      {{0, 5, 5}, {0, -50, 0}},
		"after a rest the reserve is leaked": {{0, 10, 10}, {time.Minute, 50, 0}, {0, 2 - 50, 0}},
		"from empty nothing is owed":         {{0, 0, 0}, {time.Hour, 50, 50}, {0, 2 - 50, 2}},
		"a clock that goes back":             {{0, 100, 100}, {-time.Minute, 0, 100}},
	} {
		now := testDay
		b := &bucket{at: now}
		for i, s := range steps {
			now = now.Add(s.after)
			b.add(s.add, now)
			if math.Abs(b.level-s.level) > 1e-9 {
				t.Errorf("%s: step %d leaves %v, want %v", name, i, b.level, s.level)
			}
		}
	}
}

func TestTheMarkRefusesAndTheLevelCanBeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.as("dana")
	secret := r.secrets["dana"]
	call := func() answer { return r.with(secret).do("GET", "/api/v1/users/self", nil) }
	r.s.SetRequestCost(0)
	r.s.SetRouteCost("GET", "/api/v1/users/:id", 549.9)
	call().want(200)
	if got := r.s.RateLevel(secret); math.Abs(got-549.9) > 1e-9 {
		t.Errorf("level %v", got)
	}
	r.s.SetRouteCost("GET", "/api/v1/users/:id", 0.1)
	call().want(200) // 599.9 with its reserve
	call().want(403) // 600
	r.with(secret).do("GET", "/api/v1/accounts/self", nil).want(403)
	if got := r.s.Throttled(); got != 2 {
		t.Errorf("%d calls were refused", got)
	}
	r.w.Clock.Advance(10 * time.Millisecond) // a tenth of a unit drains
	r.with(secret).do("GET", "/api/v1/accounts/self", nil).want(200)
	if got := r.s.RateLevel(secret); math.Abs(got-549.9) > 1e-9 { // other routes cost nothing
		t.Errorf("level %v", got)
	}
	r.s.Fail(Fault{Route: "/api/v1/users/:id", Throttle: true})
	call().want(403)
	if got := r.s.Throttled(); got != 2 {
		t.Errorf("a fault by order counts: %d", got)
	}
	if got := r.s.RateLevel("nobody"); got != 0 {
		t.Errorf("a bucket nobody used: %v", got)
	}
}
