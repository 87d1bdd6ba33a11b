package access

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/policy"
)

var t0 = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) // a Monday

const (
	maya = PersonID("per_maya")
	ana  = PersonID("per_ana")
	dana = PersonID("per_dana")
	evan = PersonID("per_evan")
)

func person(id PersonID) Actor   { return Actor{Person: id, LaunchedAt: t0} }
func reviewer(id PersonID) Actor { return Actor{Person: id, LaunchedAt: t0, Reviewer: true} }

func endorsed(by PersonID) Vote {
	return Vote{Part: AsSponsor, Person: by, Verdict: Yes, At: t0}
}

func claimedBy(by PersonID) Vote {
	return Vote{Stage: 1, Part: AsReviewer, Person: by, Verdict: Claimed, At: t0}
}

func at(state RequestState) Request {
	r := Request{ID: "req_1", Tenant: "ten_1", Number: 142, Version: 3, State: state, Requester: maya, Sponsor: ana,
		End: t0.Add(60 * day), CollectBy: t0.Add(10 * day), ClosedAt: time.Time{}}
	switch state {
	case InReview, Approved, Collecting, Fulfilled:
		r.Votes = Votes{endorsed(ana)}
	}
	if state == InReview {
		r.Stage = 1
	}
	return r
}

var because = Move{Reason: "because", Alternative: "export", Sponsor: evan}

func TestApply(t *testing.T) {
	t.Parallel()
	stale := reviewer(dana)
	stale.LaunchedAt = t0.Add(-15*time.Minute - time.Second)
	future := reviewer(dana)
	future.LaunchedAt = t0.Add(time.Minute + time.Second)
	acting := person(maya)
	acting.NoWrites = WhyActing
	claimed := at(InReview)
	claimed.Votes = append(claimed.Votes, claimedBy(evan))
	own := at(InReview)
	own.Requester = dana
	sponsored := at(InReview)
	sponsored.Sponsor, sponsored.Votes = dana, Votes{endorsed(dana)}
	earlier := at(InReview)
	earlier.Sponsor, earlier.Votes = evan, Votes{endorsed(dana)}
	selfSponsor := at(AwaitingSponsor)
	selfSponsor.Sponsor = maya
	keeps := at(Approved)
	keeps.Adopts = "fnd_1"
	soon := at(InReview)
	soon.End = t0.Add(3 * day)
	longer := correct("end", "end.only_shorter", map[string]any{"End": t0.Add(60 * day)})
	past := correct("end", "end.past", nil)
	tests := map[string]struct {
		r    Request
		do   Action
		who  Actor
		m    Move
		want RequestState
		then func(*Request) // besides what the move always changes
		err  error
	}{
		"the named sponsor endorses":                            {r: at(AwaitingSponsor), do: Endorse, who: person(ana), want: InReview},
		"the sponsor declines with a reason":                    {r: at(AwaitingSponsor), do: Decline, who: person(ana), m: because, want: SponsorDeclined},
		"a decline needs a reason":                              {r: at(AwaitingSponsor), do: Decline, who: person(ana), err: correct("reason", "reason.decline", nil)},
		"another teacher cannot endorse":                        {r: at(AwaitingSponsor), do: Endorse, who: person(evan), err: Refuse(WhyNotYours)},
		"a requester cannot endorse, even when named":           {r: selfSponsor, do: Endorse, who: person(maya), err: Refuse(WhySelf)},
		"an admin cannot skip the sponsor":                      {r: at(AwaitingSponsor), do: Approve, who: reviewer(dana), err: ErrConflict},
		"an admin cannot endorse":                               {r: at(AwaitingSponsor), do: Endorse, who: reviewer(dana), err: Refuse(WhyNotYours)},
		"a reviewer approves":                                   {r: at(InReview), do: Approve, who: reviewer(dana), want: Approved},
		"approving claims by itself but not over another claim": {r: claimed, do: Approve, who: reviewer(dana), err: Refuse(WhyOtherPerson)},
		"denying is not possible over another claim":            {r: claimed, do: Deny, who: reviewer(dana), m: because, err: Refuse(WhyOtherPerson)},
		"a reviewer cannot approve their own request":           {r: own, do: Approve, who: reviewer(dana), err: Refuse(WhySelf)},
		"a reviewer cannot deny their own request":              {r: own, do: Deny, who: reviewer(dana), m: because, err: Refuse(WhySelf)},
		"a reviewer cannot claim their own request":             {r: own, do: Claim, who: reviewer(dana), err: Refuse(WhySelf)},
		"the sponsor cannot approve":                            {r: sponsored, do: Approve, who: reviewer(dana), err: Refuse(WhySponsorDecides)},
		"whoever endorsed cannot approve, though replaced":      {r: earlier, do: Approve, who: reviewer(dana), err: Refuse(WhySponsorDecides)},
		"a launch too old cannot approve":                       {r: at(InReview), do: Approve, who: stale, err: Refuse(WhyStale)},
		"a launch from the future cannot approve":               {r: at(InReview), do: Approve, who: future, err: Refuse(WhyStale)},
		"a launch too old may still claim":                      {r: at(InReview), do: Claim, who: stale, want: InReview},
		"a denial needs a reason":                               {r: at(InReview), do: Deny, who: reviewer(dana), m: Move{Alternative: "export"}, err: correct("reason", "reason.deny", nil)},
		"a denial needs another way":                            {r: at(InReview), do: Deny, who: reviewer(dana), m: Move{Reason: "no"}, err: correct("alternative", "alternative.missing", nil)},
		"another way in words needs words":                      {r: at(InReview), do: Deny, who: reviewer(dana), m: Move{Reason: "no", Alternative: "other"}, err: correct("alternative_text", "alternative.text", nil)},
		"a reviewer denies":                                     {r: at(InReview), do: Deny, who: reviewer(dana), m: because, want: Denied},
		"a second approval comes too late":                      {r: at(Approved), do: Approve, who: reviewer(dana), err: ErrConflict},
		"the requester withdraws":                               {r: at(Approved), do: Withdraw, who: person(maya), want: Withdrawn},
		"acting as the requester changes nothing":               {r: at(Approved), do: Withdraw, who: acting, err: Refuse(WhyActing)},
		"nobody else withdraws":                                 {r: at(InReview), do: Withdraw, who: person(ana), err: Refuse(WhyNotYours)},
		"nobody without a name does anything":                   {r: at(InReview), do: Withdraw, who: Actor{LaunchedAt: t0}, err: Refuse(WhyNotYours)},
		"the sponsor leaves, at any age of the launch":          {r: at(Approved), do: EndSponsor, who: Actor{Person: ana, LaunchedAt: t0.Add(-time.Hour)}, want: AwaitingSponsor},
		"the sponsor ends no approval":                          {r: at(Approved), do: Rescind, who: person(ana), m: because, err: Refuse(WhyNotYours)},
		"the sponsor leaves the token, once it is being made":   {r: at(Collecting), do: EndSponsor, who: person(ana), err: ErrConflict},
		"a reviewer takes back, at any age of the launch":       {r: at(Approved), do: Rescind, who: stale, m: because, want: Rescinded},
		"taking back needs a reason":                            {r: at(Approved), do: Rescind, who: reviewer(dana), err: correct("reason", "reason.rescind", nil)},
		"nothing is taken back once it is collected":            {r: at(Fulfilled), do: Rescind, who: reviewer(dana), m: because, err: ErrConflict},
		"a token that exists is adopted, not made":              {r: keeps, do: Adopt, who: SystemActor, want: Fulfilled},
		"a token that exists is not collected":                  {r: keeps, do: Collect, who: person(maya), err: ErrConflict},
		"a token that does not exist is not adopted":            {r: at(Approved), do: Adopt, who: SystemActor, err: ErrConflict},
		"nobody adopts by hand":                                 {r: keeps, do: Adopt, who: reviewer(dana), err: Refuse(WhyNotYours)},
		"collecting needs a fresh launch":                       {r: at(Approved), do: Collect, who: Actor{Person: maya, LaunchedAt: t0.Add(-time.Hour)}, err: Refuse(WhyStale)},
		"only the requester collects":                           {r: at(Approved), do: Collect, who: reviewer(dana), err: Refuse(WhyNotYours)},
		"the requester collects":                                {r: at(Approved), do: Collect, who: person(maya), want: Collecting},
		"a person cannot lapse a request":                       {r: at(Approved), do: Lapse, who: reviewer(dana), err: Refuse(WhyNotYours)},
		"the system cannot approve":                             {r: at(InReview), do: Approve, who: SystemActor, err: Refuse(WhyNotYours)},
		"the system cannot endorse":                             {r: at(AwaitingSponsor), do: Endorse, who: SystemActor, err: Refuse(WhyNotYours)},
		"releasing what nobody holds is a conflict":             {r: at(InReview), do: Release, who: reviewer(dana), err: ErrConflict},
		"releasing what another holds is refused":               {r: claimed, do: Release, who: reviewer(dana), err: Refuse(WhyOtherPerson)},
		"claiming what another holds is refused":                {r: claimed, do: Claim, who: reviewer(dana), err: Refuse(WhyOtherPerson)},
		"a longer end is refused at endorsement":                {r: at(AwaitingSponsor), do: Endorse, who: person(ana), m: Move{End: t0.Add(61 * day)}, err: longer},
		"a longer end is refused at approval":                   {r: at(InReview), do: Approve, who: reviewer(dana), m: Move{End: t0.Add(61 * day)}, err: longer},
		"an end in the past is refused at approval":             {r: at(InReview), do: Approve, who: reviewer(dana), m: Move{End: t0.Add(-day)}, err: past},
		"the last moment of an end may be kept":                 {r: at(InReview), do: Approve, who: reviewer(dana), m: Move{End: t0.Add(60 * day)}, want: Approved},
		"an end right now is past":                              {r: at(AwaitingSponsor), do: Endorse, who: person(ana), m: Move{End: t0}, err: past},
		"an end a second ahead is not":                          {r: at(AwaitingSponsor), do: Endorse, who: person(ana), m: Move{End: t0.Add(time.Second)}, want: InReview},
		"what ends soon is collected before":                    {r: soon, do: Approve, who: reviewer(dana), want: Approved, then: func(r *Request) { r.CollectBy = r.End }},
		"what ends when its time to collect does":               {r: soon, do: Approve, who: reviewer(dana), m: Move{End: t0.Add(2 * day)}, want: Approved, then: func(r *Request) { r.CollectBy = r.End }},
		"choosing another sponsor names one":                    {r: at(AwaitingSponsor), do: ChooseSponsor, who: person(maya), err: correct("sponsor", "sponsor.missing", nil)},
		"choosing another sponsor cannot name oneself":          {r: at(AwaitingSponsor), do: ChooseSponsor, who: person(maya), m: Move{Sponsor: maya}, err: correct("sponsor", "sponsor.self", nil)},
		"the holder of a claim approves":                        {r: claimed, do: Approve, who: reviewer(evan), want: Approved},
		"the holder of a claim claims again":                    {r: claimed, do: Claim, who: reviewer(evan), want: InReview},
		"time takes any claim":                                  {r: claimed, do: Release, who: SystemActor, want: InReview},
		"time releases no claim that nobody has":                {r: at(InReview), do: Release, who: SystemActor, err: ErrConflict},
		"no time runs out in review":                            {r: at(InReview), do: Lapse, who: SystemActor, err: ErrConflict},
		"submitting names a sponsor":                            {r: at(Draft), do: Submit, who: person(maya), m: Move{To: AwaitingSponsor}, err: correct("sponsor", "sponsor.missing", nil)},
		"submitting cannot name oneself":                        {r: at(Draft), do: Submit, who: person(maya), m: Move{To: AwaitingSponsor, Sponsor: maya}, err: correct("sponsor", "sponsor.self", nil)},
		"another sponsor is chosen":                             {r: at(AwaitingSponsor), do: ChooseSponsor, who: person(maya), m: Move{Sponsor: evan}, want: AwaitingSponsor},
		"the sponsor cannot choose another":                     {r: at(AwaitingSponsor), do: ChooseSponsor, who: person(ana), m: Move{Sponsor: evan}, err: Refuse(WhyNotYours)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requestLife.row(t, tt.r, tt.r.State, tt.do, tt.who, tt.m, tt.want, tt.then, tt.err)
		})
	}
}

func TestEndsOnlyGetShorter(t *testing.T) {
	t.Parallel()
	r := at(AwaitingSponsor)
	shorter := t0.Add(30 * day)
	r, _, err := Apply(r, Endorse, person(ana), Move{Policy: policy.BuiltIn(), End: shorter}, t0)
	if err != nil || !r.End.Equal(shorter) {
		t.Fatalf("endorse: end %v, %v", r.End, err)
	}
	if r.ReviewDue.Weekday() != time.Monday || r.ReviewDue.Sub(t0) != 7*day {
		t.Errorf("five business days from a Monday end on %v", r.ReviewDue)
	}
	r, _, err = Apply(r, Approve, reviewer(dana), Move{Policy: policy.BuiltIn(), End: t0.Add(20 * day)}, t0)
	if err != nil || !r.End.Equal(t0.Add(20*day)) || r.Decision().Person != dana || !r.Decision().End.Equal(t0.Add(20*day)) || !r.Endorsement().End.Equal(shorter) {
		t.Fatalf("approve: %+v, %v", r, err)
	}
	soon := at(InReview)
	soon.End = t0.Add(3 * day)
	soon, _, err = Apply(soon, Approve, reviewer(dana), Move{Policy: policy.BuiltIn()}, t0)
	if err != nil || !soon.CollectBy.Equal(soon.End) {
		t.Errorf("collect by %v, want no later than the end %v (%v)", soon.CollectBy, soon.End, err)
	}
}

// Facts of the table itself: the invariants that need no walk.
func TestLifecycleTable(t *testing.T) {
	t.Parallel()
	reached := map[RequestState]bool{Draft: true}
	for _, row := range lifecycle {
		reached[row.To] = true
		if row.From.Final() {
			t.Errorf("%s leaves the final state %s", row.Do, row.From)
		}
		if row.As == AsSystem && row.To == Approved && row.Do != MintFailed {
			t.Errorf("a timer leads to approved by %s", row.Do)
		}
		if row.To == Approved && row.From != InReview && row.From != Collecting {
			t.Errorf("approved is reached from %s", row.From)
		}
		if (row.Do == Withdraw || row.Do == Decline || row.Do == Rescind) && row.Fresh {
			t.Errorf("leaving by %s needs a fresh launch", row.Do)
		}
		if (row.Do == Endorse || row.Do == Approve || row.Do == Deny || row.Do == Collect) && !row.Fresh {
			t.Errorf("%s needs a fresh launch", row.Do)
		}
	}
	for _, s := range RequestStates {
		if !reached[s] {
			t.Errorf("no move leads to %s", s)
		}
	}
}

// A random walk over everybody's moves keeps the invariants of the lifecycle.
func TestRequestWalk(t *testing.T) {
	t.Parallel()
	actions := []Action{Submit, Discard, Withdraw, Endorse, Decline, ChooseSponsor, LoseSponsor, Claim, Release, Approve, Deny, Rescind, Lapse, Return, Collect, MintFailed, HandOver, Adopt}
	people := []PersonID{maya, ana, dana, evan, ""}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		r := Request{ID: "req_1", Tenant: "ten_1", Version: 1, State: Draft, Requester: maya, End: t0.Add(60 * day)}
		now := t0
		for range 25 {
			now = now.Add(time.Duration(rng.IntN(48)) * time.Hour)
			who := Actor{Person: people[rng.IntN(len(people))], Reviewer: rng.IntN(2) == 0, LaunchedAt: now.Add(-time.Duration(rng.IntN(20)) * time.Minute)}
			if rng.IntN(4) == 0 {
				who = SystemActor
			}
			m := Move{Policy: policy.BuiltIn(), Reason: "x", Alternative: "lti", Sponsor: people[rng.IntN(len(people))], LostName: "Ana"}
			m.To = []RequestState{"", AwaitingSponsor, InReview}[rng.IntN(3)]
			if rng.IntN(3) == 0 {
				m.End = now.Add(time.Duration(rng.IntN(100)-10) * day)
			}
			do := actions[rng.IntN(len(actions))]
			after, _, err := Apply(r, do, who, m, now)
			if err != nil {
				if !errors.Is(err, ErrNotAllowed) && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrInvalid) {
					t.Fatalf("%s: an error of no kind: %v", do, err)
				}
				continue
			}
			if r.State.Final() {
				t.Fatalf("%s moved a request that is %s", do, r.State)
			}
			if after.End.After(r.End) {
				t.Fatalf("%s lengthened the end", do)
			}
			if after.Version != r.Version+1 {
				t.Fatalf("%s made version %d of %d", do, after.Version, r.Version)
			}
			if after.State == Approved && do == Approve {
				by := after.Decision().Person
				if by != who.Person || by == after.Requester || by == after.Sponsor || by == after.Endorsement().Person {
					t.Fatalf("%s decided for requester %s, sponsor %s: %+v", by, after.Requester, after.Sponsor, after.Votes)
				}
				if !who.Reviewer || who.System || !who.Fresh(now) {
					t.Fatalf("approved by %+v", who)
				}
				if after.Sponsor != "" && !after.Endorsement().Said() {
					t.Fatal("approved with a sponsor who has not endorsed")
				}
			}
			checkVotes(t, r, after, do)
			r = after
		}
	}
}

// checkVotes holds what every move must leave of the votes: nobody votes on what
// is their own, nobody says two things in one round, what was said stays, and a
// claim stands where it can be answered and nowhere else.
func checkVotes(t *testing.T, before, after Request, do Action) {
	t.Helper()
	spoke := map[PersonID]bool{}
	for _, v := range after.Votes.of(after.Round, func(Vote) bool { return true }) {
		switch {
		case v.Person == after.Requester || v.Person == "":
			t.Fatalf("%s: a vote of %q on a request of %s", do, v.Person, after.Requester)
		case v.Said() && spoke[v.Person]:
			t.Fatalf("%s: %s said two things in round %d: %+v", do, v.Person, v.Round, after.Votes)
		case v.Verdict == Claimed && (after.State != InReview || v.Stage != after.Stage):
			t.Fatalf("%s: a claim in stage %d on a request that is %s in stage %d", do, v.Stage, after.State, after.Stage)
		}
		spoke[v.Person] = spoke[v.Person] || v.Said()
	}
	for _, v := range before.Votes {
		if v.Said() && !slices.Contains(after.Votes, v) {
			t.Fatalf("%s: what was said is gone: %+v of %+v", do, v, after.Votes)
		}
	}
	if (after.Stage > 0) != (after.State == InReview) || after.Round < before.Round {
		t.Fatalf("%s: %s in stage %d, round %d after %d", do, after.State, after.Stage, after.Round, before.Round)
	}
}

func FuzzApply(f *testing.F) {
	f.Add("in_review", "approve", "per_dana", true, false, int64(0), int64(0))
	f.Add("approved", "collect", "per_maya", false, false, int64(60), int64(1))
	f.Fuzz(func(t *testing.T, state, do, who string, reviewer, system bool, age, end int64) {
		r := at(RequestState(state))
		a := Actor{Person: PersonID(who), Reviewer: reviewer, System: system, LaunchedAt: t0.Add(-time.Duration(age%100000) * time.Second)}
		after, _, err := Apply(r, Action(do), a, Move{Policy: policy.BuiltIn(), Reason: "x", Alternative: "lti", End: t0.Add(time.Duration(end%1000) * day)}, t0)
		if err == nil && (r.State.Final() || after.End.After(r.End)) {
			t.Fatalf("%s moved %s", do, state)
		}
	})
}

func TestCodeAndTitle(t *testing.T) {
	t.Parallel()
	if got := (Request{Number: 142}).Code(); got != "REQ-0142" {
		t.Errorf("code %q", got)
	}
	if got := (Request{}).Code(); got != "" {
		t.Errorf("a draft has the code %q", got)
	}
	for in, want := range map[string]string{
		"Attendance helper. It reads my courses.": "Attendance helper",
		"  A dashboard\nwith two lines":           "A dashboard",
		"":                                        "",
		"Attendance helper":                       "Attendance helper",
	} {
		if got := TitleOf(in); got != want {
			t.Errorf("TitleOf(%q) = %q, want %q", in, got, want)
		}
	}
	long := TitleOf("A very long description of a tool that never seems to come to an end because nobody pressed the stop key")
	if n := len([]rune(long)); n > 61 {
		t.Errorf("%q has %d characters", long, n)
	}
}
