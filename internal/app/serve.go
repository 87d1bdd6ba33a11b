package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tokendesk/tokendesk/internal/config"
)

// Deadlines of the web server. A collect page waits for Canvas for a minute at
// most, so the answer may take longer than that.
const (
	readHeader = 5 * time.Second
	readBody   = 30 * time.Second
	writeAll   = 90 * time.Second
	keepIdle   = 2 * time.Minute
	shutdown   = 25 * time.Second // of Kubernetes' default 30 s
	maxHeader  = 64 << 10
)

// NewLog is the program's log, as configured.
func NewLog(cfg config.Config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogText {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

// Part is what one process does.
type Part string

// The parts. A process with none in particular does both.
const (
	Both   Part = ""
	Web    Part = "web"
	Worker Part = "worker"
)

// Run listens as configured and runs the given part until ctx ends, then stops
// gracefully: requests that are being answered and jobs that are running are
// finished, within a limit.
func (a *App) Run(ctx context.Context, part Part) error {
	all, ctx := errgroup.WithContext(ctx)
	if part != Worker {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.Listen)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		all.Go(func() error { return a.serveWeb(ctx, l) })
	}
	if part != Web {
		all.Go(func() error { return a.runner.Run(ctx) })
	}
	all.Go(func() error { return a.present(ctx) })
	if a.cfg.MetricsListen != "" {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.MetricsListen)
		if err != nil {
			return fmt.Errorf("listen for metrics: %w", err)
		}
		a.Log.InfoContext(ctx, "serving metrics", "listen", l.Addr().String())
		all.Go(func() error { return serve(ctx, l, a.figures.Handler(), a.Log) })
	}
	return all.Wait()
}

// Serve serves the web pages on l and runs the background work until ctx ends.
func (a *App) Serve(ctx context.Context, l net.Listener) error {
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return a.serveWeb(ctx, l) })
	all.Go(func() error { return a.runner.Run(ctx) })
	all.Go(func() error { return a.present(ctx) })
	return all.Wait()
}

func (a *App) serveWeb(ctx context.Context, l net.Listener) error {
	a.Log.InfoContext(ctx, "serving", "listen", l.Addr().String(), "public_url", a.cfg.PublicURL)
	return serve(ctx, l, a.web, a.Log)
}

// serve serves h on l until ctx ends, and then waits for what is being
// answered.
func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: readHeader, ReadTimeout: readBody, WriteTimeout: writeAll, IdleTimeout: keepIdle,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
	defer cancel()
	err := s.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		log.WarnContext(last, "requests were cut at the end of the shutdown")
		err = s.Close()
	}
	if servErr := <-failed; err == nil && !errors.Is(servErr, http.ErrServerClosed) {
		err = servErr
	}
	return err
}
