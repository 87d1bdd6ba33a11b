package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// TestAnswersMoveUnderTheirQuestions: a database of before keeps the answers of
// its requests, drafts and kept text, and the rules of its policies with their
// own limits.
func TestAnswersMoveUnderTheirQuestions(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		if err := s.MigrateTo(t.Context(), 13); err != nil {
			t.Fatal(err)
		}
		now := "'2026-01-02 03:04:05+00:00'"
		exec(t, s, `INSERT INTO tenants (id, name, platform_guid, canvas_account, school, learned_cap_days, last_number, version, created_at, policy_version)
			VALUES ('ten_a', 'A', '', '', '{}', 0, 0, 1, `+now+`, 2)`)
		exec(t, s, `INSERT INTO people (id, tenant, canvas_user, name, short_name, search, locale, time_zone, email, created_at)
			VALUES ('per_a', 'ten_a', '', 'a', '', '', '', '', '', `+now+`)`)
		document := func(limits, live string) string {
			return `{"calendar":{"holidays":["2026-12-25"],"work_days":["monday","tuesday","wednesday","thursday","friday"]},"limits":` + limits +
				`,"quotas":{"live_tokens":` + live + `,"open_requests":3},"roles":{"faculty":{"longest_life":"180d","longest_total":"730d","rule":"open"},"staff":{"longest_life":"180d","longest_total":"730d","rule":"open"},"student":{"longest_life":"119d","longest_total":"365d","rule":"sponsor"}},"windows":{"activation":"7d","allow_list":"365d","campaign_answer":"30d","claim":"1d","collect":"14d","draft":"30d","grace":"14d","overlap":"3d","renewal":"30d","replacement":"1d","review_days":5,"sponsor_answer":"14d","sponsor_gap":"14d"}}`
		}
		for version, doc := range map[string]string{
			"1": document(`{"build_least":30,"build_most":2000,"link":500,"note":1000,"short":200}`, "2"),
			"2": document(`{"build_least":31,"build_most":2001,"link":501,"note":1001,"short":201}`, "1"),
		} {
			exec(t, s, `INSERT INTO policies (tenant, version, document, published_at, published_by, reason) VALUES ('ten_a', `+version+`, '`+doc+`', `+now+`, 'system', '')`)
		}
		answers := map[string]struct {
			was  string
			want access.Answers
		}{
			"full": {`{"purpose":"coursework","build":"A \"helper\" for \u003cb\u003e it''s 50% \u2028 \\ é\n[]","maker":"company","maker_name":"Acme","maker_link":"https://a.test","ai":"yes","ai_service":"S","ai_data":"accepted:true","data":["own","grades"],"storage":"password_manager","end_date":"2026-12-12","end_typed":"","sponsor":"7","accepted":true}`,
				access.Answers{"purpose": {"coursework"}, "build": {"A \"helper\" for <b> it's 50% \u2028 \\ é\n[]"}, "maker": {"company"}, "maker_name": {"Acme"}, "maker_link": {"https://a.test"},
					"ai": {"yes"}, "ai_service": {"S"}, "ai_data": {"accepted:true"}, "data": {"own", "grades"}, "storage": {"password_manager"}, "end": {"2026-12-12"},
					"sponsor": {"7"}, "accepted": {access.Accepted}}},
			"draft": {`{"purpose":"","build":"\"accepted\":true","maker":"","ai":"","data":null,"storage":"","end_date":"","end_typed":"next friday","sponsor":"","accepted":false}`,
				access.Answers{"build": {`"accepted":true`}, "end": {"next friday"}}},
			"list":  {`{"build":"[]","data":["own"],"end_date":"2026-12-12","end_typed":"x"}`, access.Answers{"build": {"[]"}, "data": {"own"}, "end": {"2026-12-12"}}},
			"empty": {`{"purpose":"","build":"","maker":"","ai":"","data":[],"storage":"","end_date":"","end_typed":"","sponsor":"","accepted":false}`, nil},
			"none":  {`{}`, nil},
		}
		n := 0
		for id, a := range answers {
			n++
			exec(t, s, `INSERT INTO requests (id, tenant, number, version, state, requester, affiliation, course_id, course_name, course_code, answers, purpose, maker, ai, search,
				sponsor_lost, policy_version, rules_version, end_cause, created_at, updated_at, sponsor_note, reason, alternative, alt_text, conditions)
				VALUES ('req_`+id+`', 'ten_a', `+string(rune('0'+n))+`, 1, 'withdrawn', 'per_a', '', '', '', '', '`+a.was+`', 'p', 'm', 'a', 's', '', 1, '', '', `+now+`, `+now+`, '', '', '', '', '')`)
			exec(t, s, `INSERT INTO kept (tenant, person, object, form, data, updated_at) VALUES ('ten_a', 'per_a', 'req_`+id+`', 'request', '`+a.was+`', `+now+`)`)
		}
		for form, data := range map[string]string{"panel": `{"accepted":true,"end_date":""}`, "request": `"no form"`} {
			exec(t, s, `INSERT INTO kept (tenant, person, object, form, data, updated_at) VALUES ('ten_a', 'per_a', 'other', '`+form+`', '`+data+`', `+now+`)`)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := policy.BuiltIn()
		first.Calendar.Holidays = []policy.Date{"2026-12-25"}
		second := policy.BuiltIn()
		second.Calendar, second.Quotas.Live = first.Calendar, 1
		for i, q := range second.Questions {
			if q.Kind.Typed() {
				second.Questions[i].Most++
			}
			if q.Key == policy.KeyBuild {
				second.Questions[i].Least++
			}
		}
		in(t, s, func(tx *store.Tx) error {
			for version, want := range map[int]policy.Policy{1: first, 2: second} {
				p, err := tx.Policy("ten_a", version)
				if err != nil || !p.Equal(want) {
					t.Errorf("version %d is %+v, want %+v, %v", version, p, want, err)
				}
			}
			for id, a := range answers {
				r, err := tx.Request("ten_a", "req_"+id)
				if err != nil || !r.Answers.Equal(a.want) {
					t.Errorf("%s: %q, want %q, %v", id, r.Answers, a.want, err)
				}
				k, err := tx.TextFor("ten_a", "per_a", "req_"+id, "request")
				var kept access.Answers
				if err == nil {
					err = kept.UnmarshalJSON(k.Data)
				}
				if err != nil || !kept.Equal(a.want) || !k.UpdatedAt.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
					t.Errorf("%s is kept as %s, want %q, %v", id, k.Data, a.want, err)
				}
			}
			for form, want := range map[string]string{"panel": `"accepted":true`, "request": `"no form"`} {
				if k, err := tx.TextFor("ten_a", "per_a", "other", form); err != nil || !strings.Contains(string(k.Data), want) {
					t.Errorf("what is no form is kept as %s, %v", k.Data, err)
				}
			}
			return nil
		})
		if rows := lastColumn(t, s, "SELECT purpose || maker || ai || search FROM requests WHERE purpose <> 'p' OR maker <> 'm' OR ai <> 'a' OR search <> 's'"); len(rows) > 0 {
			t.Errorf("the columns changed: %q", rows)
		}
	})
}
