// Command tokendesk is the production program: the web server with its
// background work, and the commands of whoever operates it.
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

	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/doctor"
	"github.com/tokendesk/tokendesk/internal/operate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	exitFine    = 0
	exitFailure = 1
	exitUsage   = 2
)

// command is one thing the program does. Its words are how it is called.
type command struct {
	words string
	line  string // what it does, in one line
	// flags defines the command's flags and returns what runs it once they are
	// parsed.
	flags func(f *flag.FlagSet) func(ctx context.Context, c *call) error
}

// call is one run of a command.
type call struct {
	args           []string // what follows the flags
	cfg            config.Config
	stdin          io.Reader
	stdout, stderr io.Writer
}

var commands = []command{
	{"serve", "run the web server and the background work", serve},
	{"migrate", "bring the database to this version", migrate},
	{"platform add", "register a Canvas by hand", platformAdd},
	{"platform list", "list the registered Canvases", platformList},
	{"platform disable", "switch a Canvas off", platformDisable},
	{"platform settings", "set a school's own words and lists", platformSettings},
	{"platform credential", "store a Canvas's API credential", platformCredential},
	{"platform deployment", "allow or refuse a deployment", platformDeployment},
	{"invite", "print a one-time link for LTI Dynamic Registration", invite},
	{"audit export", "write the audit log as JSON Lines", auditExport},
	{"audit verify", "verify an exported audit log, with no database", auditVerify},
	{"doctor", "check configuration, database, Canvas and mail", checkUp},
	{"revoke", "plan, rehearse and run a mass revocation", revoke},
	{"keys list", "list the tool's own signing keys", keysList},
	{"keys rotate", "make a new signing key, without a gap", keysRotate},
}

// errWrong is wrong usage: exit code 2.
var errWrong = errors.New("wrong usage")

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errWrong, fmt.Sprintf(format, args...))
}

// errSaid is a failure that the command has told already, line by line.
var errSaid = errors.New("said")

// run runs the command that args name and returns the exit code. An error is
// one line on stderr that says what to do.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	cmd, rest, err := find(args)
	if err == nil && cmd == nil {
		overview(stdout)
		return exitFine
	}
	name := "tokendesk"
	if err == nil {
		name += " " + cmd.words
		err = cmd.run(ctx, rest, environ, &call{stdin: stdin, stdout: stdout, stderr: stderr})
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitFine
	case errors.Is(err, errSaid):
		return exitFailure
	}
	line := strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), errWrong.Error()+": ")
	line = strings.TrimPrefix(line, operate.ErrUsage.Error()+": ")
	if errors.Is(err, errWrong) {
		_, _ = fmt.Fprintf(stderr, "%s: %s (see %s -h)\n", name, line, name)
		return exitUsage
	}
	_, _ = fmt.Fprintf(stderr, "%s: %s\n", name, line)
	if errors.Is(err, operate.ErrUsage) {
		return exitUsage
	}
	return exitFailure
}

// find returns the command that args begin with, and what follows it. No
// command at all is a question for the overview.
func find(args []string) (*command, []string, error) {
	if len(args) == 0 {
		return nil, nil, wrong("name a command")
	}
	if help(args[0]) {
		return nil, nil, nil
	}
	var group []string
	for i, c := range commands {
		words := strings.Fields(c.words)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.words {
			return &commands[i], args[len(words):], nil
		}
		if len(words) == 2 && words[0] == args[0] {
			group = append(group, words[1])
		}
	}
	switch {
	case group == nil:
		return nil, nil, wrong("there is no command %q", args[0])
	case len(args) > 1 && help(args[1]):
		return nil, nil, nil
	}
	return nil, nil, wrong("%s needs one of: %s", args[0], strings.Join(group, ", "))
}

func help(arg string) bool { return arg == "-h" || arg == "--help" || arg == "-help" || arg == "help" }

func overview(w io.Writer) {
	_, _ = fmt.Fprintln(w, "Usage: tokendesk COMMAND [flags]")
	_, _ = fmt.Fprintln(w)
	for _, c := range commands {
		_, _ = fmt.Fprintf(w, "  %-20s %s\n", c.words, c.line)
	}
	_, _ = fmt.Fprintln(w, "\nEvery command takes -h. Settings come from the environment (TOKENDESK_...).")
}

func (cmd *command) run(ctx context.Context, args, environ []string, c *call) error {
	f := flag.NewFlagSet("tokendesk "+cmd.words, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	do := cmd.flags(f)
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, _ = fmt.Fprintf(c.stdout, "Usage: tokendesk %s [flags]\n\n  %s\n\n", cmd.words, cmd.line)
			f.SetOutput(c.stdout)
			f.PrintDefaults()
			return err
		}
		return wrong("%s", err)
	}
	c.args = f.Args()
	if len(c.args) > 0 && cmd.words != "audit verify" {
		return wrong("%q is not a flag", c.args[0])
	}
	if cmd.words != "audit verify" {
		var err error
		if c.cfg, err = config.Load(environ); err != nil {
			if cmd.words == "doctor" {
				_, _ = fmt.Fprintf(c.stdout, "%-5s %s: %s\n", doctor.Failed, "configuration", err)
				return errSaid
			}
			return err
		}
	}
	return do(ctx, c)
}
