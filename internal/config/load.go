package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tokendesk/tokendesk/internal/secret"
	"github.com/tokendesk/tokendesk/lti/loopback"
)

const sqlitePrefix = "sqlite:"

// secretFileMax bounds what a wrong path makes us read.
const secretFileMax = 64 << 10

// serviceLink matches the names that Kubernetes puts into the environment of
// every container for each service in its namespace ("Environment variables" in
// its documentation of services): for a service called tokendesk they begin as
// our own variables do.
var serviceLink = regexp.MustCompile(`^TOKENDESK_([A-Z0-9_]+_)?(PORT|PORT_.+|SERVICE_.+)$`)

// Load reads the settings from an environment as os.Environ returns it. An
// empty value is an unset one. The error names every variable that is unknown
// or has a value that cannot be used, in one line.
func Load(environ []string) (Config, error) {
	given := map[string]string{}
	var unknown []string
	for _, kv := range environ {
		name, v, _ := strings.Cut(kv, "=")
		switch {
		case !strings.HasPrefix(name, prefix):
		case knownName(name):
			if v = strings.TrimSpace(v); v != "" {
				given[name] = v
			}
		case !serviceLink.MatchString(name):
			unknown = append(unknown, name)
		}
	}
	c := Default()
	var wrong []string
	slices.Sort(unknown)
	for _, name := range unknown {
		wrong = append(wrong, name+" is not a setting of this program: correct or remove it")
	}
	for _, s := range settings {
		v, name, err := value(s, given)
		if err == nil && v != "" {
			err = s.read(&c, v)
		}
		if err != nil {
			wrong = append(wrong, name+" "+err.Error())
		}
	}
	if !c.SMTP.IsZero() && c.MailFrom == "" {
		wrong = append(wrong, varMailFrom+" is not set: mail needs a sender address")
	}
	if len(wrong) > 0 {
		return Config{}, errors.New(strings.Join(wrong, "; "))
	}
	return c, nil
}

func knownName(name string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool {
		return name == s.name || (s.secret && name == s.name+fileSuffix)
	})
}

// value returns the setting's value and the name of the variable it came from.
func value(s setting, given map[string]string) (v, name string, err error) {
	v = given[s.name]
	file := given[s.name+fileSuffix]
	if !s.secret || file == "" {
		return v, s.name, nil
	}
	if v != "" {
		return "", s.name, fmt.Errorf("and %s are both set: remove one", s.name+fileSuffix)
	}
	v, err = readSecret(file)
	return v, s.name + fileSuffix, err
}

func readSecret(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, secretFileMax+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot be read: %w", err)
	case len(b) > secretFileMax:
		return "", errors.New("names a file that is too large to hold one value")
	}
	v := strings.TrimSpace(string(b))
	if v == "" {
		return "", errors.New("names an empty file")
	}
	return v, nil
}

func address(v string) (string, error) {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return "", errors.New("must be host:port, such as 127.0.0.1:8080")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", errors.New("must end in a port number, such as 127.0.0.1:8080")
	}
	return v, nil
}

func publicURL(v string) (string, error) {
	u, err := url.Parse(v)
	switch {
	case err != nil, u.Opaque != "", u.Host == "", u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("must be a URL such as https://tokens.example.edu")
	case u.User != nil, u.RawQuery != "", u.ForceQuery, strings.Contains(v, "#"):
		return "", errors.New("must hold no user, query or fragment")
	case u.Path != "":
		return "", errors.New("must have no path and no trailing slash: the tool needs a host name of its own")
	case u.Scheme == "http" && !loopback.Host(u.Hostname()):
		return "", errors.New("must be https (http is for loopback hosts only)")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

func database(v string) (secret.Text, error) {
	if path, ok := strings.CutPrefix(v, sqlitePrefix); ok {
		if path == "" || strings.HasPrefix(path, "//") || strings.Contains(path, ":memory:") || strings.ContainsAny(path, "?#") {
			return secret.Text{}, errors.New("must name a file: sqlite:PATH")
		}
		return secret.New(v), nil
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Opaque != "" {
		return secret.Text{}, errors.New("must be sqlite:PATH or postgres://user:password@host:5432/name")
	}
	return secret.New(v), nil
}

func smtp(v string) (secret.Text, error) {
	u, err := url.Parse(v)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "smtp" && u.Scheme != "smtps", strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.Fragment != "":
		return secret.Text{}, errors.New("must be smtp://user:password@host:587 or smtps://user:password@host:465")
	case u.User != nil && u.User.Username() == "":
		return secret.Text{}, errors.New("has a password and no user")
	}
	return secret.New(v), nil
}

func sender(v string) (string, error) {
	a, err := mail.ParseAddress(v)
	if err != nil {
		return "", errors.New("must be a mail address, such as tokens@example.edu")
	}
	if a.Name == "" {
		return a.Address, nil
	}
	return a.String(), nil
}

func logFormat(c *Config, v string) error {
	switch v {
	case "json":
		c.LogText = false
	case "text":
		c.LogText = true
	default:
		return errors.New("must be json or text")
	}
	return nil
}

func logLevel(c *Config, v string) error {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	l, ok := levels[strings.ToLower(v)]
	if !ok {
		return errors.New("must be debug, info, warn or error")
	}
	c.LogLevel = l
	return nil
}

func proxies(c *Config, v string) error {
	for part := range strings.SplitSeq(v, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(part))
		switch {
		case err != nil:
			return errors.New("must list networks, such as 10.0.0.0/8,fd00::/8")
		case p.Bits() == 0:
			return errors.New("must not trust every address there is")
		}
		c.TrustedProxies = append(c.TrustedProxies, p.Masked())
	}
	return nil
}
