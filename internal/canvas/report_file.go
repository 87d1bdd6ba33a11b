package canvas

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// reportIdle is how long the file may stand still. It takes as long as it
	// takes otherwise.
	reportIdle = time.Minute
	// reportMax bounds the file: a million rows are about 150 MB.
	reportMax = 4 << 30
	// redirectsMax is enough for Canvas, its store of files and a mirror.
	redirectsMax = 5
)

// ReadTokenReport reads the file of a Complete run and hands each row to each,
// in the file's order. Its memory does not grow with the file.
//
// It returns nil only after the whole file was read: a file that is cut, has
// other columns, or a row that cannot be read is an error, and so is an error
// of each, which is returned as it is. What was handed over until then is not
// the inventory; nothing may be concluded from a row that did not come.
//
// The file is fetched without the credential, wherever it is.
func (c *Client) ReadTokenReport(ctx context.Context, r Report, each func(ReportRow) error) error {
	const op = "read token report"
	if c.err != nil {
		return invalid(op, c.err.Error())
	}
	if !r.Complete() {
		return invalid(op, "the run is not complete")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body := newSteady(nil, c.reportIdle, func() { cancel(errIdle) })
	defer body.timer.Stop()

	began := c.cfg.Now()
	resp, e := c.fetch(ctx, op, r.file.Reveal())
	if e != nil {
		c.observe(EndpointFile, e.Kind, c.cfg.Now().Sub(began))
		return e
	}
	defer func() { _ = resp.Body.Close() }()
	c.trace(ctx, call{op: op, method: http.MethodGet}, resp.StatusCode, nil, began, resp.Header)
	if !endKnown(resp, r.size) {
		c.observe(EndpointFile, Server, c.cfg.Now().Sub(began))
		return unreadable(op, false, resp.StatusCode, "the answer does not tell how long the file is, so a cut would not be seen", nil)
	}
	body.timer.Stop()
	body.from = resp.Body
	err := readRows(op, body, c.said, each)
	if err == nil && body.read < r.size {
		err = unreadable(op, false, resp.StatusCode, "the file is shorter than Canvas said", nil)
	}
	c.observe(EndpointFile, KindOf(err), c.cfg.Now().Sub(began))
	return err
}

var errIdle = errors.New("the file stood still")

// endKnown reports whether the end of the answer shows that it is whole. A body
// that only ends with its connection does not, unless its size is known from
// elsewhere.
func endKnown(resp *http.Response, size int64) bool {
	return resp.ContentLength >= 0 || resp.ProtoMajor >= 2 || slices.Contains(resp.TransferEncoding, "chunked") || size > 0
}

// fetch asks for a file by its address alone: no credential, no cookie and no
// Referer, which would pass the address on. Redirects are followed, each to an
// address that would do for the file itself.
func (c *Client) fetch(ctx context.Context, op, address string) (*http.Response, *Error) {
	u, err := url.Parse(address)
	for range redirectsMax + 1 {
		if err != nil || c.fileAddress(u) != nil {
			return nil, unreadable(op, false, 0, "the file is at an address that cannot be used", nil)
		}
		resp, e := c.fetchOnce(ctx, op, u)
		if e != nil {
			return nil, e
		}
		switch {
		case resp.StatusCode == http.StatusOK && encoded(resp):
			e = unreadable(op, false, resp.StatusCode, "the file came in an encoding that was not asked for", nil)
		case resp.StatusCode == http.StatusOK:
			return resp, nil
		case resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") != "":
			u, err = u.Parse(resp.Header.Get("Location"))
		default:
			raw, _ := io.ReadAll(io.LimitReader(resp.Body, errorMax))
			e = classify(op, false, resp.StatusCode, resp.Header, raw, []string{address})
			if slices.Contains([]Kind{Unauthenticated, Denied, Invalid}, e.Kind) {
				// Not about our credential, which was not sent: the address
				// has ended, and a new one can be had.
				e.Kind, e.Reason = Server, ""
			}
		}
		_ = resp.Body.Close()
		if e != nil {
			return nil, e
		}
	}
	return nil, unreadable(op, false, 0, "the file is behind too many redirects", nil)
}

func encoded(resp *http.Response) bool {
	return !slices.Contains([]string{"", "identity"}, strings.ToLower(resp.Header.Get("Content-Encoding")))
}

func (c *Client) fetchOnce(ctx context.Context, op string, u *url.URL) (*http.Response, *Error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, unreadable(op, false, 0, "the file is at an address that cannot be used", nil)
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	req.Header.Set("Accept", "text/csv, */*;q=0.1")
	req.Header.Set("Accept-Encoding", "identity") // so that the bytes can be counted
	resp, err := c.http.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, unanswered(call{op: op, method: http.MethodGet}, &wire{}, err)
	}
	return resp, nil
}

// steady reads a body that must not stand still, be endless, or hold a row that
// never ends. Time that the reader of the rows takes does not count.
type steady struct {
	from  io.Reader
	idle  time.Duration
	timer *time.Timer
	most  int64
	read  int64
	row   int64 // bytes since the last row ended
}

// newSteady calls still when nothing came for idle. Its timer runs already.
func newSteady(from io.Reader, idle time.Duration, still func()) *steady {
	return &steady{from: from, idle: idle, timer: time.AfterFunc(idle, still), most: reportMax}
}

var (
	errFileTooLong = errors.New("the file is too large")
	errRowTooLong  = errors.New("a row of the file is too long")
)

func (s *steady) Read(p []byte) (int, error) {
	s.timer.Reset(s.idle)
	n, err := s.from.Read(p)
	if !s.timer.Stop() && err != nil {
		err = errIdle
	}
	s.read += int64(n)
	s.row += int64(n)
	switch {
	case s.read > s.most:
		return 0, errFileTooLong
	case s.row > rowMax:
		return 0, errRowTooLong
	}
	return n, err
}
