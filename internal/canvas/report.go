package canvas

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/lti/loopback"
)

// tokenReport is Canvas's account report of all access tokens.
const tokenReport = "user_access_tokens_csv"

// The states of a run of a report (lib/api/v1/account_report.rb and
// account_report.rb; the full list is unconfirmed). Another word means that it
// is still running.
const (
	ReportCreated  = "created"
	ReportRunning  = "running"
	ReportComplete = "complete"
	ReportError    = "error"
	ReportAborted  = "aborted"
	ReportDeleted  = "deleted"
)

// Report is a run of the report of all access tokens in an account.
type Report struct {
	ID, AccountID string // AccountID as it was asked for
	Status        string // a constant, or a word that this program does not know
	Progress      int    // 0 to 100
	CreatedAt     time.Time
	EndedAt       time.Time // zero: not yet, or Canvas does not tell

	// file is the address of a complete run's file. Whoever has it can read
	// the file, and it ends: read it soon, or ask for the run again.
	file secret.Text
	size int64 // bytes of the file as Canvas tells, 0 when it does not
}

// Complete reports whether the file can be read.
func (r Report) Complete() bool { return r.Status == ReportComplete && !r.file.IsZero() }

// Failed reports whether the run ended without a file: start another one.
func (r Report) Failed() bool {
	return slices.Contains([]string{ReportError, ReportAborted, ReportDeleted}, r.Status)
}

type reportJSON struct {
	ID         id      `json:"id"`
	Report     string  `json:"report"`
	Status     string  `json:"status"`
	Progress   float64 `json:"progress"`
	CreatedAt  moment  `json:"created_at"`
	EndedAt    moment  `json:"ended_at"`
	Attachment *struct {
		URL  raw   `json:"url"`
		Size int64 `json:"size"`
	} `json:"attachment"`
}

// StartTokenReport lets Canvas make the report of all access tokens of an
// account and of those below it. It needs the permission read_reports. Deleted
// tokens are not in it. Canvas works on it for minutes in a large account: ask
// TokenReport, about every half minute, until it is Complete or Failed.
//
// Unclear means that a run may have been started; starting another one costs
// Canvas work and does no harm.
func (c *Client) StartTokenReport(ctx context.Context, accountID string) (Report, error) {
	const op = "start token report"
	account, e := segment(op, "account", accountID)
	if e != nil {
		return Report{}, e
	}
	var j reportJSON
	if _, err := c.do(ctx, call{op: op, method: http.MethodPost, path: "accounts/" + account + "/reports/" + tokenReport}, &j); err != nil {
		return Report{}, err
	}
	return c.report(op, account, j, true)
}

// TokenReport reads how far a run is. A Complete one can be read by
// ReadTokenReport. NotFound means that Canvas does not know the run any more.
func (c *Client) TokenReport(ctx context.Context, accountID, reportID string) (Report, error) {
	const op = "show token report"
	account, e := segment(op, "account", accountID)
	if e != nil {
		return Report{}, e
	}
	run, e := numericID(op, "report", reportID)
	if e != nil {
		return Report{}, e
	}
	var j reportJSON
	if err := c.get(ctx, op, "accounts/"+account+"/reports/"+tokenReport+"/"+run, nil, &j); err != nil {
		return Report{}, err
	}
	if !SameID(string(j.ID), run) {
		return Report{}, unreadable(op, false, http.StatusOK, "Canvas answered with another run than the one asked for", nil)
	}
	return c.report(op, account, j, false)
}

func (c *Client) report(op, account string, j reportJSON, write bool) (Report, error) {
	if j.ID == "" || j.Status == "" || j.Report != "" && j.Report != tokenReport {
		return Report{}, unreadable(op, write, http.StatusOK, "the answer is not a run of this report", nil)
	}
	r := Report{
		ID: string(j.ID), AccountID: account, Status: j.Status, Progress: int(min(max(j.Progress, 0), 100)),
		CreatedAt: j.CreatedAt.Time, EndedAt: j.EndedAt.Time,
	}
	if r.Status != ReportComplete {
		return r, nil
	}
	if j.Attachment == nil || j.Attachment.URL == "" {
		return Report{}, unreadable(op, write, http.StatusOK, "the run is complete and has no file", nil)
	}
	// Canvas may write the address relative to itself.
	u, err := c.base.Parse(string(j.Attachment.URL))
	if err != nil || c.fileAddress(u) != nil {
		return Report{}, unreadable(op, write, http.StatusOK, "the address of the file cannot be used", nil)
	}
	r.file, r.size = secret.New(u.String()), max(0, j.Attachment.Size)
	return r, nil
}

// fileAddress refuses what a file is never fetched from. A file of Canvas may
// be on another host (a store of files), which is a name that others chose: it
// has to be https, and never this machine, unless Canvas itself is here.
func (c *Client) fileAddress(u *url.URL) *Error {
	local := loopback.Host(c.base.Hostname())
	switch {
	case u.User != nil, u.Hostname() == "", u.Opaque != "":
	case u.Scheme != "https" && (u.Scheme != "http" || !local):
	case loopback.Host(u.Hostname()) && !local:
	default:
		return nil
	}
	return invalid("read token report", "the address of the file cannot be used")
}
