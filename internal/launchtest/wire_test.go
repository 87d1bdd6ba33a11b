package launchtest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// wire stands between a program and its PostgreSQL and notes every statement
// that is executed, so that the reference of the benchmark can be held to doing
// the same ones.
type wire struct {
	url string

	mu   sync.Mutex
	said []string
}

// listen starts a wire before the server of a database URL without TLS.
func listen(tb testing.TB, dsn string) *wire {
	tb.Helper()
	u, err := url.Parse(dsn)
	if err != nil || u.Query().Get("sslmode") != "disable" {
		tb.Skip("the statements can be read only where the database URL has sslmode=disable")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	w := &wire{}
	server := u.Host
	u.Host = l.Addr().String()
	w.url = u.String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(c, server)
		}
	}()
	return w
}

func (w *wire) carry(client net.Conn, server string) {
	defer func() { _ = client.Close() }()
	s, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }()
	go func() {
		_, _ = io.Copy(client, s)
		_ = client.Close()
	}()
	w.read(io.TeeReader(client, s))
}

// read follows the frontend's half of the protocol (PostgreSQL documentation,
// "Message Formats"): an untyped startup message, then a type byte, a length
// and a body each.
func (w *wire) read(r io.Reader) {
	prepared := map[string]string{}
	header := make([]byte, 5)
	startup := true
	for {
		h := header
		if startup {
			h = header[1:]
		}
		if _, err := io.ReadFull(r, h); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(header[1:])-4)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		if startup {
			startup = false
			continue
		}
		fields := bytes.SplitN(body, []byte{0}, 3)
		switch header[0] {
		case 'P': // Parse: name, query
			prepared[string(fields[0])] = string(fields[1])
		case 'B': // Bind: portal, name
			w.note(prepared[string(fields[1])])
		case 'Q':
			w.note(string(fields[0]))
		}
	}
}

func (w *wire) note(statement string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	statement = strings.Join(strings.Fields(statement), " ")
	w.said = append(w.said, statement)
}

// statements returns what was executed since the last call.
func (w *wire) statements() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := slices.DeleteFunc(w.said, func(q string) bool { return q == livenessCheck })
	w.said = nil
	return said
}

// livenessCheck is what pgx says on a connection that was idle for more than a
// second. When it does depends on how busy the machine is.
const livenessCheck = "-- ping"
