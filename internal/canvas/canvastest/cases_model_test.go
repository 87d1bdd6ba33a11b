package canvastest

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The rest of the 72 cases, about the model of a token. These are asked over HTTP in
// a form that differs from Canvas's own spec:
//
//   - 67 (only the hash is stored) is asked as "no later answer, report or page
//     holds the value"; that the stand-in keeps digests only is in its types.
//   - 69's second half (an inactive developer key) is asked by ending an OAuth
//     client's consent: the state of a key itself cannot be changed over HTTP.
//   - 70's last sentence (a deleted token skips the check of scopes) cannot be
//     asked: no call saves a deleted token.
//   - 71 (patterns of scopes) is asked of the function that decides, and once
//     over HTTP in 70; the vendor's default key has no scopes to try them on.
func TestModelCases(t *testing.T) {
	t.Parallel()
	plain := tokenJSON(map[string]any{"purpose": "p", "expires_at": in(day)})
	canUpdate := func(r *rig, who string, want bool) {
		r.t.Helper()
		page := r.inBrowser(who, "canvas").do("GET", "/profile/settings", nil).want(200)
		r.must(strings.Contains(strings.ReplaceAll(page.raw, " ", ""), `"can_update_tokens":`+strconv.FormatBool(want)+"}"), "%s: not %v", who, want)
	}
	run(t, []behaviour{
		{67, "the value is in the one answer and nowhere later", func(r *rig) {
			made := r.as("ana").do("POST", tokensPath("self"), plain).want(200).token()
			value := made.secret()
			r.must(len(value) == 64 && r.w.Authenticates(value), "no value")
			own, _ := r.w.TokenByID(made.ID)
			later := []string{
				r.as("ana").do("GET", tokensPath("self", made.ID), nil).want(200).raw,
				r.as("ana").do("GET", listPath("self"), nil).want(200).raw,
				r.as("dana").do("GET", listPath(r.w.User("ana")), nil).want(200).raw,
				r.as("ana").do("PUT", tokensPath("self", made.ID), tokenJSON(map[string]any{"purpose": "q"})).want(200).raw,
				r.inBrowser("ana", "canvas").do("GET", "/profile/settings", nil).want(200).raw,
				r.as("ana").do("DELETE", tokensPath("self", made.ID), nil).want(200).raw,
			}
			for _, row := range finish(r, "parameters[include_deleted]=true") {
				later = append(later, strings.Join(row, ","))
			}
			for i, text := range later {
				r.must(!strings.Contains(text, value) && !strings.Contains(text, value[5:]), "answer %d holds the value", i)
			}
			r.must(own.Hint == value[:5], "hint %q", own.Hint)
		}},
		{68, "the old value ends with a regenerate and the new one works", func(r *rig) {
			own, old := r.seed("ana", TokenSpec{})
			r.with(old).do("GET", "/api/v1/users/self", nil).want(200)
			next := r.as("ana").do("PUT", tokensPath("self", own), tokenJSON(map[string]any{"regenerate": 1})).want(200).token().secret()
			r.with(old).do("GET", "/api/v1/users/self", nil).want(401).body(`{"errors":[{"message":"Invalid access token."}]}`)
			r.with(next).do("GET", "/api/v1/users/self", nil).want(200)
		}},
		{69, "a token whose application lost its consent does not authenticate", func(r *rig) {
			c := r.w.AddOAuthClient("ana", "Helper")
			given := decode[map[string]any](r.nobody().do("POST", "/login/oauth2/token",
				"grant_type=refresh_token&client_id="+c.ClientID+"&client_secret="+c.Secret+"&refresh_token="+c.RefreshToken).want(200))
			value, _ := given["access_token"].(string)
			r.with(value).do("GET", "/api/v1/users/self", nil).want(200)
			r.w.RevokeOAuthClient(c.ClientID)
			r.with(value).do("GET", "/api/v1/users/self", nil).want(401)
		}},
		{72, "the settings page tells whether its reader may update tokens", func(r *rig) {
			limit := func(f *Flags) { f.LimitPersonalAccessTokens = true }
			canUpdate(r, "sam", true)
			r.w.UpdateFlags(limit)
			canUpdate(r, "sam", false)
			canUpdate(r, "dana", true)
			for _, era := range []Era{Era1, Era2} {
				r.w.SetEra(era)
				r.w.UpdateFlags(limit)
				canUpdate(r, "sam", false)
				r.w.UpdateFlags(func(f *Flags) { f.AdminManageAccessTokens = false })
				canUpdate(r, "sam", true)
			}
		}},
	})
}

// None of the 72 is forgotten: each number stands before its sentence in one of the
// files of cases.
func TestEveryCaseIsAsked(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("cases*_test.go")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	number := regexp.MustCompile(`(?m)^\s*(?:\{(\d+), "|"(\d+) [a-zA-Z ]+":)`)
	asked := map[int]bool{}
	for _, f := range files {
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range number.FindAllStringSubmatch(string(source), -1) {
			n, _ := strconv.Atoi(m[1] + m[2])
			asked[n] = true
		}
	}
	var missing []int
	for n := 1; n <= 72; n++ {
		if !asked[n] {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		t.Errorf("nobody asks %v", missing)
	}
}
