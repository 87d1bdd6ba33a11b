package ui

import (
	"encoding/csv"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// csvFile writes rows that people open in a spreadsheet. It is the only writer
// of CSV, because every cell of somebody's text must be harmless there
// (docs/decisions.md 25).
type csvFile struct{ out *csv.Writer }

// newCSV begins a file: in UTF-8 with a mark that spreadsheets know it by, and
// line ends as RFC 4180 has them.
func newCSV(w io.Writer) (*csvFile, error) {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return nil, err
	}
	f := &csvFile{csv.NewWriter(w)}
	f.out.UseCRLF = true
	return f, nil
}

// row writes one row.
func (f *csvFile) row(cells ...string) error {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = harmless(c)
	}
	return f.out.Write(safe)
}

// end writes what is left.
func (f *csvFile) end() error {
	f.out.Flush()
	return f.out.Error()
}

// formulaStarts are what spreadsheets begin a formula with; the full-width forms
// are taken for the plain ones by some.
const formulaStarts = "=+-@|%＝＋－＠"

// harmless puts an apostrophe before a cell that a spreadsheet could take for a
// formula, also behind space or control characters that it passes over.
func harmless(cell string) string {
	trimmed := strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\uFEFF' || r == '\u200B' })
	if trimmed == "" {
		return cell
	}
	if strings.ContainsRune(formulaStarts, []rune(trimmed)[0]) || strings.ContainsAny(cell[:len(cell)-len(trimmed)], "\t\r") {
		return "'" + cell
	}
	return cell
}

// StampCSV writes a time for machines, and nothing for none.
func StampCSV(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Download answers with a CSV file that fill writes. What fails after the first
// byte cuts the connection, so that half a file is never taken for a whole one.
func (v *Visit) Download(name string, head []string, fill func(row func(cells ...string) error) error) error {
	h := v.W.Header()
	began := false
	var f *csvFile
	start := func() error {
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
		h.Set("Cache-Control", "no-store, no-transform")
		v.W.WriteHeader(http.StatusOK)
		began = true
		var err error
		if f, err = newCSV(v.W); err != nil {
			return err
		}
		return f.row(head...)
	}
	err := fill(func(cells ...string) error {
		if !began {
			if err := start(); err != nil {
				return err
			}
		}
		return f.row(cells...)
	})
	if err == nil && !began {
		err = start()
	}
	if err == nil {
		err = f.end()
	}
	if err != nil && began {
		v.Log().WarnContext(v.Ctx(), "an export was cut", "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}
