package notices_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/eligibility"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// reminders are what time brings at each of these moments, without the digest.
func reminders(r *desktest.Rig, from time.Time, at ...time.Duration) string {
	r.T.Helper()
	tenants, err := r.Desk.Tenants(r.T.Context())
	r.Must(err)
	var out []string
	for _, d := range at {
		r.Clock.Advance(from.Add(d).Sub(r.Clock.Now()))
		for line := range strings.SplitSeq(r.Wrote(func() { r.Must(r.Notices.Remind(r.T.Context(), tenants[0])) }), "\n") {
			if line != "" && !strings.Contains(line, notices.JobDigest) {
				out = append(out, d.String()+" "+line)
			}
		}
	}
	return strings.Join(out, "\n")
}

// Each reminder is due on its day, for a day, and goes out once.
func TestRemindersInTime(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	days := func(of ...int) (out []time.Duration) {
		for _, n := range of {
			begins := time.Duration(n) * day
			out = append(out, begins-desktest.Moment, begins, begins+desktest.Moment, begins+day-desktest.Moment)
		}
		return out
	}
	tests := map[string]struct {
		prepare func(r *desktest.Rig) time.Time
		at      []time.Duration
		want    string
	}{
		"the sponsor's answer": {func(r *desktest.Rig) time.Time { r.Submitted(); return r.Clock.Now() }, days(1, 3, 6, 7, 12, 13), `
72h0m0s job: tell ana sponsor_reminder of req1, req1/day3:2026-12-07
168h0m0s job: tell ana sponsor_reminder of req1, req1/day7:2026-12-07
288h0m0s job: tell ana sponsor_reminder of req1, req1/day12:2026-12-07`},
		"the collection": {func(r *desktest.Rig) time.Time { r.Approved(); return r.Clock.Now() }, days(1, 3, 6, 7, 12, 13), `
72h0m0s job: tell maya collect_reminder of req1, req1/day3:2026-11-23
168h0m0s job: tell maya collect_reminder of req1, req1/day7:2026-11-23
288h0m0s job: tell maya collect_reminder of req1, req1/day12:2026-11-23`},
		"the activation": {func(r *desktest.Rig) time.Time { r.Collected(); return r.Clock.Now() }, days(1, 3, 6, 7), `
24h0m0s job: tell maya activate_reminder of req1 grt1, grt1/day1:1
72h0m0s job: tell maya activate_reminder of req1 grt1, grt1/day3:1
144h0m0s job: tell maya activate_reminder of req1 grt1, grt1/day6:1`},
		"the end": {func(r *desktest.Rig) time.Time { g, _ := r.Working(); return g.Expires }, []time.Duration{-14*day - desktest.Moment, -14 * day, -7*day - desktest.Moment, -7 * day, -day - desktest.Moment, -day, -desktest.Moment}, `
-336h0m0s job: tell ana ending_soon of req1 grt1, grt1/end14:2026-12-21
-336h0m0s job: tell maya ending_soon of req1 grt1, grt1/end14:2026-12-21
-168h0m0s job: tell ana ending_soon of req1 grt1, grt1/end7:2026-12-21
-168h0m0s job: tell maya ending_soon of req1 grt1, grt1/end7:2026-12-21
-24h0m0s job: tell ana ending_soon of req1 grt1, grt1/end1:2026-12-21
-24h0m0s job: tell maya ending_soon of req1 grt1, grt1/end1:2026-12-21`},
		"the end of a long life": {func(r *desktest.Rig) time.Time {
			g, _ := r.Working()
			r.Force(g.ID, func(g *access.Grant) { g.Expires, g.Sponsor = r.Clock.Now().Add(90*day), "" })
			return r.Clock.Now().Add(90 * day)
		}, []time.Duration{-30 * day, -30*day + desktest.Moment, -14 * day, -day}, `
-719h59m59.999999s job: tell maya ending_soon of req1 grt1, grt1/end30:2027-02-21
-336h0m0s job: tell maya ending_soon of req1 grt1, grt1/end14:2027-02-21
-24h0m0s job: tell maya ending_soon of req1 grt1, grt1/end1:2027-02-21`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			from := tt.prepare(r)
			for key := range r.Everything().Rows {
				if strings.Contains(key, string(notify.EndingSoon)) {
					t.Errorf("told of before: %s", key)
				}
			}
			if got := reminders(r, from, tt.at...); got != strings.TrimSpace(tt.want) {
				t.Errorf("%s: reminders\n%s\n\nwant\n%s", name, got, tt.want)
			}
		})
	}
}

// A reminder that was missed is not sent on another day.
func TestReached(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for at, want := range map[time.Duration]int{0: 0, 3*day - 1: 0, 3 * day: 3, 4*day - 1: 3, 4 * day: 0, 7*day - 1: 0, 7 * day: 7, 8 * day: 0, 12 * day: 12, 13 * day: 0} {
		if d, ok := notices.ReachedDay(from.Add(at), from, 3, 7, 12); ok != (want > 0) || ok && d != want {
			t.Errorf("after %s: day %d, %v; want %d", at, d, ok, want)
		}
	}
	if _, ok := notices.ReachedDay(from, time.Time{}, 3); ok {
		t.Error("a time that is not set was reached")
	}
}

// The reviewers' digest is due from eight in the morning of the school.
func TestDigestInTheMorning(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	tenants, err := r.Desk.Tenants(t.Context())
	r.Must(err)
	remind := func() { r.Must(r.Notices.Remind(t.Context(), tenants[0])) }
	r.Clock.Advance(24*time.Hour - desktest.Moment)
	r.Writes("before eight", "", remind)
	r.Clock.Advance(desktest.Moment)
	r.Writes("at eight", "job: notice.reviewers notice.reviewers:school:2026-11-24 at +1m0s", remind)
	r.Clock.Advance(8 * time.Hour)
	r.Writes("later that day", "", remind)
	r.Drain()
	if got := r.Subjects("dana"); len(got) != 0 {
		t.Errorf("nothing waits, and it was said %q", got)
	}
}

// A notice that comes too late to be true is not sent.
func TestNoticesThatAreMoot(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	g, _ := r.Working()
	maya, helen := r.As("maya", access.DoorCourse), r.Helen()
	n := 0
	told := func(when string, want bool, kind notify.Kind, key string, to access.Caller) {
		t.Helper()
		n++
		data, err := json.Marshal(notices.NoticeRef{Kind: kind, Request: g.RequestID, Grant: g.ID, To: to.Person, Occasion: strings.Repeat("x", n)})
		r.Must(err)
		before := len(r.Subjects(key))
		r.Must(r.Desk.Handlers()[desk.JobNotice].Do(ctx, jobs.Job{Data: data, Tenant: string(r.Tenant)}))
		if got := len(r.Subjects(key)) - before; (got == 1) != want || got > 1 {
			t.Errorf("%s: %s sent to %s %d times", when, kind, key, got)
		}
	}
	told("in use", false, notify.SponsorGone, "maya", maya)
	told("in use", false, notify.TurnedDown, "maya", maya)
	told("in use", false, notify.AskedToTakeOver, "helen", helen)
	told("in use", false, notify.Retiring, "maya", maya)
	told("in use", false, notify.Frozen, "maya", maya)
	told("in use", false, notify.Thawed, "maya", maya)
	told("in use", true, notify.TookOver, "maya", maya)
	_, err := r.Tokens.EndSponsorship(ctx, r.As("ana", access.DoorCourse), g.ID, "")
	r.Must(err)
	told("without a sponsor", true, notify.SponsorGone, "maya", maya)
	told("without a sponsor", false, notify.TookOver, "maya", maya)
	told("without a sponsor", false, notify.AskedToTakeOver, "helen", helen)
	_, err = r.Tokens.NameSponsor(ctx, maya, g.ID, r.W.User("helen").ID.String())
	r.Must(err)
	told("another is asked", true, notify.AskedToTakeOver, "helen", helen)
	told("another is asked", false, notify.AskedToTakeOver, "ana", r.As("ana", access.DoorCourse))
	told("another is asked", false, notify.SponsorGone, "maya", maya)
	told("another is asked", false, notify.TurnedDown, "maya", maya)
	r.Must(r.Tokens.TurnDown(ctx, helen, g.ID))
	told("turned down", true, notify.TurnedDown, "maya", maya)
	r.Force(g.ID, func(g *access.Grant) { g.RetireAt = r.Clock.Now().Add(time.Hour) })
	told("giving way", true, notify.Retiring, "maya", maya)
	_, err = r.Tokens.Freeze(ctx, r.As("dana", access.DoorAccount), g.ID, "Odd traffic.")
	r.Must(err)
	told("frozen", false, notify.Retiring, "maya", maya)
	told("frozen", true, notify.Frozen, "maya", maya)
	told("frozen", false, notify.Thawed, "maya", maya)
	for _, key := range []string{"dana", "priya"} {
		_, err = r.Tokens.Thaw(ctx, r.As(key, access.DoorAccount), g.ID, r.TermsOf(g.ID))
		r.Must(err)
	}
	told("thawed", false, notify.Frozen, "maya", maya)
	told("thawed", true, notify.Thawed, "maya", maya)
	_, err = r.Leaks.Report(ctx, maya, g.ID)
	r.Must(err)
	told("deleted", false, notify.LeakReported, "maya", maya)
	told("deleted", true, notify.LeakDeleted, "maya", maya)
	told("deleted", false, notify.CourseOver, "maya", maya)
	told("deleted", false, notify.Thawed, "maya", maya)
}

// A notice whose person or token is not there parks for a person to look, instead
// of being tried for ever.
func TestNoticesAboutNothing(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q := r.Submitted()
	for name, ref := range map[string]notices.NoticeRef{
		"no person":  {Kind: notify.Approved, Request: q.ID, To: access.PersonID(store.NewID("per"))},
		"no request": {Kind: notify.Approved, Request: store.NewID("req"), To: q.Requester},
		"no token":   {Kind: notify.Revoked, Request: q.ID, Grant: store.NewID("grt"), To: q.Requester},
	} {
		data, err := json.Marshal(ref)
		r.Must(err)
		if err := r.Desk.Handlers()[desk.JobNotice].Do(t.Context(), jobs.Job{Data: data, Tenant: string(r.Tenant)}); !desktest.Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for kind, work := range r.Desk.Handlers() {
		if kind == desk.JobTick || kind == desk.JobPurge || kind == eligibility.JobEligibility || kind == inventory.JobNightly || kind == notices.JobDigest || kind == authority.JobAccounts || kind == authority.JobRoles {
			continue // they carry nothing
		}
		if err := work.Do(t.Context(), jobs.Job{Data: []byte("{"), Tenant: string(r.Tenant)}); !desktest.Permanent(err) {
			t.Errorf("%s with data that nobody can read: %v", kind, err)
		}
	}
}

// Reviewers are those who hold, on the root account, a role that may create
// tokens; the tool's own account is none.
func TestReviewers(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	f, err := r.Desk.CanvasOf(t.Context(), r.Tenant, "")
	r.Must(err)
	names := func() string {
		people, err := r.Notices.Reviewers(t.Context(), f)
		r.Must(err)
		var out []string
		for _, p := range people {
			if p.CanvasUser == "" {
				t.Errorf("%q cannot be written to", p.Name)
			}
			out = append(out, p.Name)
		}
		return strings.Join(desktest.Sorted(out), ", ")
	}
	if got := names(); got != "Dana Ortiz, Priya Nair" {
		t.Errorf("they are %s", got)
	}
	r.W.RemoveAdmin("priya", "root")
	if got := names(); got != "Dana Ortiz" {
		t.Errorf("they are %s", got)
	}
	r.W.SetPermission("account-admin", canvastest.PermCreateTokens, false)
	if got := names(); got != "" {
		t.Errorf("they are %s", got)
	}
}

// A notice whose job is run twice goes out once, and to who the person is by now.
func TestNoticeRunTwice(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	q := r.Approved()
	luca := r.As("luca", access.DoorCourse).Person
	send := func() {
		data, err := json.Marshal(notices.NoticeRef{Kind: notify.Approved, Request: q.ID, To: q.Requester, Occasion: "once"})
		r.Must(err)
		r.Must(r.Desk.Handlers()[desk.JobNotice].Do(ctx, jobs.Job{Data: data, Tenant: string(r.Tenant), Claim: 1}))
	}
	send()
	send()
	if got := r.Subjects("maya"); len(got) != 1 {
		t.Errorf("it was sent as %q", got)
	}
	r.Must(r.Desk.Store.InTx(ctx, func(tx *store.Tx) error {
		return tx.MergePerson(r.Tenant, q.Requester, luca, r.Desk.Event(r.Tenant, access.SystemID, audit.PersonMerge, string(luca)), nil)
	}))
	data, err := json.Marshal(notices.NoticeRef{Kind: notify.Approved, Request: q.ID, To: q.Requester, Occasion: "merged"})
	r.Must(err)
	r.Must(r.Desk.Handlers()[desk.JobNotice].Do(ctx, jobs.Job{Data: data, Tenant: string(r.Tenant), Claim: 1}))
	if got := r.Subjects("luca"); len(got) != 1 || len(r.Subjects("maya")) != 1 {
		t.Errorf("who she is by now got %q", got)
	}
}
