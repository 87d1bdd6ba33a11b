package canvas

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/tokendesk/tokendesk/internal/secret"
)

const (
	detailMax   = 5   // messages kept from one answer
	detailRunes = 200 // runes kept of each
)

// problem is what an error answer of Canvas says, whichever of its shapes it
// has: errors as array, object of arrays, object or string, or a bare array.
type problem struct {
	json     bool // whether the body was JSON at all
	status   string
	merged   string // the id of the user into whom the one asked for was merged
	messages []string
}

// parseProblem reads any error body. It never fails: what it cannot read has no
// messages.
func parseProblem(body []byte) problem {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return problem{}
	}
	p := problem{json: true}
	if top, ok := v.(map[string]any); ok {
		p.status, _ = top["status"].(string)
		var told struct {
			Merged id `json:"merged_into_user_id"`
		}
		if json.Unmarshal(body, &told) == nil { // an id above 2^53 does not survive any
			p.merged = string(told.Merged)
		}
	}
	p.collect("", v, 0)
	return p
}

// collect walks the body for sentences. The name of the member that holds a
// list of errors is the field at fault, and is put before them.
func (p *problem) collect(field string, v any, depth int) {
	const deepest = 6
	if depth > deepest || len(p.messages) >= detailMax {
		return
	}
	switch v := v.(type) {
	case string:
		if text := strings.TrimSpace(v); text != "" && field != "" {
			p.add("", field+": "+text)
		} else {
			p.add("", text)
		}
	case []any:
		for _, item := range v {
			p.collect(field, item, depth+1)
		}
	case map[string]any:
		p.collectObject(field, v, depth)
	}
}

func (p *problem) collectObject(field string, v map[string]any, depth int) {
	text := func(name string) string { s, _ := v[name].(string); return strings.TrimSpace(s) }
	if attribute := text("attribute"); attribute != "" {
		field = attribute
	}
	_, nested := v["errors"]
	switch {
	case nested:
		p.collect("", v["errors"], depth+1)
		if len(p.messages) == 0 {
			p.add("", text("message"))
		}
	case text("message") != "":
		p.add(field, text("message"))
	case text("type") != "":
		p.add(field, text("type"))
	case text("error_description") != "":
		p.add(text("error"), text("error_description"))
	case text("error") != "":
		p.add("", text("error"))
	case text("attribute") != "":
		p.add("", field)
	case depth > 0:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if isSentence(name) {
				p.collect(name, v[name], depth+1)
			}
		}
	}
}

// isSentence tells members that hold errors from those that hold numbers about
// them, like error_code and expired_at.
func isSentence(member string) bool {
	return !slices.Contains([]string{"error_code", "error_report_id", "expired_at", "status", "merged_into_user_id"}, member)
}

func (p *problem) add(field, text string) {
	if field != "" && text != "" && field != text {
		text = field + ": " + text
	}
	if text != "" && len(p.messages) < detailMax && !slices.Contains(p.messages, text) {
		p.messages = append(p.messages, text)
	}
}

func (p *problem) says(words string) bool {
	for _, m := range p.messages {
		if strings.Contains(strings.ToLower(m), words) {
			return true
		}
	}
	return false
}

// classify turns an answer that is not a success into an error. A 403 has four
// meanings (throttling, permission, user agent, scopes) and 401 two, told
// apart by the body; a 404 counts only in Canvas's own JSON, since a proxy's
// page says nothing about Canvas.
func classify(op string, write bool, status int, header http.Header, body []byte, hide []string) *Error {
	p := parseProblem(body)
	e := &Error{Op: op, Status: status, mergedInto: p.merged, unauthorized: p.status == "unauthorized"}
	for _, m := range p.messages {
		e.Detail = append(e.Detail, tidy(m, hide))
	}
	lost := Server
	if write {
		lost = Unclear
	}
	switch {
	case throttled(status, header, body, p):
		e.Kind = Throttled
	case status == http.StatusUnauthorized:
		e.Kind, e.Reason = notAccepted(p)
	case status == http.StatusForbidden && forUserAgent(p, body):
		e.Kind, e.Reason = Invalid, ReasonUserAgent
	case status == http.StatusForbidden:
		e.Kind = Denied
		if p.says("insufficient scopes") {
			e.Reason = ReasonScopes
		}
	case status == http.StatusNotFound && p.json:
		e.Kind = NotFound
	case status == http.StatusNotFound:
		e.Kind, e.Reason = lost, ReasonNotCanvas
		e.Detail = append(e.Detail, "the answer does not come from the Canvas API")
	case status == http.StatusRequestTimeout:
		e.Kind = lost
	case status >= 400 && status < 500:
		e.Kind = Invalid
	case status >= 300 && status < 400:
		e.Kind, e.Reason = lost, ReasonNotCanvas
		e.Detail = append(e.Detail, "Canvas answered with a redirect, which is not followed")
	default:
		e.Kind = lost
	}
	return e
}

func throttled(status int, header http.Header, body []byte, p problem) bool {
	if status == http.StatusTooManyRequests {
		return true
	}
	if status != http.StatusForbidden {
		return false
	}
	if strings.Contains(strings.ToLower(string(body)), "rate limit exceeded") {
		return true
	}
	left, err := strconv.ParseFloat(header.Get("X-Rate-Limit-Remaining"), 64)
	return err == nil && left <= 0 && !p.json
}

func forUserAgent(p problem, body []byte) bool {
	return p.says("valid user agent") || !p.json && strings.Contains(strings.ToLower(string(body)), "valid user agent")
}

// notAccepted tells a credential that Canvas does not accept from one that may
// not do this: older Canvas answers 401 for both.
func notAccepted(p problem) (Kind, Reason) {
	switch {
	case p.status == "unauthorized":
		return Denied, ""
	case p.says("as_user_id"), p.says("masquerade"):
		return Denied, ReasonActAs
	case p.says("insufficient scopes"):
		return Denied, ReasonScopes
	case p.says("expired access token"):
		return Unauthenticated, ReasonCredentialExpired
	case p.says("revoked access token"):
		return Unauthenticated, ReasonCredentialRevoked
	}
	return Unauthenticated, ""
}

// tidy makes a sentence of somebody else's fit for our errors and logs.
func tidy(s string, hide []string) string {
	for _, h := range hide {
		if h != "" {
			s = strings.ReplaceAll(s, h, "[secret]")
		}
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = secret.Redact(s)
	if runes := []rune(s); len(runes) > detailRunes {
		s = string(runes[:detailRunes]) + "…"
	}
	return s
}

// unreadable is a success status with an answer that is not one.
func unreadable(op string, write bool, status int, why string, cause error) *Error {
	e := &Error{Op: op, Status: status, Kind: Server, Detail: []string{why}, cause: cause}
	if write {
		e.Kind = Unclear
	}
	return e
}

// describe names a network failure without the address that was called: paths
// hold people's ids.
func describe(err error) string { return tidy(fmt.Sprint(err), nil) }
