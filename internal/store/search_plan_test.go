package store_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// vocabulary is where the texts of a large school come from: 512 words of six
// letters.
var vocabulary = func() string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range 512 * 6 {
		b.WriteByte("aaabcdeeeefghiiijklmnooopqrstuuvwxyz"[r.IntN(36)])
	}
	return b.String()
}()

// largeSchool adds n requests of n/5 people: one in a hundred is in review,
// nine are behind live tokens, the rest and their tokens have ended, and n/20 found tokens.
func largeSchool(t *testing.T, s *store.Store, n int) {
	t.Helper()
	seed(t, s)
	word := func(i string, k int) string {
		return fmt.Sprintf("substr('%s', 1 + 6 * ((%s * %d + %s / 512 + %d) %% 512), 6)", vocabulary, i, 2*k+1, i, k*37)
	}
	texts := make([]string, 12)
	for k := range texts {
		texts[k] = word("i", k)
	}
	numbers := func(n int) string {
		return fmt.Sprintf("WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < %d) ", n)
	}
	at := "'2026-01-01 00:00:00.000000+00:00'"
	person := "'per_x' || (1 + i % " + strconv.Itoa(n/5) + ")"
	for _, statement := range []string{
		numbers(n/5) + `INSERT INTO people (id, tenant, canvas_user, name, short_name, search, locale, time_zone, email, created_at)
			SELECT 'per_x' || i, 'ten_north', CAST(10000 + i AS text), '', '', ` + word("i", 1) + ` || ' ' || ` + word("i", 5) + ` || i, '', '', '', ` + at + ` FROM numbers`,
		numbers(n) + `INSERT INTO requests (id, tenant, number, version, state, open, requester, affiliation, course_id, course_name, course_code, answers, purpose, maker, ai,
				search, sponsor_lost, policy_version, rules_version, end_cause, created_at, updated_at, remark, vendor, review_due)
			SELECT 'req_x' || i, 'ten_north', 1000 + i, 1, CASE WHEN i % 100 = 0 THEN 'in_review' WHEN i % 100 < 90 THEN 'denied' ELSE 'fulfilled' END, i % 100 = 0, ` + person + `,
				'student', CAST(i % 97 AS text), '', '', '{"maker_name": "Vendor ' || (i % 13) || '"}', '', '', '', 'req-' || (1000 + i) || '
' || ` + strings.Join(texts, " || ' ' || ") + `, '', 1, '', '', ` + at + `, ` + at + `, '', 'vendor ' || (i % 13), ` + at + ` FROM numbers`,
		numbers(n) + `INSERT INTO grants (id, tenant, request_id, version, state, open, owner, title, canvas_user, canvas_id, hint, attempt, created_at, updated_at, replaced, cause, trouble, tries, wanted, expires)
			SELECT 'grt_x' || i, 'ten_north', 'req_x' || i, 1, CASE WHEN i % 100 > 90 THEN 'active' ELSE 'revoked' END, i % 100 > 90, ` + person + `, '', '1', CAST(i AS text), '', 1, ` + at + `, ` + at + `, 0, '', '', 0, ` + at + `, ` + at + `
			FROM numbers WHERE i % 100 > 0`,
		numbers(n/20) + `INSERT INTO found_tokens (id, tenant, version, state, open, canvas_user, canvas_id, owner_name, account_role, hint, purpose, marker, search, found_at, seen_at, updated_at, tries, trouble, made_at)
			SELECT 'fnd_x' || i, 'ten_north', 1, CASE WHEN i % 10 = 0 THEN 'found' ELSE 'gone' END, i % 10 = 0, '1', CAST(i AS text), '', FALSE, '', '', '', ` + word("i", 3) + ` || ' ' || ` + word("i", 4) + `, ` + at + `, ` + at + `, ` + at + `, 0, '', ` + at + ` FROM numbers`,
	} {
		exec(t, s, statement)
		if s.Postgres() {
			statement = "VACUUM " // what waits to be put into an index costs each search
		} else {
			statement = ""
		}
		exec(t, s, statement+"ANALYZE") //nolint:misspell // SQL's own word
	}
}

// searches are the statements that take something that somebody typed or chose.
func searches(tx *store.Tx, typed string) map[string]func() error {
	return map[string]func() error{
		"the queue": func() error {
			_, err := tx.Requests(store.RequestQuery{Tenant: north, States: []access.RequestState{access.InReview}, Search: typed, Order: store.ReviewDue, Limit: 26})
			return err
		},
		"requests that ended": func() error {
			_, err := tx.Requests(store.RequestQuery{Tenant: north, States: []access.RequestState{access.Denied}, Search: typed, Order: store.ReviewDue, Limit: 26})
			return err
		},
		"how many requests": func() error {
			_, err := tx.CountRequestsTo(store.RequestQuery{Tenant: north, States: []access.RequestState{access.InReview}, Search: typed}, 1000)
			return err
		},
		"the tokens": func() error {
			_, err := tx.Grants(store.GrantQuery{Tenant: north, States: live, Search: typed, Order: store.Ends, Limit: 26})
			return err
		},
		"how many tokens": func() error {
			_, err := tx.CountGrantsTo(store.GrantQuery{Tenant: north, States: live, Search: typed}, 1000)
			return err
		},
		"a sponsor's tokens": func() error {
			_, err := tx.CountGrantsTo(store.GrantQuery{Tenant: north, States: live, SponsorText: typed}, 1000)
			return err
		},
		"a company's tokens": func() error {
			_, err := tx.CountGrants(store.MassQuery(north, access.MassFilter{Vendor: typed}, base))
			return err
		},
		"a course's tokens": func() error {
			_, err := tx.CountGrantsTo(store.GrantQuery{Tenant: north, States: live, Course: "17"}, 1000)
			return err
		},
		"a company's tokens by its name": func() error {
			_, err := tx.CountGrantsTo(store.GrantQuery{Tenant: north, States: live, Company: "vendor 5"}, 1000)
			return err
		},
		"found tokens": func() error {
			_, err := tx.FoundTokens(store.FoundQuery{Tenant: north, States: []access.FoundState{access.FoundNew}, Search: typed, Limit: 26})
			return err
		},
		"how many found tokens": func() error {
			_, err := tx.CountFoundTo(store.FoundQuery{Tenant: north, States: []access.FoundState{access.FoundNew}, Search: typed}, 1000)
			return err
		},
		"offers": func() error {
			_, err := tx.Offers(north)
			return err
		},
	}
}

var live = slices.DeleteFunc(slices.Clone(access.GrantStates), func(s access.GrantState) bool { return !s.Live() })

// What somebody types or chooses is found by indexes: no statement of a search reads
// a whole table, and each kind of text leads by the index made for it.
func TestSearchesUseIndexes(t *testing.T) {
	t.Parallel()
	storetest.EachHeard(t, func(t *testing.T, s *store.Store, heard *storetest.Statements) {
		largeSchool(t, s, 2000)
		explain := "EXPLAIN QUERY PLAN "
		if s.Postgres() {
			explain = "EXPLAIN "
			s.Raw().SetMaxOpenConns(1)
			exec(t, s, "SET enable_seqscan = off") // tables of this size are read whole otherwise
		}
		rare, anywhere, beginning := vocabulary[66:70]+"zz", "_search", "_search_start"
		if s.Postgres() {
			anywhere = "_search_trigrams"
		}
		for name := range searches(nil, "") {
			for typed, index := range map[string]string{rare: anywhere, "q": beginning, "12": beginning} {
				if typed == rare && strings.Contains(name, "found tokens") && !s.Postgres() {
					index = "found_tokens_rank" // those that are open
				}
				var err error
				said := heard.During(func() {
					err = s.Read(t.Context(), func(tx *store.Tx) error { return searches(tx, typed)[name]() })
				})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for _, st := range said {
					if strings.Contains(st.SQL, "pg_index") {
						continue // whether there are trigrams
					}
					plan := lastColumn(t, s, explain+st.SQL, st.Args...)
					all := strings.Join(plan, "\n")
					if whole := regexp.MustCompile(`Seq Scan|(?m)^SCAN (t|r|g|requests|people|grants|found_tokens)\b`).FindString(all); whole != "" || len(plan) == 0 {
						t.Errorf("%s by %q reads a whole table (%s):\n%s\n%s", name, typed, whole, st.SQL, all)
					}
					// PostgreSQL may look through what waits or lives instead, if that is little.
					led := name == "requests that ended" || (!s.Postgres() && !strings.Contains(name, "company"))
					if led && strings.Contains(st.SQL, "LIKE") && !strings.Contains(all, index) {
						t.Errorf("%s by %q is not led by %s:\n%s\n%s", name, typed, index, st.SQL, all)
					}
				}
			}
		}
	})
}

// The filters offer what live tokens have, and say whether that is all.
func TestOffers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		largeSchool(t, s, 1000)
		offers := func() (o store.Offers) {
			t.Helper()
			err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
				o, err = tx.Offers(north)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		exec(t, s, "UPDATE requests SET course_id = '7', course_code = 'BIO', vendor = '' WHERE id <> 'req_x93' AND id <> 'req_x94'")
		exec(t, s, "UPDATE requests SET course_id = '8', course_code = '', vendor = 'never' WHERE id = 'req_x95' OR id = 'req_x1'")
		exec(t, s, "UPDATE grants SET open = FALSE, state = 'revoked' WHERE id = 'grt_x95' OR id = 'grt_x1'")
		o := offers()
		want := store.Offers{All: true, Courses: []access.Course{{ID: "93"}, {ID: "94"}, {ID: "7", Code: "BIO"}}, Companies: []string{"Vendor 2", "Vendor 3"}}
		if !reflect.DeepEqual(o, want) {
			t.Errorf("offers %+v, want %+v", o, want)
		}
		exec(t, s, "UPDATE requests SET course_id = id")
		exec(t, s, "UPDATE grants SET open = TRUE, state = 'active'")
		if o = offers(); o.All || len(o.Courses) != 100 {
			t.Errorf("of a thousand tokens: %v, %d courses", o.All, len(o.Courses))
		}
		exec(t, s, "UPDATE requests SET course_id = '', vendor = ''")
		if o = offers(); o.All || len(o.Courses)+len(o.Companies) != 0 {
			t.Errorf("a thousand tokens of nothing: %v, %v, %v", o.All, o.Courses, o.Companies)
		}
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			o, err := tx.Offers(south)
			if len(o.Courses)+len(o.Companies) > 0 || !o.All {
				t.Errorf("another tenant's offers: %+v", o)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
