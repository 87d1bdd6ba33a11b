package canvastest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	self := func(c *caller) answer { return c.do("GET", "/api/v1/users/self", nil) }
	const invalid = `{"errors":[{"message":"Invalid access token."}]}`
	run(t, []behaviour{
		{1, "a made-up token is invalid", func(r *rig) {
			a := self(r.with("nonsense")).want(401).body(invalid)
			r.must(a.header.Get("WWW-Authenticate") != "", "no challenge")
		}},
		{2, "a pending token is invalid", func(r *rig) {
			_, secret := r.seed("maya", TokenSpec{State: StatePending})
			self(r.with(secret)).want(401).body(invalid)
		}},
		{3, "a deleted token is revoked, in older servers invalid", func(r *rig) {
			made, secret := r.seed("maya", TokenSpec{})
			r.must(r.w.DeleteTokenBehind(made.ID), "not deleted")
			self(r.with(secret)).want(401).body(`{"errors":[{"message":"Revoked access token."}]}`)
			r.w.SetEra(Era1)
			self(r.with(secret)).want(401).body(invalid)
		}},
		{4, "a suspended login stops the user's tokens", func(r *rig) {
			_, secret := r.seed("yuki", TokenSpec{})
			self(r.with(secret)).want(401).body(invalid)
			r.w.SetLoginState("yuki", StateActive)
			self(r.with(secret)).want(200)
		}},
		{5, "the scheme is Bearer, case-sensitively", func(r *rig) {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", r.s.InstitutionURL()+"/api/v1/users/self", nil)
			req.Header.Set("Authorization", "bearer "+r.w.ServiceToken())
			res, err := r.client.Do(req)
			r.must(err == nil && res.StatusCode == 401, "%v", res)
			_ = res.Body.Close()
		}},
		{6, "the query parameter access_token works and is not repeated in links", func(r *rig) {
			a := r.nobody().do("GET", listPath("self")+"?access_token="+r.w.ServiceToken(), nil).want(200)
			r.must(!strings.Contains(a.header.Get("Link"), "access_token"), "%s", a.header.Get("Link"))
		}},
		{7, "the last use is written once in ten minutes", func(r *rig) {
			made, secret := r.seed("ana", TokenSpec{})
			last := func() time.Time {
				self(r.with(secret)).want(200)
				now, _ := r.w.TokenByID(made.ID)
				return now.LastUsedAt
			}
			r.must(last().Equal(testDay), "first use")
			r.w.Clock.Advance(9 * time.Minute)
			r.must(last().Equal(testDay), "moved within ten minutes")
			r.w.Clock.Advance(2 * time.Minute)
			r.must(last().Equal(testDay.Add(11*time.Minute)), "did not move after ten minutes")
		}},
		{8, "a call without a User-Agent is forbidden", func(r *rig) {
			c := r.as("dana")
			c.agent = ""
			self(c).want(403).body(`{"error":"Forbidden","message":"You are not authorized to access this site because you have not provided a valid user agent."}`)
			r.w.SetEra(Era2)
			self(c).want(200)
		}},
		{9, "a session needs the anti-forgery token to write", func(r *rig) {
			c := &caller{r: r, cookies: []*http.Cookie{r.s.Session("ana")}, agent: "x"}
			self(c).want(200)
			req, _ := http.NewRequestWithContext(t.Context(), "POST", r.s.InstitutionURL()+tokensPath("self"), strings.NewReader("token[purpose]=p"))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("User-Agent", "x")
			req.AddCookie(c.cookies[0])
			res, err := r.client.Do(req)
			r.must(err == nil && res.StatusCode == 422, "%v", res)
			_ = res.Body.Close()
		}},
		{10, "the service token belongs to an account admin", func(r *rig) {
			a := r.with(r.w.ServiceToken()).do("GET",
				"/api/v1/accounts/self/permissions?permissions[]=create_access_tokens&permissions[]=no_such_thing", nil)
			a.want(200).body(`{"create_access_tokens":true,"no_such_thing":false}`)
		}},
	})
}

func TestActivationNeedsTheOwnersBrowser(t *testing.T) {
	t.Parallel()
	path := func(tok Token) string { return "/profile/tokens/" + tok.ID.String() + "/activate" }
	run(t, []behaviour{
		{1, "a Bearer token is not signed in there", func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{State: StatePending})
			c := r.as("maya")
			a := c.do("POST", path(own), nil).want(302)
			r.must(strings.HasSuffix(a.header.Get("Location"), "/login"), "%v", a.header)
			c.accept = "application/json"
			c.do("POST", path(own), nil).want(401).
				body(`{"status":"unauthenticated","errors":[{"message":"user authorization required"}]}`)
		}},
		{2, "somebody else's token is not found", func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{State: StatePending})
			r.inBrowser("luca", "canvas").do("POST", path(own), nil).want(404)
			r.inBrowser("dana", "canvas").do("POST", path(own), nil).want(404)
			r.must(r.s.ActivateAs("luca", own.ID) != nil, "luca activated Maya's token")
		}},
		{3, "there is no such call under /api", func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{State: StatePending})
			r.as("maya").do("POST", "/api/v1"+path(own), nil).want(404)
		}},
		{4, "the owner's own regenerate leaves a pending token pending", func(r *rig) {
			own, _ := r.seed("ana", TokenSpec{State: StatePending})
			got := r.as("ana").do("PUT", tokensPath("self", own), tokenJSON(map[string]any{"regenerate": 1})).want(200).token()
			r.must(got.State == "pending", "%+v", got)
		}},
	})
}

func TestMasquerade(t *testing.T) {
	t.Parallel()
	const invalid = `{"errors":"Invalid as_user_id"}`
	as := func(r *rig, who, whom string) answer {
		return r.as(who).do("GET", "/api/v1/users/self?as_user_id="+whom, nil)
	}
	id := func(r *rig, key string) string { return r.w.User(key).ID.String() }
	run(t, []behaviour{
		{1, "an admin sees self as the target", func(r *rig) {
			got := decode[tokenBody](as(r, "dana", id(r, "maya")).want(200))
			r.must(got.ID == r.w.User("maya").ID, "%v", got.ID)
			as(r, "dana", "sis_login_id:MCHEN").want(200)
		}},
		{2, "a person without become_user is refused", func(r *rig) {
			as(r, "ana", id(r, "maya")).want(401).body(invalid)
			as(r, "lena", id(r, "maya")).want(401).body(invalid)
		}},
		{3, "an admin may not become one with more rights", func(r *rig) {
			as(r, "dana", id(r, "site-admin")).want(401).body(invalid)
			as(r, "site-admin", id(r, "dana")).want(200)
			r.w.AddRole("root", Role{Key: "narrow", Name: "Narrow", BaseType: AccountMembership, Permissions: grants(PermBecomeUser)})
			r.w.AddAdmin("sam", "root", "narrow")
			as(r, "sam", id(r, "maya")).want(200)
			as(r, "sam", id(r, "dana")).want(401).body(invalid)
			as(r, "sam", id(r, "ingrid")).want(401).body(invalid)
		}},
		{4, "a merged user names the user merged into", func(r *rig) {
			a := as(r, "dana", id(r, "rosa-old")).want(401)
			r.must(strings.Contains(a.raw, fmt.Sprintf(`"merged_into_user_id":%d`, r.w.User("rosa").ID)), "%s", a.raw)
		}},
		{5, "the student rule then binds the admin", func(r *rig) {
			path := tokensPath("self") + "?as_user_id=" + id(r, "maya")
			r.as("dana").do("POST", path, tokenJSON(map[string]any{"purpose": "p"})).want(400)
		}},
		{6, "a masquerade token cannot change masquerade", func(r *rig) {
			made, secret := r.seed("dana", TokenSpec{})
			r.w.UpdateToken(made.ID, func(t *Token) { t.RealUserID = 1 })
			r.with(secret).do("GET", "/api/v1/users/self?as_user_id="+id(r, "maya"), nil).want(401).
				body(`{"errors":"Cannot change masquerade"}`)
		}},
	})
}

func TestFindingPeople(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya, rosa, old := r.w.User("maya"), r.w.User("rosa"), r.w.User("rosa-old")
	for sentence, c := range map[string]struct {
		path string
		want ID // 0: not found
	}{
		"a number":                             {maya.ID.String(), maya.ID},
		"the global id of this shard":          {fmt.Sprintf("17%013d", maya.ID), maya.ID},
		"the short form of this shard":         {"17~" + maya.ID.String(), maya.ID},
		"a user of another shard":              {"9010000048213377", r.w.User("luca").ID},
		"a SIS id":                             {"sis_user_id:S1048821", maya.ID},
		"a SIS id in hex":                      {"hex:sis_user_id:5331303438383231", maya.ID},
		"a login in any case":                  {"sis_login_id:MChen", maya.ID},
		"the LTI 1.3 id":                       {"lti_1_3_id:" + maya.LTIID, maya.ID},
		"the LTI 1.3 id under the 1.1 prefix":  {"lti_user_id:" + maya.LTIID, 0},
		"the LTI 1.1 id":                       {"lti_user_id:" + maya.LTI11ID, maya.ID},
		"the LTI 1.1 id, newer prefix":         {"lti_1_1_id:" + maya.LTI11ID, maya.ID},
		"the uuid":                             {"uuid:" + maya.UUID, maya.ID},
		"a merged user's old LTI 1.3 id":       {"lti_1_3_id:" + old.LTIID, 0},
		"a merged user's old LTI 1.1 id":       {"lti_user_id:" + old.LTI11ID, rosa.ID},
		"a merged user's old 1.1 id, current":  {"lti_1_1_id:" + old.LTI11ID, 0},
		"a merged user's old number":           {old.ID.String(), 0},
		"a deleted user":                       {r.w.User("former").ID.String(), 0},
		"an empty SIS id matches nobody":       {"sis_user_id:", 0},
		"an unknown prefix":                    {"nickname:maya", 0},
		"a number that no user has":            {"7", 0},
		"a SIS id of a person who has no such": {"sis_user_id:" + r.w.User("kofi").Key, 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			a := r.as("dana").do("GET", "/api/v1/users/"+c.path, nil)
			a.t = t
			if c.want == 0 {
				a.want(404).body(`{"errors":[{"message":"The specified resource does not exist."}]}`)
				return
			}
			if got := decode[tokenBody](a.want(200)).ID; got != c.want {
				t.Errorf("found %d, want %d", got, c.want)
			}
		})
	}
}
