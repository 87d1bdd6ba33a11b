package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"

	"github.com/tokendesk/tokendesk/internal/secret"
)

// Config is every setting of the program. The zero value is not usable; Default
// and Load are.
type Config struct {
	// Listen is the address of the web server, host:port.
	Listen string
	// PublicURL is the origin that browsers and Canvas use, without a trailing
	// slash: https, or http where the host is loopback. Empty where the command
	// does not need it; CheckServe asks for it.
	PublicURL string
	// Database is "sqlite:PATH" or "postgres://…", which may hold a password.
	Database secret.Text
	// MasterKeyFile holds 32 random bytes in base64. Empty with SQLite means the
	// file beside the database (see MasterKey).
	MasterKeyFile string
	// MetricsListen is the address of the metrics server, host:port; empty is off.
	MetricsListen string
	// SMTP is smtp://user:password@host:587 (STARTTLS) or smtps://…; empty is no mail.
	SMTP secret.Text
	// MailFrom is the sender of mail; set whenever SMTP is.
	MailFrom string
	// LogText chooses lines for people instead of JSON.
	LogText  bool
	LogLevel slog.Level
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
}

// The variables. Their names are public (docs/interfaces.md).
const (
	prefix            = "TOKENDESK_"
	fileSuffix        = "_FILE"
	varListen         = prefix + "LISTEN"
	varPublicURL      = prefix + "PUBLIC_URL"
	varDatabase       = prefix + "DATABASE_URL"
	varMasterKeyFile  = prefix + "MASTER_KEY_FILE"
	varMetricsListen  = prefix + "METRICS_LISTEN"
	varSMTP           = prefix + "SMTP_URL"
	varMailFrom       = prefix + "MAIL_FROM"
	varLogFormat      = prefix + "LOG_FORMAT"
	varLogLevel       = prefix + "LOG_LEVEL"
	varTrustedProxies = prefix + "TRUSTED_PROXIES"
)

// setting reads one variable into a Config. Its errors say what the value must
// be and never repeat the value of a secret.
type setting struct {
	name   string
	secret bool // may come as NAME_FILE
	read   func(c *Config, v string) error
}

var settings = []setting{
	{varListen, false, func(c *Config, v string) (err error) { c.Listen, err = address(v); return err }},
	{varPublicURL, false, func(c *Config, v string) (err error) { c.PublicURL, err = publicURL(v); return err }},
	{varDatabase, true, func(c *Config, v string) (err error) { c.Database, err = database(v); return err }},
	{varMasterKeyFile, false, func(c *Config, v string) error { c.MasterKeyFile = v; return nil }},
	{varMetricsListen, false, func(c *Config, v string) (err error) { c.MetricsListen, err = address(v); return err }},
	{varSMTP, true, func(c *Config, v string) (err error) { c.SMTP, err = smtp(v); return err }},
	{varMailFrom, false, func(c *Config, v string) (err error) { c.MailFrom, err = sender(v); return err }},
	{varLogFormat, false, logFormat},
	{varLogLevel, false, logLevel},
	{varTrustedProxies, false, proxies},
}

// Default is what an empty environment means.
func Default() Config {
	return Config{Listen: "127.0.0.1:8080", Database: secret.New("sqlite:tokendesk.db"), LogLevel: slog.LevelInfo}
}

// CheckServe reports what "serve" needs and the environment did not give.
func (c Config) CheckServe() error {
	if c.PublicURL == "" {
		return fmt.Errorf("%s is not set: set it to the https URL under which browsers reach the tool", varPublicURL)
	}
	if !c.IsSQLite() && c.MasterKeyFile == "" {
		return fmt.Errorf("%s is not set: PostgreSQL needs it; make one with: head -c 32 /dev/urandom | base64", varMasterKeyFile)
	}
	return nil
}

// HTTPS reports whether browsers reach the tool by https.
func (c Config) HTTPS() bool { return strings.HasPrefix(c.PublicURL, "https://") }

// IsSQLite reports whether the database is a SQLite file.
func (c Config) IsSQLite() bool { return strings.HasPrefix(c.Database.Reveal(), sqlitePrefix) }

// SQLitePath is the file of the database, or "" with PostgreSQL.
func (c Config) SQLitePath() string {
	path, ok := strings.CutPrefix(c.Database.Reveal(), sqlitePrefix)
	if !ok {
		return ""
	}
	return path
}

// String lists the settings, one "NAME=value" a line, with every password left
// out.
func (c Config) String() string {
	var b strings.Builder
	for _, kv := range c.pairs() {
		fmt.Fprintf(&b, "%s=%s\n", kv[0], kv[1])
	}
	return b.String()
}

// GoString is String.
func (c Config) GoString() string { return c.String() }

// LogValue lists the settings as attributes, with every password left out.
func (c Config) LogValue() slog.Value {
	var as []slog.Attr
	for _, kv := range c.pairs() {
		as = append(as, slog.String(kv[0], kv[1]))
	}
	return slog.GroupValue(as...)
}

func (c Config) pairs() [][2]string {
	format := "json"
	if c.LogText {
		format = "text"
	}
	proxies := make([]string, len(c.TrustedProxies))
	for i, p := range c.TrustedProxies {
		proxies[i] = p.String()
	}
	return [][2]string{
		{varListen, c.Listen},
		{varPublicURL, c.PublicURL},
		{varDatabase, masked(c.Database)},
		{varMasterKeyFile, c.MasterKeyFile},
		{varMetricsListen, c.MetricsListen},
		{varSMTP, masked(c.SMTP)},
		{varMailFrom, c.MailFrom},
		{varLogFormat, format},
		{varLogLevel, strings.ToLower(c.LogLevel.String())},
		{varTrustedProxies, strings.Join(proxies, ",")},
	}
}

// masked shows of a URL its scheme, host and path: user, password and query (a
// PostgreSQL URL may carry its password there) stay out.
func masked(t secret.Text) string {
	raw := t.Reveal()
	if raw == "" || strings.HasPrefix(raw, sqlitePrefix) {
		return raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return t.String()
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
