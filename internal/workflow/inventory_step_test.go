package workflow

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
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// begun is an inventory that was begun, and the job that works for it; nothing
// else runs by itself any more.
func (r *rig) begun() (store.Inventory, jobs.Job) {
	r.t.Helper()
	if err := r.CheckNow(r.t.Context(), r.as("dana", access.DoorAccount)); err != nil {
		r.t.Fatal(err)
	}
	js := r.due(jobInventory, r.clock.Now())
	if len(js) != 1 {
		r.t.Fatalf("%d jobs", len(js))
	}
	return r.inventory(store.InventoryRunning), js[0]
}

// inventory is the last one in that state.
func (r *rig) inventory(in store.InventoryState) store.Inventory {
	r.t.Helper()
	var i store.Inventory
	if err := r.Store.Read(r.t.Context(), func(tx *store.Tx) error {
		var err error
		i, err = tx.LastInventory(r.tenant, in)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return i
}

// wantLater demands that a handler wants to be called again after so long.
func wantLater(t *testing.T, err error, after time.Duration) {
	t.Helper()
	var later *jobs.LaterError
	if !errors.As(err, &later) || later.After != after {
		t.Errorf("it says %v, want to come again after %s", err, after)
	}
}

// An inventory step by step: what each stores, and when the next one comes. More
// owners than one job asks, and more tokens that are gone than one run looks after.
func TestInventoryStepByStep(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		t := r.t
		ctx := t.Context()
		mine, _ := r.collected()
		r.activate("maya", mine.Grant.CanvasID)
		const n = ownerBatch + 1
		const others = n + 1 // the tool's own credential stands in the report too
		var ids []canvastest.ID
		for i := range n {
			key := fmt.Sprintf("maker-%d", i)
			r.w.AddUser(canvastest.User{Key: key, Name: key}, key, "")
			ids = append(ids, r.made(key, "script "+key).ID)
		}
		start := r.clock.Now()
		i, job := r.begun()
		if e := r.events(audit.InventoryStart); len(e) != 1 || e[0].Event.Object != i.ID || e[0].Event.Actor != string(r.as("dana", access.DoorAccount).Person) {
			t.Errorf("told is %+v", e)
		}
		// The report is started, and which it is is stored: another process goes on.
		wantLater(t, r.inventoryHandler(ctx, job), pollReport(0))
		started := r.inventory(store.InventoryRunning)
		want := i
		if want.ReportID = started.ReportID; want.ReportID == "" || !reflect.DeepEqual(started, want) {
			t.Fatalf("after the start it is %+v, want %+v", started, want)
		}
		// It is read; the owners in question are queued, and their answers waited for.
		for r.inventory(store.InventoryRunning).ReadAt.IsZero() {
			r.clock.Advance(2 * time.Second)
			err := r.inventoryHandler(ctx, job)
			read := r.inventory(store.InventoryRunning)
			if read.ReadAt.IsZero() {
				wantLater(t, err, pollReport(r.clock.Now().Sub(start)))
				if r.clock.Now().Sub(start) > time.Hour {
					t.Fatal("the report does not come")
				}
				continue
			}
			wantLater(t, err, pollReport(0))
			want.ReadAt, want.Tokens, want.Ours, want.Others = r.clock.Now(), 1+others, 1, others
			if !reflect.DeepEqual(read, want) {
				t.Errorf("after the reading it is %+v, want %+v", read, want)
			}
		}
		owners := r.due(jobOwners, r.clock.Now())
		if len(owners) != 2 {
			t.Fatalf("%d jobs for %d owners", len(owners), others)
		}
		asked := map[string]int{}
		for _, j := range owners {
			var ref inventoryRef
			if err := json.Unmarshal(j.Data, &ref); err != nil || ref.Inventory != i.ID || len(ref.Owners) > ownerBatch {
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
			if err := r.ownersHandler(ctx, j); err != nil {
				t.Fatal(err)
			}
			if err := r.Store.FinishJob(ctx, j, r.clock.Now()); err != nil {
				t.Fatal(err)
			}
			err := r.inventoryHandler(ctx, job)
			if k == 0 {
				wantLater(t, err, pollReport(0))
			} else if err != nil {
				t.Errorf("at the end: %v", err)
			}
		}
		done := r.inventory(store.InventoryDone)
		want.State, want.Version, want.EndedAt = store.InventoryDone, want.Version+1, r.clock.Now()
		if !reflect.DeepEqual(done, want) {
			t.Errorf("at the end it is %+v, want %+v", done, want)
		}
		told := r.events(audit.InventoryEnd)
		if len(told) != 1 || told[0].Event.From != string(store.InventoryRunning) || told[0].Event.To != string(store.InventoryDone) ||
			!maps.Equal(told[0].Detail.Data, map[string]string{"tokens": fmt.Sprint(1 + others), "ours": "1", "others": fmt.Sprint(others)}) {
			t.Errorf("told is %+v", told)
		}
		if l := r.unmanaged(FoundFilter{}); l.Total != n {
			t.Errorf("%d were found", l.Total)
		}
		for _, e := range r.events(audit.FoundDiscover) {
			if e.Event.Related != i.ID || e.Detail.Data["canvas_token"] == "" || e.Detail.Data["name"] == "" {
				t.Errorf("of a token is told %+v, %v", e.Event, e.Detail.Data)
			}
		}
		if err := r.inventoryHandler(ctx, job); err != nil || len(r.events(audit.InventoryEnd)) != 1 {
			t.Errorf("what is over goes on: %v", err)
		}

		// All are gone: the last step of the next one is made twice.
		for _, id := range ids {
			r.w.DeleteTokenBehind(id)
		}
		r.clock.Advance(25 * time.Hour)
		_, job = r.begun()
		var later *jobs.LaterError
		atOnce := 0
		for runs := 0; errors.As(r.inventoryHandler(ctx, job), &later); runs++ {
			if runs > 100 {
				t.Fatalf("it does not end: %+v\n%s", later, r.logs)
			}
			if later.After == time.Second { // at once, for a job
				atOnce++
			}
			for _, j := range r.due(jobOwners, r.clock.Now()) {
				if err := errors.Join(r.ownersHandler(ctx, j), r.Store.FinishJob(ctx, j, r.clock.Now())); err != nil {
					t.Fatal(err)
				}
			}
			r.clock.Advance(later.After)
		}
		if atOnce != 1 || r.inventory(store.InventoryDone).ReadAt.Before(done.EndedAt) {
			t.Errorf("%d further runs for what was not seen", atOnce)
		}
		gone := r.details("found." + string(access.Vanish))
		if len(gone) != n || slices.ContainsFunc(gone, func(d map[string]string) bool { return d["proof"] == "" }) {
			t.Errorf("%d tokens are gone, with %v", len(gone), gone)
		}
		r.proven()
	})
}

// What ends an inventory before its end, and with which word; a step before the
// limit it goes on.
func TestInventoryGivesUp(t *testing.T) {
	t.Parallel()
	silent := func(r *rig) {
		r.cv.Fail(canvastest.Fault{Route: "/api/v1/accounts/:account_id/reports/*", Status: 503, Times: -1})
	}
	for name, tt := range map[string]struct {
		claim   int
		after   time.Duration
		and     func(r *rig)
		trouble string // "": it goes on
	}{
		"the last run":                  {claim: inventoryRuns},
		"one more":                      {claim: inventoryRuns + 1, trouble: failedSilent},
		"silent, and there is time":     {claim: 1, and: silent, after: troubleLimit},
		"silent for too long":           {claim: 1, and: silent, after: troubleLimit + time.Second, trouble: failedSilent},
		"only slow, after a long time":  {claim: 1, after: troubleLimit + time.Hour},
		"its platform was switched off": {claim: 1, and: (*rig).switchOff, trouble: failedSilent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			i, job := r.begun()
			r.clock.Advance(tt.after)
			if tt.and != nil {
				tt.and(r)
			}
			job.Claim = tt.claim
			err := r.inventoryHandler(t.Context(), job)
			var later *jobs.LaterError
			if tt.trouble == "" {
				if !errors.As(err, &later) || r.inventory(store.InventoryRunning).ID != i.ID {
					t.Errorf("it does not go on: %v", err)
				}
				return
			}
			if got := r.inventory(store.InventoryFailed); err != nil || got.ID != i.ID || got.Trouble != tt.trouble || !got.EndedAt.Equal(r.clock.Now()) {
				t.Errorf("%+v, %v", got, err)
			}
			if told := r.details(string(audit.InventoryEnd)); len(told) != 1 || told[0]["trouble"] != tt.trouble {
				t.Errorf("told is %v", told)
			}
		})
	}
}

// Owners that nobody could ask end the inventory: what is not known is not said to
// be complete.
func TestInventoryWithOwnersSetAside(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.made("maya", "my own script")
	_, job := r.begun()
	for range 20 {
		if err := r.inventoryHandler(t.Context(), job); err == nil {
			t.Fatal("it ended")
		}
		if !r.inventory(store.InventoryRunning).ReadAt.IsZero() {
			break
		}
		r.clock.Advance(10 * time.Second)
	}
	owners := r.due(jobOwners, r.clock.Now())
	if len(owners) != 1 {
		t.Fatalf("%d jobs", len(owners))
	}
	if err := r.Store.ParkJob(t.Context(), owners[0], r.clock.Now(), "broken"); err != nil {
		t.Fatal(err)
	}
	if err := r.inventoryHandler(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if i := r.inventory(store.InventoryFailed); i.Trouble != failedSilent {
		t.Errorf("%+v", i)
	}
}

// The owners' job waits for the end of the report, and does nothing for an
// inventory that is over.
func TestOwnersWaitForTheReport(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.made("maya", "my own script")
	i, job := r.begun()
	maya := owner{User: r.w.User("maya").ID.String(), Name: "Maya Chen"}
	ask := jobs.Job{Kind: jobOwners, Tenant: string(r.tenant), Data: inventoryData(i, maya)}
	wantLater(t, r.ownersHandler(t.Context(), ask), 2*time.Second)
	job.Claim = inventoryRuns + 1
	if err := r.inventoryHandler(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if err := r.ownersHandler(t.Context(), ask); err != nil {
		t.Errorf("after its end: %v", err)
	}
	if l := r.unmanaged(FoundFilter{}); l.Total != 0 {
		t.Errorf("found %q", purposes(l))
	}
}

// The night's check is no second one beside another, nor one where the platform is
// switched off; each has its own reason to wait.
func TestWhenTheNightsCheckIsDue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before func(r *rig)
		due    bool
	}{
		"there was none yet":            {func(*rig) {}, true},
		"one runs":                      {func(r *rig) { r.begun() }, false},
		"one was done since the night":  {func(r *rig) { r.checked() }, false},
		"one was done before the night": {func(r *rig) { r.checked(); r.clock.Advance(20 * time.Hour) }, true},
		"one failed a while ago":        {func(r *rig) { r.cv.FailNextReport(); r.checked(); r.clock.Advance(retryFailed) }, true},
		"one failed just now":           {func(r *rig) { r.cv.FailNextReport(); r.checked(); r.clock.Advance(retryFailed - time.Minute) }, false},
		"its platform is switched off":  {(*rig).switchOff, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			tt.before(r)
			before := r.happened(audit.InventoryStart)
			if err := r.nightlyHandler(t.Context(), jobs.Job{Kind: jobNightly}); err != nil {
				t.Fatal(err)
			}
			if begun := r.happened(audit.InventoryStart) > before; begun != tt.due {
				t.Errorf("begun: %v", begun)
			}
			if tt.due {
				if i := r.inventory(store.InventoryRunning); i.AskedBy != access.SystemID {
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
	each(t, func(r *rig) {
		t := r.t
		r.made("maya", "first script")
		r.made("maya", "second script")
		r.made("tom", "Tom's bot")
		r.checked()
		dana := r.as("dana", access.DoorAccount)
		var ids []string
		before := map[string]access.Found{}
		for _, p := range []string{"first script", "second script", "Tom's bot"} {
			f := r.the(p).Found
			ids = append(ids, f.ID)
			before[f.ID] = r.found(f.ID)
		}
		due := r.clock.Now().Add(builtIn.Windows.CampaignAnswer)
		r.due("", r.clock.Now().Add(time.Hour))
		c, err := r.TellOwners(t.Context(), dana, ids, due, "Ask me.")
		if err != nil {
			t.Fatal(err)
		}
		for id, f := range before {
			owner := r.person(map[bool]string{true: "maya", false: "tom"}[f.CanvasUser == r.w.User("maya").ID.String()])
			f.Owner = owner.ID
			want, err := access.ApplyFound(f, access.TellOwner, access.Actor{Person: dana.Person, Reviewer: true, LaunchedAt: r.clock.Now()}, access.FoundMove{Campaign: c.ID, DueAt: due}, r.clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			if got := r.found(id); !reflect.DeepEqual(got, want) {
				t.Errorf("it is\n%+v, want\n%+v", got, want)
			}
		}
		told := r.events(audit.CampaignStart)
		if len(told) != 1 || told[0].Event.Object != c.ID || told[0].Event.Actor != string(dana.Person) ||
			!maps.Equal(told[0].Detail.Data, map[string]string{"tokens": "3", "people": "2", "due": due.UTC().Format(time.RFC3339), "quote": "Ask me."}) {
			t.Errorf("told is %+v", told)
		}
		per := map[access.PersonID]int{}
		for _, j := range r.due(jobFoundNotice, r.clock.Now()) {
			var ref foundRef
			if err := json.Unmarshal(j.Data, &ref); err != nil || ref.Kind != notify.FoundTold || ref.Campaign != c.ID || ref.By != dana.Person {
				t.Errorf("%+v, %v", ref, err)
			}
			per[ref.To] += len(ref.Found)
		}
		if want := map[access.PersonID]int{r.person("maya").ID: 2, r.person("tom").ID: 1}; !maps.Equal(per, want) {
			t.Errorf("messages are of %v, want %v", per, want)
		}
		r.proven()
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
		"a week later":    {after: overdueFor, told: 1},
		"long ago":        {after: overdueFor + time.Second},
		"all answered":    {answer: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			r.made("tom", "Tom's bot")
			r.checked()
			c := r.tell("Tom's bot")
			if tt.answer {
				if _, err := r.RemoveToken(t.Context(), r.as("tom", access.DoorCourse), r.the("Tom's bot").ID, ""); err != nil {
					t.Fatal(err)
				}
			}
			r.clock.Advance(c.DueAt.Add(tt.after).Sub(r.clock.Now()))
			r.due("", r.clock.Now())
			var ten store.Tenant
			if err := r.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
				ten, err = tx.Tenant(r.tenant)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the next minute's tick tells nothing twice
				if err := r.tickFound(t.Context(), ten); err != nil {
					t.Fatal(err)
				}
			}
			got := 0
			for _, j := range r.due(jobFoundNotice, r.clock.Now()) {
				var ref foundRef
				if err := json.Unmarshal(j.Data, &ref); err != nil || ref.Kind != notify.FoundOverdue || ref.Campaign != c.ID || ref.To != "" {
					t.Errorf("%+v, %v", ref, err)
				}
				got++
			}
			if got != tt.told {
				t.Errorf("told %d times, want %d", got, tt.told)
			}
			if r.inCanvas("tom") != map[bool]int{false: 1, true: 0}[tt.answer] {
				t.Error("the deadline moved a token")
			}
		})
	}
}

// Whose token it is is known from when its owner is: a later check says so, and takes
// nothing from what is known.
func TestOwnerOfAFoundToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.made("tom", "Tom's bot")
	r.checked()
	first := r.found(r.the("Tom's bot").ID)
	if first.Owner != "" {
		t.Fatalf("it is %s's already", first.Owner)
	}
	tom := r.as("tom", access.DoorCourse).Person
	for range 2 {
		r.clock.Advance(25 * time.Hour)
		r.checked()
		if now := r.found(first.ID); now.Owner != tom || now.Version != first.Version || !now.FoundAt.Equal(first.FoundAt) || !now.SeenAt.After(first.SeenAt) {
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
			r := newRig(t, sqlite(t))
			r.made("maya", "first script")
			r.made("maya", "second script")
			r.checked()
			ids := []string{r.the("first script").ID, r.the("second script").ID}
			if _, err := r.TellOwners(t.Context(), r.as("dana", access.DoorAccount), ids, r.clock.Now().Add(builtIn.Windows.CampaignAnswer), ""); err != nil {
				t.Fatal(err)
			}
			for _, p := range tt.removed {
				if _, err := r.RemoveToken(t.Context(), r.as("maya", access.DoorCourse), r.the(p).ID, ""); err != nil {
					t.Fatal(err)
				}
			}
			r.drain()
			got := slices.DeleteFunc(r.subjects("maya"), func(s string) bool { return !strings.Contains(s, "answer by") })
			if tt.subject == "" && len(got) != 0 || tt.subject != "" && (len(got) != 1 || !strings.HasPrefix(got[0], tt.subject)) {
				t.Errorf("she got %q", got)
			}
		})
	}
}
