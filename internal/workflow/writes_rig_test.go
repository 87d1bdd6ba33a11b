package workflow

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
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// This file tells everything that one step writes: every column of every row of
// every table, the audit events with their details, and the jobs. A test that
// compares it fails when any of that is left out, or something is added.

// everything is the whole database at one moment.
type everything struct {
	rows map[string]map[string]string // by "table key", each its columns
	log  []store.AuditEntry
}

// keyed are the columns that tell the rows of a table apart; "id" elsewhere.
var keyed = map[string][]string{"kept": {"person", "object", "form"}, "notices": {"key", "way"}, "person_subs": {"sub"},
	"jobs": {"kind", "key"}, "sessions": {"hash"}, "mass_items": {"mass", "grant_id"}, "lti_held": {"hash"}, "quotes": {"object", "kind"}, "votes": {"object", "round", "stage", "person"}, "platform_deployments": {"platform", "position"}, "goose_db_version": {"version_id"}, "schema_programs": {"version"},
	"account_reads": {"account"}, "account_roles": {"account", "canvas_user", "role"}}

// apart are tables that everything reads in another way, or that follow from it;
// paces count presses, and their own tests count them.
var apart = []string{"audit_events", "audit_details", "audit_heads", "sqlite_sequence", "paces"}

func (r *rig) everything() everything {
	r.t.Helper()
	e := everything{rows: map[string]map[string]string{}}
	var row map[string]string
	var table, first string
	flush := func() {
		if row == nil || slices.Contains(apart, table) {
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
		if e.rows[key] != nil {
			r.t.Fatalf("two rows %q", key)
		}
		e.rows[key] = row
	}
	storetest.Dump(r.t, r.Store, func(tab, column, cell string) {
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
	err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		e.log = nil
		for seq := int64(0); ; {
			page, err := tx.AuditAfter(r.tenant, seq, 500)
			if err != nil || len(page) == 0 {
				return err
			}
			e.log = append(e.log, page...)
			seq = page[len(page)-1].Event.Seq
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

// worldKeys are the people of the default world whom tests name.
var worldKeys = []string{"maya", "ana", "dana", "priya", "luca", "helen", "tom", "victor", "noor", "omar", "sam", "lena"}

// namer gives ids the names that a test can know: people by their key, requests,
// grants and incidents numbered as the log first tells of them, tokens as Canvas
// made them, and times by how far they are from now.
type namer struct {
	names map[string]string
	now   time.Time
}

var ourID = regexp.MustCompile(`(?:req|grt|inc|fnd|per|ten|plt)_[A-Za-z0-9]+|[0-9]{9,}`)

func (r *rig) namer(e everything) namer {
	n := namer{names: map[string]string{string(r.tenant): "school"}, now: r.clock.Now()}
	users := map[string]string{}
	var tokens []int64
	for _, key := range worldKeys {
		u := r.w.User(key)
		users[u.ID.String()] = key
		for _, t := range r.w.Tokens(key) {
			tokens = append(tokens, int64(t.ID))
		}
	}
	for _, row := range e.rows {
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
	for _, a := range e.log {
		id := a.Event.Object
		if kind, _, ok := strings.Cut(id, "_"); ok && n.names[id] == "" {
			count[kind]++
			n.names[id] = fmt.Sprintf("%s%d", kind, count[kind])
		}
	}
	return n
}

// say is a cell, or a piece of text, in names.
func (n namer) say(s string) string {
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
func (n namer) span(at time.Time) string {
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

// wrote runs do and tells what it wrote, a line for each audit event, changed
// row and job.
func (r *rig) wrote(do func()) string {
	r.t.Helper()
	before := r.everything()
	do()
	after := r.everything()
	n := r.namer(after)
	var out, rows, todo []string
	for _, e := range after.log[len(before.log):] {
		out = append(out, n.event(e))
	}
	for _, key := range slices.Sorted(maps.Keys(after.rows)) {
		was, is := before.rows[key], after.rows[key]
		if maps.Equal(was, is) {
			continue
		}
		if strings.HasPrefix(key, "jobs ") {
			todo = append(todo, r.jobLine(n, was, is))
			continue
		}
		rows = append(rows, n.rowLine(key, was, is))
	}
	for _, key := range slices.Sorted(maps.Keys(before.rows)) {
		if after.rows[key] == nil {
			rows = append(rows, "gone: "+n.words(key))
		}
	}
	slices.Sort(rows)
	slices.Sort(todo)
	out = append(append(out, rows...), todo...)
	return strings.Join(out, "\n")
}

func (n namer) words(s string) string {
	parts := strings.Split(s, " ")
	for i := range parts {
		parts[i] = n.say(parts[i])
	}
	return strings.Join(parts, " ")
}

func (n namer) event(e store.AuditEntry) string {
	ev := e.Event
	line := "log: " + n.say(ev.Actor) + " " + string(ev.Action) + " " + n.say(ev.Object)
	if ev.From+ev.To != "" {
		line += " " + ev.From + ">" + ev.To
	}
	if ev.Version != 0 {
		line += fmt.Sprintf(" v%d", ev.Version)
	}
	if ev.Related != "" {
		line += " of " + n.say(ev.Related)
	}
	if !ev.At.Equal(n.now) {
		line += " at " + n.span(ev.At)
	}
	if e.Detail != nil {
		for _, k := range slices.Sorted(maps.Keys(e.Detail.Data)) {
			line += " " + k + "=" + n.say(e.Detail.Data[k])
		}
	}
	return line
}

func (n namer) rowLine(key string, was, is map[string]string) string {
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

func (n namer) cell(column, s string) string {
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
	return n.say(s)
}

// jobLine is what happened to one job: it is new, done, or waits for later.
func (r *rig) jobLine(n namer, was, is map[string]string) string {
	at := ""
	if run, err := time.Parse("2006-01-02 15:04:05.999999999-07:00", is["run_at"]); err != nil {
		r.t.Fatal(err)
	} else if !run.Equal(n.now) {
		at = " at " + n.span(run)
	}
	verb := "job: "
	switch {
	case is["state"] == "done":
		return "done: " + is["kind"] + " " + n.say(is["key"])
	case is["state"] == "parked":
		return "parked: " + is["kind"] + " " + n.say(is["key"])
	case was != nil:
		verb = "later: "
	}
	if is["tenant"] != string(r.tenant) {
		verb = "of no school, " + verb
	}
	if is["kind"] == jobNotice {
		var ref noticeRef
		if err := json.Unmarshal([]byte(is["data"]), &ref); err != nil {
			r.t.Fatal(err)
		}
		about := ref.Request
		if ref.Grant != "" {
			about += " " + ref.Grant
		}
		if key := fmt.Sprintf("%s:%s:%s", ref.Kind, ref.Occasion, ref.To); key != is["key"] {
			r.t.Errorf("a notice %+v under the key %s", ref, is["key"])
		}
		return verb + "tell " + n.say(string(ref.To)) + " " + string(ref.Kind) + " of " + n.words(about) + ", " + n.say(ref.Occasion) + at
	}
	data := ourID.ReplaceAllStringFunc(is["data"], n.say)
	return strings.TrimRight(verb+is["kind"]+" "+n.say(is["key"])+" "+data, " ") + at
}

// writes runs one step of a story, and compares what it wrote. It returns no
// error of the step: a step says itself what it wants.
func (r *rig) writes(step, want string, do func()) {
	r.t.Helper()
	got := r.wrote(do)
	if want = strings.TrimSpace(want); got != want {
		r.t.Errorf("%s wrote\n%s\n\nwant\n%s", step, got, want)
	}
	r.proven()
}

// refused runs a step that changes nothing: it is recorded who was refused what,
// and why.
func (r *rig) refused(step string, why access.Why, do access.Action, who, object string, try func() error) {
	r.t.Helper()
	var err error
	got := r.wrote(func() { err = try() })
	want := fmt.Sprintf("log: %s %s %s action=%s why=%s", who, audit.Refused, object, do, why)
	if access.WhyOf(err) != why || got != strings.Join(strings.Fields(want), " ") {
		r.t.Errorf("%s: refused with %v, and wrote\n%s\n\nwant\n%s", step, err, got, want)
	}
}

// must ends the test on an error.
func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// run runs the one waiting job of a kind whose key ends so, whenever it is due,
// and returns what its handler says.
func (r *rig) run(kind, ending string) error {
	r.t.Helper()
	var found []jobs.Job
	for key, row := range r.everything().rows {
		if strings.HasPrefix(key, "jobs ") && row["kind"] == kind && row["state"] == "due" && strings.HasSuffix(row["key"], ending) {
			found = append(found, jobs.Job{ID: row["id"], Kind: kind, Key: row["key"], Data: []byte(row["data"]), Tenant: row["tenant"], Claim: 1})
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("%d jobs %s wait whose key ends in %q", len(found), kind, ending)
	}
	return r.Handlers()[kind].Do(r.t.Context(), found[0])
}

// again is how soon a job asks to be run again, or 0.
func again(err error) time.Duration {
	var l *jobs.LaterError
	if errors.As(err, &l) {
		return l.After
	}
	return 0
}

// permanent reports whether an error parks its job.
func permanent(err error) bool {
	var p *jobs.PermanentError
	return errors.As(err, &p)
}

// submittedBy is a student's request, waiting for Ana.
func (r *rig) submittedBy(key string) access.Request {
	r.t.Helper()
	q, err := r.Submit(r.t.Context(), r.as(key, access.DoorCourse), "", r.answers())
	r.must(err)
	return q
}
