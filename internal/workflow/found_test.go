package workflow

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

func (r *rig) tell(purposes ...string) CampaignView {
	r.t.Helper()
	var ids []string
	for _, p := range purposes {
		ids = append(ids, r.the(p).ID)
	}
	c, err := r.TellOwners(r.t.Context(), r.as("dana", access.DoorAccount), ids, r.clock.Now().Add(builtIn.Windows.CampaignAnswer), "Ask me if in doubt.")
	if err != nil {
		r.t.Fatal(err)
	}
	r.drain()
	return c
}

// A campaign tells each owner once for all their tokens, knows people who have
// never opened the tool, counts what came of it, and removes nothing by itself.
func TestCampaign(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.made("maya", "first script")
		r.made("maya", "second script")
		r.made("tom", "Tom's bot")
		r.checked()
		c := r.tell("first script", "second script", "Tom's bot")
		if c.People != 2 || c.Told != 3 {
			r.t.Errorf("%+v", c)
		}
		for key, want := range map[string]string{"maya": "Your 2 tokens in Canvas: answer by", "tom": "Your token in Canvas: answer by"} {
			got := r.w.Inbox(key)
			if len(got) != 1 || !strings.HasPrefix(got[0].Subject, want) || !strings.Contains(got[0].Body, "Ask me if in doubt.") {
				r.t.Errorf("%s got %+v", key, got)
			}
		}
		home, err := r.Home(r.t.Context(), r.as("maya", access.DoorCourse))
		if err != nil || len(home.Found) != 2 || !home.Found[0].Own || !home.Found[0].Can[access.AskToKeep] || !home.Found[0].Can[access.Remove] {
			r.t.Fatalf("%v: %+v", err, home.Found)
		}
		if other, err := r.Home(r.t.Context(), r.as("luca", access.DoorCourse)); err != nil || len(other.Found) != 0 {
			r.t.Errorf("somebody else sees %+v, %v", other.Found, err)
		}
		if _, err := r.RemoveToken(r.t.Context(), r.as("maya", access.DoorCourse), r.the("second script").ID, ""); err != nil {
			r.t.Fatal(err)
		}
		req := r.keeps("maya", "first script")
		r.act(r.as("ana", access.DoorCourse), req.Code(), access.Endorse, access.Move{}) // without it, it would lapse before the deadline
		if got := r.unmanaged(FoundFilter{}).Campaigns; len(got) != 1 || got[0].Asked != 1 || got[0].Removed != 1 || got[0].Silent != 1 {
			r.t.Errorf("%+v", got)
		}
		before := len(r.subjects("dana"))
		r.tick(builtIn.Windows.CampaignAnswer + time.Hour)
		r.tick(time.Hour)
		if got := r.subjects("dana")[before:]; !has(got, "1 token outside Tokendesk: no answer") || len(slices.DeleteFunc(got, func(s string) bool { return !strings.Contains(s, "no answer") })) != 1 {
			r.t.Errorf("the reviewer got %q", got)
		}
		if got := purposes(r.unmanaged(FoundFilter{Status: NoAnswer})); !slices.Equal(got, []string{"Tom's bot"}) {
			r.t.Errorf("no answer: %q (request %s is %s)", got, req.Code(), r.request(req.ID).State)
		}
		if r.inCanvas("tom") != 1 {
			r.t.Error("the deadline removed a token")
		}
		r.proven()
	})
}

// keeps is a person's request to keep a found token, sent.
func (r *rig) keeps(key, purpose string) access.Request {
	r.t.Helper()
	door := access.DoorCourse
	caller := r.as(key, door)
	d, err := r.AskToKeep(r.t.Context(), caller, r.the(purpose).ID)
	if err != nil {
		r.t.Fatal(err)
	}
	a := r.answers()
	if d.Answers.Text("end") != "" {
		a.Set("end", d.Answers.Text("end"))
	}
	req, err := r.Submit(r.t.Context(), caller, d.ID, a)
	if err != nil {
		r.t.Fatal(err)
	}
	return req
}

func TestWhoMayDecideOnFoundTokens(t *testing.T) {
	t.Parallel()
	stale := func(r *rig, key string, d access.Door) access.Caller {
		s := r.as(key, d)
		s.LaunchedAt = s.LaunchedAt.Add(-time.Hour)
		return s
	}
	type press func(r *rig, caller access.Caller, id string) error
	tell := func(r *rig, caller access.Caller, id string) error {
		_, err := r.TellOwners(r.t.Context(), caller, []string{id}, r.clock.Now().AddDate(0, 0, 30), "")
		return err
	}
	allow := func(r *rig, caller access.Caller, id string) error {
		_, err := r.AllowTokens(r.t.Context(), caller, []string{id}, r.termsOfEach([]string{id}), "A service needs it.", r.clock.Now().AddDate(0, 6, 0))
		return err
	}
	propose := func(r *rig, caller access.Caller, id string) error {
		_, err := r.ProposeKeep(r.t.Context(), caller, []string{id}, "", "")
		return err
	}
	bulk := func(r *rig, caller access.Caller, id string) error {
		_, err := r.RemoveTokens(r.t.Context(), caller, []string{id}, "Breach.", "1")
		return err
	}
	remove := func(r *rig, caller access.Caller, id string) error {
		_, err := r.RemoveToken(r.t.Context(), caller, id, "Breach.")
		return err
	}
	ask := func(r *rig, caller access.Caller, id string) error {
		_, err := r.AskToKeep(r.t.Context(), caller, id)
		return err
	}
	disallow := func(r *rig, caller access.Caller, id string) error { return r.Disallow(r.t.Context(), caller, id) }
	student := func(r *rig) access.Caller { return r.as("luca", access.DoorCourse) }
	owner := func(r *rig) access.Caller { return r.as("maya", access.DoorCourse) }
	demoted := func(r *rig) access.Caller {
		s := r.as("priya", access.DoorAccount)
		r.w.RemoveAdmin("priya", "root")
		return s
	}
	acting := func(r *rig) access.Caller { return r.as("dana", access.DoorAccount, actingBy("9")) }
	for name, tt := range map[string]struct {
		who func(r *rig) access.Caller
		do  press
		why access.Why
		err error
	}{
		"tell: a student":               {student, tell, access.WhyWrongDoor, access.ErrNotAllowed},
		"tell: the owner":               {owner, tell, access.WhyWrongDoor, access.ErrNotAllowed},
		"tell: a demoted admin":         {demoted, tell, access.WhyNotReviewer, access.ErrNotAllowed},
		"tell: an old launch":           {func(r *rig) access.Caller { return stale(r, "dana", access.DoorAccount) }, tell, access.WhyStale, access.ErrNotAllowed},
		"tell: acting as an admin":      {acting, tell, access.WhyActing, access.ErrNotAllowed},
		"allow: a student":              {student, allow, access.WhyWrongDoor, access.ErrNotAllowed},
		"allow: an old launch":          {func(r *rig) access.Caller { return stale(r, "dana", access.DoorAccount) }, allow, access.WhyStale, access.ErrNotAllowed},
		"allow: an admin from a course": {func(r *rig) access.Caller { return r.as("dana", access.DoorCourse) }, allow, access.WhyWrongDoor, access.ErrNotAllowed},
		"adopt: a student":              {student, propose, access.WhyWrongDoor, access.ErrNotAllowed},
		"adopt: an old launch":          {func(r *rig) access.Caller { return stale(r, "dana", access.DoorAccount) }, propose, access.WhyStale, access.ErrNotAllowed},
		"adopt: a demoted admin":        {demoted, propose, access.WhyNotReviewer, access.ErrNotAllowed},
		"remove many: a student":        {student, bulk, access.WhyWrongDoor, access.ErrNotAllowed},
		"remove many: an old launch":    {func(r *rig) access.Caller { return stale(r, "dana", access.DoorAccount) }, bulk, access.WhyStale, access.ErrNotAllowed},
		"remove: another student":       {student, remove, "", access.ErrNotFound},
		"remove: a demoted admin":       {demoted, remove, "", access.ErrNotFound},
		"remove: acting as the owner":   {func(r *rig) access.Caller { return r.as("maya", access.DoorCourse, actingBy("9")) }, remove, access.WhyActing, access.ErrNotAllowed},
		"keep: another student":         {student, ask, "", access.ErrNotFound},
		"keep: a reviewer, as if owner": {func(r *rig) access.Caller { return r.as("dana", access.DoorAccount) }, ask, "", access.ErrNotFound},
		"keep: acting as the owner":     {func(r *rig) access.Caller { return r.as("maya", access.DoorCourse, actingBy("9")) }, ask, access.WhyActing, access.ErrNotAllowed},
		"disallow: the owner":           {owner, disallow, access.WhyNotYours, access.ErrNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			tok := r.made("maya", "my own script")
			r.checked()
			id := r.the("my own script").ID
			if strings.HasPrefix(name, "disallow") {
				if err := allow(r, r.as("priya", access.DoorAccount), id); err != nil {
					t.Fatal(err)
				}
			}
			before := r.found(id)
			caller := tt.who(r)
			err := tt.do(r, caller, id)
			if !errors.Is(err, tt.err) || access.WhyOf(err) != tt.why {
				t.Errorf("%v, want %v (%s)", err, tt.err, tt.why)
			}
			if f := r.found(id); f.Version != before.Version {
				t.Errorf("it is %s all the same", f.State)
			}
			if r.tokenOf("maya", tok.ID.String()).State == canvastest.StateDeleted {
				t.Error("it was deleted all the same")
			}
		})
	}
}

// The allow-list takes two reviewers, a reason and a review date, and reopens
// by itself when that has passed.
func TestAllowList(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		r.made("sam", "library sync")
		r.made("dana", "Dana's own")
		r.checked()
		id := r.the("library sync").ID
		dana, priya := r.as("dana", access.DoorAccount), r.as("priya", access.DoorAccount)
		review := r.clock.Now().AddDate(0, 6, 0)
		for name, tt := range map[string]struct {
			reason string
			at     time.Time
		}{
			"no reason":     {"", review},
			"no date":       {"Service account.", time.Time{}},
			"a past date":   {"Service account.", r.clock.Now().Add(-time.Hour)},
			"too far ahead": {"Service account.", r.clock.Now().Add(builtIn.Windows.AllowList + time.Hour)},
		} {
			if _, err := r.AllowTokens(ctx, dana, []string{id}, r.termsOfEach([]string{id}), tt.reason, tt.at); !errors.Is(err, access.ErrInvalid) {
				r.t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := r.AllowTokens(ctx, dana, nil, r.termsOfEach(nil), "x", review); !errors.Is(err, access.ErrInvalid) {
			r.t.Errorf("nothing picked: %v", err)
		}
		if _, err := r.AllowTokens(ctx, dana, []string{r.the("Dana's own").ID}, r.termsOfEach([]string{r.the("Dana's own").ID}), "Mine.", review); access.WhyOf(err) != access.WhySelf {
			r.t.Errorf("the owner allows her own: %v", err)
		}
		if _, err := r.AllowTokens(ctx, dana, []string{id}, r.termsOfEach([]string{id}), "Service account of the library.", review); err != nil {
			r.t.Fatal(err)
		}
		if _, err := r.AllowTokens(ctx, dana, []string{id}, r.termsOfEach([]string{id}), "", time.Time{}); access.WhyOf(err) != access.WhySecondPerson {
			r.t.Errorf("one person twice: %v", err)
		}
		if f := r.found(id); f.State != access.FoundAllowing {
			r.t.Fatalf("after one: %s", f.State)
		}
		for range 2 { // a double press changes nothing
			if _, err := r.AllowTokens(ctx, priya, []string{id}, r.termsOfEach([]string{id}), "", time.Time{}); err != nil {
				r.t.Fatal(err)
			}
		}
		f := r.found(id)
		if one, two := f.Allowing(); f.State != access.FoundAllowed || one.Reason == "" || two.Person == "" || one.Person == two.Person {
			r.t.Fatalf("after two: %+v", f)
		}
		r.clock.Advance(25 * time.Hour)
		r.checked()
		if f := r.found(id); f.State != access.FoundAllowed {
			r.t.Errorf("a check moved it: %s", f.State)
		}
		before := len(r.subjects("priya"))
		r.tick(review.Sub(r.clock.Now()) + time.Minute)
		if f := r.found(id); f.State != access.FoundNew {
			r.t.Errorf("after its review date: %s", f.State)
		}
		if got := r.subjects("priya")[before:]; !has(got, "Allow-list: a review date has passed") {
			r.t.Errorf("the reviewer got %q", got)
		}
		r.proven()
	})
}

// "Removed" is said only with proof; until then a job goes on.
func TestRemoveFound(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		tok := r.made("kofi", "old export")
		r.checked()
		id := r.the("old export").ID
		if _, err := r.RemoveToken(ctx, r.as("dana", access.DoorAccount), id, ""); !errors.Is(err, access.ErrInvalid) {
			r.t.Errorf("a reviewer without a reason: %v", err)
		}
		old := r.as("dana", access.DoorAccount)
		old.LaunchedAt = old.LaunchedAt.Add(-7 * time.Hour)
		withdraw := r.cv.Fail(canvastest.Fault{Route: createRoute + "/:id", Method: http.MethodDelete, Status: 500, Times: -1})
		p, err := r.RemoveToken(ctx, old, id, "Nobody knows what it does.")
		if err != nil || p.State != access.FoundRemoving || p.Tries != 1 || p.Trouble == "" {
			r.t.Fatalf("%v: %+v", err, p.Found)
		}
		r.checked()
		if f := r.found(id); f.State != access.FoundRemoving || f.Tries == 0 {
			r.t.Errorf("a check that sees it: %+v", f)
		}
		withdraw()
		r.clock.Advance(6 * time.Minute)
		r.drain()
		if f := r.found(id); f.State != access.FoundRemoved || r.tokenOf("kofi", tok.ID.String()).State != canvastest.StateDeleted {
			r.t.Errorf("with Canvas well again: %s", f.State)
		}
		if got := r.w.Inbox("kofi"); len(got) != 1 || !strings.Contains(got[0].Body, "Nobody knows what it does.") {
			r.t.Errorf("the owner got %+v", got)
		}
		if _, err := r.RemoveToken(ctx, old, id, "Again."); err != nil {
			r.t.Errorf("pressed again: %v", err)
		}
		r.proven()
	})
}

// Many at once takes a typed number, and all of them or none.
func TestRemoveMany(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.made("kofi", "one")
	r.made("tom", "two")
	r.checked()
	ids := []string{r.the("one").ID, r.the("two").ID}
	dana := r.as("dana", access.DoorAccount)
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
		if _, err := r.RemoveTokens(t.Context(), dana, tt.ids, tt.reason, tt.typed); !errors.Is(err, tt.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.inCanvas("kofi")+r.inCanvas("tom") != 2 {
		t.Fatal("a refused press removed a token")
	}
	for range 2 {
		if _, err := r.RemoveTokens(t.Context(), dana, ids, "Breach.", " 2 "); err != nil {
			t.Fatal(err)
		}
	}
	r.clock.Advance(time.Minute)
	r.drain()
	if r.inCanvas("kofi")+r.inCanvas("tom") != 0 || r.found(ids[0]).State != access.FoundRemoved {
		t.Errorf("%s, %s", r.found(ids[0]).State, r.found(ids[1]).State)
	}
	r.proven()
}

// A token that somebody makes after the first check says that Canvas's own
// self-service is not off.
func TestSelfServiceIsNotOff(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.made("maya", "from before")
	r.checked()
	dana := r.as("dana", access.DoorAccount)
	if n := r.Nav(t.Context(), dana); !n.SelfMade.IsZero() || n.Unmanaged != 1 {
		t.Errorf("%+v", n)
	}
	r.clock.Advance(48 * time.Hour)
	made := r.clock.Now()
	r.made("tom", "made since", func(s *canvastest.TokenSpec) { s.CreatedAt = made })
	r.made("ingrid", "made since by an admin", func(s *canvastest.TokenSpec) { s.CreatedAt = made.Add(time.Hour) })
	r.clock.Advance(2 * time.Hour)
	r.checked()
	if n := r.Nav(t.Context(), dana); !n.SelfMade.Equal(made) {
		t.Errorf("%s, want %s", n.SelfMade, made)
	}
	if n := r.Nav(t.Context(), r.as("maya", access.DoorCourse)); !n.SelfMade.IsZero() || n.Unmanaged != 0 {
		t.Errorf("a student is told %+v", n)
	}
}
