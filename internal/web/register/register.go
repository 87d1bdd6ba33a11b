package register

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti/loopback"
)

// RefusalStatus is the status of each reason.
var RefusalStatus = map[operate.RegistrationWhy]int{
	operate.RegistrationDirect: http.StatusBadRequest, operate.RegistrationForeign: http.StatusForbidden,
	operate.RegistrationNotCanvas: http.StatusForbidden, operate.RegistrationConfiguration: http.StatusBadGateway,
	operate.RegistrationName: http.StatusConflict, operate.RegistrationKnown: http.StatusConflict, operate.RegistrationRefused: http.StatusBadGateway, operate.RegistrationUnclear: http.StatusBadGateway,
	operate.RegistrationUnsaved: http.StatusInternalServerError, operate.RegistrationNoInvite: http.StatusNotFound,
	operate.RegistrationUsed: http.StatusGone, operate.RegistrationExpired: http.StatusGone,
}

// register answers the registration link. Canvas shows it in a frame of an
// admin's page, and waits until that page's button tells it to close.
func (p *Pages) register(v *ui.Visit) error {
	ask, err := registrationAsk(v.R.URL.RawQuery)
	var done operate.Registered
	if err == nil {
		done, err = p.registerTool(v.Ctx(), ask)
	}
	var refusal *operate.RegistrationRefusal
	switch {
	case err == nil:
		err = show(v, http.StatusOK, done.Frames, func(sh ui.Shell) any { return NewRegisteredPage(sh, done) })
	case errors.As(err, &refusal):
		t := ui.TraceOf(v.Ctx())
		v.Log().WarnContext(v.Ctx(), "registration refused", "reference", t.Reference, "why", refusal.Why, "cause", refusal.Cause)
		frames := refusal.Frames
		if frames == nil {
			frames = framing(ask.ConfigURL)
		}
		err = show(v, RefusalStatus[refusal.Why], frames, func(sh ui.Shell) any { return NewNotRegisteredPage(sh, refusal.Why, t.Reference) })
	}
	return err
}

// registrationAsk reads the link's query. A name that comes twice could be read
// two ways.
func registrationAsk(raw string) (operate.RegistrationAsk, error) {
	var ask operate.RegistrationAsk
	q, err := url.ParseQuery(raw)
	if err != nil {
		return ask, &operate.RegistrationRefusal{Why: operate.RegistrationDirect, Cause: errors.New("the query cannot be read")}
	}
	for name, to := range map[string]*string{"invite": &ask.Invite, "openid_configuration": &ask.ConfigURL, "registration_token": &ask.Token} {
		switch len(q[name]) {
		case 0:
		case 1:
			*to = q.Get(name)
		default:
			return operate.RegistrationAsk{}, &operate.RegistrationRefusal{Why: operate.RegistrationDirect, Cause: errors.New(name + " comes twice")}
		}
	}
	return ask, nil
}

// framing lets the Canvas that opened a link show why it does not work, where
// no invite says which Canvas that is. The page holds no session and nothing to
// press that acts here.
func framing(configURL string) []string {
	u, err := url.Parse(configURL)
	if err != nil || u.User != nil || u.Host == "" || (u.Scheme != "https" && !loopback.Host(u.Hostname())) {
		return nil // those that are registered
	}
	return []string{u.Scheme + "://" + u.Host}
}

// show answers with a page about a registration, inside Canvas's frame.
func show(v *ui.Visit, status int, frames []string, view func(ui.Shell) any) error {
	v.Frames = frames
	return ui.Show(v, status, PageRegister, nil, func(sh ui.Shell) any {
		sh.Session.Frames = frames // whom the page's script may tell to close
		return view(sh)
	})
}

// ShowWaiting answers a launch from a platform that is not set up so far that anybody
// could be admitted.
func ShowWaiting(v *ui.Visit, frames []string) error {
	return show(v, http.StatusServiceUnavailable, frames, func(sh ui.Shell) any { return NewWaitingPage(sh) })
}

// Func registers the tool with the Canvas that an invite names. What it
// refuses is a *operate.RegistrationRefusal.
type Func func(ctx context.Context, ask operate.RegistrationAsk) (operate.Registered, error)
