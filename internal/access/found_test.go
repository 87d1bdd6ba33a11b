package access

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

func foundAt(s FoundState) Found {
	f := Found{ID: "fnd_1", Tenant: "ten_1", Version: 1, State: s, CanvasUser: "4711", CanvasID: "99", Owner: maya, FoundAt: t0}
	if s == FoundAllowing || s == FoundAllowed {
		f.ReviewAt, f.Votes = t0.Add(90*day), Votes{{Stage: 1, Part: AsReviewer, Person: dana, Verdict: Yes, At: t0, Reason: "nightly export", End: t0.Add(90 * day)}}
	}
	return f
}

func TestApplyFound(t *testing.T) {
	t.Parallel()
	stale := reviewer(evan)
	stale.LaunchedAt = t0.Add(-time.Hour)
	acting := person(maya)
	acting.NoWrites = WhyActing
	inRange := correct("review_at", "review_at.range", map[string]any{"Latest": t0.Add(365 * day)})
	ok := FoundMove{Reason: "nightly export", ReviewAt: t0.Add(90 * day), DueAt: t0.Add(30 * day)}
	tests := map[string]struct {
		f    Found
		do   Action
		who  Actor
		m    FoundMove
		want FoundState
		err  error
	}{
		"a reviewer tells the owner":                      {f: foundAt(FoundNew), do: TellOwner, who: reviewer(dana), m: ok, want: FoundTold},
		"telling needs a fresh launch":                    {f: foundAt(FoundNew), do: TellOwner, who: stale, m: ok, err: Refuse(WhyStale)},
		"a deadline lies ahead":                           {f: foundAt(FoundNew), do: TellOwner, who: reviewer(dana), err: correct("due_at", "due_at.past", nil)},
		"one voice does not allow":                        {f: foundAt(FoundNew), do: Allow, who: reviewer(dana), m: ok, want: FoundAllowing},
		"the second voice allows":                         {f: foundAt(FoundAllowing), do: Allow, who: reviewer(evan), want: FoundAllowed},
		"the first voice is not the second":               {f: foundAt(FoundAllowing), do: Allow, who: reviewer(dana), err: Refuse(WhySecondPerson)},
		"an owner does not allow their own":               {f: foundAt(FoundNew), do: Allow, who: reviewer(maya), m: ok, err: Refuse(WhySelf)},
		"an owner is not the second voice":                {f: foundAt(FoundAllowing), do: Allow, who: reviewer(maya), err: Refuse(WhySelf)},
		"allowing needs a fresh launch":                   {f: foundAt(FoundAllowing), do: Allow, who: stale, err: Refuse(WhyStale)},
		"allowing needs a reason":                         {f: foundAt(FoundNew), do: Allow, who: reviewer(dana), m: FoundMove{ReviewAt: ok.ReviewAt}, err: correct("reason", "reason.allow", nil)},
		"allowing needs a review date":                    {f: foundAt(FoundNew), do: Allow, who: reviewer(dana), m: FoundMove{Reason: "x"}, err: inRange},
		"a review date lies within a year":                {f: foundAt(FoundNew), do: Allow, who: reviewer(dana), m: FoundMove{Reason: "x", ReviewAt: t0.Add(366 * day)}, err: inRange},
		"a review date lies within a year, to the second": {f: foundAt(FoundNew), do: Allow, who: reviewer(dana), m: FoundMove{Reason: "x", ReviewAt: t0.Add(365*day + time.Second)}, err: inRange},
		"a review date lies ahead":                        {f: foundAt(FoundNew), do: Allow, who: reviewer(dana), m: FoundMove{Reason: "x", ReviewAt: t0}, err: inRange},
		"the next second lies ahead":                      {f: foundAt(FoundNew), do: Allow, who: reviewer(dana), m: FoundMove{Reason: "x", ReviewAt: t0.Add(time.Second)}, want: FoundAllowing},
		"a deadline is not now":                           {f: foundAt(FoundNew), do: TellOwner, who: reviewer(dana), m: FoundMove{DueAt: t0}, err: correct("due_at", "due_at.past", nil)},
		"an owner who reviews needs no reason":            {f: foundAt(FoundNew), do: Remove, who: reviewer(maya), want: FoundRemoving},
		"nobody removes what nobody owns":                 {f: Found{State: FoundNew}, do: Remove, who: Actor{LaunchedAt: t0}, err: Refuse(WhyNotYours)},
		"an owner does not allow as owner":                {f: foundAt(FoundNew), do: Allow, who: person(maya), m: ok, err: Refuse(WhyNotYours)},
		"the system allows nothing":                       {f: foundAt(FoundAllowing), do: Allow, who: SystemActor, err: Refuse(WhyNotYours)},
		"the review date opens it again":                  {f: foundAt(FoundAllowed), do: Reopen, who: SystemActor, want: FoundNew},
		"an owner removes with an old launch":             {f: foundAt(FoundTold), do: Remove, who: Actor{Person: maya}, want: FoundRemoving},
		"a reviewer removes with a reason":                {f: foundAt(FoundAllowed), do: Remove, who: stale, m: ok, want: FoundRemoving},
		"a reviewer needs a reason":                       {f: foundAt(FoundNew), do: Remove, who: reviewer(dana), err: correct("reason", "reason.remove", nil)},
		"the system removes nothing by itself":            {f: foundAt(FoundTold), do: Remove, who: SystemActor, err: Refuse(WhyNotYours)},
		"a stranger removes nothing":                      {f: foundAt(FoundTold), do: Remove, who: person(evan), err: Refuse(WhyNotYours)},
		"acting as the owner removes nothing":             {f: foundAt(FoundTold), do: Remove, who: acting, err: Refuse(WhyActing)},
		"removed is what Canvas confirmed":                {f: foundAt(FoundRemoving), do: Gone, who: SystemActor, want: FoundRemoved},
		"nobody says removed by hand":                     {f: foundAt(FoundRemoving), do: Gone, who: reviewer(dana), err: Refuse(WhyNotYours)},
		"the owner asks to keep it":                       {f: foundAt(FoundTold), do: AskToKeep, who: Actor{Person: maya}, m: FoundMove{RequestID: "req_1"}, want: FoundTold},
		"adopted is what a request brought about":         {f: foundAt(FoundTold), do: Adopt, who: SystemActor, m: FoundMove{GrantID: "grt_1"}, want: FoundAdopted},
		"an allow-listed token is not adopted":            {f: foundAt(FoundAllowed), do: Adopt, who: SystemActor, err: ErrConflict},
		"a token that is gone from Canvas is gone":        {f: foundAt(FoundAllowed), do: Vanish, who: SystemActor, want: FoundGone},
		"one being removed does not vanish unproven":      {f: foundAt(FoundRemoving), do: Vanish, who: SystemActor, err: ErrConflict},
		"what is gone stays gone":                         {f: foundAt(FoundGone), do: Remove, who: reviewer(dana), m: ok, err: ErrConflict},
		"taking an allow-list entry back is for all":      {f: foundAt(FoundAllowed), do: Disallow, who: stale, want: FoundNew},
		"a half-allowed one may be taken back":            {f: foundAt(FoundAllowing), do: Disallow, who: reviewer(dana), want: FoundNew},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			foundLife.row(t, tt.f, tt.f.State, tt.do, tt.who, tt.m, tt.want, nil, tt.err)
		})
	}
}

// On no way is a token allow-listed by fewer than two people, or by its owner,
// and nothing but a person's decision removes one.
func TestFoundWalk(t *testing.T) {
	t.Parallel()
	actions := []Action{TellOwner, AskToKeep, Adopt, Allow, Disallow, Reopen, Remove, Gone, Vanish}
	actors := []Actor{person(maya), reviewer(maya), reviewer(dana), reviewer(evan), SystemActor}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		f := foundAt(FoundNew)
		for range 15 {
			who, do := actors[rng.IntN(len(actors))], actions[rng.IntN(len(actions))]
			after, err := ApplyFound(f, do, who, FoundMove{Policy: policy.BuiltIn(), Reason: "x", ReviewAt: t0.Add(day), DueAt: t0.Add(day)}, t0)
			if err != nil {
				continue
			}
			if f.State.Final() {
				t.Fatalf("%s moved what is %s", do, f.State)
			}
			one, two := after.Allowing()
			if after.State == FoundAllowed && (one.Person == two.Person || one.Person == maya || two.Person == maya || two.Person == "") {
				t.Fatalf("allowed by %q and %q", one.Person, two.Person)
			}
			if after.State == FoundRemoving && who.System {
				t.Fatal("removed by no person")
			}
			f = after
		}
	}
}

func TestClearIncident(t *testing.T) {
	t.Parallel()
	open := full[Incident]()
	open.Owner, open.ClearedAt, open.ClearedBy = maya, time.Time{}, ""
	cleared := open
	cleared.ClearedAt = t0
	stale := reviewer(dana)
	stale.LaunchedAt = t0.Add(-time.Hour)
	acting := reviewer(dana)
	acting.NoWrites = WhyActing
	tests := map[string]struct {
		i    Incident
		who  Actor
		note string
		err  error
	}{
		"a reviewer clears with a note":  {i: open, who: reviewer(dana), note: "rotated"},
		"a note is needed":               {i: open, who: reviewer(dana), err: correct("reason", "reason.clear", nil)},
		"the owner does not":             {i: open, who: reviewer(maya), note: "x", err: Refuse(WhySelf)},
		"the sponsor does not":           {i: open, who: reviewer(ana), note: "x", err: Refuse(WhySponsorDecides)},
		"nobody without the right does":  {i: open, who: person(dana), note: "x", err: Refuse(WhyNotYours)},
		"the system does not":            {i: open, who: SystemActor, note: "x", err: Refuse(WhyNotYours)},
		"nobody without a name does":     {i: open, who: Actor{LaunchedAt: t0, Reviewer: true}, note: "x", err: Refuse(WhyNotYours)},
		"an old launch does not":         {i: open, who: stale, note: "x", err: Refuse(WhyStale)},
		"acting as somebody does not":    {i: open, who: acting, note: "x", err: Refuse(WhyActing)},
		"what is cleared is not cleared": {i: cleared, who: reviewer(dana), note: "x", err: ErrConflict},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want Incident
			if tt.err == nil {
				want = tt.i
				want.ClearedAt, want.ClearedBy, want.Version = t0, tt.who.Person, tt.i.Version+1
			}
			got, err := tt.i.Clear(tt.who, ana, tt.note, t0)
			if refusal := whole(tt.err, "cleared", ClearIncident); got != want || !reflect.DeepEqual(err, refusal) {
				t.Errorf("Clear = %+v, %v; want %+v, %v", got, err, want, refusal)
			}
		})
	}
}
