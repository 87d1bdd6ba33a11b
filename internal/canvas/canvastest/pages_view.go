package canvastest

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed web
var webFiles embed.FS

// visit is one request for a page by somebody signed in, or by a visitor.
type visit struct {
	s        *Server
	w        http.ResponseWriter
	r        *http.Request
	session  session
	signedIn bool
	user     *User // the current user: a copy, nil for a visitor
	real     *User // who signed in; the same unless acting as somebody
}

func (v *visit) acting() bool { return v.signedIn && v.session.ActingAs != 0 }

func (v *visit) userID() ID {
	if v.user == nil {
		return 0
	}
	return v.user.ID
}

// openPage mounts a page that a visitor may ask for too.
func (s *Server) openPage(pattern string, h func(*visit)) {
	s.institution.handle(pattern, func(w http.ResponseWriter, r *http.Request) {
		v := &visit{s: s, w: w, r: r}
		if opened, found := s.sessions.of(r); found {
			owner, okOwner := s.world.UserByID(opened.UserID)
			current, okCurrent := s.world.UserByID(opened.current())
			if okOwner && okCurrent && owner.State != StateDeleted {
				v.session, v.signedIn, v.user, v.real = opened, true, &current, &owner
				noteCaller(r, current.ID)
			}
		}
		h(v)
	})
}

// page mounts a page for people who are signed in. Others are sent to sign in;
// unsafe requests need the session's anti-forgery token.
func (s *Server) page(pattern string, h func(*visit)) {
	s.openPage(pattern, func(v *visit) {
		if !v.signedIn {
			v.toLogin()
			return
		}
		if v.r.Method == http.MethodPost {
			v.r.Body = http.MaxBytesReader(v.w, v.r.Body, 1<<20)
			if !v.session.csrfOK(v.r, v.r.PostFormValue("authenticity_token")) {
				v.refuse(http.StatusUnprocessableEntity, "Invalid authenticity token", "Go back, reload the page and try again.")
				return
			}
		} else if target := v.r.URL.Query().Get("become_user_id"); target != "" {
			http.Redirect(v.w, v.r, "/users/"+url.PathEscape(target)+"/masquerade", http.StatusFound)
			return
		}
		h(v)
	})
}

func (v *visit) toLogin() {
	http.Redirect(v.w, v.r, "/login?next="+url.QueryEscape(v.r.URL.RequestURI()), http.StatusFound)
}

// localPath returns next if it is a path on this host, else fallback. A second
// slash or a backslash at the start would lead to another host.
func localPath(next, fallback string) string {
	if len(next) == 0 || next[0] != '/' || len(next) > 2000 {
		return fallback
	}
	if len(next) > 1 && (next[1] == '/' || next[1] == '\\') {
		return fallback
	}
	if strings.ContainsFunc(next, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) {
		return fallback
	}
	if u, err := url.Parse(next); err != nil || u.Host != "" || u.Scheme != "" {
		return fallback
	}
	return next
}

// pageView is what the page around every content shows.
type pageView struct {
	Title   string
	Note    string // the standing warning
	Person  string // the current user's name, "" for a visitor
	Real    string // who is really signed in, while acting as somebody
	RealID  ID
	Locale  string
	CSRF    string
	Active  string // item of the global navigation
	Admin   bool
	Unread  int
	Courses []linkView
	Tools   []linkView // of the person's own settings
	Crumbs  []linkView
	Menu    *menuView
	Look    Preferences
	Start   bool // a start page has the root: a way back to it is shown
	Frame   bool // the content is a tool's frame
	Storage *storageView
	Body    any
}

// linkView is a link with its text.
type linkView struct {
	Text, Path, Detail string
	Active             bool
}

// menuView is the navigation beside the content.
type menuView struct {
	Label   string // for assistive technology
	Heading string // a course's term
	Items   []linkView
}

// show renders a page of the institution, inside Canvas's navigation. fill
// runs under both locks and completes the view; what it stores must be copies.
func (v *visit) show(status int, name string, view pageView, fill func(*pageView)) {
	v.s.fillView(v, &view, fill)
	render(v.w, status, name, view)
}

func (s *Server) fillView(v *visit, view *pageView, fill func(*pageView)) {
	view.Note, view.Locale, view.Start = Banner, "en", s.start() != nil
	defer s.lockBoth()()
	if v.signedIn {
		view.Person, view.CSRF = v.user.Name, v.session.CSRF
		if v.acting() {
			view.Real, view.RealID = v.real.Name, v.real.ID
		}
		view.Look = s.platform.preferences[v.user.ID]
		view.Admin = len(s.world.adminableLocked(v.user.ID)) > 0 || s.world.siteAdminLocked(v.user.ID)
		view.Unread = s.unreadLocked(v.user.ID)
		view.Courses = s.world.courseLinksLocked(v.user.ID)
		view.Tools = s.toolLinksLocked(place{"user", v.user.ID}, v.user.ID, 0)
	}
	if fill != nil {
		fill(view)
	}
}

// refuse shows a plain page with one heading and one sentence.
func (v *visit) refuse(status int, heading, sentence string) {
	v.show(status, "plain", pageView{Title: heading, Body: plainView{heading, sentence}}, nil)
}

func (v *visit) unauthorized() {
	v.refuse(http.StatusUnauthorized, "Unauthorized",
		"You do not have permission to see this page. If you think you should, ask the person who runs this course or account.")
}

func (v *visit) notFound() {
	v.refuse(http.StatusNotFound, "Page not found", "There is nothing at this address.")
}

type plainView struct{ Heading, Sentence string }

// templates holds one set per page, each with the layout it needs.
var templates = func() map[string]*template.Template {
	entries, err := webFiles.ReadDir("web/pages")
	if err != nil {
		panic("canvastest: " + err.Error())
	}
	sets := map[string]*template.Template{}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".html")
		sets[name] = template.Must(template.New("layout.html").Funcs(pageFuncs).
			ParseFS(webFiles, "web/layout.html", path.Join("web/pages", entry.Name())))
	}
	entries, err = webFiles.ReadDir("web/bare")
	if err != nil {
		panic("canvastest: " + err.Error())
	}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".html")
		sets[name] = template.Must(template.New(entry.Name()).Funcs(pageFuncs).
			ParseFS(webFiles, path.Join("web/bare", entry.Name())))
	}
	return sets
}()

var pageFuncs = template.FuncMap{
	"initials": initials,
	"linkify":  linkify,
	"hue":      func(id ID) string { return fmt.Sprintf("card-%d", int64(id)%6) },
}

// render executes a page into a buffer first, so that a failure is a whole
// error page and never half a page.
func render(w http.ResponseWriter, status int, name string, data any) {
	var out bytes.Buffer
	if err := templates[name].Execute(&out, data); err != nil {
		http.Error(w, "cannot render the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", "default-src 'self'; frame-src http: https:; img-src 'self' data:; "+
			"object-src 'none'; base-uri 'none'; frame-ancestors 'self'")
	}
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// renderBare renders a page without the navigation: the steps of a launch.
func (s *Server) renderBare(w http.ResponseWriter, _ *http.Request, status int, name string, body any) {
	render(w, status, name, struct {
		Note string
		Body any
	}{Banner, body})
}

func initials(name string) string {
	var out []rune
	for word := range strings.FieldsSeq(name) {
		out = append(out, []rune(word)[0])
	}
	if len(out) > 2 {
		out = []rune{out[0], out[len(out)-1]}
	}
	return strings.ToUpper(string(out))
}

// pieces of a message: text, or an address that becomes a link.
type piece struct{ Text, Address string }

// linkify splits a message at its web addresses.
func linkify(text string) []piece {
	var out []piece
	for text != "" {
		at := strings.Index(text, "http")
		for at >= 0 && !strings.HasPrefix(text[at:], "http://") && !strings.HasPrefix(text[at:], "https://") {
			next := strings.Index(text[at+1:], "http")
			if next < 0 {
				at = -1
				break
			}
			at += next + 1
		}
		if at < 0 {
			return append(out, piece{Text: text})
		}
		if at > 0 {
			out = append(out, piece{Text: text[:at]})
		}
		end := strings.IndexFunc(text[at:], func(c rune) bool { return c <= ' ' || strings.ContainsRune("<>\"'", c) })
		if end < 0 {
			end = len(text) - at
		}
		address := strings.TrimRight(text[at:at+end], ".,;:!?)")
		out = append(out, piece{Text: address, Address: address})
		text = text[at+len(address):]
	}
	return out
}

// when prints a time as Canvas's pages do, in the viewer's zone.
func (v *visit) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	zone := time.UTC
	if v.user != nil {
		if loaded, err := time.LoadLocation(v.user.TimeZone); err == nil {
			zone = loaded
		}
	}
	return t.In(zone).Format("Jan 2, 2006 at 3:04pm")
}

// courseLinksLocked are the courses in which the user is enrolled now.
func (w *World) courseLinksLocked(user ID) []linkView {
	var links []linkView
	for c := range w.courses.all {
		if len(w.currentEnrollmentsLocked(user, c.ID)) > 0 {
			links = append(links, linkView{Text: c.Name, Path: "/courses/" + c.ID.String(), Detail: w.terms.get(c.TermID).Name})
		}
	}
	slices.SortStableFunc(links, func(a, b linkView) int { return strings.Compare(a.Text, b.Text) })
	return links
}
