package app

import (
	"context"
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// SetCredential stores the credential for a Canvas's API, in place of the one
// there may be. It calls nobody; what the credential is worth, doctor tells.
// platform may be empty where there is only one.
func (a *App) SetCredential(ctx context.Context, platform string, c Credential, actor, reason string) (store.Platform, error) {
	if err := checkCredential(c); err != nil {
		return store.Platform{}, err
	}
	p, err := a.onePlatform(ctx, platform)
	if err != nil {
		return p, err
	}
	sealed, kind, err := c.Seal(a.Box, p.ID)
	if err != nil {
		return p, err
	}
	told := audit.Event{ID: store.NewID("aud"), Tenant: string(p.Tenant), At: a.now(), Actor: actor, Action: audit.PlatformChange, Object: p.ID}
	detail := audit.NewDetail(map[string]string{"credential": kind, "reason": reason})
	return p, a.Store.InTx(ctx, func(tx *store.Tx) error { return tx.SaveCredential(p.ID, sealed, kind, told, detail) })
}

// DeploymentChange is what to do with one deployment of a platform.
type DeploymentChange struct {
	Platform   string // may be empty where there is only one
	Deployment string
	Root       bool // it is installed at the root account, and no other is
	Remove     bool // its launches are refused from now on

	Actor, Reason string
}

// ChangeDeployment puts a deployment on a platform's allow-list, or takes it
// off. An ErrUsage says what to correct.
func (a *App) ChangeDeployment(ctx context.Context, c DeploymentChange) (store.Platform, error) {
	switch {
	case c.Deployment == "" || c.Reason == "":
		return store.Platform{}, usage("-deployment-id and -reason are needed")
	case c.Root && c.Remove:
		return store.Platform{}, usage("-root and -remove exclude each other")
	}
	p, err := a.onePlatform(ctx, c.Platform)
	if err != nil {
		return p, err
	}
	did := "added"
	switch {
	case c.Root:
		did = "root"
	case c.Remove:
		did = "removed"
	}
	told := audit.Event{ID: store.NewID("aud"), Tenant: string(p.Tenant), At: a.now(), Actor: c.Actor, Action: audit.PlatformChange, Object: p.ID}
	detail := audit.NewDetail(map[string]string{"deployment": c.Deployment, "deployment_is": did, "reason": c.Reason})
	err = a.Store.InTx(ctx, func(tx *store.Tx) error {
		if c.Remove {
			return tx.DropDeployment(p.ID, c.Deployment, told, detail)
		}
		return tx.SaveDeployment(p.ID, lti.Deployment{ID: c.Deployment, Root: c.Root}, told, detail)
	})
	switch {
	case errors.Is(err, access.ErrNotFound) && c.Remove:
		return p, usage("%s has no deployment %q; platform list shows all", p.Name, c.Deployment)
	case errors.Is(err, access.ErrConflict):
		return p, usage("another platform has the deployment %q; platform list shows all", c.Deployment)
	case errors.Is(err, access.ErrInvalid):
		return p, usage("-deployment-id must be 1 to 255 ASCII characters")
	}
	return p, err
}
