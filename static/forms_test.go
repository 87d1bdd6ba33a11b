package static_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/tokendesk/tokendesk/lti"
	"github.com/tokendesk/tokendesk/static"
)

const again = "go run ./static/compress"

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := fs.ReadFile(static.FS, file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// files are those of static with an ending.
func files(t *testing.T, endings ...string) (found []string) {
	t.Helper()
	err := fs.WalkDir(static.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.Contains(endings, path.Ext(p)) {
			found = append(found, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What is checked in is what would be made: each file has both forms, each form is
// of the file as it is now, and none is left of a file that is gone.
func TestCompressedFormsAreOfTheFiles(t *testing.T) {
	contents := map[string][]byte{"js/lti.js": []byte(lti.BrowserScript)}
	for _, file := range files(t, ".css", ".js") {
		contents[file] = read(t, file)
	}
	for file, want := range contents {
		for ext, opened := range map[string]func([]byte) (io.Reader, error){
			".br": func(b []byte) (io.Reader, error) { return brotli.NewReader(bytes.NewReader(b)), nil },
			".gz": func(b []byte) (io.Reader, error) { return gzip.NewReader(bytes.NewReader(b)) },
		} {
			small, err := fs.ReadFile(static.FS, file+ext)
			if err != nil {
				t.Errorf("%v: %s", err, again)
				continue
			}
			r, err := opened(small)
			if err != nil {
				t.Errorf("%s%s: %v: %s", file, ext, err, again)
				continue
			}
			if was, err := io.ReadAll(r); err != nil || !bytes.Equal(was, want) {
				t.Errorf("%s%s is of another content (%v): %s", file, ext, err, again)
			}
			if len(small) >= len(want) {
				t.Errorf("%s%s is no smaller than the file", file, ext)
			}
		}
	}
	for _, form := range files(t, ".br", ".gz") {
		if file := strings.TrimSuffix(form, path.Ext(form)); contents[file] == nil {
			t.Errorf("%s is a form of no file", form)
		}
	}
}
