// Command demo is the whole product on one machine: the tool, a stand-in Canvas
// with sample people, and an embedded database. It prints one URL to open.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// errUsage marks wrong usage: exit code 2, after the flag package has spoken.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// Defaults that may move to a free port when they are busy.
const (
	defaultListen       = "127.0.0.1:8080"
	defaultCanvasListen = "127.0.0.1:8081"
)

// options are the command line.
type options struct {
	listen, canvasListen, manageListen, data string
	empty                                    bool
	given                                    map[string]bool
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{given: map[string]bool{}}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.listen, "listen", defaultListen, "`address` of the tool, loopback only; port 0 takes a free one")
	flags.StringVar(&o.canvasListen, "canvas-listen", defaultCanvasListen, "`address` of the stand-in Canvas, loopback only")
	flags.StringVar(&o.manageListen, "manage-listen", "", "`address` of the stand-in's management port, loopback only; empty = off")
	flags.StringVar(&o.data, "data", "", "`folder` to keep the tool's data in; empty = a temporary one, removed at the end")
	flags.BoolVar(&o.empty, "empty", false, "begin without sample requests")
	flags.Usage = func() {
		fmt.Fprint(stderr, "demo runs Tokendesk with a stand-in Canvas and sample people, and prints one URL to open.\n\nFlags:\n")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintln(stderr, "demo: unexpected argument", flags.Arg(0))
		return o, errUsage
	}
	flags.Visit(func(f *flag.Flag) { o.given[f.Name] = true })
	return o, nil
}

func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	d, err := newDemo(ctx, o, environ, stdout, stderr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := d.start(ctx)
	err = d.prepare(ctx, o)
	if ctx.Err() != nil {
		err = nil // stopped by its user
	} else if err == nil {
		d.greet(stdout)
	} else {
		cancel()
	}
	return errors.Join(err, <-ended, d.close())
}

// greet says what this is and prints the one URL.
func (d *demo) greet(w io.Writer) {
	line := strings.Repeat("*", len(canvastest.Banner)+6)
	fmt.Fprintf(w, "%s\n*  %s  *\n%s\n\n", line, canvastest.Banner, line)
	if d.manageURL != "" {
		fmt.Fprintf(w, "Management port: %s\n", d.manageURL)
	}
	fmt.Fprintf(w, "Open %s/\n\nCtrl+C ends it.\n", d.canvasURL)
}
