package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// found is a token that somebody made in Canvas.
func found(id, canvasID string) access.Found {
	return access.Found{ID: id, Tenant: north, Version: 1, State: access.FoundNew, CanvasUser: "100", CanvasID: canvasID, OwnerName: "Ana Åberg",
		Purpose: "Own script 100%", MadeAt: at(1), Expires: at(9000), FoundAt: at(2), SeenAt: at(2), UpdatedAt: at(2)}
}

func discover(tb testing.TB, s *store.Store, fs ...access.Found) {
	tb.Helper()
	in(tb, s, func(tx *store.Tx) error {
		for _, f := range fs {
			if err := tx.CreateFound(f, foundTold(audit.FoundDiscover, f, ""), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func foundTold(do audit.Action, f access.Found, from access.FoundState) audit.Event {
	e := told(do, f.ID, string(from), string(f.State), f.Version)
	e.Tenant = string(f.Tenant)
	return e
}

func TestFoundComesBackAsItWent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		var f access.Found
		n := 0
		fill(reflect.ValueOf(&f).Elem(), &n)
		f.ID, f.Tenant, f.Version, f.State = "fnd_a", north, 1, access.FoundNew
		f.Owner, f.EndedBy, f.Votes = ana, cleo, nil
		discover(t, s, f)
		check := func(when string, f access.Found) {
			t.Helper()
			want := f
			rounded(reflect.ValueOf(&want).Elem())
			in(t, s, func(tx *store.Tx) error {
				got, err := tx.Found(north, f.ID)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %v\ngot  %+v\nwant %+v", when, err, got, want)
				}
				return nil
			})
		}
		check("created", f)
		moved := access.Found{ID: f.ID, Tenant: north, Version: 2, State: access.FoundRemoving, CanvasUser: f.CanvasUser, CanvasID: f.CanvasID,
			FoundAt: f.FoundAt, SeenAt: at(3), UpdatedAt: at(3)}
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveFound(moved, foundTold(audit.FoundRemove, moved, access.FoundNew), nil)
		})
		check("emptied by a move", moved)
		note := moved
		note.Owner, note.OwnerName, note.AccountRole, note.Purpose, note.SeenAt, note.Tries, note.Trouble = ben, "Ben", true, "renamed", at(5), 2, "down"
		sent := note
		sent.State, sent.Campaign, sent.CanvasID = access.FoundGone, "not written", "not written"
		in(t, s, func(tx *store.Tx) error { return tx.RecordFound(sent) })
		check("noted", note)

		late := moved
		late.Version = 2
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.MoveFound(late, foundTold(audit.FoundRemove, late, access.FoundNew), nil)
		})
		if !errors.Is(err, access.ErrConflict) {
			t.Errorf("a second move from the same version: %v", err)
		}
		old := note
		old.Version = 1
		if err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.RecordFound(old) }); !errors.Is(err, access.ErrConflict) {
			t.Errorf("a note from an old version: %v", err)
		}
		if err := s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Found(south, f.ID); return err }); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("another tenant reads it: %v", err)
		}
		if n := verify(t, s, north); n != 2 {
			t.Errorf("%d audit rows; a note leaves none", n)
		}
	})
}

// One Canvas token has one row while its life here is not over, and the
// database itself holds that an allow-list entry has two people.
func TestFoundOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		first := found("fnd_a", "7")
		discover(t, s, first)
		again := found("fnd_b", "7")
		create := func() error {
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.CreateFound(again, foundTold(audit.FoundDiscover, again, ""), nil) })
		}
		if err := create(); !errors.Is(err, access.ErrConflict) {
			t.Errorf("the same token twice: %v", err)
		}
		first.State, first.Version = access.FoundGone, 2
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveFound(first, foundTold(audit.FoundVanish, first, access.FoundNew), nil)
		})
		if err := create(); err != nil {
			t.Errorf("a token that came back after it was gone: %v", err)
		}
	})
}

// What two people said of an allow-list entry comes back with it, and nobody is
// both of them, nor the owner.
func TestFoundVotes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		f := found("fnd_a", "50")
		f.Owner = ana
		discover(t, s, f)
		yes := func(by access.PersonID, when int) access.Vote {
			return access.Vote{Stage: 1, Part: access.AsReviewer, Person: by, Verdict: access.Yes, At: kept(at(when)), Reason: "nightly export", End: kept(at(900))}
		}
		move := func(to, from access.FoundState, version int, votes ...access.Vote) error {
			f.State, f.Version, f.Votes = to, version, votes
			return s.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.MoveFound(f, foundTold(audit.FoundAllow, f, from), nil)
			})
		}
		if err := move(access.FoundAllowing, access.FoundNew, 2, yes(ana, 1)); !refused(err, "nobody_votes_on_their_own") {
			t.Errorf("the owner: %v", err)
		}
		if err := move(access.FoundAllowing, access.FoundNew, 2, yes(ben, 1)); err != nil {
			t.Fatal(err)
		}
		if err := move(access.FoundAllowed, access.FoundAllowing, 3, yes(ben, 2)); !refused(err, "does not change") {
			t.Errorf("the first person again: %v", err)
		}
		if err := move(access.FoundAllowed, access.FoundAllowing, 3, yes(ben, 1), yes(cleo, 2)); err != nil {
			t.Fatal(err)
		}
		in(t, s, func(tx *store.Tx) error {
			got, err := tx.Found(north, "fnd_a")
			one, two := got.Allowing()
			if err != nil || one != yes(ben, 1) || two != yes(cleo, 2) {
				t.Errorf("%v: %+v", err, got.Votes)
			}
			return err
		})
	})
}

func TestFoundList(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		var all []access.Found
		for i := range 8 {
			f := found(fmt.Sprintf("fnd_%d", i), fmt.Sprint(50+i))
			f.MadeAt = at(100 - i)
			f.AccountRole = i%2 == 0
			if i%4 < 2 {
				f.Expires = time.Time{}
			}
			if i == 7 {
				f.MadeAt = time.Time{} // this Canvas did not tell
			}
			all = append(all, f)
		}
		all[3].State, all[3].DueAt, all[3].Campaign = access.FoundTold, at(50), "cam_1"
		all[5].State, all[5].DueAt, all[5].Campaign, all[5].Purpose = access.FoundTold, at(50), "cam_1", "Nightly Ünder_score"
		discover(t, s, all...)
		other := found("fnd_south", "50")
		other.Tenant, other.OwnerName = south, "Zoe"
		in(t, s, func(tx *store.Tx) error {
			return tx.CreateFound(other, foundTold(audit.FoundDiscover, other, ""), nil)
		})
		asks := waiting("req_keep", 1)
		asks.Adopts = all[3].ID
		create(t, s, asks)
		wish := draft("req_wish")
		wish.Adopts = all[5].ID
		create(t, s, wish)

		ids := func(q store.FoundQuery) (out []string) {
			t.Helper()
			q.Tenant = north
			in(t, s, func(tx *store.Tx) error {
				n, err := tx.CountFound(q)
				if err != nil {
					return err
				}
				out = nil
				for {
					page, err := tx.FoundTokens(q)
					if err != nil {
						return err
					}
					for _, f := range page {
						out = append(out, f.ID)
					}
					if len(page) < q.Limit || q.Limit == 0 {
						break
					}
					q.After = q.Next(page[len(page)-1])
				}
				if n != len(out) {
					t.Errorf("counted %d, listed %d", n, len(out))
				}
				return nil
			})
			return out
		}
		// Admins' first, then never-ending, then oldest.
		want := []string{"fnd_4", "fnd_0", "fnd_6", "fnd_2", "fnd_5", "fnd_1", "fnd_7", "fnd_3"}
		if got := ids(store.FoundQuery{}); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := ids(store.FoundQuery{Limit: 3}); !slices.Equal(got, want) {
			t.Errorf("in pages of three: %q", got)
		}
		yes, no := true, false
		for name, tt := range map[string]struct {
			q    store.FoundQuery
			want []string
		}{
			"an admin's":                 {store.FoundQuery{AccountRole: true}, []string{"fnd_4", "fnd_0", "fnd_6", "fnd_2"}},
			"never ends":                 {store.FoundQuery{NeverEnds: true}, []string{"fnd_4", "fnd_0", "fnd_5", "fnd_1"}},
			"told, no answer by the day": {store.FoundQuery{States: []access.FoundState{access.FoundTold}, DueBefore: at(60), Asked: &no}, []string{"fnd_5"}},
			"asked to keep":              {store.FoundQuery{Asked: &yes}, []string{"fnd_3"}},
			"text":                       {store.FoundQuery{Search: "ünder_"}, []string{"fnd_5"}},
			"owner's name":               {store.FoundQuery{Search: "ÅBERG", Limit: 100}, want},
			"no one's":                   {store.FoundQuery{CanvasUsers: []string{"999"}}, nil},
			"no ids":                     {store.FoundQuery{IDs: []string{}}, nil},
			"another tenant's id":        {store.FoundQuery{IDs: []string{"fnd_south", "fnd_1"}}, []string{"fnd_1"}},
			"never tried":                {store.FoundQuery{Rested: at(1), Limit: 100}, want},
		} {
			if got := ids(tt.q); !slices.Equal(got, tt.want) {
				t.Errorf("%s: %q, want %q", name, got, tt.want)
			}
		}
		in(t, s, func(tx *store.Tx) error {
			told, err := tx.FoundOf(north, "100", 100)
			if err != nil || len(told) != 2 || told[0].ID != "fnd_5" || told[1].ID != "fnd_3" {
				t.Errorf("what the owner was told of: %+v, %v", told, err)
				return err
			}
			if one, err := tx.Found(north, "fnd_5"); err != nil || !reflect.DeepEqual(told[0], one) {
				t.Errorf("%v\n%+v\n%+v", err, told[0], one)
			}
			if one, err := tx.FoundOf(north, "100", 1); err != nil || len(one) != 1 {
				t.Errorf("at most one: %+v, %v", one, err)
			}
			for tenant, user := range map[access.TenantID]string{north: "999", south: "100"} {
				if none, err := tx.FoundOf(tenant, user, 100); err != nil || len(none) != 0 {
					t.Errorf("%s, %s: %+v, %v", tenant, user, none, err)
				}
			}
			return nil
		})
		// What is being removed is told too; what is gone or allowed is not.
		for id, to := range map[int]access.FoundState{1: access.FoundRemoving, 4: access.FoundGone} {
			f := all[id]
			f.State, f.Version = to, 2
			in(t, s, func(tx *store.Tx) error {
				return tx.MoveFound(f, foundTold(audit.FoundRemove, f, access.FoundNew), nil)
			})
		}
		in(t, s, func(tx *store.Tx) error {
			var got []string
			told, err := tx.FoundOf(north, "100", 100)
			for _, f := range told {
				got = append(got, f.ID)
			}
			if want := []string{"fnd_5", "fnd_1", "fnd_3"}; !slices.Equal(got, want) {
				t.Errorf("told of %q, want %q", got, want)
			}
			return err
		})
		for _, bad := range []store.Cursor{"f", "f9x.y", "n1.a", "f1", "f1zz", "\xff"} {
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				_, err := tx.FoundTokens(store.FoundQuery{Tenant: north, After: bad})
				return err
			})
			if !errors.Is(err, access.ErrInvalid) {
				t.Errorf("cursor %q: %v", bad, err)
			}
		}
		in(t, s, func(tx *store.Tx) error {
			p, err := tx.Progress(north, "cam_1")
			if want := (store.CampaignProgress{Told: 2, Asked: 1, Silent: 1}); p != want || err != nil {
				t.Errorf("progress %+v, %v", p, err)
			}
			if p, err := tx.Progress(south, "cam_1"); p != (store.CampaignProgress{}) || err != nil {
				t.Errorf("another tenant's progress %+v, %v", p, err)
			}
			ours := found("fnd_ours", "999")
			ours.MadeAt, ours.Marker = at(200), "grt_lost" // the tool itself made it
			if err := tx.CreateFound(ours, foundTold(audit.FoundDiscover, ours, ""), nil); err != nil {
				return err
			}
			last, err := tx.LastMade(north, at(50))
			if !last.Equal(kept(at(99))) || err != nil {
				t.Errorf("made last by somebody who is no admin: %v, %v", last, err)
			}
			if last, err := tx.LastMade(north, at(100)); !last.IsZero() || err != nil {
				t.Errorf("made later: %v, %v", last, err)
			}
			return nil
		})
	})
}

func TestInventories(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		begin := func(id string, tenant access.TenantID, minute int) (store.Inventory, error) {
			i := store.Inventory{ID: id, Tenant: tenant, Version: 1, State: store.InventoryRunning, AskedBy: "system", StartedAt: at(minute)}
			e := told(audit.InventoryStart, id, "", "running", 1)
			e.Tenant = string(tenant)
			return i, s.InTx(t.Context(), func(tx *store.Tx) error { return tx.CreateInventory(i, e, jobs.Insert{Kind: "inventory", Key: id}) })
		}
		i, err := begin("inv_1", north, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := begin("inv_2", north, 2); !errors.Is(err, access.ErrConflict) {
			t.Errorf("two at once: %v", err)
		}
		if _, err := begin("inv_3", south, 2); err != nil {
			t.Errorf("of another tenant: %v", err)
		}
		i.ReportID, i.ReadAt, i.Tokens, i.Ours, i.Others = "77", at(3), 10, 4, 6
		in(t, s, func(tx *store.Tx) error { return tx.RecordInventory(i) })
		end := i
		end.State, end.Version, end.EndedAt, end.Trouble = store.InventoryDone, 2, at(4), ""
		in(t, s, func(tx *store.Tx) error {
			return tx.EndInventory(end, told(audit.InventoryEnd, end.ID, "running", "done", 2), nil)
		})
		for name, f := range map[string]func(tx *store.Tx) error{
			"ended twice": func(tx *store.Tx) error {
				return tx.EndInventory(end, told(audit.InventoryEnd, end.ID, "running", "done", 2), nil)
			},
			"noted after its end": func(tx *store.Tx) error { return tx.RecordInventory(i) },
			"noted as it ended":   func(tx *store.Tx) error { return tx.RecordInventory(end) },
		} {
			if err := s.InTx(t.Context(), f); !errors.Is(err, access.ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		rounded(reflect.ValueOf(&end).Elem())
		in(t, s, func(tx *store.Tx) error {
			for name, get := range map[string]func() (store.Inventory, error){
				"by id": func() (store.Inventory, error) { return tx.Inventory(north, "inv_1") },
				"last":  func() (store.Inventory, error) { return tx.LastInventory(north, store.InventoryDone) },
				"first": func() (store.Inventory, error) { return tx.FirstInventory(north, store.InventoryDone) },
			} {
				if got, err := get(); err != nil || got != end {
					t.Errorf("%s: %v\ngot  %+v\nwant %+v", name, err, got, end)
				}
			}
			if _, err := tx.Inventory(south, "inv_1"); !errors.Is(err, access.ErrNotFound) {
				t.Errorf("another tenant reads it: %v", err)
			}
			open, parked, err := tx.JobsOf("inventory", "inv_1")
			if open != 1 || parked != 0 || err != nil {
				t.Errorf("%d jobs open, %d parked, %v", open, parked, err)
			}
			if open, _, err := tx.JobsOf("inventory", "inv_2"); open != 0 || err != nil {
				t.Errorf("%d jobs of an inventory that never began, %v", open, err)
			}
			return nil
		})
		if _, err := begin("inv_4", north, 5); err != nil {
			t.Errorf("the next one: %v", err)
		}
	})
}

func TestCampaigns(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		var c store.Campaign
		n := 0
		fill(reflect.ValueOf(&c).Elem(), &n)
		c.ID, c.Tenant = "cam_1", north
		in(t, s, func(tx *store.Tx) error {
			return tx.CreateCampaign(c, told(audit.CampaignStart, c.ID, "", "", 0), audit.NewDetail(map[string]string{"quote": "x"}))
		})
		rounded(reflect.ValueOf(&c).Elem())
		in(t, s, func(tx *store.Tx) error {
			if got, err := tx.Campaign(north, c.ID); err != nil || got != c {
				t.Errorf("%+v, %v; want %+v", got, err, c)
			}
			if got, err := tx.Campaigns(north, 5); err != nil || len(got) != 1 || got[0] != c {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := tx.Campaign(south, c.ID); !errors.Is(err, access.ErrNotFound) {
				t.Errorf("another tenant reads it: %v", err)
			}
			return nil
		})
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			return tx.CreateCampaign(c, told(audit.CampaignStart, "cam_2", "", "", 0), nil)
		})
		if err == nil {
			t.Error("an event of another object was taken")
		}
	})
}
