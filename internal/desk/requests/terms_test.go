package requests_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/store"
)

// otherSponsor sends a request back for another sponsor, and Helen endorses it
// with her own words.
func otherSponsor(r *desktest.Rig, q access.Request) {
	r.T.Helper()
	ctx := r.T.Context()
	f, err := r.Desk.CanvasOf(ctx, r.Tenant, r.Plat)
	if err != nil {
		r.T.Fatal(err)
	}
	if err := r.Requests.SendBack(ctx, f, r.Request(q.ID), requests.Failure{To: access.AwaitingSponsor, Field: "Ana", Why: access.WhyNotTeaching}); access.WhyOf(err) != access.WhySponsorChanged {
		r.T.Fatal(err)
	}
	helen := r.Helen()
	if _, err := r.Requests.ChooseSponsor(ctx, r.As("maya", access.DoorCourse), q.Code(), r.W.User("helen").ID.String()); err != nil {
		r.T.Fatal(err)
	}
	r.Act(helen, q.Code(), access.Endorse, access.Move{Note: "I do not know this student."})
}

// A reviewer decides on the endorsement that they read, not on the one that
// stands there when they press.
func TestApprovalIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		q := r.Submitted()
		r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{Note: "She works with me."})
		read := r.TermsOf(q.Code())
		otherSponsor(r, q)
		dana := r.As("dana", access.DoorAccount)
		before := r.Request(q.ID)
		for _, do := range []access.Action{access.Approve, access.Deny} {
			_, err := r.Requests.Act(ctx, dana, q.Code(), do, access.Move{Reason: "because", Alternative: "lti"}, read)
			r.Reread(string(do), err, access.TermsSponsor)
			_, err = r.Requests.Act(ctx, dana, q.Code(), do, access.Move{Reason: "because", Alternative: "lti"}, "")
			r.Reread(string(do)+" without having read anything", err)
		}
		if now := r.Request(q.ID); now.Version != before.Version {
			r.T.Errorf("it was moved to %+v", now)
		}
		if c, err := r.Requests.Act(ctx, dana, q.Code(), access.Approve, access.Move{}, r.TermsOf(q.Code())); err != nil || c.Request.State != access.Approved {
			r.T.Errorf("what was read again is not decided: %s, %v", c.Request.State, err)
		}
		r.Proven()
	})
}

// A sponsor answers about what they read: the end was shortened, and the request
// went to somebody else and came back in the meantime.
func TestEndorsementIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		q := r.Submitted()
		ana := r.As("ana", access.DoorCourse)
		read := r.TermsOf(q.Code())
		r.Act(ana, q.Code(), access.Endorse, access.Move{End: r.Request(q.ID).End.AddDate(0, 0, -7)})
		f, err := r.Desk.CanvasOf(ctx, r.Tenant, r.Plat)
		if err != nil {
			r.T.Fatal(err)
		}
		_ = r.Requests.SendBack(ctx, f, r.Request(q.ID), requests.Failure{To: access.AwaitingSponsor, Field: "Ana", Why: access.WhyNotTeaching})
		if _, err := r.Requests.ChooseSponsor(ctx, r.As("maya", access.DoorCourse), q.Code(), r.W.User("ana").ID.String()); err != nil {
			r.T.Fatal(err)
		}
		for _, do := range []access.Action{access.Endorse, access.Decline} {
			_, err := r.Requests.Act(ctx, ana, q.Code(), do, access.Move{Reason: "because"}, read)
			r.Reread(string(do), err, access.TermsEnd)
		}
		r.Act(ana, q.Code(), access.Decline, access.Move{Reason: "Not any more."})
	})
}

// What alters no terms is no conflict: a claim and its release lie between the
// reading and the decision.
func TestAClaimChangesNoTerms(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	q := r.Submitted()
	r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	read := r.TermsOf(q.Code())
	priya := r.As("priya", access.DoorAccount)
	r.Act(priya, q.Code(), access.Claim, access.Move{})
	r.Act(priya, q.Code(), access.Release, access.Move{})
	if c, err := r.Requests.Act(t.Context(), r.As("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{}, read); err != nil || c.Request.State != access.Approved {
		t.Errorf("%s, %v", c.Request.State, err)
	}
}

// forget drops what was kept of Canvas's answers.
func forget(r *desktest.Rig) { r.Desk.Forget() }

// What changes between the first look and the decision, while Canvas is asked,
// is found in the deciding transaction; what alters no terms is no conflict
// there either, and whoever was refused meanwhile moved nothing.
func TestTermsThatChangeWhileCanvasIsAsked(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		q := r.Submitted()
		ana, dana, priya, maya := r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount), r.As("priya", access.DoorAccount), r.As("maya", access.DoorCourse)
		shorter := func() {
			if err := r.Desk.Store.InTx(ctx, func(tx *store.Tx) error {
				now, err := tx.Request(r.Tenant, q.ID)
				if err != nil {
					return err
				}
				e := r.Desk.Event(r.Tenant, access.SystemID, audit.Action("request.claim"), q.ID)
				now.End, now.Version = now.End.AddDate(0, 0, -3), now.Version+1
				e.From, e.To, e.Version = string(now.State), string(now.State), now.Version
				return tx.MoveRequest(now, e, nil)
			}); err != nil {
				r.T.Error(err)
			}
		}
		for _, tt := range []struct {
			do  access.Action
			who access.Caller
		}{{access.Endorse, ana}, {access.Approve, dana}} {
			forget(r)
			r.Meanwhile(http.MethodGet, "/", shorter)
			_, err := r.Requests.Act(ctx, tt.who, q.Code(), tt.do, access.Move{}, r.TermsOf(q.Code()))
			r.Reread(string(tt.do), err, access.TermsEnd)
			forget(r)
			r.Meanwhile(http.MethodGet, "/", func() {
				r.Line.Store(nil)
				if tt.do == access.Approve {
					r.Act(priya, q.Code(), access.Claim, access.Move{})
					r.Act(priya, q.Code(), access.Release, access.Move{})
				}
				if _, err := r.Requests.Act(ctx, maya, q.ID, access.Approve, access.Move{}, r.TermsOf(q.ID)); err == nil {
					r.T.Error("the requester approves")
				}
			})
			if _, err := r.Requests.Act(ctx, tt.who, q.Code(), tt.do, access.Move{}, r.TermsOf(q.Code())); err != nil {
				r.T.Errorf("%s, after what alters no terms: %v", tt.do, err)
			}
		}
	})
}

// The second person agrees to the words and the date that they read.
func TestAgreementIsToWhatWasRead(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		r.Made("sam", "library sync")
		r.Checked()
		id := r.The("library sync").ID
		dana, priya := r.As("dana", access.DoorAccount), r.As("priya", access.DoorAccount)
		ids := []string{id}
		untouched := r.TermsOfEach(ids)
		if _, err := r.Inventory.AllowTokens(ctx, dana, ids, r.TermsOfEach(ids), "Harmless, two weeks.", r.Clock.Now().AddDate(0, 0, 14)); err != nil {
			r.T.Fatal(err)
		}
		read := r.TermsOfEach(ids)
		if err := r.Inventory.Disallow(ctx, dana, id); err != nil {
			r.T.Fatal(err)
		}
		if _, err := r.Inventory.AllowTokens(ctx, dana, ids, r.TermsOfEach(ids), "For ever.", r.Clock.Now().AddDate(0, 0, 364)); err != nil {
			r.T.Fatal(err)
		}
		_, err := r.Inventory.AllowTokens(ctx, priya, ids, read, "", time.Time{})
		r.Reread("a second voice", err, access.TermsAgreement)
		_, err = r.Inventory.AllowTokens(ctx, priya, ids, untouched, "Mine.", r.Clock.Now().AddDate(0, 0, 7))
		r.Reread("a first voice that came second", err, access.TermsAgreement, access.TermsStage)
		_, err = r.Inventory.AllowTokens(ctx, priya, ids, nil, "", time.Time{})
		r.Reread("nothing read", err)
		f := r.Found(id)
		if one, two := f.Allowing(); f.State != access.FoundAllowing || two.Said() || one.Person != dana.Person {
			r.T.Errorf("it is %+v", f)
		}
		if _, err := r.Inventory.AllowTokens(ctx, priya, ids, r.TermsOfEach(ids), "", time.Time{}); err != nil || r.Found(id).State != access.FoundAllowed {
			r.T.Errorf("what was read again is not agreed to: %v", err)
		}
	})
}

// Two who both mean to be the first voice do not thaw a token together.
func TestThawIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		g, _ := r.Stopped()
		dana, priya := r.As("dana", access.DoorAccount), r.As("priya", access.DoorAccount)
		read := r.TermsOf(g.ID)
		if _, err := r.Tokens.Thaw(ctx, dana, g.ID, read); err != nil {
			r.T.Fatal(err)
		}
		_, err := r.Tokens.Thaw(ctx, priya, g.ID, read)
		r.Reread("a first voice that came second", err, access.TermsAgreement)
		_, err = r.Tokens.Thaw(ctx, priya, g.ID, "")
		r.Reread("nothing read", err)
		if now := r.Grant(g.ID); now.State != access.Frozen || now.FirstThaw().Person != dana.Person {
			r.T.Errorf("it is %s, thawed by %q", now.State, now.FirstThaw().Person)
		}
		forget(r)
		r.Meanwhile(http.MethodGet, "/", func() {
			if err := r.Desk.Store.InTx(ctx, func(tx *store.Tx) error {
				now, err := tx.Grant(r.Tenant, g.ID)
				now.Expires = now.Expires.AddDate(0, 0, 30)
				return errors.Join(err, tx.RecordGrant(now))
			}); err != nil {
				r.T.Error(err)
			}
		})
		_, err = r.Tokens.Thaw(ctx, priya, g.ID, r.TermsOf(g.ID))
		r.Reread("another end while Canvas is asked", err, access.TermsEnd)
		r.Line.Store(nil)
		if p, err := r.Tokens.Thaw(ctx, priya, g.ID, r.TermsOf(g.ID)); err != nil || p.Grant.State != access.Replacing || p.Grant.FreezeReason != "" {
			r.T.Errorf("what was read again: %v", err)
		}
	})
}

// Who clears a leak knows everything that was told of it, and of its token.
func TestClearanceIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		c, _ := r.Collected()
		id := c.Grant.ID
		maya, dana := r.As("maya", access.DoorCourse), r.As("dana", access.DoorAccount)
		if _, err := r.Leaks.Report(ctx, maya, id); err != nil {
			r.T.Fatal(err)
		}
		inc := r.Incidents(r.Tenant)[0].ID
		read := r.TermsOf(inc)
		if _, err := r.Leaks.TellSeen(ctx, maya, id, "In a public repository, for a month."); err != nil {
			r.T.Fatal(err)
		}
		_, err := r.Leaks.Clear(ctx, dana, inc, "Nothing was found.", read)
		r.Reread("clear", err, access.TermsReport)
		_, err = r.Leaks.Clear(ctx, dana, inc, "Nothing was found.", "")
		r.Reread("nothing read", err)
		forget(r)
		r.Meanwhile(http.MethodGet, "/", func() {
			if _, err := r.Leaks.TellSeen(ctx, maya, id, "And in a chat."); err != nil {
				r.T.Error(err)
			}
		})
		_, err = r.Leaks.Clear(ctx, dana, inc, "Nothing was found.", r.TermsOf(inc))
		r.Reread("told while Canvas is asked", err, access.TermsReport)
		if i := r.Incident(inc); !i.Open() {
			r.T.Error("it was cleared")
		}
		if _, err := r.Leaks.Clear(ctx, dana, inc, "The repository is gone.", r.TermsOf(inc)); err != nil {
			r.T.Error(err)
		}
	})
}

// Who takes over stands for the token as they read it.
func TestTakingOverIsOfWhatWasRead(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		g, helen := r.Asked()
		read := r.TermsOf(g.ID)
		longer := func() {
			if err := r.Desk.Store.InTx(ctx, func(tx *store.Tx) error {
				now, err := tx.Grant(r.Tenant, g.ID)
				now.Expires = now.Expires.AddDate(0, 0, 30)
				return errors.Join(err, tx.RecordGrant(now))
			}); err != nil {
				r.T.Error(err)
			}
		}
		longer()
		_, err := r.Tokens.TakeOver(ctx, helen, g.ID, read)
		r.Reread("take over", err, access.TermsEnd)
		_, err = r.Tokens.TakeOver(ctx, helen, g.ID, "")
		r.Reread("nothing read", err)
		forget(r)
		r.Meanwhile(http.MethodGet, "/", longer)
		_, err = r.Tokens.TakeOver(ctx, helen, g.ID, r.TermsOf(g.ID))
		r.Reread("while Canvas is asked", err, access.TermsEnd)
		if now := r.Grant(g.ID); now.Sponsor != "" {
			r.T.Errorf("%s stands for it", now.Sponsor)
		}
		if _, err := r.Tokens.TakeOver(ctx, helen, g.ID, r.TermsOf(g.ID)); err != nil {
			r.T.Error(err)
		}
	})
}
