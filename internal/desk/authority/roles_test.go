package authority_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/desk/authority"
	"github.com/tokendesk/tokendesk/internal/desk/desktest"
	"github.com/tokendesk/tokendesk/internal/jobs"
)

const adminsRoute = "/api/v1/accounts/:account_id/admins"

// rolesRead runs the hourly reading of account roles.
func rolesRead(r *desktest.Rig) {
	r.T.Helper()
	r.Must(r.Desk.Store.InsertJob(r.T.Context(), jobs.Insert{Kind: authority.JobAccounts, Key: r.Clock.Now().String(), RunAt: r.Clock.Now()}))
	for range 10 {
		r.Drain()
		r.Clock.Advance(time.Second)
	}
}

// Where there are few sub-accounts, each is asked now; where there are many, a
// table that a job fills tells who holds a role in one of them. Before it is
// filled, and when it is old, nobody is judged by it.
func TestManySubAccounts(t *testing.T) {
	t.Parallel()
	desktest.Each(t, func(r *desktest.Rig) {
		ctx := r.T.Context()
		f, err := r.Desk.CanvasOf(ctx, r.Tenant, r.Plat)
		r.Must(err)
		judge := func(key string) string {
			r.Clock.Advance(desk.CacheLife)
			r.Cv.ClearRequests()
			yes, err := r.Authority.AccountRole(ctx, f, r.W.User(key).ID.String())
			return fmt.Sprintf("%v %s %d", yes, access.WhyOf(err), r.Cv.Count(http.MethodGet, adminsRoute))
		}
		rolesRead(r)
		r.W.AddAdmin("maya", "sandbox", "account-admin")
		if got := judge("maya"); got[:5] != "true " { // few: asked now, whatever the table says
			r.T.Errorf("few accounts: %s", got)
		}
		r.W.RemoveAdmin("maya", "sandbox")
		if got := judge("maya"); got[:7] != "false  " {
			r.T.Errorf("few accounts, and no role any more: %s", got)
		}
		for i := range authority.RolesBatch + 10 {
			r.W.AddAccount("root", canvastest.Account{Key: fmt.Sprintf("sub%d", i), Name: fmt.Sprintf("Sub %d", i)})
		}
		r.W.AddAdmin("luca", "sub57", "account-admin")
		if got := judge("luca"); got != "false canvas 1" {
			r.T.Errorf("before they were read: %s", got)
		}
		if _, err := r.Authority.AccountRoles(ctx, f); access.WhyOf(err) != access.WhyCanvas {
			r.T.Errorf("who holds one, before they were read: %v", err)
		}
		r.Clock.Advance(authority.RolesEvery)
		rolesRead(r)
		for key, want := range map[string]string{"luca": "true  1", "victor": "true  1", "maya": "false  1", "dana": "true  1"} {
			if got := judge(key); got != want {
				r.T.Errorf("%s: %s", key, got)
			}
		}
		all, err := r.Authority.AccountRoles(ctx, f)
		if luca, maya := r.W.User("luca").ID.String(), r.W.User("maya").ID.String(); err != nil || !all[luca] || all[maya] || !all[r.W.User("dana").ID.String()] {
			r.T.Errorf("who holds one: %v, %v", all, err)
		}
		if _, err := r.Requests.Submit(ctx, r.As("luca", access.DoorCourse), "", r.Answers()); access.WhyOf(err) != access.WhyAccountRole {
			r.T.Errorf("the admin of one of many asks for a token: %v", err)
		}
		// Read anew after some hours, and no sooner.
		r.W.RemoveAdmin("luca", "sub57")
		r.Cv.ClearRequests()
		rolesRead(r)
		if n := len(r.Cv.Requests()); n != 0 || judge("luca") != "true  1" {
			r.T.Errorf("read again at once: %d calls", n)
		}
		r.Clock.Advance(authority.RolesEvery)
		rolesRead(r)
		if got := judge("luca"); got != "false  1" {
			r.T.Errorf("some hours after the role was taken away: %s", got)
		}
		// One that cannot be read keeps the others from nothing, and is no answer
		// when a day is over.
		r.W.AddAdmin("luca", "sub58", "account-admin")
		for range 5 {
			r.Clock.Advance(authority.RolesEvery)
			r.Cv.Fail(canvastest.Fault{Route: adminsRoute, Method: http.MethodGet, Status: http.StatusForbidden, Times: 1})
			rolesRead(r)
			if got := judge("luca"); got != "true  1" {
				r.T.Errorf("while one account was refused: %s", got)
			}
		}
		r.Clock.Advance(authority.RolesLife)
		if got := judge("maya"); got != "false canvas 1" {
			r.T.Errorf("by a table of yesterday: %s", got)
		}
	})
}
