package config_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/config"
	"github.com/tokendesk/tokendesk/internal/secret"
)

func TestLoadReadsEverySetting(t *testing.T) {
	c, err := config.Load([]string{
		"PATH=/bin", "HOME=/root",
		"TOKENDESK_LISTEN=:9000",
		"TOKENDESK_PUBLIC_URL=https://Tokens.Example.edu",
		"TOKENDESK_DATABASE_URL=postgres://desk:pw@db:5432/desk",
		"TOKENDESK_MASTER_KEY_FILE=/run/key",
		"TOKENDESK_METRICS_LISTEN=127.0.0.1:9100",
		"TOKENDESK_SMTP_URL=smtp://desk:mailpw@mail:587",
		"TOKENDESK_MAIL_FROM=Tokens <tokens@example.edu>",
		"TOKENDESK_LOG_FORMAT=text",
		"TOKENDESK_LOG_LEVEL=debug",
		"TOKENDESK_TRUSTED_PROXIES=10.1.2.3/8, fd00::/8",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":9000" || c.PublicURL != "https://tokens.example.edu" || !c.HTTPS() || c.IsSQLite() || c.SQLitePath() != "" ||
		c.Database.Reveal() != "postgres://desk:pw@db:5432/desk" || c.MasterKeyFile != "/run/key" || c.MetricsListen != "127.0.0.1:9100" ||
		c.SMTP.Reveal() != "smtp://desk:mailpw@mail:587" || c.MailFrom != `"Tokens" <tokens@example.edu>` || !c.LogText || c.LogLevel != slog.LevelDebug {
		t.Errorf("Load = %v", c)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	if fmt.Sprint(c.TrustedProxies) != fmt.Sprint(want) {
		t.Errorf("trusted proxies %v, want %v", c.TrustedProxies, want)
	}
	if err := c.CheckServe(); err != nil {
		t.Errorf("CheckServe: %v", err)
	}
}

func TestLoadDefaults(t *testing.T) {
	c, err := config.Load([]string{"TOKENDESK_LISTEN=", "TOKENDESK_SMTP_URL="})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8080" || c.SQLitePath() != "tokendesk.db" || c.LogText || c.LogLevel != slog.LevelInfo ||
		!c.SMTP.IsZero() || c.MetricsListen != "" || c.TrustedProxies != nil {
		t.Errorf("defaults: %v", c)
	}
	if err := c.CheckServe(); err == nil || !strings.Contains(err.Error(), "TOKENDESK_PUBLIC_URL") {
		t.Errorf("serve without a public URL: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, bytes.Repeat([]byte("x"), 70<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		env  []string
		want string
	}{
		"a name that is not ours":                {[]string{"TOKENDESK_PUBLICURL=https://a.edu"}, "TOKENDESK_PUBLICURL"},
		"a file for what is no secret":           {[]string{"TOKENDESK_LISTEN_FILE=/x"}, "TOKENDESK_LISTEN_FILE"},
		"a listen address without a port":        {[]string{"TOKENDESK_LISTEN=localhost"}, "TOKENDESK_LISTEN"},
		"a listen address with a named port":     {[]string{"TOKENDESK_LISTEN=:http"}, "TOKENDESK_LISTEN"},
		"a metrics address that is none":         {[]string{"TOKENDESK_METRICS_LISTEN=9100"}, "TOKENDESK_METRICS_LISTEN"},
		"http for a host that is not loopback":   {[]string{"TOKENDESK_PUBLIC_URL=http://tokens.example.edu"}, "https"},
		"http for a host that begins like one":   {[]string{"TOKENDESK_PUBLIC_URL=http://localhost.example.edu"}, "https"},
		"a public URL with a slash at its end":   {[]string{"TOKENDESK_PUBLIC_URL=https://a.edu/"}, "trailing slash"},
		"a public URL with a path":               {[]string{"TOKENDESK_PUBLIC_URL=https://a.edu/tokens"}, "path"},
		"a public URL with a query":              {[]string{"TOKENDESK_PUBLIC_URL=https://a.edu?x=1"}, "query"},
		"a public URL with a user":               {[]string{"TOKENDESK_PUBLIC_URL=https://u:p@a.edu"}, "user"},
		"a public URL without a scheme":          {[]string{"TOKENDESK_PUBLIC_URL=tokens.example.edu"}, "TOKENDESK_PUBLIC_URL"},
		"a database of another kind":             {[]string{"TOKENDESK_DATABASE_URL=mysql://u:hunter2@h/d"}, "TOKENDESK_DATABASE_URL"},
		"a database that lives in memory":        {[]string{"TOKENDESK_DATABASE_URL=sqlite::memory:"}, "TOKENDESK_DATABASE_URL"},
		"a SQLite database without a path":       {[]string{"TOKENDESK_DATABASE_URL=sqlite:"}, "TOKENDESK_DATABASE_URL"},
		"a mail server of another kind":          {[]string{"TOKENDESK_SMTP_URL=http://u:hunter2@h", "TOKENDESK_MAIL_FROM=a@b.c"}, "TOKENDESK_SMTP_URL"},
		"a mail password without a user":         {[]string{"TOKENDESK_SMTP_URL=smtp://:hunter2@h", "TOKENDESK_MAIL_FROM=a@b.c"}, "no user"},
		"mail without a sender":                  {[]string{"TOKENDESK_SMTP_URL=smtp://h:25"}, "TOKENDESK_MAIL_FROM"},
		"a sender that is no address":            {[]string{"TOKENDESK_MAIL_FROM=tokens"}, "TOKENDESK_MAIL_FROM"},
		"a log format that is none":              {[]string{"TOKENDESK_LOG_FORMAT=xml"}, "TOKENDESK_LOG_FORMAT"},
		"a log level that is none":               {[]string{"TOKENDESK_LOG_LEVEL=loud"}, "TOKENDESK_LOG_LEVEL"},
		"a proxy that is one address":            {[]string{"TOKENDESK_TRUSTED_PROXIES=10.0.0.1"}, "TOKENDESK_TRUSTED_PROXIES"},
		"a proxy list that trusts everybody":     {[]string{"TOKENDESK_TRUSTED_PROXIES=0.0.0.0/0"}, "TOKENDESK_TRUSTED_PROXIES"},
		"a secret both here and in a file":       {[]string{"TOKENDESK_SMTP_URL=smtp://h", "TOKENDESK_SMTP_URL_FILE=" + empty}, "both set"},
		"a secret in an empty file":              {[]string{"TOKENDESK_DATABASE_URL_FILE=" + empty}, "TOKENDESK_DATABASE_URL_FILE"},
		"a secret in a file that holds too much": {[]string{"TOKENDESK_DATABASE_URL_FILE=" + big}, "too large"},
		"a secret in a file that is not there":   {[]string{"TOKENDESK_DATABASE_URL_FILE=" + dir + "/none"}, "TOKENDESK_DATABASE_URL_FILE"},
	} {
		_, err := config.Load(tc.env)
		switch {
		case err == nil:
			t.Errorf("%s: accepted", name)
		case !strings.Contains(err.Error(), tc.want):
			t.Errorf("%s: the error %q does not say %q", name, err, tc.want)
		case strings.Contains(err.Error(), "hunter2"), strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: the error is %q", name, err)
		}
	}
}

func TestLoadNamesEverythingWrongAtOnce(t *testing.T) {
	_, err := config.Load([]string{"TOKENDESK_ZED=1", "TOKENDESK_LISTEN=x", "TOKENDESK_ABC="})
	for _, name := range []string{"TOKENDESK_ZED", "TOKENDESK_LISTEN", "TOKENDESK_ABC"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

func TestLoadIgnoresKubernetesServiceLinks(t *testing.T) {
	_, err := config.Load([]string{
		"TOKENDESK_PORT=tcp://10.0.0.1:80", "TOKENDESK_PORT_80_TCP=tcp://10.0.0.1:80", "TOKENDESK_PORT_80_TCP_ADDR=10.0.0.1",
		"TOKENDESK_SERVICE_HOST=10.0.0.1", "TOKENDESK_SERVICE_PORT=80", "TOKENDESK_SERVICE_PORT_HTTP=80",
		"TOKENDESK_WEB_PORT=tcp://10.0.0.2:80", "TOKENDESK_WEB_SERVICE_HOST=10.0.0.2", "TOKENDESK_WEB_PORT_80_TCP_PROTO=tcp",
	})
	if err != nil {
		t.Errorf("service links stop the start: %v", err)
	}
	for _, name := range []string{"TOKENDESK_SUPPORT", "TOKENDESK_IMPORT_X", "TOKENDESK_SERVICE", "TOKENDESK_PORT80"} {
		if _, err := config.Load([]string{name + "=1"}); err == nil {
			t.Errorf("%s passes for a service link", name)
		}
	}
}

func TestLoadReadsSecretsFromFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(path, []byte("postgres://u:hunter2@h/d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load([]string{"TOKENDESK_DATABASE_URL_FILE=" + path})
	if err != nil || c.Database.Reveal() != "postgres://u:hunter2@h/d" {
		t.Errorf("Load = %q, %v", c.Database.Reveal(), err)
	}
	if err := c.CheckServe(); err == nil {
		t.Error("PostgreSQL without a public URL and master key may serve")
	}
}

func TestLoopbackMayUseHTTP(t *testing.T) {
	for _, host := range []string{"localhost", "tool.localhost:8080", "LocalHost:8080", "127.0.0.1:80", "127.9.9.9", "[::1]:8080"} {
		if _, err := config.Load([]string{"TOKENDESK_PUBLIC_URL=http://" + host}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestConfigPrintsNoSecret(t *testing.T) {
	c := config.Default()
	c.Database = secret.New("postgres://desk:hunter2@db:5432/desk?password=hunter2&sslmode=disable")
	c.SMTP = secret.New("smtps://hunter2:hunter2@mail:465")
	c.MailFrom = "a@b.c"
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "config", c)
	for how, out := range map[string]string{
		"String": c.String(), "%v": fmt.Sprintf("%v", c), "%+v": fmt.Sprintf("%+v", c), "%#v": fmt.Sprintf("%#v", c), "slog": log.String(),
	} {
		if strings.Contains(out, "hunter2") {
			t.Errorf("%s shows a password: %s", how, out)
		}
		if !strings.Contains(out, "db:5432") || !strings.Contains(out, "mail:465") {
			t.Errorf("%s does not say where the services are: %s", how, out)
		}
	}
}

func TestMasterKey(t *testing.T) {
	dir := t.TempDir()
	c := config.Default()
	c.Database = secret.New("sqlite:" + filepath.Join(dir, "t.db"))
	first, err := c.MasterKey()
	if err != nil {
		t.Fatalf("the first start makes no key: %v", err)
	}
	if again, err := c.MasterKey(); err != nil || again != first {
		t.Errorf("the second start has another key: %v", err)
	}
	path := filepath.Join(dir, "t.db.key")
	if err := os.Chmod(path, 0o662); err != nil {
		t.Fatal(err)
	}
	if _, err := c.MasterKey(); err == nil || !strings.Contains(err.Error(), "write") {
		t.Errorf("a key that others may replace is used: %v", err)
	}
	c.MasterKeyFile = filepath.Join(dir, "named.key")
	if _, err := c.MasterKey(); err == nil {
		t.Error("a key file that the operator named and that is missing was made up")
	}
	if _, err := os.Stat(c.MasterKeyFile); err == nil {
		t.Error("a key file that the operator named was created")
	}
	c.Database, c.MasterKeyFile = secret.New("postgres://h/d"), ""
	if _, err := c.MasterKey(); err == nil {
		t.Error("PostgreSQL without a master key file has a key")
	}
}
