package web

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk/cases"
	"github.com/tokendesk/tokendesk/internal/desk/rooms"
	"github.com/tokendesk/tokendesk/internal/desk/tokens"
	"github.com/tokendesk/tokendesk/internal/text"
	"github.com/tokendesk/tokendesk/internal/web/collect"
	"github.com/tokendesk/tokendesk/internal/web/home"
	"github.com/tokendesk/tokendesk/internal/web/requests"
	"github.com/tokendesk/tokendesk/internal/web/review"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
	"github.com/tokendesk/tokendesk/templates"
)

// withPage is the program's templates with one file replaced.
func withPage(t *testing.T, path, content string) fs.FS {
	t.Helper()
	m := fstest.MapFS{}
	err := fs.WalkDir(templates.Pages, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(templates.Pages, p)
		m[p] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if content == "" {
		delete(m, path)
	} else {
		m[path] = &fstest.MapFile{Data: []byte(content)}
	}
	return m
}

// rendererOf is NewRenderer with templates from elsewhere.
func rendererOf(cat *text.Catalogue, files fs.FS) (*ui.Renderer, error) {
	r, err := ui.NewRenderer(files, lti.BrowserScript, newSubjects(&rooms.Rooms{}, nil).all...)
	if err != nil {
		return nil, err
	}
	return r, r.Check(cat)
}

func TestRendererRefusesToStart(t *testing.T) {
	cat := testCatalogue(t)
	for name, c := range map[string]struct{ content, says string }{
		"a page is missing":                         {"", "home/home.html"},
		"a template does not parse":                 {`{{define "content"}}{{if}}{{end}}`, "page home"},
		"a message is named that does not exist":    {`{{define "content"}}{{.T "home.nothing"}}{{end}}`, "home.nothing"},
		"one is named below a variable":             {`{{define "content"}}{{range .Ended}}{{$.T "home.nothing_else"}}{{end}}{{end}}`, "home.nothing_else"},
		"one is named as HTML with arguments":       {`{{define "content"}}{{with .Ask}}{{$.H "home.nothing_html" "Number" 3}}{{end}}{{end}}`, "home.nothing_html"},
		"one is named inside another call's result": {`{{define "content"}}{{if eq (.T "home.nothing_deep") "x"}}x{{end}}{{end}}`, "home.nothing_deep"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rendererOf(cat, withPage(t, "home/home.html", c.content))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v", err)
			}
		})
	}
	if _, err := rendererOf(cat, withPage(t, "home/home.html", `{{define "content"}}{{.T "home.h1"}}{{end}}`)); err != nil {
		t.Fatal(err)
	}
}

// A page has one room: two that call theirs alike stop the start.
func TestNoTwoRoomsHaveOnePage(t *testing.T) {
	_, err := ui.NewRenderer(templates.Pages, lti.BrowserScript, launching{}, launching{})
	if err == nil || !strings.Contains(err.Error(), "two pages are called "+PageLaunchFailed) {
		t.Fatalf("got %v", err)
	}
}

func TestRenderWritesNothingOnAnError(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	s := galleryShell(cat, "en", true)
	for name, c := range map[string]struct {
		page string
		view any
		says string
	}{
		"no such page":          {"nothing", home.Page{}, "no page \"nothing\""},
		"another page's view":   {ui.PageHome, review.NewPage(s, cases.Queue{}, cases.QueueFilter{}), "not from review.Page"},
		"a pointer to the view": {ui.PageHome, &home.Page{}, "not from *home.Page"},
		"no view":               {ui.PageHome, nil, "not from %!s(<nil>)"},
		"a view that fails":     {ui.PageHome, home.Page{Frame: ui.Frame{Shell: ui.Shell{}}}, "nil pointer"}, // no printer
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			err := func() (err error) {
				defer func() {
					if p := recover(); p != nil {
						err = errors.New("panicked")
					}
				}()
				return r.Render(&b, c.page, c.view)
			}()
			if err == nil || b.Len() != 0 || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, %d bytes written; want %q", err, b.Len(), c.says)
			}
		})
	}
}

func TestWhatPeopleTypeIsOnlyText(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	s := galleryShell(cat, "en", true)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.Handle}}`
	s.Session.Name, s.Session.School, s.Session.Course.Code = evil, evil, evil
	s.Words = ui.Words{CanvasTeam: evil, Contact: "javascript:alert(1)"}
	c := galleryCase(access.SponsorDeclined, "", access.Refile)
	c.Names = map[access.PersonID]string{maya: evil, ana: evil}
	c.Request.Votes[0].Reason, c.Request.SponsorLost = evil, evil
	c.Request.Answers.Set("build", evil)
	c.Request.Course.Code = evil
	c.Request.Answers.Set("maker_name", evil)
	c.Request.Answers.Set("maker_link", "javascript:alert(1)")
	p := galleryCasePage(c)
	p.Story[1].Quote, p.Story[1].Actor = evil, evil
	f := galleryForm()
	f.Rules, f.Teachers[0].Name = []string{evil}, evil
	f.Answers.Set("build", evil)
	f.Answers.Set("maker_name", evil)
	f.Answers.Set("maker", "company")
	lost := &cases.Lost{Now: c.Request, Actor: evil}
	for page, view := range map[string]any{
		requests.PageCase: requests.NewCasePage(func() ui.Shell { s := s; s.Banner = requests.LostBanner(s, lost, evil); return s }(), p, requests.PanelInput{Reason: evil}),
		requests.PageForm: requests.NewFormPage(s, requests.FormInput{Form: f, SponsorQuery: evil}),
		ui.PageHome:       home.NewPage(s, cases.Home{Ended: []cases.Case{c}}),
		ui.PageQueue: review.NewPage(s, cases.Queue{Rows: []cases.Case{c}, Total: 1, From: 1},
			cases.QueueFilter{Search: evil, Status: evil, Maker: evil}),
		ui.PageConfirm: confirmPage(s, confirmInput{Do: access.Withdraw, Case: c}),
		ui.PageProblem: ui.NewProblemPage(s, ui.ProblemInput{Kind: ui.ProblemTrouble, Reference: evil, SavedTitle: evil, SavedAt: galleryNow,
			Echo: []ui.Echo{{LabelID: "form.build", Value: evil}}, RetryAction: "/requests", RetryFields: []ui.RetryField{{Name: evil, Value: evil}}}),
	} {
		var b bytes.Buffer
		if err := r.Render(&b, page, view); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"<script>alert", "<img", `href="javascript:`, "onerror=alert(1)>"} {
			if strings.Contains(b.String(), bad) {
				t.Errorf("%s: somebody's text became %s", page, bad)
			}
		}
		if !strings.Contains(b.String(), "&lt;script&gt;") {
			t.Errorf("%s: the text is not there at all", page)
		}
	}
}

func TestTheTokenStandsOnItsPageOnce(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	for _, e := range collectExhibits() {
		var b bytes.Buffer
		s := galleryShell(cat, "en", true)
		if err := r.Render(&b, e.page, e.view(s)); err != nil {
			t.Fatal(err)
		}
		want := 0
		if e.name == "collect-secret" {
			want = 1
			if !strings.Contains(b.String(), `readonly dir="ltr" value="`+galleryToken+`"`) {
				t.Error("the value does not stand in its field")
			}
		}
		if n := strings.Count(b.String(), galleryToken); n != want {
			t.Errorf("%s: the token stands there %d times", e.name, n)
		}
	}
}

func TestCollectIsPostedByTheBrowserItself(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	var b bytes.Buffer
	c := tokens.Collection{Case: galleryCase(access.Approved, ""), Stage: tokens.StageReady}
	if err := r.Render(&b, collect.PageCollect, collect.NewPage(galleryShell(cat, "en", true), c)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `<form method="post" action="/requests/REQ-0142/collect" hx-boost="false">`) {
		t.Error("htmx would swap the page with the token")
	}
}

// Templates hold no words: letters stand only in actions and markup.
func TestTemplatesHoldNoWords(t *testing.T) {
	actions := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	tags := regexp.MustCompile(`(?s)<[^>]*>`)
	attributes := regexp.MustCompile(`[a-z-]+="[^"]*"|td-[a-z-]*`) // of partials that stand inside a tag
	scripts := regexp.MustCompile(`(?s)<!DOCTYPE[^>]*>|content='[^']*'`)
	err := fs.WalkDir(templates.Pages, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(templates.Pages, p)
		bare := tags.ReplaceAllString(scripts.ReplaceAllString(actions.ReplaceAllString(string(b), ""), ""), "")
		bare = attributes.ReplaceAllString(bare, "")
		if i := strings.IndexFunc(bare, unicode.IsLetter); i >= 0 {
			t.Errorf("%s holds words: %q", p, strings.TrimSpace(bare[i:min(i+40, len(bare))]))
		}
		for _, m := range regexp.MustCompile(`(?:aria-label|title|alt|placeholder)="([^"{]+)"`).FindAllStringSubmatch(string(b), -1) {
			t.Errorf("%s holds the words %q", p, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoPageSaysWhatIsNeverSaid(t *testing.T) {
	cat := testCatalogue(t)
	p := cat.For("en", "")
	never := regexp.MustCompile(`(?i)\b(please|sorry|oops|successfully|invalid|simply|are you sure|an error occurred|PAT|scopes?|minting|minted|tenant|workflow|SLA|masquerad\w*|LTI|contact your administrator)\b|!|\(s\)`)
	for _, id := range cat.IDs() {
		if strings.HasPrefix(id, "mail.") {
			continue
		}
		if m := never.FindString(p.T(id)); m != "" {
			t.Errorf("%s says %q: %s", id, m, p.T(id))
		}
	}
	for _, id := range cat.IDs() {
		if strings.HasPrefix(id, "act.") && len([]rune(p.T(id))) > 20 {
			t.Errorf("the button %s has %d letters: %s", id, len([]rune(p.T(id))), p.T(id))
		}
	}
}

// Words that nothing says any more are removed. An id stands in the source as a
// whole or, where it is put together, by its last part; a few endings are added
// by code.
func TestEveryMessageIsUsed(t *testing.T) {
	var src strings.Builder
	for _, root := range []fs.FS{os.DirFS("."), templates.Pages} {
		err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(p, "_test.go") {
				return err
			}
			b, err := fs.ReadFile(root, p)
			src.Write(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	source := src.String()
	closed := testRenderer(t, testCatalogue(t)).Messages()
	// Endings that code adds to an id.
	endings := []string{"_more", "_kept", "_late", "_other", "_of", "_better", "_hint", ".nothing_changed"}
	cat := testCatalogue(t)
	for _, id := range cat.IDs() {
		if strings.HasPrefix(id, "mail.") || strings.HasPrefix(id, "date.") || slices.Contains(closed, id) {
			continue
		}
		used := func(id string) bool {
			last := id[strings.LastIndexByte(id, '.')+1:]
			return strings.Contains(source, `"`+id+`"`) || strings.Contains(source, `"`+last+`"`) || strings.Contains(source, `_`+last+`"`)
		}
		found := used(id)
		for _, e := range endings {
			if bare, ok := strings.CutSuffix(id, e); ok {
				found = found || used(bare) || slices.Contains(closed, bare) || slices.Contains(closed, bare+".text")
			}
		}
		if !found {
			t.Errorf("nothing says %s", id)
		}
	}
}

// The waiting line replaces itself while it polls; a button in it must not
// inherit that, or a whole page would land inside the line.
func TestButtonsOfTheWaitingLineLeadToPages(t *testing.T) {
	cat := testCatalogue(t)
	r := testRenderer(t, cat)
	c := tokens.Collection{Case: galleryCase(access.Collecting, access.Recovering), Stage: tokens.StageRecovering}
	var b bytes.Buffer
	if err := r.Render(&b, collect.PageCollectStatus, collect.NewStatus(galleryShell(cat, "en", true), c)); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	walk(doc, func(n *html.Node) {
		if n.DataAtom != atom.Form {
			return
		}
		found = true
		for at := n; ; at = at.Parent {
			if target := attr(at, "hx-target"); target != "" {
				if target != "#page" {
					t.Errorf("its answer goes to %s", target)
				}
				return
			}
		}
	})
	if !found {
		t.Error("there is no button")
	}
}
