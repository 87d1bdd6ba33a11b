package notify

import (
	"errors"
	"net/http"

	"github.com/wneessen/go-mail"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

// awayError marks an error of a server that takes no message at all.
type awayError struct{ err error }

func (e awayError) Error() string { return e.err.Error() }
func (e awayError) Unwrap() error { return e.err }

// Away reports whether a way failed for whoever the message was for: its server
// did not answer, was not to be reached, or takes nothing now. The next message
// would fare the same, so it is left alone for a while. An answer about one
// message is not that.
func Away(err error) bool {
	if _, ok := errors.AsType[awayError](err); ok {
		return true
	}
	e, ok := errors.AsType[*canvas.Error](err)
	if !ok {
		return false
	}
	switch e.Kind {
	case canvas.Unreachable, canvas.Throttled, canvas.Unauthenticated:
		return true
	case canvas.Unclear, canvas.Server:
		switch e.Status {
		case 0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
	}
	return false
}

// aboutMessage reports whether a mail server answered about one message, and so
// is there.
func aboutMessage(err error) bool {
	const notAvailable = 421 // RFC 5321 §4.2.1: for any command, and then it hangs up
	e, ok := errors.AsType[*mail.SendError](err)
	return ok && e.ErrorCode() != 0 && e.ErrorCode() != notAvailable
}
