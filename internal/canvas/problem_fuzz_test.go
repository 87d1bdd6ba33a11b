package canvas

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// The shapes of error bodies in Canvas's source, and what else Canvas was seen to
// say, as a start for the fuzzer.
var problemSeeds = []string{
	`{"errors":[{"message":"token is missing"}]}`,
	`[{"message":"token[purpose] is missing"}]`,
	`[{"message":"Expiration date cannot be more than 120 days in the future"}]`,
	`{"errors":{"purpose":[{"attribute":"purpose","type":"too_short","message":"is too short"}]}}`,
	`{"errors":{"scopes":[{"attribute":"scopes","type":"x","message":"requested scopes must match scopes on developer key"}]}}`,
	`{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}],"error_report_id":7}`,
	`{"status":"unauthenticated","errors":[{"message":"user authorization required"}]}`,
	`{"errors":[{"message":"Expired access token.","expired_at":"2026-01-01T00:00:00Z"}]}`,
	`{"errors":[{"message":"The specified resource does not exist."}]}`,
	`{"errors":[{"message":"Insufficient scopes on access token."}]}`,
	`{"errors":[{"message":"An error occurred.","error_code":"internal_server_error"}],"error_report_id":5}`,
	`{"errors":{"message":"cannot regenerate an expired token without a new expiration date"}}`,
	`{"errors":{"token":["is already active"]}}`,
	`{"errors":"Invalid as_user_id","merged_into_user_id":9010000000000000007}`,
	`{"error":"invalid_request","error_description":"refresh_token not found"}`,
	`{"error":"Forbidden","message":"You are not authorized to access this site because you have not provided a valid user agent."}`,
	"403 Forbidden (Rate Limit Exceeded)\n", "<html>", "", "null", "7", `"text"`, `[[[[[[[[{"errors":[1,null,{}]}]]]]]]]]`,
}

// Whatever something that answers in Canvas's place says, the parser makes an
// error of it that is fit for a log: of a known kind, short, on one line and
// without the credential.
func FuzzProblem(f *testing.F) {
	for _, body := range problemSeeds {
		for _, status := range []int{302, 400, 401, 403, 404, 408, 422, 429, 500} {
			f.Add(status, body, "0.0", false)
			f.Add(status, body, "600", true)
		}
	}
	const hidden = "17~CredentialCanary"
	kinds := []Kind{NotFound, Unauthenticated, Denied, Throttled, Invalid, Server, Unreachable, Unclear}
	f.Fuzz(func(t *testing.T, status int, body, left string, write bool) {
		if status >= 200 && status < 300 || status < 100 || status > 999 {
			return
		}
		header := http.Header{"X-Rate-Limit-Remaining": {left}}
		for _, raw := range []string{body, strings.ReplaceAll(body, "token", hidden)} {
			e := classify("op", write, status, header, []byte(raw), []string{hidden})
			if !slices.Contains(kinds, e.Kind) || e.Status != status {
				t.Errorf("kind %q, status %d", e.Kind, e.Status)
			}
			if e.Kind == Unclear && !write || e.Kind == Server && write {
				t.Errorf("kind %q of write %v", e.Kind, write)
			}
			if status >= 500 && e.Kind != Server && e.Kind != Unclear {
				t.Errorf("a failure is called %q", e.Kind)
			}
			text := e.Error()
			if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || len(text) > 8<<10 {
				t.Errorf("not fit for a log: %q", text)
			}
			if strings.Contains(text, hidden) {
				t.Errorf("the credential is told: %q", text)
			}
			if e.mergedInto != "" && !idForm.MatchString(e.mergedInto) {
				t.Errorf("merged into %q", e.mergedInto)
			}
		}
	})
}

// FuzzReportRows: a file that is no report is refused, and nothing of it is
// quoted.
func FuzzReportRows(f *testing.F) {
	const header = "user id,user name,token hint,expiration,last used,dev key id,dev key name\n"
	f.Add(header + "42,Maya,aB3dE,never,2026-01-02T03:04:05Z,9,User-Generated\n")
	f.Add("\ufeff" + header + "42,\"Ma\"\"ya\n\",,never,,9,x")
	f.Add(header + "42,\"Maya")
	f.Add("<html>")
	f.Fuzz(func(t *testing.T, file string) {
		rows := 0
		body := newSteady(strings.NewReader(file), time.Hour, func() {})
		defer body.timer.Stop()
		err := readRows("op", body, New(Config{}).said, func(r ReportRow) error {
			rows++
			if !idForm.MatchString(r.UserID) || !utf8.ValidString(r.UserName) || r.Manual != (r.KeyName == manualKey) {
				t.Errorf("%+v", r)
			}
			return nil
		})
		if err == nil {
			return
		}
		if e, ok := err.(*Error); !ok || e.Kind != Server || strings.ContainsFunc(e.Error(), unicode.IsControl) { //nolint:errorlint // it is made there
			t.Errorf("%v", err)
		}
	})
}
