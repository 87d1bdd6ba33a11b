package notify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	smtpUser     = "tokendesk"
	smtpPassword = "p@ss:Canary/word"
)

// delivery is one message that the sink took.
type delivery struct {
	from  string
	to    []string
	data  []byte
	tls   bool
	login string
}

// sink is a real SMTP server in the test's process.
type sink struct {
	server *smtp.Server
	addr   string
	roots  *x509.CertPool
	pipes  chan net.Conn // of a sink without a network, which startPiped makes

	mu   sync.Mutex
	got  []delivery
	rcpt error // answer to RCPT
	mail error // answer to MAIL
	data error // answer to DATA
	hang chan struct{}
	hung chan struct{} // gets one when a sink begins to hang
}

type sinkOptions struct {
	tls      bool // offers STARTTLS
	implicit bool // TLS from the start
	auth     bool // wants a login
	hang     bool // does not answer DATA
}

func startSink(t *testing.T, o sinkOptions) *sink {
	t.Helper()
	certificate, roots := selfSigned(t)
	s := newSink(o)
	s.roots = roots
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	if o.tls {
		s.server.TLSConfig = config
	}
	if o.implicit {
		l = tls.NewListener(l, config)
	}
	s.serve(t, l)
	return s
}

// startPiped is a sink that is reached by pipes, and so shares the virtual time
// of the bubble that it is started in.
func startPiped(t *testing.T, o sinkOptions) *sink {
	t.Helper()
	s := newSink(o)
	s.addr, s.pipes = "127.0.0.1:25", make(chan net.Conn)
	s.serve(t, &pipes{conns: s.pipes, closed: make(chan struct{})})
	return s
}

// dial reaches a piped sink.
func (s *sink) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case s.pipes <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pipes is the listener of a piped sink.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 25} }

func newSink(o sinkOptions) *sink {
	s := &sink{hang: make(chan struct{}), hung: make(chan struct{}, 1)}
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		session := &sinkSession{sink: s, conn: c, hang: o.hang}
		if o.auth {
			return &authSession{session}, nil
		}
		return session, nil
	}))
	s.server.Domain = "sink.example.edu"
	s.server.AllowInsecureAuth = true
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	return s
}

func (s *sink) serve(t *testing.T, l net.Listener) {
	t.Helper()
	go func() { _ = s.server.Serve(l) }()
	t.Cleanup(func() {
		close(s.hang)
		_ = s.server.Close()
	})
}

func (s *sink) deliveries() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivery(nil), s.got...)
}

type sinkSession struct {
	sink *sink
	conn *smtp.Conn
	hang bool
	now  delivery
}

func (s *sinkSession) Reset()        { s.now = delivery{login: s.now.login} }
func (s *sinkSession) Logout() error { return nil }

func (s *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	s.now.from = from
	_, s.now.tls = s.conn.TLSConnectionState()
	return s.sink.mail
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.now.to = append(s.now.to, to)
	return s.sink.rcpt
}

func (s *sinkSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.hang {
		s.sink.hung <- struct{}{}
		<-s.sink.hang
	}
	if s.sink.data != nil {
		return s.sink.data
	}
	s.now.data = raw
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.got = append(s.sink.got, s.now)
	return nil
}

// authSession is a session that wants a login by PLAIN.
type authSession struct{ *sinkSession }

func (s *authSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *authSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != smtpUser || password != smtpPassword {
			return errors.New("invalid credentials: " + password)
		}
		s.now.login = user
		return nil
	}), nil
}

func (s *authSession) Mail(from string, o *smtp.MailOptions) error {
	if s.now.login == "" {
		return smtp.ErrAuthRequired
	}
	return s.sinkSession.Mail(from, o)
}

// selfSigned makes a certificate for this machine and the pool that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	model := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: sentAt.Add(-time.Hour), NotAfter: sentAt.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost", "mail.example.edu"},
	}
	der, err := x509.CreateCertificate(rand.Reader, model, model, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
