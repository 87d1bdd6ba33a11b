package launchtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/migrations"
)

// oldSchema is the old program's newest migration.
const oldSchema = 4

// A database that an older program made, with every kind of row, is upgraded: no
// row is lost, the log verifies and gives the states of the rows, the
// same people find the same pages, and what was queued is done as that program
// would have done it.
func TestOldDatabase(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, dsn string) {
		t.Parallel()
		state := readOldState(t)
		s := oldSchool(t, dsn, state)
		serve, cfg := s.address()
		s.migrateToOld()
		s.loadOld(s.db)
		s.oldComplete()
		old := s.oldCounts()

		at := state.End
		closed, err := app.Open(t.Context(), cfg, app.Options{Now: func() time.Time { return at }, Log: s.log()})
		if err != nil {
			t.Fatal(err)
		}
		var older *store.OlderError
		if err := closed.Migrate(t.Context()); !errors.As(err, &older) {
			t.Errorf("upgraded while an old program holds a job: %v", err)
		}
		at = state.upgraded()
		if err := closed.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.sameRows(old)
		s.auditProven(closed, old)
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}

		a, err := app.New(t.Context(), cfg, app.Options{Now: s.clock.Now, Sleep: s.clock.Sleep, Log: s.log()})
		if err != nil {
			t.Fatal(err)
		}
		serve(a)
		s.restore(state)
		s.samePages(s.oldRecord(state, func() {
			// Nobody reads hundreds of pages at one moment, as happens here: what
			// one person may ask Canvas at once is not the subject.
			if _, err := s.db.ExecContext(t.Context(), "DELETE FROM paces WHERE kind = 'check'"); err != nil {
				t.Fatal(err)
			}
		}))
		s.auditProven(a, nil)
	})
}

// migrateToOld brings an empty database to the old program's schema.
func (d *desk) migrateToOld() {
	d.t.Helper()
	dialect, folder := goose.DialectPostgres, "postgres"
	if strings.HasPrefix(d.dsn, "sqlite:") {
		dialect, folder = goose.DialectSQLite3, "sqlite"
	}
	files, err := fs.Sub(migrations.FS, folder)
	if err != nil {
		d.t.Fatal(err)
	}
	p, err := goose.NewProvider(dialect, d.db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := p.UpTo(d.t.Context(), oldSchema); err != nil {
		d.t.Fatal(err)
	}
}

// oldVotes are the words of people in the old schema that are votes now, each with
// what selects it here.
var oldVotes = map[string]string{
	"requests WHERE endorsed_by IS NOT NULL":                              "votes WHERE part = 'sponsor' AND verdict = 'yes'",
	"requests WHERE state = 'sponsor_declined'":                           "votes WHERE part = 'sponsor' AND verdict = 'no'",
	"requests WHERE state = 'awaiting_review' AND claimed_by IS NOT NULL": "votes WHERE part = 'reviewer' AND verdict = 'claim'",
	"requests WHERE state = 'denied'":                                     "votes WHERE part = 'reviewer' AND verdict = 'no'",
	"requests WHERE decided_by IS NOT NULL AND state <> 'denied'":         "votes WHERE part = 'reviewer' AND verdict = 'yes' AND object LIKE 'req%'",
	"grants WHERE thawed_by IS NOT NULL":                                  "votes WHERE object LIKE 'grt%'",
	"found_tokens WHERE allowed_by IS NOT NULL AND confirmed_by IS NULL":  "votes WHERE object IN (SELECT id FROM found_tokens WHERE state = 'allowing')",
	"(SELECT 1 AS voice FROM found_tokens WHERE allowed_by IS NOT NULL UNION ALL SELECT 2 FROM found_tokens WHERE confirmed_by IS NOT NULL) AS voices": "votes WHERE object LIKE 'fnd%'",
}

// oldCounts are how many rows each table has, and how many of each vote.
func (d *desk) oldCounts() map[string]int {
	d.t.Helper()
	out := map[string]int{}
	for line := range strings.Lines(oldData(d.t)) {
		var head struct {
			Table string `json:"table"`
		}
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &head) == nil {
			out[head.Table] = d.count(head.Table)
		}
	}
	for q := range oldVotes {
		out[q] = d.count(q)
	}
	for name, n := range out {
		if n == 0 {
			d.t.Errorf("the old database has no %s", name)
		}
	}
	out["in review"] = d.count("requests WHERE state = 'awaiting_review'")
	out["erased"] = d.count("audit_events e WHERE LENGTH(detail_sum) > 0 AND NOT EXISTS (SELECT 1 FROM audit_details d WHERE d.event_id = e.id)")
	return out
}

// sameRows fails where a row is lost, or one has come that nobody meant.
func (d *desk) sameRows(old map[string]int) {
	d.t.Helper()
	for name, want := range old {
		now := name
		switch {
		case name == "in review":
			now = "requests WHERE state = 'in_review'"
		case name == "lti_states": // logins without their launch: they begin again
			continue
		case name == "erased":
			continue
		case name == "audit_events": // each of its kind tells of one state's new name
			want += old["in review"]
		case oldVotes[name] != "":
			now = oldVotes[name]
		}
		if got := d.count(now); got != want {
			d.t.Errorf("%d rows are %d: %s, now %s", want, got, name, now)
		}
	}
	if n := d.count("policies"); n != old["tenants"] {
		d.t.Errorf("%d policies for %d schools", n, old["tenants"])
	}
}

// auditProven exports the log and verifies it, as whoever keeps it would, and
// holds it to the rows.
func (s *school) auditProven(a *app.App, old map[string]int) {
	s.t.Helper()
	var out bytes.Buffer
	n, err := a.Operate.ExportAudit(s.t.Context(), "Northfield", &out)
	if err != nil {
		s.t.Fatal(err)
	}
	proof, err := operate.VerifyAudit(bytes.NewReader(out.Bytes()))
	if err != nil || len(proof) != 1 || proof[0].Entries != int64(n) {
		s.t.Fatalf("%d entries verify as %+v: %v", n, proof, err)
	}
	if old != nil && (n != s.count("audit_events WHERE tenant = (SELECT tenant FROM platforms WHERE name = 'Northfield')") || proof[0].Erased != old["erased"]) {
		s.t.Errorf("%d entries, %d of them erased, of %d", n, proof[0].Erased, old["erased"])
	}
	var events []audit.Event
	for line := range strings.Lines(out.String()) {
		var entry struct {
			Event audit.Event `json:"event"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			s.t.Fatal(err)
		}
		events = append(events, entry.Event)
	}
	places, err := audit.Replay(events)
	if err != nil {
		s.t.Fatal(err)
	}
	rows := 0
	for _, table := range []string{"requests", "grants", "found_tokens"} {
		for _, row := range s.texts("SELECT id || ' ' || state || ' ' || version FROM " + table) {
			id, _, _ := strings.Cut(row, " ")
			if is := places[id]; row != fmt.Sprintf("%s %s %d", id, is.State, is.Version) {
				s.t.Errorf("the row is %s, the log says %+v", row, is)
			}
			rows++
		}
	}
	if rows < 100 {
		s.t.Errorf("only %d rows are held to the log", rows)
	}
}
