package canvastest

import (
	"strings"
	"testing"
	"time"
)

func TestUpdateCases(t *testing.T) {
	t.Parallel()
	run(t, []behaviour{
		{30, "a new purpose changes nothing else", func(r *rig) {
			own, secret := r.seed("ana", TokenSpec{Purpose: "old"})
			got := r.as("ana").do("PUT", tokensPath("self", own), tokenJSON(map[string]any{"purpose": "new"})).want(200).token()
			r.must(got.Purpose == "new" && got.State == "active" && got.secret() == secret[:5]+"...", "%+v", got)
		}},
		{31, "an omitted expiry stays, except in E1", func(r *rig) {
			ends := testDay.Add(day)
			own, _ := r.seed("ana", TokenSpec{ExpiresAt: ends})
			path, change := tokensPath("self", own), tokenJSON(map[string]any{"purpose": "new"})
			got := r.as("ana").do("PUT", path, change).want(200).token()
			r.must(got.ExpiresAt != nil && got.ExpiresAt.Equal(ends), "expires %v", got.ExpiresAt)
			r.w.SetEra(Era1)
			got = r.as("ana").do("PUT", path, change).want(200).token()
			r.must(got.ExpiresAt == nil, "E1 kept %v", got.ExpiresAt)
		}},
		{32, "the owner regenerates and stays active", func(r *rig) {
			own, secret := r.seed("ana", TokenSpec{})
			got := r.as("ana").do("PUT", tokensPath("self", own), tokenJSON(map[string]any{"regenerate": 1})).want(200).token()
			r.must(got.State == "active" && len(got.secret()) == 64 && got.secret() != secret, "%+v", got)
			// 68: the old secret dies at once, the new one works.
			r.must(!r.w.Authenticates(secret) && r.w.Authenticates(got.secret()), "secrets were not exchanged")
		}},
		{33, "regenerating a third-party token is ignored", func(r *rig) {
			own, secret := r.seed("ana", TokenSpec{AppName: "Other App"})
			a := r.as("ana").do("PUT", tokensPath("self", own), tokenJSON(map[string]any{"regenerate": "1"})).want(200)
			r.must(!strings.Contains(a.raw, own.Hint) && r.w.Authenticates(secret), "%s", a.raw)
		}},
		{34, "regenerating an expired token needs an expiry", func(r *rig) {
			own, _ := r.seed("ana", TokenSpec{ExpiresAt: testDay.Add(-day)})
			r.as("ana").do("PUT", tokensPath("self", own), tokenJSON(map[string]any{"regenerate": true})).want(400).
				body(`{"errors":{"message":"cannot regenerate an expired token without a new expiration date"}}`)
		}},
		{35, "regenerating an expired token with an expiry works", func(r *rig) {
			own, _ := r.seed("ana", TokenSpec{ExpiresAt: testDay.Add(-day)})
			got := r.as("ana").do("PUT", tokensPath("self", own), tokenJSON(map[string]any{
				"regenerate": true, "expires_at": in(day),
			})).want(200).token()
			r.must(got.ExpiresAt.Equal(testDay.Add(day)) && r.w.Authenticates(got.secret()), "%+v", got)
		}},
		{36, "a non-admin finds no token of another to change", func(r *rig) {
			other, _ := r.seed("maya", TokenSpec{})
			r.as("ana").do("PUT", tokensPath(r.w.User("maya"), other), tokenJSON(map[string]any{"purpose": "x"})).want(404)
		}},
		{37, "the owner activates a pending token in the browser", func(r *rig) {
			own, secret := r.seed("maya", TokenSpec{State: StatePending})
			browser := r.inBrowser("maya", "canvas")
			got := browser.do("POST", "/profile/tokens/"+own.ID.String()+"/activate", "extra=1").want(200).token()
			r.must(got.State == "active" && got.secret() == secret[:5]+"..." && r.w.Authenticates(secret), "%+v", got)
		}},
		{38, "an active token cannot be activated", func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{})
			r.inBrowser("maya", "canvas").do("POST", "/profile/tokens/"+own.ID.String()+"/activate", nil).want(400).
				body(`{"errors":{"token":["is already active"]}}`)
		}},
	})
}

const deniedBody = `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`

// deniedThenOld checks a call in E3 and in E2, where the status was 401.
func (r *rig) deniedThenOld(settings func(*Flags), call func() answer) {
	r.t.Helper()
	call().want(403).body(deniedBody)
	r.w.SetEra(Era2)
	r.w.UpdateFlags(settings)
	call().want(401).body(deniedBody)
}

func TestLimitCases(t *testing.T) {
	t.Parallel()
	limit := func(f *Flags) { f.LimitPersonalAccessTokens = true }
	plain := tokenJSON(map[string]any{"purpose": "p", "expires_at": in(day)})
	again := tokenJSON(map[string]any{"regenerate": 1})
	limited := func(check func(*rig)) func(*rig) {
		return func(r *rig) {
			r.w.UpdateFlags(limit)
			check(r)
		}
	}
	as := func(r *rig, user string) string { return "?as_user_id=" + r.w.User(user).ID.String() }
	run(t, []behaviour{
		{39, "with the limit on a non-admin creates nothing", limited(func(r *rig) {
			r.deniedThenOld(limit, func() answer { return r.as("ana").do("POST", tokensPath("self"), plain) })
			r.must(len(r.w.UsableTokens("ana")) == 1, "a token was created")
		})},
		{40, "with the limit on a non-admin regenerates nothing", limited(func(r *rig) {
			own, secret := r.seed("ana", TokenSpec{})
			r.deniedThenOld(limit, func() answer { return r.as("ana").do("PUT", tokensPath("self", own), again) })
			r.must(r.w.Authenticates(secret), "the secret changed")
		})},
		{41, "with the limit on an admin creates for the admin", limited(func(r *rig) {
			got := r.as("dana").do("POST", tokensPath("self"), plain).want(200).token()
			r.must(got.State == "active", "%+v", got)
		})},
		{42, "with the limit on an admin regenerates the admin's own", limited(func(r *rig) {
			own, _ := r.seed("dana", TokenSpec{})
			got := r.as("dana").do("PUT", tokensPath("self", own), again).want(200).token()
			r.must(got.State == "active", "%+v", got)
		})},
		{43, "an admin creates for another: pending, and the full secret", limited(func(r *rig) {
			maya := r.w.User("maya")
			got := r.as("dana").do("POST", tokensPath(maya), plain).want(200).token()
			r.must(got.UserID == maya.ID && got.State == "pending" && got.AppName == DefaultKeyName, "%+v", got)
			r.must(got.ExpiresAt.Equal(testDay.Add(day)) && got.RealUserID == nil, "%+v", got)
			r.must(len(got.secret()) == 64 && !r.w.Authenticates(got.secret()), "a pending token works")
			notices := r.w.Notices()
			r.must(len(notices) > 0 && notices[len(notices)-1].UserID == maya.ID, "no mail to the owner")
			r.must(r.s.ActivateAs("maya", got.ID) == nil && r.w.Authenticates(got.secret()), "not active")
		})},
		{44, "an admin without the permission, acting as A, creates nothing for B", limited(func(r *rig) {
			call := func() answer {
				r.w.SetPermission("account-admin", PermCreateTokens, false)
				return r.as("dana").do("POST", tokensPath(r.w.User("luca"))+as(r, "maya"), plain)
			}
			r.deniedThenOld(limit, call)
		})},
		{45, "an admin regenerates another's token: pending again", limited(func(r *rig) {
			own, secret := r.seed("maya", TokenSpec{})
			got := r.as("dana").do("PUT", tokensPath(r.w.User("maya"), own), again).want(200).token()
			r.must(got.State == "pending" && !r.w.Authenticates(secret) && len(got.secret()) == 64, "%+v", got)
			notices := r.w.Notices()
			r.must(notices[len(notices)-1].Kind == NoticeOnBehalf, "%v", notices)
		})},
		{46, "an admin acting as X creates on self: X's, pending", limited(func(r *rig) {
			got := r.as("dana").do("POST", tokensPath("self")+as(r, "maya"), plain).want(200).token()
			r.must(got.UserID == r.w.User("maya").ID && got.State == "pending", "%+v", got)
		})},
		{47, "the same without the permission is refused", limited(func(r *rig) {
			r.w.SetPermission("account-admin", PermCreateTokens, false)
			r.deniedThenOld(limit, func() answer {
				return r.as("dana").do("POST", tokensPath("self")+as(r, "maya"), plain)
			})
		})},
		{48, "an admin acting as X regenerates on self: pending", limited(func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{})
			got := r.as("dana").do("PUT", tokensPath("self", own)+as(r, "maya"), again).want(200).token()
			r.must(got.State == "pending", "%+v", got)
		})},
	})
}

func TestRestrictionCases(t *testing.T) {
	t.Parallel()
	restrict := func(f *Flags) { f.RestrictPersonalAccessTokensFromStudents = true }
	plain := tokenJSON(map[string]any{"purpose": "p", "expires_at": in(day)})
	again := tokenJSON(map[string]any{"regenerate": 1})
	refused := func(user string, prepare func(*rig)) func(*rig) {
		return func(r *rig) {
			if prepare != nil {
				prepare(r)
			}
			r.w.UpdateFlags(restrict)
			own, _ := r.seed(user, TokenSpec{})
			create := func() answer { return r.as(user).do("POST", tokensPath("self"), plain) }
			create().want(403)
			r.deniedThenOld(restrict, func() answer { return r.as(user).do("PUT", tokensPath("self", own), again) })
			create().want(401)
		}
	}
	admitted := func(user string, restricted bool) func(*rig) {
		return func(r *rig) {
			r.w.UpdateFlags(func(f *Flags) { f.RestrictPersonalAccessTokensFromStudents = restricted })
			own, _ := r.seed(user, TokenSpec{})
			r.as(user).do("POST", tokensPath("self"), plain).want(200)
			r.as(user).do("PUT", tokensPath("self", own), again).want(200)
		}
	}
	run(t, []behaviour{
		{49, "a user with no roles is refused", refused("sam", nil)},
		{50, "a student is refused", refused("maya", nil)},
		{51, "an observer is refused", refused("omar", nil)},
		{52, "a student who observes is refused", refused("omar", func(r *rig) { r.w.Enroll("omar", "chem110", StudentEnrollment) })},
		{53, "a teacher is admitted", admitted("ana", true)},
		{54, "a student who teaches is admitted", admitted("noor", true)},
		{55, "without the settings a plain user is admitted", admitted("sam", false)},
	})
}

func TestGateAndExpiryCases(t *testing.T) {
	t.Parallel()
	sends := func(expires any) map[string]any {
		return tokenJSON(map[string]any{"purpose": "p", "expires_at": expires})
	}
	never := func(user string) func(*rig) {
		return func(r *rig) {
			got := r.as(user).do("POST", tokensPath("self"), sends("")).want(200).token()
			r.must(got.ExpiresAt == nil, "expires %v", got.ExpiresAt)
		}
	}
	run(t, []behaviour{
		{56, "a session of the elevated provider creates", func(r *rig) {
			r.w.UpdateFlags(func(f *Flags) { f.ElevatedProvider = "saml-mfa" })
			r.inBrowser("dana", "saml-mfa").do("POST", tokensPath("self"), sends("")).want(200)
		}},
		{57, "a session of another provider creates nothing", func(r *rig) {
			r.w.UpdateFlags(func(f *Flags) { f.ElevatedProvider = "saml-mfa" })
			r.inBrowser("dana", "canvas").do("POST", tokensPath("self"), sends("")).want(403).body(deniedBody)
			r.must(len(r.w.Tokens("dana")) == 0, "a token was created")
		}},
		{58, "an admin may leave the expiry empty", never("dana")},
		{59, "a teacher may leave the expiry empty", never("ana")},
		{60, "a student who teaches may leave the expiry empty", never("noor")},
		{61, "a student must give an expiry", func(r *rig) {
			r.as("maya").do("POST", tokensPath("self"), sends("")).want(400).body(`[{"message":"Expiration date is required"}]`)
			r.w.SetEra(Era2)
			r.as("maya").do("POST", tokensPath("self"), sends("")).want(500)
			r.as("maya").do("POST", tokensPath("self"), tokenJSON(map[string]any{"purpose": "p"})).want(400)
		}},
		{62, "a student may not ask for 121 days", func(r *rig) {
			r.as("maya").do("POST", tokensPath("self"), sends(in(121*day))).want(400).
				body(`[{"message":"Expiration date cannot be more than 120 days in the future"}]`)
		}},
		{63, "a student may ask for a day or 119", func(r *rig) {
			r.as("maya").do("POST", tokensPath("self"), sends(in(day))).want(200)
			r.as("maya").do("POST", tokensPath("self"), sends(in(119*day))).want(200)
		}},
		{64, "in E2 without the flag a student may leave it empty", func(r *rig) {
			r.w.SetEra(Era2)
			r.w.UpdateFlags(func(f *Flags) { f.StudentAccessTokenManagement = false })
			got := r.as("maya").do("POST", tokensPath("self"), sends("")).want(200).token()
			r.must(got.ExpiresAt == nil, "expires %v", got.ExpiresAt)
		}},
		{65, "without the feature acting as X creates nothing", func(r *rig) {
			r.w.SetEra(Era2)
			r.w.UpdateFlags(func(f *Flags) { f.AdminManageAccessTokens = false })
			as := "?as_user_id=" + r.w.User("ana").ID.String()
			r.as("site-admin").do("POST", tokensPath("self")+as, sends("")).want(401)
		}},
		{66, "without the feature acting as X regenerates nothing", func(r *rig) {
			r.w.SetEra(Era2)
			r.w.UpdateFlags(func(f *Flags) { f.AdminManageAccessTokens = false })
			own, secret := r.seed("ana", TokenSpec{})
			as := "?as_user_id=" + r.w.User("ana").ID.String()
			r.as("site-admin").do("PUT", tokensPath("self", own)+as, tokenJSON(map[string]any{"regenerate": 1})).want(401)
			r.must(r.w.Authenticates(secret), "the secret changed")
		}},
		{69, "an expired token does not authenticate", func(r *rig) {
			_, secret := r.seed("ana", TokenSpec{ExpiresAt: testDay.Add(time.Hour)})
			r.with(secret).do("GET", "/api/v1/users/self", nil).want(200)
			r.w.Clock.Advance(2 * time.Hour)
			r.with(secret).do("GET", "/api/v1/users/self", nil).want(401).
				body(`{"errors":[{"message":"Expired access token.","expired_at":"2026-09-14T11:00:00Z"}]}`)
		}},
		{70, "scopes outside the key's are refused when the key requires them", func(r *rig) {
			r.w.UpdateFlags(func(f *Flags) {
				f.KeyRequiresScopes, f.KeyScopes = true, []string{"url:GET|/api/v1/users/:id"}
			})
			made := func(scope string) answer {
				return r.as("ana").do("POST", tokensPath("self"), tokenJSON(map[string]any{
					"purpose": "p", "scopes": []string{scope},
				}))
			}
			a := made("url:GET|/api/v1/courses/:id").want(400)
			r.must(strings.Contains(a.raw, "requested scopes must match scopes on developer key"), "%s", a.raw)
			secret := made("url:GET|/api/v1/users/:id").want(200).token().secret()
			r.with(secret).do("GET", "/api/v1/users/self", nil).want(200)
			r.with(secret).do("GET", "/api/v1/users/self/profile", nil).want(403).
				body(`{"errors":[{"message":"Insufficient scopes on access token."}]}`)
		}},
	})
}

func TestScopePatterns(t *testing.T) {
	t.Parallel()
	for sentence, c := range map[string]struct {
		scope, method, path string
		want                bool
	}{
		"71 a segment is one path element":      {"url:GET|/a/:b/c", "GET", "/a/7/c", true},
		"71 a segment does not span a slash":    {"url:GET|/a/:b/c", "GET", "/a/7/8/c", false},
		"71 a glob is the rest":                 {"url:GET|/a/*rest", "GET", "/a/7/8/c", true},
		"71 an optional segment may be missing": {"url:GET|/a(/:b)", "GET", "/a", true},
		"71 an optional segment may be there":   {"url:GET|/a(/:b)", "GET", "/a/7", true},
		"71 a format is optional":               {"url:GET|/a/:b(.:format)", "GET", "/a/7.json", true},
		"71 HEAD counts as GET":                 {"url:GET|/a", "HEAD", "/a", true},
		"71 another method does not match":      {"url:GET|/a", "POST", "/a", false},
		"71 the token path is always admitted":  {"url:GET|/a", "POST", "/login/oauth2/token", true},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			if got := scopeMatches(c.scope, c.method, c.path); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
