package canvas_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

const (
	oldColumns = "user id,user name,token hint,expiration,last used,dev key id,dev key name\n"
	reportPath = "/api/v1/accounts/1/reports/user_access_tokens_csv"
)

// reported serves a complete run whose file is at address, or at /file.
func reported(t *testing.T, file http.Handler, address string, size int) (*server, canvas.Report) {
	t.Helper()
	if address == "" {
		address = "/file?verifier=v"
	}
	s := start(t, map[string]http.Handler{
		"GET " + reportPath + "/7": reply{body: fmt.Sprintf(
			`{"id":"7","report":"user_access_tokens_csv","status":"complete","progress":100,"attachment":{"url":%q,"size":%d}}`, address, size)},
		"GET /file": file,
	})
	r, err := s.client().TokenReport(t.Context(), "1", "7")
	if err != nil || !r.Complete() {
		t.Fatalf("TokenReport = %+v, %v", r, err)
	}
	return s, r
}

func csvFile(body string) http.Handler {
	return reply{header: map[string]string{"Content-Type": "text/csv"}, body: body}
}

func rowsOf(ctx context.Context, c *canvas.Client, r canvas.Report) (rows []canvas.ReportRow, err error) {
	err = c.ReadTokenReport(ctx, r, func(row canvas.ReportRow) error {
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

func TestTheReportIsReadByTheNamesOfItsColumns(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for name, tc := range map[string]struct {
		file string
		want canvas.ReportRow
	}{
		"older Canvas": {
			oldColumns + "42,Maya Chen,aB3dE,never,2026-11-20T08:00:00Z,170000000000016,User-Generated\n",
			canvas.ReportRow{UserID: "42", UserName: "Maya Chen", Hint: "aB3dE", LastUsedAt: at("2026-11-20T08:00:00Z"), KeyName: "User-Generated", Manual: true},
		},
		"newer Canvas, in another order, with a column nobody knows": {
			"creation,Status,dev key name,shoe size,last used,expiration,token hint,user name,user id\n" +
				"2026-01-02T03:04:05-07:00,Active,User-Generated,43,never,2027-01-01T00:00:00Z,17~aB,Maya,9010000000000042\n",
			canvas.ReportRow{
				UserID: "9010000000000042", UserName: "Maya", Hint: "17~aB", ExpiresAt: at("2027-01-01T00:00:00Z"),
				CreatedAt: at("2026-01-02T10:04:05Z"), Status: "active", KeyName: "User-Generated", Manual: true,
			},
		},
		"an application's token": {
			oldColumns + "42,Maya,aB3dE,never,never,9,Some App\n",
			canvas.ReportRow{UserID: "42", UserName: "Maya", Hint: "aB3dE", KeyName: "Some App"},
		},
		"a byte order mark, quotes and line ends of Windows": {
			"\ufeff\"user id\",\"user name\",token hint,expiration,last used,dev key name\r\n" +
				"42,\"Chen, \"\"May\"\"\na\",,,,User-Generated\r\n",
			canvas.ReportRow{UserID: "42", UserName: "Chen, \"May\"\na", KeyName: "User-Generated", Manual: true},
		},
		"no line end at the end": {
			oldColumns + "42,Maya,aB3dE,never,never,9,User-Generated",
			canvas.ReportRow{UserID: "42", UserName: "Maya", Hint: "aB3dE", KeyName: "User-Generated", Manual: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := reported(t, csvFile(tc.file), "", len(tc.file))
			rows, err := rowsOf(t.Context(), s.client(), r)
			if err != nil || len(rows) != 1 || rows[0] != tc.want {
				t.Errorf("rows %+v, %v; want %+v", rows, err, tc.want)
			}
		})
	}
	s, r := reported(t, csvFile(oldColumns), "", 0)
	if rows, err := rowsOf(t.Context(), s.client(), r); err != nil || len(rows) != 0 {
		t.Errorf("a school without tokens: %v, %v", rows, err)
	}
}

// An inventory that is shorter than the truth would make tokens look gone.
func TestAReportIsWholeOrAnError(t *testing.T) {
	t.Parallel()
	whole := oldColumns + strings.Repeat("42,Maya,aB3dE,never,never,9,User-Generated\n", 100)
	cutAfter := func(n int, header ...string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, h := range header {
				k, v, _ := strings.Cut(h, "=")
				w.Header().Set(k, v)
			}
			_, _ = io.WriteString(w, whole[:n])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
	}
	withoutLength := func(n int) http.Handler { // as HTTP/1.0 does: the end of the connection is the end of the file
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\nContent-Type: text/csv\r\n\r\n"+whole[:n])
			_ = conn.Close()
		})
	}
	row := strings.LastIndex(whole[:len(whole)-1], "\n") + 1 // where the last row begins
	for name, tc := range map[string]struct {
		file http.Handler
		size int
	}{
		"cut within a row":                            {cutAfter(row+5, "Content-Length="+strconv.Itoa(len(whole))), 0},
		"cut between two rows":                        {cutAfter(row, "Content-Length="+strconv.Itoa(len(whole))), 0},
		"cut between two rows, sent in chunks":        {cutAfter(row), 0},
		"ended by its connection, no size":            {withoutLength(len(whole)), 0},
		"ended by its connection, cut between rows":   {withoutLength(row), len(whole)},
		"shorter than Canvas said":                    {csvFile(whole[:row]), len(whole)},
		"a row of fewer columns":                      {csvFile(whole + "42,Maya,aB"), 0},
		"a row of more columns":                       {csvFile(whole + "42,Maya,aB3dE,never,never,9,User-Generated,x\n"), 0},
		"a quote that does not close":                 {csvFile(whole + "42,\"Maya,aB3dE,never,never,9,User-Generated\n"), 0},
		"a quote in the middle of a word":             {csvFile(whole + "42,Ma\"ya,aB3dE,never,never,9,User-Generated\n"), 0},
		"a user id that is none":                      {csvFile(whole + "maya,Maya,aB3dE,never,never,9,User-Generated\n"), 0},
		"a time that is none":                         {csvFile(whole + "42,Maya,aB3dE,soon,never,9,User-Generated\n"), 0},
		"a column is missing":                         {csvFile("user id,user name,token hint,last used,dev key name\n"), 0},
		"a column is there twice":                     {csvFile("user id,user name,token hint,expiration,last used,dev key name,User ID\n"), 0},
		"an empty file":                               {csvFile(""), 0},
		"a page of a sign-in":                         {reply{header: map[string]string{"Content-Type": "text/html"}, body: "<html>\n<body>Sign in</body></html>"}, 0},
		"an endless row":                              {csvFile(oldColumns + "42,\"" + strings.Repeat("x\n", 100_000)), 0},
		"compressed without being asked":              {reply{header: map[string]string{"Content-Encoding": "gzip"}, body: "\x1f\x8b"}, 0},
		"an address that ended":                       {reply{status: 401, body: `{"errors":[{"message":"expired link"}]}`}, 0},
		"a store of files that fails":                 {reply{status: 503}, 0},
		"not there":                                   {reply{status: 404, body: "<Error>NoSuchKey</Error>"}, 0},
		"a redirect without an address":               {reply{status: 302}, 0},
		"redirects without an end":                    {http.RedirectHandler("/file", http.StatusFound), 0},
		"a redirect to an address with a password":    {http.RedirectHandler("http://a:b@files.localhost/", http.StatusFound), 0},
		"a redirect to something that is not the web": {http.RedirectHandler("ftp://files.localhost/x", http.StatusFound), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := reported(t, tc.file, "", tc.size)
			rows, err := rowsOf(t.Context(), s.client(), r)
			wantKind(t, name, err, canvas.Server)
			if e, ok := errors.AsType[*canvas.Error](err); ok && (strings.Contains(e.Error(), "Maya") || strings.Contains(e.Error(), "verifier")) {
				t.Errorf("the error quotes the file: %v", err)
			}
			t.Logf("%d rows were handed over, then: %v", len(rows), err)
		})
	}
}

func TestAReportEndsWhereItsReaderWantsItToEnd(t *testing.T) {
	t.Parallel()
	s, r := reported(t, csvFile(oldColumns+strings.Repeat("42,Maya,aB3dE,never,never,9,User-Generated\n", 10)), "", 0)
	enough, seen := errors.New("enough"), 0
	err := s.client().ReadTokenReport(t.Context(), r, func(canvas.ReportRow) error {
		if seen++; seen == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || seen != 3 {
		t.Errorf("%v after %d rows", err, seen)
	}
	err = s.client().ReadTokenReport(t.Context(), canvas.Report{ID: "7", Status: canvas.ReportComplete}, nil)
	wantKind(t, "a run without a file", err, canvas.Invalid)
}

// The file may be anywhere; the credential and the address stay here.
func TestTheReportIsFetchedWithoutTheCredential(t *testing.T) {
	t.Parallel()
	file := oldColumns + "42,Maya,aB3dE,never,never,9,User-Generated\n"
	store := always(t, csvFile(file))
	canvasHost, r := reported(t, http.RedirectHandler(store.URL+"/object?signature=1", http.StatusFound), "", len(file))
	if rows, err := rowsOf(t.Context(), canvasHost.client(), r); err != nil || len(rows) != 1 {
		t.Fatalf("rows %v, %v", rows, err)
	}
	all := append(canvasHost.requests()[1:], store.requests()...)
	if len(all) != 2 {
		t.Fatalf("requests %v", all)
	}
	for _, got := range all {
		for _, name := range []string{"Authorization", "Cookie", "Referer"} {
			if got.Header.Get(name) != "" {
				t.Errorf("%s %s carries %s", got.Method, got.Path, name)
			}
		}
		if got.Header.Get("User-Agent") != "Tokendesk" {
			t.Errorf("%s %s says User-Agent %q", got.Method, got.Path, got.Header.Get("User-Agent"))
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", r, r, r), "verifier") {
		t.Error("a printed run shows the address of its file")
	}
}

// A Canvas on the network must not lead us to this machine or to plain http.
func TestAReportOfACanvasElsewhereIsNeverFetchedFromHere(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"http://files.example.edu/x", "https://localhost/x", "https://127.0.0.1:8443/x", "https://a.localhost/x", "https://[::1]/x",
		"https://LOCALHOST/x", "https://localhost./x", "https://files.LocalHost:8443/x", // as the dialler reads them
		"https://user:word@files.example.edu/x", "file:///etc/passwd",
	} {
		dialled := 0
		answers := roundTrip(func(r *http.Request) (*http.Response, error) {
			if !strings.HasPrefix(r.URL.Path, "/api/v1/") {
				dialled++
				return nil, io.ErrUnexpectedEOF
			}
			w := httptest.NewRecorder()
			reply{body: fmt.Sprintf(`{"id":"7","status":"complete","attachment":{"url":%q}}`, address)}.ServeHTTP(w, r)
			return w.Result(), nil
		})
		c := canvas.New(canvas.Config{BaseURL: "https://canvas.example.edu", Credential: good, HTTP: &http.Client{Transport: answers}})
		_, err := c.TokenReport(t.Context(), "1", "7")
		wantKind(t, address, err, canvas.Server)
		if dialled != 0 {
			t.Errorf("%s was dialled", address)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAFileThatStandsStillIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pause time.Duration
		kind  canvas.Kind
	}{"slow": {50 * time.Second, ""}, "still": {2 * time.Hour, canvas.Server}} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/file" {
				reply{body: `{"id":"7","status":"complete","attachment":{"url":"/file"}}`}.ServeHTTP(w, r)
				return
			}
			_, _ = io.WriteString(w, oldColumns)
			for range 10 { // longer than any call may take
				_ = http.NewResponseController(w).Flush()
				select {
				case <-time.After(tc.pause):
				case <-r.Context().Done():
					return
				}
				_, _ = io.WriteString(w, "42,Maya,aB3dE,never,never,9,User-Generated\n")
			}
		})
		virtual(t, h, func(ctx context.Context, c *canvas.Client) {
			r, err := c.TokenReport(ctx, "1", "7")
			if err != nil {
				t.Fatal(err)
			}
			rows, err := rowsOf(ctx, c, r)
			wantKind(t, name, err, tc.kind)
			if tc.kind == "" && len(rows) != 10 {
				t.Errorf("%s: %d rows", name, len(rows))
			}
		})
	}
}

func TestRunsOfTheReport(t *testing.T) {
	t.Parallel()
	run := func(status, more string) string {
		return `{"id":"7","report":"user_access_tokens_csv","status":"` + status + `","progress":40,"file_url":null` + more + `}`
	}
	const attached = `,"attachment":{"url":"/file","size":1}`
	for status, want := range map[string]struct{ complete, failed bool }{
		"created": {}, "running": {}, "complete": {complete: true}, "error": {failed: true}, "aborted": {failed: true},
		"deleted": {failed: true}, "compiling": {},
	} {
		s := start(t, map[string]http.Handler{
			"POST " + reportPath:       reply{body: run(status, attached)},
			"GET " + reportPath + "/7": reply{body: run(status, attached)},
		})
		made, err := s.client().StartTokenReport(t.Context(), "1")
		if err != nil || made.ID != "7" || made.AccountID != "1" {
			t.Errorf("%s: StartTokenReport = %+v, %v", status, made, err)
		}
		got, err := s.client().TokenReport(t.Context(), "1", made.ID)
		if err != nil || got.Complete() != want.complete || got.Failed() != want.failed || got.Status != status || got.Progress != 40 {
			t.Errorf("%s: TokenReport = %+v, %v", status, got, err)
		}
	}
	for name, tc := range map[string]struct {
		answer reply
		kind   canvas.Kind
	}{
		"complete without a file":  {reply{body: run("complete", "")}, canvas.Server},
		"of another type":          {reply{body: `{"id":"7","report":"grades","status":"running"}`}, canvas.Server},
		"another run":              {reply{body: `{"id":"8","status":"running"}`}, canvas.Server},
		"no run":                   {reply{body: `[]`}, canvas.Server},
		"without the right":        {reply{status: 403, body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`}, canvas.Denied},
		"unknown run, or no right": {reply{status: 404, body: unknownRoute}, canvas.NotFound},
	} {
		_, err := always(t, tc.answer).client().TokenReport(t.Context(), "1", "7")
		wantKind(t, name, err, tc.kind)
	}
	c := always(t, reply{}).client()
	_, err := c.StartTokenReport(t.Context(), "../1")
	wantKind(t, "an account id that is none", err, canvas.Invalid)
	_, err = c.TokenReport(t.Context(), "1", "7/..")
	wantKind(t, "a run id that is none", err, canvas.Invalid)
	s := always(t, reply{status: 500})
	_, err = s.client().StartTokenReport(t.Context(), "1")
	wantKind(t, "a start whose end is not known", err, canvas.Unclear)
	s.only(t)
}

func TestSameHint(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		row, token string
		want       bool
	}{
		{"aB3dE", "aB3dE", true}, {"aB", "17~aB", true}, {"17~aB", "17~aB", true}, {"aB3dE", "aB3dF", false},
		{"", "", false}, {"", "17~", false}, {"aB", "aB3dE", false},
	} {
		if got := (canvas.ReportRow{Hint: tc.row}).SameHint(tc.token); got != tc.want {
			t.Errorf("%q and %q: %v", tc.row, tc.token, got)
		}
	}
}

// manyRows serves a report of n rows, made as it is sent.
func manyRows(tb testing.TB, n int) (*canvas.Client, canvas.Report) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/file" {
			reply{body: `{"id":"7","status":"complete","attachment":{"url":"/file"}}`}.ServeHTTP(w, r)
			return
		}
		_, _ = io.WriteString(w, "user id,user name,token hint,expiration,last used,dev key id,dev key name,status,creation\n")
		line := make([]byte, 0, 256)
		for i := range n {
			line = strconv.AppendInt(line[:0], 170000000000000+int64(i), 10)
			line = append(line, `,"Doe, Student of the School",aB3dE,2027-02-01T07:30:00Z,2026-11-20T08:00:00Z,170000000000016,User-Generated,active,2026-08-20T08:00:00Z`+"\n"...)
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	})}
	go func() { _ = srv.Serve(l) }()
	tb.Cleanup(func() { _ = srv.Close() })
	c := canvas.New(canvas.Config{BaseURL: "http://" + l.Addr().String(), Credential: good})
	r, err := c.TokenReport(tb.Context(), "1", "7")
	if err != nil {
		tb.Fatal(err)
	}
	return c, r
}

// heapWhile reads the report and returns its rows and the most heap that was
// live on the way, above what was live before.
func heapWhile(tb testing.TB, c *canvas.Client, r canvas.Report, every int) (rows int, most uint64) {
	tb.Helper()
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	err := c.ReadTokenReport(tb.Context(), r, func(row canvas.ReportRow) error {
		if !row.Manual || row.ExpiresAt.IsZero() {
			return errors.New("a row was misread")
		}
		if rows++; rows%every == 0 {
			if now := live(); now > before {
				most = max(most, now-before)
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return rows, most
}

// Not parallel: it measures the heap of the process.
func TestALongReportNeedsNoMoreMemoryThanAShortOne(t *testing.T) {
	const rows, bound = 200_000, 2 << 20 // the file has 30 MB
	c, r := manyRows(t, rows)
	got, most := heapWhile(t, c, r, rows/8)
	if got != rows || most > bound {
		t.Errorf("%d rows, %d KB of heap on the way; want %d rows in at most %d KB", got, most>>10, rows, bound>>10)
	}
}

// BenchmarkAReportOfAMillionRows is the figure of docs/measured.md.
func BenchmarkAReportOfAMillionRows(b *testing.B) {
	const rows = 1_000_000
	c, r := manyRows(b, rows)
	b.ReportAllocs()
	var most uint64
	for b.Loop() {
		n, heap := heapWhile(b, c, r, rows/10)
		if n != rows {
			b.Fatalf("%d rows", n)
		}
		most = max(most, heap)
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(most)/(1<<10), "peak-heap-KB")
}
