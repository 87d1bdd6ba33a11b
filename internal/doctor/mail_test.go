package doctor

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/secret"
)

// mailServer accepts one password and fails the test if anything is sent.
type mailServer struct{ t *testing.T }

func (m *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }
func (m *mailServer) AuthMechanisms() []string                    { return []string{sasl.Plain} }
func (m *mailServer) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "desk" || password != "right" {
			return errors.New("no")
		}
		return nil
	}), nil
}

func (m *mailServer) Mail(string, *smtp.MailOptions) error {
	m.t.Error("doctor sends mail")
	return nil
}
func (m *mailServer) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (m *mailServer) Data(io.Reader) error                 { return nil }
func (m *mailServer) Reset()                               {}
func (m *mailServer) Logout() error                        { return nil }

func TestCheckMail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(&mailServer{t})
	s.AllowInsecureAuth, s.Domain, s.ReadTimeout = true, "localhost", time.Minute
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })

	check := func(url string) error {
		cfg := config.Default()
		cfg.SMTP, cfg.MailFrom = secret.New(url), "a@b.example"
		return checkMail(t.Context(), cfg)
	}
	at := l.Addr().String()
	if err := check("smtp://desk:right@" + at); err != nil {
		t.Errorf("the right password: %v", err)
	}
	if err := check("smtp://" + at); err != nil {
		t.Errorf("a server that asks for none: %v", err)
	}
	for name, url := range map[string]string{
		"a wrong password":     "smtp://desk:hunter2@" + at,
		"TLS where there none": "smtps://desk:hunter2@" + at,
		"nobody there":         "smtp://desk:hunter2@127.0.0.1:1",
	} {
		if err := check(url); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
