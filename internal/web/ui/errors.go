package ui

import (
	"context"
	"errors"
	"net/http"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/session"
)

// ErrForm is a body that is no form of ours: another content type, a field that
// comes twice, bytes that cannot be read.
var ErrForm = errors.New("not a form of this tool")

// ErrMethod is a known address with a method it does not have.
var ErrMethod = errors.New("no such method here")

// ErrCrossOrigin is a post that another site made this browser send.
var ErrCrossOrigin = errors.New("posted by another site")

// verdict is how an error is answered.
type verdict struct {
	status int
	kind   ProblemKind
	// fault: it is ours. It gets a reference number and one line in the log.
	fault bool
}

// verdicts is the table of errors, first match first. What is not in it is our
// fault. Handlers catch before it what has a better page: a form to correct, a
// lost race, a refusal that belongs above the same page.
var verdicts = []struct {
	is func(error) bool
	verdict
}{
	{is(session.ErrSignedOut), verdict{http.StatusUnauthorized, ProblemEnded, false}},
	{isTooLarge, verdict{http.StatusRequestEntityTooLarge, ProblemRequest, false}},
	{is(ErrForm), verdict{http.StatusBadRequest, ProblemRequest, false}},
	{is(ErrMethod), verdict{http.StatusMethodNotAllowed, ProblemRequest, false}},
	{is(ErrCrossOrigin), verdict{http.StatusForbidden, ProblemForbidden, false}},
	{isWhy(access.WhyCanvas), verdict{http.StatusServiceUnavailable, ProblemCanvas, false}},
	{isWhy(access.WhyBusy), verdict{http.StatusTooManyRequests, ProblemBusy, false}},
	{is(access.ErrNotAllowed), verdict{http.StatusForbidden, ProblemForbidden, false}},
	{is(access.ErrNotFound), verdict{http.StatusNotFound, ProblemNotFound, false}},
	{is(access.ErrConflict), verdict{http.StatusConflict, ProblemConflict, false}},
	{IsFormError, verdict{http.StatusUnprocessableEntity, ProblemRequest, false}},
	{is(access.ErrInvalid), verdict{http.StatusBadRequest, ProblemRequest, false}},
	{is(access.ErrUnavailable), verdict{http.StatusServiceUnavailable, ProblemDatabase, true}},
	{is(context.Canceled), verdict{statusGone, ProblemTrouble, false}},
	{is(context.DeadlineExceeded), verdict{http.StatusServiceUnavailable, ProblemTrouble, true}},
}

// statusGone is written for a browser that did not wait for the answer; nobody
// reads it but the log (nginx's 499).
const statusGone = 499

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isWhy(why access.Why) func(error) bool {
	return func(err error) bool { return access.WhyOf(err) == why }
}

func isTooLarge(err error) bool {
	var e *http.MaxBytesError
	return errors.As(err, &e)
}

// IsFormError reports whether an error asks for corrections.
func IsFormError(err error) bool {
	var e *access.FormError
	return errors.As(err, &e)
}

// IsTermsError reports whether an error says that what was read has changed.
func IsTermsError(err error) bool {
	var e *access.TermsError
	return errors.As(err, &e)
}

func judge(err error) verdict {
	for _, v := range verdicts {
		if v.is(err) {
			return v.verdict
		}
	}
	return verdict{http.StatusInternalServerError, ProblemTrouble, true}
}

// Instead is the answer to a refusal by a page that says it: shown is what became of that
// page, and where it could not be shown, the refusal goes to the table.
func Instead(shown, refused error) error {
	if shown != nil {
		return refused
	}
	return nil
}

// StatusOf is the status of the page that is shown again with the reason above
// it: what the table says of the error.
func StatusOf(err error) int { return judge(err).status }
