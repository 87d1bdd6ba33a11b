package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/lti"
)

func launchWith(deployment, back string) lti.Launch {
	return lti.Launch{DeploymentID: deployment, ReturnURL: back}
}

// posted is a visit whose form has these fields.
func posted(t testing.TB, fields url.Values) *visit {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/requests", strings.NewReader(fields.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, err := readForm(r); err != nil {
		t.Fatal(err)
	}
	return &visit{r: r, words: printer(t, "en", "America/Denver"), sess: Session{Caller: access.Caller{TimeZone: "America/Denver"}, Locale: "en"}}
}

func TestReadFormRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		kind, body string
		want       error
	}{
		"a good form":              {"application/x-www-form-urlencoded", "a=1&pick=x&pick=y&tool_session=A&tool_session=A", nil},
		"a form with its charset":  {"application/x-www-form-urlencoded; charset=utf-8", "a=1", nil},
		"a field that comes twice": {"application/x-www-form-urlencoded", "end=2026-12-12&end=2027-12-12", errForm},
		"JSON":                     {"application/json", `{"a":1}`, errForm},
		"multipart":                {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--", errForm},
		"plain text":               {"text/plain", "a=1", errForm},
		"no type":                  {"", "a=1", errForm},
		"broken escapes":           {"application/x-www-form-urlencoded", "a=%zz", errForm},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tc.body))
		r.Header.Set("Content-Type", tc.kind)
		if _, err := readForm(r); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("é", 2001)
	v := posted(t, url.Values{
		"purpose": {"coursework"}, "build": {"  first\r\nsecond\x00 "}, "maker": {"company"}, "maker_name": {"Acme\u202e Inc"},
		"maker_link": {"https://acme.example"}, "ai": {"yes"}, "ai_service": {"X"}, "ai_data": {long}, "data": {"own", "grades", "own", ""},
		"storage": {"chat"}, "end": {"12 Dec 2026"}, "sponsor": {"77"}, "accepted": {"1"},
	})
	qs := policy.BuiltIn().Questions
	got, _, err := v.answers(qs)
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
	if got, _, err := v.answers(qs); err != nil || got.Text("end") != "some day" || got.Has("accepted", access.Accepted) {
		t.Errorf("what is no date is lost: %+v", got)
	}
	v = posted(t, url.Values{"end": {"3/4/2027"}})
	if got, end, err := v.answers(qs); err != nil || got.Text("end") != "3/4/2027" || end.Other.IsZero() {
		t.Errorf("a date with two readings was taken for one: %+v", got)
	}
}

// Of the request form a field may come twice where its question takes several
// answers, and nowhere else.
func TestAnswersThatComeTwice(t *testing.T) {
	qs := policy.BuiltIn().Questions
	for name, want := range map[string]error{"data": nil, "purpose": errForm, "build": errForm, "maker_link": errForm, "end": errForm, "sponsor": errForm, "accepted": errForm} {
		if _, _, err := posted(t, url.Values{name: {"own", "content"}}).answers(qs); !errors.Is(err, want) {
			t.Errorf("%s twice: %v, want %v", name, err, want)
		}
	}
	for _, path := range []string{"/requests", "/requests/keep"} {
		for _, name := range policy.Reserved {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(url.Values{name: {"x", "y"}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if _, err := readForm(r); (err != nil) == (name == session.Field) {
				t.Errorf("%s twice at %s: %v", name, path, err)
			}
		}
	}
	var many []string
	for i := range 1000 {
		many = append(many, strings.Repeat("x", i%60+1)+string(rune('a'+i%26)))
	}
	if a, _, err := posted(t, url.Values{"data": many}).answers(qs); err != nil || len(a.All("data")) != 6 {
		t.Errorf("%d answers to a question with five options, %v", len(a.All("data")), err)
	}
	// What nobody asks is not read, and never a question's answer.
	a, _, err := posted(t, url.Values{"how_much": {"x", "y"}, "build": {"z"}}).answers(qs)
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
		in, got, err := posted(t, fields).panel(do)
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
		"no date":                 {url.Values{"end": {"soon"}}, codeUnreadable},
		"a date of two readings":  {url.Values{"end": {"3/4/2027"}}, codeAmbiguous},
		"a reason beyond measure": {url.Values{"reason": {strings.Repeat("x", access.MaxNote+1)}}, "too_long"},
	} {
		in, _, err := posted(t, tc.fields).panel(access.Approve)
		var wrong *access.FormError
		if !errors.As(err, &wrong) || wrong.Fields[0].Code != tc.code {
			t.Errorf("%s: %v", name, err)
		}
		if in.End != tc.fields.Get("end") || in.Reason != tc.fields.Get("reason") {
			t.Errorf("%s: what was typed is lost", name)
		}
	}
}

func TestRetryFieldsLeaveTheHandleOut(t *testing.T) {
	got := retryFields(url.Values{"tool_session": {"SECRET"}, "b": {"2"}, "a": {"1"}, "data": {"x", "y"}})
	want := []RetryField{{"a", "1"}, {"b", "2"}, {"data", "x"}, {"data", "y"}}
	if !slices.Equal(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
	many := url.Values{}
	for i := range 2 * retryMax {
		many.Add("data", strings.Repeat("x", i))
	}
	if n := len(retryFields(many)); n != retryMax {
		t.Errorf("%d fields are repeated", n)
	}
}

// Before a launch, the language is the first that the browser asks for.
func TestLanguageBeforeALaunch(t *testing.T) {
	for asked, want := range map[string]string{"es-ES, en;q=0.8": "es-ES", " de;q=0.9,en": "de", "fr": "fr", "": "", ",": "", "*": "*"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Language", asked)
		if got := preferred(r); got != want {
			t.Errorf("%q asks for %q, want %q", asked, got, want)
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
		if _, err := readForm(r); err != nil {
			return
		}
		v := &visit{r: r, words: printer(t, "en", ""), sess: Session{}}
		a, _, _ := v.answers(policy.BuiltIn().Questions)
		for _, values := range a {
			if strings.ContainsAny(strings.Join(values, ""), "\x00\x1b\u202e") {
				t.Fatalf("%q came through uncleaned: %+v", body, a)
			}
		}
		_, _, _ = v.panel(access.Deny)
	})
}

// TestLinksThatOnlyCanvasHas are made of what only Canvas writes: other
// platforms number their deployments, and have no such page.
func TestLinksThatOnlyCanvasHas(t *testing.T) {
	reg := lti.Registration{FrameOrigins: []string{"https://lms.example.edu"}, Deployments: []lti.Deployment{{ID: "1", Root: true}}}
	if to := ownAddress(reg, "1"); to != "" {
		t.Errorf("a platform that is not Canvas: %s", to)
	}
	reg.Deployments[0].ID = "1:abc"
	if to := ownAddress(reg, "1:abc"); to != "https://lms.example.edu/users/self/external_tools/1?placement=user_navigation&display=borderless" {
		t.Errorf("Canvas: %q", to)
	}
}
