package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// TestStoredNamesLoseWhatNobodySees: names and titles that were stored before
// they were cleaned on the way in are cleaned by the migration, all others stay.
func TestStoredNamesLoseWhatNobodySees(t *testing.T) {
	t.Parallel()
	bad := "\u202eMaya\t\u2066Ch\u200ben\u2069\x01\x7f\u0085\u2028\ufeff\U000e0041\ufffb"
	const want, good = "Maya Chen", "Zoë  O’Neil-\u200dग्रीन \u200eعلي\u200f"
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		if err := s.MigrateTo(t.Context(), 8); err != nil {
			t.Fatal(err)
		}
		now := "'2026-01-02T03:04:05.000000Z'"
		exec(t, s, `INSERT INTO tenants (id, name, platform_guid, canvas_account, school, learned_cap_days, last_number, version, created_at)
			VALUES ('ten_a', 'A', '', '', '{}', 0, 0, 1, `+now+`)`)
		for id, name := range map[string]string{"per_bad": bad, "per_good": good} {
			exec(t, s, `INSERT INTO people (id, tenant, canvas_user, name, short_name, search, locale, time_zone, email, created_at)
				VALUES ('`+id+`', 'ten_a', '', '`+name+`', '`+name+`', '`+name+`', '', '', '', `+now+`)`)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []string
		storetest.DumpURL(t, url, func(table, column, cell string) {
			if table == "people" && slices.Contains([]string{"name", "short_name", "search"}, column) {
				got = append(got, cell)
			}
		})
		slices.Sort(got)
		if !slices.Equal(got, []string{want, want, want, good, good, good}) {
			t.Errorf("%q", strings.Join(got, "|"))
		}
	})
}
