package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/operate"
)

// school is the name of the stand-in's institution.
const school = "Northfield University"

// demo is the tool and the stand-in, on one clock.
type demo struct {
	clock  *canvastest.Clock
	canvas *canvastest.Server
	tool   *app.App
	log    *slog.Logger

	listeners          address // of the tool
	canvasListeners    address
	manageListeners    address
	canvasURL, toolURL string
	manageURL          string
	from               origin // known once prepared
	folder             string
	temporary          bool
}

// newDemo takes the ports and the folder, and puts both programs together.
func newDemo(ctx context.Context, o options, environ []string, stdout, stderr io.Writer) (d *demo, err error) {
	d = &demo{clock: canvastest.NewClock()}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
			d = nil
		}
	}()
	if err := d.takePorts(ctx, o, stdout); err != nil {
		return d, err
	}
	if err := d.takeFolder(o.data); err != nil {
		return d, err
	}
	d.canvas = canvastest.New(canvastest.Options{
		World: canvastest.DefaultWorld(d.clock), InstitutionURL: d.canvasURL,
		SSOURL: fmt.Sprintf("http://sso.localhost:%d", d.canvasListeners.port),
	})
	settings := append(environ,
		fmt.Sprintf("TOKENDESK_LISTEN=127.0.0.1:%d", d.listeners.port),
		"TOKENDESK_PUBLIC_URL="+d.toolURL,
		"TOKENDESK_DATABASE_URL=sqlite:"+filepath.Join(d.folder, "tokendesk.db"),
		"TOKENDESK_LOG_FORMAT=text",
	)
	if !isSet(environ, "TOKENDESK_LOG_LEVEL") {
		settings = append(settings, "TOKENDESK_LOG_LEVEL=warn")
	}
	cfg, err := config.Load(settings)
	if err != nil {
		return d, err
	}
	d.log = app.NewLog(cfg, stderr)
	d.tool, err = app.New(ctx, cfg, app.Options{Now: d.clock.Now, Log: d.log, Migrate: true})
	return d, err
}

func isSet(environ []string, name string) bool {
	for _, kv := range environ {
		if n, v, _ := strings.Cut(kv, "="); n == name && v != "" {
			return true
		}
	}
	return false
}

func (d *demo) takePorts(ctx context.Context, o options, stdout io.Writer) error {
	for _, p := range []struct {
		flag, wish, what string
		to               *address
	}{
		{"listen", o.listen, "The tool", &d.listeners},
		{"canvas-listen", o.canvasListen, "The stand-in Canvas", &d.canvasListeners},
		{"manage-listen", o.manageListen, "", &d.manageListeners},
	} {
		if p.wish == "" {
			continue
		}
		a, moved, err := listen(ctx, p.wish, !o.given[p.flag])
		if err != nil {
			return fmt.Errorf("-%s: %w", p.flag, err)
		}
		*p.to = a
		if moved {
			fmt.Fprintf(stdout, "%s uses port %d: %s is busy.\n", p.what, a.port, p.wish)
		}
	}
	// Different sites, as in real life: the tool is a third party in Canvas's pages.
	d.toolURL = fmt.Sprintf("http://localhost:%d", d.listeners.port)
	d.canvasURL = fmt.Sprintf("http://127.0.0.1:%d", d.canvasListeners.port)
	if d.manageListeners.port != 0 {
		d.manageURL = fmt.Sprintf("http://127.0.0.1:%d", d.manageListeners.port)
	}
	return nil
}

func (d *demo) takeFolder(data string) (err error) {
	if data == "" {
		d.temporary = true
		d.folder, err = os.MkdirTemp("", "tokendesk-demo-")
		return err
	}
	if d.folder, err = filepath.Abs(data); err != nil {
		return err
	}
	return os.MkdirAll(d.folder, 0o700)
}

// start serves both programs until ctx ends. The channel gives the one error
// that ended it, after everything has stopped.
func (d *demo) start(ctx context.Context) <-chan error {
	ctx, cancel := context.WithCancel(ctx)
	var running []func() error
	for _, l := range d.canvasListeners.listeners {
		running = append(running, func() error { return d.canvas.Serve(ctx, l) })
	}
	for _, part := range []struct {
		handler http.Handler
		address address
	}{{d.tool.Handler(), d.listeners}, {d.manageHandler(), d.manageListeners}} {
		for _, l := range part.address.listeners {
			srv := &http.Server{
				Handler: part.handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute,
				ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
			}
			running = append(running, func() error { return until(ctx, srv, func() error { return srv.Serve(l) }) })
		}
	}
	all := make(chan error, len(running))
	for _, f := range running {
		go func() { all <- f() }()
	}
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		var failed error
		for range running {
			if err := <-all; err != nil {
				failed = errors.Join(failed, err)
			}
			cancel()
		}
		ended <- failed
	}()
	return ended
}

// manageHandler takes the orders of the management port. Where one moved the
// clock, the tool looks at once for what is due by now.
func (d *demo) manageHandler() http.Handler {
	orders := d.canvas.ManageHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		orders.ServeHTTP(w, r)
		if r.URL.Path == "/clock/advance" {
			d.tool.Nudge()
		}
	})
}

// until serves until ctx ends, then gives what is being answered a moment.
func until(ctx context.Context, srv *http.Server, serve func() error) error {
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			_ = srv.Close() // it was asked nicely before
		}
	})
	defer stop()
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// prepare installs the tool in the stand-in, registers the stand-in in the
// tool, lets the sample people work, and begins the background work.
func (d *demo) prepare(ctx context.Context, o options) error {
	config, err := d.configuration(ctx)
	if err != nil {
		return err
	}
	tool, err := canvastest.ToolFromConfig(config, []string{d.toolURL + "/lti/launch"})
	if err != nil {
		return err
	}
	at, err := d.canvas.InstallTool(tool)
	if err != nil {
		return err
	}
	registration, kept, err := d.register(ctx, at)
	if err != nil {
		return err
	}
	d.from = origin{registration, at, d.canvas.Issuer(), d.canvasURL}
	w := d.canvas.World()
	where := placesOf(w, at.ToolID)
	page, err := startPage(newStartView(cast(w, where), school, d.canvasURL, d.toolURL, d.folder))
	if err != nil {
		return err
	}
	d.canvas.SetStartPage(page)
	if !o.empty && !kept {
		if err := d.seed(ctx); err != nil {
			return fmt.Errorf("sample requests: %w", err)
		}
	}
	go func() {
		if err := d.tool.Run(ctx, app.Worker); err != nil && ctx.Err() == nil {
			d.log.ErrorContext(ctx, "the background work has ended", "err", err)
		}
	}()
	return nil
}

// configuration is what an admin would paste into Canvas.
func (d *demo) configuration(ctx context.Context) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/lti/config.json", d.listeners.port), nil)
	if err != nil {
		return nil, err
	}
	req.Host = strings.TrimPrefix(d.toolURL, "http://")
	client := &http.Client{Timeout: 2 * time.Minute} // both ends are here: on a machine that is busy otherwise it takes its time
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("/lti/config.json answers %d", resp.StatusCode)
	}
	return body, err
}

// register makes the stand-in known to the tool. kept tells that it was known
// before: the folder holds the data of an earlier run. Then its addresses and
// its credential are renewed, since the stand-in itself remembers nothing.
func (d *demo) register(ctx context.Context, at canvastest.Deployment) (registration string, kept bool, err error) {
	before, err := d.tool.Operate.Platforms(ctx)
	if err != nil {
		return "", false, err
	}
	w := d.canvas.World()
	spec := operate.PlatformSpec{
		Name: school, Issuer: d.canvas.Issuer(), ClientID: at.ClientID, Deployments: []string{at.ID},
		AuthURL:    d.canvas.SSOURL() + "/api/lti/authorize_redirect",
		KeySetURL:  d.canvas.SSOURL() + "/api/lti/security/jwks",
		TokenURL:   d.canvas.SSOURL() + "/login/oauth2/token",
		CanvasURLs: []string{d.canvasURL}, Credential: operate.TokenCredential(w.ServiceToken()),
		Actor: "operator:demo", Reason: "the demo's stand-in", Moved: true, // it may have another port this time
	}
	spec.School.Contact = "canvas-help@northfield.example"
	spec.School.TimeZone = "America/New_York"
	spec.School.RulesVersion, spec.School.RulesDate = "3", w.Clock.Now().AddDate(0, -2, 0).Format(time.DateOnly)
	spec.School.Rules = []string{
		"A token can do everything that you can do in Canvas. Treat it like your password.",
		"Use it only for what this request says.",
		"Keep it in a password manager or in encrypted configuration. Never in a repository, a chat, a screenshot or a shared document.",
		"Never give it to anybody else. Send other people’s data only to services that the university has approved.",
		"Report a lost or leaked token at once. Nobody is punished for reporting.",
		"The university may end any token at any time.",
	}
	spec.School.NonAcademicAccounts = []string{w.Account("sandbox").ID.String()}
	spec.School.StaffList = []string{w.User("dana").ID.String(), w.User("priya").ID.String()}
	p, err := d.tool.Operate.AddPlatform(ctx, spec)
	return p.ID, len(before) > 0, err
}

func (d *demo) seed(ctx context.Context) error {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		return err
	}
	s := &seeder{
		canvas: d.canvas, clock: d.clock, desk: d.tool.Rooms, from: d.from, zone: zone,
		settle: func(ctx context.Context) error { _, err := d.tool.Drain(ctx); return err },
	}
	return s.run(ctx)
}

// close gives back what newDemo took.
func (d *demo) close() error {
	var err error
	if d.tool != nil {
		err = d.tool.Close()
	}
	for _, a := range []address{d.listeners, d.canvasListeners, d.manageListeners} {
		a.close()
	}
	if d.temporary && d.folder != "" {
		err = errors.Join(err, os.RemoveAll(d.folder))
	}
	return err
}
