package canvastest

import (
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestActAsGoesOnlyToPathsOfThisHost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for next, want := range map[string]string{
		"/courses":             "/courses",
		"/courses?a=1#b":       "/courses?a=1#b",
		"":                     "/dashboard",
		"//evil.example":       "/dashboard",
		`/\evil.example`:       "/dashboard",
		`/ok\..\evil`:          "/dashboard",
		"https://evil.example": "/dashboard",
		"javascript:alert(1)":  "/dashboard",
		"/a\r\nSet-Cookie: x":  "/dashboard",
		"/\t/evil.example":     "/dashboard",
	} {
		a := r.nobody().do("GET", "/standin/act-as/maya?next="+url.QueryEscape(next), nil).want(http.StatusSeeOther)
		if got := a.header.Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
		if cookies := strings.Join(a.header.Values("Set-Cookie"), "\n"); !strings.Contains(cookies, "canvas_session=") ||
			!strings.Contains(cookies, "HttpOnly; SameSite=Lax") {
			t.Errorf("cookies %q", cookies)
		}
	}
	for _, key := range []string{"yuki", "former", "nobody"} {
		r.nobody().do("GET", "/standin/act-as/"+key, nil).want(http.StatusForbidden)
	}
}

func TestPagesNeedSomebodySignedIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/", "/dashboard", "/courses", "/conversations", "/profile/settings", "/accounts"} {
		a := r.nobody().do("GET", path, nil).want(http.StatusFound)
		if want := "/login?next=" + url.QueryEscape(path); a.header.Get("Location") != want {
			t.Errorf("%s leads to %s", path, a.header.Get("Location"))
		}
	}
	login := r.nobody().do("GET", "/login?next=/courses", nil).want(200).raw
	if !strings.Contains(login, "Sign in as") || !strings.Contains(login, "Maya Chen") || strings.Contains(login, "Yuki Tanaka") {
		t.Error("the page of people is wrong")
	}
	a := r.nobody().do("POST", "/login", "user=maya&next=/courses").want(http.StatusSeeOther)
	r.must(a.header.Get("Location") == "/courses", "signing in leads to %s", a.header.Get("Location"))
}

func TestPagesShowWhatTheirReaderMaySee(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bio := "/courses/" + r.w.Course("bio201").ID.String()
	root := "/accounts/" + r.w.Account("root").ID.String()
	biology := "/accounts/" + r.w.Account("biology").ID.String()
	maya := r.w.User("maya").ID.String()
	for sentence, c := range map[string]struct {
		user, path string
		status     int
		has, lacks []string
	}{
		"a student's dashboard":             {"maya", "/dashboard", 200, []string{"Cell Biology", "Applied Statistics"}, []string{"General Chemistry", ">Admin<", `href="/accounts"`}},
		"an admin's navigation":             {"dana", "/dashboard", 200, []string{`href="/accounts"`}, nil},
		"a course's home":                   {"maya", bio, 200, []string{"Cell Biology", "Ana Ruiz"}, []string{"View as Student"}},
		"a course's home for its teacher":   {"ana", bio, 200, []string{"View as Student"}, nil},
		"people for a student":              {"maya", bio + "/users", 200, []string{"Luca Moretti", "Lab TA"}, []string{"S1048907", "Test Student"}},
		"people for a teacher":              {"ana", bio + "/users", 200, []string{"S1048907", "Test Student"}, nil},
		"a course of others":                {"kofi", bio, 401, []string{"Unauthorized"}, []string{"Ana Ruiz"}},
		"an unknown course":                 {"maya", "/courses/1", 404, nil, nil},
		"an account for a student":          {"maya", root, 401, nil, []string{"General Chemistry"}},
		"an account for its admin":          {"dana", root, 200, []string{"Cell Biology", "World History", "Concluded"}, nil},
		"an account for an admin below":     {"pavel", root, 401, nil, nil},
		"the own account of an admin":       {"pavel", biology, 200, []string{"Cell Biology"}, []string{"General Chemistry"}},
		"people of an account":              {"dana", root + "/users", 200, []string{"Chen, Maya", "mchen"}, nil},
		"people of a sub-account":           {"pavel", biology + "/users", 200, []string{"Chen, Maya"}, []string{"Park, Helen"}},
		"settings of an account":            {"dana", root + "/settings", 200, []string{"Priya Nair", "Help Desk"}, nil},
		"somebody for an admin":             {"dana", root + "/users/" + maya, 200, []string{"Access Tokens", "Act as User"}, nil},
		"somebody for a limited admin":      {"lena", root + "/users/" + maya, 200, []string{"Maya Chen"}, []string{"Access Tokens", "Act as User"}},
		"somebody for a student":            {"luca", "/users/" + maya, 401, nil, nil},
		"a page the stand-in does not have": {"maya", bio + "/modules", 200, []string{"nothing here"}, nil},
		"no such page in a course":          {"maya", bio + "/nonsense", 404, nil, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			page := r.inBrowser(c.user, "canvas").do("GET", c.path, nil).want(c.status).raw
			for _, text := range c.has {
				if !strings.Contains(page, text) {
					t.Errorf("%q is missing", text)
				}
			}
			for _, text := range c.lacks {
				if strings.Contains(page, text) {
					t.Errorf("%q is shown", text)
				}
			}
			if !strings.Contains(page, "Stand-in Canvas — not the real thing") {
				t.Error("the page does not say what it is")
			}
		})
	}
}

func TestMenusOfferToolsByVisibilityAndPermission(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, func(tool *Tool) {
		tool.Placements = []Placement{
			{Name: CourseNavigation, Text: "Desk here", Visibility: "admins"},
			{Name: AccountNavigation, Text: "Desk above", RequiredPermissions: PermCreateTokens, RootAccountOnly: true},
			{Name: UserNavigation, Text: "Desk of mine"},
		}
	})
	bio := "/courses/" + r.w.Course("bio201").ID.String()
	for sentence, c := range map[string]struct {
		user, path, text string
		shown            bool
	}{
		"teachers see an admins-only link":             {"ana", bio, "Desk here", true},
		"students do not":                              {"maya", bio, "Desk here", false},
		"account admins do":                            {"dana", bio, "Desk here", true},
		"an admin with the permission":                 {"dana", "/accounts/" + r.w.Account("root").ID.String(), "Desk above", true},
		"an admin without it":                          {"lena", "/accounts/" + r.w.Account("root").ID.String(), "Desk above", false},
		"a root-only link is not shown below":          {"dana", "/accounts/" + r.w.Account("sciences").ID.String(), "Desk above", false},
		"everybody has the link of their own settings": {"sam", "/profile", "Desk of mine", true},
	} {
		page := r.inBrowser(c.user, "canvas").do("GET", c.path, nil).want(200).raw
		if strings.Contains(page, c.text) != c.shown {
			t.Errorf("%s: shown is %v", sentence, !c.shown)
		}
	}
}

func TestToolPageFramesTheToolAsCanvasDoes(t *testing.T) {
	t.Parallel()
	r := newLaunchRig(t, nil)
	maya := r.inBrowser("maya", "canvas")
	page := maya.do("GET", r.inCourse("bio201"), nil).want(200).raw
	for _, text := range []string{
		`name="tool_content"`, `clipboard-write *`, `name="post_message_forwarding"`, r.s.SSOURL() + "/post_message_forwarding",
		"The following content is partner provided", "The preceding content is partner provided", `target="tool_content"`,
	} {
		if !strings.Contains(page, text) {
			t.Errorf("%q is missing", text)
		}
	}
	r.s.SetSwitches(func(s *Switches) { s.StorageNeverAnswers = true })
	r.must(strings.Contains(maya.do("GET", r.inCourse("bio201"), nil).raw, `data-storage="mute"`), "the page is not mute")
	r.s.SetSwitches(func(s *Switches) { *s = Switches{NoStorageTarget: true} })
	r.must(!strings.Contains(maya.do("GET", r.inCourse("bio201"), nil).raw, "post_message_forwarding"), "a forwarder without storage")
	bare := maya.do("GET", r.inCourse("bio201")+"?display=borderless", nil).want(200).raw
	r.must(!strings.Contains(bare, "iframe") && formIn(t, bare, "").action == r.tool.URL+"/lti/login", "borderless")

	forwarder := r.nobody().do("GET", r.s.SSOURL()+"/post_message_forwarding", nil).want(200)
	if csp := forwarder.header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors "+r.s.InstitutionURL()) {
		t.Errorf("forwarder may be framed by %q", csp)
	}
	r.must(strings.Contains(forwarder.raw, `data-parent="`+r.s.InstitutionURL()+`"`), "the forwarder knows its page")
}

func TestOwnerActivatesOnTheSettingsPage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token, secret := r.w.SeedToken("maya", TokenSpec{Purpose: "Helper <b>[grt_A/1]</b>", State: StatePending, ExpiresAt: testDay.AddDate(0, 1, 0)})
	r.w.SeedToken("maya", TokenSpec{Purpose: "Gone", State: StateDeleted})
	maya := r.inBrowser("maya", "canvas")
	page := maya.do("GET", "/profile/settings", nil).want(200).raw
	for _, text := range []string{
		"Approved Integrations", "User-Generated", "Helper &lt;b&gt;[grt_A/1]", ">activate</a>", "Oct 14, 2026", "Last Used: --", token.Hint + "...",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("%q is missing", text)
		}
	}
	if strings.Contains(page, secret) || strings.Contains(page, ">Gone<") {
		t.Error("the page shows a secret or a deleted token")
	}
	acting := r.inBrowser("dana", "canvas")
	started := acting.do("POST", "/users/"+r.w.User("maya").ID.String()+"/masquerade", "").want(http.StatusSeeOther)
	acting.cookies = (&http.Response{Header: started.header}).Cookies()
	if page := acting.do("GET", "/profile/settings", nil).want(200).raw; strings.Contains(page, ">activate</a>") ||
		!strings.Contains(page, "You are currently acting as <strong>Maya Chen</strong>") {
		t.Error("acting: the activate link is there, or the bar is not")
	}
	maya.do("POST", "/profile/tokens/"+token.ID.String()+"/activate", nil).want(200)
	if page := maya.do("GET", "/profile/settings", nil).want(200).raw; strings.Contains(page, ">activate</a>") || !strings.Contains(page, `<td class="state">active</td>`) {
		t.Error("the row did not change after a reload")
	}
	r.w.Clock.Advance(60 * 24 * time.Hour)
	if page := maya.do("GET", "/profile/settings", nil).want(200).raw; !strings.Contains(page, `<td class="state">expired</td>`) {
		t.Error("an expired token is not shown as one")
	}
}

func TestMasqueradeNeedsTheRightAndTheFormToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	maya, dana := r.w.User("maya").ID.String(), r.w.User("dana").ID.String()
	admin := r.inBrowser("dana", "canvas")
	a := admin.do("GET", "/dashboard?become_user_id="+maya, nil).want(http.StatusFound)
	r.must(a.header.Get("Location") == "/users/"+maya+"/masquerade", "leads to %s", a.header.Get("Location"))
	r.must(strings.Contains(admin.do("GET", "/users/"+maya+"/masquerade", nil).want(200).raw, "Act as Maya Chen"), "the page asks first")
	r.inBrowser("lena", "canvas").do("GET", "/users/"+maya+"/masquerade", nil).want(401)
	r.inBrowser("maya", "canvas").do("POST", "/users/"+dana+"/masquerade", "").want(401)

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.s.InstitutionURL()+"/users/"+maya+"/masquerade", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range admin.cookies {
		req.AddCookie(cookie)
	}
	res, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	r.must(res.StatusCode == http.StatusUnprocessableEntity, "without the form token: %d", res.StatusCode)

	started := admin.do("POST", "/users/"+maya+"/masquerade", "").want(http.StatusSeeOther)
	admin.cookies = (&http.Response{Header: started.header}).Cookies()
	stopped := admin.do("POST", "/masquerade/stop", "").want(http.StatusSeeOther)
	admin.cookies = (&http.Response{Header: stopped.header}).Cookies()
	r.must(!strings.Contains(admin.do("GET", "/dashboard", nil).raw, "You are currently acting"), "still acting")
}

func TestInboxShowsConversationsOfTheirReader(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	send := map[string]any{
		"recipients": []string{r.w.User("ana").ID.String()}, "subject": "Sponsor <i>REQ-0142</i>", "force_new": true,
		"body": "Answer here: http://127.0.0.1/courses/5/external_tools/6. Thank you, <script>x</script>",
	}
	r.as("service").do("POST", "/api/v1/conversations", send).want(201)
	ana := r.inBrowser("ana", "canvas")
	list := ana.do("GET", "/conversations", nil).want(200).raw
	id := regexp.MustCompile(`/conversations\?id=(\d+)`).FindStringSubmatch(list)
	if id == nil || !strings.Contains(list, "Sponsor &lt;i&gt;REQ-0142") || !strings.Contains(list, `class="badge"`) {
		t.Fatalf("list %s", list)
	}
	open := ana.do("GET", "/conversations?id="+id[1], nil).want(200).raw
	if !strings.Contains(open, `<a href="http://127.0.0.1/courses/5/external_tools/6" rel="noreferrer noopener">`) ||
		strings.Contains(open, "<script>x") || !strings.Contains(open, "Tokendesk Service") || strings.Contains(open, `class="badge"`) {
		t.Errorf("conversation %s", open)
	}
	if other := r.inBrowser("maya", "canvas").do("GET", "/conversations?id="+id[1], nil).want(200).raw; strings.Contains(other, "REQ-0142") {
		t.Error("somebody else reads it")
	}
	if sent := r.inBrowser("service", "canvas").do("GET", "/conversations?scope=sent", nil).want(200).raw; !strings.Contains(sent, "REQ-0142") {
		t.Error("the sender does not find it")
	}
}

func TestStartPageTakesTheRoot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.nobody().do("GET", "/standin/start/style.css", nil).want(404)
	r.s.SetStartPage(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { _, _ = w.Write([]byte("start:" + req.URL.Path)) }))
	r.must(r.nobody().do("GET", "/", nil).want(200).raw == "start:/", "the root")
	r.must(r.nobody().do("GET", "/standin/start/style.css", nil).want(200).raw == "start:/standin/start/style.css", "below it")
	const back = `<a href="/">Start page</a>`
	dashboard := r.inBrowser("maya", "canvas").do("GET", "/dashboard", nil).want(200).raw
	r.must(strings.Contains(dashboard, "Cell Biology"), "the dashboard")
	r.must(strings.Contains(dashboard, back), "no way back to the start page")
	r.s.SetStartPage(nil)
	r.must(!strings.Contains(r.inBrowser("maya", "canvas").do("GET", "/dashboard", nil).want(200).raw, back), "a way to no start page")
	r.nobody().do("GET", "/", nil).want(http.StatusFound)
}

func TestPagesFetchNothingFromOtherHosts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	err := fs.WalkDir(webFiles, "web", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(webFiles, path)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(data), "http://www.w3.org/2000/svg", "")
		if regexp.MustCompile(`https?://|@import|url\(`).MatchString(text) {
			t.Errorf("%s names another host", path)
		}
		if strings.HasSuffix(path, ".html") && regexp.MustCompile(`<script>|<style|\son\w+=|\sstyle=`).MatchString(text) {
			t.Errorf("%s has inline script or style", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"canvas.css", "canvas.js", "icons.svg", "submit.js", "forwarder.js"} {
		r.nobody().do("GET", "/standin/assets/"+file, nil).want(200)
	}
	for _, path := range []string{"/standin/assets/layout.html", "/standin/assets/..%2flayout.html", "/standin/assets/none.css"} {
		r.nobody().do("GET", path, nil).want(404)
	}
}
