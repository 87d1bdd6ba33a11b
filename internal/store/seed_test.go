package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// base is the moment at which most of these tests happen. Its nanoseconds are
// more than any database keeps.
var base = time.Date(2026, 3, 2, 14, 5, 6, 123456789, time.FixedZone("north", 2*3600))

// at is base plus some minutes.
func at(minutes int) time.Time { return base.Add(time.Duration(minutes) * time.Minute) }

// kept is a time as it comes back.
func kept(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

const (
	north access.TenantID = "ten_north"
	south access.TenantID = "ten_south"
	ana   access.PersonID = "per_ana"  // student
	ben   access.PersonID = "per_ben"  // professor
	cleo  access.PersonID = "per_cleo" // reviewer
	zoe   access.PersonID = "per_zoe"  // of the other tenant
)

// seed adds two tenants and their people.
func seed(tb testing.TB, s *store.Store) {
	tb.Helper()
	in(tb, s, func(tx *store.Tx) error {
		for _, id := range []access.TenantID{north, south} {
			if err := tx.CreateTenant(store.Tenant{ID: id, Name: string(id), Version: 1, CreatedAt: base}); err != nil {
				return err
			}
		}
		for i, id := range []access.PersonID{ana, ben, cleo} {
			p := store.Person{ID: id, Tenant: north, CanvasUser: fmt.Sprint(100 + i), Name: map[access.PersonID]string{ana: "Ana Åberg", ben: "Ben Okoro", cleo: "Cleo 100%"}[id], CreatedAt: base}
			if err := tx.SavePerson(p); err != nil {
				return err
			}
		}
		return tx.SavePerson(store.Person{ID: zoe, Tenant: south, CanvasUser: "100", Name: "Zoe", CreatedAt: base})
	})
}

// in runs fn in a transaction that must succeed.
func in(tb testing.TB, s *store.Store, fn func(tx *store.Tx) error) {
	tb.Helper()
	if err := s.InTx(tb.Context(), fn); err != nil {
		tb.Fatal(err)
	}
}

// refused reports whether an error is the one that is wanted, or says that text.
func refused(err error, want any) bool {
	switch w := want.(type) {
	case error:
		return errors.Is(err, w)
	case string:
		return err != nil && strings.Contains(err.Error(), w)
	}
	return false
}

// told is an event as a verb makes it.
func told(do audit.Action, object, from, to string, version int) audit.Event {
	return audit.Event{At: at(version), Actor: string(ana), Action: do, Object: object, From: from, To: to, Version: version}
}

func draft(id string) access.Request {
	return access.Request{ID: id, Tenant: north, Version: 1, State: access.Draft, Requester: ana, CreatedAt: base, UpdatedAt: base}
}

// waiting is a request in review.
func waiting(id string, number int) access.Request {
	r := draft(id)
	r.Number, r.State = number, access.InReview
	r.SubmittedAt, r.ReviewSince, r.ReviewDue = at(1), at(1), at(5000+number)
	return r
}

// create adds requests with the events that tell of them.
func create(tb testing.TB, s *store.Store, rs ...access.Request) {
	tb.Helper()
	in(tb, s, func(tx *store.Tx) error {
		for _, r := range rs {
			if err := tx.CreateRequest(r, told(audit.RequestCreate, r.ID, "", string(r.State), 1), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// approve is the move that most tests make.
func approve(r access.Request) access.Request {
	r.State, r.Version, r.UpdatedAt = access.Approved, r.Version+1, at(r.Version+1)
	r.Stage, r.Votes = 0, append(slices.Clone(r.Votes), access.Vote{Round: r.Round, Stage: 1, Part: access.AsReviewer, Person: cleo, Verdict: access.Yes, At: at(r.Version + 1)})
	return r
}

// endorsed is a sponsor's yes.
func endorsed(by access.PersonID) access.Vote {
	return access.Vote{Part: access.AsSponsor, Person: by, Verdict: access.Yes, At: kept(at(1))}
}

// claims is a claim in the first stage.
func claims(by access.PersonID, when int) access.Vote {
	return access.Vote{Stage: 1, Part: access.AsReviewer, Person: by, Verdict: access.Claimed, At: kept(at(when))}
}

func approved(r access.Request) audit.Event {
	return told(audit.RequestApprove, r.ID, string(access.InReview), string(access.Approved), r.Version+1)
}

func grant(id string, r access.Request) access.Grant {
	g := access.NewGrant(id, r, "100", at(9000), at(2))
	return g
}

func minted(g access.Grant) audit.Event {
	return told(audit.GrantCreate, g.ID, "", string(access.Minting), 1)
}

func platform(id, name, clientID string, deployments ...lti.Deployment) store.Platform {
	return store.Platform{ID: id, Tenant: north, Name: name, CreatedAt: base,
		Registration: lti.Registration{Issuer: "https://canvas.instructure.com", ClientID: clientID, Canvas: true, AuthURL: "https://sso.example.edu/auth",
			TokenURL: "https://sso.example.edu/token", KeySetURL: "https://sso.example.edu/jwks", Deployments: deployments}}
}

func operator(do audit.Action, object string) audit.Event {
	return audit.Event{At: base, Actor: "operator:root", Action: do, Object: object}
}

// log reads a tenant's whole log.
func log(tb testing.TB, s *store.Store, tenant access.TenantID) []store.AuditEntry {
	tb.Helper()
	var all []store.AuditEntry
	err := s.Read(tb.Context(), func(tx *store.Tx) error {
		all = nil
		for {
			var seq int64
			if len(all) > 0 {
				seq = all[len(all)-1].Event.Seq
			}
			part, err := tx.AuditAfter(tenant, seq, 0)
			if err != nil || len(part) == 0 {
				return err
			}
			all = append(all, part...)
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// verify checks a tenant's chain, and returns its length behind the entry with
// which every tenant begins: that of its first policy.
func verify(tb testing.TB, s *store.Store, tenant access.TenantID) int {
	tb.Helper()
	c := audit.NewChain(string(tenant))
	for _, e := range log(tb, s, tenant) {
		if err := c.Add(e.Event, e.Detail); err != nil {
			tb.Fatal(err)
		}
	}
	return int(c.Seq()) - 1
}
