package canvas_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

const sendRoute = "POST /api/v1/conversations"

func TestSendMessage(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]http.Handler{sendRoute: reply{status: 201, body: `[{"id":"900","subject":"Hello","workflow_state":"read"}]`}})
	id, err := s.client().SendMessage(t.Context(), canvas.Message{To: "42", Subject: "Hello", Body: "Text", Context: "account_1"})
	if err != nil || id != "900" {
		t.Fatalf("SendMessage = %q, %v", id, err)
	}
	want := map[string]any{
		"recipients": []any{"42"}, "subject": "Hello", "body": "Text", "force_new": true,
		"group_conversation": false, "mode": "sync", "context_code": "account_1",
	}
	if got := s.only(t).Body; !reflect.DeepEqual(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
}

func TestSendMessageAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer reply
		id     string
		kind   canvas.Kind // "" = sent
	}{
		"made, with a number for its id": {reply{status: 201, body: `[{"id":900}]`}, "900", ""},
		"taken for later":                {reply{status: 202, header: map[string]string{"X-Conversation-Batch-Id": "5"}, body: `[]`}, "", ""},
		"made, but which":                {reply{status: 201, body: `[]`}, "", canvas.Unclear},
		"made, without an id":            {reply{status: 201, body: `[{"subject":"Hello"}]`}, "", canvas.Unclear},
		"an unknown recipient":           {reply{status: 400, body: `[{"attribute":"recipients","message":"invalid"}]`}, "", canvas.Invalid},
		"a failure":                      {reply{status: 500}, "", canvas.Unclear},
	} {
		id, err := always(t, tc.answer).client().SendMessage(t.Context(), canvas.Message{To: "42", Subject: "Hello", Body: "Text"})
		wantKind(t, name, err, tc.kind)
		if id != tc.id {
			t.Errorf("%s: id %q, want %q", name, id, tc.id)
		}
	}
}

func TestSendMessageRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, m := range map[string]canvas.Message{
		"nobody":             {Subject: "s", Body: "b"},
		"a whole course":     {To: "course_5", Subject: "s", Body: "b"},
		"oneself":            {To: "self", Subject: "s", Body: "b"},
		"no subject":         {To: "42", Body: "b"},
		"a subject too long": {To: "42", Subject: strings.Repeat("é", 256), Body: "b"},
		"no body":            {To: "42", Subject: "s", Body: " \n"},
		"a wrong context":    {To: "42", Subject: "s", Body: "b", Context: "course_x"},
	} {
		_, err := s.client().SendMessage(t.Context(), m)
		wantKind(t, name, err, canvas.Invalid)
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestFindSent(t *testing.T) {
	t.Parallel()
	const conversations = "/api/v1/conversations"
	row := func(id, subject, audience string) string {
		return `{"id":"` + id + `","subject":"` + subject + `","audience":[` + audience + `]}`
	}
	full := func(body string) reply {
		return reply{body: `{"id":"900","subject":"Hello","messages":[{"id":"1","body":"something else"},{"id":"2","body":"` + body + `"}]}`}
	}
	for name, tc := range map[string]struct {
		list  http.Handler
		one   http.Handler
		found bool
		kind  canvas.Kind
		calls int
	}{
		"sent":                                   {jsonList("[" + row("900", "Hello", `"42"`) + "]"), full("x (ref n-1)"), true, "", 2},
		"sent, without a word on whom to":        {jsonList(`[{"id":"900","subject":"Hello"}]`), full("x (ref n-1)"), true, "", 2},
		"the same subject, another message":      {jsonList("[" + row("900", "Hello", `"42"`) + "]"), full("x (ref n-2)"), false, "", 2},
		"another subject":                        {jsonList("[" + row("900", "Hallo", `"42"`) + "]"), full("x (ref n-1)"), false, "", 1},
		"another person":                         {jsonList("[" + row("900", "Hello", `"43"`) + "]"), full("x (ref n-1)"), false, "", 1},
		"nothing sent":                           {jsonList("[]"), nil, false, "", 1},
		"the list fails":                         {reply{status: 500}, nil, false, canvas.Server, 1},
		"the list is not one":                    {reply{body: `{}`}, nil, false, canvas.Server, 1},
		"the conversation fails":                 {jsonList("[" + row("900", "Hello", `"42"`) + "]"), reply{status: 503}, false, canvas.Server, 2},
		"it looks at two pages of recent ones":   {endless(row("901", "Other", `"42"`)), nil, false, "", 2},
		"the conversation is on the second page": {endless(row("900", "Hello", `"42"`)), full("x (ref n-1)"), true, "", 3},
	} {
		s := start(t, map[string]http.Handler{"GET " + conversations: tc.list, "GET " + conversations + "/900": tc.one})
		got, err := s.client().FindSent(t.Context(), canvas.Sent{To: "42", Subject: "Hello", Marker: "ref n-1"})
		wantKind(t, name, err, tc.kind)
		if got != tc.found {
			t.Errorf("%s: found %v", name, got)
		}
		all := s.requests()
		if len(all) != tc.calls {
			t.Errorf("%s: %d calls, want %d", name, len(all), tc.calls)
		}
		if q, _ := url.ParseQuery(all[0].Query); q.Get("scope") != "sent" || q.Get("filter[]") != "user_42" {
			t.Errorf("%s: query = %v", name, q)
		}
	}
	c := start(t, nil).client()
	for name, sent := range map[string]canvas.Sent{
		"nobody": {Subject: "s", Marker: "m"}, "no subject": {To: "42", Marker: "m"}, "no marker": {To: "42", Subject: "s"},
	} {
		_, err := c.FindSent(t.Context(), sent)
		wantKind(t, name, err, canvas.Invalid)
	}
}

// endless serves an empty page first, and after it the same row on every page.
func endless(row string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, body := r.URL.Query().Get("page"), "[]"
		if page != "" {
			body = "[" + row + "]"
		}
		reply{header: map[string]string{"Link": `</api/v1/conversations?scope=sent&filter[]=user_42&page=x` + page + `>; rel="next"`}, body: body}.ServeHTTP(w, r)
	})
}
