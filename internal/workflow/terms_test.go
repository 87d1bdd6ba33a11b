package workflow

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/store"
)

// reread fails unless err says that exactly these parts are not what was read.
func (r *rig) reread(what string, err error, parts ...access.TermsPart) {
	r.t.Helper()
	var e *access.TermsError
	if !errors.As(err, &e) || !slices.Equal(e.Changed, parts) {
		r.t.Errorf("%s: %v, want a conflict about %v", what, err, parts)
	}
}

// otherSponsor sends a request back for another sponsor, and Helen endorses it
// with her own words.
func (r *rig) otherSponsor(q access.Request) {
	r.t.Helper()
	ctx := r.t.Context()
	f, err := r.far(ctx, r.tenant, r.plat)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.sendBack(ctx, f, r.request(q.ID), failure{to: access.AwaitingSponsor, name: "Ana", why: access.WhyNotTeaching}); access.WhyOf(err) != access.WhySponsorChanged {
		r.t.Fatal(err)
	}
	helen := r.helen()
	if _, err := r.ChooseSponsor(ctx, r.as("maya", access.DoorCourse), q.Code(), r.w.User("helen").ID.String()); err != nil {
		r.t.Fatal(err)
	}
	r.act(helen, q.Code(), access.Endorse, access.Move{Note: "I do not know this student."})
}

// A reviewer decides on the endorsement that they read, not on the one that
// stands there when they press.
func TestApprovalIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		q := r.submitted()
		r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{Note: "She works with me."})
		read := r.termsOf(q.Code())
		r.otherSponsor(q)
		dana := r.as("dana", access.DoorAccount)
		before := r.request(q.ID)
		for _, do := range []access.Action{access.Approve, access.Deny} {
			_, err := r.Act(ctx, dana, q.Code(), do, access.Move{Reason: "because", Alternative: "lti"}, read)
			r.reread(string(do), err, access.TermsSponsor)
			_, err = r.Act(ctx, dana, q.Code(), do, access.Move{Reason: "because", Alternative: "lti"}, "")
			r.reread(string(do)+" without having read anything", err)
		}
		if now := r.request(q.ID); now.Version != before.Version {
			r.t.Errorf("it was moved to %+v", now)
		}
		if c, err := r.Act(ctx, dana, q.Code(), access.Approve, access.Move{}, r.termsOf(q.Code())); err != nil || c.Request.State != access.Approved {
			r.t.Errorf("what was read again is not decided: %s, %v", c.Request.State, err)
		}
		r.proven()
	})
}

// A sponsor answers about what they read: the end was shortened, and the request
// went to somebody else and came back in the meantime.
func TestEndorsementIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		q := r.submitted()
		ana := r.as("ana", access.DoorCourse)
		read := r.termsOf(q.Code())
		r.act(ana, q.Code(), access.Endorse, access.Move{End: r.request(q.ID).End.AddDate(0, 0, -7)})
		f, err := r.far(ctx, r.tenant, r.plat)
		if err != nil {
			r.t.Fatal(err)
		}
		_ = r.sendBack(ctx, f, r.request(q.ID), failure{to: access.AwaitingSponsor, name: "Ana", why: access.WhyNotTeaching})
		if _, err := r.ChooseSponsor(ctx, r.as("maya", access.DoorCourse), q.Code(), r.w.User("ana").ID.String()); err != nil {
			r.t.Fatal(err)
		}
		for _, do := range []access.Action{access.Endorse, access.Decline} {
			_, err := r.Act(ctx, ana, q.Code(), do, access.Move{Reason: "because"}, read)
			r.reread(string(do), err, access.TermsEnd)
		}
		r.act(ana, q.Code(), access.Decline, access.Move{Reason: "Not any more."})
	})
}

// What alters no terms is no conflict: a claim and its release lie between the
// reading and the decision.
func TestAClaimChangesNoTerms(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	q := r.submitted()
	r.act(r.as("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	read := r.termsOf(q.Code())
	priya := r.as("priya", access.DoorAccount)
	r.act(priya, q.Code(), access.Claim, access.Move{})
	r.act(priya, q.Code(), access.Release, access.Move{})
	if c, err := r.Act(t.Context(), r.as("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{}, read); err != nil || c.Request.State != access.Approved {
		t.Errorf("%s, %v", c.Request.State, err)
	}
}

// forget drops what was kept of Canvas's answers.
func (r *rig) forget() { r.cache.kept().Purge() }

// What changes between the first look and the decision, while Canvas is asked,
// is found in the deciding transaction; what alters no terms is no conflict
// there either, and whoever was refused meanwhile moved nothing.
func TestTermsThatChangeWhileCanvasIsAsked(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		q := r.submitted()
		ana, dana, priya, maya := r.as("ana", access.DoorCourse), r.as("dana", access.DoorAccount), r.as("priya", access.DoorAccount), r.as("maya", access.DoorCourse)
		shorter := func() {
			if err := r.Store.InTx(ctx, func(tx *store.Tx) error {
				now, err := tx.Request(r.tenant, q.ID)
				if err != nil {
					return err
				}
				e := r.event(r.tenant, access.SystemID, audit.Action("request.claim"), q.ID)
				now.End, now.Version = now.End.AddDate(0, 0, -3), now.Version+1
				e.From, e.To, e.Version = string(now.State), string(now.State), now.Version
				return tx.MoveRequest(now, e, nil)
			}); err != nil {
				r.t.Error(err)
			}
		}
		for _, tt := range []struct {
			do  access.Action
			who access.Caller
		}{{access.Endorse, ana}, {access.Approve, dana}} {
			r.forget()
			r.meanwhile(http.MethodGet, "/", shorter)
			_, err := r.Act(ctx, tt.who, q.Code(), tt.do, access.Move{}, r.termsOf(q.Code()))
			r.reread(string(tt.do), err, access.TermsEnd)
			r.forget()
			r.meanwhile(http.MethodGet, "/", func() {
				r.line.Store(nil)
				if tt.do == access.Approve {
					r.act(priya, q.Code(), access.Claim, access.Move{})
					r.act(priya, q.Code(), access.Release, access.Move{})
				}
				if _, err := r.Act(ctx, maya, q.ID, access.Approve, access.Move{}, r.termsOf(q.ID)); err == nil {
					r.t.Error("the requester approves")
				}
			})
			if _, err := r.Act(ctx, tt.who, q.Code(), tt.do, access.Move{}, r.termsOf(q.Code())); err != nil {
				r.t.Errorf("%s, after what alters no terms: %v", tt.do, err)
			}
		}
	})
}

// The second person agrees to the words and the date that they read.
func TestAgreementIsToWhatWasRead(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		r.made("sam", "library sync")
		r.checked()
		id := r.the("library sync").ID
		dana, priya := r.as("dana", access.DoorAccount), r.as("priya", access.DoorAccount)
		ids := []string{id}
		untouched := r.termsOfEach(ids)
		if _, err := r.AllowTokens(ctx, dana, ids, r.termsOfEach(ids), "Harmless, two weeks.", r.clock.Now().AddDate(0, 0, 14)); err != nil {
			r.t.Fatal(err)
		}
		read := r.termsOfEach(ids)
		if err := r.Disallow(ctx, dana, id); err != nil {
			r.t.Fatal(err)
		}
		if _, err := r.AllowTokens(ctx, dana, ids, r.termsOfEach(ids), "For ever.", r.clock.Now().AddDate(0, 0, 364)); err != nil {
			r.t.Fatal(err)
		}
		_, err := r.AllowTokens(ctx, priya, ids, read, "", time.Time{})
		r.reread("a second voice", err, access.TermsAgreement)
		_, err = r.AllowTokens(ctx, priya, ids, untouched, "Mine.", r.clock.Now().AddDate(0, 0, 7))
		r.reread("a first voice that came second", err, access.TermsAgreement, access.TermsStage)
		_, err = r.AllowTokens(ctx, priya, ids, nil, "", time.Time{})
		r.reread("nothing read", err)
		f := r.found(id)
		if one, two := f.Allowing(); f.State != access.FoundAllowing || two.Said() || one.Person != dana.Person {
			r.t.Errorf("it is %+v", f)
		}
		if _, err := r.AllowTokens(ctx, priya, ids, r.termsOfEach(ids), "", time.Time{}); err != nil || r.found(id).State != access.FoundAllowed {
			r.t.Errorf("what was read again is not agreed to: %v", err)
		}
	})
}

// Two who both mean to be the first voice do not thaw a token together.
func TestThawIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		g, _ := r.stopped()
		dana, priya := r.as("dana", access.DoorAccount), r.as("priya", access.DoorAccount)
		read := r.termsOf(g.ID)
		if _, err := r.Thaw(ctx, dana, g.ID, read); err != nil {
			r.t.Fatal(err)
		}
		_, err := r.Thaw(ctx, priya, g.ID, read)
		r.reread("a first voice that came second", err, access.TermsAgreement)
		_, err = r.Thaw(ctx, priya, g.ID, "")
		r.reread("nothing read", err)
		if now := r.grant(g.ID); now.State != access.Frozen || now.FirstThaw().Person != dana.Person {
			r.t.Errorf("it is %s, thawed by %q", now.State, now.FirstThaw().Person)
		}
		r.forget()
		r.meanwhile(http.MethodGet, "/", func() {
			if err := r.Store.InTx(ctx, func(tx *store.Tx) error {
				now, err := tx.Grant(r.tenant, g.ID)
				now.Expires = now.Expires.AddDate(0, 0, 30)
				return errors.Join(err, tx.NoteGrant(now))
			}); err != nil {
				r.t.Error(err)
			}
		})
		_, err = r.Thaw(ctx, priya, g.ID, r.termsOf(g.ID))
		r.reread("another end while Canvas is asked", err, access.TermsEnd)
		r.line.Store(nil)
		if p, err := r.Thaw(ctx, priya, g.ID, r.termsOf(g.ID)); err != nil || p.Grant.State != access.Replacing || p.Grant.FreezeReason != "" {
			r.t.Errorf("what was read again: %v", err)
		}
	})
}

// Who clears a leak knows everything that was told of it, and of its token.
func TestClearanceIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		c, _ := r.collected()
		id := c.Grant.ID
		maya, dana := r.as("maya", access.DoorCourse), r.as("dana", access.DoorAccount)
		if _, err := r.ReportLeak(ctx, maya, id); err != nil {
			r.t.Fatal(err)
		}
		inc := r.incidents(r.tenant)[0].ID
		read := r.termsOf(inc)
		if _, err := r.TellSeen(ctx, maya, id, "In a public repository, for a month."); err != nil {
			r.t.Fatal(err)
		}
		_, err := r.ClearLeak(ctx, dana, inc, "Nothing was found.", read)
		r.reread("clear", err, access.TermsReport)
		_, err = r.ClearLeak(ctx, dana, inc, "Nothing was found.", "")
		r.reread("nothing read", err)
		r.forget()
		r.meanwhile(http.MethodGet, "/", func() {
			if _, err := r.TellSeen(ctx, maya, id, "And in a chat."); err != nil {
				r.t.Error(err)
			}
		})
		_, err = r.ClearLeak(ctx, dana, inc, "Nothing was found.", r.termsOf(inc))
		r.reread("told while Canvas is asked", err, access.TermsReport)
		if i := r.incident(inc); !i.Open() {
			r.t.Error("it was cleared")
		}
		if _, err := r.ClearLeak(ctx, dana, inc, "The repository is gone.", r.termsOf(inc)); err != nil {
			r.t.Error(err)
		}
	})
}

// Who takes over stands for the token as they read it.
func TestTakingOverIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		g, helen := r.asked()
		read := r.termsOf(g.ID)
		longer := func() {
			if err := r.Store.InTx(ctx, func(tx *store.Tx) error {
				now, err := tx.Grant(r.tenant, g.ID)
				now.Expires = now.Expires.AddDate(0, 0, 30)
				return errors.Join(err, tx.NoteGrant(now))
			}); err != nil {
				r.t.Error(err)
			}
		}
		longer()
		_, err := r.TakeOver(ctx, helen, g.ID, read)
		r.reread("take over", err, access.TermsEnd)
		_, err = r.TakeOver(ctx, helen, g.ID, "")
		r.reread("nothing read", err)
		r.forget()
		r.meanwhile(http.MethodGet, "/", longer)
		_, err = r.TakeOver(ctx, helen, g.ID, r.termsOf(g.ID))
		r.reread("while Canvas is asked", err, access.TermsEnd)
		if now := r.grant(g.ID); now.Sponsor != "" {
			r.t.Errorf("%s stands for it", now.Sponsor)
		}
		if _, err := r.TakeOver(ctx, helen, g.ID, r.termsOf(g.ID)); err != nil {
			r.t.Error(err)
		}
	})
}

// A plan that somebody else's press made anew is another plan, also where it
// has as many tokens as before.
func TestMassRevocationIsOfThePlanThatWasRead(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		r.crowd(3)
		dana := r.as("dana", access.DoorAccount)
		p, err := r.PlanMass(ctx, dana, MassChoice{})
		if err != nil {
			r.t.Fatal(err)
		}
		read := r.termsOf(p.ID)
		if err := r.Store.InTx(ctx, func(tx *store.Tx) error {
			now, err := tx.Mass(r.tenant, p.ID)
			if err != nil {
				return err
			}
			next := now
			next.Version++
			_, err = tx.ReplanMass(next, planned(now), r.tellMass(now, next, string(dana.Person), "mass.plan"), massDetail(next, ""))
			return err
		}); err != nil {
			r.t.Fatal(err)
		}
		_, err = r.StartMass(ctx, dana, p.ID, "3", "A breach.", read)
		r.reread("start", err, access.TermsSelection)
		_, err = r.StartMass(ctx, dana, p.ID, "3", "A breach.", "")
		r.reread("nothing read", err)
		if m, err := r.Mass(ctx, dana, p.ID); err != nil || m.State != access.MassPlanned {
			r.t.Errorf("it is %s, %v", m.State, err)
		}
		if m, err := r.StartMass(ctx, dana, p.ID, "3", "A breach.", r.termsOf(p.ID)); err != nil || m.State != access.MassRunning {
			r.t.Errorf("what was read again: %s, %v", m.State, err)
		}
	})
}
