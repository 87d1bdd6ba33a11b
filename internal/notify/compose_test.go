package notify

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/text"
)

var update = flag.Bool("update", false, "write the golden files")

const canary = "17~CanaryCanaryCanaryCanaryCanaryCanaryCanaryCanaryCanaryCanaryCanaryCa"

var now = time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)

// at is a moment some days and hours after now.
func at(days, hours int) time.Time {
	return now.AddDate(0, 0, days).Add(time.Duration(hours) * time.Hour)
}

// full is every fact there is.
func full() Facts {
	return Facts{
		Occasion: "req_7/4", Now: now, Code: "REQ-0142", Title: "Plot lake temperatures",
		Requester: "Maya Chen", Sponsor: "Ana Ruiz", By: "Dana Ortiz", Course: "BIO 201",
		DataKinds: []string{"grades"},
		Reason:    "The lab server is shared.\nAsk Ben for an own account first.", Alternative: "Use the data export of BIO 201.",
		AnswerBy: at(12, 0), ReviewBy: at(7, 0), CollectBy: at(15, 0), ActivateBy: at(8, 0), EndsAt: at(14, 0),
		LastUsedAt: at(-1, 0), At: at(0, -2), Days: 14, Waiting: 3, Overdue: 1, Tokens: 12, People: 9,
		Rows: []WaitingRow{
			{Code: "REQ-0139", Title: "Grade sync for CHEM 110", Days: 6, Overdue: true},
			{Code: "REQ-0142", Title: "Plot lake temperatures", Days: 1},
			{Code: "REQ-0143", Title: "Attendance bot", Days: 0},
		},
		Link:         "https://canvas.example.edu/courses/201/external_tools/9?display=borderless",
		SettingsLink: "https://canvas.example.edu/profile/settings", Contact: "canvas-help@example.edu",
	}
}

func person(as Audience) Recipient {
	return Recipient{CanvasUserID: "42", Name: "Maya Chen", Email: "maya@example.edu", Locale: "en", TimeZone: "America/Denver", As: as}
}

func composer(t *testing.T, opts ...text.Option) (*Composer, *text.Catalogue) {
	t.Helper()
	catalogue, err := text.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewComposer(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	return c, catalogue
}

// foundRows are tokens that were made outside the tool.
func foundRows(f *Facts) {
	f.Code, f.Waiting = "", 2
	f.Rows = []WaitingRow{{Title: "grade export script"}, {Title: "Panda Planner"}}
}

// cases lists every message, with the facts of each of its variants.
func cases() map[string]struct {
	kind  Kind
	as    Audience
	facts Facts
} {
	out := map[string]struct {
		kind  Kind
		as    Audience
		facts Facts
	}{}
	noCourse := map[string]func(*Facts){"no_course": func(f *Facts) { f.Course = "" }}
	byWhom := map[string]func(*Facts){
		"by_owner":  func(f *Facts) { f.By, f.ByOwner = "Maya Chen", true },
		"by_intake": func(f *Facts) { f.By = "" },
	}
	variants := map[Kind]map[string]func(*Facts){
		AskedToSponsor: noCourse, SponsorReminder: noCourse, SponsorNeeded: noCourse, AskedToTakeOver: noCourse, CourseOver: noCourse,
		SponsorGone: {
			"by_rule":      func(f *Facts) { f.Case, f.Reason = "rule", "" },
			"not_recorded": func(f *Facts) { f.Sponsor, f.By, f.Case, f.Reason = "", "", "not_recorded", "" },
		},
		Denied:    {"removed": func(f *Facts) { f.Reason, f.ReasonRemoved, f.Alternative, f.AlternativeRemoved = "", true, "", true }},
		Lapsed:    {"uncollected": func(f *Facts) { f.NotCollected = true }, "kept": func(f *Facts) { f.Kept = true }},
		FoundTold: {"found": foundRows}, FoundRemoved: {"found": foundRows}, KeepProposed: {"found": foundRows}, AllowOver: {"found": foundRows},
		SharedAgain:      {"replaced": func(f *Facts) { f.Replaced = true }},
		StillUsable:      {"listed": func(f *Facts) { f.Listed = true }},
		ReviewersWaiting: {"none_overdue": func(f *Facts) { f.Waiting, f.Overdue, f.Rows = 1, 0, f.Rows[1:2] }},
		Revoked: {
			"by_owner":    func(f *Facts) { f.By, f.ByOwner, f.Reason = "Maya Chen", true, "" },
			"by_rule":     func(f *Facts) { f.By, f.Reason = "", "Not used for 90 days." },
			"in_canvas":   func(f *Facts) { f.By, f.Reason, f.Case = "", "", "in_canvas" },
			"superseded":  func(f *Facts) { f.By, f.Reason, f.Case = "", "", "superseded" },
			"no_sponsor":  func(f *Facts) { f.By, f.Reason, f.Case = "", "", "no_sponsor" },
			"owner_left":  func(f *Facts) { f.By, f.Reason, f.Case = "", "", "owner_left" },
			"course_over": func(f *Facts) { f.By, f.Reason, f.Case = "", "", "course_over" },
			"duties":      func(f *Facts) { f.By, f.Reason, f.Case = "", "", "duties" },
		},
		Drifted: {
			"stuck":     func(f *Facts) { f.Case = "stuck" },
			"shortened": func(f *Facts) { f.Case = "shortened" },
		},
		LeakReported: byWhom, LeakOfEnded: byWhom, LeakDeleted: byWhom,
		MassDone: {"before": func(f *Facts) { f.Before = 1 }},
		EndingSoon: {"tomorrow": func(f *Facts) { f.Days, f.EndsAt, f.LastUsedAt = 1, at(1, 0), time.Time{} },
			"course_over": func(f *Facts) { f.Case = "course_over" }},
	}
	for kind, audiences := range letters {
		for as := range audiences {
			name := string(kind) + "." + string(as)
			add := func(name string, change func(*Facts)) {
				f := full()
				change(&f)
				out[name] = struct {
					kind  Kind
					as    Audience
					facts Facts
				}{kind, as, f}
			}
			add(name, func(*Facts) {})
			for v, change := range variants[kind] {
				add(name+"."+v, change)
			}
		}
	}
	return out
}

// banned is what the words of messages never hold (their voice), beside what
// the catalogue's own test bans.
var banned = []string{" scope", "grant", " mint", "tenant", "workflow", " SLA", " tier", " key ", "…", "<no value>", "%!"}

func TestEveryMessageAgainstItsGolden(t *testing.T) {
	t.Parallel()
	c, catalogue := composer(t)
	parts := map[string]string{} // every part of every message, by its golden file
	for name, tc := range cases() {
		m, err := c.Compose(tc.kind, tc.facts, person(tc.as))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for ext, got := range map[string]string{".txt": "Subject: " + m.Subject + "\n\n" + m.Text, ".html": m.HTML, ".ics": string(m.ICS)} {
			// A part that a message does not have is no file: one that it lost
			// leaves its golden file behind, which is found below.
			if got != "" {
				parts[filepath.Join("testdata", name+ext)] = got
			}
		}
		if n := utf8.RuneCountInString(m.Subject); n > SubjectMax || n == 0 {
			t.Errorf("%s: the subject has %d characters: %s", name, n, m.Subject)
		}
		for _, word := range banned {
			if strings.Contains(m.Subject+"\n"+m.Text, word) {
				t.Errorf("%s holds %q", name, word)
			}
		}
		if !strings.HasSuffix(strings.TrimSpace(m.Text), "Message "+m.Reference()) {
			t.Errorf("%s does not end with its reference", name)
		}
	}
	for file, got := range parts {
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != got {
			t.Errorf("%s differs from its golden file (go test -update writes it): %v\n%s", file, err, got)
		}
	}
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if parts[f] == "" {
			t.Errorf("%s is the golden file of nothing that a message has", f)
		}
	}
	if missing := catalogue.Missing(); len(missing) > 0 {
		t.Errorf("the catalogue misses: %q", missing)
	}
}

func TestEveryKindHasALetterAndEveryMessageIsUsed(t *testing.T) {
	t.Parallel()
	kinds := []Kind{
		AskedToSponsor, SponsorReminder, SponsorSaidYes, SponsorSaidNo, SponsorNeeded, SponsorLeft, ReviewersWaiting, Approved, CollectReminder,
		Denied, Rescinded, Withdrawn, Lapsed, ActivateReminder, NeverActivated, SharedAgain, EndingSoon, Expired, Revoked, StillUsable, Drifted, Altered,
		SponsorGone, AskedToTakeOver, TookOver, TurnedDown, Retiring, CourseOver,
		FoundTold, KeepProposed, Adopted, FoundRemoved, FoundOverdue, AllowOver,
		LeakReported, LeakOfEnded, LeakDeleted, LeakCleared, Frozen, Thawed,
		MassRevoked, MassDone,
	}
	if got := slices.Sorted(maps.Keys(letters)); !slices.Equal(got, slices.Sorted(slices.Values(kinds))) {
		t.Errorf("letters are %q", got)
	}
	_, catalogue := composer(t)
	for _, id := range catalogue.IDs() {
		parts := strings.Split(id, ".")
		if parts[0] != "mail" || len(parts) < 3 || slices.Contains([]string{"label", "value", "link", "why"}, parts[1]) {
			continue
		}
		audiences := letters[Kind(parts[1])]
		if audiences == nil {
			t.Errorf("%s belongs to no kind", id)
		}
		if _, ok := audiences[Audience(parts[2])]; len(parts) == 4 && !ok {
			t.Errorf("%s belongs to no audience", id)
		}
	}
}

// TestHTMLIsSound parses every HTML part: no tables, scripts, images, classes
// or unexpected elements, and the text says what the plain part says.
func TestHTMLIsSound(t *testing.T) {
	t.Parallel()
	c, _ := composer(t)
	allowed := []string{"html", "head", "meta", "title", "body", "p", "ul", "ol", "li", "strong", "bdi", "blockquote", "br", "a", "hr"}
	for name, tc := range cases() {
		m, err := c.Compose(tc.kind, tc.facts, person(tc.as))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := html.Parse(strings.NewReader(m.HTML))
		if err != nil {
			t.Fatal(err)
		}
		var words strings.Builder
		for n := range doc.Descendants() {
			switch {
			case n.Type == html.TextNode && n.Parent.Data != "title":
				words.WriteString(n.Data + " ")
			case n.Type == html.ElementNode && !slices.Contains(allowed, n.Data):
				t.Errorf("%s has an element %s", name, n.Data)
			case n.Type == html.ElementNode && n.Data == "html":
				if len(n.Attr) != 2 || n.Attr[0].Val != "en" || n.Attr[1].Val != "ltr" {
					t.Errorf("%s: html has %v", name, n.Attr)
				}
			case n.Type == html.ElementNode && n.Data == "a":
				if href := n.Attr[0].Val; href != tc.facts.Link && href != tc.facts.SettingsLink {
					t.Errorf("%s links to %s", name, href)
				}
			}
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		for line := range strings.Lines(m.Text) {
			line = strings.TrimSpace(strings.TrimLeft(line, "->123. "))
			line = strings.TrimSuffix(line, ":")
			if line == tc.facts.Link || line == tc.facts.SettingsLink {
				continue
			}
			if !strings.Contains(squeeze(words.String()), squeeze(line)) {
				t.Errorf("%s: the HTML does not say %q", name, line)
			}
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	c, _ := composer(t)
	for name, tc := range map[string]struct {
		kind   Kind
		as     Audience
		change func(*Facts, *Recipient)
		want   string
	}{
		"an unknown kind":                     {"shouted", AsSponsor, nil, "no such message"},
		"an audience that never gets it":      {SponsorSaidNo, AsSponsor, nil, "no such message"},
		"no audience":                         {Approved, "", nil, "no such message"},
		"no occasion":                         {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Occasion = "" }, "occasion"},
		"no person":                           {Approved, AsRequester, func(_ *Facts, r *Recipient) { r.CanvasUserID = "" }, "person"},
		"no time":                             {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Now = time.Time{} }, "time"},
		"no code":                             {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Code = "" }, "Code"},
		"no title":                            {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Title = "" }, "Title"},
		"nobody who decided":                  {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.By = "" }, "By"},
		"no day to collect by":                {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.CollectBy = time.Time{} }, "CollectBy"},
		"no end":                              {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.EndsAt = time.Time{} }, "the end"},
		"a denial without a reason":           {Denied, AsRequester, func(f *Facts, _ *Recipient) { f.Reason = "" }, "Reason"},
		"a reason of nothing but space":       {SponsorSaidNo, AsRequester, func(f *Facts, _ *Recipient) { f.Reason = " \n\u202e" }, "Reason"},
		"no data":                             {AskedToSponsor, AsSponsor, func(f *Facts, _ *Recipient) { f.DataKinds = nil }, "the data"},
		"no days":                             {EndingSoon, AsRequester, func(f *Facts, _ *Recipient) { f.Days = 0 }, "Count"},
		"a digest of nothing":                 {ReviewersWaiting, AsReviewer, func(f *Facts, _ *Recipient) { f.Waiting = 0 }, "Waiting"},
		"no link":                             {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Link = "" }, "none is given"},
		"no link to the settings":             {ActivateReminder, AsRequester, func(f *Facts, _ *Recipient) { f.SettingsLink = "" }, "none is given"},
		"a link that is not encrypted":        {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Link = "http://canvas.example.edu/" }, "not https"},
		"a link that is a script":             {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Link = "javascript:alert(1)" }, "not an address"},
		"a link with a name and a password":   {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Link = "https://a:b@canvas.example.edu/" }, "not an address"},
		"a link with a line break":            {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Link = "https://canvas.example.edu/\r\nx" }, "not an address"},
		"a link with a session":               {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Link = "https://tool.example.edu/?tool_session=abc" }, "secret"},
		"a link with a token":                 {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Link = "https://tool.example.edu/?t=" + canary }, "secret"},
		"a link without a host":               {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.Link = "https:///x" }, "not an address"},
		"several things at once are all said": {Approved, AsRequester, func(f *Facts, _ *Recipient) { f.By, f.Title = "", "" }, "By, Title"},
	} {
		f, r := full(), person(tc.as)
		if tc.change != nil {
			tc.change(&f, &r)
		}
		m, err := c.Compose(tc.kind, f, r)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: err = %v, want it to say %q", name, err, tc.want)
		}
		if m.Subject != "" || m.Text != "" {
			t.Errorf("%s: a message beside an error", name)
		}
	}
	// What a school added is said in its own words, and nothing is said of what
	// nobody had to answer.
	for name, tt := range map[string]struct {
		change func(f *Facts)
		says   string
		not    string
	}{
		"an added kind": {func(f *Facts) {
			f.DataKinds, f.DataWords = []string{"own", "health", "gone"}, map[string]Words{"health": {"en": "Health records", "es": "Salud"}}
		}, "; Health records", "gone"},
		"nothing to tell": {func(f *Facts) { f.DataKinds, f.DataUntold = nil, true }, "Plot lake", "Data"},
	} {
		f := full()
		tt.change(&f)
		m, err := c.Compose(AskedToSponsor, f, person(AsSponsor))
		if err != nil || !strings.Contains(m.Text, tt.says) || strings.Contains(m.Text, tt.not) {
			t.Errorf("%s: %v\n%s", name, err, m.Text)
		}
	}
	f := full()
	f.Link = "http://tool.localhost:8080/go/REQ-0142"
	if _, err := c.Compose(Approved, f, person(AsRequester)); err != nil {
		t.Errorf("a link to this machine is refused: %v", err)
	}
}

func TestWhatPeopleWroteIsHarmless(t *testing.T) {
	t.Parallel()
	c, _ := composer(t)
	hostile := "Eve\r\nBcc: all@example.edu\u202e\u2066\x00<script>alert(1)</script>\u2028{{.Code}}"
	for name, tc := range cases() {
		f, r := tc.facts, person(tc.as)
		for _, s := range []*string{&f.Title, &f.Requester, &f.Sponsor, &f.By, &f.Course, &f.Reason, &f.Alternative, &f.Contact, &r.Name} {
			if *s != "" {
				*s = hostile
			}
		}
		for i := range f.Rows {
			f.Rows[i].Title = hostile
		}
		m, err := c.Compose(tc.kind, f, r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.ContainsAny(m.Subject+m.To.Name, "\r\n\x00\u202e\u2066\u2028") {
			t.Errorf("%s: subject or name hold control characters: %q, %q", name, m.Subject, m.To.Name)
		}
		if strings.ContainsAny(m.Text+m.HTML, "\r\x00\u202e\u2066\u2028") {
			t.Errorf("%s: the body holds control characters", name)
		}
		if strings.Contains(m.HTML, "<script") {
			t.Errorf("%s: markup came through: %s", name, m.HTML)
		}
		for line := range strings.Lines(m.Text) {
			if strings.HasPrefix(line, "Bcc:") {
				t.Errorf("%s: a line of the body was made by a name: %q", name, line)
			}
		}
		if strings.Count(string(m.ICS), "BEGIN:") > 2 || strings.Contains(string(m.ICS), "\nBcc") {
			t.Errorf("%s: the calendar file holds lines that a title made: %q", name, m.ICS)
		}
	}
}

func TestNoTokenGoesOut(t *testing.T) {
	t.Parallel()
	c, _ := composer(t)
	for name, tc := range cases() {
		f, r := tc.facts, person(tc.as)
		for _, s := range []*string{&f.Code, &f.Title, &f.Requester, &f.Sponsor, &f.By, &f.Course, &f.Reason, &f.Alternative, &f.Contact, &f.Team, &r.Name} {
			if *s != "" {
				*s = "see " + canary + " ok"
			}
		}
		for i := range f.Rows {
			f.Rows[i].Title, f.Rows[i].Code = canary, canary
		}
		m, err := c.Compose(tc.kind, f, r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for what, out := range map[string]string{"subject": m.Subject, "text": m.Text, "HTML": m.HTML, "calendar": string(m.ICS), "name": m.To.Name} {
			if strings.Contains(strings.ReplaceAll(out, "\r\n ", ""), "CanaryCanary") {
				t.Errorf("%s: the %s holds a token: %s", name, what, out)
			}
		}
	}
	// A value behind a shard's number is one from 40 characters on, and of one
	// that ends beyond the limit no piece stays; digests are no values.
	const commit = "3f786850e387550fdab836ed7e6dc881de23001b"
	f, r := full(), person(AsRequester)
	f.Reason = "7~" + canary[3:43] + " was in commit " + commit
	f.Alternative = strings.Repeat("é", quoteMax-30) + " " + canary
	m, err := c.Compose(Denied, f, r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(m.Text, "Canary") || !strings.Contains(strings.Join(strings.Fields(m.Text), " "), "[removed] was in commit "+commit) {
		t.Errorf("the letter quotes %s", m.Text)
	}
	var holds func(reflect.Type) bool
	holds = func(rt reflect.Type) bool {
		switch rt.Kind() {
		case reflect.Struct:
			if rt == reflect.TypeFor[secret.Text]() {
				return true
			}
			if rt == reflect.TypeFor[time.Time]() {
				return false
			}
			for i := range rt.NumField() {
				if holds(rt.Field(i).Type) {
					return true
				}
			}
		case reflect.Slice, reflect.Pointer, reflect.Map:
			return holds(rt.Elem())
		case reflect.Interface:
			return true
		}
		return false
	}
	for _, v := range []any{Facts{}, Message{}, Recipient{}} {
		if holds(reflect.TypeOf(v)) {
			t.Errorf("%T has a place for a secret", v)
		}
	}
	if !holds(reflect.TypeFor[struct{ T []secret.Text }]()) {
		t.Error("the check for places of secrets finds none")
	}
}

func TestSubjectsFit(t *testing.T) {
	t.Parallel()
	c, _ := composer(t, text.WithPseudo())
	for name, tc := range map[string]struct {
		requester, code, want string
	}{
		"a short name":           {"Maya Chen", "REQ-0142", "Maya Chen asks you to sponsor an API token (REQ-0142)"},
		"a long name":            {"Maximiliana Featherstonehaugh-Cholmondeley", "REQ-0142", "Maximiliana Fea… asks you to sponsor an API token (REQ-0142)"},
		"a long name, non-Latin": {strings.Repeat("瑞", 80), "REQ-0142", strings.Repeat("瑞", 15) + "… asks you to sponsor an API token (REQ-0142)"},
		"a long code":            {"Maximiliana Featherstonehaugh", "REQ-01234567890123", "Maximiliana… asks you to sponsor an AP… (REQ-01234567890123)"},
	} {
		f := full()
		f.Requester, f.Code = tc.requester, tc.code
		m, err := c.Compose(AskedToSponsor, f, person(AsSponsor))
		if err != nil || m.Subject != tc.want {
			t.Errorf("%s: %q (%d), %v; want %q", name, m.Subject, utf8.RuneCountInString(m.Subject), err, tc.want)
		}
	}
	for _, locale := range []string{"en-XA", "ar-XB"} {
		for name, tc := range cases() {
			r := person(tc.as)
			r.Locale = locale
			m, err := c.Compose(tc.kind, tc.facts, r)
			if err != nil {
				t.Errorf("%s in %s: %v", name, locale, err)
				continue
			}
			if n := utf8.RuneCountInString(m.Subject); n > SubjectMax {
				t.Errorf("%s in %s: subject of %d characters", name, locale, n)
			}
			if letters[tc.kind][tc.as].code && !strings.Contains(m.Subject, "REQ-0142") {
				t.Errorf("%s in %s: the code was cut: %s", name, locale, m.Subject)
			}
		}
	}
}

func TestKeysAndReferences(t *testing.T) {
	t.Parallel()
	c, _ := composer(t)
	compose := func(change func(*Facts, *Recipient), k Kind) Message {
		f, r := full(), person(AsRequester)
		change(&f, &r)
		m, err := c.Compose(k, f, r)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := compose(func(*Facts, *Recipient) {}, Approved)
	later := compose(func(f *Facts, _ *Recipient) { f.Now = at(3, 0) }, Approved)
	if first.Key != "req_7/4/approved/42" || later.Key != first.Key || later.Reference() != first.Reference() {
		t.Errorf("the same step later has key %q and reference %q; first %q and %q", later.Key, later.Reference(), first.Key, first.Reference())
	}
	seen := map[string]string{first.Reference(): "first"}
	for name, m := range map[string]Message{
		"another step":   compose(func(f *Facts, _ *Recipient) { f.Occasion = "req_7/5" }, Approved),
		"another person": compose(func(_ *Facts, r *Recipient) { r.CanvasUserID = "43" }, Approved),
		"another kind":   compose(func(*Facts, *Recipient) {}, CollectReminder),
	} {
		if other := seen[m.Reference()]; other != "" {
			t.Errorf("%s has the reference of %s", name, other)
		}
		seen[m.Reference()] = name
	}
}

func TestTheSchoolsWordsAreUsed(t *testing.T) {
	t.Parallel()
	c, _ := composer(t)
	f := full()
	f.Team = "Learning Systems"
	m, err := c.Compose(SponsorSaidYes, f, person(AsRequester))
	if err != nil || !strings.Contains(m.Text, "Next, the Learning Systems looks at it.") || strings.Contains(m.Text, "Canvas team") {
		t.Errorf("%v: %s", err, m.Text)
	}
	f.Contact = ""
	m, err = c.Compose(SponsorSaidYes, f, person(AsRequester))
	if err != nil || strings.Contains(m.Text, "Questions:") {
		t.Errorf("a contact that is not set is named: %v: %s", err, m.Text)
	}
}

func TestCalendarFile(t *testing.T) {
	t.Parallel()
	c, _ := composer(t)
	// Who is told that a token ends soon gets its end for the calendar, and
	// nobody else does.
	var with []string
	for name, tc := range cases() {
		m, err := c.Compose(tc.kind, tc.facts, person(tc.as))
		if err != nil {
			t.Fatal(err)
		}
		if len(m.ICS) > 0 {
			with = append(with, name)
		}
	}
	slices.Sort(with)
	if want := []string{"ending_soon.requester", "ending_soon.requester.course_over", "ending_soon.requester.tomorrow", "ending_soon.sponsor", "ending_soon.sponsor.course_over", "ending_soon.sponsor.tomorrow"}; !slices.Equal(with, want) {
		t.Errorf("%q have a calendar file, not %q", with, want)
	}
	f := full()
	f.Title = "Lakes; rivers, and " + strings.Repeat("größere Gewässer ", 10)
	m, err := c.Compose(EndingSoon, f, person(AsRequester))
	if err != nil {
		t.Fatal(err)
	}
	file := string(m.ICS)
	for line := range strings.SplitSeq(strings.TrimSuffix(file, "\r\n"), "\r\n") {
		if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
			t.Errorf("line %q", line)
		}
	}
	unfolded := strings.ReplaceAll(file, "\r\n ", "")
	for _, want := range []string{"DTSTART:20261204T160000Z\r\n", "SUMMARY:Your API token ends (REQ-0142)\r\n", `DESCRIPTION:Lakes\; rivers\, and größere`, "URL:" + f.Link + "\r\n"} {
		if !strings.Contains(unfolded, want) {
			t.Errorf("the file lacks %q:\n%s", want, unfolded)
		}
	}
	f.Occasion, f.EndsAt, f.Days = "grt_9/8", at(7, 0), 7
	later, err := c.Compose(EndingSoon, f, person(AsRequester))
	if err != nil {
		t.Fatal(err)
	}
	uid := func(m Message) string {
		_, after, _ := strings.Cut(string(m.ICS), "UID:")
		return strings.SplitN(after, "\r\n", 2)[0]
	}
	if uid(m) == "" || uid(later) != uid(m) {
		t.Errorf("a later file does not replace the entry: %s, %s", uid(m), uid(later))
	}
}
