package operate

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
func (c *Commands) SetCredential(ctx context.Context, platform string, cred Credential, actor, reason string) (store.Platform, error) {
	if err := checkCredential(cred); err != nil {
		return store.Platform{}, err
	}
	p, err := c.Platform(ctx, platform)
	if err != nil {
		return p, err
	}
	sealed, kind, err := cred.Seal(c.Box, p.ID)
	if err != nil {
		return p, err
	}
	told := audit.Event{ID: store.NewID("aud"), Tenant: string(p.Tenant), At: c.Now(), Actor: actor, Action: audit.PlatformChange, Object: p.ID}
	detail := audit.NewDetail(map[string]string{"credential": kind, "reason": reason})
	return p, c.Store.InTx(ctx, func(tx *store.Tx) error { return tx.SaveCredential(p.ID, sealed, kind, told, detail) })
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
func (c *Commands) ChangeDeployment(ctx context.Context, change DeploymentChange) (store.Platform, error) {
	switch {
	case change.Deployment == "" || change.Reason == "":
		return store.Platform{}, usage("-deployment-id and -reason are needed")
	case change.Root && change.Remove:
		return store.Platform{}, usage("-root and -remove exclude each other")
	}
	p, err := c.Platform(ctx, change.Platform)
	if err != nil {
		return p, err
	}
	did := "added"
	switch {
	case change.Root:
		did = "root"
	case change.Remove:
		did = "removed"
	}
	told := audit.Event{ID: store.NewID("aud"), Tenant: string(p.Tenant), At: c.Now(), Actor: change.Actor, Action: audit.PlatformChange, Object: p.ID}
	detail := audit.NewDetail(map[string]string{"deployment": change.Deployment, "deployment_is": did, "reason": change.Reason})
	err = c.Store.InTx(ctx, func(tx *store.Tx) error {
		if change.Remove {
			return tx.DropDeployment(p.ID, change.Deployment, told, detail)
		}
		return tx.SaveDeployment(p.ID, lti.Deployment{ID: change.Deployment, Root: change.Root}, told, detail)
	})
	switch {
	case errors.Is(err, access.ErrNotFound) && change.Remove:
		return p, usage("%s has no deployment %q; platform list shows all", p.Name, change.Deployment)
	case errors.Is(err, access.ErrConflict):
		return p, usage("another platform has the deployment %q; platform list shows all", change.Deployment)
	case errors.Is(err, access.ErrInvalid):
		return p, usage("-deployment-id must be 1 to 255 ASCII characters")
	}
	return p, err
}
