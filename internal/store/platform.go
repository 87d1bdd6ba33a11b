package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"gorm.io/gorm/clause"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/lti"
)

type platformRow struct {
	ID             string `gorm:"primaryKey"`
	Tenant         string
	Name           string
	Issuer         string
	ClientID       string
	AuthURL        string `gorm:"column:auth_url"`
	TokenURL       string `gorm:"column:token_url"`
	KeySetURL      string `gorm:"column:key_set_url"`
	RosterHosts    string
	FrameOrigins   string
	CanvasURLs     string `gorm:"column:canvas_urls"`
	AllowPrivate   bool
	Disabled       bool
	Credential     []byte
	CredentialKind string
	CreatedAt      moment

	PlatformGUID string `gorm:"column:platform_guid;->"` // the tenant's
}

func (platformRow) TableName() string { return "platforms" }

type deploymentRow struct {
	Platform     string `gorm:"primaryKey"`
	Position     int    `gorm:"primaryKey;autoIncrement:false"`
	Issuer       string
	ClientID     string
	DeploymentID string
	Root         bool
}

func (deploymentRow) TableName() string { return "platform_deployments" }

// platform is the platform but for its lists, which are texts in the row.
func (r platformRow) platform(deployments []lti.Deployment) Platform {
	return Platform{ID: r.ID, Tenant: access.TenantID(r.Tenant), Name: r.Name,
		Registration: lti.Registration{ID: r.ID, Issuer: r.Issuer, ClientID: r.ClientID, AuthURL: r.AuthURL, TokenURL: r.TokenURL,
			KeySetURL: r.KeySetURL, Deployments: deployments, PlatformGUID: r.PlatformGUID,
			Canvas: true}, // nothing else is ever registered
		AllowPrivate: r.AllowPrivate, Disabled: r.Disabled, Credential: r.Credential, CredentialKind: r.CredentialKind,
		CreatedAt: r.CreatedAt.time()}
}

func (r platformRow) whole(deployments []lti.Deployment) (Platform, error) {
	p := r.platform(deployments)
	err := errors.Join(json.Unmarshal([]byte(r.RosterHosts), &p.Registration.RosterHosts),
		json.Unmarshal([]byte(r.FrameOrigins), &p.Registration.FrameOrigins), json.Unmarshal([]byte(r.CanvasURLs), &p.CanvasURLs))
	if err != nil {
		return Platform{}, fmt.Errorf("platform %s: %w", r.ID, err)
	}
	return p, nil
}

// SavePlatform adds the platform or, if its ID is known, writes every field but
// Tenant and CreatedAt, which never change. Registration.PlatformGUID belongs
// to the tenant and is not written. A name or a deployment that another
// platform has is access.ErrConflict. A platform without any deployment waits
// for one (see SaveDeployment).
func (tx *Tx) SavePlatform(p Platform, told audit.Event, d *audit.Detail) error {
	if err := tx.may("save platform"); err != nil {
		return err
	}
	reg := p.Registration
	if reg.ID != "" && reg.ID != p.ID {
		return fmt.Errorf("save platform %s: its registration has the id %q", p.ID, reg.ID)
	}
	reg.ID = p.ID
	if err := reg.ValidateWaiting(); err != nil {
		return fmt.Errorf("save platform %s: %w: %w", p.ID, access.ErrInvalid, err)
	}
	lists := make([]string, 3)
	for i, l := range [][]string{reg.RosterHosts, reg.FrameOrigins, p.CanvasURLs} {
		b, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("save platform %s: %w", p.ID, err)
		}
		lists[i] = string(b)
	}
	row := platformRow{ID: p.ID, Tenant: string(p.Tenant), Name: p.Name, Issuer: reg.Issuer, ClientID: reg.ClientID,
		AuthURL: reg.AuthURL, TokenURL: reg.TokenURL, KeySetURL: reg.KeySetURL, RosterHosts: lists[0], FrameOrigins: lists[1],
		CanvasURLs: lists[2], AllowPrivate: p.AllowPrivate, Disabled: p.Disabled, Credential: p.Credential,
		CredentialKind: p.CredentialKind, CreatedAt: stamp(p.CreatedAt)}
	res := tx.db.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "id"}},
		Where:   clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "platforms.tenant = excluded.tenant"}}},
		DoUpdates: clause.AssignmentColumns([]string{"name", "issuer", "client_id", "auth_url", "token_url", "key_set_url",
			"roster_hosts", "frame_origins", "canvas_urls", "allow_private", "disabled", "credential", "credential_kind"}),
	}).Create(&row)
	if res.Error != nil {
		return tx.fail("save platform", res.Error)
	}
	if res.RowsAffected != 1 {
		return lost("save platform " + p.ID + " of another tenant")
	}
	if err := tx.saveDeployments(p.ID, reg); err != nil {
		return err
	}
	return tx.tell(p.Tenant, told, d)
}

func (tx *Tx) saveDeployments(platform string, reg lti.Registration) error {
	if err := tx.db.Where("platform = ?", platform).Delete(&deploymentRow{}).Error; err != nil {
		return tx.fail("save deployments", err)
	}
	rows := make([]deploymentRow, len(reg.Deployments))
	for i, d := range reg.Deployments {
		rows[i] = deploymentRow{Platform: platform, Position: i, Issuer: reg.Issuer, ClientID: reg.ClientID, DeploymentID: d.ID, Root: d.Root}
	}
	if len(rows) == 0 {
		return nil // registered, and not deployed yet
	}
	return tx.fail("save deployments", tx.db.Create(&rows).Error)
}

// platforms returns the platforms that the condition selects, oldest first.
func (tx *Tx) platforms(op, where string, args ...any) ([]Platform, error) {
	var rows []platformRow
	err := tx.db.Select("platforms.*, tenants.platform_guid").Joins("JOIN tenants ON tenants.id = platforms.tenant").
		Where(where, args...).Order("platforms.created_at, platforms.id").Find(&rows).Error
	if err != nil {
		return nil, tx.fail(op, err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	var deployments []deploymentRow
	if err := tx.db.Where("platform IN ?", ids).Order("platform, position").Find(&deployments).Error; err != nil {
		return nil, tx.fail(op, err)
	}
	of := map[string][]lti.Deployment{}
	for _, d := range deployments {
		of[d.Platform] = append(of[d.Platform], lti.Deployment{ID: d.DeploymentID, Root: d.Root})
	}
	return convert(rows, func(r platformRow) (Platform, error) { return r.whole(of[r.ID]) })
}

// onePlatform returns the only platform selected, or access.ErrNotFound where
// there is none, or more than one.
func (tx *Tx) onePlatform(op, where string, args ...any) (Platform, error) {
	ps, err := tx.platforms(op, where, args...)
	switch {
	case err != nil:
		return Platform{}, err
	case len(ps) != 1:
		return Platform{}, missing(op)
	}
	return ps[0], nil
}

// Platform returns a platform, or access.ErrNotFound.
func (tx *Tx) Platform(id string) (Platform, error) {
	return tx.onePlatform("platform", "platforms.id = ?", id)
}

// PlatformNamed returns the platform with the operator's name.
func (tx *Tx) PlatformNamed(name string) (Platform, error) {
	return tx.onePlatform("platform", "platforms.name = ?", name)
}

// Platforms returns all platforms of all tenants, disabled ones too, oldest first.
func (tx *Tx) Platforms() ([]Platform, error) { return tx.platforms("platforms", "1 = 1") }
