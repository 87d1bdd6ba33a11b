package cases_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/store"
)

// Page by page, a sponsor's list has every request that they have or had a part in
// once, in the part that its state and its token's call for, the most urgent first;
// and on every page what waits for them comes first.
func TestSponsorshipsPageByPage(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ana, helen, maya := r.As("ana", access.DoorCourse), r.As("helen", access.DoorCourse), r.As("maya", access.DoorCourse)
		want := map[string][]string{}
		keys := map[string]string{} // the order of a request in its part
		random := rand.New(rand.NewPCG(10, 5))
		pick := func(ids ...access.PersonID) access.PersonID { return ids[random.IntN(len(ids))] }
		now := r.Clock.Now()
		for n := range 900 {
			moment := func() time.Time { return now.Add(time.Duration(random.IntN(60)-30) * time.Hour) } // many at the same time
			states := slices.DeleteFunc(slices.Clone(access.RequestStates), func(s access.RequestState) bool { return s == access.Draft || s == access.Discarded })
			q := access.Request{ID: fmt.Sprintf("req_%d", n), Tenant: r.Tenant, Number: 5000 + n, Version: 1, State: states[random.IntN(len(states))], PolicyVersion: 1,
				Requester: maya.Person, Sponsor: pick(ana.Person, ana.Person, helen.Person, ""), CreatedAt: now, UpdatedAt: moment(), SponsorDue: moment(), End: moment(), Answers: access.Answers{}}
			if q.Sponsor != "" && q.State != access.AwaitingSponsor && q.State != access.SponsorDeclined {
				q.Votes = access.Votes{{Part: access.AsSponsor, Person: q.Sponsor, Verdict: access.Yes, At: now}}
			}
			var g *access.Grant
			if q.State == access.Fulfilled || q.State == access.Collecting {
				made := access.NewGrant(fmt.Sprintf("grt_%d", n), q, maya.CanvasUser, moment(), now)
				made.UpdatedAt = q.UpdatedAt
				if q.State == access.Fulfilled {
					handed := slices.DeleteFunc(slices.Clone(access.GrantStates), func(s access.GrantState) bool { return s == access.Void })
					made.State = handed[random.IntN(len(handed))]
					made.UpdatedAt = q.UpdatedAt.Add(time.Duration(random.IntN(48)) * time.Hour)
					switch random.IntN(4) {
					case 0: // the sponsor left, and somebody was asked
						made.SponsorWas, made.Sponsor, made.SponsorAsked, made.GapUntil = made.Sponsor, "", pick(ana.Person, helen.Person, ""), moment()
					case 1: // somebody else took over
						made.Sponsor = pick(ana.Person, helen.Person)
					}
				}
				g = &made
			}
			err := r.Desk.Store.InTx(r.T.Context(), func(tx *store.Tx) error {
				told := audit.Event{Tenant: string(r.Tenant), At: now, Actor: access.SystemID, Action: audit.RequestCreate, Object: q.ID, To: string(q.State), Version: 1}
				if err := tx.CreateRequest(q, told, nil); err != nil {
					return err
				}
				if random.IntN(5) == 0 { // an attempt that came to nothing
					void := access.NewGrant(fmt.Sprintf("grt_void%d", n), q, maya.CanvasUser, now, now)
					void.State = access.Void
					told.Action, told.Object, told.To = audit.GrantCreate, void.ID, string(void.State)
					if err := tx.CreateGrant(void, told, nil); err != nil {
						return err
					}
				}
				if g == nil {
					return nil
				}
				told.Action, told.Object, told.To = audit.GrantCreate, g.ID, string(g.State)
				return tx.CreateGrant(*g, told, nil)
			})
			if err != nil {
				r.T.Fatal(err)
			}
			in, at, id := placeOf(q, g, ana.Actor(), now)
			if in == "" {
				continue
			}
			keys[q.ID] = fmt.Sprintf("%020d %s", at.UnixMicro(), id)
			want[in] = append(want[in], q.ID)
		}
		for in, ids := range want {
			slices.SortFunc(ids, func(a, b string) int { return strings.Compare(keys[a], keys[b]) })
			if in == "past" {
				slices.Reverse(ids)
			}
			if len(ids) <= cases.PageSize {
				r.T.Fatalf("%d requests are %s", len(ids), in)
			}
		}

		idsOf := func(cs []cases.Case) (ids []string) {
			for _, c := range cs {
				ids = append(ids, c.Request.ID)
			}
			return ids
		}
		first, err := r.Cases.Sponsorships(r.T.Context(), ana, "")
		if err != nil {
			r.T.Fatal(err)
		}
		if first.WaitingAt.Total != len(want["waiting"]) || first.StandingAt.Total != len(want["standing"]) {
			r.T.Errorf("%d wait and %d stand, want %d and %d", first.WaitingAt.Total, first.StandingAt.Total, len(want["waiting"]), len(want["standing"]))
		}
		parts := map[string]func(cases.Sponsorships) ([]cases.Case, cases.Span){
			"waiting":  func(l cases.Sponsorships) ([]cases.Case, cases.Span) { return l.Waiting, l.WaitingAt },
			"standing": func(l cases.Sponsorships) ([]cases.Case, cases.Span) { return l.Standing, l.StandingAt },
			"past":     func(l cases.Sponsorships) ([]cases.Case, cases.Span) { return l.Past, l.PastAt },
		}
		for name, part := range parts {
			page, got := first, []string(nil)
			for {
				rows, at := part(page)
				if at.From != len(got)+1 || len(rows) > cases.PageSize {
					r.T.Errorf("%s: a page of %d from %d after %d rows", name, len(rows), at.From, len(got))
				}
				got = append(got, idsOf(rows)...)
				for other, its := range parts {
					was, _ := its(first)
					is, _ := its(page)
					if other != name && !slices.Equal(idsOf(was), idsOf(is)) {
						r.T.Errorf("going on in %s, %s begins with others", name, other)
					}
				}
				if at.Next == "" {
					break
				}
				if page, err = r.Cases.Sponsorships(r.T.Context(), ana, at.Next); err != nil {
					r.T.Fatal(err)
				}
			}
			if !slices.Equal(got, want[name]) {
				r.T.Errorf("%s has\n%v, want\n%v", name, got, want[name])
			}
		}

		// A place behind everything is an empty page of nothing: the part begins again.
		behind := "50~wzzzzzzzzzz.req_z"
		if page, err := r.Cases.Sponsorships(r.T.Context(), ana, behind); err != nil || page.WaitingAt.From != 1 || !slices.Equal(idsOf(page.Waiting), idsOf(first.Waiting)) {
			r.T.Errorf("behind everything: from %d, %v", page.WaitingAt.From, err)
		}
		for _, forged := range []string{"25~x1.req_a", "25~w", "25~wnonsense", "25~" + strings.TrimPrefix(first.PastAt.Next, "25~p")} {
			if _, err := r.Cases.Sponsorships(r.T.Context(), ana, forged); err == nil {
				r.T.Errorf("the place %q is taken", forged)
			}
		}
	})
}

// placeOf tells, by the requests' and the tokens' own rules, where one request
// stands in the list of who, and what its order is: "" is not at all.
func placeOf(q access.Request, g *access.Grant, who access.Actor, now time.Time) (in string, at time.Time, id string) {
	live := g != nil && g.State.Live()
	asked := g != nil && (access.CanGrant(desktest.BuiltIn, *g, access.TakeOver, who, now) || access.CanGrant(desktest.BuiltIn, *g, access.TurnDown, who, now))
	mine := g != nil && (g.Sponsor == who.Person || g.SponsorAsked == who.Person)
	switch {
	case q.State == access.AwaitingSponsor && q.Sponsor == who.Person:
		return "waiting", q.SponsorDue, q.ID
	case asked:
		return "waiting", g.GapUntil, g.ID
	case live && g.Sponsor == who.Person:
		return "standing", g.EndsAt(), g.ID
	case !live && q.Sponsor == who.Person && !q.State.Final():
		return "standing", q.End, q.ID
	case mine:
		return "past", g.UpdatedAt, g.ID
	case q.Sponsor == who.Person || q.Endorsement().Person == who.Person:
		return "past", q.UpdatedAt, q.ID
	}
	return "", time.Time{}, ""
}
