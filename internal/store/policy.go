package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// Published is one version of a tenant's policy as it was published.
type Published struct {
	Tenant access.TenantID
	Policy policy.Policy
	At     time.Time
	By     string // per_…, "system", or "operator:<os user>"
	Reason string
}

// PolicyError says that a version of a tenant's policy cannot be used: it is not
// there, or its document is not one that this program reads. Nothing stands in
// for it. It is none of access's kinds: nobody asked for anything wrong.
type PolicyError struct {
	Tenant  access.TenantID
	Version int
	Err     error // a *policy.Error, or nil where there is no such version
}

func (e *PolicyError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("version %d of the policy of tenant %s is not there", e.Version, e.Tenant)
	}
	return fmt.Sprintf("version %d of the policy of tenant %s: %v", e.Version, e.Tenant, e.Err)
}

// Unwrap gives what is wrong with the document.
func (e *PolicyError) Unwrap() error { return e.Err }

type policyRow struct {
	Tenant      string `gorm:"primaryKey"`
	Version     int    `gorm:"primaryKey;autoIncrement:false"`
	Document    string
	PublishedAt moment
	PublishedBy string
	Reason      string
}

func (policyRow) TableName() string { return "policies" }

type policyKey struct {
	tenant  access.TenantID
	version int
}

// PublishPolicy adds the next version of a tenant's policy, with its audit event.
// It refuses, with a *policy.Error, a policy that is not valid, and with
// access.ErrConflict one whose version is not the next: somebody else published
// meanwhile. A version that was published never changes.
func (tx *Tx) PublishPolicy(p Published) error {
	if err := tx.may("publish policy"); err != nil {
		return err
	}
	document, err := policy.Encode(p.Policy)
	if err != nil {
		return err
	}
	version := p.Policy.Version
	res := tx.db.Model(&tenantRow{}).Where("id = ? AND policy_version = ?", string(p.Tenant), version-1).Update("policy_version", version)
	if res.Error != nil {
		return tx.fail("publish policy", res.Error)
	}
	if res.RowsAffected != 1 {
		if _, err := tx.Tenant(p.Tenant); err != nil {
			return err
		}
		return lost(fmt.Sprintf("publish version %d of the policy of %s", version, p.Tenant))
	}
	row := policyRow{Tenant: string(p.Tenant), Version: version, Document: string(document), PublishedAt: stamp(p.At), PublishedBy: p.By, Reason: p.Reason}
	if err := tx.db.Create(&row).Error; err != nil {
		return tx.fail("publish policy", err)
	}
	tx.published = true
	// It tells of no state: a school from before policies were stored has a first
	// version without an event, and its log must replay all the same.
	told := audit.Event{At: p.At, Actor: p.By, Action: audit.PolicyPublish, Object: string(p.Tenant), Version: version}
	var d *audit.Detail
	if p.Reason != "" {
		d = audit.NewDetail(map[string]string{"reason": p.Reason})
	}
	return tx.tell(p.Tenant, told, d)
}

// Policy returns a version of a tenant's policy, or a *PolicyError.
func (tx *Tx) Policy(tenant access.TenantID, version int) (policy.Policy, error) {
	// What was published stays as it is, so that it is read and judged once.
	known, _ := tx.s.policies.Load(policyKey{tenant, version})
	if p, ok := known.(policy.Policy); ok {
		return p, nil
	}
	var r policyRow
	err := tx.db.Where("tenant = ? AND version = ?", string(tenant), version).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return policy.Policy{}, &PolicyError{Tenant: tenant, Version: version}
	}
	if err != nil {
		return policy.Policy{}, tx.fail("policy", err)
	}
	return tx.decodePolicy(r)
}

// decodePolicy reads a version's document, and keeps it for the next who asks.
func (tx *Tx) decodePolicy(r policyRow) (policy.Policy, error) {
	tenant := access.TenantID(r.Tenant)
	p, err := policy.Decode(r.Version, []byte(r.Document))
	if err != nil {
		return policy.Policy{}, &PolicyError{Tenant: tenant, Version: r.Version, Err: err}
	}
	if !tx.published { // else it may be one that nobody will ever see
		tx.s.policies.Store(policyKey{tenant, r.Version}, p)
	}
	return p, nil
}

// Policy is Tx.Policy for whoever reads nothing else.
func (s *Store) Policy(ctx context.Context, tenant access.TenantID, version int) (p policy.Policy, err error) {
	known, _ := s.policies.Load(policyKey{tenant, version})
	if p, ok := known.(policy.Policy); ok {
		return p, nil
	}
	err = s.Read(ctx, func(tx *Tx) error {
		p, err = tx.Policy(tenant, version)
		return err
	})
	return p, err
}

// NewestPolicy returns the newest version of a tenant's policy (as
// Tenant.PolicyVersion names it), by which what begins now is judged. It returns a
// *PolicyError as Policy does, and access.ErrNotFound for no tenant.
func (tx *Tx) NewestPolicy(tenant access.TenantID) (policy.Policy, error) {
	var r tenantRow
	if err := tx.db.Select("policy_version").Where("id = ?", string(tenant)).Take(&r).Error; err != nil {
		return policy.Policy{}, tx.fail("newest policy", err)
	}
	return tx.Policy(tenant, r.PolicyVersion)
}

// PolicyVersions returns the versions by which a tenant's requests in a state are
// judged, oldest first. Drafts are judged by none yet.
func (tx *Tx) PolicyVersions(tenant access.TenantID, state access.RequestState) ([]int, error) {
	var out []int
	err := tx.db.Model(&requestRow{}).Where("tenant = ? AND state = ? AND policy_version > 0", string(tenant), string(state)).
		Distinct("policy_version").Order("policy_version").Pluck("policy_version", &out).Error
	return out, tx.fail("policy versions", err)
}
