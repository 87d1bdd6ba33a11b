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
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// fill sets every field of a struct to something that is not zero, times to
// ones that no database keeps exactly.
func fill(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(base.Add(time.Duration(*n)*time.Hour + time.Duration(*n)*time.Microsecond)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case v.Kind() == reflect.String:
		v.SetString("text " + string(rune('a'+*n%26)) + ` "Åß" <&> ` + "\n")
	case v.Kind() == reflect.Int:
		v.SetInt(int64(*n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Type() == reflect.TypeFor[[]byte]():
		v.SetBytes([]byte{0, 0xff, byte(*n)})
	case v.Type() == reflect.TypeFor[[]string]():
		v.Set(reflect.ValueOf([]string{"one", "two \x00"}))
	case v.Type() == reflect.TypeFor[access.Votes]():
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case v.Type() == reflect.TypeFor[access.Answers]():
		v.Set(reflect.ValueOf(access.Answers{"build": {fmt.Sprintf("text %d \"Åß\" <&> \n", *n)}, "added": {"one", "two \x00"}}))
	default:
		panic("fill: " + v.Type().String())
	}
}

// rounded makes every time of a struct what a database gives back.
func rounded(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(kept(v.Interface().(time.Time))))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			rounded(v.Field(i))
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[access.Votes]() && v.Len() > 0 {
			v.Set(reflect.ValueOf(slices.Clone(v.Interface().(access.Votes))))
			for i := range v.Len() {
				rounded(v.Index(i))
			}
		}
	}
}

func TestRequestComesBackAsItWent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		create(t, s, draft("req_first"))
		var r access.Request
		n := 0
		fill(reflect.ValueOf(&r).Elem(), &n)
		r.ID, r.Tenant, r.Version, r.State = "req_full", north, 1, access.Approved
		r.Requester, r.Sponsor, r.EndedBy = ana, ben, cleo
		r.Votes[0].Person, r.Votes[0].Part, r.Votes[0].Verdict = cleo, access.AsReviewer, access.Yes
		r.RefiledFrom = "req_first"
		create(t, s, r)
		want := r
		rounded(reflect.ValueOf(&want).Elem())
		in(t, s, func(tx *store.Tx) error {
			got, err := tx.Request(north, r.ID)
			if err != nil {
				return err
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			return nil
		})
		// Every column but those that never change can be emptied by a move.
		empty := access.Request{ID: r.ID, Tenant: north, Version: 2, State: access.Denied, Number: 7, Requester: ana, CreatedAt: r.CreatedAt, UpdatedAt: at(3), Votes: r.Votes}
		in(t, s, func(tx *store.Tx) error {
			return tx.MoveRequest(empty, told(audit.RequestDeny, r.ID, string(access.Approved), string(access.Denied), 2), nil)
		})
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			got, err := tx.Request(north, r.ID)
			want := empty
			rounded(reflect.ValueOf(&want).Elem())
			if !reflect.DeepEqual(got, want) {
				t.Errorf("after the move\ngot  %+v\nwant %+v", got, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A state that the program does not know is an error wherever it is read, and no
// default stands in for it.
func TestUnknownStates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := waiting("req_a", 1)
		create(t, s, r)
		g, f := grant("grt_a", r), found("fnd_a", "50")
		g.Digest = []byte{1}
		in(t, s, func(tx *store.Tx) error { return tx.CreateGrant(g, minted(g), nil) })
		discover(t, s, f)
		for _, table := range []string{"requests", "grants", "found_tokens"} {
			exec(t, s, "UPDATE "+table+" SET state = 'granted'")
		}
		for what, read := range map[string]func(tx *store.Tx) error{
			"a request":              func(tx *store.Tx) error { _, err := tx.Request(north, "req_a"); return err },
			"a request by number":    func(tx *store.Tx) error { _, err := tx.RequestByNumber(north, 1); return err },
			"requests":               func(tx *store.Tx) error { _, err := tx.Requests(store.RequestQuery{Tenant: north}); return err },
			"a person's requests":    func(tx *store.Tx) error { _, err := tx.RequestsOf(north, ana, 9); return err },
			"a grant":                func(tx *store.Tx) error { _, err := tx.Grant(north, "grt_a"); return err },
			"the grant of a request": func(tx *store.Tx) error { _, err := tx.GrantOfRequest(north, "req_a"); return err },
			"a grant by its value":   func(tx *store.Tx) error { _, err := tx.GrantByDigest(north, [][]byte{{1}}); return err },
			"grants":                 func(tx *store.Tx) error { _, err := tx.Grants(store.GrantQuery{Tenant: north}); return err },
			"a found token":          func(tx *store.Tx) error { _, err := tx.Found(north, "fnd_a"); return err },
			"found tokens":           func(tx *store.Tx) error { _, err := tx.FoundTokens(store.FoundQuery{Tenant: north}); return err },
		} {
			if err := s.Read(t.Context(), read); !refused(err, "a state that this program does not know") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// What was said does not change, a claim may go or become a word, and votes of
// which a move knows nothing stay.
func TestVotesAreKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := waiting("req_a", 1)
		r.Votes = access.Votes{endorsed(ben)}
		create(t, s, r)
		move := func(votes ...access.Vote) error {
			next := r
			next.Version, next.Votes = r.Version+1, votes
			err := s.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.MoveRequest(next, told(audit.RequestClaim, r.ID, string(r.State), string(r.State), next.Version), nil)
			})
			if err == nil {
				r = next
			}
			return err
		}
		is := func(what string, want ...access.Vote) {
			t.Helper()
			in(t, s, func(tx *store.Tx) error {
				got, err := tx.Request(north, "req_a")
				if err != nil || !reflect.DeepEqual(got.Votes, access.Votes(want)) {
					t.Errorf("%s: %v\ngot  %+v\nwant %+v", what, err, got.Votes, want)
				}
				return err
			})
		}
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		ok(move(endorsed(ben), claims(cleo, 2)))
		is("claimed", endorsed(ben), claims(cleo, 2))
		ok(move(endorsed(ben)))
		is("released", endorsed(ben))
		ok(move(endorsed(ben), claims(cleo, 3)))
		yes := claims(cleo, 4)
		yes.Verdict, yes.Conditions = access.Yes, "less"
		ok(move(endorsed(ben), yes))
		is("said", endorsed(ben), yes)
		for what, change := range map[string]func(v *access.Vote){
			"its verdict":     func(v *access.Vote) { v.Verdict = access.No },
			"its conditions":  func(v *access.Vote) { v.Conditions = "more" },
			"its time":        func(v *access.Vote) { v.At = at(9) },
			"back to a claim": func(v *access.Vote) { v.Verdict = access.Claimed },
		} {
			other := yes
			change(&other)
			if err := move(endorsed(ben), other); !refused(err, "does not change") {
				t.Errorf("%s: %v", what, err)
			}
		}
		ok(move())
		is("a move that knows of none", endorsed(ben), yes)
	})
}

func TestMoveRequestRefuses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := waiting("req_a", 1)
		create(t, s, r)
		good := approved(r)
		tests := map[string]struct {
			move func(*access.Request, *audit.Event)
			want any // an error, or a part of what it says
		}{
			"a version that somebody else reached":   {func(r *access.Request, e *audit.Event) { r.Version, e.Version = 3, 3 }, access.ErrConflict},
			"a request that does not exist":          {func(r *access.Request, e *audit.Event) { r.ID, e.Object = "req_b", "req_b" }, access.ErrNotFound},
			"another tenant's request":               {func(r *access.Request, e *audit.Event) { r.Tenant = south }, access.ErrNotFound},
			"an event that comes from another state": {func(_ *access.Request, e *audit.Event) { e.From = "draft" }, "tells of a move from \"draft\""},
			"an event that goes to another state":    {func(_ *access.Request, e *audit.Event) { e.To = "denied" }, "tells of \"denied\""},
			"an event of another version":            {func(_ *access.Request, e *audit.Event) { e.Version = 9 }, "at version 9"},
			"an event of another object":             {func(_ *access.Request, e *audit.Event) { e.Object = "req_z" }, "names the object \"req_z\""},
			"an event of another tenant":             {func(_ *access.Request, e *audit.Event) { e.Tenant = string(south) }, "of another tenant than it happened in"},
			"an unknown action":                      {func(_ *access.Request, e *audit.Event) { e.Action = "request.sneak" }, "an unknown action"},
			"an event without an actor":              {func(_ *access.Request, e *audit.Event) { e.Actor = "" }, "it needs an actor"},
			"an event without a time":                {func(_ *access.Request, e *audit.Event) { e.At = time.Time{} }, "it needs an actor, an object and a time"},
			"an event that is not UTF-8":             {func(_ *access.Request, e *audit.Event) { e.Related = "\xff" }, "not valid UTF-8"},
			"an event with a NUL":                    {func(_ *access.Request, e *audit.Event) { e.Related = "a\x00" }, "not valid UTF-8"},
			"a decider that does not exist":          {func(r *access.Request, _ *audit.Event) { r.Votes[0].Person = "per_nobody" }, access.ErrNotFound},
			"a decider of another tenant":            {func(r *access.Request, _ *audit.Event) { r.Votes[0].Person = zoe }, access.ErrNotFound},
			"the requester as decider":               {func(r *access.Request, _ *audit.Event) { r.Votes[0].Person = ana }, "nobody_votes_on_their_own"},
			"an approval by the endorser":            {func(r *access.Request, _ *audit.Event) { r.Votes = append(r.Votes, endorsed(cleo)) }, access.ErrConflict},
			"two claims on one stage":                {func(r *access.Request, _ *audit.Event) { r.Votes = access.Votes{claims(cleo, 1), claims(ben, 1)} }, access.ErrConflict},
			"one person in two stages": {func(r *access.Request, _ *audit.Event) {
				second := r.Votes[0]
				second.Stage = 2
				r.Votes = append(r.Votes, second)
			}, access.ErrConflict},
			"a requester who sponsors themselves": {func(r *access.Request, _ *audit.Event) { r.Sponsor = ana }, "nobody_sponsors_themselves"},
			"a number taken away":                 {func(r *access.Request, _ *audit.Event) { r.Number = 0 }, "numbered"},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				moved, e := approve(r), good
				tt.move(&moved, &e)
				err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.MoveRequest(moved, e, nil) })
				if !refused(err, tt.want) {
					t.Fatalf("MoveRequest = %v, want %v", err, tt.want)
				}
			})
		}
		if n := verify(t, s, north); n != 1 {
			t.Errorf("%d audit rows after refusals, want the first only", n)
		}
		in(t, s, func(tx *store.Tx) error {
			got, err := tx.Request(north, r.ID)
			if err == nil && (got.Version != 1 || got.State != access.InReview) {
				t.Errorf("the request is %s at version %d", got.State, got.Version)
			}
			return err
		})
		in(t, s, func(tx *store.Tx) error { return tx.MoveRequest(approve(r), good, nil) })
	})
}

func TestCreateRequestRefuses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		create(t, s, waiting("req_a", 1))
		tests := map[string]struct {
			r    func(*access.Request, *audit.Event)
			want any // an error, or a part of what it says
		}{
			"a taken id":            {func(r *access.Request, e *audit.Event) { r.ID, e.Object = "req_a", "req_a" }, access.ErrConflict},
			"a taken number":        {func(r *access.Request, _ *audit.Event) { r.Number = 1 }, access.ErrConflict},
			"an unknown requester":  {func(r *access.Request, _ *audit.Event) { r.Requester = "per_nobody" }, access.ErrNotFound},
			"another tenant's":      {func(r *access.Request, _ *audit.Event) { r.Requester = zoe }, access.ErrNotFound},
			"an unknown tenant":     {func(r *access.Request, _ *audit.Event) { r.Tenant = "ten_west" }, access.ErrNotFound},
			"a later version":       {func(r *access.Request, e *audit.Event) { r.Version, e.Version = 2, 2 }, "comes from no state, at version 1"},
			"a state it came from":  {func(_ *access.Request, e *audit.Event) { e.From = "draft" }, "comes from no state, at version 1"},
			"an event of elsewhere": {func(_ *access.Request, e *audit.Event) { e.Object = "req_c" }, "names the object \"req_c\""},
			"a request refiled from one that is not there": {func(r *access.Request, _ *audit.Event) { r.RefiledFrom = "req_none" }, access.ErrNotFound},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				r := waiting("req_new", 2)
				e := told(audit.RequestCreate, r.ID, "", string(r.State), 1)
				tt.r(&r, &e)
				err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.CreateRequest(r, e, nil) })
				if !refused(err, tt.want) {
					t.Fatalf("CreateRequest = %v, want %v", err, tt.want)
				}
			})
		}
		if n := verify(t, s, north); n != 1 {
			t.Errorf("%d audit rows after refusals", n)
		}
	})
}

func TestDraft(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		r := draft("req_d")
		create(t, s, r, waiting("req_w", 1))
		save := func(r access.Request) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error { return tx.SaveDraft(r) })
		}
		r.UpdatedAt = at(10)
		r.Answers.Set("build", "A calendar")
		r.Answers.Set("purpose", "coursework")
		r.Course = access.Course{ID: "7", Name: "Databases", Code: "CS 7"}
		if err := save(r); err != nil {
			t.Fatal(err)
		}
		in(t, s, func(tx *store.Tx) error {
			got, err := tx.Request(north, r.ID)
			if got.Answers.Text("build") != "A calendar" || got.Version != 1 || got.Course != r.Course || !got.UpdatedAt.Equal(kept(at(10))) {
				t.Errorf("the draft is %+v", got)
			}
			return err
		})
		if n := verify(t, s, north); n != 2 {
			t.Errorf("saving a draft left %d audit rows, want 2", n)
		}
		tests := map[string]struct {
			change func(*access.Request)
			want   error
		}{
			"a save older than what is stored": {func(r *access.Request) { r.UpdatedAt = at(9) }, access.ErrConflict},
			"another version":                  {func(r *access.Request) { r.Version = 2 }, access.ErrConflict},
			"a request that was submitted":     {func(r *access.Request) { r.ID = "req_w" }, access.ErrConflict},
			"no such draft":                    {func(r *access.Request) { r.ID = "req_none" }, access.ErrNotFound},
			"another tenant's draft":           {func(r *access.Request) { r.Tenant = south }, access.ErrNotFound},
		}
		for name, tt := range tests {
			bad := r
			tt.change(&bad)
			if err := save(bad); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
	})
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		seed(t, s)
		next := func(tenant access.TenantID) (n int) {
			in(t, s, func(tx *store.Tx) (err error) {
				n, err = tx.NextNumber(tenant)
				return err
			})
			return n
		}
		if a, b, c := next(north), next(north), next(south); a != 1 || b != 2 || c != 1 {
			t.Errorf("numbers %d, %d and, elsewhere, %d", a, b, c)
		}
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.NextNumber("ten_west")
			return err
		})
		if !errors.Is(err, access.ErrNotFound) {
			t.Errorf("an unknown tenant: %v", err)
		}
		create(t, s, waiting("req_a", 2), draft("req_d"))
		err = s.Read(t.Context(), func(tx *store.Tx) error {
			if r, err := tx.RequestByNumber(north, 2); err != nil || r.ID != "req_a" {
				t.Errorf("number 2 is %q, %v", r.ID, err)
			}
			for tenant, n := range map[access.TenantID]int{north: 0, south: 2} {
				if _, err := tx.RequestByNumber(tenant, n); !errors.Is(err, access.ErrNotFound) {
					t.Errorf("number %d of %s: %v", n, tenant, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
