package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestCountsOfGoTest(t *testing.T) {
	cases := []struct {
		name, in string
		need     string
		want     counts
		says     string
		logs     bool
	}{
		{
			name: "tests and subtests, whatever they print",
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"{\"Action\":\"fail\",\"Test\":\"TestX\"}\n"}
{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p","Elapsed":0.1}
`,
			want: counts{2, 0, 1}, says: "skip  p TestB",
		},
		{
			name: "a failing test shows what it said, and its package counts once",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"wanted 1, got 2\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
`,
			want: counts{0, 1, 0}, says: "wanted 1, got 2",
		},
		{
			name: "a package that does not build is a failure",
			in: `{"ImportPath":"p","Action":"build-output","Output":"p.go:3: no such thing\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p"}
`,
			want: counts{0, 1, 0}, says: "no such thing",
		},
		{
			name: "a package without tests is nothing",
			in:   `{"Action":"skip","Package":"p"}` + "\n",
			want: counts{},
		},
		{
			name: "a needed suite that did not run is a failure",
			in:   `{"Action":"pass","Package":"p","Test":"TestA/sqlite"}` + "\n",
			need: "postgres", want: counts{1, 1, 0}, says: "no test whose name matches",
		},
		{
			name: "what a passing test logs is shown on demand",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: 17 calls\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
`,
			logs: true, want: counts{1, 0, 0}, says: "TestA  a_test.go:3: 17 calls",
		},
		{
			name: "a needed suite that ran",
			in:   `{"Action":"pass","Package":"p","Test":"TestA/postgres"}` + "\n",
			need: "postgres", want: counts{1, 0, 0},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var need *regexp.Regexp
			if c.need != "" {
				need = regexp.MustCompile(c.need)
			}
			var out bytes.Buffer
			got, err := ofGo(strings.NewReader(c.in), &out, need, c.logs)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("%q is not in %q", c.says, out.String())
			}
		})
	}
}

func TestCountsOfTheBrowserSuite(t *testing.T) {
	for name, c := range map[string]struct {
		report string
		want   counts
		fails  bool
	}{
		"passed, failed, flaky and skipped": {report: `{"errors":[],"stats":{"expected":5,"unexpected":1,"flaky":2,"skipped":1}}`, want: counts{5, 3, 1}},
		"an error outside any test":         {report: `{"errors":[{"message":"no server"}],"stats":{"expected":0}}`, want: counts{0, 1, 0}},
		"a run that reached no test":        {report: `{"errors":[],"stats":{"expected":0}}`, fails: true},
		"a report that says nothing":        {report: `{}`, fails: true},
		"something else":                    {report: `no`, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ofBrowser([]byte(c.report))
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
