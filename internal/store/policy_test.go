package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// secondPolicy is a policy that a school published after the one it started with.
func secondPolicy(tenant access.TenantID) store.Published {
	p := policy.BuiltIn()
	p.Version, p.Quotas.Live = 2, 1
	return store.Published{Tenant: tenant, Policy: p, At: base.Add(time.Hour), By: string(cleo), Reason: "one token is enough"}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		newest := func(tenant access.TenantID, want int) {
			t.Helper()
			in(t, s, func(tx *store.Tx) error {
				p, err := tx.NewestPolicy(tenant)
				if err == nil && p.Version != want {
					t.Errorf("the newest policy of %s is version %d, want %d", tenant, p.Version, want)
				}
				return err
			})
		}
		newest(north, 1)
		in(t, s, func(tx *store.Tx) error {
			p, err := tx.Policy(north, 1)
			if err == nil && !p.Equal(policy.BuiltIn()) {
				t.Errorf("a new school starts with %+v", p)
			}
			return err
		})
		// What is published in a transaction that fails was never there, for anybody.
		abandoned := errors.New("abandoned")
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			if err := tx.PublishPolicy(secondPolicy(north)); err != nil {
				return err
			}
			if p, err := tx.NewestPolicy(north); err != nil || p.Version != 2 {
				t.Errorf("in its own transaction: version %d, %v", p.Version, err)
			}
			return abandoned
		})
		if !errors.Is(err, abandoned) {
			t.Fatal(err)
		}
		newest(north, 1)
		var e *store.PolicyError
		if err := s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Policy(north, 2); return err }); !errors.As(err, &e) {
			t.Errorf("a version that nobody published: %v", err)
		}
		before := verify(t, s, north)
		in(t, s, func(tx *store.Tx) error { return tx.PublishPolicy(secondPolicy(north)) })
		newest(north, 2)
		newest(south, 1) // each school has its own
		in(t, s, func(tx *store.Tx) error {
			p, err := tx.Policy(north, 2)
			if err == nil && !p.Equal(secondPolicy(north).Policy) {
				t.Errorf("it reads as %+v", p)
			}
			return err
		})
		if n := verify(t, s, north); n != before+1 {
			t.Errorf("%d entries tell of it", n-before)
		}
		in(t, s, func(tx *store.Tx) error {
			es, err := tx.AuditOf(north, string(north))
			if err != nil || len(es) != 2 {
				t.Fatalf("%d entries, %v", len(es), err)
			}
			for i, want := range []audit.Event{{Actor: "system", Version: 1}, {Actor: string(cleo), Version: 2}} {
				if got := es[i].Event; got.Action != audit.PolicyPublish || got.Actor != want.Actor || got.Version != want.Version || got.From != want.From || got.To != want.To {
					t.Errorf("entry %d is %+v", i, got)
				}
			}
			if es[0].Detail != nil || es[1].Detail == nil || es[1].Detail.Data["reason"] != "one token is enough" {
				t.Errorf("they say %v and %v", es[0].Detail, es[1].Detail)
			}
			return nil
		})
		if got := lastColumn(t, s, "SELECT published_by || ' ' || reason FROM policies WHERE tenant = 'ten_north' ORDER BY version"); fmt.Sprint(got) != "[system  per_cleo one token is enough]" {
			t.Errorf("the rows say %q", got)
		}
		// A number is taken once, without a gap, and what is not valid is no policy.
		for name, change := range map[string]func(p *store.Published){
			"the same version again": func(*store.Published) {}, "a version too far": func(p *store.Published) { p.Policy.Version = 4 },
		} {
			p := secondPolicy(north)
			change(&p)
			if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.PublishPolicy(p) }); !errors.Is(err, access.ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		p := secondPolicy(north)
		p.Policy.Version, p.Policy.Windows.Collect = 3, 0
		var wrong *policy.Error
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.PublishPolicy(p) }); !errors.As(err, &wrong) || wrong.Field != "windows.collect" {
			t.Errorf("a policy that is not valid: %v", err)
		}
		newest(north, 2)
	})
}

// Nothing stands in for a document that cannot be read, or is not there.
func TestPolicyErrors(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		exec(t, s, "UPDATE policies SET document = '{}' WHERE tenant = 'ten_north'")
		exec(t, s, "DELETE FROM policies WHERE tenant = 'ten_south'")
		read := func(name string, do func(tx *store.Tx) (policy.Policy, error), says string) {
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				p, err := do(tx)
				if p.Version != 0 || p.For(policy.Staff).Rule != policy.RuleRefuse {
					t.Errorf("%s: %+v", name, p)
				}
				return err
			})
			var e *store.PolicyError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %q", name, err, says)
			}
			for _, kind := range []error{access.ErrNotFound, access.ErrNotAllowed, access.ErrConflict, access.ErrInvalid} {
				if errors.Is(err, kind) {
					t.Errorf("%s: a person is told %v", name, kind)
				}
			}
		}
		newest := func(tenant access.TenantID) func(tx *store.Tx) (policy.Policy, error) {
			return func(tx *store.Tx) (policy.Policy, error) { return tx.NewestPolicy(tenant) }
		}
		version := func(tenant access.TenantID, n int) func(tx *store.Tx) (policy.Policy, error) {
			return func(tx *store.Tx) (policy.Policy, error) { return tx.Policy(tenant, n) }
		}
		read("a document that is none", newest(north), "roles: is missing")
		read("a document that is none, by version", version(north, 1), "version 1 of the policy of tenant ten_north")
		read("no policy", newest(south), "version 1 of the policy of tenant ten_south is not there")
		read("a version that is not there", version(north, 7), "version 7 of the policy of tenant ten_north is not there")
		read("a draft's", version(north, 0), "is not there")
	})
}

func TestPolicyVersions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		for i, version := range []int{3, 1, 3} {
			r := waiting(fmt.Sprint("req_", i), i+1)
			r.PolicyVersion = version
			create(t, s, r)
		}
		create(t, s, draft("req_d"))
		in(t, s, func(tx *store.Tx) error {
			for state, want := range map[access.RequestState]string{access.InReview: "[1 3]", access.Draft: "[]", access.Approved: "[]"} {
				got, err := tx.PolicyVersions(north, state)
				if err != nil || fmt.Sprint(got) != want {
					t.Errorf("%s: %v, %v, want %s", state, got, err, want)
				}
				q := store.RequestQuery{Tenant: north, States: []access.RequestState{state}, PolicyVersion: 3}
				rs, err := tx.Requests(q)
				if err != nil || len(rs) != map[bool]int{true: 2}[state == access.InReview] {
					t.Errorf("%s of version 3: %d, %v", state, len(rs), err)
				}
			}
			return nil
		})
	})
}

// A school from before policies were stored has the one that a new school has,
// as its requests say.
func TestOldSchoolsHaveTheFirstPolicy(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		if err := s.MigrateTo(t.Context(), 11); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"ten_a", "ten_b"} {
			exec(t, s, `INSERT INTO tenants (id, name, platform_guid, canvas_account, school, learned_cap_days, last_number, version, created_at)
				VALUES ('`+id+`', 'A', '', '', '{}', 0, 0, 1, '2026-01-02 03:04:05+00:00')`)
			exec(t, s, `INSERT INTO audit_heads (tenant, seq, hash) VALUES ('`+id+`', 0, `+map[bool]string{true: `'\x00'`, false: `x'00'`}[s.Postgres()]+`)`)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range []access.TenantID{"ten_a", "ten_b"} {
			in(t, s, func(tx *store.Tx) error {
				p, err := tx.NewestPolicy(id)
				if err == nil && (p.Version != 1 || !p.Equal(policy.BuiltIn())) {
					t.Errorf("%s has %+v", id, p)
				}
				return err
			})
		}
		rows := lastColumn(t, s, "SELECT published_by || ':' || reason FROM policies ORDER BY tenant")
		if fmt.Sprint(rows) != "[system: system:]" {
			t.Errorf("%q", rows)
		}
		// And goes on from there.
		in(t, s, func(tx *store.Tx) error { return tx.PublishPolicy(secondPolicy("ten_a")) })
		in(t, s, func(tx *store.Tx) error {
			log, err := tx.AuditAfter("ten_a", 0, 10)
			if err != nil {
				return err
			}
			var events []audit.Event
			for _, e := range log {
				events = append(events, e.Event)
			}
			if len(events) != 1 || events[0].Version != 2 {
				t.Errorf("the log tells %+v", events)
			}
			_, err = audit.Replay(events)
			return err
		})
	})
}
