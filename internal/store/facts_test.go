package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// TestFactsLeaveTheDetails: what until now only the audit log told is filled from
// its events and from the details that remain; else it is not recorded.
func TestFactsLeaveTheDetails(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		if err := s.MigrateTo(t.Context(), 11); err != nil {
			t.Fatal(err)
		}
		now, blob := "'2026-01-02 03:04:05+00:00'", `x'00'`
		if strings.HasPrefix(url, "postgres") {
			blob = `'\x00'`
		}
		exec(t, s, `INSERT INTO tenants (id, name, platform_guid, canvas_account, school, learned_cap_days, last_number, version, created_at)
			VALUES ('ten_a', 'A', '', '', '{}', 0, 0, 1, `+now+`)`)
		for _, p := range []string{"a", "b", "c", "old"} {
			exec(t, s, `INSERT INTO people (id, tenant, canvas_user, name, short_name, search, locale, time_zone, email, created_at)
				VALUES ('per_`+p+`', 'ten_a', '', '`+p+`', '', '', '', '', '', `+now+`)`)
		}
		exec(t, s, `UPDATE people SET merged_into = 'per_c' WHERE id = 'per_old'`)
		seq := 0
		// happened adds an event; details "" are none, "-" were erased.
		happened := func(object, actor, action, to, details string) {
			seq++
			aud, sum := fmt.Sprintf("aud_%03d", seq), "NULL"
			if details != "" {
				sum = blob
			}
			exec(t, s, `INSERT INTO audit_events (tenant, seq, id, at, actor, action, object, from_state, to_state, version, related, detail_sum, prev, hash)
				VALUES ('ten_a', `+fmt.Sprint(seq)+`, '`+aud+`', `+now+`, '`+actor+`', '`+action+`', '`+object+`', '', '`+to+`', 0, '', `+sum+`, `+blob+`, `+blob+`)`)
			if details != "" && details != "-" {
				exec(t, s, `INSERT INTO audit_details (event_id, tenant, salt, data) VALUES ('`+aud+`', 'ten_a', `+blob+`, '`+details+`')`)
			}
		}
		n := 0
		object := func(id, gap, cause, state string, sponsor string) {
			n++
			exec(t, s, `INSERT INTO requests (id, tenant, number, version, state, requester, affiliation, course_id, course_name, course_code, answers, purpose, maker, ai, search,
				sponsor, sponsor_lost, policy_version, rules_version, end_cause, created_at, updated_at, sponsor_note, reason, alternative, alt_text, conditions, decided_by)
				VALUES ('req_`+id+`', 'ten_a', `+fmt.Sprint(n)+`, 1, 'fulfilled', 'per_a', '', '', '', '', '{}', '', '', '', '', `+sponsor+`, '', 1, '', '', `+now+`, `+now+`, '', '', '', '', '', 'per_c')`)
			exec(t, s, `INSERT INTO grants (id, tenant, request_id, version, state, owner, title, canvas_user, canvas_id, hint, attempt, wanted, created_at, updated_at, replaced, cause, trouble, tries, gap_until)
				VALUES ('grt_`+id+`', 'ten_a', 'req_`+id+`', 1, '`+state+`', 'per_a', '', '', '', '', 1, `+now+`, `+now+`, `+now+`, 0, '`+cause+`', '', 0, `+gap+`)`)
		}
		grants := map[string]struct {
			gap, cause, state, sponsor string
			events                     []string // actor action details
			want                       string   // sponsor_was gap_why turned_down
			end, sponsorship           string
		}{
			"ended":       {now, "", "active", "'per_b'", []string{`per_b grant.end_sponsorship {"quote":"moved"}`}, "per_b ended -", "", "moved"},
			"ended_gone":  {now, "", "active", "'per_b'", []string{"per_b grant.end_sponsorship -", "per_c grant.turn_down"}, "per_b ended per_c", "", access.Erased},
			"ended_mute":  {now, "", "active", "'per_b'", []string{"per_b grant.end_sponsorship"}, "per_b ended -", "", ""},
			"lost":        {now, "", "active", "'per_b'", []string{`system grant.lose_sponsor {"lost":"b"}`}, "per_b lost -", "", ""},
			"lost_gone":   {now, "", "active", "'per_b'", []string{"per_c grant.turn_down", "per_old grant.take_over", "system grant.lose_sponsor -"}, "per_c lost -", "", ""},
			"unknown":     {now, "", "active", "NULL", nil, "- not_recorded -", "", ""},
			"no_gap":      {"NULL", "", "active", "'per_b'", []string{"per_b grant.end_sponsorship -", "per_c grant.take_over"}, "- - -", "", access.Erased},
			"revoked":     {"NULL", "sponsor", "revoked", "'per_b'", []string{`per_b grant.revoke {"cause":"sponsor","quote":"over"}`}, "- - -", "over", ""},
			"revoked_own": {"NULL", "owner", "revoked", "'per_b'", []string{"per_a grant.revoke -"}, "- - -", "", ""},
			"revoked_not": {"NULL", "reviewer", "revoked", "'per_b'", []string{"per_c grant.revoke -"}, "- - -", access.Erased, ""},
			"mass":        {"NULL", "mass", "revoked", "'per_b'", []string{`per_c grant.revoke {"cause":"mass","quote":"breach"}`}, "- - -", "", ""},
		}
		for id, g := range grants {
			object(id, g.gap, g.cause, g.state, g.sponsor)
			for _, e := range g.events {
				part := append(strings.SplitN(e, " ", 3), "")
				happened("grt_"+id, part[0], part[1], "", part[2])
			}
		}
		returned := map[string]struct{ details, want string }{
			"quota": {`{"trouble":"adopt.quota"}`, "adopt.quota"}, "erased": {"-", "adopt.not_recorded"}, "lost": {`{"lost":"b"}`, ""}, "bare": {"", ""},
		}
		for id, q := range returned {
			object("ret_"+id, "NULL", "", "void", "NULL")
			exec(t, s, "UPDATE requests SET adopts = 'fnd_x' WHERE id = 'req_ret_"+id+"'")
			happened("req_ret_"+id, "system", "request.return", "awaiting_review", q.details)
		}
		incident := func(id, grant string) {
			exec(t, s, `INSERT INTO incidents (id, tenant, version, grant_id, owner, how, opened_at) VALUES ('inc_`+id+`', 'ten_a', 1, 'grt_`+grant+`', 'per_a', 'owner', `+now+`)`)
			happened("inc_"+id, "per_a", "incident.open", "open", "-")
		}
		incident("live", "revoked")
		happened("grt_revoked", "system", "grant.gone", "revoked", "-")
		happened("grt_revoked_own", "system", "grant.gone", "revoked", "-")
		incident("ended", "revoked_own")
		happened("inc_ended", "per_c", "incident.clear", "cleared", `{"note":"found"}`)
		happened("fnd_x", "per_c", "found.remove", "removing", `{"quote":"unused"}`)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		or := func(v string) string {
			if v == "" {
				return "-"
			}
			return v
		}
		in(t, s, func(tx *store.Tx) error {
			quote := func(object string, kind store.QuoteKind, want string) {
				if got, err := tx.Quote("ten_a", object, kind); err != nil || got != want {
					t.Errorf("%s says %q as %s, want %q, %v", object, got, kind, want, err)
				}
			}
			for id, want := range grants {
				g, err := tx.Grant("ten_a", "grt_"+id)
				if got := or(string(g.SponsorWas)) + " " + or(string(g.GapWhy)) + " " + or(string(g.TurnedDown)); err != nil || got != want.want {
					t.Errorf("%s: %s, want %s, %v", id, got, want.want, err)
				}
				quote("grt_"+id, store.QuoteEnd, want.end)
				quote("grt_"+id, store.QuoteSponsorship, want.sponsorship)
			}
			for id, want := range returned {
				if q, err := tx.Request("ten_a", "req_ret_"+id); err != nil || q.ReturnedWhy != want.want {
					t.Errorf("%s was sent back for %q, want %q, %v", id, q.ReturnedWhy, want.want, err)
				}
			}
			for id, want := range map[string]bool{"live": false, "ended": true} {
				if i, err := tx.Incident("ten_a", "inc_"+id); err != nil || i.AfterEnd != want {
					t.Errorf("the leak %s came after the end: %v, %v", id, i.AfterEnd, err)
				}
			}
			quote("inc_ended", store.QuoteNote, "found")
			quote("fnd_x", store.QuoteRemoval, "unused")
			return nil
		})
	})
}

// Erasing the details of an event erases what people wrote about its object, in
// every table, and of no other object or tenant.
func TestErasureEmptiesTheWords(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		a, b := waiting("req_a", 1), waiting("req_b", 2)
		a.Remark, b.Remark = "one", "four"
		a.Votes = access.Votes{endorsed(ben), {Stage: 1, Part: access.AsReviewer, Person: cleo, Verdict: access.No, At: at(3), AltText: "two", Conditions: "less"}}
		a.Votes[0].Reason = "three"
		b.Votes = access.Votes{endorsed(ben)}
		b.Votes[0].Reason = "five"
		create(t, s, a, b)
		read := func() (a, b access.Request, words []string) {
			in(t, s, func(tx *store.Tx) error {
				var err error
				if a, err = tx.Request(north, "req_a"); err != nil {
					return err
				}
				for _, x := range []struct {
					object string
					kind   store.QuoteKind
				}{{"req_a", store.QuoteEnd}, {"req_a", store.QuoteNote}, {"req_b", store.QuoteEnd}} {
					w, err := tx.Quote(north, x.object, x.kind)
					if err != nil {
						return err
					}
					words = append(words, w)
				}
				b, err = tx.Request(north, "req_b")
				return err
			})
			return a, b, words
		}
		in(t, s, func(tx *store.Tx) error {
			err := tx.KeepQuote(north, "req_a", store.QuoteEnd, "first")
			for _, w := range []struct{ object, words string }{{"req_a", "five"}, {"req_b", "six"}} {
				err = first(err, func() error { return tx.KeepQuote(north, w.object, store.QuoteEnd, w.words) })
			}
			return err
		})
		var id string
		for _, e := range log(t, s, north) {
			if e.Event.Object == "req_a" && e.Event.Action == audit.RequestCreate {
				id = e.Event.ID
			}
		}
		in(t, s, func(tx *store.Tx) error { return tx.EraseDetails(south, []string{id}) })
		if a, _, words := read(); a.Remark != "one" || a.Votes[0].Reason != "three" || fmt.Sprint(words) != "[five  six]" {
			t.Errorf("another tenant erased %+v, %q", a, words)
		}
		in(t, s, func(tx *store.Tx) error { return tx.EraseDetails(north, []string{id}) })
		a, b, words := read()
		no := a.Votes[1]
		if a.Remark != access.Erased || a.Votes[0].Reason != access.Erased || no.AltText != access.Erased || no.Conditions != access.Erased || no.Reason != "" {
			t.Errorf("after erasing: %q, %+v", a.Remark, a.Votes)
		}
		if b.Remark != "four" || b.Votes[0].Reason != "five" {
			t.Errorf("after erasing those of another: %q, %+v", b.Remark, b.Votes)
		}
		if got, want := fmt.Sprintf("%q", words), fmt.Sprintf("%q", []string{access.Erased, "", "six"}); got != want {
			t.Errorf("the quotes are %s, want %s", got, want)
		}
		in(t, s, func(tx *store.Tx) error { return tx.KeepQuote(north, "req_b", store.QuoteEnd, "") })
		if _, _, words := read(); words[2] != "" {
			t.Errorf("no words leave %q", words[2])
		}
	})
}
