package store_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

// TestOneCanvasOneTenant: of many that register one Canvas at once, one does.
func TestOneCanvasOneTenant(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const origin = "https://north.example.edu"
		register := func(id string) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error {
				tenant := access.TenantID("ten_" + id)
				if err := tx.CreateTenant(store.Tenant{ID: tenant, Name: id, Version: 1, CreatedAt: base}); err != nil {
					return err
				}
				if err := tx.TakeCanvas(tenant, "https://canvas.instructure.com", origin); err != nil {
					return err
				}
				p := platform("plt_"+id, id, id, lti.Deployment{ID: "1:" + id})
				p.Tenant, p.CanvasURLs = tenant, []string{origin}
				return tx.SavePlatform(p, operator(audit.PlatformAdd, p.ID), nil)
			})
		}
		names := []string{"1", "2", "3", "4", "5", "6"}
		errs := make([]error, len(names))
		var all sync.WaitGroup
		for i, name := range names {
			all.Go(func() { errs[i] = register(name) })
		}
		all.Wait()
		won := 0
		for i, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, access.ErrConflict) {
				t.Errorf("registration %d: %v", i, err)
			}
		}
		if won != 1 {
			t.Errorf("%d registrations of one Canvas, want 1: %v", won, errs)
		}
	})
}

// TestTheCanvasOfATenantIsLearnt: a database in which two tenants are one
// Canvas already can be migrated. One has the place, and the other cannot take it.
func TestTheCanvasOfATenantIsLearnt(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		if err := s.MigrateTo(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		for _, r := range []struct{ id, issuer, urls, disabled, created string }{
			{"off", "https://i", `["https://a.example"]`, "TRUE", "2026-01-01"},
			{"second", "https://i", `["https://a.example"]`, "FALSE", "2026-01-03"},
			{"first", "https://i", `["https://a.example","https://b.example"]`, "FALSE", "2026-01-02"},
			{"beta", "https://i.beta", `["https://a.example"]`, "FALSE", "2026-01-04"},
			{"none", "https://i", `null`, "FALSE", "2026-01-05"},
		} {
			for _, q := range []string{
				`INSERT INTO tenants (id, name, platform_guid, canvas_account, school, learned_cap_days, last_number, version, created_at)
				 VALUES ('ten_` + r.id + `', 'x', 'guid', '', '{}', 0, 0, 1, '` + r.created + ` 00:00:00+00:00')`,
				`INSERT INTO platforms (id, tenant, name, issuer, client_id, auth_url, token_url, key_set_url, roster_hosts, frame_origins, canvas_urls,
				 allow_private, disabled, credential_kind, created_at) VALUES ('plt_` + r.id + `', 'ten_` + r.id + `', '` + r.id + `', '` + r.issuer + `', '1',
				 'https://x', 'https://x', 'https://x', 'null', 'null', '` + r.urls + `', FALSE, ` + r.disabled + `, '', '` + r.created + ` 00:00:00+00:00')`,
			} {
				if err := s.Exec(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		var have []string
		rows, err := s.Raw().QueryContext(t.Context(), "SELECT id || ' ' || canvas_issuer || ' ' || canvas_origin FROM tenants WHERE canvas_origin IS NOT NULL ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			have = append(have, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if want := []string{"ten_beta https://i.beta https://a.example", "ten_first https://i https://a.example"}; !slices.Equal(have, want) {
			t.Errorf("places %q, want %q", have, want)
		}
		for tenant, want := range map[access.TenantID]error{"ten_first": nil, "ten_second": access.ErrConflict, "ten_off": access.ErrConflict, "ten_none": access.ErrConflict} {
			err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.TakeCanvas(tenant, "https://i", "https://a.example") })
			if !errors.Is(err, want) {
				t.Errorf("%s takes its Canvas: %v, want %v", tenant, err, want)
			}
		}
	})
}
