// Package app makes a running program out of a configuration: it opens the
// store, wires every part to the others, and runs the web server and the
// background work. Commands, the demo and end-to-end tests start it alike.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/credential"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
	"github.com/tokendesk/tokendesk/internal/doctor"
	"github.com/tokendesk/tokendesk/internal/egress"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/metrics"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/toolkeys"
	"github.com/tokendesk/tokendesk/internal/web"
	"github.com/tokendesk/tokendesk/lti"
)

// Options change how an App is made. The zero value is production's.
type Options struct {
	Now func() time.Time // time.Now if nil
	// Sleep waits by Now, or returns the error of ctx; the real time if nil. It is
	// for tests that move the clock by hand: key sets and turns of others are then
	// waited for by that clock too.
	Sleep func(ctx context.Context, d time.Duration) error
	Log   *slog.Logger // made from the configuration, on standard error, if nil
	// Migrate brings the database to this version first. Production does that by
	// a command of its own; the demo and tests have nobody else to do it.
	Migrate bool
	// Statement is store.Options's, for tests of what a page asks the database.
	Statement func(statement string, args []any)
	// AtStep is desk.Desk's, for tests that end the process there.
	AtStep func(step string)
}

// App is the program, ready to serve. Close it when it is no longer needed.
type App struct {
	Store *store.Store
	Box   *secret.Box // opens what is sealed in the store
	Desk  *desk.Desk  // the kernel that the rooms stand on
	Rooms *rooms.Rooms
	// Operate is what operators do by command.
	Operate *operate.Commands
	Log     *slog.Logger

	cfg      config.Config
	now      func() time.Time
	guard    *egress.Guard
	keys     *toolkeys.Keys
	private  *credential.PrivateHosts
	clients  *credential.Clients
	mail     notify.Way // nil without mail
	runner   *jobs.Runner
	web      http.Handler
	composer *notify.Composer
	figures  *metrics.Figures
}

// New wires the program. It fails on anything that would make it fail later: a
// missing setting, a master key it cannot use, a database that is behind this
// version or newer than it may use (with words that say what to do).
func New(ctx context.Context, cfg config.Config, o Options) (*App, error) {
	if err := cfg.CheckServe(); err != nil {
		return nil, err
	}
	a, err := Open(ctx, cfg, o)
	if err != nil {
		return nil, err
	}
	if err := a.wire(ctx, o); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Open makes the part of the program that every command needs: log, master key
// and store, whatever the database's schema. Only New's result can serve.
func Open(ctx context.Context, cfg config.Config, o Options) (*App, error) {
	a := &App{cfg: cfg, now: o.Now, Log: o.Log, figures: metrics.New()}
	if a.now == nil {
		a.now = time.Now
	}
	if a.Log == nil {
		a.Log = NewLog(cfg, os.Stderr)
	}
	master, err := cfg.MasterKey()
	if err != nil {
		return nil, err
	}
	a.Box = secret.NewBox(master)
	if a.Store, err = store.Open(ctx, cfg.Database.Reveal(), store.Options{Log: a.Log, Now: a.now, Statement: o.Statement}); err != nil {
		return nil, err
	}
	if o.Migrate {
		if err := a.Store.Migrate(ctx); err != nil {
			return nil, errors.Join(err, a.Store.Close())
		}
	}
	a.private = &credential.PrivateHosts{Store: a.Store, Now: a.now, Log: a.Log}
	a.guard = egress.New(a.private.Has)
	a.keys = toolkeys.New(a.Store, a.Box, a.now, a.Log)
	a.clients = &credential.Clients{Store: a.Store, Box: a.Box, HTTP: a.guard.Client(), Now: a.now, Sleep: o.Sleep, Clean: text.Line, Log: a.Log, Observer: a.figures}
	a.Desk = &desk.Desk{Store: a.Store, Box: a.Box, Canvas: a.clients.Of, Now: a.now, Log: a.Log, PublicURL: cfg.PublicURL}
	a.Rooms = rooms.New(a.Desk)
	a.Operate = &operate.Commands{
		Rooms: a.Rooms, Store: a.Store, Box: a.Box, ToolKeys: a.keys, Canvas: a.clients.Of, Forget: a.private.Forget,
		PublicURL: cfg.PublicURL, TrustedProxies: cfg.TrustedProxies, Now: a.now, Log: a.Log,
	}
	if !cfg.SMTP.IsZero() {
		if a.mail, err = newMail(cfg, a.now); err != nil {
			return nil, errors.Join(err, a.Store.Close())
		}
	}
	return a, nil
}

func (a *App) wire(ctx context.Context, o Options) error {
	if err := usable(a.Store.Ready(ctx)); err != nil {
		return err
	}
	words, err := text.New()
	if err != nil {
		return err
	}
	if a.composer, err = notify.NewComposer(words); err != nil {
		return err
	}
	a.runner = &jobs.Runner{Queue: a.Store, Now: a.now, Log: a.Log, Observer: a.figures}
	a.figures.Watch(a.runner)
	d := a.Desk
	d.NamesRoles, d.Composer, d.Ways, d.Nudge, d.Observer, d.AtStep = a.namesRoles(), a.composer, a.ways, a.runner.Nudge, a.figures, o.AtStep
	a.runner.Handlers, a.runner.Schedules = d.Handlers(), d.Schedules()
	a.Operate.Schedule(a.runner)
	a.clients.Schedule(a.runner)

	proxies := make([]string, len(a.cfg.TrustedProxies))
	for i, p := range a.cfg.TrustedProxies {
		proxies[i] = p.String()
	}
	keySets := &lti.KeySets{Client: a.guard.Client(), Log: a.Log}
	if o.Sleep != nil {
		keySets.Now, keySets.Sleep = a.now, o.Sleep
	}
	a.web, err = web.New(web.Options{
		Rooms: a.Rooms, Sessions: &session.Store{Backend: a.Store, Now: a.now}, Catalogue: words,
		LTI: &lti.Tool{
			Registrations: a.Store, States: a.Store, StateKeys: a.StateKeys(), Now: a.now, Log: a.Log, KeySets: keySets, Observer: a.figures,
		},
		Keys: a.keys, PublicURL: a.cfg.PublicURL, TrustedProxies: proxies, RecordForward: a.Operate.RecordForward, Ready: a.Ready, Now: a.now, Log: a.Log,
		Register: a.Operate.Register, Setup: a.Operate.Setup, Observer: a.figures,
	})
	return err
}

// StateKeys seal what a login has to remember: keys of the master keys' making, so
// that all replicas have them, and that a login survives a restart and a change of
// the master key.
func (a *App) StateKeys() *lti.StateKeys {
	keys := a.Box.Keys("lti state")
	return lti.NewStateKeys(keys[0], keys[1:]...)
}

// Handler is the web server's, for tests that bring their own listener.
func (a *App) Handler() http.Handler { return a.web }

// Metrics is the handler of the metrics' listener, for tests that bring their own.
func (a *App) Metrics() http.Handler { return a.figures.Handler() }

// Nudge lets Run look at once for what is due, after a clock of Options.Now was moved.
func (a *App) Nudge() { a.runner.Nudge() }

// PublicURL is the tool's origin as browsers see it.
func (a *App) PublicURL() string { return a.cfg.PublicURL }

// Drain runs every job that is due until none is, and returns how many ran. It
// is for tests and the demo; production runs Work.
func (a *App) Drain(ctx context.Context) (int, error) { return a.runner.Drain(ctx) }

// Migrate brings the database to this version of the program.
func (a *App) Migrate(ctx context.Context) error { return a.Store.Migrate(ctx) }

// Usable reports whether the database has the schema of this program, in words
// that say what to do.
func (a *App) Usable(ctx context.Context) error { return usable(a.Store.Ready(ctx)) }

// Close closes the store.
func (a *App) Close() error { return a.Store.Close() }

// notReady is why the program cannot serve, in words that anybody may read.
type notReady struct {
	words string
	cause error
}

func (e *notReady) Error() string { return e.words }
func (e *notReady) Unwrap() error { return e.cause }

// Ready reports why this process cannot serve: the database does not answer or
// has another schema, or the tool's keys cannot be opened. Its error says no
// more than that; the cause is logged.
func (a *App) Ready(ctx context.Context) error {
	err := usable(a.Store.Ready(ctx))
	if err == nil {
		if _, keyErr := a.keys.Published(ctx); keyErr != nil {
			err = &notReady{"the tool's keys cannot be used", keyErr}
		}
	}
	if err != nil {
		a.Log.WarnContext(ctx, "not ready", "err", err, "cause", errors.Unwrap(err))
	}
	return err
}

// usable says what to do about a database that this program cannot use.
func usable(err error) error {
	var schema *store.SchemaError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &schema) && schema.TooNew:
		return &notReady{"the database belongs to a newer version of this program: install that version", err}
	case errors.As(err, &schema):
		return &notReady{"the database is behind this version of the program: run tokendesk migrate", err}
	}
	return &notReady{"the database does not answer", err}
}

// newMail is the mail way. The operator names the mail server, which is usually
// inside the school's network.
func newMail(cfg config.Config, now func() time.Time) (notify.Way, error) {
	anywhere := egress.New(func(string) bool { return true })
	way, err := notify.NewSMTP(notify.SMTPConfig{URL: cfg.SMTP, From: cfg.MailFrom, Dial: anywhere.Dial, Now: now})
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return way, nil
}

// ways are how a platform's people are told: the Canvas inbox, and mail where
// the program has it.
func (a *App) ways(_ store.Platform, client *canvas.Client) []notify.Way {
	ways := []notify.Way{notify.Inbox{Client: client}}
	if a.mail != nil {
		ways = append(ways, a.mail)
	}
	return ways
}

// namesRoles reads courses' people by LTI, signed with the tool's own key. Its
// access tokens are kept for all platforms until shortly before they end.
func (a *App) namesRoles() *lti.NamesRoles {
	return &lti.NamesRoles{Tokens: &lti.ServiceTokens{Keys: a.keys, Client: a.clients.HTTP, Now: a.now}, Client: a.clients.HTTP}
}

// Doctor checks what a configuration makes (see doctor.Run).
func Doctor(ctx context.Context, cfg config.Config, o Options, platform string, tell func(doctor.Check)) bool {
	open := func(ctx context.Context) (*doctor.Program, error) {
		a, err := Open(ctx, cfg, o)
		if err != nil {
			return nil, err
		}
		return &doctor.Program{
			Store: a.Store, Keys: a.keys, Canvas: a.clients, HTTP: a.guard.Client(), Usable: a.Usable, Platform: a.Operate.Platform,
			Now: a.now, Log: a.Log, Close: a.Close,
		}, nil
	}
	return doctor.Run(ctx, cfg, open, platform, tell)
}
