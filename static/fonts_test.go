package static_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/andybalholm/brotli"
)

// font is what a test needs of a WOFF2 file: its characters and its names.
type font struct {
	codes map[rune]bool
	names map[int]string // by the name's number in OpenType
}

// readFont reads the tables "cmap" and "name", which WOFF2 stores as they are
// (https://www.w3.org/TR/WOFF2/). A broken file panics.
func readFont(t *testing.T, file string) font {
	t.Helper()
	b := read(t, file)
	if string(b[:4]) != "wOF2" {
		t.Fatalf("%s is no WOFF2 file", file)
	}
	at := 48
	number := func() (n int) { // UIntBase128
		for {
			c := b[at]
			at++
			n = n<<7 | int(c&0x7f)
			if c&0x80 == 0 {
				return n
			}
		}
	}
	const cmap, name, glyf, loca = 0, 5, 10, 11 // the numbers of known tables
	from, place := map[int][2]int{}, 0
	for range binary.BigEndian.Uint16(b[12:]) {
		tag, transformed := int(b[at]&0x3f), b[at]>>6 != 0
		at++
		if tag == 0x3f {
			at += 4
		}
		if tag == glyf || tag == loca {
			transformed = !transformed
		}
		size := number()
		if transformed {
			size = number()
		}
		from[tag] = [2]int{place, place + size}
		place += size
	}
	tables, err := io.ReadAll(brotli.NewReader(bytes.NewReader(b[at : at+int(binary.BigEndian.Uint32(b[20:]))])))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return font{
		codes: codes(t, tables[from[cmap][0]:from[cmap][1]]),
		names: names(tables[from[name][0]:from[name][1]]),
	}
}

// codes are the characters in the segments of the table for Unicode (format 4).
func codes(t *testing.T, cmap []byte) map[rune]bool {
	t.Helper()
	u16 := func(b []byte, i int) int { return int(binary.BigEndian.Uint16(b[i:])) }
	for i := range u16(cmap, 2) {
		if record := cmap[4+8*i:]; u16(record, 0) != 3 || u16(record, 2) != 1 {
			continue
		}
		sub := cmap[binary.BigEndian.Uint32(cmap[8+8*i:]):]
		if u16(sub, 0) != 4 {
			t.Fatalf("a table of characters of format %d", u16(sub, 0))
		}
		found, twice := map[rune]bool{}, u16(sub, 6)
		for s := 0; s < twice; s += 2 {
			for c := u16(sub, 16+twice+s); c <= u16(sub, 14+s) && c != 0xffff; c++ {
				found[rune(c)] = true
			}
		}
		return found
	}
	t.Fatal("no characters for Unicode")
	return nil
}

func names(table []byte) map[int]string {
	u16 := func(i int) int { return int(binary.BigEndian.Uint16(table[i:])) }
	found := map[int]string{}
	for i := range u16(2) {
		r := 6 + 12*i
		text := table[u16(4)+u16(r+10):][:u16(r+8)]
		var units []uint16
		for ; len(text) > 1; text = text[2:] {
			units = append(units, binary.BigEndian.Uint16(text))
		}
		found[u16(r+6)] = string(utf16.Decode(units))
	}
	return found
}

var face = regexp.MustCompile(`@font-face \{ font-family: "([^"]+)"; font-style: normal; font-weight: (\d+);[^}]* src: url\("([a-z0-9-]+)-[0-9a-f]{16}\.woff2"\) format\("woff2"\); unicode-range: ([^;]+); \}`)

// ranges is the value of unicode-range as characters.
func ranges(t *testing.T, value string) map[rune]bool {
	t.Helper()
	found := map[rune]bool{}
	for r := range strings.SplitSeq(value, ",") {
		first, last, _ := strings.Cut(strings.TrimPrefix(r, "U+"), "-")
		if last == "" {
			last = first
		}
		a, err := strconv.ParseUint(first, 16, 32)
		b, err2 := strconv.ParseUint(last, 16, 32)
		if err != nil || err2 != nil {
			t.Fatalf("%q is no range", r)
		}
		for c := a; c <= b; c++ {
			found[rune(c)] = true
		}
	}
	return found
}

// A range that is wider than its file loads it for nothing, one that is narrower
// leaves letters to another font. What comes first has to be what pages need.
func TestStyleSheetSaysWhatIsInTheFonts(t *testing.T) {
	css := string(read(t, "css/tokendesk.css"))
	faces := face.FindAllStringSubmatch(css, -1)
	if n := strings.Count(css, "@font-face"); n != len(faces) || n != len(files(t, ".woff2")) {
		t.Fatalf("%d faces, %d of which can be read, of %d files", n, len(faces), len(files(t, ".woff2")))
	}
	covered := map[string]map[rune]bool{}
	for _, m := range faces {
		family, weight, file, said := m[1], m[2], m[3], ranges(t, m[4])
		f := readFont(t, "fonts/"+file+".woff2")
		for c := range said {
			if !f.codes[c] {
				t.Errorf("%s: the style sheet says %U, which it has not", file, c)
			}
			if covered[weight][c] {
				t.Errorf("%U of weight %s is in two files", c, weight)
			}
		}
		for c := range f.codes {
			if !said[c] {
				t.Errorf("%s has %U, which the style sheet does not say", file, c)
			}
		}
		if covered[weight] == nil {
			covered[weight] = map[rune]bool{}
		}
		for c := range said {
			covered[weight][c] = true
		}
		// Copyright, version and licence stay; "Lato" is reserved for the original.
		for number, name := range f.names {
			if number != 0 && number != 13 && strings.Contains(strings.ToLower(name), "lato") {
				t.Errorf("%s calls itself %q (%d)", file, name, number)
			}
		}
		if !strings.HasPrefix(f.names[1], family) || !strings.Contains(f.names[0], `Reserved Font Name "Lato"`) || !strings.Contains(f.names[14], "OFL") {
			t.Errorf("%s: %v", file, f.names)
		}
		if strings.Contains(strings.ToLower(family), "lato") {
			t.Errorf("the style sheet calls %s %q", file, family)
		}
	}
	if len(covered) != 2 || len(covered["400"]) < 200 {
		t.Errorf("weights: %d, characters: %d", len(covered), len(covered["400"]))
	}
	for c := range covered["400"] {
		if !covered["700"][c] {
			t.Errorf("%U is not in the bold font", c)
		}
	}
}

// A page whose words are the program's own loads the base files only.
func TestThePagesOwnWordsNeedNoExtendedFont(t *testing.T) {
	var base, extended map[rune]bool
	for _, m := range face.FindAllStringSubmatch(string(read(t, "css/tokendesk.css")), -1) {
		if m[2] != "400" {
			continue
		}
		if strings.Contains(m[3], "-base-") {
			base = ranges(t, m[4])
		} else {
			extended = ranges(t, m[4])
		}
	}
	for c := rune(0x20); c < 0x7f; c++ {
		if !base[c] {
			t.Errorf("%q is not in the base font", c)
		}
	}
	n := 0
	for _, folder := range []string{"../templates", "../internal/text/locales/en"} {
		err := filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !slices.Contains([]string{".html", ".toml"}, path.Ext(p)) {
				return err
			}
			n++
			src, err := os.ReadFile(p)
			for _, c := range string(src) {
				if extended[c] {
					t.Errorf("%s has %q (%U), for which each page with it loads the extended font", p, c, c)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 30 {
		t.Errorf("only %d files were read", n)
	}
}
