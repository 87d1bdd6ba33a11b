package requests_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/eligibility"
	"github.com/tokendesk/tokendesk/internal/policy"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

// publish publishes the next version of the school's policy, changed from the
// newest one, and returns it.
func publish(r *desktest.Rig, change func(p *policy.Policy)) policy.Policy {
	r.T.Helper()
	var p policy.Policy
	err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
		var err error
		if p, err = tx.NewestPolicy(r.Tenant); err != nil {
			return err
		}
		roles := map[policy.Affiliation]policy.Role{}
		for a, x := range p.Roles {
			roles[a] = x
		}
		p.Roles = roles
		p.Version++
		change(&p)
		return tx.PublishPolicy(store.Published{Tenant: r.Tenant, Policy: p, At: r.Clock.Now(), By: "operator:test", Reason: "a test"})
	})
	if err != nil {
		r.T.Fatal(err)
	}
	return p
}

const oneDay = 24 * time.Hour

// short is a policy under which students have less of everything.
func short(p *policy.Policy) {
	p.Roles[policy.Student] = policy.Role{Rule: policy.RuleSponsor, MaxLife: 7 * oneDay, MaxTotal: 14 * oneDay}
	p.Windows.SponsorAnswer, p.Windows.Collect, p.Windows.ReviewDays, p.Windows.Draft = 3*oneDay, 2*oneDay, 1, 5*oneDay
	p.Windows.Claim, p.Windows.Activation, p.Windows.Replacement, p.Windows.SponsorGap = 6*oneDay, 12*time.Hour, time.Hour, 4*oneDay
	p.Quotas = policy.Quotas{Open: 1, Live: 1}
}

// Two schools of one installation, each with its own document: the same forms are
// judged differently, and no code knows which.
func TestTwoSchoolsTwoPolicies(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		ctx := t.Context()
		a, b := desktest.NewRig(t, st), desktest.NewRig(t, st, "10000000000003")
		publish(b, short)
		for name, tt := range map[string]struct {
			r       *desktest.Rig
			version int
			life    time.Duration
			answer  time.Duration
			quota   int
		}{"the one": {a, 1, 119 * oneDay, 14 * oneDay, 3}, "the other": {b, 2, 7 * oneDay, 3 * oneDay, 1}} {
			r, maya := tt.r, tt.r.As("maya", access.DoorCourse)
			form, err := r.Requests.Form(ctx, maya, "")
			if err != nil || form.Policy.Version != tt.version || form.Latest.After(r.Clock.Now().Add(tt.life)) {
				t.Fatalf("%s: the form is of version %d, until %v, %v", name, form.Policy.Version, form.Latest, err)
			}
			late := r.Answers()
			late.Set("end", policy.LastDate(r.Clock.Now().Add(tt.life+2*oneDay), desk.Location(maya.TimeZone)).Format(time.DateOnly))
			if _, err := r.Requests.Submit(ctx, maya, "", late); !errors.Is(err, access.ErrInvalid) {
				t.Errorf("%s: an end beyond the longest life: %v", name, err)
			}
			for n := range tt.quota + 1 {
				ok := r.Answers()
				ok.Set("end", policy.LastDate(r.Clock.Now().Add(6*oneDay), desk.Location(maya.TimeZone)).Format(time.DateOnly))
				q, err := r.Requests.Submit(ctx, maya, "", ok)
				if n == tt.quota {
					if access.WhyOf(err) != access.WhyQuotaOpen {
						t.Errorf("%s: request %d: %v", name, n+1, err)
					}
					break
				}
				if err != nil || q.PolicyVersion != tt.version || !q.SponsorDue.Equal(q.SubmittedAt.Add(tt.answer)) {
					t.Fatalf("%s: request %d of version %d waits until %v, %v", name, n+1, q.PolicyVersion, q.SponsorDue, err)
				}
				r.Unhurried()
			}
		}
	})
}

// The version of the submission settles the procedure; what a token may be is at
// the mint the stricter of that version and the newest; what begins after a
// publication is judged by it; and no live token's end moves.
func TestARequestKeepsItsPolicy(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx, t := r.T.Context(), r.T
		old := r.Submitted()
		publish(r, short)
		r.Act(r.As("ana", access.DoorCourse), old.Code(), access.Endorse, access.Move{})
		q := r.Request(old.ID)
		if want := desktest.BuiltIn.Calendar.After(q.ReviewSince, 5, desk.Location("America/Denver")); !q.ReviewDue.Equal(want) || q.PolicyVersion != 1 {
			t.Errorf("the review of version %d is due %v, want %v", q.PolicyVersion, q.ReviewDue, want)
		}
		c := r.Act(r.As("dana", access.DoorAccount), old.Code(), access.Approve, access.Move{})
		if got := c.Request.CollectBy.Sub(c.Request.Decision().At); got != 14*oneDay || c.Policy.Version != 1 {
			t.Errorf("it may be collected for %v by version %d", got, c.Policy.Version)
		}
		// A new one is judged by the new version: an end that the old one allowed is too late.
		maya := r.As("maya", access.DoorCourse)
		if _, err := r.Requests.Submit(ctx, maya, "", r.Answers()); !errors.Is(err, access.ErrNotAllowed) || access.WhyOf(err) != access.WhyQuotaOpen {
			t.Errorf("a second open request: %v", err)
		}
		// The token of the old one: no longer than the newest allows.
		g, _ := r.Collect(old.Code())
		if life := g.Wanted.Sub(r.Clock.Now()); life > 7*oneDay || life < 7*oneDay-time.Minute {
			t.Errorf("it was made for %v", life)
		}
		if got := g.ActivateBy.Sub(g.ShownAt); got != 7*oneDay {
			t.Errorf("it may be activated for %v", got)
		}
		if got, _, err := replaceableAfter(r, maya, old.Code(), 2*time.Hour); err != nil || !got {
			t.Errorf("it cannot be replaced by its own policy, %v", err)
		}
		r.Unhurried()
		if _, err := r.Requests.Submit(ctx, maya, "", r.Answers()); access.WhyOf(err) != access.WhyQuotaLive {
			t.Errorf("a second live token: %v", err)
		}
		r.Activate("maya", g.CanvasID)
		r.Tick(2 * time.Minute)
		end := r.Grant(g.ID).EndsAt()
		// A publication that allows more: the live token ends when it would.
		publish(r, func(p *policy.Policy) {
			p.Roles[policy.Student] = policy.Role{Rule: policy.RuleSponsor, MaxLife: 300 * oneDay, MaxTotal: 900 * oneDay}
			p.Windows.Grace, p.Windows.Overlap, p.Quotas = 200*oneDay, 20*oneDay, policy.Quotas{Open: 9, Live: 9}
		})
		r.Pass(eligibility.EligibilityRound)
		if now := r.Grant(g.ID); !now.EndsAt().Equal(end) || now.State != access.Active {
			t.Errorf("the token is %s and ends %v, it was %v", now.State, now.EndsAt(), end)
		}
		next, err := r.Requests.Submit(ctx, maya, "", r.Answers())
		if err != nil || next.PolicyVersion != 3 {
			t.Errorf("a new request is of version %d, %v", next.PolicyVersion, err)
		}
		r.Proven()
	})
}

// replaceableAfter says whether Maya's page offers "I lost it" so long after now.
func replaceableAfter(r *desktest.Rig, maya access.Caller, code string, d time.Duration) (bool, access.Why, error) {
	r.Clock.Advance(d)
	maya.LaunchedAt = r.Clock.Now()
	c, err := r.Tokens.CollectPage(r.T.Context(), maya, code)
	return c.CanReplace, c.ReplaceWhy, err
}

// What was sent under a version that is stricter than the newest is not loosened
// by it, and whom the newest refuses gets no token.
func TestMintIsTheStricter(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	publish(r, func(p *policy.Policy) {
		p.Roles[policy.Student] = policy.Role{Rule: policy.RuleSponsor, MaxLife: 30 * oneDay, MaxTotal: 30 * oneDay}
		p.Quotas.Live = 1
	})
	q := r.Approved()
	publish(r, func(p *policy.Policy) {
		*p = builtInAs(p.Version)
		p.Roles[policy.Student] = policy.Role{Rule: policy.RuleRefuse}
	})
	_, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), q.Code())
	if access.WhyOf(err) == "" || r.InCanvas("maya") != 0 {
		t.Errorf("whom today's policy refuses: %v, %d in Canvas", err, r.InCanvas("maya"))
	}
	if now := r.Request(q.ID); now.State != access.InReview {
		t.Errorf("it is %s", now.State)
	}
	publish(r, func(p *policy.Policy) { *p = builtInAs(p.Version) })
	r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
	r.Unhurried()
	other := r.Approved() // of the newest, which lets two live
	r.Collect(other.Code())
	r.Unhurried()
	if _, err := r.Tokens.Collect(t.Context(), r.As("maya", access.DoorCourse), q.Code()); access.WhyOf(err) != access.WhyQuotaLive {
		t.Errorf("a second token, for a request that was sent when one was the most: %v", err)
	}
	r.Proven()
}

// A live token ends a grace after its course: the one of its own policy, whatever
// is published then.
func TestNoPublicationMovesALiveEnd(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	g, _ := r.Active()
	over := r.Clock.Now().Add(-5 * oneDay)
	r.W.UpdateCourse("bio201", func(c *canvastest.Course) { c.End, c.RestrictToCourseDates = over, true })
	r.Pass(eligibility.EligibilityRound)
	want := over.Add(desktest.BuiltIn.Windows.Grace).UTC().Truncate(time.Second)
	if end := r.Grant(g.ID).EndsAt(); !end.Equal(want) {
		t.Fatalf("it ends %v, want %v", end, want)
	}
	for _, grace := range []time.Duration{200 * oneDay, oneDay} {
		publish(r, func(p *policy.Policy) { p.Windows.Grace = grace })
		r.Pass(eligibility.EligibilityRound)
		if now := r.Grant(g.ID); !now.EndsAt().Equal(want) || now.State != access.Active {
			t.Errorf("with a grace of %v it is %s and ends %v, it was %v", grace, now.State, now.EndsAt(), want)
		}
	}
	r.Proven()
}

func builtInAs(version int) policy.Policy {
	p := policy.BuiltIn()
	p.Version = version
	return p
}

// Time brings to each request what its own version says, and to drafts what the
// newest does.
func TestTimeGoesByTheVersion(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t := r.T
		ctx := t.Context()
		maya := r.As("maya", access.DoorCourse)
		old := r.Submitted()
		oldClaim := r.Claimed()
		draft, err := r.Requests.SaveDraft(ctx, maya, "", r.Answers())
		r.Must(err)
		p := publish(r, func(p *policy.Policy) {
			short(p)
			p.Roles[policy.Student] = policy.BuiltIn().Roles[policy.Student]
			p.Quotas = policy.Quotas{Open: 9, Live: 9}
		})
		fresh := r.Submitted()
		freshClaim := r.Claimed()
		at := func(d time.Duration, want string) {
			t.Helper()
			r.Clock.Advance(desktest.RigBegins.Add(d).Sub(r.Clock.Now()))
			r.TimeActs()
			got := fmt.Sprintf("%s %v | %s %v | %s", r.Request(old.ID).State, r.Request(oldClaim).Claim().Person != "", r.Request(fresh.ID).State,
				r.Request(freshClaim).Claim().Person != "", r.Request(draft.ID).State)
			if got != want {
				t.Errorf("after %v: %s, want %s", d, got, want)
			}
		}
		at(2*oneDay-time.Hour, "awaiting_sponsor true | awaiting_sponsor true | draft")
		at(2*oneDay+time.Hour, "awaiting_sponsor false | awaiting_sponsor true | draft") // a Monday's claim
		at(p.Windows.SponsorAnswer+time.Hour, "awaiting_sponsor false | lapsed true | draft")
		at(p.Windows.Draft+time.Hour, "awaiting_sponsor false | lapsed true | discarded")
		at(p.Windows.Claim+time.Hour, "awaiting_sponsor false | lapsed false | discarded")
		at(desktest.BuiltIn.Windows.SponsorAnswer+time.Hour, "lapsed false | lapsed false | discarded")
	})
}

// A policy that cannot be read makes nothing possible, and holds up no removal.
func TestWithoutAReadablePolicy(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		t, ctx := r.T, r.T.Context()
		maya := r.As("maya", access.DoorCourse)
		now := r.Clock.Now()
		ana, dana := r.As("ana", access.DoorCourse).Person, r.As("dana", access.DoorAccount).Person
		q := access.Request{ID: store.NewID("req"), Tenant: r.Tenant, Number: 900, Version: 1, State: access.Fulfilled, PolicyVersion: 9, Requester: maya.Person, Sponsor: ana, Votes: access.Votes{desktest.EndorsedBy(ana, now), desktest.ApprovedBy(dana, now)},
			Affiliation: policy.Student, Course: maya.Course, CreatedAt: now, UpdatedAt: now, Answers: r.Answers(), End: now.Add(20 * oneDay), CollectBy: now.Add(oneDay)}
		g := access.NewGrant(store.NewID("grt"), q, maya.CanvasUser, now.Add(20*oneDay), now)
		tok, _ := r.W.SeedToken("maya", canvastest.TokenSpec{Purpose: g.Purpose(), ExpiresAt: g.Wanted})
		g.State, g.CanvasID, g.Hint, g.Expires, g.ShownAt, g.ActivatedAt = access.Active, tok.ID.String(), tok.Hint, g.Wanted, now, now
		waits := q
		waits.ID, waits.Number, waits.State, waits.Votes, waits.SponsorDue = store.NewID("req"), 901, access.AwaitingSponsor, nil, now.Add(oneDay)
		ready := q
		ready.ID, ready.Number, ready.State = store.NewID("req"), 902, access.Approved
		r.Must(r.Desk.Store.InTx(ctx, func(tx *store.Tx) error {
			for _, x := range []access.Request{q, waits, ready} {
				e := audit.Event{Tenant: string(r.Tenant), At: now, Actor: access.SystemID, Action: audit.RequestCreate, Object: x.ID, To: string(x.State), Version: 1}
				if err := tx.CreateRequest(x, e, nil); err != nil {
					return err
				}
			}
			return tx.CreateGrant(g, audit.Event{Tenant: string(r.Tenant), At: now, Actor: access.SystemID, Action: audit.GrantCreate, Object: g.ID, To: string(g.State), Version: 1}, nil)
		}))
		// No page fails, and none offers what a policy would have to allow.
		if _, err := r.Cases.Home(ctx, maya); err != nil {
			t.Errorf("the home page: %v", err)
		}
		p, err := r.Cases.Token(ctx, maya, g.ID)
		if err != nil || !p.Can[access.Revoke] || p.Can[access.Renew] || p.Can[access.Replace] {
			t.Errorf("its page offers %v, %v", p.Can, err)
		}
		if !strings.Contains(r.Logs.String(), "a policy cannot be read") {
			t.Error("nobody is told")
		}
		// Nothing is made, decided or begun by it.
		var e *store.PolicyError
		if _, err := r.Tokens.Collect(ctx, maya, ready.Code()); !errors.As(err, &e) || r.InCanvas("maya") != 1 {
			t.Errorf("a token was asked for: %v, %d in Canvas", err, r.InCanvas("maya"))
		}
		if _, err := r.Requests.Act(ctx, r.As("ana", access.DoorCourse), waits.Code(), access.Endorse, access.Move{}, r.TermsOf(waits.Code())); err == nil {
			t.Error("it was endorsed")
		}
		// Leaving and ending go on.
		r.Act(maya, waits.Code(), access.Withdraw, access.Move{})
		r.Act(r.As("dana", access.DoorAccount), ready.Code(), access.Rescind, access.Move{Reason: "Not now."})
		if _, err := r.Tokens.Revoke(ctx, maya, g.ID, ""); err != nil {
			t.Errorf("revoking: %v", err)
		}
		r.Drain()
		if r.InCanvas("maya") != 0 {
			t.Errorf("the token is still there: %s", r.Grant(g.ID).State)
		}
	})
}
