package main

import (
	"context"
	"flag"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/operate"
)

func invite(f *flag.FlagSet) func(context.Context, *call) error {
	var spec operate.InviteSpec
	var canvas many
	f.StringVar(&spec.Name, "name", "", "your `name` for this Canvas")
	f.Var(&canvas, "canvas-url", "`URL` of the school's own Canvas, as its admins see it; may be repeated, the first is called. Only these may register")
	f.DurationVar(&spec.Valid, "valid", operate.InviteLife, "how `long` the link works")
	f.StringVar(&spec.Reason, "reason", "", "`text` for the audit log")
	credential := credentialFlags(f)
	return func(ctx context.Context, c *call) error {
		spec.CanvasURLs, spec.Actor = canvas, operate.Operator()
		var err error
		if spec.Credential, err = credential(); err != nil {
			return err
		}
		if err := spec.Check(); err != nil {
			return err
		}
		return withSchema(ctx, c, func(a *app.App) error {
			got, err := a.Operate.Invite(ctx, spec)
			if err != nil {
				return err
			}
			return say(c.stdout, "%s\nAn admin of %s pastes this link into Canvas: Admin, Developer Keys, + LTI Registration. It works once, until %s. "+
				"Whoever has it can register that Canvas: send it like a password.", got.Link, canvas[0], stampOf(got.ExpiresAt))
		})
	}
}

// credentialFlags defines the flags of a credential and returns what reads it.
func credentialFlags(f *flag.FlagSet) func() (operate.Credential, error) {
	var cred operate.Credential
	var tokenFile, secretFile, refreshFile string
	f.StringVar(&tokenFile, "canvas-token-file", "", "`file` with an admin's token")
	f.StringVar(&cred.OAuthClientID, "canvas-oauth-client-id", "", "client `id` of an API key, instead of a token")
	f.StringVar(&secretFile, "canvas-oauth-secret-file", "", "`file` with the API key's secret")
	f.StringVar(&refreshFile, "canvas-refresh-token-file", "", "`file` with the refresh token")
	return func() (operate.Credential, error) {
		var err error
		if tokenFile != "" {
			if cred.Token, err = operate.ReadSecret(tokenFile); err != nil {
				return operate.Credential{}, err
			}
		}
		if secretFile != "" {
			if cred.OAuthSecret, err = operate.ReadSecret(secretFile); err != nil {
				return operate.Credential{}, err
			}
		}
		if refreshFile != "" {
			if cred.RefreshToken, err = operate.ReadSecret(refreshFile); err != nil {
				return operate.Credential{}, err
			}
		}
		return cred, nil
	}
}

func platformCredential(f *flag.FlagSet) func(context.Context, *call) error {
	platform := f.String("platform", "", "`name` of the Canvas; needed when there are several")
	reason := f.String("reason", "", "`text` for the audit log")
	credential := credentialFlags(f)
	return func(ctx context.Context, c *call) error {
		if *reason == "" {
			return wrong("-reason is needed")
		}
		cred, err := credential()
		if err != nil {
			return err
		}
		return withSchema(ctx, c, func(a *app.App) error {
			p, err := a.Operate.SetCredential(ctx, *platform, cred, operate.Operator(), *reason)
			if err != nil {
				return err
			}
			return say(c.stdout, "The credential for %s is stored. Check it with: tokendesk doctor -platform %q", p.Name, p.Name)
		})
	}
}

func platformDeployment(f *flag.FlagSet) func(context.Context, *call) error {
	var change operate.DeploymentChange
	f.StringVar(&change.Platform, "platform", "", "`name` of the Canvas; needed when there are several")
	f.StringVar(&change.Deployment, "deployment-id", "", "deployment `id`, as Canvas shows it")
	f.BoolVar(&change.Root, "root", false, "it is the one at the root account: its launches open the admin pages, no other's do")
	f.BoolVar(&change.Remove, "remove", false, "refuse its launches from now on")
	f.StringVar(&change.Reason, "reason", "", "`text` for the audit log")
	return func(ctx context.Context, c *call) error {
		change.Actor = operate.Operator()
		return withSchema(ctx, c, func(a *app.App) error {
			p, err := a.Operate.ChangeDeployment(ctx, change)
			if err != nil {
				return err
			}
			switch {
			case change.Remove:
				return say(c.stdout, "Launches of %s from deployment %s are refused.", p.Name, change.Deployment)
			case change.Root:
				return say(c.stdout, "Deployment %s is the root account's of %s.", change.Deployment, p.Name)
			}
			return say(c.stdout, "Launches of %s from deployment %s are accepted.", p.Name, change.Deployment)
		})
	}
}
