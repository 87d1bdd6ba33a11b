package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	stdmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/lti/loopback"
)

const defaultSMTPTimeout = 30 * time.Second

// SMTPConfig is what the SMTP way needs. URL and From are required.
type SMTPConfig struct {
	// URL is smtp://user:password@host:587, where the connection is encrypted
	// by STARTTLS, or smtps://user:password@host:465, where it is from the
	// start. A server on a loopback host may do without encryption.
	URL secret.Text
	// From is the sender, "Tokendesk <tokens@example.edu>".
	From string
	// Timeout bounds one message from dial to delivery; 0 means 30 s.
	Timeout time.Duration
	// Dial opens connections; nil means Go's dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS is for servers with certificates of their own; nil means the
	// system's roots. The server name is always that of the URL.
	TLS *tls.Config
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// SMTP sends messages by mail. It is safe for concurrent use; each message has
// a connection of its own.
type SMTP struct {
	host               string
	port               int
	user               string
	password           secret.Text
	implicit, optional bool // TLS from the start; no TLS is accepted
	from               *stdmail.Address
	cfg                SMTPConfig
}

// NewSMTP checks the configuration. Its errors never hold the URL, which may
// hold a password.
func NewSMTP(cfg SMTPConfig) (*SMTP, error) {
	u, err := url.Parse(cfg.URL.Reveal())
	if err != nil || u.Hostname() == "" || u.Opaque != "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("mail: the SMTP address is not of the form smtp://user:password@host:587 or smtps://…")
	}
	s := &SMTP{host: u.Hostname(), cfg: cfg, optional: loopback.Host(u.Hostname())}
	switch u.Scheme {
	case "smtp":
		s.port = 587
	case "smtps":
		s.port, s.implicit = 465, true
	default:
		return nil, errors.New("mail: the SMTP address must begin with smtp:// or smtps://")
	}
	if p := u.Port(); p != "" {
		if s.port, err = strconv.Atoi(p); err != nil || s.port < 1 || s.port > 65535 {
			return nil, errors.New("mail: the SMTP address has a port that is not one")
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		s.user, s.password = u.User.Username(), secret.New(password)
	}
	if s.from, err = address(cfg.From); err != nil {
		return nil, errors.New("mail: the sender is not a mail address")
	}
	if s.cfg.Timeout <= 0 {
		s.cfg.Timeout = defaultSMTPTimeout
	}
	if s.cfg.Now == nil {
		s.cfg.Now = time.Now
	}
	if s.cfg.Dial == nil {
		s.cfg.Dial = (&net.Dialer{}).DialContext
	}
	return s, nil
}

// address parses one mail address. A line break could start a header.
func address(s string) (*stdmail.Address, error) {
	a, err := stdmail.ParseAddress(s)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(a.Name+a.Address, "\r\n\x00") {
		return nil, errors.New("not an address")
	}
	return a, nil
}

// Name returns "mail".
func (*SMTP) Name() string { return "mail" }

// Server returns the mail server, which all platforms share.
func (s *SMTP) Server(string) string { return "mail/" + net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// Send mails the message: text, HTML and, if there is one, the calendar file.
// Its Message-ID is fixed by the message's Key, so that a repeat is
// recognisable.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	if m.To.Email == "" {
		return permanent("mail: %w", ErrNoAddress)
	}
	msg, err := s.message(m)
	if err != nil {
		return permanent("mail: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	client, done, err := s.client(ctx)
	if err != nil {
		return s.failed(err, m.To.Email)
	}
	defer done()
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return s.failed(err, m.To.Email)
	}
	// The server has the message when Send is done; how the farewell goes
	// changes nothing, and must not cause a repeat.
	defer func() { _ = client.CloseWithSMTPClient(conn) }()
	if err := client.SendWithSMTPClient(conn, msg); err != nil {
		return s.failed(err, m.To.Email)
	}
	return nil
}

func (s *SMTP) message(m Message) (*mail.Msg, error) {
	to, err := address(m.To.Email)
	if err != nil {
		return nil, errors.New("the person's mail address cannot be used")
	}
	to.Name = m.To.Name
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.SetAddrHeaderFromMailAddress(mail.HeaderFrom, s.from)
	msg.SetAddrHeaderFromMailAddress(mail.HeaderTo, to)
	msg.Subject(m.Subject)
	msg.SetDateWithValue(s.cfg.Now())
	_, domain, _ := strings.Cut(s.from.Address, "@")
	msg.SetMessageIDWithValue(digest(m.Key)[:32] + "@" + domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5
	msg.SetGenHeader(mail.HeaderXAutoResponseSuppress, "All")
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	if len(m.ICS) > 0 {
		err := msg.AttachReader("token-end.ics", bytes.NewReader(m.ICS),
			mail.WithFileContentType("text/calendar; charset=utf-8; method=PUBLISH"))
		if err != nil {
			return nil, errors.New("the calendar file cannot be attached")
		}
	}
	return msg, nil
}

// client returns a client for one message, and what closes its connection when
// ctx ends: the library watches ctx only while it dials.
func (s *SMTP) client(ctx context.Context) (*mail.Client, func(), error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.cfg.TLS != nil {
		config = s.cfg.TLS.Clone()
	}
	config.ServerName = s.host
	release := func() {}
	options := []mail.Option{
		mail.WithPort(s.port), mail.WithTimeout(s.cfg.Timeout), mail.WithTLSConfig(config),
		mail.WithDialContextFunc(func(ctx2 context.Context, network, address string) (net.Conn, error) {
			conn, err := s.cfg.Dial(ctx2, network, address)
			if err != nil {
				return nil, err
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			release = func() { stop() }
			if !s.implicit {
				return conn, nil
			}
			encrypted := tls.Client(conn, config)
			if err := encrypted.HandshakeContext(ctx2); err != nil {
				_ = conn.Close()
				return nil, err
			}
			return encrypted, nil
		}),
	}
	switch {
	case s.implicit:
		options = append(options, mail.WithSSL())
	case s.optional:
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.user != "" {
		// PLAIN and LOGIN refuse by themselves to run on an open connection
		// to another machine.
		options = append(options, mail.WithUsername(s.user), mail.WithPassword(s.password.Reveal()),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	client, err := mail.NewClient(s.host, options...)
	return client, func() { release() }, err
}

// failed makes an error of ours, without password or address, permanent if the
// server refused this person or this message for good. What it refuses about
// us (sign-in, sender, encryption) people mend.
func (s *SMTP) failed(err error, person string) error {
	text := err.Error()
	for _, hidden := range []string{s.password.Reveal(), s.cfg.URL.Reveal(), person} {
		if hidden != "" {
			text = strings.ReplaceAll(text, hidden, "[…]")
		}
	}
	out := fmt.Errorf("mail: %s", strings.Join(strings.Fields(text), " "))
	if !aboutMessage(err) {
		return awayError{out}
	}
	e, ok := errors.AsType[*mail.SendError](err)
	if !ok || e.ErrorCode() < 500 {
		return out
	}
	switch e.ErrorCode() {
	case 530, 534, 535, 538: // about authentication, RFC 4954 §6
		return out
	}
	switch e.Reason {
	case mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose:
		return permanentError{out}
	}
	return out
}
