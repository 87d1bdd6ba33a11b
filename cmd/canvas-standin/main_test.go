package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWrongUsageIsRefused(t *testing.T) {
	for sentence, args := range map[string][]string{
		"an unknown flag":                {"-nonsense"},
		"an argument":                    {"serve"},
		"an unknown era":                 {"-era", "E9"},
		"a management port for everyone": {"-manage-listen", "0.0.0.0:9000"},
		"a management port on any host":  {"-manage-listen", ":9000"},
	} {
		var said bytes.Buffer
		if err := run(t.Context(), args, io.Discard, &said); !errors.Is(err, errUsage) || said.Len() == 0 {
			t.Errorf("%s: %v, said %q", sentence, err, said.String())
		}
	}
}

func TestHelpIsNotAFailure(t *testing.T) {
	var said bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, io.Discard, &said); err != nil || !strings.Contains(said.String(), "It is not Canvas") {
		t.Errorf("%v, said %q", err, said.String())
	}
}

func TestTakenAddressIsToldPlainly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	err = run(t.Context(), []string{"-listen", l.Addr().String()}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "choose another with -listen") {
		t.Errorf("error %v", err)
	}
}

// said is what the program printed so far.
type said struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{} // closed by the next write; nil if nobody waits
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	return s.buf.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// await waits until the program has printed something that matches. Minutes
// without it are a program that hangs.
func (s *said) await(t *testing.T, ended <-chan error, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	hung := time.NewTimer(2 * time.Minute)
	defer hung.Stop()
	for {
		s.mu.Lock()
		m := re.FindStringSubmatch(s.buf.String())
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		if m != nil {
			return m
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended with %v and never printed %s, only %s", err, pattern, s)
		case <-hung.C:
			t.Fatalf("it never printed %s, only %s", pattern, s)
		case <-changed:
		}
	}
}

func TestRunsInstallsTheToolAndStops(t *testing.T) {
	tool := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		here := "http://" + r.Host
		_, _ = io.WriteString(w, `{"title":"Desk","description":"d","target_link_uri":"`+here+`/lti/launch","oidc_initiation_url":"`+here+
			`/lti/login","public_jwk_url":"`+here+`/lti/jwks.json","extensions":[{"platform":"canvas.instructure.com","settings":`+
			`{"placements":[{"placement":"account_navigation"}]}}]}`)
	}))
	defer tool.Close()
	tokenFile := filepath.Join(t.TempDir(), "token")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, ended := &said{}, make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{
			"-listen", "127.0.0.1:0", "-manage-listen", "127.0.0.1:0", "-tool-url", tool.URL + "/", "-token-file", tokenFile, "-era", "E2",
		}, out, io.Discard)
	}()
	canvas := out.await(t, ended, `Canvas      (http://127\.0\.0\.1:\d+)`)[1]
	if !strings.Contains(out.String(), "STAND-IN CANVAS: not Canvas") {
		t.Errorf("no banner in %s", out.String())
	}
	out.await(t, ended, `-deployment-id \d+:[0-9a-f]{40}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, canvas+"/login", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tool.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Canvas-Standin") == "" {
		t.Errorf("login page: %d", resp.StatusCode)
	}
	info, err := os.Stat(tokenFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("token file: %v, %v", info, err)
	}
	if secret, err := os.ReadFile(tokenFile); err != nil || strings.Contains(out.String(), strings.TrimSpace(string(secret))) {
		t.Error("the token was printed")
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}
