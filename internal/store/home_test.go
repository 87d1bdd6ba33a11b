package store_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/lti"
)

// What a launch reads by plain statements is what the same rows are elsewhere.
func TestPlainReads(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		full := platform("plt_b", "b", "20", lti.Deployment{ID: "1:b", Root: true}, lti.Deployment{ID: "0:a"}, lti.Deployment{ID: "2:c"})
		full.CanvasURLs, full.AllowPrivate, full.Disabled = []string{"https://canvas.example.edu"}, true, true
		full.Credential, full.CredentialKind = []byte{1, 2}, "token"
		full.Registration.RosterHosts, full.Registration.FrameOrigins = []string{"canvas.example.edu"}, []string{"https://canvas.example.edu"}
		in(t, s, func(tx *store.Tx) error {
			for _, p := range []store.Platform{platform("plt_a", "a", "10", lti.Deployment{ID: "1:a"}), full, platform("plt_w", "waiting", "30")} {
				if err := tx.SavePlatform(p, operator(audit.PlatformAdd, p.ID), nil); err != nil {
					return err
				}
			}
			n, err := tx.Tenant(north)
			n.PlatformGUID, n.CanvasAccount, n.LearnedCapDays, n.Version = "guid", "7", 90, n.Version+1
			n.School = store.School{CanvasTeam: "the team", Rules: []string{"one"}, StaffList: []string{"5"}}
			return errors.Join(err, tx.SaveTenant(n, operator(audit.PlatformChange, string(north)), nil))
		})
		var platforms []store.Platform
		err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
			platforms, err = tx.Platforms()
			return err
		})
		if err != nil || len(platforms) != 3 {
			t.Fatal(platforms, err)
		}
		for _, want := range platforms {
			p, tenant, err := s.PlatformAndTenant(t.Context(), want.ID)
			if err != nil || !reflect.DeepEqual(p, want) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, p, want)
			}
			err = s.Read(t.Context(), func(tx *store.Tx) error {
				other, err := tx.Tenant(want.Tenant)
				if !reflect.DeepEqual(other, tenant) {
					t.Errorf("got  %+v\nwant %+v", tenant, other)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		if _, _, err := s.PlatformAndTenant(t.Context(), "plt_none"); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("an unknown platform: %v", err)
		}
	})
}

func TestTally(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		sponsored := func(id string, number int, state access.RequestState, sponsor access.PersonID) access.Request {
			r := waiting(id, number)
			r.State, r.Sponsor = state, sponsor
			return r
		}
		a, b := sponsored("req_a", 1, access.AwaitingSponsor, ben), sponsored("req_b", 2, access.InReview, ben)
		create(t, s, a, b, sponsored("req_c", 3, access.InReview, cleo), sponsored("req_d", 4, access.AwaitingSponsor, cleo),
			sponsored("req_e", 5, access.Withdrawn, ben), sponsored("req_f", 6, access.Denied, cleo))
		g := grant("grt_a", b)
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(g, minted(g), nil) })
		g.State, g.Version, g.RevokingAt, g.UpdatedAt = access.Revoking, 2, at(3), at(3)
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveGrant(g, told(audit.GrantRevoke, g.ID, string(access.Minting), string(access.Revoking), 2), nil)
		})
		asked := grant("grt_b", a)
		asked.Sponsor, asked.SponsorAsked, asked.GapUntil = "", cleo, at(9)
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(asked, minted(asked), nil) })
		for n, closed := range []bool{false, true} {
			i := leak([]string{"inc_a", "inc_b"}[n], "")
			in(t, s, func(tx *store.Tx) error { return tx.CreateIncident(i, opened(i), nil) })
			if done, e := cleared(i); closed {
				in(t, s, func(tx *store.Tx) error { return tx.SaveIncident(done, e, nil) })
			}
		}
		told, removing, new, gone := found("fnd_a", "1"), found("fnd_b", "2"), found("fnd_c", "3"), found("fnd_d", "4")
		told.State, removing.State, gone.State = access.FoundTold, access.FoundRemoving, access.FoundGone
		told.CanvasUser, removing.CanvasUser, gone.CanvasUser = "101", "102", "103"
		discover(t, s, told, removing, new, gone)
		in(t, s, func(tx *store.Tx) error {
			return tx.SaveText(store.SavedText{Tenant: north, Person: ben, Object: "new", Form: "request", Data: []byte("{}"), UpdatedAt: at(1)})
		})
		for _, tt := range []struct {
			tenant     access.TenantID
			person     access.PersonID
			canvasUser string
			reviewer   bool
			want       store.Tally
		}{
			{north, ben, "101", false, store.Tally{Sponsoring: true, Endorse: 1, Told: true, Kept: true}},
			{north, ben, "", false, store.Tally{Sponsoring: true, Endorse: 1, Kept: true}},
			{north, cleo, "102", false, store.Tally{Sponsoring: true, Endorse: 2, Told: true}},
			{north, cleo, "103", false, store.Tally{Sponsoring: true, Endorse: 2}},
			{north, ana, "100", false, store.Tally{Revoking: 1, OwnLeaks: 1, Asked: true}},
			{north, ana, "100", true, store.Tally{Revoking: 1, Review: 2, OwnLeaks: 1, Leaks: 1, Asked: true}},
			{north, ben, "101", true, store.Tally{Sponsoring: true, Endorse: 1, Revoking: 1, Review: 2, Leaks: 1, Told: true, Kept: true}},
			{south, ben, "101", true, store.Tally{}},
			{south, zoe, "100", false, store.Tally{}},
		} {
			whom := store.Whom{Tenant: tt.tenant, Person: tt.person, CanvasUser: tt.canvasUser, Reviewer: tt.reviewer}
			if got, err := s.Tally(t.Context(), whom); err != nil || got != tt.want {
				t.Errorf("%+v: %+v, want %+v, %v", whom, got, tt.want, err)
			}
		}
	})
}

// What the home reads is what the list of the same requests has, field by field.
func TestRequestsOfAPerson(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		var full access.Request
		n := 0
		fill(reflect.ValueOf(&full).Elem(), &n)
		full.ID, full.Tenant, full.Version, full.State, full.Requester, full.Number = "req_full", north, 1, access.InReview, ana, 7
		full.Sponsor, full.EndedBy, full.Votes = ben, ben, access.Votes{endorsed(ben), claims(cleo, 3)}
		full.RefiledFrom, full.UpdatedAt = "", at(9)
		full.Renews = ""
		theirs := waiting("req_b", 2)
		theirs.Requester = ben
		create(t, s, full, draft("req_a"), theirs)
		var got, want []access.Request
		err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
			if got, err = tx.RequestsOf(north, ana, 200); err != nil {
				return err
			}
			want, err = tx.Requests(store.RequestQuery{Tenant: north, Requester: ana, Order: store.Updated})
			return err
		})
		if err != nil || len(got) != 2 || got[0].ID != "req_full" || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
		for what, do := range map[string]func(tx *store.Tx) ([]access.Request, error){
			"one at most":        func(tx *store.Tx) ([]access.Request, error) { return tx.RequestsOf(north, ana, 1) },
			"another's requests": func(tx *store.Tx) ([]access.Request, error) { return tx.RequestsOf(north, ben, 5) },
		} {
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				rs, err := do(tx)
				if len(rs) != 1 {
					t.Errorf("%s: %d", what, len(rs))
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		err = s.Read(t.Context(), func(tx *store.Tx) error {
			rs, err := tx.RequestsOf(south, ana, 5)
			if len(rs) != 0 {
				t.Errorf("another tenant has %d", len(rs))
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
