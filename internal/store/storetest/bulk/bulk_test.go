package bulk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/store/storetest/bulk"
	"github.com/tokendesk/tokendesk/internal/store/storetest/lite"
)

const (
	north access.TenantID = "ten_north"
	south access.TenantID = "ten_south"
)

var now = time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)

// Whatever is filled in, the program reads back: as many rows as were asked for, each
// tenant its own, and a chain without a break.
func TestTheProgramReadsWhatIsFilledIn(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Parallel()
		s, err := store.Open(t.Context(), url, store.Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = s.InTx(t.Context(), func(tx *store.Tx) error {
			for _, id := range []access.TenantID{north, south} {
				if err := tx.CreateTenant(store.Tenant{ID: id, Name: string(id), Version: 1, CreatedAt: now}); err != nil {
					return err
				}
				for _, who := range []string{"stu", "tea"} {
					if err := tx.SavePerson(store.Person{ID: access.PersonID("per_" + who + string(id)), Tenant: id, CanvasUser: who, Name: who, CreatedAt: now}); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		school := func(id access.TenantID, n int) bulk.School {
			return bulk.School{Tenant: id, Size: bulk.Of(n), Now: now, Student: access.PersonID("per_stu" + string(id)), Teacher: access.PersonID("per_tea" + string(id)), StudentUser: "stu"}
		}
		if err := bulk.Fill(t.Context(), url, school(north, 2000), school(south, 1000)); err != nil {
			t.Fatal(err)
		}
		if file, ok := strings.CutPrefix(url, "sqlite:"); ok { // PostgreSQL was told not to look
			db, err := lite.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Each("PRAGMA foreign_key_check", nil, func(column func(i int) string) {
				t.Errorf("row %s of %s refers to nothing in %s", column(1), column(0), column(2))
			}); err != nil {
				t.Fatal(err)
			}
		}
		for tenant, n := range map[access.TenantID]int{north: 2000, south: 1000} {
			want := n + bulk.InReview + bulk.AwaitingSponsor + bulk.Approved + bulk.Drafts
			if got := len(requests(t, s, store.RequestQuery{Tenant: tenant})); got != want {
				t.Errorf("%s has %d requests, want %d", tenant, got, want)
			}
			if got := len(requests(t, s, store.RequestQuery{Tenant: tenant, States: []access.RequestState{access.InReview}})); got != bulk.InReview {
				t.Errorf("%s has %d requests in review", tenant, got)
			}
			live := 0
			for _, g := range grants(t, s, store.GrantQuery{Tenant: tenant}) {
				if g.State.Live() {
					live++
				}
			}
			if live != n/10 {
				t.Errorf("%s has %d live tokens", tenant, live)
			}
			mine := access.PersonID("per_stu" + string(tenant))
			if got := len(requests(t, s, store.RequestQuery{Tenant: tenant, Requester: mine})); got < 50 || got > 75 {
				t.Errorf("%s: the student has %d requests", tenant, got)
			}
			if got := len(grants(t, s, store.GrantQuery{Tenant: tenant, Sponsor: access.PersonID("per_tea" + string(tenant))})); got < 200 {
				t.Errorf("%s: the teacher stands for %d tokens", tenant, got)
			}
			read(t, s, func(tx *store.Tx) error {
				open, err := tx.CountFound(store.FoundQuery{Tenant: tenant, States: []access.FoundState{access.FoundNew, access.FoundTold, access.FoundAllowing, access.FoundAllowed, access.FoundRemoving}})
				if open != bulk.OpenFound {
					t.Errorf("%s has %d open found tokens", tenant, open)
				}
				for _, st := range access.FoundStates {
					if _, e := tx.FoundTokens(store.FoundQuery{Tenant: tenant, States: []access.FoundState{st}, Limit: store.MaxLimit}); e != nil {
						return e
					}
				}
				return err
			})
			chain := audit.NewChain(string(tenant))
			for {
				var some []store.AuditEntry
				read(t, s, func(tx *store.Tx) (err error) {
					some, err = tx.AuditAfter(tenant, chain.Seq(), store.MaxLimit)
					return err
				})
				for _, e := range some {
					if err := chain.Add(e.Event, e.Detail); err != nil {
						t.Fatal(err)
					}
				}
				if len(some) == 0 {
					break
				}
			}
			if chain.Seq() < int64(3*n) {
				t.Errorf("%s has %d entries in its log", tenant, chain.Seq())
			}
		}
	})
}

func read(t *testing.T, s *store.Store, do func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Read(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

func requests(t *testing.T, s *store.Store, q store.RequestQuery) (all []access.Request) {
	t.Helper()
	for q.Limit = store.MaxLimit; ; q.After = q.Next(all[len(all)-1]) {
		var some []access.Request
		read(t, s, func(tx *store.Tx) (err error) {
			some, err = tx.Requests(q)
			return err
		})
		if all = append(all, some...); len(some) < store.MaxLimit {
			return all
		}
	}
}

func grants(t *testing.T, s *store.Store, q store.GrantQuery) (all []access.Grant) {
	t.Helper()
	for q.Limit = store.MaxLimit; ; q.After = q.Next(all[len(all)-1]) {
		var some []access.Grant
		read(t, s, func(tx *store.Tx) (err error) {
			some, err = tx.Grants(q)
			return err
		})
		if all = append(all, some...); len(some) < store.MaxLimit {
			return all
		}
	}
}
