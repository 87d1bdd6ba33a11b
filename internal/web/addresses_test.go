package web_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
	"github.com/tokendesk/tokendesk/internal/web"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// What anybody can write where an address or a form has a text: what no text
// holds, what no database takes, what turns a line around, and far too much.
var noTexts = []string{
	"\x00", "\xff", "\xed\xa0\x80a\x00b", "\n\r\t\x1b", "\u202e\u2066\u200b\ufffd\U0010ffff", "%00'\"\\;--",
	"REQ-0001\x00", "REQ-99999999999999999999", "REQ-+1", "req_\x00AAAAAAAAAAAAAAAAAAAAAAAAA", "grt_AAAAAAAAAAAAAAAAAAAAAAAAAA\xff",
	"grt_AAAAAAAAAAAAAAAAAAAAAAAAAA", "1~n1.grt_\x00", "9\x00", strings.Repeat("A", 3000), strings.Repeat("é\x00", 700),
}

// fields are the names of all parameters and fields that the pages read.
func fields(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.go", "*/*.go"} {
		some, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, some...)
	}
	var source strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	found := map[string]bool{"invite": true, "openid_configuration": true, "registration_token": true, "iss": true, "login_hint": true,
		"target_link_uri": true, "lti_message_hint": true, "client_id": true, "lti_deployment_id": true, "deployment_id": true,
		"lti_storage_target": true, "id_token": true, "state": true, "error": true, "error_description": true, "held": true, "proof": true}
	for _, m := range regexp.MustCompile(`\b(?:[gG]et|Has|[qQ]uery|[pP]osted|[nN]ote|[pP]arting|[rR]eadDate|line|lines)\("([a-z_]+)"|(?:PostForm|f)\["([a-z_]+)"\]`).FindAllStringSubmatch(source.String(), -1) {
		found[m[1]+m[2]] = true
	}
	if !found["q"] || !found["after"] || !found["build"] || !found["grant"] || !found["reason"] || len(found) < 45 {
		t.Fatalf("fields are missing: %v", slices.Sorted(maps.Keys(found)))
	}
	return slices.Sorted(maps.Keys(found))
}

// TestNoAddressIsAFault walks the whole table of routes, with every parameter of
// the path, every parameter of the query and every field of a form holding what
// it should not.
func TestNoAddressIsAFault(t *testing.T) {
	names := fields(t)
	webtest.Each(t, func(t *testing.T, r *webtest.Rig) {
		maya, _ := r.Collected()
		people := map[string]*webtest.Browser{"maya": maya, "dana": r.Launch("dana", r.Account("root"))}
		handles := map[string]string{}
		for name, b := range people {
			handles[name] = b.Handle()
		}
		ask := func(who, method, path string, form url.Values) {
			t.Helper()
			b, h := people[who], webtest.SameOrigin()
			h.Set(session.Header, handles[who])
			if form != nil {
				form.Set(session.Field, handles[who])
			}
			if b.Send(method, path, form, h); b.Status >= http.StatusInternalServerError {
				t.Errorf("%s: %s %.120s is answered %d", who, method, path, b.Status)
			}
		}
		all := func(value string) url.Values {
			v := url.Values{}
			for _, name := range names {
				v.Set(name, value)
			}
			return v
		}
		server, ok := r.App.Handler().(*web.Server)
		if !ok {
			t.Fatal("the handler is no web.Server")
		}
		walked := 0
		for _, route := range server.Routes() {
			method, path, _ := strings.Cut(route, " ")
			var form url.Values
			if method == http.MethodPost {
				form = url.Values{}
			}
			place, param, filled := path, "", path
			if i := strings.IndexAny(path, ":*"); i >= 0 {
				param, _, _ = strings.Cut(path[i:], "/")
				place = path[:i] + "%s" + path[i+len(param):]
				filled = fmt.Sprintf(place, "REQ-0001")
			}
			for i, bad := range noTexts {
				who := []string{"maya", "dana"}[i%2]
				if param != "" {
					ask(who, method, fmt.Sprintf(place, url.PathEscape(bad)), form)
					walked++
				}
				if i%4 != len(path)%4 { // each route gets a quarter of them there
					continue
				}
				if method == http.MethodGet {
					ask("dana", method, filled+"?"+all(bad).Encode(), nil)
				} else {
					form := all(bad)
					if i%8 < 4 {
						form.Set("do", "chosen")
					}
					ask(who, method, filled, form)
				}
			}
		}
		if walked < 20*len(noTexts) {
			t.Errorf("only %d addresses with parameters", walked)
		}
		if line := r.Fault(); line != "" {
			t.Errorf("the log tells of a fault: %.600s", line)
		}
	})
}

// TestALaunchWithTextThatNoDatabaseTakes: what a Canvas says in a launch opens
// the tool or is refused, and what is kept of it reads as it is written.
func TestALaunchWithTextThatNoDatabaseTakes(t *testing.T) {
	const claim = "https://purl.imsglobal.org/spec/lti/claim/"
	const bad = "\u202eevil\x00\u200b\n"
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	within := func(of, name string, value any) func(map[string]any) {
		return func(c map[string]any) {
			if m, ok := c[claim+of].(map[string]any); ok {
				m = maps.Clone(m)
				m[name] = value
				c[claim+of] = m
			}
		}
	}
	cases := map[string]struct {
		change func(map[string]any)
		status int
	}{
		"name":           {set("name", bad), http.StatusOK},
		"given name":     {set("given_name", bad), http.StatusOK},
		"address":        {set("email", bad), http.StatusOK},
		"locale":         {set("locale", bad), http.StatusOK},
		"title":          {within("context", "title", bad), http.StatusOK},
		"label":          {within("context", "label", bad), http.StatusOK},
		"return address": {within("launch_presentation", "return_url", bad), http.StatusOK},
		"zone":           {within("custom", "time_zone", bad), http.StatusOK},
		"zone within":    {within("custom", "time_zone", "America/\x00Phoenix"), http.StatusOK},
		"custom locale":  {within("custom", "locale", bad), http.StatusOK},
		"brand":          {within("custom", "brand", bad), http.StatusOK},
		"course":         {within("custom", "canvas_course_id", bad), http.StatusOK},
		"permissions":    {within("custom", "permissions", bad), http.StatusOK},
		"who acts":       {within("custom", "acting_user_id", "$Canvas.masqueradingUser.id\x00"), http.StatusOK},
		"person":         {within("custom", "canvas_user_id", bad), http.StatusOK},
		"roster": {func(c map[string]any) {
			c["https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"] = map[string]any{"context_memberships_url": bad}
		}, http.StatusOK},
		"platform":         {within("tool_platform", "guid", bad), http.StatusForbidden},
		"name of platform": {within("tool_platform", "name", bad), http.StatusOK},
		"placement":        {set("https://www.instructure.com/placement", bad), http.StatusOK},
		"subject":          {set("sub", bad), http.StatusUnauthorized},
		"deployment":       {set(claim+"deployment_id", bad), http.StatusUnauthorized},
		"context":          {within("context", "id", bad), http.StatusUnauthorized},
		"place":            {within("resource_link", "id", bad), http.StatusUnauthorized},
		"role":             {set(claim+"roles", []string{bad}), http.StatusOK},
	}
	webtest.Each(t, func(t *testing.T, r *webtest.Rig) {
		var now func(map[string]any)
		defer r.Canvas.OnLaunch(func(l *canvastest.SignedLaunch) { now(l.Claims) })()
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			tc := cases[name]
			now = tc.change
			for _, who := range []string{"maya", "luca"} {
				b := r.Launch(who, r.Course("bio201"))
				if b.Status != tc.status {
					t.Errorf("%s: %s's launch is answered %d: %s", name, who, b.Status, webtest.Text(b.Body))
				}
				if strings.ContainsAny(b.Body, "\x00\u202e\u200b") {
					t.Errorf("%s: the page holds what turns a line around", name)
				}
				if name == "who acts" && !strings.Contains(webtest.Text(b.Get("/requests/new").Body), "Canvas does not tell whether somebody acts for") {
					t.Error("what is not the literal counts as nobody acting")
				}
			}
		}
		// Nor does what its API says, which names the teachers of the form.
		now = func(map[string]any) {}
		r.Canvas.World().AddUser(canvastest.User{Key: "trick", Name: "\u202eVera\u200b Trick\u2066", Email: "trick@northfield.example"}, "trick", "")
		r.Canvas.World().Enroll("trick", "bio201", "TeacherEnrollment")
		r.Clock.Advance(time.Hour)
		maya := r.Launch("maya", r.Course("bio201"))
		if maya.Get("/requests/new").Says("Vera Trick"); strings.ContainsAny(maya.Body, "\x00\u202e\u200b\u2066") {
			t.Error("the form holds what turns a line around")
		}
		if line := r.Fault(); line != "" {
			t.Errorf("the log tells of a fault: %.600s", line)
		}
		storetest.DumpURL(t, r.DB, func(table, column, cell string) {
			if strings.HasSuffix(table, "_search_data") {
				return // SQLite's index of the texts, in bytes
			}
			if strings.ContainsAny(cell, "\x00\u202e\u200b") && utf8.ValidString(cell) { // else it is sealed, or a digest
				t.Errorf("%s.%s holds %q", table, column, cell)
			}
		})
	})
}
