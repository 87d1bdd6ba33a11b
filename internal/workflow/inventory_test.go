package workflow

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
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/text"
)

// checked presses Check now and runs the inventory to its end.
func (r *rig) checked() Unmanaged {
	r.t.Helper()
	if err := r.CheckNow(r.t.Context(), r.as("dana", access.DoorAccount)); err != nil {
		r.t.Fatal(err)
	}
	return r.settledInventory()
}

// settledInventory lets time pass until no inventory runs.
func (r *rig) settledInventory() Unmanaged {
	r.t.Helper()
	for range 100 {
		r.drain()
		if l := r.unmanaged(FoundFilter{}); l.RunningSince.IsZero() {
			return l
		}
		r.clock.Advance(time.Minute)
	}
	r.t.Fatalf("the inventory does not end:\n%s", r.logs)
	return Unmanaged{}
}

func (r *rig) unmanaged(f FoundFilter) Unmanaged {
	r.t.Helper()
	l, err := r.Unmanaged(r.t.Context(), r.as("dana", access.DoorAccount), f)
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// made is a token that somebody made in Canvas by themselves.
func (r *rig) made(key, purpose string, change ...func(*canvastest.TokenSpec)) canvastest.Token {
	r.t.Helper()
	spec := canvastest.TokenSpec{Purpose: purpose, CreatedAt: r.clock.Now().AddDate(0, -2, 0), ExpiresAt: r.clock.Now().AddDate(0, 2, 0)}
	for _, c := range change {
		c(&spec)
	}
	t, _ := r.w.SeedToken(key, spec)
	return t
}

func purposes(l Unmanaged) (out []string) {
	for _, c := range l.Rows {
		out = append(out, c.Purpose)
	}
	return out
}

// the is the found token with that purpose.
func (r *rig) the(purpose string) FoundCase {
	r.t.Helper()
	for _, st := range append([]string{""}, foundStates()...) {
		for _, c := range r.unmanaged(FoundFilter{Status: st, Search: purpose}).Rows {
			return c
		}
	}
	r.t.Fatalf("no token %q was found", purpose)
	return FoundCase{}
}

func foundStates() (out []string) {
	for _, s := range access.FoundStates {
		out = append(out, string(s))
	}
	return out
}

// headers runs a test with the report's columns of older and of newer Canvas.
func headers(t *testing.T, test func(r *rig)) {
	t.Helper()
	for name, wide := range map[string]bool{"seven columns": false, "nine columns": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(r *rig) {
				r.w.UpdateFlags(func(f *canvastest.Flags) { f.NewReportColumns = wide })
				test(r)
			})
		})
	}
}

// An inventory finds exactly the tokens that no grant of ours is known by.
func TestInventoryFindsWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	headers(t, func(r *rig) {
		now := r.clock.Now()
		mine, _ := r.collected()
		r.activate("maya", mine.Grant.CanvasID)
		r.made("maya", "my own script")
		r.made("luca", "behind another shard") // id above 2^53, hint behind "901~"
		r.made("helen", "helen's, hint 17~")
		r.made("tom", "never ends", func(s *canvastest.TokenSpec) { s.ExpiresAt = time.Time{} })
		r.made("ingrid", "an admin's")
		r.made("kofi", "not activated", func(s *canvastest.TokenSpec) { s.State = canvastest.StatePending })
		r.made("kofi", "expired", func(s *canvastest.TokenSpec) { s.ExpiresAt = now.AddDate(0, 0, -1) })
		gone := r.made("kofi", "deleted")
		r.w.DeleteTokenBehind(gone.ID)
		r.made("kofi", "an application's", func(s *canvastest.TokenSpec) { s.AppName = "Panda Planner" })
		r.made("former", "of a deleted person")
		r.made("sam", "turned \u202ethe line\u0000 round")

		l := r.checked()
		if l.CheckedAt.IsZero() || l.Trouble != "" || !l.RunningSince.IsZero() {
			r.t.Fatalf("%+v\n%s", l, r.logs)
		}
		want := []string{"an admin's", "never ends", "behind another shard", "helen's, hint 17~", "my own script", "not activated", "turned the line round"}
		got := purposes(l)
		slices.Sort(got[2:])
		if !slices.Equal(got, want) {
			r.t.Errorf("found %q, want %q", got, want)
		}
		for _, c := range l.Rows {
			if c.CanvasID == mine.Grant.CanvasID {
				r.t.Error("our own token is called unmanaged")
			}
			if c.Purpose == "an admin's" && !c.AccountRole {
				r.t.Error("an admin's token is not marked")
			}
			if c.Purpose == "behind another shard" && c.CanvasUser != r.w.User("luca").ID.String() {
				r.t.Errorf("the owner is %s", c.CanvasUser)
			}
		}
		again := r.checked()
		if again.Total != l.Total {
			r.t.Errorf("a second check found %d, the first %d", again.Total, l.Total)
		}
		if n := r.unmanaged(FoundFilter{NeverEnds: true}).Total; n != 1 {
			r.t.Errorf("%d never end", n)
		}
		if n := r.unmanaged(FoundFilter{Search: "becker"}).Total; n != 1 {
			r.t.Errorf("%d of Tom's", n)
		}
		r.proven()
	})
}

// A hint is no evidence where it is cut or not unique: the owner's list decides.
func TestHintIsOnlyAPointer(t *testing.T) {
	t.Parallel()
	headers(t, func(r *rig) {
		mine, _ := r.collected()
		r.activate("maya", mine.Grant.CanvasID)
		twin := r.made("maya", "same hint as ours")
		r.w.UpdateToken(twin.ID, func(t *canvastest.Token) { t.Hint = mine.Grant.Hint })
		if got := purposes(r.checked()); !slices.Equal(got, []string{"same hint as ours"}) {
			r.t.Errorf("found %q", got)
		}
		// Alone in the report, the stranger's row looks like ours.
		r.w.DeleteTokenBehind(r.tokenOf("maya", mine.Grant.CanvasID).ID)
		r.checked()
		if r.tokenOf("maya", twin.ID.String()).State != canvastest.StateActive {
			r.t.Error("a stranger's token was deleted by its hint")
		}
		if got := purposes(r.unmanaged(FoundFilter{})); !slices.Equal(got, []string{"same hint as ours"}) {
			r.t.Errorf("it was taken for ours: %q", got)
		}
	})
}

func (r *rig) tokenOf(key, id string) canvastest.Token {
	r.t.Helper()
	for _, t := range r.w.Tokens(key) {
		if t.ID.String() == id {
			return t
		}
	}
	r.t.Fatalf("%s has no token %s", key, id)
	return canvastest.Token{}
}

// A marker of a live grant on another token is a stray, for the sweep; one that
// this database does not know is nobody's to delete (docs/decisions.md 16).
func TestMarkersOfOthers(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		mine, _ := r.collected()
		r.activate("maya", mine.Grant.CanvasID)
		r.clock.Advance(time.Hour)
		r.drain()
		stray := r.made("maya", "stray "+mine.Grant.Marker())
		ahead := *mine.Grant
		ahead.Attempt += 3 // a backup was restored: Canvas knows later attempts than we do
		r.made("maya", "from before the backup "+ahead.Marker())
		r.made("maya", "copied from production [grt_"+strings.Repeat("B", 26)+"/1]")
		r.made("tom", "another's marker "+mine.Grant.Marker())
		got := purposes(r.checked())
		slices.Sort(got)
		want := []string{"another's marker " + mine.Grant.Marker(), "copied from production [grt_" + strings.Repeat("B", 26) + "/1]", "from before the backup " + ahead.Marker()}
		if !slices.Equal(got, want) {
			r.t.Errorf("found %q, want %q", got, want)
		}
		r.clock.Advance(15 * time.Minute)
		r.drain()
		if t := r.tokenOf("maya", stray.ID.String()); t.State != canvastest.StateDeleted {
			r.t.Error("a stray of ours is still there")
		}
		for _, c := range r.unmanaged(FoundFilter{}).Rows {
			if c.Marker == "" && c.Owner != "" {
				r.t.Errorf("%q has lost its marker", c.Purpose)
			}
		}
		if n := r.inCanvas("maya"); n != 3 {
			r.t.Errorf("%d of Maya's tokens are left, not ours and the two that nobody may delete by itself", n)
		}
	})
}

// Only a complete report may say that a token is gone, and only Canvas's own
// answer about that token proves it.
func TestVanishedTokens(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		a := r.made("maya", "deleted by its owner")
		b := r.made("tom", "its time will be over", func(s *canvastest.TokenSpec) { s.ExpiresAt = r.clock.Now().AddDate(0, 0, 2) })
		r.made("kofi", "stays")
		r.checked()
		r.w.DeleteTokenBehind(a.ID)

		r.clock.Advance(25 * time.Hour)
		r.cv.FailNextReport()
		if l := r.checked(); l.Trouble != "inventory.report" || l.FailedAt.IsZero() || len(purposes(l)) != 3 {
			r.t.Errorf("after a report that failed: %+v", l)
		}
		r.clock.Advance(time.Hour)
		r.cv.StreamNextReport(func(w io.Writer) error {
			_, err := io.WriteString(w, "user id,user name,token hint,expiration,last used,dev key id,dev key name\n12,\"cut")
			return err
		})
		if l := r.checked(); l.Trouble != "inventory.file" || len(purposes(l)) != 3 {
			r.t.Errorf("after a file that was cut: %+v", l)
		}
		r.clock.Advance(48 * time.Hour)
		l := r.checked()
		if got := purposes(l); !slices.Equal(got, []string{"stays"}) || l.Trouble != "" {
			r.t.Errorf("after a whole report: %q, %s", got, l.Trouble)
		}
		for _, id := range []canvastest.ID{a.ID, b.ID} {
			found := false
			for _, c := range r.unmanaged(FoundFilter{Status: "gone"}).Rows {
				found = found || c.CanvasID == id.String()
			}
			if !found {
				r.t.Errorf("token %s is not called gone", id)
			}
		}
		r.proven()
	})
}

// Another replica that takes up the owners while the report is still being read
// does nothing with them until it was read to its end; here it never is.
func TestCutReportChangesNothing(t *testing.T) {
	t.Parallel()
	const parts = 4
	each(t, func(r *rig) {
		r.made("maya", "my own script")
		maya := r.w.User("maya").ID.String()
		other := &jobs.Runner{Queue: r.Store, Handlers: r.Handlers(), Owner: "other", Now: r.clock.Now, Workers: 1, Lease: 5 * time.Minute}
		ran := 0
		queued := make(chan struct{}, 100)
		r.AtStep = func(step string) {
			if step == "owners queued" {
				queued <- struct{}{}
			}
		}
		r.cv.StreamNextReport(func(w io.Writer) error {
			if _, err := io.WriteString(w, "user id,user name,token hint,expiration,last used,dev key id,dev key name,status,creation\n"); err != nil {
				return err
			}
			for n := range parts * matchBatch {
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
				case <-time.After(patience):
					return fmt.Errorf("the owners of %d parts of the report were queued, of %d", n, parts)
				}
			}
			var err error
			if ran, err = other.Drain(r.t.Context()); err != nil {
				return err
			}
			_, err = io.WriteString(w, "12,\"cut")
			return err
		})
		l := r.checked()
		if l.Trouble != "inventory.file" || l.Total != 0 {
			r.t.Errorf("%d owners' jobs ran; %q, found %q", ran, l.Trouble, purposes(l))
		}
		if want := parts * matchBatch / ownerBatch; ran != want { // of every part, each owner once
			r.t.Errorf("the other replica took up %d jobs, want %d", ran, want)
		}
		r.proven()
	})
}

// What is not in the report and not proven gone stays.
func TestUnseenIsNotGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	tok := r.made("maya", "hidden for a while")
	r.checked()
	r.clock.Advance(25 * time.Hour)
	r.cv.StreamNextReport(func(w io.Writer) error {
		_, err := io.WriteString(w, "user id,user name,token hint,expiration,last used,dev key id,dev key name\n")
		return err
	})
	r.w.SetPermission("account-admin", canvastest.PermDeleteTokens, false) // no proof is possible then
	withdraw := r.cv.Fail(canvastest.Fault{Route: createRoute + "/:id", Method: http.MethodGet, Status: 404, Body: `{"errors":[{"message":"The specified resource does not exist."}]}`, Times: -1})
	if l := r.checked(); l.Trouble != "" || len(purposes(l)) != 1 {
		t.Errorf("%+v", l)
	}
	if f := r.the("hidden for a while"); f.State != access.FoundNew || f.Trouble == "" {
		t.Errorf("%s, %q", f.State, f.Trouble)
	}
	withdraw()
	r.w.SetPermission("account-admin", canvastest.PermDeleteTokens, true)
	r.clock.Advance(25 * time.Hour)
	r.checked()
	if f := r.the("hidden for a while"); f.CanvasID != tok.ID.String() || f.Trouble != "" {
		t.Errorf("seen again: %+v", f.Found)
	}
}

// What a Canvas does not allow is said in the page's words, and nothing is made up.
func TestInventoryNeedsRights(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		take func(r *rig)
		want string
	}{
		"no reports":         {func(r *rig) { r.w.SetPermission("account-admin", canvastest.PermReadReports, false) }, "inventory.denied"},
		"no list of others'": {func(r *rig) { r.w.SetPermission("account-admin", canvastest.PermViewTokens, false) }, "inventory.no_listing"},
		"a Canvas of 2024":   {func(r *rig) { r.w.SetEra(canvastest.Era1) }, "inventory.no_listing"},
		"silent for hours": {func(r *rig) {
			r.cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/reports/*", Status: 503, Times: -1})
		}, "inventory.canvas"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			r.made("maya", "my own script")
			dana := r.as("dana", access.DoorAccount)
			tt.take(r)
			if err := r.CheckNow(t.Context(), dana); err != nil {
				t.Fatal(err)
			}
			for range 300 {
				r.drain()
				r.clock.Advance(time.Minute)
			}
			l, err := r.Unmanaged(t.Context(), dana, FoundFilter{})
			if err != nil || l.Trouble != tt.want || l.Total != 0 || !l.CheckedAt.IsZero() {
				t.Errorf("%v: %+v", err, l)
			}
		})
	}
}

func TestWhoMayCheckNow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		who func(r *rig) access.Caller
		why access.Why
	}{
		"a student":               {func(r *rig) access.Caller { return r.as("maya", access.DoorCourse) }, access.WhyWrongDoor},
		"an admin from a course":  {func(r *rig) access.Caller { return r.as("dana", access.DoorCourse) }, access.WhyWrongDoor},
		"somebody without rights": {func(r *rig) access.Caller { return r.as("lena", access.DoorAccount) }, access.WhyNotReviewer},
		"a demoted admin": {func(r *rig) access.Caller {
			s := r.as("priya", access.DoorAccount)
			r.w.RemoveAdmin("priya", "root")
			return s
		}, access.WhyNotReviewer},
		"acting as an admin": {func(r *rig) access.Caller { return r.as("dana", access.DoorAccount, actingBy("9")) }, access.WhyActing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			caller := tt.who(r)
			if err := r.CheckNow(t.Context(), caller); access.WhyOf(err) != tt.why {
				t.Errorf("%v, want %s", err, tt.why)
			}
			if tt.why != access.WhyActing {
				if _, err := r.Unmanaged(t.Context(), caller, FoundFilter{}); access.WhyOf(err) != tt.why {
					t.Errorf("the list: %v, want %s", err, tt.why)
				}
			}
			if l := r.unmanaged(FoundFilter{}); !l.RunningSince.IsZero() {
				t.Error("an inventory runs all the same")
			}
		})
	}
}

// The nightly inventory comes once a night, by whichever replica; the next
// night brings the next one, and a failed one is tried again the same night.
func TestNightlyInventory(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		nightly := func() {
			r.t.Helper()
			if err := r.Store.InsertJob(r.t.Context(), jobs.Insert{Kind: jobNightly, Key: "nightly@" + r.clock.Now().String(), RunAt: r.clock.Now()}); err != nil {
				r.t.Fatal(err)
			}
			r.settledInventory()
		}
		count := func() (n int) {
			r.t.Helper()
			for _, e := range r.audit() {
				if e.Action == "inventory.start" {
					n++
				}
			}
			return n
		}
		nightly()
		r.clock.Advance(time.Hour)
		nightly()
		if n := count(); n != 1 {
			r.t.Fatalf("%d inventories on the first day", n)
		}
		r.cv.FailNextReport()
		r.clock.Advance(24 * time.Hour)
		nightly()
		r.clock.Advance(time.Hour)
		nightly()
		if n := count(); n != 2 {
			r.t.Errorf("%d inventories, an hour after a failure", n)
		}
		r.clock.Advance(3 * time.Hour)
		nightly()
		if n := count(); n != 3 {
			r.t.Errorf("%d inventories, four hours after a failure", n)
		}
		r.proven()
	})
}

func TestTwoReplicasRunOneInventory(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.made("maya", "my own script")
		cat, err := text.New()
		if err != nil {
			r.t.Fatal(err)
		}
		other := r.service(r.Store, cat)
		dana := r.as("dana", access.DoorAccount)
		first := &jobs.Runner{Queue: r.Store, Handlers: r.Handlers(), Owner: "one", Now: r.clock.Now, Workers: 1, Lease: 5 * time.Minute}
		second := &jobs.Runner{Queue: r.Store, Handlers: other.Handlers(), Owner: "two", Now: r.clock.Now, Workers: 1, Lease: 5 * time.Minute}
		var both sync.WaitGroup
		for _, s := range []*Service{r.Service, other, r.Service, other} {
			both.Go(func() {
				if err := s.CheckNow(r.t.Context(), dana); err != nil {
					r.t.Error(err)
				}
			})
		}
		both.Wait()
		for range 20 {
			for _, run := range []*jobs.Runner{first, second} {
				both.Go(func() {
					if _, err := run.Drain(r.t.Context()); err != nil {
						r.t.Error(err)
					}
				})
			}
			both.Wait()
			r.clock.Advance(time.Minute)
		}
		starts := 0
		for _, e := range r.audit() {
			if e.Action == "inventory.start" {
				starts++
			}
		}
		if got := purposes(r.unmanaged(FoundFilter{})); starts != 1 || !slices.Equal(got, []string{"my own script"}) {
			r.t.Errorf("%d inventories found %q", starts, got)
		}
		r.proven()
	})
}

// Two Canvases in one database do not see each other's tokens, even where ids
// are the same.
func TestInventoriesOfTwoTenants(t *testing.T) {
	t.Parallel()
	storeEach := func(t *testing.T, st *store.Store) {
		a, b := newRig(t, st), newRig(t, st, "10000000000003")
		a.made("maya", "of the first school")
		b.made("maya", "of the second school")
		if got := purposes(a.checked()); !slices.Equal(got, []string{"of the first school"}) {
			t.Errorf("the first sees %q", got)
		}
		if l := b.unmanaged(FoundFilter{}); l.Total != 0 || !l.CheckedAt.IsZero() {
			t.Errorf("the second school has %+v", l)
		}
		mine := a.the("of the first school")
		if _, err := b.FoundToken(t.Context(), b.as("dana", access.DoorAccount), mine.ID); err == nil {
			t.Error("another school's admin opens it")
		}
		if _, err := b.RemoveToken(t.Context(), b.as("maya", access.DoorCourse), mine.ID, ""); err == nil {
			t.Error("somebody with the same Canvas id at another school removes it")
		}
		if _, err := b.TellOwners(t.Context(), b.as("dana", access.DoorAccount), []string{mine.ID}, b.clock.Now().AddDate(0, 0, 30), ""); err == nil {
			t.Error("another school's admin writes to its owner")
		}
	}
	storeEach(t, sqlite(t))
}

// audit is the tenant's whole log.
func (r *rig) audit() (out []audit.Event) {
	r.t.Helper()
	err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		out = nil
		for {
			var seq int64
			if len(out) > 0 {
				seq = out[len(out)-1].Seq
			}
			page, err := tx.AuditAfter(r.tenant, seq, 500)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, e := range page {
				out = append(out, e.Event)
			}
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}
