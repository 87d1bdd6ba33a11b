//go:build !race

package scaletest_test

import (
	"cmp"
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

// A planner tells what is wrong with how its database answers a statement, or "": that
// it reads all of a table, or touches more rows than most.
type planner interface {
	wrong(statement string, args []any, most int) string
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
		seen := map[string]bool{}
		look := func(name string, most, rows int, do func() error) {
			t.Helper()
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
				if w := p.wrong(st.SQL, args, cmp.Or(rows, scaletest.FewRows)); w != "" {
					t.Errorf("%s: %s\n%s\n%.300s", name, w, st.SQL, fmt.Sprint(args))
				}
			}
		}
		for _, page := range scaletest.Pages {
			path := s.Path(page)
			look(page.Who+" "+page.Path, page.Most, page.Rows, func() error {
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
		look("the tick", 60, scaletest.TickRows, job(desk.JobTick, jobs.Job{}))
		look("the hour's purge", 60, 0, job(desk.JobPurge, jobs.Job{}))
		survey := jobs.Job{Kind: "ground.survey", Tenant: string(s.Tenant), Key: "ground.survey:" + string(s.Tenant) + ":x", Data: []byte(`{"slot":7}`)}
		look("a batch of the survey", 450, 0, job(survey.Kind, survey))
		post := func(path string, fields url.Values) func() error {
			return func() error {
				status, body := s.Post(t.Context(), s.Handles["dana"], path, fields)
				if status != http.StatusOK {
					return fmt.Errorf("it is answered %d: %.300s", status, webtest.Text(body))
				}
				return nil
			}
		}
		look("export of 10 tokens", 40, 0, post("/tokens/export", url.Values{"status": {"frozen"}}))
		look("plan of a mass revocation", 60, scaletest.PlanRows, post("/revocations", url.Values{"do": {"matching"}, "vendor": {"acme study"}, "role": {"staff"}}))
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
