package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/web"
)

// One address may have five of fifty waiting logins.
func TestCrowd(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)
	begin := func(c web.Crowd, address string, n int) (in int) {
		for range n {
			if c.Begin(address, now) {
				in++
			}
		}
		return in
	}
	t.Run("one address has its share, and everybody else theirs", func(t *testing.T) {
		t.Parallel()
		c := web.NewCrowd(50)
		for _, address := range []string{"203.0.113.7", "203.0.113.8", "2001:db8:1:2::1", "2001:db8:1:3::1"} {
			if in := begin(c, address, 100); in != 5 {
				t.Errorf("%s began %d logins", address, in)
			}
		}
	})
	t.Run("whoever has a network of addresses is one", func(t *testing.T) {
		t.Parallel()
		c := web.NewCrowd(50)
		in := 0
		for i := range 100 {
			in += begin(c, fmt.Sprintf("2001:db8:1:2::%x", i+1), 1)
		}
		if in += begin(c, "::ffff:203.0.113.7", 3) + begin(c, "203.0.113.7", 100); in != 10 {
			t.Errorf("%d logins began, want five of each network", in)
		}
	})
	t.Run("who cannot be told apart shares", func(t *testing.T) {
		t.Parallel()
		c := web.NewCrowd(50)
		if in := begin(c, "", 4) + begin(c, "unix", 4) + begin(c, "300.1.1.1", 4); in != 5 {
			t.Errorf("%d logins began", in)
		}
		c.Done("pipe", now)
		if in := begin(c, "", 4); in != 1 {
			t.Errorf("%d logins began after one was completed", in)
		}
	})
	t.Run("a campus behind one address completes what it begins", func(t *testing.T) {
		t.Parallel()
		c := web.NewCrowd(50)
		for i := range 30_000 {
			if begin(c, "203.0.113.7", 4) != 4 {
				t.Fatalf("four of a campus are refused after %d", i)
			}
			for range 4 {
				c.Done("203.0.113.7", now)
			}
		}
		// What was never begun is no credit.
		for range 100 {
			c.Done("203.0.113.7", now)
		}
		if in := begin(c, "203.0.113.7", 100); in != 5 {
			t.Errorf("%d logins began", in)
		}
	})
	t.Run("what is never completed is forgotten as the list forgets it", func(t *testing.T) {
		t.Parallel()
		c := web.NewCrowd(50)
		begin(c, "203.0.113.7", 5)
		for _, tt := range []struct {
			after time.Duration
			in    int
		}{{time.Minute, 0}, {2 * time.Minute, 1}, {time.Hour, 5}, {time.Hour - time.Second, 0}} {
			at := now.Add(tt.after)
			in := 0
			for range 10 {
				if c.Begin("203.0.113.7", at) {
					in++
				}
			}
			if in != tt.in {
				t.Errorf("after %s %d logins began, want %d", tt.after, in, tt.in)
			}
		}
	})
	t.Run("more addresses than are counted one by one share too", func(t *testing.T) {
		t.Parallel()
		c := web.NewCrowd(50)
		in := 0
		for i := range 60_000 {
			in += begin(c, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), 1)
		}
		if in != 50_005 {
			t.Errorf("%d logins began", in)
		}
		// One more came in than the table has room for and was counted with those
		// who share: what it begins later is still theirs.
		if in := begin(c, "203.0.113.7", 9); in != 0 {
			t.Errorf("%d logins more began", in)
		}
	})
	t.Run("a full table has room again for addresses of their own when it is swept", func(t *testing.T) {
		t.Parallel()
		c := web.NewCrowd(50)
		for i := range 50_000 { // each has one login, forgotten after two minutes
			c.Begin(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), now)
		}
		c.Begin("10.0.0.0", now)
		c.Begin("10.0.0.0", now)
		n := 0
		for _, tt := range []struct {
			after time.Duration
			in    int // of five logins of each of two new addresses
		}{
			{0, 5},                             // it is full of those who wait: who comes now shares
			{2*time.Minute - time.Second/2, 0}, // full still, if not for long
			{2*time.Minute + time.Second/4, 1}, // not swept more than once a second; one of those who share is forgotten
			{2*time.Minute + time.Second, 10},
		} {
			in := 0
			for range 2 {
				n++
				for range 5 {
					if c.Begin(fmt.Sprintf("203.0.113.%d", n), now.Add(tt.after)) {
						in++
					}
				}
			}
			if in != tt.in {
				t.Errorf("after %s %d logins of new addresses began, want %d", tt.after, in, tt.in)
			}
		}
		// Who still waits was not swept away with the others.
		in := 0
		for range 5 {
			if c.Begin("10.0.0.0", now.Add(2*time.Minute+time.Second)) {
				in++
			}
		}
		if in != 3 {
			t.Errorf("an address with two logins that wait began %d more, want 3", in)
		}
	})
}

func TestOneAddressCannotKeepOthersOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server, ok := r.app.Handler().(*web.Server)
	if !ok {
		t.Fatalf("the handler is a %T", r.app.Handler())
	}
	server.LimitLogins(50)
	// Launches that get in do not count: this is a campus.
	for range 12 {
		r.launch("maya", r.course("bio201")).want(http.StatusOK, "My API tokens")
	}
	b := &browser{r: r, cookies: map[string]string{}}
	b.signIn("maya")
	_, fields := form(t, b.atCanvas(r.cv.InstitutionURL()+r.course("bio201")), "tool_form")
	login := func() *browser { return b.send(http.MethodPost, "/lti/login", fields, nil) }
	for i := range 5 {
		if login(); b.status >= http.StatusBadRequest {
			t.Fatalf("login %d answers %d", i, b.status)
		}
	}
	for range 3 {
		login().want(http.StatusServiceUnavailable, "Canvas could not open Tokendesk")
	}
	if !strings.Contains(b.body, "Reference") || !strings.Contains(r.logs.String(), `"reason":"busy"`) {
		t.Errorf("no reference, or nothing in the log: %s", b.body)
	}
	// A header that anybody can write is not believed.
	b.send(http.MethodPost, "/lti/login", fields, http.Header{"X-Forwarded-For": {"198.51.100.9"}}).want(http.StatusServiceUnavailable, "Canvas could not open Tokendesk")
	if !server.Admits("198.51.100.9") {
		t.Error("another address is refused")
	}
	r.clock.Advance(3 * time.Minute)
	if login(); b.status >= http.StatusBadRequest {
		t.Errorf("after a while a login answers %d", b.status)
	}
}
