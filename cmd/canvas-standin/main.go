// Command canvas-standin runs the stand-in Canvas alone: two hosts on one
// port, sample people, an LTI platform and the REST calls that Tokendesk uses.
// It is for development and tests. Everything is in memory and lost at exit,
// and anybody who can reach it can sign in as anybody.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// errUsage marks wrong usage: exit code 2, after the flag package has spoken.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "canvas-standin:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	listen, manage, era    string
	tool, institution, sso string
	tokenFile              string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("canvas-standin", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8081", "`address` of both Canvas hosts")
	flags.StringVar(&o.manage, "manage-listen", "", "`address` of the management port, loopback only; empty = off")
	flags.StringVar(&o.era, "era", string(canvastest.EraCurrent), "age of Canvas's token rules, one of "+eras())
	flags.StringVar(&o.tool, "tool-url", "", "`URL` of a tool whose /lti/config.json is installed once it answers")
	flags.StringVar(&o.institution, "institution-url", "", "`URL` of the institution's host, if not the listen address")
	flags.StringVar(&o.sso, "sso-url", "", "`URL` of the SSO host, if not sso.localhost on the same port")
	flags.StringVar(&o.tokenFile, "token-file", "", "`file` to write the service account's API token to, mode 0600")
	flags.Usage = func() {
		fmt.Fprintf(stderr, "canvas-standin runs a stand-in Canvas for development and tests. It is not Canvas.\n\nFlags:\n")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage
	}
	problem := ""
	switch {
	case flags.NArg() > 0:
		problem = "unexpected argument " + flags.Arg(0)
	case !slices.Contains(canvastest.Eras(), canvastest.Era(o.era)):
		problem = "-era must be one of " + eras()
	case o.manage != "" && !loopback(o.manage):
		problem = "-manage-listen must be a loopback address, since the port needs no credential"
	}
	if problem != "" {
		fmt.Fprintln(stderr, "canvas-standin:", problem)
		return o, errUsage
	}
	return o, nil
}

// eras are the ages that there are, in words.
func eras() string {
	var out []string
	for _, e := range canvastest.Eras() {
		out = append(out, string(e))
	}
	return strings.Join(out, ", ")
}

// loopback is narrower than the rule for hosts that are called: the system looks
// up what is listened on, and a name under localhost may be anything to it.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another with -listen", o.listen, err)
	}
	var management net.Listener
	if o.manage != "" {
		if management, err = config.Listen(ctx, "tcp", o.manage); err != nil {
			_ = listener.Close()
			return fmt.Errorf("cannot listen on %s: %w; choose another with -manage-listen", o.manage, err)
		}
		o.manage = management.Addr().String()
	}
	canvas := canvastest.New(canvastest.Options{
		Era: canvastest.Era(o.era), InstitutionURL: o.institution, SSOURL: o.sso,
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	servers := 1
	go func() { ended <- canvas.Serve(ctx, listener) }()
	if management != nil {
		servers++
		go func() { ended <- serveManagement(ctx, management, canvas.ManageHandler()) }()
	}
	if err := waitForAddress(ctx, canvas); err != nil {
		return err
	}
	if o.tokenFile != "" {
		if err := os.WriteFile(o.tokenFile, []byte(canvas.World().ServiceToken()+"\n"), 0o600); err != nil {
			cancel()
			return fmt.Errorf("cannot write the token file: %w", err)
		}
	}
	greet(stdout, canvas, o)
	if o.tool != "" {
		go install(ctx, stdout, canvas, strings.TrimSuffix(o.tool, "/"))
	}
	var failed error
	for range servers {
		if err := <-ended; err != nil {
			failed = errors.Join(failed, err)
		}
		cancel()
	}
	return failed
}

// waitForAddress waits until the server has taken its addresses from the
// listener, which Serve does first of all.
func waitForAddress(ctx context.Context, canvas *canvastest.Server) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for canvas.InstitutionURL() == "" || canvas.SSOURL() == "" {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return nil
}

func serveManagement(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		_ = srv.Shutdown(grace)
	})
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("management port: %w", err)
	}
	return nil
}

func greet(w io.Writer, canvas *canvastest.Server, o options) {
	line := strings.Repeat("*", 78)
	fmt.Fprintf(w, "%s\n*  %s\n%s\n\n", line, canvastest.Banner, line)
	fmt.Fprintf(w, "Canvas      %s\n", canvas.InstitutionURL())
	fmt.Fprintf(w, "LTI host    %s\n", canvas.SSOURL())
	fmt.Fprintf(w, "Issuer      %s\n", canvas.Issuer())
	fmt.Fprintf(w, "Era         %s\n", o.era)
	if o.manage != "" {
		fmt.Fprintf(w, "Management  http://%s\n", o.manage)
	}
	fmt.Fprintf(w, "\nSign in as anybody at %s/login\n", canvas.InstitutionURL())
}
