package store_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// filled is a T in which every field holds something. Two seeds share nothing.
func filled[T any](seed int) T {
	var x T
	fill(reflect.ValueOf(&x).Elem(), &seed)
	return x
}

// mixed is what a database gives back of one row, over which the named fields of
// another were written.
func mixed[T any](was, written T, fields string) T {
	for _, name := range strings.Fields(fields) {
		reflect.ValueOf(&was).Elem().FieldByName(name).Set(reflect.ValueOf(written).FieldByName(name))
	}
	rounded(reflect.ValueOf(&was).Elem())
	return was
}

// Each way to write to a row that exists writes the fields that it says, all of
// them, and no others.
func TestWhatIsWritten(t *testing.T) {
	t.Parallel()
	requests := func(state, to access.RequestState) (was, now access.Request) {
		was, now = filled[access.Request](0), filled[access.Request](500)
		was.ID, was.Tenant, was.Version, was.State, was.Requester, was.RefiledFrom = "req_a", north, 1, state, ana, "req_b"
		was.Sponsor, was.EndedBy, was.Votes = ben, cleo, access.Votes{endorsed(ben), claims(cleo, 2)}
		now.ID, now.Tenant, now.Version, now.State, now.Requester, now.RefiledFrom = "req_a", north, 2, to, "per_dora", "req_c"
		now.Sponsor, now.EndedBy, now.Votes = cleo, ben, access.Votes{endorsed(ben), claims(cleo, 3)}
		if state == access.Draft {
			was.Votes, now.Votes = nil, nil // nobody votes on a draft
		}
		return was, now
	}
	grants := func(state, to access.GrantState) (was, now access.Grant) {
		was, now = filled[access.Grant](0), filled[access.Grant](500)
		was.ID, was.Tenant, was.Version, was.State, was.RequestID, was.Owner = "grt_a", north, 1, state, "req_b", ana
		was.Sponsor, was.SponsorAsked, was.FrozenBy, was.EndedBy, was.Votes = ben, cleo, ben, ben, nil
		now.ID, now.Tenant, now.Version, now.State, now.RequestID, now.Owner = "grt_a", north, 2, to, "req_c", "per_dora"
		now.Sponsor, now.SponsorAsked, now.FrozenBy, now.EndedBy, now.Votes = cleo, ben, cleo, cleo, nil
		return was, now
	}
	founds := func(state, to access.FoundState) (was, now access.Found) {
		was, now = filled[access.Found](0), filled[access.Found](500)
		was.ID, was.Tenant, was.Version, was.State, was.Owner, was.AccountRole = "fnd_a", north, 1, state, ana, false
		was.EndedBy, was.Votes = ben, nil
		now.ID, now.Tenant, now.Version, now.State, now.Owner = "fnd_a", north, 2, to, ben
		now.EndedBy, now.Votes = cleo, nil
		return was, now
	}
	inventories := func(to store.InventoryState, version int) (was, now store.Inventory) {
		was, now = filled[store.Inventory](0), filled[store.Inventory](500)
		was.ID, was.Tenant, was.Version, was.State = "inv_a", north, 1, store.InventoryRunning
		now.ID, now.Tenant, now.Version, now.State = "inv_a", north, version, to
		return was, now
	}
	fields := func(t reflect.Type, but string) string {
		var out []string
		for i := range t.NumField() {
			if name := t.Field(i).Name; !strings.Contains(" "+but+" ", " "+name+" ") {
				out = append(out, name)
			}
		}
		return strings.Join(out, " ")
	}
	same := func(t *testing.T, got, want any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		g, w := reflect.ValueOf(got), reflect.ValueOf(want)
		for i := range g.NumField() {
			if a, b := g.Field(i).Interface(), w.Field(i).Interface(); !reflect.DeepEqual(a, b) {
				t.Errorf("%s is %v, want %v", g.Type().Field(i).Name, a, b)
			}
		}
	}
	tests := map[string]func(t *testing.T, tx *store.Tx){
		"SaveDraft": func(t *testing.T, tx *store.Tx) {
			was, now := requests(access.Draft, access.Draft)
			now.Version = 1
			err := first(tx.CreateRequest(was, told(audit.RequestCreate, was.ID, "", "draft", 1), nil), func() error { return tx.SaveDraft(now) })
			got, _ := tx.Request(north, was.ID)
			same(t, got, mixed(was, now, "Affiliation Course Answers Sponsor PolicyVersion RulesVersion Asked End EndCause UpdatedAt"), err)
		},
		"MoveRequest": func(t *testing.T, tx *store.Tx) {
			was, now := requests(access.InReview, access.Approved)
			err := first(tx.CreateRequest(was, told(audit.RequestCreate, was.ID, "", "in_review", 1), nil), func() error { return tx.MoveRequest(now, approved(was), nil) })
			got, _ := tx.Request(north, was.ID)
			same(t, got, mixed(was, now, fields(reflect.TypeFor[access.Request](), "Requester CreatedAt")), err)
		},
		"MoveGrant": func(t *testing.T, tx *store.Tx) {
			was, now := grants(access.Minting, access.Recovering)
			err := first(tx.CreateGrant(was, minted(was), nil), func() error {
				return tx.MoveGrant(now, told(audit.GrantDoubt, was.ID, "minting", "recovering", 2), nil)
			})
			got, _ := tx.Grant(north, was.ID)
			same(t, got, mixed(was, now, fields(reflect.TypeFor[access.Grant](), "RequestID Owner CreatedAt")), err)
		},
		"NoteGrant": func(t *testing.T, tx *store.Tx) {
			was, now := grants(access.Minting, access.Active)
			now.Version = 1
			err := first(tx.CreateGrant(was, minted(was), nil), func() error { return tx.RecordGrant(now) })
			got, _ := tx.Grant(north, was.ID)
			same(t, got, mixed(was, now, "CheckedAt LastUsedAt Trouble Tries NextTry Expires MarkedAt ChangeSeen"), err)
		},
		"MoveFound": func(t *testing.T, tx *store.Tx) {
			was, now := founds(access.FoundNew, access.FoundRemoving)
			err := first(tx.CreateFound(was, foundTold(audit.FoundDiscover, was, ""), nil), func() error { return tx.MoveFound(now, foundTold(audit.FoundRemove, now, access.FoundNew), nil) })
			got, _ := tx.Found(north, was.ID)
			same(t, got, mixed(was, now, fields(reflect.TypeFor[access.Found](), "CanvasUser CanvasID FoundAt")), err)
		},
		"NoteFound": func(t *testing.T, tx *store.Tx) {
			was, now := founds(access.FoundNew, access.FoundGone)
			now.Version = 1
			err := first(tx.CreateFound(was, foundTold(audit.FoundDiscover, was, ""), nil), func() error { return tx.RecordFound(now) })
			got, _ := tx.Found(north, was.ID)
			same(t, got, mixed(was, now, "Owner OwnerName AccountRole Hint Purpose Marker MadeAt Expires LastUsedAt SeenAt Tries NextTry Trouble"), err)
		},
		"SaveIncident": func(t *testing.T, tx *store.Tx) {
			was, now := leak("inc_a", ""), filled[access.Incident](500)
			now.ID, now.Tenant, now.Version, now.Owner, now.ReportedBy, now.ClearedBy, now.How = was.ID, north, 2, ben, cleo, cleo, access.LeakByIntake
			_, e := cleared(was)
			err := first(tx.CreateIncident(was, opened(was), nil), func() error { return tx.SaveIncident(now, e, nil) })
			got, _ := tx.Incident(north, was.ID)
			same(t, got, mixed(was, now, "Version ClearedAt ClearedBy"), err)
		},
		"NoteInventory": func(t *testing.T, tx *store.Tx) {
			was, now := inventories(store.InventoryDone, 1)
			err := first(tx.CreateInventory(was, told(audit.InventoryStart, was.ID, "", "running", 1)), func() error { return tx.RecordInventory(now) })
			got, _ := tx.Inventory(north, was.ID)
			same(t, got, mixed(was, now, "ReportID ReadAt Tokens Ours Others"), err)
		},
		"EndInventory": func(t *testing.T, tx *store.Tx) {
			was, now := inventories(store.InventoryFailed, 2)
			err := first(tx.CreateInventory(was, told(audit.InventoryStart, was.ID, "", "running", 1)), func() error {
				return tx.EndInventory(now, told(audit.InventoryEnd, was.ID, "running", "failed", 2), nil)
			})
			got, _ := tx.Inventory(north, was.ID)
			same(t, got, mixed(was, now, "Version State EndedAt Tokens Ours Others Trouble"), err)
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				seed(t, s)
				in(t, s, func(tx *store.Tx) error {
					return tx.SavePerson(store.Person{ID: "per_dora", Tenant: north, CanvasUser: "104", CreatedAt: base})
				})
				create(t, s, waiting("req_b", 7001), waiting("req_c", 7002))
				in(t, s, func(tx *store.Tx) error { test(t, tx); return nil })
			})
		})
	}
}

// first runs then unless there was an error before.
func first(err error, then func() error) error {
	if err != nil {
		return err
	}
	return then()
}

// The work that follows a move is of the move's tenant and time, where it does
// not say otherwise.
func TestWorkThatFollows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := waiting("req_a", 1)
		create(t, s, r)
		e := approved(r)
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveRequest(approve(r), e, nil, jobs.Insert{Kind: "tell", Key: "a"}, jobs.Insert{Kind: "tell", Key: "b", RunAt: e.At.Add(time.Hour), Tenant: string(south)})
		})
		claim := func(now time.Time) (out []string) {
			got, err := s.ClaimJobs(t.Context(), jobs.Claim{Owner: "worker", Now: now, Lease: time.Minute, Limit: 9, But: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range got {
				out = append(out, fmt.Sprintf("%s of %s made %s", j.Key, j.Tenant, j.CreatedAt.Sub(kept(e.At))))
			}
			return out
		}
		if got := claim(e.At.Add(-time.Second)); got != nil {
			t.Errorf("before its time: %v", got)
		}
		if got, want := fmt.Sprint(claim(e.At)), "[a of ten_north made 0s]"; got != want {
			t.Errorf("at its time: %s, want %s", got, want)
		}
		if got, want := fmt.Sprint(claim(e.At.Add(time.Hour))), "[a of ten_north made 0s b of ten_south made 0s]"; got != want {
			t.Errorf("an hour later: %s, want %s", got, want)
		}
	})
}

// Every place in which a person stands goes to who they became, but where that
// would give one person two parts that exclude each other.
func TestMergeMovesEverything(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		in(t, s, func(tx *store.Tx) error {
			for i, id := range []access.PersonID{"per_dora", "per_old"} {
				p := store.Person{ID: id, Tenant: north, CanvasUser: fmt.Sprint(104 + i), CreatedAt: base}
				if id == "per_old" {
					p.MergedInto = ana // before
				}
				if err := tx.SavePerson(p); err != nil {
					return err
				}
			}
			for sub, p := range map[string]access.PersonID{"sub ana": ana, "sub ben": ben, "sub cleo": cleo} {
				if err := tx.LinkSub(north, sub, p, told(audit.PersonLink, string(p), "", "", 0), nil); err != nil {
					return err
				}
			}
			return first(tx.SaveSession(session1("a", ana)), func() error { return tx.SaveSession(session1("b", ben)) })
		})
		word := func(w string) access.PersonID {
			return map[string]access.PersonID{"ana": ana, "ben": ben, "cleo": cleo, "dora": "per_dora"}[w]
		}
		say := func(ps ...access.PersonID) string {
			var out []string
			for _, p := range ps {
				out = append(out, map[access.PersonID]string{ana: "ana", ben: "ben", cleo: "cleo", "per_dora": "dora", "": "-"}[p])
			}
			return strings.Join(out, " ")
		}
		// Who asked, sponsors, endorsed, decided and claimed; ana becomes ben.
		requests := []struct{ was, want string }{
			{"ana cleo cleo dora -", "ben cleo cleo dora -"},
			{"ana - - - -", "ben - - - -"},
			{"ana ben - - -", "ana ben - - -"},
			{"ana - ben - -", "ana - ben - -"},
			{"ana - - ben -", "ana - - ben -"},
			{"cleo ana - - -", "cleo ben - - -"},
			{"ben ana - - -", "ben ana - - -"},
			{"cleo - ana - -", "cleo - ben - -"},
			{"ben - ana - -", "ben - ana - -"},
			{"cleo - ana ben -", "cleo - ana ben -"},
			{"cleo - - ana -", "cleo - - ben -"},
			{"ben - - ana -", "ben - - ana -"},
			{"cleo - ben ana -", "cleo - ben ana -"},
			{"cleo - - - ana", "cleo - - - ben"},
			{"dora cleo cleo - -", "dora cleo cleo - -"},
		}
		// Who owns, sponsors, was asked to, froze, thaws and ended.
		grants := []struct{ was, want string }{
			{"ana cleo dora cleo cleo cleo", "ben cleo dora cleo cleo cleo"},
			{"ana ben - - - -", "ana ben - - - -"},
			{"ana - ben - - -", "ana - ben - - -"},
			{"ana - - - ben -", "ana - - - ben -"},
			{"cleo ana - - - -", "cleo ben - - - -"},
			{"ben ana - - - -", "ben ana - - - -"},
			{"cleo - ana - - -", "cleo - ben - - -"},
			{"ben - ana - - -", "ben - ana - - -"},
			{"cleo - - ana - -", "cleo - - ben - -"},
			{"cleo - - - ana -", "cleo - - - ben -"},
			{"ben - - - ana -", "ben - - - ana -"},
			{"cleo - - - - ana", "cleo - - - - ben"},
			{"dora cleo cleo cleo cleo cleo", "dora cleo cleo cleo cleo cleo"},
		}
		// Whose token leaked, who reported and who cleared it.
		incidents := []struct{ was, want string }{
			{"ana cleo cleo", "ben cleo cleo"}, {"ana cleo ben", "ana cleo ben"}, {"cleo ana -", "cleo ben -"}, {"dora cleo cleo", "dora cleo cleo"},
		}
		in(t, s, func(tx *store.Tx) error {
			for i, tt := range requests {
				w := strings.Fields(tt.was)
				r := waiting(fmt.Sprintf("req_%02d", i), i+1)
				r.Requester, r.Sponsor = word(w[0]), word(w[1])
				for i, p := range w[2:] { // who endorsed it, who approved it, who claimed the next stage
					if p != "-" {
						r.Votes = append(r.Votes, access.Vote{Stage: i, Part: access.AsReviewer, Person: word(p), Verdict: []access.Verdict{access.Yes, access.Yes, access.Claimed}[i], At: at(i + 1)})
					}
				}
				if err := tx.CreateRequest(r, told(audit.RequestCreate, r.ID, "", string(r.State), 1), nil); err != nil {
					return fmt.Errorf("%s: %w", tt.was, err)
				}
			}
			for i, tt := range grants {
				w := strings.Fields(tt.was)
				g := grant(fmt.Sprintf("grt_%02d", i), waiting(fmt.Sprintf("req_%02d", i), i+1))
				g.Owner, g.Sponsor, g.SponsorAsked, g.FrozenBy, g.EndedBy = word(w[0]), word(w[1]), word(w[2]), word(w[3]), word(w[5])
				if w[4] != "-" {
					g.State, g.Votes = access.Frozen, access.Votes{{Stage: 1, Part: access.AsReviewer, Person: word(w[4]), Verdict: access.Yes, At: at(1)}}
				}
				e := minted(g)
				e.To = string(g.State)
				if err := tx.CreateGrant(g, e, nil); err != nil {
					return fmt.Errorf("%s: %w", tt.was, err)
				}
			}
			for n, tt := range incidents {
				w := strings.Fields(tt.was)
				i := leak(fmt.Sprintf("inc_%02d", n), "")
				i.Owner, i.ReportedBy = word(w[0]), word(w[1])
				if err := tx.CreateIncident(i, opened(i), nil); err != nil {
					return fmt.Errorf("%s: %w", tt.was, err)
				}
				if i.ClearedBy = word(w[2]); i.ClearedBy == "" {
					continue
				}
				by := i.ClearedBy
				i, e := cleared(i)
				i.ClearedBy = by
				if err := tx.SaveIncident(i, e, nil); err != nil {
					return fmt.Errorf("%s: %w", tt.was, err)
				}
			}
			for i, p := range []access.PersonID{ana, cleo} {
				f := found(fmt.Sprintf("fnd_%d", i), fmt.Sprint(i))
				f.Owner = p
				if err := tx.CreateFound(f, foundTold(audit.FoundDiscover, f, ""), nil); err != nil {
					return err
				}
			}
			return nil
		})
		before := len(log(t, s, north))
		in(t, s, func(tx *store.Tx) error {
			return tx.MergePerson(north, ana, ben, told(audit.PersonMerge, string(ana), "", "", 0), nil)
		})
		if all := log(t, s, north); len(all) != before+1 || all[before].Event.Action != audit.PersonMerge || all[before].Event.Object != string(ana) {
			t.Errorf("the log tells of the merge: %+v", all[before:])
		}
		in(t, s, func(tx *store.Tx) error {
			for i, tt := range requests {
				r, err := tx.Request(north, fmt.Sprintf("req_%02d", i))
				said := make([]access.PersonID, 3)
				for _, v := range r.Votes {
					said[v.Stage] = v.Person
				}
				if got := say(r.Requester, r.Sponsor, said[0], said[1], said[2]); err != nil || got != tt.want || r.Version != 1 {
					t.Errorf("request %s became %s at version %d, want %s (%v)", tt.was, got, r.Version, tt.want, err)
				}
			}
			for i, tt := range grants {
				g, err := tx.Grant(north, fmt.Sprintf("grt_%02d", i))
				if got := say(g.Owner, g.Sponsor, g.SponsorAsked, g.FrozenBy, g.FirstThaw().Person, g.EndedBy); err != nil || got != tt.want || g.Version != 1 {
					t.Errorf("grant %s became %s at version %d, want %s (%v)", tt.was, got, g.Version, tt.want, err)
				}
			}
			for n, tt := range incidents {
				i, err := tx.Incident(north, fmt.Sprintf("inc_%02d", n))
				if got := say(i.Owner, i.ReportedBy, i.ClearedBy); err != nil || got != tt.want {
					t.Errorf("incident %s became %s, want %s (%v)", tt.was, got, tt.want, err)
				}
			}
			for i, want := range []access.PersonID{ben, cleo} {
				if f, err := tx.Found(north, fmt.Sprintf("fnd_%d", i)); err != nil || f.Owner != want {
					t.Errorf("the found token %d is %s's, want %s (%v)", i, f.Owner, want, err)
				}
			}
			for id, want := range map[access.PersonID]access.PersonID{ana: ben, "per_old": ben, ben: "", cleo: ""} {
				if p, err := tx.Person(north, id); err != nil || p.MergedInto != want {
					t.Errorf("%s is merged into %q, want %q (%v)", id, p.MergedInto, want, err)
				}
			}
			for p, want := range map[access.PersonID]string{ana: "[]", ben: "[sub ana sub ben]", cleo: "[sub cleo]"} {
				if subs, err := tx.SubsOf(north, p); err != nil || fmt.Sprint(subs) != want {
					t.Errorf("%s has the subs %v, want %s (%v)", p, subs, want, err)
				}
			}
			if _, err := tx.SessionByHash(hash("b"), at(1)); err != nil {
				t.Errorf("the session of who stays: %v", err)
			}
			return nil
		})
		if n := counts(t, s, "sessions")[0]; n != 1 {
			t.Errorf("%d sessions are left, want that of who stays", n)
		}
	})
}
