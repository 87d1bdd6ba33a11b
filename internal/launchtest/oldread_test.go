package launchtest

// This file is compiled in two trees, as oldworld_test.go is.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// oldComplete fails where the old database has less than every kind of row.
func (d *desk) oldComplete() {
	d.t.Helper()
	tables := "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	if strings.HasPrefix(d.dsn, "sqlite:") {
		tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
	}
	all := d.texts(tables)
	if len(all) != 27 { // goose's and that of the programs included
		d.t.Errorf("the old schema has %d tables", len(all))
	}
	for _, table := range all {
		if d.count(table) == 0 {
			d.t.Errorf("%s is empty", table)
		}
	}
	for q, want := range map[string]string{
		"SELECT DISTINCT state FROM requests":            "approved awaiting_review awaiting_sponsor collecting denied discarded draft fulfilled lapsed rescinded sponsor_declined withdrawn",
		"SELECT DISTINCT state FROM grants":              "active expired freezing frozen handed_over minting recovering replacing revoked revoking unclaimed void",
		"SELECT DISTINCT cause FROM grants":              " altered course_over duties end in_canvas leak mass misuse no_sponsor not_replaced owner owner_left reviewer sponsor superseded unclaimed",
		"SELECT DISTINCT drift FROM grants":              " extended shortened",
		"SELECT DISTINCT state FROM found_tokens":        "adopted allowed allowing found gone removed removing told",
		"SELECT DISTINCT how FROM incidents":             "intake owner reviewer sponsor",
		"SELECT DISTINCT state FROM inventories":         "done failed running",
		"SELECT DISTINCT state FROM mass_revocations":    "done planned running",
		"SELECT DISTINCT state FROM mass_items":          "ended_before ending gone waiting",
		"SELECT DISTINCT state FROM jobs":                "done due leased parked",
		"SELECT DISTINCT state FROM invites":             "open spent taken",
		"SELECT DISTINCT credential_kind FROM platforms": "oauth token",
		"SELECT DISTINCT form FROM kept":                 "decision request",
	} {
		got := d.texts(q)
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			d.t.Errorf("%s: %q, want %q", q, got, want)
		}
	}
	for what, from := range map[string]string{
		"a request that was refiled":            "requests WHERE refiled_from IS NOT NULL",
		"a request without its sponsor":         "requests WHERE sponsor_lost <> ''",
		"a request that somebody holds":         "requests WHERE state = 'awaiting_review' AND claimed_by IS NOT NULL",
		"a request that nobody holds":           "requests WHERE state = 'awaiting_review' AND claimed_by IS NULL",
		"a request without a sponsor's word":    "requests WHERE state = 'awaiting_review' AND endorsed_by IS NULL",
		"a denial with an alternative":          "requests WHERE state = 'denied' AND alternative = 'other' AND alt_text <> ''",
		"conditions":                            "requests WHERE conditions <> ''",
		"a shortened end":                       "requests WHERE state = 'approved' AND end_cause <> ''",
		"a renewal in review":                   "requests WHERE state = 'awaiting_review' AND renews IS NOT NULL",
		"a renewal that is a draft":             "requests WHERE state = 'draft' AND renews IS NOT NULL",
		"a request to keep, back in review":     "requests r WHERE r.adopts IS NOT NULL AND r.state = 'awaiting_review' AND EXISTS (SELECT 1 FROM audit_events e WHERE e.object = r.id AND e.action = 'request.return')",
		"a draft typed without a date":          "requests WHERE state = 'draft' AND answers LIKE '%next spring%'",
		"a successor":                           "grants WHERE successor IS NOT NULL AND retire_at IS NOT NULL",
		"a gap, by loss":                        "grants g WHERE gap_until IS NOT NULL AND state = 'active' AND EXISTS (SELECT 1 FROM audit_events e WHERE e.object = g.id AND e.action = 'grant.lose_sponsor')",
		"a gap, by end":                         "grants g WHERE gap_until IS NOT NULL AND state = 'active' AND EXISTS (SELECT 1 FROM audit_events e WHERE e.object = g.id AND e.action = 'grant.end_sponsorship')",
		"somebody who was asked to take over":   "grants WHERE sponsor_asked IS NOT NULL",
		"somebody who turned it down":           "audit_events WHERE action = 'grant.turn_down'",
		"somebody who took over":                "audit_events WHERE action = 'grant.take_over'",
		"a frozen token with one voice":         "grants WHERE state = 'frozen' AND thawed_by IS NOT NULL",
		"a frozen token without":                "grants WHERE state = 'frozen' AND thawed_by IS NULL",
		"a thawed token":                        "grants g WHERE state = 'replacing' AND EXISTS (SELECT 1 FROM audit_events e WHERE e.object = g.id AND e.action = 'grant.thaw')",
		"an adopted token":                      "grants WHERE found_id IS NOT NULL",
		"a live token of a course that is over": "grants g WHERE state = 'active' AND EXISTS (SELECT 1 FROM audit_events e JOIN audit_details d ON d.event_id = e.id WHERE e.object = g.id AND d.data LIKE '%\"course\":\"over\"%')",
		"a deletion with trouble":               "grants WHERE state = 'revoking' AND trouble <> ''",
		"a leak of a token that had ended":      "incidents i JOIN grants g ON g.id = i.grant_id WHERE g.ended_at < i.opened_at",
		"a merged person":                       "people WHERE merged_into IS NOT NULL",
		"a person who never launched":           "people WHERE seen_at IS NULL",
		"a campaign's token":                    "found_tokens WHERE campaign IS NOT NULL AND state = 'told'",
		"an allow-list entry that was reopened": "audit_events WHERE action = 'found.reopen'",
		"a removal with trouble":                "found_tokens WHERE state = 'removing' AND trouble <> ''",
		"events with their details erased":      "audit_events e WHERE detail_sum IS NOT NULL AND NOT EXISTS (SELECT 1 FROM audit_details d WHERE d.event_id = e.id)",
		"events without details":                "audit_events WHERE COALESCE(LENGTH(detail_sum), 0) = 0",
		"an open session with a person":         "sessions WHERE person IS NOT NULL",
		"a plan by filter":                      "mass_revocations WHERE filter <> ''",
		"a job that waits for its hour":         "jobs WHERE state = 'due' AND run_at > (SELECT MAX(created_at) FROM jobs)",
	} {
		if d.count(from) == 0 {
			d.t.Errorf("there is no %s", what)
		}
	}
}

// oldSeat is who opens the tool where, and looks at every page that they find.
type oldSeat struct{ user, place string }

func (s *school) oldSeats() (seats []oldSeat) {
	for n := range oldPupils {
		if n == 27 || n == 28 { // merged into others
			continue
		}
		place := s.course(oldCourseOf(pupil(n)))
		if n == 16 || n%10 == 9 { // one left the course, others open the tool elsewhere
			place = s.settings(pupil(n))
		}
		seats = append(seats, oldSeat{pupil(n), place})
	}
	return append(seats, oldSeat{"ana", s.course("bio201")}, oldSeat{"carla", s.settings("carla")}, oldSeat{"boris", s.course("bio201")},
		oldSeat{"helen", s.course("chem110")}, oldSeat{"maya", s.settings("maya")}, oldSeat{"tom", s.course("bio201")}, oldSeat{"sam", s.settings("sam")},
		oldSeat{"lena", s.settings("lena")}, oldSeat{"dana", s.account("root")}, oldSeat{"priya", s.account("root")})
}

// sameToAll are the ends of addresses where one reviewer reads what another does.
var sameToAll = []string{"/leak", "/revoke", "/freeze", "/remove"}

// tour is what somebody reads on the first page and on every page that its links
// lead to, but those that end so, in the order in which they are found. before is
// called before each page.
func (b *browser) tour(first *page, before func(), but ...string) string {
	b.t.Helper()
	var out strings.Builder
	seen := []string{"/"}
	for n := 0; n < len(seen); n++ {
		p := first
		if n > 0 {
			before()
			p = b.get(first, seen[n])
		}
		fmt.Fprintf(&out, "== %s: %d\n%s\n", seen[n], p.status, p.lines())
		for _, to := range p.links() {
			to, _, _ = strings.Cut(strings.TrimPrefix(to, b.url), "#")
			if slices.ContainsFunc(but, func(end string) bool { return strings.HasSuffix(to, end) }) {
				continue
			}
			if strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.HasPrefix(to, "/static/") && !slices.Contains(seen, to) {
				seen = append(seen, to)
			}
		}
		if len(seen) > 2000 {
			b.t.Fatal("the tour does not end")
		}
	}
	return out.String()
}

func (p *page) links() (all []string) {
	for n := range p.nodes().Descendants() {
		if n.Data == "a" && attr(n, "href") != "" {
			all = append(all, attr(n, "href"))
		}
	}
	return all
}

// inline are the elements that do not begin a new line.
var inline = []string{"a", "abbr", "b", "code", "em", "i", "kbd", "small", "span", "strong", "time", "u"}

// lines are what a person reads, one line for each block, with what their fields
// hold in brackets.
func (p *page) lines() string {
	var raw strings.Builder
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			raw.WriteString(strings.Join(strings.Fields(strings.ReplaceAll(" "+n.Data+" ", "\n", " ")), " "))
			raw.WriteString(" ")
			return
		}
		if n.Type == html.ElementNode {
			if n.Data == "head" || n.Data == "script" || n.Data == "style" || n.Data == "noscript" || n.Data == "svg" {
				return
			}
			if !slices.Contains(inline, n.Data) {
				raw.WriteString("\n")
				defer raw.WriteString("\n")
			}
			if kind := attr(n, "type"); n.Data == "input" && kind != "hidden" {
				mark := ""
				for _, a := range n.Attr {
					if a.Key == "checked" || a.Key == "disabled" || a.Key == "readonly" {
						mark += " " + a.Key
					}
				}
				fmt.Fprintf(&raw, "[%s%s]", attr(n, "value"), mark)
			}
			if n.Data == "option" {
				for _, a := range n.Attr {
					if a.Key == "selected" {
						raw.WriteString("[selected] ")
					}
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(p.nodes())
	var out strings.Builder
	for line := range strings.Lines(raw.String()) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

// oldRecord does what there is to do with the old database, in an order that
// never changes, and returns what is read, by file: what people who had a session
// see, what everybody finds, what the queued jobs make of it all in a day,
// what was written to whom, and what a reviewer finds then.
func (s *school) oldRecord(state oldState, before func()) map[string]string {
	s.t.Helper()
	out := map[string]string{}
	put := func(file, text string) { out[file] += text }
	for _, user := range slices.Sorted(maps.Keys(state.Handles)) {
		b := s.stranger()
		p := b.get(&page{t: s.t, body: `<meta name="tool-session" content="` + state.Handles[user] + `">`}, "/")
		put("sessions.txt", fmt.Sprintf("== %s: %d\n%s\n", user, p.status, p.lines()))
	}
	for _, seat := range s.oldSeats() {
		b := s.browser(seat.user)
		if seat.user == "priya" {
			put("priya.txt", b.tour(b.open(seat.place), before, sameToAll...))
			continue
		}
		put(seat.user+".txt", b.tour(b.open(seat.place), before))
	}
	put("before.txt", s.oldRows())
	// In small steps at first, then to when the last try that was put off is due.
	for n := range 32 {
		_, _ = s.apps[0].Drain(s.t.Context()) // those that failed say so in their rows
		s.clock.Advance(map[bool]time.Duration{true: 15 * time.Minute, false: time.Hour}[n < 8])
	}
	put("after.txt", s.oldRows())
	put("letters.txt", s.oldLetters())
	for _, seat := range s.oldSeats() {
		if seat.user == "dana" {
			b := s.browser(seat.user)
			put(seat.user+"-after.txt", b.tour(b.open(seat.place), before, sameToAll...))
		}
	}
	marks := s.places()
	for mark, is := range s.randoms(state) {
		marks[mark] = is
	}
	for file, text := range out {
		for mark, is := range marks {
			text = strings.ReplaceAll(text, is, mark)
		}
		out[file] = text
	}
	return out
}

// randoms are the ids and beginnings of values that were made at random since the
// database was loaded.
func (s *school) randoms(state oldState) map[string]string {
	s.t.Helper()
	known, marks := map[string]bool{}, map[string]string{}
	for _, tok := range state.Tokens {
		known[tok.Hint] = true
	}
	for _, u := range s.w.Users() {
		for _, tok := range s.w.Tokens(u.Key) {
			if !known[tok.Hint] {
				marks["{{value of "+tok.ID.String()+"}}"] = tok.Hint + "…"
			}
		}
	}
	for _, row := range s.texts("SELECT id || ' ' || canvas_id FROM found_tokens") {
		if id, canvasID, _ := strings.Cut(row, " "); !strings.Contains(oldData(s.t), id) {
			marks["{{found "+canvasID+"}}"] = id
		}
	}
	return marks
}

// oldRows are where everything stands that has a life.
func (s *school) oldRows() string {
	s.t.Helper()
	var out strings.Builder
	var codes []string // requests by their numbers, which tell more than ids
	for _, row := range s.texts("SELECT id || ' ' || number FROM requests WHERE number > 0") {
		id, number, _ := strings.Cut(row, " ")
		codes = append(codes, id, fmt.Sprintf("REQ-%04s", number))
	}
	coded := strings.NewReplacer(codes...)
	for _, q := range []string{
		"SELECT id || ' ' || state || ' ' || COALESCE(sponsor, '') || ' ' || COALESCE(sponsor_lost, '') FROM requests",
		"SELECT id || ' ' || state || ' ' || cause || ' ' || COALESCE(sponsor, '') || ' ' || drift || ' ' || trouble FROM grants",
		"SELECT canvas_id || ' ' || id || ' ' || state || ' ' || trouble FROM found_tokens",
		"SELECT id || ' ' || how || CASE WHEN cleared_at IS NULL THEN ' open' ELSE ' cleared' END FROM incidents",
		"SELECT report_id || ' ' || state || ' ' || trouble FROM inventories",
		"SELECT id || ' ' || state FROM mass_revocations",
		"SELECT mass || ' ' || grant_id || ' ' || state FROM mass_items",
		"SELECT id || ' ' || kind || ' ' || state FROM jobs",
		"SELECT key || ' ' || way FROM notices",
		"SELECT id || ' ' || COALESCE(merged_into, '') FROM people",
	} {
		rows := s.texts(q)
		for i := range rows {
			rows[i] = coded.Replace(rows[i])
		}
		slices.Sort(rows)
		for _, row := range rows {
			if id, _, _ := strings.Cut(row, " "); strings.HasPrefix(id, "job_") || strings.HasPrefix(id, "per_") {
				if !strings.Contains(oldData(s.t), id) {
					continue // of those that were made since, what they did shows
				}
			}
			out.WriteString(strings.TrimSpace(row) + "\n")
		}
		out.WriteString("\n")
	}
	return out.String()
}

// texts are the rows of a query with one column.
func (d *desk) texts(q string) (out []string) {
	d.t.Helper()
	rows, err := d.db.QueryContext(d.t.Context(), q)
	if err != nil {
		d.t.Fatalf("%s: %v", q, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			d.t.Fatalf("%s: %v", q, err)
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		d.t.Fatal(err)
	}
	return out
}

// oldLetters are the messages in everybody's inbox.
func (s *school) oldLetters() string {
	var out strings.Builder
	for _, u := range s.w.Users() {
		var all []string
		for _, m := range s.w.Inbox(u.Key) {
			all = append(all, fmt.Sprintf("== %s: %s\n%s\n", u.Key, m.Subject, m.Body))
		}
		slices.Sort(all)
		out.WriteString(strings.Join(all, ""))
	}
	return out.String()
}
