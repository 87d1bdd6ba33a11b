//go:build !race

package scaletest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/scaletest"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/store/storetest/bulk"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// guarded are the tables that grow with every year. A statement that reads one of
// them from its beginning to its end costs more every day.
var guarded = []string{"requests", "grants", "people", "person_subs", "found_tokens", "votes", "audit_events", "audit_details", "incidents", "notices", "quotes", "mass_items"}

// small are those of them that are read as a whole sooner than by an index at the
// size of this test, with nothing wrong about it. What counts is whether an index is there.
var small = []string{"incidents", "mass_items", "quotes"}

// unfinished are the pages and timers that have statements which read more than they
// need. What they read does not grow with what has ended but with what lives or with
// what a search finds, unless the reason says otherwise. An entry goes when its
// statements are mended; none comes.
var unfinished = map[string]string{
	"dana /queue?status=fulfilled&q=%CF%80%CE%B1%CF%80%CE%B1%CE%B4": "all that is found, ended or not, is looked at",
	"dana /queue?status=fulfilled&q=ma":                             "all that is found, ended or not, is looked at",
	"dana /queue?q=statistics":                                      "SQLite looks at all that is found, ended or not",
	"dana /tokens?status=revoked&role=faculty":                      "all revoked tokens are asked for their role",
	"dana /tokens?role=student&ai=yes":                              "all live tokens are asked",
	"dana /tokens?sponsor=garc":                                     "all people are looked through",
	"dana /tokens?idle_days=60":                                     "all live tokens are asked",
	"dana /tokens?q=%CF%80%CE%B1%CF%80%CE%B1%CE%B4":                 "all that is found is looked at",
	"dana /tokens?status=ended&q=acme":                              "all that is found, ended or not, is looked at",
	"dana /tokens?q=ma":                                             "all that is found is looked at",
	"dana /leaks":                                                   "SQLite counts all leaks that were cleared",
	"dana /revocations":                                             "the items of the shown revocations are counted",
	"the tick":                                                      "reminders of what ends within 30 days are looked at, sorted by PostgreSQL",
	"plan of a mass revocation":                                     "all that is found, ended or not, is looked at",
}

// A planner tells what is wrong with how its database answers a statement, or "".
type planner interface {
	wrong(statement string, args []any) string
}

// No page and no timer reads a table from end to end, however much of it is
// history, and none says more statements because there are more rows. Every page
// is opened as it is, and what it asked is asked again with the database
// telling how it finds the answer.
func TestNoPageReadsWhatHasEnded(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, db string) {
		t.Parallel()
		heard := &storetest.Statements{}
		s := scaletest.Open(t, webtest.NewHeard(t, db, heard.Hear), bulk.Of(100_000))
		var p planner
		if strings.HasPrefix(db, "sqlite:") {
			p = newLitePlanner(t, strings.TrimPrefix(db, "sqlite:"))
		} else {
			p = newPgPlanner(t, db)
		}
		seen, looked := map[string]bool{}, map[string]bool{}
		look := func(name string, most int, do func() error) {
			t.Helper()
			looked[name] = true
			var err error
			statements := heard.During(func() { err = do() })
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			if len(statements) > most {
				t.Errorf("%s says %d statements, more than %d:\n%s", name, len(statements), most, often(statements))
			}
			for _, st := range statements {
				args := slices.DeleteFunc(slices.Clone(st.Args), func(a any) bool { return reflect.ValueOf(a).Kind() == reflect.Map }) // how pgx is to answer
				key := fmt.Sprint(st.SQL, args)
				if seen[key] {
					continue // what stands on every page is read once
				}
				seen[key] = true
				if w := p.wrong(st.SQL, args); w != "" && unfinished[name] != "" {
					t.Logf("%s: %s: %s", name, w, unfinished[name])
				} else if w != "" {
					t.Errorf("%s: %s\n%s\n%.300s", name, w, st.SQL, fmt.Sprint(args))
				}
			}
		}
		for _, page := range scaletest.Pages {
			path := s.Path(page)
			look(page.Who+" "+page.Path, page.Most, func() error {
				status, body := s.Get(t.Context(), s.Handles[page.Who], path)
				if status != http.StatusOK && status != http.StatusNoContent && status != 286 { // htmx's own: asks no more
					return fmt.Errorf("it is answered %d: %.300s", status, webtest.Text(body))
				}
				return nil
			})
		}
		work := s.Rig.App.Desk.Handlers()
		job := func(kind string, j jobs.Job) func() error {
			return func() error { return work[kind].Do(t.Context(), j) }
		}
		if err := job(desk.JobTick, jobs.Job{})(); err != nil { // writes the reminders of the day
			t.Fatal(err)
		}
		look("the tick", 60, job(desk.JobTick, jobs.Job{}))
		look("the hour's purge", 60, job(desk.JobPurge, jobs.Job{}))
		survey := jobs.Job{Kind: "ground.survey", Tenant: string(s.Tenant), Key: "ground.survey:" + string(s.Tenant) + ":x", Data: []byte(`{"slot":7}`)}
		look("a batch of the survey", 450, job(survey.Kind, survey))
		post := func(path string, fields url.Values) func() error {
			return func() error {
				status, body := s.Post(t.Context(), s.Handles["dana"], path, fields)
				if status != http.StatusOK {
					return fmt.Errorf("it is answered %d: %.300s", status, webtest.Text(body))
				}
				return nil
			}
		}
		look("export of 10 tokens", 40, post("/tokens/export", url.Values{"status": {"frozen"}}))
		look("plan of a mass revocation", 60, post("/revocations", url.Values{"do": {"matching"}, "vendor": {"acme study"}, "role": {"staff"}}))
		for name := range unfinished {
			if !looked[name] {
				t.Errorf("%q is unfinished, and nothing of that name is looked at", name)
			}
		}
	})
}

// often are the statements with how often each was said.
func often(all []storetest.Statement) string {
	n := map[string]int{}
	var order []string
	for _, st := range all {
		if n[st.SQL]++; n[st.SQL] == 1 {
			order = append(order, st.SQL)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return n[b] - n[a] })
	var b strings.Builder
	for _, q := range order[:min(len(order), 6)] {
		fmt.Fprintf(&b, "%4d times %.160s\n", n[q], q)
	}
	return b.String()
}

var aliases = regexp.MustCompile("(?i)(?:FROM|JOIN)\\s+[\"`]?(\\w+)[\"`]?\\s+(?:AS\\s+)?[\"`]?(\\w+)[\"`]?")

// tableOf is the table that a plan means by a name: the name itself, or what a
// statement names so.
func tableOf(statement, name string) string {
	for _, m := range aliases.FindAllStringSubmatch(statement, -1) {
		if strings.EqualFold(m[2], name) {
			return m[1]
		}
	}
	return name
}
