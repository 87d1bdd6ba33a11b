package inventory_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// begun is an inventory that was begun, and the job that works for it; nothing
// else runs by itself any more.
func begun(r *desktest.Rig) (store.Inventory, jobs.Job) {
	r.T.Helper()
	if err := r.Inventory.CheckNow(r.T.Context(), r.As("dana", access.DoorAccount)); err != nil {
		r.T.Fatal(err)
	}
	js := r.Due(inventory.JobInventory, r.Clock.Now())
	if len(js) != 1 {
		r.T.Fatalf("%d jobs", len(js))
	}
	return lastInventory(r, store.InventoryRunning), js[0]
}

// lastInventory is the last one in that state.
func lastInventory(r *desktest.Rig, in store.InventoryState) store.Inventory {
	r.T.Helper()
	var i store.Inventory
	if err := r.Desk.Store.Read(r.T.Context(), func(tx *store.Tx) error {
		var err error
		i, err = tx.LastInventory(r.Tenant, in)
		return err
	}); err != nil {
		r.T.Fatal(err)
	}
	return i
}

// An inventory step by step: what each stores, and when the next one comes. More
// owners than one job asks, and more tokens that are gone than one run looks after.
func TestInventoryStepByStep(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t := r.T
		ctx := t.Context()
		mine, _ := r.Collected()
		r.Activate("maya", mine.Grant.CanvasID)
		const n = inventory.OwnerBatch + 1
		const others = n + 1 // the tool's own credential stands in the report too
		var ids []canvastest.ID
		for i := range n {
			key := fmt.Sprintf("maker-%d", i)
			r.W.AddUser(canvastest.User{Key: key, Name: key}, key, "")
			ids = append(ids, r.Made(key, "script "+key).ID)
		}
		start := r.Clock.Now()
		i, job := begun(r)
		if e := r.Events(audit.InventoryStart); len(e) != 1 || e[0].Event.Object != i.ID || e[0].Event.Actor != string(r.As("dana", access.DoorAccount).Person) {
			t.Errorf("told is %+v", e)
		}
		// The report is started, and which it is is stored: another process goes on.
		desktest.WantLater(t, r.Inventory.InventoryHandler(ctx, job), inventory.PollReport(0))
		started := lastInventory(r, store.InventoryRunning)
		want := i
		if want.ReportID = started.ReportID; want.ReportID == "" || !reflect.DeepEqual(started, want) {
			t.Fatalf("after the start it is %+v, want %+v", started, want)
		}
		// It is read; the owners in question are queued, and their answers waited for.
		for lastInventory(r, store.InventoryRunning).ReadAt.IsZero() {
			r.Clock.Advance(2 * time.Second)
			err := r.Inventory.InventoryHandler(ctx, job)
			read := lastInventory(r, store.InventoryRunning)
			if read.ReadAt.IsZero() {
				desktest.WantLater(t, err, inventory.PollReport(r.Clock.Now().Sub(start)))
				if r.Clock.Now().Sub(start) > time.Hour {
					t.Fatal("the report does not come")
				}
				continue
			}
			desktest.WantLater(t, err, inventory.PollReport(0))
			want.ReadAt, want.Tokens, want.Ours, want.Others = r.Clock.Now(), 1+others, 1, others
			if !reflect.DeepEqual(read, want) {
				t.Errorf("after the reading it is %+v, want %+v", read, want)
			}
		}
		owners := r.Due(inventory.JobOwners, r.Clock.Now())
		if len(owners) != 2 {
			t.Fatalf("%d jobs for %d owners", len(owners), others)
		}
		asked := map[string]int{}
		for _, j := range owners {
			var ref inventory.InventoryRef
			if err := json.Unmarshal(j.Data, &ref); err != nil || ref.Inventory != i.ID || len(ref.Owners) > inventory.OwnerBatch {
				t.Fatalf("%+v, %v", ref, err)
			}
			for _, o := range ref.Owners {
				asked[o.User]++
			}
		}
		if len(asked) != others || slices.Max(slices.Collect(maps.Values(asked))) != 1 {
			t.Errorf("%d owners are asked", len(asked))
		}
		// While one of the two has not answered, nothing is over.
		for k, j := range owners {
			if err := r.Inventory.OwnersHandler(ctx, j); err != nil {
				t.Fatal(err)
			}
			if err := r.Desk.Store.FinishJob(ctx, j, r.Clock.Now()); err != nil {
				t.Fatal(err)
			}
			err := r.Inventory.InventoryHandler(ctx, job)
			if k == 0 {
				desktest.WantLater(t, err, inventory.PollReport(0))
			} else if err != nil {
				t.Errorf("at the end: %v", err)
			}
		}
		done := lastInventory(r, store.InventoryDone)
		want.State, want.Version, want.EndedAt = store.InventoryDone, want.Version+1, r.Clock.Now()
		if !reflect.DeepEqual(done, want) {
			t.Errorf("at the end it is %+v, want %+v", done, want)
		}
		told := r.Events(audit.InventoryEnd)
		if len(told) != 1 || told[0].Event.From != string(store.InventoryRunning) || told[0].Event.To != string(store.InventoryDone) ||
			!maps.Equal(told[0].Detail.Data, map[string]string{"tokens": fmt.Sprint(1 + others), "ours": "1", "others": fmt.Sprint(others)}) {
			t.Errorf("told is %+v", told)
		}
		if l := r.Unmanaged(inventory.FoundFilter{}); l.Total != n {
			t.Errorf("%d were found", l.Total)
		}
		for _, e := range r.Events(audit.FoundDiscover) {
			if e.Event.Related != i.ID || e.Detail.Data["canvas_token"] == "" || e.Detail.Data["name"] == "" {
				t.Errorf("of a token is told %+v, %v", e.Event, e.Detail.Data)
			}
		}
		if err := r.Inventory.InventoryHandler(ctx, job); err != nil || len(r.Events(audit.InventoryEnd)) != 1 {
			t.Errorf("what is over goes on: %v", err)
		}

		// All are gone: the last step of the next one is made twice.
		for _, id := range ids {
			r.W.DeleteTokenBehind(id)
		}
		r.Clock.Advance(25 * time.Hour)
		_, job = begun(r)
		var later *jobs.LaterError
		atOnce := 0
		for runs := 0; errors.As(r.Inventory.InventoryHandler(ctx, job), &later); runs++ {
			if runs > 100 {
				t.Fatalf("it does not end: %+v\n%s", later, r.Logs)
			}
			if later.After == time.Second { // at once, for a job
				atOnce++
			}
			for _, j := range r.Due(inventory.JobOwners, r.Clock.Now()) {
				if err := errors.Join(r.Inventory.OwnersHandler(ctx, j), r.Desk.Store.FinishJob(ctx, j, r.Clock.Now())); err != nil {
					t.Fatal(err)
				}
			}
			r.Clock.Advance(later.After)
		}
		if atOnce != 1 || lastInventory(r, store.InventoryDone).ReadAt.Before(done.EndedAt) {
			t.Errorf("%d further runs for what was not seen", atOnce)
		}
		gone := r.Details("found." + string(access.Vanish))
		if len(gone) != n || slices.ContainsFunc(gone, func(d map[string]string) bool { return d["proof"] == "" }) {
			t.Errorf("%d tokens are gone, with %v", len(gone), gone)
		}
		r.Proven()
	})
}

// What ends an inventory before its end, and with which word; a step before the
// limit it goes on.
func TestInventoryGivesUp(t *testing.T) {
	t.Parallel()
	silent := func(r *desktest.Rig) {
		r.Cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/reports/*", Status: 503, Times: -1})
	}
	for name, tt := range map[string]struct {
		claim   int
		after   time.Duration
		and     func(r *desktest.Rig)
		trouble string // "": it goes on
	}{
		"the last run":                  {claim: inventory.InventoryRuns},
		"one more":                      {claim: inventory.InventoryRuns + 1, trouble: inventory.FailedSilent},
		"silent, and there is time":     {claim: 1, and: silent, after: inventory.TroubleLimit},
		"silent for too long":           {claim: 1, and: silent, after: inventory.TroubleLimit + time.Second, trouble: inventory.FailedSilent},
		"only slow, after a long time":  {claim: 1, after: inventory.TroubleLimit + time.Hour},
		"its platform was switched off": {claim: 1, and: (*desktest.Rig).SwitchOff, trouble: inventory.FailedSilent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			i, job := begun(r)
			r.Clock.Advance(tt.after)
			if tt.and != nil {
				tt.and(r)
			}
			job.Claim = tt.claim
			err := r.Inventory.InventoryHandler(t.Context(), job)
			var later *jobs.LaterError
			if tt.trouble == "" {
				if !errors.As(err, &later) || lastInventory(r, store.InventoryRunning).ID != i.ID {
					t.Errorf("it does not go on: %v", err)
				}
				return
			}
			if got := lastInventory(r, store.InventoryFailed); err != nil || got.ID != i.ID || got.Trouble != tt.trouble || !got.EndedAt.Equal(r.Clock.Now()) {
				t.Errorf("%+v, %v", got, err)
			}
			if told := r.Details(string(audit.InventoryEnd)); len(told) != 1 || told[0]["trouble"] != tt.trouble {
				t.Errorf("told is %v", told)
			}
		})
	}
}

// Owners that nobody could ask end the inventory: what is not known is not said to
// be complete.
func TestInventoryWithOwnersSetAside(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.Made("maya", "my own script")
	_, job := begun(r)
	for range 20 {
		if err := r.Inventory.InventoryHandler(t.Context(), job); err == nil {
			t.Fatal("it ended")
		}
		if !lastInventory(r, store.InventoryRunning).ReadAt.IsZero() {
			break
		}
		r.Clock.Advance(10 * time.Second)
	}
	owners := r.Due(inventory.JobOwners, r.Clock.Now())
	if len(owners) != 1 {
		t.Fatalf("%d jobs", len(owners))
	}
	if err := r.Desk.Store.ParkJob(t.Context(), owners[0], r.Clock.Now(), "broken"); err != nil {
		t.Fatal(err)
	}
	if err := r.Inventory.InventoryHandler(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if i := lastInventory(r, store.InventoryFailed); i.Trouble != inventory.FailedSilent {
		t.Errorf("%+v", i)
	}
}

// The owners' job waits for the end of the report, and does nothing for an
// inventory that is over.
func TestOwnersWaitForTheReport(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.Made("maya", "my own script")
	i, job := begun(r)
	maya := inventory.Owner{User: r.W.User("maya").ID.String(), Name: "Maya Chen"}
	ask := jobs.Job{Kind: inventory.JobOwners, Tenant: string(r.Tenant), Data: inventory.InventoryData(i, maya)}
	desktest.WantLater(t, r.Inventory.OwnersHandler(t.Context(), ask), 2*time.Second)
	job.Claim = inventory.InventoryRuns + 1
	if err := r.Inventory.InventoryHandler(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if err := r.Inventory.OwnersHandler(t.Context(), ask); err != nil {
		t.Errorf("after its end: %v", err)
	}
	if l := r.Unmanaged(inventory.FoundFilter{}); l.Total != 0 {
		t.Errorf("found %q", purposes(l))
	}
}

// The night's check is no second one beside another, nor one where the platform is
// switched off; each has its own reason to wait.
func TestWhenTheNightsCheckIsDue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before func(r *desktest.Rig)
		due    bool
	}{
		"there was none yet":            {func(*desktest.Rig) {}, true},
		"one runs":                      {func(r *desktest.Rig) { begun(r) }, false},
		"one was done since the night":  {func(r *desktest.Rig) { r.Checked() }, false},
		"one was done before the night": {func(r *desktest.Rig) { r.Checked(); r.Clock.Advance(20 * time.Hour) }, true},
		"one failed a while ago":        {func(r *desktest.Rig) { r.Cv.FailNextReport(); r.Checked(); r.Clock.Advance(inventory.RetryFailed) }, true},
		"one failed just now": {func(r *desktest.Rig) {
			r.Cv.FailNextReport()
			r.Checked()
			r.Clock.Advance(inventory.RetryFailed - time.Minute)
		}, false},
		"its platform is switched off": {(*desktest.Rig).SwitchOff, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			tt.before(r)
			before := r.Happened(audit.InventoryStart)
			if err := r.Inventory.NightlyHandler(t.Context(), jobs.Job{Kind: inventory.JobNightly}); err != nil {
				t.Fatal(err)
			}
			if begun := r.Happened(audit.InventoryStart) > before; begun != tt.due {
				t.Errorf("begun: %v", begun)
			}
			if tt.due {
				if i := lastInventory(r, store.InventoryRunning); i.AskedBy != access.SystemID {
					t.Errorf("asked by %q", i.AskedBy)
				}
			}
		})
	}
}

// A campaign stores what was told to whom and by when, in one event and on each
// token; the owner's message is asked for once each.
func TestCampaignStores(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t := r.T
		r.Made("maya", "first script")
		r.Made("maya", "second script")
		r.Made("tom", "Tom's bot")
		r.Checked()
		dana := r.As("dana", access.DoorAccount)
		var ids []string
		before := map[string]access.Found{}
		for _, p := range []string{"first script", "second script", "Tom's bot"} {
			f := r.The(p).Found
			ids = append(ids, f.ID)
			before[f.ID] = r.Found(f.ID)
		}
		due := r.Clock.Now().Add(desktest.BuiltIn.Windows.CampaignAnswer)
		r.Due("", r.Clock.Now().Add(time.Hour))
		c, err := r.Inventory.TellOwners(t.Context(), dana, ids, due, "Ask me.")
		if err != nil {
			t.Fatal(err)
		}
		for id, f := range before {
			owner := r.Person(map[bool]string{true: "maya", false: "tom"}[f.CanvasUser == r.W.User("maya").ID.String()])
			f.Owner = owner.ID
			want, err := access.ApplyFound(f, access.TellOwner, access.Actor{Person: dana.Person, Reviewer: true, LaunchedAt: r.Clock.Now()}, access.FoundMove{Campaign: c.ID, DueAt: due}, r.Clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Found(id); !reflect.DeepEqual(got, want) {
				t.Errorf("it is\n%+v, want\n%+v", got, want)
			}
		}
		told := r.Events(audit.CampaignStart)
		if len(told) != 1 || told[0].Event.Object != c.ID || told[0].Event.Actor != string(dana.Person) ||
			!maps.Equal(told[0].Detail.Data, map[string]string{"tokens": "3", "people": "2", "due": due.UTC().Format(time.RFC3339), "quote": "Ask me."}) {
			t.Errorf("told is %+v", told)
		}
		per := map[access.PersonID]int{}
		for _, j := range r.Due(inventory.JobFoundNotice, r.Clock.Now()) {
			var ref inventory.FoundRef
			if err := json.Unmarshal(j.Data, &ref); err != nil || ref.Kind != notify.FoundTold || ref.Campaign != c.ID || ref.By != dana.Person {
				t.Errorf("%+v, %v", ref, err)
			}
			per[ref.To] += len(ref.Found)
		}
		if want := map[access.PersonID]int{r.Person("maya").ID: 2, r.Person("tom").ID: 1}; !maps.Equal(per, want) {
			t.Errorf("messages are of %v, want %v", per, want)
		}
		r.Proven()
	})
}

// The reviewers are told of a deadline once it has passed and somebody is silent,
// and no more when it is long ago.
func TestCampaignOverdue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		after  time.Duration // the deadline
		answer bool
		told   int
	}{
		"a moment before": {after: -time.Second},
		"at it":           {told: 1},
		"a week later":    {after: inventory.OverdueFor, told: 1},
		"long ago":        {after: inventory.OverdueFor + time.Second},
		"all answered":    {answer: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			r.Made("tom", "Tom's bot")
			r.Checked()
			c := r.Tell("Tom's bot")
			if tt.answer {
				if _, err := r.Inventory.RemoveToken(t.Context(), r.As("tom", access.DoorCourse), r.The("Tom's bot").ID, ""); err != nil {
					t.Fatal(err)
				}
			}
			r.Clock.Advance(c.DueAt.Add(tt.after).Sub(r.Clock.Now()))
			r.Due("", r.Clock.Now())
			var ten store.Tenant
			if err := r.Desk.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
				ten, err = tx.Tenant(r.Tenant)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the next minute's tick tells nothing twice
				if err := r.Inventory.TickFound(t.Context(), ten); err != nil {
					t.Fatal(err)
				}
			}
			got := 0
			for _, j := range r.Due(inventory.JobFoundNotice, r.Clock.Now()) {
				var ref inventory.FoundRef
				if err := json.Unmarshal(j.Data, &ref); err != nil || ref.Kind != notify.FoundOverdue || ref.Campaign != c.ID || ref.To != "" {
					t.Errorf("%+v, %v", ref, err)
				}
				got++
			}
			if got != tt.told {
				t.Errorf("told %d times, want %d", got, tt.told)
			}
			if r.InCanvas("tom") != map[bool]int{false: 1, true: 0}[tt.answer] {
				t.Error("the deadline moved a token")
			}
		})
	}
}

// Whose token it is is known from when its owner is: a later check says so, and takes
// nothing from what is known.
func TestOwnerOfAFoundToken(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	r.Made("tom", "Tom's bot")
	r.Checked()
	first := r.Found(r.The("Tom's bot").ID)
	if first.Owner != "" {
		t.Fatalf("it is %s's already", first.Owner)
	}
	tom := r.As("tom", access.DoorCourse).Person
	for range 2 {
		r.Clock.Advance(25 * time.Hour)
		r.Checked()
		if now := r.Found(first.ID); now.Owner != tom || now.Version != first.Version || !now.FoundAt.Equal(first.FoundAt) || !now.SeenAt.After(first.SeenAt) {
			t.Errorf("it is %+v", now)
		}
	}
}

// A message says what is still to be answered when it is sent; where all is, none is
// sent.
func TestCampaignMessageOfWhatIsLeft(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		removed []string
		subject string
	}{
		"one of two was answered": {[]string{"first script"}, "Your token in Canvas: answer by"},
		"both were":               {[]string{"first script", "second script"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := desktest.NewRig(t, desktest.Sqlite(t))
			r.Made("maya", "first script")
			r.Made("maya", "second script")
			r.Checked()
			ids := []string{r.The("first script").ID, r.The("second script").ID}
			if _, err := r.Inventory.TellOwners(t.Context(), r.As("dana", access.DoorAccount), ids, r.Clock.Now().Add(desktest.BuiltIn.Windows.CampaignAnswer), ""); err != nil {
				t.Fatal(err)
			}
			for _, p := range tt.removed {
				if _, err := r.Inventory.RemoveToken(t.Context(), r.As("maya", access.DoorCourse), r.The(p).ID, ""); err != nil {
					t.Fatal(err)
				}
			}
			r.Drain()
			got := slices.DeleteFunc(r.Subjects("maya"), func(s string) bool { return !strings.Contains(s, "answer by") })
			if tt.subject == "" && len(got) != 0 || tt.subject != "" && (len(got) != 1 || !strings.HasPrefix(got[0], tt.subject)) {
				t.Errorf("she got %q", got)
			}
		})
	}
}
