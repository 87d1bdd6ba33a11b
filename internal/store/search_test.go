package store_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/text"
)

// names of people, and texts of requests, as several scripts write them.
var names = []string{"Μαρία Παπαδοπούλου", "Νίκος Παπαδάκης", "محمد الأمين", "أمينة الزهراء", "José Ångström", "Li Wei", "王小芳", "Ольга Иванова",
	"O'Neil \"Sam\" 100%", `back\slash_`, "Çağla Şimşek", "A C++ Person", "הדר כהן", "अनिता शर्मा", "e-mail: x@y.zz", "Ａｎｎａ", "👩‍🔬 Ada", "Abcd Bcda"}

// searchWorld has one person of each name with a request in review whose number is
// one more than theirs, and two more whose own text is the first two names.
func searchWorld(t *testing.T, s *store.Store) {
	t.Helper()
	seed(t, s)
	in(t, s, func(tx *store.Tx) error {
		for i, name := range names {
			id := access.PersonID(fmt.Sprintf("per_%02d", i))
			if err := tx.SavePerson(store.Person{ID: id, Tenant: north, CanvasUser: fmt.Sprint(500 + i), Name: text.Line(name), CreatedAt: base}); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range names {
		r := waiting(fmt.Sprintf("req_%02d", i), i+1)
		r.Requester = access.PersonID(fmt.Sprintf("per_%02d", i))
		create(t, s, r)
	}
	for i, name := range names[:2] {
		r := waiting(fmt.Sprintf("req_9%d", i), 900+i)
		r.Answers.Set("build", text.Line("for "+name))
		create(t, s, r)
	}
}

// finding are the ids, without their kind, of the requests that a search finds.
func finding(t *testing.T, s *store.Store, search string) []string {
	t.Helper()
	return findingOf(t, s, north, search)
}

func findingOf(t *testing.T, s *store.Store, tenant access.TenantID, search string) (ids []string) {
	t.Helper()
	err := s.Read(t.Context(), func(tx *store.Tx) error {
		rs, err := tx.Requests(store.RequestQuery{Tenant: tenant, Search: search, Limit: 100})
		for _, r := range rs {
			ids = append(ids, r.ID[4:])
		}
		return err
	})
	if err != nil {
		t.Fatalf("%q: %v", search, err)
	}
	slices.Sort(ids)
	return ids
}

// Every three to five characters of a name find exactly the names and texts that
// have them, in every script and in a database of any locale.
func TestSearchFindsTheMiddleOfEveryScript(t *testing.T) {
	t.Parallel()
	storetest.EachLocale(t, func(t *testing.T, s *store.Store) {
		if how, err := s.Search(t.Context()); err != nil || !how.Anywhere {
			t.Fatalf("%+v, %v", how, err)
		}
		searchWorld(t, s)
		for _, name := range names {
			runes := []rune(strings.ToLower(text.Line(name)))
			for n := 3; n <= 5; n++ {
				for i := 0; i+n <= len(runes); i++ {
					part := string(runes[i : i+n])
					if strings.TrimSpace(part) != part {
						continue
					}
					var want []string
					for j, other := range names {
						if !strings.Contains(strings.ToLower(text.Line(other)), part) {
							continue
						}
						want = append(want, fmt.Sprintf("%02d", j))
						if j < 2 {
							want = append(want, fmt.Sprintf("9%d", j))
						}
					}
					slices.Sort(want)
					if got := finding(t, s, part); !slices.Equal(got, want) {
						t.Errorf("%q finds %v, want %v", part, got, want)
					}
				}
			}
		}
	})
}

func TestSearchOfWhatPeopleType(t *testing.T) {
	t.Parallel()
	storetest.EachLocale(t, func(t *testing.T, s *store.Store) {
		searchWorld(t, s)
		for typed, want := range map[string]string{
			"ΔΟΠΟΎΛΟΥ": "00 90", "ångstrÖM": "04", " c++ ": "11", `"sam"`: "08", "100%": "08", "10%0": "", "k_s": "", "slash_": "09", `k\s`: "09",
			"ΠΑΠΑΔ": "00 01 90 91", "الأمين": "02", "ИВАН": "07", "שלום": "", "anna": "",
			text.Line("A\u030Angstro\u0308m"): "04", // as a keyboard may send it: composed like every text
			// Fewer than three characters: a number, or how a name begins.
			"li": "05", "L": "05", "we": "", "12": "11", "1": "00", "99": "", "00": "", "王": "06", "王小": "06", "小芳": "", "Μα": "00", "ج": "", "مح": "02",
			"+1": "", "-1": "", "a ": "11 17 90 91", "%": "", "_": "", `\`: "", `"`: "", "👩": "16",
			"o*n": "", "ojn": "", "abcda": "", // the same trigrams, another text
			"REQ-0012": "11", "req-09": "90 91",
		} {
			if got := strings.Join(finding(t, s, typed), " "); got != want {
				t.Errorf("%q finds %q, want %q", typed, got, want)
			}
		}
		long := strings.Repeat("x", 199)
		if got := finding(t, s, long); got != nil {
			t.Errorf("a long text finds %v", got)
		}
		if got := findingOf(t, s, south, "παπ"); got != nil {
			t.Errorf("another tenant's: %v", got)
		}
	})
}

// What a text no longer says is found no more, and on SQLite, whose index is a
// table of its own, it is in none of its pages. No order of writing and no VACUUM
// makes the index differ from the texts.
func TestSearchForgetsWhatIsErased(t *testing.T) {
	t.Parallel()
	storetest.EachLocale(t, func(t *testing.T, s *store.Store) {
		searchWorld(t, s)
		rename := func(name string) {
			t.Helper()
			in(t, s, func(tx *store.Tx) error {
				return tx.SavePerson(store.Person{ID: "per_03", Tenant: north, CanvasUser: "503", Name: name, CreatedAt: base})
			})
		}
		rename("Ξψζ ξζψ")
		r := waiting("req_80", 80)
		r.Answers.Set("build", "ψψζ ξξψ")
		create(t, s, r)
		moved := approve(r)
		in(t, s, func(tx *store.Tx) error { return tx.MoveRequest(moved, approved(r), nil) })
		if got := strings.Join(append(finding(t, s, "ξψζ"), finding(t, s, "ψψζ")...), " "); got != "03 80" {
			t.Errorf("the new texts find %q", got)
		}
		rename("removed")
		again := moved
		again.Version, again.State, again.UpdatedAt = moved.Version+1, access.Rescinded, at(9)
		again.Answers = access.Answers{}
		again.Answers.Set("build", "removed")
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveRequest(again, told(audit.RequestRescind, again.ID, string(access.Approved), string(access.Rescinded), again.Version), nil)
		})
		if got := append(finding(t, s, "ξψζ"), finding(t, s, "ψψζ")...); got != nil {
			t.Errorf("what was erased finds %v", got)
		}
		if got := strings.Join(finding(t, s, "REMOVED"), " "); got != "03 80" {
			t.Errorf("what stands there now finds %q", got)
		}
		if s.Postgres() {
			return
		}
		for range 2 {
			for _, table := range []string{"people", "requests", "found_tokens"} {
				exec(t, s, fmt.Sprintf("INSERT INTO %[1]s_search (%[1]s_search, rank) VALUES ('integrity-check', 1)", table))
			}
			exec(t, s, "DELETE FROM people WHERE id = 'per_ben'")
			exec(t, s, "VACUUM")
		}
		exec(t, s, "PRAGMA wal_checkpoint(TRUNCATE)")
		file, err := os.ReadFile(lastColumn(t, s, "PRAGMA database_list")[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, gram := range []string{"ξψζ", "ψζ ", "ψψζ", "ξξψ"} {
			if bytes.Contains(file, []byte(gram)) {
				t.Errorf("the file still has %q", gram)
			}
		}
		if !bytes.Contains(file, []byte("removed")) || !bytes.Contains(file, []byte("δοπ")) {
			t.Error("the file has none of what stands in it")
		}
	})
}

// In a database that has no trigrams, and whose user may not make any, searching
// works as far as it can, the database's owner is told the one line, and what they
// then do is used by the next migration, and by other processes within a minute.
func TestSearchWithoutTrigrams(t *testing.T) {
	t.Parallel()
	url, owner := storetest.Limited(t)
	s := openURL(t, url)
	for range 2 {
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	how := func() store.Search {
		t.Helper()
		how, err := s.Search(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return how
	}
	first := how()
	if first.Anywhere || first.Extension || !strings.Contains(first.Advice(), "CREATE EXTENSION pg_trgm;") || !strings.Contains(first.Advice(), first.Database) {
		t.Errorf("%+v: %s", first, first.Advice())
	}
	searchWorld(t, s)
	clock := base
	beside, err := store.Open(t.Context(), url, store.Options{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	finds := func(s *store.Store, wants map[string]string) {
		t.Helper()
		for typed, want := range wants {
			if got := strings.Join(finding(t, s, typed), " "); got != want {
				t.Errorf("%q finds %q, want %q", typed, got, want)
			}
		}
	}
	poor := map[string]string{"Μαρία ΠΑΠ": "00", "παπ": "", "REQ-0012": "11", "901": "91", "12": "11", "li w": "05", "100%": "", "\\": "", "for": ""}
	finds(s, poor)
	finds(beside, poor)

	owner("CREATE EXTENSION pg_trgm")
	if now := how(); now.Anywhere || !now.Extension || !strings.Contains(now.Advice(), "tokendesk migrate") || strings.Contains(now.Advice(), "CREATE") {
		t.Errorf("%+v: %s", now, now.Advice())
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := how(); !now.Anywhere || now.Advice() != "" {
		t.Errorf("%+v: %s", now, now.Advice())
	}
	rich := map[string]string{"παπ": "00 01 90 91", "100%": "08", "12": "11"}
	finds(s, rich)
	finds(beside, poor) // it believes what it read a moment ago
	clock = clock.Add(time.Minute)
	finds(beside, rich)

	// One that a killed run left.
	owner("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'requests_search_trigrams'::regclass", "DROP INDEX people_search_trigrams")
	if how().Anywhere {
		t.Error("an invalid index counts")
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !how().Anywhere {
		t.Error("an invalid index stayed")
	}
	finds(s, rich)
}
