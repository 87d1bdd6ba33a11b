package canvastest

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

type conversationBody struct {
	ID       ID     `json:"id"`
	Subject  string `json:"subject"`
	Count    int    `json:"message_count"`
	Audience []ID   `json:"audience"`
	Messages []struct {
		Author ID     `json:"author_id"`
		Body   string `json:"body"`
	} `json:"messages"`
}

func TestConversations(t *testing.T) {
	t.Parallel()
	const path = "/api/v1/conversations"
	send := func(r *rig, who string, form url.Values) answer { return r.as(who).do("POST", path, form.Encode()) }
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	id := func(r *rig, key string) string { return r.w.User(key).ID.String() }
	refusal := func(attribute, text string) string {
		return fmt.Sprintf(`[{"attribute":%q,"message":%q}]`, attribute, text)
	}
	run(t, []behaviour{
		{1, "a message arrives in the inbox from the sender", func(r *rig) {
			got := decode[[]conversationBody](send(r, "service",
				form("recipients[]", id(r, "maya"), "subject", "Hello", "body", "Your request", "force_new", "true")).want(201))
			r.must(len(got) == 1 && got[0].Subject == "Hello" && got[0].Audience[0] == r.w.User("maya").ID, "%+v", got)
			inbox := r.w.Inbox("maya")
			r.must(len(inbox) == 1 && inbox[0].Body == "Your request" && inbox[0].AuthorID == r.w.User("service").ID, "%+v", inbox)
			r.must(len(r.w.Inbox("service")) == 0 && len(r.w.Sent("service")) == 1, "the sender's own inbox")
		}},
		{2, "without force_new the first conversation and its subject are used again", func(r *rig) {
			first := decode[[]conversationBody](send(r, "service", form("recipients[]", id(r, "maya"), "subject", "One", "body", "a")).want(201))
			second := decode[[]conversationBody](send(r, "service", form("recipients[]", id(r, "maya"), "subject", "Two", "body", "b")).want(201))
			r.must(first[0].ID == second[0].ID && second[0].Subject == "One" && second[0].Count == 2, "%+v", second)
			third := decode[[]conversationBody](send(r, "service",
				form("recipients[]", id(r, "maya"), "subject", "Three", "body", "c", "force_new", "1")).want(201))
			r.must(third[0].ID != first[0].ID && third[0].Subject == "Three", "%+v", third)
		}},
		{3, "the sender lists and opens what was sent", func(r *rig) {
			send(r, "service", form("recipients[]", id(r, "maya"), "subject", "One", "body", "a", "force_new", "1")).want(201)
			r.w.Clock.Advance(1000)
			send(r, "service", form("recipients[]", id(r, "luca"), "subject", "Two", "body", "b", "force_new", "1")).want(201)
			list := decode[[]conversationBody](r.as("service").do("GET", path+"?scope=sent", nil).want(200))
			r.must(len(list) == 2 && list[0].Subject == "Two" && list[1].Subject == "One", "%+v", list)
			one := r.as("service").do("GET", path+"/"+list[1].ID.String(), nil).want(200)
			r.must(decode[conversationBody](one).Messages[0].Body == "a", "%s", one.raw)
			r.as("luca").do("GET", path+"/"+list[1].ID.String(), nil).want(404)
			r.must(len(decode[[]conversationBody](r.as("service").do("GET", path, nil).want(200))) == 0, "inbox of the sender")
			r.must(len(decode[[]conversationBody](r.as("luca").do("GET", path, nil).want(200))) == 1, "inbox of Luca")
		}},
		{4, "a course's teachers are reached by its code", func(r *rig) {
			course := "course_" + r.w.Course("bio201").ID.String()
			send(r, "service", form("recipients[]", course+"_teachers", "body", "b", "context_code", course)).want(201)
			r.must(len(r.w.Inbox("ana")) == 1 && len(r.w.Inbox("maya")) == 0, "recipients")
		}},
		{5, "several people without a group get one each, asynchronously if asked", func(r *rig) {
			a := send(r, "service", form("recipients[]", id(r, "maya"), "recipients[]", id(r, "luca"), "body", "b", "mode", "async")).want(202)
			a.body(`[]`)
			r.must(a.header.Get("X-Conversation-Batch-Id") != "", "no batch id")
			r.must(len(r.w.Inbox("maya")) == 1 && len(r.w.Inbox("luca")) == 1, "inboxes")
		}},
		{6, "a group shares one conversation", func(r *rig) {
			got := decode[[]conversationBody](send(r, "service", form("recipients[]", id(r, "maya"), "recipients[]", id(r, "luca"),
				"body", "b", "group_conversation", "true")).want(201))
			r.must(len(got) == 1 && len(got[0].Audience) == 2, "%+v", got)
		}},
		{7, "refusals have Canvas's top-level array", func(r *rig) {
			send(r, "service", form("body", "b")).want(400).body(refusal("recipients", "blank"))
			send(r, "service", form("recipients[]", id(r, "maya"))).want(400).body(refusal("body", "blank"))
			send(r, "service", form("recipients[]", id(r, "former"), "body", "b")).want(400).body(refusal("recipients", "invalid"))
			send(r, "service", form("recipients[]", id(r, "maya"), "body", "b", "context_code", "course_7")).want(400).
				body(refusal("context_code", "invalid"))
			send(r, "service", form("recipients[]", id(r, "maya"), "body", "b", "subject", strings.Repeat("x", 256))).want(400).
				body(`{"errors":{"subject":[{"attribute":"subject","type":"too_long","message":"is too long (maximum is 255 characters)"}]}}`)
		}},
		{8, "a person writes only to people of the same course", func(r *rig) {
			send(r, "maya", form("recipients[]", id(r, "ana"), "body", "b")).want(201)
			send(r, "maya", form("recipients[]", id(r, "helen"), "body", "b")).want(400).body(refusal("recipients", "invalid"))
		}},
	})
}

type reportBody struct {
	ID         ID      `json:"id"`
	Status     string  `json:"status"`
	Progress   int     `json:"progress"`
	FileURL    *string `json:"file_url"`
	Attachment struct {
		URL string `json:"url"`
	} `json:"attachment"`
}

const reportPath = "/api/v1/accounts/self/reports/user_access_tokens_csv"

// finish runs a report to its end and returns the rows of the file.
func finish(r *rig, body any) [][]string {
	started := decode[reportBody](r.as("dana").do("POST", reportPath, body).want(200))
	r.must(started.Status == "created" && started.FileURL == nil, "%+v", started)
	poll := reportPath + "/" + started.ID.String()
	running := decode[reportBody](r.as("dana").do("GET", poll, nil).want(200))
	r.must(running.Status == "running" && running.Attachment.URL == "", "%+v", running)
	done := decode[reportBody](r.as("dana").do("GET", poll, nil).want(200))
	r.must(done.Status == "complete" && done.Progress == 100, "%+v", done)
	file := r.nobody().do("GET", done.Attachment.URL, nil).want(200)
	rows, err := csv.NewReader(strings.NewReader(file.raw)).ReadAll()
	r.must(err == nil, "%v", err)
	r.nobody().do("GET", strings.Split(done.Attachment.URL, "?")[0], nil).want(404)
	return rows
}

func TestTokenReport(t *testing.T) {
	t.Parallel()
	run(t, []behaviour{
		{1, "old servers give seven columns", func(r *rig) {
			r.w.SetEra(Era2)
			made, _ := r.seed("maya", TokenSpec{})
			rows := finish(r, nil)
			r.must(strings.Join(rows[0], ",") == "user id,user name,token hint,expiration,last used,dev key id,dev key name", "%v", rows[0])
			want := []string{r.w.User("maya").ID.String(), "Maya Chen", made.Hint, "never", "never", "170000000000016", DefaultKeyName}
			r.must(slices.ContainsFunc(rows, func(row []string) bool { return slices.Equal(row, want) }), "%v", rows)
		}},
		{2, "newer servers add status and creation", func(r *rig) {
			r.seed("maya", TokenSpec{State: StatePending, ExpiresAt: testDay.Add(day)})
			rows := finish(r, nil)
			r.must(len(rows[0]) == 9 && rows[0][7] == "status" && rows[0][8] == "creation", "%v", rows[0])
			last := rows[len(rows)-2]
			r.must(last[3] == "2026-09-15T10:00:00Z" && last[7] == "pending" && last[8] == "2026-09-14T10:00:00Z", "%v", last)
		}},
		{3, "a hint loses its shard and deleted tokens come when asked", func(r *rig) {
			made, secret := r.seed("luca", TokenSpec{})
			has := func(rows [][]string) bool {
				return slices.ContainsFunc(rows, func(row []string) bool { return row[1] == "Luca Moretti" && row[2] == secret[4:5] })
			}
			r.must(has(finish(r, nil)), "no row for hint %s", made.Hint)
			r.w.DeleteTokenBehind(made.ID)
			r.must(!has(finish(r, nil)), "deleted tokens are in")
			r.must(has(finish(r, "parameters[include_deleted]=true")), "deleted tokens are missing")
		}},
		{4, "a run may fail", func(r *rig) {
			r.s.FailNextReport()
			started := decode[reportBody](r.as("dana").do("POST", reportPath, nil).want(200))
			poll := reportPath + "/" + started.ID.String()
			r.as("dana").do("GET", poll, nil).want(200)
			got := decode[reportBody](r.as("dana").do("GET", poll, nil).want(200))
			r.must(got.Status == "error" && got.Attachment.URL == "", "%+v", got)
			finish(r, nil) // the next one is well again
		}},
		{5, "an unknown type is not found, and no right is a denial", func(r *rig) {
			r.as("dana").do("POST", "/api/v1/accounts/self/reports/grades_csv", nil).want(404)
			r.as("lena").do("POST", reportPath, nil).want(403).body(deniedBody)
			types := r.as("dana").do("GET", "/api/v1/accounts/self/reports", nil).want(200)
			r.must(strings.Contains(types.raw, tokenReport), "%s", types.raw)
			started := decode[reportBody](r.as("dana").do("POST", reportPath, nil).want(200))
			history := func() int { return len(decode[[]reportBody](r.as("dana").do("GET", reportPath, nil).want(200))) }
			r.must(history() == 1, "history")
			r.as("dana").do("DELETE", reportPath+"/"+started.ID.String(), nil).want(200)
			r.must(history() == 0, "a deleted run is in the history")
			r.as("dana").do("GET", reportPath+"/"+started.ID.String(), nil).want(404)
		}},
	})
}
