package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// old is a database as the program before votes left it, for one school.
type old struct {
	t   *testing.T
	s   *store.Store
	now string
	n   int
}

func newOld(t *testing.T, url string, o ...store.Options) old {
	t.Helper()
	opt := store.Options{MaxConns: 4}
	if len(o) > 0 {
		opt = o[0]
	}
	s, err := store.Open(t.Context(), url, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.MigrateTo(t.Context(), 13); err != nil {
		t.Fatal(err)
	}
	d := old{t: t, s: s, now: "'2026-01-02 03:04:05+00:00'"}
	hash := audit.Genesis("ten_a")
	exec(t, s, `INSERT INTO tenants (id, name, platform_guid, canvas_account, school, learned_cap_days, last_number, version, created_at, policy_version)
		VALUES ('ten_a', 'A', '', '', '{}', 0, 0, 1, `+d.now+`, 1)`)
	exec(t, s, `INSERT INTO policies (tenant, version, document, published_at, published_by, reason) VALUES ('ten_a', 1, '{"limits":{"build_least":30,"build_most":2000,"link":500,"note":1000,"short":200},"quotas":{"live_tokens":2,"open_requests":3},"windows":{}}', `+d.now+`, 'system', '')`)
	literal := fmt.Sprintf("x'%x'", hash)
	if s.Postgres() {
		literal = fmt.Sprintf(`'\x%x'`, hash)
	}
	exec(t, s, `INSERT INTO audit_heads (tenant, seq, hash) VALUES ('ten_a', 0, `+literal+`)`)
	for _, p := range []string{"ana", "ben", "cleo", "dora", "old"} {
		exec(t, s, `INSERT INTO people (id, tenant, canvas_user, name, short_name, search, locale, time_zone, email, created_at)
			VALUES ('per_`+p+`', 'ten_a', '', '`+p+`', '', '', '', '', '', `+d.now+`)`)
	}
	exec(t, s, `UPDATE people SET merged_into = 'per_cleo' WHERE id = 'per_old'`)
	return d
}

// request adds a request of ana's, with columns set, and the events of its life.
func (d *old) request(id, state string, columns map[string]string, events ...audit.Event) {
	d.t.Helper()
	d.n++
	exec(d.t, d.s, `INSERT INTO requests (id, tenant, number, version, state, requester, affiliation, course_id, course_name, course_code, answers, purpose, maker, ai, search,
		sponsor_lost, policy_version, rules_version, end_cause, created_at, updated_at, sponsor_note, reason, alternative, alt_text, conditions, decided_by, endorsed_by)
		VALUES ('`+id+`', 'ten_a', `+fmt.Sprint(d.n)+`, `+fmt.Sprint(max(1, len(events)))+`, 'draft', 'per_ana', '', '', '', '', '{}', '', '', '', '', '', 1, '', '', `+d.now+`, `+d.now+`, '', '', '', '', '', NULL, NULL)`)
	set := "state = '" + state + "'"
	for c, v := range columns {
		set += ", " + c + " = " + v
	}
	exec(d.t, d.s, "UPDATE requests SET "+set+" WHERE id = '"+id+"'")
	in(d.t, d.s, func(tx *store.Tx) error {
		from := ""
		for i, e := range events {
			e.Tenant, e.Object, e.At, e.Version, e.From = "ten_a", id, time.Date(2026, 1, 2, 4, i, 0, 0, time.UTC), i+1, from
			from = e.To
			if err := tx.Audit(e, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *old) grant(id, request, state string, columns string) {
	d.t.Helper()
	exec(d.t, d.s, `INSERT INTO grants (id, tenant, request_id, version, state, owner, title, canvas_user, canvas_id, hint, attempt, created_at, updated_at, replaced, cause, trouble, tries)
		VALUES ('`+id+`', 'ten_a', '`+request+`', 1, '`+state+`', 'per_ana', '', '', '', '', 1, `+d.now+`, `+d.now+`, 0, '', '', 0)`)
	if columns != "" {
		exec(d.t, d.s, "UPDATE grants SET "+columns+" WHERE id = '"+id+"'")
	}
}

func (d *old) found(id, state, owner, columns string) {
	d.t.Helper()
	d.n++
	no := map[bool]string{true: "false", false: "0"}[d.s.Postgres()]
	exec(d.t, d.s, `INSERT INTO found_tokens (id, tenant, version, state, canvas_user, canvas_id, owner, owner_name, account_role, hint, purpose, marker, search, found_at, seen_at, updated_at, reason, tries, trouble)
		VALUES ('`+id+`', 'ten_a', 1, 'found', '1', '`+fmt.Sprint(d.n)+`', `+owner+`, '', `+no+`, '', '', '', '', `+d.now+`, `+d.now+`, `+d.now+`, '', 0, '')`)
	set := "state = '" + state + "'"
	if columns != "" {
		set += ", " + columns
	}
	exec(d.t, d.s, "UPDATE found_tokens SET "+set+" WHERE id = '"+id+"'")
}

func life(told ...string) (out []audit.Event) {
	for _, x := range told {
		f := strings.Fields(x)
		out = append(out, audit.Event{Actor: f[0], Action: audit.Action("request." + f[1]), To: f[2]})
	}
	return out
}

// Whoever decided before votes were kept has their vote after, in whatever state
// the object stands; a request in review says so by its new name, and the log
// tells of that, so that an export across the upgrade verifies and replays.
func TestVotesOfBefore(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		d := newOld(t, url)
		at1, at2, at3 := "'2026-01-03 01:00:00+00:00'", "'2026-01-04 01:00:00+00:00'", "'2026-01-05 01:00:00+00:00'"
		yes := map[string]string{"sponsor": "'per_ben'", "endorsed_by": "'per_ben'", "endorsed_at": at1, "sponsor_note": "'I know it'"}
		with := func(more ...string) map[string]string {
			out := map[string]string{}
			for k, v := range yes {
				out[k] = v
			}
			for i := 0; i < len(more); i += 2 {
				out[more[i]] = more[i+1]
			}
			return out
		}
		create, submit, endorse := "per_ana create draft", "per_ana submit awaiting_sponsor", "per_ben endorse awaiting_review"
		d.request("req_draft", "draft", nil, life(create)...)
		d.request("req_sponsor", "awaiting_sponsor", map[string]string{"sponsor": "'per_ben'", "reason": "'come back'"}, life(create, submit)...)
		d.request("req_review", "awaiting_review", yes, life(create, submit, endorse)...)
		d.request("req_held", "awaiting_review", with("claimed_by", "'per_cleo'", "claimed_at", at2), life(create, submit, endorse, "per_cleo claim awaiting_review")...)
		d.request("req_alone", "awaiting_review", nil, life(create, "per_ana submit awaiting_review")...)
		decided := []string{"decided_by", "'per_cleo'", "decided_at", at3, "claimed_by", "'per_cleo'", "claimed_at", at3, "conditions", "'only read'"}
		d.request("req_approved", "approved", with(decided...), life(create, submit, endorse, "per_cleo approve approved")...)
		d.request("req_fulfilled", "fulfilled", with(decided...), life(create, submit, endorse, "per_cleo approve approved", "per_ana collect collecting", "system hand_over fulfilled")...)
		d.request("req_withdrawn", "withdrawn", with("decided_by", "'per_cleo'", "decided_at", at3), life(create, submit, endorse, "per_cleo approve approved", "per_ana withdraw withdrawn")...)
		d.request("req_denied", "denied", with("decided_by", "'per_cleo'", "decided_at", at3, "reason", "'not so'", "alternative", "'other'", "alt_text", "'by file'"), life(create, submit, endorse, "per_cleo deny denied")...)
		d.request("req_declined", "sponsor_declined", map[string]string{"sponsor": "'per_ben'", "closed_at": at2, "reason": "'not mine'"}, life(create, submit, "per_ben decline sponsor_declined")...)
		d.request("req_rescinded", "rescinded", with("decided_by", "'per_dora'", "decided_at", at3, "closed_at", at3, "reason", "'over'", "conditions", "'only read'"),
			life(create, submit, endorse, "per_old approve approved", "per_dora rescind rescinded")...)
		d.request("req_byhand", "rescinded", with("closed_at", at3, "reason", "'over'"), life(create, submit, endorse, "per_cleo approve approved", "operator:root rescind rescinded")...)
		d.grant("grt_frozen", "req_fulfilled", "frozen", "thawed_by = 'per_cleo', frozen_by = 'per_dora'")
		d.grant("grt_ended", "req_approved", "revoked", "")
		d.found("fnd_new", "found", "NULL", "")
		d.found("fnd_first", "allowing", "'per_ana'", "allowed_by = 'per_cleo', allowed_at = "+at1+", review_at = "+at3+", reason = 'export'")
		d.found("fnd_both", "allowed", "'per_ana'", "allowed_by = 'per_cleo', confirmed_by = 'per_dora', allowed_at = "+at1+", review_at = "+at3+", reason = 'export'")
		d.found("fnd_own", "allowed", "'per_cleo'", "allowed_by = 'per_cleo', confirmed_by = 'per_dora', allowed_at = "+at1+", review_at = "+at3+", reason = 'export'")
		d.found("fnd_gone", "gone", "NULL", "")
		if err := d.s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := d.s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		ben := "0/0 sponsor ben yes 3 'I know it'"
		for id, want := range map[string]struct {
			state   access.RequestState
			version int
			votes   []string
			remark  string
		}{
			"req_draft":     {access.Draft, 1, nil, ""},
			"req_sponsor":   {access.AwaitingSponsor, 2, nil, "come back"},
			"req_review":    {access.InReview, 4, []string{ben}, ""},
			"req_held":      {access.InReview, 5, []string{ben, "0/1 reviewer cleo claim 4 ''"}, ""},
			"req_alone":     {access.InReview, 3, nil, ""},
			"req_approved":  {access.Approved, 4, []string{ben, "0/1 reviewer cleo yes 5 '' only read"}, ""},
			"req_fulfilled": {access.Fulfilled, 6, []string{ben, "0/1 reviewer cleo yes 5 '' only read"}, ""},
			"req_withdrawn": {access.Withdrawn, 5, []string{ben, "0/1 reviewer cleo yes 5 ''"}, ""},
			"req_denied":    {access.Denied, 4, []string{ben, "0/1 reviewer cleo no 5 'not so' other by file"}, ""},
			"req_declined":  {access.SponsorDeclined, 3, []string{"0/0 sponsor ben no 4 'not mine'"}, ""},
			"req_rescinded": {access.Rescinded, 5, []string{"0/1 reviewer cleo yes 2 '' only read", ben}, "over"},
			"req_byhand":    {access.Rescinded, 5, []string{"0/1 reviewer cleo yes 2 ''", ben}, "over"},
		} {
			in(t, d.s, func(tx *store.Tx) error {
				r, err := tx.Request("ten_a", id)
				if err != nil {
					return err
				}
				if got := votesIn(r.Votes); r.State != want.state || r.Version != want.version || r.Remark != want.remark || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want.votes) {
					t.Errorf("%s is %s at version %d, %q\ngot  %q\nwant %q", id, r.State, r.Version, r.Remark, got, want.votes)
				}
				if (r.Stage == 1) != (r.State == access.InReview) || r.Round != 0 {
					t.Errorf("%s is %s in stage %d, round %d", id, r.State, r.Stage, r.Round)
				}
				if by, _ := r.Decider(); id == "req_rescinded" && by != "per_dora" || id == "req_byhand" && by != "" {
					t.Errorf("%s was decided by %q", id, by)
				}
				return nil
			})
		}
		in(t, d.s, func(tx *store.Tx) error {
			g, err := tx.Grant("ten_a", "grt_frozen")
			if err != nil || g.FirstThaw().Person != "per_cleo" {
				t.Errorf("thawed by %+v, %v", g.Votes, err)
			}
			for id, want := range map[string]string{"fnd_new": "[]", "fnd_first": `["0/1 reviewer cleo yes 3 'export'"]`,
				"fnd_both": `["0/1 reviewer dora yes 2 ''" "0/1 reviewer cleo yes 3 'export'"]`, "fnd_own": `["0/1 reviewer dora yes 2 ''" "0/1 reviewer cleo yes 3 'export'"]`} {
				f, err := tx.Found("ten_a", id)
				if got := fmt.Sprintf("%q", votesIn(f.Votes)); err != nil || got != want {
					t.Errorf("%s: %s, want %s, %v", id, got, want, err)
				}
			}
			return nil
		})
		for q, want := range map[string]string{
			"SELECT id FROM requests WHERE open ORDER BY id":     "[req_alone req_approved req_held req_review req_sponsor]",
			"SELECT id FROM grants WHERE open ORDER BY id":       "[grt_frozen]",
			"SELECT id FROM found_tokens WHERE open ORDER BY id": "[fnd_both fnd_first fnd_new fnd_own]",
			"SELECT document FROM policies":                      "",
		} {
			got := fmt.Sprint(lastColumn(t, d.s, q))
			if want == "" {
				if !strings.Contains(strings.ReplaceAll(got, " ", ""), `"stages":[{`) || !strings.Contains(got, "reviewer") {
					t.Errorf("the policy reads %s", got)
				}
				continue
			}
			if got != want {
				t.Errorf("%s: %s, want %s", q, got, want)
			}
		}
		// The log verifies, and whoever replays it arrives at the rows.
		verify(t, d.s, "ten_a")
		var events []audit.Event
		migrated := 0
		for _, e := range log(t, d.s, "ten_a") {
			events = append(events, e.Event)
			if e.Event.Action == audit.RequestMigrate {
				migrated++
				if e.Event.Actor != access.SystemID || e.Event.From != "awaiting_review" || e.Event.To != "in_review" {
					t.Errorf("the log tells %+v", e.Event)
				}
			}
		}
		if migrated != 3 {
			t.Errorf("%d states were renamed", migrated)
		}
		places, err := audit.Replay(events)
		if err != nil {
			t.Fatal(err)
		}
		in(t, d.s, func(tx *store.Tx) error {
			rs, err := tx.Requests(store.RequestQuery{Tenant: "ten_a"})
			for _, r := range rs {
				if p := places[r.ID]; p.State != string(r.State) || p.Version != r.Version {
					t.Errorf("%s is %s at version %d; replayed %+v", r.ID, r.State, r.Version, p)
				}
			}
			return err
		})
		if !d.s.Postgres() {
			if got := fmt.Sprint(lastColumn(t, d.s, "PRAGMA integrity_check"), lastColumn(t, d.s, "PRAGMA foreign_key_check")); got != "[ok] []" {
				t.Errorf("the file is %s", got)
			}
			for _, text := range lastColumn(t, d.s, "SELECT sql FROM sqlite_schema WHERE name IN ('requests', 'grants', 'found_tokens') AND type = 'table'") {
				if strings.Contains(text, "state IN") || strings.Contains(text, "_by)") && strings.Contains(text, "decided") {
					t.Errorf("a table lists states: %s", text)
				}
			}
		}
	})
}

// votesIn tells votes as round/stage part person verdict day 'reason' and the rest.
func votesIn(vs access.Votes) (out []string) {
	for _, v := range vs {
		s := fmt.Sprintf("%d/%d %s %s %s %d '%s'", v.Round, v.Stage, v.Part, strings.TrimPrefix(string(v.Person), "per_"), v.Verdict, v.At.Day(), v.Reason)
		for _, more := range []string{v.Conditions, v.Alternative, v.AltText} {
			if more != "" {
				s += " " + more
			}
		}
		out = append(out, s)
	}
	return out
}

// No schema is changed under a program that may not run on what it becomes, and
// one that has ended holds nothing up.
func TestMigrateRefusesUnderOlderPrograms(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		clock := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
		d := newOld(t, url, store.Options{MaxConns: 4, Now: func() time.Time { return clock }})
		refused := func(what string, wants bool) {
			t.Helper()
			err := d.s.Migrate(t.Context())
			var e *store.OlderError
			if errors.As(err, &e) != wants || !wants && err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if wants && (e.Needs != store.ProgramVersion || !strings.Contains(err.Error(), "tokendesk migrate")) {
				t.Errorf("%s: %v", what, err)
			}
		}
		job := func(id, state, settled, leased string) {
			t.Helper()
			exec(t, d.s, `INSERT INTO jobs (id, kind, key, tenant, data, state, run_at, failures, claims, leased_by, leased_until, trouble, created_at, settled_at)
				VALUES ('`+id+`', 'tick', '`+id+`', '', '', '`+state+`', `+d.now+`, 0, 1, 'x', `+leased+`, '', `+d.now+`, `+settled+`)`)
		}
		job("job_1", "done", "'2026-05-06 07:07:40+00:00'", "NULL")
		refused("a program that settled a job half a minute ago", true)
		exec(t, d.s, "DELETE FROM jobs")
		job("job_2", "leased", "NULL", "'2026-05-06 07:09:00+00:00'")
		refused("a program that works on a job", true)
		clock = clock.Add(2 * time.Minute)
		refused("a program whose lease has ended", false)
		// From here on programs say that they run.
		if err := d.s.Here(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if err := d.s.MigrateTo(t.Context(), 15); err != nil {
			t.Fatal(err)
		}
		newer := store.NeededFor(t, d.s, 13)
		if newer != store.ProgramVersion {
			t.Errorf("the migrations need program %d", newer)
		}
		older := func() error { return d.s.RefuseOlder(t.Context(), 14) }
		exec(t, d.s, "UPDATE replicas SET program = program - 1")
		var e *store.OlderError
		if err := older(); !errors.As(err, &e) {
			t.Errorf("an older program runs: %v", err)
		}
		if err := d.s.Here(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if err := older(); err != nil {
			t.Errorf("this program runs: %v", err)
		}
		exec(t, d.s, "UPDATE replicas SET program = program - 1")
		clock = clock.Add(store.ReplicaGone)
		if err := older(); err != nil {
			t.Errorf("an older program ended without a word: %v", err)
		}
		exec(t, d.s, "DELETE FROM replicas")
		if err := d.s.Here(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		exec(t, d.s, "UPDATE replicas SET program = program - 1")
		if err := d.s.Left(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		if err := older(); err != nil {
			t.Errorf("an older program said that it ends: %v", err)
		}
	})
}
