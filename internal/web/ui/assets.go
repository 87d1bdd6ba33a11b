package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tokendesk/tokendesk/static"
)

// StaticPath is where browsers find the assets.
const StaticPath = "/static/"

// Assets serves the style sheet, the scripts and the fonts. Each has an address
// made from its content, so it may be cached for ever and a new version is
// never mixed with an old one. What can be made smaller is sent in the smallest
// form that a browser takes. As a handler it takes paths with StaticPath or,
// behind http.StripPrefix, without.
type Assets struct {
	byName map[string]string // short name → address
	files  map[string]asset  // by the address without StaticPath
}

type asset struct {
	kind  string
	forms []form // the smallest first, the plain one last
}

// form is a content in one coding of the HTTP field Content-Encoding.
type form struct {
	coding  string
	content []byte
}

// The codings that there are.
const (
	codingBrotli   = "br"
	codingGzip     = "gzip"
	codingIdentity = "identity"
)

// The assets' short names, as templates use them.
const (
	assetStyle  = "style"
	assetHTMX   = "htmx"
	assetScript = "script"
	assetLTI    = "lti"

	assetRegister = "register"
)

var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", extFont: "font/woff2",
}

// A font is compressed in itself.
const extFont = ".woff2"

var namedInCSS = regexp.MustCompile(`url\("?([^")]*)"?\)`)

// NewAssets reads the embedded files and names them. launch is the script of the
// pages before there is a session, which comes with the launch's protocol. It
// refuses a compressed form that is missing or of another content, and a style
// sheet that names a font by another address than its own.
func NewAssets(launch string) (*Assets, error) {
	a := &Assets{byName: map[string]string{}, files: map[string]asset{}}
	named := map[string]string{
		assetStyle: "css/tokendesk.css", assetHTMX: "js/htmx-2.0.11.min.js", assetScript: "js/tokendesk.js", assetRegister: "js/register.js",
	}
	fonts, err := fs.Glob(static.FS, "fonts/*"+extFont)
	if err != nil {
		return nil, err
	}
	for _, f := range fonts {
		named[f] = f
	}
	for name, file := range named {
		content, err := fs.ReadFile(static.FS, file)
		if err != nil {
			return nil, err
		}
		if err := a.add(name, file, content); err != nil {
			return nil, err
		}
	}
	if err := a.add(assetLTI, "js/lti.js", []byte(launch)); err != nil {
		return nil, err
	}
	style := a.files[strings.TrimPrefix(a.byName[assetStyle], StaticPath)]
	for _, m := range namedInCSS.FindAllSubmatch(style.forms[len(style.forms)-1].content, -1) {
		if _, ok := a.files[string(m[1])]; !ok {
			return nil, fmt.Errorf("assets: the style sheet names %s, which is not there", m[1])
		}
	}
	return a, nil
}

func (a *Assets) add(name, file string, content []byte) error {
	ext := path.Ext(file)
	one := asset{kind: mediaTypes[ext]}
	if ext != extFont {
		for _, c := range []struct{ ext, coding string }{{".br", codingBrotli}, {".gz", codingGzip}} {
			small, err := fs.ReadFile(static.FS, file+c.ext)
			if err != nil {
				return fmt.Errorf("assets: %w (go run ./static/compress makes it)", err)
			}
			one.forms = append(one.forms, form{c.coding, small})
		}
		// Both are made in one go; the one that the standard library reads speaks for
		// the other, too, which the tests read.
		if was, err := unzipped(one.forms[1].content); err != nil || !bytes.Equal(was, content) {
			return fmt.Errorf("assets: %s.gz is of another content (go run ./static/compress makes it again)", file)
		}
	}
	one.forms = append(one.forms, form{codingIdentity, content})
	sum := sha256.Sum256(content)
	address := strings.TrimSuffix(path.Base(file), ext) + "-" + hex.EncodeToString(sum[:8]) + ext
	a.files[address], a.byName[name] = one, StaticPath+address
	return nil
}

func unzipped(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// URL is the address of an asset by its short name; an unknown name is an error
// of the template that asks.
func (a *Assets) URL(name string) (string, error) {
	url, ok := a.byName[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return url, nil
}

// URLs lists every address, in order.
func (a *Assets) URLs() []string {
	out := make([]string, 0, len(a.files))
	for f := range a.files {
		out = append(out, StaticPath+f)
	}
	slices.Sort(out)
	return out
}

// ServeHTTP answers GET and HEAD of an asset's address, and 404 to all else: an
// address with another content's hash is not there, whatever its name. A part of a
// file (Range) is never sent, always the whole.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	f, ok := a.files[strings.TrimPrefix(r.URL.Path, StaticPath)]
	if !ok {
		h.Set("Cache-Control", "no-store")
		http.NotFound(w, r)
		return
	}
	h.Set("Vary", "Accept-Encoding")
	sent, ok := f.acceptable(r.Header.Values("Accept-Encoding"))
	if !ok {
		h.Set("Cache-Control", "no-store")
		http.Error(w, http.StatusText(http.StatusNotAcceptable), http.StatusNotAcceptable)
		return
	}
	if sent.coding != codingIdentity {
		h.Set("Content-Encoding", sent.coding)
	}
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Accept-Ranges", "none")
	h.Set("Content-Length", strconv.Itoa(len(sent.content)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(sent.content) // a browser that left needs no answer
	}
}

// acceptable is the form that the fields Accept-Encoding like best, of those that
// they like the same the smallest; false if they refuse all (RFC 9110, 12.5.3). What
// they do not name is refused, but for the plain form, which is taken last, unless
// it is refused by name or by "*".
func (f asset) acceptable(fields []string) (form, bool) {
	liked := map[string]float64{}
	for item := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		coding, weight, weighted := strings.Cut(item, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		q := 1.0
		if weighted {
			name, value, _ := strings.Cut(strings.TrimSpace(weight), "=")
			var err error
			if q, err = strconv.ParseFloat(value, 64); err != nil || !strings.EqualFold(name, "q") || !(q >= 0 && q <= 1) {
				continue // nobody can say what is meant
			}
		}
		if coding == "x-gzip" {
			coding = codingGzip
		}
		liked[coding] = q
	}
	var best form
	most := 0.0
	for _, one := range f.forms {
		q, ok := liked[one.coding]
		if !ok {
			q, ok = liked["*"]
		}
		if !ok && one.coding == codingIdentity && most == 0 {
			return one, true
		}
		if q > most {
			best, most = one, q
		}
	}
	return best, most > 0
}
