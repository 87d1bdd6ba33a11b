package rooms_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/desk/requests"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
)

// What the steps of a request's life write, to its decision.
func TestWritesOfRequests(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	maya, ana, dana := r.As("maya", access.DoorCourse), r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
	helen := r.Helen()
	var d access.Request
	var err error
	r.Writes("keep", `
new kept maya new request: data=typed form=request object=new person=maya updated_at=now`, func() {
		_, err = r.Requests.SaveText(ctx, maya, desk.NewObject, desk.FormRequest, []byte(`{"build":"x"}`))
		r.Must(err)
	})
	a := r.Answers()
	typed := func(step, id string, want access.Answers) {
		t.Helper()
		if got := r.Request(id).Answers; !got.Equal(want) {
			t.Errorf("%s keeps %+v, want %+v", step, got, want)
		}
	}
	r.Writes("save a new draft", `
log: maya request.create req1 >draft v1
gone: kept maya new request
new requests req1: ai=no answers=typed course_code=BIO 201 course_id=7318824 course_name=Cell Biology created_at=now maker=self purpose=coursework requester=maya search=typed state=draft updated_at=now version=1`, func() {
		d, err = r.Requests.SaveDraft(ctx, maya, "", a)
		r.Must(err)
	})
	typed("a new draft", d.ID, a)
	_, err = r.Requests.SaveText(ctx, maya, d.ID, desk.FormRequest, []byte(`{"build":"y"}`))
	r.Must(err)
	r.Clock.Advance(time.Minute)
	r.Writes("save it again", `
gone: kept maya req1 request
requests req1: ai=none answers=typed maker=none purpose=none search=typed updated_at=now`, func() {
		_, err = r.Requests.SaveDraft(ctx, maya, d.ID, access.Answers{"build": {"z"}})
		r.Must(err)
	})
	typed("a draft", d.ID, access.Answers{"build": {"z"}})
	_, err = r.Requests.SaveText(ctx, maya, d.ID, desk.FormRequest, []byte(`{"build":"y"}`))
	r.Must(err)
	r.Clock.Advance(time.Minute)
	a = r.Answers()
	r.Writes("submit it", `
log: maya request.submit req1 draft>awaiting_sponsor v2
gone: kept maya req1 request
requests req1: affiliation=student ai=no answers=typed asked=+27d15h57m59s end_cause=course ends_at=+27d15h57m59s maker=self number=1 open=1 policy_version=1 purpose=coursework rules_version=1 search=typed sponsor=ana sponsor_due=+14d state=awaiting_sponsor submitted_at=now updated_at=now version=2
tenants school: last_number=1
job: tell ana asked_to_sponsor of req1, req1/v2`, func() {
		d, err = r.Requests.Submit(ctx, maya, d.ID, a)
		r.Must(err)
	})
	typed("what was sent", d.ID, a)
	r.Writes("choose a sponsor", `
log: maya request.choose_sponsor req1 awaiting_sponsor>awaiting_sponsor v3
requests req1: sponsor=helen version=3
job: tell helen asked_to_sponsor of req1, req1/v3`, func() {
		_, err = r.Requests.ChooseSponsor(ctx, maya, d.Code(), r.W.User("helen").ID.String())
		r.Must(err)
	})
	r.Writes("choose the same", ``, func() {
		_, err = r.Requests.ChooseSponsor(ctx, maya, d.Code(), r.W.User("helen").ID.String())
		r.Must(err)
	})
	r.Writes("decline", `
log: helen request.decline req1 awaiting_sponsor>sponsor_declined v4 quote=Not this term.
new votes req1 0 0 helen: at=now object=req1 owner=maya part=sponsor person=helen reason=Not this term. verdict=no
requests req1: closed_at=now open=0 state=sponsor_declined version=4
job: tell maya sponsor_said_no of req1, req1/v4`, func() { r.Act(helen, d.Code(), access.Decline, access.Move{Reason: "Not this term."}) })
	var anew access.Request
	r.Writes("refile", `
log: maya request.refile req2 >draft v1 of req1
new requests req2: ai=no answers=typed course_code=BIO 201 course_id=7318824 course_name=Cell Biology created_at=now maker=self purpose=coursework refiled_from=req1 requester=maya search=typed state=draft updated_at=now version=1`, func() {
		anew, err = r.Requests.Refile(ctx, maya, d.Code())
		r.Must(err)
	})
	a.Set("sponsor")
	a.Set("accepted")
	typed("a request begun again", anew.ID, a)
	r.Writes("discard", `
log: maya request.discard req2 draft>discarded v2
requests req2: ai=none answers=none closed_at=now maker=none purpose=none search=typed state=discarded version=2`, func() { r.Must(r.Requests.DiscardDraft(ctx, maya, anew.ID)) })
	typed("a draft thrown away", anew.ID, access.Answers{})

	q := r.Submitted()
	_, err = r.Requests.SaveText(ctx, ana, q.ID, requests.FormDecision, []byte(`{"note":"y"}`))
	r.Must(err)
	end := q.End.AddDate(0, 0, -3)
	r.Writes("endorse", `
log: ana request.endorse req3 awaiting_sponsor>in_review v3 end=+24d15h57m59s quote=For the project.
gone: kept ana req3 decision
new votes req3 0 0 ana: at=now ends_at=+24d15h57m59s object=req3 owner=maya part=sponsor person=ana reason=For the project. verdict=yes
requests req3: ends_at=+24d15h57m59s review_due=+7d review_since=now stage=1 state=in_review version=3
job: ground.owner ground.owner:school:req3:v3 {"owner":"maya"} at +1s
job: notice.reviewers notice.reviewers:school:2026-11-23 at +1m0s
job: tell maya sponsor_said_yes of req3, req3/v3`, func() { r.Act(ana, q.Code(), access.Endorse, access.Move{Note: "For the project.", End: end}) })
	r.Writes("claim", `
log: dana request.claim req3 in_review>in_review v4
new votes req3 0 1 dana: at=now object=req3 owner=maya part=reviewer person=dana stage=1 verdict=claim
requests req3: version=4`, func() { r.Act(dana, q.Code(), access.Claim, access.Move{}) })
	r.Clock.Advance(time.Minute)
	r.Writes("release", `
log: dana request.release req3 in_review>in_review v5
gone: votes req3 0 1 dana
requests req3: updated_at=now version=5`, func() { r.Act(dana, q.Code(), access.Release, access.Move{}) })
	r.Writes("approve", `
log: dana request.approve req3 in_review>approved v6 conditions=Own data only. end=+23d15h56m59s
new votes req3 0 1 dana: at=now conditions=Own data only. ends_at=+23d15h56m59s object=req3 owner=maya part=reviewer person=dana stage=1 verdict=yes
requests req3: collect_by=+14d ends_at=+23d15h56m59s stage=0 state=approved version=6
job: ground.owner ground.owner:school:req3:v6 {"owner":"maya"} at +1s
job: tell ana approved of req3, req3/v6
job: tell maya approved of req3, req3/v6`, func() {
		r.Act(dana, q.Code(), access.Approve, access.Move{Conditions: "Own data only.", End: end.AddDate(0, 0, -1)})
	})
	r.Writes("rescind", `
log: dana request.rescind req3 approved>rescinded v7 quote=She left the project.
requests req3: closed_at=now ended_by=dana open=0 remark=She left the project. state=rescinded version=7
job: tell ana rescinded of req3, req3/v7
job: tell maya rescinded of req3, req3/v7`, func() { r.Act(dana, q.Code(), access.Rescind, access.Move{Reason: "She left the project."}) })

	q = r.Submitted()
	r.Act(ana, q.Code(), access.Endorse, access.Move{})
	r.Clock.Advance(24 * time.Hour)
	ana, dana = r.As("ana", access.DoorCourse), r.As("dana", access.DoorAccount)
	r.Writes("deny", `
log: dana request.deny req4 in_review>denied v4 alternative=other alternative_text=Ask the registrar. quote=Another way.
new votes req4 0 1 dana: alt_text=Ask the registrar. alternative=other at=now object=req4 owner=maya part=reviewer person=dana reason=Another way. stage=1 verdict=no
requests req4: closed_at=now open=0 stage=0 state=denied updated_at=now version=4
job: tell ana denied of req4, req4/v4
job: tell maya denied of req4, req4/v4`, func() {
		r.Act(dana, q.Code(), access.Deny, access.Move{Reason: "Another way.", Alternative: "other", AltText: "Ask the registrar."})
	})
	q = r.Submitted()
	r.Writes("withdraw", `
log: maya request.withdraw req5 awaiting_sponsor>withdrawn v3
requests req5: closed_at=now open=0 state=withdrawn version=3
job: tell ana withdrawn of req5, req5/v3`, func() { r.Act(maya, q.Code(), access.Withdraw, access.Move{}) })
	a = r.Answers()
	a.Set("sponsor", "")
	r.Writes("faculty submit", `
log: ana request.create req6 >draft v1
log: ana request.submit req6 draft>in_review v2
new requests req6: affiliation=faculty ai=no answers=typed asked=+26d15h56m59s course_code=BIO 201 course_id=7318824 course_name=Cell Biology created_at=now end_cause=role ends_at=+26d15h56m59s maker=self number=5 open=1 policy_version=1 purpose=coursework requester=ana review_due=+7d review_since=now rules_version=1 search=typed stage=1 state=in_review submitted_at=now updated_at=now version=2
tenants school: last_number=5
job: notice.reviewers notice.reviewers:school:2026-11-24 at +1m0s`, func() {
		_, err = r.Requests.Submit(ctx, ana, "", a)
		r.Must(err)
	})
}

// What a decision writes that comes too late: the request goes back.
func TestWritesOfSendingBack(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	ready, q := r.Approved(), r.Submitted()
	r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	dana, maya := r.As("dana", access.DoorAccount), r.As("maya", access.DoorCourse)
	r.Act(dana, q.Code(), access.Claim, access.Move{})
	r.W.SetEnrollmentState("ana", "bio201", canvastest.StateCompleted)
	r.Clock.Advance(time.Minute)
	r.Writes("approve without the sponsor", `
log: system request.return req2 in_review>awaiting_sponsor v5 lost=Ana Ruiz
log: dana refused REQ-0002 action=approve why=sponsor_changed
gone: votes req2 0 1 dana
requests req2: round=1 sponsor=none sponsor_due=+14d sponsor_lost=Ana Ruiz stage=0 state=awaiting_sponsor updated_at=now version=5
job: tell maya sponsor_needed of req2, req2/v5`, func() {
		if _, err := r.Requests.Act(ctx, dana, q.Code(), access.Approve, access.Move{}, r.TermsOf(q.Code())); access.WhyOf(err) != access.WhySponsorChanged {
			t.Errorf("approved: %v", err)
		}
	})
	r.Writes("collect without the sponsor", `
log: system request.return req1 approved>awaiting_sponsor v5 lost=Ana Ruiz
log: maya refused REQ-0001 action=collect why=sponsor_changed
requests req1: collect_by=none round=1 sponsor=none sponsor_due=+14d sponsor_lost=Ana Ruiz state=awaiting_sponsor updated_at=now version=5
job: tell maya sponsor_needed of req1, req1/v5`, func() {
		if _, err := r.Tokens.Collect(ctx, maya, ready.Code()); access.WhyOf(err) != access.WhySponsorChanged {
			t.Errorf("collected: %v", err)
		}
	})
	r.W.SetEnrollmentState("ana", "bio201", canvastest.StateActive)
	r.Clock.Advance(24 * time.Hour) // another day has another digest
	maya = r.As("maya", access.DoorCourse)
	next := r.Approved()
	r.Clock.Advance(time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC).Sub(r.Clock.Now())) // still Friday at school
	maya = r.As("maya", access.DoorCourse)
	r.W.AddAdmin("maya", "sciences", "account-admin")
	r.Writes("collect with an account role", `
log: system request.return req3 approved>in_review v5
log: maya refused REQ-0003 action=collect why=sponsor_changed
new votes req3 1 0 ana: at=-3d11h59m0s object=req3 owner=maya part=sponsor person=ana round=1 verdict=yes
requests req3: collect_by=none review_due=+7d review_since=now round=1 stage=1 state=in_review updated_at=now version=5
job: notice.reviewers notice.reviewers:school:2026-11-28 at +1m0s`, func() {
		if _, err := r.Tokens.Collect(ctx, maya, next.Code()); access.WhyOf(err) != access.WhySponsorChanged {
			t.Errorf("collected: %v", err)
		}
	})
	waits := r.SubmittedBy("luca")
	ana := r.As("ana", access.DoorCourse)
	r.Writes("endorse on Friday evening", `
log: ana request.endorse req4 awaiting_sponsor>in_review v3
new votes req4 0 0 ana: at=now object=req4 owner=luca part=sponsor person=ana verdict=yes
requests req4: review_due=+7d review_since=now stage=1 state=in_review version=3
job: ground.owner ground.owner:school:req4:v3 {"owner":"luca"} at +1s
job: tell luca sponsor_said_yes of req4, req4/v3`, func() { r.Act(ana, waits.Code(), access.Endorse, access.Move{}) })
	a := r.Answers()
	a.Set("sponsor", "")
	own, err := r.Requests.Submit(ctx, ana, "", a)
	if err != nil || !own.ReviewDue.Equal(r.Clock.Now().AddDate(0, 0, 7)) {
		t.Errorf("sent on Friday evening, it is due %s, %v", own.ReviewDue, err)
	}
}

// What the steps of a collection write, to its replacement.
func TestWritesOfACollection(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	code := r.Approved().Code()
	maya := r.As("maya", access.DoorCourse)
	at := map[string]string{}
	step := func(name, want string, press func() (tokens.Collection, error), stage tokens.CollectStage) tokens.Collection {
		t.Helper()
		var c tokens.Collection
		r.Writes(name, want, func() {
			var err error
			if c, err = press(); err != nil || c.Stage != stage {
				t.Fatalf("%s: %s (%s), %v", name, c.Stage, c.Trouble, err)
			}
		})
		return c
	}
	collect := func() (tokens.Collection, error) { return r.Tokens.Collect(ctx, maya, code) }
	r.Desk.AtStep = func(name string) {
		if name == "intent committed" {
			at[name] = r.Namer(r.Everything()).RowLine("intent", nil, r.Everything().Rows["grants "+r.Grants()[0].ID])
		}
	}
	c := step("collect", `
log: maya request.collect req1 approved>collecting v5
log: maya grant.create grt1 >minting v1 of req1
log: system grant.shown grt1 minting>handed_over v2 of req1 canvas_token=token1 expires=+27d15h59m59s
log: system request.hand_over req1 collecting>fulfilled v6
new grants grt1: activate_by=+7d attempt=1 canvas_id=token1 canvas_user=maya's id change_seen=now checked_at=now created_at=now digest=set expires=+27d15h59m59s hint=set open=1 owner=maya request_id=req1 shown_at=now since=now sponsor=ana state=handed_over title=Attendance helper updated_at=now version=2 wanted=+27d15h59m59s
requests req1: closed_at=now open=0 state=fulfilled version=6
job: grant.recover grant.recover:grt1:1:minting {"grant":"grt1","attempt":1} at +1m31s
job: grant.sweep grant.sweep:grt1:1:handed_over:1 {"grant":"grt1","attempt":1} at +2m0s
job: grant.sweep grant.sweep:grt1:1:handed_over:2 {"grant":"grt1","attempt":1} at +12m0s
job: grant.watch grant.watch:grt1:1:handed_over {"grant":"grt1","attempt":1} at +1m0s
job: ground.owner ground.owner:school:req1:v5 {"owner":"maya"} at +1s
job: tell maya activate_reminder of req1 grt1, grt1/v2`, collect, tokens.StageSecret)
	r.Desk.AtStep = nil
	if want := "new intent: attempt=1 canvas_user=maya's id created_at=now lease_until=+1m30s open=1 owner=maya request_id=req1 since=now sponsor=ana state=minting title=Attendance helper updated_at=now version=1 wanted=+27d15h59m59s"; at["intent committed"] != want {
		t.Errorf("before Canvas is asked:\n%s", at["intent committed"])
	}
	r.Clock.Advance(time.Minute)
	step("press again", `
log: maya grant.shown_again grt1 of req1
job: tell maya shared_again of req1 grt1, grt1/2026-11-23`, collect, tokens.StageShown)
	step("press a third time", `
log: maya grant.shown_again grt1 of req1`, collect, tokens.StageShown)
	r.Activate("maya", c.Grant.CanvasID)
	step("the page sees it active", `
log: system grant.seen_active grt1 handed_over>active v3 of req1
grants grt1: activated_at=now change_seen=now checked_at=now state=active updated_at=now version=3`, func() (tokens.Collection, error) { return r.Tokens.CollectPage(ctx, maya, code) }, tokens.StageActive)
	r.Clock.Advance(time.Minute)
	step("lost", `
log: maya grant.replace grt1 active>replacing v4 of req1
grants grt1: activate_by=+7d replaced=1 state=replacing updated_at=now version=4
job: grant.clear grant.clear:grt1:1:replacing {"grant":"grt1","attempt":1} at +1m0s
job: tell maya shared_again of req1 grt1, grt1/v4`, func() (tokens.Collection, error) { return r.Tokens.Replace(ctx, maya, code) }, tokens.StageReplacing)
	step("lost, pressed twice", ``, func() (tokens.Collection, error) { return r.Tokens.Replace(ctx, maya, code) }, tokens.StageReplacing)
	r.Clock.Advance(time.Minute)
	step("the successor", `
log: maya grant.mint grt1 replacing>minting v5 of req1
log: system grant.shown grt1 minting>handed_over v6 of req1 canvas_token=token2 expires=+27d15h56m59s
grants grt1: activate_by=+7d activated_at=none attempt=2 canvas_id=token2 change_seen=now checked_at=now digest=set hint=set shown_at=now state=handed_over updated_at=now version=6
job: grant.recover grant.recover:grt1:2:minting {"grant":"grt1","attempt":2} at +1m31s
job: grant.sweep grant.sweep:grt1:2:handed_over:1 {"grant":"grt1","attempt":2} at +2m0s
job: grant.sweep grant.sweep:grt1:2:handed_over:2 {"grant":"grt1","attempt":2} at +12m0s
job: grant.watch grant.watch:grt1:2:handed_over {"grant":"grt1","attempt":2} at +1m0s
job: tell maya activate_reminder of req1 grt1, grt1/v6`, collect, tokens.StageSecret)
}

// What the second steps write after a lost answer: of the first attempt, and of
// a later one.
func TestWritesOfALostAnswer(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	code := r.Approved().Code()
	maya := r.As("maya", access.DoorCourse)
	lose := func() {
		r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, DropAfter: true})
	}
	press := func(stage tokens.CollectStage) func() {
		return func() {
			t.Helper()
			if c, err := r.Tokens.Collect(ctx, maya, code); err != nil || c.Stage != stage {
				t.Fatalf("%s (%s), %v", c.Stage, c.Trouble, err)
			}
		}
	}
	r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, Status: 403, Body: desktest.Denied})
	r.Writes("refused", `
log: maya request.collect req1 approved>collecting v5
log: maya grant.create grt1 >minting v1 of req1
log: system grant.give_up grt1 minting>void v2 of req1 trouble=mint.denied
log: system request.mint_failed req1 collecting>approved v6
new grants grt1: attempt=1 canvas_user=maya's id created_at=now owner=maya request_id=req1 since=now sponsor=ana state=void title=Attendance helper trouble=mint.denied updated_at=now version=2 wanted=+27d15h59m59s
requests req1: version=6
job: grant.recover grant.recover:grt1:1:minting {"grant":"grt1","attempt":1} at +1m31s
job: grant.sweep grant.sweep:grt1:1:void:void {"grant":"grt1","attempt":1} at +10m0s
job: ground.owner ground.owner:school:req1:v5 {"owner":"maya"} at +1s`, press(tokens.StageReady))
	lose()
	r.Writes("the answer is lost", `
log: maya request.collect req1 approved>collecting v7
log: maya grant.create grt2 >minting v1 of req1
log: system grant.doubt grt2 minting>recovering v2 of req1 trouble=mint.unclear
new grants grt2: attempt=1 canvas_user=maya's id created_at=now lease_until=+1m30s open=1 owner=maya request_id=req1 since=now sponsor=ana state=recovering title=Attendance helper trouble=mint.unclear updated_at=now version=2 wanted=+27d15h59m59s
requests req1: state=collecting version=7
job: grant.recover grant.recover:grt2:1:minting {"grant":"grt2","attempt":1} at +1m31s
job: grant.recover grant.recover:grt2:1:minting:doubt {"grant":"grt2","attempt":1} at +20s
job: ground.owner ground.owner:school:req1:v7 {"owner":"maya"} at +1s`, press(tokens.StageRecovering))
	page, err := r.Tokens.CollectPage(ctx, maya, code)
	r.Must(err)
	r.Clock.Advance(20 * time.Second)
	r.Writes("recovered by its job", `
log: system grant.stray_deleted grt2 of req1 canvas_token=token1
log: system grant.give_up grt2 recovering>void v3 of req1 trouble=mint.nothing_made
log: system request.mint_failed req1 collecting>approved v8
grants grt2: lease_until=none open=0 state=void trouble=mint.nothing_made updated_at=now version=3
requests req1: collect_by=+14d state=approved updated_at=now version=8
job: grant.sweep grant.sweep:grt2:1:void:void {"grant":"grt2","attempt":1} at +10m0s`, func() { r.Must(r.Run(desk.JobRecover, ":1:minting:doubt")) })
	r.Writes("recovered twice", ``, func() { r.Must(r.Run(desk.JobRecover, page.Grant.ID+":1:minting")) })
	press(tokens.StageSecret)()
	if _, err := r.Tokens.Replace(ctx, maya, code); err != nil {
		t.Fatal(err)
	}
	lose()
	r.Writes("the successor's answer is lost", `
log: maya grant.mint grt3 replacing>minting v4 of req1
log: system grant.doubt grt3 minting>recovering v5 of req1 trouble=mint.unclear
grants grt3: attempt=2 canvas_id=none digest=none expires=none hint=none lease_until=+1m30s state=recovering trouble=mint.unclear version=5
job: grant.recover grant.recover:grt3:2:minting {"grant":"grt3","attempt":2} at +1m31s
job: grant.recover grant.recover:grt3:2:minting:doubt {"grant":"grt3","attempt":2} at +20s`, press(tokens.StageRecovering))
	r.Clock.Advance(20 * time.Second)
	r.Writes("the successor recovered", `
log: system grant.stray_deleted grt3 of req1 canvas_token=token3
log: system grant.step_back grt3 recovering>replacing v6 of req1 trouble=mint.nothing_made
grants grt3: lease_until=none state=replacing trouble=mint.nothing_made updated_at=now version=6`, func() { r.Must(r.Run(desk.JobRecover, ":2:minting:doubt")) })
	r.Cv.Fail(canvastest.Fault{Route: desktest.CreateRoute, Method: http.MethodPost, Status: 403, Body: desktest.Denied})
	r.Writes("the successor is refused", `
log: maya grant.mint grt3 replacing>minting v7 of req1
log: system grant.step_back grt3 minting>replacing v8 of req1 trouble=mint.denied
grants grt3: attempt=3 trouble=mint.denied version=8
job: grant.recover grant.recover:grt3:3:minting {"grant":"grt3","attempt":3} at +1m31s`, press(tokens.StageReplacing))
}
