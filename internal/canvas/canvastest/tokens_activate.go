package canvastest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// activate turns a pending token of the current user active. Canvas compares
// the owner with the current user only, so a person acting as the owner could
// activate as well (inferred from TokensController).
func (s *Server) activate(user ID, raw string) reply {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users.get(user)
	if u == nil || u.State == StateDeleted {
		return notFound()
	}
	t := w.findTokenLocked(u.ID, raw)
	if t == nil {
		return notFound()
	}
	if t.State != StatePending {
		return alreadyActive()
	}
	c := &call{s: s, w: w, now: w.Clock.Now(), real: u, current: u}
	t.State, t.UpdatedAt = StateActive, c.now
	return ok(c.tokenObject(t, ""))
}

// ActivateAs activates a token as the user with this key would do it on the
// settings page, by the same code. The error names Canvas's status.
func (s *Server) ActivateAs(user string, token ID) error {
	answer := s.activate(s.world.User(user).ID, token.String())
	if answer.status != http.StatusOK {
		return fmt.Errorf("canvastest: activating token %d as %s: status %d", token, user, answer.status)
	}
	return nil
}

func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "json") || r.Header.Get("X-Requested-With") == "XMLHttpRequest"
}

// dateLayouts are the date texts understood here; Ruby reads more.
var dateLayouts = []string{
	time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST",
	"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "Jan 2 2006", "Jan 2, 2006", "January 2 2006",
	"January 2, 2006", "2 Jan 2006", "2 January 2006", time.RFC1123Z, time.RFC1123,
}

// parseTime reads a date text in the caller's zone if it names none. Empty is
// the zero time; unreadable text is the zero time and false.
func parseTime(text, zone string) (at time.Time, readable bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, true
	}
	where, err := time.LoadLocation(zone)
	if err != nil {
		where = time.UTC
	}
	for _, layout := range dateLayouts {
		if at, err := time.ParseInLocation(layout, titled(text), where); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// titled writes a leading month name as the layouts have it ("jun 1 2011").
func titled(text string) string {
	if c := text[0]; c >= 'a' && c <= 'z' {
		return string(c-'a'+'A') + text[1:]
	}
	return text
}

// scopeMatches says whether a scope such as
// "url:GET|/api/v1/users/:user_id/tokens/:id" admits a request: ":segment" is
// one path segment, "*glob" is the rest, "(.:format)" or "(/:x)" is optional,
// HEAD counts as GET, and the OAuth token path is always admitted.
func scopeMatches(scope, method, path string) bool {
	if path == "/login/oauth2/token" {
		return true
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	verb, pattern, found := strings.Cut(strings.TrimPrefix(scope, "url:"), "|")
	if !found || verb != method {
		return false
	}
	path = strings.TrimSuffix(path, ".json")
	return segmentsMatch(pattern, path)
}

func segmentsMatch(pattern, path string) bool {
	pattern = strings.TrimSuffix(pattern, "(.:format)")
	if before, optional, found := strings.Cut(pattern, "("); found {
		inner, after, closed := strings.Cut(optional, ")")
		return closed && (segmentsMatch(before+inner+after, path) || segmentsMatch(before+after, path))
	}
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, segment := range want {
		switch {
		case strings.HasPrefix(segment, "*"):
			return i < len(got) && strings.Join(got[i:], "/") != ""
		case i >= len(got):
			return false
		case strings.HasPrefix(segment, ":"):
			if got[i] == "" {
				return false
			}
		case segment != got[i]:
			return false
		}
	}
	return len(want) == len(got)
}
