package tokens_test

import (
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
)

// What a renewal writes, until the old token has given way.
func TestWritesOfARenewal(t *testing.T) {
	t.Parallel()
	r := desktest.NewRig(t, desktest.Sqlite(t))
	ctx := t.Context()
	old, _ := r.Working()
	maya := r.As("maya", access.DoorCourse)
	var d access.Request
	renew := func() {
		var err error
		d, err = r.Tokens.Renew(ctx, maya, old.ID)
		r.Must(err)
	}
	r.Writes("renew", `
log: maya request.create req2 >draft v1 of grt1
new requests req2: ai=no answers=typed course_code=BIO 201 course_id=7318824 course_name=Cell Biology created_at=now maker=self purpose=coursework renews=grt1 requester=maya search=typed since=-2m0s state=draft updated_at=now version=1`, renew)
	r.Writes("renew twice", ``, renew)
	a := d.Answers
	a.Set("end", "2027-02-28")
	a.Set("accepted", access.Accepted)
	q, err := r.Requests.Submit(ctx, maya, d.ID, a)
	r.Must(err)
	r.Act(r.As("ana", access.DoorCourse), q.Code(), access.Endorse, access.Move{})
	r.Act(r.As("dana", access.DoorAccount), q.Code(), access.Approve, access.Move{})
	var next access.Grant
	var value string
	r.Writes("collect it", `
log: maya request.collect req2 approved>collecting v5
log: maya grant.create grt2 >minting v1 of req2
log: system grant.shown grt2 minting>handed_over v2 of req2 canvas_token=token2 expires=+97d15h57m59s
log: system request.hand_over req2 collecting>fulfilled v6
new grants grt2: activate_by=+7d attempt=1 canvas_id=token2 canvas_user=maya's id change_seen=now checked_at=now created_at=now digest=set expires=+97d15h57m59s hint=set open=1 owner=maya renews=grt1 request_id=req2 shown_at=now since=-2m0s sponsor=ana state=handed_over title=Attendance helper updated_at=now version=2 wanted=+97d15h57m59s
requests req2: closed_at=now open=0 state=fulfilled version=6
job: grant.recover grant.recover:grt2:1:minting {"grant":"grt2","attempt":1} at +1m31s
job: grant.sweep grant.sweep:grt2:1:handed_over:1 {"grant":"grt2","attempt":1} at +2m0s
job: grant.sweep grant.sweep:grt2:1:handed_over:2 {"grant":"grt2","attempt":1} at +12m0s
job: grant.watch grant.watch:grt2:1:handed_over {"grant":"grt2","attempt":1} at +1m0s
job: ground.owner ground.owner:school:req2:v5 {"owner":"maya"} at +1s
job: tell maya activate_reminder of req2 grt2, grt2/v2`, func() { next, value = r.Collect(q.Code()) })
	r.Activate("maya", next.CanvasID)
	r.Clock.Advance(time.Minute)
	look := func() {
		f, err := r.Desk.CanvasOf(ctx, r.Tenant, "")
		r.Must(err)
		r.Must(r.Tokens.CheckToken(ctx, f, r.Grant(next.ID)))
	}
	r.Writes("it works", `
log: system grant.seen_active grt2 handed_over>active v3 of req2
log: system grant.retire grt1 active>active v4 of req1
grants grt1: retire_at=+3d successor=grt2 updated_at=now version=4
grants grt2: activated_at=now checked_at=now state=active updated_at=now version=3
job: tell maya retiring of req1 grt1, grt1/v4`, look)
	r.Clock.Advance(20 * time.Minute) // Canvas writes a use down every ten minutes
	r.Use(value)
	r.Writes("it is used", `
log: system grant.retire grt1 active>active v5 of req1
grants grt1: retire_at=now updated_at=now version=5
grants grt2: checked_at=now last_used_at=now`, look)
	r.Writes("it is seen again", ``, look)
	r.Writes("the old one's time is over", ``, func() {
		tenants, err := r.Desk.Tenants(ctx)
		r.Must(err)
		r.Must(r.Tokens.TickGrants(ctx, tenants[0]))
	})
}
