package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

const (
	rosterRoute = "/api/lti/courses/:id/names_and_roles"
	tokenRoute  = "/login/oauth2/token"
)

// oneKey is a tool's signing key that never changes.
type oneKey struct{ lti.SigningKey }

func (k oneKey) Current(context.Context) (lti.SigningKey, error) { return k.SigningKey, nil }

func (k oneKey) Published(context.Context) ([]lti.PublicKey, error) {
	return []lti.PublicKey{k.Public()}, nil
}

// withRoster installs the tool in Canvas, with the scope of names and roles, and
// gives the service its client.
func (r *rig) withRoster() {
	r.t.Helper()
	key, err := lti.GenerateKey()
	if err != nil {
		r.t.Fatal(err)
	}
	set, err := lti.KeySet(key.Public())
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.cv.InstallTool(canvastest.Tool{
		Name: "Tokendesk", ClientID: "10000000000002", LoginURL: "http://localhost:8080/lti/login", TargetLinkURI: "http://localhost:8080/lti/launch",
		RedirectURIs: []string{"http://localhost:8080/lti/launch"}, PublicJWKS: set, Scopes: []string{canvastest.ScopeNamesAndRoles},
		PrivacyLevel: canvastest.PrivacyPublic, Placements: []canvastest.Placement{{Name: canvastest.CourseNavigation}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.NamesRoles = &lti.NamesRoles{Tokens: &lti.ServiceTokens{Keys: oneKey{key}, Client: r.cv.Client(), Now: r.clock.Now}, Client: r.cv.Client()}
	err = r.Store.InTx(r.t.Context(), func(tx *store.Tx) error {
		p, err := tx.Platform(r.plat)
		if err != nil {
			return err
		}
		p.Registration.RosterHosts = []string{strings.TrimPrefix(r.cv.InstitutionURL(), "http://")}
		return tx.SavePlatform(p, audit.Event{At: r.clock.Now(), Actor: "operator:test", Action: audit.PlatformChange, Object: p.ID}, nil)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// roster makes a launch name the roster of a course.
func (r *rig) roster(course string) func(*lti.Launch) {
	return func(l *lti.Launch) {
		l.NamesRolesURL = r.cv.InstitutionURL() + "/api/lti/courses/" + r.w.Course(course).ID.String() + "/names_and_roles"
	}
}

// says makes Canvas's roster name these people as teachers, whatever is true.
func (r *rig) says(subs ...string) (withdraw func()) {
	members := []map[string]any{}
	for _, s := range subs {
		members = append(members, map[string]any{"status": "Active", "user_id": s, "roles": []string{lti.RoleInstructor}})
	}
	body, err := json.Marshal(map[string]any{"members": members})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.cv.Fail(canvastest.Fault{Route: rosterRoute, Times: -1, Status: http.StatusOK, Body: string(body), ContentType: canvastest.RosterType})
}

// offered are the names that the form offers as sponsors.
func (r *rig) offered(caller access.Caller) (names []string) {
	r.t.Helper()
	f, err := r.Form(r.t.Context(), caller, "")
	if err != nil || f.TeachersErr {
		r.t.Fatalf("form: %v, teachers %v", err, f.TeachersErr)
	}
	for _, t := range f.Teachers {
		names = append(names, t.Name)
	}
	return names
}

func (r *rig) sponsorCode(caller access.Caller) string {
	r.t.Helper()
	_, err := r.Submit(r.t.Context(), caller, "", r.answers())
	var form *access.FormError
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &form):
		r.t.Fatal(err)
	}
	for _, f := range form.Fields {
		if f.Field == "sponsor" {
			return f.Code
		}
	}
	r.t.Fatal(err)
	return ""
}

func TestRosterAndRESTAgree(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.withRoster()
		maya := r.as("maya", access.DoorCourse, r.roster("bio201"))
		if maya.RosterURL == "" {
			t.Fatal("the session does not keep the roster's address")
		}
		if got := r.offered(maya); !slices.Equal(got, []string{"Ana Ruiz"}) {
			t.Errorf("offered %v", got)
		}
		if n := r.cv.Count("GET", rosterRoute); n != 1 {
			t.Errorf("the roster was read %d times", n)
		}
		r.offered(maya) // from the cache
		req, err := r.Submit(t.Context(), maya, "", r.answers())
		if err != nil {
			t.Fatal(err)
		}
		r.act(r.as("ana", access.DoorCourse, r.roster("bio201")), req.Code(), access.Endorse, access.Move{})
		if n := r.cv.Count("GET", rosterRoute); n != 3 {
			t.Errorf("the roster was read %d times, want once for the page and once for each decision", n)
		}
		if n := r.cv.Count("POST", tokenRoute); n != 1 {
			t.Errorf("%d access tokens for one hour", n)
		}
		// Shortly before it ends there is a new one.
		r.clock.Advance(58 * time.Minute)
		r.offered(maya)
		if n := r.cv.Count("POST", tokenRoute); n != 1 {
			t.Errorf("%d access tokens within 58 minutes", n)
		}
		r.clock.Advance(90 * time.Second)
		if r.sponsorCode(r.as("luca", access.DoorCourse, r.roster("bio201"))) != "" {
			t.Error("Luca cannot name his teacher")
		}
		if n := r.cv.Count("POST", tokenRoute); n != 2 {
			t.Errorf("%d access tokens after 59 minutes and a half", n)
		}
	})
}

// Where roster and REST differ about who teaches, nobody is offered and nothing
// is allowed.
func TestRosterAndRESTDiffer(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		r.withRoster()
		before := r.submitted() // without a roster
		sub := func(key string) string { return r.w.User(key).LTIID }
		withdraw := r.says(sub("helen"))
		maya := r.as("maya", access.DoorCourse, r.roster("bio201"))
		if got := r.offered(maya); len(got) != 0 {
			t.Errorf("offered %v", got)
		}
		if got := r.sponsorCode(maya); got != "sponsor.not_teaching" {
			t.Errorf("a sponsor whom only REST names: %q", got)
		}
		a := r.answers()
		a.Set("sponsor", r.w.User("helen").ID.String())
		var form *access.FormError
		if _, err := r.Submit(t.Context(), maya, "", a); !errors.As(err, &form) || form.Fields[0].Code != "sponsor.not_teaching" {
			t.Errorf("a sponsor whom only the roster names: %v", err)
		}
		if _, err := r.ChooseSponsor(t.Context(), maya, before.Code(), a.Text("sponsor")); !errors.As(err, &form) || form.Fields[0].Code != "sponsor.not_teaching" {
			t.Errorf("choosing one whom only the roster names: %v", err)
		}
		ana := r.as("ana", access.DoorCourse, r.roster("bio201"))
		if _, err := r.Act(t.Context(), ana, before.Code(), access.Endorse, access.Move{}, r.termsOf(before.Code())); access.WhyOf(err) != access.WhyNotTeaching {
			t.Errorf("endorsed against the roster: %v", err)
		}
		if q := r.request(before.ID); q.State != access.AwaitingSponsor {
			t.Errorf("the request is %s", q.State)
		}
		// She teaches REST's course by the roster of another one: that roster says nothing here.
		if other := r.as("ana", access.DoorCourse, func(l *lti.Launch) { l.Custom[customCourse] = val("999"); r.roster("bio201")(l) }); true {
			r.act(other, before.Code(), access.Endorse, access.Move{})
		}
		withdraw()
		if got := r.offered(maya); len(got) != 0 {
			t.Errorf("what was shown is forgotten at once: %v", got)
		}
		r.clock.Advance(6 * time.Minute)
		if got := r.offered(maya); !slices.Equal(got, []string{"Ana Ruiz"}) {
			t.Errorf("offered %v", got)
		}
		r.proven()
	})
}

// Where the roster service says nothing, REST stands alone.
func TestRosterSaysNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault  *canvastest.Fault
		change func(r *rig)
		launch func(r *rig) func(*lti.Launch)
	}{
		"the admin took the scope away": {change: func(r *rig) {
			if err := r.cv.UpdateTool("10000000000002", func(t *canvastest.Tool) { t.Scopes = nil }); err != nil {
				r.t.Fatal(err)
			}
		}},
		"the key is switched off":    {change: func(r *rig) { r.cv.SetKeyActive("10000000000002", false) }},
		"the launch names no roster": {launch: func(*rig) func(*lti.Launch) { return func(*lti.Launch) {} }},
		"the roster is elsewhere": {launch: func(*rig) func(*lti.Launch) {
			return func(l *lti.Launch) { l.NamesRolesURL = "https://evil.example/roster" }
		}},
		"the roster's address is none":         {launch: func(*rig) func(*lti.Launch) { return func(l *lti.Launch) { l.NamesRolesURL = "::" } }},
		"no client":                            {change: func(r *rig) { r.NamesRoles = nil }},
		"the service fails":                    {fault: &canvastest.Fault{Route: rosterRoute, Times: -1, Status: http.StatusInternalServerError}},
		"the service cuts the line":            {fault: &canvastest.Fault{Route: rosterRoute, Times: -1, DropAfter: true}},
		"the service is throttled":             {fault: &canvastest.Fault{Route: rosterRoute, Times: -1, Status: http.StatusTooManyRequests}},
		"the token endpoint fails":             {fault: &canvastest.Fault{Route: tokenRoute, Times: -1, Status: http.StatusBadGateway}},
		"an answer that is no roster":          {fault: &canvastest.Fault{Route: rosterRoute, Times: -1, Status: http.StatusOK, Body: "<html>", ContentType: "text/html"}},
		"a teacher whom the API does not know": {change: func(r *rig) { r.says("0f6e1f0e-0000-4000-8000-000000000000") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sqlite(t))
			r.withRoster()
			if tt.change != nil {
				tt.change(r)
			}
			if tt.fault != nil {
				r.cv.Fail(*tt.fault)
			}
			launch := r.roster("bio201")
			if tt.launch != nil {
				launch = tt.launch(r)
			}
			maya := r.as("maya", access.DoorCourse, launch)
			if tt.launch != nil && maya.RosterURL != "" {
				t.Errorf("kept %s", maya.RosterURL)
			}
			if got := r.offered(maya); !slices.Equal(got, []string{"Ana Ruiz"}) {
				t.Errorf("offered %v", got)
			}
			req, err := r.Submit(t.Context(), maya, "", r.answers())
			if err != nil {
				t.Fatal(err)
			}
			r.act(r.as("ana", access.DoorCourse, launch), req.Code(), access.Endorse, access.Move{})
		})
	}
}

// A supervisor stands by the school's list, whatever a roster says; an
// assistant whom the roster names as instructor is no teacher by REST.
func TestRosterAndLists(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.withRoster()
	r.school(func(s *store.School) { s.Supervisors = []string{r.w.User("helen").ID.String()} })
	maya := r.as("maya", access.DoorCourse, r.roster("bio201"))
	if got := r.offered(maya); !slices.Equal(got, []string{"Ana Ruiz", r.w.User("helen").Name}) {
		t.Errorf("offered %v", got)
	}
	a := r.answers()
	a.Set("sponsor", r.w.User("tom").ID.String())
	var form *access.FormError
	if _, err := r.Submit(t.Context(), maya, "", a); !errors.As(err, &form) || form.Fields[0].Code != "sponsor.not_teaching" {
		t.Errorf("an assistant sponsors: %v", err)
	}
	a.Set("sponsor", r.w.User("helen").ID.String())
	if _, err := r.Submit(t.Context(), maya, "", a); err != nil {
		t.Errorf("a supervisor: %v", err)
	}
}

// The roster's address counts only in a launch of the course itself.
func TestRosterOfAResourceLink(t *testing.T) {
	t.Parallel()
	r := newRig(t, sqlite(t))
	r.withRoster()
	link := func(l *lti.Launch) { r.roster("bio201")(l); l.ResourceLinkID, l.CustomTrusted = "uuid", false }
	if caller := r.as("maya", access.DoorCourse, link); caller.RosterURL != "" {
		t.Errorf("kept %s", caller.RosterURL)
	}
}
