package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// TestTheDayThatWasToldIsKept: until the day by which a course ends a token had a
// column, the audit log had it. What was told to people then still holds.
func TestTheDayThatWasToldIsKept(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		if err := s.MigrateTo(t.Context(), 9); err != nil {
			t.Fatal(err)
		}
		now, blob := "'2026-01-02 03:04:05+00:00'", `x'00'`
		if strings.HasPrefix(url, "postgres") {
			blob = `'\x00'`
		}
		exec(t, s, `INSERT INTO tenants (id, name, platform_guid, canvas_account, school, learned_cap_days, last_number, version, created_at)
			VALUES ('ten_a', 'A', '', '', '{}', 0, 0, 1, `+now+`)`)
		exec(t, s, `INSERT INTO people (id, tenant, canvas_user, name, short_name, search, locale, time_zone, email, created_at)
			VALUES ('per_a', 'ten_a', '', 'A', 'A', 'a', '', '', '', `+now+`)`)
		exec(t, s, `INSERT INTO people (id, tenant, canvas_user, name, short_name, search, locale, time_zone, email, created_at)
			VALUES ('per_b', 'ten_a', '', 'B', 'B', 'b', '', '', '', `+now+`)`)
		seq := 0
		for id, tt := range map[string]struct{ state, details string }{
			"over":    {"active", `{"course":"over","stops":"2026-02-03T04:05:06Z"}`},
			"goes_on": {"active", `{"course":"over","stops":"2026-02-03T04:05:06Z"} {"course":"goes on"} {"drift":"extended"}`},
			"again":   {"frozen", `{"course":"over","stops":"2026-01-03T04:05:06Z"} {"course":"goes on"} {"course":"over","stops":"2026-02-03T04:05:06Z"} {"seen":"x"}`},
			"ended":   {"revoked", `{"course":"over","stops":"2026-02-03T04:05:06Z"}`},
			"never":   {"active", `{"seen":"x"}`},
		} {
			exec(t, s, `INSERT INTO requests (id, tenant, number, version, state, requester, affiliation, course_id, course_name, course_code, answers, purpose, maker, ai, search,
				sponsor_lost, policy_version, rules_version, end_cause, created_at, updated_at, sponsor_note, reason, alternative, alt_text, conditions, decided_by)
				VALUES ('req_`+id+`', 'ten_a', `+fmt.Sprint(seq+1)+`, 1, 'fulfilled', 'per_a', '', '', '', '', '{}', '', '', '', '', '', 1, '', '', `+now+`, `+now+`, '', '', '', '', '', 'per_b')`)
			exec(t, s, `INSERT INTO grants (id, tenant, request_id, version, state, owner, title, canvas_user, canvas_id, hint, attempt, wanted, created_at, updated_at, replaced, cause, trouble, tries)
				VALUES ('grt_`+id+`', 'ten_a', 'req_`+id+`', 1, '`+tt.state+`', 'per_a', '', '', '', '', 1, '2026-05-01 00:00:00+00:00', `+now+`, `+now+`, 0, '', '', 0)`)
			for d := range strings.SplitAfterSeq(tt.details, "} ") {
				seq++
				aud := fmt.Sprintf("aud_%03d", seq)
				exec(t, s, `INSERT INTO audit_events (tenant, seq, id, at, actor, action, object, from_state, to_state, version, related, prev, hash)
					VALUES ('ten_a', `+fmt.Sprint(seq)+`, '`+aud+`', `+now+`, 'system', 'grant.observed', 'grt_`+id+`', '', '', 0, '', `+blob+`, `+blob+`)`)
				exec(t, s, `INSERT INTO audit_details (event_id, tenant, salt, data) VALUES ('`+aud+`', 'ten_a', `+blob+`, '`+d+`')`)
			}
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		told, own := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
		for id, want := range map[string]time.Time{"over": told, "again": told, "goes_on": own, "ended": own, "never": own} {
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				g, err := tx.Grant("ten_a", "grt_"+id)
				if why := g.EndsWhyNow(); err == nil && (!g.EndsAt().Equal(want) || (why == access.ByCourse) != want.Equal(told)) {
					t.Errorf("%s ends at %s for %q, want %s", id, g.EndsAt(), why, want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}
