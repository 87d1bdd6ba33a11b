package canvastest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestManagementPort drives every order over HTTP and looks at what became of
// it through Canvas's own calls.
func TestManagementPort(t *testing.T) {
	t.Parallel()
	run(t, []behaviour{
		{1, "a fault is ordered and cleared", func(r *rig) {
			m := manage(r)
			m("POST", "/faults", `{"route":"/api/v1/users/:id","status":503,"times":-1,"delay":"1ms"}`, 204)
			r.as("dana").do("GET", "/api/v1/users/self", nil).want(503)
			m("DELETE", "/faults", "", 204)
			r.as("dana").do("GET", "/api/v1/users/self", nil).want(200)
		}},
		{2, "era and flags change", func(r *rig) {
			m := manage(r)
			m("PUT", "/era", `{"era":"E1"}`, 204)
			r.must(r.w.Era() == Era1, "era %s", r.w.Era())
			m("PUT", "/era", `{"era":"E9"}`, 400)
			m("PATCH", "/flags", `{"limit_personal_access_tokens":true}`, 204)
			f := r.w.Flags()
			r.must(f.LimitPersonalAccessTokens && f.AdminManageAccessTokens, "%+v", f)
			m("PATCH", "/flags", `{"no_such_flag":true}`, 400)
		}},
		{3, "the clock moves", func(r *rig) {
			manage(r)("POST", "/clock/advance", `{"by":"48h"}`, 204)
			r.must(r.w.Clock.Now().Equal(testDay.Add(48*time.Hour)), "now %v", r.w.Clock.Now())
		}},
		{4, "admins are made and demoted", func(r *rig) {
			m := manage(r)
			m("DELETE", "/admins", `{"user":"priya"}`, 204)
			r.must(!r.w.Granted("priya", "root", PermCreateTokens), "still an admin")
			m("DELETE", "/admins", `{"user":"priya"}`, 400)
			m("POST", "/admins", `{"user":"priya","account":"root","role":"help-desk"}`, 204)
			r.must(r.w.Granted("priya", "root", PermReadRoster) && !r.w.Granted("priya", "root", PermCreateTokens), "the role")
			m("POST", "/admins", `{"user":"priya","role":"student"}`, 400)
			m("PUT", "/roles/permission", `{"role":"help-desk","permission":"create_access_tokens","on":true}`, 204)
			r.must(r.w.Granted("priya", "root", PermCreateTokens), "the permission")
			m("PUT", "/roles/permission", `{"role":"nobody","permission":"x","on":true}`, 400)
		}},
		{5, "enrollments are made and changed", func(r *rig) {
			m := manage(r)
			m("POST", "/enrollments", `{"user":"sam","course":"bio201","role":"teacher"}`, 204)
			list := "/api/v1/users/" + r.w.User("sam").ID.String() + "/enrollments"
			r.must(len(decode[[]enrollmentBody](r.as("dana").do("GET", list, nil).want(200))) == 1, "not enrolled")
			m("PATCH", "/enrollments", `{"user":"sam","course":"bio201","state":"inactive"}`, 204)
			r.must(len(decode[[]enrollmentBody](r.as("dana").do("GET", list, nil).want(200))) == 0, "still active")
			m("PATCH", "/enrollments", `{"user":"sam","course":"chem110","state":"inactive"}`, 400)
			m("POST", "/enrollments", `{"user":"sam","course":"bio201","role":"account-admin"}`, 400)
		}},
		{6, "people are merged and suspended", func(r *rig) {
			m := manage(r)
			maya := r.w.User("maya").ID
			m("POST", "/users/merge", `{"from":"maya","into":"luca"}`, 204)
			r.must(r.w.User("maya").MergedInto == r.w.User("luca").ID, "not merged")
			r.as("dana").do("GET", "/api/v1/users/"+maya.String(), nil).want(404)
			m("POST", "/users/merge", `{"from":"maya","into":"luca"}`, 400)
			_, secret := r.seed("noor", TokenSpec{})
			m("PUT", "/users/login", `{"user":"noor","state":"suspended"}`, 204)
			r.must(!r.w.Authenticates(secret), "still working")
			m("PUT", "/users/login", `{"user":"noor","state":""}`, 400)
		}},
		{7, "tokens are made, activated and deleted behind the tool's back", func(r *rig) {
			m := manage(r)
			m("POST", "/tokens", `{"user":"maya","purpose":"old script","expires_in":"240h"}`, 204)
			made := r.w.Tokens("maya")[0]
			r.must(made.Purpose == "old script" && made.ExpiresAt.Equal(testDay.Add(10*day)), "%+v", made)
			m("DELETE", "/tokens", fmt.Sprintf(`{"token":"%d"}`, made.ID), 204)
			r.must(len(r.w.UsableTokens("maya")) == 0, "still there")
			pending, secret := r.seed("maya", TokenSpec{State: StatePending})
			m("POST", "/tokens/activate", fmt.Sprintf(`{"user":"luca","token":"%d"}`, pending.ID), 400)
			m("POST", "/tokens/activate", fmt.Sprintf(`{"user":"maya","token":"%d"}`, pending.ID), 204)
			r.must(r.w.Authenticates(secret), "not active")
			m("POST", "/tokens", `{"user":"nobody"}`, 400)
			m("POST", "/tokens", `{"user":"ana","purpose":"its own","app":"Other App"}`, 204)
			app := r.w.Tokens("ana")[0]
			r.must(app.AppName == "Other App", "%+v", app)
			rows := decode[[]tokenBody](r.as("dana").do("GET", listPath(r.w.User("ana")), nil).want(200))
			r.must(len(rows) == 0, "an application's token is listed: %v", rows)
			a := r.as("ana").do("PUT", tokensPath("self", app), tokenJSON(map[string]any{"regenerate": "1"})).want(200)
			r.must(a.token().VisibleToken == nil && !strings.Contains(a.raw, app.Hint), "%s", a.raw)
		}},
		{8, "the state tells everything but secrets", func(r *rig) {
			m := manage(r)
			_, secret := r.seed("maya", TokenSpec{Purpose: "mine"})
			state := m("GET", "/state", "", 200)
			r.must(strings.Contains(state, `"mine"`) && strings.Contains(state, `"key":"maya"`), "%s", state)
			r.must(strings.Contains(state, Banner), "no banner")
			r.must(!strings.Contains(state, secret) && !strings.Contains(state, r.w.ServiceToken()), "a secret is in the state")
			r.as("dana").do("GET", "/api/v1/users/self", nil).want(200)
			r.must(strings.Contains(m("GET", "/requests", "", 200), `"/api/v1/users/:id"`), "no request log")
			m("DELETE", "/requests", "", 204)
			r.must(len(r.s.Requests()) == 0, "the log is not empty")
		}},
		{9, "the next report is made to fail", func(r *rig) {
			manage(r)("POST", "/reports/fail", "", 204)
			started := decode[reportBody](r.as("dana").do("POST", reportPath, nil).want(200))
			poll := reportPath + "/" + started.ID.String()
			r.as("dana").do("GET", poll, nil).want(200)
			r.must(decode[reportBody](r.as("dana").do("GET", poll, nil)).Status == "error", "it did not fail")
		}},
		{10, "an unknown member or a page of another site is refused", func(r *rig) {
			manage(r)("POST", "/clock/advance", `{"forward":"48h"}`, 400)
			req := httptest.NewRequestWithContext(t.Context(), "POST", "/reports/fail", nil)
			req.Header.Set("Sec-Fetch-Site", "cross-site")
			w := httptest.NewRecorder()
			r.s.ManageHandler().ServeHTTP(w, req)
			r.must(w.Code == http.StatusForbidden && w.Header().Get(BannerHeader) == Banner, "%d", w.Code)
		}},
		{11, "tokens are changed, courses concluded and people deleted behind the tool's back", func(r *rig) {
			m := manage(r)
			own, secret := r.seed("maya", TokenSpec{Purpose: "p", ExpiresAt: testDay.Add(day)})
			m("PATCH", "/tokens", fmt.Sprintf(`{"token":"%d","expires_in":"240h","used":true,"purpose":"q"}`, own.ID), 204)
			now, _ := r.w.TokenByID(own.ID)
			r.must(now.ExpiresAt.Equal(testDay.Add(10*day)) && now.LastUsedAt.Equal(testDay) && now.Purpose == "q" && r.w.Authenticates(secret), "%+v", now)
			m("PATCH", "/tokens", fmt.Sprintf(`{"token":"%d","regenerate":true}`, own.ID), 204)
			now, _ = r.w.TokenByID(own.ID)
			r.must(now.State == StatePending && now.Hint != own.Hint && !r.w.Authenticates(secret), "%+v", now)
			m("PATCH", "/tokens", `{"token":"1","used":true}`, 400)

			m("PATCH", "/courses", `{"course":"bio201","state":"completed","ends_in":"-1h"}`, 204)
			c := r.w.Course("bio201")
			r.must(c.State == StateCompleted && c.RestrictToCourseDates && c.End.Equal(testDay.Add(-time.Hour)), "%+v", c)
			m("PATCH", "/courses", `{"course":"bio201","state":"gone"}`, 400)

			maya := r.w.User("maya").ID.String()
			m("DELETE", "/users", `{"user":"maya"}`, 204)
			r.as("dana").do("GET", "/api/v1/users/"+maya, nil).want(404)
			r.as("dana").do("GET", listPath(maya), nil).want(404)
			r.must(r.s.ActivateAs("maya", own.ID) != nil, "a deleted person activates a token")
			m("DELETE", "/users", `{"user":"maya"}`, 400)
		}},
		{12, "what calls cost is ordered, and what was refused is told", func(r *rig) {
			m := manage(r)
			m("PUT", "/throttle", `{"cost":0}`, 204)
			m("PUT", "/throttle", `{"method":"GET","route":"/api/v1/users/:id","cost":560}`, 204)
			r.as("dana").do("GET", "/api/v1/accounts/self", nil).want(200)
			r.as("dana").do("GET", "/api/v1/users/self", nil).want(200)
			r.as("dana").do("GET", "/api/v1/accounts/self", nil).want(403)
			r.must(strings.Contains(m("GET", "/throttle", "", 200), `"refused":1`), "not counted")
			m("PUT", "/throttle", `{"cost":-1}`, 400)
			m("PUT", "/throttle", `{"route":"/api/v1/users/:id","cost":1}`, 400)
		}},
	})
}

// manage returns a caller of the management port that checks the status and
// returns the body.
func manage(r *rig) func(method, path, body string, want int) string {
	h := r.s.ManageHandler()
	return func(method, path, body string, want int) string {
		r.t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(body)))
		if w.Code != want {
			r.t.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, want, w.Body)
		}
		return w.Body.String()
	}
}
