package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
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

// publish publishes the built-in document with more questions before the one
// about what will be built, as the next version.
func (r *rig) publish(version int, more string) {
	r.t.Helper()
	document, err := policy.Encode(policy.BuiltIn())
	if err != nil {
		r.t.Fatal(err)
	}
	p, err := policy.Decode(version, []byte(strings.Replace(string(document), `{"key":"build",`, more+`{"key":"build",`, 1)))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.app.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
		tenants, err := tx.Tenants()
		if err != nil {
			return err
		}
		return tx.PublishPolicy(store.Published{Tenant: tenants[0].ID, Policy: p, At: r.clock.Now(), By: "operator:test", Reason: "a test"})
	}); err != nil {
		r.t.Fatal(err)
	}
}

// answersOf are the answers of a request, as the database has them.
func (r *rig) answersOf(code string) (a access.Answers, version int) {
	r.t.Helper()
	if err := r.app.Store.Read(r.t.Context(), func(tx *store.Tx) error {
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
		r.t.Fatal(err)
	}
	return a, version
}

// has fails unless the page holds the markup, or holds it where it should not.
func (b *browser) has(markup string, want bool) *browser {
	b.r.t.Helper()
	if strings.Contains(b.body, markup) != want {
		b.r.t.Errorf("%s: holds %s: %v", b.path, markup, !want)
	}
	return b
}

// TestAQuestionIsAddedWithoutCode: questions that only a document knows are asked
// on the form, corrected at their fields, kept, sent and shown, each request by
// the questions of its own version.
func TestAQuestionIsAddedWithoutCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya := r.launch("maya", r.course("bio201"))
	maya.post("/requests", asked(r)).want(http.StatusOK, "Request REQ-0001")
	r.publish(2, moreQuestions)

	maya.get("/requests/new").want(http.StatusOK, "Request an API token").says("How often does it run?").says("Why <script>alert(1)</script> so?").
		says("Think of <i>term</i> time.").says("Every day & night").says("The quietest way").says("On which days?")
	maya.has(`type="radio" id="f-how_often" name="how_often" value="daily"`, true).has(`id="f-how_often-on_demand"`, true).
		has(`type="checkbox" id="f-pages" name="pages"`, true).has(`<textarea class="td-input" id="f-why_so" name="why_so" rows="5" dir="auto" maxlength="300"`, true).
		has(`<input class="td-input" type="text" id="f-which_days" name="which_days"`, true).has("<script>alert(1)", false).has("<i>term", false)

	// What is missing is said at its field, and nothing that was typed is lost.
	fields := askedFor(r, "Another helper that reads what is due in my courses.")
	fields["pages"] = []string{"grades_page", "files_page"}
	maya.post("/requests", fields).want(http.StatusUnprocessableEntity, "Request an API token").
		says("Answer “How often does it run?”.").says("Write at least 10 characters.")
	maya.has(`id="f-how_often-error"`, true).has(`href="#f-how_often"`, true).has(`id="f-why_so-error"`, true).has(`id="f-build-error"`, false).
		has(`name="pages" value="grades_page" checked`, true)
	fields.Set("how_often", "daily")
	fields.Set("why_so", "Because the <b>deadlines</b> move.")
	maya.post("/requests", fields).want(http.StatusUnprocessableEntity, "Request an API token").says("Answer “On which days?”.")
	for name, values := range map[string][]string{"how_often": {"own"}, "pages": {"grades_page", "company"}, "which_days": {strings.Repeat("x", 41)}} {
		bad := url.Values{"which_days": {"Mondays"}}
		for k, v := range fields {
			if bad[k] == nil {
				bad[k] = v
			}
		}
		bad[name] = values
		maya.post("/requests", bad).want(http.StatusUnprocessableEntity, "Request an API token")
		maya.has(`id="f-`+name+`-error"`, true)
	}
	fields.Set("which_days", "Mondays")

	// It is kept, and comes back; so does what is saved as a draft.
	maya.post("/requests/keep", fields)
	maya.get("/requests/new").says("Because the <b>deadlines</b> move.").has(`name="how_often" value="daily" checked`, true)
	fields.Set("do", "draft")
	maya.post("/requests", fields).want(http.StatusOK, "Request an API token").says("Draft saved")
	_, sent := form(t, maya.body, "request-form")
	fields.Set("draft", sent.Get("draft"))
	maya.get("/requests/"+fields.Get("draft")).has(`name="how_often" value="daily" checked`, true).has(`value="Mondays"`, true).
		has(`name="pages" value="files_page" checked`, true)

	// Sent, with something that nobody asked.
	fields.Set("do", "submit")
	fields.Set("how_much", "x")
	fields.Set("maker_name", "typed, then hidden")
	maya.post("/requests", fields).want(http.StatusOK, "Request REQ-0002")
	got, version := r.answersOf("REQ-0002")
	if version != 2 || got.Text("how_often") != "daily" || got.Text("which_days") != "Mondays" || len(got.All("pages")) != 2 || got["how_much"] != nil || got["maker_name"] != nil {
		t.Errorf("version %d: %v", version, got)
	}

	// Whoever decides reads it; the request of before is shown and judged by what
	// it was asked.
	r.publish(3, "")
	for _, b := range []*browser{maya, r.launch("ana", r.course("bio201")), r.launch("dana", r.account("root"))} {
		b.get("/requests/REQ-0002").want(http.StatusOK, "Request REQ-0002").says("How often does it run?").says("Every day & night").says("On which days?").
			says("Mondays").says("Why <script>alert(1)</script> so?").says("Because the <b>deadlines</b> move.").says("Grades page").says("Files page").
			has("<script>alert(1)", false).has("<b>deadlines", false)
		b.get("/requests/REQ-0001").want(http.StatusOK, "Request REQ-0001").says("Who made the software?").has("How often does it run?", false)
	}
	ana := r.launch("ana", r.course("bio201"))
	for _, code := range []string{"REQ-0001", "REQ-0002"} {
		ana.post("/requests/"+code+"/endorse", url.Values{"reason": {"Fits the course."}}).want(http.StatusOK, "Request "+code)
	}
	dana := r.launch("dana", r.account("root"))
	dana.get("/requests/REQ-0002").says("Why <script>alert(1)</script> so?").says("Data of others")
	dana.post("/requests/REQ-0002/approve", url.Values{"conditions": {""}}).want(http.StatusOK, "Request REQ-0002").says("Approved until")
	// The newest version asks the nine again.
	maya.get("/requests/new").want(http.StatusOK, "Request an API token").has("how_often", false)
}

// What a session that ended leaves unsent is shown again, whatever the school asks.
func TestAnAddedAnswerIsNotLostWithItsSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(2, moreQuestions)
	maya := r.launch("maya", r.course("bio201"))
	fields := asked(r)
	fields.Set("why_so", "Because the <b>deadlines</b> move.")
	fields.Set("tool_session", "x")
	maya.post("/requests", fields).says("Because the <b>deadlines</b> move.").has("<b>deadlines", false)
}
