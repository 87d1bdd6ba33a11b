package inventory_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
)

// A campaign tells each owner once for all their tokens, knows people who have
// never opened the tool, counts what came of it, and removes nothing by itself.
func TestCampaign(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		r.Made("maya", "first script")
		r.Made("maya", "second script")
		r.Made("tom", "Tom's bot")
		r.Checked()
		c := r.Tell("first script", "second script", "Tom's bot")
		if c.People != 2 || c.Told != 3 {
			r.T.Errorf("%+v", c)
		}
		for key, want := range map[string]string{"maya": "Your 2 tokens in Canvas: answer by", "tom": "Your token in Canvas: answer by"} {
			got := r.W.Inbox(key)
			if len(got) != 1 || !strings.HasPrefix(got[0].Subject, want) || !strings.Contains(got[0].Body, "Ask me if in doubt.") {
				r.T.Errorf("%s got %+v", key, got)
			}
		}
		home, err := r.Cases.Home(r.T.Context(), r.As("maya", access.DoorCourse))
		if err != nil || len(home.Found) != 2 || !home.Found[0].Own || !home.Found[0].Can[access.AskToKeep] || !home.Found[0].Can[access.Remove] {
			r.T.Fatalf("%v: %+v", err, home.Found)
		}
		if other, err := r.Cases.Home(r.T.Context(), r.As("luca", access.DoorCourse)); err != nil || len(other.Found) != 0 {
			r.T.Errorf("somebody else sees %+v, %v", other.Found, err)
		}
		if _, err := r.Inventory.RemoveToken(r.T.Context(), r.As("maya", access.DoorCourse), r.The("second script").ID, ""); err != nil {
			r.T.Fatal(err)
		}
		req := r.Keeps("maya", "first script")
		r.Act(r.As("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{}) // without it, it would lapse before the deadline
		if got := r.Unmanaged(inventory.FoundFilter{}).Campaigns; len(got) != 1 || got[0].Asked != 1 || got[0].Removed != 1 || got[0].Silent != 1 {
			r.T.Errorf("%+v", got)
		}
		before := len(r.Subjects("dana"))
		r.Tick(desktest.BuiltIn.Windows.CampaignAnswer + time.Hour)
		r.Tick(time.Hour)
		if got := r.Subjects("dana")[before:]; !desktest.Has(got, "1 token outside Tokendesk: no answer") || len(slices.DeleteFunc(got, func(s string) bool { return !strings.Contains(s, "no answer") })) != 1 {
			r.T.Errorf("the reviewer got %q", got)
		}
		if got := purposes(r.Unmanaged(inventory.FoundFilter{Status: inventory.NoAnswer})); !slices.Equal(got, []string{"Tom's bot"}) {
			r.T.Errorf("no answer: %q (request %s is %s)", got, req.Code(), r.Request(req.ID).State)
		}
		if r.InCanvas("tom") != 1 {
			r.T.Error("the deadline removed a token")
		}
		r.Proven()
	})
}

func TestWhoMayDecideOnFoundTokens(t *testing.T) {
	t.Parallel()
	stale := func(r *desktest.Rig, key string, d access.Door) access.Caller {
		s := r.As(key, d)
		s.LaunchedAt = s.LaunchedAt.Add(-time.Hour)
		return s
	}
	type press func(r *desktest.Rig, caller access.Caller, id string) error
	tell := func(r *desktest.Rig, caller access.Caller, id string) error {
		_, err := r.Inventory.TellOwners(r.T.Context(), caller, []string{id}, r.Clock.Now().AddDate(0, 0, 30), "")
		return err
	}
	allow := func(r *desktest.Rig, caller access.Caller, id string) error {
		_, err := r.Inventory.AllowTokens(r.T.Context(), caller, []string{id}, r.TermsOfEach([]string{id}), "A service needs it.", r.Clock.Now().AddDate(0, 6, 0))
		return err
	}
	propose := func(r *desktest.Rig, caller access.Caller, id string) error {
		_, err := r.Inventory.ProposeKeep(r.T.Context(), caller, []string{id}, "", "")
		return err
	}
	bulk := func(r *desktest.Rig, caller access.Caller, id string) error {
		_, err := r.Inventory.RemoveTokens(r.T.Context(), caller, []string{id}, "Breach.", "1")
		return err
	}
	remove := func(r *desktest.Rig, caller access.Caller, id string) error {
		_, err := r.Inventory.RemoveToken(r.T.Context(), caller, id, "Breach.")
		return err
	}
	ask := func(r *desktest.Rig, caller access.Caller, id string) error {
		_, err := r.Inventory.AskToKeep(r.T.Context(), caller, id)
		return err
	}
	disallow := func(r *desktest.Rig, caller access.Caller, id string) error {
		return r.Inventory.Disallow(r.T.Context(), caller, id)
	}
	student := func(r *desktest.Rig) access.Caller { return r.As("luca", access.DoorCourse) }
	owner := func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorCourse) }
	demoted := func(r *desktest.Rig) access.Caller {
		s := r.As("priya", access.DoorAccount)
		r.W.RemoveAdmin("priya", "root")
		return s
	}
	acting := func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount, desktest.ActingBy("9")) }
	for name, tt := range map[string]struct {
		who func(r *desktest.Rig) access.Caller
		do  press
		why access.Why
		err error
	}{
		"tell: a student":               {student, tell, access.WhyWrongDoor, access.ErrNotAllowed},
		"tell: the owner":               {owner, tell, access.WhyWrongDoor, access.ErrNotAllowed},
		"tell: a demoted admin":         {demoted, tell, access.WhyNotReviewer, access.ErrNotAllowed},
		"tell: an old launch":           {func(r *desktest.Rig) access.Caller { return stale(r, "dana", access.DoorAccount) }, tell, access.WhyStale, access.ErrNotAllowed},
		"tell: acting as an admin":      {acting, tell, access.WhyActing, access.ErrNotAllowed},
		"allow: a student":              {student, allow, access.WhyWrongDoor, access.ErrNotAllowed},
		"allow: an old launch":          {func(r *desktest.Rig) access.Caller { return stale(r, "dana", access.DoorAccount) }, allow, access.WhyStale, access.ErrNotAllowed},
		"allow: an admin from a course": {func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorCourse) }, allow, access.WhyWrongDoor, access.ErrNotAllowed},
		"adopt: a student":              {student, propose, access.WhyWrongDoor, access.ErrNotAllowed},
		"adopt: an old launch":          {func(r *desktest.Rig) access.Caller { return stale(r, "dana", access.DoorAccount) }, propose, access.WhyStale, access.ErrNotAllowed},
		"adopt: a demoted admin":        {demoted, propose, access.WhyNotReviewer, access.ErrNotAllowed},
		"remove many: a student":        {student, bulk, access.WhyWrongDoor, access.ErrNotAllowed},
		"remove many: an old launch":    {func(r *desktest.Rig) access.Caller { return stale(r, "dana", access.DoorAccount) }, bulk, access.WhyStale, access.ErrNotAllowed},
		"remove: another student":       {student, remove, "", access.ErrNotFound},
		"remove: a demoted admin":       {demoted, remove, "", access.ErrNotFound},
		"remove: acting as the owner":   {func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorCourse, desktest.ActingBy("9")) }, remove, access.WhyActing, access.ErrNotAllowed},
		"keep: another student":         {student, ask, "", access.ErrNotFound},
		"keep: a reviewer, as if owner": {func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount) }, ask, "", access.ErrNotFound},
		"keep: acting as the owner":     {func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorCourse, desktest.ActingBy("9")) }, ask, access.WhyActing, access.ErrNotAllowed},
		"disallow: the owner":           {owner, disallow, access.WhyNotYours, access.ErrNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			tok := r.Made("maya", "my own script")
			r.Checked()
			id := r.The("my own script").ID
			if strings.HasPrefix(name, "disallow") {
				if err := allow(r, r.As("priya", access.DoorAccount), id); err != nil {
					t.Fatal(err)
				}
			}
			before := r.Found(id)
			caller := tt.who(r)
			err := tt.do(r, caller, id)
			if !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why {
				t.Errorf("%v, want %v (%s)", err, tt.err, tt.why)
			}
			if f := r.Found(id); f.Version != before.Version {
				t.Errorf("it is %s all the same", f.State)
			}
			if tokenOf(r, "maya", tok.ID.String()).State == canvastest.StateDeleted {
				t.Error("it was deleted all the same")
			}
		})
	}
}

// The allow-list takes two reviewers, a reason and a review date, and reopens
// by itself when that has passed.
func TestAllowList(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		r.Made("sam", "library sync")
		r.Made("dana", "Dana's own")
		r.Checked()
		id := r.The("library sync").ID
		dana, priya := r.As("dana", access.DoorAccount), r.As("priya", access.DoorAccount)
		review := r.Clock.Now().AddDate(0, 6, 0)
		for name, tt := range map[string]struct {
			reason string
			at     time.Time
		}{
			"no reason":     {"", review},
			"no date":       {"Service account.", time.Time{}},
			"a past date":   {"Service account.", r.Clock.Now().Add(-time.Hour)},
			"too far ahead": {"Service account.", r.Clock.Now().Add(desktest.BuiltIn.Windows.AllowList + time.Hour)},
		} {
			if _, err := r.Inventory.AllowTokens(ctx, dana, []string{id}, r.TermsOfEach([]string{id}), tt.reason, tt.at); !errors.Is(err, access.ErrInvalid) {
				r.T.Errorf("%s: %v", name, err)
			}
		}
		if _, err := r.Inventory.AllowTokens(ctx, dana, nil, r.TermsOfEach(nil), "x", review); !errors.Is(err, access.ErrInvalid) {
			r.T.Errorf("nothing picked: %v", err)
		}
		if _, err := r.Inventory.AllowTokens(ctx, dana, []string{r.The("Dana's own").ID}, r.TermsOfEach([]string{r.The("Dana's own").ID}), "Mine.", review); access.WhyOf(err) != access.WhySelf {
			r.T.Errorf("the owner allows her own: %v", err)
		}
		if _, err := r.Inventory.AllowTokens(ctx, dana, []string{id}, r.TermsOfEach([]string{id}), "Service account of the library.", review); err != nil {
			r.T.Fatal(err)
		}
		if _, err := r.Inventory.AllowTokens(ctx, dana, []string{id}, r.TermsOfEach([]string{id}), "", time.Time{}); access.WhyOf(err) != access.WhySecondPerson {
			r.T.Errorf("one person twice: %v", err)
		}
		if f := r.Found(id); f.State != access.FoundAllowing {
			r.T.Fatalf("after one: %s", f.State)
		}
		for range 2 { // a double press changes nothing
			if _, err := r.Inventory.AllowTokens(ctx, priya, []string{id}, r.TermsOfEach([]string{id}), "", time.Time{}); err != nil {
				r.T.Fatal(err)
			}
		}
		f := r.Found(id)
		if one, two := f.Allowing(); f.State != access.FoundAllowed || one.Reason == "" || two.Person == "" || one.Person == two.Person {
			r.T.Fatalf("after two: %+v", f)
		}
		r.Clock.Advance(25 * time.Hour)
		r.Checked()
		if f := r.Found(id); f.State != access.FoundAllowed {
			r.T.Errorf("a check moved it: %s", f.State)
		}
		before := len(r.Subjects("priya"))
		r.Tick(review.Sub(r.Clock.Now()) + time.Minute)
		if f := r.Found(id); f.State != access.FoundNew {
			r.T.Errorf("after its review date: %s", f.State)
		}
		if got := r.Subjects("priya")[before:]; !desktest.Has(got, "Allow-list: a review date has passed") {
			r.T.Errorf("the reviewer got %q", got)
		}
		r.Proven()
	})
}

// "Removed" is said only with proof; until then a job goes on.
func TestRemoveFound(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		tok := r.Made("kofi", "old export")
		r.Checked()
		id := r.The("old export").ID
		if _, err := r.Inventory.RemoveToken(ctx, r.As("dana", access.DoorAccount), id, ""); !errors.Is(err, access.ErrInvalid) {
			r.T.Errorf("a reviewer without a reason: %v", err)
		}
		old := r.As("dana", access.DoorAccount)
		old.LaunchedAt = old.LaunchedAt.Add(-7 * time.Hour)
		withdraw := r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute + "/:id", Method: http.MethodDelete, Status: 500, Times: -1})
		p, err := r.Inventory.RemoveToken(ctx, old, id, "Nobody knows what it does.")
		if err != nil || p.State != access.FoundRemoving || p.Tries != 1 || p.Trouble == "" {
			r.T.Fatalf("%v: %+v", err, p.Found)
		}
		r.Checked()
		if f := r.Found(id); f.State != access.FoundRemoving || f.Tries == 0 {
			r.T.Errorf("a check that sees it: %+v", f)
		}
		withdraw()
		r.Clock.Advance(6 * time.Minute)
		r.Drain()
		if f := r.Found(id); f.State != access.FoundRemoved || tokenOf(r, "kofi", tok.ID.String()).State != canvastest.StateDeleted {
			r.T.Errorf("with Canvas well again: %s", f.State)
		}
		if got := r.W.Inbox("kofi"); len(got) != 1 || !strings.Contains(got[0].Body, "Nobody knows what it does.") {
			r.T.Errorf("the owner got %+v", got)
		}
		if _, err := r.Inventory.RemoveToken(ctx, old, id, "Again."); err != nil {
			r.T.Errorf("pressed again: %v", err)
		}
		r.Proven()
	})
}

// Many at once takes a typed number, and all of them or none.
func TestRemoveMany(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.Made("kofi", "one")
	r.Made("tom", "two")
	r.Checked()
	ids := []string{r.The("one").ID, r.The("two").ID}
	dana := r.As("dana", access.DoorAccount)
	for name, tt := range map[string]struct {
		ids           []string
		reason, typed string
		err           error
	}{
		"no number":       {ids, "Breach.", "", access.ErrInvalid},
		"a wrong number":  {ids, "Breach.", "3", access.ErrInvalid},
		"no reason":       {ids, "", "2", access.ErrInvalid},
		"an unknown one":  {append(slices.Clone(ids), "fnd_AAAA"), "Breach.", "3", access.ErrNotFound},
		"one named twice": {[]string{ids[0], ids[0]}, "Breach.", "2", access.ErrInvalid},
		"too many":        {make([]string, 0), "Breach.", "0", access.ErrInvalid},
	} {
		if _, err := r.Inventory.RemoveTokens(t.Context(), dana, tt.ids, tt.reason, tt.typed); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.InCanvas("kofi")+r.InCanvas("tom") != 2 {
		t.Fatal("a refused press removed a token")
	}
	for range 2 {
		if _, err := r.Inventory.RemoveTokens(t.Context(), dana, ids, "Breach.", " 2 "); err != nil {
			t.Fatal(err)
		}
	}
	r.Clock.Advance(time.Minute)
	r.Drain()
	if r.InCanvas("kofi")+r.InCanvas("tom") != 0 || r.Found(ids[0]).State != access.FoundRemoved {
		t.Errorf("%s, %s", r.Found(ids[0]).State, r.Found(ids[1]).State)
	}
	r.Proven()
}

// A token that somebody makes after the first check says that Canvas's own
// self-service is not off.
func TestSelfServiceIsNotOff(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.Made("maya", "from before")
	r.Checked()
	dana := r.As("dana", access.DoorAccount)
	if n := r.Cases.Nav(t.Context(), dana); !n.SelfMade.IsZero() || n.Unmanaged != 1 {
		t.Errorf("%+v", n)
	}
	r.Clock.Advance(48 * time.Hour)
	made := r.Clock.Now()
	r.Made("tom", "made since", func(s *canvastest.TokenSpec) { s.CreatedAt = made })
	r.Made("ingrid", "made since by an admin", func(s *canvastest.TokenSpec) { s.CreatedAt = made.Add(time.Hour) })
	r.Clock.Advance(2 * time.Hour)
	r.Checked()
	if n := r.Cases.Nav(t.Context(), dana); !n.SelfMade.Equal(made) {
		t.Errorf("%s, want %s", n.SelfMade, made)
	}
	if n := r.Cases.Nav(t.Context(), r.As("maya", access.DoorCourse)); !n.SelfMade.IsZero() || n.Unmanaged != 0 {
		t.Errorf("a student is told %+v", n)
	}
}
