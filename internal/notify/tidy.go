package notify

import (
	"errors"
	"net/url"
	"strings"

	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/lti/loopback"
)

// Limits of what people and Canvas may put into a message, in characters.
const (
	lineMax  = 200
	quoteMax = 4000
)

// tidy cleans everything that people wrote or are called: one line stays one
// line, nothing controls how the rest is read, and no token goes out.
func (w *writer) tidy(to *Recipient) {
	f := &w.facts
	for _, s := range []*string{
		&f.Code, &f.Title, &f.Requester, &f.Sponsor, &f.By, &f.Course, &f.Team, &f.Office, &f.Contact, &to.Name,
	} {
		*s = w.clean(*s, text.Clean, lineMax)
	}
	for _, s := range []*string{&f.Reason, &f.Alternative} {
		*s = w.clean(*s, text.CleanLines, quoteMax)
	}
	if f.ReasonRemoved {
		f.Reason = w.T("mail.removed")
	}
	if f.AlternativeRemoved {
		f.Alternative = w.T("mail.removed")
	}
	rows := make([]WaitingRow, len(f.Rows))
	for i, r := range f.Rows {
		r.Code, r.Title = w.clean(r.Code, text.Clean, lineMax), w.clean(r.Title, text.Clean, lineMax)
		rows[i] = r
	}
	f.Rows = rows
}

func (w *writer) clean(s string, how func(string, int) (string, error), limit int) string {
	s, _ = how(s, limit)
	// Before the cut, which could leave a piece of a value that looks like none.
	return cut(secret.Replace(s, w.T("mail.removed")), limit)
}

// link checks an address and writes its label.
func (w *writer) link(label, address string) link {
	if err := checkLink(address); err != nil {
		w.lack("a link to the " + label + " (" + err.Error() + ")")
	}
	return link{Label: w.T("mail.link." + label), URL: address}
}

// checkLink admits addresses that a person may be sent to: https, or http on
// this machine; no name and password; and never a session.
func checkLink(address string) error {
	u, err := url.Parse(address)
	switch {
	case address == "":
		return errors.New("none is given")
	case err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(address, " \r\n\t<>\""):
		return errors.New("it is not an address")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback.Host(u.Hostname())):
		return errors.New("it is not https")
	case secret.HasToken(address) || strings.Contains(strings.ToLower(address), "tool_session"):
		return errors.New("it carries a secret")
	}
	return nil
}
