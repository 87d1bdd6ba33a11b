package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/url"

	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/egress"
	"github.com/tokendesk/tokendesk/lti/loopback"
)

// checkMail connects to the mail server as the mail way does, signs in and
// leaves. Nothing is sent. Errors hold no password.
func checkMail(ctx context.Context, cfg config.Config) error {
	u, err := url.Parse(cfg.SMTP.Reveal())
	if err != nil {
		return errors.New("TOKENDESK_SMTP_URL is not a URL")
	}
	port, implicit := u.Port(), u.Scheme == "smtps"
	switch {
	case port != "":
	case implicit:
		port = "465"
	default:
		port = "587"
	}
	conn, err := egress.New(func(string) bool { return true }).Dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	secure := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	if implicit {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, u.Hostname())
	if err != nil {
		return err
	}
	if !implicit {
		switch ok, _ := c.Extension("STARTTLS"); {
		case ok:
			if err := c.StartTLS(secure); err != nil {
				return err
			}
		case !loopback.Host(u.Hostname()):
			return errors.New("the server offers no encryption (STARTTLS), so no mail will be sent")
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		if err := c.Auth(smtp.PlainAuth("", u.User.Username(), password, u.Hostname())); err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
	}
	return c.Quit()
}
