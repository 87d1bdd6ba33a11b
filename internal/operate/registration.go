package operate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/egress"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// registrationTime bounds what follows once an invite is taken, whether or not
// the admin's browser still waits.
const registrationTime = 30 * time.Second

// Register is LTI dynamic registration with the Canvas that an invite names. What
// it refuses is a *RegistrationRefusal.
//
// The invite is taken before the one call that may register something, and
// goes back only if Canvas says no, or was never reached: so of several visits
// one registers. If the answer is lost, nobody can know, and it stays taken.
func (c *Commands) Register(ctx context.Context, ask RegistrationAsk) (Registered, error) {
	i, err := c.invited(ctx, ask.Invite)
	if err != nil {
		return Registered{}, err
	}
	refuse := func(why RegistrationWhy, cause error) (Registered, error) {
		return Registered{}, &RegistrationRefusal{Why: why, Frames: i.CanvasURLs, Cause: cause}
	}
	trusted, err := trustOf(i.CanvasURLs)
	if err != nil {
		return Registered{}, err
	}
	switch {
	case ask.ConfigURL == "" || ask.Token == "":
		return refuse(RegistrationDirect, nil)
	case !trusted.isOwn(ask.ConfigURL):
		return refuse(RegistrationForeign, errors.New("the configuration is not at the invite's Canvas"))
	}
	// Private addresses are never for a Canvas that registers itself, whatever
	// other registrations were allowed (docs/decisions.md 12).
	client := egress.New(func(string) bool { return false }).Client()
	defer client.CloseIdleConnections()
	d := &lti.DynamicRegistration{Client: client, TrustHost: trusted.host}
	cfg, err := d.Discover(ctx, ask.ConfigURL, ask.Token)
	if err != nil {
		return refuse(RegistrationConfiguration, err)
	}
	if !cfg.IsCanvas() {
		return refuse(RegistrationNotCanvas, fmt.Errorf("the platform is %q and not Canvas", cfg.ProductFamily))
	}
	if err := trusted.check(cfg); err != nil {
		return refuse(RegistrationForeign, err)
	}
	if _, err := ask.Profile.Registration(cfg); err != nil {
		return Registered{}, err
	}

	if why, err := c.takeInvite(ctx, i, cfg.Issuer); why != "" || err != nil {
		if why == "" {
			return Registered{}, err
		}
		return refuse(why, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), registrationTime)
	defer cancel()
	got, err := d.Register(ctx, cfg, ask.Token, ask.Profile)
	if err != nil {
		why := nothingRegistered(err)
		if why == "" {
			return refuse(RegistrationUnclear, err)
		}
		if backErr := c.Store.InTx(ctx, func(tx *store.Tx) error { return tx.ReturnInvite(i.Hash) }); backErr != nil {
			c.Log.ErrorContext(ctx, "an invite could not be given back", "invite", i.ID, "err", backErr)
		}
		return refuse(why, err)
	}
	p, err := c.saveRegistered(ctx, i, cfg, got)
	if err != nil {
		c.Log.ErrorContext(ctx, "Canvas registered the tool, but it could not be stored", "invite", i.ID, "client_id", got.ClientID,
			"deployment_id", got.DeploymentID, "err", err)
		return refuse(RegistrationUnsaved, err)
	}
	c.Log.InfoContext(ctx, "a Canvas has registered the tool", "platform", p.Name, "client_id", got.ClientID)
	return Registered{Name: p.Name, Frames: i.CanvasURLs, Todo: todo(ask.Profile, p, got)}, nil
}

// invited finds the invite of a code, if it still works.
func (c *Commands) invited(ctx context.Context, code string) (store.Invite, error) {
	var i store.Invite
	if !codeForm.MatchString(code) {
		return i, &RegistrationRefusal{Why: RegistrationNoInvite}
	}
	err := c.Store.Read(ctx, func(tx *store.Tx) (err error) {
		i, err = tx.InviteByHash(inviteHash(code))
		return err
	})
	switch {
	case errors.Is(err, access.ErrNotFound):
		return i, &RegistrationRefusal{Why: RegistrationNoInvite}
	case err != nil:
		return i, err
	case i.State != store.InviteOpen:
		return i, &RegistrationRefusal{Why: RegistrationUsed, Frames: i.CanvasURLs}
	case !i.ExpiresAt.After(c.Now()):
		return i, &RegistrationRefusal{Why: RegistrationExpired, Frames: i.CanvasURLs}
	}
	return i, nil
}

// takeInvite takes an invite, unless somebody else took it, its platform's name
// was given away meanwhile, or its Canvas is registered by another name.
func (c *Commands) takeInvite(ctx context.Context, i store.Invite, issuer string) (RegistrationWhy, error) {
	err := c.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.TakeInvite(i.Hash, c.Now()); err != nil {
			return err
		}
		switch _, err := tx.PlatformNamed(i.Name); {
		case err == nil:
			return errNameTaken // and so it is not taken
		case !errors.Is(err, access.ErrNotFound):
			return err
		}
		switch p, err := tx.PlatformOfCanvas(issuer, i.CanvasURLs[0]); {
		case err == nil:
			return fmt.Errorf("%w as %q; tokendesk platform add -name %q -reason TEXT gives that a new client id", errKnownCanvas, p.Name, p.Name)
		case !errors.Is(err, access.ErrNotFound):
			return err
		}
		return nil
	})
	switch {
	case errors.Is(err, errNameTaken):
		return RegistrationName, err
	case errors.Is(err, errKnownCanvas):
		return RegistrationKnown, err
	case errors.Is(err, access.ErrConflict):
		return RegistrationUsed, err
	}
	return "", err
}

var (
	errNameTaken   = errors.New("a platform has the invite's name")
	errKnownCanvas = errors.New("this Canvas is registered already")
)

// nothingRegistered says why a failed registration certainly left nothing in
// Canvas: Canvas refused it, or no connection was made. Else it is "".
func nothingRegistered(err error) RegistrationWhy {
	var refused *lti.RegistrationError
	var failed *net.OpError
	switch {
	case errors.As(err, &refused):
		if s := refused.Status; s >= http.StatusBadRequest && s < http.StatusInternalServerError && s != http.StatusRequestTimeout {
			return RegistrationRefused
		}
	case errors.As(err, &failed) && failed.Op == "dial":
		return RegistrationConfiguration
	}
	return ""
}

// saveRegistered stores what Canvas registered, a tenant of its own for it, and
// the end of the invite. No deployment is the root account's yet: the first
// launch from there confirms it.
func (c *Commands) saveRegistered(ctx context.Context, i store.Invite, cfg lti.PlatformConfiguration, got lti.Registered) (store.Platform, error) {
	school, err := withDefaults(store.School{}, c.Now())
	if err != nil {
		return store.Platform{}, err
	}
	now := c.Now()
	reg, err := cfg.Registration(i.Platform, got)
	if err != nil {
		return store.Platform{}, err
	}
	reg.FrameOrigins, reg.RosterHosts = i.CanvasURLs, hostsOf(i.CanvasURLs)
	p := store.Platform{
		ID: i.Platform, Tenant: access.TenantID(store.NewID("ten")), Name: i.Name, CanvasURLs: i.CanvasURLs,
		Credential: i.Credential, CredentialKind: i.CredentialKind, CreatedAt: now, Registration: reg,
	}
	told := audit.Event{ID: store.NewID("aud"), Tenant: string(p.Tenant), At: now, Actor: i.Actor, Action: audit.PlatformAdd, Object: p.ID}
	detail := audit.NewDetail(map[string]string{
		"name": p.Name, "issuer": cfg.Issuer, "client_id": got.ClientID, "deployments": got.DeploymentID, "canvas": strings.Join(p.CanvasURLs, " "),
		"credential": p.CredentialKind, "allow_private": "false", "reason": i.Reason, "how": "dynamic registration", "invite": i.ID,
		"account": cfg.AccountName, "scopes": strings.Join(got.Scopes, " "),
	})
	return p, c.Store.InTx(ctx, func(tx *store.Tx) error {
		err := tx.CreateTenant(store.Tenant{ID: p.Tenant, Name: p.Name, PlatformGUID: cfg.AccountGUID, School: school, Version: 1, CreatedAt: now})
		if err != nil {
			return err
		}
		if err := tx.TakeCanvas(p.Tenant, cfg.Issuer, p.CanvasURLs[0]); err != nil {
			return err
		}
		if err := tx.SavePlatform(p, told, detail); err != nil {
			return err
		}
		return tx.SpendInvite(i.Hash)
	})
}

// hostsOf are the hosts to which a service token may go.
func hostsOf(origins []string) []string {
	var out []string
	for _, o := range origins {
		if u, err := url.Parse(o); err == nil {
			out = append(out, lti.HostOf(u))
		}
	}
	return out
}

// todo lists what a registration leaves to do. What Canvas answers is what it
// took before the admin's review; what it does not repeat is not known.
func todo(asked lti.Profile, p store.Platform, got lti.Registered) []Todo {
	out := []Todo{{Kind: TodoEnable}}
	var lacking []string
	for _, pl := range asked.Placements {
		if got.Placements != nil && !slices.Contains(got.Placements, pl.Name) {
			lacking = append(lacking, string(pl.Name))
		}
	}
	if len(lacking) > 0 {
		out = append(out, Todo{Kind: TodoPlacements, Value: strings.Join(lacking, ", ")})
	}
	if !slices.Contains(got.Scopes, lti.ScopeNamesRoles) {
		out = append(out, Todo{Kind: TodoScope})
	}
	out = append(out, Todo{Kind: TodoPermissions})
	if len(p.Registration.Deployments) == 0 {
		out = append(out, Todo{Kind: TodoInstall, Value: p.Name})
	} else {
		out = append(out, Todo{Kind: TodoRoot})
	}
	if len(p.Credential) == 0 {
		out = append(out, Todo{Kind: TodoCredential, Value: p.Name})
	}
	return out
}

// Setup tells how far the platform of a verified launch is set up, after taking the
// step that this launch is: the first launch from the root account by one of its
// admins confirms the deployment that the registration made there: its id ends
// in the account's own id, which no other place's launch can have.
func (c *Commands) Setup(ctx context.Context, l lti.Launch) (Setup, error) {
	// Almost every launch. One that began before the root deployment was
	// confirmed reads it anew.
	if _, done := c.complete.Load(l.Registration); done && l.RootDeployment {
		return Setup{Root: true}, nil
	}
	p, err := c.platform(ctx, l.Registration)
	if err != nil {
		return Setup{}, err
	}
	if !hasRoot(p) && authority.FromRootAdmin(l) {
		if err := c.confirmRoot(ctx, p, l); err != nil {
			return Setup{}, err
		}
		if p, err = c.platform(ctx, l.Registration); err != nil {
			return Setup{}, err
		}
	}
	if hasRoot(p) && len(p.Credential) > 0 {
		c.complete.Store(p.ID, true)
	}
	d, _ := p.Registration.Deployment(l.DeploymentID)
	return Setup{Root: d.Root, Waits: len(p.Credential) == 0, Frames: p.CanvasURLs}, nil
}

func (c *Commands) platform(ctx context.Context, id string) (p store.Platform, err error) {
	p, _, err = c.Store.PlatformAndTenant(ctx, id)
	return p, err
}

func hasRoot(p store.Platform) bool {
	return slices.ContainsFunc(p.Registration.Deployments, func(d lti.Deployment) bool { return d.Root })
}

func (c *Commands) confirmRoot(ctx context.Context, p store.Platform, l lti.Launch) error {
	told := audit.Event{ID: store.NewID("aud"), Tenant: string(p.Tenant), At: c.Now(), Actor: access.SystemID, Action: audit.PlatformChange, Object: p.ID}
	detail := audit.NewDetail(map[string]string{
		"root_deployment": l.DeploymentID, "confirmed_by": "launch of " + l.Subject, "account": l.Context.ID,
	})
	err := c.Store.InTx(ctx, func(tx *store.Tx) error { return tx.ConfirmRoot(p.ID, l.DeploymentID, told, detail) })
	switch {
	case errors.Is(err, access.ErrConflict):
		return nil // another launch was quicker
	case err != nil:
		return fmt.Errorf("confirm the root deployment of %s: %w", p.Name, err)
	}
	c.Log.InfoContext(ctx, "the root deployment is confirmed", "platform", p.Name, "deployment_id", l.DeploymentID)
	return nil
}
