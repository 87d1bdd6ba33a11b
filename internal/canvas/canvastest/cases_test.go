package canvastest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// behaviour is one case, by a number of its own. In the files of cases these are
// the 72 that Canvas's specs of its TokensController and AccessToken assert.
type behaviour struct {
	number   int
	sentence string
	check    func(r *rig)
}

func run(t *testing.T, cases []behaviour) {
	t.Helper()
	for _, c := range cases {
		t.Run(fmt.Sprintf("%02d %s", c.number, c.sentence), func(t *testing.T) {
			t.Parallel()
			c.check(newRig(t))
		})
	}
}

func TestUnauthenticatedCases(t *testing.T) {
	t.Parallel()
	const body = `{"status":"unauthenticated","errors":[{"message":"user authorization required"}]}`
	none := func(method, path string) func(*rig) {
		return func(r *rig) {
			a := r.nobody().do(method, path, nil).want(401).body(body)
			r.must(a.header.Get("WWW-Authenticate") == `Bearer realm="canvas-lms"`, "the challenge is missing")
		}
	}
	run(t, []behaviour{
		{1, "creating without a credential is refused", none("POST", "/api/v1/users/self/tokens")},
		{2, "deleting without a credential is refused", none("DELETE", "/api/v1/users/self/tokens/5")},
		{3, "showing without a credential is refused", none("GET", "/api/v1/users/self/tokens/5")},
		{4, "listing without a credential is refused", none("GET", "/api/v1/users/self/user_generated_tokens")},
	})
}

func TestListingCases(t *testing.T) {
	t.Parallel()
	refusedIn := func(who, whom string) func(*rig) {
		return func(r *rig) {
			path := listPath(r.w.User(whom))
			r.as(who).do("GET", path, nil).want(403)
			r.w.SetEra(Era2)
			r.as(who).do("GET", path, nil).want(401)
			r.w.SetEra(Era1)
			r.as(who).do("GET", path, nil).want(404)
		}
	}
	run(t, []behaviour{
		{5, "an admin lists exactly a user's manual tokens", func(r *rig) {
			one, _ := r.seed("maya", TokenSpec{Purpose: "one"})
			two, _ := r.seed("maya", TokenSpec{Purpose: "two"})
			rows := decode[[]tokenBody](r.as("dana").do("GET", listPath(r.w.User("maya")), nil).want(200))
			r.must(len(rows) == 2 && rows[0].ID == one.ID && rows[1].ID == two.ID, "rows %v", rows)
			r.must(rows[0].Purpose == "one" && rows[1].Purpose == "two", "purposes %v", rows)
		}},
		{6, "a third-party token is not listed", func(r *rig) {
			manual, _ := r.seed("maya", TokenSpec{})
			r.seed("maya", TokenSpec{AppName: "Other App"})
			rows := decode[[]tokenBody](r.as("dana").do("GET", listPath(r.w.User("maya")), nil).want(200))
			r.must(len(rows) == 1 && rows[0].ID == manual.ID, "rows %v", rows)
		}},
		{7, "fifteen tokens come in two pages", func(r *rig) {
			for range 15 {
				r.seed("maya", TokenSpec{})
			}
			a := r.as("dana").do("GET", listPath(r.w.User("maya"))+"?per_page=10", nil).want(200)
			r.must(len(decode[[]tokenBody](a)) == 10, "rows")
			r.must(strings.Contains(a.header.Get("Link"), `rel="next"`), "no next in %q", a.header.Get("Link"))
		}},
		{8, "the oldest token comes first", func(r *rig) {
			young, _ := r.seed("maya", TokenSpec{})
			old, _ := r.seed("maya", TokenSpec{CreatedAt: testDay.Add(-day)})
			rows := decode[[]tokenBody](r.as("dana").do("GET", listPath(r.w.User("maya")), nil).want(200))
			r.must(rows[0].ID == old.ID && rows[1].ID == young.ID, "rows %v", rows)
		}},
		{9, "a row names its members as the serializer does", func(r *rig) {
			seeded, _ := r.seed("maya", TokenSpec{Purpose: "p", ExpiresAt: testDay.Add(day)})
			a := r.as("dana").do("GET", listPath(r.w.User("maya")), nil).want(200)
			a.body(fmt.Sprintf(`[{"id":%d,"user_id":%d,"purpose":"p","created_at":"2026-09-14T10:00:00Z",
				"updated_at":"2026-09-14T10:00:00Z","expires_at":"2026-09-15T10:00:00Z","workflow_state":"active",
				"scopes":[],"remember_access":null,"real_user_id":null,"app_name":"User-Generated",
				"last_used_at":null,"visible_token":"%s...","can_manually_regenerate":true}]`,
				seeded.ID, seeded.UserID, seeded.Hint))
		}},
		{10, "a user of another shard is listed too", func(r *rig) {
			luca, secret := r.seed("luca", TokenSpec{})
			r.must(strings.HasPrefix(secret, "901~"), "the secret carries no shard")
			path := "/api/v1/users/901~48213377/user_generated_tokens"
			rows := decode[[]tokenBody](r.as("dana").do("GET", path, nil).want(200))
			r.must(len(rows) == 1 && rows[0].ID == luca.ID && rows[0].UserID > 1<<53, "rows %v", rows)
		}},
		{11, "an unrelated user may not list another's", refusedIn("sam", "maya")},
		{12, "a user lists the user's own", func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{})
			rows := decode[[]tokenBody](r.as("maya").do("GET", listPath("self"), nil).want(200))
			r.must(len(rows) == 1 && rows[0].ID == own.ID, "rows %v", rows)
		}},
		{13, "a teacher may not list a student's", refusedIn("ana", "maya")},
		{14, "a student may not list a classmate's", refusedIn("luca", "maya")},
	})
}

func TestOwnTokenCases(t *testing.T) {
	t.Parallel()
	capped := func(asked string, want time.Duration) func(*rig) {
		return func(r *rig) {
			r.w.UpdateFlags(func(f *Flags) { f.SiteAdminAccessTokenExpiresIn = time.Hour })
			made := map[string]any{"purpose": "p"}
			if asked != "" {
				made["expires_at"] = asked
			}
			got := r.as("site-admin").do("POST", tokensPath("self"), tokenJSON(made)).want(200).token()
			r.must(got.ExpiresAt != nil && got.ExpiresAt.Equal(testDay.Add(want)), "expires %v", got.ExpiresAt)
		}
	}
	run(t, []behaviour{
		{15, "a past date is taken and the token is active", func(r *rig) {
			got := r.as("ana").do("POST", tokensPath("self"), "token[purpose]=test&token[expires_at]=jun+1+2011").want(200).token()
			r.must(got.State == "active" && got.AppName == DefaultKeyName && got.Purpose == "test", "%+v", got)
			// No zone in the text: the caller's, New York in summer.
			r.must(got.ExpiresAt.Equal(time.Date(2011, 6, 1, 4, 0, 0, 0, time.UTC)), "expires %v", got.ExpiresAt)
		}},
		{16, "the caller cannot choose the secret", func(r *rig) {
			a := r.as("ana").do("POST", tokensPath("self"), tokenJSON(map[string]any{"purpose": "p", "token": "chosen-by-me"})).want(200)
			r.must(!strings.Contains(a.raw, "chosen-by-me"), "the chosen text came back")
			r.must(r.w.Authenticates(a.token().secret()), "the generated secret does not work")
		}},
		{17, "a missing purpose is refused", func(r *rig) {
			r.as("ana").do("POST", tokensPath("self"), tokenJSON(map[string]any{"expires_at": ""})).want(400).
				body(`[{"message":"token[purpose] is missing"}]`)
		}},
		{18, "a site admin's token without expiry gets the cap", capped("", time.Hour)},
		{19, "a site admin's shorter expiry is kept", capped(in(30*time.Minute), 30*time.Minute)},
		{20, "a site admin's longer expiry is cut", capped(in(2*time.Hour), time.Hour)},
	})
}

func TestDeleteAndShowCases(t *testing.T) {
	t.Parallel()
	run(t, []behaviour{
		{21, "the owner deletes", func(r *rig) {
			own, secret := r.seed("maya", TokenSpec{})
			got := r.as("maya").do("DELETE", tokensPath("self", own), nil).want(200).token()
			r.must(got.ID == own.ID && got.State == "deleted" && !r.w.Authenticates(secret), "%+v", got)
		}},
		{22, "a site admin acting as the owner deletes", func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{})
			path := tokensPath("self", own) + "?as_user_id=" + r.w.User("maya").ID.String()
			r.w.SetEra(Era2)
			r.w.UpdateFlags(func(f *Flags) { f.StudentAccessTokenManagement, f.AdminManageAccessTokens = false, false })
			r.as("site-admin").do("DELETE", path, nil).want(401)
			r.w.SetEra(Era3)
			got := r.as("site-admin").do("DELETE", path, nil).want(200).token()
			r.must(got.ID == own.ID && got.State == "deleted", "%+v", got)
		}},
		{23, "somebody else's token under self is not found", func(r *rig) {
			other, _ := r.seed("luca", TokenSpec{})
			r.as("maya").do("DELETE", tokensPath("self", other), nil).want(404)
		}},
		{24, "an unrelated user finds no token to delete", func(r *rig) {
			own, secret := r.seed("maya", TokenSpec{})
			path := tokensPath(r.w.User("maya"), own)
			r.as("sam").do("DELETE", path, nil).want(404)
			r.w.SetEra(Era1)
			r.as("sam").do("DELETE", path, nil).want(401)
			r.must(r.w.Authenticates(secret), "the token is gone")
		}},
		{25, "an admin deletes by id, by hint and as the owner", func(r *rig) {
			maya := r.w.User("maya")
			one, _ := r.seed("maya", TokenSpec{})
			r.as("dana").do("DELETE", tokensPath(maya, one), nil).want(200)
			two, _ := r.seed("maya", TokenSpec{})
			got := r.as("dana").do("DELETE", tokensPath(maya, two.Hint), nil).want(200).token()
			r.must(got.ID == two.ID && got.State == "deleted", "%+v", got)
			three, _ := r.seed("maya", TokenSpec{})
			r.as("dana").do("DELETE", tokensPath("self", three)+"?as_user_id="+maya.ID.String(), nil).want(200)
		}},
		{26, "an admin without the feature option deletes nothing", func(r *rig) {
			own, secret := r.seed("maya", TokenSpec{})
			r.w.SetEra(Era1)
			r.w.UpdateFlags(func(f *Flags) { f.AdminManageAccessTokens = false })
			r.as("dana").do("DELETE", tokensPath(r.w.User("maya"), own), nil).want(401)
			r.must(r.w.Authenticates(secret), "the token is gone")
		}},
		{27, "the owner sees the hint only", func(r *rig) {
			own, secret := r.seed("maya", TokenSpec{})
			a := r.as("maya").do("GET", tokensPath("self", own), nil).want(200)
			r.must(a.token().secret() == secret[:5]+"..." && !strings.Contains(a.raw, secret), "%s", a.raw)
		}},
		{28, "a third-party token shows no hint", func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{AppName: "Other App"})
			a := r.as("maya").do("GET", tokensPath("self", own), nil).want(200)
			r.must(!strings.Contains(a.raw, own.Hint) && a.token().VisibleToken == nil, "%s", a.raw)
		}},
		{29, "somebody else's token under self is not shown", func(r *rig) {
			other, _ := r.seed("luca", TokenSpec{})
			r.as("maya").do("GET", tokensPath("self", other), nil).want(404)
		}},
	})
}
