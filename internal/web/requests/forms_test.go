package requests

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/ui"
)

func printer(t testing.TB, zone string) *text.Printer {
	t.Helper()
	c, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	return c.For("en", zone)
}

// posted is a visit whose form has these fields.
func posted(t testing.TB, fields url.Values) *ui.Visit {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/requests", strings.NewReader(fields.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, err := ui.ReadForm(r); err != nil {
		t.Fatal(err)
	}
	return &ui.Visit{R: r, Words: printer(t, "America/Denver"), Session: ui.Session{Caller: access.Caller{TimeZone: "America/Denver"}, Locale: "en"}}
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("é", 2001)
	v := posted(t, url.Values{
		"purpose": {"coursework"}, "build": {"  first\r\nsecond\x00 "}, "maker": {"company"}, "maker_name": {"Acme\u202e Inc"},
		"maker_link": {"https://acme.example"}, "ai": {"yes"}, "ai_service": {"X"}, "ai_data": {long}, "data": {"own", "grades", "own", ""},
		"storage": {"chat"}, "end": {"12 Dec 2026"}, "sponsor": {"77"}, "accepted": {"1"},
	})
	qs := policy.BuiltIn().Questions
	got, _, err := readAnswers(v, qs)
	if err != nil {
		t.Fatal(err)
	}
	want := access.Answers{
		"purpose": {"coursework"}, "build": {"first\nsecond"}, "maker": {"company"}, "maker_name": {"Acme Inc"}, "maker_link": {"https://acme.example"},
		"ai": {"yes"}, "ai_service": {"X"}, "ai_data": {long}, "data": {"own", "grades"}, "storage": {"chat"}, "end": {"2026-12-12"},
		"sponsor": {"77"}, "accepted": {access.Accepted},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("answers:\n got %+v\nwant %+v", got, want)
	}
	v = posted(t, url.Values{"end": {"some day"}})
	if got, _, err := readAnswers(v, qs); err != nil || got.Text("end") != "some day" || got.Has("accepted", access.Accepted) {
		t.Errorf("what is no date is lost: %+v", got)
	}
	v = posted(t, url.Values{"end": {"3/4/2027"}})
	if got, end, err := readAnswers(v, qs); err != nil || got.Text("end") != "3/4/2027" || end.Other.IsZero() {
		t.Errorf("a date with two readings was taken for one: %+v", got)
	}
}

// Of the request form a field may come twice where its question takes several
// answers, and nowhere else.
func TestAnswersThatComeTwice(t *testing.T) {
	qs := policy.BuiltIn().Questions
	for name, want := range map[string]error{"data": nil, "purpose": ui.ErrForm, "build": ui.ErrForm, "maker_link": ui.ErrForm, "end": ui.ErrForm, "sponsor": ui.ErrForm, "accepted": ui.ErrForm} {
		if _, _, err := readAnswers(posted(t, url.Values{name: {"own", "content"}}), qs); !errors.Is(err, want) {
			t.Errorf("%s twice: %v, want %v", name, err, want)
		}
	}
	for _, path := range []string{"/requests", "/requests/keep"} {
		for _, name := range policy.Reserved {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(url.Values{name: {"x", "y"}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if _, err := ui.ReadForm(r); (err != nil) == (name == session.Field) {
				t.Errorf("%s twice at %s: %v", name, path, err)
			}
		}
	}
	var many []string
	for i := range 1000 {
		many = append(many, strings.Repeat("x", i%60+1)+string(rune('a'+i%26)))
	}
	if a, _, err := readAnswers(posted(t, url.Values{"data": many}), qs); err != nil || len(a.All("data")) != 6 {
		t.Errorf("%d answers to a question with five options, %v", len(a.All("data")), err)
	}
	// What nobody asks is not read, and never a question's answer.
	a, _, err := readAnswers(posted(t, url.Values{"how_much": {"x", "y"}, "build": {"z"}}), qs)
	if err != nil || !a.Equal(access.Answers{"build": {"z"}}) {
		t.Errorf("%v, %v", a, err)
	}
}

func TestPanel(t *testing.T) {
	fields := url.Values{
		"end": {"2026-12-01"}, "reason": {"because"}, "conditions": {"only read"}, "alternative": {"export"}, "alternative_text": {"as CSV"},
	}
	denver, err := time.LoadLocation("America/Denver")
	if err != nil {
		t.Fatal(err)
	}
	end := time.Date(2026, 12, 1, 23, 59, 59, 0, denver)
	for do, want := range map[access.Action]access.Move{
		access.Endorse:  {Note: "because", End: end},
		access.Decline:  {Reason: "because", Alternative: "export", AltText: "as CSV"},
		access.Approve:  {Reason: "because", Conditions: "only read", End: end},
		access.Deny:     {Reason: "because", Alternative: "export", AltText: "as CSV"},
		access.Rescind:  {Reason: "because", Alternative: "export", AltText: "as CSV"},
		access.Withdraw: {},
		access.Claim:    {},
		access.Release:  {},
	} {
		in, got, err := readPanel(posted(t, fields), do)
		if err != nil || !got.End.Equal(want.End) {
			t.Errorf("%s: %+v, %v", do, got, err)
		}
		got.End, want.End = time.Time{}, time.Time{}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", do, got, want)
		}
		if in.Do != do || in.End != "2026-12-01" || in.Reason != "because" || in.Conditions != "only read" || in.Alternative != "export" || in.AltText != "as CSV" {
			t.Errorf("%s: what was typed is lost: %+v", do, in)
		}
	}
	for name, tc := range map[string]struct {
		fields url.Values
		code   string
	}{
		"no date":                 {url.Values{"end": {"soon"}}, ui.CodeUnreadable},
		"a date of two readings":  {url.Values{"end": {"3/4/2027"}}, ui.CodeAmbiguous},
		"a reason beyond measure": {url.Values{"reason": {strings.Repeat("x", access.MaxNote+1)}}, "too_long"},
	} {
		in, _, err := readPanel(posted(t, tc.fields), access.Approve)
		var wrong *access.FormError
		if !errors.As(err, &wrong) || wrong.Fields[0].Code != tc.code {
			t.Errorf("%s: %v", name, err)
		}
		if in.End != tc.fields.Get("end") || in.Reason != tc.fields.Get("reason") {
			t.Errorf("%s: what was typed is lost", name)
		}
	}
}

func FuzzReadForm(f *testing.F) {
	for _, s := range []string{"a=1", "data=x&data=y", "%", "a=%00&b=%ff", "tool_session=A;x=1", strings.Repeat("data=a&", 500), "build=a&build=b&data=own", "data=a&data=b&data=c&data=d&data=e&data=f&data=g&purpose=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/requests", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if _, err := ui.ReadForm(r); err != nil {
			return
		}
		v := &ui.Visit{R: r, Words: printer(t, ""), Session: ui.Session{}}
		a, _, _ := readAnswers(v, policy.BuiltIn().Questions)
		for _, values := range a {
			if strings.ContainsAny(strings.Join(values, ""), "\x00\x1b\u202e") {
				t.Fatalf("%q came through uncleaned: %+v", body, a)
			}
		}
		_, _, _ = readPanel(v, access.Deny)
	})
}
