package requests_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// moreQuestions are what a school added, as its document has them.
const moreQuestions = `{"key": "how_often", "kind": "choice", "section": "what", "required": true, "label": {"en": "How often does it run?"},
	"help": {"en": "Think of <i>term</i> time."},
	"options": [{"key": "daily", "label": {"en": "Every day & night"}}, {"key": "on_demand", "label": {"en": "When somebody asks"}, "note": {"en": "The quietest way"}}]},
{"key": "which_days", "kind": "text", "section": "what", "required": true, "least": 0, "most": 40, "label": {"en": "On which days?"},
	"when": {"question": "how_often", "answer": "daily"}},
{"key": "why_so", "kind": "paragraph", "section": "what", "required": true, "least": 10, "most": 300, "label": {"en": "Why <script>alert(1)</script> so?"}},
{"key": "pages", "kind": "choices", "section": "what", "required": false, "label": {"en": "Which pages?"},
	"options": [{"key": "grades_page", "label": {"en": "Grades page"}, "others": true}, {"key": "files_page", "label": {"en": "Files page"}}]},
`

// TestAQuestionIsAddedWithoutCode: questions that only a document knows are asked
// on the form, corrected at their fields, kept, sent and shown, each request by
// the questions of its own version.
func TestAQuestionIsAddedWithoutCode(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	maya.Post("/requests", webtest.Answers(r)).Want(http.StatusOK, "Request REQ-0001")
	publish(r, 2, moreQuestions)

	maya.Get("/requests/new").Want(http.StatusOK, "Request an API token").Says("How often does it run?").Says("Why <script>alert(1)</script> so?").
		Says("Think of <i>term</i> time.").Says("Every day & night").Says("The quietest way").Says("On which days?")
	maya.Has(`type="radio" id="f-how_often" name="how_often" value="daily"`, true).Has(`id="f-how_often-on_demand"`, true).
		Has(`type="checkbox" id="f-pages" name="pages"`, true).Has(`<textarea class="td-input" id="f-why_so" name="why_so" rows="5" dir="auto" maxlength="300"`, true).
		Has(`<input class="td-input" type="text" id="f-which_days" name="which_days"`, true).Has("<script>alert(1)", false).Has("<i>term", false)

	// What is missing is said at its field, and nothing that was typed is lost.
	fields := webtest.AnswersFor(r, "Another helper that reads what is due in my courses.")
	fields["pages"] = []string{"grades_page", "files_page"}
	maya.Post("/requests", fields).Want(http.StatusUnprocessableEntity, "Request an API token").
		Says("Answer “How often does it run?”.").Says("Write at least 10 characters.")
	maya.Has(`id="f-how_often-error"`, true).Has(`href="#f-how_often"`, true).Has(`id="f-why_so-error"`, true).Has(`id="f-build-error"`, false).
		Has(`name="pages" value="grades_page" checked`, true)
	fields.Set("how_often", "daily")
	fields.Set("why_so", "Because the <b>deadlines</b> move.")
	maya.Post("/requests", fields).Want(http.StatusUnprocessableEntity, "Request an API token").Says("Answer “On which days?”.")
	for name, values := range map[string][]string{"how_often": {"own"}, "pages": {"grades_page", "company"}, "which_days": {strings.Repeat("x", 41)}} {
		bad := url.Values{"which_days": {"Mondays"}}
		for k, v := range fields {
			if bad[k] == nil {
				bad[k] = v
			}
		}
		bad[name] = values
		maya.Post("/requests", bad).Want(http.StatusUnprocessableEntity, "Request an API token")
		maya.Has(`id="f-`+name+`-error"`, true)
	}
	fields.Set("which_days", "Mondays")

	// It is kept, and comes back; so does what is saved as a draft.
	maya.Post("/requests/keep", fields)
	maya.Get("/requests/new").Says("Because the <b>deadlines</b> move.").Has(`name="how_often" value="daily" checked`, true)
	fields.Set("do", "draft")
	maya.Post("/requests", fields).Want(http.StatusOK, "Request an API token").Says("Draft saved")
	_, sent := webtest.Form(t, maya.Body, "request-form")
	fields.Set("draft", sent.Get("draft"))
	maya.Get("/requests/"+fields.Get("draft")).Has(`name="how_often" value="daily" checked`, true).Has(`value="Mondays"`, true).
		Has(`name="pages" value="files_page" checked`, true)

	// Sent, with something that nobody asked.
	fields.Set("do", "submit")
	fields.Set("how_much", "x")
	fields.Set("maker_name", "typed, then hidden")
	maya.Post("/requests", fields).Want(http.StatusOK, "Request REQ-0002")
	got, version := answersOf(r, "REQ-0002")
	if version != 2 || got.Text("how_often") != "daily" || got.Text("which_days") != "Mondays" || len(got.All("pages")) != 2 || got["how_much"] != nil || got["maker_name"] != nil {
		t.Errorf("version %d: %v", version, got)
	}

	// Whoever decides reads it; the request of before is shown and judged by what
	// it was asked.
	publish(r, 3, "")
	for _, b := range []*webtest.Browser{maya, r.Launch("ana", r.Course("bio201")), r.Launch("dana", r.Account("root"))} {
		b.Get("/requests/REQ-0002").Want(http.StatusOK, "Request REQ-0002").Says("How often does it run?").Says("Every day & night").Says("On which days?").
			Says("Mondays").Says("Why <script>alert(1)</script> so?").Says("Because the <b>deadlines</b> move.").Says("Grades page").Says("Files page").
			Has("<script>alert(1)", false).Has("<b>deadlines", false)
		b.Get("/requests/REQ-0001").Want(http.StatusOK, "Request REQ-0001").Says("Who made the software?").Has("How often does it run?", false)
	}
	ana := r.Launch("ana", r.Course("bio201"))
	for _, code := range []string{"REQ-0001", "REQ-0002"} {
		ana.Post("/requests/"+code+"/endorse", url.Values{"reason": {"Fits the course."}}).Want(http.StatusOK, "Request "+code)
	}
	dana := r.Launch("dana", r.Account("root"))
	dana.Get("/requests/REQ-0002").Says("Why <script>alert(1)</script> so?").Says("Data of others")
	dana.Post("/requests/REQ-0002/approve", url.Values{"conditions": {""}}).Want(http.StatusOK, "Request REQ-0002").Says("Approved until")
	// The newest version asks the nine again.
	maya.Get("/requests/new").Want(http.StatusOK, "Request an API token").Has("how_often", false)
}

// What a session that ended leaves unsent is shown again, whatever the school asks.
func TestAnAddedAnswerIsNotLostWithItsSession(t *testing.T) {
	t.Parallel()
	r := webtest.New(t)
	publish(r, 2, moreQuestions)
	maya := r.Launch("maya", r.Course("bio201"))
	fields := webtest.Answers(r)
	fields.Set("why_so", "Because the <b>deadlines</b> move.")
	fields.Set("tool_session", "x")
	maya.Post("/requests", fields).Says("Because the <b>deadlines</b> move.").Has("<b>deadlines", false)
}

// publish publishes the built-in document with more questions before the one
// about what will be built, as the next version.
func publish(r *webtest.Rig, version int, more string) {
	r.T.Helper()
	document, err := policy.Encode(policy.BuiltIn())
	if err != nil {
		r.T.Fatal(err)
	}
	p, err := policy.Decode(version, []byte(strings.Replace(string(document), `{"key":"build",`, more+`{"key":"build",`, 1)))
	if err != nil {
		r.T.Fatal(err)
	}
	if err := r.App.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		tenants, err := tx.Tenants()
		if err != nil {
			return err
		}
		return tx.PublishPolicy(store.Published{Tenant: tenants[0].ID, Policy: p, At: r.Clock.Now(), By: "operator:test", Reason: "a test"})
	}); err != nil {
		r.T.Fatal(err)
	}
}

// answersOf are the answers of a request, as the database has them.
func answersOf(r *webtest.Rig, code string) (a access.Answers, version int) {
	r.T.Helper()
	if err := r.App.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		tenants, err := tx.Tenants()
		if err != nil {
			return err
		}
		all, err := tx.Requests(store.RequestQuery{Tenant: tenants[0].ID, Limit: store.MaxLimit})
		for _, q := range all {
			if q.Code() == code {
				a, version = q.Answers, q.PolicyVersion
			}
		}
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return a, version
}
