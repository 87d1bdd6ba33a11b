package notify_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// A server that takes nothing is told from an answer about one message: only the
// first keeps other messages waiting.
func TestAway(t *testing.T) {
	t.Parallel()
	of := func(k canvas.Kind, status int) error {
		return fmt.Errorf("inbox: %w", &canvas.Error{Op: "send message", Kind: k, Status: status})
	}
	for name, tc := range map[string]struct {
		err  error
		away bool
	}{
		"success":                      {nil, false},
		"no answer to a read":          {of(canvas.Unreachable, 0), true},
		"no answer to the message":     {of(canvas.Unclear, 0), true},
		"its rate":                     {of(canvas.Throttled, http.StatusForbidden), true},
		"the credential is refused":    {of(canvas.Unauthenticated, http.StatusUnauthorized), true},
		"a gateway before it":          {of(canvas.Server, http.StatusBadGateway), true},
		"it is being mended":           {of(canvas.Unclear, http.StatusServiceUnavailable), true},
		"it fails at this message":     {of(canvas.Unclear, http.StatusInternalServerError), false},
		"it refuses this message":      {of(canvas.Invalid, http.StatusBadRequest), false},
		"it knows no such person":      {of(canvas.NotFound, http.StatusNotFound), false},
		"nobody may write to them":     {of(canvas.Denied, http.StatusForbidden), false},
		"something else":               {errors.New("odd"), false},
		"there is no address to go to": {notify.ErrNoAddress, false},
	} {
		if got := notify.Away(tc.err); got != tc.away {
			t.Errorf("%s: away %v", name, got)
		}
	}
}

func TestAMailServerThatIsAway(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	down, err := notify.NewSMTP(notify.SMTPConfig{URL: secret.New("smtp://" + closed), From: "a@example.edu"})
	if err != nil {
		t.Fatal(err)
	}
	if err := down.Send(t.Context(), letter()); !notify.Away(err) {
		t.Errorf("nobody listens: %v", err)
	}
	for code, away := range map[int]bool{421: true, 450: false, 550: false} {
		s := startSink(t, sinkOptions{})
		s.rcpt = &smtp.SMTPError{Code: code, Message: "no"}
		if err := way(t, s, "smtp", "127.0.0.1", "").Send(t.Context(), letter()); err == nil || notify.Away(err) != away {
			t.Errorf("%d: away %v: %v", code, notify.Away(err), err)
		}
	}
}
