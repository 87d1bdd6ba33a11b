package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// firstVisit is the most that the first page may load beside its own HTML, in bytes.
const firstVisit = 60_000

var (
	face  = regexp.MustCompile(`@font-face \{[^}]*url\("([^"]+)"\)[^}]*unicode-range: ([^;]+);`)
	opens = regexp.MustCompile(`/static/lti-[0-9a-f]+\.js`)
	named = regexp.MustCompile(`/static/[a-z0-9.-]+`)
)

// shows tells whether one of the characters of text is in a unicode-range.
func shows(t *testing.T, text, ranges string) bool {
	t.Helper()
	for r := range strings.SplitSeq(ranges, ",") {
		first, last, _ := strings.Cut(strings.TrimPrefix(r, "U+"), "-")
		if last == "" {
			last = first
		}
		a, err := strconv.ParseInt(first, 16, 32)
		b, err2 := strconv.ParseInt(last, 16, 32)
		if err != nil || err2 != nil {
			t.Fatalf("%q is no range", r)
		}
		if strings.ContainsFunc(text, func(c rune) bool { return int64(c) >= a && int64(c) <= b }) {
			return true
		}
	}
	return false
}

// What somebody loads who was never here: all files that the page before the session
// and the first page name, and the fonts of both weights that have a character of it.
func TestAFirstVisitIsLight(t *testing.T) {
	r := webtest.New(t)
	for _, who := range []struct{ user, place string }{{"maya", r.Course("bio201")}, {"ana", r.Course("bio201")}, {"dana", r.Account("root")}} {
		for _, accept := range []string{"br", "gzip"} {
			b := r.Launch(who.user, who.place)
			loaded := map[string]int{}
			load := func(address string) []byte {
				other := &webtest.Browser{Rig: r, Cookies: map[string]string{}}
				other.Send(http.MethodGet, address, nil, http.Header{"Accept-Encoding": {accept}})
				if other.Status != http.StatusOK {
					t.Fatalf("%s answers %d", address, other.Status)
				}
				content := []byte(other.Body)
				loaded[address] = len(content)
				var from io.Reader
				switch other.Header.Get("Content-Encoding") {
				case "br":
					from = brotli.NewReader(bytes.NewReader(content))
				case "gzip":
					var err error
					if from, err = gzip.NewReader(bytes.NewReader(content)); err != nil {
						t.Fatal(err)
					}
				default:
					return content
				}
				plain, err := io.ReadAll(from)
				if err != nil {
					t.Fatalf("%s: %v", address, err)
				}
				return plain
			}
			addresses := named.FindAllString(b.Body, -1)
			if !opens.MatchString(b.Opening) {
				t.Errorf("the page before the session names no script of the launch: %s", b.Opening)
			}
			addresses = append(addresses, named.FindAllString(b.Opening, -1)...)
			text := webtest.Text(b.Body)
			fonts, without := 0, 0
			for _, address := range addresses {
				if _, ok := loaded[address]; ok {
					continue
				}
				content := load(address)
				for _, m := range face.FindAllStringSubmatch(string(content), -1) {
					if shows(t, text, m[2]) {
						fonts++
						load("/static/" + m[1])
					} else {
						without++
					}
				}
			}
			sum := 0
			for _, n := range loaded {
				sum += n
			}
			if sum > firstVisit || len(loaded) < 6 {
				t.Errorf("%s as %s: the first visit loads %d bytes, more than %d: %v", who.user, accept, sum, firstVisit, loaded)
			}
			if fonts != 2 || without != 2 {
				t.Errorf("%s as %s: %d fonts are loaded and %d are not: %v", who.user, accept, fonts, without, loaded)
			}
		}
	}
}

// A page has the reader's handle in it and what somebody typed: compressed together,
// its length would tell of the one to whoever chooses the other.
func TestPagesAreNotCompressed(t *testing.T) {
	r := webtest.New(t)
	maya := r.Launch("maya", r.Course("bio201"))
	handle := maya.Handle()
	for _, path := range []string{"/", "/requests/new", "/nothing"} {
		h := webtest.SameOrigin()
		h.Set(session.Header, handle)
		h.Set("Accept-Encoding", "gzip, deflate, br, zstd")
		maya.Send(http.MethodGet, path, nil, h)
		if coding := maya.Header.Get("Content-Encoding"); coding != "" || !strings.Contains(maya.Body, "<h1") {
			t.Errorf("%s comes in %q: %d", path, coding, maya.Status)
		}
	}
}
