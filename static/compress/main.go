// Compress writes the compressed forms of what browsers load: beside each style
// sheet and script of static, and for the script that comes with the lti package,
// one for brotli (.br) and one for gzip (.gz). They are checked in, since a program
// built or run from its source has no step that could make them; tests fail when
// one is missing or of another content. Fonts are compressed in themselves.
//
// Run it from the root of the module: go run ./static/compress
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/andybalholm/brotli"

	"github.com/tokendesk/tokendesk/lti"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compress:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	contents := map[string][]byte{filepath.Join("static", "js", "lti.js"): []byte(lti.BrowserScript)}
	for _, pattern := range []string{"static/css/*.css", "static/js/*.js"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return fmt.Errorf("there is no %s here", pattern)
		}
		for _, file := range files {
			if contents[file], err = os.ReadFile(file); err != nil { //nolint:gosec // the files of this repository
				return err
			}
		}
	}
	for file, content := range contents {
		for ext, to := range map[string]func(io.Writer) (io.WriteCloser, error){
			".br": func(w io.Writer) (io.WriteCloser, error) {
				return brotli.NewWriterLevel(w, brotli.BestCompression), nil
			},
			".gz": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestCompression) },
		} {
			small, err := compressed(content, to)
			if err != nil {
				return err
			}
			if err := os.WriteFile(file+ext, small, 0o644); err != nil { //nolint:gosec // a public file
				return err
			}
			if _, err := fmt.Fprintf(out, "%s%s: %d of %d bytes\n", file, ext, len(small), len(content)); err != nil {
				return err
			}
		}
	}
	return nil
}

func compressed(content []byte, to func(io.Writer) (io.WriteCloser, error)) ([]byte, error) {
	var out bytes.Buffer
	w, err := to(&out)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
