package workflow

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

const adminsRoute = "/api/v1/accounts/:account_id/admins"

// rolesRead runs the hourly reading of account roles.
func (r *rig) rolesRead() {
	r.t.Helper()
	r.must(r.Store.InsertJob(r.t.Context(), jobs.Insert{Kind: jobAccounts, Key: r.clock.Now().String(), RunAt: r.clock.Now()}))
	for range 10 {
		r.drain()
		r.clock.Advance(time.Second)
	}
}

// Where there are few sub-accounts, each is asked now; where there are many, a
// table that a job fills tells who holds a role in one of them. Before it is
// filled, and when it is old, nobody is judged by it.
func TestManySubAccounts(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		ctx := r.t.Context()
		f, err := r.far(ctx, r.tenant, r.plat)
		r.must(err)
		judge := func(key string) string {
			r.clock.Advance(cacheLife)
			r.cv.ClearRequests()
			yes, err := r.accountRole(ctx, f, r.w.User(key).ID.String())
			return fmt.Sprintf("%v %s %d", yes, access.WhyOf(err), r.cv.Count(http.MethodGet, adminsRoute))
		}
		r.rolesRead()
		r.w.AddAdmin("maya", "sandbox", "account-admin")
		if got := judge("maya"); got[:5] != "true " { // few: asked now, whatever the table says
			r.t.Errorf("few accounts: %s", got)
		}
		r.w.RemoveAdmin("maya", "sandbox")
		if got := judge("maya"); got[:7] != "false  " {
			r.t.Errorf("few accounts, and no role any more: %s", got)
		}
		for i := range rolesBatch + 10 {
			r.w.AddAccount("root", canvastest.Account{Key: fmt.Sprintf("sub%d", i), Name: fmt.Sprintf("Sub %d", i)})
		}
		r.w.AddAdmin("luca", "sub57", "account-admin")
		if got := judge("luca"); got != "false canvas 1" {
			r.t.Errorf("before they were read: %s", got)
		}
		if _, err := r.accountRoles(ctx, f); access.WhyOf(err) != access.WhyCanvas {
			r.t.Errorf("who holds one, before they were read: %v", err)
		}
		r.clock.Advance(rolesEvery)
		r.rolesRead()
		for key, want := range map[string]string{"luca": "true  1", "victor": "true  1", "maya": "false  1", "dana": "true  1"} {
			if got := judge(key); got != want {
				r.t.Errorf("%s: %s", key, got)
			}
		}
		all, err := r.accountRoles(ctx, f)
		if luca, maya := r.w.User("luca").ID.String(), r.w.User("maya").ID.String(); err != nil || !all[luca] || all[maya] || !all[r.w.User("dana").ID.String()] {
			r.t.Errorf("who holds one: %v, %v", all, err)
		}
		if _, err := r.Submit(ctx, r.as("luca", access.DoorCourse), "", r.answers()); access.WhyOf(err) != access.WhyAccountRole {
			r.t.Errorf("the admin of one of many asks for a token: %v", err)
		}
		// Read anew after some hours, and no sooner.
		r.w.RemoveAdmin("luca", "sub57")
		r.cv.ClearRequests()
		r.rolesRead()
		if n := len(r.cv.Requests()); n != 0 || judge("luca") != "true  1" {
			r.t.Errorf("read again at once: %d calls", n)
		}
		r.clock.Advance(rolesEvery)
		r.rolesRead()
		if got := judge("luca"); got != "false  1" {
			r.t.Errorf("some hours after the role was taken away: %s", got)
		}
		// One that cannot be read keeps the others from nothing, and is no answer
		// when a day is over.
		r.w.AddAdmin("luca", "sub58", "account-admin")
		for range 5 {
			r.clock.Advance(rolesEvery)
			r.cv.Fail(canvastest.Fault{Route: adminsRoute, Method: http.MethodGet, Status: http.StatusForbidden, Times: 1})
			r.rolesRead()
			if got := judge("luca"); got != "true  1" {
				r.t.Errorf("while one account was refused: %s", got)
			}
		}
		r.clock.Advance(rolesLife)
		if got := judge("maya"); got != "false canvas 1" {
			r.t.Errorf("by a table of yesterday: %s", got)
		}
	})
}
