package canvas

import (
	"maps"
	"strings"
	"testing"
)

func TestParseLink(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   []string
		want map[string]string
	}{
		"Canvas's order": {
			[]string{`<https://c/a?page=1>; rel="current",<https://c/a?page=2>; rel="next",<https://c/a?page=1>; rel="first"`},
			map[string]string{"current": "https://c/a?page=1", "next": "https://c/a?page=2", "first": "https://c/a?page=1"},
		},
		"two headers":                {[]string{`</a>; rel="current"`, `</b>; rel="next"`}, map[string]string{"current": "/a", "next": "/b"}},
		"commas in the address":      {[]string{`</a?x=1,2>; rel="next"`}, map[string]string{"next": "/a?x=1,2"}},
		"commas in quotes":           {[]string{`</a>; title="x, </evil>; rel=\"next\""; rel="current"`}, map[string]string{"current": "/a"}},
		"no quotes, other letters":   {[]string{`</a>; REL=Next`}, map[string]string{"next": "/a"}},
		"several relations":          {[]string{`</a>; rel="next last"`}, map[string]string{"next": "/a", "last": "/a"}},
		"other parameters":           {[]string{`</a>; type="x"; rel="next"; foo`}, map[string]string{"next": "/a"}},
		"the first of two next ones": {[]string{`</a>; rel="next", </b>; rel="next"`}, map[string]string{"next": "/a"}},
		"nothing":                    {nil, map[string]string{}},
		"an address without an end":  {[]string{`</a; rel="next"`}, map[string]string{}},
		"no relation":                {[]string{`</a>`}, map[string]string{}},
	} {
		if got := parseLink(tc.in); !maps.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add(`<https://c/a?page=1>; rel="current",</b>; rel="next"`)
	f.Add(`<a>; x="\",<b>; rel=next`)
	f.Add(`<<>>;;,,""`)
	f.Fuzz(func(t *testing.T, header string) {
		for rel, target := range parseLink([]string{header}) {
			if !strings.Contains(header, target) || rel == "" {
				t.Errorf("%q gives %q → %q", header, rel, target)
			}
		}
	})
}

func FuzzParseProblem(f *testing.F) {
	f.Add([]byte(`{"errors":[{"message":"x"}]}`), "x")
	f.Add([]byte(`[{"attribute":"a","message":""}]`), "")
	f.Add([]byte(`{"errors":{"a":["b",{"type":"c"}]}}`), "b")
	f.Fuzz(func(t *testing.T, body []byte, hide string) {
		p := parseProblem(body)
		if len(p.messages) > detailMax {
			t.Errorf("%d messages", len(p.messages))
		}
		for _, m := range p.messages {
			got := tidy(m, []string{hide})
			if len([]rune(got)) > detailRunes+1 || strings.ContainsAny(got, "\r\n\x00") {
				t.Errorf("%q is not tidy", got)
			}
		}
	})
}
