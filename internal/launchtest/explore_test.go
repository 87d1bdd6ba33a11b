package launchtest

import (
	"net/url"
	"testing"

	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store/storetest"
)

func TestExplore(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, dsn string) {
		if dsn[:6] != "sqlite" {
			return
		}
		s := newDesk(t, dsn, 1).school("Northfield", canvastest.Options{})
		maya := s.browser("maya")
		p := maya.open(s.course("bio201"))
		p = maya.post(p, "/requests", url.Values{
			"purpose": {"coursework"}, "build": {"A small helper that tells me which assignments are due this week."}, "maker": {"self"},
			"ai": {"no"}, "data": {"own"}, "storage": {"password_manager"}, "end": {"2026-12-12"},
			"sponsor": {s.w.User("ana").ID.String()}, "accepted": {"1"}, "draft": {""}, "do": {"submit"},
		})
		t.Log(p.status, p.h1(), p.text())
		if err := s.cv.UpdateTool(s.tool.ClientID, func(t *canvastest.Tool) {
			for i := range t.Placements {
				t.Placements[i].RequiredPermissions, t.Placements[i].Visibility, t.Placements[i].RootAccountOnly = "", "public", false
			}
		}); err != nil {
			t.Fatal(err)
		}
		link := s.cv.AddResourceLink("bio201", canvastest.ResourceLink{ToolID: s.tool.ToolID, Title: "x", Custom: map[string]string{"is_root_admin": "true", "permissions": "create_access_tokens", "canvas_user_id": s.w.User("dana").ID.String()}})
		for _, c := range [][2]string{{"ana", s.course("bio201")}, {"ana", s.course("bio201") + "?resource_link_lookup_uuid=" + link}, {"dana", s.account("root")}, {"dana", s.account("sciences")},
			{"dana", s.course("bio201")}, {"dana", s.settings("dana")}, {"dana", s.account("root") + "?placement=user_navigation"}, {"dana", s.account("root") + "?placement=course_navigation"},
			{"ingrid", s.account("root")}, {"ingrid", s.account("sciences")}, {"pavel", s.account("biology")}, {"lena", s.account("root")}, {"site-admin", s.account("root")},
			{"maya", s.account("root")}, {"tom", s.course("bio201")}, {"omar", s.course("bio201")}, {"grace", s.course("bio201")}, {"noor", s.course("bio201")},
			{"rosa", s.course("chem110")}, {"rosa", s.course("bio201")}, {"kofi", s.course("chem110")}, {"victor", s.course("chem110")}, {"sam", s.settings("sam")}, {"helen", s.course("chem110")}} {
			b := s.browser(c[0])
			p := b.open(c[1])
			t.Log("======", c[0], c[1], p.status, p.h1(), "|", p.tabs(), "|", p.text())
			if p.handle() == "" {
				continue
			}
			for _, path := range []string{"/queue", "/sponsorships", "/tokens", "/requests/new", "/requests/REQ-0001"} {
				q := b.get(p, path)
				t.Log("   GET", path, q.status, q.h1(), "|", q.text()[len(q.h1()):min(len(q.text()), 400)])
			}
			for _, path := range []string{"/requests/REQ-0001/approve", "/requests/REQ-0001/endorse", "/requests/REQ-0001/deny", "/requests/REQ-0001/withdraw", "/requests", "/requests/keep"} {
				q := b.post(p, path, url.Values{"do": {"submit"}, "reason": {"no"}})
				t.Log("   POST", path, q.status, q.h1(), "|", q.text()[:min(len(q.text()), 400)])
			}
		}
		t.Log(s.logs.since(0))
	})
}
