package ui

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/tokendesk/tokendesk/lti"
)

// What a browser says it takes, and what it gets of a file that has all forms and of
// a font, which has one. "-" is a refusal.
func TestTheSmallestFormThatABrowserTakes(t *testing.T) {
	a, err := NewAssets(lti.BrowserScript)
	if err != nil {
		t.Fatal(err)
	}
	const plain, br, gz, none = "", "br", "gzip", "-"
	for _, c := range []struct {
		accept       []string // fields, nil for no field
		script, font string
	}{
		{nil, plain, plain},
		{[]string{""}, plain, plain},
		{[]string{"identity"}, plain, plain},
		{[]string{"gzip, deflate, br, zstd"}, br, plain},
		{[]string{"gzip, deflate"}, gz, plain},
		{[]string{"x-gzip"}, gz, plain},
		{[]string{"GZIP"}, gz, plain},
		{[]string{"gzip", "br"}, br, plain},
		{[]string{"deflate"}, plain, plain},
		{[]string{"br;q=0.5, gzip;q=0.8"}, gz, plain},
		{[]string{"br;q=0.5,gzip;q=0.5"}, br, plain},
		{[]string{"br ; q=0.001"}, br, plain},
		{[]string{"br;Q=1.000"}, br, plain},
		{[]string{"br;q=0"}, plain, plain},
		{[]string{"br;q=0, gzip"}, gz, plain},
		{[]string{"br;q=0, *"}, gz, plain},
		{[]string{"*"}, br, plain},
		{[]string{"*;q=0.3, identity"}, plain, plain},
		{[]string{"gzip;q=0.5, identity;q=0.9"}, plain, plain},
		{[]string{"gzip;q=0.5, identity;q=0.1"}, gz, plain},
		{[]string{"identity;q=0, br"}, br, none},
		{[]string{"identity;q=0, *"}, br, none},
		{[]string{"*;q=0, gzip"}, gz, none},
		{[]string{"*;q=0, identity;q=0.2"}, plain, plain},
		{[]string{"identity;q=0"}, none, none},
		{[]string{"*;q=0"}, none, none},
		{[]string{"br;q=0, gzip;q=0.0, identity;q=0.000"}, none, none},
		// What cannot be read is as if it were not there.
		{[]string{"br;q=2, gzip"}, gz, plain},
		{[]string{"br;q=NaN"}, plain, plain},
		{[]string{"br;q=-1, identity;q=x"}, plain, plain},
		{[]string{"br;quality=1"}, plain, plain},
		{[]string{";;;,,,"}, plain, plain},
	} {
		for _, asset := range []struct{ name, want string }{{assetHTMX, c.script}, {"fonts/tokendesk-sans-base-400.woff2", c.font}} {
			address, err := a.URL(asset.name)
			if err != nil {
				t.Fatal(err)
			}
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				r := httptest.NewRequest(method, address, nil)
				if c.accept != nil {
					r.Header["Accept-Encoding"] = c.accept
				}
				w := httptest.NewRecorder()
				a.ServeHTTP(w, r)
				got, status := w.Header().Get("Content-Encoding"), http.StatusOK
				if asset.want == none {
					got, status = none, http.StatusNotAcceptable
				}
				if got != asset.want || w.Code != status || !slices.Equal(w.Header().Values("Vary"), []string{"Accept-Encoding"}) {
					t.Errorf("%s of %s for %q: %d, coding %q, Vary %q; want %q", method, asset.name, c.accept, w.Code, w.Header().Get("Content-Encoding"), w.Header().Values("Vary"), asset.want)
				}
				if immutable := strings.Contains(w.Header().Get("Cache-Control"), "immutable"); immutable != (asset.want != none) {
					t.Errorf("%s of %s for %q is kept: %q", method, asset.name, c.accept, w.Header().Get("Cache-Control"))
				}
			}
		}
	}
}

// Whatever the form, it is the same file, and the fields speak of the form.
func TestEveryFormIsTheFile(t *testing.T) {
	a, err := NewAssets(lti.BrowserScript)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range a.URLs() {
		get := func(accept string, more ...string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodGet, address, nil)
			r.Header.Set("Accept-Encoding", accept)
			for i := 0; i+1 < len(more); i += 2 {
				r.Header.Set(more[i], more[i+1])
			}
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if n := w.Header().Get("Content-Length"); n != strconv.Itoa(w.Body.Len()) {
				t.Errorf("%s as %q has %d bytes and says %s", address, accept, w.Body.Len(), n)
			}
			return w
		}
		plain := get("identity")
		for _, accept := range []string{"br", "gzip"} {
			w := get(accept)
			if w.Header().Get("Content-Type") != plain.Header().Get("Content-Type") {
				t.Errorf("%s as %s is %q", address, accept, w.Header().Get("Content-Type"))
			}
			content := w.Body.Bytes()
			switch w.Header().Get("Content-Encoding") {
			case "br":
				var b bytes.Buffer
				if _, err := b.ReadFrom(brotli.NewReader(bytes.NewReader(content))); err != nil {
					t.Errorf("%s: %v", address, err)
				}
				content = b.Bytes()
			case "gzip":
				if content, err = unzipped(content); err != nil {
					t.Errorf("%s: %v", address, err)
				}
			default:
				if !strings.HasSuffix(address, ".woff2") {
					t.Errorf("%s is sent as it is to who takes %s", address, accept)
				}
			}
			if !bytes.Equal(content, plain.Body.Bytes()) {
				t.Errorf("%s as %s is another file", address, accept)
			}
		}
		// A part is of one form and would be put into another.
		if w := get("br", "Range", "bytes=0-9"); w.Code != http.StatusOK || w.Header().Get("Accept-Ranges") != "none" || w.Header().Get("Content-Range") != "" {
			t.Errorf("a part of %s: %d %v", address, w.Code, w.Header())
		}
	}
}

// The script that comes from elsewhere has to be the one whose forms are there.
func TestAStaleFormIsRefused(t *testing.T) {
	if _, err := NewAssets(lti.BrowserScript + " "); err == nil || !strings.Contains(err.Error(), "go run ./static/compress") {
		t.Errorf("%v", err)
	}
}
