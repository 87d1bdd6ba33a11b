package store

import (
	"fmt"

	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/lti"
)

// ConfirmRoot marks a deployment of a platform as the one at the root account,
// while none of the platform's is so marked. Where one is, this one or another,
// it is access.ErrConflict; a deployment that is not on the platform's
// allow-list is access.ErrNotFound. Of several at once one succeeds.
func (tx *Tx) ConfirmRoot(platform, deploymentID string, told audit.Event, d *audit.Detail) error {
	const op = "confirm root deployment"
	p, rows, err := tx.deploymentsOf(op, platform)
	if err != nil {
		return err
	}
	found := false
	for _, r := range rows {
		if r.Root {
			return lost(op)
		}
		found = found || r.DeploymentID == deploymentID
	}
	if !found {
		return missing(op)
	}
	if err := tx.markRoot(op, platform, deploymentID); err != nil {
		return err
	}
	return tx.tell(access.TenantID(p.Tenant), told, d)
}

// SaveDeployment puts a deployment on a platform's allow-list; one that is on
// it already stays where it is. With Root it is the root account's from then
// on, and no other is; without it nothing is marked, and a mark stays. A
// deployment that another platform has is access.ErrConflict.
func (tx *Tx) SaveDeployment(platform string, add lti.Deployment, told audit.Event, d *audit.Detail) error {
	const op = "save deployment"
	p, rows, err := tx.deploymentsOf(op, platform)
	if err != nil {
		return err
	}
	position, found := 0, false
	for _, r := range rows {
		position = max(position, r.Position+1)
		found = found || r.DeploymentID == add.ID
	}
	if !found {
		one := lti.Registration{ID: p.ID, Issuer: p.Issuer, ClientID: p.ClientID, AuthURL: p.AuthURL, TokenURL: p.TokenURL, KeySetURL: p.KeySetURL,
			Deployments: []lti.Deployment{add}}
		if err := one.Validate(); err != nil {
			return fmt.Errorf("%s: %w: %w", op, access.ErrInvalid, err)
		}
		row := deploymentRow{Platform: platform, Position: position, Issuer: p.Issuer, ClientID: p.ClientID, DeploymentID: add.ID}
		if err := tx.db.Create(&row).Error; err != nil {
			return tx.fail(op, err)
		}
	}
	if add.Root {
		if err := tx.markRoot(op, platform, add.ID); err != nil {
			return err
		}
	}
	return tx.tell(access.TenantID(p.Tenant), told, d)
}

// DropDeployment takes a deployment off a platform's allow-list: its launches
// are refused from then on. One that is not on it is access.ErrNotFound.
func (tx *Tx) DropDeployment(platform, deploymentID string, told audit.Event, d *audit.Detail) error {
	const op = "drop deployment"
	p, _, err := tx.deploymentsOf(op, platform)
	if err != nil {
		return err
	}
	res := tx.db.Where("platform = ? AND deployment_id = ?", platform, deploymentID).Delete(&deploymentRow{})
	switch {
	case res.Error != nil:
		return tx.fail(op, res.Error)
	case res.RowsAffected != 1:
		return missing(op)
	}
	return tx.tell(access.TenantID(p.Tenant), told, d)
}

// deploymentsOf reads a platform and its allow-list for a change of either.
// Whoever else would change them this way waits for this transaction.
func (tx *Tx) deploymentsOf(op, platform string) (platformRow, []deploymentRow, error) {
	var p platformRow
	if err := tx.may(op); err != nil {
		return p, nil, err
	}
	if err := tx.locked().Omit("PlatformGUID").Where("id = ?", platform).Take(&p).Error; err != nil {
		return p, nil, tx.fail(op, err)
	}
	var rows []deploymentRow
	err := tx.db.Where("platform = ?", platform).Order("position").Find(&rows).Error
	return p, rows, tx.fail(op, err)
}

// markRoot marks one deployment of a platform and no other.
func (tx *Tx) markRoot(op, platform, deploymentID string) error {
	res := tx.db.Model(&deploymentRow{}).Where("platform = ?", platform).
		Updates(map[string]any{"root": gorm.Expr("deployment_id = ?", deploymentID)})
	return tx.fail(op, res.Error)
}

// SaveCredential stores the sealed credential for a platform's API, and nothing
// else of the platform.
func (tx *Tx) SaveCredential(platform string, sealed []byte, kind string, told audit.Event, d *audit.Detail) error {
	const op = "save credential"
	p, _, err := tx.deploymentsOf(op, platform)
	if err != nil {
		return err
	}
	res := tx.db.Model(&platformRow{}).Where("id = ?", platform).Updates(map[string]any{"credential": sealed, "credential_kind": kind})
	if res.Error != nil {
		return tx.fail(op, res.Error)
	}
	return tx.tell(access.TenantID(p.Tenant), told, d)
}
