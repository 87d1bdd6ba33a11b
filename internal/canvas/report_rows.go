package canvas

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// rowMax bounds a row in bytes, what is read ahead of it included.
const rowMax = 64 << 10

// manualKey is the developer key on which Canvas hangs the tokens that people
// and admins make.
const manualKey = "User-Generated"

// ReportRow is one token in the report.
type ReportRow struct {
	UserID, UserName string
	// Hint is what Canvas shows of the value, at most its first five
	// characters; what stood before a "~" may be missing. See SameHint.
	Hint string
	// ExpiresAt is zero for never. Files without a status, which older Canvas
	// makes, may say never for a token that ends: ask for the token before
	// anything is concluded from it.
	ExpiresAt  time.Time
	LastUsedAt time.Time // zero: never
	CreatedAt  time.Time // zero: older Canvas does not tell
	Status     string    // "": older Canvas does not tell
	KeyName    string    // the developer key
	Manual     bool      // made by a person or an admin, not by an application
}

// SameHint reports whether the row can be of a token with this hint. It is no
// proof: several tokens can have one hint.
func (r ReportRow) SameHint(hint string) bool {
	if r.Hint == "" || hint == "" {
		return false
	}
	_, after, sharded := strings.Cut(hint, "~")
	return r.Hint == hint || sharded && r.Hint == after
}

// column is a column that we know, by its name in the header.
type column int

const (
	colUser column = iota
	colName
	colHint
	colEnds
	colUsed
	colKeyName
	colStatus
	colMade
	columns
)

var columnNames = map[string]column{
	"user id": colUser, "user name": colName, "token hint": colHint, "expiration": colEnds, "last used": colUsed,
	"dev key name": colKeyName, "status": colStatus, "creation": colMade,
}

// needed are the columns that every Canvas writes and that we cannot do without.
var needed = []column{colUser, colHint, colEnds, colUsed, colKeyName}

// readRows reads the file. Older and newer Canvas write different columns, in
// an order that is not known: they are found by name, and unknown ones are
// passed over. Names come out as said makes them.
func readRows(op string, body *steady, said func(string) string, each func(ReportRow) error) error {
	fail := func(why string, err error) error { return unreadable(op, false, http.StatusOK, why, err) }
	lines := bufio.NewReader(body)
	const mark = "\ufeff" // of byte order; spreadsheets put it before the first name
	if begin, err := lines.Peek(len(mark)); err == nil && string(begin) == mark {
		_, _ = lines.Discard(len(mark))
	}
	in := csv.NewReader(lines)
	in.ReuseRecord = true
	at, err := readHeader(in)
	if err != nil {
		return fail("the file is not a report of tokens: "+told(err), cause(err))
	}
	for row := 1; ; row++ {
		body.row = 0
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fail(fmt.Sprintf("row %d of the file cannot be read: %s", row, told(err)), cause(err))
		}
		r, why := reportRow(record, at)
		if why != "" {
			return fail(fmt.Sprintf("row %d of the file cannot be read: %s", row, why), nil)
		}
		r.UserName, r.KeyName = said(r.UserName), said(r.KeyName)
		if err := each(r); err != nil {
			return err
		}
	}
}

// cause is the error as a cause, where it is one of the line and not of the
// rows: those of the CSV reader name what they could not read.
func cause(err error) error {
	if _, ok := errors.AsType[*csv.ParseError](err); ok {
		return nil
	}
	return err
}

// told names an error of reading without quoting the file.
func told(err error) string {
	e, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case !ok && errors.Is(err, io.ErrUnexpectedEOF):
		return "the file was cut"
	case !ok:
		return describe(err)
	case errors.Is(e.Err, csv.ErrFieldCount):
		return "it has another number of columns than the header, or the file was cut"
	case errors.Is(e.Err, csv.ErrQuote), errors.Is(e.Err, csv.ErrBareQuote):
		return "its quotes do not close, or the file was cut"
	}
	return "it is not CSV"
}

func readHeader(in *csv.Reader) (at [columns]int, err error) {
	record, err := in.Read()
	if errors.Is(err, io.EOF) {
		return at, errors.New("it is empty")
	}
	if err != nil {
		return at, err
	}
	for i := range at {
		at[i] = -1
	}
	for i, name := range record {
		col, known := columnNames[strings.ToLower(strings.TrimSpace(name))]
		if !known {
			continue
		}
		if at[col] >= 0 {
			return at, errors.New("a column is there twice")
		}
		at[col] = i
	}
	for _, col := range needed {
		if at[col] < 0 {
			return at, errors.New("a column is missing")
		}
	}
	return at, nil
}

// reportRow reads one record, or says why not, without quoting it.
func reportRow(record []string, at [columns]int) (r ReportRow, why string) {
	field := func(c column) string {
		if at[c] < 0 {
			return ""
		}
		return strings.TrimSpace(record[at[c]])
	}
	r = ReportRow{
		UserID: field(colUser), UserName: field(colName), Hint: field(colHint), Status: strings.ToLower(field(colStatus)),
		KeyName: field(colKeyName),
	}
	r.Manual = r.KeyName == manualKey
	if !idForm.MatchString(r.UserID) {
		return r, "its user id is none"
	}
	r.UserName, r.KeyName = strings.ToValidUTF8(r.UserName, "\ufffd"), strings.ToValidUTF8(r.KeyName, "\ufffd")
	var ends, used, made bool
	r.ExpiresAt, ends = reportTime(field(colEnds))
	r.LastUsedAt, used = reportTime(field(colUsed))
	r.CreatedAt, made = reportTime(field(colMade))
	if !ends || !used || !made {
		return r, "one of its times is none"
	}
	return r, ""
}

// reportTime reads a time; "never" stands for none.
func reportTime(s string) (time.Time, bool) {
	if s == "" || strings.EqualFold(s, "never") {
		return time.Time{}, true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
