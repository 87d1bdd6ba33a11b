package canvas_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

var plainText = map[string]string{"Content-Type": "text/plain", "X-Rate-Limit-Remaining": "0.0"}

// refusals are the error answers of Canvas, with what they mean to a read and
// to a write.
var refusals = map[string]struct {
	answer reply
	read   canvas.Kind
	write  canvas.Kind
	reason canvas.Reason
	detail []string
}{
	"no token hash": {
		reply{400, nil, `{"errors":[{"message":"token is missing"}]}`},
		canvas.Invalid, canvas.Invalid, "", []string{"token is missing"},
	},
	"no purpose, as a bare array": {
		reply{400, nil, `[{"message":"token[purpose] is missing"}]`},
		canvas.Invalid, canvas.Invalid, "", []string{"token[purpose] is missing"},
	},
	"no end date": {
		reply{400, nil, `[{"message":"Expiration date is required"}]`},
		canvas.Invalid, canvas.Invalid, "", []string{"Expiration date is required"},
	},
	"a purpose of no length": {
		reply{400, nil, `{"errors":{"purpose":[{"attribute":"purpose","type":"too_short","message":"is too short"}]}}`},
		canvas.Invalid, canvas.Invalid, "", []string{"purpose: is too short"},
	},
	"a validation error with a type only": {
		reply{400, nil, `{"errors":{"purpose":[{"attribute":"purpose","type":"too_short","message":""}]}}`},
		canvas.Invalid, canvas.Invalid, "", []string{"purpose: too_short"},
	},
	"scopes that the key does not have": {
		reply{400, nil, `{"errors":{"scopes":[{"attribute":"scopes","type":"x","message":"requested scopes must match scopes on developer key"}]}}`},
		canvas.Invalid, canvas.Invalid, "", []string{"scopes: requested scopes must match scopes on developer key"},
	},
	"regenerate without a date, errors as an object": {
		reply{400, nil, `{"errors":{"message":"cannot regenerate an expired token without a new expiration date"}}`},
		canvas.Invalid, canvas.Invalid, "", []string{"cannot regenerate an expired token without a new expiration date"},
	},
	"activate twice, errors as arrays of strings": {
		reply{400, nil, `{"errors":{"token":["is already active"]}}`},
		canvas.Invalid, canvas.Invalid, "", []string{"token: is already active"},
	},
	"a conversation's attribute and message": {
		reply{400, nil, `[{"attribute":"recipients","message":"invalid"}]`},
		canvas.Invalid, canvas.Invalid, "", []string{"recipients: invalid"},
	},
	"a conversation's attribute without a message": {
		reply{400, nil, `[{"attribute":"Unable to send messages to users in Biology","message":""}]`},
		canvas.Invalid, canvas.Invalid, "", []string{"Unable to send messages to users in Biology"},
	},
	"a bare message": {
		reply{400, nil, `{"message":"bad context"}`},
		canvas.Invalid, canvas.Invalid, "", []string{"bad context"},
	},
	"an OAuth error": {
		reply{400, nil, `{"error":"invalid_request","error_description":"refresh_token not found"}`},
		canvas.Invalid, canvas.Invalid, "", []string{"invalid_request: refresh_token not found"},
	},
	"a 400 without words": {
		reply{400, nil, ``}, canvas.Invalid, canvas.Invalid, "", nil,
	},
	"an unprocessable entity": {
		reply{422, nil, `{"errors":"nope"}`}, canvas.Invalid, canvas.Invalid, "", []string{"nope"},
	},
	"not allowed, older Canvas": {
		reply{401, nil, `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`},
		canvas.Denied, canvas.Denied, "", []string{"user not authorized to perform that action"},
	},
	"not allowed": {
		reply{403, nil, `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`},
		canvas.Denied, canvas.Denied, "", []string{"user not authorized to perform that action"},
	},
	"not allowed, with the bucket empty by chance": {
		reply{403, map[string]string{"X-Rate-Limit-Remaining": "0.0"}, `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`},
		canvas.Denied, canvas.Denied, "", []string{"user not authorized to perform that action"},
	},
	"throttled, by the figure alone, below zero": {
		reply{403, map[string]string{"Content-Type": "text/plain", "X-Rate-Limit-Remaining": "-50.0"}, `Forbidden`}, canvas.Throttled, canvas.Throttled, "", nil,
	},
	"no credential": {
		reply{401, map[string]string{"WWW-Authenticate": `Bearer realm="canvas-lms"`}, `{"status":"unauthenticated","errors":[{"message":"user authorization required"}]}`},
		canvas.Unauthenticated, canvas.Unauthenticated, "", []string{"user authorization required"},
	},
	"a bad credential": {
		reply{401, nil, `{"errors":[{"message":"Invalid access token."}]}`},
		canvas.Unauthenticated, canvas.Unauthenticated, "", []string{"Invalid access token."},
	},
	"a revoked credential": {
		reply{401, nil, `{"errors":[{"message":"Revoked access token."}]}`},
		canvas.Unauthenticated, canvas.Unauthenticated, canvas.ReasonCredentialRevoked, []string{"Revoked access token."},
	},
	"an expired credential": {
		reply{401, nil, `{"errors":[{"message":"Expired access token.","expired_at":"2026-01-01T00:00:00Z"}]}`},
		canvas.Unauthenticated, canvas.Unauthenticated, canvas.ReasonCredentialExpired, []string{"Expired access token."},
	},
	"a 401 page of something before Canvas": {
		reply{401, map[string]string{"Content-Type": "text/html"}, `<html>sign in</html>`},
		canvas.Unauthenticated, canvas.Unauthenticated, "", nil,
	},
	"scopes, older Canvas": {
		reply{401, nil, `{"errors":[{"message":"Insufficient scopes on access token."}]}`},
		canvas.Denied, canvas.Denied, canvas.ReasonScopes, []string{"Insufficient scopes on access token."},
	},
	"scopes": {
		reply{403, nil, `{"errors":[{"message":"Insufficient scopes on access token."}]}`},
		canvas.Denied, canvas.Denied, canvas.ReasonScopes, []string{"Insufficient scopes on access token."},
	},
	"a masquerade that fails, errors as a string": {
		reply{401, nil, `{"errors":"Invalid as_user_id","merged_into_user_id":7}`},
		canvas.Denied, canvas.Denied, canvas.ReasonActAs, []string{"Invalid as_user_id"},
	},
	"no user agent": {
		reply{403, nil, `{"error":"Forbidden","message":"You are not authorized to access this site because you have not provided a valid user agent."}`},
		canvas.Invalid, canvas.Invalid, canvas.ReasonUserAgent, []string{"You are not authorized to access this site because you have not provided a valid user agent."},
	},
	"a 403 page of a firewall": {
		reply{403, map[string]string{"Content-Type": "text/html"}, `<html>Forbidden</html>`},
		canvas.Denied, canvas.Denied, "", nil,
	},
	"throttled as 403 text": {
		reply{403, plainText, "403 Forbidden (Rate Limit Exceeded)\n"},
		canvas.Throttled, canvas.Throttled, "", nil,
	},
	"throttled as 403 without the words": {
		reply{403, plainText, "Forbidden"}, canvas.Throttled, canvas.Throttled, "", nil,
	},
	"throttled as 429": {
		reply{429, plainText, "429 Too Many Requests (Rate Limit Exceeded)\n"},
		canvas.Throttled, canvas.Throttled, "", nil,
	},
	"not found": {
		reply{404, nil, unknownRoute}, canvas.NotFound, canvas.NotFound, "", []string{"The specified resource does not exist."},
	},
	"a 404 page that is not Canvas's": {
		reply{404, map[string]string{"Content-Type": "text/html"}, `<html>404</html>`},
		canvas.Server, canvas.Unclear, canvas.ReasonNotCanvas, []string{"the answer does not come from the Canvas API"},
	},
	"a request time-out of a proxy": {
		reply{408, nil, ``}, canvas.Server, canvas.Unclear, "", nil,
	},
	"an internal error": {
		reply{500, nil, `{"errors":[{"message":"An error occurred.","error_code":"internal_server_error"}],"error_report_id":77}`},
		canvas.Server, canvas.Unclear, "", []string{"An error occurred."},
	},
	"a bad gateway": {
		reply{502, map[string]string{"Content-Type": "text/html"}, `<html>502</html>`},
		canvas.Server, canvas.Unclear, "", nil,
	},
	"a redirect": {
		reply{302, map[string]string{"Location": "/login"}, ``},
		canvas.Server, canvas.Unclear, canvas.ReasonNotCanvas, []string{"Canvas answered with a redirect, which is not followed"},
	},
}

func TestEveryRefusalIsUnderstood(t *testing.T) {
	t.Parallel()
	for name, tc := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := always(t, tc.answer).client()
			_, err := c.DeleteToken(t.Context(), "42", "5001")
			wantKind(t, "write", err, tc.write)
			e, ok := errors.AsType[*canvas.Error](err)
			if !ok {
				t.Fatalf("%v is not a *canvas.Error", err)
			}
			if e.Reason != tc.reason || e.Status != tc.answer.status || !slices.Equal(e.Detail, tc.detail) {
				t.Errorf("reason %q, status %d, detail %q; want %q, %d, %q", e.Reason, e.Status, e.Detail, tc.reason, tc.answer.status, tc.detail)
			}
			if tc.read == canvas.Throttled {
				return // reads are tried again: see the tests of throttling
			}
			_, err = c.User(t.Context(), "42")
			wantKind(t, "read", err, tc.read)
		})
	}
}

func TestErrorsShowNoSecretsAndNoWholeAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 400)
	bare, commit := strings.Repeat("BareCa9y", 8), "3f786850e387550fdab836ed7e6dc881de23001b"
	for name, body := range map[string]string{
		"the credential in a message": `{"errors":[{"message":"bad header Bearer ` + credential + `"}]}`,
		"a value in a message":        `{"errors":[{"message":"token ` + tokenValue + ` refused"}]}`,
		"a token as an error":         tokenBody(map[string]any{"visible_token": tokenValue, "message": "no"}),
		"a long message":              `{"errors":[{"message":"` + long + `"}]}`,
		"a value between marks":       `{"errors":[{"message":"token_` + bare + `_refused"}]}`,
		"a commit":                    `{"errors":[{"message":"deployed ` + commit + `"}]}`,
		"many messages":               `{"errors":[` + strings.Repeat(`{"message":"x"},`, 500) + `{"message":"y"}]}`,
		"deep nesting":                strings.Repeat(`{"errors":[`, 300) + strings.Repeat(`]}`, 300),
		"control characters":          `{"errors":[{"message":"a\r\nX-Injected: 1\u202e\u0000"}]}`,
	} {
		_, err := always(t, reply{status: 400, body: body}).client().DeleteToken(t.Context(), "42", "5001")
		wantKind(t, name, err, canvas.Invalid)
		text := fmt.Sprintf("%v %+v", err, err)
		if len(text) > 2200 {
			t.Errorf("%s: the error has %d bytes", name, len(text))
		}
		if strings.ContainsAny(text, "\r\n\x00\u202e") {
			t.Errorf("%s: the error holds control characters: %q", name, text)
		}
		if strings.Contains(text, bare) || name == "a commit" && !strings.Contains(text, commit) {
			t.Errorf("%s: the error says %q", name, text)
		}
	}
}

func TestCapFrom(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		days   int
		ok     bool
	}{
		"Canvas's refusal":                  {400, `[{"message":"Expiration date cannot be more than 120 days in the future"}]`, 120, true},
		"another cap":                       {400, `[{"message":"Expiration date cannot be more than 90 days in the future"}]`, 90, true},
		"the cap among other errors":        {400, `{"errors":[{"message":"purpose is odd"},{"message":"Expiration date must be within 30 days"}]}`, 30, true},
		"a refusal without a number":        {400, `[{"message":"Expiration date is required"}]`, 0, false},
		"a number of days about other":      {400, `[{"message":"Try again in 2 days"}]`, 0, false},
		"an expiry that is not a cap":       {400, `[{"message":"Your account expired 30 days ago"}]`, 0, false},
		"none at all":                       {400, `[{"message":"Expiration date cannot be more than 0 days in the future"}]`, 0, false},
		"a denial that speaks of days":      {403, `{"errors":[{"message":"Expiration date cannot be more than 120 days in the future"}]}`, 0, false},
		"a failure that speaks of days":     {500, `{"errors":[{"message":"Expiration date cannot be more than 120 days in the future"}]}`, 0, false},
		"a number too large to be one":      {400, `[{"message":"Expiration date cannot be more than 1200000 days in the future"}]`, 0, false},
		"an answer that is not understood":  {400, `<html>`, 0, false},
		"an answer without an explanation":  {400, ``, 0, false},
		"the field named by its attribute":  {400, `{"errors":{"expires_at":[{"attribute":"expires_at","type":"x","message":"cannot be more than 60 days in the future"}]}}`, 60, true},
		"an unparsable date is not a limit": {400, `[{"message":"Invalid expiration date format"}]`, 0, false},
	} {
		_, err := always(t, reply{status: tc.status, body: tc.body}).client().CreateToken(t.Context(), "42", "p", end)
		if days, ok := canvas.CapFrom(err); days != tc.days || ok != tc.ok {
			t.Errorf("%s: CapFrom(%v) = %d, %v", name, err, days, ok)
		}
	}
	if _, ok := canvas.CapFrom(errors.New("Expiration date cannot be more than 120 days")); ok {
		t.Error("an error of somebody else's is read as a cap")
	}
	if _, ok := canvas.CapFrom(nil); ok {
		t.Error("no error is read as a cap")
	}
}

func TestTemporary(t *testing.T) {
	t.Parallel()
	for kind, want := range map[canvas.Kind]bool{
		canvas.Throttled: true, canvas.Server: true, canvas.Unreachable: true,
		canvas.NotFound: false, canvas.Denied: false, canvas.Unauthenticated: false, canvas.Invalid: false, canvas.Unclear: false,
	} {
		if got := (&canvas.Error{Kind: kind}).Temporary(); got != want {
			t.Errorf("%s: Temporary = %v", kind, got)
		}
	}
}

func TestDeniedCreateNamesTheElevatedSignIn(t *testing.T) {
	t.Parallel()
	body := `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`
	_, err := always(t, reply{status: http.StatusForbidden, body: body}).client().CreateToken(t.Context(), "42", "p", end)
	wantKind(t, "create", err, canvas.Denied)
	if !strings.Contains(err.Error(), "elevated sign-in") {
		t.Errorf("the error does not name the possible cause: %v", err)
	}
	if errors.Is(err, context.Canceled) {
		t.Error("a denial matches an unrelated error")
	}
}
