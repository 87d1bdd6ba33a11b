package workflow

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// subjects lists what came to a person's Canvas inbox, oldest first.
func (r *rig) subjects(key string) (out []string) {
	for _, m := range r.w.Inbox(key) {
		out = append(out, m.Subject)
	}
	return out
}

func has(list []string, part string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, part) })
}

// Every step tells the people it concerns, once, with a way back into Canvas
// and never with a secret.
func TestNotices(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		req := r.submitted()
		r.drain()
		if got := r.subjects("ana"); len(got) != 1 || !strings.Contains(got[0], "Maya Chen asks you to sponsor") || !strings.Contains(got[0], req.Code()) {
			r.t.Errorf("the sponsor got %q", got)
		}
		r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
		r.clock.Advance(2 * time.Minute)
		r.drain()
		if got := r.subjects("maya"); len(got) != 1 {
			r.t.Errorf("the requester got %q", got)
		}
		for _, admin := range []string{"dana", "priya"} {
			if got := r.subjects(admin); len(got) != 1 {
				r.t.Errorf("the reviewer %s got %q", admin, got)
			}
		}
		for _, other := range []string{"lena", "ingrid", "luca", "tom", "site-admin"} {
			if got := r.subjects(other); len(got) != 0 {
				r.t.Errorf("%s, who reviews nothing, got %q", other, got)
			}
		}
		second := r.submitted()
		r.act(r.as("ana", access.DoorCourse), second.Code(), access.Endorse, access.Move{})
		r.clock.Advance(2 * time.Minute)
		r.drain()
		if got := r.subjects("dana"); len(got) != 1 {
			r.t.Errorf("a second digest on one day: %q", got)
		}
		r.act(r.as("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
		r.act(r.as("dana", access.DoorAccount), second.Code(), access.Deny, access.Move{Reason: "A data export does this.", Alternative: "export"})
		r.drain()
		if got := r.subjects("maya"); !has(got, "Approved: collect your token by") || !has(got, "Not approved ("+second.Code()+")") {
			r.t.Errorf("the requester got %q", got)
		}
		c, err := r.Collect(r.t.Context(), r.as("maya", access.DoorCourse), req.Code())
		if err != nil || c.Stage != StageSecret {
			r.t.Fatal(c.Stage, err)
		}
		value := c.Value.Reveal()
		r.drain()
		if got := r.subjects("maya"); !has(got, "Activate your token by") {
			r.t.Errorf("the owner got %q", got)
		}
		if _, err := r.Revoke(r.t.Context(), r.as("dana", access.DoorAccount), c.Grant.ID, "breach"); err != nil {
			r.t.Fatal(err)
		}
		r.drain()
		before := len(r.w.Inbox("maya"))
		r.tick(time.Minute)
		r.tick(time.Minute)
		if n := len(r.w.Inbox("maya")); n != before {
			r.t.Errorf("%d messages became %d though nothing happened", before, n)
		}
		for _, key := range []string{"maya", "ana", "dana"} {
			for _, m := range r.w.Inbox(key) {
				if strings.Contains(m.Body+m.Subject, value) {
					r.t.Errorf("the value was sent to %s", key)
				}
				if !strings.Contains(m.Body, r.cv.InstitutionURL()+"/") || strings.Contains(m.Body, "tool_session") {
					r.t.Errorf("%q to %s does not lead back into Canvas:\n%s", m.Subject, key, m.Body)
				}
			}
		}
		if seen := slices.Sorted(slices.Values(r.subjects("maya"))); len(slices.Compact(slices.Clone(seen))) != len(seen) {
			r.t.Errorf("something was told twice: %q", seen)
		}
	})
}

// An inbox that fails is tried again and told once; one that did the work and
// then cut the line is looked up before a resend.
func TestNoticeIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]canvastest.Fault{
		"the inbox is down":                 {Status: 503, Times: 2},
		"the inbox did it and cut the line": {DropAfter: true},
		"the inbox is throttled":            {Throttle: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			fault.Route, fault.Method = "/api/v1/conversations", http.MethodPost
			r.cv.Fail(fault)
			r.submitted()
			for range 6 {
				_, _ = r.runner.Drain(t.Context()) // a failed try is what this is about
				r.clock.Advance(20 * time.Minute)
			}
			if got := r.subjects("ana"); len(got) != 1 {
				t.Errorf("the sponsor got %q", got)
			}
		})
	}
}

func TestReminders(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		waits := r.submitted()
		c, _ := r.collected()
		r.activate("maya", c.Grant.CanvasID)
		for range 21 {
			r.tick(24 * time.Hour)
		}
		sponsor := 0
		for _, m := range r.subjects("ana") {
			if strings.Contains(m, waits.Code()) {
				sponsor++
			}
		}
		if sponsor != 5 { // asked, days 3, 7 and 12, timed out
			r.t.Errorf("the sponsor got %d messages about %s: %q", sponsor, waits.Code(), r.subjects("ana"))
		}
		ends := 0
		for _, m := range r.subjects("maya") {
			if strings.Contains(m, "ends in") || strings.Contains(m, "ends tomorrow") {
				ends++
			}
		}
		if ends != 2 { // the token lives 27 days: at 14 and at 7
			r.t.Errorf("the owner was warned %d times of the end: %q", ends, r.subjects("maya"))
		}
	})
}
