package notices_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// Every step tells the people it concerns, once, with a way back into Canvas
// and never with a secret.
func TestNotices(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		req := r.Submitted()
		r.Drain()
		if got := r.Subjects("ana"); len(got) != 1 || !strings.Contains(got[0], "Maya Chen asks you to sponsor") || !strings.Contains(got[0], req.Code()) {
			r.T.Errorf("the sponsor got %q", got)
		}
		r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{})
		r.Clock.Advance(2 * time.Minute)
		r.Drain()
		if got := r.Subjects("maya"); len(got) != 1 {
			r.T.Errorf("the requester got %q", got)
		}
		for _, admin := range []string{"dana", "priya"} {
			if got := r.Subjects(admin); len(got) != 1 {
				r.T.Errorf("the reviewer %s got %q", admin, got)
			}
		}
		for _, other := range []string{"lena", "ingrid", "luca", "tom", "site-admin"} {
			if got := r.Subjects(other); len(got) != 0 {
				r.T.Errorf("%s, who reviews nothing, got %q", other, got)
			}
		}
		second := r.Submitted()
		r.Act(r.As("ana", access.DoorCourse), second.Code(), access.Endorse, access.Move{})
		r.Clock.Advance(2 * time.Minute)
		r.Drain()
		if got := r.Subjects("dana"); len(got) != 1 {
			r.T.Errorf("a second digest on one day: %q", got)
		}
		r.Act(r.As("dana", access.DoorAccount), req.Code(), access.Approve, access.Move{})
		r.Act(r.As("dana", access.DoorAccount), second.Code(), access.Deny, access.Move{Reason: "A data export does this.", Alternative: "export"})
		r.Drain()
		if got := r.Subjects("maya"); !desktest.Has(got, "Approved: collect your token by") || !desktest.Has(got, "Not approved ("+second.Code()+")") {
			r.T.Errorf("the requester got %q", got)
		}
		c, err := r.Tokens.Collect(r.T.Context(), r.As("maya", access.DoorCourse), req.Code())
		if err != nil || c.Stage != tokens.StageSecret {
			r.T.Fatal(c.Stage, err)
		}
		value := c.Value.Reveal()
		r.Drain()
		if got := r.Subjects("maya"); !desktest.Has(got, "Activate your token by") {
			r.T.Errorf("the owner got %q", got)
		}
		if _, err := r.Tokens.Revoke(r.T.Context(), r.As("dana", access.DoorAccount), c.Grant.ID, "breach"); err != nil {
			r.T.Fatal(err)
		}
		r.Drain()
		before := len(r.W.Inbox("maya"))
		r.Tick(time.Minute)
		r.Tick(time.Minute)
		if n := len(r.W.Inbox("maya")); n != before {
			r.T.Errorf("%d messages became %d though nothing happened", before, n)
		}
		for _, key := range []string{"maya", "ana", "dana"} {
			for _, m := range r.W.Inbox(key) {
				if strings.Contains(m.Body+m.Subject, value) {
					r.T.Errorf("the value was sent to %s", key)
				}
				if !strings.Contains(m.Body, r.Cv.InstitutionURL()+"/") || strings.Contains(m.Body, "tool_session") {
					r.T.Errorf("%q to %s does not lead back into Canvas:\n%s", m.Subject, key, m.Body)
				}
			}
		}
		if seen := slices.Sorted(slices.Values(r.Subjects("maya"))); len(slices.Compact(slices.Clone(seen))) != len(seen) {
			r.T.Errorf("something was told twice: %q", seen)
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
			r := desktest.NewRig(t, desktest.Sqlite(t))
			fault.Route, fault.Method = "/api/v1/conversations", http.MethodPost
			r.Cv.Fail(fault)
			r.Submitted()
			for range 6 {
				_, _ = r.Runner.Drain(t.Context()) // a failed try is what this is about
				r.Clock.Advance(20 * time.Minute)
			}
			if got := r.Subjects("ana"); len(got) != 1 {
				t.Errorf("the sponsor got %q", got)
			}
		})
	}
}

func TestReminders(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		waits := r.Submitted()
		c, _ := r.Collected()
		r.Activate("maya", c.Grant.CanvasID)
		for range 21 {
			r.Tick(24 * time.Hour)
		}
		sponsor := 0
		for _, m := range r.Subjects("ana") {
			if strings.Contains(m, waits.Code()) {
				sponsor++
			}
		}
		if sponsor != 5 { // asked, days 3, 7 and 12, timed out
			r.T.Errorf("the sponsor got %d messages about %s: %q", sponsor, waits.Code(), r.Subjects("ana"))
		}
		ends := 0
		for _, m := range r.Subjects("maya") {
			if strings.Contains(m, "ends in") || strings.Contains(m, "ends tomorrow") {
				ends++
			}
		}
		if ends != 2 { // the token lives 27 days: at 14 and at 7
			r.T.Errorf("the owner was warned %d times of the end: %q", ends, r.Subjects("maya"))
		}
	})
}
