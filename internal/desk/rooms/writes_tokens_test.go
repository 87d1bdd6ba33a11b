package rooms_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
)

// What the ends of tokens write, and the tries that prove nothing.
func TestWritesOfEnds(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	c, _ := r.Collected()
	d, _ := r.Collected()
	maya, ana, dana := r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
	down := func() func() {
		return r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodDelete, Status: 500, Times: -1})
	}
	up := down()
	r.Writes("revoke, not proven", `
log: ana grant.revoke grt1 handed_over>revoking v3 of req1 cause=sponsor quote=The project is over.
grants grt1: cause=sponsor ended_by=ana next_try=+10s revoking_at=now state=revoking tries=1 trouble=mint.canvas_down version=3
new quotes grt1 end: kind=end object=grt1 words=The project is over.
job: grant.end grant.end:grt1:1:revoking {"grant":"grt1","attempt":1} at +10s`, func() {
		_, err := r.Tokens.Revoke(ctx, ana, c.Grant.ID, "The project is over.")
		r.Must(err)
	})
	r.Writes("pressed again", ``, func() {
		_, err := r.Tokens.Revoke(ctx, maya, c.Grant.ID, "")
		r.Must(err)
	})
	r.Clock.Advance(time.Minute)
	r.Writes("tried again", `
grants grt1: next_try=+20s tries=2`, func() {
		if err := r.Run(desk.JobEnd, ""); desktest.Again(err) != 20*time.Second {
			t.Errorf("%v", err)
		}
	})
	r.Clock.Advance(access.StuckAfter)
	r.Writes("stuck", `
grants grt1: next_try=+40s tries=3
job: tell maya still_usable of req1 grt1, grt1/stuck`, func() {
		if err := r.Run(desk.JobEnd, ""); desktest.Again(err) != 40*time.Second {
			t.Errorf("%v", err)
		}
	})
	up()
	r.Writes("proven", `
log: system grant.gone grt1 revoking>revoked v4 of req1 proof=Canvas does not find the token; its owner is found, the credential may see and delete tokens, and the owner's full list does not have it
grants grt1: ended_at=now open=0 state=revoked trouble=none updated_at=now version=4
job: grant.sweep grant.sweep:grt1:1:revoked:gone {"grant":"grt1","attempt":1} at +3m0s
job: tell ana revoked of req1 grt1, grt1/v4
job: tell maya revoked of req1 grt1, grt1/v4`, func() { r.Must(r.Run(desk.JobEnd, "")) })
	r.Writes("proven twice", ``, func() { r.Must(r.Run(desk.JobEnd, "")) })
	r.Writes("misuse", `
log: ana grant.revoke grt2 handed_over>revoking v3 of req2 cause=misuse quote=It posts in the forum.
log: system grant.gone grt2 revoking>revoked v4 of req2 proof=Canvas does not find the token; its owner is found, the credential may see and delete tokens, and the owner's full list does not have it
grants grt2: cause=misuse ended_at=now ended_by=ana next_try=now open=0 revoking_at=now state=revoked updated_at=now version=4
new quotes grt2 end: kind=end object=grt2 words=It posts in the forum.
job: grant.end grant.end:grt2:1:revoking {"grant":"grt2","attempt":1} at +10s
job: grant.sweep grant.sweep:grt2:1:revoked:gone {"grant":"grt2","attempt":1} at +3m0s
job: tell ana revoked of req2 grt2, grt2/v4
job: tell maya revoked of req2 grt2, grt2/v4`, func() {
		_, err := r.Tokens.ReportMisuse(ctx, ana, d.Grant.ID, "It posts in the forum.")
		r.Must(err)
	})
	e, _ := r.Collected()
	r.Writes("by a reviewer", `
log: dana grant.revoke grt3 handed_over>revoking v3 of req3 cause=reviewer quote=Over.
log: system grant.gone grt3 revoking>revoked v4 of req3 proof=Canvas does not find the token; its owner is found, the credential may see and delete tokens, and the owner's full list does not have it
grants grt3: cause=reviewer ended_at=now ended_by=dana next_try=now open=0 revoking_at=now state=revoked version=4
new quotes grt3 end: kind=end object=grt3 words=Over.
job: grant.end grant.end:grt3:1:revoking {"grant":"grt3","attempt":1} at +10s
job: grant.sweep grant.sweep:grt3:1:revoked:gone {"grant":"grt3","attempt":1} at +3m0s
job: tell ana revoked of req3 grt3, grt3/v4
job: tell maya revoked of req3 grt3, grt3/v4`, func() {
		_, err := r.Tokens.Revoke(ctx, dana, e.Grant.ID, "Over.")
		r.Must(err)
	})
	e, _ = r.Collected()
	r.Writes("by its owner", `
log: maya grant.revoke grt4 handed_over>revoking v3 of req4 cause=owner
log: system grant.gone grt4 revoking>revoked v4 of req4 proof=Canvas does not find the token; its owner is found, the credential may see and delete tokens, and the owner's full list does not have it
grants grt4: cause=owner ended_at=now ended_by=maya next_try=now open=0 revoking_at=now state=revoked version=4
job: grant.end grant.end:grt4:1:revoking {"grant":"grt4","attempt":1} at +10s
job: grant.sweep grant.sweep:grt4:1:revoked:gone {"grant":"grt4","attempt":1} at +3m0s
job: tell ana revoked of req4 grt4, grt4/v4
job: tell maya revoked of req4 grt4, grt4/v4`, func() {
		_, err := r.Tokens.Revoke(ctx, maya, e.Grant.ID, "")
		r.Must(err)
	})
}

// What a leak writes: reported, told more of, and cleared.
func TestWritesOfLeaks(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	c, value := r.Collected()
	maya, ana, dana := r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
	r.Writes("reported", `
log: maya incident.open inc1 >open v1 of grt1 how=owner
log: maya grant.report_leak grt1 handed_over>revoking v3 of req1 cause=leak how=owner
log: system grant.gone grt1 revoking>revoked v4 of req1 proof=Canvas does not find the token; its owner is found, the credential may see and delete tokens, and the owner's full list does not have it
grants grt1: cause=leak ended_at=now ended_by=maya next_try=now open=0 revoking_at=now state=revoked version=4
new incidents inc1: grant_id=grt1 how=owner opened_at=now owner=maya reported_by=maya version=1
job: grant.end grant.end:grt1:1:revoking:leak {"grant":"grt1","attempt":1} at +10s
job: grant.sweep grant.sweep:grt1:1:revoked:gone {"grant":"grt1","attempt":1} at +3m0s
job: tell ana leak_deleted of req1 grt1, grt1/v4
job: tell ana leak_reported of req1 grt1, grt1/inc1 at +10s
job: tell maya leak_deleted of req1 grt1, grt1/v4
job: tell maya leak_reported of req1 grt1, grt1/inc1 at +10s
job: tell reviewers leak_deleted of req1 grt1, grt1/v4
job: tell reviewers leak_reported of req1 grt1, grt1/inc1 at +10s`, func() {
		_, err := r.Leaks.Report(ctx, maya, c.Grant.ID)
		r.Must(err)
	})
	r.Writes("reported again", ``, func() {
		_, err := r.Leaks.Report(ctx, ana, c.Grant.ID)
		r.Must(err)
	})
	r.Writes("where it was seen", `
log: maya incident.seen inc1 of grt1 seen=In a chat: [removed]`, func() {
		_, err := r.Leaks.TellSeen(ctx, maya, c.Grant.ID, "In a chat: "+value)
		r.Must(err)
	})
	r.Writes("nowhere", ``, func() {
		_, err := r.Leaks.TellSeen(ctx, maya, c.Grant.ID, "")
		r.Must(err)
	})
	i := r.Incidents(r.Tenant)[0].ID
	r.Clock.Advance(time.Minute)
	r.Writes("cleared", `
log: dana incident.clear inc1 open>cleared v2 of grt1 note=The chat was deleted.
incidents inc1: cleared_at=now cleared_by=dana version=2
new quotes inc1 note: kind=note object=inc1 words=The chat was deleted.
job: tell maya leak_cleared of req1 grt1, grt1/inc1`, func() {
		_, err := r.Leaks.Clear(ctx, dana, i, "The chat was deleted; "+value+" is dead.", r.TermsOf(i))
		if code := desktest.FieldCode(err, "reason"); code != desk.HeldToken {
			r.T.Errorf("a value in the note: %v", err)
		}
		_, err = r.Leaks.Clear(ctx, dana, i, "The chat was deleted.", r.TermsOf(i))
		r.Must(err)
	})
	r.Writes("cleared twice", ``, func() {
		_, err := r.Leaks.Clear(ctx, dana, i, "Again.", r.TermsOf(i))
		r.Must(err)
	})
	r.Clock.Advance(time.Minute)
	r.Writes("pasted after its end", `
log: dana leak.intake grt1 outcome=match
log: dana incident.open inc2 >open v1 of grt1 ended=yes how=intake
new incidents inc2: after_end=1 grant_id=grt1 how=intake opened_at=now owner=maya reported_by=dana version=1
job: tell ana leak_of_ended of req1 grt1, grt1/inc2
job: tell maya leak_of_ended of req1 grt1, grt1/inc2
job: tell reviewers leak_of_ended of req1 grt1, grt1/inc2`, func() {
		_, err := r.Leaks.Check(ctx, dana, value)
		r.Must(err)
	})
	e, err := r.Leaks.Clear(ctx, dana, r.Incidents(r.Tenant)[0].ID, "Nothing new.", r.TermsOf(r.Incidents(r.Tenant)[0].ID))
	if err != nil || e.Incident.Open() {
		t.Fatalf("%+v, %v", e.Incident, err)
	}
	d, value := r.Collected()
	r.Writes("pasted while it works", `
log: dana leak.intake grt2 outcome=match
log: dana incident.open inc3 >open v1 of grt2 how=intake
log: dana grant.report_leak grt2 handed_over>revoking v3 of req2 cause=leak how=intake
log: system grant.gone grt2 revoking>revoked v4 of req2 proof=Canvas does not find the token; its owner is found, the credential may see and delete tokens, and the owner's full list does not have it
grants grt2: cause=leak ended_at=now ended_by=dana next_try=now open=0 revoking_at=now state=revoked version=4
new incidents inc3: grant_id=grt2 how=intake opened_at=now owner=maya reported_by=dana version=1
job: grant.end grant.end:grt2:1:revoking:leak {"grant":"grt2","attempt":1} at +10s
job: grant.sweep grant.sweep:grt2:1:revoked:gone {"grant":"grt2","attempt":1} at +3m0s
job: tell ana leak_deleted of req2 grt2, grt2/v4
job: tell ana leak_reported of req2 grt2, grt2/inc3 at +10s
job: tell maya leak_deleted of req2 grt2, grt2/v4
job: tell maya leak_reported of req2 grt2, grt2/inc3 at +10s
job: tell reviewers leak_deleted of req2 grt2, grt2/v4
job: tell reviewers leak_reported of req2 grt2, grt2/inc3 at +10s`, func() {
		p, err := r.Leaks.Check(ctx, dana, value)
		if err != nil || p.Grant.ID != d.Grant.ID {
			t.Fatal(err)
		}
	})
}

// What a freeze and a thaw write.
func TestWritesOfAFreeze(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	g, value := r.Working()
	dana, priya := r.As("dana", access.DoorAccount), r.As("priya", access.DoorAccount)
	freeze := func() {
		_, err := r.Tokens.Freeze(ctx, dana, g.ID, "Odd traffic: "+value)
		r.Must(err)
	}
	up := r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodPut, Status: 403, Body: desktest.Denied, Times: -1})
	r.Writes("not allowed by Canvas", `
log: dana grant.freeze grt1 active>freezing v4 of req1 quote=Odd traffic: [removed]
log: system grant.stay_on grt1 freezing>active v5 of req1 trouble=freeze.denied
grants grt1: round=1 trouble=freeze.denied version=5
job: grant.freeze grant.freeze:grt1:1:freezing:2026-11-23T15:02:00Z {"grant":"grt1","attempt":1} at +10s`, freeze)
	up()
	up = r.Cv.Fail(canvastest.Fault{Route: desktest.OneTokenRoute, Method: http.MethodPut, Status: 500, Times: -1})
	r.Clock.Advance(time.Minute)
	r.Writes("not proven", `
log: dana grant.freeze grt1 active>freezing v6 of req1 quote=Odd traffic: [removed]
grants grt1: freeze_reason=Odd traffic: [removed] frozen_at=now frozen_by=dana round=2 state=freezing tries=1 trouble=mint.canvas_down updated_at=now version=6
job: grant.freeze grant.freeze:grt1:1:freezing:2026-11-23T15:03:00Z {"grant":"grt1","attempt":1} at +10s`, freeze)
	r.Writes("pressed again", ``, freeze)
	r.Clock.Advance(time.Minute)
	r.Writes("tried again", `
grants grt1: tries=2`, func() {
		if err := r.Run(desk.JobFreeze, r.Clock.Now().Add(-time.Minute).UTC().Format(time.RFC3339)); desktest.Again(err) != 20*time.Second {
			t.Errorf("%v", err)
		}
	})
	up()
	r.Writes("frozen", `
log: system grant.froze grt1 freezing>frozen v7 of req1
grants grt1: change_seen=now frozen_at=now hint=set state=frozen trouble=none updated_at=now version=7
job: tell ana frozen of req1 grt1, grt1/v7
job: tell maya frozen of req1 grt1, grt1/v7`, func() { r.Must(r.Run(desk.JobFreeze, r.Clock.Now().Add(-time.Minute).UTC().Format(time.RFC3339))) })
	r.Clock.Advance(time.Minute)
	r.Writes("one agrees", `
log: dana grant.thaw grt1 frozen>frozen v8 of req1
grants grt1: updated_at=now version=8
new votes grt1 2 1 dana: at=now object=grt1 owner=maya part=reviewer person=dana round=2 stage=1 verdict=yes`, func() {
		_, err := r.Tokens.Thaw(ctx, dana, g.ID, r.TermsOf(g.ID))
		r.Must(err)
	})
	r.Writes("another agrees", `
log: priya grant.thaw grt1 frozen>replacing v9 of req1
grants grt1: activate_by=+7d freeze_reason=none frozen_at=none frozen_by=none state=replacing version=9
new votes grt1 2 1 priya: at=now object=grt1 owner=maya part=reviewer person=priya round=2 stage=1 verdict=yes
job: grant.clear grant.clear:grt1:1:replacing:thaw {"grant":"grt1","attempt":1} at +1m0s
job: tell maya thawed of req1 grt1, grt1/v9`, func() {
		_, err := r.Tokens.Thaw(ctx, priya, g.ID, r.TermsOf(g.ID))
		r.Must(err)
	})
	r.Writes("its job afterwards", ``, func() { r.Must(r.Run(desk.JobClear, "")) })
}

// What the moves of a token's sponsorship write.
func TestWritesOfSponsorship(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	g, _ := r.Working()
	maya, ana, helen := r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse), r.Helen()
	name := func() {
		_, err := r.Tokens.NameSponsor(ctx, maya, g.ID, r.W.User("helen").ID.String())
		r.Must(err)
	}
	r.Writes("ended", `
log: ana grant.end_sponsorship grt1 active>active v4 of req1 quote=I teach another course.
grants grt1: gap_until=+14d gap_why=ended sponsor=none sponsor_was=ana version=4
new quotes grt1 sponsorship: kind=sponsorship object=grt1 words=I teach another course.
job: tell maya sponsor_gone of req1 grt1, grt1/v4`, func() {
		_, err := r.Tokens.EndSponsorship(ctx, ana, g.ID, "I teach another course.")
		r.Must(err)
	})
	r.Writes("asked", `
log: maya grant.name_sponsor grt1 active>active v5 of req1
grants grt1: sponsor_asked=helen version=5
job: tell helen asked_to_take_over of req1 grt1, grt1/v5`, name)
	r.Writes("asked again", ``, name)
	r.Writes("turned down", `
log: helen grant.turn_down grt1 active>active v6 of req1
grants grt1: sponsor_asked=none turned_down=helen version=6
job: tell maya turned_down of req1 grt1, grt1/v6`, func() { r.Must(r.Tokens.TurnDown(ctx, helen, g.ID)) })
	name()
	takeOver := func() {
		_, err := r.Tokens.TakeOver(ctx, helen, g.ID, r.TermsOf(g.ID))
		r.Must(err)
	}
	r.Writes("taken over", `
log: helen grant.take_over grt1 active>active v8 of req1
grants grt1: gap_until=none gap_why=none sponsor=helen sponsor_asked=none sponsor_was=none turned_down=none version=8
job: tell maya took_over of req1 grt1, grt1/v8`, takeOver)
	r.Writes("taken over twice", ``, takeOver)
}
