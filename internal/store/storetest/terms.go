package storetest

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Terms is what a form about an object carries of what somebody reads there now:
// a request (by id or code), a token (to thaw it where it is frozen, else to take
// it over), an incident, a mass revocation or a found token. Of what is not the
// tenant's nobody read anything.
func Terms(ctx context.Context, s *store.Store, tenant access.TenantID, id string) (string, error) {
	out := ""
	err := s.Read(ctx, func(tx *store.Tx) error {
		terms, err := termsOf(tx, tenant, id)
		if err == nil {
			out = terms.Digest()
		}
		return err
	})
	if errors.Is(err, access.ErrNotFound) {
		err = nil
	}
	return out, err
}

func termsOf(tx *store.Tx, tenant access.TenantID, id string) (access.Terms, error) {
	switch kind, _, _ := strings.Cut(id, "_"); kind {
	case "grt":
		g, err := tx.Grant(tenant, id)
		if err != nil {
			return access.Terms{}, err
		}
		q, err := tx.Request(tenant, g.RequestID)
		if g.State == access.Frozen {
			return access.ThawTerms(g), err
		}
		return access.TakeOverTerms(q, g), err
	case "inc":
		return leakTerms(tx, tenant, id)
	case "mas":
		m, err := tx.Mass(tenant, id)
		return access.MassTerms(m), err
	case "fnd":
		f, err := tx.Found(tenant, id)
		return access.FoundTerms(f), err
	case "req":
		q, err := tx.Request(tenant, id)
		return requestTerms(tx, q, err)
	}
	number, err := strconv.Atoi(strings.TrimPrefix(id, "REQ-"))
	if err != nil {
		return access.Terms{}, access.ErrNotFound
	}
	q, err := tx.RequestByNumber(tenant, number)
	return requestTerms(tx, q, err)
}

func requestTerms(tx *store.Tx, q access.Request, err error) (access.Terms, error) {
	if err != nil || q.Adopts == "" {
		return access.RequestTerms(q, nil), err
	}
	f, err := tx.Found(q.Tenant, q.Adopts)
	return access.RequestTerms(q, &f), err
}

func leakTerms(tx *store.Tx, tenant access.TenantID, id string) (access.Terms, error) {
	i, err := tx.Incident(tenant, id)
	if err != nil {
		return access.Terms{}, err
	}
	entries, err := tx.AuditOf(tenant, id)
	if err != nil {
		return access.Terms{}, err
	}
	var seen []string
	for _, e := range entries {
		if e.Event.Object == id && e.Event.Action == audit.IncidentSeen {
			seen = append(seen, e.Event.ID)
		}
	}
	var state access.GrantState
	if i.GrantID != "" {
		g, err := tx.Grant(tenant, i.GrantID)
		if err != nil {
			return access.Terms{}, err
		}
		state = g.State
	}
	return access.LeakTerms(i, seen, state), nil
}
