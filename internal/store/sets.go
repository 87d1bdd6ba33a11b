package store

import (
	"errors"
	"math/bits"
	"slices"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/policy"
)

// What a list needs to know of each of its rows, read for all of them at once: a
// page says as many statements for fifty rows as for five. What is read of many
// objects inside InTx is locked in the order of their ids, so that two
// transactions never wait for each other.

// eachPart hands the distinct ids to read, without the empty one, as many at a time
// as one statement takes. A list is filled up to a round length with its last id, so
// that the database sees few different statements, which it keeps prepared.
func eachPart[T ~string](ids []T, read func(part []string) error) error {
	all := slices.Compact(slices.Sorted(slices.Values(anyOf(ids))))
	if len(all) > 0 && all[0] == "" {
		all = all[1:]
	}
	for part := range slices.Chunk(all, MaxLimit) {
		full := slices.Clip(part)
		for round := roundLength(len(part)); len(full) < round; {
			full = append(full, part[len(part)-1])
		}
		if err := read(full); err != nil {
			return err
		}
	}
	return nil
}

// keyed reads objects by parts of ids, and returns them by a key of each: of several
// with one key, the one that is read last.
func keyed[T any](ids []string, key func(T) string, read func(part []string) ([]T, error)) (map[string]T, error) {
	out := make(map[string]T, len(ids))
	err := eachPart(ids, func(part []string) error {
		all, err := read(part)
		for _, one := range all {
			out[key(one)] = one
		}
		return err
	})
	return out, err
}

func roundLength(n int) int { return min(1<<bits.Len(uint(n-1)), MaxLimit) }

// RequestsByID returns those of the given requests that the tenant has, by id.
func (tx *Tx) RequestsByID(tenant access.TenantID, ids []string) (map[string]access.Request, error) {
	return keyed(ids, func(r access.Request) string { return r.ID }, func(part []string) ([]access.Request, error) {
		var rows []requestRow
		if err := tx.locked().Where("tenant = ? AND id IN ?", string(tenant), part).Order("id").Find(&rows).Error; err != nil {
			return nil, tx.fail("requests by id", err)
		}
		return tx.requests(rows)
	})
}

// GrantsByID returns those of the given grants that the tenant has, by id.
func (tx *Tx) GrantsByID(tenant access.TenantID, ids []string) (map[string]access.Grant, error) {
	return keyed(ids, func(g access.Grant) string { return g.ID }, func(part []string) ([]access.Grant, error) {
		return tx.grantSet("tenant = ? AND id IN ?", string(tenant), part)
	})
}

// GrantsOfRequests is GrantOfRequest for many: the grant that each of the given
// requests stands for now, by the request's id. Those without one are left out.
func (tx *Tx) GrantsOfRequests(tenant access.TenantID, requestIDs []string) (map[string]access.Grant, error) {
	return keyed(requestIDs, func(g access.Grant) string { return g.RequestID }, func(part []string) ([]access.Grant, error) {
		return tx.grantSet(`id IN (SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY request_id ORDER BY `+foremost+`) AS place
			FROM grants WHERE tenant = ? AND request_id IN ?) AS ranked WHERE place = 1)`, string(tenant), part)
	})
}

func (tx *Tx) grantSet(where string, args ...any) ([]access.Grant, error) {
	var rows []grantRow
	if err := tx.locked().Where(where, args...).Order("id").Find(&rows).Error; err != nil {
		return nil, tx.fail("grants", err)
	}
	return tx.grants(rows)
}

// FoundByID returns those of the given found tokens that the tenant has, by id.
func (tx *Tx) FoundByID(tenant access.TenantID, ids []string) (map[string]access.Found, error) {
	return keyed(ids, func(f access.Found) string { return f.ID }, func(part []string) ([]access.Found, error) {
		var rows []foundRow
		if err := tx.locked().Where("tenant = ? AND id IN ?", string(tenant), part).Order("id").Find(&rows).Error; err != nil {
			return nil, tx.fail("found tokens by id", err)
		}
		return tx.found(rows)
	})
}

// IncidentsByID returns those of the given incidents that the tenant has, by id.
func (tx *Tx) IncidentsByID(tenant access.TenantID, ids []string) (map[string]access.Incident, error) {
	out := make(map[string]access.Incident, len(ids))
	err := eachPart(ids, func(part []string) error {
		var rows []incidentRow
		if err := tx.locked().Where("tenant = ? AND id IN ?", string(tenant), part).Order("id").Find(&rows).Error; err != nil {
			return tx.fail("incidents by id", err)
		}
		for _, r := range rows {
			out[r.ID] = r.incident()
		}
		return nil
	})
	return out, err
}

// RenewalsOf returns the newest request in one of the states that renews each of
// the given grants, by the grant's id. Those without one are left out.
func (tx *Tx) RenewalsOf(tenant access.TenantID, grantIDs []string, states []access.RequestState) (map[string]access.Request, error) {
	return keyed(grantIDs, func(r access.Request) string { return r.Renews }, func(part []string) ([]access.Request, error) {
		var rows []requestRow
		err := tx.db.Where("tenant = ? AND renews IN ? AND state IN ?", string(tenant), part, anyOf(states)).Order("created_at, id").Find(&rows).Error
		if err != nil {
			return nil, tx.fail("renewals of grants", err)
		}
		return tx.requests(rows) // the newest comes last
	})
}

type count struct {
	Of string
	N  int
}

// RenewedBy counts the grants in one of the states that take over from each of the
// given ones, by the id of the given one.
func (tx *Tx) RenewedBy(tenant access.TenantID, grantIDs []string, states []access.GrantState) (map[string]int, error) {
	out := map[string]int{}
	err := eachPart(grantIDs, func(part []string) error {
		var rows []count
		err := tx.db.Model(&grantRow{}).Select(`renews AS "of", COUNT(*) AS n`).Where("tenant = ? AND renews IN ? AND state IN ?", string(tenant), part, anyOf(states)).
			Group("renews").Scan(&rows).Error
		for _, r := range rows {
			out[r.Of] = r.N
		}
		return tx.fail("count renewed grants", err)
	})
	return out, err
}

// OpenIncidentsOf is OpenIncidents for several people, by their id.
func (tx *Tx) OpenIncidentsOf(tenant access.TenantID, owners []access.PersonID) (map[access.PersonID]int, error) {
	out := map[access.PersonID]int{}
	err := eachPart(owners, func(part []string) error {
		var rows []count
		err := tx.db.Model(&incidentRow{}).Select(`owner AS "of", COUNT(*) AS n`).Where("tenant = ? AND owner IN ? AND cleared_at IS NULL", string(tenant), part).
			Group("owner").Scan(&rows).Error
		for _, r := range rows {
			out[access.PersonID(r.Of)] = r.N
		}
		return tx.fail("count incidents", err)
	})
	return out, err
}

// Policies is Policy for several versions: those that can be used, and why each of
// the others cannot.
func (tx *Tx) Policies(tenant access.TenantID, versions []int) (map[int]policy.Policy, map[int]*PolicyError, error) {
	out, bad := map[int]policy.Policy{}, map[int]*PolicyError{}
	var unread []int
	for _, v := range slices.Compact(slices.Sorted(slices.Values(versions))) {
		known, _ := tx.s.policies.Load(policyKey{tenant, v})
		if p, ok := known.(policy.Policy); ok {
			out[v] = p
			continue
		}
		unread, bad[v] = append(unread, v), &PolicyError{Tenant: tenant, Version: v}
	}
	for part := range slices.Chunk(unread, MaxLimit) {
		var rows []policyRow
		if err := tx.db.Where("tenant = ? AND version IN ?", string(tenant), part).Find(&rows).Error; err != nil {
			return nil, nil, tx.fail("policies", err)
		}
		for _, r := range rows {
			p, err := tx.decodePolicy(r)
			var e *PolicyError
			switch {
			case errors.As(err, &e):
				bad[r.Version] = e
			case err != nil:
				return nil, nil, err
			default:
				out[r.Version] = p
				delete(bad, r.Version)
			}
		}
	}
	return out, bad, nil
}

// MassCountsOf is MassCounts for several mass revocations, by their id.
func (tx *Tx) MassCountsOf(masses []string) (map[string]MassCounts, error) {
	out := map[string]MassCounts{}
	err := eachPart(masses, func(part []string) error {
		var rows []massCount
		err := tx.db.Raw(`SELECT mass, state, tries > 0 AS tried, COUNT(*) AS n, MIN(next_try) AS next_try
FROM mass_items WHERE mass IN ? GROUP BY mass, state, tries > 0`, part).Scan(&rows).Error
		if err != nil {
			return tx.fail("count mass items", err)
		}
		for _, id := range part {
			out[id] = countMass(slices.DeleteFunc(slices.Clone(rows), func(r massCount) bool { return r.Mass != id }))
		}
		return nil
	})
	return out, err
}
