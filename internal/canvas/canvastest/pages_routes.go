package canvastest

import (
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// routePages mounts Canvas's own pages on the institution's host.
func (s *Server) routePages() {
	s.openPage("GET /{$}", s.startOrDashboard)
	s.institution.handle("GET /standin/start/{rest...}", s.serveStart)
	s.institution.handle("POST /standin/start/{rest...}", s.serveStart)
	s.openPage("GET /standin/act-as/{key}", s.actAs)
	s.openPage("GET /login", s.showLogin)
	s.openPage("POST /login", s.signIn)
	s.page("POST /logout", s.signOut)
	s.page("GET /users/{id}/masquerade", s.showMasquerade)
	s.page("POST /users/{id}/masquerade", s.startMasquerade)
	s.page("POST /masquerade/stop", s.stopMasquerade)
	s.page("POST /courses/{id}/student_view", s.startStudentView)

	s.page("GET /dashboard", s.showDashboard)
	s.page("GET /courses", s.showCourses)
	s.openPage("GET /courses/{id}", s.showCourseHome)
	s.openPage("GET /courses/{id}/{section}", s.showCourseSection)
	s.page("GET /courses/{id}/users", s.showCoursePeople)
	s.openPage("GET /courses/{id}/external_tools/{tool}", s.toolPage("course"))
	s.openPage("GET /courses/{id}/external_content/success/{kind}", s.showReturn("course"))

	s.page("GET /accounts", s.showAccounts)
	s.page("GET /accounts/{id}", s.showAccountCourses)
	s.page("GET /accounts/{id}/{section}", s.showAccountSection)
	s.page("GET /accounts/{id}/users", s.showAccountPeople)
	s.page("GET /accounts/{id}/users/{user}", s.showAccountUser)
	s.page("GET /accounts/{id}/external_tools/{tool}", s.toolPage("account"))
	s.page("GET /accounts/{id}/external_content/success/{kind}", s.showReturn("account"))

	s.page("GET /users/{id}", s.showUser)
	s.page("GET /users/{id}/external_tools/{tool}", s.toolPage("user"))
	s.page("GET /conversations", s.showInbox)
	s.page("GET /profile/settings", s.showSettings)
	s.page("POST /profile/settings", s.saveSettings)
	s.page("GET /profile", s.showProfile)
	s.page("GET /profile/{section}", s.showProfileSection)
	for _, section := range []string{"calendar", "history", "help"} {
		s.page("GET /"+section, s.showUnbuilt(section))
	}
}

// routeAssets mounts style sheets, scripts and pictures. Nothing is ever
// fetched from another host.
func (s *Server) routeAssets() {
	for _, host := range []*router{s.institution, s.sso} {
		host.handle("GET /standin/assets/{file}", serveAsset)
	}
	s.institution.handle("GET /standin/theme.css", s.serveThemeCSS)
	s.institution.handle("GET /dist/brandable_css/{sum}/{file}", s.serveThemeJSON)
	s.institution.handle("GET /images/messages/avatar-50.svg", func(w http.ResponseWriter, _ *http.Request) {
		sendAsset(w, "avatar.svg")
	})
	s.institution.handle("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { sendAsset(w, "favicon.svg") })
}

func serveAsset(w http.ResponseWriter, r *http.Request) { sendAsset(w, r.PathValue("file")) }

func sendAsset(w http.ResponseWriter, name string) {
	// The pattern's last segment holds no slash, so name cannot climb.
	data, err := fs.ReadFile(webFiles, path.Join("web/assets", path.Base("/"+name)))
	if err != nil {
		http.Error(w, "404 page not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", orElse(mime.TypeByExtension(path.Ext(name)), "application/octet-stream"))
	if strings.HasSuffix(name, ".js") {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(data) //nolint:gosec // an embedded file of our own
}

// SetStartPage mounts a page of the embedding program at the institution's
// root, and everything below /standin/start/ with it. The dashboard stays at
// /dashboard. nil gives the root back to the dashboard.
func (s *Server) SetStartPage(h http.Handler) {
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	s.platform.startPage = h
}

func (s *Server) start() http.Handler {
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	return s.platform.startPage
}

func (s *Server) startOrDashboard(v *visit) {
	if h := s.start(); h != nil {
		h.ServeHTTP(v.w, v.r)
		return
	}
	if !v.signedIn {
		v.toLogin()
		return
	}
	if target := v.r.URL.Query().Get("become_user_id"); target != "" {
		http.Redirect(v.w, v.r, "/users/"+target+"/masquerade", http.StatusFound)
		return
	}
	s.showDashboard(v)
}

func (s *Server) serveStart(w http.ResponseWriter, r *http.Request) {
	if h := s.start(); h != nil {
		h.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}
