package desktest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// This file tells everything that one step writes: every column of every row of
// every table, the audit events with their details, and the jobs. A test that
// compares it fails when any of that is left out, or something is added.

// Everything is the whole database at one moment.
type Everything struct {
	Rows map[string]map[string]string // by "table key", each its columns
	Log  []store.AuditEntry
}

// keyed are the columns that tell the rows of a table apart; "id" elsewhere.
var keyed = map[string][]string{"kept": {"person", "object", "form"}, "notices": {"key", "way"}, "person_subs": {"sub"},
	"jobs": {"kind", "key"}, "sessions": {"hash"}, "mass_items": {"mass", "grant_id"}, "lti_held": {"hash"}, "quotes": {"object", "kind"}, "votes": {"object", "round", "stage", "person"}, "platform_deployments": {"platform", "position"}, "goose_db_version": {"version_id"}, "schema_programs": {"version"},
	"account_reads": {"account"}, "account_roles": {"account", "canvas_user", "role"}}

// apart are tables that everything reads in another way, or that follow from it;
// paces count presses, and their own tests count them.
var apart = []string{"audit_events", "audit_details", "audit_heads", "sqlite_sequence", "paces"}

// Everything reads all rows of the rig's school.
func (r *Rig) Everything() Everything {
	r.T.Helper()
	e := Everything{Rows: map[string]map[string]string{}}
	var row map[string]string
	var table, first string
	flush := func() {
		if row == nil || slices.Contains(apart, table) || strings.Contains(table, "_search") { // SQLite's indexes of texts
			return
		}
		columns := keyed[table]
		if columns == nil {
			columns = []string{"id"}
		}
		key := table
		for _, c := range columns {
			key += " " + row[c]
		}
		if e.Rows[key] != nil {
			r.T.Fatalf("two rows %q", key)
		}
		e.Rows[key] = row
	}
	storetest.Dump(r.T, r.Desk.Store, func(tab, column, cell string) {
		if tab != table || column == first {
			flush()
			row, table, first = map[string]string{}, tab, column
		}
		if cell == "<nil>" {
			cell = ""
		}
		row[column] = cell
	})
	flush()
	err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		e.Log = nil
		for seq := int64(0); ; {
			page, err := tx.AuditAfter(r.Tenant, seq, 500)
			if err != nil || len(page) == 0 {
				return err
			}
			e.Log = append(e.Log, page...)
			seq = page[len(page)-1].Event.Seq
		}
	})
	if err != nil {
		r.T.Fatal(err)
	}
	return e
}

// worldKeys are the people of the default world whom tests name.
var worldKeys = []string{"maya", "ana", "dana", "priya", "luca", "helen", "tom", "victor", "noor", "omar", "sam", "lena"}

// Namer gives ids the names that a test can know: people by their key, requests,
// grants and incidents numbered as the log first tells of them, tokens as Canvas
// made them, and times by how far they are from now.
type Namer struct {
	names map[string]string
	now   time.Time
}

var ourID = regexp.MustCompile(`(?:req|grt|inc|fnd|per|ten|plt)_[A-Za-z0-9]+|[0-9]{9,}`)

// Namer gives the ids of everything names that are the same in each run.
func (r *Rig) Namer(e Everything) Namer {
	n := Namer{names: map[string]string{string(r.Tenant): "school"}, now: r.Clock.Now()}
	users := map[string]string{}
	var tokens []int64
	for _, key := range worldKeys {
		u := r.W.User(key)
		users[u.ID.String()] = key
		for _, t := range r.W.Tokens(key) {
			tokens = append(tokens, int64(t.ID))
		}
	}
	for _, row := range e.Rows {
		if key, ok := users[row["canvas_user"]]; ok && strings.HasPrefix(row["id"], "per_") {
			n.names[row["id"]] = key
		}
	}
	for id, key := range users {
		n.names[id] = key + "'s id"
	}
	slices.Sort(tokens)
	for i, t := range slices.Compact(tokens) {
		n.names[fmt.Sprint(t)] = fmt.Sprintf("token%d", i+1)
	}
	count := map[string]int{}
	for _, a := range e.Log {
		id := a.Event.Object
		if kind, _, ok := strings.Cut(id, "_"); ok && n.names[id] == "" {
			count[kind]++
			n.names[id] = fmt.Sprintf("%s%d", kind, count[kind])
		}
	}
	return n
}

// Say is a cell, or a piece of text, in names.
func (n Namer) Say(s string) string {
	if name, ok := n.names[s]; ok {
		return name
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999999-07:00", time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return n.span(at)
		}
	}
	return ourID.ReplaceAllStringFunc(s, func(id string) string { return cmp.Or(n.names[id], id) })
}

// span is how far a time is from now.
func (n Namer) span(at time.Time) string {
	d := at.Sub(n.now)
	if d == 0 {
		return "now"
	}
	sign := "+"
	if d < 0 {
		sign, d = "-", -d
	}
	const day = 24 * time.Hour
	days := int(d / day)
	if d %= day; days == 0 {
		return sign + d.String()
	} else if d == 0 {
		return fmt.Sprintf("%s%dd", sign, days)
	}
	return fmt.Sprintf("%s%dd%s", sign, days, d)
}

// secretly are columns whose content is made by chance; that they are filled is
// all there is to say.
var secretly = []string{"digest", "hint"}

// Wrote runs do and tells what it wrote, a line for each audit event, changed
// row and job.
func (r *Rig) Wrote(do func()) string {
	r.T.Helper()
	before := r.Everything()
	do()
	after := r.Everything()
	n := r.Namer(after)
	var out, rows, todo []string
	for _, e := range after.Log[len(before.Log):] {
		out = append(out, n.event(e))
	}
	for _, key := range slices.Sorted(maps.Keys(after.Rows)) {
		was, is := before.Rows[key], after.Rows[key]
		if maps.Equal(was, is) {
			continue
		}
		if strings.HasPrefix(key, "jobs ") {
			todo = append(todo, r.jobLine(n, was, is))
			continue
		}
		rows = append(rows, n.RowLine(key, was, is))
	}
	for _, key := range slices.Sorted(maps.Keys(before.Rows)) {
		if after.Rows[key] == nil {
			rows = append(rows, "gone: "+n.words(key))
		}
	}
	slices.Sort(rows)
	slices.Sort(todo)
	out = append(append(out, rows...), todo...)
	return strings.Join(out, "\n")
}

func (n Namer) words(s string) string {
	parts := strings.Split(s, " ")
	for i := range parts {
		parts[i] = n.Say(parts[i])
	}
	return strings.Join(parts, " ")
}

func (n Namer) event(e store.AuditEntry) string {
	ev := e.Event
	line := "log: " + n.Say(ev.Actor) + " " + string(ev.Action) + " " + n.Say(ev.Object)
	if ev.From+ev.To != "" {
		line += " " + ev.From + ">" + ev.To
	}
	if ev.Version != 0 {
		line += fmt.Sprintf(" v%d", ev.Version)
	}
	if ev.Related != "" {
		line += " of " + n.Say(ev.Related)
	}
	if !ev.At.Equal(n.now) {
		line += " at " + n.span(ev.At)
	}
	if e.Detail != nil {
		for _, k := range slices.Sorted(maps.Keys(e.Detail.Data)) {
			line += " " + k + "=" + n.Say(e.Detail.Data[k])
		}
	}
	return line
}

// RowLine is what became of one row, with names in place of ids.
func (n Namer) RowLine(key string, was, is map[string]string) string {
	line := n.words(key) + ":"
	if was == nil {
		line = "new " + line
	}
	for _, c := range slices.Sorted(maps.Keys(is)) {
		if was[c] == is[c] || c == "id" || c == "tenant" || was == nil && (is[c] == "" || is[c] == "0") {
			continue
		}
		line += " " + c + "=" + n.cell(c, is[c])
	}
	return line
}

func (n Namer) cell(column, s string) string {
	switch {
	case s == "":
		return "none"
	case slices.Contains(secretly, column):
		return "set"
	case column == "answers" || column == "search" || column == "data":
		var a access.Answers
		if column != "search" && json.Unmarshal([]byte(s), &a) == nil && a.Text("build") == "" {
			return "none"
		}
		return "typed"
	}
	return n.Say(s)
}

// jobLine is what happened to one job: it is new, done, or waits for later.
func (r *Rig) jobLine(n Namer, was, is map[string]string) string {
	at := ""
	if run, err := time.Parse("2006-01-02 15:04:05.999999999-07:00", is["run_at"]); err != nil {
		r.T.Fatal(err)
	} else if !run.Equal(n.now) {
		at = " at " + n.span(run)
	}
	verb := "job: "
	switch {
	case is["state"] == "done":
		return "done: " + is["kind"] + " " + n.Say(is["key"])
	case is["state"] == "parked":
		return "parked: " + is["kind"] + " " + n.Say(is["key"])
	case was != nil:
		verb = "later: "
	}
	if is["tenant"] != string(r.Tenant) {
		verb = "of no school, " + verb
	}
	if is["kind"] == desk.JobNotice {
		var ref notices.NoticeRef
		if err := json.Unmarshal([]byte(is["data"]), &ref); err != nil {
			r.T.Fatal(err)
		}
		about := ref.Request
		if ref.Grant != "" {
			about += " " + ref.Grant
		}
		if key := fmt.Sprintf("%s:%s:%s", ref.Kind, ref.Occasion, ref.To); key != is["key"] {
			r.T.Errorf("a notice %+v under the key %s", ref, is["key"])
		}
		return verb + "tell " + n.Say(string(ref.To)) + " " + string(ref.Kind) + " of " + n.words(about) + ", " + n.Say(ref.Occasion) + at
	}
	data := ourID.ReplaceAllStringFunc(is["data"], n.Say)
	return strings.TrimRight(verb+is["kind"]+" "+n.Say(is["key"])+" "+data, " ") + at
}

// Writes runs one step of a story, and compares what it wrote. It returns no
// error of the step: a step says itself what it wants.
func (r *Rig) Writes(step, want string, do func()) {
	r.T.Helper()
	got := r.Wrote(do)
	if want = strings.TrimSpace(want); got != want {
		r.T.Errorf("%s wrote\n%s\n\nwant\n%s", step, got, want)
	}
	r.Proven()
}

// Refused runs a step that changes nothing: it is recorded who was refused what,
// and why.
func (r *Rig) Refused(step string, why access.Why, do access.Action, who, object string, try func() error) {
	r.T.Helper()
	var err error
	got := r.Wrote(func() { err = try() })
	want := fmt.Sprintf("log: %s %s %s action=%s why=%s", who, audit.Refused, object, do, why)
	if access.WhyOf(err) != why || got != strings.Join(strings.Fields(want), " ") {
		r.T.Errorf("%s: refused with %v, and wrote\n%s\n\nwant\n%s", step, err, got, want)
	}
}

// Must ends the test on an error.
func (r *Rig) Must(err error) {
	r.T.Helper()
	if err != nil {
		r.T.Fatal(err)
	}
}

// Run runs the one waiting job of a kind whose key ends so, whenever it is due,
// and returns what its handler says.
func (r *Rig) Run(kind, ending string) error {
	r.T.Helper()
	var found []jobs.Job
	for key, row := range r.Everything().Rows {
		if strings.HasPrefix(key, "jobs ") && row["kind"] == kind && row["state"] == "due" && strings.HasSuffix(row["key"], ending) {
			found = append(found, jobs.Job{ID: row["id"], Kind: kind, Key: row["key"], Data: []byte(row["data"]), Tenant: row["tenant"], Claim: 1})
		}
	}
	if len(found) != 1 {
		r.T.Fatalf("%d jobs %s wait whose key ends in %q", len(found), kind, ending)
	}
	return r.Desk.Handlers()[kind].Do(r.T.Context(), found[0])
}

// Again is how soon a job asks to be run again, or 0.
func Again(err error) time.Duration {
	var l *jobs.LaterError
	if errors.As(err, &l) {
		return l.After
	}
	return 0
}

// Permanent reports whether an error parks its job.
func Permanent(err error) bool {
	var p *jobs.PermanentError
	return errors.As(err, &p)
}

// SubmittedBy is a student's request, waiting for Ana.
func (r *Rig) SubmittedBy(key string) access.Request {
	r.T.Helper()
	q, err := r.Requests.Submit(r.T.Context(), r.As(key, access.DoorCourse), "", r.Answers())
	r.Must(err)
	return q
}
