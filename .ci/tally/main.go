// Command tally reads what go test -json prints, shows one line per package and
// everything that a failing test said, and counts. With -browser it reads the
// JSON report of the browser suite instead. Its counts go to the file named by
// -to as "passed failed skipped".
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

func main() {
	to := flag.String("to", "", "file for the counts")
	browser := flag.String("browser", "", "report of the browser suite to read instead of standard input")
	need := flag.String("need", "", "pattern: at least one test whose name matches must have passed")
	logs := flag.Bool("logs", false, "show what passing tests logged, too")
	flag.Parse()
	if err := run(*to, *browser, *need, *logs, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
}

func run(to, browser, need string, logs bool, in io.Reader, out io.Writer) error {
	var c counts
	if browser != "" {
		report, err := os.ReadFile(browser) //nolint:gosec // the script names its own file
		if err != nil {
			return err
		}
		if c, err = ofBrowser(report); err != nil {
			return err
		}
	} else {
		var pattern *regexp.Regexp
		if need != "" {
			var err error
			if pattern, err = regexp.Compile(need); err != nil {
				return err
			}
		}
		var err error
		if c, err = ofGo(in, out, pattern, logs); err != nil {
			return err
		}
	}
	if to == "" {
		return nil
	}
	return os.WriteFile(to, fmt.Appendf(nil, "%d %d %d\n", c.Passed, c.Failed, c.Skipped), 0o600)
}

type counts struct{ Passed, Failed, Skipped int }

type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

type test struct{ pkg, name string }

// logged is a line of t.Log.
var logged = regexp.MustCompile(`(?m)^ +\w+_test\.go:\d+: .*$`)

// ofGo counts tests and subtests. A package that fails without a failing test
// (it does not build, it timed out, a race was found at its end) is one failure.
func ofGo(in io.Reader, out io.Writer, need *regexp.Regexp, logs bool) (counts, error) {
	var c counts
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

func (c *counts) take(e event, said map[test]*strings.Builder, failed map[string]bool, need *regexp.Regexp, found *bool, out io.Writer) {
	at := test{e.Package, e.Test}
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

// ofBrowser reads the "stats" of Playwright's JSON report. A report of a run
// that did not reach a test, or that says nothing, is a failure.
func ofBrowser(report []byte) (counts, error) {
	var r struct {
		Errors []struct{ Message string }
		Stats  *struct{ Expected, Unexpected, Flaky, Skipped int }
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return counts{}, err
	}
	if r.Stats == nil {
		return counts{}, errors.New("the browser suite's report has no counts")
	}
	c := counts{Passed: r.Stats.Expected, Failed: r.Stats.Unexpected + r.Stats.Flaky + len(r.Errors), Skipped: r.Stats.Skipped}
	if c.Passed+c.Failed == 0 {
		return counts{}, errors.New("the browser suite ran no test")
	}
	return c, nil
}
