package store_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

func TestGrantComesBackAsItWent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		create(t, s, waiting("req_a", 1))
		var g access.Grant
		n := 0
		fill(reflect.ValueOf(&g).Elem(), &n)
		g.ID, g.Tenant, g.RequestID, g.Version, g.State = "grt_a", north, "req_a", 1, access.Minting
		g.Owner, g.EndedBy = ana, cleo
		g.Sponsor, g.SponsorAsked, g.FrozenBy, g.Votes = cleo, ben, cleo, nil
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(g, minted(g), nil) })
		check := func(when string, g access.Grant) {
			t.Helper()
			want := g
			rounded(reflect.ValueOf(&want).Elem())
			err := s.Read(t.Context(), func(tx *store.Tx) error {
				for how, get := range map[string]func() (access.Grant, error){
					"by id": func() (access.Grant, error) { return tx.Grant(north, g.ID) }, "by id alone": func() (access.Grant, error) { return tx.GrantAny(g.ID) },
					"by request": func() (access.Grant, error) { return tx.GrantOfRequest(north, "req_a") },
				} {
					if got, err := get(); err != nil || !reflect.DeepEqual(got, want) {
						t.Errorf("%s, %s: %v\ngot  %+v\nwant %+v", when, how, err, got, want)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		check("created", g)
		empty := access.Grant{ID: g.ID, Tenant: north, RequestID: "req_a", Version: 2, State: access.Recovering, Owner: ana, CreatedAt: g.CreatedAt, UpdatedAt: at(3)}
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveGrant(empty, told(audit.GrantDoubt, g.ID, "minting", "recovering", 2), nil)
		})
		check("emptied by a move", empty)
		note := empty
		note.CheckedAt, note.LastUsedAt, note.NextTry, note.Expires, note.Trouble, note.Tries = at(5), at(4), at(6), at(7), "canvas.down", 3
		noted := note
		noted.Title, noted.State, noted.CanvasID = "not written", access.Active, "not written"
		in(t, s, func(tx *store.Tx) error { return tx.RecordGrant(noted) })
		check("noted", note)
		if n := verify(t, s, north); n != 3 {
			t.Errorf("%d audit rows; a note leaves none", n)
		}
	})
}

func TestGrantRefusals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := waiting("req_a", 1)
		create(t, s, r, waiting("req_b", 2))
		g := grant("grt_a", r)
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(g, minted(g), nil) })
		do := func(fn func(tx *store.Tx) error) error { return s.InTx(t.Context(), fn) }
		moved := func(change func(*access.Grant)) access.Grant {
			m := g
			m.State, m.Version = access.Void, 2
			change(&m)
			return m
		}
		end := told(audit.GrantGiveUp, g.ID, "minting", "void", 2)
		tests := map[string]struct {
			do   func(tx *store.Tx) error
			want any // an error, or a part of what it says
		}{
			"a second live grant of one request": {func(tx *store.Tx) error {
				h := grant("grt_b", r)
				return tx.CreateGrant(h, minted(h), nil)
			}, access.ErrConflict},
			"a taken id": {func(tx *store.Tx) error {
				h := grant("grt_a", waiting("req_b", 2))
				return tx.CreateGrant(h, minted(h), nil)
			}, access.ErrConflict},
			"a grant of no request": {func(tx *store.Tx) error {
				h := grant("grt_b", waiting("req_none", 2))
				return tx.CreateGrant(h, minted(h), nil)
			}, access.ErrNotFound},
			"a grant of another tenant's request": {func(tx *store.Tx) error {
				h := grant("grt_b", waiting("req_b", 2))
				h.Tenant, h.Owner = south, zoe
				return tx.CreateGrant(h, minted(h), nil)
			}, access.ErrNotFound},
			"a move of a version that is gone": {func(tx *store.Tx) error {
				e := end
				e.Version = 3
				return tx.MoveGrant(moved(func(m *access.Grant) { m.Version = 3 }), e, nil)
			}, access.ErrConflict},
			"a move told from another state": {func(tx *store.Tx) error {
				e := end
				e.From = "recovering"
				return tx.MoveGrant(moved(func(*access.Grant) {}), e, nil)
			}, "tells of a move from \"recovering\""},
			"a move in another tenant": {func(tx *store.Tx) error {
				return tx.MoveGrant(moved(func(m *access.Grant) { m.Tenant = south }), end, nil)
			}, access.ErrNotFound},
			"a state that no table knows": {func(tx *store.Tx) error {
				e := end
				e.To = "forgotten"
				return tx.MoveGrant(moved(func(m *access.Grant) { m.State = "forgotten" }), e, nil)
			}, "state"},
			"a note about another version":     {func(tx *store.Tx) error { return tx.RecordGrant(moved(func(*access.Grant) {})) }, access.ErrConflict},
			"a note about no grant":            {func(tx *store.Tx) error { return tx.RecordGrant(moved(func(m *access.Grant) { m.ID = "grt_x" })) }, access.ErrNotFound},
			"a note in another tenant":         {func(tx *store.Tx) error { return tx.RecordGrant(moved(func(m *access.Grant) { m.Tenant = south })) }, access.ErrNotFound},
			"reading in another tenant":        {func(tx *store.Tx) error { _, err := tx.Grant(south, g.ID); return err }, access.ErrNotFound},
			"by request in another tenant":     {func(tx *store.Tx) error { _, err := tx.GrantOfRequest(south, r.ID); return err }, access.ErrNotFound},
			"by a request without a grant":     {func(tx *store.Tx) error { _, err := tx.GrantOfRequest(north, "req_b"); return err }, access.ErrNotFound},
			"by an id that nobody has":         {func(tx *store.Tx) error { _, err := tx.GrantAny("grt_x"); return err }, access.ErrNotFound},
			"a request read in another tenant": {func(tx *store.Tx) error { _, err := tx.Request(south, r.ID); return err }, access.ErrNotFound},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				if err := do(tt.do); !refused(err, tt.want) {
					t.Fatalf("%v, want %v", err, tt.want)
				}
			})
		}
		// Once its life is over, the request may have a new one, and that is found.
		in(t, s, func(tx *store.Tx) error { return tx.MoveGrant(moved(func(*access.Grant) {}), end, nil) })
		is := func(want string) {
			t.Helper()
			in(t, s, func(tx *store.Tx) error {
				got, err := tx.GrantOfRequest(north, r.ID)
				if got.ID != want {
					t.Errorf("the grant of the request is %s, want %s", got.ID, want)
				}
				return err
			})
		}
		h := grant("grt_b", r)
		h.CreatedAt = at(50)
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(h, minted(h), nil) })
		is("grt_b")
		// An attempt that came to nothing stands behind it, even if another
		// replica, whose clock is ahead, calls it newer.
		h.Version, h.State = 2, access.Void
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveGrant(h, told(audit.GrantGiveUp, h.ID, "minting", "void", 2), nil)
		})
		i := grant("grt_a_third", r)
		i.CreatedAt = at(49)
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(i, minted(i), nil) })
		is("grt_a_third")
		i.Version, i.State = 2, access.Revoked
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveGrant(i, told(audit.GrantGone, i.ID, "minting", "revoked", 2), nil)
		})
		is("grt_a_third")
		// Of two that were handed over, the newer one.
		j := grant("grt_0_fourth", r)
		j.CreatedAt = at(60)
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(j, minted(j), nil) })
		j.Version, j.State = 2, access.Expired
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveGrant(j, told(audit.GrantGone, j.ID, "minting", "expired", 2), nil)
		})
		is("grt_0_fourth")
		verify(t, s, north)
	})
}

// seedLists adds twelve requests, of which the even ones have grants.
func seedLists(t *testing.T, s *store.Store) (rs []access.Request, gs []access.Grant) {
	t.Helper()
	seed(t, s)
	for i := range 12 {
		r := waiting("req_"+string(rune('a'+i)), i+1)
		r.CreatedAt = base.Add(time.Duration(i/3) * time.Second) // three at a time
		r.UpdatedAt = base.Add(-time.Duration(i) * time.Microsecond)
		if i%4 == 3 {
			r.ReviewDue = time.Time{}
		}
		r.Answers.Set("build", "A bot for 50% of the ROBOTICS club_"+string(rune('a'+i)))
		r.Answers.Set("purpose", "research")
		r.Answers.Set("maker", "self")
		r.Answers.Set("ai", "no")
		if i == 5 {
			r.Answers = access.Answers{"purpose": {"teaching"}, "maker": {"company"}, "maker_name": {"Émile & Co"}, "ai": {"yes"}, "build": {"calendar"}}
			r.Course = access.Course{ID: "42", Name: "Linear Algebra", Code: "MATH 2"}
			r.Affiliation, r.Requester, r.Sponsor = policy.Faculty, ben, cleo
		}
		if i == 6 {
			r.State, r.CollectBy, r.End = access.Approved, at(60), at(90)
			r.Votes = access.Votes{endorsed(ben), claims(cleo, 2)}
		}
		if i == 7 {
			r.State, r.SponsorDue = access.AwaitingSponsor, at(30)
		}
		rs = append(rs, r)
	}
	create(t, s, rs...)
	for i := 0; i < len(rs); i += 2 {
		g := grant("grt_"+string(rune('a'+i)), rs[i])
		g.CreatedAt, g.UpdatedAt, g.Wanted = rs[i].CreatedAt, at(i), at(100-i)
		switch i {
		case 2:
			g.Expires = at(10)
		case 4:
			g.Wanted, g.LeaseUntil, g.ActivateBy, g.NextTry, g.CheckedAt, g.CanvasUser = time.Time{}, at(1), at(1), at(1), at(1), "777"
		}
		gs = append(gs, g)
	}
	in(t, s, func(tx *store.Tx) error {
		for _, g := range gs {
			if err := tx.CreateGrant(g, minted(g), nil); err != nil {
				return err
			}
		}
		return nil
	})
	return rs, gs
}

func ptr(b bool) *bool { return &b }

func TestRequestQueries(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seedLists(t, s)
		tests := map[string]struct {
			q    store.RequestQuery
			want string // last letters of the ids, in order
		}{
			"all, newest first":            {store.RequestQuery{}, "lkjihgfedcba"},
			"by update":                    {store.RequestQuery{Order: store.Updated}, "abcdefghijkl"},
			"by review target, none last":  {store.RequestQuery{Order: store.ReviewDue}, "abcefgijkdhl"},
			"of a requester":               {store.RequestQuery{Requester: ben}, "f"},
			"for a sponsor":                {store.RequestQuery{Sponsor: cleo}, "f"},
			"in states":                    {store.RequestQuery{States: []access.RequestState{access.Approved, access.AwaitingSponsor}}, "hg"},
			"of an affiliation":            {store.RequestQuery{Affiliation: policy.Faculty}, "f"},
			"of a course":                  {store.RequestQuery{Course: "42"}, "f"},
			"with a purpose":               {store.RequestQuery{Purpose: "teaching"}, "f"},
			"with a maker":                 {store.RequestQuery{Maker: "company"}, "f"},
			"with AI":                      {store.RequestQuery{AI: "yes"}, "f"},
			"with a sponsor":               {store.RequestQuery{Sponsored: ptr(true)}, "f"},
			"without a sponsor":            {store.RequestQuery{Sponsored: ptr(false), Limit: 3}, "lkj"},
			"text in the description":      {store.RequestQuery{Search: "  Robotics CLUB_b"}, "b"},
			"a percent sign is itself":     {store.RequestQuery{Search: "50% of", States: []access.RequestState{access.Approved}}, "g"},
			"an underscore is itself":      {store.RequestQuery{Search: "clubXb"}, ""},
			"a backslash is itself":        {store.RequestQuery{Search: `\`}, ""},
			"an accented maker, any case":  {store.RequestQuery{Search: "éMILE"}, "f"},
			"the course's name":            {store.RequestQuery{Search: "algebra"}, "f"},
			"the code":                     {store.RequestQuery{Search: "req-0012"}, "l"},
			"the requester's name":         {store.RequestQuery{Search: "okoro"}, "f"},
			"the sponsor's name":           {store.RequestQuery{Search: "CLEO 100%"}, "f"},
			"a quote is text":              {store.RequestQuery{Search: "' OR 1=1 --"}, ""},
			"sponsor's answer overdue":     {store.RequestQuery{DueField: store.DueSponsor, DueBefore: at(31)}, "h"},
			"not overdue at the moment":    {store.RequestQuery{DueField: store.DueSponsor, DueBefore: at(30)}, ""},
			"collection overdue":           {store.RequestQuery{DueField: store.DueCollect, DueBefore: at(61)}, "g"},
			"claimed long ago":             {store.RequestQuery{DueField: store.DueClaim, DueBefore: at(3)}, "g"},
			"over":                         {store.RequestQuery{DueField: store.DueEnd, DueBefore: at(91)}, "g"},
			"review overdue":               {store.RequestQuery{DueField: store.DueReview, DueBefore: at(5003)}, "ba"},
			"untouched":                    {store.RequestQuery{DueField: store.DueUpdate, DueBefore: base.Add(-9 * time.Microsecond)}, "lk"},
			"another tenant's, by its ids": {store.RequestQuery{Tenant: south, Requester: ana}, ""},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				if tt.q.Tenant == "" {
					tt.q.Tenant = north
				}
				err := s.Read(t.Context(), func(tx *store.Tx) error {
					rs, err := tx.Requests(tt.q)
					if err != nil {
						return err
					}
					got := ""
					for _, r := range rs {
						got += r.ID[4:]
					}
					if got != tt.want {
						t.Errorf("got %q, want %q", got, tt.want)
					}
					limit := tt.q.Limit
					tt.q.Limit = 0
					if n, err := tx.CountRequests(tt.q); err != nil || (limit == 0 && n != len(tt.want)) {
						t.Errorf("count %d, %v; want %d", n, err, len(tt.want))
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

func TestGrantQueries(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seedLists(t, s)
		create(t, s, func() access.Request {
			r := waiting("req_s", 99)
			r.Sponsor, r.Course = ben, access.Course{ID: "8"}
			return r
		}())
		g := grant("grt_s", waiting("req_s", 99))
		g.CreatedAt, g.State, g.Wanted, g.Sponsor, g.SponsorAsked = at(-1), access.Active, at(2000), ben, cleo
		g.GapUntil, g.RetireAt, g.Renews, g.EndsBy, g.EndsWhy = at(1), at(1), "grt_old", at(90).Add(30*time.Second), access.ByCourse
		in(t, s, func(tx *store.Tx) error {
			return tx.CreateGrant(g, told(audit.GrantCreate, g.ID, "", "active", 1), nil)
		})
		tests := map[string]struct {
			q    store.GrantQuery
			want string
		}{
			"all, newest first":        {store.GrantQuery{}, "kigecas"},
			"by end, none last":        {store.GrantQuery{Order: store.Ends}, "cksigae"},
			"by update":                {store.GrantQuery{Order: store.Updated, Limit: 2}, "ki"},
			"of an owner":              {store.GrantQuery{Owner: ben}, ""},
			"of a Canvas user":         {store.GrantQuery{CanvasUser: "777"}, "e"},
			"of a request":             {store.GrantQuery{RequestID: "req_c"}, "c"},
			"for a sponsor":            {store.GrantQuery{Sponsor: ben}, "s"},
			"for who was asked":        {store.GrantQuery{Sponsor: cleo, States: []access.GrantState{access.Active}}, "s"},
			"for nobody":               {store.GrantQuery{Sponsor: ana}, ""},
			"whose gap is over":        {store.GrantQuery{GapBefore: at(2)}, "s"},
			"whose gap goes on":        {store.GrantQuery{GapBefore: at(1)}, ""},
			"to retire":                {store.GrantQuery{RetireBefore: at(2)}, "s"},
			"not yet to retire":        {store.GrantQuery{RetireBefore: at(1)}, ""},
			"that renews another":      {store.GrantQuery{Renews: "grt_old"}, "s"},
			"in states":                {store.GrantQuery{States: []access.GrantState{access.Active, access.Revoked}}, "s"},
			"of a course":              {store.GrantQuery{Course: "8"}, "s"},
			"text of the request":      {store.GrantQuery{Search: "club_C"}, "c"},
			"the request's code":       {store.GrantQuery{Search: "REQ-0099"}, "s"},
			"the owner's name":         {store.GrantQuery{Search: "åberg", Limit: 1}, "k"},
			"ending":                   {store.GrantQuery{EndsBefore: at(91)}, "kcs"},
			"whose own end has come":   {store.GrantQuery{CanvasEndBefore: at(91)}, "kc"},
			"not activated in time":    {store.GrantQuery{ActivateBefore: at(2)}, "e"},
			"lease over":               {store.GrantQuery{LeaseBefore: at(2)}, "e"},
			"to be tried again":        {store.GrantQuery{NextTryBefore: at(2)}, "e"},
			"checked long ago":         {store.GrantQuery{CheckedBefore: at(2)}, "e"},
			"not yet to be tried":      {store.GrantQuery{NextTryBefore: at(1)}, ""},
			"another tenant's by ids":  {store.GrantQuery{Tenant: south, RequestID: "req_c"}, ""},
			"another tenant's by name": {store.GrantQuery{Tenant: south, Search: "åberg"}, ""},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				if tt.q.Tenant == "" {
					tt.q.Tenant = north
				}
				err := s.Read(t.Context(), func(tx *store.Tx) error {
					gs, err := tx.Grants(tt.q)
					if err != nil {
						return err
					}
					got := ""
					for _, g := range gs {
						got += g.ID[4:]
					}
					if got != tt.want {
						t.Errorf("got %q, want %q", got, tt.want)
					}
					if n, err := tx.CountGrants(tt.q); err != nil || (tt.q.Limit == 0 && n != len(tt.want)) {
						t.Errorf("count %d, %v; want %d", n, err, len(tt.want))
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

// Pages of every order meet without gap or overlap, and survive rows that move
// to the front meanwhile.
func TestPages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		rs, gs := seedLists(t, s)
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			for _, order := range []store.Order{store.Newest, store.Updated, store.ReviewDue} {
				for size := 1; size <= 5; size++ {
					q := store.RequestQuery{Tenant: north, Order: order, Limit: size}
					seen := map[string]bool{}
					for {
						page, err := tx.Requests(q)
						if err != nil {
							return err
						}
						for _, r := range page {
							if seen[r.ID] {
								t.Errorf("order %q by %d: %s came twice", order, size, r.ID)
							}
							seen[r.ID] = true
						}
						if len(page) < size {
							break
						}
						q.After = q.Next(page[len(page)-1])
					}
					if len(seen) != len(rs) {
						t.Errorf("order %q by %d: %d of %d", order, size, len(seen), len(rs))
					}
				}
			}
			for _, order := range []store.Order{store.Newest, store.Updated, store.Ends} {
				q := store.GrantQuery{Tenant: north, Order: order, Limit: 2}
				seen := map[string]bool{}
				for {
					page, err := tx.Grants(q)
					if err != nil {
						return err
					}
					for _, g := range page {
						seen[g.ID] = true
					}
					if len(page) < 2 {
						break
					}
					q.After = q.Next(page[1])
				}
				if len(seen) != len(gs) {
					t.Errorf("grants by %q: %d of %d", order, len(seen), len(gs))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestQueriesRefuse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seedLists(t, s)
		requests := map[string]struct {
			q    store.RequestQuery
			want error
		}{
			"no tenant":                                   {store.RequestQuery{Requester: ana}, nil},
			"an order of grants":                          {store.RequestQuery{Tenant: north, Order: store.Ends}, nil},
			"a due time that is none":                     {store.RequestQuery{Tenant: north, DueField: "1=1; --", DueBefore: at(1)}, nil},
			"due before no time":                          {store.RequestQuery{Tenant: north, DueField: store.DueEnd}, nil},
			"a forged cursor":                             {store.RequestQuery{Tenant: north, After: "nonsense"}, access.ErrInvalid},
			"a cursor of another order":                   {store.RequestQuery{Tenant: north, After: "u1.req_a"}, access.ErrInvalid},
			"a cursor without an id":                      {store.RequestQuery{Tenant: north, After: "n1"}, access.ErrInvalid},
			"a cursor beyond all time":                    {store.RequestQuery{Tenant: north, After: "nzzzzzzzzzzzz.req_a"}, access.ErrInvalid},
			"a cursor before all time":                    {store.RequestQuery{Tenant: north, After: "n-zzz.req_a"}, access.ErrInvalid},
			"a cursor with a NUL":                         {store.RequestQuery{Tenant: north, After: "n1.req\x00"}, access.ErrInvalid},
			"a cursor that is not UTF-8":                  {store.RequestQuery{Tenant: north, After: "n1.\xff"}, access.ErrInvalid},
			"a cursor with SQL in its id is just a place": {store.RequestQuery{Tenant: north, After: "n1.' OR 1=1 --"}, errNothing},
		}
		for name, tt := range requests {
			var got []access.Request
			err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
				got, err = tx.Requests(tt.q)
				return err
			})
			switch {
			case errors.Is(tt.want, errNothing):
				if err != nil || len(got) != 0 {
					t.Errorf("%s: %d rows, %v", name, len(got), err)
				}
			case err == nil, tt.want != nil && !errors.Is(err, tt.want):
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
		for name, q := range map[string]store.GrantQuery{
			"no tenant": {Owner: ana}, "an order of requests": {Tenant: north, Order: store.ReviewDue}, "a forged cursor": {Tenant: north, After: "x"},
		} {
			if err := s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Grants(q); return err }); err == nil {
				t.Errorf("grants, %s: accepted", name)
			}
		}
		for name, count := range map[string]func(tx *store.Tx) (int, error){
			"requests": func(tx *store.Tx) (int, error) { return tx.CountRequests(store.RequestQuery{}) },
			"grants":   func(tx *store.Tx) (int, error) { return tx.CountGrants(store.GrantQuery{}) },
		} {
			if err := s.Read(t.Context(), func(tx *store.Tx) error { _, err := count(tx); return err }); err == nil {
				t.Errorf("counting %s of no tenant: accepted", name)
			}
		}
	})
}

var errNothing = errors.New("nothing is found")

func FuzzCursor(f *testing.F) {
	s := storetest.Open(f)
	f.Add("n1.req_a")
	f.Add("")
	f.Add("nhtyg.é")
	f.Fuzz(func(t *testing.T, c string) {
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Requests(store.RequestQuery{Tenant: north, After: store.Cursor(c)})
			return err
		})
		if err != nil && !errors.Is(err, access.ErrInvalid) {
			t.Errorf("cursor %q: %v", c, err)
		}
	})
}
