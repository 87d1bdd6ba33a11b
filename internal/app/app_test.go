package app_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/secret"
)

func settings(t *testing.T) config.Config {
	t.Helper()
	c := config.Default()
	c.Database = secret.New("sqlite:" + filepath.Join(t.TempDir(), "app.db"))
	c.PublicURL = "http://127.0.0.1:1"
	c.Listen = "127.0.0.1:0"
	return c
}

func start(t *testing.T, cfg config.Config, o app.Options) *app.App {
	t.Helper()
	o.Migrate = true
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a, err := app.New(t.Context(), cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestNewRefusesADatabaseThatIsBehind(t *testing.T) {
	cfg := settings(t)
	_, err := app.New(t.Context(), cfg, app.Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "tokendesk migrate") {
		t.Errorf("New = %v", err)
	}
	cfg.PublicURL = ""
	if _, err := app.New(t.Context(), cfg, app.Options{Migrate: true}); err == nil || !strings.Contains(err.Error(), "TOKENDESK_PUBLIC_URL") {
		t.Errorf("without a public URL: %v", err)
	}
}

func TestServeStopsGracefully(t *testing.T) {
	cfg := settings(t)
	a := start(t, cfg, app.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx, l) }()
	get := func(path string) (int, string) {
		res, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	// Making the first key may take longer than the question of readiness waits:
	// whoever asks asks again.
	for hung := time.Now().Add(2 * time.Minute); ; {
		code, body := get("/readyz")
		if code == http.StatusOK {
			break
		}
		if time.Now().After(hung) {
			t.Fatalf("ready answers %d %s", code, body)
		}
	}
	code, keys := get("/lti/jwks.json")
	if code != http.StatusOK || strings.Count(keys, `"kid"`) != 1 || strings.Contains(keys, `"d"`) {
		t.Errorf("keys: %d %s", code, keys)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
	// The same keys after a restart, and on another replica.
	again := start(t, cfg, app.Options{})
	all, err := again.Operate.Keys(t.Context())
	if err != nil || len(all) != 1 || !strings.Contains(keys, all[0].ID) || !all[0].Signs {
		t.Errorf("keys after a restart: %+v, %v", all, err)
	}
}

func TestAnotherMasterKeyIsNotReady(t *testing.T) {
	cfg := settings(t)
	a := start(t, cfg, app.Options{})
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(cfg.SQLitePath() + ".key"); err != nil {
		t.Fatal(err)
	}
	b := start(t, cfg, app.Options{})
	if err := b.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "keys") {
		t.Errorf("with another master key: %v", err)
	}
}

// serving is told by the log where the metrics are served.
type serving chan string

func (s serving) Write(line []byte) (int, error) {
	var entry struct{ Msg, Listen string }
	if json.Unmarshal(line, &entry) == nil && entry.Msg == "serving metrics" {
		s <- entry.Listen
	}
	return len(line), nil
}

func TestMetrics(t *testing.T) {
	cfg := settings(t)
	cfg.MetricsListen = "127.0.0.1:0"
	serving := make(serving, 1)
	a := start(t, cfg, app.Options{Log: slog.New(slog.NewJSONHandler(serving, nil))})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, app.Worker) }()
	var at string
	select {
	case at = <-serving:
	case err := <-ended:
		t.Fatalf("the program ended: %v", err)
	}
	res, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all, _ := io.ReadAll(res.Body)
	body := string(all)
	for _, line := range []string{"# TYPE go_goroutines gauge\ngo_goroutines ", "\ngo_memory_heap_objects_bytes ", "\ngo_memory_total_bytes ",
		"\ngo_gc_cycles_total ", "\ntokendesk_queues_readable 1\n"} {
		if !strings.Contains(body, line) {
			t.Errorf("%q is missing in %q", line, body)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
