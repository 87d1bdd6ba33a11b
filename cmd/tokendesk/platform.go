package main

import (
	"context"
	"flag"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/operate"
)

// many is a flag that may be repeated.
type many []string

func (m *many) String() string     { return strings.Join(*m, " ") }
func (m *many) Set(v string) error { *m = append(*m, v); return nil }

func platformAdd(f *flag.FlagSet) func(context.Context, *call) error {
	var spec operate.PlatformSpec
	var deployments, canvas many
	f.StringVar(&spec.Name, "name", "", "your `name` for this Canvas")
	f.StringVar(&spec.Issuer, "issuer", "", "`URL` that Canvas's tokens name as their issuer")
	f.StringVar(&spec.ClientID, "client-id", "", "client `id` of the LTI key")
	f.Var(&deployments, "deployment-id", "deployment `id` at the root account; may be repeated, the first is the root's")
	f.StringVar(&spec.AuthURL, "auth-url", "", "`URL` of the authentication endpoint")
	f.StringVar(&spec.KeySetURL, "jwks-url", "", "`URL` of Canvas's key set")
	f.StringVar(&spec.TokenURL, "token-url", "", "`URL` of the token endpoint")
	f.Var(&canvas, "canvas-url", "`URL` of the school's own Canvas; may be repeated, the first is called")
	f.BoolVar(&spec.AllowPrivate, "allow-private", false, "admit private network addresses")
	credential := credentialFlags(f)
	f.StringVar(&spec.Reason, "reason", "", "`text` for the audit log; with it the registration of a name that is taken is replaced")
	f.BoolVar(&spec.Moved, "moved", false, "with -reason: the school's own Canvas has another issuer or address now, and this is no other environment")
	return func(ctx context.Context, c *call) error {
		spec.Deployments, spec.CanvasURLs, spec.Actor = deployments, canvas, operate.Operator()
		var err error
		if spec.Credential, err = credential(); err != nil {
			return err
		}
		if err := spec.Check(); err != nil {
			return err
		}
		return withSchema(ctx, c, func(a *app.App) error {
			p, err := a.Operate.AddPlatform(ctx, spec)
			if err != nil {
				return err
			}
			return say(c.stdout, "Registered %s as %s. Check it with: tokendesk doctor -platform %q", p.Name, p.ID, p.Name)
		})
	}
}

func platformList(*flag.FlagSet) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		return withSchema(ctx, c, func(a *app.App) error {
			all, err := a.Operate.Platforms(ctx)
			if err != nil {
				return err
			}
			if len(all) == 0 {
				return say(c.stdout, "No Canvas is registered yet; platform add registers one.")
			}
			for _, p := range all {
				state := "on"
				if p.Disabled {
					state = "off"
				}
				var deployments []string
				for _, d := range p.Registration.Deployments {
					deployments = append(deployments, d.ID)
				}
				err := say(c.stdout, "%s  %s  %q  issuer %s  client %s  deployments %s  canvas %s  credential %s  since %s", p.ID, state, p.Name,
					p.Registration.Issuer, p.Registration.ClientID, strings.Join(deployments, ","), strings.Join(p.CanvasURLs, ","), p.CredentialKind, stampOf(p.CreatedAt))
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func platformDisable(f *flag.FlagSet) func(context.Context, *call) error {
	name := f.String("name", "", "`name` of the Canvas")
	reason := f.String("reason", "", "`text` for the audit log")
	return func(ctx context.Context, c *call) error {
		if *name == "" || *reason == "" {
			return wrong("-name and -reason are needed")
		}
		return withSchema(ctx, c, func(a *app.App) error {
			if err := a.Operate.DisablePlatform(ctx, *name, *reason); err != nil {
				return err
			}
			return say(c.stdout, "%s is switched off: no launch from it and no call to it. Its records stay.", *name)
		})
	}
}

// settingsMax bounds what a wrong path makes us read.
const settingsMax = 1 << 20

func platformSettings(f *flag.FlagSet) func(context.Context, *call) error {
	name := f.String("name", "", "`name` of the Canvas")
	file := f.String("file", "", "`file` with the settings as JSON; - is standard input. What it leaves out stays as it is")
	reason := f.String("reason", "", "`text` for the audit log")
	return func(ctx context.Context, c *call) error {
		if *name == "" || *file == "" || *reason == "" {
			return wrong("-name, -file and -reason are needed")
		}
		document, err := read(*file, c.stdin)
		if err != nil {
			return err
		}
		return withSchema(ctx, c, func(a *app.App) error {
			if err := a.Operate.SetSchool(ctx, *name, document, *reason); err != nil {
				return err
			}
			return say(c.stdout, "The settings of %s are saved.", *name)
		})
	}
}

// read reads a file whole, or standard input for "-".
func read(path string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, wrong("%s", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, settingsMax+1))
	if err != nil {
		return nil, err
	}
	if len(b) > settingsMax {
		return nil, wrong("%s is too large to be settings", path)
	}
	return b, nil
}

func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }
