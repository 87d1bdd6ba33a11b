package canvastest

import (
	"encoding/base64"
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tokenReport is the one account report that is played here.
const tokenReport = "user_access_tokens_csv"

// report is a run of an account report. Each poll moves it one step on:
// created, running, complete or error.
type report struct {
	id         ID
	accountID  ID
	state      string
	progress   int
	parameters object
	fails      bool
	file       ID
	verifier   string
	csv        string
	stream     func(io.Writer) error // writes the file in csv's place
	created    time.Time
	started    time.Time
	ended      time.Time
}

func (s *Server) routeReports() {
	s.api("GET", "/api/v1/accounts/:account_id/reports", listReportTypes)
	s.api("GET", "/api/v1/accounts/:account_id/reports/:report", listReports)
	s.api("POST", "/api/v1/accounts/:account_id/reports/:report", startReport)
	s.api("GET", "/api/v1/accounts/:account_id/reports/:report/:id", pollReport)
	s.api("DELETE", "/api/v1/accounts/:account_id/reports/:report/:id", deleteReport)
	s.institution.handle("GET /files/{id}/download", s.downloadFile)
	s.sso.handle("GET /files/{id}/download", s.downloadFile)
}

// FailNextReport lets the next report that is started end in "error".
func (s *Server) FailNextReport() {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.world.reportFails = true
}

// StreamNextReport lets the file of the next report that is started be what
// write writes, made anew at each download and never kept: an inventory of any
// length. Canvas then tells no size.
func (s *Server) StreamNextReport(write func(io.Writer) error) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.world.reportStream = write
}

func (c *call) reportAccount() (*Account, *reply) {
	a, refusal := c.account("account_id", PermReadReports)
	if refusal != nil {
		return nil, refusal
	}
	if name := c.value("report"); name != "" && name != tokenReport {
		return nil, refuse(notFound())
	}
	return a, nil
}

func listReportTypes(c *call) reply {
	if _, refusal := c.reportAccount(); refusal != nil {
		return *refusal
	}
	return ok([]object{{
		"report": tokenReport, "title": "User Access Tokens",
		"parameters": object{"include_deleted": object{"required": false, "description": "Include deleted tokens"}},
	}})
}

func listReports(c *call) reply {
	a, refusal := c.reportAccount()
	if refusal != nil {
		return *refusal
	}
	rows := c.w.reports.filter(func(r *report) bool { return r.accountID == a.ID && r.state != StateDeleted })
	return pagedList(c, rows, c.reportObject)
}

func startReport(c *call) reply {
	a, refusal := c.reportAccount()
	if refusal != nil {
		return *refusal
	}
	parameters := object{}
	for name := range c.params.hash("parameters") {
		parameters[name] = c.params.hash("parameters").text(name)
	}
	r := &report{
		id: c.w.newIDLocked("report"), accountID: a.ID, state: "created", parameters: parameters,
		fails: c.w.reportFails, stream: c.w.reportStream, created: c.now,
	}
	c.w.reportFails, c.w.reportStream = false, nil
	c.w.reports.put(r.id, r)
	return ok(c.reportObject(r))
}

func (c *call) oneReport() (*report, *reply) {
	a, refusal := c.reportAccount()
	if refusal != nil {
		return nil, refusal
	}
	r := c.w.reports.get(c.w.parseIDLocked(c.value("id")))
	if r == nil || r.accountID != a.ID || r.state == StateDeleted {
		return nil, refuse(notFound())
	}
	return r, nil
}

func pollReport(c *call) reply {
	r, refusal := c.oneReport()
	if refusal != nil {
		return *refusal
	}
	switch {
	case r.state == "created":
		r.state, r.progress, r.started = "running", 40, c.now
	case r.state == "running" && r.fails:
		r.state, r.ended = "error", c.now
	case r.state == "running":
		r.state, r.progress, r.ended = "complete", 100, c.now
		r.file = c.w.newIDLocked("file")
		r.verifier = base64.RawURLEncoding.EncodeToString(randomBytes(24))
		if r.stream == nil {
			r.csv = c.tokenCSV(r.parameters)
		}
	}
	return ok(c.reportObject(r))
}

func deleteReport(c *call) reply {
	r, refusal := c.oneReport()
	if refusal != nil {
		return *refusal
	}
	r.state = StateDeleted
	return ok(c.reportObject(r))
}

func (c *call) reportObject(r *report) object {
	o := object{
		"id": r.id, "report": tokenReport, "status": r.state, "progress": r.progress, "file_url": nil,
		"parameters": copyObject(r.parameters), "created_at": r.created, "started_at": r.started, "ended_at": r.ended,
		"current_line": nil,
	}
	if r.state != "complete" {
		return o
	}
	address := c.origin + "/files/" + r.file.String() + "/download?download_frd=1&verifier=" + r.verifier
	o["file_url"] = c.origin + "/accounts/" + r.accountID.String() + "/files/" + r.file.String() + "/download"
	o["current_line"] = strings.Count(r.csv, "\n")
	attachment := object{
		"id": r.file, "filename": tokenReport + ".csv", "display_name": tokenReport + ".csv",
		"content-type": "text/csv", "url": address, "created_at": r.ended,
	}
	if r.stream == nil {
		attachment["size"] = len(r.csv)
	}
	o["attachment"] = attachment
	return o
}

func copyObject(o object) object {
	c := make(object, len(o))
	for name, v := range o {
		c[name] = v
	}
	return c
}

// tokenCSV writes the report. Old servers have seven columns; newer ones add
// status and creation, whose place is unknown: read by header name. The hint
// is cut after a "shard~" prefix.
func (c *call) tokenCSV(parameters object) string {
	var out strings.Builder
	w := csv.NewWriter(&out)
	header := []string{"user id", "user name", "token hint", "expiration", "last used", "dev key id", "dev key name"}
	wide := c.w.flags.NewReportColumns
	if wide {
		header = append(header, "status", "creation")
	}
	_ = w.Write(header) // strings.Builder never fails
	for t := range c.w.tokens.all {
		gone := t.State == StateDeleted
		if gone && parameters["include_deleted"] != "true" || t.expired(c.now) && parameters["exclude_deleted_and_expired"] == "true" {
			continue
		}
		hint := t.Hint
		if _, after, sharded := strings.Cut(hint, "~"); sharded {
			hint = after
		}
		row := []string{
			t.UserID.String(), c.w.users.get(t.UserID).Name, hint, orNever(t.ExpiresAt), orNever(t.LastUsedAt),
			t.KeyID.String(), t.AppName,
		}
		if wide {
			row = append(row, t.State, formatTime(t.CreatedAt))
		}
		_ = w.Write(row)
	}
	w.Flush()
	return out.String()
}

func orNever(t time.Time) string { return orElse(formatTime(t), "never") }

// downloadFile serves a finished report to anybody who has its verifier; the
// API credential is not needed. With FilesElsewhere the institution sends the
// caller on to a store of files on another host, which refuses a request that
// brings a credential of somebody else's (inferred: stores of signed addresses
// do).
func (s *Server) downloadFile(w http.ResponseWriter, r *http.Request) {
	if s.world.Flags().FilesElsewhere && !s.onSSO(r) {
		http.Redirect(w, r, s.SSOURL()+r.URL.RequestURI(), http.StatusFound) //nolint:gosec // always to the stand-in's own other host
		return
	}
	if s.onSSO(r) && r.Header.Get("Authorization")+r.Header.Get("Cookie") != "" {
		http.Error(w, "only the signed address is accepted", http.StatusBadRequest)
		return
	}
	s.world.mu.Lock()
	id := s.world.parseIDLocked(r.PathValue("id"))
	found := s.world.reports.find(func(rep *report) bool {
		return rep.file == id && rep.verifier != "" && rep.verifier == r.URL.Query().Get("verifier")
	})
	var content string
	var stream func(io.Writer) error
	if found != nil {
		content, stream = found.csv, found.stream
	}
	s.world.mu.Unlock()
	if found == nil {
		notFound().write(w, false)
		return
	}
	w.Header().Set("Content-Type", "text/csv")
	if b, kept := w.(*buffered); kept && stream != nil {
		b.stream = stream
		return
	}
	_, _ = w.Write([]byte(content))
}

func (s *Server) onSSO(r *http.Request) bool {
	sso, err := url.Parse(s.SSOURL())
	return err == nil && sso.Host != "" && strings.EqualFold(sso.Host, r.Host)
}
