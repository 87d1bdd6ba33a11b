package ui

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/tokendesk/tokendesk/static"
)

// StaticPath is where browsers find the assets.
const StaticPath = "/static/"

// Assets serves the style sheet, the scripts and the fonts. Each has an address
// made from its content, so it may be cached for ever and a new version is
// never mixed with an old one. As a handler it takes paths with StaticPath or,
// behind http.StripPrefix, without.
type Assets struct {
	byName map[string]string // short name → address
	files  map[string]asset  // by the address without StaticPath
}

type asset struct {
	kind    string
	content []byte
}

// The assets' short names, as templates use them.
const (
	assetStyle  = "style"
	assetHTMX   = "htmx"
	assetScript = "script"
	assetLTI    = "lti"

	assetRegister = "register"
)

var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".woff2": "font/woff2",
}

// NewAssets reads the embedded files and names them. launch is the script of the
// pages before there is a session, which comes with the launch's protocol.
func NewAssets(launch string) (*Assets, error) {
	a := &Assets{byName: map[string]string{}, files: map[string]asset{}}
	fonts, err := fs.Glob(static.FS, "fonts/*.woff2")
	if err != nil {
		return nil, err
	}
	var inCSS []string
	for _, f := range fonts {
		content, err := fs.ReadFile(static.FS, f)
		if err != nil {
			return nil, err
		}
		// The style sheet names its fonts relative to its own folder.
		inCSS = append(inCSS, "../"+f, path.Base(a.add(f, f, content)))
	}
	for name, file := range map[string]string{
		assetStyle: "css/tokendesk.css", assetHTMX: "js/htmx-2.0.11.min.js", assetScript: "js/tokendesk.js", assetRegister: "js/register.js",
	} {
		content, err := fs.ReadFile(static.FS, file)
		if err != nil {
			return nil, err
		}
		if name == assetStyle {
			content = []byte(strings.NewReplacer(inCSS...).Replace(string(content)))
			if bytes.Contains(content, []byte("../")) {
				return nil, fmt.Errorf("assets: %s names a file that is not there", file)
			}
		}
		a.add(name, file, content)
	}
	a.add(assetLTI, "lti.js", []byte(launch))
	return a, nil
}

func (a *Assets) add(name, file string, content []byte) string {
	ext := path.Ext(file)
	sum := sha256.Sum256(content)
	named := strings.TrimSuffix(path.Base(file), ext) + "-" + hex.EncodeToString(sum[:8]) + ext
	a.files[named] = asset{kind: mediaTypes[ext], content: content}
	a.byName[name] = StaticPath + named
	return a.byName[name]
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
// address with another content's hash is not there, whatever its name.
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
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Length", fmt.Sprint(len(f.content)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(f.content) // a browser that left needs no answer
	}
}
