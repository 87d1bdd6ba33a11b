package canvastest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// reply is an answer before it is written.
type reply struct {
	status int
	header http.Header
	body   any    // rendered as JSON
	text   string // sent as it is, with contentType, if body is nil
	ctype  string
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

func (p reply) with(name, value string) reply {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// write sends the reply, with ids as strings if the caller asked so.
func (p reply) write(w http.ResponseWriter, stringIDs bool) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	if p.body == nil {
		w.Header().Set("Content-Type", orElse(p.ctype, "text/plain; charset=utf-8"))
		w.WriteHeader(p.status)
		_, _ = w.Write([]byte(p.text))
		return
	}
	out, err := json.Marshal(renderJSON(p.body, stringIDs))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(p.status)
	_, _ = w.Write(out)
}

// object is a JSON object; ids inside it have type ID, times are rendered as
// Canvas renders them and the zero time is null.
type object map[string]any

func renderJSON(v any, stringIDs bool) any {
	switch v := v.(type) {
	case object:
		m := make(map[string]any, len(v))
		for name, member := range v {
			m[name] = renderJSON(member, stringIDs)
		}
		return m
	case []object:
		list := make([]any, len(v))
		for i, member := range v {
			list[i] = renderJSON(member, stringIDs)
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i, member := range v {
			list[i] = renderJSON(member, stringIDs)
		}
		return list
	case []ID:
		list := make([]any, len(v))
		for i, member := range v {
			list[i] = renderJSON(member, stringIDs)
		}
		return list
	case ID:
		if stringIDs {
			return v.String()
		}
		return int64(v)
	case time.Time:
		return orNull(formatTime(v))
	}
	return v
}

// formatTime is Canvas's ISO 8601 in UTC with whole seconds; "" for none.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func idOrNull(id ID) any {
	if id == 0 {
		return nil
	}
	return id
}

func message(text string) object { return object{"message": text} }

func errorList(status int, text string) reply {
	return reply{status: status, body: object{"errors": []object{message(text)}}}
}

// The error bodies differ in shape on purpose: Canvas's do.

// tokenMissing: the token hash is absent or empty (ApplicationController's
// answer to a missing parameter).
func tokenMissing() reply { return errorList(http.StatusBadRequest, "token is missing") }

// bareArray is TokensController's own refusal: a top-level array.
func bareArray(text string) reply {
	return reply{status: http.StatusBadRequest, body: []object{message(text)}}
}

func purposeMissing() reply { return bareArray("token[purpose] is missing") }

func expiryRequired() reply { return bareArray("Expiration date is required") }

func expiryTooFar() reply {
	return bareArray("Expiration date cannot be more than 120 days in the future")
}

func expiryUnreadable() reply { return bareArray("Invalid expiration date format") }

// invalidAttribute is a failed save: an object of arrays under the attribute.
func invalidAttribute(attribute, kind, text string) reply {
	return reply{status: http.StatusBadRequest, body: object{"errors": object{
		attribute: []object{{"attribute": attribute, "type": kind, "message": text}},
	}}}
}

// expiredRegenerate has an object with a bare message under errors.
func expiredRegenerate() reply {
	return reply{status: http.StatusBadRequest, body: object{
		"errors": message("cannot regenerate an expired token without a new expiration date"),
	}}
}

func alreadyActive() reply {
	return reply{status: http.StatusBadRequest, body: object{"errors": object{"token": []any{"is already active"}}}}
}

// denied is "signed in, but not allowed": 401 in the older eras, 403 now.
func (w *World) deniedLocked() reply {
	return reply{status: w.deniedStatusLocked(), body: object{
		"status": "unauthorized",
		"errors": []object{message("user not authorized to perform that action")},
	}}
}

const bearerChallenge = `Bearer realm="canvas-lms"`

// unauthenticated: no credential at all.
func unauthenticated() reply {
	return reply{status: http.StatusUnauthorized, body: object{
		"status": "unauthenticated",
		"errors": []object{message("user authorization required")},
	}}.with("WWW-Authenticate", bearerChallenge)
}

// badCredential: a credential that does not authenticate. expiredAt is added
// inside the array element for an expired token.
func badCredential(text string, expiredAt time.Time) reply {
	detail := message(text)
	if !expiredAt.IsZero() {
		detail["expired_at"] = expiredAt
	}
	return reply{status: http.StatusUnauthorized, body: object{"errors": []object{detail}}}.
		with("WWW-Authenticate", bearerChallenge)
}

func notFound() reply {
	return errorList(http.StatusNotFound, "The specified resource does not exist.")
}

// insufficientScopes is 401 in most sightings and 403 in newer ones.
func (w *World) insufficientScopesLocked() reply {
	return errorList(w.deniedStatusLocked(), "Insufficient scopes on access token.")
}

// serverError is Canvas's answer to an exception.
func serverError() reply {
	return reply{status: http.StatusInternalServerError, body: object{
		"errors":          []object{{"message": "An error occurred.", "error_code": "internal_server_error"}},
		"error_report_id": ID(7_731_902),
	}}
}

// noUserAgent is the vendor's body for its sister interfaces; Canvas's own is
// unconfirmed.
func noUserAgent() reply {
	return reply{status: http.StatusForbidden, body: object{
		"error":   "Forbidden",
		"message": "You are not authorized to access this site because you have not provided a valid user agent.",
	}}
}

// throttled is plain text, unlike every other refusal, and tells no cost. Canvas
// first writes 0.0 for what remains, and then the mark less the level over it,
// for everybody but clients on its block list (request_throttle.rb).
func throttled(status int, remaining float64) reply {
	return reply{
		status: status, text: "403 Forbidden (Rate Limit Exceeded)\n", ctype: "text/plain; charset=utf-8",
	}.with("X-Rate-Limit-Remaining", rubyFloat(remaining))
}

// rubyFloat writes a float as Ruby's to_s does: always with a point.
func rubyFloat(f float64) string {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// badMasquerade has a bare string under errors.
func badMasquerade(text string, mergedInto ID) reply {
	body := object{"errors": text}
	if mergedInto != 0 {
		body["merged_into_user_id"] = mergedInto
	}
	return reply{status: http.StatusUnauthorized, body: body}
}

func badCSRF() reply {
	return errorList(http.StatusUnprocessableEntity, "Invalid authenticity token")
}
