package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
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
		times    []string
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
			want: counts{2, 0, 1}, says: "skip  p TestB", times: []string{"    0.1  p"},
		},
		{
			name: "a failing test shows what it said, and its package counts once",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"wanted 1, got 2\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p","Elapsed":12.34}
`,
			want: counts{0, 1, 0}, says: "wanted 1, got 2", times: []string{"   12.3  p"},
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
			if err != nil || got.counts != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
			if c.times != nil && !slices.Equal(got.times, c.times) {
				t.Errorf("times %q, want %q", got.times, c.times)
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
		want   result
		fails  bool
	}{
		"passed, failed and skipped": {
			report: `{"errors":[],"stats":{"expected":5,"unexpected":1,"flaky":0,"skipped":1}}`,
			want:   result{counts: counts{5, 1, 1}},
		},
		"passed at a second try, and the seconds of a file's tests, in groups and over all tries": {
			report: `{"suites":[
				{"file":"b.spec.mjs","specs":[{"title":"slow","tests":[{"status":"expected","results":[{"duration":2500}]}]}]},
				{"file":"a.spec.mjs","specs":[{"title":"one","tests":[{"status":"expected","results":[{"duration":1000}]}]}],
				 "suites":[{"file":"a.spec.mjs","specs":[{"title":"two","tests":[{"status":"flaky","results":[{"duration":3000},{"duration":1500}]}]}]}]}
			],"errors":[],"stats":{"expected":2,"unexpected":0,"flaky":1,"skipped":0}}`,
			want: result{
				counts: counts{3, 0, 0},
				times:  []string{"    5.5  e2e/a.spec.mjs", "    2.5  e2e/b.spec.mjs"},
				flaky:  []string{"flaky: a.spec.mjs: two"},
			},
		},
		"a second try that nothing names": {report: `{"errors":[],"stats":{"expected":2,"flaky":1}}`, fails: true},
		"an error outside any test":       {report: `{"errors":[{"message":"no server"}],"stats":{"expected":0}}`, want: result{counts: counts{0, 1, 0}}},
		"a run that reached no test":      {report: `{"errors":[],"stats":{"expected":0}}`, fails: true},
		"a report that says nothing":      {report: `{}`, fails: true},
		"something else":                  {report: `no`, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ofBrowser([]byte(c.report))
			if !reflect.DeepEqual(got, c.want) || (err != nil) != c.fails {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

// What a run is told by goes to files, to which the next suite adds its own.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	report := filepath.Join(dir, "report.json")
	o := options{to: filepath.Join(dir, "count"), times: filepath.Join(dir, "times"), flaky: filepath.Join(dir, "flaky")}
	if err := run(o, strings.NewReader(`{"Action":"pass","Package":"p","Elapsed":2}`), io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(report, []byte(`{"suites":[{"file":"a","specs":[{"title":"one","tests":[{"status":"flaky","results":[{"duration":1000}]}]}]}],"stats":{"flaky":1}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	o.browser = report
	if err := run(o, nil, io.Discard); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{o.to: "1 0 0\n", o.times: "    2.0  p\n    1.0  e2e/a\n", o.flaky: "flaky: a: one\n"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", filepath.Base(file), got, err, want)
		}
	}
}
