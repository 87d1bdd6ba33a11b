package launchtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/config"
	kernel "github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/web"
	"github.com/tokendesk/tokendesk/lti"
)

// A benchmark's server runs in a process of its own, so that what it uses of
// the processor can be told from what the test uses.

// What a server process answers launches with.
const (
	wholeProduct     = "the product"
	productReads     = "the product without rendering"
	productSession   = "the product without the first page"
	wholeReference   = "the reference"
	referenceSession = "the reference without the first page"
)

// The environment of a server process.
const (
	envServe   = "LAUNCHTEST_SERVE"
	envDSN     = "LAUNCHTEST_DSN"
	envURL     = "LAUNCHTEST_URL"
	envKey     = "LAUNCHTEST_KEY"
	envProfile = "LAUNCHTEST_PROFILE" // a directory for profiles
)

// serve is the main function of a server process: it says where it listens and
// goes on until its standard input ends.
func serve() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	handler, end, err := handlerOf(ctx, os.Getenv(envServe))
	if err != nil {
		return err
	}
	defer end()
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("GET /-/processor", func(w http.ResponseWriter, _ *http.Request) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprint(w, u.Utime.Nano()+u.Stime.Nano())
	})
	var profile *os.File
	mux.HandleFunc("POST /-/profile", func(_ http.ResponseWriter, r *http.Request) {
		if profile, err = os.Create(r.URL.Query().Get("file")); err == nil {
			_ = pprof.StartCPUProfile(profile)
		}
	})
	mux.HandleFunc("DELETE /-/profile", func(http.ResponseWriter, *http.Request) {
		pprof.StopCPUProfile()
		_ = profile.Close()
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening", l.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
	return server.Close()
}

func handlerOf(ctx context.Context, kind string) (h http.Handler, end func(), err error) {
	dsn := os.Getenv(envDSN)
	switch kind {
	case wholeReference, referenceSession:
		c, err := pgxpool.ParseConfig(dsn)
		if err != nil {
			return nil, nil, err
		}
		c.MaxConns = 16 // as the store
		pool, err := pgxpool.NewWithConfig(ctx, c)
		if err != nil {
			return nil, nil, err
		}
		mux := http.NewServeMux()
		master, err := config.Config{MasterKeyFile: os.Getenv(envKey)}.MasterKey()
		if err != nil {
			return nil, nil, err
		}
		h := &reference{pool: pool, page: kind == wholeReference,
			stateKey: secret.NewBox(master).Keys("lti state")[0], audience: os.Getenv(envURL) + "/lti/launch"}
		mux.Handle("POST /lti/login", h)
		mux.Handle("POST /lti/launch", h)
		return mux, pool.Close, nil
	}
	cfg := config.Default()
	cfg.Database, cfg.PublicURL, cfg.MasterKeyFile = secret.New(dsn), os.Getenv(envURL), os.Getenv(envKey)
	a, err := app.New(ctx, cfg, app.Options{Log: slog.New(slog.NewJSONHandler(io.Discard, nil))}) //nolint:sloglint // writing the log is part of what is measured
	if err != nil {
		return nil, nil, err
	}
	switch kind {
	case productSession:
		h, err = bare(a, nil)
	case productReads:
		h, err = bare(a, firstReads)
	default:
		h = a.Handler()
	}
	return h, func() { _ = a.Close() }, err
}

// bare is what the product does with a launch, but for the web server's own
// layers and the rendering: the protocol, Admit, the session, and then whatever
// the first page reads.
func bare(a *app.App, then func(ctx context.Context, w *rooms.Rooms, caller access.Caller) error) (http.Handler, error) {
	log := slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // as above
	sessions := &session.Store{Backend: a.Store, Now: time.Now}
	fail := func(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusUnauthorized) }
	tool := &lti.Tool{
		Registrations: a.Store, States: a.Store, StateKeys: a.StateKeys(), KeySets: &lti.KeySets{Client: loopback, Log: log}, PublicURL: a.PublicURL(), Log: log,
		Target: func(string) bool { return true },
		Pages: lti.Pages{
			Refused: func(w http.ResponseWriter, _ *http.Request, r *lti.Refusal) { fail(w, r) },
			Launched: func(w http.ResponseWriter, r *http.Request, l lti.Launch) {
				r = r.WithContext(kernel.Remembering(r.Context()))
				admitted, err := a.Rooms.Authority.Admit(r.Context(), l)
				if err != nil {
					fail(w, err)
					return
				}
				data, err := json.Marshal(map[string]any{"session": web.NewSession(l, admitted)})
				if err != nil {
					fail(w, err)
					return
				}
				sess := sessions.Fresh(r)
				session.Begin(sess, session.Record{
					Tenant: string(admitted.Tenant), Person: string(admitted.Person), Platform: admitted.Platform,
					Place: admitted.Place(), Rights: admitted.Rights(), Data: data, LaunchedAt: admitted.LaunchedAt,
				})
				if then != nil {
					a.Rooms.Cases.ReadAhead(r.Context(), admitted.Caller)
				}
				if err := sess.Save(r, w); err != nil {
					fail(w, err)
					return
				}
				if then != nil {
					if err := then(r.Context(), a.Rooms, admitted.Caller); err != nil {
						fail(w, err)
						return
					}
				}
				_, _ = io.WriteString(w, "launched")
			},
		},
	}
	if err := tool.Validate(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /lti/launch", tool.HandleLaunch)
	return mux, nil
}

// firstReads reads what the first page shows, in the order of package web.
func firstReads(ctx context.Context, w *rooms.Rooms, caller access.Caller) error {
	_, err := w.Cases.HomeBeside(ctx, caller, w.Cases.Nav(ctx, caller))
	return err
}

// loopback reaches the stand-in under every name under localhost.
var loopback = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
	DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	},
}}

// served is a running server process.
type served struct {
	tb     testing.TB
	kind   string
	at     string
	client *http.Client
}

// start starts a server process, which ends with the test.
func start(tb testing.TB, kind, dsn, publicURL, keyFile string) *served {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), self)
	cmd.Env = append(os.Environ(), envServe+"="+kind, envDSN+"="+dsn, envURL+"="+publicURL, envKey+"="+keyFile)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	said, err := bufio.NewReader(out).ReadString('\n')
	at, ok := strings.CutPrefix(strings.TrimSpace(said), "listening ")
	if err != nil || !ok {
		tb.Fatalf("%s says %q: %v", kind, said, err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	tb.Cleanup(transport.CloseIdleConnections)
	return &served{tb: tb, kind: kind, at: "http://" + at, client: &http.Client{Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// processor is how long the process has kept a processor busy.
func (s *served) processor() time.Duration {
	s.tb.Helper()
	res, err := s.client.Get(s.at + "/-/processor")
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		s.tb.Fatal(err)
	}
	return time.Duration(n)
}

// profile records what the process does until the returned function is called,
// if a directory for profiles is named.
func (s *served) profile(name string) (stop func()) {
	dir := os.Getenv(envProfile)
	if dir == "" {
		return func() {}
	}
	ask := func(method string) {
		req, err := http.NewRequestWithContext(s.tb.Context(), method, s.at+"/-/profile?file="+dir+"/"+strings.ReplaceAll(name, " ", "-")+".pprof", nil)
		if err != nil {
			s.tb.Fatal(err)
		}
		res, err := s.client.Do(req)
		if err != nil {
			s.tb.Fatal(err)
		}
		_ = res.Body.Close()
	}
	ask(http.MethodPost)
	return func() { ask(http.MethodDelete) }
}
