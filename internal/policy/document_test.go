package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// sound is the built-in document as a person would write it.
const sound = `{
  "roles": {
    "student": {"rule": "sponsor", "longest_life": "119d", "longest_total": "365d"},
    "faculty": {"rule": "open", "longest_life": "180d", "longest_total": "730d"},
    "staff": {"rule": "open", "longest_life": "180d", "longest_total": "730d"}
  },
  "windows": {
    "draft": "30d", "sponsor_answer": "14d", "review_days": 5, "claim": "24h", "collect": "14d", "activation": "7d", "replacement": "24h",
    "sponsor_gap": "14d", "renewal": "30d", "overlap": "72h", "grace": "14d", "campaign_answer": "30d", "allow_list": "365d"
  },
  "quotas": {"open_requests": 3, "live_tokens": 2},
  "questions": [
    {"key": "purpose", "kind": "choice", "section": "what", "required": true,
      "options": [{"key": "coursework"}, {"key": "teaching"}, {"key": "own_data"}, {"key": "research"}, {"key": "administration"}, {"key": "other"}]},
    {"key": "build", "kind": "paragraph", "section": "what", "required": true, "least": 30, "most": 2000},
    {"key": "maker", "kind": "choice", "section": "what", "required": true, "options": [{"key": "self"}, {"key": "school"}, {"key": "company"}]},
    {"key": "maker_name", "kind": "text", "section": "what", "required": true, "least": 0, "most": 200, "when": {"question": "maker", "answer": "company"}},
    {"key": "maker_link", "kind": "link", "section": "what", "required": false, "least": 0, "most": 500, "when": {"question": "maker", "answer": "company"}},
    {"key": "ai", "kind": "choice", "section": "what", "required": true, "options": [{"key": "no"}, {"key": "yes"}]},
    {"key": "ai_service", "kind": "text", "section": "what", "required": true, "least": 0, "most": 200, "when": {"question": "ai", "answer": "yes"}},
    {"key": "ai_data", "kind": "paragraph", "section": "what", "required": true, "least": 0, "most": 1000, "when": {"question": "ai", "answer": "yes"}},
    {"key": "data", "kind": "choices", "section": "reach", "required": true, "options": [{"key": "own"}, {"key": "content"},
      {"key": "people", "others": true}, {"key": "grades", "others": true}, {"key": "messages", "others": true}]},
    {"key": "storage", "kind": "choice", "section": "reach", "required": true, "options": [{"key": "password_manager"}, {"key": "encrypted_config"},
      {"key": "school_server"}, {"key": "repository", "refused": true}, {"key": "chat", "refused": true}, {"key": "document", "refused": true}]},
    {"key": "end", "kind": "end", "section": "end"},
    {"key": "sponsor", "kind": "sponsor", "section": "end"},
    {"key": "accepted", "kind": "rules", "section": "rules"}
  ],
  "stages": [{"name": "", "by": "reviewer", "votes": 1}],
  "calendar": {"work_days": ["monday", "tuesday", "wednesday", "thursday", "friday"], "holidays": []}
}`

func TestDocument(t *testing.T) {
	t.Parallel()
	p, err := Decode(1, []byte(sound))
	if err != nil || p.Version != 1 || !p.Equal(BuiltIn()) {
		t.Fatalf("%+v, %v", p, err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 500 {
		p := random(r, n+1)
		b, err := Encode(p)
		if err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		back, err := Decode(n+1, b)
		if err != nil || !back.Equal(p) || back.Version != p.Version {
			t.Fatalf("%s: %+v, %v; it was %+v", b, back, err, p)
		}
	}
	if _, err := Encode(Policy{}); err == nil {
		t.Error("a policy that says nothing was written")
	}
}

// Whatever is wrong, the error names the field.
func TestDocumentRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ old, by, field string }{
		"nothing":                          {sound, "", ""},
		"a list":                           {sound, "[]", ""},
		"null":                             {sound, "null", ""},
		"two documents":                    {sound, sound + sound, ""},
		"half a document":                  {"}\n}", "}", ""},
		"a part that nobody knows":         {`"quotas"`, `"mercies": [], "quotas"`, "mercies"},
		"a part in other letters":          {`"quotas"`, `"Quotas"`, "Quotas"},
		"a part that is missing":           {`"quotas": {"open_requests": 3, "live_tokens": 2},`, "", "quotas"},
		"a part that is null":              {`{"open_requests": 3, "live_tokens": 2}`, "null", "quotas"},
		"a part twice":                     {`"quotas"`, `"quotas": {}, "quotas"`, "quotas"},
		"a field that nobody knows":        {`"grace": "14d"`, `"grace": "14d", "mercy": "1d"`, "windows.mercy"},
		"a field twice":                    {`"grace": "14d"`, `"grace": "14d", "grace": "1d"`, "windows.grace"},
		"a field that is missing":          {`"grace": "14d", `, "", "windows.grace"},
		"a time that is a number":          {`"grace": "14d"`, `"grace": 14`, "windows.grace"},
		"a time that is null":              {`"grace": "14d"`, `"grace": null`, "windows.grace"},
		"a time without a unit":            {`"grace": "14d"`, `"grace": "14"`, "windows.grace"},
		"a time of nothing":                {`"grace": "14d"`, `"grace": ""`, "windows.grace"},
		"a time in minutes":                {`"grace": "14d"`, `"grace": "90m"`, "windows.grace"},
		"a time of two parts":              {`"grace": "14d"`, `"grace": "1d12h"`, "windows.grace"},
		"a time before it begins":          {`"grace": "14d"`, `"grace": "-1d"`, "windows.grace"},
		"a time with a sign":               {`"grace": "14d"`, `"grace": "+1d"`, "windows.grace"},
		"a time beyond all counting":       {`"grace": "14d"`, `"grace": "99999999999d"`, "windows.grace"},
		"a time beyond its bounds":         {`"grace": "14d"`, `"grace": "366d"`, "windows.grace"},
		"a window that never opens":        {`"collect": "14d"`, `"collect": "0d"`, "windows.collect"},
		"a window below a day":             {`"sponsor_answer": "14d"`, `"sponsor_answer": "23h"`, "windows.sponsor_answer"},
		"a target of no day":               {`"review_days": 5`, `"review_days": 0`, "windows.review_days"},
		"half a day":                       {`"review_days": 5`, `"review_days": 4.5`, "windows.review_days"},
		"a number in quotes":               {`"review_days": 5`, `"review_days": "5"`, "windows.review_days"},
		"a quota of none":                  {`"live_tokens": 2`, `"live_tokens": 0`, "quotas.live_tokens"},
		"a quota without end":              {`"open_requests": 3`, `"open_requests": 51`, "quotas.open_requests"},
		"a life without end":               {`"longest_life": "119d"`, `"longest_life": "9999d"`, "roles.student.longest_life"},
		"a total below one life":           {`"longest_total": "365d"`, `"longest_total": "118d"`, "roles.student.longest_total"},
		"a role that is missing":           {`"faculty": {"rule": "open", "longest_life": "180d", "longest_total": "730d"},`, "", "roles.faculty"},
		"a role that nobody has":           {`"staff":`, `"king": {"rule": "open"}, "staff":`, "roles.king"},
		"a role for those who may not ask": {`"staff":`, `"none": {"rule": "refuse"}, "staff":`, "roles.none"},
		"a rule that nobody knows":         {`"rule": "sponsor"`, `"rule": "perhaps"`, "roles.student.rule"},
		"a role without a rule":            {`"rule": "sponsor", `, "", "roles.student.rule"},
		"a refusal with a life":            {`"rule": "sponsor"`, `"rule": "refuse"`, "roles.student"},
		"an open role without a life":      {`{"rule": "sponsor", "longest_life": "119d", "longest_total": "365d"}`, `{"rule": "open"}`, "roles.student.longest_life"},
		"no stage":                         {`[{"name": "", "by": "reviewer", "votes": 1}]`, "[]", "stages"},
		"stages that are null":             {`[{"name": "", "by": "reviewer", "votes": 1}]`, "null", "stages"},
		"six stages":                       {`{"name": "", "by": "reviewer", "votes": 1}`, strings.Repeat(`{"name": "a", "by": "reviewer", "votes": 1},`, 5) + `{"name": "a", "by": "reviewer", "votes": 1}`, "stages"},
		"a stage of several without name":  {`"stages": [`, `"stages": [{"name": "", "by": "reviewer", "votes": 1},`, "stages.1.name"},
		"a stage that is a number":         {`{"name": "", "by": "reviewer", "votes": 1}`, "1", "stages.1"},
		"a stage without votes":            {`, "votes": 1`, "", "stages.1.votes"},
		"a stage that nobody passes":       {`"votes": 1`, `"votes": 6`, "stages.1.votes"},
		"a stage that passes by itself":    {`"votes": 1`, `"votes": 0`, "stages.1.votes"},
		"a stage by nobody":                {`"by": "reviewer"`, `"by": "requester"`, "stages.1.by"},
		"a stage with a line":              {`"name": ""`, `"name": "a\nb"`, "stages.1.name"},
		"a stage with a turn of the text":  {`"name": ""`, `"name": "a\u202eb"`, "stages.1.name"},
		"a stage with spaces around it":    {`"name": ""`, `"name": " a"`, "stages.1.name"},
		"a stage with a long name":         {`"name": ""`, `"name": "` + strings.Repeat("é", 61) + `"`, "stages.1.name"},
		"a stage with more":                {`"votes": 1`, `"votes": 1, "mercy": 1`, "stages.1.mercy"},
		"no work day":                      {`["monday", "tuesday", "wednesday", "thursday", "friday"]`, "[]", "calendar.work_days"},
		"a work day twice":                 {`"monday", "tuesday"`, `"monday", "monday"`, "calendar.work_days"},
		"work days in another order":       {`"monday", "tuesday"`, `"tuesday", "monday"`, "calendar.work_days"},
		"a work day that nobody has":       {`"monday", "tuesday"`, `"funday"`, "calendar.work_days"},
		"a holiday that is no date":        {`"holidays": []`, `"holidays": ["2026-02-31"]`, "calendar.holidays"},
		"a holiday twice":                  {`"holidays": []`, `"holidays": ["2026-12-25", "2026-12-25"]`, "calendar.holidays"},
		"holidays that are missing":        {`, "holidays": []`, ``, "calendar.holidays"},
		"a document that is too long":      {sound, sound + strings.Repeat(" ", MaxDocument), ""},
	}
	for name, tt := range tests {
		if !strings.Contains(sound, tt.old) {
			t.Fatalf("%s: the document does not hold %q", name, tt.old)
		}
		p, err := Decode(1, []byte(strings.Replace(sound, tt.old, tt.by, 1)))
		var e *Error
		if !errors.As(err, &e) || e.Field != tt.field || e.What == "" {
			t.Errorf("%s: %v, want an error of %q", name, err, tt.field)
		}
		if err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
	var e *Error
	if _, err := Decode(0, []byte(sound)); !errors.As(err, &e) || e.Field != "version" {
		t.Errorf("version 0: %v", err)
	}
	king := BuiltIn()
	king.Roles["king"] = Role{Rule: RuleRefuse}
	if err := king.Validate(); !errors.As(err, &e) || e.Field != "roles.king" {
		t.Errorf("a role that nobody has: %v", err)
	}
}

// What is read is valid, and is read again as it was written.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte(more()))
	f.Add([]byte(`{"roles":{"student":{"rule":"refuse"}}}`))
	b, err := Encode(random(rand.New(rand.NewPCG(7, 7)), 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, document []byte) {
		p, err := Decode(1, document)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("an error that names no field: %v", err)
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("it was read, and is not valid: %v", err)
		}
		b, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(1, b)
		if err != nil || !back.Equal(p) {
			t.Fatalf("%s: %+v, %v; it was %+v", b, back, err, p)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, document); err != nil || compact.Len() == 0 {
			t.Fatalf("what was read is no JSON: %v", err)
		}
	})
}
