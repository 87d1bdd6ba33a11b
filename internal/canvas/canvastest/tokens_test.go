package canvastest

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The readings below are inferred from Canvas's source, or unconfirmed: no spec of
// Canvas states them.

func TestCreateOrderAndBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya := r.w.User("maya")
	long := strings.Repeat("x", 256)
	for sentence, c := range map[string]struct {
		caller, owner string
		body          any
		status        int
		want          string
	}{
		"a missing hash": {"dana", maya.ID.String(), nil, 400, `{"errors":[{"message":"token is missing"}]}`},
		"an empty hash":  {"dana", maya.ID.String(), tokenJSON(map[string]any{}), 400, `{"errors":[{"message":"token is missing"}]}`},
		"a bad body before the permission": {
			"luca", maya.ID.String(), tokenJSON(map[string]any{"expires_at": "x"}), 400, `[{"message":"token[purpose] is missing"}]`,
		},
		"the student rule before the permission": {
			"luca", maya.ID.String(), tokenJSON(map[string]any{"purpose": "p"}), 400, `[{"message":"Expiration date is required"}]`,
		},
		"a student's unreadable date": {
			"maya", "self", tokenJSON(map[string]any{"purpose": "p", "expires_at": "soon"}), 400, `[{"message":"Invalid expiration date format"}]`,
		},
		"the permission before the save": {
			"ana", maya.ID.String(), tokenJSON(map[string]any{"purpose": ""}), 403, deniedBody,
		},
		"an empty purpose": {
			"dana", maya.ID.String(), "token[purpose]=", 400,
			`{"errors":{"purpose":[{"attribute":"purpose","type":"too_short","message":"is too short (minimum is 1 character)"}]}}`,
		},
		"a null purpose": {
			"dana", maya.ID.String(), tokenJSON(map[string]any{"purpose": nil}), 400,
			`{"errors":{"purpose":[{"attribute":"purpose","type":"too_short","message":"is too short (minimum is 1 character)"}]}}`,
		},
		"a purpose of 256 characters": {
			"dana", maya.ID.String(), tokenJSON(map[string]any{"purpose": long}), 400,
			`{"errors":{"purpose":[{"attribute":"purpose","type":"too_long","message":"is too long (maximum is 255 characters)"}]}}`,
		},
		"an unknown owner":      {"dana", "7", nil, 404, `{"errors":[{"message":"The specified resource does not exist."}]}`},
		"a limited root role":   {"lena", maya.ID.String(), tokenJSON(map[string]any{"purpose": "p"}), 403, deniedBody},
		"a sub-account's admin": {"ingrid", maya.ID.String(), tokenJSON(map[string]any{"purpose": "p"}), 403, deniedBody},
	} {
		t.Run(sentence, func(t *testing.T) {
			a := r.as(c.caller).do("POST", tokensPath(c.owner), c.body)
			a.t = t
			a.want(c.status).body(c.want)
		})
	}
	r.must(len(r.w.UsableTokens("maya")) == 1, "a refused call left a token")
}

func TestInferredReadings(t *testing.T) {
	t.Parallel()
	run(t, []behaviour{
		{1, "an admin may create for a student without expiry", func(r *rig) {
			got := r.as("dana").do("POST", tokensPath(r.w.User("maya")), "token[purpose]=p").want(200).token()
			r.must(got.ExpiresAt == nil && got.State == "pending", "%+v", got)
		}},
		{2, "an unreadable date of a teacher silently means never", func(r *rig) {
			got := r.as("ana").do("POST", tokensPath("self"), "token[purpose]=p&token[expires_at]=whenever").want(200).token()
			r.must(got.ExpiresAt == nil, "%+v", got)
		}},
		{3, "an admin reads another's manual token but not a third-party one", func(r *rig) {
			manual, _ := r.seed("maya", TokenSpec{})
			other, _ := r.seed("maya", TokenSpec{AppName: "Other App"})
			maya := r.w.User("maya")
			r.as("dana").do("GET", tokensPath(maya, manual), nil).want(200)
			r.as("dana").do("GET", tokensPath(maya, other), nil).want(403).body(deniedBody)
			r.as("ana").do("GET", tokensPath(maya, manual), nil).want(403).body(deniedBody)
			r.w.SetEra(Era1)
			r.as("dana").do("GET", tokensPath(maya, manual), nil).want(401).body(deniedBody)
		}},
		{4, "a PUT with only an unknown key changes nothing", func(r *rig) {
			own, secret := r.seed("maya", TokenSpec{Purpose: "p", ExpiresAt: testDay.Add(day)})
			r.w.Clock.Advance(time.Hour)
			got := r.as("dana").do("PUT", tokensPath(r.w.User("maya"), own), "token[x]=").want(200).token()
			now, _ := r.w.TokenByID(own.ID)
			r.must(got.State == "active" && now.UpdatedAt.Equal(own.UpdatedAt) && r.w.Authenticates(secret), "%+v", now)
			r.as("dana").do("PUT", tokensPath(r.w.User("maya"), own), nil).want(400).body(`{"errors":[{"message":"token is missing"}]}`)
		}},
		{5, "an admin extends an active token without a new activation", func(r *rig) {
			own, secret := r.seed("maya", TokenSpec{ExpiresAt: testDay.Add(day)})
			got := r.as("dana").do("PUT", tokensPath(r.w.User("maya"), own),
				tokenJSON(map[string]any{"expires_at": in(300 * day)})).want(200).token()
			r.must(got.State == "active" && got.ExpiresAt.Equal(testDay.Add(300*day)) && r.w.Authenticates(secret), "%+v", got)
		}},
		{6, "a frozen expiry does not move and the call succeeds", func(r *rig) {
			r.w.UpdateFlags(func(f *Flags) { f.FreezeExpiryOnUpdate = true })
			own, _ := r.seed("maya", TokenSpec{ExpiresAt: testDay.Add(day)})
			got := r.as("dana").do("PUT", tokensPath(r.w.User("maya"), own),
				tokenJSON(map[string]any{"expires_at": in(3 * day)})).want(200).token()
			r.must(got.ExpiresAt.Equal(testDay.Add(day)), "%v", got.ExpiresAt)
		}},
		{7, "a deleted token is not found again, unless the switch says so", func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{})
			path := tokensPath(r.w.User("maya"), own)
			r.as("dana").do("DELETE", path, nil).want(200)
			r.as("dana").do("DELETE", path, nil).want(404)
			r.as("dana").do("GET", path, nil).want(404)
			r.w.UpdateFlags(func(f *Flags) { f.DeletedTokensFound = true })
			got := r.as("dana").do("DELETE", path, nil).want(200).token()
			r.must(got.State == "deleted", "%+v", got)
		}},
		{8, "another owner's path does not find the token", func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{})
			r.as("dana").do("GET", tokensPath(r.w.User("ana"), own), nil).want(404)
		}},
		{9, "a chosen owner's expiry is cut without a word", func(r *rig) {
			r.w.UpdateFlags(func(f *Flags) { f.CappedUsers = map[string]time.Duration{"maya": 30 * day} })
			got := r.as("dana").do("POST", tokensPath(r.w.User("maya")),
				tokenJSON(map[string]any{"purpose": "p", "expires_at": in(90 * day)})).want(200).token()
			r.must(got.ExpiresAt.Equal(testDay.Add(30*day)), "%v", got.ExpiresAt)
		}},
		{10, "the non-admin rule binds teachers but not admins", func(r *rig) {
			r.w.UpdateFlags(func(f *Flags) { f.NonAdminAccessTokenExpiration = true })
			r.as("ana").do("POST", tokensPath("self"), "token[purpose]=p").want(400)
			r.as("ana").do("POST", tokensPath("self"), tokenJSON(map[string]any{"purpose": "p", "expires_at": in(day)})).want(200)
			r.as("dana").do("POST", tokensPath("self"), "token[purpose]=p").want(200)
		}},
		{11, "in E1 no purpose is needed and last_used_at is absent", func(r *rig) {
			r.w.SetEra(Era1)
			a := r.as("dana").do("POST", tokensPath(r.w.User("maya")), "token[x]=1").want(200)
			r.must(!strings.Contains(a.raw, "last_used_at") && a.token().State == "pending", "%s", a.raw)
			r.w.SetEra(Era1b)
			r.as("dana").do("POST", tokensPath(r.w.User("maya")), "token[x]=1").want(400)
		}},
		{12, "ending a user's sessions deletes the tokens", func(r *rig) {
			_, secret := r.seed("maya", TokenSpec{})
			browser := r.inBrowser("maya", "canvas")
			r.as("ana").do("DELETE", "/api/v1/users/"+r.w.User("maya").ID.String()+"/sessions", nil).want(403)
			r.as("dana").do("DELETE", "/api/v1/users/"+r.w.User("maya").ID.String()+"/sessions", nil).want(200)
			r.must(!r.w.Authenticates(secret), "the token still works")
			browser.do("GET", "/api/v1/users/self", nil).want(401)
		}},
		{13, "ids are strings when asked", func(r *rig) {
			luca := r.w.User("luca")
			c := r.as("dana")
			c.accept = "application/json+canvas-string-ids"
			a := c.do("POST", tokensPath(luca), "token[purpose]=p").want(200)
			members := decode[map[string]any](a)
			r.must(members["user_id"] == luca.ID.String(), "user_id %v", members["user_id"])
			_, isText := members["id"].(string)
			r.must(isText, "id %v", members["id"])
			var exact struct {
				UserID json.Number `json:"user_id"`
			}
			c.accept = ""
			exact = decode[struct {
				UserID json.Number `json:"user_id"`
			}](c.do("POST", tokensPath(luca), "token[purpose]=p").want(200))
			r.must(exact.UserID.String() == luca.ID.String(), "user_id %v", exact.UserID)
		}},
		{14, "a PUT without a right tells nothing about its parameters", func(r *rig) {
			own, _ := r.seed("maya", TokenSpec{})
			r.as("sam").do("PUT", tokensPath(r.w.User("maya"), own), nil).want(404)
		}},
	})
}

func TestMailsAboutTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya := r.w.User("maya")
	made := r.as("dana").do("POST", tokensPath(maya),
		tokenJSON(map[string]any{"purpose": "p", "expires_at": in(30 * day)})).want(200).token()
	r.as("dana").do("PUT", tokensPath(maya, made.ID), tokenJSON(map[string]any{"regenerate": 1})).want(200)
	r.w.Clock.Advance(22 * day)
	r.must(len(r.w.Notices()) == 2, "too early: %v", r.w.Notices())
	r.w.Clock.Advance(2 * day)
	r.must(len(r.w.Notices()) == 3, "no warning: %v", r.w.Notices())
	r.must(len(r.w.Notices()) == 3, "the warning went out twice: %v", r.w.Notices())
	r.as("dana").do("DELETE", tokensPath(maya, made.ID), nil).want(200)
	var kinds []string
	for _, n := range r.w.Notices() {
		if n.UserID != maya.ID || n.TokenID != made.ID {
			t.Errorf("notice %+v", n)
		}
		kinds = append(kinds, n.Kind)
	}
	want := strings.Join([]string{NoticeOnBehalf, NoticeOnBehalf, NoticeExpiringSoon, NoticeDeleted}, " ")
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("mails %s, want %s", got, want)
	}
}

func TestListingPagesByBookmark(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var want []ID
	for range 7 {
		made, _ := r.seed("maya", TokenSpec{})
		want = append(want, made.ID)
	}
	path := listPath(r.w.User("maya")) + "?per_page=3"
	var got []ID
	pages := 0
	for path != "" {
		a := r.as("dana").do("GET", path, nil).want(200)
		for _, row := range decode[[]tokenBody](a) {
			got = append(got, row.ID)
		}
		pages++
		if pages == 1 {
			// A token that appears or goes between pages moves nothing else.
			r.must(r.w.DeleteTokenBehind(want[0]), "not deleted")
		}
		path = relTarget(t, a.header.Get("Link"), "next")
		r.must(path == "" || strings.HasPrefix(path, "/api/v1/"), "not host-relative: %s", path)
		r.must(relTarget(t, a.header.Get("Link"), "last") == "", "a bookmark list has no last page")
	}
	r.must(pages == 3 && len(got) == 7, "%d pages, %v", pages, got)
	for i := range want {
		r.must(got[i] == want[i], "row %d is %d, want %d", i, got[i], want[i])
	}
	r.as("dana").do("GET", listPath(r.w.User("maya"))+"?page=bookmark:bad", nil).want(404)
}

// relTarget returns the address of one relation in a Link header.
func relTarget(t *testing.T, link, rel string) string {
	t.Helper()
	for part := range strings.SplitSeq(link, ",") {
		target, params, found := strings.Cut(part, ">; ")
		if found && params == `rel="`+rel+`"` {
			target = strings.TrimPrefix(target, "<")
			if _, err := url.Parse(target); err != nil {
				t.Fatal(err)
			}
			return target
		}
	}
	return ""
}
