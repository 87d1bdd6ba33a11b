package rooms_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/inventory"
	"github.com/tokendesk/tokendesk/internal/desk/massrevoke"
	"github.com/tokendesk/tokendesk/internal/desk/notices"
	"github.com/tokendesk/tokendesk/internal/notify"
	"github.com/tokendesk/tokendesk/internal/store"
)

// written is what people write in the life that lived makes; no two are the same.
var written = []string{"W-decline.", "W-deny.", "W-instead.", "W-rescind.", "W-note.", "W-conditions.", "W-left.", "W-ended sponsorship.", "W-freeze.",
	"W-revoke by sponsor.", "W-revoke by reviewer.", "W-misuse.", "W-mass.", "W-seen.", "W-clear.", "W-remove.", "W-message.", "W-allow."}

// lived makes every kind of object whose audit details hold something, with every
// cause of an end, and returns the objects.
func lived(r *desktest.Rig) (requests, grants, founds, incidents []string, mass string) {
	ctx := r.T.Context()
	maya, ana, dana := r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
	r.Helen()
	request := func(q access.Request) access.Request { requests = append(requests, q.ID); return q }

	r.Act(ana, request(r.Submitted()).Code(), access.Decline, access.Move{Reason: "W-decline."})
	q := request(r.Submitted())
	r.Act(ana, q.Code(), access.Endorse, access.Move{Note: "W-note."})
	r.Act(dana, q.Code(), access.Deny, access.Move{Reason: "W-deny.", Alternative: "other", AltText: "W-instead."})
	q = request(r.Approved())
	r.Drain()
	r.Act(dana, q.Code(), access.Rescind, access.Move{Reason: "W-rescind."})
	q = request(r.Submitted())
	r.Act(ana, q.Code(), access.Endorse, access.Move{Note: "W-note."})
	r.Act(dana, q.Code(), access.Approve, access.Move{Conditions: "W-conditions."})
	q = request(r.Approved())
	r.Drain()
	r.Act(ana, q.Code(), access.EndSponsor, access.Move{Reason: "W-left."})
	r.Clock.Advance(access.CheckWindow)

	// Found tokens: kept in vain, removed, told of, half allowed.
	for _, p := range []string{"kept one", "removed one", "told one", "allowed one"} {
		r.Made("noor", p)
	}
	r.Made("luca", "kept in vain")
	r.Checked()
	for _, p := range []string{"kept one", "removed one", "told one", "allowed one", "kept in vain"} {
		founds = append(founds, r.The(p).ID)
	}
	stop := r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute + "/:id", Method: http.MethodPut, Status: 403, Body: `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`, Times: -1})
	keep := request(r.ApprovedKeep(r.Keeps("luca", "kept in vain")))
	stop()
	if q := r.Request(keep.ID); q.ReturnedWhy != inventory.StoppedAdoptRefused {
		r.T.Fatalf("%s, sent back for %q", q.State, q.ReturnedWhy)
	}
	_, err := r.Inventory.RemoveToken(ctx, dana, founds[1], "W-remove.")
	r.Must(err)
	_, err = r.Inventory.TellOwners(ctx, dana, founds[2:3], r.Clock.Now().Add(desktest.BuiltIn.Windows.CampaignAnswer), "W-message.")
	r.Must(err)
	_, err = r.Inventory.AllowTokens(ctx, dana, founds[3:4], r.TermsOfEach(founds[3:4]), "W-allow.", r.Clock.Now().AddDate(0, 1, 0))
	r.Must(err)

	// A grant for each cause, and those that go on.
	causes := []access.Cause{access.ByOwner, access.BySponsor, access.ByReviewer, access.ByEnd, access.ByUnclaimed, access.ByCanvas, access.ByNoReplaced, access.ByFault,
		access.ByMisuse, access.ByAltered, access.BySuperseded, access.ByNoSponsor, access.ByOwnerLeft, access.ByCourse, access.ByDuties}
	words := map[access.Cause]string{access.BySponsor: "W-revoke by sponsor.", access.ByReviewer: "W-revoke by reviewer.", access.ByMisuse: "W-misuse."}
	by := map[access.Cause]access.Actor{access.BySponsor: {Person: ana.Person}, access.ByMisuse: {Person: ana.Person}, access.ByReviewer: {Person: dana.Person, Reviewer: true}}
	gs := r.ManyGrants(len(causes) + 9)
	for _, g := range gs {
		grants, requests = append(grants, g.ID), append(requests, g.RequestID)
		r.Force(g.ID, func(g *access.Grant) { g.Sponsor = ana.Person })
	}
	next := func() access.Grant {
		g := r.Grant(gs[0].ID)
		gs = gs[1:]
		return g
	}
	end := func(g access.Grant, c access.Cause) {
		who, ok := by[c]
		if !ok {
			who = access.SystemActor
		}
		if c == access.ByOwner {
			who = access.Actor{Person: g.Owner}
		}
		_, err := r.Tokens.BeginEnd(ctx, who, g, access.GrantMove{Cause: c, Reason: words[c]})
		r.Must(err)
		r.MoveGrant(g, access.Gone, access.SystemActor, access.GrantMove{})
	}
	for _, c := range causes {
		end(next(), c)
	}
	without := func(who access.Actor, do access.Action, words string, also map[string]string) access.Grant {
		g := next()
		r.Must(r.Desk.Store.InTx(ctx, func(tx *store.Tx) error {
			q, err := tx.Request(g.Tenant, g.RequestID)
			if err != nil {
				return err
			}
			return r.Tokens.MovedSponsor(tx, who, g, q, do, access.GrantMove{Reason: words}, also)
		}))
		return g
	}
	sponsor := access.Actor{Person: ana.Person}
	without(sponsor, access.EndSponsor, "W-ended sponsorship.", nil)
	without(access.SystemActor, access.LoseSponsor, "", map[string]string{"lost": "Ana Ruiz"})
	g := without(sponsor, access.EndSponsor, "", nil)
	helen := r.As("helen", access.DoorCourse).Person
	r.MoveGrant(g, access.NameNext, access.Actor{Person: g.Owner}, access.GrantMove{Sponsor: helen})
	r.MoveGrant(g, access.TurnDown, access.Actor{Person: helen}, access.GrantMove{})
	_, err = r.Tokens.Freeze(ctx, dana, next().ID, "W-freeze.")
	r.Must(err)
	r.MoveGrant(next(), access.Drifted, access.SystemActor, access.GrantMove{Drift: access.DriftShortened, Expires: r.Clock.Now().AddDate(0, 1, 0)})
	r.MoveGrant(next(), access.MoveEnd, access.SystemActor, access.GrantMove{Cause: access.ByCourse, EndsBy: r.Clock.Now().AddDate(0, 0, 9)})

	// Leaks: of a token that lives, and of one that had ended; and a mass revocation.
	leaked := next()
	_, err = r.Leaks.Report(ctx, ana, leaked.ID)
	r.Must(err)
	_, err = r.Leaks.TellSeen(ctx, ana, leaked.ID, "W-seen.")
	r.Must(err)
	gone := next()
	end(gone, access.ByEnd)
	_, err = r.Leaks.Report(ctx, dana, gone.ID)
	r.Must(err)
	for _, i := range r.Incidents(r.Tenant) {
		incidents = append(incidents, i.ID)
		if i.GrantID == gone.ID {
			_, err = r.Leaks.Clear(ctx, dana, i.ID, "W-clear.", r.TermsOf(i.ID))
			r.Must(err)
		}
	}
	p, err := r.MassRevoke.Plan(ctx, dana, massrevoke.Choice{IDs: []string{next().ID}})
	r.Must(err)
	_, err = r.MassRevoke.Start(ctx, dana, p.ID, fmt.Sprint(p.Tokens), "W-mass.", r.TermsOf(p.ID))
	r.Must(err)
	r.RunMass(p.ID, time.Hour)
	_ = maya
	return requests, grants, founds, incidents, p.ID
}

// quieted is a page or a letter as text, in which what was erased reads removed.
func quieted(s string) string {
	for _, w := range written {
		s = strings.ReplaceAll(s, w, "[removed]")
	}
	for _, erased := range []string{access.Erased, `\u001a`} {
		s = strings.ReplaceAll(s, erased, "[removed]")
	}
	return strings.ReplaceAll(s, `"Quote":"[removed]"`, `"Quote":""`) // a step of which nothing was written tells that its details are gone
}

// What may be erased decides nothing: with all of it gone, every state, date,
// cause, job and recipient is as before, and pages and letters are the same but
// for what people wrote.
func TestNothingDependsOnWhatMayBeErased(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		requests, grants, founds, incidents, mass := lived(r)
		ana, dana := r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
		maya := r.As("maya", access.DoorCourse)
		kinds := []notify.Kind{notify.AskedToSponsor, notify.SponsorReminder, notify.SponsorSaidYes, notify.SponsorSaidNo, notify.SponsorNeeded, notify.SponsorLeft,
			notify.Approved, notify.CollectReminder, notify.Denied, notify.Rescinded, notify.Withdrawn, notify.Lapsed, notify.ActivateReminder, notify.NeverActivated,
			notify.SharedAgain, notify.EndingSoon, notify.Expired, notify.Revoked, notify.StillUsable, notify.Drifted, notify.Altered, notify.SponsorGone,
			notify.AskedToTakeOver, notify.TookOver, notify.TurnedDown, notify.Retiring, notify.CourseOver, notify.Adopted, notify.LeakReported, notify.LeakOfEnded,
			notify.LeakDeleted, notify.LeakCleared, notify.Frozen, notify.Thawed}
		f, err := r.Desk.CanvasOf(ctx, r.Tenant, "")
		r.Must(err)
		compose := func(k notify.Kind, facts notices.MessageFacts, as notify.Audience, err error) string {
			if err != nil {
				return err.Error()
			}
			facts.Facts.Now = r.Clock.Now()
			m, err := r.Desk.Composer.Compose(k, notices.Removed(facts.Facts), notify.Recipient{CanvasUserID: "1", Name: "X", As: as, TimeZone: "UTC"})
			if err != nil {
				return err.Error()
			}
			return m.Subject + "\n" + m.Text
		}
		letters := func() map[string]string {
			out := map[string]string{}
			r.Must(r.Desk.Store.Read(ctx, func(tx *store.Tx) error {
				tell := func(k notify.Kind, q access.Request, grant string, to access.PersonID) {
					if to == "" {
						return
					}
					ref := notices.NoticeRef{Kind: k, Request: q.ID, Grant: grant, To: to, Occasion: "x"}
					facts, err := r.Notices.FactsOf(tx, f, ref)
					as := notices.RecipientPart(ref, facts)
					if to == notices.ToReviewers {
						as = notify.AsReviewer
					}
					out[fmt.Sprint(k, " ", q.ID, " ", grant, " ", to)] = compose(k, facts, as, err)
				}
				for _, k := range kinds {
					for _, id := range requests {
						q, err := tx.Request(r.Tenant, id)
						if err != nil {
							return err
						}
						tell(k, q, "", q.Requester)
						tell(k, q, "", ana.Person)
						tell(k, q, "", notices.ToReviewers)
					}
					for _, id := range grants {
						g, err := tx.Grant(r.Tenant, id)
						if err != nil {
							return err
						}
						q, err := tx.Request(r.Tenant, g.RequestID)
						if err != nil {
							return err
						}
						tell(k, q, id, g.Owner)
						tell(k, q, id, ana.Person)
						tell(k, q, id, notices.ToReviewers)
					}
				}
				for _, id := range founds {
					t, err := tx.Found(r.Tenant, id)
					if err != nil {
						return err
					}
					for _, k := range []notify.Kind{notify.FoundTold, notify.FoundRemoved, notify.KeepProposed} {
						facts, _, err := r.Inventory.FoundFacts(tx, f, inventory.FoundRef{Kind: k, Found: []string{id}, Campaign: t.Campaign, To: cmp.Or(t.Owner, dana.Person), By: dana.Person, Occasion: "x"})
						out[fmt.Sprint(k, " ", id)] = compose(k, facts, notify.AsRequester, err)
					}
				}
				return nil
			}))
			return out
		}
		pages := func() map[string]string {
			out := map[string]string{}
			put := func(name string, page any, err error) {
				text, jsonErr := json.Marshal(page)
				out[name] = fmt.Sprint(string(text), err, jsonErr)
			}
			for who, c := range map[string]access.Caller{"maya": maya, "ana": ana, "dana": dana} {
				for _, id := range requests {
					p, err := r.Cases.Open(ctx, c, id)
					put(who+" "+id, p, err)
				}
				for _, id := range grants {
					p, err := r.Cases.Token(ctx, c, id)
					put(who+" "+id, p, err)
				}
				home, err := r.Cases.Home(ctx, c)
				put(who+" home", home, err)
				list, err := r.Cases.Sponsorships(ctx, c, "")
				put(who+" sponsorships", list, err)
			}
			for _, id := range founds {
				p, err := r.Inventory.FoundToken(ctx, dana, id)
				put(id, p, err)
			}
			for _, id := range incidents {
				p, err := r.Leaks.Open(ctx, dana, id)
				put(id, p, err)
			}
			p, err := r.MassRevoke.Open(ctx, dana, mass)
			put(mass, p, err)
			tokens, err := r.Cases.Tokens(ctx, dana, cases.TokenFilter{})
			put("tokens", tokens, err)
			leaks, err := r.Leaks.List(ctx, dana, "")
			put("leaks", leaks, err)
			found, err := r.Inventory.Unmanaged(ctx, dana, inventory.FoundFilter{})
			put("found", found, err)
			return out
		}
		type seen struct {
			all            desktest.Everything
			letters, pages map[string]string
		}
		pages() // what Canvas is asked for is kept from here on
		look := func() seen { return seen{all: r.Everything(), letters: letters(), pages: pages()} }
		before := look()
		for _, w := range written {
			if !strings.Contains(fmt.Sprint(before.all.Rows), w) && w != "W-seen." {
				r.T.Errorf("%q stands with no object", w)
			}
		}
		r.Must(r.Desk.Store.InTx(ctx, func(tx *store.Tx) error {
			var ids []string
			for _, e := range before.all.Log {
				ids = append(ids, e.Event.ID)
			}
			return tx.EraseDetails(r.Tenant, ids)
		}))
		after := look()
		r.Proven()

		compare := func(what string, was, is map[string]string) (quotes int) {
			for _, key := range slices.Sorted(maps.Keys(was)) {
				if w, g := quieted(was[key]), quieted(is[key]); w != g {
					r.T.Errorf("%s %s was\n%s\nand with the details erased\n%s", what, key, w, g)
				}
				for _, w := range written {
					if strings.Contains(is[key], w) {
						r.T.Errorf("%s %s still says %q", what, key, w)
					}
				}
				quotes += strings.Count(is[key], "[removed]") + strings.Count(is[key], `\u001a`)
			}
			return quotes
		}
		if n := compare("letter", before.letters, after.letters); n == 0 || len(before.letters) != len(after.letters) {
			r.T.Errorf("%d quotes in %d letters read removed", n, len(after.letters))
		}
		if n := compare("page", before.pages, after.pages); n == 0 || len(before.pages) != len(after.pages) {
			r.T.Errorf("%d quotes on %d pages read removed", n, len(after.pages))
		}
		if len(before.all.Rows) != len(after.all.Rows) {
			r.T.Errorf("%d rows became %d", len(before.all.Rows), len(after.all.Rows))
		}
		for key, was := range before.all.Rows {
			is := after.all.Rows[key]
			for column := range was {
				if w, g := quieted(was[column]), quieted(is[column]); w != g || slices.Contains(written, is[column]) {
					r.T.Errorf("%s: %s was %q, is %q", key, column, was[column], is[column])
				}
			}
		}
		for i, e := range after.all.Log {
			if e.Detail != nil || !reflect.DeepEqual(e.Event, before.all.Log[i].Event) {
				r.T.Errorf("of %s %s remains %+v", e.Event.Action, e.Event.Object, e.Detail)
			}
		}
		if !slices.ContainsFunc(after.all.Log, func(e store.AuditEntry) bool { return e.Event.Action == audit.IncidentClear }) {
			r.T.Error("nothing was lived")
		}
	})
}
