package inventory_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/text"
)

func purposes(l inventory.Unmanaged) (out []string) {
	for _, c := range l.Rows {
		out = append(out, c.Purpose)
	}
	return out
}

// headers runs a test with the report's columns of older and of newer Canvas.
func headers(t *testing.T, test func(r *desktest.Rig)) {
	t.Helper()
	for name, wide := range map[string]bool{"seven columns": false, "nine columns": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			desktest.Each(t, func(r *desktest.Rig) {
				r.W.UpdateFlags(func(f *canvastest.Flags) { f.NewReportColumns = wide })
				test(r)
			})
		})
	}
}

// An inventory finds exactly the tokens that no grant of ours is known by.
func TestInventoryFindsWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	headers(t, func(r *desktest.Rig) {
		now := r.Clock.Now()
		mine, _ := r.Collected()
		r.Activate("maya", mine.Grant.CanvasID)
		r.Made("maya", "my own script")
		r.Made("luca", "behind another shard") // id above 2^53, hint behind "901~"
		r.Made("helen", "helen's, hint 17~")
		r.Made("tom", "never ends", func(s *canvastest.TokenSpec) { s.ExpiresAt = time.Time{} })
		r.Made("ingrid", "an admin's")
		r.Made("kofi", "not activated", func(s *canvastest.TokenSpec) { s.State = canvastest.StatePending })
		r.Made("kofi", "expired", func(s *canvastest.TokenSpec) { s.ExpiresAt = now.AddDate(0, 0, -1) })
		gone := r.Made("kofi", "deleted")
		r.W.DeleteTokenBehind(gone.ID)
		r.Made("kofi", "an application's", func(s *canvastest.TokenSpec) { s.AppName = "Panda Planner" })
		r.Made("former", "of a deleted person")
		r.Made("sam", "turned \u202ethe line\u0000 round")

		l := r.Checked()
		if l.CheckedAt.IsZero() || l.Trouble != "" || !l.RunningSince.IsZero() {
			r.T.Fatalf("%+v\n%s", l, r.Logs)
		}
		want := []string{"an admin's", "never ends", "behind another shard", "helen's, hint 17~", "my own script", "not activated", "turned the line round"}
		got := purposes(l)
		slices.Sort(got[2:])
		if !slices.Equal(got, want) {
			r.T.Errorf("found %q, want %q", got, want)
		}
		for _, c := range l.Rows {
			if c.CanvasID == mine.Grant.CanvasID {
				r.T.Error("our own token is called unmanaged")
			}
			if c.Purpose == "an admin's" && !c.AccountRole {
				r.T.Error("an admin's token is not marked")
			}
			if c.Purpose == "behind another shard" && c.CanvasUser != r.W.User("luca").ID.String() {
				r.T.Errorf("the owner is %s", c.CanvasUser)
			}
		}
		again := r.Checked()
		if again.Total != l.Total {
			r.T.Errorf("a second check found %d, the first %d", again.Total, l.Total)
		}
		if n := r.Unmanaged(inventory.FoundFilter{NeverEnds: true}).Total; n != 1 {
			r.T.Errorf("%d never end", n)
		}
		if n := r.Unmanaged(inventory.FoundFilter{Search: "becker"}).Total; n != 1 {
			r.T.Errorf("%d of Tom's", n)
		}
		r.Proven()
	})
}

// A hint is no evidence where it is cut or not unique: the owner's list decides.
func TestHintIsOnlyAPointer(t *testing.T) {
	t.Parallel()
	headers(t, func(r *desktest.Rig) {
		mine, _ := r.Collected()
		r.Activate("maya", mine.Grant.CanvasID)
		twin := r.Made("maya", "same hint as ours")
		r.W.UpdateToken(twin.ID, func(t *canvastest.Token) { t.Hint = mine.Grant.Hint })
		if got := purposes(r.Checked()); !slices.Equal(got, []string{"same hint as ours"}) {
			r.T.Errorf("found %q", got)
		}
		// Alone in the report, the stranger's row looks like ours.
		r.W.DeleteTokenBehind(tokenOf(r, "maya", mine.Grant.CanvasID).ID)
		r.Checked()
		if tokenOf(r, "maya", twin.ID.String()).State != canvastest.StateActive {
			r.T.Error("a stranger's token was deleted by its hint")
		}
		if got := purposes(r.Unmanaged(inventory.FoundFilter{})); !slices.Equal(got, []string{"same hint as ours"}) {
			r.T.Errorf("it was taken for ours: %q", got)
		}
	})
}

func tokenOf(r *desktest.Rig, key, id string) canvastest.Token {
	r.T.Helper()
	for _, t := range r.W.Tokens(key) {
		if t.ID.String() == id {
			return t
		}
	}
	r.T.Fatalf("%s has no token %s", key, id)
	return canvastest.Token{}
}

// A marker of a live grant on another token is a stray, for the sweep; one that
// this database does not know is nobody's to delete (docs/decisions.md 16).
func TestMarkersOfOthers(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		mine, _ := r.Collected()
		r.Activate("maya", mine.Grant.CanvasID)
		r.Clock.Advance(time.Hour)
		r.Drain()
		stray := r.Made("maya", "stray "+mine.Grant.Marker())
		ahead := *mine.Grant
		ahead.Attempt += 3 // a backup was restored: Canvas knows later attempts than we do
		r.Made("maya", "from before the backup "+ahead.Marker())
		r.Made("maya", "copied from production [grt_"+strings.Repeat("B", 26)+"/1]")
		r.Made("tom", "another's marker "+mine.Grant.Marker())
		got := purposes(r.Checked())
		slices.Sort(got)
		want := []string{"another's marker " + mine.Grant.Marker(), "copied from production [grt_" + strings.Repeat("B", 26) + "/1]", "from before the backup " + ahead.Marker()}
		if !slices.Equal(got, want) {
			r.T.Errorf("found %q, want %q", got, want)
		}
		r.Clock.Advance(15 * time.Minute)
		r.Drain()
		if t := tokenOf(r, "maya", stray.ID.String()); t.State != canvastest.StateDeleted {
			r.T.Error("a stray of ours is still there")
		}
		for _, c := range r.Unmanaged(inventory.FoundFilter{}).Rows {
			if c.Marker == "" && c.Owner != "" {
				r.T.Errorf("%q has lost its marker", c.Purpose)
			}
		}
		if n := r.InCanvas("maya"); n != 3 {
			r.T.Errorf("%d of Maya's tokens are left, not ours and the two that nobody may delete by itself", n)
		}
	})
}

// Only a complete report may say that a token is gone, and only Canvas's own
// answer about that token proves it.
func TestVanishedTokens(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		a := r.Made("maya", "deleted by its owner")
		b := r.Made("tom", "its time will be over", func(s *canvastest.TokenSpec) { s.ExpiresAt = r.Clock.Now().AddDate(0, 0, 2) })
		r.Made("kofi", "stays")
		r.Checked()
		r.W.DeleteTokenBehind(a.ID)

		r.Clock.Advance(25 * time.Hour)
		r.Cv.FailNextReport()
		if l := r.Checked(); l.Trouble != "inventory.report" || l.FailedAt.IsZero() || len(purposes(l)) != 3 {
			r.T.Errorf("after a report that failed: %+v", l)
		}
		r.Clock.Advance(time.Hour)
		r.Cv.StreamNextReport(func(w io.Writer) error {
			_, err := io.WriteString(w, "user id,user name,token hint,expiration,last used,dev key id,dev key name\n12,\"cut")
			return err
		})
		if l := r.Checked(); l.Trouble != "inventory.file" || len(purposes(l)) != 3 {
			r.T.Errorf("after a file that was cut: %+v", l)
		}
		r.Clock.Advance(48 * time.Hour)
		l := r.Checked()
		if got := purposes(l); !slices.Equal(got, []string{"stays"}) || l.Trouble != "" {
			r.T.Errorf("after a whole report: %q, %s", got, l.Trouble)
		}
		for _, id := range []canvastest.ID{a.ID, b.ID} {
			found := false
			for _, c := range r.Unmanaged(inventory.FoundFilter{Status: "gone"}).Rows {
				found = found || c.CanvasID == id.String()
			}
			if !found {
				r.T.Errorf("token %s is not called gone", id)
			}
		}
		r.Proven()
	})
}

// Another replica that takes up the owners while the report is still being read
// does nothing with them until it was read to its end; here it never is.
func TestCutReportChangesNothing(t *testing.T) {
	t.Parallel()
	const parts = 4
	desktest.Each(t, func(r *desktest.Rig) {
		r.Made("maya", "my own script")
		maya := r.W.User("maya").ID.String()
		other := &jobs.Runner{Queue: r.Desk.Store, Handlers: r.Desk.Handlers(), Owner: "other", Now: r.Clock.Now, Workers: 1, Lease: 5 * time.Minute}
		ran := 0
		queued := make(chan struct{}, 100)
		r.Desk.AtStep = func(step string) {
			if step == "owners queued" {
				queued <- struct{}{}
			}
		}
		r.Cv.StreamNextReport(func(w io.Writer) error {
			if _, err := io.WriteString(w, "user id,user name,token hint,expiration,last used,dev key id,dev key name,status,creation\n"); err != nil {
				return err
			}
			for n := range parts * inventory.MatchBatch {
				user := fmt.Sprint(900_000_000 + n)
				if n == 0 {
					user = maya
				}
				if _, err := fmt.Fprintf(w, "%s,Somebody,Ab%03d,never,never,170000000000016,User-Generated,active,2026-01-01T00:00:00Z\n", user, n%1000); err != nil {
					return err
				}
			}
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			// All that was written was read, and its owners can be taken up.
			for n := range parts {
				select {
				case <-queued:
				case <-time.After(desktest.Patience):
					return fmt.Errorf("the owners of %d parts of the report were queued, of %d", n, parts)
				}
			}
			var err error
			if ran, err = other.Drain(r.T.Context()); err != nil {
				return err
			}
			_, err = io.WriteString(w, "12,\"cut")
			return err
		})
		l := r.Checked()
		if l.Trouble != "inventory.file" || l.Total != 0 {
			r.T.Errorf("%d owners' jobs ran; %q, found %q", ran, l.Trouble, purposes(l))
		}
		if want := parts * inventory.MatchBatch / inventory.OwnerBatch; ran != want { // of every part, each owner once
			r.T.Errorf("the other replica took up %d jobs, want %d", ran, want)
		}
		r.Proven()
	})
}

// What is not in the report and not proven gone stays.
func TestUnseenIsNotGone(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	tok := r.Made("maya", "hidden for a while")
	r.Checked()
	r.Clock.Advance(25 * time.Hour)
	r.Cv.StreamNextReport(func(w io.Writer) error {
		_, err := io.WriteString(w, "user id,user name,token hint,expiration,last used,dev key id,dev key name\n")
		return err
	})
	r.W.SetPermission("account-admin", canvastest.PermDeleteTokens, false) // no proof is possible then
	withdraw := r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute + "/:id", Method: http.MethodGet, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
	if l := r.Checked(); l.Trouble != "" || len(purposes(l)) != 1 {
		t.Errorf("%+v", l)
	}
	if f := r.The("hidden for a while"); f.State != access.FoundNew || f.Trouble == "" {
		t.Errorf("%s, %q", f.State, f.Trouble)
	}
	withdraw()
	r.W.SetPermission("account-admin", canvastest.PermDeleteTokens, true)
	r.Clock.Advance(25 * time.Hour)
	r.Checked()
	if f := r.The("hidden for a while"); f.CanvasID != tok.ID.String() || f.Trouble != "" {
		t.Errorf("seen again: %+v", f.Found)
	}
}

// What a Canvas does not allow is said in the page's words, and nothing is made up.
func TestInventoryNeedsRights(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		take func(r *desktest.Rig)
		want string
	}{
		"no reports":         {func(r *desktest.Rig) { r.W.SetPermission("account-admin", canvastest.PermReadReports, false) }, "inventory.denied"},
		"no list of others'": {func(r *desktest.Rig) { r.W.SetPermission("account-admin", canvastest.PermViewTokens, false) }, "inventory.no_listing"},
		"a Canvas of 2024":   {func(r *desktest.Rig) { r.W.SetEra(canvastest.Era1) }, "inventory.no_listing"},
		"silent for hours": {func(r *desktest.Rig) {
			r.Cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/reports/*", Status: 503, Times: -1})
		}, "inventory.canvas"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			r.Made("maya", "my own script")
			dana := r.As("dana", access.DoorAccount)
			tt.take(r)
			if err := r.Inventory.CheckNow(t.Context(), dana); err != nil {
				t.Fatal(err)
			}
			for range 300 {
				r.Drain()
				r.Clock.Advance(time.Minute)
			}
			l, err := r.Inventory.Unmanaged(t.Context(), dana, inventory.FoundFilter{})
			if err != nil || l.Trouble != tt.want || l.Total != 0 || !l.CheckedAt.IsZero() {
				t.Errorf("%v: %+v", err, l)
			}
		})
	}
}

func TestWhoMayCheckNow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		who func(r *desktest.Rig) access.Caller
		why access.Why
	}{
		"a student":               {func(r *desktest.Rig) access.Caller { return r.As("maya", access.DoorCourse) }, access.WhyWrongDoor},
		"an admin from a course":  {func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorCourse) }, access.WhyWrongDoor},
		"somebody without rights": {func(r *desktest.Rig) access.Caller { return r.As("lena", access.DoorAccount) }, access.WhyNotReviewer},
		"a demoted admin": {func(r *desktest.Rig) access.Caller {
			s := r.As("priya", access.DoorAccount)
			r.W.RemoveAdmin("priya", "root")
			return s
		}, access.WhyNotReviewer},
		"acting as an admin": {func(r *desktest.Rig) access.Caller { return r.As("dana", access.DoorAccount, desktest.ActingBy("9")) }, access.WhyActing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			caller := tt.who(r)
			if err := r.Inventory.CheckNow(t.Context(), caller); access.WhyOf(err) != tt.why {
				t.Errorf("%v, want %s", err, tt.why)
			}
			if tt.why != access.WhyActing {
				if _, err := r.Inventory.Unmanaged(t.Context(), caller, inventory.FoundFilter{}); access.WhyOf(err) != tt.why {
					t.Errorf("the list: %v, want %s", err, tt.why)
				}
			}
			if l := r.Unmanaged(inventory.FoundFilter{}); !l.RunningSince.IsZero() {
				t.Error("an inventory runs all the same")
			}
		})
	}
}

// The nightly inventory comes once a night, by whichever replica; the next
// night brings the next one, and a failed one is tried again the same night.
func TestNightlyInventory(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		nightly := func() {
			r.T.Helper()
			if err := r.Desk.Store.InsertJob(r.T.Context(), jobs.Insert{Kind: inventory.JobNightly, Key: "nightly@" + r.Clock.Now().String(), RunAt: r.Clock.Now()}); err != nil {
				r.T.Fatal(err)
			}
			r.SettledInventory()
		}
		count := func() (n int) {
			r.T.Helper()
			for _, e := range r.Audit() {
				if e.Action == "inventory.start" {
					n++
				}
			}
			return n
		}
		nightly()
		r.Clock.Advance(time.Hour)
		nightly()
		if n := count(); n != 1 {
			r.T.Fatalf("%d inventories on the first day", n)
		}
		r.Cv.FailNextReport()
		r.Clock.Advance(24 * time.Hour)
		nightly()
		r.Clock.Advance(time.Hour)
		nightly()
		if n := count(); n != 2 {
			r.T.Errorf("%d inventories, an hour after a failure", n)
		}
		r.Clock.Advance(3 * time.Hour)
		nightly()
		if n := count(); n != 3 {
			r.T.Errorf("%d inventories, four hours after a failure", n)
		}
		r.Proven()
	})
}

func TestTwoReplicasRunOneInventory(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		r.Made("maya", "my own script")
		cat, err := text.New()
		if err != nil {
			r.T.Fatal(err)
		}
		other := r.Replica(r.Desk.Store, cat)
		dana := r.As("dana", access.DoorAccount)
		first := &jobs.Runner{Queue: r.Desk.Store, Handlers: r.Desk.Handlers(), Owner: "one", Now: r.Clock.Now, Workers: 1, Lease: 5 * time.Minute}
		second := &jobs.Runner{Queue: r.Desk.Store, Handlers: other.Desk.Handlers(), Owner: "two", Now: r.Clock.Now, Workers: 1, Lease: 5 * time.Minute}
		var both sync.WaitGroup
		for _, s := range []*desktest.Program{r.Program, other, r.Program, other} {
			both.Go(func() {
				if err := s.Inventory.CheckNow(r.T.Context(), dana); err != nil {
					r.T.Error(err)
				}
			})
		}
		both.Wait()
		for range 20 {
			for _, run := range []*jobs.Runner{first, second} {
				both.Go(func() {
					if _, err := run.Drain(r.T.Context()); err != nil {
						r.T.Error(err)
					}
				})
			}
			both.Wait()
			r.Clock.Advance(time.Minute)
		}
		starts := 0
		for _, e := range r.Audit() {
			if e.Action == "inventory.start" {
				starts++
			}
		}
		if got := purposes(r.Unmanaged(inventory.FoundFilter{})); starts != 1 || !slices.Equal(got, []string{"my own script"}) {
			r.T.Errorf("%d inventories found %q", starts, got)
		}
		r.Proven()
	})
}

// Two Canvases in one database do not see each other's tokens, even where ids
// are the same.
func TestInventoriesOfTwoTenants(t *testing.T) {
	t.Parallel()
	storeEach := func(t *testing.T, st *store.Store) {
		a, b := desktest.NewRig(t, st), desktest.NewRig(t, st, "10000000000003")
		a.Made("maya", "of the first school")
		b.Made("maya", "of the second school")
		if got := purposes(a.Checked()); !slices.Equal(got, []string{"of the first school"}) {
			t.Errorf("the first sees %q", got)
		}
		if l := b.Unmanaged(inventory.FoundFilter{}); l.Total != 0 || !l.CheckedAt.IsZero() {
			t.Errorf("the second school has %+v", l)
		}
		mine := a.The("of the first school")
		if _, err := b.Inventory.FoundToken(t.Context(), b.As("dana", access.DoorAccount), mine.ID); err == nil {
			t.Error("another school's admin opens it")
		}
		if _, err := b.Inventory.RemoveToken(t.Context(), b.As("maya", access.DoorCourse), mine.ID, ""); err == nil {
			t.Error("somebody with the same Canvas id at another school removes it")
		}
		if _, err := b.Inventory.TellOwners(t.Context(), b.As("dana", access.DoorAccount), []string{mine.ID}, b.Clock.Now().AddDate(0, 0, 30), ""); err == nil {
			t.Error("another school's admin writes to its owner")
		}
	}
	storeEach(t, desktest.Sqlite(t))
}
