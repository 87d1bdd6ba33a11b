package ui

import (
	"encoding/csv"
	"strings"
	"testing"
)

// A cell of somebody's text is no formula, whatever it begins with, and comes
// back as it was but for the mark.
func TestCSVNeutralisesFormulas(t *testing.T) {
	t.Parallel()
	bad := []string{"=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(\"https://x\",\"y\")", " =1", "\t=1", "\r=1", "\n=cmd|' /C calc'!A0", "\u200B=1", "\uFEFF=1",
		"＝1", "＋1", "－1", "＠x", "|x", "%x", "\tplain", "  \t -2"}
	good := []string{"", " ", "Attendance helper", "a=b", "1-2", "12 Dec 2026", "Ana \"Ruiz\", PhD", "two\nlines", "日本語", "'quoted'", "é"}
	var b strings.Builder
	f, err := newCSV(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(bad, good...) {
		if err := f.row(c, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.end(); err != nil {
		t.Fatal(err)
	}
	text, marked := strings.CutPrefix(b.String(), "\uFEFF")
	if !marked || !strings.Contains(text, "x\r\n") {
		t.Error("no mark, or other line ends")
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != len(bad)+len(good) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, r := range rows {
		if i < len(bad) {
			if !strings.HasPrefix(r[0], "'") || strings.ReplaceAll(r[0][1:], "\r", "") != strings.ReplaceAll(bad[i], "\r", "") {
				t.Errorf("%q is written as %q", bad[i], r[0])
			}
			continue
		}
		if want := good[i-len(bad)]; r[0] != want {
			t.Errorf("%q is written as %q", want, r[0])
		}
	}
}
