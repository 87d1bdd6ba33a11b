package operate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/tokendesk/tokendesk/internal/audit"
)

// madeLog is the export of a log, line by line: entries that take objects in turn
// from state to state, every fifth without a state, and some with details.
type madeLog struct {
	objects, at int
	prev        []byte
	seq         int64
	buf         bytes.Buffer
}

var madeStates = []string{"", "draft", "awaiting_sponsor", "in_review", "approved", "collected", "ended"}

func newMadeLog(objects int) *madeLog {
	return &madeLog{objects: objects, prev: audit.Genesis("ten_made")}
}

// next is the next line with its end, valid until the one after it.
func (m *madeLog) next() []byte {
	m.seq++
	e := audit.Event{
		ID: fmt.Sprintf("aud_%026d", m.seq), Tenant: "ten_2XW5BKH7ZJ4MCGQ3VDR6YNPT1A", Actor: fmt.Sprintf("per_%026d", m.seq%997), Action: audit.RequestApprove,
		At: time.Date(2026, 3, 2, 14, 5, 6, 0, time.UTC).Add(time.Duration(m.seq) * 1_234_567 * time.Microsecond), Object: fmt.Sprintf("req_%026d", m.at%m.objects),
	}
	if m.seq == 1 {
		m.prev = audit.Genesis(e.Tenant)
	}
	var d *audit.Detail
	switch m.seq % 5 {
	case 0:
		e.Action = audit.Refused
		d = audit.NewDetail(map[string]string{"why": "own_request", "action": "approve"})
	case 1, 2, 3:
		d = audit.NewDetail(map[string]string{"reason": "Zoë’s course needs it until the term ends.", "code": fmt.Sprintf("REQ-%04d", m.at)})
		fallthrough
	default:
		v := m.at / m.objects
		e.From, e.To, e.Version = madeStates[min(v, 1+v%6)], madeStates[1+v%6], v+1
		if v > 0 {
			e.From = madeStates[1+(v-1)%6]
		}
		e.Related = fmt.Sprintf("grt_%026d", m.at%m.objects)
		m.at++
	}
	e = audit.Seal(e, m.seq, m.prev, d)
	m.prev = e.Hash
	m.buf.Reset()
	if err := json.NewEncoder(&m.buf).Encode(audit.Line{Event: e, Detail: d}); err != nil {
		panic(err)
	}
	return m.buf.Bytes()
}

// reader gives n lines.
func (m *madeLog) reader(n int) io.Reader { return &madeReader{m: m, left: n} }

type madeReader struct {
	m    *madeLog
	left int
	line []byte
}

func (r *madeReader) Read(p []byte) (int, error) {
	if len(r.line) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.left, r.line = r.left-1, r.m.next()
	}
	n := copy(p, r.line)
	r.line = r.line[n:]
	return n, nil
}
