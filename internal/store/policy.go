package store

import (
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
	Version int   // 0: the newest
	Err     error // a *policy.Error, or nil where there is no such version
}

func (e *PolicyError) Error() string {
	which := fmt.Sprintf("version %d of the policy", e.Version)
	if e.Version == 0 {
		which = "a policy"
	}
	if e.Err == nil {
		return fmt.Sprintf("%s of tenant %s is not there", which, e.Tenant)
	}
	return fmt.Sprintf("%s of tenant %s: %v", which, e.Tenant, e.Err)
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
	if err := tx.lockTenant(p.Tenant); err != nil {
		return err
	}
	newest, err := tx.newestPolicy(p.Tenant)
	if err != nil {
		return err
	}
	if p.Policy.Version != newest+1 {
		return lost(fmt.Sprintf("publish version %d of the policy of %s", p.Policy.Version, p.Tenant))
	}
	row := policyRow{Tenant: string(p.Tenant), Version: p.Policy.Version, Document: string(document), PublishedAt: stamp(p.At), PublishedBy: p.By, Reason: p.Reason}
	if err := tx.db.Create(&row).Error; err != nil {
		return tx.fail("publish policy", err)
	}
	tx.published = true
	told := audit.Event{At: p.At, Actor: p.By, Action: audit.PolicyPublish, Object: string(p.Tenant), To: "published", Version: p.Policy.Version}
	if newest > 0 {
		told.From = "published"
	}
	var d *audit.Detail
	if p.Reason != "" {
		d = audit.NewDetail(map[string]string{"reason": p.Reason})
	}
	return tx.tell(p.Tenant, told, d)
}

func (tx *Tx) newestPolicy(tenant access.TenantID) (int, error) {
	var n int
	err := tx.db.Model(&policyRow{}).Where("tenant = ?", string(tenant)).Select("COALESCE(MAX(version), 0)").Scan(&n).Error
	return n, tx.fail("newest policy", err)
}

// Policy returns a version of a tenant's policy, or a *PolicyError.
func (tx *Tx) Policy(tenant access.TenantID, version int) (policy.Policy, error) {
	// What was published stays as it is, so that it is read and judged once.
	if p, ok := tx.s.policies.Load(policyKey{tenant, version}); ok {
		return p.(policy.Policy), nil //nolint:forcetypeassert // the only kind in it
	}
	var r policyRow
	err := tx.db.Where("tenant = ? AND version = ?", string(tenant), version).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return policy.Policy{}, &PolicyError{Tenant: tenant, Version: version}
	}
	if err != nil {
		return policy.Policy{}, tx.fail("policy", err)
	}
	p, err := policy.Decode(r.Version, []byte(r.Document))
	if err != nil {
		return policy.Policy{}, &PolicyError{Tenant: tenant, Version: version, Err: err}
	}
	if !tx.published { // else it may be one that nobody will ever see
		tx.s.policies.Store(policyKey{tenant, version}, p)
	}
	return p, nil
}

// NewestPolicy returns the newest version of a tenant's policy, by which what
// begins now is judged, or a *PolicyError.
func (tx *Tx) NewestPolicy(tenant access.TenantID) (policy.Policy, error) {
	n, err := tx.newestPolicy(tenant)
	if err != nil {
		return policy.Policy{}, err
	}
	if n == 0 {
		return policy.Policy{}, &PolicyError{Tenant: tenant}
	}
	return tx.Policy(tenant, n)
}

// PolicyVersions returns the versions by which a tenant's requests in a state are
// judged, oldest first. Drafts are judged by none yet.
func (tx *Tx) PolicyVersions(tenant access.TenantID, state access.RequestState) ([]int, error) {
	var out []int
	err := tx.db.Model(&requestRow{}).Where("tenant = ? AND state = ? AND policy_version > 0", string(tenant), string(state)).
		Distinct("policy_version").Order("policy_version").Pluck("policy_version", &out).Error
	return out, tx.fail("policy versions", err)
}
