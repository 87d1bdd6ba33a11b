package scaletest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/session"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/store/storetest/bulk"
	"github.com/tokendesk/tokendesk/internal/web/webtest"
)

// School is the program on a filled database, with people who have it open.
type School struct {
	Rig    *webtest.Rig
	Tenant access.TenantID
	// Handles are the sessions of Dana, an admin, Maya, a student, and Ana, who
	// teaches; Reviewers are eight more of Dana's.
	Handles   map[string]string
	Reviewers []string
	IDs       map[string]string // what the paths of Pages name
}

// Open fills the database of a rig, with a second, small school beside it.
func Open(t *testing.T, r *webtest.Rig, size bulk.Size) *School {
	t.Helper()
	s := &School{Rig: r, Handles: map[string]string{}, IDs: map[string]string{}}
	r.Beside()
	people := map[string]string{"dana": r.Account("root"), "maya": r.Course("bio201"), "ana": r.Course("bio201")}
	for who, place := range people {
		s.Handles[who] = r.Launch(who, place).Handle()
	}
	for range 8 {
		s.Reviewers = append(s.Reviewers, r.Launch("dana", r.Account("root")).Handle())
	}
	var schools []bulk.School
	s.read(t, func(tx *store.Tx) error {
		ps, err := tx.Platforms()
		if err != nil {
			return err
		}
		for _, p := range ps {
			school := bulk.School{Tenant: p.Tenant, Size: bulk.Of(1000), Now: r.Clock.Now()}
			if p.Name == "Northfield" {
				s.Tenant, school.Size = p.Tenant, size
				school.StudentUser = r.Canvas.World().User("maya").ID.String()
				student, err := tx.PersonByCanvas(p.Tenant, school.StudentUser)
				if err != nil {
					return err
				}
				teacher, err := tx.PersonByCanvas(p.Tenant, r.Canvas.World().User("ana").ID.String())
				if err != nil {
					return err
				}
				school.Student, school.Teacher = student.ID, teacher.ID
			}
			schools = append(schools, school)
		}
		return nil
	})
	if err := bulk.Fill(t.Context(), r.DB, schools...); err != nil {
		t.Fatal(err)
	}
	s.name(t)
	return s
}

func (s *School) read(t *testing.T, do func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Rig.App.Store.Read(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

// name finds what the paths of Pages name.
func (s *School) name(t *testing.T) {
	t.Helper()
	s.read(t, func(tx *store.Tx) error {
		maya, err := tx.PersonByCanvas(s.Tenant, s.Rig.Canvas.World().User("maya").ID.String())
		if err != nil {
			return err
		}
		ana, err := tx.PersonByCanvas(s.Tenant, s.Rig.Canvas.World().User("ana").ID.String())
		if err != nil {
			return err
		}
		request := func(name string, who, sponsor access.PersonID, state access.RequestState) {
			rs, e := tx.Requests(store.RequestQuery{Tenant: s.Tenant, Requester: who, Sponsor: sponsor, States: []access.RequestState{state}, Limit: 1})
			if e != nil || len(rs) == 0 {
				t.Fatalf("no request %s: %v", name, e)
			}
			s.IDs[name], s.IDs[name+"Code"], s.IDs["course"] = rs[0].ID, rs[0].Code(), rs[0].Course.ID
		}
		request("open", "", "", access.InReview)
		request("ended", "", "", access.Denied)
		request("approved", "", "", access.Approved)
		request("mine", maya.ID, "", access.InReview)
		request("mineApproved", maya.ID, "", access.Approved)
		request("mineEnded", maya.ID, "", access.Fulfilled)
		request("draft", maya.ID, "", access.Draft)
		request("asked", "", ana.ID, access.AwaitingSponsor)
		token := func(name string, who, sponsor access.PersonID, state access.GrantState) {
			gs, e := tx.Grants(store.GrantQuery{Tenant: s.Tenant, Owner: who, Sponsor: sponsor, States: []access.GrantState{state}, Limit: 1})
			if e != nil || len(gs) == 0 {
				t.Fatalf("no token %s: %v", name, e)
			}
			s.IDs[name] = gs[0].ID
		}
		token("live", "", "", access.Active)
		token("frozen", "", "", access.Frozen)
		token("mineLive", maya.ID, "", access.Active)
		token("hers", "", ana.ID, access.Active)
		leaks, err := tx.Incidents(store.IncidentQuery{Tenant: s.Tenant, State: store.IncidentOpened, Limit: 1})
		if err != nil {
			return err
		}
		masses, err := tx.Masses(s.Tenant, 1, access.MassDone)
		if err != nil {
			return err
		}
		found, err := tx.FoundTokens(store.FoundQuery{Tenant: s.Tenant, States: []access.FoundState{access.FoundNew}, Limit: 1})
		if err != nil {
			return err
		}
		s.IDs["leak"], s.IDs["mass"], s.IDs["found"] = leaks[0].ID, masses[0].ID, found[0].ID
		return nil
	})
	next := regexp.MustCompile(`after=([^"&]+)`)
	for name, path := range map[string]string{"queueNext": "/queue?status=denied", "tokensNext": "/tokens", "foundNext": "/unmanaged", "standingNext": "/sponsorships"} {
		who := "dana"
		if name == "standingNext" {
			who = "ana"
		}
		_, body := s.Get(t.Context(), s.Handles[who], path)
		if m := next.FindStringSubmatch(body); m != nil {
			s.IDs[name] = m[1]
		} else {
			t.Fatalf("%s has no second page:\n%s", path, webtest.Text(body))
		}
	}
}

// Path is the address of a page in this school.
func (s *School) Path(p Page) string {
	path := p.Path
	for name, id := range s.IDs {
		path = strings.ReplaceAll(path, "{"+name+"}", id)
	}
	return path
}

// Get is a page as the script of a page asks for it.
func (s *School) Get(ctx context.Context, handle, path string) (status int, body string) {
	return s.ask(ctx, http.MethodGet, handle, path, nil)
}

// Post sends a form of a page.
func (s *School) Post(ctx context.Context, handle, path string, fields url.Values) (status int, body string) {
	return s.ask(ctx, http.MethodPost, handle, path, fields)
}

func (s *School) ask(ctx context.Context, method, handle, path string, fields url.Values) (int, string) {
	req := httptest.NewRequestWithContext(ctx, method, s.Rig.URL+path, strings.NewReader(fields.Encode()))
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("HX-Request", "true")
	req.Header.Set(session.Header, handle)
	if fields != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	s.Rig.App.Handler().ServeHTTP(w, req)
	return w.Code, w.Body.String()
}
