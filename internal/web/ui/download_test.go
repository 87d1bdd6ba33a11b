package ui

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// downloadFrom serves one download and returns its answer.
func downloadFrom(t *testing.T, fill func(row func(...string) error) error) *http.Response {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &Visit{W: w, R: r, kit: &Kit{log: slog.New(slog.DiscardHandler)}}
		if err := v.Download("tokens", []string{"Token", "Title"}, fill); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

const aPart = 500

func writePart(row func(...string) error) error {
	for range aPart {
		if err := row("grt_"+strings.Repeat("A", 26), "Attendance helper"); err != nil {
			return err
		}
	}
	return nil
}

// Rows go out while later ones are still read: a file is never held whole.
func TestDownloadIsAStream(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	v := &Visit{W: w, R: httptest.NewRequest(http.MethodPost, "/tokens/export", nil), kit: &Kit{log: slog.New(slog.DiscardHandler)}}
	const parts, held = 4, 4096 // what the writer keeps back
	rows := 0
	err := v.Download("tokens", []string{"Token", "Title"}, func(row func(...string) error) error {
		for range parts {
			if err := writePart(row); err != nil {
				return err
			}
			rows += aPart
			if least := rows*len("grt_AAAA,Attendance helper\r\n") - held; w.Body.Len() < least {
				t.Errorf("%d bytes are out after %d rows", w.Body.Len(), rows)
			}
		}
		return nil
	})
	if n := strings.Count(w.Body.String(), "\r\n"); err != nil || n != parts*aPart+1 {
		t.Errorf("%d lines, %v", n, err)
	}
}

// What fails in the middle leaves no file that could be taken for a whole one; what
// fails before the first row is an answer of its own.
func TestDownloadThatFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the database went away")
	res := downloadFrom(t, func(row func(...string) error) error { return errors.Join(writePart(row), broken) })
	if b, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a file of %d bytes ends with %v", len(b), err)
	}
	res = downloadFrom(t, func(func(...string) error) error { return broken })
	if b, err := io.ReadAll(res.Body); res.StatusCode != http.StatusInternalServerError || len(b) != 0 || err != nil {
		t.Errorf("nothing read: %d, %q, %v", res.StatusCode, b, err)
	}
}
