package notify_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/secret"
)

var sentAt = time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)

func letter() notify.Message {
	return notify.Message{
		Key: "req_7/4/approved/42", Kind: notify.Approved, Subject: "Approved: größer (REQ-0142)",
		To:   notify.Recipient{CanvasUserID: "42", Name: "Maya Chén", Email: "maya@example.edu"},
		Text: "Dana Ortiz approved your request.\n\nhttps://canvas.example.edu/a?b=c&d=" + strings.Repeat("e", 120) + "\n.\nFrom here\n",
		HTML: "<!DOCTYPE html><p>größer</p>", ICS: []byte("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),
	}
}

// way returns an SMTP way to a sink, by scheme and host, with a login or none.
func way(t *testing.T, s *sink, scheme, host, login string, change ...func(*notify.SMTPConfig)) *notify.SMTP {
	t.Helper()
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	cfg := notify.SMTPConfig{
		URL: secret.New(scheme + "://" + login + host + ":" + port), From: "Tokendesk <tokens@example.edu>",
		TLS: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12, Time: func() time.Time { return sentAt }}, Now: func() time.Time { return sentAt },
		// Every host of the test is this machine.
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.addr)
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	w, err := notify.NewSMTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func login(password string) string { return smtpUser + ":" + url.QueryEscape(password) + "@" }

func TestSMTPDelivers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sink         sinkOptions
		scheme, host string
		login        string
		wantTLS      bool
	}{
		"by STARTTLS":                              {sinkOptions{tls: true}, "smtp", "mail.example.edu", "", true},
		"by STARTTLS with a login":                 {sinkOptions{tls: true, auth: true}, "smtp", "mail.example.edu", login(smtpPassword), true},
		"encrypted from the start":                 {sinkOptions{implicit: true}, "smtps", "mail.example.edu", "", true},
		"encrypted from the start, login":          {sinkOptions{implicit: true, auth: true}, "smtps", "mail.example.edu", login(smtpPassword), true},
		"on this machine in the open":              {sinkOptions{}, "smtp", "127.0.0.1", "", false},
		"on this machine in the open, login":       {sinkOptions{auth: true}, "smtp", "localhost", login(smtpPassword), false},
		"on this machine by STARTTLS if it offers": {sinkOptions{tls: true}, "smtp", "localhost", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSink(t, tc.sink)
			if err := way(t, s, tc.scheme, tc.host, tc.login).Send(t.Context(), letter()); err != nil {
				t.Fatal(err)
			}
			got := s.deliveries()
			if len(got) != 1 || got[0].from != "tokens@example.edu" || len(got[0].to) != 1 || got[0].to[0] != "maya@example.edu" {
				t.Fatalf("delivered %+v", got)
			}
			// With TLS from the start the library's server does not know of it.
			if tc.scheme == "smtp" && got[0].tls != tc.wantTLS {
				t.Errorf("encrypted: %v, want %v", got[0].tls, tc.wantTLS)
			}
			if want := map[bool]string{true: smtpUser}[tc.sink.auth]; got[0].login != want {
				t.Errorf("signed in as %q, want %q", got[0].login, want)
			}
		})
	}
}

// part is one leaf of a mail.
type part struct {
	kind, name string
	body       string
}

func leaves(t *testing.T, contentType, encoding, disposition string, body io.Reader) []part {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatalf("%q: %v", contentType, err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		switch strings.ToLower(encoding) {
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		_, dp, _ := mime.ParseMediaType(disposition)
		return []part{{kind: kind, name: dp["filename"], body: string(raw)}}
	}
	var out []part
	r := multipart.NewReader(body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, leaves(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p.Header.Get("Content-Disposition"), p)...)
	}
}

func open(t *testing.T, d delivery) (*mail.Message, []part) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(d.data))
	if err != nil {
		t.Fatal(err)
	}
	return m, leaves(t, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), "", m.Body)
}

func TestWhatAMailHolds(t *testing.T) {
	t.Parallel()
	s := startSink(t, sinkOptions{})
	w := way(t, s, "smtp", "127.0.0.1", "")
	for range 2 {
		if err := w.Send(t.Context(), letter()); err != nil {
			t.Fatal(err)
		}
	}
	other := letter()
	other.Key = "req_7/4/approved/43"
	other.ICS, other.HTML = nil, ""
	if err := w.Send(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	got := s.deliveries()
	m, parts := open(t, got[0])
	decoded := func(name string) string {
		v, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get(name))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, want := range map[string]string{
		"Subject": "Approved: größer (REQ-0142)", "To": `"Maya Chén" <maya@example.edu>`, "From": `"Tokendesk" <tokens@example.edu>`,
		"Auto-Submitted": "auto-generated", "Date": "Fri, 20 Nov 2026 16:00:00 +0000",
	} {
		if v := strings.ReplaceAll(decoded(name), `"`, ""); v != strings.ReplaceAll(want, `"`, "") {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if len(parts) != 3 || parts[0].kind != "text/plain" || parts[1].kind != "text/html" || parts[2].kind != "text/calendar" {
		t.Fatalf("parts: %+v", parts)
	}
	if strings.ReplaceAll(parts[0].body, "\r\n", "\n") != letter().Text || parts[1].body != letter().HTML {
		t.Errorf("bodies changed on the way: %q", parts)
	}
	if parts[2].name != "token-end.ics" || parts[2].body != string(letter().ICS) {
		t.Errorf("calendar file: %+v", parts[2])
	}
	again, _ := open(t, got[1])
	if id := m.Header.Get("Message-Id"); id == "" || id != again.Header.Get("Message-Id") || !strings.HasSuffix(id, "@example.edu>") {
		t.Errorf("Message-ID of the same message twice: %q, %q", id, again.Header.Get("Message-Id"))
	}
	third, parts := open(t, got[2])
	if third.Header.Get("Message-Id") == m.Header.Get("Message-Id") {
		t.Error("two messages have one Message-ID")
	}
	if len(parts) != 1 || parts[0].kind != "text/plain" {
		t.Errorf("a mail of text only has %+v", parts)
	}
}

func TestNoHeaderIsInjected(t *testing.T) {
	t.Parallel()
	s := startSink(t, sinkOptions{})
	w := way(t, s, "smtp", "127.0.0.1", "")
	const inject = "x\r\nBcc: thief@example.com\r\n\r\nbody"
	for name, change := range map[string]func(*notify.Message){
		"by the name":    func(m *notify.Message) { m.To.Name = inject },
		"by the subject": func(m *notify.Message) { m.Subject = inject },
		"by the key":     func(m *notify.Message) { m.Key = inject },
		"by the address": func(m *notify.Message) { m.To.Email = "maya@example.edu" + inject },
		"by two of them": func(m *notify.Message) { m.To.Email = "maya@example.edu, thief@example.com" },
		"by their name":  func(m *notify.Message) { m.To.Email = "\"a\r\nBcc: thief@example.com\" <maya@example.edu>" },
		"by a bare break": func(m *notify.Message) {
			m.To.Name, m.Subject = "x\nBcc: thief@example.com", "x\rBcc: thief@example.com"
		},
		"by a quote": func(m *notify.Message) { m.To.Name = `x" <thief@example.com>, "y` },
		"by an overlong one": func(m *notify.Message) {
			m.To.Name, m.Subject = strings.Repeat("ü", 500), strings.Repeat("Bcc: thief@example.com ", 40)
		},
	} {
		before := len(s.deliveries())
		m := letter()
		change(&m)
		err := w.Send(t.Context(), m)
		got := s.deliveries()[before:]
		if err != nil {
			if !notify.Permanent(err) || len(got) != 0 {
				t.Errorf("%s: %v, %d delivered", name, err, len(got))
			}
			continue
		}
		if len(got) != 1 || len(got[0].to) != 1 || got[0].to[0] != "maya@example.edu" {
			t.Fatalf("%s: delivered to %+v", name, got)
		}
		read, _ := open(t, got[0])
		for header := range read.Header {
			switch header {
			case "From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Content-Transfer-Encoding", "Auto-Submitted", "X-Auto-Response-Suppress":
			default:
				t.Errorf("%s: a header %s: %q", name, header, read.Header.Get(header))
			}
		}
		if to, err := read.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != "maya@example.edu" {
			t.Errorf("%s: To = %v, %v", name, to, err)
		}
	}
}

func TestSMTPNeedsEncryption(t *testing.T) {
	t.Parallel()
	open := startSink(t, sinkOptions{auth: true})
	stranger := startSink(t, sinkOptions{tls: true})
	otherRoots := func(c *notify.SMTPConfig) { c.TLS.RootCAs = nil }
	ofThisMachine := func(c *notify.SMTPConfig) { c.TLS = nil }
	later := func(c *notify.SMTPConfig) { c.TLS.Time = func() time.Time { return sentAt.AddDate(0, 0, 1) } }
	for name, tc := range map[string]struct {
		way *notify.SMTP
		why string
	}{
		"a server on another host that offers none":  {way(t, open, "smtp", "mail.example.edu", login(smtpPassword)), "STARTTLS"},
		"a server that speaks none from the start":   {way(t, open, "smtps", "mail.example.edu", login(smtpPassword)), "first record does not look like a TLS handshake"},
		"a certificate that nobody signed":           {way(t, stranger, "smtp", "mail.example.edu", "", otherRoots), "unknown authority"},
		"the same, by what is built in":              {way(t, stranger, "smtp", "mail.example.edu", "", ofThisMachine), "failed to verify certificate"},
		"a certificate of another host":              {way(t, stranger, "smtp", "other.example.edu", ""), "not other.example.edu"},
		"a certificate that is over":                 {way(t, stranger, "smtp", "mail.example.edu", "", later), "has expired"},
		"a certificate nobody signed, this machine ": {way(t, stranger, "smtp", "localhost", "", otherRoots), "unknown authority"},
	} {
		err := tc.way.Send(t.Context(), letter())
		if err == nil || notify.Permanent(err) || !strings.Contains(err.Error(), tc.why) {
			t.Errorf("%s: err = %v, want a temporary error that says %q", name, err, tc.why)
		}
	}
	if n := len(open.deliveries()) + len(stranger.deliveries()); n != 0 {
		t.Errorf("%d mails went out", n)
	}
}

func TestWhichSMTPErrorsArePermanent(t *testing.T) {
	t.Parallel()
	code := func(n int, text string) error { return &smtp.SMTPError{Code: n, Message: text} }
	for name, tc := range map[string]struct {
		set       func(*sink)
		change    func(*notify.Message)
		permanent bool
	}{
		"an unknown person":          {func(s *sink) { s.rcpt = code(550, "no such user maya@example.edu") }, nil, true},
		"a full mailbox":             {func(s *sink) { s.rcpt = code(452, "mailbox full") }, nil, false},
		"a grey list":                {func(s *sink) { s.rcpt = code(451, "try again later") }, nil, false},
		"a message refused for good": {func(s *sink) { s.data = code(554, "content refused") }, nil, true},
		"a message refused for now":  {func(s *sink) { s.data = code(451, "busy") }, nil, false},
		"a sender that is refused":   {func(s *sink) { s.mail = code(550, "sender refused") }, nil, false},
		"a login that is missing":    {func(s *sink) { s.rcpt = code(530, "authentication required") }, nil, false},
		"no address":                 {nil, func(m *notify.Message) { m.To.Email = "" }, true},
		"an address that is none":    {nil, func(m *notify.Message) { m.To.Email = "maya" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSink(t, sinkOptions{})
			if tc.set != nil {
				tc.set(s)
			}
			m := letter()
			if tc.change != nil {
				tc.change(&m)
			}
			err := way(t, s, "smtp", "127.0.0.1", "").Send(t.Context(), m)
			if err == nil || notify.Permanent(err) != tc.permanent {
				t.Errorf("err = %v, permanent %v; want %v", err, notify.Permanent(err), tc.permanent)
			}
			if strings.Contains(fmt.Sprint(err), "maya@example.edu") {
				t.Errorf("the error holds the address: %v", err)
			}
			if len(s.deliveries()) != 0 {
				t.Error("it was delivered")
			}
		})
	}
	if notify.Permanent(nil) || notify.Permanent(io.EOF) {
		t.Error("any error is permanent")
	}
	w := way(t, startSink(t, sinkOptions{}), "smtp", "127.0.0.1", "")
	m := letter()
	m.To.Email = ""
	if err := w.Send(t.Context(), m); !errors.Is(err, notify.ErrNoAddress) {
		t.Errorf("no address: %v", err)
	}
}

func TestSMTPErrorsHoldNoPassword(t *testing.T) {
	t.Parallel()
	s := startSink(t, sinkOptions{tls: true, auth: true})
	const wrong = "WrongCanary"
	err := way(t, s, "smtp", "mail.example.edu", login(wrong)).Send(t.Context(), letter())
	if err == nil || notify.Permanent(err) || strings.Contains(err.Error(), wrong) || !strings.Contains(err.Error(), "invalid credentials") {
		t.Errorf("a wrong password: %v", err)
	}
	for _, bad := range []string{
		"", "mail.example.edu:587", "http://u:" + wrong + "@mail.example.edu", "smtp://", "smtp://u:" + wrong + "@mail.example.edu/path",
		"smtp://u:" + wrong + "@mail.example.edu:0", "smtp://u:" + wrong + "@mail.example.edu:99999", "smtp://u:" + wrong + "%zz@mail.example.edu",
		"smtp://u:" + wrong + "@mail.example.edu?x=1",
	} {
		_, err := notify.NewSMTP(notify.SMTPConfig{URL: secret.New(bad), From: "a@example.edu"})
		if err == nil || strings.Contains(err.Error(), wrong) || !strings.HasPrefix(err.Error(), "mail: the SMTP address ") {
			t.Errorf("NewSMTP(%s): %v", bad, err)
		}
	}
	for _, bad := range []string{"", "tokens", "a@b, c@d", "a@b\r\nBcc: c@d"} {
		if _, err := notify.NewSMTP(notify.SMTPConfig{URL: secret.New("smtp://localhost"), From: bad}); err == nil || err.Error() != "mail: the sender is not a mail address" {
			t.Errorf("the sender %q: %v", bad, err)
		}
	}
	w, err := notify.NewSMTP(notify.SMTPConfig{URL: secret.New("smtp://u:" + wrong + "@localhost"), From: "a@example.edu"})
	if err != nil {
		t.Fatal(err)
	}
	if out := fmt.Sprintf("%v %+v %#v", w, w, *w); strings.Contains(out, "Canary") {
		t.Errorf("a printed way shows the password: %s", out)
	}
}

// Time is virtual: both ends stand in the bubble, and what hangs does not keep
// the test waiting.
func TestSMTPKeepsToItsTime(t *testing.T) {
	t.Parallel()
	silent := func(context.Context, string, string) (net.Conn, error) {
		here, _ := net.Pipe()
		return here, nil
	}
	for name, tc := range map[string]struct {
		timeout time.Duration // 0: what is built in
		silent  bool          // the server says nothing at all; else it hangs on the message
		leaves  time.Duration // the caller gives up after this, if not 0
		ends    time.Duration
	}{
		"a server that hangs on the message":   {timeout: time.Hour, ends: time.Hour},
		"the time that is built in":            {ends: 30 * time.Second},
		"a server that does not greet":         {silent: true, ends: 30 * time.Second},
		"a caller who gives up":                {timeout: time.Hour, leaves: time.Minute, ends: time.Minute},
		"one who gives up before the greeting": {timeout: time.Hour, silent: true, leaves: time.Minute, ends: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := startPiped(t, sinkOptions{hang: true})
				w := way(t, s, "smtp", "127.0.0.1", "", func(c *notify.SMTPConfig) {
					c.Timeout, c.Dial = tc.timeout, s.dial
					if tc.silent {
						c.Dial = silent
					}
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tc.leaves > 0 {
					time.AfterFunc(tc.leaves, cancel)
				}
				begun := time.Now()
				err := w.Send(ctx, letter())
				if took := time.Since(begun); err == nil || notify.Permanent(err) || took != tc.ends {
					t.Errorf("after %s, not %s: %v", took, tc.ends, err)
				}
				if hung := len(s.hung) == 1; hung == tc.silent {
					t.Errorf("the server got the message: %v", hung)
				}
			})
		})
	}
}

func TestSMTPServerThatIsDown(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	w, err := notify.NewSMTP(notify.SMTPConfig{URL: secret.New("smtp://" + closed), From: "a@example.edu"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Send(t.Context(), letter()); err == nil || notify.Permanent(err) || !strings.HasPrefix(err.Error(), "mail: ") {
		t.Errorf("a server that is down: %v", err)
	}
}
