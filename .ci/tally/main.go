// Command tally reads what go test -json prints, shows one line per package and
// everything that a failing test said, and counts. With -browser it reads the
// JSON report of the browser suite instead. Its counts go to the file named by
// -to as "passed failed skipped"; what each package or browser file took is
// added to the file named by -times, a browser test that passed only at its
// second try to the file named by -flaky, a line each.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	var o options
	flag.StringVar(&o.to, "to", "", "file for the counts")
	flag.StringVar(&o.times, "times", "", "file to add the seconds of each package or browser file to")
	flag.StringVar(&o.flaky, "flaky", "", "file to add the browser tests to that passed only at a second try")
	flag.StringVar(&o.browser, "browser", "", "report of the browser suite to read instead of standard input")
	flag.StringVar(&o.need, "need", "", "pattern: at least one test whose name matches must have passed")
	flag.BoolVar(&o.logs, "logs", false, "show what passing tests logged, too")
	flag.Parse()
	if err := run(o, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
}

type options struct {
	to, times, flaky, browser, need string
	logs                            bool
}

func run(o options, in io.Reader, out io.Writer) error {
	var r result
	if o.browser != "" {
		report, err := os.ReadFile(o.browser)
		if err != nil {
			return err
		}
		if r, err = ofBrowser(report); err != nil {
			return err
		}
	} else {
		var pattern *regexp.Regexp
		if o.need != "" {
			var err error
			if pattern, err = regexp.Compile(o.need); err != nil {
				return err
			}
		}
		var err error
		if r, err = ofGo(in, out, pattern, o.logs); err != nil {
			return err
		}
	}
	if o.to != "" {
		if err := os.WriteFile(o.to, fmt.Appendf(nil, "%d %d %d\n", r.Passed, r.Failed, r.Skipped), 0o600); err != nil {
			return err
		}
	}
	if err := appendLines(o.times, r.times); err != nil {
		return err
	}
	return appendLines(o.flaky, r.flaky)
}

func appendLines(file string, lines []string) (err error) {
	if file == "" || len(lines) == 0 {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the script names its own file
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	return err
}

type counts struct{ Passed, Failed, Skipped int }

// result is what a suite said of itself: its counts, the seconds of each of its
// parts, and what passed only at a second try.
type result struct {
	counts
	times []string
	flaky []string
}

// took is a line of result.times.
func took(seconds float64, part string) string { return fmt.Sprintf("%7.1f  %s", seconds, part) }

type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

type test struct{ pkg, name string }

// logged is a line of t.Log.
var logged = regexp.MustCompile(`(?m)^ +\w+_test\.go:\d+: .*$`)

// ofGo counts tests and subtests. A package that fails without a failing test
// (it does not build, it timed out, a race was found at its end) is one failure.
func ofGo(in io.Reader, out io.Writer, need *regexp.Regexp, logs bool) (result, error) {
	var c result
	said := map[test]*strings.Builder{}
	failed := map[string]bool{}
	found := need == nil
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(out, "%s", line) // a tool of the go command speaking for itself
			} else {
				if text := said[test{e.Package, e.Test}]; logs && e.Action == "pass" && text != nil {
					for _, line := range logged.FindAllString(text.String(), -1) {
						fmt.Fprintf(out, "      %s  %s\n", e.Test, strings.TrimSpace(line))
					}
				}
				c.take(e, said, failed, need, &found, out)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
	}
	if !found {
		fmt.Fprintf(out, "FAIL  no test whose name matches %q has passed\n", need)
		c.Failed++
	}
	return c, nil
}

func (c *result) take(e event, said map[test]*strings.Builder, failed map[string]bool, need *regexp.Regexp, found *bool, out io.Writer) {
	at := test{e.Package, e.Test}
	if e.Test == "" && (e.Action == "pass" || e.Action == "fail") {
		c.times = append(c.times, took(e.Elapsed, e.Package))
	}
	switch e.Action {
	case "output", "build-output":
		if e.Action == "build-output" {
			fmt.Fprint(out, e.Output)
			return
		}
		if strings.HasPrefix(e.Output, "=== ") {
			return // the go command's own progress
		}
		if said[at] == nil {
			said[at] = &strings.Builder{}
		}
		said[at].WriteString(e.Output)
	case "pass":
		if e.Test == "" {
			fmt.Fprintf(out, "ok    %s  %.1fs\n", e.Package, e.Elapsed)
			break
		}
		c.Passed++
		*found = *found || need.MatchString(e.Test)
	case "skip":
		if e.Test == "" {
			break // a package without tests
		}
		c.Skipped++
		fmt.Fprintf(out, "skip  %s %s\n", e.Package, e.Test)
	case "fail":
		if text := said[at]; text != nil {
			fmt.Fprint(out, text.String())
		}
		if e.Test != "" {
			c.Failed++
			failed[e.Package] = true
			break
		}
		if !failed[e.Package] {
			c.Failed++
		}
		fmt.Fprintf(out, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
	}
	if e.Action == "pass" || e.Action == "fail" || e.Action == "skip" {
		delete(said, at)
	}
}

// suite is a file of Playwright's JSON report, or a group of tests within one.
type suite struct {
	File   string
	Suites []suite
	Specs  []struct {
		Title string
		Tests []struct {
			Status  string
			Results []struct{ Duration float64 } // milliseconds, one for each try
		}
	}
}

// add adds the seconds of the suite's tests to those of its file, and names the
// tests that passed only at their second try.
func (s suite) add(seconds map[string]float64, r *result) {
	for _, spec := range s.Specs {
		for _, test := range spec.Tests {
			if test.Status == "flaky" {
				r.flaky = append(r.flaky, fmt.Sprintf("flaky: %s: %s", s.File, spec.Title))
			}
			for _, try := range test.Results {
				seconds[s.File] += try.Duration / 1000
			}
		}
	}
	for _, inner := range s.Suites {
		inner.add(seconds, r)
	}
}

// ofBrowser reads Playwright's JSON report. A test that passed only at its
// second try counts as passed, and is named. A report of a run that did not
// reach a test, or that says nothing, is a failure.
func ofBrowser(report []byte) (result, error) {
	var in struct {
		Errors []struct{ Message string }
		Suites []suite
		Stats  *struct{ Expected, Unexpected, Flaky, Skipped int }
	}
	if err := json.Unmarshal(report, &in); err != nil {
		return result{}, err
	}
	if in.Stats == nil {
		return result{}, errors.New("the browser suite's report has no counts")
	}
	r := result{counts: counts{in.Stats.Expected + in.Stats.Flaky, in.Stats.Unexpected + len(in.Errors), in.Stats.Skipped}}
	if r.Passed+r.Failed == 0 {
		return result{}, errors.New("the browser suite ran no test")
	}
	seconds := map[string]float64{}
	for _, s := range in.Suites {
		s.add(seconds, &r)
	}
	if len(r.flaky) != in.Stats.Flaky {
		return result{}, fmt.Errorf("the browser suite's report counts %d tests that passed at a second try and names %d", in.Stats.Flaky, len(r.flaky))
	}
	for _, file := range slices.Sorted(maps.Keys(seconds)) {
		r.times = append(r.times, took(seconds[file], "e2e/"+file))
	}
	return r, nil
}
